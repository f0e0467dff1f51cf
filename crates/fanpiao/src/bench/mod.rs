//! `fanpiao bench`: drives a running server over HTTP.

mod client;
mod place_orders;

use std::process::ExitCode;

use crate::Problem;
use crate::arguments::BenchCommand;

pub(crate) fn run(command: &BenchCommand) -> Result<ExitCode, Problem> {
    // On one thread, so that the other cores are the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(async {
        match command {
            BenchCommand::PlaceOrders(arguments) => place_orders::run(arguments).await,
        }
    })
}
