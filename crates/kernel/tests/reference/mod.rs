//! The same rules once more, as plainly as they can be said: vectors, full scans, a balance summed from every movement there
//! ever was. It takes the kernel's commands to read them and shares nothing else with it, so a mistake has to be made twice
//! to stay hidden. Amounts are `i128`, so that only the stated range ends a sum.

use kernel::{
    AddMember, AdjustDepartment, AdjustWallet, BookMeals, Booking, CancelGroupOrder, CancelMeal, CancelOrder,
    CapacityStrategy, ChangeRole, ChangeSubscription, Chosen, Command, CopyMeals, CreateDepartment, CreateMeal,
    CreateSubscription, EditDepartment, EditMeal, EditMember, FundDepartment, Grant, MealPatch, MealStep, MemberStatus,
    MenuOption, ModifyOrder, NewGrant, OpenSession, OptionId, OrderAction, Payer, PlaceOrder, ProcessOrders,
    RedeemOrder, RepairCapacity, RepostMeal, RunSubscription, Scope, SetMemberStatus, SetOverdraft, SignIn, Slot, Step,
    Subscriber,
};

/// What is said of a command that was carried out: names and values.
pub(crate) type Said = Vec<(&'static str, String)>;

/// What was said, or the code of the refusal with its figures.
pub(crate) type Told = Result<Said, String>;

/// Whose money: a kind and an id.
pub(crate) type Purse = (&'static str, i64);

pub(crate) const GRANTS: Purse = ("grants", 0);
pub(crate) const ADJUSTMENTS: Purse = ("adjustments", 0);

const RANGE: i128 = 9_007_199_254_740_991;
const MOST_PORTIONS: i64 = 1_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) openid: Option<[u8; 32]>,
    pub(crate) account: Option<String>,
    pub(crate) department: Option<i64>,
    pub(crate) disabled: bool,
    pub(crate) limit: Option<i128>,
    /// Roles beside being a member, with the place where each holds.
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) code: String,
    pub(crate) pays: bool,
    pub(crate) limit: Option<i128>,
    /// Its members leave what was booked for them as it is.
    pub(crate) keeps: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extra {
    pub(crate) id: OptionId,
    pub(crate) name: String,
    pub(crate) price: i128,
}

#[derive(Debug, Clone)]
pub(crate) struct Dish {
    pub(crate) id: i64,
    pub(crate) day: String,
    pub(crate) slot: Slot,
    pub(crate) status: &'static str,
    pub(crate) price: i128,
    pub(crate) capacity: i64,
    pub(crate) extras: Vec<Extra>,
    pub(crate) closes: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) id: i64,
    pub(crate) member: i64,
    pub(crate) meal: i64,
    pub(crate) purse: Purse,
    pub(crate) quantity: i64,
    pub(crate) extras: Vec<Extra>,
    pub(crate) total: i128,
    pub(crate) notes: String,
    pub(crate) status: &'static str,
    /// The group order it came with.
    pub(crate) party: Option<i64>,
    pub(crate) redeemed: bool,
}

/// A group order.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) id: i64,
    pub(crate) group: i64,
    pub(crate) meal: i64,
}

/// What is booked until told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) id: i64,
    pub(crate) owner: Purse,
    members: Vec<i64>,
    slot: Slot,
    days: Vec<u8>,
    first: String,
    last: Option<String>,
    notes: String,
    status: &'static str,
    /// What it has done, by meal.
    done: Vec<(i64, String)>,
}

impl Purchase {
    pub(crate) fn over(&self) -> bool {
        self.status == "canceled" || self.status == "refunded"
    }
}

/// A claim on a meal's portions that is not an order of ours.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) meal: i64,
    pub(crate) quantity: i64,
    pub(crate) until: i64,
}

#[derive(Debug, Clone)]
struct Movement {
    from: Purse,
    to: Purse,
    amount: i128,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<Group>,
    pub(crate) dishes: Vec<Dish>,
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) parties: Vec<Party>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) standings: Vec<Standing>,
    /// Every token that was ever given out, and whether it was handed back.
    pub(crate) tokens: Vec<([u8; 32], i64, bool)>,
    movements: Vec<Movement>,
}

/// Who asks, when, and under what rule of the house.
#[derive(Clone)]
pub(crate) struct Moment {
    pub(crate) now: i64,
    pub(crate) actor: Option<i64>,
    pub(crate) house_limit: Option<i128>,
    /// The id of what the command makes, if it makes something.
    pub(crate) born: i64,
    /// The same for each meal that it copies.
    pub(crate) copies: Vec<i64>,
    /// Likewise for each group order of a batch: its number in it, its id, its orders.
    pub(crate) parties: Vec<(i64, i64, Vec<i64>)>,
    /// The calendar date.
    pub(crate) today: String,
}

fn no<T>(code: &str) -> Result<T, String> {
    Err(code.to_owned())
}

impl Reference {
    pub(crate) fn carry_out(&mut self, command: &Command, at: &Moment) -> Told {
        match command {
            Command::SignIn(command) => self.sign_in(command, at),
            Command::OpenSession(command) => self.open_session(command),
            Command::CloseSession(command) => {
                let token = command.token_hash;
                let same = |entry: &&mut ([u8; 32], i64, bool)| (entry.0, entry.1) == (token, command.member.get());
                self.tokens.iter_mut().filter(same).for_each(|entry| entry.2 = true);
                Ok(Vec::new())
            }
            Command::AddMember(command) => self.add_member(command, at),
            Command::CreateDepartment(command) => self.create_department(command, at),
            Command::Grant(command) => self.grant(command),
            Command::CreateMeal(command) => self.create_meal(command, at),
            Command::CopyMeals(command) => Ok(self.copy_meals(command, at)),
            Command::EditMeal(command) => self.edit(command, at),
            Command::MealStep(command) => self.step(command),
            Command::CancelMeal(command) => self.cancel_meal(command),
            Command::RepostMeal(command) => self.repost(command, at),
            Command::PlaceOrder(command) => self.place(command, at),
            Command::ModifyOrder(command) => self.modify(command, at),
            Command::CancelOrder(command) => self.cancel(command, at),
            Command::ProcessOrders(command) => Ok(self.process(command)),
            Command::RedeemOrder(command) => self.redeem(command, at),
            Command::BookMeals(command) => self.book(command, at),
            Command::CancelGroupOrder(command) => self.call_off(command, at),
            Command::CreateSubscription(command) => self.subscribe(command, at),
            Command::ChangeSubscription(command) => self.change_standing(command),
            Command::RunSubscription(command) => self.run_standing(command, at),
            Command::EditDepartment(command) => self.edit_group(command),
            Command::FundDepartment(command) => self.fund(command),
            Command::AdjustDepartment(command) => self.settle(command),
            Command::EditMember(command) => self.edit_member(command),
            Command::ChangeRole(command) => self.change_role(command),
            Command::AdjustWallet(command) => self.adjust(command),
            Command::SetOverdraft(command) => self.limit(command),
            Command::SetMemberStatus(command) => self.set_member(command, at),
            // A balance is what was moved, and claims are what was ordered: here they cannot be wrong.
            Command::RepairBalance(command) => {
                let balance = match command.account.get() / 2 {
                    1 => self.balance(GRANTS),
                    // One id is never used for two things.
                    owner => ["member", "department", "meal"].iter().map(|&kind| self.balance((kind, owner))).sum(),
                };
                Ok(vec![("balance", balance.to_string())])
            }
            Command::RepairPool(command) => {
                let dish = self.dish(command.meal.get())?;
                let ordered = self.claimed(dish.id, at.now);
                if ordered > dish.capacity {
                    return no("CAPACITY_EXCEEDED");
                }
                Ok(vec![("taken", ordered.to_string())])
            }
            Command::RepairCapacity(command) => self.cut(command, at),
            Command::RepairOrderStates(command) => self.follow(command.meal.get(), at),
            _ => unreachable!("not in the workload"),
        }
    }

