//! Every benchmark after the other, and the document that says what they found, where and when.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use service::{Ambient, System};

use crate::report::{Section, decimal, median};

/// At the root of the repository, where `cargo xtask` runs us.
const DOCUMENT: &str = "docs/performance.md";
const FOLDER: &str = "docs/performance";

/// Each with its arguments on a machine that has the time, and on one that has twenty minutes.
const BENCHMARKS: [(&str, &[&str], &[&str]); 10] = [
    ("place-orders", &[], &["15000", "256", "1"]),
    ("fastapi", &[], &["10000", "256", "1"]),
    ("changes", &[], &["10000"]),
    ("booking", &[], &["5"]),
    ("topups", &[], &["10000"]),
    ("expiry", &[], &["150000"]),
    ("history", &[], &["100", "1000", "30000", "300000"]),
    ("check", &[], &["1000000", "1"]),
    ("sheets", &[], &["30000", "1"]),
    ("footprint", &[], &["20000"]),
];

/// `arguments`: `small` for what fits into twenty minutes.
pub(crate) async fn run(arguments: &[String]) -> Result<(), String> {
    let is_small = match arguments {
        [] => false,
        [small] if small == "small" => true,
        _ => return Err(crate::USAGE.to_owned()),
    };
    let mut text = head("Performance", "../", is_small)?;
    for (name, full, small) in BENCHMARKS {
        eprintln!("==> {name}");
        let arguments: Vec<String> = if is_small { small } else { full }.iter().map(|&word| word.to_owned()).collect();
        match crate::measure(name, &arguments).await {
            Ok(section) => {
                println!("{}", section.text());
                text += &with_charts(&section, "performance/")?;
            }
            // It needs Python packages, which a machine may not have.
            Err(problem) if name == "fastapi" => {
                text += &format!("## Beside FastAPI\n\nLeft out: {problem}\n");
            }
            Err(problem) => return Err(format!("{name}: {problem}")),
        }
        text.push('\n');
    }
    text += "An hour of mixed load is a command of its own: `cargo xtask bench soak`.\n";
    fs::write(DOCUMENT, text).map_err(|error| format!("{DOCUMENT}: {error}"))
}

/// A document of its own beside the others.
pub(crate) fn write_alone(section: &Section, name: &str) -> Result<(), String> {
    let text = head(section.title, "../../", false)? + &with_charts(section, "")?;
    let file = format!("{FOLDER}/{name}.md");
    fs::create_dir_all(FOLDER).and_then(|()| fs::write(&file, text)).map_err(|error| format!("{file}: {error}"))
}

fn with_charts(section: &Section, place: &str) -> Result<String, String> {
    fs::create_dir_all(FOLDER).map_err(|error| format!("{FOLDER}: {error}"))?;
    for chart in &section.charts {
        let file = Path::new(FOLDER).join(format!("{}.svg", chart.name));
        fs::write(&file, chart.svg()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(section.markdown(place))
}

/// Where and when, and how fast that machine is at what everything else here waits for.
fn head(title: &str, up: &str, is_small: bool) -> Result<String, String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.map_or_else(String::new, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed =
        if said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { ", changed" };
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = file("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let memory = file("/proc/meminfo");
    let kilobytes =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().split(' ').next()?.parse::<u64>().ok());
    let database = testing::postgres::fresh_database();
    let postgres = testing::postgres::run_sql(database.url(), "SHOW server_version")?;
    let note = if is_small {
        "\n\nThis was the small run, which fits into twenty minutes: `cargo xtask bench all small`."
    } else {
        ""
    };
    Ok(format!(
        "# {title}\n\nWritten by `cargo xtask bench`; [bench/README.md]({up}bench/README.md) says how each figure is made.{note}\n\n| | |\n|---|---|\n\
         | date | {} |\n| commit | {}{changed} |\n| processor | {} × {} |\n| memory | {} GB |\n| system | {} |\n| PostgreSQL | {} |\n\
         | a write that waits for the disk | {} ms |\n| ten million additions, one core | {} ms |\n| load when it began | {} |\n\n",
        System.now().date_in(&jiff::tz::TimeZone::UTC),
        said("git", &["rev-parse", "--short", "HEAD"]),
        std::thread::available_parallelism().map_or(0, usize::from),
        if model.is_empty() { std::env::consts::ARCH } else { model },
        kilobytes.unwrap_or_default() / 1_048_576,
        said("uname", &["-sr"]),
        postgres.trim(),
        decimal(synced_write_ms()?, 2),
        decimal(additions_ms(), 0),
        file("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
    ))
}

#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
fn synced_write_ms() -> Result<f64, String> {
    let folder = testing::TempDir::new();
    let mut file = fs::File::create(folder.join("synced")).map_err(|error| error.to_string())?;
    let mut once = || {
        let started = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data())?;
        Ok(started.elapsed().as_secs_f64() * 1000.0)
    };
    let times: std::io::Result<Vec<f64>> = (0..200).map(|_| once()).collect();
    times.map(median).map_err(|error| error.to_string())
}

/// Of numbers that each need the one before, so that no compiler and no width of a core helps.
#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
fn additions_ms() -> f64 {
    let started = Instant::now();
    let mut sum = 1_u64;
    for at in 0..10_000_000_u64 {
        sum = std::hint::black_box(sum.wrapping_add(at));
    }
    std::hint::black_box(sum);
    started.elapsed().as_secs_f64() * 1000.0
}
