//! A cabinet vendor: opens doors when it is asked to, and tells what becomes of them.
//!
//! `POST /vendor/doors/open` takes `{request_id, device_code, expires_at, callback_url}`, signed as every partner signs, and answers
//! `{"accepted": true}`, or `false` with a reason. Asked again under the same request id it answers the same. The faults in force have their way
//! with it.
//!
//! `POST /vendor/api/pay/container/opendoor` is the same for a house that signs with MD5.
//!
//! - `GET /sim/cabinets/doors` lists what it was asked for.
//! - `POST /sim/cabinets/devices {"device_code", "online"}` switches a cabinet on or off; `offline` is then the reason why its door stays shut.
//! - `POST /sim/cabinets/events {"url", "event", "sent": ["genuine", …], "protocol": "signed", "md5" or "erp"}` signs an event and sends
//!   it in each of these ways, and answers `{"statuses": […]}`.
//!
//! With the setting `cabinet_trip_after_s` each door that was asked for opens and closes by itself, and `cabinet_basket` is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use partner::md5::{self, VendorKey};
use partner::signature::{Headers, PartnerKey, Request, sign, verify};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::control::{Answer, problem, read};
use crate::erp::{ERP, ERP_SECRET};
use crate::faults::{FaultKind, broken, gateway};
use crate::keys::random_hex;
use crate::pay::is_loopback;
use crate::settings::Basket;
use crate::text;
use crate::world::Shared;

/// What the vendor is called in `X-Partner-Id`.
pub const VENDOR: &str = "sim-vendor";
/// What it signs with.
pub const VENDOR_SECRET: &str = "sim-vendor-secret-works-on-loopback-only";

/// Seconds from each failed try to tell something to the next one.
const RETRIES_S: [u64; 3] = [15, 30, 60];
const FRESH_S: i64 = 300;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/vendor/doors/open", post(open)).route("/vendor/api/pay/container/opendoor", post(open_by_md5))
}

pub(crate) fn control_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/cabinets/doors", get(doors))
        .route("/sim/cabinets/devices", post(switch))
        .route("/sim/cabinets/events", post(tell))
}

/// What the vendor remembers.
#[derive(Default)]
pub(crate) struct CabinetSide(Mutex<Book>);

#[derive(Default)]
struct Book {
    asked: BTreeMap<String, Asked>,
    offline: BTreeSet<String>,
}

#[derive(Clone, Serialize)]
struct Asked {
    device_code: String,
    accepted: bool,
    times: u32,
}

impl CabinetSide {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Opening {
    request_id: String,
    device_code: String,
    callback_url: String,
}

/// As [`open`] is asked by a house that signs with MD5.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Md5Opening {
    event_id: String,
    device_code: String,
    notify_url: String,
}

/// How the vendor and the house talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Protocol {
    #[default]
    Signed,
    Md5,
    /// Signed, and by the ERP.
    Erp,
}

async fn open(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    answer(&shared, &uri, Protocol::Signed, || {
        is_ours(&shared, &uri, &headers, &body).then(|| serde_json::from_slice(&body).ok())
    })
}

async fn open_by_md5(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    answer(&shared, &uri, Protocol::Md5, || {
        let fields: Map<String, Value> = serde_json::from_slice(&body).ok()?;
        let is_ours = VendorKey::new(VENDOR_SECRET).is_some_and(|key| md5::verify(&fields, &key));
        is_ours.then(|| {
            let Md5Opening { event_id, device_code, notify_url } = serde_json::from_slice(&body).ok()?;
            Some(Opening { request_id: event_id, device_code, callback_url: notify_url })
        })
    })
}

/// `read` answers nothing where the request is not the house's, and within that nothing where it cannot be read.
fn answer(
    shared: &Arc<Shared>,
    uri: &Uri,
    protocol: Protocol,
    read: impl FnOnce() -> Option<Option<Opening>>,
) -> Response {
    let fault = shared.faults.strike("POST", uri.path());
    match fault.as_ref().map(|fault| fault.kind) {
        Some(FaultKind::DropBefore) => return broken(),
        Some(FaultKind::SystemError | FaultKind::RateLimit) => {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Some(FaultKind::BadGateway) => return gateway(),
        _ => {}
    }
    let opening = match read() {
        None => return StatusCode::UNAUTHORIZED.into_response(),
        Some(None) => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Some(Some(opening)) => opening,
    };
    let accepted = ask(shared, &opening);
    let trip = shared.settings().cabinet_trip_after_s.filter(|_| accepted == Some(true));
    if let Some(after_s) = trip {
        tokio::spawn(take_a_trip(Arc::clone(shared), protocol, opening, after_s));
    }
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::DropAfter) => broken(),
        Some(FaultKind::SystemErrorAfter | FaultKind::BadGatewayAfter) => gateway(),
        _ => Json(said(protocol, accepted != Some(false))).into_response(),
    }
}

