//! The auditor's own books. They are kept from what the service has acknowledged, with rules written down a second time, and know
//! nothing of how the service comes to its answers.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    AccountId, CancelMeal, Chosen, Command, CreateMeal, Currency, Date, DepartmentCode, DepartmentId, EditMeal,
    EditMember, Instant, MealId, MealOrder, MealPatch, MealStatus, MealStep, Member, MemberId, MemberStatus,
    MenuOption, ModifyOrder, Noun, OptionId, OrderAction, OrderId, OrderOutcome, OrderStatus, Outcome, Overdraft,
    Owner, Payer, PlaceOrder, Refusal, RepostMeal, Slot, Step, SystemAccount,
};

use crate::asked::Asked;
use crate::stored::{Stored, StoredHold, StoredMeal, StoredOrder};
use crate::till::{Moved, Till};

pub(crate) use shop::{Deal, Shop, Stage};

/// What is wrong, in words.
pub(crate) type Wrong = String;

macro_rules! must {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

mod shop;

/// What is known of the order in which things were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// They are told in the order in which they were done.
    Known,
    /// Some of them were done at once and told in any order.
    Open,
}

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) status: MemberStatus,
    pub(crate) overdraft: Option<Overdraft>,
    pub(crate) department: Option<DepartmentId>,
}

#[derive(Debug)]
pub(crate) struct Group {
    code: DepartmentCode,
    pays: Payer,
}

#[derive(Debug, Clone)]
pub(crate) struct Dish {
    pub(crate) date: Date,
    pub(crate) slot: Slot,
    pub(crate) status: MealStatus,
    pub(crate) base_price: i64,
    pub(crate) capacity: i64,
    pub(crate) options: BTreeMap<OptionId, i64>,
    pub(crate) orders_close_at: Option<Instant>,
}

/// How an order may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) quantity: i64,
    pub(crate) total: i64,
    pub(crate) status: OrderStatus,
    pub(crate) is_redeemed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) member: MemberId,
    pub(crate) meal: MealId,
    pub(crate) payer: AccountId,
    pub(crate) options: Vec<OptionId>,
    pub(crate) now: Standing,
    /// How it may stand as well, where the order of things is open.
    or: Vec<Standing>,
    /// What was charged for it so far, less what was given back.
    paid: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    house_overdraft: Option<Overdraft>,
    pub(crate) people: BTreeMap<MemberId, Person>,
    pub(crate) departments: BTreeMap<DepartmentId, Group>,
    pub(crate) dishes: BTreeMap<MealId, Dish>,
    pub(crate) purchases: BTreeMap<OrderId, Purchase>,
    accounts: BTreeMap<AccountId, i64>,
    /// Balances that were told and are not those of the books: money from WeChat comes in between.
    told: BTreeSet<(AccountId, i64)>,
    pub(crate) till: Till,
    pub(crate) shop: Shop,
}

fn wallet(member: MemberId) -> AccountId {
    Owner::Member(member).account(Currency::Cny)
}

fn takings(meal: MealId) -> AccountId {
    Owner::Meal(meal).account(Currency::Cny)
}

fn system(account: SystemAccount) -> AccountId {
    Owner::System(account).account(Currency::Cny)
}

fn option_prices(options: &[MenuOption]) -> BTreeMap<OptionId, i64> {
    options.iter().filter_map(|option| Some((option.id.clone()?, option.price_cents.cents().get()))).collect()
}

impl Books {
    pub(crate) fn new(house_overdraft: Option<Overdraft>) -> Self {
        Self { house_overdraft, ..Self::default() }
    }

    pub(crate) fn balance(&self, account: AccountId) -> i64 {
        self.accounts.get(&account).copied().unwrap_or(0)
    }

    pub(crate) fn taken(&self, meal: MealId) -> i64 {
        let of_meal = self.purchases.values().filter(|purchase| purchase.meal == meal && purchase.now.status.stands());
        of_meal.map(|purchase| purchase.now.quantity).sum()
    }

