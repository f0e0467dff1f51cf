//! The books, checked from the ground up: nothing here trusts a total that something else has kept.
//!
//! A pass over the tables in one snapshot proves, in memory that does not grow with orders and entries, which checks hold. Only
//! for one that does not, a statement goes looking for the rows.

mod exact;
mod nightly;
mod pass;
mod seals;

use kernel::{AccountId, Instant, MealId, MemberId, OrderId, Slot};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Error, Store, Value};

use crate::Ambient;
pub use nightly::ConsistencyCheck;
use pass::Pass;
pub use seals::SealAudit;
use seals::Walk;

/// How many findings of one check are listed; all are counted.
const MOST_LISTED: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckReport {
    pub timestamp: Instant,
    pub checks: Checks,
}

impl CheckReport {
    #[must_use]
    pub fn passes(&self) -> bool {
        self.counts().iter().all(|&(_, count)| count == 0)
    }

    /// Each check with how much it found.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 10] {
        let Checks { balance, running, transfers, holds, capacity, order_status, ledger, stock, shares, audit } =
            &self.checks;
        [
            ("balance", balance.count),
            ("running", running.count),
            ("transfers", transfers.count),
            ("holds", holds.count),
            ("capacity", capacity.count),
            ("order_status", order_status.count),
            ("ledger", ledger.count),
            ("stock", stock.count),
            ("shares", shares.count),
            ("audit", audit.count),
        ]
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checks {
    /// Every account's balance is the sum of its entries, and the entries are numbered without gaps.
    pub balance: Finding<BalanceFinding>,
    /// Every entry says what the balance was after it.
    pub running: Finding<RunningFinding>,
    /// Every transfer sums to zero in each currency.
    pub transfers: Finding<TransferFinding>,
    /// What a pool says is taken is what its holds take, and every order that stands holds what it ordered.
    pub holds: Finding<HoldFinding>,
    /// No meal has more portions ordered than it has.
    pub capacity: Finding<CapacityFinding>,
    /// No order is in a state that its meal's state rules out, or of another meal than its group order.
    pub order_status: Finding<StatusFinding>,
    /// What an order's entries add up to is what the order costs, and a top-up's what was paid and has not gone back;
    /// and what a cabinet's order says is kept of it is what it and its surcharges took.
    pub ledger: Finding<LedgerFinding>,
    /// A product's stock is the sum of its movements.
    pub stock: Finding<StockFinding>,
    /// The shares of a round that have a number are those that are paid for, each number once, and it is sold out when all have one.
    pub shares: Finding<ShareFinding>,
    /// The audit trail is as it was when it was sealed.
    pub audit: Finding<SealFinding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding<T> {
    pub count: u64,
    pub details: Vec<T>,
}

impl<T> Default for Finding<T> {
    fn default() -> Self {
        Self { count: 0, details: Vec::new() }
    }
}

impl<T> Finding<T> {
    fn add(&mut self, found: T) {
        self.count += 1;
        if self.details.len() < MOST_LISTED {
            self.details.push(found);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BalanceFinding {
    pub account_id: AccountId,
    /// Where the account is a member's.
    pub user_id: Option<MemberId>,
    pub nickname: Option<String>,
    pub owner_kind: String,
    pub owner_id: i64,
    pub currency: String,
    pub recorded_balance: i64,
    pub calculated_balance: i64,
    pub difference: i64,
    pub recorded_entries: i64,
    pub counted_entries: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunningFinding {
    pub account_id: i64,
    pub number: i64,
    pub recorded_balance_after: i64,
    pub calculated_balance_after: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TransferFinding {
    pub transfer_id: i64,
    pub sum: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HoldFinding {
    pub pool_id: i64,
    pub order_id: Option<OrderId>,
    pub recorded: i64,
    pub calculated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CapacityFinding {
    pub meal_id: MealId,
    pub date: String,
    pub slot: Slot,
    pub max_capacity: i64,
    pub ordered_quantity: i64,
    pub available_capacity: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusFinding {
    pub order_id: OrderId,
    pub order_status: String,
    pub meal_status: String,
    pub meal_date: String,
    pub inconsistency_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerFinding {
    pub order_id: OrderId,
    pub user_id: MemberId,
    pub expected_cents: i64,
    pub posted_cents: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StockFinding {
    pub product_id: i64,
    pub recorded: i64,
    pub calculated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShareFinding {
    pub round_id: i64,
    pub shares: i64,
    /// How many shares the round says have a number.
    pub recorded: i64,
    /// How many numbers its orders have.
    pub calculated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SealFinding {
    pub seal_id: i64,
    /// The seal holds the records after this one,
    pub from_id: i64,
    /// up to this one.
    pub until_id: i64,
    /// How many records were sealed. Where as many are there, one was changed.
    pub recorded: i64,
    pub calculated: i64,
}

/// An order that is not paid may lose what it holds while the check runs; those that are about to are left out.
const LAPSING_MS: i64 = 60_000;

/// Runs all checks.
///
/// # Errors
/// Where the database cannot be read, or holds rows that fit no type.
pub async fn check(store: &Store, ambient: &dyn Ambient, zone: &jiff::tz::TimeZone) -> Result<CheckReport, Error> {
    let timestamp = ambient.now();
    let yesterday = timestamp.date_in(zone).plus_days(-1).to_string();
    let mut seed = [0; 8];
    ambient.fill(&mut seed);

    let statements = pass::STATEMENTS.map(|sql| (sql, Vec::new()));
    let lapsing_ms = timestamp.plus_millis(LAPSING_MS).as_millis();
    let pass = Pass::new(u64::from_le_bytes(seed), yesterday.clone(), lapsing_ms);
    let pass = store.scan(statements.to_vec(), pass, Pass::take).await?;
    let mut suspects = pass.suspects();
    suspects.push(exact::PARTS);
    let parameters = |sql: &str| match sql {
        exact::STATUS => vec![Value::from(yesterday.clone())],
        exact::HOLDS => vec![Value::Int(lapsing_ms)],
        _ => Vec::new(),
    };
    let statements = suspects.iter().map(|&sql| (sql, parameters(sql))).collect();
    let mut checks = Checks::default();
    pass.stock().for_each(|found| checks.stock.add(found));
    pass.shares().for_each(|found| checks.shares.add(found));
    let found =
        store.scan(statements, (checks, suspects), |(checks, suspects), at, row| exact::add(checks, suspects[at], row));
    let (mut checks, _) = found.await?;
    let statements = seals::STATEMENTS.map(|sql| (sql, Vec::new()));
    checks.audit = store.scan(statements.to_vec(), Walk::default(), Walk::take).await?.finish();
    Ok(CheckReport { timestamp, checks })
}
