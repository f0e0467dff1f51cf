//! Clocks that jump, and the courier that goes by them.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use common::{
    Home, Place, both_engines, eventually, meals, order_of, place_order, request, settings, sign_up_all, start, tamper,
};
use kernel::{Instant, OrderId};
use service::{Ambient, Delivering, Delivery, Failure, Service, System};
use store::{OutboxRow, Store, Value};
use tokio::sync::Semaphore;

const HOUR_MS: i64 = 3_600_000;

/// The machine's clock, set wrong by so much.
struct Clock(AtomicI64);

impl Ambient for Clock {
    fn now(&self) -> Instant {
        System.now().plus_millis(self.0.load(SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        System.fill(bytes);
    }
}

async fn start_by(url: &str, clock: &Arc<Clock>) -> Service {
    let store = Store::new(url).expect("an address");
    Service::start(store, Arc::clone(clock) as Arc<dyn Ambient>, settings()).await.expect("started")
}

both_engines! {
    async fn a_clock_that_jumps_stops_nothing_for_long(place: Place) {
        place.service.stop().await;
        let clock = Arc::new(Clock(AtomicI64::new(0)));
        let service = start_by(&place.home.url(), &clock).await;
        let members = sign_up_all(&service, 1).await;
        let meals = meals(&service, 0, 30, 100, 10).await;
        let order = async |at: usize| -> Result<OrderId, Failure> {
            let asked = service.run(request(members[0], place_order(members[0], meals[at], 1)));
            Ok(order_of(asked.await?).order.id)
        };
        let mut last = order(0).await.expect("placed");
        for (at, jump) in [HOUR_MS, -2 * HOUR_MS, HOUR_MS].into_iter().enumerate() {
            clock.0.fetch_add(jump, SeqCst);
            let mut next = None;
            eventually("it orders again", async || {
                match order(1 + at).await {
                    Ok(id) => next = Some(id),
                    // The node's number has run out by this clock, until the heart beats again.
                    Err(Failure::Unavailable { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
                next.is_some()
            })
            .await;
            let next = next.expect("an order");
            assert!(next > last, "ids grow whatever the clock does");
            last = next;
        }
        common::books_are_right(&service).await;
        service.stop().await;
    }

    /// The machine dies and comes back with a clock from before, so its number is still somebody's and it takes another one.
    async fn a_restart_by_an_old_clock_writes_nothing_under_a_seal(place: Place) {
        place.service.stop().await;
        let clock = Arc::new(Clock(AtomicI64::new(0)));
        let service = start_by(&place.home.url(), &clock).await;
        sign_up_all(&service, 3).await;
        assert!(service.seal_audit(service.now().plus_millis(HOUR_MS)).await.expect("sealed") > 0);
        service.stop().await;
        tamper(&place.home, "UPDATE nodes SET lease_until = ids_until", &[]).await;
        clock.0.fetch_sub(2 * HOUR_MS, SeqCst);
        let again = start_by(&place.home.url(), &clock).await;
        assert_eq!(common::number(&again, "SELECT COUNT(*) FROM nodes WHERE lease_until > 0").await, 2, "another number");
        meals(&again, 0, 3, 100, 10).await;
        common::books_are_right(&again).await;
        again.stop().await;
    }

    async fn deliveries_survive_a_panic(place: Place) {
        place.service.stop().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut with_courier = settings();
        with_courier.deliveries = vec![Box::new(Panics), Box::new(Notes(Arc::clone(&seen)))];
        for (id, topic) in [(1, "panics"), (2, "notes"), (3, "nobody's")] {
            owe(&place.home, id, topic).await;
        }
        let service = start(&place.home.url(), with_courier).await;
        eventually("all are tried", async || {
            let tried = "SELECT COUNT(*) FROM outbox WHERE attempts > 0 AND leased_until = 0 OR state = 'delivered'";
            common::number(&service, tried).await == 3
        })
        .await;
        assert_eq!(*seen.lock().unwrap(), [2]);
        owe(&place.home, 4, "notes").await;
        eventually("the next is delivered", async || seen.lock().unwrap().len() == 2).await;
        let rows = service.store().query("SELECT last_error FROM outbox WHERE last_error IS NOT NULL ORDER BY message_id", vec![]);
        let errors: Vec<_> = rows.await.unwrap().into_iter().map(|row| row.cells().text().unwrap()).collect();
        assert_eq!(errors, ["the delivery panicked", "nobody delivers \"nobody's\""]);
        service.stop().await;
    }

    async fn stopping_waits_for_the_delivery_at_hand_only(place: Place) {
        place.service.stop().await;
        let (begun, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let mut with_courier = settings();
        with_courier.deliveries = vec![Box::new(Waits { begun: Arc::clone(&begun), go_on: Arc::clone(&go_on) })];
        for id in 1..=5 {
            owe(&place.home, id, "waits").await;
        }
        let service = start(&place.home.url(), with_courier).await;
        drop(begun.acquire().await.expect("open"));
        let stopping = tokio::spawn({ let service = service.clone(); async move { service.stop().await } });
        while !service.is_stopping() {
            tokio::task::yield_now().await;
        }
        go_on.add_permits(100);
        stopping.await.expect("stopped");
        let again = start(&place.home.url(), settings()).await;
        assert_eq!(common::number(&again, "SELECT COUNT(*) FROM outbox WHERE state = 'delivered'").await, 1);
        again.stop().await;
    }
}

async fn owe(home: &Home, id: i64, topic: &str) {
    let sql = "INSERT INTO outbox (message_id, topic, body, state, due_at, attempts, leased_until, created_at) \
               VALUES ($1, $2, '{}', 'waiting', 0, 0, 0, 0)";
    tamper(home, sql, &[Value::Int(id), topic.into()]).await;
}

struct Panics;

impl Delivery for Panics {
    fn topic(&self) -> &'static str {
        "panics"
    }

    fn deliver<'a>(&'a self, _: &'a Service, _: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async { panic!("as it must not") })
    }
}

struct Notes(Arc<Mutex<Vec<i64>>>);

impl Delivery for Notes {
    fn topic(&self) -> &'static str {
        "notes"
    }

    fn deliver<'a>(&'a self, _: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        self.0.lock().expect("nobody panicked").push(message.id);
        Box::pin(async { Ok(()) })
    }
}

struct Waits {
    begun: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

impl Delivery for Waits {
    fn topic(&self) -> &'static str {
        "waits"
    }

    fn deliver<'a>(&'a self, _: &'a Service, _: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async {
            self.begun.add_permits(1);
            self.go_on.acquire().await.expect("open").forget();
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clocks_that_disagree_make_different_ids() {
    let home = Home::Postgres(testing::postgres::fresh_database());
    let (late, right) = (Arc::new(Clock(AtomicI64::new(-HOUR_MS))), Arc::new(Clock(AtomicI64::new(0))));
    let one = start_by(&home.url(), &late).await;
    // By the right clock the late one's lease has long ended, so it takes over its number.
    let other = start_by(&home.url(), &right).await;
    let members = sign_up_all(&other, 40).await;
    let meals = meals(&other, 0, 30, 100, 1000).await;
    let mut ids = BTreeSet::new();
    for &meal in &meals {
        for (at, &member) in members.iter().enumerate() {
            let service = if at % 2 == 0 { &one } else { &other };
            let order = service.run(request(member, place_order(member, meal, 1))).await.expect("placed");
            assert!(ids.insert(order_of(order).order.id), "an id was given twice");
        }
    }
    common::books_are_right(&one).await;
    one.stop().await;
    other.stop().await;
}