    fn standing(&self, member: MemberId, meal: MealId) -> Option<OrderId> {
        let mut of_both = self
            .purchases
            .iter()
            .filter(|(_, purchase)| purchase.member == member && purchase.meal == meal && purchase.now.status.stands());
        of_both.next().map(|(id, _)| *id)
    }

    fn move_money(&mut self, from: AccountId, to: AccountId, amount: i64) {
        *self.accounts.entry(from).or_default() -= amount;
        *self.accounts.entry(to).or_default() += amount;
    }

    fn person(&self, member: MemberId) -> Result<&Person, Wrong> {
        self.people.get(&member).ok_or_else(|| format!("nobody knows member {member:?}"))
    }

    fn dish(&self, meal: MealId) -> Result<&Dish, Wrong> {
        self.dishes.get(&meal).ok_or_else(|| format!("nobody knows meal {meal:?}"))
    }

    fn purchase(&self, order: OrderId) -> Result<&Purchase, Wrong> {
        self.purchases.get(&order).ok_or_else(|| format!("nobody knows order {order:?}"))
    }

    fn department(&self, code: &DepartmentCode) -> Option<DepartmentId> {
        self.departments.iter().find(|(_, group)| group.code == *code).map(|(id, _)| *id)
    }

    fn payer(&self, member: MemberId) -> Result<AccountId, Wrong> {
        let department = self.person(member)?.department;
        let pays = department
            .filter(|department| self.departments.get(department).is_some_and(|group| group.pays == Payer::Department));
        Ok(pays.map_or(wallet(member), |department| Owner::Department(department).account(Currency::Cny)))
    }

    /// How far down the payer of a member's order may go.
    fn floor(&self, member: MemberId, payer: AccountId) -> Result<Option<i64>, Wrong> {
        if payer != wallet(member) {
            return Ok(None);
        }
        let limit = self.person(member)?.overdraft.or(self.house_overdraft);
        Ok(limit.map(|limit| limit.floor().get()))
    }

    fn price(dish: &Dish, options: &[OptionId], quantity: i64) -> i64 {
        let extra: i64 = options.iter().filter_map(|option| dish.options.get(option)).sum();
        (dish.base_price + extra).max(0) * quantity
    }

