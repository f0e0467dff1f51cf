//! What the engines themselves can do: the rows of an order written in bulk with nothing else, and pgbench beside it.

use std::process::Command;
use std::sync::LazyLock;
use std::time::Instant;

use store::Kind::{Blob, Int, Text};
use store::{Batch, SetStatement, Store, Value};
use tokio::task::JoinSet;

use crate::history::fill;
use crate::report::ratio;

/// As many orders as a lane has in a batch when 256 callers wait.
const TOGETHER: i64 = 128;
const FIRST_MEMBER: i64 = 1_000_000;
const FIRST_MEAL: i64 = 5_001;
const FIRST_ORDER: i64 = 1_000_000_000;
const PRICE: i64 = 1500;
/// What a lane keeps of an order's answer, about as long.
const ANSWER: &str = r#"{"done":{"order":{"order_id":1000000000000,"order_no":"MEAL2150010112345678","user_id":1000000000,"meal_id":5001,"quantity":1,"selected_options":[],"total_price_cents":1500,"notes":"","status":"active","created_at":1700000000000,"updated_at":1700000000000,"balance_cents":-1500}}}"#;
const TRACE: &str = r#"{"quantity":1,"options":[],"total_cents":1500,"status":"active"}"#;

macro_rules! statements {
    ($($name:ident = $build:expr;)+) => {
        $(static $name: LazyLock<SetStatement> = LazyLock::new(|| $build);)+
    };
}

statements! {
    POOLS = SetStatement::update("pools", &[("pool_id", Int)], &[("taken", Int)]);
    ACCOUNTS = SetStatement::update("accounts", &[("account_id", Int)], &[("balance", Int), ("entry_count", Int)]);
    ENTRIES = SetStatement::insert("entries", &[
        ("account_id", Int), ("number", Int), ("transfer_id", Int), ("kind", Text), ("order_id", Int), ("amount", Int),
        ("balance_after", Int), ("created_at", Int),
    ]);
    ORDERS = SetStatement::insert("meal_orders", &[
        ("order_id", Int), ("order_no", Text), ("member_id", Int), ("meal_id", Int), ("payer_account_id", Int), ("quantity", Int),
        ("options", Text), ("total_cents", Int), ("notes", Text), ("status", Text), ("pickup_code", Text), ("created_at", Int),
        ("updated_at", Int), ("version", Int),
    ]);
    HOLDS = SetStatement::insert("holds", &[
        ("order_id", Int), ("pool_id", Int), ("quantity", Int), ("state", Text), ("version", Int),
    ]);
    AUDITS = SetStatement::insert("audits", &[
        ("audit_id", Int), ("at", Int), ("actor_id", Int), ("action", Text), ("object_kind", Text), ("object_id", Int),
        ("value_after", Text),
    ]);
    ANSWERS = SetStatement::insert("answers", &[
        ("caller_id", Int), ("key", Text), ("request_hash", Blob), ("answer", Text), ("created_at", Int),
    ]);
}

/// Orders a second, written by as many connections as the service has lanes, each for a meal of its own.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
pub(crate) async fn rows(engine: &str, orders: i64) -> Result<f64, String> {
    let folder = testing::TempDir::new();
    let database = (engine == "postgres").then(testing::postgres::fresh_database);
    let url = match &database {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite:{}", folder.join("bench.db").display()),
    };
    let lanes = if database.is_some() { 2 } else { 1 };
    load(&url, orders, lanes).await.map_err(|error| error.to_string())?;
    let started = Instant::now();
    let mut running = JoinSet::new();
    for lane in 0..lanes {
        let url = url.clone();
        running.spawn(async move { write(&url, lane, orders / lanes).await });
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    Ok(ratio(orders as f64, started.elapsed().as_secs_f64()))
}

async fn load(url: &str, orders: i64, lanes: i64) -> Result<(), String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let mut writer = store.writer().await.map_err(|error| error.to_string())?;
    writer.migrate(0).await.map_err(|error| error.to_string())?;
    let account = |kind: &str, first: i64| {
        format!(
            "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({first} + i) * 2, '{kind}', {first} + i, 'CNY', 0, 0, 0 FROM n"
        )
    };
    fill(&mut writer, orders, &account("member", FIRST_MEMBER)).await?;
    fill(&mut writer, lanes, &account("meal", FIRST_MEAL)).await?;
    fill(&mut writer, lanes, &format!("INSERT INTO pools SELECT {FIRST_MEAL} + i, 1000000000, 0, 0, 0 FROM n")).await
}

