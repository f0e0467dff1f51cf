use axum::http::Method;
use kernel::{Instant, MemberId, Permission, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop as queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};

use crate::endpoints::shop::{ProductPath, before};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MovementQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of stock movements.
#[derive(Serialize, JsonSchema)]
struct MovementPage {
    movements: Vec<MovementRow>,
    page_info: CursorInfo,
}

/// What came or went, and why.
#[derive(Serialize, JsonSchema)]
struct MovementRow {
    number: i64,
    delta: i64,
    reason: Reason,
    /// Absent for the house itself.
    moved_by: Option<MemberId>,
    moved_at: Instant,
    /// All that has come, less all that has gone by such movements.
    total_after: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/products/{product_id}/stock",
            id: "listStockMovements",
            tag: Tag::Shop,
            summary: "A product's stock movements",
            description: "Newest first, page by page.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<ProductPath, MovementQuery>) -> Result<Reply<MovementPage>, Failure> {
    let query = input.query;
    let first = before(query.cursor);
    let found = queries::movements(app.store(), input.path.product_id, first, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |movement| movement.number);
    let row = |movement: kernel::StockMovement| MovementRow {
        number: movement.number,
        delta: movement.delta,
        reason: movement.reason,
        moved_by: movement.moved_by,
        moved_at: movement.moved_at,
        total_after: movement.total_after,
    };
    Ok(Reply::ok(MovementPage { movements: found.into_iter().map(row).collect(), page_info }))
}