    /// Takes down what was done. `until` is when it was told.
    pub(crate) fn done(&mut self, asked: &Asked, outcome: &Outcome, until: Instant, order: Order) -> Result<(), Wrong> {
        match (&asked.command, outcome) {
            (Command::AddMember(command), Outcome::Member { member }) => {
                must!(!self.people.contains_key(&member.id), "the id of {member:?} was given before");
                must!(member.overdraft_limit == command.overdraft_limit, "another limit than asked for: {member:?}");
                self.note_person(member);
            }
            (
                Command::SetOverdraft(_)
                | Command::SetMemberStatus(_)
                | Command::EditMember(_)
                | Command::ChangeRole(_),
                Outcome::Member { member },
            ) => {
                self.person(member.id)?;
                match &asked.command {
                    Command::SetOverdraft(command) => {
                        must!(member.overdraft_limit == command.limit, "another limit than asked for: {member:?}");
                    }
                    Command::SetMemberStatus(command) => {
                        must!(member.status == command.status, "another status than asked for: {member:?}");
                    }
                    Command::EditMember(EditMember { department: Some(code), .. }) => {
                        let expected = code.as_ref().and_then(|code| self.department(code));
                        must!(member.department == expected, "another department than asked for: {member:?}");
                    }
                    _ => {}
                }
                self.note_person(member);
            }
            (Command::CreateDepartment(_) | Command::EditDepartment(_), Outcome::Department { department }) => {
                let group = Group { code: department.code.clone(), pays: department.pays };
                self.departments.insert(department.id, group);
            }
            (Command::Grant(command), Outcome::Wallet(told)) => {
                let amount = command.amount.cents().get();
                must!(amount > 0, "{amount} cents were granted");
                self.person(command.member)?;
                self.move_money(system(SystemAccount::Grants), wallet(command.member), amount);
                self.balance_told(wallet(command.member), told.balance.get(), order);
            }
            (Command::AdjustWallet(command), Outcome::Wallet(told)) => {
                let amount = command.amount.cents().get();
                self.person(command.member)?;
                self.move_money(system(SystemAccount::Adjustments), wallet(command.member), amount);
                self.balance_told(wallet(command.member), told.balance.get(), order);
            }
            (Command::FundDepartment(command), Outcome::DepartmentAccount(told)) => {
                let account = Owner::Department(command.department).account(Currency::Cny);
                self.move_money(system(SystemAccount::Grants), account, command.amount.cents().get());
                self.balance_told(account, told.balance.get(), order);
            }
            (Command::CreateMeal(command), Outcome::Meal(told)) => self.create_meal(command, told.meal.id)?,
            (Command::EditMeal(command), Outcome::Meal(_)) => self.edit_meal(command)?,
            (Command::MealStep(command), Outcome::Meal(told)) => self.step(command, told.orders_changed)?,
            (Command::CancelMeal(command), Outcome::Meal(told)) => self.cancel_meal(command, told.refunded.get())?,
            (Command::RepostMeal(command), Outcome::Meal(told)) => self.repost(command, told.refunded.get())?,
            (Command::PlaceOrder(command), Outcome::Order(told)) => self.place(asked, command, told, until, order)?,
            (Command::ModifyOrder(command), Outcome::Order(told)) => self.modify(asked, command, told, until, order)?,
            (Command::CancelOrder(command), Outcome::Order(told)) => {
                self.change_own(asked, command.order, &told.order, until, order)?;
                self.note_order(told, order)?;
                must!(told.order.status == OrderStatus::Canceled, "canceled and yet {:?}", told.order.status);
            }
            (Command::RedeemOrder(command), Outcome::Order(told)) => {
                let purchase = self.purchase(command.order)?;
                must!(
                    order == Order::Open || !purchase.now.is_redeemed && purchase.now.status.stands(),
                    "handed out what was {:?}",
                    purchase.now
                );
                self.note_order(told, order)?;
            }
            (Command::ProcessOrders(command), Outcome::Orders { orders }) => {
                for processed in orders {
                    if let Ok(back) = processed.refunded {
                        self.process(processed.order, command.action, back.get())?;
                    }
                }
            }
            (Command::Shop(command), outcome) => self.shop_done(asked, command, outcome, until, order)?,
            (command, outcome) => return Err(format!("{command:?} was answered by {outcome:?}")),
        }
        Ok(())
    }

    fn note_person(&mut self, member: &Member) {
        let &Member { status, overdraft_limit: overdraft, department, .. } = member;
        self.people.insert(member.id, Person { status, overdraft, department });
    }

    fn balance_told(&mut self, account: AccountId, told: i64, order: Order) {
        if order == Order::Known && told != self.balance(account) {
            self.told.insert((account, told));
        }
    }

    /// Takes down what has come in through WeChat and gone out.
    pub(crate) fn moved(&mut self, moved: &[Moved]) {
        for Moved { member, amount } in moved {
            self.move_money(system(SystemAccount::Wechat), wallet(*member), *amount);
        }
    }

    /// The balances that were told and have to be found among those that the accounts have had.
    pub(crate) fn take_told(&mut self) -> BTreeSet<(AccountId, i64)> {
        std::mem::take(&mut self.told)
    }

