//! `kill -9` between the steps of making a report and telling it: it is kept once, and told at least once under one number. The steps are in
//! `crates/service/src/reports/mod.rs`.

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

fn told(till: &Till) -> Vec<Value> {
    let (_, taken) = ask(till.world.address, "GET", "/sim/robots", &[], "").expect("the world stands");
    let bodies = taken["webhook"].as_array().expect("bodies").iter();
    bodies.filter(|body| body["report"].is_object()).cloned().collect()
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
    let told = told(&till);
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
