//! A disk without room: writing stops with a clear word, reading goes on, and when there is room again so does writing.
//!
//! The disk is a small one in memory, mounted where only this test's own child process sees it.

#![cfg(test)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use common::{books_are_right, eventually, keyed, meals, number, order_of, place_order, settings, sign_up_all, start};
use futures_util::future::join_all;
use kernel::OrderId;
use service::Failure;

/// Names an empty folder on a file system of at most a few megabytes, which the test may fill.
const SMALL_DISK: &str = "FANPIAO_TEST_SMALL_DISK";
const BALLAST: usize = 3 << 20;

#[test]
fn a_full_disk_is_noticed_and_room_is_used_again() {
    if let Some(folder) = env::var_os(SMALL_DISK) {
        let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        workers.expect("a runtime").block_on(fill(&PathBuf::from(folder)));
        return;
    }
    let folder = testing::TempDir::new();
    let mount = "mount -t tmpfs -o size=6m,mode=700 fanpiao \"$1\" || exit 99; exec \"$2\" --exact \"$3\" --nocapture";
    let this = env::current_exe().expect("this program");
    let mut said = String::new();
    // Who is root needs no namespace of users, and may not be allowed one.
    for unshare in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let child = Command::new("unshare")
            .args(unshare)
            .args(["sh", "-c", mount, "sh"])
            .args([folder.path(), &this])
            .arg("a_full_disk_is_noticed_and_room_is_used_again")
            .env(SMALL_DISK, folder.path())
            .output();
        match child {
            Ok(output) => {
                said =
                    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                if output.status.success() {
                    assert!(said.contains("1 passed"), "{said}");
                    return;
                }
                assert!(!said.contains("panicked at"), "{said}");
            }
            Err(error) => said = format!("unshare: {error}"),
        }
    }
    panic!(
        "this test needs a disk that it can fill: the program `unshare` of util-linux and leave to mount in a namespace of its \
         own, or an empty folder on a file system of about 6 MiB, named in {SMALL_DISK}. It tried and was told:\n{said}"
    );
}

async fn fill(folder: &Path) {
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![1; BALLAST]).expect("the disk holds the ballast");
    let service = start(&format!("sqlite:{}", folder.join("fanpiao.db").display()), settings()).await;
    let members = sign_up_all(&service, 16).await;
    let meals = meals(&service, 0, 300, 1500, 1000).await;
    let (meals, failed) = (&meals, &mut Vec::new());
    let mut acknowledged = Vec::new();
    let ask = |member, meal| {
        let service = service.clone();
        async move { service.run(keyed(member, &format!("{meal}"), place_order(member, meal, 1))).await }
    };
    for &meal in meals {
        let asked = members.iter().map(|&member| ask(member, meal));
        for (&member, outcome) in members.iter().zip(join_all(asked).await) {
            match outcome {
                Ok(outcome) => acknowledged.push(order_of(outcome).order.id),
                Err(Failure::Unavailable { reason }) => failed.push((member, meal, reason)),
                Err(other) => panic!("{other:?}"),
            }
        }
        if failed.len() >= 16 {
            break;
        }
    }
    assert!(!failed.is_empty() && !acknowledged.is_empty(), "the disk never came to its end");
    assert!(failed[0].2.contains("full"), "{failed:?}");
    // What is there can still be read, and nothing that failed is there.
    books_are_right(&service).await;
    assert_eq!(stored(&service).await, sorted(&acknowledged));
    // A smaller write than the one that failed may still find room, and then all seems well again for a moment.
    eventually("the service says so", async || match ask(failed[0].0, failed[0].1).await {
        Err(Failure::Unavailable { .. }) => service.health().await.trouble.is_some(),
        Ok(outcome) => {
            acknowledged.push(order_of(outcome).order.id);
            failed.remove(0);
            false
        }
        Err(other) => panic!("{other:?}"),
    })
    .await;

    fs::remove_file(ballast).expect("removed");
    eventually("health is good again", async || service.health().await.trouble.is_none()).await;
    for (member, meal, _) in failed {
        acknowledged.push(order_of(ask(*member, *meal).await.expect("there is room")).order.id);
    }
    assert_eq!(stored(&service).await, sorted(&acknowledged));
    books_are_right(&service).await;
    service.stop().await;

    let again = start(&format!("sqlite:{}", folder.join("fanpiao.db").display()), settings()).await;
    assert_eq!(number(&again, "SELECT COUNT(*) FROM meal_orders").await, acknowledged.len() as i64);
    books_are_right(&again).await;
    again.stop().await;
}

fn sorted(orders: &[OrderId]) -> Vec<OrderId> {
    let mut orders = orders.to_vec();
    orders.sort_unstable();
    orders
}

async fn stored(service: &service::Service) -> Vec<OrderId> {
    let rows = service.store().query("SELECT order_id FROM meal_orders ORDER BY order_id", vec![]).await.expect("read");
    rows.into_iter().map(|row| OrderId::new(row.cells().int().expect("an id"))).collect()
}