    fn create_meal(&mut self, command: &CreateMeal, id: MealId) -> Result<(), Wrong> {
        let at = |dish: &&Dish| (dish.date, dish.slot) == (command.date, command.slot);
        let twice = self.dishes.values().filter(at).any(|dish| dish.status != MealStatus::Canceled);
        must!(!twice, "a second meal on {} for {:?}", command.date, command.slot);
        let dish = Dish {
            date: command.date,
            slot: command.slot,
            status: if command.publish { MealStatus::Published } else { MealStatus::Draft },
            base_price: command.base_price.cents().get(),
            capacity: command.capacity,
            options: option_prices(&command.options),
            orders_close_at: command.orders_close_at,
        };
        must!(self.dishes.insert(id, dish).is_none(), "the id of meal {id:?} was given before");
        Ok(())
    }

    fn edit_meal(&mut self, command: &EditMeal) -> Result<(), Wrong> {
        let taken = self.taken(command.meal);
        let before = self.dish(command.meal)?.clone();
        self.patch(command.meal, &command.patch);
        let after = self.dish(command.meal)?;
        let is_harmless = before.status == MealStatus::Draft || before.base_price == after.base_price;
        must!(is_harmless, "the price was edited under its orders: {before:?} {after:?}");
        must!(taken <= after.capacity, "{taken} portions are ordered of {}", after.capacity);
        Ok(())
    }

    fn patch(&mut self, meal: MealId, patch: &MealPatch) {
        if let Some(dish) = self.dishes.get_mut(&meal) {
            dish.base_price = patch.base_price.map_or(dish.base_price, |price| price.cents().get());
            dish.capacity = patch.capacity.unwrap_or(dish.capacity);
            dish.orders_close_at = patch.orders_close_at.unwrap_or(dish.orders_close_at);
        }
    }

    fn open_orders(&self, meal: MealId) -> Vec<OrderId> {
        let is_open = |purchase: &Purchase| matches!(purchase.now.status, OrderStatus::Active | OrderStatus::Locked);
        let of_meal = self.purchases.iter().filter(|(_, purchase)| purchase.meal == meal && is_open(purchase));
        of_meal.map(|(id, _)| *id).collect()
    }

    fn step(&mut self, command: &MealStep, told: i64) -> Result<(), Wrong> {
        let (from, to, of_orders) = match command.step {
            Step::Publish => (MealStatus::Draft, MealStatus::Published, None),
            Step::Lock => (MealStatus::Published, MealStatus::Locked, Some((OrderStatus::Active, OrderStatus::Locked))),
            Step::Unlock => {
                (MealStatus::Locked, MealStatus::Published, Some((OrderStatus::Locked, OrderStatus::Active)))
            }
            Step::Complete => {
                (MealStatus::Locked, MealStatus::Completed, Some((OrderStatus::Locked, OrderStatus::Completed)))
            }
        };
        let status = self.dish(command.meal)?.status;
        must!(status == from, "{:?} of a meal that is {status:?}", command.step);
        let mut changed = 0;
        if let Some((from, to)) = of_orders {
            for order in self.open_orders(command.meal) {
                if let Some(purchase) = self.purchases.get_mut(&order).filter(|one| one.now.status == from) {
                    purchase.now.status = to;
                    changed += 1;
                }
            }
        }
        must!(changed == told, "{changed} orders go along, and {told} were told");
        self.become_meal(command.meal, to);
        Ok(())
    }

    fn become_meal(&mut self, meal: MealId, status: MealStatus) {
        if let Some(dish) = self.dishes.get_mut(&meal) {
            dish.status = status;
        }
    }

    fn refund_all(&mut self, meal: MealId, told: i64) -> Result<(), Wrong> {
        let mut back = 0;
        for order in self.open_orders(meal) {
            back += self.purchase(order)?.now.total;
            self.give_back(order, OrderStatus::Refunded);
        }
        must!(back == told, "{back} cents go back, and {told} were told");
        Ok(())
    }

    fn give_back(&mut self, order: OrderId, status: OrderStatus) {
        let Some(purchase) = self.purchases.get_mut(&order) else { return };
        purchase.now.status = status;
        let back = std::mem::take(&mut purchase.paid);
        let (payer, meal) = (purchase.payer, purchase.meal);
        self.move_money(takings(meal), payer, back);
    }

