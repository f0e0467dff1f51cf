//! The same load on one, two and four servers that share one PostgreSQL.

use std::path::Path;

use testing::TempDir;
use testing::postgres::fresh_database_on;

use crate::servers::{House, figure};

const NODES: [usize; 3] = [1, 2, 4];
const MEALS: [usize; 2] = [1, 100];

/// `counts`: how many orders a run, how many callers, how many rounds.
pub(crate) fn run(program: &Path, postgres: &str, [orders, callers, rounds]: [usize; 3]) -> Result<(), String> {
    println!("{orders} orders a run, {callers} callers, medians of {rounds} rounds");
    println!(
        "{:>5} {:>7} {:>10} {:>7} {:>8} {:>8} {:>8} {:>9} {:>10} {:>8}",
        "meals", "servers", "orders/s", "to one", "p50 ms", "p99 ms", "a batch", "batch ms", "commit ms", "retries"
    );
    for meals in MEALS {
        let mut runs = NODES.map(|_| Vec::new());
        for _ in 0..rounds {
            for (nodes, runs) in NODES.into_iter().zip(&mut runs) {
                runs.push(measure(program, postgres, nodes, [orders, callers, meals])?);
            }
        }
        let one = median(&runs[0], "orders_per_second");
        for (nodes, runs) in NODES.into_iter().zip(&runs) {
            let [rate, p50, p99] = ["orders_per_second", "p50_ms", "p99_ms"].map(|name| median(runs, name));
            let [commands, batch, commit, retries] =
                ["batch_commands", "batch_ms", "commit_ms", "retries"].map(|name| median(runs, name));
            let ratio = ratio(rate, one);
            println!(
                "{meals:>5} {nodes:>7} {rate:>10.0} {ratio:>6.2}× {p50:>8.1} {p99:>8.1} {commands:>8.1} {batch:>9.1} \
                 {commit:>10.1} {retries:>8.0}"
            );
        }
    }
    Ok(())
}

/// On a database of its own; the load generator looks for every order afterwards.
fn measure(program: &Path, postgres: &str, nodes: usize, counts: [usize; 3]) -> Result<String, String> {
    let folder = TempDir::new();
    let database = fresh_database_on(postgres);
    let house = House::furnish(program, database.url(), &folder)?;
    let servers = (0..nodes).map(|_| house.serve()).collect::<Result<Vec<_>, _>>()?;
    let figures = house.place_orders(&servers, counts);
    drop(servers);
    drop(house);
    figures
}

fn median(runs: &[String], name: &str) -> f64 {
    let mut values: Vec<_> = runs.iter().filter_map(|run| figure(run, name)).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn ratio(a: f64, b: f64) -> f64 {
    a / b
}
