use axum::http::Method;
use kernel::{Code, Command, Look, NoteLook, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// Who a member is at WeChat.
#[derive(Serialize, JsonSchema)]
struct OpenidAnswer {
    /// Absent for who has never signed in by WeChat.
    openid: Option<String>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::PersonalOpenid,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/openid",
            id: "seeOpenid",
            tag: Tag::Administration,
            summary: "The whole openid of a member",
            description: "Everywhere else it is shown by its end. The look is noted in the audit trail.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MemberPath>) -> Result<Reply<OpenidAnswer>, Failure> {
    let found = queries::members::show(app.store(), input.path.user_id).await?;
    let member = found.ok_or(Refusal::NotFound { noun: Noun::Member })?.member;
    let Some(sealed) = member.openid else { return Ok(Reply::ok(OpenidAnswer { openid: None })) };
    let look = NoteLook { member: member.id, at: Look::Openid };
    app.service().run(caller.asks(Command::NoteLook(look))).await?;
    Ok(Reply::ok(OpenidAnswer { openid: Some(app.service().vault().openid(&sealed)?) }))
}