    // What is so.

    pub(crate) fn balance(&self, purse: Purse) -> i128 {
        let mut balance = 0;
        for movement in &self.movements {
            if movement.from == purse {
                balance -= movement.amount;
            }
            if movement.to == purse {
                balance += movement.amount;
            }
        }
        balance
    }

    /// Portions that somebody has a right to at this moment.
    pub(crate) fn claimed(&self, meal: i64, now: i64) -> i64 {
        let mut portions = 0;
        for purchase in &self.purchases {
            if purchase.meal == meal && !purchase.over() {
                portions += purchase.quantity;
            }
        }
        for claim in &self.claims {
            if claim.meal == meal && now < claim.until {
                portions += claim.quantity;
            }
        }
        portions
    }

    fn person(&self, id: i64) -> Result<Person, String> {
        let found = self.people.iter().find(|person| person.id == id);
        found.cloned().ok_or_else(|| "NOT_FOUND".to_owned())
    }

    fn dish(&self, id: i64) -> Result<Dish, String> {
        let found = self.dishes.iter().find(|dish| dish.id == id);
        found.cloned().ok_or_else(|| "NOT_FOUND".to_owned())
    }

    fn open_purchases(&self, meal: i64) -> Vec<Purchase> {
        let open = |purchase: &&Purchase| purchase.status == "active" || purchase.status == "locked";
        self.purchases.iter().filter(|purchase| purchase.meal == meal).filter(open).cloned().collect()
    }

    fn taking_orders(&self, dish: &Dish, now: i64) -> Result<(), String> {
        let closed = dish.closes.is_some_and(|closes| closes <= now);
        if dish.status != "published" || closed { no("MEAL_NOT_OPEN") } else { Ok(()) }
    }

    fn own_purchase(&self, order: i64, meal: i64, at: &Moment) -> Result<Purchase, String> {
        let found = self.purchases.iter().find(|purchase| purchase.id == order && purchase.meal == meal);
        let Some(purchase) = found else { return no("NOT_FOUND") };
        match at.actor {
            Some(actor) if actor != purchase.member => no("PERMISSION_DENIED"),
            Some(_) if self.kept_by_its_group(purchase) => no("PERMISSION_DENIED"),
            _ => Ok(purchase.clone()),
        }
    }

    fn kept_by_its_group(&self, purchase: &Purchase) -> bool {
        let party = self.parties.iter().find(|party| Some(party.id) == purchase.party);
        party.is_some_and(|party| self.groups.iter().any(|group| group.id == party.group && group.keeps))
    }

    fn can_still_change(&self, purchase: &Purchase, at: &Moment) -> Result<(), String> {
        if purchase.redeemed {
            return no("INVALID_STATUS_TRANSITION");
        }
        match purchase.status {
            "active" => self.taking_orders(&self.dish(purchase.meal)?, at.now),
            "locked" => no("ORDER_LOCKED"),
            _ => no("INVALID_STATUS_TRANSITION"),
        }
    }

    fn room(&self, dish: &Dish, more: i64, now: i64) -> Result<(), String> {
        let left = (dish.capacity - self.claimed(dish.id, now)).max(0);
        if more > 0 && more > left { Err(format!("CAPACITY_EXCEEDED {more} {left}")) } else { Ok(()) }
    }

    /// What the purse holds after paying, if it may pay that much.
    fn pay(&self, purse: Purse, person: &Person, price: i128, at: &Moment) -> Result<i128, String> {
        let before = self.balance(purse);
        let after = before - price;
        if after.abs() > RANGE {
            return no("BUSINESS_RULE_ERROR");
        }
        let group = self.groups.iter().find(|group| purse == ("department", group.id));
        let limit = match group {
            Some(group) => group.limit,
            None => person.limit.or(at.house_limit),
        };
        if let Some(limit) = limit
            && price > 0
            && after < -limit
        {
            return Err(format!("INSUFFICIENT_BALANCE {before} {price} {}", -limit));
        }
        Ok(after)
    }

    fn fits(&self, purse: Purse, more: i128) -> Result<(), String> {
        if (self.balance(purse) + more).abs() > RANGE { no("BUSINESS_RULE_ERROR") } else { Ok(()) }
    }

    fn all_fit_back(&self, meal: i64) -> Result<(), String> {
        let open = self.open_purchases(meal);
        for purchase in &open {
            let same = open.iter().filter(|other| other.purse == purchase.purse);
            self.fits(purchase.purse, same.map(|other| other.total).sum())?;
        }
        Ok(())
    }

    // What happens.

    pub(crate) fn move_money(&mut self, from: Purse, to: Purse, amount: i128) {
        self.movements.push(Movement { from, to, amount });
    }

    fn set_status(&mut self, meal: i64, status: &'static str) {
        self.dishes.iter_mut().filter(|dish| dish.id == meal).for_each(|dish| dish.status = status);
    }

