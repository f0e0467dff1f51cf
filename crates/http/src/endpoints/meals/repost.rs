use axum::http::Method;
use kernel::{Code, Command, Instant, MenuOption, Note, Permission, PickupWindow, Price, RepostMeal, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{MOST_OPTIONS, MOST_WINDOWS, MealChange, MealEdit, MealPath, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Capacity, DryRun, List, double_option};
use crate::reply::Reply;

/// What changes with a repost, and why. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MealRepost {
    /// `null` takes the title away.
    #[serde(default, deserialize_with = "double_option")]
    title: Option<Option<Title>>,
    description: Option<Note>,
    base_price_cents: Option<Price>,
    capacity: Option<Capacity>,
    options: Option<List<MenuOption, MOST_OPTIONS>>,
    /// `null` takes the deadline away.
    #[serde(default, deserialize_with = "double_option")]
    orders_close_at: Option<Option<Instant>>,
    pickup_windows: Option<List<PickupWindow, MOST_WINDOWS>>,
    reason: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/meals/{meal_id}/repost",
            id: "repostMeal",
            tag: Tag::Meals,
            summary: "Change a published meal in earnest",
            description: "Every open order is refunded, the changes are made, and the meal takes orders again under its old id.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::MealNotOpen],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MealPath, DryRun, MealRepost>,
) -> Result<Reply<MealChange>, Failure> {
    let repost = input.body;
    let edit = MealEdit {
        title: repost.title,
        description: repost.description,
        base_price_cents: repost.base_price_cents,
        capacity: repost.capacity,
        options: repost.options,
        orders_close_at: repost.orders_close_at,
        pickup_windows: repost.pickup_windows,
    };
    let command = Command::RepostMeal(RepostMeal {
        meal: input.path.meal_id,
        patch: edit.into(),
        reason: repost.reason.unwrap_or_default(),
    });
    change(&app, caller.tries(input.query.dry_run, command)).await
}
