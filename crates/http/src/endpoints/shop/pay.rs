use axum::http::Method;
use kernel::{Code, PayClient, PayShopOrder, PayWith, Permission, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;
use service::Payer;

use super::{OrderNoPath, ShopOrderAnswer, ask, own_order};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::topups::PayableTopup;
use crate::failure::Failure;
use crate::input::{DryRun, Problem};
use crate::reply::Reply;
use crate::texts;

/// How it is paid: from the balance, unless something else is said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShopPayment {
    /// Absent, it is `wechat` where a client is named, and else `balance`.
    pay_with: Option<PayWith>,
    /// Where at WeChat; `jsapi` if nothing is said.
    client: Option<PayClient>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopBuy,
        Declaration {
            method: Method::POST,
            path: "/api/v1/shop/orders/{order_no}/pay",
            id: "payShopOrder",
            tag: Tag::Shop,
            summary: "Pay a shop order",
            description: "Until its deadline; at WeChat until a minute before it. From the balance it is paid at once. At WeChat it is \
                paid as soon as WeChat says so: `payment` has `pay_params`, `code_url` or `h5_url`, by `client`. Asked again it is the \
                same payment; one for another client is closed first. Money that comes too late buys what is still to be had, and \
                else goes back to where it came from.",
            codes: &[
                Code::NotFound,
                Code::InvalidStatusTransition,
                Code::InsufficientBalance,
                Code::BusinessRule,
                Code::ProviderError,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<OrderNoPath, DryRun, ShopPayment>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let order = own_order(&app, &caller, &input.path.order_no).await?;
    let ShopPayment { pay_with, client } = input.body;
    let dry_run = input.query.dry_run;
    match (pay_with, client) {
        (Some(PayWith::Balance), Some(_)) => {
            let problem = texts::say!(caller.language, "余额支付不需要 client", "is for `wechat` only");
            Err(Failure::Invalid(vec![Problem::new("client", problem)]))
        }
        (Some(PayWith::Wechat), _) | (None, Some(_)) if dry_run => {
            let problem = texts::say!(caller.language, "微信支付不能试算", "cannot be tried with `wechat`");
            Err(Failure::Invalid(vec![Problem::new("dry_run", problem)]))
        }
        (Some(PayWith::Wechat), _) | (None, Some(_)) => {
            let client = client.unwrap_or(PayClient::Jsapi);
            let payer = Payer { member: order.member, client, address: caller.address };
            let made = app.service().pay_shop_order(payer, &order, |command| caller.asks(command)).await?;
            // It may have been paid meanwhile.
            let order = super::find(&app, &order.order_no).await?;
            let answer = ShopOrderAnswer::new(app.service().vault(), payer.member, order)?;
            let answer = ShopOrderAnswer { payment: Some(PayableTopup::new(made)), ..answer };
            Ok(Reply::saying(texts::TOPUP_CREATED, answer))
        }
        (Some(PayWith::Balance) | None, None) => {
            if !dry_run {
                app.service().close_payments(order.id).await?;
            }
            let command = ShopCommand::Pay(PayShopOrder { order: order.id, goods: order.goods });
            let answer = ask(&app, caller, dry_run, command).await?;
            let message = if dry_run { texts::DRY_RUN } else { texts::SHOP_ORDER_PAID };
            Ok(Reply::saying(message, answer))
        }
    }
}
