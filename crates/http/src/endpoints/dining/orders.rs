use axum::http::Method;
use kernel::{Cents, Code, Date, Instant, Note, OrderStatus, Permission, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::lists::{self, Order, Placed};
use store::queries;
use store::queries::group_orders::{GroupOrderSorting, Listed, Part};

use super::{BookedStatus, TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Page};
use crate::list::{self, Asked, FileColumn, Filed, Mark, Shown as Cell, SortBy, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language, say};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrdersQuery {
    /// All dates where absent.
    date: Option<Date>,
    department_id: Option<TextId>,
    /// From 1, newest first. Neither beside `sort` nor beside `cursor`.
    page: Option<Page>,
    #[serde(default)]
    page_size: Limit,
    /// By what, downwards with `-` before it.
    #[serde(default)]
    sort: SortBy<GroupOrderSorting>,
    /// `pageInfo.next_cursor` of the page before, in the same order.
    cursor: Option<Mark>,
}

/// What of a department's group orders is wanted in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrdersFileQuery {
    /// All dates where absent.
    date: Option<Date>,
    department_id: Option<TextId>,
    /// By what, downwards with `-` before it.
    #[serde(default)]
    sort: SortBy<GroupOrderSorting>,
}

impl Asked for OrdersFileQuery {
    type Sorting = GroupOrderSorting;

    fn order(&self) -> Order {
        self.sort.order()
    }
}

/// A page of a department's group orders.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DepartmentOrders {
    orders: Vec<DepartmentOrderRow>,
    total: i64,
    page: i64,
    page_size: i64,
    /// Absent where a page was asked for by its number.
    page_info: Option<CursorInfo>,
}

/// A group order with the orders of its members.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct DepartmentOrderRow {
    order_id: TextId,
    date: Date,
    meal_type: Slot,
    /// Of the orders that stand, as is the amount.
    member_count: usize,
    total_amount: Yuan,
    status: BookedStatus,
    remark: Note,
    /// Who booked it.
    placed_by: Option<String>,
    created_at: Instant,
    members: Vec<PartRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct PartRow {
    user_id: String,
    name: String,
    amount: Yuan,
    status: OrderStatus,
    redeemed_at: Option<Instant>,
}

impl DepartmentOrderRow {
    fn new(listed: Listed, parts: Vec<Part>) -> Self {
        let standing = || parts.iter().filter(|part| part.status.stands());
        let total = standing().map(|part| part.total.get()).sum();
        Self {
            order_id: TextId(listed.group_order.id.get()),
            date: listed.date,
            meal_type: listed.slot,
            member_count: standing().count(),
            total_amount: Yuan(Cents::new(total)),
            status: BookedStatus::of(parts.iter().map(|part| part.status)),
            remark: listed.group_order.remark,
            placed_by: listed.placed_by,
            created_at: listed.group_order.created_at,
            members: parts.into_iter().map(PartRow::from).collect(),
        }
    }
}

impl DepartmentOrderRow {
    /// Of whom an order stands.
    fn names(&self) -> String {
        let standing = self.members.iter().filter(|part| part.status.stands());
        standing.map(|part| part.name.as_str()).collect::<Vec<_>>().join("、")
    }
}

impl From<Part> for PartRow {
    fn from(part: Part) -> Self {
        Self {
            user_id: part.uid,
            name: part.nickname,
            amount: Yuan(part.total),
            status: part.status,
            redeemed_at: part.redeemed_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/department-orders",
            id: "listGroupOrders",
            tag: Tag::Booking,
            summary: "What a department booked",
            description: "Group orders with the orders of their members, newest first, unless asked for otherwise.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<GroupOrders>(
        Permission::DepartmentBook,
        "/api/dining/enhanced/department-orders/export",
        "exportGroupOrders",
        Tag::Booking,
        "What a department booked, as a workbook",
        &[Code::NotFound],
    )
}

/// What a department booked, as the list shows it.
enum GroupOrders {}

impl list::Listed for GroupOrders {
    type Path = Nothing;
    type Query = OrdersFileQuery;
    type Row = DepartmentOrderRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &OrdersFileQuery,
        page: &lists::Page,
    ) -> Result<Vec<Placed<DepartmentOrderRow>>, Failure> {
        let department = super::department(app, caller, query.department_id).await?;
        let found = queries::group_orders::listed(app.store(), department, query.date, page).await;
        let (places, found): (Vec<_>, Vec<_>) =
            listed(found, caller.language)?.into_iter().map(|Placed { place, row }| (place, row)).unzip();
        let rows = with_parts(app, found).await?;
        Ok(places.into_iter().zip(rows).map(|(place, row)| Placed { place, row }).collect())
    }
}

impl Filed for GroupOrders {
    const NAMES: (&'static str, &'static str) = ("报餐单", "group_orders");
    const COLUMNS: &'static [FileColumn<DepartmentOrderRow>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.order_id.0)),
        FileColumn::new("日期", 12, |row| Cell::text(row.date.to_string())),
        FileColumn::new("餐次", 8, |row| Cell::text(texts::slot(row.meal_type, Language::Chinese))),
        FileColumn::new("状态", 10, |row| Cell::text(row.status.in_language(Language::Chinese))),
        FileColumn::new("人数", 8, |row| Cell::Integer(i64::try_from(row.member_count).unwrap_or(i64::MAX))),
        FileColumn::new("金额(元)", 12, |row| Cell::Cents(row.total_amount.0)),
        FileColumn::new("成员", 40, |row| Cell::text(row.names())),
        FileColumn::new("备注", 30, |row| Cell::text(row.remark.as_str())),
        FileColumn::new("预订人", 16, |row| Cell::or_nothing(row.placed_by.as_deref(), Cell::text)),
        FileColumn::new("预订时间", 20, |row| Cell::Moment(row.created_at)),
    ];
}

/// Group orders with the orders of their members.
async fn with_parts(app: &App, found: Vec<Listed>) -> Result<Vec<DepartmentOrderRow>, Failure> {
    let ids = found.iter().map(|listed| listed.group_order.id).collect();
    let mut parts = queries::group_orders::parts(app.store(), &ids).await?;
    let row = |listed: Listed| {
        let parts = parts.remove(&listed.group_order.id).unwrap_or_default();
        DepartmentOrderRow::new(listed, parts)
    };
    Ok(found.into_iter().map(row).collect())
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OrdersQuery>,
) -> Result<Reply<DepartmentOrders>, Failure> {
    let OrdersQuery { date, department_id, page, page_size, sort, cursor } = input.query;
    let department = super::department(&app, &caller, department_id).await?;
    let total = queries::group_orders::count(app.store(), department, date).await?;
    let (orders, page_info) = match page {
        Some(_) if cursor.is_some() || sort.order() != Order::usual::<GroupOrderSorting>() => {
            let problem =
                say!(caller.language, "不能与 sort 或 cursor 同时给出", "cannot be given beside sort or cursor");
            return Err(Failure::invalid("page", problem));
        }
        Some(page) => {
            let offset = (page.get() - 1) * page_size.get();
            let found = queries::group_orders::list(app.store(), department, date, page_size.get(), offset).await?;
            (with_parts(&app, found).await?, None)
        }
        None => {
            let wanted = OrdersFileQuery { date, department_id, sort };
            let (orders, info) =
                list::read::<GroupOrders>(&app, &caller, &input.path, (wanted, page_size, cursor)).await?;
            (orders, Some(info))
        }
    };
    let page = page.map_or(1, Page::get);
    Ok(Reply::ok(DepartmentOrders { orders, total, page, page_size: page_size.get(), page_info }))
}
