//! `kill -9` between each two steps of a top-up, its payment and its refund: afterwards the member's balance, WeChat's books and ours
//! agree to the cent. The server kills itself where `FANPIAO_CRASH_AT` names a step; the steps are in `crates/service/src/pay.rs`.

#![cfg(test)]

mod common;

use std::thread;
use std::time::Duration;

use common::till::Till;
use common::{Home, ask};
use serde_json::json;

/// As if nobody had looked at a pending order for a long time, and a dead server's leases were over.
const MUCH_LATER: [&str; 3] = [
    "UPDATE topups SET next_check_at = 0 WHERE status = 'pending'",
    "UPDATE job_runs SET lease_until = 0 WHERE state = 'running'",
    "UPDATE callbacks SET received_at = 0 WHERE processed_at IS NULL",
];
const LEASES_OVER: &str = "UPDATE outbox SET leased_until = 0, due_at = 0 WHERE state = 'waiting'";

/// The answer to the person is lost; they ask once more under the same key, and pay.
fn create(till: &mut Till) {
    for (orders, step) in (1..).zip(["topup-asked", "topup-written", "prepay-taken", "prepay-noted"]) {
        till.serve_until(step);
        let key = till.key();
        till.create(&key).expect_err("the server dies");
        till.come_back_after(step, &[]);
        let order_no = till.create(&key).expect("the server is back");
        assert_eq!(
            till.number("SELECT COUNT(*) FROM topups"),
            orders,
            "{step}: one order, however often it is asked for"
        );
        till.pay(&order_no, &json!({}));
        till.until(&order_no, "paid");
        till.balance += 1000;
        till.agree(step);
    }
}

/// The server dies over a notification. WeChat repeats it.
fn settle_by_callback(till: &mut Till) {
    for step in ["callback-believed", "callback-kept", "payment-settled", "callback-processed"] {
        till.serve_until(step);
        let key = till.key();
        let order_no = till.create(&key).expect("it dies later");
        till.pay(&order_no, &json!({"copies": 3}));
        till.come_back_after(step, &[]);
        till.until(&order_no, "paid");
        till.balance += 1000;
        till.agree(step);
    }
}

/// The same, and WeChat does not repeat it: what is on disk has its effect by the jobs alone.
fn settle_alone(till: &mut Till) {
    for step in ["callback-kept", "payment-settled"] {
        till.serve_until(step);
        let key = till.key();
        let order_no = till.create(&key).expect("it dies later");
        till.pay(&order_no, &json!({}));
        till.server.died_of_kill(step);
        let (_, state) = ask(till.world.address, "GET", "/sim/state", &[], "").expect("the world stands");
        for notice in state["notices"].as_array().expect("notices") {
            let id = notice["id"].as_str().expect("an id");
            if notice["state"] == "waiting" {
                till.act(&format!("/sim/notices/{id}/lose"), &json!({}));
            }
        }
        till.come_back_after(step, &MUCH_LATER);
        till.until(&order_no, "paid");
        till.nothing_waits(step);
        till.balance += 1000;
        till.agree(step);
    }
}

/// The callback is lost, and the server dies over the member's query.
fn settle_by_query(till: &mut Till) {
    for step in ["query-answered", "payment-settled"] {
        till.serve_until(step);
        let key = till.key();
        let order_no = till.create(&key).expect("it dies later");
        till.pay(&order_no, &json!({"lose": true}));
        till.query(&order_no).expect_err("the server dies");
        till.come_back_after(step, &[]);
        let (status, found) = till.query(&order_no).expect("the server is back");
        assert_eq!((status, &found["data"]["status"]), (200, &json!("paid")), "{step}: {found}");
        till.balance += 1000;
        till.agree(step);
    }
}

/// The callback is lost, and the server dies in its own job.
fn settle_by_job(till: &mut Till) {
    for step in ["query-answered", "payment-settled"] {
        let key = till.key();
        let order_no = till.create(&key).expect("the server is there");
        till.pay(&order_no, &json!({"lose": true}));
        for sql in MUCH_LATER {
            till.tamper(sql);
        }
        // The job runs as the server starts.
        till.die_at(step);
        till.come_back_after(step, &MUCH_LATER);
        till.until(&order_no, "paid");
        till.balance += 1000;
        till.agree(step);
    }
}

/// The server dies between closing an order at WeChat and writing that down.
fn close(till: &mut Till) {
    let key = till.key();
    let order_no = till.create(&key).expect("the server is there");
    till.tamper("UPDATE topups SET next_check_at = 0, expires_at = 1 WHERE status = 'pending'");
    till.die_at("order-closed");
    till.come_back_after("order-closed", &MUCH_LATER);
    till.until(&order_no, "expired");
    till.agree("order-closed");
}

fn refund(till: &mut Till) {
    for (refunds, step) in (1..).zip(["refund-written", "refund-claimed", "refund-taken", "refund-noted"]) {
        let order_no = till.paid();
        till.serve_until(step);
        let key = till.key();
        let answered = till.refund(&order_no, &key);
        assert!(step != "refund-written" || answered.is_err(), "the server dies");
        till.come_back_after(step, &[LEASES_OVER]);
        till.refund(&order_no, &key).expect("the server is back");
        assert_eq!(
            till.number("SELECT COUNT(*) FROM refunds"),
            refunds,
            "{step}: one refund, however often it is asked for"
        );
        till.until(&order_no, "paid");
        till.balance -= 300;
        till.agree(step);
        let (_, books) = ask(till.world.address, "GET", "/sim/books", &[], "").expect("the world stands");
        assert_eq!(books["refunds"], json!(refunds), "{step}: {books}");
    }
}

/// The server dies over WeChat's word that a refund has arrived.
fn end_refund(till: &mut Till) {
    for step in ["callback-believed", "callback-kept", "refund-noted", "callback-processed"] {
        let order_no = till.paid();
        // WeChat is slow about it, so that the server can be told where to die.
        till.act("/sim/settings", &json!({"refund_after_s": 240}));
        let key = till.key();
        till.refund(&order_no, &key).expect("the server is there");
        let asked = "SELECT COUNT(*) FROM refunds WHERE state = 'asked'";
        for tries in 0.. {
            assert!(tries < 600, "{step}: WeChat is never asked");
            if till.number(asked) == 0 {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        till.serve_until(step);
        till.act("/sim/settings", &json!({"refund_after_s": 0}));
        till.act("/sim/clock", &json!({"advance_s": 240}));
        till.come_back_after(step, &[]);
        till.until(&order_no, "paid");
        till.balance -= 300;
        till.agree(step);
    }
}

macro_rules! on_both_engines {
    ($($sqlite:ident, $postgres:ident: $($act:ident),+;)+) => {$(
        #[test]
        fn $sqlite() {
            let mut till = Till::open(Home::sqlite());
            $($act(&mut till);)+
        }

        #[test]
        fn $postgres() {
            let mut till = Till::open(Home::postgres());
            $($act(&mut till);)+
        }
    )+};
}

on_both_engines! {
    killed_while_an_order_is_made_on_sqlite, killed_while_an_order_is_made_on_postgres: create;
    killed_while_a_payment_is_settled_on_sqlite, killed_while_a_payment_is_settled_on_postgres: settle_by_callback, settle_alone;
    killed_while_wechat_is_asked_on_sqlite, killed_while_wechat_is_asked_on_postgres: settle_by_query, settle_by_job, close;
    killed_while_a_refund_is_made_on_sqlite, killed_while_a_refund_is_made_on_postgres: refund;
    killed_while_a_refund_ends_on_sqlite, killed_while_a_refund_ends_on_postgres: end_refund;
}