fn said(protocol: Protocol, accepted: bool) -> Value {
    match (protocol, accepted) {
        (Protocol::Signed | Protocol::Erp, true) => json!({"accepted": true}),
        (Protocol::Signed | Protocol::Erp, false) => json!({"accepted": false, "reason": "offline"}),
        (Protocol::Md5, true) => json!({"code": 200, "data": {}}),
        (Protocol::Md5, false) => json!({"code": 10416, "msg": "offline"}),
    }
}

/// Whether the door will open; nothing where that was said before.
fn ask(shared: &Shared, opening: &Opening) -> Option<bool> {
    let mut book = shared.cabinet.book();
    if let Some(asked) = book.asked.get_mut(&opening.request_id) {
        asked.times += 1;
        return (!asked.accepted).then_some(false);
    }
    let accepted = !book.offline.contains(&opening.device_code);
    let asked = Asked { device_code: opening.device_code.clone(), accepted, times: 1 };
    book.asked.insert(opening.request_id.clone(), asked);
    Some(accepted)
}

fn is_ours(shared: &Shared, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let request = Request { method: "POST", path_and_query: uri.path(), body };
    let Some(key) = PartnerKey::new(VENDOR_SECRET) else { return false };
    Headers::from_lookup(header).and_then(|headers| verify(&key, &headers, &request, now_s(shared)).map(drop)).is_ok()
}

pub(crate) fn now_s(shared: &Shared) -> i64 {
    shared.config.clock.now_ms().div_euclid(1000)
}

async fn doors(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!(shared.cabinet.book().asked))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    device_code: String,
    online: bool,
}

async fn switch(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Switch { device_code, online } = read(&body)?;
    let mut book = shared.cabinet.book();
    let changed = if online { book.offline.remove(&device_code) } else { book.offline.insert(device_code) };
    Ok(Json(json!({"changed": changed})))
}

/// How an event travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sent {
    Genuine,
    /// The very same message twice; the second one's status counts.
    Replayed,
    Unsigned,
    WrongKey,
    /// Signed a second more than five minutes ago. By MD5 only what has a time can be stale.
    Stale,
    /// By a clock that is a second more than five minutes ahead.
    Ahead,
    /// Changed after signing.
    Tampered,
    /// Cut off in the middle after signing.
    Half,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    url: String,
    event: Value,
    sent: Vec<Sent>,
    #[serde(default)]
    protocol: Protocol,
}

async fn tell(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Tell { url, event, sent, protocol } = read(&body)?;
    if !is_loopback(&url) {
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "only loopback hears from us"));
    }
    let mut statuses = Vec::with_capacity(sent.len());
    for way in sent {
        statuses.push(send(&shared, protocol, &url, &event, way).await);
    }
    Ok(Json(json!({ "statuses": statuses })))
}

