//! `kill -9` between the steps of telling an alert or a report: it is told at least once under one number, and written down once. The steps
//! are in `crates/service/src/alerts/mod.rs` and `crates/service/src/reports/mod.rs`.

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
const NOBODY_WAS_TOLD: &str = "DELETE FROM reports";
const NEVER_RAN: &str = "DELETE FROM jobs WHERE name = 'make-reports'";

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

/// The messages that speak of it.
fn told(till: &Till, what: &str) -> Vec<Value> {
    let (_, taken) = ask(till.world.address, "GET", "/sim/robots", &[], "").expect("the world stands");
    let bodies = taken["webhook"].as_array().expect("bodies").iter();
    bodies.filter(|body| !body[what].is_null()).cloned().collect()
}

fn an_alert(mut till: Till, step: &str) {
    till.stop();
    till.tamper(EXCEPTION);
    serve(&mut till, Some(step));
    till.server.died_of_kill(step);
    assert_eq!(till.number("SELECT COUNT(*) FROM alerts"), 1, "{step}");
    let before = told(&till, "alerts");
    assert!(before.len() <= 1, "{step}: {before:?}");
    [LEASES_OVER, RUNS_OVER].iter().for_each(|sql| till.tamper(sql));
    serve(&mut till, None);
    for _ in 0..600 {
        if till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'alerts' AND state = 'waiting'") == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let after = told(&till, "alerts");
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

fn reports(mut till: Till, step: &str) {
    till.stop();
    // What the first start made had no channel to be told to.
    [NOBODY_WAS_TOLD, NEVER_RAN].iter().for_each(|sql| till.tamper(sql));
    serve(&mut till, Some(step));
    till.server.died_of_kill(step);
    assert!(till.number("SELECT COUNT(*) FROM reports") >= 1, "{step}");
    [LEASES_OVER, RUNS_OVER].iter().for_each(|sql| till.tamper(sql));
    serve(&mut till, None);
    for _ in 0..600 {
        if till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'reports' AND state = 'delivered'") == 3 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(till.number("SELECT COUNT(*) FROM reports"), 3, "{step}: one of each kind");
    assert_eq!(till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'reports'"), 3, "{step}: one message each");
    let told = told(&till, "report");
    let figures = told.iter().filter_map(|body| body["report"]["figures"].as_object());
    let mut kinds: Vec<_> = figures.flat_map(|figures| figures.keys().cloned()).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["daily", "exceptions", "health"], "{step}: none is lost");
    for body in &told {
        let same = told.iter().find(|other| other["message_id"] == body["message_id"]);
        assert_eq!(same, Some(body), "{step}: what comes again comes as it was");
    }
}

#[test]
fn killed_before_a_report_is_told_on_sqlite() {
    reports(Till::open(Home::sqlite()), "report-kept");
}

#[test]
fn killed_before_a_report_is_told_on_postgres() {
    reports(Till::open(Home::postgres()), "report-kept");
}

#[test]
fn killed_after_a_report_was_told_on_sqlite() {
    reports(Till::open(Home::sqlite()), "report-told");
}

#[test]
fn killed_after_a_report_was_told_on_postgres() {
    reports(Till::open(Home::postgres()), "report-told");
}