    fn end(&mut self, order: i64, status: &'static str) {
        let Some(purchase) = self.purchases.iter_mut().find(|purchase| purchase.id == order) else {
            return;
        };
        purchase.status = status;
        let (meal, purse, total) = (purchase.meal, purchase.purse, purchase.total);
        self.move_money(("meal", meal), purse, total);
    }

    /// Portions of orders that are completed.
    fn served(&self, meal: i64) -> i64 {
        let served = self.purchases.iter().filter(|purchase| purchase.meal == meal);
        served.filter(|purchase| purchase.status == "completed").map(|purchase| purchase.quantity).sum()
    }

    fn end_all(&mut self, meal: i64) -> (usize, i128) {
        let open = self.open_purchases(meal);
        for purchase in &open {
            self.end(purchase.id, "refunded");
        }
        (open.len(), open.iter().map(|purchase| purchase.total).sum())
    }

    fn sign_in(&mut self, command: &SignIn, at: &Moment) -> Told {
        let openid = Some(command.openid.index);
        let known = self.people.iter().find(|person| person.openid == openid).cloned();
        let (id, created) = match known {
            Some(person) if person.disabled => return no("BUSINESS_RULE_ERROR"),
            Some(person) => (person.id, false),
            None => {
                self.people.push(Person {
                    id: at.born,
                    openid,
                    account: None,
                    department: None,
                    disabled: false,
                    limit: None,
                    roles: Vec::new(),
                });
                (at.born, true)
            }
        };
        self.tokens.push((command.session.token_hash, id, false));
        Ok(vec![("member", id.to_string()), ("created", created.to_string())])
    }

    fn open_session(&mut self, command: &OpenSession) -> Told {
        let person = self.person(command.member.get())?;
        if person.disabled {
            return no("BUSINESS_RULE_ERROR");
        }
        self.tokens.push((command.session.token_hash, person.id, false));
        Ok(vec![("member", person.id.to_string()), ("created", "false".to_owned())])
    }

    fn add_member(&mut self, command: &AddMember, at: &Moment) -> Told {
        let mut department = None;
        if let Some(code) = &command.department {
            let group = self.groups.iter().find(|group| group.code == code.as_str());
            let Some(group) = group else { return no("NOT_FOUND") };
            department = Some(group.id);
        }
        let account = command.account.as_ref().map(|account| account.as_str().to_owned());
        if account.is_some() && self.people.iter().any(|person| person.account == account) {
            return no("BUSINESS_RULE_ERROR");
        }
        let openid = command.openid.as_ref().map(|openid| openid.index);
        if openid.is_some() && self.people.iter().any(|person| person.openid == openid) {
            return no("BUSINESS_RULE_ERROR");
        }
        let mut roles = vec!["member everywhere".to_owned()];
        for grant in &command.grants {
            let (role, place) = match grant {
                NewGrant::As(grant) => match grant.scope {
                    Scope::Everywhere => (grant.role, "everywhere".to_owned()),
                    Scope::Department(id) => (grant.role, id.to_string()),
                    Scope::Store(id) => (grant.role, id.to_string()),
                },
                NewGrant::InOwnDepartment(role) => match department {
                    Some(id) => (*role, id.to_string()),
                    None => return no("NOT_FOUND"),
                },
            };
            roles.push(format!("{} {place}", role.as_str()));
        }
        roles.sort();
        roles.dedup();
        let held = roles.iter().filter(|role| *role != "member everywhere").cloned().collect();
        self.people.push(Person {
            id: at.born,
            openid,
            account,
            department,
            disabled: false,
            limit: command.overdraft_limit.map(|limit| i64::from(limit).into()),
            roles: held,
        });
        Ok(vec![("department", format!("{department:?}")), ("roles", roles.join(", "))])
    }

    fn create_department(&mut self, command: &CreateDepartment, at: &Moment) -> Told {
        let code = command.code.as_str();
        if self.groups.iter().any(|group| group.code == code) {
            return no("BUSINESS_RULE_ERROR");
        }
        self.groups.push(Group {
            id: at.born,
            code: code.to_owned(),
            pays: command.pays == Payer::Department,
            limit: None,
            keeps: false,
        });
        self.group_said(at.born)
    }

    fn grant(&mut self, command: &Grant) -> Told {
        let amount = i128::from(i64::from(command.amount));
        if amount <= 0 {
            return no("VALIDATION_ERROR");
        }
        let purse = ("member", self.person(command.member.get())?.id);
        self.fits(purse, amount)?;
        self.fits(GRANTS, -amount)?;
        self.move_money(GRANTS, purse, amount);
        Ok(vec![("amount", amount.to_string()), ("balance", self.balance(purse).to_string())])
    }

    fn create_meal(&mut self, command: &CreateMeal, at: &Moment) -> Told {
        sound(Some(i64::from(command.base_price)), Some(command.capacity))?;
        if given_twice(&command.options) {
            return no("VALIDATION_ERROR");
        }
        let extras = numbered(&command.options, &[]);
        let (day, slot) = (command.date.to_string(), command.slot);
        let taken = |dish: &Dish| dish.day == day && dish.slot == slot && dish.status != "canceled";
        if self.dishes.iter().any(taken) {
            return no("BUSINESS_RULE_ERROR");
        }
        self.dishes.push(Dish {
            id: at.born,
            day,
            slot,
            status: if command.publish { "published" } else { "draft" },
            price: i64::from(command.base_price).into(),
            capacity: command.capacity,
            extras,
            closes: command.orders_close_at.map(|closes| closes.as_millis()),
        });
        self.meal_said(at.born, 0, 0)
    }

    fn copy_meals(&mut self, command: &CopyMeals, at: &Moment) -> Said {
        let mut said = Vec::new();
        for (copy, born) in command.copies.iter().zip(&at.copies) {
            let one = Moment { born: *born, ..at.clone() };
            let made = self.create_meal(&copy.meal, &one).map(|_| *born);
            said.push(("copy", format!("{} {made:?}", copy.source)));
        }
        said
    }

    fn edit(&mut self, command: &EditMeal, at: &Moment) -> Told {
        let edited = reshaped(&command.patch)?;
        let dish = self.dish(command.meal.get())?;
        if dish.status == "completed" || dish.status == "canceled" {
            return no("INVALID_STATUS_TRANSITION");
        }
        let after = edited(&dish);
        let mut dangers = 0;
        if after.price != dish.price {
            dangers += 1;
        }
        if after.capacity < self.claimed(dish.id, at.now) {
            dangers += 1;
        }
        for extra in &dish.extras {
            let kept = |other: &Extra| other.id == extra.id && other.price == extra.price;
            if !after.extras.iter().any(kept) {
                dangers += 1;
            }
        }
        if dish.status != "draft" && dangers > 0 {
            return Err(format!("BUSINESS_RULE_ERROR {dangers}"));
        }
        self.replace(after);
        self.meal_said(dish.id, 0, 0)
    }

