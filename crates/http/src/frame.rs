//! What surrounds every answer: the request's id, its language, its measure, the headers that keep browsers safe, and a net
//! under panics.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::FutureExt;
use service::Tally;
use tracing::Instrument;

use crate::App;
use crate::failure::Failure;
use crate::metrics::RouteIndex;
use crate::texts::Language;
use crate::throttle::Client;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Says which request this is, in the answer, in its error body and in the log. Unique, not secret.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The sender's own id where it is a harmless one.
    fn of(headers: &HeaderMap) -> Self {
        let harmless = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=64).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        };
        match headers.get(&X_REQUEST_ID).filter(harmless) {
            Some(given) => Self(given.clone()),
            None => Self::next(),
        }
    }

    fn next() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let text = format!("{:016x}-{:x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// What an answer depends on beside its content.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) id: RequestId,
    pub(crate) language: Language,
    pub(crate) started: Instant,
}

/// Runs `work` and makes its result, or its panic, an answer of ours.
pub(crate) async fn framed<W, F>(app: &App, route: RouteIndex, mut request: Request, work: W) -> Response
where
    W: FnOnce(Request, Setting) -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    #[expect(clippy::disallowed_methods, reason = "a measurement and a time limit, no rule depends on it")]
    let started = Instant::now();
    let setting = Setting { id: RequestId::of(request.headers()), language: Language::of(request.headers()), started };
    let span = tracing::info_span!("request", id = setting.id.as_str());
    let running = app.metrics().enter();
    let sender = sender(app, &request);
    request.extensions_mut().insert(Sender(sender));
    let foreign = app.limits().origins.admitted(&request);
    let answered = match app.throttles().address(sender.map(Client::of), app.service().now()) {
        Ok(()) => AssertUnwindSafe(work(request, setting.clone())).catch_unwind().instrument(span.clone()).await,
        Err(limited) => Ok(Err(limited)),
    };
    drop(running);

    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => span.in_scope(|| failure.into_response(&setting, app.zone())),
        Err(panic) => span.in_scope(|| {
            tracing::error!(panic = panic_text(panic.as_ref()), "a handler panicked");
            Failure::fault_already_logged().into_response(&setting, app.zone())
        }),
    };
    guard(response.headers_mut(), setting.id);
    app.limits().origins.open(&mut response, foreign);
    app.metrics().record(route, response.status(), started.elapsed());
    match response.status() {
        StatusCode::FORBIDDEN => app.service().count(Tally::Refusal),
        status if status.is_server_error() => app.service().count(Tally::Fault),
        _ => {}
    }
    response
}

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who sent the request, as far as our own proxies know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender(pub(crate) Option<IpAddr>);

fn sender(app: &App, request: &Request) -> Option<IpAddr> {
    let Peer(address) = request.extensions().get()?;
    app.limits().proxies.sender(*address, request.headers())
}

/// Nothing of ours is to be sniffed, cached, framed or to run anything, unless an answer says otherwise itself.
fn guard(headers: &mut HeaderMap, id: RequestId) {
    const NO_CONTENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(X_REQUEST_ID, id.0);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NO_CONTENT);
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "no text"
    }
}
