use axum::http::Method;
use kernel::{Code, Permission, Reason, RefundShopOrder, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{OrderNoPath, RefundTo, ShopOrderAnswer, ask, order_of, refund_to};

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShopRefund {
    reason: Reason,
    /// Absent, it goes back to where it came from.
    refund_to: Option<RefundTo>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRefund,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/shop/orders/{order_no}/refund",
            id: "refundShopOrder",
            tag: Tag::Shop,
            summary: "Pay a shop order back",
            description: "To WeChat, where it was paid there, or to the balance. Pieces come back into the stock unless they have left the house, shares as long as their round is open.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, Nothing, ShopRefund>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let (order, goods) = order_of(&app, &input.path.order_no).await?;
    let ShopRefund { reason, refund_to: to } = input.body;
    let back_to = app.service().back_to(order, refund_to(to)).await?;
    let command = ShopCommand::Refund(RefundShopOrder { order, goods, back_to, reason });
    Ok(Reply::saying(texts::SHOP_ORDER_REFUNDED, ask(&app, caller, false, command).await?))
}
