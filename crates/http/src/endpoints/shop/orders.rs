use axum::http::Method;
use kernel::{Permission, ShopStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop as queries;

use super::ShopOrderAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnOrderQuery {
    status: Option<ShopStatus>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of one's own shop orders.
#[derive(Serialize, JsonSchema)]
struct OwnOrderPage {
    orders: Vec<ShopOrderAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopBuy,
        Declaration {
            method: Method::GET,
            path: "/api/v1/shop/orders",
            id: "listShopOrders",
            tag: Tag::Shop,
            summary: "One's own shop orders",
            description: "Newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OwnOrderQuery>,
) -> Result<Reply<OwnOrderPage>, Failure> {
    let (query, member) = (input.query, caller.identity.member);
    let found = queries::of_member(app.store(), member, query.status, query.limit.get(), query.offset.get()).await?;
    let total_count = queries::count_of_member(app.store(), member, query.status).await?;
    Ok(Reply::ok(OwnOrderPage {
        page_info: PageInfo::new(query.limit, query.offset, found.len(), total_count),
        orders: ShopOrderAnswer::list(app.service().vault(), member, found)?,
        total_count,
    }))
}
