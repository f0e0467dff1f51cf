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
            method: Method::POST,
            path: "/api/v1/shop/orders/{order_no}/query",
            id: "queryShopOrder",
            tag: Tag::Shop,
            summary: "Ask WeChat whether a shop order is paid",
            description: "Now. What was paid is settled with the answer. One's own order, or anybody's for who holds `shop:orders`.",
            codes: &[Code::NotFound, Code::ProviderError],
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
    app.service().query_shop_order(order.id).await?;
    let order = find(&app, &order.order_no).await?;
    Ok(Reply::ok(with_payments(&app, caller.identity.member, order).await?))
}
