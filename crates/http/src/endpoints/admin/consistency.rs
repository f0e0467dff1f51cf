use axum::http::Method;
use kernel::{Instant, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use service::{CheckReport, Finding, findings};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// What the checks found.
#[derive(Serialize, JsonSchema)]
struct Consistency {
    timestamp: Instant,
    overall_status: Verdict,
    checks: ConsistencyChecks,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Verdict {
    Pass,
    Fail,
}

/// `details` lists the first hundred findings of a check, its count all of them.
#[derive(Serialize, JsonSchema)]
struct ConsistencyChecks {
    /// Every account's balance is the sum of its entries, and the entries are numbered without gaps.
    balance: Inconsistent<findings::Balance>,
    /// No meal has more portions ordered than it has.
    capacity: OverCapacity,
    /// No order is in a state that its meal's state rules out, or of another meal than its group order.
    order_status: Inconsistent<findings::Status>,
    /// What an order's entries add up to is what the order costs.
    ledger: Missing,
    /// Every entry says what the balance was after it.
    running_balance: Inconsistent<findings::Running>,
    /// Every transfer sums to zero in each currency.
    transfers: Inconsistent<findings::Transfer>,
    /// What a pool says is taken is what its holds take, and every order that stands holds what it ordered.
    holds: Inconsistent<findings::Hold>,
    /// A product's stock is the sum of its movements.
    stock: Inconsistent<findings::Stock>,
    /// The shares of a round that have a number are those that are paid for.
    shares: Inconsistent<findings::Shares>,
    /// The audit trail is as it was when it was sealed.
    audit: Inconsistent<findings::Seal>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Inconsistent<T> {
    status: Verdict,
    inconsistent_count: u64,
    details: Vec<T>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct OverCapacity {
    status: Verdict,
    over_capacity_count: u64,
    details: Vec<findings::Capacity>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Missing {
    status: Verdict,
    missing_count: u64,
    details: Vec<findings::Ledger>,
}

impl Verdict {
    fn on<T>(finding: &Finding<T>) -> Self {
        if finding.count == 0 { Self::Pass } else { Self::Fail }
    }
}

impl<T> From<Finding<T>> for Inconsistent<T> {
    fn from(finding: Finding<T>) -> Self {
        Self { status: Verdict::on(&finding), inconsistent_count: finding.count, details: finding.details }
    }
}

impl From<CheckReport> for Consistency {
    fn from(report: CheckReport) -> Self {
        let overall_status = if report.passes() { Verdict::Pass } else { Verdict::Fail };
        let CheckReport { timestamp, checks } = report;
        Self {
            timestamp,
            overall_status,
            checks: ConsistencyChecks {
                balance: checks.balance.into(),
                capacity: OverCapacity {
                    status: Verdict::on(&checks.capacity),
                    over_capacity_count: checks.capacity.count,
                    details: checks.capacity.details,
                },
                order_status: checks.order_status.into(),
                ledger: Missing {
                    status: Verdict::on(&checks.ledger),
                    missing_count: checks.ledger.count,
                    details: checks.ledger.details,
                },
                running_balance: checks.running.into(),
                transfers: checks.transfers.into(),
                holds: checks.holds.into(),
                stock: checks.stock.into(),
                shares: checks.shares.into(),
                audit: checks.audit.into(),
            },
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/consistency",
            id: "checkConsistency",
            tag: Tag::Administration,
            summary: "Check the books",
            description: "Now, from the ground up and in one snapshot. The cost grows with the books.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input) -> Result<Reply<Consistency>, Failure> {
    Ok(Reply::ok(app.service().check().await?.into()))
}
