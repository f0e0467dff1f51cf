//! `fanpiao sim`: the simulated outside world as a server of its own.

use std::process::ExitCode;

use sim::{Config, World};

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
    start_with(at, Config::default()).await
}

pub(crate) async fn start_with(at: std::net::SocketAddr, config: Config) -> Result<World, Problem> {
    World::start_with(at, config).await.map_err(|error| format!("the simulated WeChat cannot listen on {at}: {error}"))
}
