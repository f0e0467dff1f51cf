use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use kernel::{Cents, Code, Command, MealId, Note, OrderAction, OrderId, Outcome, Permission, ProcessOrders};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing, Problem};
use crate::reply::Reply;
use crate::texts::{self, say};

/// More than a meal's counter hands out between two looks at the list, few enough for one transaction.
const MOST_ORDERS: usize = 200;

/// What to do with which orders.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrderBatch {
    #[schemars(length(min = 1, max = MOST_ORDERS))]
    order_ids: Vec<OrderId>,
    action: OrderAction,
    /// A refund needs one.
    reason: Option<Note>,
}

/// What became of each order, in the order asked for.
#[derive(Serialize, JsonSchema)]
struct BatchAnswer {
    success_count: usize,
    failed_count: usize,
    /// What goes back to the payers.
    refunded_cents: Cents,
    details: Vec<BatchRow>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct BatchRow {
    order_id: OrderId,
    status: BatchStatus,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<Code>,
}

#[derive(Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum BatchStatus {
    Success,
    Failed,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderProcess,
        Declaration {
            method: Method::POST,
            path: "/api/v1/orders/batch",
            id: "processOrders",
            tag: Tag::Orders,
            summary: "Complete, cancel or refund many orders",
            description: "One to 200 orders, each by itself: one that fails stops no other. What can be done is done in one \
                          transaction. Deadlines and the meal's state bind owners only. Each order gets its record in the \
                          audit trail, and so does the batch. `dry_run=true` says beforehand which of them would fail, and what \
                          would go back.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, OrderBatch>,
) -> Result<Reply<BatchAnswer>, Failure> {
    let dry_run = input.query.dry_run;
    let OrderBatch { order_ids: ids, action, reason } = input.body;
    if ids.len() > MOST_ORDERS {
        return Err(Failure::Code(Code::PayloadTooLarge));
    }
    let reason = reason.unwrap_or_default();
    let mut wrong = Vec::new();
    if ids.is_empty() {
        let problem = say!(caller.language, "不能为空", "must not be empty");
        wrong.push(Problem::new("order_ids", problem));
    }
    if action == OrderAction::Refund && reason.as_str().trim().is_empty() {
        let problem = say!(caller.language, "退款须说明原因", "a refund needs a reason");
        wrong.push(Problem::new("reason", problem));
    }
    if !wrong.is_empty() {
        return Err(Failure::Invalid(wrong));
    }

    let distinct: BTreeSet<OrderId> = ids.iter().copied().collect();
    let meals = queries::orders::meals(app.store(), &distinct).await?;
    // No meal has the id 0: what nobody knows is refused like everything else.
    let meal = |order: OrderId| (order, meals.get(&order).copied().unwrap_or(MealId::new(0)));
    let orders = distinct.into_iter().map(meal).collect();
    let language = caller.language;
    let command = Command::ProcessOrders(ProcessOrders { orders, action, reason });
    let Outcome::Orders { orders } = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a batch of orders answered something else"));
    };

    let refunded = orders.iter().filter_map(|order| order.refunded.as_ref().ok()).map(|back| back.get()).sum();
    let mut done: BTreeMap<_, _> = orders.into_iter().map(|order| (order.order, order.refunded)).collect();
    let row = |order_id| {
        let failure = match done.remove(&order_id) {
            Some(Ok(_)) => None,
            Some(Err(refusal)) => Some(Failure::from(refusal)),
            None => Some(Failure::Said(Code::ValidationError, texts::ORDER_TWICE)),
        };
        match failure.map(|failure| failure.in_words(language, app.zone())) {
            None => BatchRow {
                order_id,
                status: BatchStatus::Success,
                message: texts::processed(action).in_language(language).to_owned(),
                error_code: None,
            },
            Some((code, message)) => {
                BatchRow { order_id, status: BatchStatus::Failed, message, error_code: Some(code) }
            }
        }
    };
    let details: Vec<BatchRow> = ids.into_iter().map(row).collect();
    let failed_count = details.iter().filter(|row| row.status == BatchStatus::Failed).count();
    let message = match failed_count {
        _ if dry_run => texts::DRY_RUN,
        0 => texts::BATCH_DONE,
        _ => texts::BATCH_PARTLY_DONE,
    };
    let success_count = details.len() - failed_count;
    let answer = BatchAnswer { success_count, failed_count, refunded_cents: Cents::new(refunded), details };
    Ok(Reply::saying(message, answer))
}
