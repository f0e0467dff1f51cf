use axum::http::Method;
use kernel::Code;
use store::queries;

use super::UserInfo;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::GET,
            path: "/api/v1/auth/me",
            id: "whoAmI",
            tag: Tag::SignIn,
            summary: "Who am I?",
            description: "The signed-in member with roles, permissions and department.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<UserInfo>, Failure> {
    let member = queries::members::one(app.store(), caller.identity.member).await?;
    let member = member.ok_or(Failure::Code(Code::InvalidToken))?;
    Ok(Reply::ok(UserInfo::of(&app, member).await?))
}
