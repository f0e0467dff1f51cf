use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Serialize, JsonSchema)]
struct Live {
    status: &'static str,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::GET,
            path: "/health/live",
            id: "isLive",
            tag: Tag::Operation,
            summary: "Is the process running?",
            description: "Asks nothing else, so that a lost database does not make anybody restart the process.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(_: App, _: Visitor, _: Input) -> Result<Reply<Live>, Failure> {
    Ok(Reply::ok(Live { status: "live" }))
}
