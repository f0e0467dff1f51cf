use axum::http::Method;
use kernel::{Code, Command, FactorCommand, Note, Permission, ResetFactor};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::admin::member::MemberPath;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResetReason {
    reason: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members/{user_id}/second-factor/reset",
            id: "resetMemberSecondFactor",
            tag: Tag::Administration,
            summary: "Take a member's second factor away",
            description: "For somebody who has lost the phone and the recovery codes: the password alone signs in again, or leads to setting one up where the house demands it. Nobody does it to themselves.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, ResetReason>,
) -> Result<Reply<()>, Failure> {
    let (member, reason) = (input.path.user_id, input.body.reason.unwrap_or_default());
    let command = Command::Factor(FactorCommand::ResetFactor(ResetFactor { member, reason }));
    app.service().run(caller.asks(command)).await?;
    Ok(Reply::saying(texts::SECOND_FACTOR_OFF, ()))
}
