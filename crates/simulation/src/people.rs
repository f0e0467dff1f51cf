//! What people and administrators take it into their heads to ask for, sensible or not.

use std::collections::BTreeMap;

use kernel::{
    AddMember, AdjustWallet, CancelMeal, CancelOrder, Chosen, Command, CreateDepartment, CreateMeal, DepartmentCode,
    DepartmentId, EditDepartment, EditMeal, EditMember, FundDepartment, Grant, Instant, InvalidText, MealId, MealPatch,
    MealStatus, MealStep, MemberId, MemberStatus, MenuOption, ModifyOrder, Note, OptionId, OrderAction, OrderId,
    OrderStatus, OutOfRange, Overdraft, Payer, PlaceOrder, Price, ProcessOrders, Profile, Quantity, Reason,
    RedeemOrder, RepostMeal, SetMemberStatus, SetOverdraft, Slot, Step, Title,
};

use crate::books::{Books, Wrong};
use crate::random::Random;

mod shopping;

/// Who asks, and for what; the house where nobody does.
pub(crate) type Wish = (Option<MemberId>, Command);

/// A wish that no type of the kernel takes is a fault of this file.
struct Unheard(String);

impl From<OutOfRange> for Unheard {
    fn from(error: OutOfRange) -> Self {
        Self(error.to_string())
    }
}

impl From<InvalidText> for Unheard {
    fn from(error: InvalidText) -> Self {
        Self(error.to_string())
    }
}

const MINUTE_MS: i64 = 60_000;
const MOST_PEOPLE: usize = 8;
const MOST_DEPARTMENTS: usize = 3;
const MOST_DISHES: usize = 12;

/// Neither a draft nor over.
const OPEN: [MealStatus; 2] = [MealStatus::Published, MealStatus::Locked];

pub(crate) struct People<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) books: &'a Books,
    pub(crate) now: Instant,
    pub(crate) zone: &'a jiff::tz::TimeZone,
    /// How many wishes of a hundred are for the shop.
    pub(crate) shops: i64,
}

