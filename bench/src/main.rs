//! Benchmarks, run as benchmarks: each prints its figures and leaves nothing behind.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program speaks to its user")]

mod all;
mod booking;
mod changes;
mod chart;
mod check;
mod client;
mod expiry;
mod footprint;
mod history;
mod lanes;
mod limit;
mod one_by_one;
mod place_orders;
mod process;
mod report;
mod server;
mod sheets;
mod soak;
mod topups;

use std::process::ExitCode;

use service::{KeyRing, Settings};

/// Known to everybody: what is measured is made up.
const DATA_KEY: &str = "bench=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn settings(zone: jiff::tz::TimeZone) -> Result<Settings, String> {
    let mut settings = Settings::new(zone);
    settings.keys = KeyRing::parse(DATA_KEY)?;
    Ok(settings)
}

const USAGE: &str = "usage: cargo xtask bench NAME, one of
  all [small]                                  everything below but the soak, written to docs/performance.md
  place-orders [ORDERS [CALLERS [ROUNDS]]]     over HTTP, beside one transaction an order and beside rows alone
  fastapi [ORDERS [CALLERS [ROUNDS]]]          the same beside a FastAPI service
  lanes [ORDERS [CALLERS]]                     the same without HTTP
  changes [ORDERS [CALLERS]]                   orders changed and canceled over HTTP
  booking [ROUNDS]                             a department's batch
  topups [TOPUPS [CALLERS]]                    top-ups begun and settled
  expiry [ORDERS [PRODUCTS [BUYERS]]]          unpaid orders let go
  history [REQUESTS [ORDERS…]]                 pages of lists, a database for each number of orders
  check [ENTRIES [ROUNDS]]                     the books checked
  sheets [ORDERS [ROUNDS]]                     a meal as a workbook
  footprint [ORDERS]                           start-up, memory, size
  soak [MINUTES [sqlite|postgres]]             mixed load, and whether anything grows; written to docs/performance/soak.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (name, rest) = arguments.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let done = runtime.block_on(async {
        match name {
            "all" => all::run(rest).await,
            "check-once" => check::check_once(rest).await,
            "export-once" => sheets::export_once(rest).await,
            "one-by-one" => one_by_one::serve(rest).await,
            _ => {
                let section = measure(name, rest).await?;
                println!("{}", section.text());
                if name == "soak" { all::write_alone(&section, name) } else { Ok(()) }
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// One benchmark by its name.
async fn measure(name: &str, arguments: &[String]) -> Result<report::Section, String> {
    match name {
        "booking" => booking::run(arguments).await,
        "changes" => changes::run(arguments).await,
        "check" => check::run(arguments).await,
        "expiry" => expiry::run(arguments).await,
        "fastapi" => place_orders::run_fastapi(arguments).await,
        "footprint" => footprint::run(arguments).await,
        "history" => history::run(arguments).await,
        "lanes" => lanes::run(arguments).await,
        "place-orders" => place_orders::run(arguments).await,
        "sheets" => sheets::run(arguments).await,
        "soak" => soak::run(arguments).await,
        "topups" => topups::run(arguments).await,
        _ => Err(USAGE.to_owned()),
    }
}
