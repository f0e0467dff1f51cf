use axum::http::Method;
use kernel::{Code, Command, MealId, Note, Permission, PickupWindow, PlaceOrder, Quantity, Warning};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Choice, OrderAnswer, run};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, List, Nothing};
use crate::reply::Reply;
use crate::texts;

/// What to order. Prices are the meal's own: one that is sent is refused.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    meal_id: MealId,
    #[serde(default)]
    quantity: Quantity,
    selected_options: Option<Choice>,
    notes: Option<Note>,
    /// One of the meal's `pickup_windows`; the time stays open where absent.
    pickup_window: Option<PickupWindow>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::POST,
            path: "/api/v1/orders",
            id: "placeOrder",
            tag: Tag::Orders,
            summary: "Place an order",
            description: "One order a member and meal. The price, (base + options) × quantity and never below zero, is taken from \
                the payer's account at once.",
            codes: &[
                Code::NotFound,
                Code::MealNotOpen,
                Code::DuplicateOrder,
                Code::CapacityExceeded,
                Code::InsufficientBalance,
                Code::BusinessRule,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, NewOrder>,
) -> Result<Reply<OrderAnswer>, Failure> {
    let order = input.body;
    let command = Command::PlaceOrder(PlaceOrder {
        member: caller.identity.member,
        meal: order.meal_id,
        quantity: order.quantity,
        options: order.selected_options.map(List::into_inner).unwrap_or_default(),
        notes: order.notes.unwrap_or_default(),
        pickup_window: order.pickup_window,
    });
    let request = caller.tries(input.query.dry_run, command);
    let outcome = run(&app, request).await?;
    let message = match (input.query.dry_run, outcome.warning) {
        (true, _) => texts::DRY_RUN,
        (false, None) => texts::ORDERED,
        (false, Some(Warning::NegativeBalance)) => texts::ORDERED_INTO_DEBT,
    };
    Ok(Reply::saying(message, OrderAnswer::placed(outcome)))
}
