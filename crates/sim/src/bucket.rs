//! A bucket that speaks as much of the S3 protocol as keeping pictures takes, path style, and believes no request whose signature (AWS
//! Signature Version 4) does not fit it to the byte.
//!
//! `PUT`, `GET`, `HEAD` and `DELETE` of `/NAME/KEY`, `PUT` with `x-amz-copy-source`, and `GET /NAME/?list-type=2`, whose pages are
//! short. Objects are dated by the clock that both sides share.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::world::Shared;

/// What it is called, where it is, and who may use it.
pub const NAME: &str = "sim-bucket";
pub const REGION: &str = "sim-region";
pub const KEY_ID: &str = "SIMKEYID";
pub const SECRET: &str = "sim-bucket-secret-works-on-loopback-only";

const FRESH_MS: i64 = 15 * 60 * 1000;
const PAGE: usize = 2;

#[derive(Default)]
pub(crate) struct BucketSide(Mutex<BTreeMap<String, Object>>);

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    changed_ms: i64,
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/sim-bucket/{*key}", any(serve)).route("/sim-bucket/", any(serve))
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now_ms = shared.config.clock.now_ms();
    if proven(&method, &uri, &headers, &body, now_ms).is_none() {
        return error(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    let mut objects = shared.bucket.0.lock().unwrap_or_else(PoisonError::into_inner);
    let key = uri.path().trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    let missing = || error(StatusCode::NOT_FOUND, "NoSuchKey");
    match (method.as_str(), header(&headers, "x-amz-copy-source")) {
        ("GET", _) if key.is_empty() => list(&objects, uri.query().unwrap_or_default()),
        ("PUT", Some(source)) => {
            let source = source.strip_prefix(&format!("/{NAME}/")).and_then(|source| objects.get(source).cloned());
            let Some(source) = source else { return missing() };
            objects.insert(key, Object { changed_ms: now_ms, ..source });
            xml(StatusCode::OK, "<CopyObjectResult></CopyObjectResult>")
        }
        ("PUT", None) => {
            objects.insert(key, Object { bytes: body, changed_ms: now_ms });
            StatusCode::OK.into_response()
        }
        ("GET" | "HEAD", _) => match objects.get(&key) {
            Some(object) => ([("last-modified", http_date(object.changed_ms))], object.bytes.clone()).into_response(),
            None => missing(),
        },
        ("DELETE", _) => {
            objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

fn list(objects: &BTreeMap<String, Object>, query: &str) -> Response {
    let said: BTreeMap<_, _> = query.split('&').filter_map(|part| part.split_once('=')).collect();
    let prefix = said.get("prefix").map(|prefix| prefix.replace("%2F", "/")).unwrap_or_default();
    let after = said.get("continuation-token").map(|token| token.replace("%2F", "/")).unwrap_or_default();
    let after = if after.is_empty() { Bound::Unbounded } else { Bound::Excluded(after) };
    let mut found = objects.range((after, Bound::Unbounded)).filter(|(key, _)| key.starts_with(&prefix));
    let page: Vec<_> = found.by_ref().take(PAGE).collect();
    let rows: String = page
        .iter()
        .map(|(key, object)| {
            let changed = Timestamp::from_millisecond(object.changed_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            format!("<Contents><Key>{key}</Key><LastModified>{changed}</LastModified></Contents>")
        })
        .collect();
    let next = match (page.last(), found.next()) {
        (Some((key, _)), Some(_)) => format!("<NextContinuationToken>{key}</NextContinuationToken>"),
        _ => String::new(),
    };
    xml(StatusCode::OK, &format!("<ListBucketResult>{rows}{next}</ListBucketResult>"))
}

fn http_date(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn xml(status: StatusCode, text: &str) -> Response {
    (status, [("content-type", "application/xml")], text.to_owned()).into_response()
}

fn error(status: StatusCode, code: &str) -> Response {
    xml(status, &format!("<Error><Code>{code}</Code></Error>"))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `None` where the signature does not fit, or something that it must cover is not covered.
fn proven(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8], now_ms: i64) -> Option<()> {
    let said = header(headers, "authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| said.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (credential, names, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let time = header(headers, "x-amz-date")?;
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?.to_zoned(TimeZone::UTC).ok()?;
    let is_fresh = (at.timestamp().as_millisecond() - now_ms).abs() < FRESH_MS;
    let scope = credential.strip_prefix(KEY_ID)?.strip_prefix('/')?;
    let of_today = scope == format!("{}/{REGION}/s3/aws4_request", &time[..8]);
    let sum = hex(digest(&SHA256, body).as_ref());
    let is_whole = header(headers, "x-amz-content-sha256")? == sum;
    let is_covered = headers.keys().all(|name| {
        let must_be = name == "host" || name == "content-type" || name.as_str().starts_with("x-amz-");
        !must_be || names.split(';').any(|signed| signed == name.as_str())
    });
    let mut lines = Vec::new();
    for name in names.split(';') {
        lines.push(format!("{name}:{}", header(headers, name)?.trim()));
    }
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let asked = [method.as_str(), path, query, &lines.join("\n"), "", names, &sum].join("\n");
    let text = ["AWS4-HMAC-SHA256", time, scope, &hex(digest(&SHA256, asked.as_bytes()).as_ref())].join("\n");
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let day = mac(format!("AWS4{SECRET}").as_bytes(), &time[..8]);
    let signing = mac(mac(mac(day.as_ref(), REGION).as_ref(), "s3").as_ref(), "aws4_request");
    let fits = hex(mac(signing.as_ref(), &text).as_ref()) == signature;
    (is_fresh && of_today && is_whole && is_covered && fits).then_some(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
