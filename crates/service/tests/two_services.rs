//! Two processes on one PostgreSQL, and for what an ERP tells on one SQLite, as two services in one: neither knows of the other but through
//! the database.

#![cfg(test)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{
    Home, books_are_right, code, create_meal, eventually, keyed, meals, number, order_of, place_order, request,
    settings, sign_in, sign_up_all, start, tamper,
};
use futures_util::future::{join, join_all};
use kernel::{
    CancelOrder, Code, Command, CreateSubscription, Grant, MealStep, Outcome, RunSubscription, Slot, Step, Subscriber,
};
use partner::signature::{PartnerKey, Request as Signed, sign};
use serde_json::json;
use service::{Erp, Failure, Request, Service, Settings};
use testing::postgres::fresh_database;

struct Pair {
    home: Home,
    one: Service,
    other: Service,
}

impl Pair {
    async fn start() -> Self {
        Self::start_in(Home::Postgres(fresh_database())).await
    }

    async fn start_in(home: Home) -> Self {
        let settings = || {
            let erp = Erp::new("erp".to_owned(), ERP_SECRET, None).expect("an ERP");
            Settings { erp: Some(erp), ..settings() }
        };
        let (one, other) = join(start(&home.url(), settings()), start(&home.url(), settings())).await;
        Self { home, one, other }
    }

    /// The one for even numbers, the other for odd ones.
    fn for_number(&self, number: usize) -> &Service {
        if number.is_multiple_of(2) { &self.one } else { &self.other }
    }

    async fn stop(self) {
        books_are_right(&self.one).await;
        self.one.stop().await;
        self.other.stop().await;
    }
}

fn two_workers() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Both servers run the same subscriptions for the same meal, several times each, while their members order by hand as well.
#[test]
fn a_subscription_books_a_meal_once_through_both() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let members = sign_up_all(&pair.one, 20).await;
        let meal = meals(&pair.other, 0, 1, 1500, 15).await[0];
        let mut subscriptions = Vec::new();
        for &member in &members {
            let create = CreateSubscription {
                owner: Subscriber::Member(member),
                members: Vec::new(),
                slot: Slot::Breakfast,
                weekdays: (1..=7).collect::<Vec<u8>>().try_into().expect("days"),
                first_date: "2020-01-01".parse().expect("a date"),
                last_date: None,
                notes: String::new().try_into().expect("a note"),
                pickup_window: None,
            };
            let created = pair.one.run(request(member, Command::CreateSubscription(create))).await.expect("created");
            let Outcome::Subscription { subscription } = created else { panic!("{created:?}") };
            subscriptions.push(subscription.id);
        }
        let runs = (0..6).flat_map(|round| subscriptions.iter().map(move |&subscription| (round, subscription)));
        let runs = runs.map(|(round, subscription)| {
            let command = Command::RunSubscription(RunSubscription { subscription, meal });
            pair.for_number(round).run(Request::by_house(command))
        });
        let by_hand = members.iter().take(5).map(|&member| pair.one.run(request(member, place_order(member, meal, 1))));
        let (runs, _) = join(join_all(runs), join_all(by_hand)).await;
        let mut said = BTreeMap::new();
        for run in runs {
            let Outcome::SubscriptionRun { run } = run.expect("run") else { panic!("no run") };
            let results = said.entry(run.subscription).or_insert_with(|| run.results.clone());
            assert_eq!(*results, run.results, "whoever asks is told the same");
        }
        assert_eq!(number(&pair.one, "SELECT COUNT(*) FROM subscription_runs").await, 20);
        assert_eq!(number(&pair.other, "SELECT COUNT(*) FROM meal_orders").await, 15, "sold out, and not more");
        pair.stop().await;
    });
}

const ERP_SECRET: &str = "a-secret-for-these-tests";
const PRODUCTS: &str = "/api/v1/partner/erp/products";

async fn push(service: &Service, list: &serde_json::Value, nonce: &str) {
    let (key, body) = (PartnerKey::new(ERP_SECRET).expect("long enough"), list.to_string().into_bytes());
    let request = Signed { method: "POST", path_and_query: PRODUCTS, body: &body };
    let headers = sign(&key, "erp", &request, service.now().as_millis() / 1000, nonce).expect("signs");
    let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let believed = service.believe_erp("POST", PRODUCTS, header, &body).await.expect("believed");
    service.take_erp_products(believed, PRODUCTS, &body).await.expect("taken");
}

/// The ERP pushes new products, each at both servers at once and in four messages. Says how many products there are afterwards.
async fn new_products(pair: &Pair, codes: usize) -> i64 {
    for code in 0..codes {
        let told = (0..4).map(async |sent| {
            let row = json!({"code": format!("C{code}"), "name_zh": "茶", "price_cents": 500});
            let list = json!({"event_id": format!("E{code}-{sent}"), "at": "2026-01-05T00:00:00Z", "products": [row]});
            push(pair.for_number(sent), &list, &format!("nonce-{code:08}-{sent:08}")).await;
        });
        join_all(told).await;
    }
    number(&pair.one, "SELECT COUNT(*) FROM products").await
}

