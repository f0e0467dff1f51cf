use axum::http::Method;
use kernel::{Instant, MemberId, Permission, Reason, StockMovement};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::shop::{self as queries, MovementSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};

use crate::endpoints::shop::ProductPath;

list_query!(MovementQuery, MovementFileQuery, MovementSorting, {});

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
            description: "Newest first, unless asked for otherwise, page by page.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Movements>(
        Permission::ShopWrite,
        "/api/v1/admin/products/{product_id}/stock/export",
        "exportStockMovements",
        Tag::Shop,
        "A product's stock movements as a workbook",
        &[],
    )
}

impl From<StockMovement> for MovementRow {
    fn from(movement: StockMovement) -> Self {
        Self {
            number: movement.number,
            delta: movement.delta,
            reason: movement.reason,
            moved_by: movement.moved_by,
            moved_at: movement.moved_at,
            total_after: movement.total_after,
        }
    }
}

/// A product's stock movements, as the list shows them.
enum Movements {}

impl Listed for Movements {
    type Path = ProductPath;
    type Query = MovementFileQuery;
    type Row = MovementRow;

    async fn find(
        app: &App,
        caller: &Caller,
        path: &ProductPath,
        _: &MovementFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<MovementRow>>, Failure> {
        let found = listed(queries::movements(app.store(), path.product_id, page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(MovementRow::from)).collect())
    }
}

impl Filed for Movements {
    const NAMES: (&'static str, &'static str) = ("库存变动记录", "stock");
    const COLUMNS: &'static [FileColumn<MovementRow>] = &[
        FileColumn::new("序号", 8, |row| Cell::Integer(row.number)),
        FileColumn::new("时间", 20, |row| Cell::Moment(row.moved_at)),
        FileColumn::new("变动", 10, |row| Cell::Integer(row.delta)),
        FileColumn::new("累计", 12, |row| Cell::Integer(row.total_after)),
        FileColumn::new("原因", 30, |row| Cell::text(row.reason.as_str())),
        FileColumn::new("操作人ID", 18, |row| Cell::or_nothing(row.moved_by, |id| Cell::Integer(id.get()))),
    ];
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ProductPath, MovementQuery>,
) -> Result<Reply<MovementPage>, Failure> {
    let (movements, page_info) = list::read::<Movements>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(MovementPage { movements, page_info }))
}
