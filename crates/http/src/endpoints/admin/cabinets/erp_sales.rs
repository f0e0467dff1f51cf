//! What the ERP is told of a day.

use axum::http::Method;
use kernel::{Code, Date, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::CountedSales;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts::{Language, say};

#[derive(Deserialize, JsonSchema)]
struct SalesPath {
    date: Date,
}

/// A day's sales by store.
#[derive(Serialize, JsonSchema)]
struct SalesAnswer {
    documents: Vec<CountedSales>,
}

pub(crate) fn show() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/erp/sales/{date}",
            id: "showErpSales",
            tag: Tag::Cabinets,
            summary: "What the ERP is told of a day",
            description: "Counted from the orders that were paid on that day. `sends` is 0 for what was not sent off yet.",
            codes: &[],
        },
        async |app: App, _: Caller, input: Input<SalesPath>| answer(&app, input.path.date).await,
    )
}

pub(crate) fn resend() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/erp/sales/{date}/resend",
            id: "resendErpSales",
            tag: Tag::Cabinets,
            summary: "Send a day's sales to the ERP again",
            description: "Under the same numbers, so that the ERP books nothing twice.",
            codes: &[Code::ProviderError],
        },
        handle_resend,
    )
}

async fn handle_resend(
    app: App,
    caller: Caller,
    input: Input<SalesPath, Nothing, Nothing>,
) -> Result<Reply<SalesAnswer>, Failure> {
    let date = input.path.date;
    if date >= app.service().now().date_in(app.zone()) {
        let language: Language = caller.language;
        return Err(Failure::invalid("date", say!(language, "须为已过去的日期", "must be a day that is over")));
    }
    app.service().resend_sales(date, |command| caller.asks(command)).await?;
    answer(&app, date).await
}

async fn answer(app: &App, date: Date) -> Result<Reply<SalesAnswer>, Failure> {
    Ok(Reply::ok(SalesAnswer { documents: app.service().sales_of_day(date).await? }))
}
