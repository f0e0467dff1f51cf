use axum::http::Method;
use kernel::{Code, Permission, Refusal};

use super::{OrderNoPath, ShopOrderAnswer, find, with_payments};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopBuy,
        Declaration {
            method: Method::GET,
            path: "/api/v1/shop/orders/{order_no}",
            id: "showShopOrder",
            tag: Tag::Shop,
            summary: "One shop order",
            description: "One's own, or anybody's for who holds `shop:orders`.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, Nothing>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let order = find(&app, &input.path.order_no).await?;
    if order.member != caller.identity.member && !caller.identity.rights.allow(Permission::ShopOrders) {
        return Err(Refusal::NotYours.into());
    }
    Ok(Reply::ok(with_payments(&app, caller.identity.member, order).await?))
}
