use axum::http::Method;
use kernel::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::shop::{self as queries, ProductSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};

use crate::endpoints::shop::ProductAnswer;

list_query!(AllProductQuery, ProductFileQuery, ProductSorting, {});

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
            description: "On sale and off, newest first, unless asked for otherwise, page by page.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Products>(
        Permission::ShopWrite,
        "/api/v1/admin/products/export",
        "exportProducts",
        Tag::Shop,
        "All products as a workbook",
        &[],
    )
}

/// Products, as the list shows them.
enum Products {}

impl Listed for Products {
    type Path = Nothing;
    type Query = ProductFileQuery;
    type Row = ProductAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        _: &ProductFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<ProductAnswer>>, Failure> {
        let found = queries::all_products(app.store(), page, app.service().now()).await;
        Ok(listed(found, caller.language)?.into_iter().map(|placed| placed.map(ProductAnswer::from)).collect())
    }
}

impl Filed for Products {
    const NAMES: (&'static str, &'static str) = ("商品", "products");
    const COLUMNS: &'static [FileColumn<ProductAnswer>] = ProductAnswer::COLUMNS;
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AllProductQuery>,
) -> Result<Reply<AllProductPage>, Failure> {
    let (products, page_info) = list::read::<Products>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(AllProductPage { products, page_info }))
}
