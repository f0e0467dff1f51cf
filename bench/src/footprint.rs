//! What a server needs: to start, to wait, to work; and how large the program is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use sim::World;

use crate::place_orders::drive;
use crate::process::memory_mb;
use crate::report::{Section, Table, decimal, median, whole};
use crate::server::House;

const STARTS: usize = 5;

/// `arguments`: how many orders are placed before it starts again (100,000).
#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let orders =
        arguments.first().map_or(Ok(100_000), |text| text.parse::<usize>()).map_err(|error| error.to_string())?;
    let world = World::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())?;
    let mut table = Table::new([
        "engine",
        "start, ms",
        "idle MB",
        "after orders MB",
        "peak MB",
        "start with orders, ms",
        "program MB",
    ]);
    for (engine, name) in [("sqlite", "SQLite"), ("postgres", "PostgreSQL")] {
        let house = House::new(engine, &world)?;
        house.add_admin()?;
        let start = || {
            let times = (0..STARTS).map(|_| {
                let started = Instant::now();
                house.serve().map(|_ended| started.elapsed().as_secs_f64() * 1000.0)
            });
            times.collect::<Result<Vec<_>, String>>().map(median)
        };
        let empty = start()?;
        let server = house.serve()?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let idle = memory_mb(server.process(), "VmRSS");
        drive(&house, &server, &[orders, 256, 100], &[])?;
        let (after, peak) = (memory_mb(server.process(), "VmRSS"), memory_mb(server.process(), "VmHWM"));
        drop(server);
        let full = start()?;
        let program = std::fs::metadata(&house.binary).map_or(f64::NAN, |file| file.len() as f64 / 1_048_576.0);
        table.push([
            name.to_owned(),
            whole(empty),
            whole(idle),
            whole(after),
            whole(peak),
            whole(full),
            decimal(program, 1),
        ]);
    }
    world.stop().await;
    Ok(Section {
        title: "What a server needs",
        about: format!(
            "From the start of the process until it listens, on an empty database and on one with {} orders (medians of {STARTS}); memory \
             three seconds after the start, after those orders were placed by 256 callers, and at its most. PostgreSQL's own memory is not \
             in it.",
            whole(orders as f64)
        ),
        table,
        charts: Vec::new(),
    })
}
