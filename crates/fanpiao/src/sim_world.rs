//! `fanpiao sim`: the simulated outside world as a server of its own.

use std::process::ExitCode;

use sim::World;

use crate::arguments::SimArguments;
use crate::{Problem, serve};

pub(crate) async fn run(arguments: &SimArguments) -> Result<ExitCode, Problem> {
    let world = start(arguments.at).await?;
    let stopped = serve::stopped();
    say!("the simulated WeChat listens on {}", world.base_url());
    say!("appid {}, app secret {}; any code sim-NAME signs NAME in", sim::APPID, sim::APP_SECRET);
    stopped.await;
    world.stop().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn start(at: std::net::SocketAddr) -> Result<World, Problem> {
    World::start(at).await.map_err(|error| format!("the simulated WeChat cannot listen on {at}: {error}"))
}
