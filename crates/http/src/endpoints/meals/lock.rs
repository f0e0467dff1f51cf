use axum::http::Method;
use kernel::{Code, Permission, Step};

use super::{MealChange, MealPath, step};
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
            method: Method::POST,
            path: "/api/v1/meals/{meal_id}/lock",
            id: "lockMeal",
            tag: Tag::Meals,
            summary: "Lock a meal",
            description: "Its active orders are locked with it: owners can no longer change them.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MealPath, DryRun>) -> Result<Reply<MealChange>, Failure> {
    step(&app, caller, input, Step::Lock).await
}
