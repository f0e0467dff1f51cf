//! Thousands of random commands, sensible and senseless, answered by the kernel and by the reference model: both must say the
//! same, and the stored rows must add up after every batch.
//!
//! `KERNEL_SEED=N` runs one seed, `KERNEL_SEEDS=N` runs that many; a failure prints the command that repeats it.

mod reference;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel::{
    AccountId, AddMember, AdjustDepartment, AdjustWallet, BookMeals, Booking, CancelGroupOrder, CancelMeal,
    CancelOrder, CapacityStrategy, Cents, ChangeRole, ChangeSubscription, Chosen, CloseSession, Command, CopyMeals,
    CreateDepartment, CreateMeal, CreateSubscription, Currency, Date, DepartmentId, EditDepartment, EditMeal,
    EditMember, Facts, FundDepartment, Grant, GroupOrderId, HoldState, Instant, MealCopy, MealId, MealOption,
    MealPatch, MealStatus, MealStep, MemberId, MemberStatus, MenuOption, ModifyOrder, NewGrant, NewSession, Note,
    OpenSession, Openid, OptionId, OrderAction, OrderId, OrderStatus, Outcome, Overdraft, Owner, Payer, PlaceOrder,
    PoolId, Price, ProcessOrders, Profile, Quantity, Reason, RedeemOrder, Refusal, RepairBalance, RepairCapacity,
    RepairOrderStates, RepairPool, RepostMeal, Role, RoleGrant, RunSubscription, Scope, SetMemberStatus, SetOverdraft,
    SignIn, Slot, Step, Subscriber, SubscriptionId, SubscriptionStatus, SystemAccount, Title,
};
use reference::{ADJUSTMENTS, GRANTS, Moment, Purse, Reference, Said, Told};
use support::{Answer, Asked, Database, House, Ids, actor, check_books};

/// The end of the exact range.
const MOST: i64 = (1 << 53) - 1;
const SEEDS: u64 = 400;
const BATCHES: usize = 24;

#[test]
fn kernel_and_reference_agree() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number of seeds"));
    let (first, last) = match number("KERNEL_SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("KERNEL_SEEDS").unwrap_or(SEEDS)),
    };
    let mut met = Met::new();
    for seed in first..=last {
        run_seed(seed, &mut met);
    }
    if last - first + 1 >= SEEDS {
        must_have_met(&met);
    }
}

/// How often each command was answered in each way.
type Met = BTreeMap<(&'static str, String), u64>;

fn run_seed(seed: u64, met: &mut Met) {
    let mut history = Vec::new();
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        for _ in 0..BATCHES {
            world.batch(&mut history, met);
        }
    }));
    let Err(panic) = run else { return };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
    let mut recent = String::new();
    for Asked { command, actor } in &history[history.len().saturating_sub(12)..] {
        recent += &format!("  {:?}: {command:?}\n", actor.member);
    }
    panic!(
        "seed {seed}, command {}: {text}\nthe last commands:\n{recent}\
         repeat it: KERNEL_SEED={seed} cargo test -p fanpiao-kernel --test workload",
        history.len()
    );
}

