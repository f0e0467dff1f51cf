use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use store::queries;

use super::{OrderAnswer, OrderPath};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::GET,
            path: "/api/v1/orders/{order_id}",
            id: "showOrder",
            tag: Tag::Orders,
            summary: "One order",
            description: "One's own; anybody's with `meal:read_orders`.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<OrderPath>) -> Result<Reply<OrderAnswer>, Failure> {
    let found = queries::orders::one(app.store(), input.path.order_id).await?;
    let (order, balance) = found.ok_or(Refusal::NotFound { noun: Noun::Order })?;
    if order.member != caller.identity.member && !caller.identity.rights.allow(Permission::MealReadOrders) {
        return Err(Refusal::NotYours.into());
    }
    Ok(Reply::ok(OrderAnswer::new(order, balance)))
}
