//! WeChat Pay APIv3, as strict as the real side where its strictness is known.

mod bills;
mod book;
mod certificates;
mod gate;
mod notices;
mod orders;
mod refunds;
mod reply;
mod score;
mod score_permissions;
mod show;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use self::reply::{Outcome, Reply};
use crate::faults::{Fault, FaultKind, broken, gateway};
use crate::keys::{Keys, Signer, random_hex};
use crate::text;
use crate::world::Shared;

pub(crate) use self::book::Book;
pub(crate) use self::notices::{Letter, Wanted, arrived, is_loopback, letters, lose, post_office, send_again};
pub use self::orders::CannotPay;
pub(crate) use self::orders::{OrderState, Paying, Payment, pay};
pub(crate) use self::refunds::{Refund, settle};
pub(crate) use self::score::{collect_by_hand, confirm, revoke};
pub(crate) use self::score_permissions::{allow_score, close_permission, open_permission};
pub(crate) use self::show::{show_notices, show_orders, show_permissions, show_refunds, show_service_orders};
pub use crate::keys::{
    APIV2_KEY, APIV3_KEY, MCHID, MERCHANT_PRIVATE_KEY_PEM, MERCHANT_SERIAL, NEXT_PLATFORM_CERTIFICATE_PEM,
    PLATFORM_CERTIFICATE_PEM, PUBLIC_KEY_ID, PUBLIC_KEY_PEM,
};

/// The simulated pay score service. Real numbers are no row of zeros.
pub const SERVICE_ID: &str = "00000000000000000000000000000001";

/// The pay side's memory and keys.
pub(crate) struct PaySide {
    pub(crate) keys: Keys,
    nonces: gate::Nonces,
    book: Mutex<Book>,
    /// Rung when something new is due, or time was moved.
    pub(crate) bell: Notify,
}

impl PaySide {
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            keys: Keys::load()?,
            nonces: gate::Nonces::default(),
            book: Mutex::new(Book::default()),
            bell: Notify::new(),
        })
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v3/{*rest}", any(enter))
}

/// One call as it came.
struct Call {
    method: String,
    path_and_query: String,
    /// The path after `/v3/`, cut and decoded.
    segments: Vec<String>,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn query_value(&self, name: &str) -> Option<String> {
        text::query_value(&self.query, name)
    }

    /// The body as a JSON object.
    fn object(&self) -> Result<Map<String, Value>, Reply> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            _ => Err(reply::parameter("body", "请求包体不是合法的JSON对象")),
        }
    }
}

async fn enter(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    answer(&shared, parts, body).await
}