impl People<'_> {
    /// Anything that anybody may ask for.
    pub(crate) fn wish(&mut self) -> Result<Wish, Wrong> {
        let is_shop = self.wants_shop();
        self.make(if is_shop { Self::any_in_shop } else { Self::any })
    }

    /// What touches one order or one wallet, so that it may come in any order with others of its kind.
    pub(crate) fn narrow_wish(&mut self) -> Result<Wish, Wrong> {
        let is_shop = self.wants_shop() && !self.books.shop.wares.is_empty();
        self.make(if is_shop { Self::narrow_in_shop } else { Self::narrow })
    }

    /// Where nobody ever goes shopping, nothing is drawn for it.
    fn wants_shop(&mut self) -> bool {
        self.shops > 0 && self.random.percent(self.shops)
    }

    fn make(&mut self, kind: fn(&mut Self) -> Result<Option<Wish>, Unheard>) -> Result<Wish, Wrong> {
        for _ in 0..100 {
            if let Some(wish) = kind(self).map_err(|Unheard(why)| format!("a wish that nobody can have: {why}"))? {
                return Ok(wish);
            }
        }
        Err("nobody wants anything".to_owned())
    }

    fn any(&mut self) -> Result<Option<Wish>, Unheard> {
        match self.random.below(100) {
            0..=54 => self.narrow(),
            55..=60 => self.add_member(),
            61..=70 => self.create_meal(),
            71..=79 => self.step_meal(),
            80..=81 => self.cancel_meal(),
            82..=84 => self.repost_meal(),
            85..=88 => self.edit_meal(),
            89..=92 => self.process_orders(),
            93 => self.set_overdraft(),
            94..=95 => self.set_status(),
            96 => self.create_department(),
            97 => self.change_department(),
            _ => self.move_member(),
        }
    }

    fn narrow(&mut self) -> Result<Option<Wish>, Unheard> {
        match self.random.below(20) {
            0..=9 => self.place_order(),
            10..=12 => self.modify_order(),
            13..=14 => Ok(self.cancel_order()),
            15 => Ok(self.redeem_order()),
            16..=18 => self.grant(),
            _ => self.adjust(),
        }
    }

    fn someone(&mut self) -> Option<MemberId> {
        let people: Vec<MemberId> = self.books.people.keys().copied().collect();
        self.random.pick(&people).copied()
    }

    /// The first who came administers.
    fn admin(&self) -> Option<MemberId> {
        self.books.people.keys().next().copied()
    }

    /// A meal, and mostly one that is `wanted`.
    fn meal(&mut self, wanted: &[MealStatus]) -> Option<MealId> {
        let wanted_only = self.random.percent(85);
        let dishes = self.books.dishes.iter().filter(|(_, dish)| !wanted_only || wanted.contains(&dish.status));
        let dishes: Vec<MealId> = dishes.map(|(id, _)| *id).collect();
        self.random.pick(&dishes).copied()
    }

    /// An order, and mostly one that is not over, with its owner.
    fn order(&mut self) -> Option<(OrderId, MealId, MemberId)> {
        let open_only = self.random.percent(80);
        let open = |status| matches!(status, OrderStatus::Active | OrderStatus::Locked);
        let orders = self.books.purchases.iter().filter(|(_, order)| !open_only || open(order.now.status));
        let orders: Vec<_> = orders.map(|(id, order)| (*id, order.meal, order.member)).collect();
        self.random.pick(&orders).copied()
    }

    /// Mostly the owner.
    fn owner_or_not(&mut self, owner: MemberId) -> Option<MemberId> {
        if self.random.percent(92) { Some(owner) } else { self.someone() }
    }

    fn quantity(&mut self) -> Result<Quantity, Unheard> {
        let most = if self.random.percent(90) { 3 } else { 12 };
        Ok(Quantity::try_from(self.random.between(1, most))?)
    }

    fn place_order(&mut self) -> Result<Option<Wish>, Unheard> {
        let (Some(member), Some(meal)) = (self.someone(), self.meal(&[MealStatus::Published])) else { return Ok(None) };
        let offered: Vec<OptionId> = self.books.dishes[&meal].options.keys().cloned().collect();
        let options = offered.into_iter().filter(|_| self.random.percent(40)).map(|id| Chosen { id }).collect();
        let quantity = self.quantity()?;
        let order = PlaceOrder { member, meal, quantity, options, notes: Note::default(), pickup_window: None };
        Ok(Some((Some(member), Command::PlaceOrder(order))))
    }

    fn modify_order(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some((order, meal, owner)) = self.order() else { return Ok(None) };
        let quantity = Some(self.quantity()?);
        let change = ModifyOrder { order, meal, quantity, options: None, notes: None, pickup_window: None };
        Ok(Some((self.owner_or_not(owner), Command::ModifyOrder(change))))
    }

    fn cancel_order(&mut self) -> Option<Wish> {
        let (order, meal, owner) = self.order()?;
        Some((self.owner_or_not(owner), Command::CancelOrder(CancelOrder { order, meal })))
    }

    fn redeem_order(&mut self) -> Option<Wish> {
        let (order, meal, _) = self.order()?;
        Some((self.admin(), Command::RedeemOrder(RedeemOrder { order, meal })))
    }

    fn grant(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone() else { return Ok(None) };
        let amount = Price::try_from(self.random.between(0, 6000))?;
        Ok(Some((self.admin(), Command::Grant(Grant { member, amount, reason: Note::default() }))))
    }

    fn adjust(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone() else { return Ok(None) };
        let amount = Price::try_from(self.random.between(-3000, 1000))?;
        let reason = Reason::try_from("to set it right".to_owned())?;
        Ok(Some((self.admin(), Command::AdjustWallet(AdjustWallet { member, amount, reason }))))
    }

    fn add_member(&mut self) -> Result<Option<Wish>, Unheard> {
        if self.books.people.len() >= MOST_PEOPLE {
            return Ok(None);
        }
        let profile = Profile { uid: format!("uid-{}", self.random.next()), nickname: "somebody".to_owned() };
        let add = AddMember {
            profile,
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: self.limit()?,
            grants: Vec::new(),
        };
        Ok(Some((self.admin(), Command::AddMember(add))))
    }

    fn limit(&mut self) -> Result<Option<Overdraft>, Unheard> {
        Ok(match self.random.below(4) {
            0 => Some(Overdraft::NONE),
            1 => Some(Overdraft::try_from(self.random.between(1, 3000))?),
            _ => None,
        })
    }

    fn create_meal(&mut self) -> Result<Option<Wish>, Unheard> {
        if self.books.dishes.len() >= MOST_DISHES {
            return Ok(None);
        }
        let days = i32::try_from(self.random.between(0, 2)).unwrap_or(0);
        let date = self.now.date_in(self.zone).plus_days(days);
        let slot = self.random.pick(&Slot::ALL).copied().unwrap_or(Slot::Lunch);
        let options = match self.random.below(3) {
            0 => Vec::new(),
            _ => vec![self.option(1, "egg")?, self.option(2, "no rice")?],
        };
        let meal = CreateMeal {
            date,
            slot,
            title: None,
            description: Note::default(),
            base_price: self.price()?,
            capacity: self.capacity(),
            options,
            orders_close_at: self.deadline(),
            pickup_windows: Vec::new(),
            publish: self.random.percent(70),
        };
        Ok(Some((self.admin(), Command::CreateMeal(meal))))
    }

    fn option(&mut self, id: i64, name: &str) -> Result<MenuOption, Unheard> {
        let price_cents = Price::try_from(self.random.between(-300, 500))?;
        Ok(MenuOption { id: Some(OptionId::Number(id)), name: Title::try_from(name.to_owned())?, price_cents })
    }

    fn price(&mut self) -> Result<Price, Unheard> {
        Ok(Price::try_from(self.random.between(0, 2000))?)
    }

    fn capacity(&mut self) -> i64 {
        let most = if self.random.percent(60) { 4 } else { 20 };
        self.random.between(0, most)
    }

    fn deadline(&mut self) -> Option<Instant> {
        let minutes = self.random.between(1, 1000);
        self.random.percent(40).then(|| self.now.plus_millis(minutes * MINUTE_MS))
    }

    fn step_meal(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(meal) = self.meal(&[MealStatus::Draft, MealStatus::Published, MealStatus::Locked]) else {
            return Ok(None);
        };
        let sensible: Vec<Step> =
            Step::ALL.into_iter().filter(|step| step.begins_in() == self.books.dishes[&meal].status).collect();
        let steps = if self.random.percent(80) { sensible } else { Step::ALL.to_vec() };
        let step = self.random.pick(&steps).copied();
        Ok(step.map(|step| (self.admin(), Command::MealStep(MealStep { meal, step }))))
    }

    fn cancel_meal(&mut self) -> Result<Option<Wish>, Unheard> {
        let cancel = |meal| Command::CancelMeal(CancelMeal { meal, reason: Note::default() });
        Ok(self.meal(&OPEN).map(|meal| (self.admin(), cancel(meal))))
    }

    fn patch(&mut self) -> Result<MealPatch, Unheard> {
        let base_price = if self.random.percent(30) { Some(self.price()?) } else { None };
        let capacity = self.random.percent(50).then(|| self.capacity());
        let orders_close_at = self.random.percent(30).then(|| self.deadline());
        Ok(MealPatch { base_price, capacity, orders_close_at, ..MealPatch::default() })
    }

    fn repost_meal(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(meal) = self.meal(&OPEN) else { return Ok(None) };
        let patch = self.patch()?;
        Ok(Some((self.admin(), Command::RepostMeal(RepostMeal { meal, patch, reason: Note::default() }))))
    }

    fn edit_meal(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(meal) = self.meal(&OPEN) else { return Ok(None) };
        let patch = self.patch()?;
        Ok(Some((self.admin(), Command::EditMeal(EditMeal { meal, patch }))))
    }

    fn process_orders(&mut self) -> Result<Option<Wish>, Unheard> {
        let count = self.random.between(1, 4);
        let orders: BTreeMap<OrderId, MealId> =
            (0..count).filter_map(|_| self.order()).map(|(order, meal, _)| (order, meal)).collect();
        let actions = [OrderAction::Complete, OrderAction::Cancel, OrderAction::Refund];
        let action = self.random.pick(&actions).copied().unwrap_or(OrderAction::Complete);
        let process = ProcessOrders { orders, action, reason: Note::default() };
        Ok((!process.orders.is_empty()).then(|| (self.admin(), Command::ProcessOrders(process))))
    }

    fn set_overdraft(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone() else { return Ok(None) };
        let limit = self.limit()?;
        let set = SetOverdraft { member, limit, reason: Note::default() };
        Ok(Some((self.admin(), Command::SetOverdraft(set))))
    }

    fn set_status(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone().filter(|member| Some(*member) != self.admin()) else { return Ok(None) };
        let status = if self.random.percent(30) { MemberStatus::Disabled } else { MemberStatus::Active };
        let set = SetMemberStatus { member, status, reason: Note::default() };
        Ok(Some((self.admin(), Command::SetMemberStatus(set))))
    }

    fn department(&mut self) -> Option<DepartmentId> {
        let departments: Vec<DepartmentId> = self.books.departments.keys().copied().collect();
        self.random.pick(&departments).copied()
    }

    fn code(number: i64) -> Result<DepartmentCode, Unheard> {
        Ok(DepartmentCode::try_from(format!("department-{number}"))?)
    }

    fn create_department(&mut self) -> Result<Option<Wish>, Unheard> {
        if self.books.departments.len() >= MOST_DEPARTMENTS {
            return Ok(None);
        }
        let code = Self::code(self.random.below(4))?;
        let pays = if self.random.percent(60) { Payer::Department } else { Payer::Member };
        let create = CreateDepartment { code, name: Title::try_from("a department".to_owned())?, pays };
        Ok(Some((self.admin(), Command::CreateDepartment(create))))
    }

    fn change_department(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(department) = self.department() else { return Ok(None) };
        let command = if self.random.percent(50) {
            let amount = Price::try_from(self.random.between(1, 9000))?;
            Command::FundDepartment(FundDepartment { department, amount, reason: Note::default() })
        } else {
            let pays = if self.random.percent(50) { Payer::Department } else { Payer::Member };
            Command::EditDepartment(EditDepartment {
                department,
                name: None,
                pays: Some(pays),
                overdraft_limit: None,
                members_may_cancel: None,
                reason: Note::default(),
            })
        };
        Ok(Some((self.admin(), command)))
    }

    fn move_member(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone() else { return Ok(None) };
        let department = match self.random.below(3) {
            0 => None,
            _ => Some(Self::code(self.random.below(4))?),
        };
        let edit =
            EditMember { member, nickname: None, account: None, department: Some(department), reason: Note::default() };
        Ok(Some((self.admin(), Command::EditMember(edit))))
    }
}
