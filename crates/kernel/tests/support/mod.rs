//! A database in memory that is fed only by what decisions say to write, and the way of a batch through it.
//!
//! Whatever a store would have to rely on is asserted here: rows come back as they were written, versions fit, natural keys
//! stay unique, lookups say the same after `apply` as after a fresh read, and the books add up.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Account, AccountId, Actor, Alert, AlertId, AlertRule, AlertState, AuditRecord, Busy, CabinetOrder, CabinetRules,
    Cents, Change, Claim, Command, Complaint, ComplaintId, Context, Correction, CorrectionId, CorrectionState,
    Currency, Date, Decision, Department, DepartmentId, Device, DeviceId, Dirty, DoorSession, DoorSessionId, Entry,
    EntryKind, Erasure, ErpProduct, Exception, ExceptionKind, ExceptionState, Facts, Goods, GroupOrder, GroupOrderId,
    Hold, HoldState, Holdings, HouseRole, IdSource, Instant, LedgerSum, Meal, MealId, MealOrder, MealStatus, Member,
    MemberId, Needs, OpenEnd, Openid, OrderId, OrderPart, OrderStatus, OutboxMessage, Outcome, Overdraft, Owner,
    Payment, PaymentId, PaymentSource, Pool, PoolId, Product, ProductCode, ProductId, Refund, RefundId, RefundOf,
    RefundState, Refusal, Report, ReportKind, RoleCode, Round, RoundId, RoundStatus, SalesDocument, ScoreOrder,
    ScoreState, Sealed, SecondFactor, Session, ShopOrder, ShopOrderState, ShopRules, ShopStatus, SignInTicket, Silence,
    Standing, StockMovement, Store, StoreId, StuckOrder, Subscription, SubscriptionId, SubscriptionRun, SystemAccount,
    Table, Topup, TopupState, Traces, TransferId, decide,
};

/// As the service would have sealed the name.
pub(crate) fn openid(name: &str) -> Openid {
    let mut index = [0; 32];
    index[..name.len()].copy_from_slice(name.as_bytes());
    Openid { index, sealed: Sealed::new(name.as_bytes().to_vec()) }
}

/// A row with its version.
type Rows<K, V> = BTreeMap<K, (V, i64)>;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Database {
    pub(crate) members: Rows<MemberId, Member>,
    pub(crate) departments: Rows<DepartmentId, Department>,
    pub(crate) sessions: Rows<[u8; 32], Session>,
    pub(crate) tickets: Rows<[u8; 32], SignInTicket>,
    pub(crate) second_factors: Rows<MemberId, SecondFactor>,
    pub(crate) erasures: Rows<MemberId, Erasure>,
    pub(crate) meals: Rows<MealId, Meal>,
    pub(crate) pools: Rows<PoolId, Pool>,
    pub(crate) orders: Rows<OrderId, MealOrder>,
    pub(crate) group_orders: Rows<GroupOrderId, GroupOrder>,
    pub(crate) holds: Rows<(OrderId, PoolId), Hold>,
    pub(crate) subscriptions: Rows<SubscriptionId, Subscription>,
    pub(crate) subscription_runs: Rows<(SubscriptionId, MealId), SubscriptionRun>,
    pub(crate) accounts: Rows<AccountId, Account>,
    pub(crate) products: Rows<ProductId, Product>,
    pub(crate) rounds: Rows<RoundId, Round>,
    pub(crate) shop_orders: Rows<OrderId, ShopOrder>,
    pub(crate) stuck: Rows<OrderId, StuckOrder>,
    pub(crate) stores: Rows<StoreId, Store>,
    pub(crate) devices: Rows<DeviceId, Device>,
    pub(crate) door_sessions: Rows<DoorSessionId, DoorSession>,
    pub(crate) scores: Rows<DoorSessionId, ScoreOrder>,
    pub(crate) cabinet_orders: Rows<OrderId, CabinetOrder>,
    pub(crate) corrections: Rows<CorrectionId, Correction>,
    pub(crate) complaints: Rows<ComplaintId, Complaint>,
    pub(crate) erp_products: Rows<ProductCode, ErpProduct>,
    pub(crate) sales: Rows<(Date, StoreId), SalesDocument>,
    pub(crate) alerts: Rows<AlertId, Alert>,
    pub(crate) silences: Rows<AlertRule, Silence>,
    pub(crate) reports: Rows<(ReportKind, Date), Report>,
    pub(crate) roles: Rows<RoleCode, HouseRole>,
    pub(crate) topups: Rows<OrderId, Topup>,
    pub(crate) payments: Rows<PaymentId, Payment>,
    pub(crate) refunds: Rows<RefundId, Refund>,
    pub(crate) exceptions: Rows<i64, Exception>,
    pub(crate) stock_movements: Vec<StockMovement>,
    pub(crate) password_hashes: BTreeMap<MemberId, String>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) audits: Vec<AuditRecord>,
    pub(crate) outbox: Vec<OutboxMessage>,
}

/// Ids in rising order, far from the numbers of the system accounts.
#[derive(Debug, Clone)]
pub(crate) struct Ids(pub(crate) i64);

impl Default for Ids {
    fn default() -> Self {
        Self(1000)
    }
}

impl IdSource for Ids {
    fn next_id(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

/// What the house lends to every command of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct House {
    pub(crate) now: Instant,
    pub(crate) overdraft_limit: Option<Overdraft>,
    pub(crate) cabinet: CabinetRules,
}

pub(crate) type Answer = Result<Outcome, Refusal>;

/// One command and who gives it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) actor: Actor,
}

pub(crate) fn actor(member: Option<MemberId>) -> Actor {
    Actor { member, ..Actor::house() }
}

pub(crate) fn system_account(system: SystemAccount) -> AccountId {
    Owner::System(system).account(Currency::Cny)
}

impl Database {
    /// With the accounts and roles that migrations make.
    pub(crate) fn new() -> Self {
        let mut database = Self::default();
        for system in [SystemAccount::Grants, SystemAccount::Adjustments, SystemAccount::Wechat] {
            let account = Account::open(Owner::System(system), Currency::Cny);
            database.accounts.insert(account.id, (account, 1));
        }
        let tickets = Account::open(Owner::System(SystemAccount::Grants), Currency::Ticket);
        database.accounts.insert(tickets.id, (tickets, 1));
        database.roles.extend(HouseRole::first_ones().into_iter().map(|role| (role.code, (role, 1))));
        database
    }

    fn standing_order(&self, meal: MealId, member: MemberId) -> Option<OrderId> {
        self.only(self.orders.values().map(|(order, _)| order).filter(|order| {
            (order.meal, order.member) == (meal, member)
                && !matches!(order.status, OrderStatus::Canceled | OrderStatus::Refunded)
        }))
        .map(|order| order.id)
    }

    fn orders_in(&self, meal: MealId, states: &[OrderStatus]) -> BTreeSet<OrderId> {
        let orders = self.orders.values().map(|(order, _)| order);
        orders.filter(|order| order.meal == meal && states.contains(&order.status)).map(|order| order.id).collect()
    }

    fn lapsed_holds(&self, pool: PoolId, now: Instant) -> Vec<OrderId> {
        let lapsed = |hold: &&Hold| hold.state == HoldState::Held && hold.expires_at.is_some_and(|at| at <= now);
        let holds = self.holds.values().map(|(hold, _)| hold);
        holds.filter(|hold| hold.pool == pool).filter(lapsed).map(|hold| hold.order).collect()
    }

    pub(crate) fn shop_orders(&self) -> impl Iterator<Item = &ShopOrder> {
        self.shop_orders.values().map(|(order, _)| order)
    }

