//! Request bodies: small, in time, JSON.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kernel::Code;
use serde::de::DeserializeOwned;

use super::{Problem, Shape};
use crate::failure::Failure;
use crate::texts::{Language, say};

/// The whole body, which may be empty, and otherwise claims to be JSON.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize, within: Duration) -> Result<Bytes, Failure> {
    let bytes = read_raw(headers, body, limit, within).await?;
    if bytes.is_empty() || is_json(headers) { Ok(bytes) } else { Err(Failure::Code(Code::UnsupportedMediaType)) }
}

/// The whole body, whatever it claims to be.
pub(crate) async fn read_raw(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    within: Duration,
) -> Result<Bytes, Failure> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let too_long = |length: &str| length.parse::<usize>().is_ok_and(|length| length > limit);
    if headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()).is_some_and(too_long) {
        return Err(Failure::Code(Code::PayloadTooLarge));
    }
    match tokio::time::timeout(within, collect(body, limit)).await {
        Ok(collected) => collected,
        Err(_) => Err(Failure::Code(Code::RequestTimeout)),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    // Nearly every body is one piece; it is used as it came.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken())?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Failure::Code(Code::PayloadTooLarge));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// The sender broke off, or its chunks are none: whoever still listens is told what a timeout is told.
fn broken() -> Failure {
    Failure::Code(Code::RequestTimeout)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// An empty body reads as an object without fields, so that a call whose fields may all be left out needs none.
pub(crate) fn json<B: DeserializeOwned>(bytes: &[u8], shape: &Shape, language: Language) -> Result<B, Vec<Problem>> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|_| faults::<B>(bytes, shape, language))
}

#[cold]
fn faults<B: DeserializeOwned>(bytes: &[u8], shape: &Shape, language: Language) -> Vec<Problem> {
    let value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let problem = say!(
                language,
                "不是合法的 JSON（第 {line} 行第 {column} 列）",
                "is not valid JSON (line {line}, column {column})",
            );
            return vec![Problem::new("body", problem)];
        }
    };
    let problems = shape.problems(&value, "body", language);
    if !problems.is_empty() {
        return problems;
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, B>(&mut reader) {
        Err(error) => vec![Problem::found_by_reader(&error.path().to_string(), &error.inner().to_string(), language)],
        // Something follows the JSON value.
        Ok(_) => vec![Problem::found_by_reader("body", "trailing characters", language)],
    }
}
