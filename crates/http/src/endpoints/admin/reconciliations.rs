use axum::http::Method;
use kernel::{Cents, Date, Instant, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use service::Reconciled;
use store::lists::{Page, Placed};
use store::queries::topups::{self as queries, BillSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(DaysQuery, DaysFileQuery, BillSorting, {
    /// Only days before this one.
    before: Option<Date>,
});

#[derive(Serialize, JsonSchema)]
struct Reconciliations {
    days: Vec<Day>,
    page_info: CursorInfo,
}

/// One day by WeChat's bill and by our books.
#[derive(Serialize, JsonSchema)]
struct Day {
    date: Date,
    fetched_at: Instant,
    /// Of the bill as it is kept; empty where there was no business.
    sha1: String,
    bill: Totals,
    books: Totals,
    /// The bill less the books, payments less refunds: zero on a good day.
    difference_cents: Cents,
    /// Payments that were credited because the bill has them.
    credited: i64,
    /// Exceptions that were opened.
    exceptions: i64,
}

#[derive(Serialize, JsonSchema)]
struct Totals {
    payments: i64,
    paid_cents: Cents,
    refunds: i64,
    refunded_cents: Cents,
}

impl From<Reconciled> for Day {
    fn from(day: Reconciled) -> Self {
        let bill = day.bill;
        let net = (bill.paid_cents - bill.refunded_cents) - (day.books_paid_cents - day.books_refunded_cents);
        Self {
            date: bill.date,
            fetched_at: bill.fetched_at,
            sha1: bill.sha1,
            bill: Totals {
                payments: bill.payments,
                paid_cents: Cents::new(bill.paid_cents),
                refunds: bill.refunds,
                refunded_cents: Cents::new(bill.refunded_cents),
            },
            books: Totals {
                payments: day.books_payments,
                paid_cents: Cents::new(day.books_paid_cents),
                refunds: day.books_refunds,
                refunded_cents: Cents::new(day.books_refunded_cents),
            },
            difference_cents: Cents::new(net),
            credited: bill.credited,
            exceptions: bill.exceptions,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/reconciliations",
            id: "listReconciliations",
            tag: Tag::Administration,
            summary: "WeChat's bills and our books, day by day",
            description: "Newest first, unless asked for otherwise. WeChat's days are Beijing's.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Days>(
        Permission::ConsistencyRead,
        "/api/v1/admin/reconciliations/export",
        "exportReconciliations",
        Tag::Administration,
        "WeChat's bills and our books, day by day, as a workbook",
        &[],
    )
}

/// Days, as the list shows them.
enum Days {}

impl Listed for Days {
    type Path = Nothing;
    type Query = DaysFileQuery;
    type Row = Day;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &DaysFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<Day>>, Failure> {
        let before = query.before.map_or("9999".to_owned(), |date| date.to_string());
        let mut days = Vec::new();
        for Placed { place, row } in listed(queries::listed_bills(app.store(), &before, page).await, caller.language)? {
            days.push(Placed { place, row: Day::from(app.service().reconciled(row).await?) });
        }
        Ok(days)
    }
}

impl Filed for Days {
    const NAMES: (&'static str, &'static str) = ("对账", "reconciliations");
    const COLUMNS: &'static [FileColumn<Day>] = &[
        FileColumn::new("日期", 12, |row| Cell::text(row.date.to_string())),
        FileColumn::new("微信账单收款笔数", 12, |row| Cell::Integer(row.bill.payments)),
        FileColumn::new("微信账单收款(元)", 14, |row| Cell::Cents(row.bill.paid_cents)),
        FileColumn::new("本系统收款笔数", 12, |row| Cell::Integer(row.books.payments)),
        FileColumn::new("本系统收款(元)", 14, |row| Cell::Cents(row.books.paid_cents)),
        FileColumn::new("微信账单退款笔数", 12, |row| Cell::Integer(row.bill.refunds)),
        FileColumn::new("微信账单退款(元)", 14, |row| Cell::Cents(row.bill.refunded_cents)),
        FileColumn::new("本系统退款笔数", 12, |row| Cell::Integer(row.books.refunds)),
        FileColumn::new("本系统退款(元)", 14, |row| Cell::Cents(row.books.refunded_cents)),
        FileColumn::new("差额(元)", 12, |row| Cell::Cents(row.difference_cents)),
        FileColumn::new("补入账", 10, |row| Cell::Integer(row.credited)),
        FileColumn::new("异常单", 10, |row| Cell::Integer(row.exceptions)),
        FileColumn::new("取得时间", 20, |row| Cell::Moment(row.fetched_at)),
        FileColumn::new("账单SHA-1", 42, |row| Cell::text(&row.sha1)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, DaysQuery>) -> Result<Reply<Reconciliations>, Failure> {
    let (days, page_info) = list::read::<Days>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(Reconciliations { days, page_info }))
}