/// A workload that never meets a rule proves nothing about it.
fn must_have_met(met: &Met) {
    let expected: [(&str, &[&str]); 34] = [
        ("process_orders", &["ok", "NOT_FOUND", "INVALID_STATUS_TRANSITION", "BUSINESS_RULE_ERROR"]),
        ("redeem_order", &["ok", "NOT_FOUND", "INVALID_STATUS_TRANSITION", "BUSINESS_RULE_ERROR"]),
        (
            "book_meals",
            &[
                "ok",
                "all booked",
                "NOT_FOUND",
                "part VALIDATION_ERROR",
                "part NOT_FOUND",
                "part MEAL_NOT_OPEN",
                "part PERMISSION_DENIED",
                "part DUPLICATE_ORDER",
                "part CAPACITY_EXCEEDED",
                "part INSUFFICIENT_BALANCE",
                "part BUSINESS_RULE_ERROR",
                "BUSINESS_RULE_ERROR",
            ],
        ),
        ("cancel_group_order", &["ok", "NOT_FOUND", "ORDER_LOCKED", "INVALID_STATUS_TRANSITION", "MEAL_NOT_OPEN"]),
        ("create_subscription", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "PERMISSION_DENIED", "BUSINESS_RULE_ERROR"]),
        ("change_subscription", &["ok", "NOT_FOUND", "PERMISSION_DENIED", "INVALID_STATUS_TRANSITION"]),
        (
            "run_subscription",
            &[
                "ok",
                "NOT_FOUND",
                "INVALID_STATUS_TRANSITION",
                "MEAL_NOT_OPEN",
                "part PERMISSION_DENIED",
                "part BUSINESS_RULE_ERROR",
                "part DUPLICATE_ORDER",
                "part CAPACITY_EXCEEDED",
                "part INSUFFICIENT_BALANCE",
            ],
        ),
        ("edit_department", &["ok", "NOT_FOUND"]),
        ("fund_department", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("adjust_department", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("change_role", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("edit_member", &["ok", "NOT_FOUND", "BUSINESS_RULE_ERROR"]),
        ("adjust_wallet", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("set_overdraft", &["ok", "NOT_FOUND"]),
        ("set_member_status", &["ok", "NOT_FOUND", "BUSINESS_RULE_ERROR"]),
        ("repair_balance", &["ok"]),
        ("repair_capacity", &["ok", "CAPACITY_EXCEEDED", "BUSINESS_RULE_ERROR"]),
        ("repair_order_states", &["ok", "BUSINESS_RULE_ERROR"]),
        ("repair_pool", &["ok"]),
        ("sign_in", &["ok", "BUSINESS_RULE_ERROR"]),
        ("open_session", &["ok", "NOT_FOUND", "BUSINESS_RULE_ERROR"]),
        ("close_session", &["ok"]),
        ("add_member", &["ok", "NOT_FOUND", "BUSINESS_RULE_ERROR"]),
        ("create_department", &["ok", "BUSINESS_RULE_ERROR"]),
        ("grant", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("create_meal", &["ok", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("copy_meals", &["ok", "VALIDATION_ERROR", "BUSINESS_RULE_ERROR"]),
        ("edit_meal", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "INVALID_STATUS_TRANSITION", "BUSINESS_RULE_ERROR"]),
        ("meal_step", &["ok", "NOT_FOUND", "INVALID_STATUS_TRANSITION"]),
        ("cancel_meal", &["ok", "NOT_FOUND", "INVALID_STATUS_TRANSITION", "BUSINESS_RULE_ERROR"]),
        ("repost_meal", &["ok", "NOT_FOUND", "VALIDATION_ERROR", "MEAL_NOT_OPEN", "BUSINESS_RULE_ERROR"]),
        (
            "place_order",
            &[
                "ok",
                "NOT_FOUND",
                "VALIDATION_ERROR",
                "MEAL_NOT_OPEN",
                "DUPLICATE_ORDER",
                "CAPACITY_EXCEEDED",
                "INSUFFICIENT_BALANCE",
                "BUSINESS_RULE_ERROR",
            ],
        ),
        (
            "modify_order",
            &[
                "ok",
                "NOT_FOUND",
                "PERMISSION_DENIED",
                "VALIDATION_ERROR",
                "ORDER_LOCKED",
                "INVALID_STATUS_TRANSITION",
                "MEAL_NOT_OPEN",
                "CAPACITY_EXCEEDED",
                "INSUFFICIENT_BALANCE",
                "BUSINESS_RULE_ERROR",
            ],
        ),
        (
            "cancel_order",
            &[
                "ok",
                "NOT_FOUND",
                "PERMISSION_DENIED",
                "ORDER_LOCKED",
                "INVALID_STATUS_TRANSITION",
                "MEAL_NOT_OPEN",
                "BUSINESS_RULE_ERROR",
            ],
        ),
    ];
    for (command, answers) in expected {
        for answer in answers {
            assert!(met.contains_key(&(command, (*answer).to_owned())), "{command} never met {answer}: {met:#?}");
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low + 1).expect("low before high");
        low + i64::try_from(self.below(width)).expect("a small width")
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len().max(1) as u64);
        from.get(usize::try_from(index).expect("an index"))
    }
}

struct World {
    random: Random,
    database: Database,
    ids: Ids,
    house: House,
    reference: Reference,
    tokens: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let overdraft_limit = match random.below(4) {
            0 => Some(Overdraft::NONE),
            1 => Some(5000_u32.into()),
            _ => None,
        };
        Self {
            random,
            database: Database::new(),
            ids: Ids::default(),
            house: House {
                now: Instant::from_millis(1_772_413_200_000),
                overdraft_limit,
                cabinet: kernel::CabinetRules::default(),
            },
            reference: Reference::default(),
            tokens: 0,
        }
    }

    fn batch(&mut self, history: &mut Vec<Asked>, met: &mut Met) {
        let step = self.random.pick(&[0, 1, 999, 1000, 1000, 9000]).copied().unwrap_or_default();
        self.house.now = self.house.now.plus_millis(step);
        self.change_by_hand();
        let size = self.random.between(1, 12);
        let batch: Vec<Asked> = (0..size).map(|_| self.asked()).collect();
        self.carry_out(&batch, history, met);
        check_books(&self.database);
        if self.random.percent(25) {
            self.break_and_repair(history, met);
        }
        compare_rows(&self.reference, &self.database, self.house.now);
    }

    /// Lets a batch through and compares every answer.
    fn carry_out(&mut self, batch: &[Asked], history: &mut Vec<Asked>, met: &mut Met) {
        let Self { database, ids, house, reference, .. } = self;
        support::run(database, ids, house, batch, |asked, answer, facts| {
            history.push(asked.clone());
            let moment = Moment {
                now: house.now.as_millis(),
                actor: asked.actor.member.map(MemberId::get),
                house_limit: house.overdraft_limit.map(|limit| i64::from(limit).into()),
                born: born(answer),
                copies: copies(answer),
                parties: parties(answer),
                today: house.now.date_in(&jiff::tz::TimeZone::UTC).to_string(),
            };
            let expected = reference.carry_out(&asked.command, &moment);
            let came = told(&asked.command, answer);
            assert_eq!(came, expected, "kernel (left) and reference (right) disagree");
            for head in heads(answer) {
                *met.entry((name(&asked.command), head)).or_default() += 1;
            }
            // What a repair has refused is still broken.
            if answer.is_ok() || !support::is_repair(&asked.command) {
                compare_facts(reference, facts, house.now.as_millis());
            }
        });
    }

    /// Contradicts the books in one way, has it repaired, and sees that a second repair finds nothing.
    fn break_and_repair(&mut self, history: &mut Vec<Asked>, met: &mut Met) {
        let before = (self.database.clone(), self.reference.clone());
        let damaged = match self.random.below(4) {
            0 => self.break_balance(),
            1 => self.break_pool(),
            2 => self.break_capacity(),
            _ => self.break_states(),
        };
        let Some(command) = damaged else {
            (self.database, self.reference) = before;
            return;
        };
        let actor = actor(None);
        let asked = [Asked { command, actor }];
        let damaged = self.database.clone();
        self.carry_out(&asked, history, met);
        if self.database == damaged {
            // Refused, or nothing was broken after all.
            (self.database, self.reference) = before;
            return;
        }
        check_books(&self.database);
        let repaired = self.database.clone();
        self.carry_out(&asked, history, met);
        assert!(self.database == repaired, "a second repair changes something");
    }

    fn break_balance(&mut self) -> Option<Command> {
        let member = self.random.pick(&self.reference.people)?.id;
        let dish = self.random.pick(&self.reference.dishes)?.id;
        let purse = self.random.pick(&[("member", member), ("meal", dish), GRANTS]).copied()?;
        let account = account(purse);
        let by = self.random.between(-3, 3);
        let entries = if by == 0 { 2 } else { self.random.between(0, 2) };
        let (row, _) = self.database.accounts.get_mut(&account)?;
        // At an end of the range there is only one way.
        let by = if row.balance.get() > 0 { -by.abs() } else { by.abs() };
        row.balance = Cents::new(row.balance.get() + by);
        row.entries += entries;
        (by != 0 || entries != 0).then_some(Command::RepairBalance(RepairBalance { account }))
    }

    fn break_pool(&mut self) -> Option<Command> {
        let meal = MealId::new(self.random.pick(&self.reference.dishes)?.id);
        let kind = self.random.below(4);
        let pool = PoolId::from(meal);
        let orders = self.reference.purchases.iter().filter(|purchase| purchase.meal == meal.get());
        let orders: Vec<OrderId> = orders.map(|purchase| OrderId::new(purchase.id)).collect();
        let order = self.random.pick(&orders).copied();
        match (kind, order) {
            (0, Some(order)) => drop(self.database.holds.remove(&(order, pool))),
            (1, Some(order)) => self.database.holds.get_mut(&(order, pool))?.0.state = HoldState::Held,
            (2, Some(order)) => self.database.holds.get_mut(&(order, pool))?.0.state = HoldState::Released,
            _ => {
                let (row, _) = self.database.pools.get_mut(&pool)?;
                row.taken = row.capacity - row.taken;
            }
        }
        // A lost claim of an order that is over is missed by nobody, but looked for by these tests.
        if kind == 0
            && let Some(order) = order
            && !self.database.orders[&order].0.status.stands()
        {
            let quantity = self.database.orders[&order].0.quantity.get();
            let (state, expires_at) = (HoldState::Held, None);
            let hold = kernel::Hold { order, pool, quantity, state, expires_at };
            self.database.holds.insert((order, pool), (hold, 1));
        }
        Some(Command::RepairPool(RepairPool { meal }))
    }

    fn break_capacity(&mut self) -> Option<Command> {
        let dish = self.random.pick(&self.reference.dishes)?.id;
        let meal = MealId::new(dish);
        self.fill_a_payer(dish);
        let (row, _) = self.database.pools.get_mut(&meal.into())?;
        let capacity = self.random.between(0, row.taken);
        (row.capacity, row.taken) = (capacity, capacity);
        self.reference.dishes.iter_mut().filter(|known| known.id == dish).for_each(|known| known.capacity = capacity);
        let strategies = [CapacityStrategy::CancelLatest, CapacityStrategy::ReduceProportional];
        let strategy = self.random.pick(&strategies).copied()?;
        Some(Command::RepairCapacity(RepairCapacity { meal, strategy }))
    }

    fn break_states(&mut self) -> Option<Command> {
        let (dish, status) = self.random.pick(&self.reference.dishes).map(|dish| (dish.id, dish.status))?;
        let meal = MealId::new(dish);
        self.fill_a_payer(dish);
        if status != "canceled" && self.random.percent(30) {
            let open = self.reference.purchases.iter().filter(|purchase| purchase.meal == dish && !purchase.over());
            let purses: Vec<Purse> = open.map(|purchase| purchase.purse).collect();
            if self.random.percent(20)
                && let Some(&purse) = self.random.pick(&purses)
            {
                // No room for what would come back.
                self.fill(purse, (1 << 53) - 1);
            }
            self.database.meals.get_mut(&meal)?.0.status = MealStatus::Canceled;
            self.reference
                .dishes
                .iter_mut()
                .filter(|known| known.id == dish)
                .for_each(|known| known.status = "canceled");
        } else {
            let (name, wrong) = match status {
                "published" => ("locked", OrderStatus::Locked),
                _ => ("active", OrderStatus::Active),
            };
            for purchase in self.reference.purchases.iter_mut() {
                // One that was completed by itself in a meal that goes on is in order.
                let stays = purchase.over() || purchase.status == "completed" && status != "completed";
                if purchase.meal == dish && !stays {
                    purchase.status = name;
                    self.database.orders.get_mut(&OrderId::new(purchase.id))?.0.status = wrong;
                }
            }
        }
        Some(Command::RepairOrderStates(RepairOrderStates { meal }))
    }

    /// What no command does (yet), to the rows and to the reference alike.
    fn change_by_hand(&mut self) {
        if self.random.percent(6)
            && let Some(person) = self.random.pick(&self.reference.people).map(|person| person.id)
        {
            let disabled = self.random.percent(50);
            let status = if disabled { MemberStatus::Disabled } else { MemberStatus::Active };
            self.member(person, |row| row.status = status);
            self.person(person, |known| known.disabled = disabled);
        }
        if self.random.percent(8)
            && let Some(person) = self.random.pick(&self.reference.people).map(|person| person.id)
        {
            let department = self.random.pick(&self.reference.groups).map(|group| group.id);
            self.member(person, |row| row.department = department.map(DepartmentId::new));
            self.person(person, |known| known.department = department);
        }
        if self.random.percent(20) {
            self.open_balance();
        }
        if self.random.percent(20) {
            self.claim();
        }
    }

    fn member(&mut self, id: i64, change: impl Fn(&mut kernel::Member)) {
        let row = self.database.members.get_mut(&MemberId::new(id));
        change(&mut row.expect("a member both sides know").0);
    }

    fn person(&mut self, id: i64, change: impl Fn(&mut reference::Person)) {
        self.reference.people.iter_mut().filter(|person| person.id == id).for_each(change);
    }

    /// Lets a balance appear, now and then right at an end of the range.
    fn open_balance(&mut self) {
        let mut purses: Vec<Purse> = vec![GRANTS, ADJUSTMENTS];
        purses.extend(self.reference.people.iter().map(|person| ("member", person.id)));
        purses.extend(self.reference.groups.iter().map(|group| ("department", group.id)));
        purses.extend(self.reference.dishes.iter().map(|dish| ("meal", dish.id)));
        let Some(&purse) = self.random.pick(&purses) else {
            return;
        };
        let edge = self.random.between(0, 3000);
        let wanted = match self.random.below(5) {
            0 => MOST - edge,
            // What a meal has taken in covers its refunds.
            1 if purse.0 != "meal" => edge - MOST,
            _ if purse.0 != "meal" => self.random.between(-10_000, 100_000),
            _ => return,
        };
        self.fill(purse, wanted);
    }

    /// Now and then somebody has ordered whose money cannot come back.
    fn fill_a_payer(&mut self, dish: i64) {
        let payer = self.reference.purchases.iter().find(|purchase| purchase.meal == dish && !purchase.over());
        if let Some(purse) = payer.map(|purchase| purchase.purse).filter(|_| self.random.percent(10)) {
            self.fill(purse, MOST);
        }
    }

    fn fill(&mut self, purse: Purse, wanted: i64) {
        let missing = wanted - self.database.balance(account(purse));
        self.database.open_balance(account(purse), missing, &mut self.ids);
        self.reference.move_money(("nowhere", 0), purse, missing.into());
    }

    /// Takes portions of a published meal with a deadline, if there are any.
    fn claim(&mut self) {
        let now = self.house.now.as_millis();
        let published = self.reference.dishes.iter().filter(|dish| dish.status == "published");
        let published: Vec<(i64, i64)> = published.map(|dish| (dish.id, dish.capacity)).collect();
        let Some(&(meal, capacity)) = self.random.pick(&published) else {
            return;
        };
        let taken = self.database.pools[&PoolId::from(MealId::new(meal))].0.taken;
        let quantity = self.random.between(1, 3);
        if capacity - taken < quantity {
            return;
        }
        let until = now + self.random.between(-1, 3) * 1000;
        self.database.claim(MealId::new(meal), quantity, Instant::from_millis(until), &mut self.ids);
        self.reference.claims.push(reference::Claim { meal, quantity, until });
    }

    // Commands.

    fn asked(&mut self) -> Asked {
        if self.reference.groups.len() < 2 && self.random.percent(50) {
            return self.by_house(Self::create_department);
        }
        if self.reference.people.len() < 4 && self.random.percent(60) {
            return self.by_house(Self::add_member);
        }
        if self.reference.dishes.len() < 2 && self.random.percent(60) {
            return self.by_house(Self::create_meal);
        }
        match self.random.below(144) {
            0..34 => self.place(),
            34..56 => self.modify(),
            56..68 => self.cancel(),
            68..75 => self.by_house(Self::grant),
            75..84 => self.by_house(Self::step),
            84..89 => self.by_house(Self::edit),
            89..91 => self.by_house(Self::repost),
            91..93 => self.by_house(Self::cancel_meal),
            93..95 => self.by_house(Self::create_meal),
            95..96 => self.by_house(Self::sign_in),
            96..97 => self.by_house(Self::add_member),
            97..98 => self.by_house(Self::create_department),
            98..99 => self.by_house(Self::open_session),
            99..101 => self.by_house(Self::adjust),
            101..102 => self.by_house(Self::set_overdraft),
            102..103 => self.set_status(),
            103..108 => self.process(),
            108..109 => self.by_house(Self::copy_meals),
            109..119 => self.book(),
            119..123 => self.call_off(),
            123..127 => self.redeem(),
            127..129 => self.by_house(Self::edit_department),
            129..130 => self.by_house(Self::fund),
            130..131 => self.by_house(Self::settle),
            131..132 => self.by_house(Self::change_role),
            132..133 => self.by_house(Self::edit_member),
            133..136 => self.by_house(Self::subscribe),
            136..138 => self.by_house(Self::change_subscription),
            138..143 => self.by_house(Self::run_subscription),
            _ => self.by_house(Self::close_session),
        }
    }

    fn by_house(&mut self, make: fn(&mut Self) -> Command) -> Asked {
        let command = make(self);
        let actor = actor(None);
        Asked { command, actor }
    }

    fn person_id(&mut self) -> i64 {
        let known = self.random.pick(&self.reference.people).map(|person| person.id);
        known.filter(|_| !self.random.percent(3)).unwrap_or(404)
    }

    fn meal_id(&mut self) -> i64 {
        let recent = self.reference.dishes.len().saturating_sub(4);
        let known = self.random.pick(&self.reference.dishes[recent..]).map(|dish| dish.id);
        known.filter(|_| !self.random.percent(3)).unwrap_or(405)
    }

    /// An order, its meal, its member; sometimes one that does not exist, or another meal.
    fn order_ids(&mut self) -> (OrderId, MealId, i64) {
        let recent = self.reference.purchases.iter().rev().take(10);
        let mut recent: Vec<_> = recent.map(|known| (known.status, known)).collect();
        if self.random.percent(75) && recent.iter().any(|(status, _)| *status == "active") {
            recent.retain(|(status, _)| *status == "active");
        }
        let known = self.random.pick(&recent).map(|(_, known)| known);
        let (order, meal, member) = known.map_or((406, 405, 404), |known| (known.id, known.meal, known.member));
        let order = if self.random.percent(3) { self.ids.0 + self.random.between(1, 9) } else { order };
        let meal = if self.random.percent(3) { self.meal_id() } else { meal };
        (OrderId::new(order), MealId::new(meal), member)
    }

    fn actor_for(&mut self, member: i64) -> kernel::Actor {
        let by = match self.random.below(20) {
            0 => None,
            1 | 2 => Some(self.person_id()),
            _ => Some(member),
        };
        actor(by.map(MemberId::new))
    }

    fn quantity(&mut self) -> Quantity {
        let number = if self.random.percent(2) { 1000 } else { self.random.between(1, 3) };
        Quantity::try_from(number).expect("a quantity")
    }

    fn price(&mut self, low: i64) -> Price {
        let cents = match self.random.below(40) {
            0 => Price::MAX,
            1 => -Price::MAX,
            2 => 0,
            3 => -1,
            _ => self.random.between(low, 2000),
        };
        Price::try_from(cents).expect("a price")
    }

    fn capacity(&mut self) -> i64 {
        match self.random.below(40) {
            0 => -1,
            1 => i64::MAX,
            2 => i64::MIN,
            3 => 1_000_000,
            _ => self.random.between(0, 9),
        }
    }

    fn note(&mut self) -> Note {
        let text = ["", "hot", "not hot"][usize::try_from(self.random.below(3)).expect("an index")];
        Note::try_from(text.to_owned()).expect("a note")
    }

    fn menu(&mut self) -> Vec<MenuOption> {
        let length = self.random.below(4);
        let options = (0..length).map(|_| {
            let id = match self.random.below(8) {
                0 => Some(OptionId::Number(self.random.between(1, 3))),
                1 => Some(OptionId::Text(title("a"))),
                _ => None,
            };
            let name = title(self.random.pick(&["egg", "tofu", "rice"]).expect("a name"));
            let price_cents = if self.random.percent(60) {
                Price::try_from(self.random.between(-1, 2) * 100).expect("a price")
            } else {
                self.price(-2000)
            };
            MenuOption { id, name, price_cents }
        });
        options.collect()
    }

    fn chosen(&mut self, meal: MealId) -> Vec<Chosen> {
        let dish = self.reference.dishes.iter().find(|dish| dish.id == meal.get());
        let offered: Vec<OptionId> =
            dish.into_iter().flat_map(|dish| &dish.extras).map(|extra| extra.id.clone()).collect();
        let mut chosen: Vec<Chosen> = Vec::new();
        for id in offered {
            if self.random.percent(40) {
                chosen.push(Chosen { id });
            }
        }
        if self.random.percent(3) {
            let number = self.random.between(0, 9);
            let id = OptionId::Number(number);
            chosen.push(Chosen { id });
        }
        if self.random.percent(50) {
            chosen.reverse();
        }
        chosen
    }

    fn closes(&mut self) -> Option<Instant> {
        let later = self.random.between(-1, 50) * 1000;
        self.random.percent(30).then(|| self.house.now.plus_millis(later))
    }

    fn patch(&mut self) -> MealPatch {
        let mut patch = MealPatch::default();
        if self.random.percent(30) {
            patch.title = Some(self.random.percent(50).then(|| title("another")));
        }
        if self.random.percent(30) {
            patch.base_price = Some(self.price(0));
        }
        if self.random.percent(50) {
            patch.capacity = Some(self.capacity());
        }
        if self.random.percent(30) {
            patch.options = Some(self.menu());
        }
        if self.random.percent(30) {
            patch.orders_close_at = Some(self.closes());
        }
        patch
    }

    /// The same options under other names, and one more.
    fn renamed(&mut self, meal: MealId) -> MealPatch {
        let dish = self.reference.dishes.iter().find(|dish| dish.id == meal.get());
        let extras = dish.map(|dish| dish.extras.clone()).unwrap_or_default();
        let mut options = self.menu();
        options.truncate(1);
        options.extend(extras.into_iter().map(|extra| MenuOption {
            id: Some(extra.id),
            name: title(&format!("new {}", self.random.below(9))),
            price_cents: i64::try_from(extra.price).ok().and_then(|price| price.try_into().ok()).expect("a price"),
        }));
        let options = Some(options);
        MealPatch { options, ..MealPatch::default() }
    }

    fn place(&mut self) -> Asked {
        let member = self.person_id();
        let published = self.reference.dishes.iter().filter(|dish| dish.status == "published");
        let published: Vec<i64> = published.map(|dish| dish.id).collect();
        let open = self.random.pick(&published).copied().filter(|_| self.random.percent(80));
        let meal = MealId::new(open.unwrap_or_else(|| self.meal_id()));
        let command = Command::PlaceOrder(PlaceOrder {
            member: MemberId::new(member),
            meal,
            quantity: self.quantity(),
            options: self.chosen(meal),
            notes: self.note(),
            pickup_window: None,
        });
        let actor = self.actor_for(member);
        Asked { command, actor }
    }

    fn modify(&mut self) -> Asked {
        let (order, meal, member) = self.order_ids();
        let quantity = self.quantity();
        let options = self.chosen(meal);
        let notes = self.note();
        let command = Command::ModifyOrder(ModifyOrder {
            order,
            meal,
            quantity: self.random.percent(70).then_some(quantity),
            options: self.random.percent(40).then_some(options),
            notes: self.random.percent(30).then_some(notes),
            pickup_window: None,
        });
        let actor = self.actor_for(member);
        Asked { command, actor }
    }

    fn cancel(&mut self) -> Asked {
        let (order, meal, member) = self.order_ids();
        let command = Command::CancelOrder(CancelOrder { order, meal });
        let actor = self.actor_for(member);
        Asked { command, actor }
    }

    fn grant(&mut self) -> Command {
        let member = MemberId::new(self.person_id());
        let (amount, reason) = (self.price(0), self.note());
        Command::Grant(Grant { member, amount, reason })
    }

    fn step(&mut self) -> Command {
        let meal = MealId::new(self.meal_id());
        let dish = self.reference.dishes.iter().find(|dish| dish.id == meal.get());
        let likely = match dish.map(|dish| dish.status) {
            Some("published") => Step::Lock,
            Some("draft") => Step::Publish,
            _ if self.random.percent(30) => Step::Complete,
            _ => Step::Unlock,
        };
        let any = self.random.pick(&Step::ALL).copied();
        let step = if self.random.percent(20) { any.unwrap_or(likely) } else { likely };
        Command::MealStep(MealStep { meal, step })
    }

    fn edit(&mut self) -> Command {
        let meal = MealId::new(self.meal_id());
        let mut patch = self.patch();
        if self.random.percent(25) {
            patch = self.renamed(meal);
        }
        Command::EditMeal(EditMeal { meal, patch })
    }

    fn repost(&mut self) -> Command {
        let meal = MealId::new(self.meal_id());
        let (patch, reason) = (self.patch(), self.note());
        Command::RepostMeal(RepostMeal { meal, patch, reason })
    }

    fn process(&mut self) -> Asked {
        let few = self.random.between(1, 4);
        let orders = (0..few).map(|_| self.order_ids()).map(|(order, meal, _)| (order, meal)).collect();
        let actions = [OrderAction::Complete, OrderAction::Cancel, OrderAction::Refund];
        let action = self.random.pick(&actions).copied().unwrap_or(OrderAction::Refund);
        let reason = self.note();
        let command = Command::ProcessOrders(ProcessOrders { orders, action, reason });
        // Whose permission it takes was looked at before: who the actor is does not matter.
        let by = self.person_id();
        let actor = self.actor_for(by);
        Asked { command, actor }
    }

    fn adjust(&mut self) -> Command {
        let member = MemberId::new(self.person_id());
        let amount = self.price(-2000);
        let reason = Reason::try_from("put right".to_owned()).expect("a reason");
        Command::AdjustWallet(AdjustWallet { member, amount, reason })
    }

    fn set_overdraft(&mut self) -> Command {
        let member = MemberId::new(self.person_id());
        let limit = self.random.pick(&[None, Some(0), Some(3000_u32)]).copied().flatten();
        let (limit, reason) = (limit.map(Overdraft::from), self.note());
        Command::SetOverdraft(SetOverdraft { member, limit, reason })
    }

    fn set_status(&mut self) -> Asked {
        let member = self.person_id();
        let status = if self.random.percent(40) { MemberStatus::Disabled } else { MemberStatus::Active };
        let reason = self.note();
        let command = Command::SetMemberStatus(SetMemberStatus { member: MemberId::new(member), status, reason });
        let by = if self.random.percent(50) { None } else { Some(MemberId::new(member)) };
        let actor = actor(by);
        Asked { command, actor }
    }

    fn group_id(&mut self) -> DepartmentId {
        let known = self.random.pick(&self.reference.groups).map(|group| group.id);
        DepartmentId::new(known.filter(|_| !self.random.percent(4)).unwrap_or(407))
    }

    fn book(&mut self) -> Asked {
        let department = self.group_id();
        let own = self.reference.people.iter().filter(|person| person.department == Some(department.get()));
        let own: Vec<i64> = own.map(|person| person.id).collect();
        let bookings = (1..=self.random.between(1, 3)).map(|number| self.booking(number, &own)).collect();
        let atomic = self.random.percent(25);
        let by = own.first().copied().unwrap_or(404);
        let actor = self.actor_for(by);
        Asked { command: Command::BookMeals(BookMeals { department, bookings, atomic }), actor }
    }

    fn booking(&mut self, number: i64, own: &[i64]) -> Booking {
        let published = self.reference.dishes.iter().filter(|dish| dish.status == "published");
        let published: Vec<(String, Slot)> = published.map(|dish| (dish.day.clone(), dish.slot)).collect();
        let any: Vec<(String, Slot)> = self.reference.dishes.iter().map(|dish| (dish.day.clone(), dish.slot)).collect();
        let from = if self.random.percent(80) { &published } else { &any };
        let at = self.random.pick(from).cloned();
        let (day, slot) = at.unwrap_or_else(|| ("2026-03-02".to_owned(), Slot::Dinner));
        let day = if self.random.percent(3) { "2026-03-01" } else { day.as_str() };
        let mut members = Vec::new();
        for _ in 0..self.random.between(0, 3) {
            let other = self.person_id();
            let named = self.random.pick(own).copied().filter(|_| !self.random.percent(4)).unwrap_or(other);
            let named = Some(MemberId::new(named)).filter(|_| !self.random.percent(2));
            if !members.contains(&named) || self.random.percent(3) {
                members.push(named);
            }
        }
        Booking { number, date: day.parse().expect("a date"), slot, members, remark: self.note() }
    }

    fn call_off(&mut self) -> Asked {
        let recent = self.reference.parties.len().saturating_sub(4);
        let party = self.random.pick(&self.reference.parties[recent..]).cloned();
        let (id, meal) = party.map_or((407, 405), |party| (party.id, party.meal));
        let parts = self.reference.purchases.iter().filter(|purchase| purchase.party == Some(id));
        let mut orders: Vec<i64> = parts.map(|purchase| purchase.id).collect();
        if self.random.percent(30) {
            orders.truncate(1);
        }
        if self.random.percent(3) {
            orders.push(self.order_ids().0.get());
        }
        let meal = if self.random.percent(3) { self.meal_id() } else { meal };
        let command = Command::CancelGroupOrder(CancelGroupOrder {
            group_order: GroupOrderId::new(id),
            meal: MealId::new(meal),
            orders: orders.into_iter().map(OrderId::new).collect(),
        });
        let by = self.person_id();
        let actor = self.actor_for(by);
        Asked { command, actor }
    }

    fn redeem(&mut self) -> Asked {
        let (order, meal, by) = self.order_ids();
        let actor = self.actor_for(by);
        Asked { command: Command::RedeemOrder(RedeemOrder { order, meal }), actor }
    }

    fn edit_department(&mut self) -> Command {
        let limit = self.random.pick(&[None, Some(0), Some(3000_u32)]).copied().flatten();
        let pays = if self.random.percent(50) { Payer::Department } else { Payer::Member };
        Command::EditDepartment(EditDepartment {
            department: self.group_id(),
            name: None,
            pays: self.random.percent(30).then_some(pays),
            overdraft_limit: self.random.percent(40).then_some(limit.map(Overdraft::from)),
            members_may_cancel: self.random.percent(40).then_some(self.random.percent(60)),
            reason: self.note(),
        })
    }

    fn fund(&mut self) -> Command {
        let (department, amount, reason) = (self.group_id(), self.price(0), self.note());
        Command::FundDepartment(FundDepartment { department, amount, reason })
    }

    fn settle(&mut self) -> Command {
        let (department, amount) = (self.group_id(), self.price(-2000));
        let reason = Reason::try_from("put right".to_owned()).expect("a reason");
        Command::AdjustDepartment(AdjustDepartment { department, amount, reason })
    }

    fn change_role(&mut self) -> Command {
        let member = MemberId::new(self.person_id());
        let role = self.random.pick(&[Role::DeptAdmin, Role::Admin, Role::Finance, Role::Member]).copied();
        let role = role.unwrap_or(Role::Admin).code();
        let in_department = (role == Role::DeptAdmin.code()) != self.random.percent(5);
        let scope = if in_department { Scope::Department(self.group_id()) } else { Scope::Everywhere };
        let held = self.random.percent(50);
        // Few people are administrators, so one of them is looked for.
        let admins =
            self.reference.people.iter().filter(|person| person.roles.iter().any(|role| role == "admin everywhere"));
        let admins: Vec<_> = admins.map(|person| MemberId::new(person.id)).collect();
        let admin = self.random.pick(&admins).copied().filter(|_| role == Role::Admin.code() && !held);
        let member = admin.unwrap_or(member);
        Command::ChangeRole(ChangeRole { member, grant: RoleGrant { role, scope }, held })
    }

    fn edit_member(&mut self) -> Command {
        let code = self.random.pick(&self.reference.groups).map(|group| group.code.clone());
        let code = code.filter(|_| !self.random.percent(20)).unwrap_or_else(|| "nowhere".to_owned());
        let code = Some(code.try_into().expect("a code")).filter(|_| !self.random.percent(20));
        let department = self.random.percent(80).then_some(code);
        let nickname = self.random.percent(30).then(|| title("somebody else"));
        let account = self.random.below(12);
        let account = format!("account-{account}").try_into().expect("an account name");
        let account = self.random.percent(30).then_some(account);
        let (member, reason) = (MemberId::new(self.person_id()), self.note());
        Command::EditMember(EditMember { member, nickname, account, department, reason })
    }

    fn subscribe(&mut self) -> Command {
        let (owner, members) = if self.random.percent(50) {
            (Subscriber::Member(MemberId::new(self.person_id())), Vec::new())
        } else {
            let department = self.group_id();
            let own = self.reference.people.iter().filter(|person| person.department == Some(department.get()));
            let mut members: Vec<_> = own.map(|person| MemberId::new(person.id)).take(3).collect();
            if members.is_empty() || self.random.percent(10) {
                members.push(MemberId::new(self.person_id()));
            }
            (Subscriber::Department(department), members)
        };
        let days = (1..=7).filter(|_| self.random.percent(90)).collect::<Vec<u8>>();
        let first: Date = "2026-03-02".parse().expect("a date");
        let last = i32::try_from(self.random.between(-1, 2)).expect("a few days");
        Command::CreateSubscription(CreateSubscription {
            owner,
            members,
            slot: self.random.pick(&Slot::ALL).copied().unwrap_or(Slot::Lunch),
            weekdays: days.try_into().unwrap_or_else(|_| vec![1].try_into().expect("a day")),
            first_date: first.plus_days(i32::from(self.random.percent(10))),
            last_date: self.random.percent(20).then(|| first.plus_days(last)),
            notes: self.note(),
            pickup_window: None,
        })
    }

    /// One that there is, and whose it is; now and then neither.
    fn subscription(&mut self) -> (SubscriptionId, Subscriber) {
        let known = self.random.pick(&self.reference.standings).map(|standing| (standing.id, standing.owner));
        let (id, owner) = known.filter(|_| !self.random.percent(4)).unwrap_or((408, ("member", 404)));
        let owner = match owner {
            ("member", id) => Subscriber::Member(MemberId::new(id)),
            (_, id) => Subscriber::Department(DepartmentId::new(id)),
        };
        (SubscriptionId::new(id), owner)
    }

    fn change_subscription(&mut self) -> Command {
        let (subscription, owner) = self.subscription();
        let owner = if self.random.percent(5) { self.subscription().1 } else { owner };
        let states = [SubscriptionStatus::Active, SubscriptionStatus::Active, SubscriptionStatus::Paused];
        let status = self.random.pick(&states).copied().unwrap_or(SubscriptionStatus::Active);
        let status = if self.random.percent(10) { SubscriptionStatus::Ended } else { status };
        Command::ChangeSubscription(ChangeSubscription { subscription, owner, status })
    }

    fn run_subscription(&mut self) -> Command {
        let (subscription, _) = self.subscription();
        Command::RunSubscription(RunSubscription { subscription, meal: MealId::new(self.meal_id()) })
    }

    fn cancel_meal(&mut self) -> Command {
        // Few meals have an order that was completed by itself.
        let completed = self.reference.purchases.iter().filter(|purchase| purchase.status == "completed");
        let completed: Vec<i64> = completed.map(|purchase| purchase.meal).collect();
        let completed = self.random.pick(&completed).copied().filter(|_| self.random.percent(20));
        let meal = MealId::new(completed.unwrap_or_else(|| self.meal_id()));
        let reason = self.note();
        Command::CancelMeal(CancelMeal { meal, reason })
    }

    fn create_meal(&mut self) -> Command {
        let date: Date = "2026-03-02".parse().expect("a date");
        let days = i32::try_from(self.random.below(3)).expect("a few days");
        Command::CreateMeal(CreateMeal {
            date: date.plus_days(days),
            slot: self.random.pick(&Slot::ALL).copied().unwrap_or(Slot::Lunch),
            title: None,
            description: self.note(),
            base_price: self.price(0),
            capacity: self.capacity(),
            options: self.menu(),
            orders_close_at: self.closes(),
            pickup_windows: Vec::new(),
            publish: self.random.percent(80),
        })
    }

    /// The same meal more than once, too.
    fn copy_meals(&mut self) -> Command {
        let few = self.random.between(0, 3);
        let copies = (0..few).map(|_| match self.create_meal() {
            Command::CreateMeal(meal) => MealCopy { source: MealId::new(self.meal_id()), meal },
            other => panic!("{other:?}"),
        });
        Command::CopyMeals(CopyMeals { copies: copies.collect() })
    }

    fn sign_in(&mut self) -> Command {
        Command::SignIn(SignIn { openid: self.openid(), profile: self.profile(), session: self.session() })
    }

    fn open_session(&mut self) -> Command {
        let member = MemberId::new(self.person_id());
        let session = self.session();
        Command::OpenSession(OpenSession { member, session })
    }

    fn close_session(&mut self) -> Command {
        let known = self.random.pick(&self.reference.tokens).map(|token| (token.0, token.1));
        let (token_hash, member) = known.unwrap_or(([255; 32], 404));
        let member = if self.random.percent(20) { self.person_id() } else { member };
        Command::CloseSession(CloseSession { member: MemberId::new(member), token_hash })
    }

    fn add_member(&mut self) -> Command {
        let (account, openid) = (self.random.below(12), self.openid());
        let account = format!("account-{account}").try_into().expect("an account name");
        let department = if self.random.percent(5) {
            Some("nowhere".to_owned())
        } else {
            self.random.pick(&self.reference.groups).map(|group| group.code.clone())
        };
        let limit: u32 = self.random.pick(&[0, 1000, 100_000]).copied().unwrap_or_default();
        let role = self.random.pick(&Role::ALL).copied().unwrap_or(Role::Admin).code();
        let scope = Scope::Everywhere;
        let grant = if self.random.percent(50) {
            NewGrant::InOwnDepartment(role)
        } else {
            NewGrant::As(RoleGrant { role, scope })
        };
        Command::AddMember(AddMember {
            profile: self.profile(),
            account: self.random.percent(40).then_some(account),
            password_hash: None,
            openid: self.random.percent(40).then_some(openid),
            department: department.filter(|_| self.random.percent(70)).map(|code| code.try_into().expect("a code")),
            overdraft_limit: self.random.percent(20).then_some(Overdraft::from(limit)),
            grants: if self.random.percent(30) { vec![grant; 2] } else { Vec::new() },
        })
    }

    fn create_department(&mut self) -> Command {
        let code = format!("department-{}", self.random.below(4));
        let pays = if self.random.percent(50) { Payer::Department } else { Payer::Member };
        Command::CreateDepartment(CreateDepartment { name: title(&code), code: code.try_into().expect("a code"), pays })
    }

    fn openid(&mut self) -> Openid {
        support::openid(&format!("openid-{}", self.random.below(8)))
    }

    fn profile(&mut self) -> Profile {
        Profile { uid: self.random.next().to_string(), nickname: "somebody".to_owned() }
    }

    fn session(&mut self) -> NewSession {
        self.tokens += 1;
        let mut token_hash = [0; 32];
        token_hash[..8].copy_from_slice(&self.tokens.to_be_bytes());
        NewSession { token_hash, expires_at: self.house.now.plus_millis(86_400_000) }
    }
}

fn title(text: &str) -> Title {
    Title::try_from(text.to_owned()).expect("a title")
}

fn account(purse: Purse) -> AccountId {
    let owner = match purse {
        ("member", id) => Owner::Member(MemberId::new(id)),
        ("department", id) => Owner::Department(DepartmentId::new(id)),
        ("meal", id) => Owner::Meal(MealId::new(id)),
        ADJUSTMENTS => Owner::System(SystemAccount::Adjustments),
        _ => Owner::System(SystemAccount::Grants),
    };
    owner.account(Currency::Cny)
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::SignIn(_) => "sign_in",
        Command::OpenSession(_) => "open_session",
        Command::CloseSession(_) => "close_session",
        Command::AddMember(_) => "add_member",
        Command::CreateDepartment(_) => "create_department",
        Command::Grant(_) => "grant",
        Command::CreateMeal(_) => "create_meal",
        Command::CopyMeals(_) => "copy_meals",
        Command::EditMeal(_) => "edit_meal",
        Command::MealStep(_) => "meal_step",
        Command::CancelMeal(_) => "cancel_meal",
        Command::RepostMeal(_) => "repost_meal",
        Command::PlaceOrder(_) => "place_order",
        Command::ModifyOrder(_) => "modify_order",
        Command::CancelOrder(_) => "cancel_order",
        Command::ProcessOrders(_) => "process_orders",
        Command::RedeemOrder(_) => "redeem_order",
        Command::BookMeals(_) => "book_meals",
        Command::CancelGroupOrder(_) => "cancel_group_order",
        Command::CreateSubscription(_) => "create_subscription",
        Command::ChangeSubscription(_) => "change_subscription",
        Command::RunSubscription(_) => "run_subscription",
        Command::EditDepartment(_) => "edit_department",
        Command::FundDepartment(_) => "fund_department",
        Command::AdjustDepartment(_) => "adjust_department",
        Command::EditMember(_) => "edit_member",
        Command::ChangeRole(_) => "change_role",
        Command::AdjustWallet(_) => "adjust_wallet",
        Command::SetOverdraft(_) => "set_overdraft",
        Command::SetMemberStatus(_) => "set_member_status",
        Command::SetPassword(_) => "set_password",
        Command::RepairBalance(_) => "repair_balance",
        Command::RepairCapacity(_) => "repair_capacity",
        Command::RepairOrderStates(_) => "repair_order_states",
        Command::RepairPool(_) => "repair_pool",
        _ => unreachable!("not in the workload"),
    }
}

/// The id of what came into being, which only the kernel's side draws.
fn born(answer: &Answer) -> i64 {
    match answer {
        Ok(Outcome::Session(session)) => session.member.id.get(),
        Ok(Outcome::Member { member }) => member.id.get(),
        Ok(Outcome::Department { department }) => department.id.get(),
        Ok(Outcome::Meal(outcome)) => outcome.meal.id.get(),
        Ok(Outcome::Order(outcome)) => outcome.order.id.get(),
        Ok(Outcome::Subscription { subscription }) => subscription.id.get(),
        _ => -1,
    }
}

fn parties(answer: &Answer) -> Vec<(i64, i64, Vec<i64>)> {
    let outcome = match answer {
        Ok(Outcome::Booking(outcome)) => outcome,
        Ok(Outcome::SubscriptionRun { run }) => {
            let orders = run.results.iter().map(|result| result.order.map_or(-1, OrderId::get)).collect();
            return vec![(0, run.group_order.map_or(-1, GroupOrderId::get), orders)];
        }
        _ => return Vec::new(),
    };
    let orders = |booked: &kernel::Booked| booked.orders.iter().map(|order| order.get()).collect();
    outcome.booked.iter().map(|booked| (booked.number, booked.group_order.get(), orders(booked))).collect()
}

fn copies(answer: &Answer) -> Vec<i64> {
    match answer {
        Ok(Outcome::Meals { copies }) => {
            copies.iter().map(|copy| copy.copy.as_ref().map_or(-1, |meal| meal.get())).collect()
        }
        _ => Vec::new(),
    }
}

/// `ok` or the code, for every part of what was asked for.
fn heads(answer: &Answer) -> Vec<String> {
    fn head<T>(answer: &Result<T, Refusal>) -> String {
        answer.as_ref().map_or_else(|refusal| refusal.code().as_str(), |_| "ok").to_owned()
    }
    match answer {
        Ok(Outcome::Orders { orders }) => orders.iter().map(|order| head(&order.refunded)).collect(),
        Ok(Outcome::Meals { copies }) => copies.iter().map(|copy| head(&copy.copy)).collect(),
        Ok(Outcome::Booking(outcome)) if outcome.refused.is_empty() => vec!["ok".to_owned(), "all booked".to_owned()],
        Ok(Outcome::Booking(outcome)) => {
            let refused = outcome.refused.iter().map(|part| format!("part {}", part.refusal.code().as_str()));
            std::iter::once("ok".to_owned()).chain(refused).collect()
        }
        Ok(Outcome::SubscriptionRun { run }) => {
            let refused = run.results.iter().flat_map(|result| &result.refusal);
            let refused = refused.map(|refusal| format!("part {}", refusal.code().as_str()));
            std::iter::once("ok".to_owned()).chain(refused).collect()
        }
        answer => vec![head(answer)],
    }
}

/// The kernel's answer in the reference's words.
fn told(command: &Command, answer: &Answer) -> Told {
    match answer {
        Ok(Outcome::Member { member }) if matches!(command, Command::SetOverdraft(_) | Command::SetMemberStatus(_)) => {
            let limit = member.overdraft_limit.map(|limit| i128::from(i64::from(limit)));
            let disabled = member.status == MemberStatus::Disabled;
            Ok(vec![("disabled", disabled.to_string()), ("limit", format!("{limit:?}"))])
        }
        Ok(outcome) => Ok(said(outcome)),
        Err(Refusal::BatchRefused { refused }) => {
            Err(format!("{} {}", Refusal::BatchRefused { refused: Vec::new() }.code().as_str(), refused_said(refused)))
        }
        Err(refusal) => Err(refusal_said(refusal)),
    }
}

fn refused_said(refused: &[kernel::BookingRefused]) -> String {
    let said: Vec<_> = refused.iter().map(|part| format!("{} {}", part.number, refusal_said(&part.refusal))).collect();
    said.join("; ")
}

fn refusal_said(refusal: &Refusal) -> String {
    let code = refusal.code().as_str();
    match refusal {
        Refusal::CapacityExceeded { asked, left } => format!("{code} {asked} {left}"),
        Refusal::InsufficientBalance { balance, needed, floor } => {
            format!("{code} {} {} {}", balance.get(), needed.get(), floor.get())
        }
        Refusal::DangerousEdit { dangers } => format!("{code} {}", dangers.len()),
        _ => code.to_owned(),
    }
}

fn said(outcome: &Outcome) -> Said {
    match outcome {
        Outcome::Session(session) => {
            vec![("member", session.member.id.to_string()), ("created", session.created.to_string())]
        }
        Outcome::SessionClosed => Vec::new(),
        Outcome::Member { member } => {
            let roles = member.grants.as_slice().iter().map(|grant| match grant.scope {
                Scope::Everywhere => format!("{} everywhere", grant.role.as_str()),
                Scope::Department(id) => format!("{} {id}", grant.role.as_str()),
                Scope::Store(id) => format!("{} {id}", grant.role.as_str()),
            });
            let mut roles: Vec<String> = roles.collect();
            roles.sort();
            let department = member.department.map(DepartmentId::get);
            vec![("department", format!("{department:?}")), ("roles", roles.join(", "))]
        }
        Outcome::Department { department } => {
            let limit = department.overdraft_limit.map(|limit| i128::from(i64::from(limit)));
            vec![
                ("code", department.code.as_str().to_owned()),
                ("pays", (department.pays == Payer::Department).to_string()),
                ("limit", format!("{limit:?}")),
                ("keeps", (!department.members_may_cancel).to_string()),
            ]
        }
        Outcome::DepartmentAccount(account) => {
            vec![("amount", account.amount.get().to_string()), ("balance", account.balance.get().to_string())]
        }
        Outcome::Booking(outcome) => {
            let booked = outcome.booked.iter();
            let booked = booked.map(|part| format!("{} {} {}", part.number, part.orders.len(), part.total.get()));
            let booked: Vec<_> = booked.collect();
            vec![("booked", booked.join("; ")), ("refused", refused_said(&outcome.refused))]
        }
        Outcome::Subscription { subscription } => vec![("status", subscription.status.as_str().to_owned())],
        Outcome::SubscriptionRun { run } => {
            let result = |result: &kernel::SubscriptionResult| {
                result.refusal.as_ref().map_or_else(|| "ok".to_owned(), refusal_said)
            };
            vec![("results", run.results.iter().map(result).collect::<Vec<_>>().join("; "))]
        }
        Outcome::GroupCancel(outcome) => {
            vec![("orders", outcome.orders.len().to_string()), ("refunded", outcome.refunded.get().to_string())]
        }
        Outcome::Wallet(wallet) => {
            vec![("amount", wallet.amount.get().to_string()), ("balance", wallet.balance.get().to_string())]
        }
        Outcome::Meal(outcome) => vec![
            ("status", outcome.meal.status.as_str().to_owned()),
            ("price", outcome.meal.base_price.get().to_string()),
            ("capacity", outcome.pool.capacity.to_string()),
            ("options", options_said(&outcome.meal.options)),
            ("closes", format!("{:?}", outcome.meal.orders_close_at.map(Instant::as_millis))),
            ("orders", outcome.orders_changed.to_string()),
            ("refunded", outcome.refunded.get().to_string()),
        ],
        Outcome::Order(outcome) => vec![
            ("status", outcome.order.status.as_str().to_owned()),
            ("quantity", outcome.order.quantity.get().to_string()),
            ("total", outcome.order.total.get().to_string()),
            ("options", options_said(&outcome.order.options)),
            ("notes", outcome.order.notes.as_str().to_owned()),
            ("purse", purse_said(outcome.order.payer, outcome.order.member)),
            ("balance", outcome.balance.get().to_string()),
            ("difference", outcome.price_difference.get().to_string()),
            ("warned", outcome.warning.is_some().to_string()),
        ],
        Outcome::Orders { orders } => {
            let one = |one: &kernel::ProcessedOrder| {
                let back = one.refunded.as_ref().map(|back| back.get()).map_err(|refusal| refusal.code().as_str());
                ("order", format!("{} {back:?}", one.order))
            };
            orders.iter().map(one).collect()
        }
        Outcome::Meals { copies } => {
            let one = |one: &kernel::CopiedMeal| {
                let copy = one.copy.as_ref().map(|meal| meal.get()).map_err(|refusal| refusal.code().as_str());
                ("copy", format!("{} {copy:?}", one.source))
            };
            copies.iter().map(one).collect()
        }
        Outcome::BalanceRepair(repair) => vec![("balance", repair.new_balance.get().to_string())],
        Outcome::PoolRepair(repair) => vec![("taken", repair.new_taken.to_string())],
        Outcome::StatesRepair(repair) => {
            vec![("orders", repair.orders.len().to_string()), ("refunded", repair.refunded.get().to_string())]
        }
        Outcome::CapacityRepair(repair) => {
            let mut cuts = repair.orders.clone();
            cuts.sort_by_key(|cut| cut.order_id);
            let cut = |cut: &kernel::CutOrder| {
                let (order, old, new) = (cut.order_id, cut.old_quantity, cut.new_quantity);
                ("cut", format!("{order} {old} {new} {}", cut.refund_cents.get()))
            };
            let excess = ("excess", repair.excess_resolved.to_string());
            std::iter::once(excess).chain(cuts.iter().map(cut)).collect()
        }
        _ => unreachable!("not in the workload"),
    }
}

/// A payer's account in the reference's words: the member's own, or else a department's.
fn purse_said(payer: AccountId, member: MemberId) -> String {
    let own: Purse = ("member", member.get());
    let purse = if payer == account(own) { own } else { ("department", payer.get() / 2) };
    format!("{purse:?}")
}

fn options_said(options: &[MealOption]) -> String {
    let options = options.iter();
    let said = options.map(|option| format!("{} {} {}; ", option.id, option.name.as_str(), option.price_cents.get()));
    said.collect()
}

/// What the batch has in memory so far, against the reference.
fn compare_facts(reference: &Reference, facts: &Facts, now: i64) {
    let people = reference.people.iter().map(|person| ("member", person.id));
    let groups = reference.groups.iter().map(|group| ("department", group.id));
    let dishes = reference.dishes.iter().map(|dish| ("meal", dish.id));
    for purse in people.chain(groups).chain(dishes).chain([GRANTS, ADJUSTMENTS]) {
        let id = account(purse);
        if facts.accounts.knows(&id) {
            let known = facts.accounts.get(&id).map(|account| i128::from(account.balance.get()));
            assert_eq!(known, Some(reference.balance(purse)), "balance of {purse:?}");
        }
    }
    for dish in &reference.dishes {
        let meal = MealId::new(dish.id);
        if !facts.meals.knows(&meal) {
            continue;
        }
        assert_eq!(facts.meals.get(&meal).map(|meal| meal.status.as_str()), Some(dish.status), "meal {meal}");
        let pool = facts.pools.get(&meal.into()).expect("a meal's pool");
        let claimed = reference.claimed(dish.id, now);
        let exact = !reference.claims.iter().any(|claim| claim.meal == dish.id);
        assert!(pool.taken == claimed || !exact && pool.taken > claimed, "{pool:?}, the reference has {claimed}");
    }
    for purchase in &reference.purchases {
        let order = OrderId::new(purchase.id);
        if facts.orders.knows(&order) {
            assert_eq!(facts.orders.get(&order).map(|order| order.status.as_str()), Some(purchase.status));
        }
    }
}

/// Everything stored, against the reference.
fn compare_rows(reference: &Reference, database: &Database, now: Instant) {
    assert_eq!(database.members.len(), reference.people.len(), "members");
    assert_eq!(database.departments.len(), reference.groups.len(), "departments");
    assert_eq!(database.meals.len(), reference.dishes.len(), "meals");
    assert_eq!(database.orders.len(), reference.purchases.len(), "orders");
    assert_eq!(database.group_orders.len(), reference.parties.len(), "group orders");
    assert_eq!(database.sessions.len(), reference.tokens.len(), "sessions");
    for person in &reference.people {
        let (row, _) = &database.members[&MemberId::new(person.id)];
        let openid = row.openid.as_ref().map(|openid| openid.index);
        assert_eq!((openid, row.id.get()), (person.openid, person.id));
    }
    for (token, _, closed) in &reference.tokens {
        assert_eq!(database.sessions[token].0.revoked_at.is_some(), *closed, "a session");
    }
    let people = reference.people.iter().map(|person| ("member", person.id));
    let groups = reference.groups.iter().map(|group| ("department", group.id));
    for purse in people.chain(groups).chain([GRANTS, ADJUSTMENTS]) {
        assert_eq!(i128::from(database.balance(account(purse))), reference.balance(purse), "balance of {purse:?}");
    }
    for dish in &reference.dishes {
        let meal = MealId::new(dish.id);
        let (row, _) = &database.meals[&meal];
        assert_eq!((row.status.as_str(), i128::from(row.base_price.get())), (dish.status, dish.price));
        assert_eq!(database.pools[&meal.into()].0.capacity, dish.capacity, "capacity of {meal}");
        let codes =
            database.orders.values().filter(|(order, _)| order.meal == meal).map(|(order, _)| &order.pickup_code);
        let codes: Vec<_> = codes.flatten().collect();
        let different: BTreeSet<_> = codes.iter().collect();
        assert_eq!(different.len(), codes.len(), "pick-up codes of {meal}");
        assert_eq!(usize::try_from(database.pools[&meal.into()].0.issued), Ok(codes.len()), "orders ever of {meal}");
        let holds = database.holds.values().map(|(hold, _)| hold);
        let counted: i64 =
            holds.filter(|hold| hold.pool == meal.into() && hold.counts_at(now)).map(|hold| hold.quantity).sum();
        assert_eq!(counted, reference.claimed(dish.id, now.as_millis()), "what counts of {meal}");
        assert_eq!(i128::from(database.balance(account(("meal", dish.id)))), reference.balance(("meal", dish.id)));
    }
    for purchase in &reference.purchases {
        let (row, _) = &database.orders[&OrderId::new(purchase.id)];
        assert_eq!(row.status.as_str(), purchase.status);
        assert_eq!(row.quantity.get(), purchase.quantity);
        assert_eq!(row.redeemed_at.is_some(), purchase.redeemed, "handed out");
        assert_eq!(row.group_order.map(GroupOrderId::get), purchase.party, "the group order");
        assert_eq!(i128::from(row.total.get()), purchase.total);
        assert_eq!(options_said(&row.options), purchase_options(purchase));
        let (hold, _) = &database.holds[&(row.id, row.meal.into())];
        assert_eq!(hold.state == HoldState::Consumed, purchase.status == "completed");
    }
}

fn purchase_options(purchase: &reference::Purchase) -> String {
    let extras = purchase.extras.iter();
    let said = extras.map(|extra| format!("{} {} {}; ", extra.id, extra.name, extra.price));
    said.collect()
}
