//! WeChat's notifications. It reads nothing of an answer but its status, and sends again what was not taken.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use service::CallbackRefused;

use super::single;
use crate::App;
use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::failure::Failure;
use crate::reply;

#[derive(Serialize)]
struct WechatFailure {
    code: &'static str,
    message: &'static str,
}

pub(crate) fn pay() -> Endpoint {
    Endpoint::notification(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/wechat/pay",
            id: "takeWechatPayment",
            tag: Tag::Operation,
            summary: "WeChat tells of a payment",
            description: "An APIv3 notification: 204 when it is on disk, 401 where its signature, its serial or its time does not hold.",
            codes: &[],
        },
        |app, parts, body| take(app, "wechat-pay", parts, body),
    )
}

pub(crate) fn refund() -> Endpoint {
    Endpoint::notification(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/wechat/refund",
            id: "takeWechatRefund",
            tag: Tag::Operation,
            summary: "WeChat tells of a refund",
            description: "An APIv3 notification: 204 when it is on disk, 401 where its signature, its serial or its time does not hold.",
            codes: &[],
        },
        |app, parts, body| take(app, "wechat-refund", parts, body),
    )
}

async fn take(app: App, source: &'static str, parts: Parts, body: Bytes) -> Result<Response, Failure> {
    let (status, message) = match app.service().take_callback(source, |name| single(&parts.headers, name), &body).await
    {
        Ok(()) => {
            let mut taken = Response::default();
            *taken.status_mut() = StatusCode::NO_CONTENT;
            return Ok(taken);
        }
        Err(CallbackRefused::Unverified(why)) => {
            tracing::warn!(source, why, "a notification is not believed");
            (StatusCode::UNAUTHORIZED, "验签失败")
        }
        Err(CallbackRefused::NotKept) => (StatusCode::INTERNAL_SERVER_ERROR, "系统繁忙，请重新通知"),
    };
    let body = WechatFailure { code: "FAIL", message };
    reply::json(status, &body).map_err(|_| Failure::fault("an answer cannot be written as JSON"))
}
