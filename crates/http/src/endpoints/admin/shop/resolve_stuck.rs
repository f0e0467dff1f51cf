use axum::http::Method;
use kernel::{Code, Permission, Reason, ResolveStuckOrder, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::shop::{OrderNoPath, ShopOrderAnswer, ask, order_of};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StuckResolution {
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRefund,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/shop/stuck-orders/{order_no}/resolve",
            id: "resolveStuckOrder",
            tag: Tag::Shop,
            summary: "End an order that cannot be released",
            description: "It expires with what is left of its claims; run the consistency check afterwards.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, Nothing, StuckResolution>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let (order, goods) = order_of(&app, &input.path.order_no).await?;
    let command = ShopCommand::ResolveStuck(ResolveStuckOrder { order, goods, reason: input.body.reason });
    Ok(Reply::saying(texts::SAVED, ask(&app, caller, false, command).await?))
}
