use axum::http::Method;
use kernel::{Instant, OrderId, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop::{self as queries, Stuck};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::shop::before;
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StuckQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// An order past its deadline that could not be released.
#[derive(Serialize, JsonSchema)]
struct StuckAnswer {
    order_no: String,
    expired_at: Instant,
    attempts: i64,
    /// Whether it waits for a person.
    parked: bool,
    /// When it is tried again by itself.
    retry_at: Option<Instant>,
    last_error: String,
}

impl From<Stuck> for StuckAnswer {
    fn from(found: Stuck) -> Self {
        Self {
            order_no: found.order_no,
            expired_at: found.expired_at,
            attempts: found.stuck.attempts,
            parked: found.stuck.retry_at.is_none(),
            retry_at: found.stuck.retry_at,
            last_error: found.stuck.last_error,
        }
    }
}

/// A page of stuck orders.
#[derive(Serialize, JsonSchema)]
struct StuckPage {
    orders: Vec<StuckAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/shop/stuck-orders",
            id: "listStuckOrders",
            tag: Tag::Shop,
            summary: "Orders that could not be released",
            description: "Newest first, page by page. Each is tried again after 15, 30 and 60 seconds and is then parked. What it holds is \
                free all the same: it stopped counting at its deadline.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, StuckQuery>) -> Result<Reply<StuckPage>, Failure> {
    let StuckQuery { limit, cursor } = input.query;
    let found = queries::stuck(app.store(), OrderId::new(before(cursor)), limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |one| one.stuck.order.get());
    Ok(Reply::ok(StuckPage { orders: found.into_iter().map(StuckAnswer::from).collect(), page_info }))
}
