use axum::http::Method;
use kernel::{Cents, Date, Instant, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::Reconciled;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing};
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DaysQuery {
    /// Only days before this one.
    before: Option<Date>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Serialize, JsonSchema)]
struct Reconciliations {
    days: Vec<Day>,
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
            description: "Newest first. WeChat's days are Beijing's.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, DaysQuery>) -> Result<Reply<Reconciliations>, Failure> {
    let before = input.query.before.map_or("9999".to_owned(), |date| date.to_string());
    let days = app.service().reconciliations(&before, input.query.limit.get()).await?;
    Ok(Reply::ok(Reconciliations { days: days.into_iter().map(Day::from).collect() }))
}
