//! The mini program server API.
//!
//! A sign-in code comes into being in one of two ways:
//!
//! - `POST /sim/codes {"openid": "…", "unionid": "…"}` answers `{"code": "…"}`: a fresh code for that person (`unionid` may be left out), which works
//!   once and for five minutes, as WeChat's do.
//! - `sim-NAME` or `sim-NAME-NONCE` is a code that describes itself. Nobody has to ask for it; each such text is accepted once, and NAME (1 to 64
//!   bytes without a hyphen) always leads to the same person, [`openid_of`]`(NAME)`. So `sim-alice-1` and `sim-alice-2` sign in the same Alice twice.
//!   They do not expire by time.
//!
//! `POST /sim/people {"openid": "…", "blocked": true}` makes WeChat refuse somebody's sign-ins as too risky.
//!
//! Codes of the phone number button work alike: `POST /sim/phone-codes {"phone": "…"}`, or `sim-phone-DIGITS` and `sim-phone-DIGITS-NONCE`.

mod calls;
mod session;
mod token;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

pub use session::openid_of;

use crate::faults::{FaultKind, broken, gateway};
use crate::world::Shared;

pub(crate) fn routes(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/sns/jscode2session", get(session::code2session))
        .route("/cgi-bin/stable_token", post(token::stable_token))
        .route("/cgi-bin/message/subscribe/send", post(calls::send_message))
        .route("/wxa/getwxacodeunlimit", post(calls::qr_code))
        .route("/wxa/business/getuserphonenumber", post(calls::phone_number))
        .layer(from_fn_with_state(shared, disturb))
}

/// Lets the faults in force have their way with a call.
async fn disturb(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(fault) = shared.faults.strike(request.method().as_str(), request.uri().path()) else {
        return next.run(request).await;
    };
    let pause = Duration::from_millis(fault.ms);
    match fault.kind {
        FaultKind::DropBefore => broken(),
        FaultKind::SystemError => BUSY.into_response(),
        FaultKind::RateLimit => SLOW_DOWN.into_response(),
        FaultKind::BadGateway | FaultKind::UnsignedNotFound => gateway(),
        kind => {
            let answer = next.run(request).await;
            match kind {
                FaultKind::DropAfter => broken(),
                FaultKind::SystemErrorAfter => BUSY.into_response(),
                FaultKind::BadGatewayAfter => gateway(),
                FaultKind::Latency => {
                    tokio::time::sleep(pause).await;
                    answer
                }
                FaultKind::Silence => {
                    tokio::time::sleep(pause).await;
                    broken()
                }
                _ => answer,
            }
        }
    }
}

const BUSY: Refusal = Refusal { errcode: -1, errmsg: "system error" };
const SLOW_DOWN: Refusal =
    Refusal { errcode: 45011, errmsg: "api minute-quota reach limit, must slower, retry next minute" };

/// What a person's phone does.
pub(crate) fn control_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/codes", post(session::issue_code))
        .route("/sim/people", post(session::change_person))
        .route("/sim/phone-codes", post(calls::issue_phone_code))
        .route("/sim/messages", get(calls::messages))
}

/// What the mini program side remembers.
#[derive(Default)]
pub(crate) struct MiniSide {
    sign_ins: Mutex<SignIns>,
    tokens: Mutex<token::Tokens>,
    phones: Mutex<calls::Phones>,
    messages: Mutex<Vec<serde_json::Value>>,
}

#[derive(Default)]
struct SignIns {
    issued: HashMap<String, Issued>,
    /// Digests of self-describing codes already used: a load test uses millions, and sixteen bytes each are cheap.
    used: HashSet<u128>,
    /// People whom WeChat thinks too risky.
    blocked: HashSet<String>,
    /// Openid and name of those who have signed in, the newest last.
    people: Vec<(String, String)>,
    /// Tries per person in the current minute.
    tries: HashMap<String, u32>,
    minute: i64,
}

impl MiniSide {
    /// Openid and name of those who have signed in, the newest first.
    pub(crate) fn people(&self) -> Vec<(String, String)> {
        let sign_ins = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        sign_ins.people.iter().rev().cloned().collect()
    }
}

struct Issued {
    openid: String,
    unionid: Option<String>,
    expires_at_ms: i64,
    used: bool,
}

/// WeChat says no with HTTP 200, and calls its JSON plain text.
struct Refusal {
    errcode: i64,
    errmsg: &'static str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let trace = "rid: 00000000-00000000-00000000";
        plain(json!({"errcode": self.errcode, "errmsg": format!("{}, {trace}", self.errmsg)}).to_string())
    }
}

fn plain(body: String) -> Response {
    ([(CONTENT_TYPE, "text/plain")], body).into_response()
}
