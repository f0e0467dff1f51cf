use axum::http::Method;

use super::{ClosedSessions, close_all};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/auth/sessions",
            id: "closeOtherSessions",
            tag: Tag::SignIn,
            summary: "End all of one's own sessions but this one",
            description: "For somebody who has lost a phone.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<ClosedSessions>, Failure> {
    let identity = &caller.identity;
    let closed = close_all(&app, &identity.actor(), identity.member, Some(identity.token_hash)).await?;
    Ok(Reply::saying(texts::SESSION_CLOSED, closed))
}
