//! Orders over HTTP, the lanes beside one transaction an order, on both engines, in one run; and beside a FastAPI service.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sim::World;

use crate::chart::{Chart, Kind};
use crate::limit;
use crate::process::{median, python};
use crate::report::{Section, Table, decimal, ratio, times, whole};
use crate::server::{House, PASSWORD, Server};

const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/service.py");
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/requirements.txt");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way<'a> {
    Lanes,
    OneByOne,
    FastApi { python: &'a Path },
}

/// How much is done.
struct Scale {
    orders: usize,
    callers: usize,
    rounds: usize,
}

impl Scale {
    /// `arguments`: how many orders a run (25,000), how many callers (256), how many rounds (3).
    fn of(arguments: &[String]) -> Result<Self, String> {
        let number = |at: usize, otherwise: usize| match arguments.get(at) {
            Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
            None => Ok(otherwise),
        };
        Ok(Self { orders: number(0, 25_000)?, callers: number(1, 256)?, rounds: number(2, 3)? })
    }
}

async fn world() -> Result<World, String> {
    World::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())
}

/// Beside one transaction an order, and beside a limit that only writes the same rows.
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let scale = Scale::of(arguments)?;
    let world = world().await?;
    let head = [
        "engine, meals",
        "orders/s",
        "p50 ms",
        "p99 ms",
        "one by one/s",
        "p99 ms ",
        "ratio",
        "rows alone/s",
        "of them",
    ];
    let mut table = Table::new(head);
    let mut groups = Vec::new();
    for (engine, name) in [("sqlite", "SQLite"), ("postgres", "PostgreSQL")] {
        for (meals, spread) in [(1, "one hot meal"), (100, "100 meals")] {
            let (mut ours, mut theirs, mut limits) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..scale.rounds {
                ours.push(measure(engine, Way::Lanes, &world, &scale, meals)?);
                theirs.push(measure(engine, Way::OneByOne, &world, &scale, meals)?);
                limits.push(limit::rows(engine, scale.orders as i64).await?);
            }
            let lanes = median(&ours, "orders_per_second");
            let single = median(&theirs, "orders_per_second");
            let limit = crate::report::median(limits);
            let case = format!("{name}, {spread}");
            table.push([
                case.clone(),
                whole(lanes),
                decimal(median(&ours, "p50_ms"), 1),
                decimal(median(&ours, "p99_ms"), 1),
                whole(single),
                decimal(median(&theirs, "p99_ms"), 1),
                times(ratio(lanes, single)),
                whole(limit),
                decimal(ratio(lanes, limit), 2),
            ]);
            let bar = |name: &str, value| (name.to_owned(), value);
            groups.push((case, vec![bar("Fanpiao", lanes), bar("one by one", single), bar("rows alone", limit)]));
        }
    }
    world.stop().await;
    let pgbench = limit::pgbench(10)?;
    let Scale { orders, callers, rounds } = scale;
    Ok(Section {
        title: "Placing orders over HTTP",
        about: format!(
            "{orders} orders a run, each by another member with a token and an idempotency key, {callers} callers, medians of {rounds} \
             rounds; server, database and load generator share the machine, and every commit waits for the disk. Every acknowledged \
             order is looked for afterwards, and the books are checked. *One by one* does the same work on the same schema with a \
             transaction an order. *Rows alone* writes the same rows in bulk, 128 orders a transaction, with no HTTP, no reading \
             and no deciding. pgbench's TPC-B on the same PostgreSQL, 32 clients, prepared statements: {} transactions a second.",
            whole(pgbench)
        ),
        table,
        charts: vec![Chart {
            name: "orders".to_owned(),
            title: "Orders per second".to_owned(),
            kind: Kind::Bars(groups),
        }],
    })
}

/// The same on PostgreSQL, beside the FastAPI service.
pub(crate) async fn run_fastapi(arguments: &[String]) -> Result<Section, String> {
    let scale = Scale::of(arguments)?;
    let folder = testing::TempDir::new();
    let modules = "fastapi, uvicorn, uvloop, httptools, orjson, asyncpg";
    let python = python(folder.path(), modules, &["--require-hashes", "--requirement", REQUIREMENTS])?;
    let world = world().await?;
    let mut table = Table::new(["PostgreSQL", "orders/s", "p99 ms", "FastAPI/s", "p99 ms ", "ratio"]);
    for (meals, spread) in [(1, "one hot meal"), (100, "100 meals")] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..scale.rounds {
            ours.push(measure("postgres", Way::Lanes, &world, &scale, meals)?);
            theirs.push(measure("postgres", Way::FastApi { python: &python }, &world, &scale, meals)?);
        }
        let (lanes, single) = (median(&ours, "orders_per_second"), median(&theirs, "orders_per_second"));
        table.push([
            spread.to_owned(),
            whole(lanes),
            decimal(median(&ours, "p99_ms"), 1),
            whole(single),
            decimal(median(&theirs, "p99_ms"), 1),
            times(ratio(lanes, single)),
        ]);
    }
    world.stop().await;
    Ok(Section {
        title: "Beside FastAPI",
        about: format!(
            "The same orders, {} callers, beside `bench/peers/service.py`: a service as one builds it with FastAPI, made as fast as that \
             way allows, which does less for an order (no idempotency key, no permissions, one side of each entry).",
            scale.callers
        ),
        table,
        charts: Vec::new(),
    })
}

/// One run on an empty database.
fn measure(engine: &str, way: Way<'_>, world: &World, scale: &Scale, meals: usize) -> Result<Value, String> {
    let house = House::new(engine, world)?;
    if !matches!(way, Way::FastApi { .. }) {
        house.add_admin()?;
    }
    let server = match way {
        Way::Lanes => house.serve()?,
        Way::OneByOne => {
            let own = std::env::current_exe().map_err(|error| error.to_string())?;
            Server::start(Command::new(own).args(["one-by-one", &house.url, world.base_url()]))?
        }
        Way::FastApi { python } => Server::start(Command::new(python).args([SERVICE, &house.url, PASSWORD]))?,
    };
    // One transaction an order takes that much longer; its rate does not depend on how many there are.
    let orders = if way == Way::Lanes { scale.orders } else { scale.orders / 5 };
    let driven = drive(&house, &server, &[orders, scale.callers, meals], &[])?;
    driven.into_iter().next().ok_or_else(|| "no figures".to_owned())
}

/// What the load generator finds with so many orders, callers and meals, an object a run.
pub(crate) fn drive(
    house: &House,
    server: &Server,
    [orders, callers, meals]: &[usize; 3],
    more: &[&str],
) -> Result<Vec<Value>, String> {
    let driven = Command::new(&house.binary)
        .args(["bench", "place-orders", "--json", "--server", &server.url, "--account", "admin"])
        .args(["--orders", &orders.to_string(), "--callers", &callers.to_string(), "--meals", &meals.to_string()])
        .arg("--password-file")
        .arg(&house.password_file)
        .args(more)
        .output()
        .map_err(|error| error.to_string())?;
    if !driven.status.success() {
        return Err(String::from_utf8_lossy(&driven.stderr).into_owned());
    }
    let printed = String::from_utf8_lossy(&driven.stdout).into_owned();
    printed.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))).collect()
}
