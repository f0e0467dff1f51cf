use axum::http::Method;
use kernel::{Code, EditProduct, Note, Permission, Price, Product, ProductPatch, Quantity, ShopCommand, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::change_product;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, double_option};
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::pictures;
use crate::endpoints::shop::{ProductAnswer, ProductPath};

/// What may change about a product. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProductEdit {
    name_zh: Option<Title>,
    /// `null` takes the name away.
    #[serde(default, deserialize_with = "double_option")]
    name_en: Option<Option<Title>>,
    description: Option<Note>,
    price_cents: Option<Price>,
    /// `null` takes the limit away.
    #[serde(default, deserialize_with = "double_option")]
    limit_per_member: Option<Option<Quantity>>,
    on_sale: Option<bool>,
    /// The names of those it shows, in their order; nine at most.
    pictures: Option<Vec<String>>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/products/{product_id}",
            id: "editProduct",
            tag: Tag::Shop,
            summary: "Change a product",
            description: "Orders keep the price at which they were placed. Off sale, it takes no new ones.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ProductPath, Nothing, ProductEdit>,
) -> Result<Reply<ProductAnswer>, Failure> {
    let edit = input.body;
    let pictures = match edit.pictures {
        Some(names) => Some(pictures::named(&app, caller.language, &names, Product::MOST_PICTURES).await?),
        None => None,
    };
    let patch = ProductPatch {
        name_zh: edit.name_zh,
        name_en: edit.name_en,
        description: edit.description,
        price: edit.price_cents,
        member_limit: edit.limit_per_member,
        on_sale: edit.on_sale,
        pictures,
    };
    let command = ShopCommand::EditProduct(EditProduct { product: input.path.product_id, patch });
    Ok(Reply::saying(texts::SAVED, change_product(&app, caller, command).await?))
}
