//! An ERP: has products, and books sales.
//!
//! `GET /erp/products` and `POST /erp/sales` are what the house asks and tells, signed as every partner signs; the faults in force have their
//! way with the sales. A document number is booked once; sent again it replaces what was booked.
//!
//! - `POST /sim/erp/products {"at", "products": […]}` says what a pull gets, two products a page.
//! - `GET /sim/erp/sales` lists what was booked, by document number.
//! - `POST /sim/erp/ask {"url"}` asks the house for something, signed, and answers `{"status", "answer"}`.
//!
//! What it pushes goes by way of [`crate::cabinet`]'s `/sim/cabinets/events` with the protocol `erp`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use partner::signature::{Headers, PartnerKey, Request, sign, verify};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cabinet::now_s;
use crate::control::{Answer, problem, read};
use crate::faults::{FaultKind, broken, gateway};
use crate::keys::random_hex;
use crate::pay::is_loopback;
use crate::world::Shared;

/// What the ERP is called in `X-Partner-Id`.
pub const ERP: &str = "sim-erp";
/// What it signs with.
pub const ERP_SECRET: &str = "sim-erp-secret-works-on-loopback-only";

const PAGE: usize = 2;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/erp/products", get(products)).route("/erp/sales", post(book))
}

pub(crate) fn control_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/erp/products", post(set_products))
        .route("/sim/erp/sales", get(booked))
        .route("/sim/erp/ask", post(ask))
}

/// What the ERP remembers.
#[derive(Default)]
pub(crate) struct ErpSide(Mutex<Book>);

#[derive(Default)]
struct Book {
    at: Value,
    products: Vec<Value>,
    sales: BTreeMap<String, Value>,
    /// How often something was booked or replaced.
    received: u32,
}

impl ErpSide {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ours(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path_and_query = uri.path_and_query().map_or("", |target| target.as_str());
    let request = Request { method: method.as_str(), path_and_query, body };
    let Some(key) = PartnerKey::new(ERP_SECRET) else { return false };
    Headers::from_lookup(header).and_then(|headers| verify(&key, &headers, &request, now_s(shared)).map(drop)).is_ok()
}

async fn products(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !is_ours(&shared, &method, &uri, &headers, b"") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let from =
        uri.query().and_then(|query| query.strip_prefix("after=")).and_then(|after| after.parse().ok()).unwrap_or(0);
    let book = shared.erp.book();
    let page: Vec<_> = book.products.iter().skip(from).take(PAGE).collect();
    let next = from + PAGE;
    let next = (next < book.products.len()).then(|| next.to_string());
    Json(json!({"at": book.at, "products": page, "next": next})).into_response()
}

async fn book(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.faults.strike("POST", uri.path()).map(|fault| fault.kind);
    match fault {
        Some(FaultKind::DropBefore) => return broken(),
        Some(FaultKind::SystemError | FaultKind::RateLimit) => {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Some(FaultKind::BadGateway) => return gateway(),
        _ => {}
    }
    if !is_ours(&shared, &method, &uri, &headers, &body) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let sales: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(number) = sales["document_no"].as_str().map(str::to_owned) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let mut book = shared.erp.book();
    book.received += 1;
    book.sales.insert(number, sales);
    match fault {
        Some(FaultKind::DropAfter) => broken(),
        Some(FaultKind::SystemErrorAfter | FaultKind::BadGatewayAfter) => gateway(),
        _ => Json(json!({"accepted": true})).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetProducts {
    at: Value,
    products: Vec<Value>,
}

async fn set_products(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let SetProducts { at, products } = read(&body)?;
    let mut book = shared.erp.book();
    (book.at, book.products) = (at, products);
    Ok(Json(json!({})))
}

async fn booked(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.erp.book();
    Json(json!({"received": book.received, "documents": book.sales}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    url: String,
}

async fn ask(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Ask { url } = read(&body)?;
    let url = url.parse::<reqwest::Url>().ok().filter(|url| is_loopback(url.as_str()));
    let url = url.ok_or_else(|| problem(StatusCode::UNPROCESSABLE_ENTITY, "only loopback is asked"))?;
    let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let request = Request { method: "GET", path_and_query: &target, body: b"" };
    let (key, nonce) = (PartnerKey::new(ERP_SECRET), random_hex(16));
    let headers = key.zip(nonce).and_then(|(key, nonce)| sign(&key, ERP, &request, now_s(&shared), &nonce));
    let mut call = shared.client.get(url);
    for (name, value) in headers.into_iter().flatten() {
        call = call.header(name, value);
    }
    let Ok(answer) = call.send().await else { return Err(problem(StatusCode::BAD_GATEWAY, "nobody answers")) };
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap_or_default();
    Ok(Json(json!({"status": status, "answer": answer})))
}