    /// What a unique index would hold.
    fn only<'a, V: std::fmt::Debug>(&self, mut found: impl Iterator<Item = &'a V>) -> Option<&'a V> {
        let first = found.next();
        if let Some(second) = found.next() {
            panic!("two rows under one natural key: {first:?} and {second:?}");
        }
        first
    }

    pub(crate) fn topups(&self) -> impl Iterator<Item = &Topup> {
        self.topups.values().map(|(topup, _)| topup)
    }

    fn topup_by_transaction(&self, transaction: &str) -> Option<OrderId> {
        let by = |topup: &&Topup| topup.receipt().is_some_and(|receipt| receipt.transaction_id == transaction);
        self.only(self.topups().filter(by)).map(|topup| topup.id)
    }

    pub(crate) fn open_exception(&self, kind: ExceptionKind, subject: &str) -> Option<i64> {
        let exceptions = self.exceptions.values().map(|(exception, _)| exception);
        let open = exceptions.filter(|exception| exception.state == ExceptionState::Open);
        let found = self.only(open.filter(|exception| (exception.kind, exception.subject.as_str()) == (kind, subject)));
        found.map(|exception| exception.id)
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(|(member, _)| member)
    }

    fn member_by_openid(&self, index: &[u8; 32]) -> Option<MemberId> {
        let has = |member: &&Member| member.openid.as_ref().is_some_and(|openid| openid.index == *index);
        self.only(self.members().filter(has)).map(|member| member.id)
    }

    fn session_by_vendor_no(&self, number: &str) -> Option<DoorSessionId> {
        let sessions = self.door_sessions.values().map(|(session, _)| session);
        let by = |session: &&DoorSession| {
            session.settlement.as_ref().is_some_and(|settlement| settlement.vendor_order_no == number)
        };
        self.only(sessions.filter(by)).map(|session| session.id)
    }

    fn score_by_transaction(&self, transaction: &str) -> Option<DoorSessionId> {
        let scores = self.scores.values().map(|(score, _)| score);
        let by =
            |score: &&ScoreOrder| score.state.receipt().is_some_and(|receipt| receipt.transaction_id == transaction);
        self.only(scores.filter(by)).map(|score| score.session)
    }

    fn holdings(&self, member: MemberId) -> Holdings {
        let meals = self.orders.values().map(|(order, _)| order).filter(|order| order.member == member);
        let open_meal = |order: &&MealOrder| matches!(order.status, OrderStatus::Active | OrderStatus::Locked);
        let shop = self.shop_orders.values().map(|(order, _)| order).filter(|order| order.member == member);
        let open_shop = |order: &&ShopOrder| matches!(order.status(), ShopStatus::Pending | ShopStatus::Paid);
        let busy = self.busy(member);
        let open = [
            (OpenEnd::MealOrders, meals.clone().filter(open_meal).count()),
            (OpenEnd::ShopOrders, shop.filter(open_shop).count()),
            (OpenEnd::Openings, busy.sessions.len()),
            (OpenEnd::CabinetOrders, busy.unpaid.len()),
        ];
        let counted = |(end, count)| Some((end, i64::try_from(count).ok().filter(|count| *count > 0)?));
        let notes = meals.filter(|order| !order.notes.as_str().is_empty()).count();
        let traces = Traces { notes: i64::try_from(notes).expect("few"), ..Traces::default() };
        Holdings { open: open.into_iter().filter_map(counted).collect(), traces }
    }

    fn busy(&self, member: MemberId) -> Busy {
        let sessions = self.door_sessions.values().map(|(session, _)| session);
        let orders = self.cabinet_orders.values().map(|(order, _)| order);
        let open = sessions.filter(|session| session.member == member && session.status.is_unsettled());
        let unpaid = orders.filter(|order| order.member == member && order.is_unpaid());
        Busy { sessions: open.map(|session| session.id).collect(), unpaid: unpaid.map(|order| order.id).collect() }
    }

    /// Reads what `needs` names and nothing else.
    fn load(&self, needs: &Needs, facts: &mut Facts, now: Instant) {
        load_rows(&mut facts.members, &self.members, &needs.members);
        load_rows(&mut facts.departments, &self.departments, &needs.departments);
        load_rows(&mut facts.sessions, &self.sessions, &needs.sessions);
        load_rows(&mut facts.tickets, &self.tickets, &needs.tickets);
        load_rows(&mut facts.second_factors, &self.second_factors, &needs.second_factors);
        load_rows(&mut facts.erasures, &self.erasures, &needs.erasures);
        load_rows(&mut facts.meals, &self.meals, &needs.meals);
        load_rows(&mut facts.orders, &self.orders, &needs.orders);
        load_rows(&mut facts.group_orders, &self.group_orders, &needs.group_orders);
        load_rows(&mut facts.subscriptions, &self.subscriptions, &needs.subscriptions);
        load_rows(&mut facts.subscription_runs, &self.subscription_runs, &needs.subscription_runs);
        load_rows(&mut facts.holds, &self.holds, &needs.holds);
        load_rows(&mut facts.accounts, &self.accounts, &needs.accounts);
        load_rows(&mut facts.shop.products, &self.products, &needs.shop.products);
        load_rows(&mut facts.shop.rounds, &self.rounds, &needs.shop.rounds);
        load_rows(&mut facts.shop.orders, &self.shop_orders, &needs.shop.orders);
        load_rows(&mut facts.shop.stuck, &self.stuck, &needs.shop.stuck);
        load_rows(&mut facts.cabinet.stores, &self.stores, &needs.cabinet.stores);
        load_rows(&mut facts.cabinet.devices, &self.devices, &needs.cabinet.devices);
        load_rows(&mut facts.cabinet.sessions, &self.door_sessions, &needs.cabinet.sessions);
        load_rows(&mut facts.cabinet.scores, &self.scores, &needs.cabinet.scores);
        load_rows(&mut facts.cabinet.orders, &self.cabinet_orders, &needs.cabinet.orders);
        load_rows(&mut facts.cabinet.corrections, &self.corrections, &needs.cabinet.corrections);
        load_rows(&mut facts.cabinet.complaints, &self.complaints, &needs.cabinet.complaints);
        load_rows(&mut facts.erp.products, &self.erp_products, &needs.erp.products);
        load_rows(&mut facts.erp.sales, &self.sales, &needs.erp.sales);
        load_rows(&mut facts.alerts.alerts, &self.alerts, &needs.alerts.alerts);
        load_rows(&mut facts.alerts.silences, &self.silences, &needs.alerts.silences);
        load_rows(&mut facts.reports, &self.reports, &needs.reports);
        load_rows(&mut facts.roles, &self.roles, &needs.roles);
        for key in &needs.alerts.firing_of {
            let alerts = self.alerts.values().map(|(alert, _)| alert);
            let is_it =
                |alert: &&Alert| alert.state == AlertState::Firing && (alert.rule, &alert.subject) == (key.0, &key.1);
            let firing = self.only(alerts.filter(is_it));
            facts.alerts.firing.load(key.clone(), firing.map(|alert| alert.id));
        }
        for &order in &needs.cabinet.open_complaints {
            let complaints = self.complaints.values().map(|(complaint, _)| complaint);
            let open = self.only(complaints.filter(|one| one.order == order && one.closed_at.is_none()));
            facts.cabinet.open_complaint.load(order, open.map(|complaint| complaint.id));
        }
        for code in &needs.cabinet.store_codes {
            let stores = self.stores.values().map(|(store, _)| store);
            let found = self.only(stores.filter(|store| store.code == *code));
            facts.cabinet.store_by_code.load(code.clone(), found.map(|store| store.id));
        }
        for code in &needs.cabinet.device_codes {
            let devices = self.devices.values().map(|(device, _)| device);
            let found = self.only(devices.filter(|device| device.code == *code));
            facts.cabinet.device_by_code.load(code.clone(), found.map(|device| device.id));
        }
        for number in &needs.cabinet.vendor_nos {
            facts.cabinet.session_by_vendor_no.load(number.clone(), self.session_by_vendor_no(number));
        }
        for transaction in &needs.cabinet.score_transactions {
            facts.cabinet.score_by_transaction.load(transaction.clone(), self.score_by_transaction(transaction));
        }
        for &member in &needs.cabinet.busy {
            facts.cabinet.busy.load(member, Some(self.busy(member)));
        }
        load_rows(&mut facts.topups, &self.topups, &needs.topups);
        load_rows(&mut facts.payments, &self.payments, &needs.payments);
        load_rows(&mut facts.refunds, &self.refunds, &needs.refunds);
        load_rows(&mut facts.exceptions, &self.exceptions, &needs.exceptions);
        for transaction in &needs.transactions {
            facts.topup_by_transaction.load(transaction.clone(), self.topup_by_transaction(transaction));
        }
        for (kind, subject) in &needs.open_exceptions {
            facts.open_exception.load((*kind, subject.clone()), self.open_exception(*kind, subject));
        }
        for about in &needs.dismissed_exceptions {
            let exceptions = self.exceptions.values().map(|(exception, _)| exception);
            let dismissed =
                exceptions.filter(|one| one.is_dismissed() && (one.kind, &one.subject) == (about.0, &about.1));
            let dismissed: BTreeSet<i64> = dismissed.map(|exception| exception.id).collect();
            load_rows(&mut facts.exceptions, &self.exceptions, &dismissed);
            facts.dismissed_exceptions.load(about.clone(), Some(dismissed));
        }
        for name in &needs.shop.product_names {
            let named = self.products.values().map(|(product, _)| product).filter(|product| product.name_zh == *name);
            facts.shop.products_by_name.load(name.clone(), Some(named.map(|product| product.id).collect()));
        }
        for &round in &needs.shop.round_orders {
            let orders = self.shop_orders().filter(|order| order.goods.shares() == Some(round));
            let orders = orders.filter(|order| matches!(order.state, ShopOrderState::Paid { .. }));
            let orders: BTreeSet<_> =
                orders.filter(|order| !order.share_numbers.is_empty()).map(|order| order.id).collect();
            load_rows(&mut facts.shop.orders, &self.shop_orders, &orders);
            let holds = orders.iter().map(|&order| (order, round.into())).collect();
            load_rows(&mut facts.holds, &self.holds, &holds);
            facts.shop.round_orders.load(round, Some(orders));
        }
        let claim =
            |order: &ShopOrder| (order.id, Claim { quantity: order.quantity.get(), expires_at: order.expires_at() });
        for &(pool, member) in &needs.shop.bought {
            let bought = self.shop_orders().filter(|order| {
                order.member == member
                    && order.goods.pools().any(|own| own == pool)
                    && !matches!(order.goods, Goods::Prize { .. })
                    && matches!(order.state, ShopOrderState::Unpaid { .. } | ShopOrderState::Paid { .. })
            });
            facts.shop.bought.load((pool, member), Some(bought.map(claim).collect()));
        }
        for &member in &needs.shop.unpaid {
            let unpaid = self.shop_orders().filter(|order| order.member == member && order.expires_at().is_some());
            facts.shop.unpaid.load(member, Some(unpaid.map(claim).collect()));
        }
        load_rows(&mut facts.pools, &self.pools, &needs.pools);
        for pool in needs.meals.iter().map(|&meal| PoolId::from(meal)).chain(needs.room.iter().copied()) {
            load_rows(&mut facts.pools, &self.pools, &BTreeSet::from([pool]));
            let lapsed = self.lapsed_holds(pool, now);
            let holds = lapsed.iter().map(|&order| (order, pool)).collect();
            load_rows(&mut facts.holds, &self.holds, &holds);
            facts.lapsed_holds.load(pool, Some(lapsed));
        }
        for &meal in &needs.open_orders {
            let orders = self.load_orders(meal, &[OrderStatus::Active, OrderStatus::Locked], facts);
            facts.open_orders.load(meal, Some(orders));
        }
        for &meal in &needs.completed_orders {
            let orders = self.load_orders(meal, &[OrderStatus::Completed], facts);
            facts.completed_orders.load(meal, Some(orders));
        }
        for &pool in &needs.pool_holds {
            let holds = self.holds.values().map(|(hold, _)| hold);
            let claims = holds.filter(|hold| hold.pool == pool && hold.state != HoldState::Released);
            let claims: BTreeSet<_> = claims.map(|hold| hold.order).collect();
            let keys = claims.iter().map(|&order| (order, pool)).collect();
            load_rows(&mut facts.holds, &self.holds, &keys);
            facts.pool_holds.load(pool, Some(claims));
        }
        for &account in &needs.ledgers {
            let mut ledger = LedgerSum::default();
            for entry in self.entries.iter().filter(|entry| entry.account == account) {
                ledger.sum += entry.amount.get();
                ledger.count += 1;
                ledger.last = ledger.last.max(entry.number);
            }
            facts.ledgers.load(account, Some(ledger));
        }
        for &account in &needs.order_sums {
            let mut sums = BTreeMap::new();
            for entry in self.entries.iter().filter(|entry| entry.account == account) {
                if let Some(order) = entry.order {
                    let sum = sums.entry(order).or_insert(Cents::ZERO);
                    *sum = Cents::new(sum.get() + entry.amount.get());
                }
            }
            facts.order_sums.load(account, Some(sums));
        }
        for &member in &needs.holdings {
            facts.holdings.load(member, Some(self.holdings(member)));
        }
        for &role in &needs.holders_of {
            let holders = self.members().filter(|member| member.holds(role)).map(|member| member.id).collect();
            facts.holders.load(role, Some(holders));
        }
        for &role in &needs.holders_anywhere_of {
            let holders = self.members().filter(|member| member.grants.hold(role)).map(|member| member.id).collect();
            facts.holders_anywhere.load(role, Some(holders));
        }
        for openid in &needs.openids {
            let found = self.member_by_openid(openid);
            facts.member_by_openid.load(*openid, found);
        }
        for name in &needs.account_names {
            let found = self.only(self.members().filter(|member| member.account.as_ref() == Some(name)));
            facts.member_by_account.load(name.clone(), found.map(|member| member.id));
        }
        for code in &needs.department_codes {
            let departments = self.departments.values().map(|(department, _)| department);
            let found = self.only(departments.filter(|department| department.code == *code));
            facts.department_by_code.load(code.clone(), found.map(|department| department.id));
        }
        for &(date, slot) in &needs.meals_at {
            let meals = self.meals.values().map(|(meal, _)| meal);
            let here = meals.filter(|meal| (meal.date, meal.slot) == (date, slot));
            let found = self.only(here.filter(|meal| meal.status != MealStatus::Canceled));
            facts.meal_at.load((date, slot), found.map(|meal| meal.id));
        }
        for &(meal, member) in &needs.canceled_orders {
            let orders = self.orders.values().map(|(order, _)| order);
            let canceled = orders.filter(|order| (order.meal, order.member) == (meal, member));
            let canceled = canceled.filter(|order| order.status == OrderStatus::Canceled).map(|order| order.id).max();
            facts.canceled_order.load((meal, member), canceled);
        }
        for &(meal, member) in &needs.standing_orders {
            facts.standing_order.load((meal, member), self.standing_order(meal, member));
        }
    }

    fn load_orders(&self, meal: MealId, states: &[OrderStatus], facts: &mut Facts) -> BTreeSet<OrderId> {
        let orders = self.orders_in(meal, states);
        let holds = orders.iter().map(|&order| (order, meal.into())).collect();
        load_rows(&mut facts.orders, &self.orders, &orders);
        load_rows(&mut facts.holds, &self.holds, &holds);
        orders
    }

    /// Writes what `facts` calls dirty, as a store would: an insert must be new, an update must find its version.
    fn write(&mut self, facts: &Facts) {
        write_rows(&mut self.members, facts.members.dirty(), |member| member.id);
        write_rows(&mut self.departments, facts.departments.dirty(), |department| department.id);
        write_rows(&mut self.sessions, facts.sessions.dirty(), |session| session.token_hash);
        write_rows(&mut self.tickets, facts.tickets.dirty(), |ticket| ticket.token_hash);
        write_rows(&mut self.second_factors, facts.second_factors.dirty(), |factor| factor.member);
        write_rows(&mut self.erasures, facts.erasures.dirty(), |erasure| erasure.member);
        write_rows(&mut self.meals, facts.meals.dirty(), |meal| meal.id);
        write_rows(&mut self.pools, facts.pools.dirty(), |pool| pool.id);
        write_rows(&mut self.orders, facts.orders.dirty(), |order| order.id);
        write_rows(&mut self.group_orders, facts.group_orders.dirty(), |group_order| group_order.id);
        write_rows(&mut self.subscriptions, facts.subscriptions.dirty(), |subscription| subscription.id);
        let run = |run: &SubscriptionRun| (run.subscription, run.meal);
        write_rows(&mut self.subscription_runs, facts.subscription_runs.dirty(), run);
        write_rows(&mut self.holds, facts.holds.dirty(), |hold| (hold.order, hold.pool));
        write_rows(&mut self.accounts, facts.accounts.dirty(), |account| account.id);
        write_rows(&mut self.products, facts.shop.products.dirty(), |product| product.id);
        write_rows(&mut self.rounds, facts.shop.rounds.dirty(), |round| round.id);
        write_rows(&mut self.shop_orders, facts.shop.orders.dirty(), |order| order.id);
        write_rows(&mut self.stuck, facts.shop.stuck.dirty(), |stuck| stuck.order);
        write_rows(&mut self.stores, facts.cabinet.stores.dirty(), |store| store.id);
        write_rows(&mut self.devices, facts.cabinet.devices.dirty(), |device| device.id);
        write_rows(&mut self.door_sessions, facts.cabinet.sessions.dirty(), |session| session.id);
        write_rows(&mut self.scores, facts.cabinet.scores.dirty(), |score| score.session);
        write_rows(&mut self.cabinet_orders, facts.cabinet.orders.dirty(), |order| order.id);
        write_rows(&mut self.corrections, facts.cabinet.corrections.dirty(), |correction| correction.id);
        write_rows(&mut self.complaints, facts.cabinet.complaints.dirty(), |complaint| complaint.id);
        write_rows(&mut self.erp_products, facts.erp.products.dirty(), |known| known.code.clone());
        write_rows(&mut self.sales, facts.erp.sales.dirty(), |document| (document.date, document.store));
        write_rows(&mut self.alerts, facts.alerts.alerts.dirty(), |alert| alert.id);
        write_rows(&mut self.silences, facts.alerts.silences.dirty(), |silence| silence.rule);
        write_rows(&mut self.reports, facts.reports.dirty(), |report| (report.kind, report.date));
        write_rows(&mut self.roles, facts.roles.dirty(), |role| role.code);
        write_rows(&mut self.topups, facts.topups.dirty(), |topup| topup.id);
        write_rows(&mut self.payments, facts.payments.dirty(), |payment| payment.id);
        write_rows(&mut self.refunds, facts.refunds.dirty(), |refund| refund.id);
        write_rows(&mut self.exceptions, facts.exceptions.dirty(), |exception| exception.id);
        self.stock_movements.extend(facts.shop.movements.iter().cloned());
        self.password_hashes.extend(facts.password_hashes.clone());
        self.entries.extend(facts.entries.iter().cloned());
        self.audits.extend(facts.audits.iter().cloned());
        self.outbox.extend(facts.outbox.iter().cloned());
    }

    pub(crate) fn balance(&self, account: AccountId) -> i64 {
        self.accounts.get(&account).map_or(0, |(account, _)| account.balance.get())
    }

    /// Puts money into an account by hand, from accounts that exist for nothing else, so that the books still add up.
    pub(crate) fn open_balance(&mut self, account: AccountId, amount: i64, ids: &mut Ids) {
        const MOST: i64 = (1 << 53) - 1;
        let mut missing = amount;
        while missing != 0 {
            let step = missing.clamp(-MOST, MOST);
            missing -= step;
            let nowhere = Account::open(Owner::Department(DepartmentId::new(ids.next_id())), Currency::Cny);
            let transfer = TransferId::new(ids.next_id());
            let other = nowhere.id;
            self.accounts.insert(other, (nowhere, 1));
            self.post(account, step, transfer);
            self.post(other, -step, transfer);
        }
    }

    fn post(&mut self, id: AccountId, amount: i64, transfer: TransferId) {
        let (account, _) = self.accounts.get_mut(&id).expect("an account to fill");
        account.balance = Cents::new(account.balance.get() + amount);
        account.entries += 1;
        self.entries.push(Entry {
            account: id,
            number: account.entries,
            transfer,
            kind: EntryKind::Grant,
            order: None,
            amount: Cents::new(amount),
            balance_after: account.balance,
            created_at: Instant::from_millis(0),
        });
    }

    /// A claim on a meal's portions by something that is not a meal order, with a deadline.
    pub(crate) fn claim(&mut self, meal: MealId, quantity: i64, expires_at: Instant, ids: &mut Ids) {
        let order = OrderId::new(ids.next_id());
        let hold = Hold { order, pool: meal.into(), quantity, state: HoldState::Held, expires_at: Some(expires_at) };
        self.holds.insert((order, meal.into()), (hold, 1));
        self.pools.get_mut(&meal.into()).expect("a pool to claim from").0.taken += quantity;
    }
}

