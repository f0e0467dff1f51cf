use std::collections::BTreeSet;

use axum::http::Method;
use kernel::{CancelGroupOrder, Code, Command, GroupOrder, Noun, Outcome, Permission, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;
use store::queries::group_orders::Part;

use super::{GroupOrderPath, TextId, Yuan, group_order};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

/// What was called off.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupOrderCanceled {
    order_id: TextId,
    /// How many members' orders; those that were over already are left out.
    canceled_count: usize,
    refunded_amount: Yuan,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::DELETE,
            path: "/api/dining/enhanced/department-orders/{orderId}",
            id: "cancelGroupOrder",
            tag: Tag::Booking,
            summary: "Call off a group order",
            description: "All orders in it that are not over yet, or none of them. Whoever paid is paid back.",
            codes: &[
                Code::NotFound,
                Code::OrderLocked,
                Code::MealNotOpen,
                Code::InvalidStatusTransition,
                Code::BusinessRule,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<GroupOrderPath, DryRun>,
) -> Result<Reply<GroupOrderCanceled>, Failure> {
    let group_order = group_order(&app, &caller, input.path.id()).await?;
    call_off(&app, caller, &group_order, input.query.dry_run, |_| true).await
}

/// Calls off those orders of a group order that are `meant`.
pub(super) async fn call_off(
    app: &App,
    caller: Caller,
    group_order: &GroupOrder,
    dry_run: bool,
    meant: impl Fn(&Part) -> bool,
) -> Result<Reply<GroupOrderCanceled>, Failure> {
    let mut parts = queries::group_orders::parts(app.store(), &BTreeSet::from([group_order.id])).await?;
    let parts = parts.remove(&group_order.id).unwrap_or_default();
    let orders: BTreeSet<_> = parts.iter().filter(|part| meant(part)).map(|part| part.order).collect();
    if orders.is_empty() {
        return Err(Refusal::NotFound { noun: Noun::Order }.into());
    }
    let command = CancelGroupOrder { group_order: group_order.id, meal: group_order.meal, orders };
    let request = caller.tries(dry_run, Command::CancelGroupOrder(command));
    let Outcome::GroupCancel(outcome) = app.service().run(request).await? else {
        return Err(Failure::fault("a group order's cancel answered something else"));
    };
    let canceled = GroupOrderCanceled {
        order_id: TextId(outcome.group_order.get()),
        canceled_count: outcome.orders.len(),
        refunded_amount: Yuan(outcome.refunded),
    };
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::GROUP_ORDER_CANCELED }, canceled))
}
