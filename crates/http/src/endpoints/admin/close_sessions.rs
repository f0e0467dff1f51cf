use axum::http::Method;
use kernel::{Code, Permission};

use super::member::MemberPath;
use super::member_sessions::must_exist;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::sessions::{ClosedSessions, close_all};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/admin/members/{user_id}/sessions",
            id: "closeMemberSessions",
            tag: Tag::Administration,
            summary: "Sign a member out everywhere",
            description: "Each session that ends gets its record in the audit trail. The member can sign in again, unless disabled.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MemberPath>) -> Result<Reply<ClosedSessions>, Failure> {
    let member = input.path.user_id;
    must_exist(&app, member).await?;
    let closed = close_all(&app, &caller.identity.actor(), member, None).await?;
    Ok(Reply::saying(texts::SESSION_CLOSED, closed))
}