fn load_rows<K, V>(table: &mut Table<K, V>, rows: &Rows<K, V>, keys: &BTreeSet<K>)
where
    K: Clone + Eq + std::hash::Hash + Ord + std::fmt::Debug,
    V: Clone,
{
    for key in keys {
        table.load(key.clone(), rows.get(key).cloned());
    }
}

fn write_rows<K: Ord + std::fmt::Debug, V: Clone>(rows: &mut Rows<K, V>, dirty: Dirty<'_, V>, key: fn(&V) -> K) {
    for value in dirty.inserts {
        let replaced = rows.insert(key(value), (value.clone(), 1));
        assert!(replaced.is_none(), "row {:?} is inserted but exists", key(value));
    }
    for (value, version) in dirty.updates {
        let row = rows.get_mut(&key(value));
        let row = row.unwrap_or_else(|| panic!("row {:?} is updated but does not exist", key(value)));
        assert_eq!(row.1, version, "row {:?} is updated from another version", key(value));
        *row = (value.clone(), version + 1);
    }
}

/// Lets a batch through: wide commands alone, the rest together, each group with one read of what it needs and one write.
/// `seen` is told of every answer, with the facts as they are after it.
pub(crate) fn run(
    database: &mut Database,
    ids: &mut Ids,
    house: &House,
    batch: &[Asked],
    mut seen: impl FnMut(&Asked, &Answer, &Facts),
) {
    let mut start = 0;
    while start < batch.len() {
        let narrow = batch[start..].iter().take_while(|asked| !asked.command.is_wide()).count();
        let end = start + narrow.max(1);
        run_group(database, ids, house, &batch[start..end], &mut seen);
        start = end;
    }
}

