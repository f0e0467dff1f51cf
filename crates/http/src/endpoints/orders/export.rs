use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::Permission;
use sheets::{Cell, Column};
use store::queries;
use store::queries::exports::{OrderOfMember, Stream};

use super::option_names;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::texts::{self, Language};

const COLUMNS: [Column<'static>; 11] = [
    Column::new("订单号", 24),
    Column::new("日期", 12),
    Column::new("时段", 8),
    Column::new("餐次", 24),
    Column::new("订单数量", 10),
    Column::new("总价(元)", 12),
    Column::new("选择的选项", 30),
    Column::new("备注", 30),
    Column::new("状态", 10),
    Column::new("订单时间", 20),
    Column::new("最后修改时间", 20),
];

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/orders/export",
            id: "exportOwnOrders",
            tag: Tag::Orders,
            summary: "One's own orders as a workbook",
            description: "All of them, newest first, also those that were canceled or refunded.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let orders = queries::exports::orders(app.store(), caller.identity.member).await?;
    let zone = app.zone().clone();
    let today = app.service().now().date_in(&zone);
    let (name, plain_name) = (format!("订单记录_{today}"), format!("orders_{today}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, orders))
}

fn write(out: Out, zone: TimeZone, mut orders: Stream<OrderOfMember>) -> Written {
    let mut book = sheets::Workbook::new(out, zone.clone(), &["订单记录"])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    while let Some(order) = orders.blocking_next()? {
        let names = option_names(&order.options);
        sheet.row(&[
            Cell::Text(&order.order_no),
            Cell::Day(order.date.start_in(&zone).as_millis()),
            Cell::Text(texts::slot(order.slot, Language::Chinese)),
            order.title.as_ref().map_or(Cell::Empty, |title| Cell::Text(title.as_str())),
            Cell::Integer(order.quantity.get()),
            Cell::Cents(order.total.get()),
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