/// What a call is answered with, whatever goes wrong with it.
pub(crate) async fn answer(shared: &Shared, parts: Parts, body: Bytes) -> Response {
    let path = parts.uri.path();
    let segments = path.trim_start_matches("/v3/").split('/').map(text::decode).collect::<Option<Vec<_>>>();
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path_and_query: parts.uri.path_and_query().map_or_else(|| path.to_owned(), ToString::to_string),
        segments: segments.unwrap_or_default(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    let fault = shared.faults.strike(&call.method, path);
    let kind = fault.as_ref().map(|fault| fault.kind);
    let response = match kind.and_then(instead) {
        Some(Instead::Signed(reply)) => finish(shared, &call, reply, None),
        Some(Instead::Gateway) => gateway(),
        Some(Instead::UnsignedNotFound) => unsigned_not_found(),
        Some(Instead::Broken) => broken(),
        None => {
            let reply = gate::check(shared, &call).and_then(|()| dispatch(shared, &call));
            // Both are answers.
            let reply = reply.unwrap_or_else(|refusal| refusal);
            shared.pay.bell.notify_one();
            match &fault {
                Some(Fault { kind: FaultKind::DropAfter, .. }) => broken(),
                Some(Fault { kind: FaultKind::BadGatewayAfter, .. }) => gateway(),
                Some(Fault { kind: FaultKind::SystemErrorAfter, .. }) => finish(shared, &call, system_error(), None),
                Some(Fault { kind: FaultKind::Silence, ms, .. }) => {
                    tokio::time::sleep(Duration::from_millis(*ms)).await;
                    broken()
                }
                Some(Fault { kind: FaultKind::Latency, ms, .. }) => {
                    tokio::time::sleep(Duration::from_millis(*ms)).await;
                    finish(shared, &call, reply, None)
                }
                _ => finish(shared, &call, reply, kind),
            }
        }
    };
    shared.log.add(&call.method, &call.path_and_query, response.status().as_u16(), kind);
    response
}

const LONGEST_BODY: usize = 1024 * 1024;

fn dispatch(shared: &Shared, call: &Call) -> Outcome {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["pay", "transactions", way @ ("jsapi" | "native" | "h5" | "app")]) => {
            orders::prepay(shared, call, way)
        }
        ("GET", ["pay", "transactions", "out-trade-no", number]) => orders::query_by_number(shared, call, number),
        ("GET", ["pay", "transactions", "id", id]) => orders::query_by_id(shared, call, id),
        ("POST", ["pay", "transactions", "out-trade-no", number, "close"]) => orders::close(shared, call, number),
        ("POST", ["refund", "domestic", "refunds"]) => refunds::ask(shared, call),
        ("GET", ["refund", "domestic", "refunds", number]) => refunds::query(shared, number),
        ("GET", ["certificates"]) => certificates::list(shared, call),
        ("GET", ["bill", "tradebill"]) => bills::apply_trade(shared, call),
        ("GET", ["bill", "fundflowbill"]) => bills::apply_fund_flow(shared, call),
        ("GET", ["billdownload", "file"]) => bills::download(shared, call),
        ("POST", ["payscore", "serviceorder"]) => score::start(shared, call),
        ("GET", ["payscore", "serviceorder"]) => score::query(shared, call),
        ("POST", ["payscore", "serviceorder", number, action]) => score::act(shared, call, number, action),
        ("POST", ["payscore", "permissions"]) => score_permissions::apply(shared, call),
        ("GET", ["payscore", "permissions", by @ ("authorization-code" | "openid"), whose]) => {
            score_permissions::query(shared, call, by, whose)
        }
        ("POST", ["payscore", "permissions", by @ ("authorization-code" | "openid"), whose, "terminate"]) => {
            score_permissions::terminate(shared, call, by, whose)
        }
        _ => Err(reply::refuse(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在", 268_435_460)),
    }
}

/// What a fault answers in place of doing anything.
enum Instead {
    Signed(Reply),
    Gateway,
    UnsignedNotFound,
    Broken,
}

fn instead(kind: FaultKind) -> Option<Instead> {
    match kind {
        FaultKind::DropBefore => Some(Instead::Broken),
        FaultKind::SystemError => Some(Instead::Signed(system_error())),
        FaultKind::RateLimit => {
            let reply = reply::refuse(429, "FREQUENCY_LIMITED", "频率超限，请降低请求频率", 268_435_472);
            Some(Instead::Signed(reply))
        }
        FaultKind::BadGateway => Some(Instead::Gateway),
        FaultKind::UnsignedNotFound => Some(Instead::UnsignedNotFound),
        _ => None,
    }
}

fn system_error() -> Reply {
    reply::refuse(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用", 268_435_456)
}

fn unsigned_not_found() -> Response {
    let body = r#"{"code":"ORDER_NOT_EXIST","message":"订单不存在"}"#;
    (StatusCode::NOT_FOUND, [("content-type", "application/json")], body).into_response()
}

/// Signs an answer as the caller wishes, and spoils it where a fault says so.
fn finish(shared: &Shared, call: &Call, mut reply: Reply, spoiled: Option<FaultKind>) -> Response {
    let request_id = format!("{}-{}", random_hex(16).unwrap_or_default().to_uppercase(), reply.number);
    let signed = reply.is_signed && spoiled != Some(FaultKind::Unsigned);
    let mut headers: Vec<(&'static str, String)> = vec![("Request-ID", request_id)];
    if signed {
        headers.extend(signature_headers(shared, answer_signer(shared, call), &reply.body, spoiled));
    }
    if matches!(spoiled, Some(FaultKind::Tampered | FaultKind::TamperedPlain)) {
        tamper(&mut reply.body);
    }
    if spoiled == Some(FaultKind::TamperedPlain) {
        reply.content_type = "text/plain";
    }
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.status != 204 {
        response.headers_mut().insert("content-type", HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The key that the caller says it holds, or the platform's.
fn answer_signer(shared: &Shared, call: &Call) -> Signer {
    let named = gate::single(&call.headers, "wechatpay-serial").and_then(Signer::of_serial);
    match named {
        Some(Signer::PublicMode) => Signer::PublicMode,
        // After a rotation the old certificate signs no more, whatever the caller names.
        _ if shared.settings().rotated => Signer::NextPlatform,
        _ => Signer::Platform,
    }
}

/// The signature headers for some bytes.
fn signature_headers(
    shared: &Shared,
    signer: Signer,
    body: &[u8],
    spoiled: Option<FaultKind>,
) -> Vec<(&'static str, String)> {
    let age_s = if spoiled == Some(FaultKind::Stale) { 600 } else { 0 };
    let timestamp = (shared.config.clock.now_ms().div_euclid(1000) - age_s).to_string();
    let nonce = random_hex(16).unwrap_or_default();
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let actual = match (spoiled, signer) {
        (Some(FaultKind::WrongKey), Signer::PublicMode) => Signer::NextPlatform,
        (Some(FaultKind::WrongKey), _) => Signer::PublicMode,
        _ => signer,
    };
    let mut signature = shared.pay.keys.sign(actual, &message);
    if spoiled == Some(FaultKind::Probe) {
        let probe = "WECHATPAY/SIGNTEST/";
        signature = format!("{probe}{}", signature.get(probe.len()..).unwrap_or_default());
    }
    let serial = match spoiled {
        Some(FaultKind::UnknownSerial) => "51A0000000000000000000000000000000000BAD",
        _ => signer.serial(),
    };
    vec![
        ("Wechatpay-Timestamp", timestamp),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Serial", serial.to_owned()),
        ("Wechatpay-Signature", signature),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
    ]
}

/// Changes a digit, or else adds a space: still JSON, and another one.
fn tamper(body: &mut Vec<u8>) {
    match body.iter_mut().rev().find(|byte| byte.is_ascii_digit()) {
        Some(digit) => *digit = if *digit == b'9' { b'1' } else { *digit + 1 },
        None => body.push(b' '),
    }
}