fn run_group(
    database: &mut Database,
    ids: &mut Ids,
    house: &House,
    group: &[Asked],
    seen: &mut impl FnMut(&Asked, &Answer, &Facts),
) {
    let mut facts = load_all(database, group, house.now);
    for asked in group {
        let answer = match decide_twice(&facts, asked, house, ids) {
            Ok(decision) => {
                check_decision(&facts, &decision, house.now, is_repair(&asked.command));
                facts.apply(decision.changes);
                Ok(decision.outcome)
            }
            Err(refusal) => Err(refusal),
        };
        seen(asked, &answer, &facts);
    }
    database.write(&facts);
    assert_eq!(facts.is_unchanged(), writes_nothing(&facts), "is_unchanged disagrees with what is written");
    check_facts(database, &facts, group, house.now);
}

/// Reads rounds of rows until no command of the group names another; accounts last and all at once.
fn load_all(database: &Database, group: &[Asked], now: Instant) -> Facts {
    let mut facts = Facts::default();
    let mut accounts_read = false;
    for _round in 0..4 {
        let mut needs = needs(group, &facts);
        needs.drop_known(&facts);
        if needs.is_empty() {
            return facts;
        }
        assert!(!accounts_read, "named only after the accounts were read: {needs:?}");
        accounts_read = needs.only_last();
        needs.without_last();
        database.load(&needs, &mut facts, now);
    }
    let mut left = needs(group, &facts);
    left.drop_known(&facts);
    assert!(left.is_empty(), "four rounds of reading were not enough: {left:?}");
    facts
}

fn needs(group: &[Asked], facts: &Facts) -> Needs {
    let mut needs = Needs::default();
    for asked in group {
        asked.command.needs(facts, &mut needs);
    }
    needs
}

/// Decides once for the answer only and once for good: both must say the same.
fn decide_twice(facts: &Facts, asked: &Asked, house: &House, ids: &mut Ids) -> Result<Decision, Refusal> {
    let context = Context {
        now: house.now,
        today: house.now.date_in(&jiff::tz::TimeZone::UTC),
        actor: &asked.actor,
        overdraft_limit: house.overdraft_limit,
        shop: ShopRules::default(),
        cabinet: house.cabinet,
    };
    let before = ids.0;
    let dry_run = decide(facts, &asked.command, &context, &mut ids.clone());
    let decision = decide(facts, &asked.command, &context, ids);
    assert_eq!(dry_run, decision, "a dry run must answer what the commit answers");
    if decision.is_err() {
        assert_eq!(ids.0, before, "a refusal must draw no ids");
    }
    decision
}

/// What must hold of one decision whatever it decides.
fn check_decision(facts: &Facts, decision: &Decision, now: Instant, is_repair: bool) {
    let mut rows = BTreeSet::new();
    let mut sums: BTreeMap<TransferId, i64> = BTreeMap::new();
    let mut audited: BTreeMap<(&str, i64), usize> = BTreeMap::new();
    let mut to_audit = Vec::new();
    for change in &decision.changes {
        let row = match change {
            Change::Member(member) => ("member", member.id.get(), 0),
            Change::Department(department) => ("department", department.id.get(), 0),
            Change::Meal(meal) => {
                to_audit.push(("meal", meal.id.get()));
                assert_eq!(meal.updated_at, now, "a changed meal says when");
                ("meal", meal.id.get(), 0)
            }
            Change::Pool(pool) => ("pool", pool.id.get(), 0),
            Change::Order(order) => {
                to_audit.push(("order", order.id.get()));
                assert_eq!(order.updated_at, now, "a changed order says when");
                check_order_step(facts, order, is_repair);
                ("order", order.id.get(), 0)
            }
            Change::GroupOrder(group_order) => {
                to_audit.push(("group_order", group_order.id.get()));
                let known = facts.group_orders.knows(&group_order.id);
                assert!(!known, "a group order never changes");
                ("group_order", group_order.id.get(), 0)
            }
            Change::Subscription(subscription) => {
                to_audit.push(("subscription", subscription.id.get()));
                assert_eq!(subscription.updated_at, now, "a changed subscription says when");
                ("subscription", subscription.id.get(), 0)
            }
            Change::SubscriptionRun(run) => {
                let known = facts.subscription_runs.get(&(run.subscription, run.meal)).is_some();
                assert!(!known, "a subscription books a meal once");
                ("subscription_run", run.subscription.get(), run.meal.get())
            }
            Change::Product(product) => {
                to_audit.push(("product", product.id.get()));
                assert_eq!(product.updated_at, now, "a changed product says when");
                ("product", product.id.get(), 0)
            }
            Change::StockMovement(movement) => ("movement", movement.product.get(), movement.number),
            Change::Round(round) => ("round", round.id.get(), 0),
            Change::ShopOrder(order) => {
                to_audit.push(("order", order.id.get()));
                assert_eq!(order.updated_at, now, "a changed order says when");
                ("order", order.id.get(), 0)
            }
            Change::StuckOrder(stuck) => ("stuck", stuck.order.get(), 0),
            Change::Store(store) => {
                to_audit.push(("store", store.id.get()));
                ("store", store.id.get(), 0)
            }
            Change::Device(device) => {
                assert_eq!(device.updated_at, now, "a changed device says when");
                ("device", device.id.get(), 0)
            }
            Change::DoorSession(session) => {
                to_audit.push(("door_session", session.id.get()));
                check_door_step(facts, session, now);
                ("door_session", session.id.get(), 0)
            }
            Change::ScoreOrder(score) => {
                if check_score_step(facts, score, now) {
                    to_audit.push(("score_order", score.session.get()));
                }
                ("score_order", score.session.get(), 0)
            }
            Change::CabinetOrder(order) => {
                to_audit.push(("order", order.id.get()));
                assert_eq!(order.updated_at, now, "a changed order says when");
                ("order", order.id.get(), 0)
            }
            Change::Correction(correction) => {
                assert_eq!(correction.updated_at, now, "a changed correction says when");
                ("correction", correction.id.get(), 0)
            }
            Change::Complaint(complaint) => {
                to_audit.push(("complaint", complaint.id.get()));
                assert_eq!(complaint.updated_at, now, "a changed complaint says when");
                ("complaint", complaint.id.get(), 0)
            }
            Change::ErpProduct(known) => ("erp_product", known.product.get(), 0),
            Change::SalesDocument(document) => {
                to_audit.push(("store", document.store.get()));
                ("sales_document", document.store.get(), 0)
            }
            Change::Alert(alert) => {
                assert_eq!(alert.updated_at, now, "a changed alert says when");
                ("alert", alert.id.get(), 0)
            }
            Change::Silence(_) => {
                to_audit.push(("alert_rule", 0));
                ("silence", 0, 0)
            }
            Change::Role(role) => {
                to_audit.push(("role", role.id.get()));
                ("role", role.id.get(), 0)
            }
            Change::Report(report) => {
                assert_eq!(report.made_at, now, "a report says when");
                let known = facts.reports.get(&(report.kind, report.date)).is_some();
                assert!(!known, "a report stands as it was made");
                ("report", report.id.get(), 0)
            }
            Change::Hold(hold) => ("hold", hold.order.get(), hold.pool.get()),
            Change::Account(account) => ("account", account.id.get(), 0),
            Change::Entry(entry) => {
                *sums.entry(entry.transfer).or_default() += entry.amount.get();
                ("entry", entry.account.get(), entry.number)
            }
            Change::Audit(audit) => {
                assert_eq!(audit.at, now, "an audit record says when");
                *audited.entry((audit.object_kind, audit.object_id)).or_default() += 1;
                ("audit", audit.id, 0)
            }
            Change::Job(_) => ("job", 0, 0),
            Change::JobRun(run) => ("job_run", run.id.get(), 0),
            Change::Topup(topup) => {
                check_topup_step(facts, topup, now);
                ("topup", topup.id.get(), 0)
            }
            Change::Payment(payment) => ("payment", payment.id.get(), 0),
            Change::Refund(refund) => {
                check_refund_step(facts, refund);
                ("refund", refund.id.get(), 0)
            }
            Change::Exception(exception) => {
                to_audit.push(("exception", exception.id));
                ("exception", exception.id, 0)
            }
            Change::SignInTicket(_) | Change::SecondFactor(_) => continue,
            Change::Erasure(erasure) => {
                to_audit.push(("member", erasure.member.get()));
                ("erasure", erasure.member.get(), 0)
            }
            Change::PasswordHash(..) | Change::Session(_) | Change::Outbox(_) => continue,
        };
        assert!(rows.insert(row), "one decision changes {row:?} twice");
    }
    assert!(sums.values().all(|&sum| sum == 0), "transfers must sum to zero: {sums:?}");
    for object in to_audit {
        assert_eq!(audited.get(&object), Some(&1), "{object:?} changes without exactly one audit record");
    }
}

