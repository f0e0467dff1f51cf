use axum::http::Method;
use kernel::{AdjustWallet, Code, Command, Outcome, Permission, Price, Reason};
use schemars::JsonSchema;
use serde::Deserialize;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::wallet::WalletChange;
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

/// By how much, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Adjustment {
    /// Below zero to take out. Not zero.
    amount_cents: Price,
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members/{user_id}/adjust",
            id: "adjustWallet",
            tag: Tag::Administration,
            summary: "Set a wallet right",
            description: "Puts money in or takes it out. No overdraft limit stops it.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InsufficientBalance],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, DryRun, Adjustment>,
) -> Result<Reply<WalletChange>, Failure> {
    let dry_run = input.query.dry_run;
    let command = Command::AdjustWallet(AdjustWallet {
        member: input.path.user_id,
        amount: input.body.amount_cents,
        reason: input.body.reason,
    });
    let Outcome::Wallet(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("an adjustment answered something else"));
    };
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::ADJUSTED }, outcome.into()))
}
