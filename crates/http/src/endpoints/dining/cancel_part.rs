use axum::http::Method;
use kernel::{Code, GroupOrderId, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cancel_order::{GroupOrderCanceled, call_off};
use super::{TextId, group_order};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
struct PartPath {
    #[serde(rename = "orderId")]
    order_id: TextId,
    #[serde(rename = "userId")]
    user_id: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::DELETE,
            path: "/api/dining/enhanced/department-orders/{orderId}/members/{userId}",
            id: "cancelGroupOrderPart",
            tag: Tag::Booking,
            summary: "Call off one member's part of a group order",
            description: "The other members keep theirs.",
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
    input: Input<PartPath, DryRun>,
) -> Result<Reply<GroupOrderCanceled>, Failure> {
    let PartPath { order_id, user_id } = input.path;
    let group_order = group_order(&app, &caller, GroupOrderId::new(order_id.0)).await?;
    call_off(&app, caller, &group_order, input.query.dry_run, |part| part.uid == user_id).await
}