pub(crate) fn is_repair(command: &Command) -> bool {
    matches!(
        command,
        Command::RepairBalance(_) | Command::RepairCapacity(_) | Command::RepairOrderStates(_) | Command::RepairPool(_)
    )
}

fn check_door_step(facts: &Facts, after: &DoorSession, now: Instant) {
    use kernel::DoorStatus::{Closed, Failed, Held, Opened, Opening, Released, Settled, TimedOut};
    assert_eq!(after.updated_at, now, "a changed opening says when");
    let known = facts.cabinet.sessions.knows(&after.id);
    let Some(before) = known.then(|| facts.cabinet.sessions.get(&after.id)).flatten() else {
        assert_eq!(after.status, Opening, "an opening begins");
        return;
    };
    let allowed: &[_] = match before.status {
        Opening => &[Opened, Closed, Failed, TimedOut, Settled, Held],
        Failed | TimedOut => &[Opened, Closed, Settled, Held],
        Opened => &[Closed, Settled, Held, Released],
        Closed => &[Settled, Held, Released],
        Held => &[Settled, Released],
        Settled | Released => &[],
    };
    let step = (before.status, after.status);
    assert!(step.0 == step.1 || allowed.contains(&step.1), "an opening must not go {step:?}");
    let told = before.settlement.is_none() || before.settlement == after.settlement;
    assert!(told, "the first settlement stands");
}

/// Whether it has gone a step.
fn check_score_step(facts: &Facts, after: &ScoreOrder, now: Instant) -> bool {
    let known = facts.cabinet.scores.knows(&after.session);
    let Some(before) = known.then(|| facts.cabinet.scores.get(&after.session)).flatten() else {
        assert_eq!(after.state, ScoreState::Starting, "a pay score order begins");
        return false;
    };
    let allowed: &[_] = match before.state.as_str() {
        "starting" => &["running", "completing", "cancelling", "over"],
        "running" => &["completing", "cancelling", "over"],
        "completing" => &["collecting", "paid", "cancelling", "over"],
        "collecting" => &["lowering", "paid", "over"],
        "lowering" => &["collecting", "paid", "over"],
        "cancelling" => &["running", "completing", "over"],
        "over" => &["cancelling"],
        // Something of it goes back.
        "paid" => &["paid"],
        _ => &[],
    };
    let step = (before.state.as_str(), after.state.as_str());
    let steps = before.state != after.state;
    assert!(!steps || allowed.contains(&step.1), "a pay score order must not go {step:?}");
    assert!(!steps || after.updated_at == now, "a changed pay score order says when");
    let charges = || Some((before.state.charge()?, after.state.charge()?));
    match (charges(), &before.state, &after.state) {
        (None, ..) => {}
        (Some((charge, lower)), _, ScoreState::Lowering { from, .. }) if step.0 == "collecting" => {
            assert!(lower.total < charge.total && *from == charge.total, "WeChat only ever collects less");
        }
        (Some((lower, paid)), ScoreState::Lowering { from, .. }, ScoreState::Paid { .. }) => {
            assert!((paid.total == *from || paid == lower) && paid.order == lower.order, "one of what it was told");
        }
        (Some((before, after)), ..) => {
            assert_eq!(before, after, "WeChat hears the same however often it is told");
        }
    }
    assert_eq!((before.session, before.most), (after.session, after.most), "these never change");
    steps
}

fn check_order_step(facts: &Facts, after: &MealOrder, is_repair: bool) {
    use OrderStatus::{Active, Canceled, Completed, Locked, Refunded};
    let known = facts.orders.knows(&after.id);
    let Some(before) = known.then(|| facts.orders.get(&after.id)).flatten() else {
        assert_eq!(after.status, Active, "an order begins active");
        return;
    };
    if before.redeemed_at.is_none() && after.redeemed_at.is_some() {
        let redeemed = (after.redeemed_at, after.updated_at);
        let redeemed_by = after.redeemed_by;
        let before = MealOrder { redeemed_at: redeemed.0, redeemed_by, updated_at: redeemed.1, ..before.clone() };
        assert_eq!(before, *after, "handing out changes nothing else");
        return;
    }
    let allowed = [
        (Active, Active),
        (Active, Locked),
        (Active, Canceled),
        (Active, Refunded),
        (Locked, Active),
        (Locked, Completed),
        (Locked, Refunded),
    ];
    let step = (before.status, after.status);
    // A repair reduces what is locked, too, and takes back what rows changed by hand have come to say.
    let repaired = [(Locked, Locked), (Active, Completed), (Completed, Refunded)];
    assert!(allowed.contains(&step) || is_repair && repaired.contains(&step), "an order must not go {step:?}");
    let kept = |order: &MealOrder| {
        (
            order.order_no.clone(),
            order.member,
            order.meal,
            order.payer,
            order.created_at,
            order.group_order,
            order.redeemed_at,
            order.redeemed_by,
            order.pickup_code.clone(),
        )
    };
    assert_eq!(kept(before), kept(after), "these never change");
}

fn check_topup_step(facts: &Facts, after: &Topup, now: Instant) {
    use kernel::TopupStatus::{Expired, Failed, Paid, Pending, Refunded, Refunding};
    let known = facts.topups.knows(&after.id);
    let Some(before) = known.then(|| facts.topups.get(&after.id)).flatten() else {
        let is_entered = after.receipt().is_some_and(|receipt| receipt.source == PaymentSource::Person);
        assert!(after.state == TopupState::Pending || is_entered, "a top-up begins pending, or is entered by a person");
        return;
    };
    let allowed = [
        (Pending, Pending),
        (Pending, Paid),
        (Pending, Expired),
        (Pending, Failed),
        // Paid with another amount, and sent back at once.
        (Pending, Refunding),
        (Expired, Refunding),
        (Failed, Refunding),
        (Expired, Paid),
        (Failed, Paid),
        (Paid, Refunding),
        // A person says what WeChat has done, or has not done.
        (Paid, Paid),
        (Paid, Refunded),
        (Paid, Failed),
        (Refunding, Paid),
        (Refunding, Refunded),
    ];
    let step = (before.status(), after.status());
    assert!(step.0 == step.1 || after.updated_at == now, "a changed order says when");
    assert!(allowed.contains(&step), "a top-up must not go {step:?}");
    let paid_with = |topup: &Topup| topup.receipt().map(|receipt| receipt.transaction_id.clone());
    let is_taken_back = step == (Paid, Failed);
    let stays = before.receipt().is_none() || is_taken_back || paid_with(before) == paid_with(after);
    assert!(stays, "a payment stays the one it is");
}

fn check_refund_step(facts: &Facts, after: &Refund) {
    let known = facts.refunds.knows(&after.id);
    match known.then(|| facts.refunds.get(&after.id)).flatten() {
        None => {
            let begins = matches!(after.state, RefundState::Asked | RefundState::Succeeded);
            assert!(begins, "a refund begins by being owed, or by having been made");
        }
        Some(before) => {
            assert!(!before.state.is_over(), "a refund that is over never changes");
            assert_eq!((&before.refund_no, before.amount), (&after.refund_no, after.amount), "these never change");
        }
    }
}

fn writes_nothing(facts: &Facts) -> bool {
    fn none<K: Eq + std::hash::Hash + Ord + std::fmt::Debug, V>(table: &Table<K, V>) -> bool {
        let dirty = table.dirty();
        dirty.inserts.is_empty() && dirty.updates.is_empty()
    }
    none(&facts.members)
        && none(&facts.departments)
        && none(&facts.sessions)
        && none(&facts.tickets)
        && none(&facts.second_factors)
        && none(&facts.erasures)
        && none(&facts.meals)
        && none(&facts.pools)
        && none(&facts.orders)
        && none(&facts.group_orders)
        && none(&facts.subscriptions)
        && none(&facts.subscription_runs)
        && none(&facts.holds)
        && none(&facts.accounts)
        && none(&facts.shop.products)
        && none(&facts.shop.rounds)
        && none(&facts.shop.orders)
        && none(&facts.shop.stuck)
        && none(&facts.cabinet.stores)
        && none(&facts.cabinet.devices)
        && none(&facts.cabinet.sessions)
        && none(&facts.cabinet.scores)
        && none(&facts.cabinet.orders)
        && none(&facts.cabinet.corrections)
        && none(&facts.cabinet.complaints)
        && none(&facts.erp.products)
        && none(&facts.erp.sales)
        && none(&facts.alerts.alerts)
        && none(&facts.alerts.silences)
        && none(&facts.reports)
        && none(&facts.roles)
        && none(&facts.topups)
        && none(&facts.payments)
        && none(&facts.refunds)
        && none(&facts.exceptions)
        && facts.shop.movements.is_empty()
        && facts.entries.is_empty()
        && facts.audits.is_empty()
        && facts.outbox.is_empty()
}

