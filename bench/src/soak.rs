//! A mixed load for a long time, and whether memory, latency, files or connections grow meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use sim::World;
use tokio::task::JoinSet;

use crate::chart::{Chart, Kind};
use crate::client::Client;
use crate::process::memory_mb;
use crate::report::{Section, Table, decimal, whole};
use crate::server::{House, PASSWORD, Server};

const CALLERS: usize = 48;
const MEALS: usize = 20;
/// How long a caller waits between two questions.
const BREATH: Duration = Duration::from_millis(40);
/// How often a caller goes through its day before it connects anew.
const DAYS_A_CONNECTION: usize = 25;
const SAMPLES: u32 = 120;

/// What was seen at one moment, of the time since the one before.
struct Sample {
    minutes: f64,
    memory_mb: f64,
    p50_ms: f64,
    p99_ms: f64,
    files: f64,
    connections: f64,
}

type Latencies = Arc<Mutex<Vec<Duration>>>;

/// `arguments`: how many minutes an engine (60), which engine (both).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let minutes = arguments.first().map_or(Ok(60), |text| text.parse::<u64>()).map_err(|error| error.to_string())?;
    let engines: Vec<&str> = match arguments.get(1).map(String::as_str) {
        None => vec!["sqlite", "postgres"],
        Some(engine @ ("sqlite" | "postgres")) => vec![engine],
        Some(other) => return Err(format!("{other}: neither sqlite nor postgres")),
    };
    let world = World::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())?;
    let mut table = Table::new(["", "at the start", "at the end", "verdict"]);
    let mut charts = Vec::new();
    let mut answered = Vec::new();
    for engine in engines {
        let name = if engine == "sqlite" { "SQLite" } else { "PostgreSQL" };
        let (samples, answers) = soak(engine, &world, Duration::from_secs(minutes * 60)).await?;
        answered.push(format!("{} on {name}", whole(answers as f64)));
        for (what, value, slack) in MEASURES {
            let (start, end) = ends(&samples, value);
            let verdict = if grows(start, end, slack) { "grows" } else { "flat" };
            table.push([format!("{name}, {what}"), decimal(start, 1), decimal(end, 1), verdict.to_owned()]);
        }
        let line = |what: &str, value: Value| {
            (what.to_owned(), samples.iter().map(|sample| (sample.minutes, value(sample))).collect())
        };
        let chart = |kind: &str, title: &str, y, lines| Chart {
            name: format!("soak-{}-{kind}", name.to_lowercase()),
            title: format!("{title}, {name}"),
            kind: Kind::Lines { x: "minutes", y, lines },
        };
        let latencies = vec![line("p50", |sample| sample.p50_ms), line("p99", |sample| sample.p99_ms)];
        charts.push(chart("memory", "Memory of the server", "MB", vec![line("resident", |sample| sample.memory_mb)]));
        charts.push(chart("latency", "Latency of the answers", "ms", latencies));
        let open = vec![line("open files", |sample| sample.files), line("connections", |sample| sample.connections)];
        charts.push(chart("files", "What the server has open", "count", open));
    }
    world.stop().await;
    Ok(Section {
        title: "Soak",
        about: format!(
            "{minutes} minutes an engine, {CALLERS} callers who sign in, order, look at their orders and their balance, change, cancel, wait \
             {} ms after each answer, and connect anew now and then, and staff who page through everything and check the books; {} \
             answers, none of them an error. *At the start* is the median of the second tenth of the time, *at the end* that of the last \
             tenth. Memory grows where the end is more than a tenth and 8 MB above the start, latency where it is more than half and 5 ms \
             above it, files and connections where they are more than a tenth and 5 above it.",
            BREATH.as_millis(),
            answered.join(", ")
        ),
        table,
        charts,
    })
}

type Value = fn(&Sample) -> f64;

/// Each with the share and the amount by which it may be more at the end.
const MEASURES: [(&str, Value, (f64, f64)); 5] = [
    ("memory, MB", |sample| sample.memory_mb, (0.1, 8.0)),
    ("p50, ms", |sample| sample.p50_ms, (0.5, 5.0)),
    ("p99, ms", |sample| sample.p99_ms, (0.5, 5.0)),
    ("open files", |sample| sample.files, (0.1, 5.0)),
    ("connections", |sample| sample.connections, (0.1, 5.0)),
];

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn grows(start: f64, end: f64, (share, amount): (f64, f64)) -> bool {
    end > start * (1.0 + share) && end > start + amount
}

fn ends(samples: &[Sample], value: Value) -> (f64, f64) {
    let tenth = samples.len().div_ceil(10);
    let median = |samples: &[Sample]| crate::report::median(samples.iter().map(value).collect());
    let start = samples.get(tenth..2 * tenth).unwrap_or(samples);
    (median(start), median(&samples[samples.len().saturating_sub(tenth)..]))
}

