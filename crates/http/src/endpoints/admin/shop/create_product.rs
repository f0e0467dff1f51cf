use axum::http::Method;
use kernel::{Code, CreateProduct, Note, Permission, Price, Quantity, ShopCommand, Title};
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

use crate::endpoints::shop::ProductAnswer;

/// A product to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    name_zh: Title,
    name_en: Option<Title>,
    description: Option<Note>,
    /// Not below zero.
    price_cents: Price,
    /// How many pieces one member may have in orders that stand.
    limit_per_member: Option<Quantity>,
    #[serde(default)]
    on_sale: bool,
    #[serde(default)]
    stock: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/products",
            id: "createProduct",
            tag: Tag::Shop,
            summary: "Add a product",
            description: "What is there from the beginning is its first stock movement.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewProduct>,
) -> Result<Reply<ProductAnswer>, Failure> {
    let product = input.body;
    let command = ShopCommand::CreateProduct(CreateProduct {
        name_zh: product.name_zh,
        name_en: product.name_en,
        description: product.description.unwrap_or_default(),
        price: product.price_cents,
        member_limit: product.limit_per_member,
        on_sale: product.on_sale,
        stock: product.stock,
    });
    Ok(Reply::saying(texts::CREATED, change_product(&app, caller, command).await?))
}
