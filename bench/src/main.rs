//! Benchmarks, run as benchmarks: each prints its figures and leaves nothing behind.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program speaks to its user")]

mod booking;
mod check;
mod expiry;
mod history;
mod lanes;
mod one_by_one;
mod place_orders;
mod process;
mod sheets;

use std::process::ExitCode;

use service::{KeyRing, Settings};

/// Known to everybody: what is measured is made up.
const DATA_KEY: &str = "bench=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn settings(zone: jiff::tz::TimeZone) -> Result<Settings, String> {
    let mut settings = Settings::new(zone);
    settings.keys = KeyRing::parse(DATA_KEY)?;
    Ok(settings)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match arguments.first().map(String::as_str) {
        Some("booking") => runtime.block_on(booking::run(&arguments[1..])),
        Some("check") => runtime.block_on(check::run(&arguments[1..])),
        Some("check-once") => runtime.block_on(check::check_once(&arguments[1..])),
        Some("expiry") => runtime.block_on(expiry::run(&arguments[1..])),
        Some("history") => runtime.block_on(history::run(&arguments[1..])),
        Some("lanes") => runtime.block_on(lanes::run(&arguments[1..])),
        Some("fastapi") => runtime.block_on(place_orders::run_fastapi(&arguments[1..])),
        Some("place-orders") => runtime.block_on(place_orders::run(&arguments[1..])),
        Some("sheets") => runtime.block_on(sheets::run(&arguments[1..])),
        Some("export-once") => runtime.block_on(sheets::export_once(&arguments[1..])),
        Some("one-by-one") => runtime.block_on(one_by_one::serve(&arguments[1..])),
        _ => Err("usage: cargo xtask bench place-orders [ORDERS [CALLERS [ROUNDS]]]\n       \
                  cargo xtask bench fastapi [ORDERS [CALLERS [ROUNDS]]]\n       \
                  cargo xtask bench lanes [ORDERS [CALLERS]]\n       \
                  cargo xtask bench booking [ROUNDS]\n       \
                  cargo xtask bench check [ENTRIES [ROUNDS]]\n       \
                  cargo xtask bench expiry [ORDERS [PRODUCTS [BUYERS]]]\n       \
                  cargo xtask bench history [SMALL [LARGE [REQUESTS]]]\n       \
                  cargo xtask bench sheets [ORDERS [ROUNDS]]"
            .to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}
