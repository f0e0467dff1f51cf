//! Money put into a department's account, or taken out of it.

use axum::http::Method;
use kernel::{
    AdjustDepartment, Cents, Code, Command, DepartmentId, FundDepartment, Note, Outcome, Permission, Price, Reason,
    TransferId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit_department::DepartmentPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

/// How much is put in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Funding {
    /// Above zero.
    amount_cents: Price,
    reason: Option<Note>,
}

/// By how much, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DepartmentAdjustment {
    /// Below zero to take out. Not zero.
    amount_cents: Price,
    reason: Reason,
}

/// What an account holds after money was moved.
#[derive(Serialize, JsonSchema)]
struct AccountChange {
    department_id: DepartmentId,
    transfer_id: TransferId,
    amount_cents: Cents,
    balance_cents: Cents,
}

pub(crate) fn fund() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/departments/{department_id}/fund",
            id: "fundDepartment",
            tag: Tag::Administration,
            summary: "Put money into a department's account",
            description: "What a department that pays for its members' meals has paid in advance or afterwards.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        async |app: App, caller: Caller, input: Input<DepartmentPath, DryRun, Funding>| {
            let command = Command::FundDepartment(FundDepartment {
                department: input.path.department_id,
                amount: input.body.amount_cents,
                reason: input.body.reason.unwrap_or_default(),
            });
            run(&app, caller, input.query, command).await
        },
    )
}

pub(crate) fn adjust() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/departments/{department_id}/adjust",
            id: "adjustDepartment",
            tag: Tag::Administration,
            summary: "Set a department's account right",
            description: "Puts money in or takes it out. No limit stops it.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        async |app: App, caller: Caller, input: Input<DepartmentPath, DryRun, DepartmentAdjustment>| {
            let command = Command::AdjustDepartment(AdjustDepartment {
                department: input.path.department_id,
                amount: input.body.amount_cents,
                reason: input.body.reason,
            });
            run(&app, caller, input.query, command).await
        },
    )
}

async fn run(app: &App, caller: Caller, query: DryRun, command: Command) -> Result<Reply<AccountChange>, Failure> {
    let DryRun { dry_run } = query;
    let Outcome::DepartmentAccount(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a department's account answered something else"));
    };
    let change = AccountChange {
        department_id: outcome.department,
        transfer_id: outcome.transfer,
        amount_cents: outcome.amount,
        balance_cents: outcome.balance,
    };
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::ADJUSTED }, change))
}
