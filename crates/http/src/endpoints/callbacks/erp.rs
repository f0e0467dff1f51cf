//! What the ERP tells us and asks of us, signed as every partner signs.

use axum::http::Method;
use axum::http::request::Parts;
use bytes::Bytes;
use kernel::{Code, Date};
use serde_json::json;
use service::Believed;

use super::{refused, said, single};
use crate::App;
use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::failure::Failure;
use crate::texts::{Language, say};

pub(crate) fn products() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::POST,
            path: "/api/v1/partner/erp/products",
            id: "takeErpProducts",
            tag: Tag::Cabinets,
            summary: "The ERP tells of products",
            description: "`{event_id, at, products: [{code, name_zh, name_en, price_cents}]}`. A code that is new makes a product that is \
                not on sale; a known one gets the name and the price, unless a later word is known. Answered when it is on disk; the same \
                event again is done once. A row that cannot be taken goes before a person, and the others are taken.",
            codes: &[Code::InvalidSignature, Code::Unavailable],
        },
        async |app: App, parts: Parts, body: Bytes| {
            let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
            let believed = believe(&app, "POST", &parts, &body).await?;
            app.service().take_erp_products(believed, target, &body).await.map_err(refused)?;
            said(&json!({}))
        },
    )
}

pub(crate) fn sales() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::GET,
            path: "/api/v1/partner/erp/sales",
            id: "tellErpSales",
            tag: Tag::Cabinets,
            summary: "The ERP asks for a day's sales",
            description: "`?date=YYYY-MM-DD`, a day that is over: what each store sold and was paid for, as it is sent to the ERP.",
            codes: &[Code::ValidationError, Code::InvalidSignature, Code::Unavailable],
        },
        async |app: App, parts: Parts, _: Bytes| {
            let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
            let date =
                parts.uri.query().and_then(|query| query.strip_prefix("date=")).and_then(|date| date.parse().ok());
            let today = app.service().now().date_in(app.zone());
            let date: Option<Date> = date.filter(|date| *date < today);
            let over = date.unwrap_or(today);
            let believed = believe(&app, "GET", &parts, b"").await?;
            let sales = app.service().sales_for_erp(believed, target, over).await.map_err(refused)?;
            match date {
                Some(date) => said(&json!({ "date": date, "documents": sales })),
                None => {
                    let language = Language::of(&parts.headers);
                    Err(Failure::invalid("date", say!(language, "须为已过去的日期", "must be a day that is over")))
                }
            }
        },
    )
}

/// A message of the ERP's, unless it has sent too many of them.
async fn believe(app: &App, method: &str, parts: &Parts, body: &[u8]) -> Result<Believed, Failure> {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let header = |name: &str| single(&parts.headers, name);
    let believed = app.service().believe_erp(method, target, header, body).await.map_err(refused)?;
    app.throttles().partner(believed.partner(), app.service().now())?;
    Ok(believed)
}
