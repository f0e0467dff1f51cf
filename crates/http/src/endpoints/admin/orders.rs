//! Everybody's meal orders, of all meals.

use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{Date, DepartmentCode, OrderStatus, Payer, Permission, Slot, Title};
use schemars::JsonSchema;
use serde::Serialize;
use sheets::{Cell, Column};
use store::lists::{Page, Placed};
use store::queries::exports::Stream;
use store::queries::order_search::{self, Filter, Found, OrderSorting};
use store::queries::orders::Dates;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::meals::orders::MealOrderRow;
use crate::endpoints::orders::{PayingDepartment, option_names};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::input::{Nothing, Search};
use crate::list::{self, Asked, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

/// A sheet has room for few more.
const MOST_ROWS: i64 = 1_000_000;

list_query!(OrderSearchQuery, OrderFileQuery, OrderSorting, {
    /// A whole `order_no`; or of the member a part of the nickname or of the account name, or a whole `user_id` or `uid`.
    query: Option<Search>,
    /// The code of the member's department.
    department: Option<DepartmentCode>,
    status: Option<OrderStatus>,
    paid_by: Option<Payer>,
    /// Only meals from this date on.
    date_from: Option<Date>,
    /// Only meals up to this date.
    date_to: Option<Date>,
    slot: Option<Slot>,
});

impl OrderFileQuery {
    fn checked(&self, language: Language) -> Result<Filter, Failure> {
        if let (Some(from), Some(to)) = (self.date_from, self.date_to)
            && from > to
        {
            return Err(Failure::ends_before_it_begins("date_from", "date_to", language));
        }
        Ok(Filter {
            query: self.query.clone().map(Search::into_inner),
            department: self.department.clone(),
            status: self.status,
            paid_by: self.paid_by,
            dates: Dates { from: self.date_from, to: self.date_to },
            slot: self.slot,
        })
    }
}

/// A page of everybody's orders.
#[derive(Serialize, JsonSchema)]
struct OrderPage {
    orders: Vec<FoundOrder>,
    page_info: CursorInfo,
}

/// An order, whose it is and for which meal.
#[derive(Serialize, JsonSchema)]
struct FoundOrder {
    #[serde(flatten)]
    order: MealOrderRow,
    meal_date: Date,
    meal_slot: Slot,
    meal_title: Option<Title>,
    /// Which department paid; absent where the member did.
    paid_by: Option<PayingDepartment>,
}

impl From<Found> for FoundOrder {
    fn from(found: Found) -> Self {
        Self {
            order: MealOrderRow::new((found.order, found.nickname)),
            meal_date: found.date,
            meal_slot: found.slot,
            meal_title: found.title,
            paid_by: found.paid_by.map(PayingDepartment::from),
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealReadOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/orders",
            id: "searchOrders",
            tag: Tag::Administration,
            summary: "Everybody's meal orders",
            description: "Newest first, unless asked for otherwise. All filters have to hold. What is asked of the number, the member, the department or the days, \
                          and what is open or paid by a department, costs the same however many orders there are; any other status, \
                          a slot alone and what members paid are looked for one order after the other until the page is full. \
                          Of more than a hundred thousand orders, only by when they were made.",
            codes: &[],
        },
        handle,
    )
}

/// Orders, as the list shows them.
enum Orders {}

impl Listed for Orders {
    type Path = Nothing;
    type Query = OrderFileQuery;
    type Row = FoundOrder;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &OrderFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<FoundOrder>>, Failure> {
        let filter = query.checked(caller.language)?;
        let found = listed(order_search::list(app.store(), &filter, page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(FoundOrder::from)).collect())
    }
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OrderSearchQuery>,
) -> Result<Reply<OrderPage>, Failure> {
    let (orders, page_info) = list::read::<Orders>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(OrderPage { orders, page_info }))
}

const COLUMNS: [Column<'static>; 14] = [
    Column::new("订单号", 24),
    Column::new("日期", 12),
    Column::new("时段", 8),
    Column::new("餐次", 24),
    Column::new("用户ID", 18),
    Column::new("用户昵称", 16),
    Column::new("订单数量", 10),
    Column::new("总价(元)", 12),
    Column::new("付款部门", 16),
    Column::new("选择的选项", 30),
    Column::new("备注", 30),
    Column::new("状态", 10),
    Column::new("订单时间", 20),
    Column::new("最后修改时间", 20),
];

pub(crate) fn export() -> Endpoint {
    Endpoint::needs(
        Permission::MealReadOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/orders/export",
            id: "exportOrders",
            tag: Tag::Administration,
            summary: "Everybody's meal orders as a workbook",
            description: "Those that the list finds, in its order; at most the first million.",
            codes: &[],
        },
        file,
    )
}

async fn file(app: App, caller: Caller, input: Input<Nothing, OrderFileQuery>) -> Result<Workbook, Failure> {
    let filter = input.query.checked(caller.language)?;
    let turn = Turn::wait(&app).await?;
    let page = Page { order: input.query.order(), after: None, limit: MOST_ROWS };
    let orders = listed(order_search::stream(app.store(), &filter, &page).await, caller.language)?;
    let (zone, today) = (app.zone().clone(), app.service().now().date_in(app.zone()));
    let (name, plain_name) = (format!("订单_{today}"), format!("all_orders_{today}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, orders))
}

fn write(out: Out, zone: TimeZone, mut orders: Stream<Found>) -> Written {
    let mut book = sheets::Workbook::new(out, zone.clone(), &["订单"])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    while let Some(Found { order, nickname, date, slot, title, paid_by }) = orders.blocking_next()? {
        let names = option_names(&order.options);
        sheet.row(&[
            Cell::Text(&order.order_no),
            Cell::Day(date.start_in(&zone).as_millis()),
            Cell::Text(texts::slot(slot, Language::Chinese)),
            title.as_ref().map_or(Cell::Empty, |title| Cell::Text(title.as_str())),
            Cell::Integer(order.member.get()),
            Cell::Text(&nickname),
            Cell::Integer(order.quantity.get()),
            Cell::Cents(order.total.get()),
            paid_by.as_ref().map_or(Cell::Empty, |(_, name)| Cell::Text(name.as_str())),
            Cell::Text(&names),
            Cell::Text(order.notes.as_str()),
            Cell::Text(texts::order_status(order.status, Language::Chinese)),
            Cell::Moment(order.created_at.as_millis()),
            Cell::Moment(order.updated_at.as_millis()),
        ])?;
    }
    sheet.end()?;
    Ok(book.finish()?.end()?)
}
