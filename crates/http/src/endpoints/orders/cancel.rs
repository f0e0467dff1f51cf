use axum::http::Method;
use kernel::{CancelOrder, Code, Command, Permission};

use super::{OrderAnswer, OrderPath, meal_of, run};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/orders/{order_id}",
            id: "cancelOrder",
            tag: Tag::Orders,
            summary: "Cancel one's order",
            description: "While the meal takes orders. What was paid goes back to who paid it, and the portions to the meal.",
            codes: &[
                Code::NotFound,
                Code::MealNotOpen,
                Code::OrderLocked,
                Code::InvalidStatusTransition,
                Code::BusinessRule,
            ],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<OrderPath, DryRun>) -> Result<Reply<OrderAnswer>, Failure> {
    let command = Command::CancelOrder(CancelOrder {
        order: input.path.order_id,
        meal: meal_of(&app, input.path.order_id).await?,
    });
    let request = caller.tries(input.query.dry_run, command);
    let outcome = run(&app, request).await?;
    let message = if input.query.dry_run { texts::DRY_RUN } else { texts::ORDER_CANCELED };
    Ok(Reply::saying(message, OrderAnswer::changed(outcome)))
}