    fn replace(&mut self, after: Dish) {
        for dish in &mut self.dishes {
            if dish.id == after.id {
                *dish = after.clone();
            }
        }
    }

    fn step(&mut self, command: &MealStep) -> Told {
        let dish = self.dish(command.meal.get())?;
        let (status, order_status) = match (dish.status, command.step) {
            ("draft", Step::Publish) => ("published", "active"),
            ("published", Step::Lock) => ("locked", "locked"),
            ("locked", Step::Unlock) => ("published", "active"),
            ("locked", Step::Complete) => ("completed", "completed"),
            _ => return no("INVALID_STATUS_TRANSITION"),
        };
        let mut changed = 0;
        for purchase in &mut self.purchases {
            if purchase.meal == dish.id && (purchase.status == "active" || purchase.status == "locked") {
                purchase.status = order_status;
                changed += 1;
            }
        }
        self.set_status(dish.id, status);
        self.meal_said(dish.id, changed, 0)
    }

    fn cancel_meal(&mut self, command: &CancelMeal) -> Told {
        let dish = self.dish(command.meal.get())?;
        if dish.status == "completed" || dish.status == "canceled" {
            return no("INVALID_STATUS_TRANSITION");
        }
        if self.served(dish.id) > 0 {
            return no("INVALID_STATUS_TRANSITION");
        }
        self.all_fit_back(dish.id)?;
        let (changed, refunded) = self.end_all(dish.id);
        self.set_status(dish.id, "canceled");
        self.meal_said(dish.id, changed, refunded)
    }

    fn repost(&mut self, command: &RepostMeal, at: &Moment) -> Told {
        let edited = reshaped(&command.patch)?;
        let dish = self.dish(command.meal.get())?;
        if dish.status != "published" {
            return no("MEAL_NOT_OPEN");
        }
        let open: i64 = self.open_purchases(dish.id).iter().map(|purchase| purchase.quantity).sum();
        if edited(&dish).capacity < self.claimed(dish.id, at.now) - open {
            return Err("BUSINESS_RULE_ERROR 1".to_owned());
        }
        self.all_fit_back(dish.id)?;
        let (changed, refunded) = self.end_all(dish.id);
        self.replace(edited(&dish));
        self.meal_said(dish.id, changed, refunded)
    }

    fn meal_said(&self, meal: i64, changed: usize, refunded: i128) -> Told {
        let dish = self.dish(meal)?;
        Ok(vec![
            ("status", dish.status.to_owned()),
            ("price", dish.price.to_string()),
            ("capacity", dish.capacity.to_string()),
            ("options", extras_said(&dish.extras)),
            ("closes", format!("{:?}", dish.closes)),
            ("orders", changed.to_string()),
            ("refunded", refunded.to_string()),
        ])
    }

    fn place(&mut self, command: &PlaceOrder, at: &Moment) -> Told {
        let dish = self.dish(command.meal.get())?;
        let person = self.person(command.member.get())?;
        if person.disabled {
            return no("BUSINESS_RULE_ERROR");
        }
        let extras = picked(&dish, &command.options)?;
        self.taking_orders(&dish, at.now)?;
        let same = |purchase: &Purchase| purchase.meal == dish.id && purchase.member == person.id && !purchase.over();
        if self.purchases.iter().any(same) {
            return no("DUPLICATE_ORDER");
        }
        let quantity = command.quantity.get();
        self.room(&dish, quantity, at.now)?;
        let total = cost(&dish, &extras, quantity);
        let purse = self.purse_of(&person);
        let balance = self.pay(purse, &person, total, at)?;
        self.fits(("meal", dish.id), total)?;
        self.move_money(purse, ("meal", dish.id), total);
        let purchase = Purchase {
            id: at.born,
            member: person.id,
            meal: dish.id,
            purse,
            quantity,
            extras,
            total,
            notes: command.notes.as_str().to_owned(),
            status: "active",
            party: None,
            redeemed: false,
        };
        self.purchases.push(purchase.clone());
        Ok(order_said(&purchase, balance, total))
    }

    fn modify(&mut self, command: &ModifyOrder, at: &Moment) -> Told {
        let purchase = self.own_purchase(command.order.get(), command.meal.get(), at)?;
        let dish = self.dish(purchase.meal)?;
        let asked = match &command.options {
            Some(chosen) => Some(picked(&dish, chosen)?),
            None => None,
        };
        self.can_still_change(&purchase, at)?;
        let mut after = purchase.clone();
        after.extras = asked.unwrap_or_else(|| {
            let mut now_called = Vec::new();
            for old in &purchase.extras {
                now_called.extend(dish.extras.iter().filter(|extra| extra.id == old.id).cloned());
            }
            now_called
        });
        after.quantity = command.quantity.map_or(purchase.quantity, |quantity| quantity.get());
        if let Some(notes) = &command.notes {
            after.notes = notes.as_str().to_owned();
        }
        self.room(&dish, after.quantity - purchase.quantity, at.now)?;
        after.total = cost(&dish, &after.extras, after.quantity);
        let difference = after.total - purchase.total;
        let balance = self.pay(purchase.purse, &self.person(purchase.member)?, difference, at)?;
        self.fits(("meal", dish.id), difference)?;
        self.move_money(purchase.purse, ("meal", dish.id), difference);
        for known in &mut self.purchases {
            if known.id == after.id {
                *known = after.clone();
            }
        }
        Ok(order_said(&after, balance, difference))
    }

    fn cancel(&mut self, command: &CancelOrder, at: &Moment) -> Told {
        let mut purchase = self.own_purchase(command.order.get(), command.meal.get(), at)?;
        self.can_still_change(&purchase, at)?;
        self.fits(purchase.purse, purchase.total)?;
        self.end(purchase.id, "canceled");
        purchase.status = "canceled";
        Ok(order_said(&purchase, self.balance(purchase.purse), -purchase.total))
    }
}

// Departments, and what they book.
impl Reference {
    fn purse_of(&self, person: &Person) -> Purse {
        match self.groups.iter().find(|group| Some(group.id) == person.department) {
            Some(group) if group.pays => ("department", group.id),
            _ => ("member", person.id),
        }
    }

