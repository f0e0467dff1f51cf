//! What breaks under the service: connections, servers, locks. Nothing that was acknowledged is lost, nothing that was not is
//! claimed, and the service comes back by itself.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use common::{
    Home, Obstacle, Place, both_engines, code, eventually, keyed, meals, number, order_of, place_order, queued,
    request, retries, settings, sign_up_all, start, tamper,
};
use futures_util::future::{join, join_all};
use kernel::{CancelOrder, Code, Command, MealId, MemberId};
use service::{Failure, Service};
use store::{Engine, Value};
use testing::postgres::{Cluster, fresh_database, fresh_database_on};
use testing::proxy::{Moment, Proxy, Verdict};

/// A service with one lane on PostgreSQL, and somebody in between who can disturb it.
async fn disturbed() -> Place {
    let database = fresh_database();
    let proxy = Proxy::start(database.url());
    Place::open_with(Home::Disturbed(proxy, database), |settings| settings.lanes.postgres_lanes = 1).await
}

/// One member, one meal with room.
async fn guest(place: &Place) -> (MemberId, MealId) {
    (place.sign_up("li").await, meals(&place.service, 0, 1, 1500, 100).await[0])
}

async fn orders(service: &Service) -> i64 {
    number(service, "SELECT COUNT(*) FROM meal_orders").await
}

