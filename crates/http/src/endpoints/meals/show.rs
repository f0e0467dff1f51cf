use axum::http::Method;
use kernel::{Code, MealStatus, Noun, Permission, Refusal};
use store::queries;
use store::queries::meals::Drafts;

use super::{MealAnswer, MealPath, drafts};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}",
            id: "showMeal",
            tag: Tag::Meals,
            summary: "One meal",
            description: "With what is left of it and the caller's own order.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MealPath>) -> Result<Reply<MealAnswer>, Failure> {
    let found = queries::meals::one(app.store(), input.path.meal_id).await?;
    let found = found.filter(|(meal, _)| meal.status != MealStatus::Draft || drafts(&caller) == Drafts::Shown);
    let answers = MealAnswer::list(&app, &caller, found.into_iter().collect()).await?;
    let missing = Refusal::NotFound { noun: Noun::Meal };
    answers.into_iter().next().map(Reply::ok).ok_or(missing.into())
}