async fn write(url: &str, lane: i64, orders: i64) -> Result<(), store::Error> {
    let mut writer = Store::new(url)?.writer().await?;
    let meal = FIRST_MEAL + lane;
    for first in (0..orders).step_by(TOGETHER as usize) {
        let end = (first + TOGETHER).min(orders);
        // This lane's orders, and how many it has written before each.
        let all = || (first..end).map(|at| (lane * orders + at, at));
        let order = |at: i64| Value::Int(FIRST_ORDER + at);
        let member = |at: i64| Value::Int(FIRST_MEMBER + at);
        let wallet = |at: i64| Value::Int((FIRST_MEMBER + at) * 2);
        let version = Value::Int(first / TOGETHER);
        let int = Value::Int;
        let paid = all().map(|(at, _)| {
            [wallet(at), int(1), order(at), "order_charge".into(), order(at), int(-PRICE), int(-PRICE), int(0)]
        });
        let taken = all().map(|(at, before)| {
            let after = int((before + 1) * PRICE);
            [int(meal * 2), int(before + 1), order(at), "order_charge".into(), order(at), int(PRICE), after, int(0)]
        });
        let accounts = all().map(|(at, _)| [wallet(at), int(0), int(-PRICE), int(1)]);
        let takings = [int(meal * 2), version.clone(), int(end * PRICE), int(end)];
        let batches = [
            Batch::of(&POOLS, [[int(meal), version.clone(), int(end)]]),
            Batch::of(&ACCOUNTS, accounts.chain([takings])),
            Batch::of(&ENTRIES, paid.chain(taken)),
            Batch::of(
                &ORDERS,
                all().map(|(at, _)| {
                    let number = format!("MEAL21500101{at:08}").into();
                    let (code, empty) = (format!("{at:08}").into(), || "".into());
                    let (id, member, wallet) = (order(at), member(at), wallet(at));
                    let status = "active".into();
                    [
                        id,
                        number,
                        member,
                        int(meal),
                        wallet,
                        int(1),
                        "[]".into(),
                        int(PRICE),
                        empty(),
                        status,
                        code,
                        int(0),
                        int(0),
                        int(0),
                    ]
                }),
            ),
            Batch::of(&HOLDS, all().map(|(at, _)| [order(at), int(meal), int(1), "held".into(), int(0)])),
            Batch::of(
                &AUDITS,
                all().map(|(at, _)| {
                    let (action, kind) = ("order.place".into(), "order".into());
                    [order(at), int(0), member(at), action, kind, order(at), TRACE.into()]
                }),
            ),
            Batch::of(
                &ANSWERS,
                all()
                    .map(|(at, _)| [member(at), format!("key-{at}").into(), vec![7; 32].into(), ANSWER.into(), int(0)]),
            ),
        ];
        writer.begin().await?;
        writer.write(&batches).await?;
        writer.commit().await?;
    }
    Ok(())
}

/// Transactions a second of pgbench's TPC-B with 32 clients, on a database of its own.
pub(crate) fn pgbench(seconds: u64) -> Result<f64, String> {
    let database = testing::postgres::fresh_database();
    let run = |arguments: &[&str]| {
        let ended = Command::new("pgbench").args(arguments).arg(database.url()).output();
        let ended = ended.map_err(|error| format!("pgbench: {error}"))?;
        if ended.status.success() {
            Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&ended.stderr).into_owned())
        }
    };
    run(&["--initialize", "--quiet", "--scale=32"])?;
    let said = run(&["--client=32", "--jobs=2", "--protocol=prepared", &format!("--time={seconds}")])?;
    let found = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    found.ok_or_else(|| format!("pgbench said: {said}"))
}
