use axum::http::Method;
use kernel::{Code, Command, EditMeal, Permission};

use super::{MealChange, MealEdit, MealPath, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/meals/{meal_id}",
            id: "editMeal",
            tag: Tag::Meals,
            summary: "Edit a meal",
            description: "Keeps every order. What would break a promise to those who ordered (another price, less capacity than \
                is ordered, an option removed) is refused with `details.dangers`; `repost` is the way then.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MealPath, DryRun, MealEdit>,
) -> Result<Reply<MealChange>, Failure> {
    let command = Command::EditMeal(EditMeal { meal: input.path.meal_id, patch: input.body.into() });
    change(&app, caller.tries(input.query.dry_run, command)).await
}