    fn group(&self, id: i64) -> Result<Group, String> {
        let found = self.groups.iter().find(|group| group.id == id);
        found.cloned().ok_or_else(|| "NOT_FOUND".to_owned())
    }

    fn group_said(&self, id: i64) -> Told {
        let group = self.group(id)?;
        Ok(vec![
            ("code", group.code),
            ("pays", group.pays.to_string()),
            ("limit", format!("{:?}", group.limit)),
            ("keeps", group.keeps.to_string()),
        ])
    }

    fn edit_group(&mut self, command: &EditDepartment) -> Told {
        let id = self.group(command.department.get())?.id;
        for group in self.groups.iter_mut().filter(|group| group.id == id) {
            if let Some(pays) = command.pays {
                group.pays = pays == Payer::Department;
            }
            if let Some(limit) = command.overdraft_limit {
                group.limit = limit.map(|limit| i64::from(limit).into());
            }
            if let Some(may) = command.members_may_cancel {
                group.keeps = !may;
            }
        }
        self.group_said(id)
    }

    fn fund(&mut self, command: &FundDepartment) -> Told {
        let amount = i128::from(i64::from(command.amount));
        if amount <= 0 {
            return no("VALIDATION_ERROR");
        }
        self.put_into_group(command.department.get(), GRANTS, amount)
    }

    fn settle(&mut self, command: &AdjustDepartment) -> Told {
        let amount = i128::from(i64::from(command.amount));
        if amount == 0 {
            return no("VALIDATION_ERROR");
        }
        self.put_into_group(command.department.get(), ADJUSTMENTS, amount)
    }

    fn put_into_group(&mut self, group: i64, from: Purse, amount: i128) -> Told {
        let purse = ("department", self.group(group)?.id);
        self.fits(purse, amount)?;
        self.fits(from, -amount)?;
        self.move_money(from, purse, amount);
        Ok(vec![("amount", amount.to_string()), ("balance", self.balance(purse).to_string())])
    }

    fn change_role(&mut self, command: &ChangeRole) -> Told {
        let role = command.grant.role.as_str();
        let place = match command.grant.scope {
            Scope::Everywhere => "everywhere".to_owned(),
            Scope::Department(id) => id.to_string(),
            Scope::Store(id) => id.to_string(),
        };
        let right_place = (role == "dept_admin") != (place == "everywhere");
        if role == "member" || command.held && !right_place {
            return no("VALIDATION_ERROR");
        }
        let member = self.person(command.member.get())?.id;
        if let Scope::Department(id) = command.grant.scope {
            self.group(id.get())?;
        }
        let role = format!("{role} {place}");
        if !command.held && role == "admin everywhere" && self.alone_lets_others_in(member) {
            return no("BUSINESS_RULE_ERROR");
        }
        for person in self.people.iter_mut().filter(|person| person.id == member) {
            person.roles.retain(|held| *held != role);
            if command.held {
                person.roles.push(role.clone());
            }
        }
        self.member_said(member)
    }

    fn alone_lets_others_in(&self, member: i64) -> bool {
        let lets = |person: &&Person| !person.disabled && person.roles.iter().any(|role| role == "admin everywhere");
        let mut people = self.people.iter().filter(lets);
        people.next().is_some_and(|person| person.id == member) && people.next().is_none()
    }

    fn edit_member(&mut self, command: &EditMember) -> Told {
        let member = self.person(command.member.get())?.id;
        let mut department = None;
        if let Some(Some(code)) = &command.department {
            let Some(group) = self.groups.iter().find(|group| group.code == code.as_str()) else {
                return no("NOT_FOUND");
            };
            department = Some(group.id);
        }
        let account = command.account.as_ref().map(|account| account.as_str().to_owned());
        if account.is_some() && self.people.iter().any(|person| person.id != member && person.account == account) {
            return no("BUSINESS_RULE_ERROR");
        }
        for person in self.people.iter_mut().filter(|person| person.id == member) {
            if command.department.is_some() {
                person.department = department;
            }
            if account.is_some() {
                person.account = account.clone();
            }
        }
        self.member_said(member)
    }

    fn member_said(&self, member: i64) -> Told {
        let person = self.person(member)?;
        let mut roles = person.roles;
        roles.push("member everywhere".to_owned());
        roles.sort();
        roles.dedup();
        Ok(vec![("department", format!("{:?}", person.department)), ("roles", roles.join(", "))])
    }

    /// Every order is tried on what the ones before it have left; one that fails is undone.
    fn book(&mut self, command: &BookMeals, at: &Moment) -> Told {
        let group = self.group(command.department.get())?.id;
        let before = self.clone();
        let (mut booked, mut refused) = (Vec::new(), Vec::new());
        for booking in &command.bookings {
            let undo = self.clone();
            match self.book_one(group, booking, at) {
                Ok(said) => booked.push(said),
                Err(code) => {
                    *self = undo;
                    refused.push(format!("{} {code}", booking.number));
                }
            }
        }
        if command.atomic && !refused.is_empty() {
            *self = before;
            return Err(format!("BUSINESS_RULE_ERROR {}", refused.join("; ")));
        }
        Ok(vec![("booked", booked.join("; ")), ("refused", refused.join("; "))])
    }

