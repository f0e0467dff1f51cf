//! `kill -9` while the job gives back what unpaid orders held: each order is released once, or not yet.

#![cfg(test)]

mod common;

use std::time::Duration;

use common::{Home, Process, ask, check, must_add_admin, sign_in_admin};
use store::{Store, Writer};

const ORDERS: i64 = 6000;
const ROUNDS: i64 = 3;
const RUN: &str = "/api/v1/admin/jobs/release-expired-orders/run";

#[test]
fn a_release_that_is_killed_goes_on_on_sqlite() {
    survive(&Home::sqlite());
}

#[test]
fn a_release_that_is_killed_goes_on_on_postgres() {
    survive(&Home::postgres());
}

fn survive(home: &Home) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = Process::world();
    must_add_admin(home);
    let mut server = Process::serve(home, world.address);
    let bearer = format!("Bearer {}", sign_in_admin(server.address));
    let body = format!(r#"{{"name_zh":"米","price_cents":100,"on_sale":true,"stock":{}}}"#, ORDERS * ROUNDS);
    let headers = [("Authorization", &*bearer)];
    let (_, made) = ask(server.address, "POST", "/api/v1/admin/products", &headers, &body).expect("answered");
    let product = made["data"]["product_id"].as_i64().expect("an id");
    let (_, me) = ask(server.address, "GET", "/api/v1/auth/me", &headers, "").expect("answered");
    let member = me["data"]["user_id"].as_i64().expect("an id");
    let mut outsider = runtime.block_on(outsider(home));

    for round in 0..ROUNDS {
        runtime.block_on(hold(&mut outsider, round, product, member));
        let (address, bearer) = (server.address, bearer.clone());
        let running = std::thread::spawn(move || drop(ask(address, "POST", RUN, &[("Authorization", &bearer)], "")));
        // Each round the blow falls at another place.
        let blow = ORDERS * round + ORDERS / 8 * (1 + 2 * round);
        wait_for(&runtime, &mut outsider, |released, _| released >= blow);
        server.kill();
        running.join().expect("no panic");
        let half = "SELECT COUNT(*) FROM shop_orders AS o JOIN holds AS h ON h.order_id = o.order_id \
                    WHERE (o.status = 'expired') <> (h.state = 'released')";
        assert_eq!(runtime.block_on(number(&mut outsider, half)), 0, "an order and its claim end together");
        // Whoever comes next need not wait for the dead server's lease.
        let lease = "UPDATE job_runs SET lease_until = 1 WHERE state = 'running'";
        runtime.block_on(outsider.script(lease)).expect("changed");
        server = Process::serve(home, world.address);
        wait_for(&runtime, &mut outsider, |_, pending| pending == 0);
        let told = "SELECT COUNT(*) FROM audits WHERE action = 'shop_order.expire'";
        assert_eq!(runtime.block_on(number(&mut outsider, told)), ORDERS * (round + 1), "each is released once");
        let (right, printed) = check(home);
        assert!(right, "{printed}");
    }
}

async fn outsider(home: &Home) -> Writer {
    Store::new(&home.url()).expect("an address").writer().await.expect("a connection")
}

async fn number(writer: &mut Writer, sql: &str) -> i64 {
    let rows = writer.query(sql, &[]).await.expect("read");
    rows.into_iter().next().expect("a row").cells().int().expect("a number")
}

/// Orders that were not paid in time, each with its piece.
async fn hold(writer: &mut Writer, round: i64, product: i64, member: i64) {
    let first = 1_000_000 + round * ORDERS;
    let n = format!(
        "WITH RECURSIVE n (i) AS (SELECT CAST({first} AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {first} + {ORDERS})"
    );
    writer.begin().await.expect("begun");
    for sql in [
        format!("UPDATE pools SET taken = taken + {ORDERS}, version = version + 1 WHERE pool_id = {product}"),
        format!("INSERT INTO holds {n} SELECT i, {product}, 1, 'held', 1, 0 FROM n"),
        format!(
            "INSERT INTO shop_orders {n} SELECT i, 'SHOP' || i, {member}, 'pieces', {product}, NULL, 1, 100, 0, 100, 'wechat', NULL, \
             '', '[]', 'pending', NULL, 1, NULL, NULL, 0, 0, 0, NULL FROM n"
        ),
    ] {
        writer.query(&sql, &[]).await.expect("written");
    }
    writer.commit().await.expect("committed");
}

fn wait_for(runtime: &tokio::runtime::Runtime, outsider: &mut Writer, is_so: impl Fn(i64, i64) -> bool) {
    let of = |status| format!("SELECT COUNT(*) FROM shop_orders WHERE status = '{status}'");
    for _ in 0..60_000 {
        let released = runtime.block_on(number(outsider, &of("expired")));
        let pending = runtime.block_on(number(outsider, &of("pending")));
        if is_so(released, pending) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("it never comes");
}
