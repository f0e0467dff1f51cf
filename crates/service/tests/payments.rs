//! One payment, told of by two processes at once, with one protection after the other taken away. A test that passes with a
//! protection proves something only if it fails without it.
//!
//! - **The order's state** in the kernel answers the second one that it is settled; the tables of the kernel fail without it.
//! - **Versions** (`t.version = v.version`) see that the order has changed since it was read: it is not locked as it is read, so that
//!   two processes may both find it unpaid.
//! - **The unique transaction** sees two orders that name the same payment, each of them rightly unpaid.

#![cfg(test)]

mod common;

use common::{number, settings, sign_up_all, start};
use futures_util::future::join_all;
use kernel::{Cents, Command, CreateTopup, MemberId, Outcome, PayClient, PaymentSource, SettlePayment, Settled, Topup};
use service::{Request, Service};
use store::Store;
use testing::postgres::fresh_database;
use testing::proxy::Proxy;

const NO_VERSION: (&str, &str) = ("t.version = v.version", "v.version = v.version");
const ROUNDS: usize = 60;
const TELLERS: usize = 6;
const AMOUNT: i64 = 1000;

async fn topup(service: &Service, member: MemberId, order_no: String) -> Topup {
    let now = service.now();
    let create = CreateTopup {
        order_no,
        member,
        amount: AMOUNT.try_into().expect("a price"),
        client: PayClient::Native,
        expires_at: now.plus_millis(1_800_000),
        first_check_at: now.plus_millis(300_000),
    };
    match service.run(Request::by_house(Command::CreateTopup(create))).await {
        Ok(Outcome::Topup { topup, .. }) => topup,
        other => panic!("{other:?}"),
    }
}

/// Whether this one was credited. What the database refuses is told again by WeChat, and is no credit.
async fn tell(service: &Service, topup: &Topup, transaction_id: String) -> bool {
    let settle = SettlePayment {
        order_no: topup.order_no.clone(),
        topup: Some(topup.id),
        transaction_id,
        total: topup.amount,
        currency: "CNY".to_owned(),
        paid_at: service.now(),
        source: PaymentSource::Callback,
        pays_for: None,
    };
    let told = service.run(Request::by_house(Command::SettlePayment(settle))).await;
    matches!(told, Ok(Outcome::Settled { settled: Settled::Credited, .. }))
}

/// How much more than once anything was credited, over many rounds or until it happens; and what is in the wallet beyond that.
async fn race(rewrites: &[(&str, &str)], drop_index: bool, orders_of_payment: usize) -> (usize, i64) {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), rewrites);
    let services = [start(proxy.url(), settings()).await, start(proxy.url(), settings()).await];
    if drop_index {
        let mut outsider = Store::new(database.url()).expect("an address").writer().await.expect("a connection");
        outsider.begin().await.expect("begun");
        outsider.query("DROP INDEX topups_transaction", &[]).await.expect("dropped");
        outsider.commit().await.expect("committed");
    }
    let members = sign_up_all(&services[0], 1).await;
    let (mut extra, mut rounds) = (0, 0);
    while rounds < ROUNDS && extra == 0 {
        rounds += 1;
        let names = (0..orders_of_payment).map(|at| format!("RECH{rounds}-{at}"));
        let mut orders = Vec::new();
        for name in names {
            orders.push(topup(&services[0], members[0], name).await);
        }
        let told = (0..TELLERS).map(|at| tell(&services[at % 2], &orders[at / 2 % orders.len()], format!("T{rounds}")));
        let credited = join_all(told).await.into_iter().filter(|&credited| credited).count();
        assert!(credited >= 1, "the payment is lost");
        extra += credited - 1;
    }
    let credited = number(&services[0], "SELECT -balance FROM accounts WHERE account_id = 6").await;
    for service in services {
        service.stop().await;
    }
    let rounds = i64::try_from(rounds).expect("few");
    (extra, Cents::new(credited - rounds * AMOUNT).get())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_walls_a_payment_is_credited_once() {
    assert_eq!(race(&[], false, 1).await, (0, 0), "one order");
    assert_eq!(race(&[], false, 3).await, (0, 0), "three orders that name the same payment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_versions_an_order_is_credited_twice() {
    let (extra, cents) = race(&[NO_VERSION], false, 1).await;
    assert!(extra > 0 && cents > 0, "the race never came to a collision, so it proves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_unique_transaction_two_orders_have_one_payment() {
    let (extra, cents) = race(&[], true, 3).await;
    assert!(extra > 0 && cents > 0, "the race never came to a collision, so it proves nothing");
}
