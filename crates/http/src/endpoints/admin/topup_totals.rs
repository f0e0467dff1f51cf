use axum::http::Method;
use kernel::{Cents, Date, Permission, TopupStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::first_id_at;
use store::queries::payments::{self, StatusTotal};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TotalsQuery {
    /// On the calendar of the house; today where it is absent.
    date: Option<Date>,
}

/// What the top-up orders of a day add up to.
#[derive(Serialize, JsonSchema)]
struct TopupTotals {
    date: Date,
    /// Those statuses that there are.
    by_status: Vec<TopupTotal>,
}

#[derive(Serialize, JsonSchema)]
struct TopupTotal {
    status: TopupStatus,
    count: i64,
    amount_cents: Cents,
    refunded_cents: Cents,
}

impl From<StatusTotal> for TopupTotal {
    fn from(total: StatusTotal) -> Self {
        Self {
            status: total.status,
            count: total.count,
            amount_cents: Cents::new(total.amount_cents),
            refunded_cents: Cents::new(total.refunded_cents),
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/topups/totals",
            id: "totalTopups",
            tag: Tag::Administration,
            summary: "A day's top-up orders added up",
            description: "By status, of the orders that were made on the day.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, TotalsQuery>) -> Result<Reply<TopupTotals>, Failure> {
    let zone = app.zone();
    let date = input.query.date.unwrap_or_else(|| app.service().now().date_in(zone));
    let (from, to) = (date.start_in(zone), date.plus_days(1).start_in(zone));
    let found = payments::totals(app.store(), first_id_at(from), from, to).await?;
    Ok(Reply::ok(TopupTotals { date, by_status: found.into_iter().map(TopupTotal::from).collect() }))
}
