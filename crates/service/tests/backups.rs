//! Backups by schedule: due at night by the house's clocks, kept by days and weeks, and restored.

#![cfg(test)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Clock, Home, books_are_right, eventually, number, tamper};
use kernel::{AlertRule, Instant};
use service::{Ambient, BackUp, Service};
use store::Store;
use store::queries::alerts::firing;

const HOUR_MS: i64 = 3_600_000;
const RUNS: &str = "SELECT COUNT(*) FROM job_runs WHERE job = 'backup' AND state = 'succeeded'";

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("read");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("read").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

async fn start(home: &Home, clock: &Arc<Clock>, folder: &Path) -> Service {
    let mut settings = common::settings();
    settings.jobs = vec![Box::new(BackUp { folder: folder.to_owned(), minute: 150, keep_days: 2, keep_weeks: 2 })];
    let store = Store::new(&home.url()).expect("an address");
    Service::start(store, Arc::clone(clock) as Arc<dyn Ambient>, settings).await.expect("started")
}

async fn nights(home: Home, other: Home) {
    let folder = testing::TempDir::new();
    let folder = folder.join("backups");
    std::fs::create_dir(&folder).expect("made");
    // What is not ours stays, what a killed run left goes.
    for name in ["house.backup", "fanpiao-2026-02-01-023000.backup.partial", "fanpiao-2026-02-01-023000.backup"] {
        std::fs::write(folder.join(name), "x").expect("written");
    }
    // 2026-03-07 02:00 in Shanghai, a Saturday.
    let saturday: Instant = "2026-03-06T18:00:00Z".parse().expect("an instant");
    let clock = Clock::at(saturday);
    let service = start(&home, &clock, &folder).await;
    eventually("the first one, as the server starts", async || number(&service, RUNS).await == 1).await;
    for (night, hours) in (2..=4).zip([1, 24, 24]) {
        clock.advance_ms(hours * HOUR_MS);
        eventually("a backup a night", async || number(&service, RUNS).await == night).await;
    }
    let expected = [
        "fanpiao-2026-02-01-023000.backup",
        "fanpiao-2026-03-08-030000.backup",
        "fanpiao-2026-03-09-030000.backup",
        "house.backup",
    ];
    assert_eq!(names(&folder), expected[1..], "two days, which are the last of two weeks");
    tamper(&home, "UPDATE job_runs SET ended_at = ended_at - 37 * 3600000", &[]).await;
    eventually("somebody looks", async || {
        drop(service.watch_alerts().await);
        firing(service.store()).await.expect("read").contains(&(AlertRule::BackupOld, String::new()))
    })
    .await;
    service.stop().await;

    let store = Store::new(&other.url()).expect("an address");
    store.restore(&folder.join(expected[2])).await.expect("restored");
    let restored = common::start(&other.url(), common::settings()).await;
    assert_eq!(number(&restored, RUNS).await, 3, "the night's own run had not ended");
    books_are_right(&restored).await;
    restored.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_a_night_on_sqlite() {
    let other = Home::Sqlite(testing::TempDir::new());
    nights(Home::Sqlite(testing::TempDir::new()), other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_a_night_on_postgres() {
    let other = Home::Postgres(testing::postgres::fresh_database());
    nights(Home::Postgres(testing::postgres::fresh_database()), other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_folder_a_backup_fails() {
    let folder = testing::TempDir::new();
    let clock = Clock::now();
    let home = Home::Sqlite(testing::TempDir::new());
    let service = start(&home, &clock, &folder.join("not-mounted")).await;
    eventually("it fails", async || {
        number(&service, "SELECT COUNT(*) FROM job_runs WHERE state = 'failed'").await == 1
    })
    .await;
    assert!(!folder.join("not-mounted").exists(), "another disk would fill up in its place");
    service.stop().await;
}