fn a_code_of_the_erp_makes_one_product_through_both(home: Home) {
    two_workers().block_on(async {
        let pair = Pair::start_in(home).await;
        assert_eq!(new_products(&pair, 30).await, 30);
        for sql in [
            "SELECT COUNT(DISTINCT product_id) FROM erp_products",
            "SELECT COUNT(*) FROM audits WHERE action = 'product.create'",
        ] {
            assert_eq!(number(&pair.other, sql).await, 30, "{sql}");
        }
        assert_eq!(number(&pair.other, "SELECT COUNT(*) FROM exceptions").await, 0);
        pair.stop().await;
    });
}

#[test]
fn a_code_of_the_erp_makes_one_product_on_postgres() {
    a_code_of_the_erp_makes_one_product_through_both(Home::Postgres(fresh_database()));
}

#[test]
fn a_code_of_the_erp_makes_one_product_on_sqlite() {
    a_code_of_the_erp_makes_one_product_through_both(Home::Sqlite(testing::TempDir::new()));
}

/// The key of what the ERP's codes mean is what keeps them apart: no lock is taken on a row that is not there yet.
#[test]
fn without_their_key_codes_of_the_erp_make_several_products() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        tamper(&pair.home, "ALTER TABLE erp_products DROP CONSTRAINT erp_products_pkey", &[]).await;
        assert!(new_products(&pair, 60).await > 60, "the race never came to a collision, so it proves nothing");
        pair.stop().await;
    });
}

#[test]
fn buyers_race_through_both() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let members = sign_up_all(&pair.one, 40).await;
        let meals = meals(&pair.other, 0, 60, 1500, 7).await;
        let mut placed = 0;
        let mut ids = BTreeSet::new();
        for some in meals.chunks(6) {
            let asked = members
                .iter()
                .enumerate()
                .flat_map(|(at, &member)| some.iter().map(move |&meal| (at + meal.get() as usize, member, meal)));
            let asked =
                asked.map(|(at, member, meal)| pair.for_number(at).run(request(member, place_order(member, meal, 1))));
            for outcome in join_all(asked).await {
                match outcome {
                    Ok(outcome) => {
                        placed += 1;
                        assert!(ids.insert(order_of(outcome).order.id), "an id was given twice");
                    }
                    Err(failure) => assert_eq!(code(&failure), Code::CapacityExceeded),
                }
            }
        }
        assert_eq!(placed, 60 * 7, "every portion is sold, and once");
        assert_eq!(number(&pair.other, "SELECT COUNT(*) FROM meal_orders").await, placed);
        pair.stop().await;
    });
}

#[test]
fn orders_and_cancels_cross_without_a_deadlock() {
    two_workers().block_on(async {
        // A deadlock has to be seen as one, before the lanes' own limit for a lock is over.
        let home = Home::Postgres(fresh_database());
        let name = home.url().rsplit('/').next().and_then(|name| name.split('?').next()).expect("a name").to_owned();
        tamper(&home, &format!("ALTER DATABASE {name} SET deadlock_timeout = '50ms'"), &[]).await;
        let pair = Pair::start_in(home).await;
        let members = sign_up_all(&pair.one, 6).await;
        let meals = meals(&pair.one, 0, 8, 1500, 1000).await;
        for round in 0..40 {
            // Every batch takes several pools and the wallets of the same members, on both sides, in any order; and money comes
            // in for some of them at the same time, which takes wallets and names no meal.
            let mut asked = Vec::new();
            let mut granted = Vec::new();
            for (at, &member) in members.iter().enumerate() {
                for (number, &meal) in meals.iter().enumerate() {
                    let order = request(member, place_order(member, meal, 1));
                    asked.push(pair.for_number(at + number + round).run(order));
                }
                for number in (0..2).filter(|_| at >= members.len() / 2) {
                    let (amount, reason) =
                        (100.try_into().expect("an amount"), String::new().try_into().expect("a note"));
                    let grant = Command::Grant(Grant { member, amount, reason });
                    granted.push(pair.for_number(at + number).run(Request::by_house(grant)));
                }
            }
            let (placed, granted) = join(join_all(asked), join_all(granted)).await;
            assert!(granted.iter().all(Result::is_ok), "{granted:?}");
            let orders: Vec<_> = placed.into_iter().map(|order| order_of(order.expect("placed")).order).collect();
            let cancels = orders.iter().enumerate().rev().map(|(at, order)| {
                let (order, meal) = (order.id, order.meal);
                let command = Command::CancelOrder(CancelOrder { order, meal });
                pair.for_number(at / 3).run(request(orders[at].member, command))
            });
            for canceled in join_all(cancels).await {
                canceled.expect("canceled");
            }
        }
        books_are_right(&pair.one).await;
        pair.one.stop().await;
        pair.other.stop().await;
        // The server counts when a connection ends.
        let Pair { home, one, other } = pair;
        drop((one, other));
        let mut outsider = home.outsider().await;
        let mut read =
            async |sql| outsider.query(sql, &[]).await.expect("read").remove(0).cells().int().expect("a number");
        eventually("all connections are gone", async || {
            read("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()").await == 1
        })
        .await;
        let deadlocks = read("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await;
        assert_eq!(deadlocks, 0, "who locks in one order waits, and never in vain");
    });
}

#[test]
fn one_key_through_both_is_one_order() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let members = sign_up_all(&pair.one, 60).await;
        let meal = meals(&pair.one, 0, 1, 1500, 1000).await[0];
        let (same, different) = members.split_at(30);
        let ask =
            |at, member, key: &'static str| pair.for_number(at).run(keyed(member, key, place_order(member, meal, 1)));
        let both = same.iter().map(|&member| join(ask(0, member, "k"), ask(1, member, "k")));
        for (one, other) in join_all(both).await {
            assert_eq!(one.expect("placed"), other.expect("answered"));
        }
        let both = different.iter().map(|&member| join(ask(0, member, "k"), ask(1, member, "l")));
        for (one, other) in join_all(both).await {
            let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
            winner.expect("one of them is placed");
            assert_eq!(code(&loser.expect_err("both were placed")), Code::DuplicateOrder);
        }
        assert_eq!(number(&pair.one, "SELECT COUNT(*) FROM meal_orders").await, 60);
        pair.stop().await;
    });
}

