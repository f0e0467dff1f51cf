use axum::http::Method;
use kernel::{Code, Fulfilment, Permission, ShopCommand, StepShopOrder};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{OrderNoPath, ShopOrderAnswer, ask, order_of};

/// How far it is now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NextStep {
    to: Fulfilment,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopOrders,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/shop/orders/{order_no}/step",
            id: "stepShopOrder",
            tag: Tag::Shop,
            summary: "Bring a paid order on",
            description: "Onwards, over any step: preparing, ready (picked up) or shipped (delivered), completed.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, Nothing, NextStep>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let (order, goods) = order_of(&app, &input.path.order_no).await?;
    let command = ShopCommand::Step(StepShopOrder { order, goods, to: input.body.to });
    Ok(Reply::saying(texts::SAVED, ask(&app, caller, false, command).await?))
}