/// After the write a fresh read must say what `apply` has made of the facts.
fn check_facts(database: &Database, facts: &Facts, group: &[Asked], now: Instant) {
    let needs = needs(group, facts);
    let mut fresh = Facts::default();
    database.load(&needs, &mut fresh, now);
    let Needs {
        members,
        departments,
        sessions,
        tickets,
        second_factors,
        erasures,
        meals,
        orders,
        group_orders,
        subscriptions,
        subscription_runs,
        canceled_orders,
        holds,
        accounts,
        openids,
        account_names,
        department_codes,
        meals_at,
        standing_orders,
        open_orders,
        completed_orders,
        pool_holds,
        ledgers,
        // No table and no workload asks for a job.
        jobs: _,
        pools,
        room,
        shop,
        cabinet,
        erp,
        alerts,
        job_runs: _,
        topups,
        payments,
        refunds,
        exceptions,
        reports,
        roles,
        transactions,
        open_exceptions,
        dismissed_exceptions,
        order_sums,
        holders_of,
        holders_anywhere_of,
        holdings,
    } = &needs;
    for key in topups {
        assert_eq!(fresh.topups.get(key), facts.topups.get(key));
    }
    for key in payments {
        assert_eq!(fresh.payments.get(key), facts.payments.get(key));
    }
    for key in refunds {
        assert_eq!(fresh.refunds.get(key), facts.refunds.get(key));
    }
    for key in exceptions {
        assert_eq!(fresh.exceptions.get(key), facts.exceptions.get(key));
    }
    for key in reports {
        assert_eq!(fresh.reports.get(key), facts.reports.get(key));
    }
    for key in roles {
        assert_eq!(fresh.roles.get(key), facts.roles.get(key));
    }
    for key in transactions {
        assert_eq!(fresh.topup_by_transaction.get(key), facts.topup_by_transaction.get(key), "transaction {key}");
    }
    for key in open_exceptions {
        assert_eq!(fresh.open_exception.get(key), facts.open_exception.get(key), "open exception {key:?}");
    }
    for key in dismissed_exceptions {
        let (fresh, known) = (fresh.dismissed_exceptions.get(key), facts.dismissed_exceptions.get(key));
        assert_eq!(fresh, known, "dismissed exceptions {key:?}");
    }
    for key in pools {
        assert_eq!(fresh.pools.get(key), facts.pools.get(key));
    }
    for key in room {
        assert_eq!(fresh.lapsed_holds.get(key), facts.lapsed_holds.get(key), "lapsed holds of {key}");
    }
    for key in &cabinet.stores {
        assert_eq!(fresh.cabinet.stores.get(key), facts.cabinet.stores.get(key));
    }
    for key in &cabinet.devices {
        assert_eq!(fresh.cabinet.devices.get(key), facts.cabinet.devices.get(key));
    }
    for key in &cabinet.sessions {
        assert_eq!(fresh.cabinet.sessions.get(key), facts.cabinet.sessions.get(key));
    }
    for key in &cabinet.scores {
        assert_eq!(fresh.cabinet.scores.get(key), facts.cabinet.scores.get(key));
    }
    for key in &cabinet.score_transactions {
        let (fresh, facts) = (&fresh.cabinet.score_by_transaction, &facts.cabinet.score_by_transaction);
        assert_eq!(fresh.get(key), facts.get(key), "the payment {key}");
    }
    for key in &cabinet.orders {
        assert_eq!(fresh.cabinet.orders.get(key), facts.cabinet.orders.get(key));
    }
    for key in &cabinet.corrections {
        assert_eq!(fresh.cabinet.corrections.get(key), facts.cabinet.corrections.get(key));
    }
    for key in &erp.products {
        assert_eq!(fresh.erp.products.get(key), facts.erp.products.get(key));
    }
    for key in &erp.sales {
        assert_eq!(fresh.erp.sales.get(key), facts.erp.sales.get(key));
    }
    for key in &alerts.alerts {
        assert_eq!(fresh.alerts.alerts.get(key), facts.alerts.alerts.get(key));
    }
    for key in &alerts.silences {
        assert_eq!(fresh.alerts.silences.get(key), facts.alerts.silences.get(key));
    }
    for key in &alerts.firing_of {
        assert_eq!(fresh.alerts.firing.get(key), facts.alerts.firing.get(key));
    }
    for key in &cabinet.complaints {
        assert_eq!(fresh.cabinet.complaints.get(key), facts.cabinet.complaints.get(key));
    }
    for key in &cabinet.open_complaints {
        assert_eq!(fresh.cabinet.open_complaint.get(key), facts.cabinet.open_complaint.get(key), "complaint of {key}");
    }
    for key in &cabinet.store_codes {
        assert_eq!(fresh.cabinet.store_by_code.get(key), facts.cabinet.store_by_code.get(key), "store {key:?}");
    }
    for key in &cabinet.device_codes {
        assert_eq!(fresh.cabinet.device_by_code.get(key), facts.cabinet.device_by_code.get(key), "device {key:?}");
    }
    for key in &cabinet.vendor_nos {
        let (fresh, facts) = (&fresh.cabinet.session_by_vendor_no, &facts.cabinet.session_by_vendor_no);
        assert_eq!(fresh.get(key), facts.get(key), "vendor's number {key}");
    }
    for key in &cabinet.busy {
        assert_eq!(fresh.cabinet.busy.get(key), facts.cabinet.busy.get(key), "what keeps {key} busy");
    }
    for key in &shop.products {
        assert_eq!(fresh.shop.products.get(key), facts.shop.products.get(key));
    }
    for key in &shop.product_names {
        assert_eq!(fresh.shop.products_by_name.get(key), facts.shop.products_by_name.get(key), "named {key:?}");
    }
    for key in &shop.rounds {
        assert_eq!(fresh.shop.rounds.get(key), facts.shop.rounds.get(key));
    }
    for key in &shop.orders {
        assert_eq!(fresh.shop.orders.get(key), facts.shop.orders.get(key));
    }
    for key in &shop.round_orders {
        assert_eq!(fresh.shop.round_orders.get(key), facts.shop.round_orders.get(key), "orders of round {key}");
    }
    for key in &shop.bought {
        assert_eq!(fresh.shop.bought.get(key), facts.shop.bought.get(key), "bought {key:?}");
    }
    for key in &shop.unpaid {
        assert_eq!(fresh.shop.unpaid.get(key), facts.shop.unpaid.get(key), "unpaid {key}");
    }
    for key in members {
        assert_eq!(fresh.members.get(key), facts.members.get(key));
    }
    for key in departments {
        assert_eq!(fresh.departments.get(key), facts.departments.get(key));
    }
    for key in sessions {
        assert_eq!(fresh.sessions.get(key), facts.sessions.get(key));
    }
    for key in tickets {
        assert_eq!(fresh.tickets.get(key), facts.tickets.get(key));
    }
    for key in second_factors {
        assert_eq!(fresh.second_factors.get(key), facts.second_factors.get(key));
    }
    for key in meals {
        let pool = PoolId::from(*key);
        assert_eq!(fresh.meals.get(key), facts.meals.get(key));
        assert_eq!(fresh.pools.get(&pool), facts.pools.get(&pool));
        assert_eq!(fresh.lapsed_holds.get(&pool), facts.lapsed_holds.get(&pool), "lapsed holds of {pool}");
    }
    for key in orders {
        assert_eq!(fresh.orders.get(key), facts.orders.get(key));
    }
    for key in subscriptions {
        assert_eq!(fresh.subscriptions.get(key), facts.subscriptions.get(key));
    }
    for key in subscription_runs {
        assert_eq!(fresh.subscription_runs.get(key), facts.subscription_runs.get(key));
    }
    for key in canceled_orders {
        assert_eq!(fresh.canceled_order.get(key).is_some(), facts.canceled_order.get(key).is_some());
    }
    for key in group_orders {
        assert_eq!(fresh.group_orders.get(key), facts.group_orders.get(key));
    }
    for key in holds {
        assert_eq!(fresh.holds.get(key), facts.holds.get(key));
    }
    for key in accounts {
        assert_eq!(fresh.accounts.get(key), facts.accounts.get(key));
    }
    for key in openids {
        assert_eq!(fresh.member_by_openid.get(key), facts.member_by_openid.get(key), "openid {key:?}");
    }
    for key in account_names {
        assert_eq!(fresh.member_by_account.get(key), facts.member_by_account.get(key), "account {key:?}");
    }
    for key in department_codes {
        assert_eq!(fresh.department_by_code.get(key), facts.department_by_code.get(key), "code {key:?}");
    }
    for key in meals_at {
        assert_eq!(fresh.meal_at.get(key), facts.meal_at.get(key), "the meal at {key:?}");
    }
    for key in standing_orders {
        assert_eq!(fresh.standing_order.get(key), facts.standing_order.get(key), "the order of {key:?}");
    }
    for key in open_orders {
        assert_eq!(fresh.open_orders.get(key), facts.open_orders.get(key), "open orders of {key}");
    }
    for key in completed_orders {
        assert_eq!(fresh.completed_orders.get(key), facts.completed_orders.get(key), "completed orders of {key}");
    }
    for key in pool_holds {
        assert_eq!(fresh.pool_holds.get(key), facts.pool_holds.get(key), "claims on pool {key}");
    }
    for key in ledgers {
        assert_eq!(fresh.ledgers.get(key), facts.ledgers.get(key), "ledger of account {key}");
    }
    for key in erasures {
        assert_eq!(fresh.erasures.get(key), facts.erasures.get(key));
    }
    for key in holdings {
        assert_eq!(fresh.holdings.get(key), facts.holdings.get(key), "what {key} has left");
    }
    for key in holders_of {
        assert_eq!(fresh.holders.get(key), facts.holders.get(key), "holders of {key:?}");
    }
    for key in holders_anywhere_of {
        let (fresh, facts) = (&fresh.holders_anywhere, &facts.holders_anywhere);
        assert_eq!(fresh.get(key), facts.get(key), "who holds {key} anywhere");
    }
    for key in order_sums {
        assert_eq!(fresh.order_sums.get(key), facts.order_sums.get(key), "orders in the ledger of account {key}");
    }
}

