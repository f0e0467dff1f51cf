//! Orders over HTTP, the lanes beside one transaction an order, on both engines, in one run; and beside a FastAPI service.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sim::World;

use crate::process::python;

const PASSWORD: &str = "only for this run";
const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/service.py");
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/requirements.txt");

/// A process that ends with the benchmark.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut server = Self { child, url: String::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some((_, address)) = line.split_once("listens on ") {
                server.url = address.to_owned();
                return Ok(server);
            }
        }
        Err(format!("{command:?} ended without listening"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way<'a> {
    Lanes,
    OneByOne,
    FastApi { python: &'a Path },
}

/// `arguments`: how many orders a run (25,000), how many callers (256), how many rounds (3).
pub(crate) async fn run(arguments: &[String]) -> Result<(), String> {
    compare(arguments, &["sqlite", "postgres"], "one by one", Way::OneByOne).await
}

/// The same on PostgreSQL, beside the FastAPI service.
pub(crate) async fn run_fastapi(arguments: &[String]) -> Result<(), String> {
    let folder = testing::TempDir::new();
    let modules = "fastapi, uvicorn, uvloop, httptools, orjson, asyncpg";
    let python = python(folder.path(), modules, &["--require-hashes", "--requirement", REQUIREMENTS])?;
    compare(arguments, &["postgres"], "FastAPI", Way::FastApi { python: &python }).await
}

async fn compare(arguments: &[String], engines: &[&str], other: &str, other_way: Way<'_>) -> Result<(), String> {
    let number = |at: usize, otherwise: usize| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (orders, callers, rounds) = (number(0, 25_000)?, number(1, 256)?, number(2, 3)?);
    let binary = std::env::var_os("FANPIAO_BENCH_SERVER").map(PathBuf::from);
    let binary = binary.ok_or("FANPIAO_BENCH_SERVER names no binary; run this as: cargo xtask bench place-orders")?;
    let world = World::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())?;

    println!("{orders} orders a run, {callers} callers, medians of {rounds} rounds");
    println!(
        "{:<10} {:>6} {:>12} {:>9} {:>12} {:>9} {:>7}",
        "engine",
        "meals",
        "lanes/s",
        "p99 ms",
        format!("{other}/s"),
        "p99 ms",
        "ratio"
    );
    for &engine in engines {
        for meals in [1, 100] {
            let mut figures = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (way, figures) in [Way::Lanes, other_way].into_iter().zip(&mut figures) {
                    // One transaction an order takes that much longer; its rate does not depend on how many there are.
                    let orders = if way == Way::Lanes { orders } else { orders / 5 };
                    figures.push(measure(&binary, engine, way, &world, [orders, callers, meals])?);
                }
            }
            let median = |way: usize, name: &str| median(figures[way].iter().map(|run: &Value| &run[name]));
            let (lanes, single) = (median(0, "orders_per_second"), median(1, "orders_per_second"));
            let (lanes_p99, single_p99) = (median(0, "p99_ms"), median(1, "p99_ms"));
            let ratio = ratio(lanes, single);
            println!(
                "{engine:<10} {meals:>6} {lanes:>12.0} {lanes_p99:>9.1} {single:>12.0} {single_p99:>9.1} {ratio:>6.1}×"
            );
        }
    }
    world.stop().await;
    Ok(())
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn ratio(a: f64, b: f64) -> f64 {
    a / b
}

fn median<'a>(values: impl Iterator<Item = &'a Value>) -> f64 {
    let mut values: Vec<f64> = values.filter_map(Value::as_f64).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One run on an empty database, with so many orders, callers and meals.
fn measure(
    binary: &Path,
    engine: &str,
    way: Way<'_>,
    world: &World,
    [orders, callers, meals]: [usize; 3],
) -> Result<Value, String> {
    let folder = testing::TempDir::new();
    let database = (engine == "postgres").then(testing::postgres::fresh_database);
    let url = match &database {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite:{}", folder.join("bench.db").display()),
    };
    let server_command = || {
        let mut command = Command::new(binary);
        command.env("FANPIAO_DATABASE__URL", &url).env("FANPIAO_LOG__FILTER", "warn");
        // One administrator reads every order back.
        command.env("FANPIAO_LIMITS__MEMBER_BURST", "0");
        command.env("FANPIAO_WECHAT__BASE_URL", world.base_url());
        command.env("FANPIAO_WECHAT__APPID", sim::APPID).env("FANPIAO_WECHAT__APP_SECRET", sim::APP_SECRET);
        command.env("FANPIAO_SECURITY__DATA_KEYS", crate::DATA_KEY);
        command
    };
    if !matches!(way, Way::FastApi { .. }) {
        add_admin(server_command())?;
    }
    let password_file = folder.join("password");
    std::fs::write(&password_file, PASSWORD).map_err(|error| error.to_string())?;
    let server = match way {
        Way::Lanes => Server::start(server_command().args(["serve", "--listen", "127.0.0.1:0"]))?,
        Way::OneByOne => {
            let own = std::env::current_exe().map_err(|error| error.to_string())?;
            Server::start(Command::new(own).args(["one-by-one", &url, world.base_url()]))?
        }
        Way::FastApi { python } => Server::start(Command::new(python).args([SERVICE, &url, PASSWORD]))?,
    };
    let driven = Command::new(binary)
        .args(["bench", "place-orders", "--json", "--server", &server.url, "--account", "admin"])
        .args(["--orders", &orders.to_string(), "--callers", &callers.to_string(), "--meals", &meals.to_string()])
        .arg("--password-file")
        .arg(&password_file)
        .output()
        .map_err(|error| error.to_string())?;
    if !driven.status.success() {
        return Err(String::from_utf8_lossy(&driven.stderr).into_owned());
    }
    let printed = String::from_utf8_lossy(&driven.stdout).into_owned();
    serde_json::from_str(printed.trim()).map_err(|error| format!("{error}: {printed}"))
}

fn add_admin(mut command: Command) -> Result<(), String> {
    command.args(["user", "add", "--account", "admin", "--role", "admin", "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no input")?;
    input.write_all(PASSWORD.as_bytes()).map_err(|error| error.to_string())?;
    drop(input);
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err("the administrator could not be added".to_owned()) }
}
