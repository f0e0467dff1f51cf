//! `fanpiao bench`: drives a running server over HTTP.

mod client;
mod place_orders;

use std::process::ExitCode;

use crate::Problem;
use crate::arguments::BenchCommand;

pub(crate) async fn run(command: &BenchCommand) -> Result<ExitCode, Problem> {
    match command {
        BenchCommand::PlaceOrders(arguments) => place_orders::run(arguments).await,
    }
}
