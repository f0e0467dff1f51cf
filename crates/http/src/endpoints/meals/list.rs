use axum::http::Method;
use kernel::{Date, MealStatus, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::meals::Filter;

use super::{MealAnswer, drafts};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MealQuery {
    date_from: Option<Date>,
    date_to: Option<Date>,
    status: Option<MealStatus>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of meals.
#[derive(Serialize, JsonSchema)]
struct MealPage {
    meals: Vec<MealAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals",
            id: "listMeals",
            tag: Tag::Meals,
            summary: "Meals by date",
            description: "In the order in which they are eaten. Drafts are shown to who holds `meal:write`.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, MealQuery>) -> Result<Reply<MealPage>, Failure> {
    let query = input.query;
    let filter = Filter { from: query.date_from, to: query.date_to, status: query.status, drafts: drafts(&caller) };
    let meals = queries::meals::list(app.store(), &filter, query.limit.get(), query.offset.get()).await?;
    let total_count = queries::meals::count(app.store(), &filter).await?;
    Ok(Reply::ok(MealPage {
        page_info: PageInfo::new(query.limit, query.offset, meals.len(), total_count),
        meals: MealAnswer::list(&app, &caller, meals).await?,
        total_count,
    }))
}
