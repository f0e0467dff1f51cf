use axum::http::Method;
use kernel::{Permission, ProductId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop::{self as queries, OffSale};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

use crate::endpoints::shop::{ProductAnswer, before};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AllProductQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of all products.
#[derive(Serialize, JsonSchema)]
struct AllProductPage {
    products: Vec<ProductAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/products",
            id: "listAllProducts",
            tag: Tag::Shop,
            summary: "All products",
            description: "On sale and off, newest first, page by page.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, AllProductQuery>) -> Result<Reply<AllProductPage>, Failure> {
    let (query, now) = (input.query, app.service().now());
    let first = ProductId::new(before(query.cursor));
    let found = queries::products(app.store(), OffSale::Shown, first, query.limit.and_one(), 0, now).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |product| product.what.id.get());
    Ok(Reply::ok(AllProductPage { products: found.into_iter().map(ProductAnswer::from).collect(), page_info }))
}
