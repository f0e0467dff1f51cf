use axum::http::Method;
use kernel::{CancelShopOrder, Code, Permission, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{OrderNoPath, RefundTo, ShopOrderAnswer, ask, own_order, refund_to};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelQuery {
    /// Gives the same answer, or the same refusal, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Absent, it goes back to where it came from.
    refund_to: Option<RefundTo>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopBuy,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/shop/orders/{order_no}",
            id: "cancelShopOrder",
            tag: Tag::Shop,
            summary: "Cancel one's shop order",
            description: "An unpaid one, or a paid one that nobody has begun to prepare; then what was paid goes back to WeChat or the \
                balance. Shares that are paid for are kept.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, CancelQuery>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let order = own_order(&app, &caller, &input.path.order_no).await?;
    let CancelQuery { dry_run, refund_to: to } = input.query;
    if !dry_run {
        app.service().give_payments_up(order.id).await?;
    }
    let back_to = app.service().back_to(order.id, refund_to(to)).await?;
    let command = ShopCommand::Cancel(CancelShopOrder { order: order.id, goods: order.goods, back_to });
    let answer = ask(&app, caller, dry_run, command).await?;
    let message = if dry_run { texts::DRY_RUN } else { texts::SHOP_ORDER_CANCELED };
    Ok(Reply::saying(message, answer))
}
