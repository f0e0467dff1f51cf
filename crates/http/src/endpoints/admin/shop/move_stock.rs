use axum::http::Method;
use kernel::{Code, MoveStock, Permission, Reason, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use super::change_product;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{ProductAnswer, ProductPath};

/// What comes or goes, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Movement {
    /// Below zero for what goes. Not zero.
    delta: i64,
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/products/{product_id}/stock",
            id: "moveStock",
            tag: Tag::Shop,
            summary: "Move a product's stock",
            description: "Each movement is kept with its reason. What is sold or held cannot be taken away.",
            codes: &[Code::NotFound, Code::OutOfStock],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ProductPath, Nothing, Movement>,
) -> Result<Reply<ProductAnswer>, Failure> {
    let (delta, reason) = (input.body.delta, input.body.reason);
    let command = ShopCommand::MoveStock(MoveStock { product: input.path.product_id, delta, reason });
    Ok(Reply::saying(texts::SAVED, change_product(&app, caller, command).await?))
}
