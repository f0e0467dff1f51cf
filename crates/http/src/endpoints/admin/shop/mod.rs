//! What staff do with products, rounds and everybody's shop orders.

pub(crate) mod cancel_round;
pub(crate) mod create_product;
pub(crate) mod create_round;
pub(crate) mod draw_round;
pub(crate) mod edit_product;
pub(crate) mod move_stock;
pub(crate) mod movements;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod refund_order;
pub(crate) mod resolve_stuck;
pub(crate) mod retry_stuck;
pub(crate) mod see_address;
pub(crate) mod step_order;
pub(crate) mod stuck_orders;
pub(crate) mod upload_picture;

use kernel::{Command, Outcome, ShopCommand};

use crate::App;
use crate::caller::Caller;
use crate::endpoints::shop::{ProductAnswer, RoundAnswer};
use crate::failure::Failure;

async fn change_product(app: &App, caller: Caller, command: ShopCommand) -> Result<ProductAnswer, Failure> {
    match app.service().run(caller.asks(Command::Shop(command))).await? {
        Outcome::Product(outcome) => Ok(ProductAnswer::new(outcome.product, outcome.pool.available())),
        _ => Err(Failure::fault("a product's command answered something else")),
    }
}

async fn change_round(app: &App, caller: Caller, command: ShopCommand) -> Result<RoundAnswer, Failure> {
    match app.service().run(caller.asks(Command::Shop(command))).await? {
        Outcome::Round(outcome) => Ok(RoundAnswer::of(outcome)),
        _ => Err(Failure::fault("a round's command answered something else")),
    }
}
