use axum::http::Method;
use kernel::{
    Code, Command, CreateMeal, Date, Instant, MenuOption, Note, Permission, PickupWindow, Price, Slot, Title,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{MOST_OPTIONS, MOST_WINDOWS, MealChange, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Capacity, List, Nothing};
use crate::reply::Reply;

/// A meal to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewMeal {
    date: Date,
    slot: Slot,
    title: Option<Title>,
    #[serde(default)]
    description: Option<Note>,
    /// Not below zero.
    base_price_cents: Price,
    capacity: Capacity,
    options: Option<List<MenuOption, MOST_OPTIONS>>,
    /// From this moment on owners can no longer place, change or cancel orders.
    orders_close_at: Option<Instant>,
    /// When orders may be fetched, such as `11:30-12:00`; absent where the time does not matter.
    pickup_windows: Option<List<PickupWindow, MOST_WINDOWS>>,
    #[serde(default)]
    status: FirstStatus,
}

#[derive(Deserialize, JsonSchema, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum FirstStatus {
    #[default]
    Draft,
    Published,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/meals",
            id: "createMeal",
            tag: Tag::Meals,
            summary: "Create a meal",
            description: "As a draft, or published at once. There is one meal for a date and slot; a canceled one does not count.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewMeal>,
) -> Result<Reply<MealChange>, Failure> {
    let meal = input.body;
    let command = Command::CreateMeal(CreateMeal {
        date: meal.date,
        slot: meal.slot,
        title: meal.title,
        description: meal.description.unwrap_or_default(),
        base_price: meal.base_price_cents,
        capacity: meal.capacity.get(),
        options: meal.options.map(List::into_inner).unwrap_or_default(),
        orders_close_at: meal.orders_close_at,
        pickup_windows: meal.pickup_windows.map(List::into_inner).unwrap_or_default(),
        publish: meal.status == FirstStatus::Published,
    });
    change(&app, caller.asks(command)).await
}