    fn cancel_meal(&mut self, command: &CancelMeal, told: i64) -> Result<(), Wrong> {
        let status = self.dish(command.meal)?.status;
        must!(
            !matches!(status, MealStatus::Completed | MealStatus::Canceled),
            "a meal was canceled that was {status:?}"
        );
        let of_meal = |purchase: &Purchase| purchase.meal == command.meal;
        let completed = |purchase: &Purchase| purchase.now.status == OrderStatus::Completed;
        let kept = self.purchases.values().any(|purchase| of_meal(purchase) && completed(purchase));
        must!(!kept, "a meal was canceled under an order that is completed");
        self.refund_all(command.meal, told)?;
        self.become_meal(command.meal, MealStatus::Canceled);
        Ok(())
    }

    fn repost(&mut self, command: &RepostMeal, told: i64) -> Result<(), Wrong> {
        let status = self.dish(command.meal)?.status;
        must!(status == MealStatus::Published, "a meal was posted again that was {status:?}");
        self.refund_all(command.meal, told)?;
        self.patch(command.meal, &command.patch);
        let (taken, capacity) = (self.taken(command.meal), self.dish(command.meal)?.capacity);
        must!(taken <= capacity, "{taken} portions stay of {capacity}");
        Ok(())
    }

    fn process(&mut self, order: OrderId, action: OrderAction, told: i64) -> Result<(), Wrong> {
        let purchase = self.purchase(order)?.now.clone();
        let (may, back) = match action {
            OrderAction::Complete => (purchase.status == OrderStatus::Locked, 0),
            OrderAction::Cancel => (purchase.status == OrderStatus::Active, purchase.total),
            OrderAction::Refund => {
                (matches!(purchase.status, OrderStatus::Active | OrderStatus::Locked), purchase.total)
            }
        };
        must!(may, "{action:?} of an order that is {purchase:?}");
        must!(back == told, "{back} cents go back, and {told} were told");
        match action {
            OrderAction::Complete => {
                if let Some(purchase) = self.purchases.get_mut(&order) {
                    purchase.now.status = OrderStatus::Completed;
                }
            }
            OrderAction::Cancel | OrderAction::Refund => self.give_back(order, action.ends_in()),
        }
        Ok(())
    }

    fn must_be_open(&self, meal: MealId, at: Instant, order: Order) -> Result<(), Wrong> {
        let dish = self.dish(meal)?;
        must!(order == Order::Open || dish.status == MealStatus::Published, "ordered while {:?}", dish.status);
        must!(dish.orders_close_at.is_none_or(|close| at < close), "ordered at {at} of {dish:?}");
        Ok(())
    }

    fn place(
        &mut self,
        asked: &Asked,
        command: &PlaceOrder,
        told: &OrderOutcome,
        until: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        let id = told.order.id;
        let at = told.order.created_at;
        must!(asked.at <= at && at <= until, "placed at {at}, asked at {} and told at {until}", asked.at);
        self.must_be_open(command.meal, at, order)?;
        let status = self.person(command.member)?.status;
        must!(status == MemberStatus::Active, "{:?} ordered while {status:?}", command.member);
        must!(!self.purchases.contains_key(&id), "the id of order {id:?} was given before");
        if order == Order::Known {
            let other = self.standing(command.member, command.meal);
            must!(other.is_none(), "order {id:?} beside {other:?}");
            let (taken, capacity) = (self.taken(command.meal), self.dish(command.meal)?.capacity);
            let asked_for = command.quantity.get();
            must!(taken + asked_for <= capacity, "{asked_for} portions beside {taken} of {capacity}");
        }
        let payer = self.payer(command.member)?;
        must!(told.order.payer == payer, "{:?} pays, not {payer:?}", told.order.payer);
        must!(told.order.quantity == command.quantity, "another quantity than asked for: {:?}", told.order);
        self.purchases.insert(
            id,
            Purchase {
                member: command.member,
                meal: command.meal,
                payer,
                options: command.options.iter().map(|Chosen { id }| id.clone()).collect(),
                now: standing(&told.order),
                or: Vec::new(),
                paid: 0,
            },
        );
        self.priced(id, told)?;
        self.note_order(told, order)
    }