/// What must hold of the stored rows at any time.
pub(crate) fn check_books(database: &Database) {
    check_ledger(database);
    check_pools(database);
    check_orders(database);
    check_shop(database);
    check_cabinets(database);
    check_scores(database);
    check_topups(database);
    check_keys(database);
}

fn check_ledger(database: &Database) {
    const EXACT: i64 = (1 << 53) - 1;
    let mut sums: BTreeMap<(TransferId, bool), i64> = BTreeMap::new();
    let mut lines: BTreeMap<AccountId, Vec<&Entry>> = BTreeMap::new();
    for entry in &database.entries {
        let (account, _) = database.accounts.get(&entry.account).expect("an entry's account exists");
        *sums.entry((entry.transfer, account.currency == Currency::Ticket)).or_default() += entry.amount.get();
        lines.entry(entry.account).or_default().push(entry);
        assert_ne!(entry.amount, Cents::ZERO, "an entry moves something");
    }
    for (transfer, sum) in sums {
        assert_eq!(sum, 0, "transfer {transfer:?} does not sum to zero");
    }
    for (account, _) in database.accounts.values() {
        assert_eq!(account.id, account.owner.account(account.currency));
        let (mut number, mut balance) = (0, 0);
        for entry in lines.remove(&account.id).unwrap_or_default() {
            number += 1;
            balance += entry.amount.get();
            assert_eq!(entry.number, number, "a gap in the ledger of {account:?}");
            assert_eq!(entry.balance_after.get(), balance, "entry {number} of {account:?}");
        }
        assert_eq!((account.entries, account.balance.get()), (number, balance), "{account:?}");
        assert!((-EXACT..=EXACT).contains(&balance), "{account:?} left the exact range");
    }
    assert!(lines.is_empty(), "entries without an account: {lines:?}");
}

fn check_pools(database: &Database) {
    for (pool, _) in database.pools.values() {
        let holds = database.holds.values().map(|(hold, _)| hold);
        let counted = holds.filter(|hold| hold.pool == pool.id && hold.state != HoldState::Released);
        let sum: i64 = counted.map(|hold| hold.quantity).sum();
        assert_eq!(pool.taken, sum, "taken of {pool:?} against its holds");
        assert!((0..=pool.capacity).contains(&pool.taken), "oversold: {pool:?}");
    }
    for meal in database.meals.keys() {
        assert!(database.pools.contains_key(&(*meal).into()), "meal {meal} has a pool");
    }
}

fn check_orders(database: &Database) {
    let mut numbers = BTreeSet::new();
    let mut takings: BTreeMap<MealId, i64> = BTreeMap::new();
    for (order, _) in database.orders.values() {
        assert!(numbers.insert(&order.order_no), "{} is used twice", order.order_no);
        if let Some(group_order) = order.group_order {
            let (group_order, _) = database.group_orders.get(&group_order).expect("an order's group order exists");
            assert_eq!(group_order.meal, order.meal, "a group order is for one meal");
        }
        let pool = order.meal.into();
        let (hold, _) = database.holds.get(&(order.id, pool)).expect("every order has a hold");
        let lapsable = hold.expires_at.is_some();
        let expected = match order.status {
            OrderStatus::Active | OrderStatus::Locked => HoldState::Held,
            OrderStatus::Completed => HoldState::Consumed,
            OrderStatus::Canceled | OrderStatus::Refunded => HoldState::Released,
        };
        assert!(hold.state == expected || lapsable && hold.state == HoldState::Released, "{hold:?} of {order:?}");
        assert_eq!(hold.quantity, order.quantity.get(), "{hold:?} of {order:?}");

        let stands = expected != HoldState::Released;
        let paid = if stands { order.total.get() } else { 0 };
        let entries = database.entries.iter().filter(|entry| entry.order == Some(order.id));
        let (by_payer, others): (Vec<&Entry>, Vec<&Entry>) = entries.partition(|entry| entry.account == order.payer);
        assert_eq!(by_payer.iter().map(|entry| entry.amount.get()).sum::<i64>(), -paid, "paid for {order:?}");
        assert_eq!(others.iter().map(|entry| entry.amount.get()).sum::<i64>(), paid, "taken for {order:?}");
        assert!(order.total.get() >= 0, "a price below zero: {order:?}");
        *takings.entry(order.meal).or_default() += paid;

        let (meal, _) = database.meals.get(&order.meal).expect("an order's meal exists");
        let fits = match meal.status {
            MealStatus::Draft => false,
            // An administrator may have completed some by themselves.
            MealStatus::Published => matches!(order.status, OrderStatus::Active | OrderStatus::Completed),
            MealStatus::Locked => matches!(order.status, OrderStatus::Locked | OrderStatus::Completed),
            MealStatus::Completed => matches!(order.status, OrderStatus::Completed),
            MealStatus::Canceled => false,
        };
        assert!(fits || !stands, "order {:?} in meal {:?}", order.status, meal.status);
    }
    for (hold, _) in database.holds.values() {
        let known = database.orders.contains_key(&hold.order) || hold.expires_at.is_some();
        let known = known || database.shop_orders.contains_key(&hold.order);
        let known = known || database.rounds.values().any(|(round, _)| round.prize == hold.order);
        let known = known || hold.state == HoldState::Released;
        assert!(known, "a hold without an order: {hold:?}");
    }
    for (meal, taken) in takings {
        let account = Owner::Meal(meal).account(Currency::Cny);
        let (opened, _): (Vec<&Entry>, _) =
            database.entries.iter().filter(|entry| entry.account == account).partition(|entry| entry.order.is_none());
        let opened: i64 = opened.iter().map(|entry| entry.amount.get()).sum();
        assert_eq!(database.balance(account), opened + taken, "takings of meal {meal}");
    }
}

/// The stock is what came in less what orders take, shares are what was paid for, and every paid order is in the books.
fn check_shop(database: &Database) {
    let mut numbers: BTreeMap<RoundId, BTreeSet<i64>> = BTreeMap::new();
    let mut takings: BTreeMap<AccountId, i64> = BTreeMap::new();
    for order in database.shop_orders() {
        let hold = |pool: PoolId| database.holds.get(&(order.id, pool)).map(|(hold, _)| *hold).expect("a hold");
        let takes = |hold: Hold| hold.state != HoldState::Released;
        let (paid, pieces, shares) = match order.state {
            // Past their deadline, a new buyer may have taken them.
            ShopOrderState::Unpaid { .. } => (false, None, None),
            ShopOrderState::Paid { .. } => (true, Some(true), Some(!order.share_numbers.is_empty())),
            ShopOrderState::Cancelled { .. } | ShopOrderState::Expired { .. } => (false, Some(false), Some(false)),
            ShopOrderState::Refunded { fulfilment, .. } => (false, Some(fulfilment.is_handed_over()), Some(false)),
        };
        if let (Some(product), Some(takes_pieces)) = (order.goods.pieces(), pieces) {
            assert_eq!(takes(hold(product.into())), takes_pieces, "{order:?}");
        }
        if let (Some(round), Some(takes_shares)) = (order.goods.shares(), shares) {
            assert_eq!(takes(hold(round.into())), takes_shares, "{order:?}");
        }
        if let Some(round) = order.goods.shares() {
            for &number in &order.share_numbers {
                assert!(numbers.entry(round).or_default().insert(number), "share {number} of {round} is sold twice");
            }
        }
        let entries = database.entries.iter().filter(|entry| entry.order == Some(order.id));
        let (by_payer, others): (Vec<&Entry>, Vec<&Entry>) = entries.partition(|entry| entry.account == order.payer());
        let expected = if paid { order.total.get() } else { 0 };
        assert_eq!(by_payer.iter().map(|entry| entry.amount.get()).sum::<i64>(), -expected, "paid for {order:?}");
        for entry in others {
            *takings.entry(entry.account).or_default() += entry.amount.get();
        }
    }
    for (round, _) in database.rounds.values() {
        let given = numbers.remove(&round.id).unwrap_or_default();
        let pool = database.pools.get(&round.pool()).expect("a round's pool").0;
        if round.status() != RoundStatus::Failed {
            assert_eq!(given.len() as i64, round.numbered(), "{round:?}");
            let free: BTreeSet<i64> = (1..round.next_number).filter(|number| !given.contains(number)).collect();
            assert_eq!(free, round.free_numbers, "{round:?}");
        }
        let sold_out = matches!(round.status(), RoundStatus::SoldOut | RoundStatus::Drawn);
        assert_eq!(given.len() as i64 == pool.capacity, sold_out, "{round:?}");
        let prize = database.holds.get(&(round.prize, round.product.into())).expect("the prize's claim").0;
        let is_over = matches!(round.status(), RoundStatus::Failed | RoundStatus::Drawn);
        assert_eq!(prize.state == HoldState::Released, is_over, "{round:?}");
        let won = Goods::Prize { product: round.product, round: round.id };
        let prizes = database.shop_orders().filter(|order| order.goods == won).count();
        assert_eq!(prizes, usize::from(round.status() == RoundStatus::Drawn), "{round:?}");
    }
    assert!(numbers.is_empty(), "numbers of no round: {numbers:?}");
    for (product, _) in database.products.values() {
        let moved = database.stock_movements.iter().filter(|movement| movement.product == product.id);
        let (count, sum) = moved.fold((0, 0), |(count, sum), movement| {
            assert_eq!((movement.number, movement.total_after), (count + 1, sum + movement.delta));
            (count + 1, sum + movement.delta)
        });
        let pool = database.pools.get(&product.pool()).expect("a product's pool").0;
        assert_eq!((product.movements, pool.capacity), (count, sum), "{product:?}");
    }
    for (account, taken) in takings {
        assert_eq!(database.balance(account), taken, "takings of {account}");
    }
}

