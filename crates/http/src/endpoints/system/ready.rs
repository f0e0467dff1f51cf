use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Serialize, JsonSchema)]
struct Ready {
    status: &'static str,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::GET,
            path: "/health/ready",
            id: "isReady",
            tag: Tag::Operation,
            summary: "Can it serve?",
            description: "200 while the database can be read and written and its schema fits the program; otherwise 503. The reason is \
                in the log.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Visitor, _: Input) -> Result<Reply<Ready>, Failure> {
    match app.service().health().await.trouble {
        None => Ok(Reply::ok(Ready { status: "ready" })),
        Some(trouble) => {
            tracing::warn!(trouble, "not ready");
            Err(Failure::NotReady)
        }
    }
}
