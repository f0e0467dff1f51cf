use serde_json::{Value, json};

/// What a call is answered with, before it is signed.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: &'static str,
    /// The tail of the request id, which tells reasons apart.
    pub(crate) number: u64,
    /// Files are not signed.
    pub(crate) is_signed: bool,
}

/// A handler's answer; a refusal is an answer too.
pub(crate) type Outcome = Result<Reply, Reply>;

const JSON: &str = "application/json; charset=utf-8";

pub(crate) fn ok(body: &Value) -> Reply {
    Reply { status: 200, body: body.to_string().into_bytes(), content_type: JSON, number: 0, is_signed: true }
}

pub(crate) fn no_content() -> Reply {
    Reply { status: 204, body: Vec::new(), content_type: JSON, number: 0, is_signed: true }
}

pub(crate) fn file(body: Vec<u8>) -> Reply {
    Reply { status: 200, body, content_type: "application/octet-stream", number: 0, is_signed: false }
}

pub(crate) fn refuse(status: u16, code: &str, message: &str, number: u64) -> Reply {
    let body = json!({"code": code, "message": message}).to_string().into_bytes();
    Reply { status, body, content_type: JSON, number, is_signed: true }
}

/// A field that is missing or wrong.
pub(crate) fn parameter(field: &str, issue: &str) -> Reply {
    let detail = json!({"field": field, "value": null, "issue": issue, "location": "body"});
    let body = json!({"code": "PARAM_ERROR", "message": format!("参数错误：{issue}"), "detail": detail});
    Reply { body: body.to_string().into_bytes(), ..refuse(400, "PARAM_ERROR", "", 268_435_464) }
}

/// 401: the signature or what surrounds it.
pub(crate) fn unauthorized(message: &str, issue: &str) -> Reply {
    let detail = json!({"field": "signature", "location": "authorization", "detail": {"issue": issue}});
    let body = json!({"code": "SIGN_ERROR", "message": message, "detail": detail});
    Reply { body: body.to_string().into_bytes(), ..refuse(401, "SIGN_ERROR", "", 268_443_699) }
}
