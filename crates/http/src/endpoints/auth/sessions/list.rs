use axum::http::Method;
use store::queries;

use super::SessionList;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::GET,
            path: "/api/v1/auth/sessions",
            id: "listOwnSessions",
            tag: Tag::SignIn,
            summary: "Where one is signed in",
            description: "All sessions that can still be used, newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<SessionList>, Failure> {
    let open = queries::sessions::open(app.store(), caller.identity.member, app.service().now()).await?;
    Ok(Reply::ok(SessionList::new(open, &caller.identity.token_hash)))
}
