//! The race of two processes, with one protection after the other taken away. A test that passes with the protection proves
//! something only if it fails without it.
//!
//! What each wall does, from the outer one in:
//!
//! - **Row locks** (`FOR UPDATE` as pools and accounts are read) make a batch wait until the other has committed. With them no
//!   batch is ever tried twice.
//! - **Versions** (`t.version = v.version` in every update) see that a row has changed since it was read. Without the locks they
//!   are what stops a portion from being sold twice; the price is batches tried again, and given up under load.
//! - **The ledger's numbering** (the primary key of `entries`) does not let two orders write the same line of the meal's account.
//!   Without locks and versions portions are sold twice, but no balance is ever wrong.
//!
//! The program has no switch for any of this: a proxy between it and the database rewrites the statements as they pass.

#![cfg(test)]

mod common;

use common::{ADMINISTRATOR, change_role, meals, place_order, request, retries, settings, sign_up_all, start};
use futures_util::future::{join, join_all};
use kernel::{Code, Command, CreateRole, DeleteRole, Outcome, Permissions, RoleCommand, RoleGrant, RoleScope, Scope};
use service::{CheckReport, Failure, Request};
use testing::postgres::fresh_database;
use testing::proxy::Proxy;

const NO_LOCK: (&str, &str) = (" FOR UPDATE", "           ");
const NO_VERSION: (&str, &str) = ("t.version = v.version", "v.version = v.version");

const ROUNDS: usize = 40;
const PORTIONS: i64 = 3;

struct Seen {
    /// How many batches had to be tried again.
    retries: u64,
    /// How many orders were acknowledged beyond what there was.
    oversold: i64,
    report: CheckReport,
}

/// Eight members after the three portions of a meal, through two services; meal after meal, until `enough`.
async fn race(rewrites: &[(&str, &str)], price: i64, enough: fn(&Seen) -> bool) -> Seen {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), rewrites);
    let (one, other) = (start(proxy.url(), settings()).await, start(proxy.url(), settings()).await);
    let members = sign_up_all(&one, 8).await;
    let meals = meals(&one, 0, ROUNDS, price, PORTIONS).await;
    let before = retries(&one) + retries(&other);
    let mut seen = None;
    let mut oversold = 0;
    for meal in meals {
        let asked = members.iter().enumerate().map(|(at, &member)| {
            let service = if at % 2 == 0 { &one } else { &other };
            service.run(request(member, place_order(member, meal, 1)))
        });
        let mut placed = 0;
        for outcome in join_all(asked).await {
            match outcome {
                Ok(_) => placed += 1,
                Err(Failure::Refused(refusal)) => assert_eq!(refusal.code(), Code::CapacityExceeded),
                Err(Failure::Contended) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        oversold += (placed - PORTIONS).max(0);
        let now = Seen {
            retries: retries(&one) + retries(&other) - before,
            oversold,
            report: one.check().await.expect("checked"),
        };
        let is_enough = enough(&now);
        seen = Some(now);
        if is_enough {
            break;
        }
    }
    one.stop().await;
    other.stop().await;
    seen.expect("a round")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_walls_nobody_tries_twice() {
    // A disk that stands still for a second lets a lock time out, which is a retry as well; it does not do so every time.
    for _ in 0..3 {
        let seen = race(&[], 0, |_| false).await;
        assert_eq!(seen.oversold, 0);
        assert!(seen.report.passes(), "{:#?}", seen.report);
        if seen.retries == 0 {
            return;
        }
    }
    panic!("somebody had to try again each time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_locks_the_versions_stop_it() {
    let seen = race(&[NO_LOCK], 0, |seen| seen.retries > 2).await;
    assert!(seen.retries > 0, "the race never came to a collision, so it proves nothing");
    assert_eq!(seen.oversold, 0);
    assert!(seen.report.passes(), "{:#?}", seen.report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_locks_and_versions_portions_are_sold_twice() {
    let seen = race(&[NO_LOCK, NO_VERSION], 0, |seen| seen.oversold > 0 && !seen.report.passes()).await;
    assert!(seen.oversold > 0, "the race never came to a collision, so it proves nothing");
    assert!(seen.report.checks.holds.count > 0 && seen.report.checks.capacity.count > 0, "{:#?}", seen.report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_locks_and_versions_the_ledger_still_keeps_itself_right() {
    let seen = race(&[NO_LOCK, NO_VERSION], 1500, |seen| seen.retries > 2).await;
    assert!(seen.retries > 0, "the race never came to a collision, so it proves nothing");
    let checks = &seen.report.checks;
    let found = (checks.balance.count, checks.running.count, checks.transfers.count);
    assert_eq!(found, (0, 0, 0), "{:#?}", seen.report);
}

/// Whether two administrators have ended each other's administration.
async fn nobody_is_left(rewrites: &[(&str, &str)]) -> bool {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), rewrites);
    let (one, other) = (start(proxy.url(), settings()).await, start(proxy.url(), settings()).await);
    let people = sign_up_all(&one, 2).await;
    let mut is_nobody = false;
    for _ in 0..ROUNDS {
        for &person in &people {
            one.run(change_role(person, ADMINISTRATOR, true)).await.expect("given");
        }
        let first = one.run(change_role(people[0], ADMINISTRATOR, false));
        let second = other.run(change_role(people[1], ADMINISTRATOR, false));
        let taken = join(first, second).await;
        is_nobody |= taken.0.is_ok() && taken.1.is_ok();
    }
    one.stop().await;
    other.stop().await;
    is_nobody
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_is_left_because_of_the_lock() {
    assert!(!nobody_is_left(&[]).await);
    assert!(nobody_is_left(&[NO_LOCK]).await, "the race never came to a collision, so it proves nothing");
}

/// Whether somebody was given a role that was deleted at the same time.
async fn somebody_holds_nothing(rewrites: &[(&str, &str)]) -> bool {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), rewrites);
    let (one, other) = (start(proxy.url(), settings()).await, start(proxy.url(), settings()).await);
    let member = sign_up_all(&one, 1).await[0];
    let mut is_somebody = false;
    for round in 0..ROUNDS {
        let code = format!("role_{round}").parse().expect("a code");
        let name = |text: &str| text.to_owned().try_into().expect("a name");
        let create = CreateRole {
            code,
            name_zh: name("角色"),
            name_en: name("Role"),
            scope: RoleScope::House,
            permissions: Permissions::NONE,
        };
        let created = one.run(Request::by_house(Command::Role(RoleCommand::Create(create)))).await.expect("created");
        let Outcome::Role { role } = created else { panic!("{created:?}") };
        let delete = RoleCommand::Delete(DeleteRole { code, seen: role.revision });
        let given = one.run(change_role(member, RoleGrant { role: code, scope: Scope::Everywhere }, true));
        let both = join(given, other.run(Request::by_house(Command::Role(delete)))).await;
        assert!(both.0.is_ok() || both.1.is_ok(), "one of them comes first: {both:?}");
        is_somebody |= both.0.is_ok() && both.1.is_ok();
    }
    one.stop().await;
    other.stop().await;
    is_somebody
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_holds_a_deleted_role_because_of_the_lock() {
    assert!(!somebody_holds_nothing(&[]).await);
    assert!(somebody_holds_nothing(&[NO_LOCK]).await, "the race never came to a collision, so it proves nothing");
}
