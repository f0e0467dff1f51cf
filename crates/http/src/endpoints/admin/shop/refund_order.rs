use axum::http::Method;
use kernel::{Code, Permission, Reason, RefundShopOrder, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
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
            description: "To WeChat, where it was paid there, or to the balance. Pieces come back into the stock unless they have left the house, shares as long as their round is open; `given_back` has the numbers.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, DryRun, ShopRefund>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let dry_run = input.query.dry_run;
    let (order, goods) = order_of(&app, &input.path.order_no).await?;
    let ShopRefund { reason, refund_to: to } = input.body;
    let back_to = app.service().back_to(order, refund_to(to)).await?;
    let command = ShopCommand::Refund(RefundShopOrder { order, goods, back_to, reason });
    let message = if dry_run { texts::DRY_RUN } else { texts::SHOP_ORDER_REFUNDED };
    Ok(Reply::saying(message, ask(&app, caller, dry_run, command).await?))
}
