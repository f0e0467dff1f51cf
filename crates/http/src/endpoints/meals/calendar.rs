use axum::http::Method;
use kernel::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::meals::Filter;

use super::{MealAnswer, drafts};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Month, Nothing};
use crate::reply::Reply;

/// Three a day, each perhaps canceled and made again a few times.
const MOST_MEALS: i64 = 500;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CalendarQuery {
    /// The month of today where absent.
    month: Option<Month>,
}

/// The meals of one month.
#[derive(Serialize, JsonSchema)]
struct Calendar {
    month: Month,
    meals: Vec<MealAnswer>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/calendar",
            id: "mealCalendar",
            tag: Tag::Meals,
            summary: "The meals of a month",
            description: "All of them at once, in the order in which they are eaten.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, CalendarQuery>) -> Result<Reply<Calendar>, Failure> {
    let today = app.service().now().date_in(app.zone());
    let month = input.query.month.unwrap_or(Month::of(today));
    let filter = Filter { from: Some(month.first()), to: Some(month.last()), status: None, drafts: drafts(&caller) };
    let meals = queries::meals::list(app.store(), &filter, MOST_MEALS, 0).await?;
    let meals = MealAnswer::list(&app, &caller, meals).await?;
    Ok(Reply::ok(Calendar { month, meals }))
}
