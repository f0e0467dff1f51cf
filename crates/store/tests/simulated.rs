//! What a failure at a step leaves of a transaction.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use store::{Cause, Fate, Step, Store, Value};

#[tokio::test]
async fn a_commit_that_fails_leaves_no_transaction_open() {
    let folder = testing::TempDir::new();
    let fails = Arc::new(AtomicBool::new(false));
    let fates = {
        let fails = Arc::clone(&fails);
        move |step| match step {
            Step::Commit if fails.load(SeqCst) => Fate::Fails(Cause::Contended),
            _ => Fate::GoesOn,
        }
    };
    let store = Store::simulated(&folder.join("fanpiao.db"), Arc::new(fates));
    let mut writer = store.writer().await.expect("a connection");
    writer.migrate(0).await.expect("migrated");
    fails.store(true, SeqCst);
    let failed = writer.claim_node("one", 0, 1000, 0).await.expect_err("a failed commit");
    assert_eq!(failed.cause, Cause::Contended);
    fails.store(false, SeqCst);
    let claimed = writer.claim_node("another", 0, 1000, 0).await.expect("a new transaction");
    assert_eq!(claimed.map(|lease| lease.number), Some(0), "the first claim was rolled back");
    let rows = store.query("SELECT COUNT(*) FROM nodes WHERE holder = $1", vec![Value::from("one")]).await;
    assert_eq!(rows.expect("read").remove(0).cells().int().expect("a number"), 0);
}
