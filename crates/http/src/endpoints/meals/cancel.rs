use axum::http::Method;
use kernel::{CancelMeal, Code, Command, Note, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{MealChange, MealPath, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MealCancellation {
    reason: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/meals/{meal_id}/cancel",
            id: "cancelMeal",
            tag: Tag::Meals,
            summary: "Cancel a meal",
            description: "Every open order is refunded. Final; the date and slot are free for another meal.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MealPath, DryRun, MealCancellation>,
) -> Result<Reply<MealChange>, Failure> {
    let command =
        Command::CancelMeal(CancelMeal { meal: input.path.meal_id, reason: input.body.reason.unwrap_or_default() });
    change(&app, caller.tries(input.query.dry_run, command)).await
}