    fn modify(
        &mut self,
        asked: &Asked,
        command: &ModifyOrder,
        told: &OrderOutcome,
        until: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        self.change_own(asked, command.order, &told.order, until, order)?;
        let purchase = self.purchase(command.order)?;
        let (meal, quantity) = (purchase.meal, told.order.quantity.get());
        if order == Order::Known {
            let expected = command.quantity.map_or(purchase.now.quantity, kernel::Quantity::get);
            must!(quantity == expected, "another quantity than asked for: {:?}", told.order);
            let (taken, capacity) = (self.taken(meal) - purchase.now.quantity + quantity, self.dish(meal)?.capacity);
            must!(taken <= capacity, "{taken} portions of {capacity}");
        }
        self.priced(command.order, told)?;
        self.note_order(told, order)
    }

    /// What an order's owner may do with it only while it is theirs and open.
    fn change_own(
        &self,
        asked: &Asked,
        id: OrderId,
        told: &MealOrder,
        until: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        let purchase = self.purchase(id)?;
        must!(asked.by.is_none_or(|by| by == purchase.member), "{:?} changed an order of {purchase:?}", asked.by);
        let at = told.updated_at;
        must!(asked.at <= at && at <= until, "changed at {at}, asked at {} and told at {until}", asked.at);
        self.must_be_open(purchase.meal, at, order)?;
        if order == Order::Known {
            let now = &purchase.now;
            must!(now.status == OrderStatus::Active && !now.is_redeemed, "changed what was {now:?}");
        }
        Ok(())
    }

    fn priced(&self, id: OrderId, told: &OrderOutcome) -> Result<(), Wrong> {
        let purchase = self.purchase(id)?;
        let price = Self::price(self.dish(purchase.meal)?, &purchase.options, told.order.quantity.get());
        must!(told.order.total.get() == price, "{:?} costs {price}", told.order);
        let floor = self.floor(purchase.member, purchase.payer)?;
        let is_above = floor.is_none_or(|floor| told.balance.get() >= floor);
        must!(!told.price_difference.is_positive() || is_above, "charged down to {} below {floor:?}", told.balance);
        Ok(())
    }

    /// Takes down how an order stands after a change of it, and the money that went with it.
    fn note_order(&mut self, told: &OrderOutcome, order: Order) -> Result<(), Wrong> {
        let id = told.order.id;
        let difference = told.price_difference.get();
        let Some(purchase) = self.purchases.get_mut(&id) else {
            return Err(format!("nobody knows order {id:?}"));
        };
        let before = std::mem::replace(&mut purchase.now, standing(&told.order));
        if order == Order::Open && before != purchase.now {
            purchase.or.push(before);
        }
        purchase.paid += difference;
        let (paid, worth) = (purchase.paid, purchase.now.worth());
        let (payer, meal) = (purchase.payer, purchase.meal);
        must!(order == Order::Open || paid == worth, "{paid} cents are paid for order {id:?}, which costs {worth}");
        self.move_money(payer, takings(meal), difference);
        self.balance_told(payer, told.balance.get(), order);
        Ok(())
    }