/// Breaks the connection the first time that `text` is run.
fn cut_once(place: &Place, text: &'static str) {
    let mut is_done = false;
    place.home.proxy().rule(move |moment, sql| {
        if moment == Moment::Run && sql.contains(text) && !is_done {
            is_done = true;
            return Verdict::Cut;
        }
        Verdict::Pass
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_the_commit_costs_nothing() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    let texts = [
        "FROM answers",
        "FROM pools",
        "FROM accounts",
        "UPDATE pools",
        "INSERT INTO meal_orders",
        "INSERT INTO answers",
    ];
    for (at, text) in texts.into_iter().enumerate() {
        let before = retries(&place.service);
        cut_once(&place, text);
        let key = format!("k{at}");
        let order = place.service.run(keyed(member, &key, place_order(member, meal, 1))).await;
        let order = order_of(order.unwrap_or_else(|failure| panic!("{text}: {failure:?}"))).order.id;
        assert_eq!(retries(&place.service), before + 1, "{text}");
        place.must(member, Command::CancelOrder(CancelOrder { order, meal })).await;
    }
    assert_eq!(orders(&place.service).await, texts.len() as i64);
    assert_eq!(place.service.health().await.trouble, None);
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_always_break_are_given_up() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    for text in ["FROM pools", "INSERT INTO meal_orders"] {
        place.home.proxy().rule(
            move |moment, sql| {
                if moment == Moment::Run && sql.contains(text) { Verdict::Cut } else { Verdict::Pass }
            },
        );
        let failure = place.order(member, meal, 1).await.expect_err("it cannot be done");
        assert!(matches!(failure, Failure::Unavailable { .. }), "{text}: {failure:?}");
        place.home.proxy().rule(|_, _| Verdict::Pass);
        assert_eq!(orders(&place.service).await, 0, "{text}");
    }
    place.order(member, meal, 1).await.expect("all is well again");
    place.books_are_right().await;
    place.service.stop().await;
}

/// Breaks the connection at the commit that follows the next order, and tells whether it has.
fn cut_commit(place: &Place, verdict: Verdict) -> Arc<AtomicBool> {
    let cut = Arc::new(AtomicBool::new(false));
    let (is_cut, mut is_armed) = (Arc::clone(&cut), false);
    place.home.proxy().rule(move |moment, sql| {
        if moment == Moment::Run && sql.starts_with("INSERT INTO meal_orders") {
            is_armed = true;
        }
        if moment == Moment::Script && sql == "COMMIT" && is_armed {
            is_armed = false;
            if !is_cut.swap(true, SeqCst) {
                return verdict;
            }
        }
        Verdict::Pass
    });
    cut
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_settled_by_asking_again() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    let ask = || place.service.run(keyed(member, "k", place_order(member, meal, 1)));
    let cut = cut_commit(&place, Verdict::Cut);
    assert_eq!(ask().await, Err(Failure::OutcomeUnknown));
    assert!(cut.load(SeqCst));
    assert_eq!(orders(&place.service).await, 0);
    let placed = ask().await.expect("placed now");
    assert_eq!(ask().await.expect("kept"), placed);
    assert_eq!(orders(&place.service).await, 1);
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_did_arrive_is_settled_by_asking_again() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    let ask = || place.service.run(keyed(member, "k", place_order(member, meal, 1)));
    let cut = cut_commit(&place, Verdict::CutAfterwards);
    assert_eq!(ask().await, Err(Failure::OutcomeUnknown));
    assert!(cut.load(SeqCst));
    assert_eq!(orders(&place.service).await, 1);
    let stored = number(&place.service, "SELECT order_id FROM meal_orders").await;
    assert_eq!(order_of(ask().await.expect("kept")).order.id.get(), stored);
    assert_eq!(orders(&place.service).await, 1);
    // Without the key it is another request, and the rule that a member orders once still holds.
    assert_eq!(code(&place.order(member, meal, 1).await.expect_err("there is one")), Code::DuplicateOrder);
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_a_commit_that_makes_no_sense_is_no_failure() {
    let place = disturbed().await;
    let (member, _) = guest(&place).await;
    let grant = kernel::Grant {
        member,
        amount: 700.try_into().expect("an amount"),
        reason: String::new().try_into().expect("a note"),
    };
    let (mut is_armed, mut is_done) = (false, false);
    place.home.proxy().rule(move |moment, sql| {
        is_armed |= moment == Moment::Run && sql.starts_with("INSERT INTO entries");
        if moment == Moment::Script && sql == "COMMIT" && is_armed && !is_done {
            is_done = true;
            return Verdict::Garble;
        }
        Verdict::Pass
    });
    // It has no key, so nobody but the lane itself could keep it from being carried out twice.
    let failure = place.run(member, Command::Grant(grant)).await.expect_err("nobody knows");
    assert_eq!(failure, Failure::OutcomeUnknown);
    let balance = "SELECT balance FROM accounts WHERE owner_kind = 'member'";
    assert_eq!(number(&place.service, balance).await, 700);
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_any_moment_leave_right_books() {
    let place = disturbed().await;
    let members = sign_up_all(&place.service, 20).await;
    let meals = meals(&place.service, 0, 30, 1500, 12).await;
    let said = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&said);
    place.home.proxy().rule(move |_, _| {
        let at = counter.fetch_add(1, SeqCst);
        match at % 97 {
            96 => Verdict::CutAfterwards,
            48 => Verdict::Cut,
            _ => Verdict::Pass,
        }
    });
    let mut acknowledged = 0;
    for &meal in &meals {
        let asked = members.iter().map(|&member| ask_until_settled(&place.service, member, meal));
        for outcome in join_all(asked).await {
            acknowledged += i64::from(outcome.is_ok());
        }
    }
    place.home.proxy().rule(|_, _| Verdict::Pass);
    // Connections that broke are not kept: one lane, eight readers, and this one.
    let mut outsider = place.home.outsider().await;
    let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()";
    eventually("no connection is left over", async || {
        let open = outsider.query(open, &[]).await.expect("read").remove(0).cells().int();
        open.expect("a number") <= 10
    })
    .await;
    assert_eq!(acknowledged, 30 * 12);
    assert_eq!(orders(&place.service).await, acknowledged);
    place.books_are_right().await;
    place.service.stop().await;
}

/// What a good client does: it asks again under the same key until it knows.
async fn ask_until_settled(service: &Service, member: MemberId, meal: MealId) -> Result<kernel::OrderId, Code> {
    let key = format!("{meal}");
    for _ in 0..2000 {
        match service.run(keyed(member, &key, place_order(member, meal, 1))).await {
            Ok(outcome) => return Ok(order_of(outcome).order.id),
            Err(Failure::Refused(refusal)) => return Err(refusal.code()),
            Err(Failure::OutcomeUnknown | Failure::Unavailable { .. } | Failure::Contended | Failure::Overloaded) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("never settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_noticed_and_comes_back() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    assert_eq!(place.service.health().await.trouble, None);
    place.home.proxy().close();
    let failure = place.order(member, meal, 1).await.expect_err("the server is away");
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
    assert!(place.service.health().await.trouble.is_some());
    assert!(matches!(place.service.authenticate("x").await, Err(Failure::Unavailable { .. })));
    assert!(matches!(place.service.check().await, Err(Failure::Unavailable { .. })));
    place.home.proxy().open();
    // The heartbeat finds out by itself: nobody has to order first.
    eventually("health is good again", async || place.service.health().await.trouble.is_none()).await;
    place.order(member, meal, 1).await.expect("placed");
    assert!(matches!(place.service.authenticate("x").await, Err(Failure::InvalidToken)));
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_crashes_under_load_and_nothing_acknowledged_is_lost() {
    let cluster = Arc::new(Mutex::new(Cluster::start().expect("a server")));
    let url = cluster.lock().expect("nobody panicked").url();
    let database = fresh_database_on(&url);
    let service = start(database.url(), settings()).await;
    let members = sign_up_all(&service, 16).await;
    let meals = meals(&service, 0, 60, 1500, 1000).await;

    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let failed = Arc::new(AtomicUsize::new(0));
    // Nobody runs ahead of the crashes: each of them finds callers with orders left to place.
    let shares = tokio::sync::watch::Sender::new(1);
    let callers: Vec<_> = members
        .iter()
        .map(|&member| {
            let (service, meals, mut shares) = (service.clone(), meals.clone(), shares.subscribe());
            let (acknowledged, failed) = (Arc::clone(&acknowledged), Arc::clone(&failed));
            tokio::spawn(async move {
                for (at, meal) in meals.into_iter().enumerate() {
                    shares.wait_for(|&shares| at < shares * 20).await.expect("it stays open");
                    let first = service.run(keyed(member, &format!("{meal}"), place_order(member, meal, 1))).await;
                    let order = match first {
                        Ok(outcome) => order_of(outcome).order.id,
                        Err(Failure::Unavailable { .. } | Failure::OutcomeUnknown) => {
                            failed.fetch_add(1, SeqCst);
                            ask_until_settled(&service, member, meal).await.expect("there is room")
                        }
                        Err(other) => panic!("{other:?}"),
                    };
                    acknowledged.lock().expect("nobody panicked").insert((member, meal), order);
                }
            })
        })
        .collect();
    let acknowledged_now = || acknowledged.lock().expect("nobody panicked").len();
    for crash in 1..=2 {
        eventually("orders come in", async || acknowledged_now() > crash * 320 - 220).await;
        let (crashed, before) = (Arc::clone(&cluster), failed.load(SeqCst));
        let crashed = tokio::task::spawn_blocking(move || crashed.lock().expect("nobody panicked").crash());
        crashed.await.expect("no panic").expect("stopped");
        shares.send_replace(crash + 1);
        eventually("callers are told", async || failed.load(SeqCst) > before).await;
        assert!(service.health().await.trouble.is_some());
        let restarted = Arc::clone(&cluster);
        let restarted = tokio::task::spawn_blocking(move || restarted.lock().expect("nobody panicked").restart());
        restarted.await.expect("no panic").expect("started");
    }
    for caller in callers {
        caller.await.expect("no panic");
    }
    eventually("health is good again", async || service.health().await.trouble.is_none()).await;

    let acknowledged = acknowledged.lock().expect("nobody panicked").clone();
    assert_eq!(acknowledged.len(), members.len() * meals.len());
    let rows =
        service.store().query("SELECT member_id, meal_id, order_id FROM meal_orders", vec![]).await.expect("read");
    let stored: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let mut row = row.cells();
            let key = (MemberId::new(row.int().expect("a member")), MealId::new(row.int().expect("a meal")));
            (key, kernel::OrderId::new(row.int().expect("an order")))
        })
        .collect();
    assert_eq!(stored, acknowledged, "what was acknowledged is what is stored");
    assert_eq!(orders(&service).await, acknowledged.len() as i64, "each exactly once");
    common::books_are_right(&service).await;
    service.stop().await;
    drop(database);
}

both_engines! {
    async fn a_lock_that_comes_free_in_time_is_waited_for(place: Place) {
        let (member, meal) = guest(&place).await;
        let obstacle = Obstacle::before(&place.home, meal).await;
        let release = async {
            eventually("the order is taken", async || queued(&place.service) == 0).await;
            // Longer than one try of the lane waits, and shorter than all of them.
            eventually("it is tried again", async || retries(&place.service) > 0).await;
            obstacle.remove().await;
        };
        let (order, ()) = join(place.order(member, meal, 1), release).await;
        order.expect("placed");
        place.books_are_right().await;
    }

    async fn a_lock_that_stays_is_given_up(place: Place) {
        let members = sign_up_all(&place.service, 3).await;
        let meal = meals(&place.service, 0, 1, 1500, 100).await[0];
        let obstacle = Obstacle::before(&place.home, meal).await;
        let failures = join_all(members.iter().map(|&member| place.order(member, meal, 1))).await;
        for failure in failures {
            assert_eq!(failure.expect_err("it stays"), Failure::Contended);
        }
        obstacle.remove().await;
        assert_eq!(orders(&place.service).await, 0);
        place.order(members[0], meal, 1).await.expect("it is free");
        eventually("health is good", async || place.service.health().await.trouble.is_none()).await;
        place.books_are_right().await;
    }

    async fn a_node_number_survives_restarts_and_comes_back(place: Place) {
        let (member, meal) = guest(&place).await;
        place.order(member, meal, 1).await.expect("placed");
        let first = number(&place.service, "SELECT MAX(order_id) FROM meal_orders").await;
        place.service.stop().await;
        // More restarts than there are numbers.
        let mut last = first;
        for at in 0..40 {
            let again = start(&place.home.url(), settings()).await;
            if at % 13 == 0 {
                let meal = meals(&again, 10 + at, 1, 1, 1).await[0];
                assert!(meal.get() > last, "ids grow");
                last = meal.get();
            }
            again.stop().await;
        }
        let again = start(&place.home.url(), settings()).await;
        assert_eq!(number(&again, "SELECT COUNT(*) FROM nodes").await, 1);
        again.stop().await;
    }

    async fn one_spoiled_member_shuts_nobody_else_out(place: Place) {
        let mut tokens = Vec::new();
        let hash = service::hash_password(place.service.ambient(), "secret".to_owned()).await;
        for name in ["anna", "bert", "carl"] {
            let member = kernel::AddMember {
                profile: kernel::Profile { uid: name.to_owned(), nickname: name.to_owned() },
                account: Some(name.to_owned().try_into().unwrap()),
                password_hash: Some(hash.clone()),
                openid: None,
                department: None,
                overdraft_limit: None,
                grants: Vec::new(),
            };
            place.service.run(service::Request::by_house(Command::AddMember(member))).await.expect("added");
            let service::Entered::In(signed_in) = place.service.sign_in_password(name, "secret").await.expect("right")
            else {
                panic!("more is asked for than the password");
            };
            tokens.push(signed_in.token);
        }
        tamper(&place.home, "UPDATE members SET grants = 'spoiled' WHERE uid = $1", &["bert".into()]).await;
        for _ in 0..20 {
            let found = join_all(tokens.iter().map(|token| place.service.authenticate(token))).await;
            assert!(found[0].is_ok() && found[2].is_ok(), "{found:?}");
            assert!(matches!(found[1], Err(Failure::Internal { .. })), "{:?}", found[1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_with_somebody_outside_is_survived() {
    let place = Place::open(Home::Postgres(fresh_database())).await;
    let (member, meal) = guest(&place).await;
    let mut outsider = place.home.outsider().await;
    outsider.begin().await.expect("begun");
    let wallet = kernel::Owner::Member(member).account(kernel::Currency::Cny);
    let lock = |table: &str, key: &str| format!("SELECT {key} FROM {table} WHERE {key} = $1 FOR UPDATE");
    let (wallets, pools) = (lock("accounts", "account_id"), lock("pools", "pool_id"));
    outsider.query(&wallets, &[Value::Int(wallet.get())]).await.expect("locked");
    // The order holds the pool and wants the wallet; the outsider now wants the pool. One of them has to give way.
    let cross = async {
        eventually("the order is taken", async || queued(&place.service) == 0).await;
        let pool = outsider.query(&pools, &[Value::Int(meal.get())]).await;
        if pool.is_ok() {
            outsider.commit().await.expect("committed");
        } else {
            outsider.rollback().await;
        }
    };
    let (order, ()) = join(place.order(member, meal, 1), cross).await;
    order.expect("placed in the end");
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_changes_between_reading_and_writing_is_read_again() {
    let place = disturbed().await;
    let (member, meal) = guest(&place).await;
    let order = place.order(member, meal, 1).await.expect("placed").order.id;
    // An order's row is not locked, its meal's pool is: whoever changes the order past that lock is seen by the version.
    let Home::Disturbed(_, database) = &place.home else { panic!("it is disturbed") };
    let (url, mut is_done) = (database.url().to_owned(), false);
    place.home.proxy().rule(move |moment, sql| {
        if moment == Moment::Run && sql.starts_with("UPDATE meal_orders") && !is_done {
            is_done = true;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let store = store::Store::new(&url).expect("an address");
                let mut writer = store.writer().await.expect("a connection");
                writer.begin().await.expect("begun");
                writer.query("UPDATE meal_orders SET version = version + 1", &[]).await.expect("changed");
                writer.commit().await.expect("committed");
            });
        }
        Verdict::Pass
    });
    let before = retries(&place.service);
    place.must(member, Command::CancelOrder(CancelOrder { order, meal })).await;
    assert_eq!(retries(&place.service), before + 1);
    place.books_are_right().await;
    place.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_is_not_kept_waiting_by_a_writer_from_outside() {
    let place = Place::open(Home::Sqlite(testing::TempDir::new())).await;
    let (member, meal) = guest(&place).await;
    assert_eq!(place.service.store().engine(), Engine::Sqlite);
    let obstacle = Obstacle::before(&place.home, meal).await;
    assert_eq!(orders(&place.service).await, 0);
    place.books_are_right().await;
    obstacle.remove().await;
    place.service.run(request(member, place_order(member, meal, 1))).await.expect("placed");
    place.service.stop().await;
}
