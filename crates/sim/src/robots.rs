//! Where alerts are read: the group robots of WeCom, DingTalk and Feishu, and a webhook. As strict as the real ones: whom a robot does not
//! believe it answers 200 with a code, the webhook 401.
//!
//! The addresses are [`wecom_url`] and its like; the faults in force have their way with them.
//!
//! - `GET /sim/robots` lists what was taken, by robot: texts, and of the webhook whole bodies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use partner::signature::{Headers, PartnerKey, Request, verify};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cabinet::now_s;
use crate::faults::{FaultKind, broken, gateway};
use crate::world::Shared;

/// What is in every robot's address.
pub const ROBOT_KEY: &str = "sim-robot-key-works-on-loopback-only";
/// What DingTalk's and Feishu's robots and the webhook want to see signed.
pub const ROBOT_SECRET: &str = "SECsim-robot-secret-works-on-loopback-only";

/// What a text message may have at most, in bytes.
const MOST_TEXT: usize = 2048;
const HOUR_S: i64 = 3600;

#[must_use]
pub fn wecom_url(base_url: &str) -> String {
    format!("{base_url}/robots/wecom/cgi-bin/webhook/send?key={ROBOT_KEY}")
}

#[must_use]
pub fn dingtalk_url(base_url: &str) -> String {
    format!("{base_url}/robots/dingtalk/robot/send?access_token={ROBOT_KEY}")
}

#[must_use]
pub fn feishu_url(base_url: &str) -> String {
    format!("{base_url}/robots/feishu/open-apis/bot/v2/hook/{ROBOT_KEY}")
}

#[must_use]
pub fn webhook_url(base_url: &str) -> String {
    format!("{base_url}/robots/webhook?for=alerts")
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/robots/wecom/cgi-bin/webhook/send", post(wecom))
        .route("/robots/dingtalk/robot/send", post(dingtalk))
        .route("/robots/feishu/open-apis/bot/v2/hook/{key}", post(feishu))
        .route("/robots/webhook", post(webhook))
}

pub(crate) fn control_routes() -> Router<Arc<Shared>> {
    Router::new().route("/sim/robots", get(taken))
}

/// What each robot has taken.
#[derive(Default)]
pub(crate) struct RobotSide(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    wecom: Vec<Value>,
    dingtalk: Vec<Value>,
    feishu: Vec<Value>,
    webhook: Vec<Value>,
}

impl RobotSide {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn taken(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let Taken { wecom, dingtalk, feishu, webhook } = &*shared.robots.taken();
    Json(json!({"wecom": wecom, "dingtalk": dingtalk, "feishu": feishu, "webhook": webhook}))
}

/// Takes a message unless a fault prevents it, and answers unless a fault prevents that. `busy` is how a robot says that it was told too much.
fn take(shared: &Shared, uri: &Uri, busy: Value, take: impl FnOnce(&mut Taken) -> Response) -> Response {
    let fault = shared.faults.strike("POST", uri.path()).map(|fault| fault.kind);
    match fault {
        Some(FaultKind::DropBefore) => return broken(),
        Some(FaultKind::BadGateway | FaultKind::SystemError) => return gateway(),
        Some(FaultKind::RateLimit) => return Json(busy).into_response(),
        _ => {}
    }
    let answer = take(&mut shared.robots.taken());
    match fault {
        Some(FaultKind::DropAfter) => broken(),
        Some(FaultKind::BadGatewayAfter | FaultKind::SystemErrorAfter) => gateway(),
        _ => answer,
    }
}

fn mac(key: &str, text: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes()))
}

/// The text of a message of the kind that WeCom and DingTalk share.
fn text_of(body: &[u8]) -> Option<Value> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = &body["text"]["content"];
    (body["msgtype"] == "text" && text.is_string()).then(|| text.clone())
}

fn says(code: i64, why: &str) -> Response {
    Json(json!({"errcode": code, "errmsg": why})).into_response()
}

#[derive(Deserialize)]
struct WecomQuery {
    key: Option<String>,
}

async fn wecom(State(shared): State<Arc<Shared>>, Query(query): Query<WecomQuery>, uri: Uri, body: Bytes) -> Response {
    take(&shared, &uri, json!({"errcode": 45009, "errmsg": "api freq out of limit"}), |taken| {
        if query.key.as_deref() != Some(ROBOT_KEY) {
            return says(93000, "invalid webhook url");
        }
        match text_of(&body) {
            Some(text) if text.as_str().is_some_and(|text| text.len() <= MOST_TEXT) => {
                taken.wecom.push(text);
                says(0, "ok")
            }
            Some(_) => says(40058, "text.content exceed max length 2048"),
            None => says(40008, "invalid message type"),
        }
    })
}

#[derive(Deserialize)]
struct DingtalkQuery {
    access_token: Option<String>,
    timestamp: Option<String>,
    sign: Option<String>,
}

async fn dingtalk(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<DingtalkQuery>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let now_s = now_s(&shared);
    take(&shared, &uri, json!({"errcode": 130101, "errmsg": "send too fast"}), |taken| {
        if query.access_token.as_deref() != Some(ROBOT_KEY) {
            return says(300_001, "token is not exist");
        }
        let timestamp = query.timestamp.unwrap_or_default();
        let is_fresh = timestamp.parse().is_ok_and(|ms: i64| (now_s - ms.div_euclid(1000)).abs() <= HOUR_S);
        if !is_fresh {
            return says(310_000, "invalid timestamp");
        }
        if query.sign.as_deref() != Some(&mac(ROBOT_SECRET, &format!("{timestamp}\n{ROBOT_SECRET}"))) {
            return says(310_000, "sign not match");
        }
        match text_of(&body) {
            Some(text) => {
                taken.dingtalk.push(text);
                says(0, "ok")
            }
            None => says(400_105, "unsupported msgtype"),
        }
    })
}

async fn feishu(State(shared): State<Arc<Shared>>, Path(key): Path<String>, uri: Uri, body: Bytes) -> Response {
    let now_s = now_s(&shared);
    take(&shared, &uri, json!({"code": 11232, "msg": "frequency limited"}), |taken| {
        let says = |code: i64, why: &str| Json(json!({"code": code, "msg": why, "data": {}})).into_response();
        if key != ROBOT_KEY {
            return says(19001, "param invalid: incoming webhook access token invalid");
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let timestamp = body["timestamp"].as_str().unwrap_or_default();
        let is_fresh = timestamp.parse().is_ok_and(|at: i64| (now_s - at).abs() <= HOUR_S);
        if !is_fresh || body["sign"] != mac(&format!("{timestamp}\n{ROBOT_SECRET}"), "") {
            return says(19021, "sign match fail or timestamp is not within one hour from current time");
        }
        let text = &body["content"]["text"];
        if body["msg_type"] != "text" || !text.is_string() {
            return says(9499, "Bad Request");
        }
        taken.feishu.push(text.clone());
        Json(json!({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}))
            .into_response()
    })
}

async fn webhook(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let now_s = now_s(&shared);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path_and_query = uri.path_and_query().map_or("", |target| target.as_str());
    let request = Request { method: "POST", path_and_query, body: &body };
    let key = PartnerKey::new(ROBOT_SECRET);
    let believed = Headers::from_lookup(header)
        .ok()
        .zip(key)
        .is_some_and(|(headers, key)| verify(&key, &headers, &request, now_s).is_ok());
    take(&shared, &uri, json!({}), |taken| {
        if !believed {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match serde_json::from_slice(&body) {
            Ok(told) => {
                taken.webhook.push(told);
                StatusCode::NO_CONTENT.into_response()
            }
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    })
}
