use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::Secret;
use crate::endpoints::auth::change_password::must_be_strong;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GivenPassword {
    /// At least twelve characters.
    new_password: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/members/{user_id}/password",
            id: "setMemberPassword",
            tag: Tag::Administration,
            summary: "Give a member a new password",
            description: "For somebody who has forgotten it. All the member's sessions end.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, GivenPassword>,
) -> Result<Reply<()>, Failure> {
    let member = input.path.user_id;
    let known = queries::members::one(app.store(), member).await?;
    let account = known.ok_or(Refusal::NotFound { noun: Noun::Member })?.account.ok_or(Refusal::NoAccount)?;
    let new = input.body.new_password;
    must_be_strong(&app, &new, account.as_str(), caller.language).await?;
    app.service().set_password(caller.identity.actor(), member, new.reveal(), None).await?;
    Ok(Reply::saying(texts::PASSWORD_CHANGED, ()))
}
