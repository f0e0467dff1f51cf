//! What the outside tells us.

pub(crate) mod cabinet;
pub(crate) mod erp;
pub(crate) mod wechat;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kernel::Code;
use serde_json::{Value, json};
use service::EventRefused;

use crate::failure::Failure;
use crate::reply;

/// What a partner is told when all went well.
fn said(data: &Value) -> Result<Response, Failure> {
    let envelope = json!({ "success": true, "message": "成功", "data": data });
    reply::json(StatusCode::OK, &envelope).map_err(|_| Failure::fault("an answer cannot be written as JSON"))
}

fn refused(refused: EventRefused) -> Failure {
    match refused {
        EventRefused::Unbelieved(why) => {
            tracing::warn!(why, "a partner is not believed");
            Failure::Code(Code::InvalidSignature)
        }
        EventRefused::NotNow => Failure::Code(Code::Unavailable),
    }
}

/// A header that comes twice says nothing.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
}
