use axum::http::Method;
use kernel::{Code, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::TextId;
use super::booking::{Batch, BatchBooked, LooseOrder, MOST_ORDERS, book, is_crowded};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;
use crate::texts::{self, say};

/// Orders for members of one department.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BatchOrders {
    #[schemars(length(min = 1, max = MOST_ORDERS))]
    orders: Vec<LooseOrder>,
    /// Book all of them or none.
    #[serde(default)]
    atomic: bool,
    /// Needed by whoever may book for several departments.
    department_id: Option<TextId>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::POST,
            path: "/api/dining/enhanced/batch-orders",
            id: "bookBatch",
            tag: Tag::Booking,
            summary: "Book several meals for several members",
            description: "One to 20 orders of one to 50 members. Each order is booked for all of its members or for none; one that \
                          fails leaves the others as they are, unless the batch is `atomic`. An `Idempotency-Key` covers the \
                          whole batch.",
            codes: &[Code::PayloadTooLarge, Code::BusinessRule, Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, BatchOrders>,
) -> Result<Reply<BatchBooked>, Failure> {
    let BatchOrders { orders, atomic, department_id: department } = input.body;
    if orders.len() > MOST_ORDERS || orders.iter().any(is_crowded) {
        return Err(Failure::Code(Code::PayloadTooLarge));
    }
    if orders.is_empty() {
        return Err(Failure::invalid("orders", say!(caller.language, "不能为空", "must not be empty")));
    }
    let booked = book(&app, caller, Batch { department, orders, atomic }, input.query.dry_run).await?;
    Ok(Reply::saying(if input.query.dry_run { texts::DRY_RUN } else { texts::BATCH_BOOKED }, booked))
}
