use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use store::queries::shop as queries;

use super::{ProductAnswer, ProductPath};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/products/{product_id}",
            id: "showProduct",
            tag: Tag::Shop,
            summary: "One product",
            description: "One that is off sale is shown to who bought it as well.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<ProductPath, Nothing>) -> Result<Reply<ProductAnswer>, Failure> {
    let found = queries::product(app.store(), input.path.product_id, app.service().now()).await?;
    let found = found.ok_or(Refusal::NotFound { noun: Noun::Product })?;
    Ok(Reply::ok(found.into()))
}
