use std::collections::BTreeMap;

use axum::http::Method;
use kernel::{Code, Command, ExpireShopOrders, Noun, Outcome, Permission, Refusal, ShopCommand};
use store::queries::shop as queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::shop::{OrderNoPath, ShopOrderAnswer, find};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRefund,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/shop/stuck-orders/{order_no}/retry",
            id: "retryStuckOrder",
            tag: Tag::Shop,
            summary: "Try once more to release an order",
            description: "After what stood in its way was put right. Where it still cannot be released, the answer is \
                `INTERNAL_ERROR`, and the list of stuck orders has the reason.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<OrderNoPath>) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let order = find(&app, &input.path.order_no).await?;
    if queries::stuck_one(app.store(), order.id).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Order }.into());
    }
    let reader = caller.identity.member;
    let orders = BTreeMap::from([(order.id, order.goods)]);
    let command = Command::Shop(ShopCommand::Expire(ExpireShopOrders { orders }));
    match app.service().run(caller.asks(command)).await {
        Ok(Outcome::Expired { .. }) => {}
        Ok(_) => return Err(Failure::fault("releasing an order answered something else")),
        Err(failure) => {
            app.service().note_stuck(order.id, &failure).await?;
            return Err(failure.into());
        }
    }
    let order = find(&app, &input.path.order_no).await?;
    Ok(Reply::saying(texts::SAVED, ShopOrderAnswer::new(app.service().vault(), reader, order)?))
}
