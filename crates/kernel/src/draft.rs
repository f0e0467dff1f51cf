//! A decision in the making. By the time a draft exists every refusal is behind us: nothing below may fail.

use std::collections::BTreeMap;

use crate::audit::json;
use crate::{
    Account, AccountId, AuditRecord, Cents, Change, Context, Decision, Entry, EntryKind, Facts, Hold, HoldState,
    IdSource, Instant, MealOrder, OrderId, Outcome, Pool, PoolId, TransferId,
};

pub(crate) struct Draft<'a> {
    facts: &'a Facts,
    context: &'a Context<'a>,
    ids: &'a mut dyn IdSource,
    // Rows as they will be, in key order, so that the same command on the same facts lists the same changes.
    accounts: BTreeMap<AccountId, Account>,
    pools: BTreeMap<PoolId, Pool>,
    holds: BTreeMap<(OrderId, PoolId), Hold>,
    changes: Vec<Change>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(facts: &'a Facts, context: &'a Context<'a>, ids: &'a mut dyn IdSource) -> Self {
        Self {
            facts,
            context,
            ids,
            accounts: BTreeMap::new(),
            pools: BTreeMap::new(),
            holds: BTreeMap::new(),
            changes: Vec::with_capacity(8),
        }
    }

    pub(crate) fn next_id(&mut self) -> i64 {
        self.ids.next_id()
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Moves `amount` from one account to the other; a negative amount moves it back, none moves nothing.
    pub(crate) fn transfer(
        &mut self,
        kind: EntryKind,
        order: Option<OrderId>,
        from: AccountId,
        to: AccountId,
        amount: Cents,
    ) -> Option<TransferId> {
        if amount == Cents::ZERO {
            return None;
        }
        let transfer = TransferId::new(self.next_id());
        for (account, amount) in [(from, -amount), (to, amount)] {
            let created_at = self.context.now;
            let account = self.account(account);
            account.balance = Cents::new(account.balance.get() + amount.get());
            account.entries += 1;
            let entry = Entry {
                account: account.id,
                number: account.entries,
                transfer,
                kind,
                order,
                amount,
                balance_after: account.balance,
                created_at,
            };
            self.changes.push(Change::Entry(entry));
        }
        Some(transfer)
    }

    /// An account as it will be.
    pub(crate) fn seen(&self, account: AccountId) -> Option<&Account> {
        self.accounts.get(&account).or_else(|| self.facts.accounts.get(&account))
    }

    pub(crate) fn balance(&mut self, account: AccountId) -> Cents {
        self.account(account).balance
    }

    /// An account that is not there yet, for transfers of the same decision.
    pub(crate) fn open(&mut self, account: Account) {
        self.accounts.insert(account.id, account);
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        self.accounts.entry(id).or_insert_with(|| match self.facts.accounts.get(&id) {
            Some(account) => account.clone(),
            None => panic!("account {id} does not exist"),
        })
    }

    pub(crate) fn pool(&mut self, id: PoolId) -> &mut Pool {
        self.pools.entry(id).or_insert_with(|| match self.facts.pools.get(&id) {
            Some(pool) => *pool,
            None => panic!("pool {id} does not exist"),
        })
    }

    /// The number of the next order that claims from a pool, from 0. A number is never used again.
    pub(crate) fn issue(&mut self, pool: PoolId) -> i64 {
        let pool = self.pool(pool);
        pool.issued += 1;
        pool.issued - 1
    }

    /// Claims `quantity` for an order. Claims past their deadline give way first.
    pub(crate) fn hold(&mut self, order: OrderId, pool: PoolId, quantity: i64) {
        self.hold_until(order, pool, quantity, None);
    }

    /// The same, for an order that has to be paid by a deadline if it has one.
    pub(crate) fn hold_until(&mut self, order: OrderId, pool: PoolId, quantity: i64, expires_at: Option<Instant>) {
        self.release_lapsed(pool);
        self.pool(pool).taken += quantity;
        let hold = Hold { order, pool, quantity, state: HoldState::Held, expires_at };
        self.holds.insert((order, pool), hold);
    }

    /// Takes the deadline off an order's claim. One that has missed it is made anew.
    pub(crate) fn keep_hold(&mut self, order: OrderId, pool: PoolId) {
        let quantity = self.held(order, pool).quantity;
        self.change_hold(order, pool, quantity, HoldState::Held);
        self.held(order, pool).expires_at = None;
    }

    /// Makes an order's claim larger or smaller, ends it, or keeps it for good.
    pub(crate) fn change_hold(&mut self, order: OrderId, pool: PoolId, quantity: i64, state: HoldState) {
        let before = *self.held(order, pool);
        let counts = before.counts_at(self.context.now);
        let mut after = Hold { quantity, state, ..before };
        if state == HoldState::Held && !counts {
            // Made anew: the deadline that it missed is over.
            after.expires_at = None;
        }
        if after.taken() > before.taken() {
            self.release_lapsed(pool);
        }
        // The claim may itself have been among those that gave way.
        let taken = self.held(order, pool).taken();
        self.pool(pool).taken += after.taken() - taken;
        *self.held(order, pool) = after;
    }

    /// Writes a claim as it has to be, whatever it was. The pool's sum is the caller's.
    pub(crate) fn set_hold(&mut self, hold: Hold) {
        self.holds.insert((hold.order, hold.pool), hold);
    }

    /// Ends the claims on a pool that no longer count.
    pub(crate) fn release_lapsed(&mut self, pool: PoolId) {
        let facts = self.facts;
        for lapsed in facts.lapsed(pool, self.context.now) {
            let hold = self.held(lapsed.order, pool);
            let given_back = hold.taken();
            hold.state = HoldState::Released;
            self.pool(pool).taken -= given_back;
        }
    }

    fn held(&mut self, order: OrderId, pool: PoolId) -> &mut Hold {
        self.holds.entry((order, pool)).or_insert_with(|| match self.facts.holds.get(&(order, pool)) {
            Some(hold) => *hold,
            None => panic!("order {order} has no hold on pool {pool}"),
        })
    }

    pub(crate) fn audit(&mut self, action: &'static str, object: (&'static str, i64), written: Written<'_>) {
        let record = AuditRecord {
            id: self.next_id(),
            at: self.context.now,
            actor: self.context.actor.member,
            action,
            object_kind: object.0,
            object_id: object.1,
            before: written.before,
            after: written.after,
            reason: written.reason.filter(|reason| !reason.is_empty()).map(str::to_owned),
        };
        self.changes.push(Change::Audit(record));
    }

    pub(crate) fn finish(mut self, outcome: Outcome) -> Decision {
        self.changes.extend(self.holds.into_values().map(Change::Hold));
        self.changes.extend(self.accounts.into_values().map(Change::Account));
        self.changes.extend(self.pools.into_values().map(Change::Pool));
        Decision { changes: self.changes, outcome }
    }
}

