//! What a handler answers when all went well.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::endpoint::{Answer, schema_of};
use crate::failure::Failure;
use crate::input::{Limit, Offset};
use crate::texts::{self, Language, Text};

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Most answers are shorter than this: one allocation then holds the whole body.
const USUAL_LENGTH: usize = 1024;

/// What a handler may answer, and how the documentation describes it.
pub(crate) trait Answers: 'static {
    fn form() -> Answer;

    fn into_response(self, language: Language) -> Result<Response, Failure>;
}

pub(crate) struct Reply<T> {
    data: T,
    message: Text,
}

impl<T: Serialize> Reply<T> {
    pub(crate) fn ok(data: T) -> Self {
        Self::saying(texts::OK, data)
    }

    pub(crate) fn saying(message: Text, data: T) -> Self {
        Self { data, message }
    }
}

impl<T: Serialize + JsonSchema + 'static> Answers for Reply<T> {
    fn form() -> Answer {
        Answer::Enveloped(schema_of::<T>)
    }

    fn into_response(self, language: Language) -> Result<Response, Failure> {
        #[derive(Serialize)]
        struct Envelope<T> {
            success: bool,
            message: &'static str,
            data: T,
        }
        let envelope = Envelope { success: true, message: self.message.in_language(language), data: self.data };
        json(StatusCode::OK, &envelope).map_err(|_| Failure::fault("an answer cannot be written as JSON"))
    }
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, serde_json::Error> {
    let mut bytes = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut bytes, value)?;
    Ok(response(status, JSON, bytes))
}

pub(crate) fn response(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, content_type);
    *response.headers_mut() = headers;
    response
}

/// Where a page of a list by number stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PageInfo {
    limit: i64,
    offset: i64,
    has_more: bool,
}

impl PageInfo {
    pub(crate) fn new(limit: Limit, offset: Offset, found: usize, total: i64) -> Self {
        let end = offset.get() + i64::try_from(found).unwrap_or(i64::MAX);
        Self { limit: limit.get(), offset: offset.get(), has_more: end < total }
    }
}

/// Where a page of a list by cursor stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CursorInfo {
    limit: i64,
    has_more: bool,
    /// For the next page; absent on the last one.
    next_cursor: Option<String>,
}

impl CursorInfo {
    pub(crate) fn new(limit: Limit, has_more: bool, next_cursor: Option<String>) -> Self {
        Self { limit: limit.get(), has_more, next_cursor }
    }

    /// Cuts off the one row beyond the page that was read to see whether there is any.
    pub(crate) fn cut<T>(mut rows: Vec<T>, limit: Limit, key: impl Fn(&T) -> i64) -> (Vec<T>, Self) {
        let length = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let has_more = rows.len() > length;
        rows.truncate(length);
        let next_cursor = rows.last().filter(|_| has_more).map(|last| key(last).to_string());
        let info = Self { limit: limit.get(), has_more, next_cursor };
        (rows, info)
    }
}

/// Something made once and served from memory; who has it already is told so.
pub(crate) struct Kept<'a> {
    pub(crate) content_type: HeaderValue,
    pub(crate) tag: &'a HeaderValue,
    pub(crate) body: &'a Bytes,
}

impl Kept<'_> {
    pub(crate) fn answer(self, asked: &HeaderMap) -> Response {
        let has_it = asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == "*" || tag.as_bytes() == self.tag.as_bytes());
        let mut answer = if has_it {
            let mut empty = Response::new(Body::empty());
            *empty.status_mut() = StatusCode::NOT_MODIFIED;
            empty
        } else {
            response(StatusCode::OK, self.content_type, self.body.clone())
        };
        answer.headers_mut().insert(ETAG, self.tag.clone());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }
}
