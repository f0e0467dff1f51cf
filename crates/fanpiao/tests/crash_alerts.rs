//! `kill -9` between the steps of telling an alert: it is told at least once, and written down once. The steps are in
//! `crates/service/src/alerts/mod.rs`.

#![cfg(test)]

mod common;

use std::thread;
use std::time::Duration;

use common::till::{Till, command};
use common::{Home, Process, ask};
use serde_json::Value;
use sim::robots::{ROBOT_SECRET, webhook_url};

const LEASES_OVER: &str = "UPDATE outbox SET leased_until = 0, due_at = 0 WHERE state = 'waiting'";
const RUNS_OVER: &str = "UPDATE job_runs SET lease_until = 0 WHERE state = 'running'";
const EXCEPTION: &str = "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, due_at, created_at, updated_at, \
                         version) VALUES (1, 'paid_twice', 'x', '{}', 'dismiss', 'open', 0, 0, 0, 0)";

/// The server as it is started from now on; it dies at a step, if there is one.
fn serve(till: &mut Till, crash_at: Option<&str>) {
    let mut command = command(&till.home, &till.world, &till.door);
    let url = webhook_url(&format!("http://{}", till.world.address));
    command.env("FANPIAO_ALERTS__WEBHOOK_URL", url).env("FANPIAO_ALERTS__WEBHOOK_SECRET", ROBOT_SECRET);
    match crash_at {
        Some(step) => till.server = Process::doomed(command.env("FANPIAO_CRASH_AT", step)),
        None => till.server = Process::start(&mut command),
    }
}

fn told(till: &Till) -> Vec<Value> {
    let (_, taken) = ask(till.world.address, "GET", "/sim/robots", &[], "").expect("the world stands");
    taken["webhook"].as_array().expect("bodies").clone()
}

fn an_alert(mut till: Till, step: &str) {
    till.stop();
    till.tamper(EXCEPTION);
    serve(&mut till, Some(step));
    till.server.died_of_kill(step);
    assert_eq!(till.number("SELECT COUNT(*) FROM alerts"), 1, "{step}");
    let before = told(&till);
    assert!(before.len() <= 1, "{step}: {before:?}");
    [LEASES_OVER, RUNS_OVER].iter().for_each(|sql| till.tamper(sql));
    serve(&mut till, None);
    for _ in 0..600 {
        if till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'alerts' AND state = 'waiting'") == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let after = told(&till);
    assert!(after.len() > before.len(), "{step}: told once more, as nobody knew");
    assert!(after.iter().all(|body| *body == after[0]), "{step}: under the same number: {after:?}");
    assert_eq!(after[0]["alerts"][0]["rule"], "exceptions_wait", "{step}");
    assert_eq!(till.number("SELECT COUNT(*) FROM alerts"), 1, "{step}");
    assert_eq!(till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'alerts'"), 1, "{step}");
}

#[test]
fn killed_before_an_alert_is_told_on_sqlite() {
    an_alert(Till::open(Home::sqlite()), "alerts-noted");
}

#[test]
fn killed_before_an_alert_is_told_on_postgres() {
    an_alert(Till::open(Home::postgres()), "alerts-noted");
}

#[test]
fn killed_after_an_alert_was_told_on_sqlite() {
    an_alert(Till::open(Home::sqlite()), "alerts-told");
}

#[test]
fn killed_after_an_alert_was_told_on_postgres() {
    an_alert(Till::open(Home::postgres()), "alerts-told");
}
