use axum::http::Method;
use kernel::{Date, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinet_stats::{self as queries, Payments};

use super::Days;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PaymentQuery {
    date_from: Date,
    /// This day still counts; 92 days at most.
    date_to: Date,
}

/// How the orders that were made then are paid for. What gives back is none of them.
#[derive(Serialize, JsonSchema)]
struct PaymentStats {
    orders: i64,
    /// As they were made.
    paid_at_once: i64,
    paid_later: i64,
    unpaid: i64,
    /// A correction put another order in their place.
    withdrawn: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stats/cabinet-payments",
            id: "cabinetPayments",
            tag: Tag::Cabinets,
            summary: "How cabinet orders are paid for",
            description: "Of the orders that were made in these days, as they stand now.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, PaymentQuery>) -> Result<Reply<PaymentStats>, Failure> {
    let days = Days::new(&app, input.query.date_from, input.query.date_to, caller.language)?;
    let Payments { orders, paid_at_once, paid_later, unpaid, withdrawn } =
        queries::payments(app.store(), days.ids()).await?;
    Ok(Reply::ok(PaymentStats { orders, paid_at_once, paid_later, unpaid, withdrawn }))
}
