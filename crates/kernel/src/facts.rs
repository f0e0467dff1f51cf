//! What a batch of commands knows while it is decided, and what a decision changes in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::known::known;
use crate::{
    Account, AccountId, AccountName, Alert, AlertFacts, AlertNeeds, AuditRecord, CabinetFacts, CabinetNeeds,
    CabinetOrder, Cents, Complaint, Correction, Date, Department, DepartmentCode, DepartmentId, Device, DoorSession,
    Entry, Erasure, ErpFacts, ErpNeeds, ErpProduct, Exception, ExceptionKind, ExceptionState, GroupOrder, GroupOrderId,
    Hold, Holdings, HouseRole, Instant, Job, JobRun, LedgerSum, Meal, MealId, MealOrder, Member, MemberId, OrderId,
    OutboxMessage, Payment, PaymentId, Pool, PoolId, Product, Refund, RefundId, Report, ReportKind, RoleCode, Round,
    RunId, SalesDocument, ScoreOrder, SecondFactor, Session, ShopFacts, ShopNeeds, ShopOrder, SignInTicket, Silence,
    Slot, StockMovement, Store, StuckOrder, Subscription, SubscriptionId, SubscriptionRun, Topup,
};

/// As many lapsed claims of a pool as can matter to one order, which asks for a thousand pieces at most.
pub const MOST_LAPSED: usize = 1000;

known! {
    /// The rows a batch of commands depends on, as they are now: what was read, with every earlier decision of the batch applied.
    Facts,
    /// Which rows to read. Pools are locked as they are read, accounts and then roles after everything else and all at once: two
    /// batches can then wait for each other but never in a circle.
    Needs;

    tables {
        members: MemberId => Member,
        departments: DepartmentId => Department,
        sessions: [u8; 32] => Session,
        tickets: [u8; 32] => SignInTicket,
        second_factors: MemberId => SecondFactor,
        erasures: MemberId => Erasure,
        /// Each with its pool and the pool's lapsed holds.
        meals: MealId => Meal,
        /// Meals name their own.
        pools: PoolId => Pool,
        orders: OrderId => MealOrder,
        group_orders: GroupOrderId => GroupOrder,
        holds: (OrderId, PoolId) => Hold,
        subscriptions: SubscriptionId => Subscription,
        subscription_runs: (SubscriptionId, MealId) => SubscriptionRun,
        jobs: String => Job,
        job_runs: RunId => JobRun,
        topups: OrderId => Topup,
        payments: PaymentId => Payment,
        refunds: RefundId => Refund,
        exceptions: i64 => Exception,
        reports: (ReportKind, Date) => Report,
    }
    look_ups {
        /// By the index of the openid.
        member_by_openid: [u8; 32] => MemberId, by openids,
        member_by_account: AccountName => MemberId, by account_names,
        department_by_code: DepartmentCode => DepartmentId, by department_codes,
        /// The meal of a date and slot that is not canceled.
        meal_at: (Date, Slot) => MealId, by meals_at,
        /// A member's order for a meal that is not canceled or refunded.
        standing_order: (MealId, MemberId) => OrderId, by standing_orders,
        /// An order for a meal that its member canceled.
        canceled_order: (MealId, MemberId) => OrderId, by canceled_orders,
        /// A meal's active and locked orders.
        open_orders: MealId => BTreeSet<OrderId>, by /** Each loads the orders themselves and their holds as well. */ open_orders,
        /// A meal's completed orders.
        completed_orders: MealId => BTreeSet<OrderId>, by /** Likewise. */ completed_orders,
        /// All claims on a pool that are not released, whosever they are.
        pool_holds: PoolId => BTreeSet<OrderId>, by /** Each loads the holds themselves as well. */ pool_holds,
        /// Holds of a pool that are past their deadline and not released yet, the longest first; at most [`MOST_LAPSED`].
        lapsed_holds: PoolId => Vec<OrderId>,
            by /** Pools that something may be taken from, each locked and with its lapsed holds. Meals name their own. */ room,
        /// Which top-up a payment at WeChat was credited to.
        topup_by_transaction: String => OrderId, by transactions,
        /// The open exception of a kind about a subject.
        open_exception: (ExceptionKind, String) => i64, by open_exceptions,
        /// Those that a person has dismissed.
        dismissed_exceptions: (ExceptionKind, String) => BTreeSet<i64>,
            by /** Each loads the exceptions themselves as well. */ dismissed_exceptions,
    }
    last tables {
        accounts: AccountId => Account,
        roles: RoleCode => HouseRole,
    }
    last look_ups {
        /// What an account's entries add up to, counted one by one.
        ledgers: AccountId => LedgerSum, by ledgers,
        /// What an account's entries add up to for each order that they name.
        order_sums: AccountId => BTreeMap<OrderId, Cents>, by order_sums,
        /// What an erasure has to know of a member. The lock of the wallet guards it as far as the wallet is charged for it.
        holdings: MemberId => Holdings, by holdings,
        /// Active members who hold a role everywhere.
        holders: RoleCode => BTreeSet<MemberId>, by holders_of,
        /// All members who hold a role somewhere.
        holders_anywhere: RoleCode => BTreeSet<MemberId>, by holders_anywhere_of,
    }
    parts {
        shop: ShopFacts, ShopNeeds,
        cabinet: CabinetFacts, CabinetNeeds,
        erp: ErpFacts, ErpNeeds,
        alerts: AlertFacts, AlertNeeds,
    }
    besides {
        password_hashes: BTreeMap<MemberId, String>,
        entries: Vec<Entry>,
        audits: Vec<AuditRecord>,
        outbox: Vec<OutboxMessage>,
    }
}

