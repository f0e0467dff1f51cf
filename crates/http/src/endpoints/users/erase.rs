use axum::http::Method;
use kernel::{Code, Command, EraseMember, ErasureOutcome, Instant, MemberId, Note, Traces};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;
use crate::texts;

/// Why. It is kept in the audit trail, so it should name nobody.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureReason {
    pub(crate) reason: Option<Note>,
}

/// What there was to take away beside the name, the openid and the account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErasureAnswer {
    user_id: MemberId,
    erased_at: Instant,
    traces: Traces,
}

pub(crate) const CODES: &[Code] = &[Code::NotFound, Code::BusinessRule];

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/users/erase",
            id: "eraseMyself",
            tag: Tag::SignIn,
            summary: "Have oneself erased",
            description: "For good: the name, the openid, the account, addresses, notes, complaints, standing orders and sessions \
                go; orders and the ledger stay under a number. Signing in again makes a new member. Refused while money, tickets, \
                debts, open orders or complaints are left; `details.open` says which. `dry_run=true` says what would go.",
            codes: CODES,
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, ErasureReason>,
) -> Result<Reply<ErasureAnswer>, Failure> {
    let member = caller.identity.member;
    erase(&app, caller, member, input.query, input.body).await
}

pub(crate) async fn erase(
    app: &App,
    caller: Caller,
    member: MemberId,
    DryRun { dry_run }: DryRun,
    ErasureReason { reason }: ErasureReason,
) -> Result<Reply<ErasureAnswer>, Failure> {
    let command = Command::EraseMember(EraseMember { member, reason: reason.unwrap_or_default() });
    let ErasureOutcome { member, erased_at, traces } = app.service().erase(caller.tries(dry_run, command)).await?;
    let message = if dry_run { texts::DRY_RUN } else { texts::ERASED };
    Ok(Reply::saying(message, ErasureAnswer { user_id: member, erased_at, traces }))
}
