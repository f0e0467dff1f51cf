use axum::http::Method;
use kernel::{Code, Command, Outcome, Permission, RepairPool};
use schemars::JsonSchema;
use serde::Serialize;

use super::{MealToRepair, message};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;

/// How many portions were and are taken.
#[derive(Serialize, JsonSchema)]
struct RepairedPool {
    success: bool,
    old_taken: i64,
    new_taken: i64,
    /// How many orders' claims were made, changed or ended.
    holds_changed: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRepair,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/consistency/repair/pool",
            id: "repairPool",
            tag: Tag::Administration,
            summary: "Set what is taken of a meal to what its orders say",
            description: "Refused where the orders are more than the meal has: repair the capacity first.",
            codes: &[Code::NotFound, Code::CapacityExceeded],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, MealToRepair>,
) -> Result<Reply<RepairedPool>, Failure> {
    let dry_run = input.query.dry_run;
    let command = Command::RepairPool(RepairPool { meal: input.body.meal_id });
    let Outcome::PoolRepair(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a repair of a pool answered something else"));
    };
    let answer = RepairedPool {
        success: true,
        old_taken: outcome.old_taken,
        new_taken: outcome.new_taken,
        holds_changed: outcome.holds_changed,
    };
    Ok(Reply::saying(message(dry_run, outcome.repaired()), answer))
}