/// One row of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Member(Member),
    PasswordHash(MemberId, String),
    Department(Department),
    Session(Session),
    SignInTicket(SignInTicket),
    SecondFactor(SecondFactor),
    Erasure(Erasure),
    Meal(Meal),
    Pool(Pool),
    Order(MealOrder),
    GroupOrder(GroupOrder),
    Subscription(Subscription),
    SubscriptionRun(SubscriptionRun),
    Hold(Hold),
    Account(Account),
    Entry(Entry),
    Audit(AuditRecord),
    Outbox(OutboxMessage),
    Job(Job),
    JobRun(JobRun),
    Topup(Topup),
    Payment(Payment),
    Refund(Refund),
    Exception(Exception),
    Product(Product),
    StockMovement(StockMovement),
    Round(Round),
    ShopOrder(ShopOrder),
    StuckOrder(StuckOrder),
    Store(Store),
    Device(Device),
    DoorSession(DoorSession),
    ScoreOrder(ScoreOrder),
    CabinetOrder(CabinetOrder),
    Correction(Correction),
    Complaint(Complaint),
    ErpProduct(ErpProduct),
    SalesDocument(SalesDocument),
    Alert(Alert),
    Silence(Silence),
    Report(Report),
    Role(HouseRole),
}

impl Facts {
    /// Lets the next command of the batch see what this one decided.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Member(member) => {
                    self.forget_account(&member);
                    for (&role, holders) in self.holders.all_found_mut() {
                        keep(holders, member.id, member.holds(role));
                    }
                    for (&role, holders) in self.holders_anywhere.all_found_mut() {
                        keep(holders, member.id, member.grants.hold(role));
                    }
                    if let Some(openid) = &member.openid {
                        self.member_by_openid.set(openid.index, Some(member.id));
                    }
                    if let Some(account) = &member.account {
                        self.member_by_account.set(account.clone(), Some(member.id));
                    }
                    self.members.set(member.id, member);
                }
                Change::PasswordHash(member, hash) => drop(self.password_hashes.insert(member, hash)),
                Change::Department(department) => {
                    self.department_by_code.set(department.code.clone(), Some(department.id));
                    self.departments.set(department.id, department);
                }
                Change::Session(session) => self.sessions.set(session.token_hash, session),
                Change::SignInTicket(ticket) => self.tickets.set(ticket.token_hash, ticket),
                Change::SecondFactor(factor) => self.second_factors.set(factor.member, factor),
                Change::Erasure(erasure) => self.erasures.set(erasure.member, erasure),
                Change::Meal(meal) => {
                    let current = (meal.status != crate::MealStatus::Canceled).then_some(meal.id);
                    if current.is_some() || self.is_at_its_date(&meal) {
                        self.meal_at.set((meal.date, meal.slot), current);
                    }
                    self.meals.set(meal.id, meal);
                }
                Change::Pool(pool) => self.pools.set(pool.id, pool),
                Change::Order(order) => self.apply_order(order),
                Change::GroupOrder(group) => self.group_orders.set(group.id, group),
                Change::Subscription(subscription) => self.subscriptions.set(subscription.id, subscription),
                Change::SubscriptionRun(run) => self.subscription_runs.set((run.subscription, run.meal), run),
                Change::Hold(hold) => self.apply_hold(hold),
                Change::Account(account) => self.accounts.set(account.id, account),
                Change::Entry(entry) => {
                    if let Some(ledger) = self.ledgers.found_mut(&entry.account) {
                        ledger.sum += entry.amount.get();
                        ledger.count += 1;
                        ledger.last = entry.number;
                    }
                    if let (Some(order), Some(sums)) = (entry.order, self.order_sums.found_mut(&entry.account)) {
                        let sum = sums.entry(order).or_insert(Cents::ZERO);
                        *sum = Cents::new(sum.get() + entry.amount.get());
                    }
                    self.entries.push(entry);
                }
                Change::Audit(audit) => self.audits.push(audit),
                Change::Outbox(message) => self.outbox.push(message),
                Change::Job(job) => self.jobs.set(job.name.clone(), job),
                Change::JobRun(run) => self.job_runs.set(run.id, run),
                Change::Topup(topup) => {
                    let before = if self.topups.knows(&topup.id) { self.topups.get(&topup.id) } else { None };
                    let before = before.and_then(Topup::receipt);
                    if let Some(before) = before.map(|receipt| receipt.transaction_id.clone()) {
                        self.topup_by_transaction.set(before, None);
                    }
                    if let Some(receipt) = topup.receipt() {
                        self.topup_by_transaction.set(receipt.transaction_id.clone(), Some(topup.id));
                    }
                    self.topups.set(topup.id, topup);
                }
                Change::Payment(payment) => self.payments.set(payment.id, payment),
                Change::Refund(refund) => self.refunds.set(refund.id, refund),
                Change::Exception(exception) => {
                    let open = (exception.state == ExceptionState::Open).then_some(exception.id);
                    let about = (exception.kind, exception.subject.clone());
                    if exception.is_dismissed()
                        && let Some(dismissed) = self.dismissed_exceptions.found_mut(&about)
                    {
                        dismissed.insert(exception.id);
                    }
                    self.open_exception.set(about, open);
                    self.exceptions.set(exception.id, exception);
                }
                Change::Product(product) => self.shop.apply_product(product),
                Change::StockMovement(movement) => self.shop.movements.push(movement),
                Change::Round(round) => self.shop.rounds.set(round.id, round),
                Change::ShopOrder(order) => self.shop.apply_order(order),
                Change::StuckOrder(stuck) => self.shop.stuck.set(stuck.order, stuck),
                Change::Store(store) => self.cabinet.apply_store(store),
                Change::Device(device) => self.cabinet.apply_device(device),
                Change::DoorSession(session) => self.cabinet.apply_session(session),
                Change::ScoreOrder(score) => self.cabinet.apply_score(score),
                Change::CabinetOrder(order) => self.cabinet.apply_order(order),
                Change::Complaint(complaint) => self.cabinet.apply_complaint(complaint),
                Change::Correction(correction) => self.cabinet.corrections.set(correction.id, correction),
                Change::ErpProduct(known) => self.erp.products.set(known.code.clone(), known),
                Change::SalesDocument(document) => self.erp.sales.set((document.date, document.store), document),
                Change::Alert(alert) => self.alerts.apply(alert),
                Change::Silence(silence) => self.alerts.silences.set(silence.rule, silence),
                Change::Report(report) => self.reports.set((report.kind, report.date), report),
                Change::Role(role) => self.roles.set(role.code, role),
            }
        }
    }

    /// Whether more claims may have lapsed than were read. Then there is enough for one command, but perhaps not for several.
    #[must_use]
    pub fn lapsed_are_cut(&self) -> bool {
        self.lapsed_holds.all_found().any(|lapsed| lapsed.len() >= MOST_LAPSED)
    }

    /// Claims on a pool that are still in its `taken` and no longer count.
    pub(crate) fn lapsed(&self, pool: PoolId, now: Instant) -> impl Iterator<Item = &Hold> {
        let lapsed = self.lapsed_holds.get(&pool).into_iter().flatten();
        lapsed.filter_map(move |&order| self.holds.get(&(order, pool))).filter(move |hold| !hold.counts_at(now))
    }

    /// The account that a member has had until now is free again.
    fn forget_account(&mut self, member: &Member) {
        let before = self.members.found(&member.id).and_then(|before| before.account.clone());
        if let Some(account) = before.filter(|account| Some(account) != member.account.as_ref()) {
            self.member_by_account.set(account, None);
        }
    }

    fn is_at_its_date(&self, meal: &Meal) -> bool {
        self.meal_at.found(&(meal.date, meal.slot)) == Some(&meal.id)
    }

    fn apply_order(&mut self, order: MealOrder) {
        let key = (order.meal, order.member);
        if order.status.stands() {
            self.standing_order.set(key, Some(order.id));
        } else if self.standing_order.found(&key) == Some(&order.id) {
            self.standing_order.set(key, None);
        }
        if order.status == crate::OrderStatus::Canceled {
            self.canceled_order.set(key, Some(order.id));
        }
        if let Some(open) = self.open_orders.found_mut(&order.meal) {
            if matches!(order.status, crate::OrderStatus::Active | crate::OrderStatus::Locked) {
                open.insert(order.id);
            } else {
                open.remove(&order.id);
            }
        }
        if let Some(completed) = self.completed_orders.found_mut(&order.meal) {
            if order.status == crate::OrderStatus::Completed {
                completed.insert(order.id);
            } else {
                completed.remove(&order.id);
            }
        }
        self.orders.set(order.id, order);
    }

    fn apply_hold(&mut self, hold: Hold) {
        // No decision leaves a lapsed claim as it was: it ends, or it is made anew.
        if let Some(lapsed) = self.lapsed_holds.found_mut(&hold.pool) {
            lapsed.retain(|&order| order != hold.order);
        }
        if let Some(holds) = self.pool_holds.found_mut(&hold.pool) {
            if hold.state == crate::HoldState::Released {
                holds.remove(&hold.order);
            } else {
                holds.insert(hold.order);
            }
        }
        self.holds.set((hold.order, hold.pool), hold);
    }

    /// Whether nothing has been decided that has to be written.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.audits.is_empty()
            && self.entries.is_empty()
            && self.outbox.is_empty()
            && self.shop.movements.is_empty()
            && self.tables_are_clean()
    }
}