/// What an audit record says beside who and what.
#[derive(Default)]
pub(crate) struct Written<'a> {
    before: Option<String>,
    after: Option<String>,
    reason: Option<&'a str>,
}

impl<'a> Written<'a> {
    pub(crate) fn after(value: &impl serde::Serialize) -> Self {
        Self { after: Some(json(value)), ..Self::default() }
    }

    pub(crate) fn before(value: &impl serde::Serialize) -> Self {
        Self { before: Some(json(value)), ..Self::default() }
    }

    pub(crate) fn change(before: &impl serde::Serialize, after: &impl serde::Serialize) -> Self {
        Self { before: Some(json(before)), after: Some(json(after)), reason: None }
    }

    pub(crate) fn because(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }
}

/// The part of an order that an audit record keeps: nothing that a person has written.
#[derive(serde::Serialize)]
pub(crate) struct OrderTrace<'a> {
    quantity: i64,
    options: &'a [crate::MealOption],
    total_cents: Cents,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_window: Option<crate::PickupWindow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<crate::Warning>,
}

impl<'a> OrderTrace<'a> {
    pub(crate) fn of(order: &'a MealOrder) -> Self {
        Self {
            quantity: order.quantity.get(),
            options: &order.options,
            total_cents: order.total,
            status: order.status.as_str(),
            pickup_window: order.pickup_window,
            warning: None,
        }
    }

    pub(crate) fn warned(mut self, warning: Option<crate::Warning>) -> Self {
        self.warning = warning;
        self
    }
}
