//! The consistency check over many ledger entries, on both engines.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use service::{System, check};
use store::{Engine, Store};

use crate::history::fill;
use crate::process::{figures, median, peak_mb, processor_seconds};
use crate::report::{Section, Table, decimal, ratio, whole};

const PER_MEMBER: i64 = 200;
const MOST_PER_MEAL: i64 = 1000;
const PRICE: i64 = 1500;
const FIRST_MEAL: i64 = 5_001;
const FIRST_MEMBER: i64 = 1_000_000;
const FIRST_ORDER: i64 = 1_000_000_000;

/// `arguments`: how many entries (10,000,000), how many rounds (3).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let number = |at: usize, otherwise: i64| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (entries, rounds) = (number(0, 10_000_000)?, number(1, 3)?);
    let mut table = Table::new(["engine", "entries", "seconds", "own CPU s", "entries/s", "peak MB", "idle MB"]);
    for (engine, name) in [(Engine::Sqlite, "SQLite"), (Engine::Postgres, "PostgreSQL")] {
        let folder = testing::TempDir::new();
        let database = (engine == Engine::Postgres).then(testing::postgres::fresh_database);
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        let entries = load(&url, entries).await?;
        let once = |_| check_once_more(&url);
        let measured: Vec<Value> = (0..rounds).map(once).collect::<Result<_, _>>()?;
        let seconds = median(&measured, "seconds");
        table.push([
            name.to_owned(),
            whole(entries as f64),
            decimal(seconds, 2),
            decimal(median(&measured, "cpu"), 2),
            whole(ratio(entries as f64, seconds)),
            whole(median(&measured, "peak_mb")),
            whole(median(&measured, "idle_mb")),
        ]);
    }
    Ok(Section {
        title: "Checking the books",
        about: format!(
            "`fanpiao check` over books that are right, in a process of its own; medians of {rounds} rounds. PostgreSQL's own work is not \
             in the CPU seconds."
        ),
        table,
        charts: Vec::new(),
    })
}

fn check_once_more(url: &str) -> Result<Value, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    figures(Command::new(own).args(["check-once", url]))
}

/// One check in this process, which has done nothing else.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
pub(crate) async fn check_once(arguments: &[String]) -> Result<(), String> {
    let [url] = arguments else {
        return Err("needs a database".to_owned());
    };
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let idle_mb = peak_mb();
    let started = Instant::now();
    let report = check(&store, &System, &jiff::tz::TimeZone::UTC).await.map_err(|error| error.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    if !report.passes() {
        return Err(format!("the books are wrong: {:?}", report.counts()));
    }
    let cpu = processor_seconds();
    println!("{}", json!({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb(), "idle_mb": idle_mb}));
    Ok(())
}

/// Books that are right: every order has its hold and two entries, and each meal has all it can serve ordered. Says how many entries.
async fn load(url: &str, entries: i64) -> Result<i64, String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let mut writer = store.writer().await.map_err(|error| error.to_string())?;
    writer.migrate(0).await.map_err(|error| error.to_string())?;
    // Enough meals for every member to have another one each time.
    let meals = (entries / 2 / MOST_PER_MEAL).max(PER_MEMBER);
    let per_meal = (entries / 2 / meals).max(1);
    let orders = meals * per_meal;
    let members = orders / PER_MEMBER;

    // Member m has the orders from 200 m on; order i is for meal i % meals, the (i / meals)th there.
    let order = format!("{FIRST_ORDER} + i");
    let member = format!("{FIRST_MEMBER} + i / {PER_MEMBER}");
    let meal = format!("{FIRST_MEAL} + i % {meals}");
    for (rows, insert) in [
        (
            meals,
            format!(
                "INSERT INTO meals (meal_id, date, slot, title, description, base_price_cents, options, status, \
                 orders_close_at, created_at, updated_at, version) \
                 SELECT {FIRST_MEAL} + i, CAST(2100 + i / 336 AS TEXT) || '-' || \
                 SUBSTR(CAST(101 + i / 28 % 12 AS TEXT), 2) || '-' || SUBSTR(CAST(101 + i % 28 AS TEXT), 2), \
                 'lunch', NULL, '', {PRICE}, '[]', 'completed', NULL, 0, 0, 0 FROM n"
            ),
        ),
        (
            meals,
            format!(
                "INSERT INTO pools (pool_id, capacity, taken, version) SELECT {FIRST_MEAL} + i, {per_meal}, {per_meal}, 0 FROM n"
            ),
        ),
        (
            meals,
            format!(
                "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({FIRST_MEAL} + i) * 2, 'meal', {FIRST_MEAL} + i, 'CNY', {PRICE} * {per_meal}, \
                 {per_meal}, 0 FROM n"
            ),
        ),
        (
            orders,
            format!(
                "INSERT INTO entries SELECT ({FIRST_MEAL} + i / {per_meal}) * 2, i % {per_meal} + 1, \
                 {FIRST_ORDER} + i / {per_meal} + i % {per_meal} * {meals}, 'order_charge', \
                 {FIRST_ORDER} + i / {per_meal} + i % {per_meal} * {meals}, {PRICE}, {PRICE} * (i % {per_meal} + 1), 0 FROM n"
            ),
        ),
        (
            members,
            format!(
                "INSERT INTO members SELECT {FIRST_MEMBER} + i, 'uid-' || i, NULL, NULL, 'm' || i, NULL, NULL, 'active', \
                 NULL, '[]', 0, 0, NULL, NULL FROM n"
            ),
        ),
        (
            members,
            format!(
                "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({FIRST_MEMBER} + i) * 2, 'member', {FIRST_MEMBER} + i, 'CNY', \
                 -{PRICE} * {PER_MEMBER}, {PER_MEMBER}, 0 FROM n"
            ),
        ),
        (
            orders,
            format!(
                "INSERT INTO entries SELECT ({member}) * 2, i % {PER_MEMBER} + 1, {order}, 'order_charge', {order}, -{PRICE}, \
                 -{PRICE} * (i % {PER_MEMBER} + 1), 0 FROM n"
            ),
        ),
        (
            orders,
            format!(
                "INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, \
                 status, placed_by, created_at, updated_at, version) \
                 SELECT {order}, 'MEAL' || i, {member}, {meal}, ({member}) * 2, 1, '[]', {PRICE}, '', \
                 'completed', NULL, 0, 0, 0 FROM n"
            ),
        ),
        (orders, format!("INSERT INTO holds SELECT {order}, {meal}, 1, 'consumed', NULL, 0 FROM n")),
    ] {
        fill(&mut writer, rows, &insert).await?;
    }
    if writer.engine() == Engine::Postgres {
        // The server may be at it already, and takes its time.
        writer.script("SET lock_timeout = 0; ANALYZE").await.map_err(|error| error.to_string())?;
    }
    Ok(2 * orders)
}
