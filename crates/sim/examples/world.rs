//! Runs a simulated world by itself: `cargo run -p fanpiao-sim --example world -- 127.0.0.1:9000`. Without an address it takes a free port. The
//! first line that it prints is its base address.

use std::io::{self, Write};
use std::net::SocketAddr;

use sim::World;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address: SocketAddr = address.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let world = World::start(address).await?;
    writeln!(io::stdout(), "{}", world.base_url())?;
    tokio::signal::ctrl_c().await?;
    world.stop().await;
    Ok(())
}
