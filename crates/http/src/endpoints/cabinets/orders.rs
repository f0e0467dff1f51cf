use axum::http::Method;
use kernel::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::CabinetOrderAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnCabinetQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of one's own cabinet orders.
#[derive(Serialize, JsonSchema)]
struct OwnCabinetPage {
    orders: Vec<CabinetOrderAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/orders",
            id: "listCabinetOrders",
            tag: Tag::Cabinets,
            summary: "One's own cabinet orders",
            description: "Newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OwnCabinetQuery>,
) -> Result<Reply<OwnCabinetPage>, Failure> {
    let (OwnCabinetQuery { limit, offset }, member) = (input.query, caller.identity.member);
    let found = queries::orders_of_member(app.store(), member, limit.get(), offset.get()).await?;
    let total_count = queries::count_orders(app.store(), member).await?;
    Ok(Reply::ok(OwnCabinetPage {
        page_info: PageInfo::new(limit, offset, found.len(), total_count),
        orders: CabinetOrderAnswer::list(&app, found).await?,
        total_count,
    }))
}
