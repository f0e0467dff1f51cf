use axum::http::Method;
use kernel::{Fulfilment, MemberId, OrderId, Permission, ProductId, RoundId, ShopStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop::{self as queries, Of};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Problem};
use crate::reply::{CursorInfo, Reply};
use crate::texts;

use crate::endpoints::shop::{ShopOrderAnswer, before};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AllOrderQuery {
    status: Option<ShopStatus>,
    fulfillment_status: Option<Fulfilment>,
    user_id: Option<MemberId>,
    product_id: Option<ProductId>,
    round_id: Option<RoundId>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of shop orders.
#[derive(Serialize, JsonSchema)]
struct AllOrderPage {
    orders: Vec<ShopOrderAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/shop/orders",
            id: "listAllShopOrders",
            tag: Tag::Shop,
            summary: "Everybody's shop orders",
            description: "Newest first, page by page; of one member, one product or one round.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AllOrderQuery>,
) -> Result<Reply<AllOrderPage>, Failure> {
    let query = input.query;
    let of = match (query.user_id, query.product_id, query.round_id) {
        (None, None, None) => Of::All,
        (Some(member), None, None) => Of::Member(member),
        (None, Some(product), None) => Of::Product(product),
        (None, None, Some(round)) => Of::Round(round),
        _ => {
            let problem = texts::say!(
                caller.language,
                "user_id、product_id、round_id 只能给出一个",
                "give one of user_id, product_id, round_id"
            );
            return Err(Failure::Invalid(vec![Problem::new("user_id", problem)]));
        }
    };
    let first = OrderId::new(before(query.cursor));
    let (status, fulfilment) = (query.status, query.fulfillment_status);
    let found = queries::orders(app.store(), of, status, fulfilment, first, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |order| order.id.get());
    let orders = ShopOrderAnswer::list(app.service().vault(), caller.identity.member, found)?;
    Ok(Reply::ok(AllOrderPage { orders, page_info }))
}
