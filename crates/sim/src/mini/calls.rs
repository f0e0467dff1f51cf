//! The calls that need an access token.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{CODE_LIFE_MS, fingerprint};
use super::token::WithToken;
use super::{Refusal, plain};
use crate::keys::random_bytes;
use crate::world::Shared;

/// Codes of the phone number button.
#[derive(Default)]
pub(super) struct Phones {
    issued: HashMap<String, (String, i64)>,
    used: HashSet<u128>,
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal { errcode: 47001, errmsg: "data format error" })
}

fn refuse<T>(errcode: i64, errmsg: &'static str) -> Result<T, Refusal> {
    Err(Refusal { errcode, errmsg })
}

fn answer(result: Result<Response, Refusal>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}

#[derive(Deserialize)]
struct Message {
    touser: String,
    template_id: String,
    data: HashMap<String, MessageValue>,
    page: Option<String>,
}

#[derive(Deserialize)]
struct MessageValue {
    value: String,
}

pub(super) async fn send_message(
    State(shared): State<Arc<Shared>>,
    Query(token): Query<WithToken>,
    body: Bytes,
) -> Response {
    answer(token.check(&shared).and_then(|()| accept_message(&shared, &body)))
}

fn accept_message(shared: &Shared, body: &[u8]) -> Result<Response, Refusal> {
    let message: Message = read(body)?;
    if message.touser.is_empty() {
        return refuse(40003, "invalid openid");
    }
    if message.template_id.is_empty() {
        return refuse(40037, "invalid template_id");
    }
    if message.page.as_ref().is_some_and(|page| page.starts_with('/')) {
        return refuse(41030, "invalid page");
    }
    let longest = |key: &str| match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "thing" => 20,
        "number" | "character_string" => 32,
        "phrase" => 5,
        _ => usize::MAX,
    };
    let fits = |(key, text): (&String, &MessageValue)| (1..=longest(key)).contains(&text.value.chars().count());
    if message.data.is_empty() || !message.data.iter().all(fits) {
        return refuse(47003, "argument invalid! data does not match the template");
    }
    if shared.settings().refuse_messages {
        return refuse(43101, "user refuse to accept the msg");
    }
    let seen: Value = read(body)?;
    shared.mini.messages.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    Ok(plain(json!({"errcode": 0, "errmsg": "ok"}).to_string()))
}

/// What was sent, for a test to look at.
pub(super) async fn messages(State(shared): State<Arc<Shared>>) -> Json<Vec<Value>> {
    Json(shared.mini.messages.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

#[derive(Deserialize)]
struct QrCode {
    scene: String,
    page: Option<String>,
    width: Option<u32>,
}

pub(super) async fn qr_code(
    State(shared): State<Arc<Shared>>,
    Query(token): Query<WithToken>,
    body: Bytes,
) -> Response {
    answer(token.check(&shared).and_then(|()| picture(&body)))
}

/// One white dot: a picture, though nobody can scan it.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC";

fn picture(body: &[u8]) -> Result<Response, Refusal> {
    let wanted: QrCode = read(body)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$&'()*+,/:;=?@-._~".contains(c);
    if wanted.scene.is_empty() || wanted.scene.len() > 32 || !wanted.scene.chars().all(allowed) {
        return refuse(40129, "invalid scene");
    }
    if wanted.page.is_some_and(|page| page.starts_with('/') || page.contains('?')) {
        return refuse(41030, "invalid page");
    }
    if wanted.width.is_some_and(|width| !(280..=1280).contains(&width)) {
        return refuse(40097, "invalid args");
    }
    Ok(([(CONTENT_TYPE, "image/png")], STANDARD.decode(DOT).unwrap_or_default()).into_response())
}

#[derive(Deserialize)]
struct PhoneWanted {
    #[serde(default)]
    code: String,
}

pub(super) async fn phone_number(
    State(shared): State<Arc<Shared>>,
    Query(token): Query<WithToken>,
    body: Bytes,
) -> Response {
    answer(token.check(&shared).and_then(|()| hand_over(&shared, &body)))
}

fn hand_over(shared: &Shared, body: &[u8]) -> Result<Response, Refusal> {
    let wanted: PhoneWanted = read(body)?;
    let now_ms = shared.config.clock.business_ms();
    let mut phones = shared.mini.phones.lock().unwrap_or_else(PoisonError::into_inner);
    let phone = match described_phone(&wanted.code) {
        Some(phone) if phones.used.insert(fingerprint(&wanted.code)) => Some(phone.to_owned()),
        Some(_) => None,
        None => phones.issued.remove(&wanted.code).filter(|(_, until)| now_ms < *until).map(|(phone, _)| phone),
    };
    let Some(phone) = phone else {
        return refuse(40029, "invalid code");
    };
    let watermark = json!({"timestamp": now_ms / 1000, "appid": shared.config.appid});
    let info = json!({"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86", "watermark": watermark});
    Ok(plain(json!({"errcode": 0, "errmsg": "ok", "phone_info": info}).to_string()))
}

fn described_phone(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("sim-phone-")?;
    let phone = rest.split_once('-').map_or(rest, |(phone, _)| phone);
    ((5..=15).contains(&phone.len()) && phone.bytes().all(|byte| byte.is_ascii_digit())).then_some(phone)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneCodeWanted {
    phone: String,
}

pub(super) async fn issue_phone_code(
    State(shared): State<Arc<Shared>>,
    Json(wanted): Json<PhoneCodeWanted>,
) -> Response {
    let Some(bytes) = random_bytes::<24>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let code = URL_SAFE_NO_PAD.encode(bytes);
    let until = shared.config.clock.business_ms() + CODE_LIFE_MS;
    let mut phones = shared.mini.phones.lock().unwrap_or_else(PoisonError::into_inner);
    phones.issued.insert(code.clone(), (wanted.phone, until));
    Json(json!({"code": code})).into_response()
}