    fn book_one(&mut self, group: i64, booking: &Booking, at: &Moment) -> Result<String, String> {
        let named: Vec<i64> = booking.members.iter().flatten().map(|member| member.get()).collect();
        if named.iter().any(|member| named.iter().filter(|other| *other == member).count() > 1) {
            return no("VALIDATION_ERROR");
        }
        let day = booking.date.to_string();
        if day < at.today {
            return no("BUSINESS_RULE_ERROR");
        }
        let here = |dish: &&Dish| dish.day == day && dish.slot == booking.slot && dish.status != "canceled";
        let Some(dish) = self.dishes.iter().find(here).cloned() else {
            return no("NOT_FOUND");
        };
        self.taking_orders(&dish, at.now)?;
        if named.is_empty() || booking.members.contains(&None) {
            return no("NOT_FOUND");
        }
        let mut people = Vec::new();
        for member in named {
            people.push(self.person(member)?);
        }
        if people.iter().any(|person| person.disabled) {
            return no("BUSINESS_RULE_ERROR");
        }
        if people.iter().any(|person| person.department != Some(group)) {
            return no("PERMISSION_DENIED");
        }
        for person in &people {
            let same = |purchase: &Purchase| (purchase.meal, purchase.member) == (dish.id, person.id);
            if self.purchases.iter().any(|purchase| same(purchase) && !purchase.over()) {
                return no("DUPLICATE_ORDER");
            }
        }
        self.room(&dish, i64::try_from(people.len()).expect("a few"), at.now)?;
        // Whoever only tries out draws no ids.
        let born = at.parties.iter().find(|(number, ..)| *number == booking.number);
        let (_, party, orders) = born.cloned().unwrap_or((0, -1, vec![-1; people.len()]));
        let mut total = 0;
        for (person, id) in people.iter().zip(orders) {
            let purse = self.purse_of(person);
            self.pay(purse, person, dish.price, at)?;
            self.fits(("meal", dish.id), dish.price)?;
            self.move_money(purse, ("meal", dish.id), dish.price);
            total += dish.price;
            self.purchases.push(Purchase {
                id,
                member: person.id,
                meal: dish.id,
                purse,
                quantity: 1,
                extras: Vec::new(),
                total: dish.price,
                notes: booking.remark.as_str().to_owned(),
                status: "active",
                party: Some(party),
                redeemed: false,
            });
        }
        self.parties.push(Party { id: party, group, meal: dish.id });
        Ok(format!("{} {} {total}", booking.number, people.len()))
    }

    fn subscribe(&mut self, command: &CreateSubscription, at: &Moment) -> Told {
        let (first, last) = (command.first_date.to_string(), command.last_date.map(|last| last.to_string()));
        if last.as_ref().is_some_and(|last| *last < at.today || *last < first) {
            return no("BUSINESS_RULE_ERROR");
        }
        let members: Vec<i64> = match command.owner {
            Subscriber::Member(member) => vec![member.get()],
            Subscriber::Department(department) => {
                self.group(department.get())?;
                command.members.iter().map(|member| member.get()).collect()
            }
        };
        if members.iter().any(|member| members.iter().filter(|other| *other == member).count() > 1) {
            return no("VALIDATION_ERROR");
        }
        let owner = (command.owner.kind(), command.owner.id());
        for &member in &members {
            self.can_be_booked_by(owner, member)?;
        }
        self.standings.push(Standing {
            id: at.born,
            owner,
            members,
            slot: command.slot,
            days: command.weekdays.into(),
            first,
            last,
            notes: command.notes.as_str().to_owned(),
            status: "active",
            done: Vec::new(),
        });
        Ok(vec![("status", "active".to_owned())])
    }

    fn can_be_booked_by(&self, owner: Purse, member: i64) -> Result<Person, String> {
        let person = self.person(member)?;
        if person.disabled {
            return no("BUSINESS_RULE_ERROR");
        }
        if owner.0 == "department" && person.department != Some(owner.1) {
            return no("PERMISSION_DENIED");
        }
        Ok(person)
    }

    fn change_standing(&mut self, command: &ChangeSubscription) -> Told {
        let id = command.subscription.get();
        let Some(standing) = self.standings.iter_mut().find(|standing| standing.id == id) else {
            return no("NOT_FOUND");
        };
        if standing.owner != (command.owner.kind(), command.owner.id()) {
            return no("PERMISSION_DENIED");
        }
        if standing.status == "ended" && command.status.as_str() != "ended" {
            return no("INVALID_STATUS_TRANSITION");
        }
        standing.status = command.status.as_str();
        Ok(vec![("status", standing.status.to_owned())])
    }

    fn run_standing(&mut self, command: &RunSubscription, at: &Moment) -> Told {
        let id = command.subscription.get();
        let Some(standing) = self.standings.iter().find(|standing| standing.id == id).cloned() else {
            return no("NOT_FOUND");
        };
        let dish = self.dish(command.meal.get())?;
        if let Some((_, said)) = standing.done.iter().find(|(meal, _)| *meal == dish.id) {
            return Ok(vec![("results", said.clone())]);
        }
        if standing.status != "active" {
            return no("INVALID_STATUS_TRANSITION");
        }
        let date: jiff::civil::Date = dish.day.parse().expect("a date");
        let day = u8::try_from(date.weekday().to_monday_one_offset()).expect("a day of the week");
        let over = standing.last.as_ref().is_some_and(|last| dish.day > *last);
        if dish.slot != standing.slot || !standing.days.contains(&day) || dish.day < standing.first || over {
            return no("NOT_FOUND");
        }
        if dish.day < at.today {
            return no("BUSINESS_RULE_ERROR");
        }
        self.taking_orders(&dish, at.now)?;
        let (_, party, orders) = at.parties.first().cloned().unwrap_or_default();
        let group = (standing.owner.0 == "department").then_some(party);
        let mut results = Vec::new();
        for (at_place, &member) in standing.members.iter().enumerate() {
            let born = orders.get(at_place).copied().unwrap_or(-1);
            let bought = self.buy_standing(&standing, &dish, (member, born, group), at);
            results.push(bought.err().unwrap_or_else(|| "ok".to_owned()));
        }
        if let Some(party) = group.filter(|_| results.iter().any(|result| result == "ok")) {
            self.parties.push(Party { id: party, group: standing.owner.1, meal: dish.id });
        }
        let said = results.join("; ");
        let done = self.standings.iter_mut().filter(|known| known.id == id);
        done.for_each(|known| known.done.push((dish.id, said.clone())));
        Ok(vec![("results", said)])
    }

    /// One portion for one member, whose order is `born` in the group order `party`.
    fn buy_standing(
        &mut self,
        standing: &Standing,
        dish: &Dish,
        (member, born, party): (i64, i64, Option<i64>),
        at: &Moment,
    ) -> Result<(), String> {
        let person = self.can_be_booked_by(standing.owner, member)?;
        let own = self.purchases.iter().filter(|purchase| (purchase.meal, purchase.member) == (dish.id, member));
        let own: Vec<_> = own.collect();
        if own.iter().any(|purchase| !purchase.over()) {
            return no("DUPLICATE_ORDER");
        }
        if own.iter().any(|purchase| purchase.status == "canceled") {
            return no("BUSINESS_RULE_ERROR");
        }
        self.room(dish, 1, at.now)?;
        let purse = self.purse_of(&person);
        self.pay(purse, &person, dish.price, at)?;
        self.fits(("meal", dish.id), dish.price)?;
        self.move_money(purse, ("meal", dish.id), dish.price);
        self.purchases.push(Purchase {
            id: born,
            member,
            meal: dish.id,
            purse,
            quantity: 1,
            extras: Vec::new(),
            total: dish.price,
            notes: standing.notes.clone(),
            status: "active",
            party,
            redeemed: false,
        });
        Ok(())
    }

