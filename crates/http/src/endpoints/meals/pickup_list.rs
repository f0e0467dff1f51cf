use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{
    Code, DepartmentId, Instant, Meal, MealOption, MemberId, Note, Noun, OrderId, Permission, PickupCode, PickupWindow,
    Quantity, Refusal, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sheets::{Cell, Column};
use store::queries;
use store::queries::exports::Stream;
use store::queries::kitchen::{Fetch, Which};

use super::MealPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};

const SHEET: &str = "取餐名单";
const COLUMNS: [Column<'static>; 9] = [
    Column::new("部门", 20),
    Column::new("姓名", 16),
    Column::new("取餐码", 10),
    Column::new("份数", 8),
    Column::new("选项", 28),
    Column::new("备注", 28),
    Column::new("取餐时间", 14),
    Column::new("订单编号", 28),
    Column::new("已取", 20),
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PickupQuery {
    /// Only orders that nobody has come for yet.
    #[serde(default)]
    waiting: bool,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// A page of a meal's pick-up list, in the order in which the orders were placed.
#[derive(Serialize, JsonSchema)]
struct PickupPage {
    /// Of the whole meal.
    orders: i64,
    redeemed_orders: i64,
    rows: Vec<PickupRow>,
    page_info: CursorInfo,
}

/// Who fetches what.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct PickupRow {
    order_id: OrderId,
    order_no: String,
    /// Absent on orders that are older than the codes.
    pickup_code: Option<PickupCode>,
    user_id: MemberId,
    nickname: String,
    department_id: Option<DepartmentId>,
    department: Option<Title>,
    quantity: Quantity,
    selected_options: Vec<MealOption>,
    notes: Note,
    pickup_window: Option<PickupWindow>,
    redeemed_at: Option<Instant>,
    /// The name of who handed it out.
    redeemed_by: Option<String>,
}

impl From<Fetch> for PickupRow {
    fn from(fetch: Fetch) -> Self {
        Self {
            order_id: fetch.order,
            order_no: fetch.order_no,
            pickup_code: fetch.code,
            user_id: fetch.member,
            nickname: fetch.nickname,
            department_id: fetch.department.as_ref().map(|department| department.id),
            department: fetch.department.map(|department| department.name),
            quantity: fetch.quantity,
            selected_options: fetch.options,
            notes: fetch.notes,
            pickup_window: fetch.window,
            redeemed_at: fetch.redeemed_at,
            redeemed_by: fetch.redeemed_by,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderRedeem,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/pickup-list",
            id: "listPickups",
            tag: Tag::Meals,
            summary: "Who fetches what",
            description: "A meal's orders that stand, with their pick-up codes, page by page.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    Endpoint::needs(
        Permission::OrderRedeem,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/pickup-list/export",
            id: "exportPickups",
            tag: Tag::Meals,
            summary: "Who fetches what, to print",
            description: "The whole list as a workbook, by department and name. What was ticked off on paper is entered later with \
                the order's code.",
            codes: &[Code::NotFound],
        },
        handle_export,
    )
}

async fn handle(app: App, _: Caller, input: Input<MealPath, PickupQuery>) -> Result<Reply<PickupPage>, Failure> {
    let (meal, query) = (input.path.meal_id, input.query);
    if queries::meals::one(app.store(), meal).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Meal }.into());
    }
    let which = if query.waiting { Which::Waiting } else { Which::All };
    let after = OrderId::new(query.cursor.get());
    let found = queries::kitchen::list(app.store(), meal, which, after, query.limit.and_one()).await?;
    let (orders, redeemed_orders) = queries::kitchen::fetched(app.store(), meal).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |fetch| fetch.order.get());
    let rows = found.into_iter().map(PickupRow::from).collect();
    Ok(Reply::ok(PickupPage { orders, redeemed_orders, rows, page_info }))
}

async fn handle_export(app: App, _: Caller, input: Input<MealPath>) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let found = queries::kitchen::printed(app.store(), input.path.meal_id).await?;
    let (meal, rows) = found.ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let which = which(&meal);
    let zone = app.zone().clone();
    let (name, plain_name) = (format!("{SHEET}_{which}"), format!("pickup_{which}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, rows))
}

fn which(meal: &Meal) -> String {
    format!("{}_{}_{}", meal.date, meal.slot.as_str(), meal.id.get())
}

fn write(out: Out, zone: TimeZone, mut rows: Stream<Fetch>) -> Written {
    let mut book = sheets::Workbook::new(out, zone, &[SHEET])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    while let Some(row) = rows.blocking_next()? {
        let options = crate::endpoints::orders::option_names(&row.options);
        let window = row.window.map(|window| window.to_string());
        sheet.row(&[
            row.department.as_ref().map_or(Cell::Empty, |department| Cell::Text(department.name.as_str())),
            Cell::Text(&row.nickname),
            row.code.as_ref().map_or(Cell::Empty, |code| Cell::Text(code.as_str())),
            Cell::Integer(row.quantity.get()),
            Cell::Text(&options),
            Cell::Text(row.notes.as_str()),
            window.as_deref().map_or(Cell::Empty, Cell::Text),
            Cell::Text(&row.order_no),
            row.redeemed_at.map_or(Cell::Empty, |at| Cell::Moment(at.as_millis())),
        ])?;
    }
    sheet.end()?;
    Ok(book.finish()?.end()?)
}