fn keep(members: &mut BTreeSet<MemberId>, member: MemberId, is_in: bool) {
    if is_in {
        members.insert(member);
    } else {
        members.remove(&member);
    }
}

impl Needs {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves out what is read last, unless only that is left.
    pub fn without_last(&mut self) {
        if !self.only_last() {
            self.clear_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_in_the_list_of_lapsed_ones_is_looked_at_again() {
        let pool = PoolId::new(1);
        let mut facts = Facts::default();
        for (order, deadline) in [(10, 999), (11, 1000), (12, 1001)] {
            let hold = Hold {
                order: OrderId::new(order),
                pool,
                quantity: 1,
                state: crate::HoldState::Held,
                expires_at: Some(Instant::from_millis(deadline)),
            };
            facts.holds.load((hold.order, pool), Some((hold, 1)));
        }
        let orders = [10, 11, 12].map(OrderId::new);
        facts.lapsed_holds.load(pool, Some(orders.to_vec()));
        let lapsed = facts.lapsed(pool, Instant::from_millis(1000));
        assert_eq!(lapsed.map(|hold| hold.order.get()).collect::<Vec<_>>(), [10, 11]);
    }

    #[test]
    fn a_canceled_meal_leaves_its_date_to_another() {
        let at = ("2026-03-02".parse().expect("a date"), Slot::Lunch);
        let mut meal = Meal {
            id: MealId::new(1),
            date: at.0,
            slot: at.1,
            title: None,
            description: String::new().try_into().expect("a note"),
            base_price: Cents::ZERO,
            options: Vec::new(),
            status: crate::MealStatus::Published,
            orders_close_at: None,
            pickup_windows: Vec::new(),
            created_at: Instant::from_millis(0),
            updated_at: Instant::from_millis(0),
        };
        let mut facts = Facts::default();
        facts.meal_at.load(at, None);
        facts.apply(vec![Change::Meal(meal.clone())]);
        assert_eq!(facts.meal_at.get(&at), Some(&meal.id));
        meal.status = crate::MealStatus::Canceled;
        facts.apply(vec![Change::Meal(meal.clone())]);
        assert_eq!(facts.meal_at.get(&at), None);

        let successor = Meal { id: MealId::new(2), status: crate::MealStatus::Draft, ..meal.clone() };
        facts.apply(vec![Change::Meal(successor), Change::Meal(meal)]);
        assert_eq!(facts.meal_at.get(&at), Some(&MealId::new(2)));
    }
}