    /// Whether a refusal says what the books say. `until` is when it was told.
    pub(crate) fn refused(&mut self, asked: &Asked, refusal: &Refusal, until: Instant) -> Result<(), Wrong> {
        use Refusal as R;
        if let Command::Shop(command) = &asked.command {
            let is_so = self.shop_refused(asked, command, refusal, until)?;
            must!(is_so, "refused for no reason that the books know: {refusal:?}");
            return Ok(());
        }
        let (member, meal, order) = match &asked.command {
            Command::PlaceOrder(command) => (Some(command.member), Some(command.meal), None),
            Command::ModifyOrder(command) => (None, Some(command.meal), Some(command.order)),
            Command::CancelOrder(command) => (None, Some(command.meal), Some(command.order)),
            Command::RedeemOrder(command) => (None, Some(command.meal), Some(command.order)),
            Command::MealStep(command) => (None, Some(command.meal), None),
            Command::CancelMeal(command) => (None, Some(command.meal), None),
            Command::RepostMeal(command) => (None, Some(command.meal), None),
            Command::EditMeal(command) => (None, Some(command.meal), None),
            _ => (None, None, None),
        };
        let dish = meal.map(|meal| self.dish(meal)).transpose()?;
        let purchase = order.map(|order| self.purchase(order)).transpose()?;
        let mut told = None;
        let is_so = match refusal {
            R::CapacityExceeded { left, .. } => {
                meal.zip(dish).is_some_and(|(meal, dish)| *left == (dish.capacity - self.taken(meal)).max(0))
            }
            R::InsufficientBalance { balance, .. } => {
                let payer = match (member, purchase) {
                    (Some(member), _) => Some(self.payer(member)?),
                    (None, purchase) => purchase.map(|purchase| purchase.payer),
                };
                if let Some(payer) = payer {
                    told = Some((payer, balance.get()));
                }
                payer.is_some()
            }
            R::DuplicateOrder { order } => {
                member.zip(meal).is_some_and(|(member, meal)| self.standing(member, meal) == Some(*order))
            }
            R::MealNotOpen { status } | R::MealFinal { status } => dish.is_some_and(|dish| dish.status == *status),
            R::MealStep { from, .. } => dish.is_some_and(|dish| dish.status == *from),
            R::OrdersClosed { since } => dish.is_some_and(|dish| dish.orders_close_at == Some(*since)),
            R::OrderLocked => purchase.is_some_and(|purchase| purchase.now.status == OrderStatus::Locked),
            R::OrderNotActive { status } => purchase.is_some_and(|purchase| purchase.now.status == *status),
            R::AlreadyRedeemed { .. } => purchase.is_some_and(|purchase| purchase.now.is_redeemed),
            R::NotServedYet { date } => dish.is_some_and(|dish| dish.date == *date),
            R::NotYours => purchase.is_some_and(|purchase| Some(purchase.member) != asked.by),
            R::MemberDisabled => {
                let member = member.map(|member| self.person(member)).transpose()?;
                member.is_some_and(|person| person.status == MemberStatus::Disabled)
            }
            R::DateTaken { meal, .. } => self.dish(*meal).is_ok_and(|dish| dish.status != MealStatus::Canceled),
            R::OrdersCompleted { .. } | R::DangerousEdit { .. } => true,
            R::LastAdministrator | R::Yourself => matches!(asked.command, Command::SetMemberStatus(_)),
            R::DepartmentTaken { code } => self.department(code).is_some(),
            R::NotFound { noun: Noun::Department } => match &asked.command {
                Command::EditMember(EditMember { department: Some(Some(code)), .. }) => self.department(code).is_none(),
                _ => false,
            },
            R::AmountNotPositive | R::AmountZero => true,
            _ => false,
        };
        must!(is_so, "refused for no reason that the books know: {refusal:?}");
        if let Some((payer, balance)) = told {
            self.balance_told(payer, balance, Order::Known);
        }
        Ok(())
    }

