use axum::http::Method;
use kernel::{Code, MemberId, Noun, Permission, Refusal};
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::sessions::SessionList;
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/sessions",
            id: "memberSessions",
            tag: Tag::Administration,
            summary: "Where a member is signed in",
            description: "All sessions that can still be used, newest first.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MemberPath>) -> Result<Reply<SessionList>, Failure> {
    let member = input.path.user_id;
    must_exist(&app, member).await?;
    let open = queries::sessions::open(app.store(), member, app.service().now()).await?;
    Ok(Reply::ok(SessionList::new(open, &caller.identity.token_hash)))
}

pub(super) async fn must_exist(app: &App, member: MemberId) -> Result<(), Failure> {
    match queries::members::one(app.store(), member).await? {
        Some(_) => Ok(()),
        None => Err(Refusal::NotFound { noun: Noun::Member }.into()),
    }
}
