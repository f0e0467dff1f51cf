use axum::http::Method;
use kernel::{Code, Command, MemberId, Note, Outcome, Overdraft, Permission, SetOverdraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, double_option};
use crate::reply::Reply;
use crate::texts::{self, say};

/// How far below zero the wallet may go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewOverdraft {
    /// Has to be there; `null` follows the rule of the house again.
    #[serde(default, deserialize_with = "double_option")]
    limit_cents: Option<Option<Overdraft>>,
    reason: Option<Note>,
}

/// The limit as it is now.
#[derive(Serialize, JsonSchema)]
struct OverdraftAnswer {
    user_id: MemberId,
    /// `null` where the house rule holds.
    overdraft_limit_cents: Option<Overdraft>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/members/{user_id}/overdraft",
            id: "setOverdraft",
            tag: Tag::Administration,
            summary: "Set how far a wallet may go below zero",
            description: "Binds from the next order on. A balance that is lower already stays as it is.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, NewOverdraft>,
) -> Result<Reply<OverdraftAnswer>, Failure> {
    // Left out by mistake it must not lift a limit.
    let Some(limit) = input.body.limit_cents else {
        let problem = say!(caller.language, "必填，可为 null", "is required, and may be null");
        return Err(Failure::invalid("limit_cents", problem));
    };
    let command = Command::SetOverdraft(SetOverdraft {
        member: input.path.user_id,
        limit,
        reason: input.body.reason.unwrap_or_default(),
    });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("an overdraft limit answered something else"));
    };
    let answer = OverdraftAnswer { user_id: member.id, overdraft_limit_cents: member.overdraft_limit };
    Ok(Reply::saying(texts::SAVED, answer))
}
