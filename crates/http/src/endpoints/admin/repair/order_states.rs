use axum::http::Method;
use kernel::{Cents, Code, Command, OrderId, Outcome, Permission, RepairOrderStates};
use schemars::JsonSchema;
use serde::Serialize;

use super::{MealToRepair, message};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;

/// Which orders were brought to another state.
#[derive(Serialize, JsonSchema)]
struct RepairedStates {
    success: bool,
    processed_orders: Vec<OrderId>,
    refunded_cents: Cents,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRepair,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/consistency/repair/order-states",
            id: "repairOrderStates",
            tag: Tag::Administration,
            summary: "Bring a meal's orders to what its state says",
            description: "The orders of a canceled meal are refunded, open ones of a completed meal completed, those of a \
                          locked meal locked, and locked ones of a published meal opened. What goes back is what the order's entries say was \
                          paid. A published meal whose day is over is completed with its orders.",
            codes: &[Code::NotFound, Code::CapacityExceeded, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, MealToRepair>,
) -> Result<Reply<RepairedStates>, Failure> {
    let dry_run = input.query.dry_run;
    let command = Command::RepairOrderStates(RepairOrderStates { meal: input.body.meal_id });
    let Outcome::StatesRepair(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a repair of order states answered something else"));
    };
    let repaired = !outcome.orders.is_empty();
    let answer = RepairedStates { success: true, processed_orders: outcome.orders, refunded_cents: outcome.refunded };
    Ok(Reply::saying(message(dry_run, repaired), answer))
}