#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
async fn soak(engine: &str, world: &World, so_long: Duration) -> Result<(Vec<Sample>, usize), String> {
    let house = House::new(engine, world)?;
    house.add_admin()?;
    let server = house.serve()?;
    let address = server.url.strip_prefix("http://").unwrap_or_default().parse::<SocketAddr>();
    let address = address.map_err(|error| format!("{}: {error}", server.url))?;
    let mut admin = Client::sign_in(address, "admin", PASSWORD).await?;
    let meals = Arc::new(meals(&mut admin).await?);

    let (stop, latencies) = (Arc::new(AtomicBool::new(false)), Latencies::default());
    let mut running = JoinSet::new();
    for caller in 0..CALLERS {
        let (meals, stop, latencies) = (Arc::clone(&meals), Arc::clone(&stop), Arc::clone(&latencies));
        running.spawn(member(address, caller, meals, stop, latencies));
    }
    running.spawn(staff(address, admin, Arc::clone(&meals), Arc::clone(&stop)));

    let (started, mut samples, mut answers) = (Instant::now(), Vec::new(), 0);
    let pause = so_long / SAMPLES;
    while started.elapsed() < so_long && running.len() > CALLERS {
        tokio::time::sleep(pause).await;
        let mut taken = std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner));
        answers += taken.len();
        taken.sort_unstable();
        let at = |percent: usize| {
            let latency = taken.get((taken.len() * percent / 100).min(taken.len().saturating_sub(1)));
            latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
        };
        samples.push(Sample {
            minutes: started.elapsed().as_secs_f64() / 60.0,
            memory_mb: memory_mb(server.process(), "VmRSS"),
            p50_ms: at(50),
            p99_ms: at(99),
            files: open_files(&server),
            connections: connections(&house, &server)?,
        });
        while let Some(ended) = running.try_join_next() {
            ended.map_err(|error| error.to_string())??;
        }
    }
    stop.store(true, Relaxed);
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok((samples, answers))
}

fn open_files(server: &Server) -> f64 {
    let listed = std::fs::read_dir(format!("/proc/{}/fd", server.process()));
    listed.map_or(f64::NAN, |files| files.count() as f64)
}

/// To PostgreSQL, as it counts them; on SQLite the sockets.
fn connections(house: &House, server: &Server) -> Result<f64, String> {
    if let Some(database) = house.database() {
        let count = "SELECT COUNT(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let counted = testing::postgres::run_sql(database.url(), count)?;
        return counted.trim().parse().map_err(|error| format!("{counted}: {error}"));
    }
    let listed = std::fs::read_dir(format!("/proc/{}/fd", server.process())).map_err(|error| error.to_string())?;
    let links = listed.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count() as f64)
}

async fn meals(admin: &mut Client) -> Result<Vec<i64>, String> {
    let mut meals = Vec::with_capacity(MEALS);
    let mut date: kernel::Date = "2150-01-01".parse().map_err(|error: kernel::InvalidTime| error.to_string())?;
    for _ in 0..MEALS {
        let body = json!({
            "date": date, "slot": "lunch", "title": "soak", "description": "", "base_price_cents": 1500,
            "capacity": 1000, "options": [], "status": "published",
        });
        let made = admin.ask("POST", "/api/v1/meals", &body.to_string()).await?;
        meals.push(made["data"]["meal_id"].as_i64().ok_or("no meal")?);
        date = date.plus_days(1);
    }
    Ok(meals)
}

/// Goes through a day again and again.
async fn member(
    address: SocketAddr,
    caller: usize,
    meals: Arc<Vec<i64>>,
    stop: Arc<AtomicBool>,
    latencies: Latencies,
) -> Result<(), String> {
    let mut client = Client::sign_in_by_code(address, &format!("sim-soak{caller}")).await?;
    let mut day = 0;
    while !stop.load(Relaxed) {
        let meal = meals[(caller + day) % meals.len()];
        let place = json!({ "meal_id": meal, "quantity": 1 }).to_string();
        let placed = ask(&mut client, &latencies, "POST", "/api/v1/orders", &place).await?;
        let order = placed["data"]["order_id"].as_i64().ok_or("no order")?;
        let path = format!("/api/v1/orders/{order}");
        for (method, path, body) in [
            ("GET", "/api/v1/users/orders/history?limit=20", ""),
            ("PUT", path.as_str(), r#"{"quantity":2}"#),
            ("GET", "/api/v1/users/balance/history?limit=20", ""),
            ("GET", path.as_str(), ""),
            ("DELETE", path.as_str(), ""),
            ("GET", "/api/v1/users/profile", ""),
        ] {
            ask(&mut client, &latencies, method, path, body).await?;
        }
        day += 1;
        if day.is_multiple_of(DAYS_A_CONNECTION) {
            client = client.again(address).await?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn ask(
    client: &mut Client,
    latencies: &Latencies,
    method: &str,
    path: &str,
    body: &str,
) -> Result<serde_json::Value, String> {
    let asked = Instant::now();
    let answer = client.ask(method, path, body).await?;
    latencies.lock().unwrap_or_else(PoisonError::into_inner).push(asked.elapsed());
    tokio::time::sleep(BREATH).await;
    Ok(answer)
}

async fn staff(
    address: SocketAddr,
    mut admin: Client,
    meals: Arc<Vec<i64>>,
    stop: Arc<AtomicBool>,
) -> Result<(), String> {
    let paths = [
        "/api/v1/admin/orders?limit=100".to_owned(),
        "/api/v1/admin/members?limit=100".to_owned(),
        "/api/v1/admin/audit?limit=100".to_owned(),
        format!("/api/v1/meals/{}/orders?limit=100", meals[0]),
        "/api/v1/admin/wallets/totals".to_owned(),
    ];
    let mut round: usize = 0;
    while !stop.load(Relaxed) {
        for path in &paths {
            admin.send("GET", path, "").await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        round += 1;
        if round.is_multiple_of(12) {
            let report = admin.ask("GET", "/api/v1/admin/consistency", "").await?;
            for (name, finding) in report["data"]["checks"].as_object().into_iter().flatten() {
                if finding["status"] != "pass" {
                    return Err(format!("the books are wrong: {name}: {finding}"));
                }
            }
            admin = admin.again(address).await?;
        }
    }
    Ok(())
}
