use axum::http::Method;
use kernel::{Cents, Code, Date, Meal, MealStatus, Note, OptionId, Permission, Pool, Slot, Title};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::{TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MenuQuery {
    date: Date,
    meal_type: Slot,
}

/// What is served.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Menu {
    meal_id: TextId,
    date: Date,
    meal_type: Slot,
    title: Option<Title>,
    description: Note,
    price: Yuan,
    options: Vec<MenuRow>,
    capacity: i64,
    available: i64,
    status: MealStatus,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct MenuRow {
    id: OptionId,
    name: Title,
    price: Yuan,
}

impl Menu {
    fn new(meal: Meal, pool: Pool) -> Self {
        let row =
            |option: kernel::MealOption| MenuRow { id: option.id, name: option.name, price: Yuan(option.price_cents) };
        Self {
            meal_id: TextId(meal.id.get()),
            date: meal.date,
            meal_type: meal.slot,
            title: meal.title,
            description: meal.description,
            price: Yuan(Cents::max(meal.base_price, Cents::ZERO)),
            options: meal.options.into_iter().map(row).collect(),
            capacity: pool.capacity,
            available: pool.available(),
            status: meal.status,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/menu",
            id: "showMenu",
            tag: Tag::Booking,
            summary: "What is served on a date",
            description: "Not found where the menu is not published yet.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, MenuQuery>) -> Result<Reply<Menu>, Failure> {
    let meals = queries::group_orders::meals_of(app.store(), input.query.date).await?;
    let meal = meals.into_iter().find(|(_, slot)| *slot == input.query.meal_type);
    let found = match meal {
        Some((meal, _)) => queries::meals::one(app.store(), meal).await?,
        None => None,
    };
    let (meal, pool) = found.ok_or(Failure::Said(Code::NotFound, texts::NO_MENU))?;
    Ok(Reply::ok(Menu::new(meal, pool)))
}