/// Each opening comes to one order at most, each paid order to its tickets, what an order keeps to what it and its surcharges took, and
/// each device serves one of its own openings.
fn check_cabinets(database: &Database) {
    let mut settled = BTreeSet::new();
    let mut takings: BTreeMap<AccountId, i64> = BTreeMap::new();
    let mut kept: BTreeMap<OrderId, i64> = BTreeMap::new();
    let worth = |items: &[kernel::Bought]| items.iter().map(|item| item.price.get() * item.quantity).sum::<i64>();
    for (order, _) in database.cabinet_orders.values() {
        let (session, _) = &database.door_sessions[&order.session];
        assert_eq!((session.member, session.device), (order.member, order.device));
        assert_eq!(session.status, kernel::DoorStatus::Settled, "only what is settled is charged");
        let is_conceded = matches!(order.part, OrderPart::Surcharge { complaint: Some(_), .. });
        assert!(is_conceded || order.total.get() == worth(&order.items), "{order:?}");
        assert_eq!(order.tickets.get(), order.total.get() * 5, "{order:?}");
        let entries = || database.entries.iter().filter(|entry| entry.order == Some(order.id));
        let is_collected = order.pay == kernel::CabinetPay::Wechat;
        let (tickets, money) = match order.is_paid() {
            true if is_collected => (0, order.total.get()),
            true => (order.tickets.get(), 0),
            false => (0, 0),
        };
        for (currency, owed) in [(Currency::Ticket, tickets), (Currency::Cny, money)] {
            let device = Owner::Device(order.device).account(currency);
            let taken: i64 = entries().filter(|entry| entry.account == device).map(|entry| entry.amount.get()).sum();
            assert_eq!(taken, owed, "what {} took", order.order_no);
            *takings.entry(device).or_default() += owed;
        }
        let owed = tickets;
        *kept.entry(order.whole()).or_default() += owed;
        if let OrderPart::Whole(standing) = &order.part {
            assert!(settled.insert(order.session), "an opening is charged twice: {order:?}");
            check_standing(database, order, standing, worth(&standing.items));
        }
    }
    for (order, kept) in kept {
        assert!(kept >= 0, "more went back than came in for {order}");
        assert_eq!(database.cabinet_orders[&order].0.kept.get(), kept, "what is kept for {order}");
    }
    for (device, _) in database.devices.values() {
        for account in [Currency::Cny, Currency::Ticket].map(|currency| Owner::Device(device.id).account(currency)) {
            assert_eq!(database.balance(account), takings.get(&account).copied().unwrap_or(0));
        }
        if let Some(session) = device.session {
            let (session, _) = &database.door_sessions[&session];
            assert!(session.device == device.id && session.status.occupies(), "{device:?} serves {session:?}");
        }
    }
    for (account, _) in database.accounts.values() {
        let is_member = matches!(account.owner, Owner::Member(_));
        assert!(account.currency != Currency::Ticket || !is_member || account.balance.get() >= 0, "{account:?}");
    }
}

/// Each opening by pay score has one order there, and that one waits for the money of the order that it was told of, or has it.
fn check_scores(database: &Database) {
    for (session, _) in database.door_sessions.values() {
        let is_collected = session.pay == kernel::CabinetPay::Wechat;
        assert_eq!(database.scores.contains_key(&session.id), is_collected, "{session:?}");
    }
    let mut collecting = BTreeSet::new();
    for (score, _) in database.scores.values() {
        let Some(charge) = score.state.charge() else { continue };
        if let ScoreState::Paid { charge, receipt } = &score.state {
            check_collected(database, score.session, charge.total, receipt.refunded);
            continue;
        }
        if charge.total == Cents::ZERO {
            continue;
        }
        let (order, _) = &database.cabinet_orders[&charge.order.expect("what costs something is for an order")];
        assert!(charge.total == order.total && charge.total <= score.most && order.session == score.session);
        assert!(collecting.insert(order.id));
    }
    let reason = kernel::UnpaidReason::PayScoreCollecting;
    let orders = database.cabinet_orders.values().map(|(order, _)| order);
    let waiting = orders.filter(|order| order.state == kernel::CabinetOrderState::Unpaid { reason });
    assert_eq!(waiting.map(|order| order.id).collect::<BTreeSet<_>>(), collecting, "what WeChat collects");
}

/// What WeChat has of an opening's money is what its orders say, and what it has given back is what was to go back.
fn check_collected(database: &Database, session: DoorSessionId, total: Cents, refunded: Cents) {
    let orders = database.cabinet_orders.values().map(|(order, _)| order);
    let paid =
        orders.filter(|order| order.session == session && order.is_paid() && order.pay == kernel::CabinetPay::Wechat);
    let paid: i64 = paid.map(|order| order.total.get()).sum();
    assert_eq!(total.get() - refunded.get(), paid, "what WeChat has for {session}");
    let back = database.refunds.values().map(|(refund, _)| refund);
    let back = back.filter(|refund| matches!(refund.of, RefundOf::Score { session: of, .. } if of == session));
    assert_eq!(back.map(|refund| refund.amount.get()).sum::<i64>(), refunded.get(), "what goes back for {session}");
}

/// What is paid for an order, what is due for it and what complaints gave back come to what it stands for.
fn check_standing(database: &Database, order: &CabinetOrder, standing: &Standing, worth: i64) {
    let parts = || database.cabinet_orders.values().map(|(part, _)| part).filter(|part| part.whole() == order.id);
    let due: Vec<_> = parts().filter(|part| part.is_unpaid() && part.id != order.id).map(|part| part.id).collect();
    assert_eq!(due, standing.due.into_iter().collect::<Vec<_>>(), "what is due for {order:?}");
    let charged: i64 = parts()
        .filter(|part| !matches!(part.part, OrderPart::Surcharge { complaint: Some(_), .. }))
        .filter(|part| part.is_paid() || part.is_unpaid())
        .map(|part| part.total.get())
        .sum();
    assert_eq!(charged, worth, "what {order:?} is charged for");
    let conceded: i64 = parts()
        .filter(|part| matches!(part.part, OrderPart::Surcharge { complaint: Some(_), .. }))
        .map(|part| -part.total.get())
        .sum();
    assert_eq!(standing.conceded.get(), conceded, "what complaints about {order:?} gave back");
    let complaints = database.complaints.values().map(|(complaint, _)| complaint);
    let refunded: i64 = complaints.filter(|one| one.order == order.id).map(|one| one.refunded.get()).sum();
    assert_eq!(refunded, conceded, "what complaints about {order:?} say they gave back");
    let corrections = database.corrections.values().map(|(correction, _)| correction);
    let mut waiting = corrections.filter(|one| one.order == order.id && one.state == CorrectionState::Waiting);
    assert_eq!(waiting.next().map(|correction| correction.id), standing.waiting);
    assert!(waiting.next().is_none(), "two corrections wait for {order:?}");
}

/// What came in stands in the wallet once, less what is on its way back, and a refund under way is named by its order.
fn check_topups(database: &Database) {
    for topup in database.topups() {
        let wallet = Owner::Member(topup.member).account(Currency::Cny);
        let entries = database.entries.iter().filter(|entry| entry.order == Some(topup.id) && entry.account == wallet);
        let moved: i64 = entries.map(|entry| entry.amount.get()).sum();
        let kept = topup.receipt().map_or(0, |receipt| topup.amount.get() - receipt.refunded.get());
        assert_eq!(moved, kept, "in the wallet for {topup:?}");
        let refunds =
            database.refunds.values().map(|(refund, _)| refund).filter(|refund| refund.of == RefundOf::Topup(topup.id));
        let (mut refunded, mut under_way) = (0, Vec::new());
        for refund in refunds {
            refunded += if refund.state == RefundState::Returned { 0 } else { refund.amount.get() };
            under_way.extend((!refund.state.is_over()).then_some(refund.id));
        }
        assert_eq!(topup.receipt().map_or(0, |receipt| receipt.refunded.get()), refunded, "refunds of {topup:?}");
        assert!(refunded <= topup.amount.get(), "more goes back than came in: {topup:?}");
        let named = match topup.state {
            TopupState::Refunding { refund, .. } => vec![refund],
            _ => Vec::new(),
        };
        assert_eq!(under_way, named, "refunds under way of {topup:?}");
    }
}

fn check_keys(database: &Database) {
    fn unique<K: Ord + std::fmt::Debug>(keys: impl Iterator<Item = K>) {
        let mut seen = BTreeSet::new();
        for key in keys {
            let shown = format!("{key:?}");
            assert!(seen.insert(key), "two rows under {shown}");
        }
    }
    unique(database.members().filter_map(|member| member.openid.as_ref().map(|openid| openid.index)));
    unique(database.members().filter_map(|member| member.account.clone()));
    unique(database.departments.values().map(|(department, _)| department.code.clone()));
    let meals = database.meals.values().map(|(meal, _)| meal);
    let current = meals.filter(|meal| meal.status != MealStatus::Canceled);
    unique(current.map(|meal| (meal.date, meal.slot)));
    let orders = database.orders.values().map(|(order, _)| order);
    let standing = orders.filter(|order| !matches!(order.status, OrderStatus::Canceled | OrderStatus::Refunded));
    unique(standing.map(|order| (order.meal, order.member)));
    unique(database.topups().map(|topup| topup.order_no.clone()));
    unique(database.topups().filter_map(|topup| topup.receipt().map(|receipt| receipt.transaction_id.clone())));
    unique(database.refunds.values().map(|(refund, _)| refund.refund_no.clone()));
    let exceptions = database.exceptions.values().map(|(exception, _)| exception);
    let open = exceptions.filter(|exception| exception.state == ExceptionState::Open);
    unique(open.map(|exception| (exception.kind, exception.subject.clone())));
    unique(database.audits.iter().map(|audit| audit.id));
}