    fn call_off(&mut self, command: &CancelGroupOrder, at: &Moment) -> Told {
        let (id, meal) = (command.group_order.get(), command.meal.get());
        if !self.parties.iter().any(|party| (party.id, party.meal) == (id, meal)) {
            return no("NOT_FOUND");
        }
        let mut orders = Vec::new();
        for order in &command.orders {
            let part = |purchase: &&Purchase| purchase.id == order.get() && purchase.party == Some(id);
            let Some(purchase) = self.purchases.iter().find(part) else {
                return no("NOT_FOUND");
            };
            orders.push(purchase.clone());
        }
        orders.retain(|purchase| purchase.status == "active" || purchase.status == "locked");
        if orders.is_empty() {
            return no("INVALID_STATUS_TRANSITION");
        }
        for purchase in &orders {
            self.can_still_change(purchase, at)?;
        }
        for purchase in &orders {
            let same = orders.iter().filter(|other| other.purse == purchase.purse);
            self.fits(purchase.purse, same.map(|other| other.total).sum())?;
        }
        let mut refunded = 0;
        for purchase in &orders {
            self.end(purchase.id, "canceled");
            refunded += purchase.total;
        }
        Ok(vec![("orders", orders.len().to_string()), ("refunded", refunded.to_string())])
    }

    fn redeem(&mut self, command: &RedeemOrder, at: &Moment) -> Told {
        let (order, meal) = (command.order.get(), command.meal.get());
        let known = self.purchases.iter().find(|purchase| purchase.id == order && purchase.meal == meal);
        let Some(purchase) = known.cloned() else { return no("NOT_FOUND") };
        if purchase.over() || purchase.redeemed {
            return no("INVALID_STATUS_TRANSITION");
        }
        if self.dish(meal)?.day > at.today {
            return no("BUSINESS_RULE_ERROR");
        }
        self.purchases.iter_mut().filter(|known| known.id == order).for_each(|known| known.redeemed = true);
        Ok(order_said(&purchase, self.balance(purchase.purse), 0))
    }
}

// What administrators put right.
impl Reference {
    fn process(&mut self, command: &ProcessOrders) -> Said {
        let mut said = Vec::new();
        for (order, meal) in &command.orders {
            let back = self.process_one(order.get(), meal.get(), command.action);
            said.push(("order", format!("{order} {back:?}")));
        }
        said
    }

    /// What the payer gets back.
    fn process_one(&mut self, order: i64, meal: i64, action: OrderAction) -> Result<i128, String> {
        let known = self.purchases.iter_mut().find(|purchase| purchase.id == order && purchase.meal == meal);
        let Some(purchase) = known else { return no("NOT_FOUND") };
        let (status, back) = match (action, purchase.status) {
            (OrderAction::Complete, "locked") => ("completed", 0),
            (OrderAction::Cancel, "active") => ("canceled", purchase.total),
            (OrderAction::Refund, "active" | "locked") => ("refunded", purchase.total),
            _ => return no("INVALID_STATUS_TRANSITION"),
        };
        let purse = purchase.purse;
        self.fits(purse, back)?;
        if status == "completed" {
            self.purchases.iter_mut().filter(|known| known.id == order).for_each(|known| known.status = status);
        } else {
            self.end(order, status);
        }
        Ok(back)
    }

    fn adjust(&mut self, command: &AdjustWallet) -> Told {
        let amount = i128::from(i64::from(command.amount));
        if amount == 0 {
            return no("VALIDATION_ERROR");
        }
        let purse = ("member", self.person(command.member.get())?.id);
        self.fits(purse, amount)?;
        self.fits(ADJUSTMENTS, -amount)?;
        self.move_money(ADJUSTMENTS, purse, amount);
        Ok(vec![("amount", amount.to_string()), ("balance", self.balance(purse).to_string())])
    }

    fn limit(&mut self, command: &SetOverdraft) -> Told {
        let limit = command.limit.map(|limit| i64::from(limit).into());
        self.change_person(command.member.get(), |person| person.limit = limit)
    }

    fn set_member(&mut self, command: &SetMemberStatus, at: &Moment) -> Told {
        let disabled = command.status == MemberStatus::Disabled;
        let id = self.person(command.member.get())?.id;
        if disabled && (at.actor == Some(id) || self.alone_lets_others_in(id)) {
            return no("BUSINESS_RULE_ERROR");
        }
        self.change_person(command.member.get(), |person| person.disabled = disabled)
    }

    fn change_person(&mut self, id: i64, change: impl Fn(&mut Person)) -> Told {
        self.person(id)?;
        self.people.iter_mut().filter(|person| person.id == id).for_each(change);
        let person = self.person(id)?;
        Ok(vec![("disabled", person.disabled.to_string()), ("limit", format!("{:?}", person.limit))])
    }

    /// Takes portions away, one by one, until the rest fits.
    fn cut(&mut self, command: &RepairCapacity, at: &Moment) -> Told {
        let dish = self.dish(command.meal.get())?;
        // Ids rise with time, so they say who came first.
        let open = self.open_purchases(dish.id);
        let ordered: i64 = open.iter().map(|purchase| purchase.quantity).sum();
        let excess = (self.claimed(dish.id, at.now) - dish.capacity).max(0);
        if excess > ordered {
            return no("CAPACITY_EXCEEDED");
        }
        self.all_fit_back(dish.id)?;
        let mut keep: Vec<i64> = open.iter().map(|purchase| purchase.quantity).collect();
        match command.strategy {
            CapacityStrategy::CancelLatest => {
                for _ in 0..excess {
                    let last = keep.iter().rposition(|quantity| *quantity > 0).expect("a portion");
                    keep[last] -= 1;
                }
            }
            CapacityStrategy::ReduceProportional if excess > 0 => {
                let left = ordered - excess;
                // Every portion in turn goes to who is furthest below the share that is theirs.
                keep = open.iter().map(|purchase| purchase.quantity * left / ordered).collect();
                let missing = |keep: &[i64], at: usize| open[at].quantity * left - keep[at] * ordered;
                while keep.iter().sum::<i64>() < left {
                    let most = (0..keep.len()).map(|at| missing(&keep, at)).max();
                    let first = (0..keep.len()).find(|&at| Some(missing(&keep, at)) == most);
                    keep[first.expect("an order")] += 1;
                }
            }
            CapacityStrategy::ReduceProportional => {}
        }
        let mut said = vec![("excess", excess.to_string())];
        for (purchase, left) in open.iter().zip(keep) {
            if left == purchase.quantity {
                continue;
            }
            let total = purchase.total * i128::from(left) / i128::from(purchase.quantity);
            if left == 0 {
                self.end(purchase.id, "refunded");
            } else {
                for known in self.purchases.iter_mut().filter(|known| known.id == purchase.id) {
                    (known.quantity, known.total) = (left, total);
                }
                self.move_money(("meal", dish.id), purchase.purse, purchase.total - total);
            }
            let (old, back) = (purchase.quantity, purchase.total - total);
            said.push(("cut", format!("{} {old} {left} {back}", purchase.id)));
        }
        Ok(said)
    }

