use axum::http::Method;
use kernel::{Code, Command, MemberId, MemberStatus, Note, Outcome, Permission, SetMemberStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// What the member is to be, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: MemberStatus,
    reason: Option<Note>,
}

/// The member's state as it is now.
#[derive(Serialize, JsonSchema)]
struct StatusAnswer {
    user_id: MemberId,
    status: MemberStatus,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/members/{user_id}/status",
            id: "setMemberStatus",
            tag: Tag::Administration,
            summary: "Disable or enable a member",
            description: "A disabled member can neither sign in nor use a session opened before. Orders and balance stay. \
                          Nobody can disable themselves.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, NewStatus>,
) -> Result<Reply<StatusAnswer>, Failure> {
    let command = Command::SetMemberStatus(SetMemberStatus {
        member: input.path.user_id,
        status: input.body.status,
        reason: input.body.reason.unwrap_or_default(),
    });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a member's status answered something else"));
    };
    let answer = StatusAnswer { user_id: member.id, status: member.status };
    Ok(Reply::saying(texts::SAVED, answer))
}