type Letter = (Vec<(&'static str, String)>, Vec<u8>);

/// The status; nothing where nobody answered.
async fn send(shared: &Shared, protocol: Protocol, url: &str, event: &Value, way: Sent) -> Option<u16> {
    let url: reqwest::Url = url.parse().ok()?;
    let secret = if way == Sent::WrongKey { "another-secret-of-somebody-else" } else { VENDOR_SECRET };
    let at = match way {
        Sent::Stale => now_s(shared) - FRESH_S - 1,
        Sent::Ahead => now_s(shared) + FRESH_S + 1,
        _ => now_s(shared),
    };
    let (headers, mut body) = match protocol {
        Protocol::Signed => signed(&url, event, (VENDOR, secret), at, way)?,
        Protocol::Erp if way == Sent::WrongKey => signed(&url, event, (ERP, secret), at, way)?,
        Protocol::Erp => signed(&url, event, (ERP, ERP_SECRET), at, way)?,
        Protocol::Md5 => signed_by_md5(event, secret, at, way)?,
    };
    match way {
        Sent::Tampered => {
            body.pop();
            body.extend_from_slice(b",\"more\":\"1\"}");
        }
        Sent::Half => body.truncate(body.len() / 2),
        _ => {}
    }
    let mut status = None;
    for _ in 0..if way == Sent::Replayed { 2 } else { 1 } {
        let mut call = shared.client.post(url.clone()).header("content-type", "application/json");
        for (name, value) in &headers {
            call = call.header(*name, value);
        }
        status = call.body(body.clone()).send().await.ok().map(|answer| answer.status().as_u16());
    }
    status
}

fn signed(url: &reqwest::Url, event: &Value, (partner, secret): (&str, &str), at: i64, way: Sent) -> Option<Letter> {
    let body = event.to_string().into_bytes();
    let request = Request { method: "POST", path_and_query: url.path(), body: &body };
    let headers = sign(&PartnerKey::new(secret)?, partner, &request, at, &random_hex(16)?)?;
    Some((if way == Sent::Unsigned { Vec::new() } else { headers.into() }, body))
}

fn signed_by_md5(event: &Value, secret: &str, at: i64, way: Sent) -> Option<Letter> {
    let mut fields = event.as_object()?.clone();
    fields.insert("clientId".to_owned(), VENDOR.into());
    fields.insert("nonceStr".to_owned(), random_hex(16)?.into());
    if fields.contains_key("timestamp") || matches!(way, Sent::Stale | Sent::Ahead) {
        fields.insert("timestamp".to_owned(), at.into());
    }
    if way != Sent::Unsigned {
        fields.insert(md5::SIGN.to_owned(), md5::sign(&fields, &VendorKey::new(secret)?).into());
    }
    Some((Vec::new(), Value::Object(fields).to_string().into_bytes()))
}

/// Somebody opens the door, takes what the settings say, and closes it.
async fn take_a_trip(shared: Arc<Shared>, protocol: Protocol, opening: Opening, after_s: u32) {
    for word in ["opened", "closed"] {
        let event = door(protocol, &opening, word, shared.config.clock.now_ms());
        tell_until_heard(&shared, protocol, &format!("{}/doors", opening.callback_url), &event).await;
        tokio::time::sleep(Duration::from_secs(after_s.into())).await;
    }
    let settled = settled(protocol, &opening, &shared.settings().cabinet_basket);
    tell_until_heard(&shared, protocol, &format!("{}/orders", opening.callback_url), &settled).await;
}

fn door(protocol: Protocol, opening: &Opening, word: &str, now_ms: i64) -> Value {
    let Opening { request_id, device_code, .. } = opening;
    match protocol {
        Protocol::Signed | Protocol::Erp => json!({
            "event_id": format!("{request_id}-{word}"), "request_id": request_id, "device_code": device_code, "door": word,
            "at": text::rfc3339(now_ms),
        }),
        Protocol::Md5 => {
            let (status, is_open) = if word == "opened" { ("SUCCESS", "Y") } else { ("CLOSED", "N") };
            json!({"eventId": request_id, "deviceCode": device_code, "status": status, "doorIsOpen": is_open})
        }
    }
}

fn settled(protocol: Protocol, opening: &Opening, basket: &[Basket]) -> Value {
    let Opening { request_id, device_code, .. } = opening;
    let amount: i64 = basket.iter().map(|taken| taken.quantity * taken.unit_price_cents).sum();
    let order_no = format!("SV{request_id}");
    match protocol {
        Protocol::Signed | Protocol::Erp => json!({
            "event_id": format!("{request_id}-settled"), "request_id": request_id, "device_code": device_code,
            "order_no": order_no, "amount_cents": amount, "items": basket,
        }),
        Protocol::Md5 => {
            let goods = |taken: &Basket| {
                json!({
                    "goodsId": taken.product_code, "goodsName": taken.product_code, "quantity": taken.quantity,
                    "unitPrice": taken.unit_price_cents,
                })
            };
            let detail: Vec<_> = basket.iter().map(goods).collect();
            json!({"eventId": request_id, "deviceCode": device_code, "orderNo": order_no, "amount": amount, "detail": detail})
        }
    }
}

async fn tell_until_heard(shared: &Shared, protocol: Protocol, url: &str, event: &Value) {
    if !is_loopback(url) {
        return;
    }
    for wait_s in RETRIES_S {
        if send(shared, protocol, url, event, Sent::Genuine).await == Some(200) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
    }
    // The last try: after it the vendor's people have to look.
    send(shared, protocol, url, event, Sent::Genuine).await;
}