#[test]
fn one_person_and_one_date_through_both() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let names: Vec<_> = (0..30).map(|number| format!("li-{number}")).collect();
        let enter = |service: &Service, name: &str| {
            let (service, request) = (service.clone(), sign_in(service, name));
            async move {
                match service.run(request).await.expect("signed in") {
                    Outcome::Session(session) => (session.member.id, session.created),
                    other => panic!("{other:?}"),
                }
            }
        };
        // In opposite orders, so that each holds a key that the other wants.
        let there = join_all(names.iter().map(|name| enter(&pair.one, name)));
        let back = join_all(names.iter().rev().map(|name| enter(&pair.other, name)));
        let (there, back) = join(there, back).await;
        for (one, other) in there.into_iter().zip(back.into_iter().rev()) {
            assert_eq!(one.0, other.0, "one person is one member");
            assert_ne!(one.1, other.1, "one of them made it");
        }

        let make = |service: &Service, at: usize| {
            let service = service.clone();
            async move { service.run(Request::by_house(create_meal(at, 100, 1))).await }
        };
        let there = join_all((0..20).map(|at| make(&pair.one, at)));
        let back = join_all((0..20).rev().map(|at| make(&pair.other, at)));
        let (there, back) = join(there, back).await;
        for (one, other) in there.into_iter().zip(back.into_iter().rev()) {
            let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
            winner.expect("one of them is made");
            assert_eq!(code(&loser.expect_err("both were made")), Code::BusinessRule);
        }
        assert_eq!(number(&pair.one, "SELECT COUNT(*) FROM meals").await, 20);
        pair.stop().await;
    });
}

#[test]
fn locking_in_one_ends_ordering_in_the_other() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let members = sign_up_all(&pair.one, 20).await;
        for meal in meals(&pair.one, 0, 15, 1500, 100).await {
            let orders = members
                .iter()
                .enumerate()
                .map(|(at, &member)| pair.for_number(at).run(request(member, place_order(member, meal, 1))));
            let step = |step| pair.other.run(Request::by_house(Command::MealStep(MealStep { meal, step })));
            let (orders, locked) = join(join_all(orders), step(Step::Lock)).await;
            let mut placed = 0;
            for order in orders {
                match order {
                    Ok(_) => placed += 1,
                    Err(failure) => assert_eq!(code(&failure), Code::MealNotOpen),
                }
            }
            let Outcome::Meal(locked) = locked.expect("locked") else { panic!("a meal") };
            assert_eq!(locked.orders_changed, placed);
        }
        pair.stop().await;
    });
}

#[test]
fn a_lost_node_number_is_replaced() {
    two_workers().block_on(async {
        let pair = Pair::start().await;
        let members = sign_up_all(&pair.one, 2).await;
        let meals = meals(&pair.one, 0, 40, 1500, 100).await;
        // Both sleep so long that somebody else takes their numbers.
        let far = i64::MAX / 2;
        let sql = format!("UPDATE nodes SET holder = 'thief', lease_until = {far}");
        tamper(&pair.home, &sql, &[]).await;
        let taken = number(&pair.one, "SELECT COUNT(*) FROM nodes").await;
        assert_eq!(taken, 2);
        let mut ids = BTreeSet::new();
        let mut next = 0;
        let is_back = async || {
            let (meal, member) = (meals[next % 40], members[next / 40]);
            next += 1;
            let order = pair.for_number(next).run(request(member, place_order(member, meal, 1))).await;
            match order {
                Ok(outcome) => assert!(ids.insert(order_of(outcome).order.id), "an id was given twice"),
                Err(failure) => assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}"),
            }
            number(&pair.one, "SELECT COUNT(*) FROM nodes").await == 4
        };
        eventually("both have another number", is_back).await;
        assert!(pair.one.health().await.trouble.is_none());
        pair.stop().await;
    });
}
