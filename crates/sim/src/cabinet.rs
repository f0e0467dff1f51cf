//! A cabinet vendor: opens doors when it is asked to, and tells what becomes of them.
//!
//! `POST /vendor/doors/open` takes `{request_id, device_code, expires_at, callback_url}`, signed as every partner signs, and answers
//! `{"accepted": true}`, or `false` with a reason. Asked again under the same request id it answers the same. The faults in force have their way
//! with it.
//!
//! - `GET /sim/cabinets/doors` lists what it was asked for.
//! - `POST /sim/cabinets/devices {"device_code", "online"}` switches a cabinet on or off; `offline` is then the reason why its door stays shut.
//! - `POST /sim/cabinets/events {"url", "event", "sent": ["genuine", …]}` signs an event and sends it in each of these ways, and answers
//!   `{"statuses": […]}`.
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
use partner::signature::{Headers, PartnerKey, Request, sign, verify};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::{Answer, problem, read};
use crate::faults::{FaultKind, broken, gateway};
use crate::keys::random_hex;
use crate::pay::is_loopback;
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
    Router::new().route("/vendor/doors/open", post(open))
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

async fn open(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let fault = shared.faults.strike("POST", uri.path());
    match fault.as_ref().map(|fault| fault.kind) {
        Some(FaultKind::DropBefore) => return broken(),
        Some(FaultKind::SystemError | FaultKind::RateLimit) => {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Some(FaultKind::BadGateway) => return gateway(),
        _ => {}
    }
    if !is_ours(&shared, &uri, &headers, &body) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(opening) = serde_json::from_slice::<Opening>(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let accepted = ask(&shared, &opening);
    let trip = shared.settings().cabinet_trip_after_s.filter(|_| accepted == Some(true));
    if let Some(after_s) = trip {
        tokio::spawn(take_a_trip(Arc::clone(&shared), opening, after_s));
    }
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::DropAfter) => broken(),
        Some(FaultKind::SystemErrorAfter | FaultKind::BadGatewayAfter) => gateway(),
        _ if accepted == Some(false) => Json(json!({"accepted": false, "reason": "offline"})).into_response(),
        _ => Json(json!({"accepted": true})).into_response(),
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

fn now_s(shared: &Shared) -> i64 {
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
    /// Signed a second more than five minutes ago.
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
}

async fn tell(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Tell { url, event, sent } = read(&body)?;
    if !is_loopback(&url) {
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "only loopback hears from us"));
    }
    let body = event.to_string().into_bytes();
    let mut statuses = Vec::with_capacity(sent.len());
    for way in sent {
        statuses.push(send(&shared, &url, &body, way).await);
    }
    Ok(Json(json!({ "statuses": statuses })))
}

/// The status; nothing where nobody answered.
async fn send(shared: &Shared, url: &str, body: &[u8], way: Sent) -> Option<u16> {
    let url: reqwest::Url = url.parse().ok()?;
    let secret = if way == Sent::WrongKey { "another-secret-of-somebody-else" } else { VENDOR_SECRET };
    let at = match way {
        Sent::Stale => now_s(shared) - FRESH_S - 1,
        Sent::Ahead => now_s(shared) + FRESH_S + 1,
        _ => now_s(shared),
    };
    let request = Request { method: "POST", path_and_query: url.path(), body };
    let headers = sign(&PartnerKey::new(secret)?, VENDOR, &request, at, &random_hex(16)?)?;
    let body = match way {
        Sent::Tampered => [body, b" "].concat(),
        Sent::Half => body[..body.len() / 2].to_vec(),
        _ => body.to_vec(),
    };
    let mut status = None;
    for _ in 0..if way == Sent::Replayed { 2 } else { 1 } {
        let mut call = shared.client.post(url.clone()).header("content-type", "application/json");
        for (name, value) in headers.iter().filter(|_| way != Sent::Unsigned) {
            call = call.header(*name, value);
        }
        status = call.body(body.clone()).send().await.ok().map(|answer| answer.status().as_u16());
    }
    status
}

/// Somebody opens the door, takes what the settings say, and closes it.
async fn take_a_trip(shared: Arc<Shared>, opening: Opening, after_s: u32) {
    let settings = shared.settings();
    let amount: i64 = settings.cabinet_basket.iter().map(|taken| taken.quantity * taken.unit_price_cents).sum();
    let Opening { request_id, device_code, callback_url } = opening;
    let door = |door: &str, now_ms: i64| {
        json!({
            "event_id": format!("{request_id}-{door}"), "request_id": request_id, "device_code": device_code,
            "door": door, "at": text::rfc3339(now_ms),
        })
    };
    let settled = json!({
        "event_id": format!("{request_id}-settled"), "request_id": request_id, "device_code": device_code,
        "order_no": format!("SV{request_id}"), "amount_cents": amount, "items": settings.cabinet_basket,
    });
    for word in ["opened", "closed"] {
        let event = door(word, shared.config.clock.now_ms());
        tell_until_heard(&shared, &format!("{callback_url}/doors"), &event).await;
        tokio::time::sleep(Duration::from_secs(after_s.into())).await;
    }
    tell_until_heard(&shared, &format!("{callback_url}/orders"), &settled).await;
}

async fn tell_until_heard(shared: &Shared, url: &str, event: &Value) {
    if !is_loopback(url) {
        return;
    }
    let body = event.to_string().into_bytes();
    for wait_s in RETRIES_S {
        if send(shared, url, &body, Sent::Genuine).await == Some(200) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
    }
    // The last try: after it the vendor's people have to look.
    send(shared, url, &body, Sent::Genuine).await;
}
