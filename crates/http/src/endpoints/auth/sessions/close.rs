use axum::http::Method;
use kernel::{CloseSession, Code, Command, Noun, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries;

use super::session_id;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
struct SessionPath {
    session_id: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/auth/sessions/{session_id}",
            id: "closeOwnSession",
            tag: Tag::SignIn,
            summary: "End one of one's own sessions",
            description: "Its token opens nothing from the next request on.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<SessionPath>) -> Result<Reply<()>, Failure> {
    let member = caller.identity.member;
    let open = queries::sessions::open(app.store(), member, app.service().now()).await?;
    let named = open.iter().find(|session| session_id(session) == input.path.session_id);
    let token_hash = named.ok_or(Refusal::NotFound { noun: Noun::Session })?.token_hash;
    app.service().run(caller.asks(Command::CloseSession(CloseSession { member, token_hash }))).await?;
    Ok(Reply::saying(texts::SESSION_CLOSED, ()))
}
