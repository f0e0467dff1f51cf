use axum::http::Method;
use kernel::{
    Address, Code, Delivery, Goods, Note, PayWith, Permission, PlaceShopOrder, ProductId, Quantity, RoundId,
    ShopCommand,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ShopOrderAnswer, ask};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing, Problem};
use crate::reply::Reply;
use crate::texts;

/// What to buy. Either id, or both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewShopOrder {
    product_id: Option<ProductId>,
    round_id: Option<RoundId>,
    #[serde(default)]
    quantity: Quantity,
    pay_with: PayWith,
    /// For who, where and how to reach them; absent for what is picked up.
    address: Option<Address>,
    notes: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopBuy,
        Declaration {
            method: Method::POST,
            path: "/api/v1/shop/orders",
            id: "placeShopOrder",
            tag: Tag::Shop,
            summary: "Buy pieces, shares, or both",
            description: "`quantity` of each. With `balance` it is paid at once; with `wechat` it is held until `expires_at` and then lapses. \
                Shares get their numbers as they are paid for.",
            codes: &[
                Code::NotFound,
                Code::BusinessRule,
                Code::OutOfStock,
                Code::UnpaidOrderExists,
                Code::InsufficientBalance,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, NewShopOrder>,
) -> Result<Reply<ShopOrderAnswer>, Failure> {
    let order = input.body;
    let goods = match (order.product_id, order.round_id) {
        (Some(product), None) => Goods::Pieces { product },
        (None, Some(round)) => Goods::Shares { round },
        (Some(product), Some(round)) => Goods::PiecesAndShares { product, round },
        (None, None) => {
            let problem = texts::say!(caller.language, "请给出 product_id 或 round_id", "give product_id or round_id");
            return Err(Failure::Invalid(vec![Problem::new("product_id", problem)]));
        }
    };
    let member = caller.identity.member;
    let delivery = match order.address {
        Some(address) => Delivery::To(app.service().vault().seal_address(member, address.as_str())?),
        None => Delivery::PickUp,
    };
    let command = ShopCommand::Place(PlaceShopOrder {
        member,
        goods,
        quantity: order.quantity,
        pay_with: order.pay_with,
        delivery,
        notes: order.notes.unwrap_or_default(),
    });
    let answer = ask(&app, caller, input.query.dry_run, command).await?;
    let message = if input.query.dry_run { texts::DRY_RUN } else { texts::SHOP_ORDERED };
    Ok(Reply::saying(message, answer))
}