    /// Brings the orders of a meal after it.
    fn follow(&mut self, meal: i64, at: &Moment) -> Told {
        let dish = self.dish(meal)?;
        let mut stale: Vec<Purchase> = self.purchases.clone();
        stale.retain(|purchase| purchase.meal == meal && !purchase.over());
        stale.retain(|purchase| match dish.status {
            "canceled" => true,
            "completed" => purchase.status != "completed",
            "locked" => purchase.status == "active",
            _ => purchase.status == "locked",
        });
        let mut refunded = 0;
        if dish.status == "canceled" {
            for purchase in &stale {
                let same = stale.iter().filter(|other| other.purse == purchase.purse);
                self.fits(purchase.purse, same.map(|other| other.total).sum())?;
            }
        } else if !stale.is_empty() && self.claimed(meal, at.now) > dish.capacity {
            return no("CAPACITY_EXCEEDED");
        }
        for purchase in &stale {
            if dish.status == "canceled" {
                self.end(purchase.id, "refunded");
                refunded += purchase.total;
                continue;
            }
            for known in self.purchases.iter_mut().filter(|known| known.id == purchase.id) {
                known.status = match dish.status {
                    "completed" => "completed",
                    "locked" => "locked",
                    _ => "active",
                };
            }
        }
        Ok(vec![("orders", stale.len().to_string()), ("refunded", refunded.to_string())])
    }
}

fn sound(price: Option<i64>, capacity: Option<i64>) -> Result<(), String> {
    if price.is_some_and(|price| price < 0) || capacity.is_some_and(|portions| !(0..=MOST_PORTIONS).contains(&portions))
    {
        return no("VALIDATION_ERROR");
    }
    Ok(())
}

fn given_twice(options: &[MenuOption]) -> bool {
    let given: Vec<_> = options.iter().filter_map(|option| option.id.as_ref()).collect();
    given.iter().any(|id| given.iter().filter(|other| *other == id).count() > 1)
}

/// An option without an id keeps the one that its name had; a new one gets the lowest number that neither menu has, one after the
/// other.
fn numbered(options: &[MenuOption], before: &[Extra]) -> Vec<Extra> {
    let mut ids: Vec<Option<OptionId>> = options.iter().map(|option| option.id.clone()).collect();
    for old in before {
        let nameless = |at: &usize| ids[*at].is_none() && options[*at].name.as_str() == old.name;
        if !ids.contains(&Some(old.id.clone()))
            && let Some(at) = (0..options.len()).find(nameless)
        {
            ids[at] = Some(old.id.clone());
        }
    }
    for at in 0..ids.len() {
        let mut number = 0;
        while ids[at].is_none() {
            number += 1;
            let free = OptionId::Number(number);
            if !ids.contains(&Some(free.clone())) && !before.iter().any(|old| old.id == free) {
                ids[at] = Some(free);
            }
        }
    }
    let named = options.iter().zip(ids);
    let extra = |(option, id): (&MenuOption, Option<OptionId>)| Extra {
        id: id.expect("everybody has one by now"),
        name: option.name.as_str().to_owned(),
        price: i64::from(option.price_cents).into(),
    };
    named.map(extra).collect()
}

/// What a patch makes of a meal, once it is known to be well formed.
fn reshaped(patch: &MealPatch) -> Result<impl Fn(&Dish) -> Dish, String> {
    let price = patch.base_price.map(i64::from);
    sound(price, patch.capacity)?;
    let options = patch.options.clone();
    if options.as_deref().is_some_and(given_twice) {
        return no("VALIDATION_ERROR");
    }
    let (capacity, closes) = (patch.capacity, patch.orders_close_at);
    Ok(move |dish: &Dish| {
        let mut after = dish.clone();
        if let Some(price) = price {
            after.price = price.into();
        }
        if let Some(capacity) = capacity {
            after.capacity = capacity;
        }
        if let Some(options) = &options {
            after.extras = numbered(options, &dish.extras);
        }
        if let Some(closes) = closes {
            after.closes = closes.map(|closes| closes.as_millis());
        }
        after
    })
}

fn picked(dish: &Dish, chosen: &[Chosen]) -> Result<Vec<Extra>, String> {
    let mut extras: Vec<Extra> = Vec::new();
    for Chosen { id } in chosen {
        let offered = dish.extras.iter().find(|extra| extra.id == *id);
        match offered {
            Some(extra) if !extras.contains(extra) => extras.push(extra.clone()),
            _ => return no("VALIDATION_ERROR"),
        }
    }
    Ok(extras)
}

fn cost(dish: &Dish, extras: &[Extra], quantity: i64) -> i128 {
    let mut each = dish.price;
    for extra in extras {
        each += extra.price;
    }
    if each < 0 { 0 } else { each * i128::from(quantity) }
}

fn extras_said(extras: &[Extra]) -> String {
    let mut said = String::new();
    for extra in extras {
        said += &format!("{} {} {}; ", extra.id, extra.name, extra.price);
    }
    said
}

fn order_said(purchase: &Purchase, balance: i128, difference: i128) -> Said {
    vec![
        ("status", purchase.status.to_owned()),
        ("quantity", purchase.quantity.to_string()),
        ("total", purchase.total.to_string()),
        ("options", extras_said(&purchase.extras)),
        ("notes", purchase.notes.clone()),
        ("purse", format!("{:?}", purchase.purse)),
        ("balance", balance.to_string()),
        ("difference", difference.to_string()),
        ("warned", (balance < 0 && difference > 0).to_string()),
    ]
}
