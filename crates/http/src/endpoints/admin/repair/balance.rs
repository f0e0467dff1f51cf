use axum::http::Method;
use kernel::{Cents, Code, Command, Currency, MemberId, Noun, Outcome, Owner, Permission, Refusal, RepairBalance};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::message;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;

/// Whose balance.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BalanceToRepair {
    user_id: MemberId,
}

/// The balance before and after, in cents; the same twice where nothing had to be repaired.
#[derive(Serialize, JsonSchema)]
struct RepairedBalance {
    success: bool,
    old_balance: Cents,
    new_balance: Cents,
    /// The new balance less the old one.
    difference: Cents,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRepair,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/consistency/repair/balance",
            id: "repairBalance",
            tag: Tag::Administration,
            summary: "Set a balance to what its entries add up to",
            description: "Refused where entries are missing: then their sum proves nothing.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, BalanceToRepair>,
) -> Result<Reply<RepairedBalance>, Failure> {
    let member = input.body.user_id;
    if queries::members::one(app.store(), member).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Member }.into());
    }
    let account = Owner::Member(member).account(Currency::Cny);
    let command = Command::RepairBalance(RepairBalance { account });
    let dry_run = input.query.dry_run;
    let Outcome::BalanceRepair(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a repair of a balance answered something else"));
    };
    let answer = RepairedBalance {
        success: true,
        old_balance: outcome.old_balance,
        new_balance: outcome.new_balance,
        difference: outcome.difference,
    };
    Ok(Reply::saying(message(dry_run, outcome.repaired), answer))
}
