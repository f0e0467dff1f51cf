//! What the ERP tells us and asks of us, signed as every partner signs.

use axum::http::Method;
use axum::http::request::Parts;
use bytes::Bytes;
use kernel::{Code, Date};
use serde_json::json;
use service::EventRefused;

use super::{said, single};
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
            let taken = app.service().take_erp_products(target, |name| single(&parts.headers, name), &body).await;
            taken.map_err(refused)?;
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
            let sales = app.service().sales_for_erp(target, |name| single(&parts.headers, name), over).await;
            let sales = sales.map_err(refused)?;
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

fn refused(refused: EventRefused) -> Failure {
    match refused {
        EventRefused::Unbelieved(why) => {
            tracing::warn!(why, "the ERP is not believed");
            Failure::Code(Code::InvalidSignature)
        }
        EventRefused::NotNow => Failure::Code(Code::Unavailable),
    }
}
