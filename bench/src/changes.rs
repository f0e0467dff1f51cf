//! Orders placed, changed and canceled over HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use sim::World;

use crate::place_orders::drive;
use crate::report::{Section, Table, decimal, whole};
use crate::server::House;

/// `arguments`: how many orders (25,000), how many callers (256).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let number = |at: usize, otherwise: usize| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (orders, callers) = (number(0, 25_000)?, number(1, 256)?);
    let world = World::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())?;
    let mut table =
        Table::new(["engine, meals", "placed/s", "p99 ms", "changed/s", "p99 ms ", "canceled/s", "p99 ms  "]);
    for (engine, name) in [("sqlite", "SQLite"), ("postgres", "PostgreSQL")] {
        for (meals, spread) in [(1, "one hot meal"), (100, "100 meals")] {
            let house = House::new(engine, &world)?;
            house.add_admin()?;
            let server = house.serve()?;
            let runs = drive(&house, &server, &[orders, callers, meals], &["--change"])?;
            let cells = |run: &Value| {
                let figure = |name: &str| run[name].as_f64().unwrap_or(f64::NAN);
                [whole(figure("orders_per_second")), decimal(figure("p99_ms"), 1)]
            };
            let case = format!("{name}, {spread}");
            table.list([case].into_iter().chain(runs.iter().flat_map(cells)));
        }
    }
    world.stop().await;
    Ok(Section {
        title: "Changing and canceling orders over HTTP",
        about: format!(
            "{orders} orders placed by as many members, then each changed to two portions, then each canceled; {callers} callers. The books \
             are checked afterwards."
        ),
        table,
        charts: Vec::new(),
    })
}