    /// Compares every row that the books know of with what is stored, and settles what was left open. `latest` is what the clock has
    /// said at most.
    pub(crate) fn compare(&mut self, stored: &Stored, latest: Instant) -> Result<(), Wrong> {
        self.compare_orders(stored)?;
        self.compare_shop(stored, latest)?;
        must!(stored.unbalanced.is_empty(), "transfers that do not sum to zero: {:?}", stored.unbalanced);
        for (id, account) in &stored.accounts {
            let ours = self.balance(AccountId::new(*id));
            must!(account.balance == ours, "account {id} has {}, the books say {ours}", account.balance);
            let entries = stored.ledger.get(id).map_or((0, 0), |sum| (sum.balance, sum.entries));
            must!(entries == (ours, account.entries), "the entries of account {id} come to {entries:?}: {account:?}");
        }
        for (account, balance) in &self.accounts {
            let is_there = stored.accounts.contains_key(&account.get());
            must!(is_there || *balance == 0, "account {account:?} is lost, with {balance} cents in it");
        }
        must!(stored.meals.len() == self.dishes.len(), "other meals: {:?}", stored.meals);
        for (id, dish) in &self.dishes {
            let (status, taken) = (dish.status.as_str().to_owned(), self.taken(*id));
            must!(taken <= dish.capacity, "{taken} portions of {} are ordered", dish.capacity);
            let &Dish { base_price, capacity, .. } = dish;
            let ours = StoredMeal { status, base_price, capacity, taken };
            let theirs = stored.meals.get(&id.get());
            must!(theirs == Some(&ours), "meal {id:?} is {theirs:?}, the books say {ours:?}");
        }
        let people = self.people.iter().map(|(id, person)| (id.get(), person.status.as_str().to_owned()));
        must!(people.eq(stored.members.clone()), "other members: {:?}", stored.members);
        let departments = self.departments.iter().map(|(id, group)| (id.get(), group.pays.as_str().to_owned()));
        must!(departments.eq(stored.departments.clone()), "other departments: {:?}", stored.departments);
        Ok(())
    }

    fn compare_orders(&mut self, stored: &Stored) -> Result<(), Wrong> {
        must!(stored.orders.len() == self.purchases.len(), "other orders: {:?}", stored.orders.keys());
        for (id, purchase) in &mut self.purchases {
            let theirs = stored.orders.get(&id.get());
            let may_be = std::mem::take(&mut purchase.or);
            let is = |one: &Standing| theirs == Some(&purchase.row(one));
            if !is(&purchase.now) {
                let Some(other) = may_be.iter().find(|other| is(other)) else {
                    return Err(format!("order {id:?} is {theirs:?}, the books say {purchase:?}"));
                };
                purchase.now = other.clone();
            }
            let (paid, worth) = (purchase.paid, purchase.now.worth());
            must!(paid == worth, "{paid} cents are paid for order {id:?}, which costs {worth}");
            let state = match purchase.now.status {
                OrderStatus::Active | OrderStatus::Locked => "held",
                OrderStatus::Completed => "consumed",
                OrderStatus::Canceled | OrderStatus::Refunded => "released",
            };
            let ours = StoredHold { quantity: purchase.now.quantity, state: state.to_owned() };
            let theirs = stored.holds.get(&(id.get(), purchase.meal.get()));
            must!(theirs == Some(&ours), "order {id:?} holds {theirs:?}, the books say {ours:?}");
        }
        let (holds, orders) = (stored.holds.len(), self.purchases.len() + self.shop.claims(stored));
        must!(holds == orders, "{holds} holds of {orders} orders");
        Ok(())
    }
}

fn standing(order: &MealOrder) -> Standing {
    Standing {
        quantity: order.quantity.get(),
        total: order.total.get(),
        status: order.status,
        is_redeemed: order.redeemed_at.is_some(),
    }
}

impl Standing {
    /// What has to be paid for it as it stands.
    fn worth(&self) -> i64 {
        if self.status.stands() { self.total } else { 0 }
    }
}

impl Purchase {
    fn row(&self, standing: &Standing) -> StoredOrder {
        StoredOrder {
            member: self.member.get(),
            meal: self.meal.get(),
            payer: self.payer.get(),
            quantity: standing.quantity,
            total: standing.total,
            status: standing.status.as_str().to_owned(),
            is_redeemed: standing.is_redeemed,
        }
    }
}
