use axum::http::Method;
use kernel::{Code, Command, ModifyOrder, Note, Permission, PickupWindow, Quantity};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Choice, OrderAnswer, OrderPath, meal_of, run};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, List, double_option};
use crate::reply::Reply;
use crate::texts;

/// What to change. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrderEdit {
    quantity: Option<Quantity>,
    selected_options: Option<Choice>,
    notes: Option<Note>,
    /// `null` leaves the time open.
    #[serde(default, deserialize_with = "double_option")]
    pickup_window: Option<Option<PickupWindow>>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/orders/{order_id}",
            id: "modifyOrder",
            tag: Tag::Orders,
            summary: "Change one's order",
            description: "While the meal takes orders. The price is made anew from the meal as it is now; the difference is charged \
                or given back.",
            codes: &[
                Code::NotFound,
                Code::MealNotOpen,
                Code::OrderLocked,
                Code::InvalidStatusTransition,
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
    input: Input<OrderPath, DryRun, OrderEdit>,
) -> Result<Reply<OrderAnswer>, Failure> {
    let command = Command::ModifyOrder(ModifyOrder {
        order: input.path.order_id,
        meal: meal_of(&app, input.path.order_id).await?,
        quantity: input.body.quantity,
        options: input.body.selected_options.map(List::into_inner),
        notes: input.body.notes,
        pickup_window: input.body.pickup_window,
    });
    let request = caller.tries(input.query.dry_run, command);
    let outcome = run(&app, request).await?;
    let message = if input.query.dry_run { texts::DRY_RUN } else { texts::ORDER_CHANGED };
    Ok(Reply::saying(message, OrderAnswer::changed(outcome)))
}
