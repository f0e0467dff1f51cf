use axum::http::Method;
use kernel::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop::{self as queries, OffSale};

use super::ProductAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProductQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of products.
#[derive(Serialize, JsonSchema)]
struct ProductPage {
    products: Vec<ProductAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/products",
            id: "listProducts",
            tag: Tag::Shop,
            summary: "What is on sale",
            description: "Newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, ProductQuery>) -> Result<Reply<ProductPage>, Failure> {
    let (limit, offset, now) = (input.query.limit, input.query.offset, app.service().now());
    let store = app.store();
    let found = queries::products(store, OffSale::Hidden, limit.get(), offset.get(), now).await?;
    let total_count = queries::count_products(store, OffSale::Hidden).await?;
    Ok(Reply::ok(ProductPage {
        page_info: PageInfo::new(limit, offset, found.len(), total_count),
        products: found.into_iter().map(ProductAnswer::from).collect(),
        total_count,
    }))
}
