//! Shop orders that are paid at the simulated WeChat: in time, late, twice, with a wrong amount, while they expire or are cancelled. WeChat's
//! books, the wallet's and the shop's agree after each.

use futures_util::future::join_all;
use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Home, Person, on_both_engines};
use crate::topups::Till;

const MINUTE_MS: i64 = 60_000;
const RELEASE: &str = "release-expired-orders";

impl Till {
    async fn product(&self, stock: i64) -> i64 {
        let body = json!({"name_zh": "大米", "price_cents": 1500, "on_sale": true, "stock": stock});
        let made = self.server.ask("POST /api/v1/admin/products").by(&self.admin).json(&body).await;
        made.data()["product_id"].as_i64().expect("an id")
    }

    async fn stock(&self, product: i64) -> i64 {
        let shown = self.server.ask(&format!("GET /api/v1/products/{product}")).by(&self.member).send().await;
        shown.data()["stock"].as_i64().expect("a number")
    }

    async fn order(&self, product: i64) -> String {
        self.order_by(&self.member, product).await
    }

    async fn order_by(&self, person: &Person, product: i64) -> String {
        let body = json!({"product_id": product, "quantity": 1, "pay_with": "wechat"});
        let made = self.server.ask("POST /api/v1/shop/orders").by(person).json(&body).await;
        made.data()["order_no"].as_str().expect("a number").to_owned()
    }

    async fn ask_to_pay(&self, order_no: &str, body: Value) -> Answer {
        self.server.ask(&format!("POST /api/v1/shop/orders/{order_no}/pay")).by(&self.member).json(&body).await
    }

    /// The number under which WeChat knows it.
    async fn begin(&self, order_no: &str) -> String {
        let begun = self.ask_to_pay(order_no, json!({"client": "native"})).await;
        let payment = &begun.data()["payment"];
        assert!(payment["code_url"].is_string(), "{payment}");
        payment["order_no"].as_str().expect("a number").to_owned()
    }

    async fn shown(&self, order_no: &str) -> Value {
        let shown = self.server.ask(&format!("GET /api/v1/shop/orders/{order_no}")).by(&self.member).send().await;
        shown.data().clone()
    }

    async fn asked(&self, order_no: &str) -> Value {
        let asked =
            self.server.ask(&format!("POST /api/v1/shop/orders/{order_no}/query")).by(&self.member).send().await;
        asked.data().clone()
    }

    async fn until_order_is(&self, order_no: &str, status: &str) -> Value {
        for _ in 0..600 {
            let shown = self.shown(order_no).await;
            if shown["status"] == status {
                return shown;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{order_no} never was {status}: {}", self.shown(order_no).await);
    }

    /// The wallet has `cents`, and our account at WeChat has what WeChat says.
    async fn all_agree(&self, cents: i64) {
        assert_eq!(self.balance().await, cents);
        let books = self.books().await;
        let there = books["paid_total"].as_i64().expect("a sum") - books["refunded_total"].as_i64().expect("a sum");
        let ours = self.number("SELECT -balance FROM accounts WHERE account_id = 6", Vec::new()).await;
        assert_eq!(ours, there, "{books}");
        self.server.books_are_right().await;
    }

    async fn sim_order(&self, payment_no: &str) -> String {
        let state = self.state().await;
        let orders = state["orders"].as_array().expect("orders");
        let order = orders.iter().find(|order| order["out_trade_no"] == payment_no).expect("WeChat knows it");
        order["state"].as_str().expect("a state").to_owned()
    }

    async fn refund_is_through(&self, payment_no: &str) {
        let refund = self.number("SELECT COUNT(*) FROM refunds", Vec::new()).await;
        assert!(refund > 0, "{payment_no} has no refund");
        let sql = "SELECT COUNT(*) FROM refunds WHERE state IN ('asked', 'processing')";
        for _ in 0..600 {
            if self.number(sql, Vec::new()).await == 0 {
                return;
            }
            // The courier tries again when the clock says so.
            self.server.clock.advance_ms(500);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the refund of {payment_no} does not end");
    }
}

on_both_engines! {
    by Till::open;

    async fn an_order_is_paid_by_every_client(till: Till) {
        let rice = till.product(9).await;
        for (client, way) in [("jsapi", "pay_params"), ("native", "code_url"), ("h5", "h5_url")] {
            let order_no = till.order(rice).await;
            let begun = till.ask_to_pay(&order_no, json!({"pay_with": "wechat", "client": client})).await.data().clone();
            let payment = &begun["payment"];
            assert!(!payment[way].is_null(), "{payment}");
            assert_eq!((&begun["status"], &payment["amount_cents"]), (&json!("pending"), &json!(1500)));
            assert_eq!(payment["expires_at"], begun["expires_at"], "not later than our own deadline");
            let payment_no = payment["order_no"].as_str().expect("a number").to_owned();
            assert!(payment_no.starts_with("SPAY"), "{payment_no}");
            // Asked again it is the same payment.
            let again = till.ask_to_pay(&order_no, json!({"client": client})).await;
            assert_eq!(again.data()["payment"]["order_no"], json!(payment_no));
            till.pay(&payment_no, json!({})).await;
            let paid = till.until_order_is(&order_no, "paid").await;
            assert_eq!((&paid["payment_status"], &paid["payments"][0]["status"]), (&json!("paid"), &json!("paid")));
            till.ask_to_pay(&order_no, json!({"client": client})).await.failed(400, "INVALID_STATUS_TRANSITION");
        }
        assert_eq!(till.stock(rice).await, 6);
        till.all_agree(0).await;
        let topups = till.server.ask("GET /api/v1/recharge/orders").by(&till.member).send().await;
        assert_eq!(topups.data()["total_count"], json!(0), "what pays for an order is no top-up of one's own");
        let both = till.order(rice).await;
        assert_eq!(till.ask_to_pay(&both, json!({"pay_with": "balance", "client": "native"})).await.wrong_fields(), ["client"]);
    }

    async fn a_lost_notice_is_made_up_for_when_the_person_comes_back(till: Till) {
        let rice = till.product(2).await;
        let (first, second) = (till.order(rice).await, till.order(rice).await);
        for order_no in [&first, &second] {
            let payment_no = till.begin(order_no).await;
            till.pay(&payment_no, json!({"notice": {"lose": true}})).await;
        }
        assert_eq!(till.asked(&first).await["status"], "paid");
        assert_eq!(till.shown(&second).await["status"], "pending");
        till.pass(5 * MINUTE_MS).await;
        assert_eq!(till.run_job("order-compensation").await["success"], 1);
        assert_eq!(till.shown(&second).await["status"], "paid");
        let other = till.server.person(Role::Member).await;
        for what in ["POST", "GET"] {
            let place = if what == "POST" { format!("POST /api/v1/shop/orders/{first}/query") } else { format!("GET /api/v1/shop/orders/{first}") };
            till.server.ask(&place).by(&other).send().await.failed(403, "PERMISSION_DENIED");
        }
        let place = format!("POST /api/v1/shop/orders/{first}/pay");
        till.server.ask(&place).by(&other).json(&json!({"client": "native"})).await.failed(403, "PERMISSION_DENIED");
        till.all_agree(0).await;
    }

    async fn a_wrong_amount_fulfils_nothing(till: Till) {
        let rice = till.product(1).await;
        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        till.pay(&payment_no, json!({"total": 1, "notice": {"copies": 3}})).await;
        let asked = till.asked(&order_no).await;
        assert_eq!((&asked["status"], &asked["fulfillment_status"]), (&json!("pending"), &json!("pending")));
        let exceptions = till.exceptions().await;
        assert_eq!((exceptions.len(), &exceptions[0]["kind"]), (1, &json!("amount_mismatch")));
        assert_eq!(till.balance().await, 0);
        // Past its deadline it waits for a person: a payment has reached it.
        till.pass(31 * MINUTE_MS).await;
        assert_eq!(till.run_job(RELEASE).await["released"], 0);
        assert_eq!(till.shown(&order_no).await["status"], "pending");
        assert_eq!(till.stock(rice).await, 1, "and yet it holds nothing up");
        let resolve = format!("POST /api/v1/admin/exceptions/{}/resolve", exceptions[0]["exception_id"]);
        till.server.ask(&resolve).by(&till.admin).json(&json!({"action": "credit", "note": "called"})).await.data();
        assert_eq!(till.balance().await, 1);
        assert_eq!(till.run_job(RELEASE).await["released"], 1);
        till.all_agree(1).await;
    }

    async fn an_order_is_asked_about_and_closed_before_it_expires(till: Till) {
        let rice = till.product(3).await;
        let (paid, unpaid, plain) = (till.order(rice).await, till.order(rice).await, till.order(rice).await);
        let (paid_no, unpaid_no) = (till.begin(&paid).await, till.begin(&unpaid).await);
        till.pay(&paid_no, json!({"notice": {"lose": true}})).await;
        till.pass(30 * MINUTE_MS).await;
        till.fault(json!({"kind": "system_error", "path": "/v3/pay/transactions", "times": 20})).await;
        let counts = till.run_job(RELEASE).await;
        assert_eq!((&counts["released"], &counts["settled"], &counts["unanswered"]), (&json!(1), &json!(0), &json!(2)), "{counts}");
        assert_eq!(till.shown(&plain).await["status"], "expired");
        till.clear_faults().await;
        // It asks again after a while, longer after each time in vain.
        till.pass(6 * MINUTE_MS).await;
        let counts = till.run_job(RELEASE).await;
        assert_eq!((&counts["released"], &counts["settled"], &counts["unanswered"]), (&json!(1), &json!(1), &json!(0)), "{counts}");
        assert_eq!(till.shown(&paid).await["status"], "paid");
        let expired = till.shown(&unpaid).await;
        assert_eq!((&expired["status"], &expired["payments"][0]["status"]), (&json!("expired"), &json!("expired")));
        let state = till.sim_order(&unpaid_no).await;
        assert_eq!(state, "CLOSED");
        assert_eq!(till.stock(rice).await, 2);
        till.all_agree(0).await;
    }

    async fn money_that_comes_late_goes_back_by_itself(till: Till) {
        let rice = till.product(1).await;
        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        till.pay(&payment_no, json!({"notice": {"lose": true}})).await;
        // The deadline is a predicate: the piece is the next buyer's, whether WeChat has been asked or not.
        till.pass(31 * MINUTE_MS).await;
        let wang = till.server.person(Role::Member).await;
        till.server.recharge(&till.admin, &wang, 1500).await;
        let body = json!({"product_id": rice, "quantity": 1, "pay_with": "balance"});
        till.server.ask("POST /api/v1/shop/orders").by(&wang).json(&body).await.data();
        assert_eq!(till.run_job(RELEASE).await["settled"], 1);
        let shown = till.shown(&order_no).await;
        assert_eq!((&shown["status"], &shown["payment_status"]), (&json!("refunded"), &json!("refunded")));
        assert!(shown["notes"].as_str().expect("notes").contains("支付到账时订单已失效，15.00 元原路退回"), "{shown}");
        till.refund_is_through(&payment_no).await;
        assert_eq!(till.shown(&order_no).await["payments"][0]["status"], "refunded");
        let audits = till.server.ask("GET /api/v1/admin/audit?action=shop_order.return").by(&till.admin).send().await;
        assert_eq!(audits.data()["records"].as_array().map(Vec::len), Some(1), "{}", audits.text);
        till.all_agree(0).await;
    }

    async fn a_cancelled_order_cannot_be_paid_and_a_paid_one_gives_the_money_back(till: Till) {
        let rice = till.product(2).await;
        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        let cancel = format!("DELETE /api/v1/shop/orders/{order_no}");
        assert_eq!(till.server.ask(&cancel).by(&till.member).send().await.data()["status"], "cancelled");
        assert_eq!(till.sim_order(&payment_no).await, "CLOSED");
        // Where WeChat cannot be reached it is cancelled all the same, and closed later.
        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        till.fault(json!({"kind": "system_error", "path": "/v3/pay/transactions", "times": 9})).await;
        let cancel = format!("DELETE /api/v1/shop/orders/{order_no}");
        assert_eq!(till.server.ask(&cancel).by(&till.member).send().await.data()["status"], "cancelled");
        till.clear_faults().await;
        till.pay(&payment_no, json!({})).await;
        let returned = till.until_order_is(&order_no, "refunded").await;
        assert_eq!(returned["payment_status"], "refunded");
        till.refund_is_through(&payment_no).await;

        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        till.pay(&payment_no, json!({})).await;
        till.until_order_is(&order_no, "paid").await;
        let cancel = format!("DELETE /api/v1/shop/orders/{order_no}");
        let cancelled = till.server.ask(&cancel).by(&till.member).send().await;
        assert_eq!((&cancelled.data()["status"], &cancelled.data()["balance_cents"]), (&json!("refunded"), &json!(0)));
        till.refund_is_through(&payment_no).await;
        assert_eq!(till.stock(rice).await, 2);
        till.all_agree(0).await;
    }

    async fn staff_refund_to_where_it_came_from_or_to_the_balance(till: Till) {
        let rice = till.product(2).await;
        let staff = till.server.person(Role::StoreStaff).await;
        let mut begun = 0;
        for (to, expected) in [(Some("balance"), 1500), (Some("origin"), 1500), (None, 1500)] {
            let order_no = till.order(rice).await;
            let payment_no = till.begin(&order_no).await;
            till.pay(&payment_no, json!({})).await;
            till.until_order_is(&order_no, "paid").await;
            let body = match to {
                Some(to) => json!({"reason": "破损", "refund_to": to}),
                None => json!({"reason": "破损"}),
            };
            let refund = format!("POST /api/v1/admin/shop/orders/{order_no}/refund");
            let tried = till.server.ask(&format!("{refund}?dry_run=true")).by(&staff).json(&body).await;
            let whence = if to == Some("balance") { "balance" } else { "wechat" };
            let numbers = json!({"refunded_cents": 1500, "to": whence, "pieces": 1, "shares": 0});
            assert_eq!(tried.data()["given_back"], numbers);
            assert_eq!(till.shown(&order_no).await["status"], "paid", "only tried");
            assert_eq!(till.number("SELECT COUNT(*) FROM refunds", Vec::new()).await, begun);
            let refunded = till.server.ask(&refund).by(&staff).json(&body).await;
            assert_eq!(refunded.data()["given_back"], numbers);
            assert_eq!(refunded.data()["status"], "refunded");
            if to != Some("balance") {
                begun += 1;
                till.refund_is_through(&payment_no).await;
            }
            assert_eq!(till.balance().await, expected);
        }
        let order_no = till.order(rice).await;
        till.ask_to_pay(&order_no, json!({})).await.data();
        let refund = format!("POST /api/v1/admin/shop/orders/{order_no}/refund");
        let body = json!({"reason": "破损", "refund_to": "origin"});
        till.server.ask(&refund).by(&staff).json(&body).await.failed(404, "NOT_FOUND");
        till.all_agree(0).await;
    }

    async fn two_ways_to_pay_never_cost_twice(till: Till) {
        let rice = till.product(2).await;
        let order_no = till.order(rice).await;
        let first = till.begin(&order_no).await;
        let second = till.ask_to_pay(&order_no, json!({"client": "h5"})).await.data()["payment"]["order_no"].clone();
        assert_ne!(second, json!(first));
        assert_eq!(till.sim_order(&first).await, "CLOSED", "before there is another one");
        till.server.recharge(&till.admin, &till.member, 1500).await;
        till.ask_to_pay(&order_no, json!({"pay_with": "balance"})).await.data();
        assert_eq!(till.sim_order(second.as_str().expect("a number")).await, "CLOSED");
        assert_eq!((till.balance().await, till.stock(rice).await), (0, 1));
        // One that was paid meanwhile is settled instead, and the balance is left alone.
        till.server.recharge(&till.admin, &till.member, 1500).await;
        let order_no = till.order(rice).await;
        let payment_no = till.begin(&order_no).await;
        till.pay(&payment_no, json!({"notice": {"lose": true}})).await;
        till.ask_to_pay(&order_no, json!({"pay_with": "balance"})).await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!((&till.shown(&order_no).await["status"], till.balance().await), (&json!("paid"), 1500));
        till.server.books_are_right().await;
    }

    async fn notices_race_the_release_and_a_new_buyer(till: Till) {
        let rice = till.product(6).await;
        let wang = till.server.person(Role::Member).await;
        till.server.recharge(&till.admin, &wang, 100_000).await;
        let mut orders = Vec::new();
        for _ in 0..3 {
            let order_no = till.order(rice).await;
            let payment_no = till.begin(&order_no).await;
            orders.push((order_no, payment_no));
        }
        till.pass(29 * MINUTE_MS + 30_000).await;
        for (_, payment_no) in &orders {
            till.pay(payment_no, json!({"notice": {"lose": true}})).await;
        }
        till.pass(MINUTE_MS).await;
        let buys = (0..4).map(|_| {
            let body = json!({"product_id": rice, "quantity": 1, "pay_with": "balance"});
            let (server, wang) = (&till.server, &wang);
            async move { server.ask("POST /api/v1/shop/orders").by(wang).json(&body).await.status }
        });
        let queries = orders.iter().map(|(order_no, _)| till.asked(order_no));
        let job = till.server.ask("POST /api/v1/admin/jobs/release-expired-orders/run").by(&till.admin).send();
        let (bought, _, _) = tokio::join!(join_all(buys), join_all(queries), job);
        let bought = bought.into_iter().filter(|&status| status == 200).count() as i64;
        let mut kept = 0;
        for (order_no, _) in &orders {
            let shown = till.asked(order_no).await;
            kept += i64::from(shown["status"] == "paid");
            assert!(shown["status"] == "paid" || shown["status"] == "refunded", "{shown}");
        }
        assert_eq!((bought, till.stock(rice).await), (4, 6 - 4 - kept));
        assert_eq!(kept, 2, "what was left went to those who had paid");
        till.refund_is_through(&orders[0].1).await;
        till.all_agree(0).await;
    }

    /// The process may end between any two steps of it: what WeChat has done and nobody here knows of is found out again.
    async fn a_release_that_breaks_off_at_wechat_is_taken_up_again(till: Till) {
        let rice = till.product(20).await;
        for (path, method) in [("/close", "POST"), ("/out-trade-no/", "GET")] {
            for kind in ["drop_before", "drop_after", "bad_gateway_after", "tampered"] {
                let (paid, unpaid) = (till.order(rice).await, till.order(rice).await);
                let (paid_no, unpaid_no) = (till.begin(&paid).await, till.begin(&unpaid).await);
                till.pay(&paid_no, json!({"notice": {"lose": true}})).await;
                till.pass(31 * MINUTE_MS).await;
                till.fault(json!({"kind": kind, "path": path, "method": method, "times": 2})).await;
                till.run_job(RELEASE).await;
                till.clear_faults().await;
                for order_no in [&paid, &unpaid] {
                    let status = till.shown(order_no).await["status"].clone();
                    assert!(["pending", "paid", "expired"].contains(&status.as_str().expect("a word")), "{kind} {path}: {status}");
                }
                // Long enough for whatever was asked about in vain.
                for _ in 0..3 {
                    till.pass(21 * MINUTE_MS).await;
                    till.run_job(RELEASE).await;
                }
                assert_eq!(till.shown(&paid).await["status"], "paid", "{kind} {path}");
                assert_eq!(till.shown(&unpaid).await["status"], "expired", "{kind} {path}");
                assert_eq!(till.sim_order(&unpaid_no).await, "CLOSED");
            }
        }
        assert_eq!(till.stock(rice).await, 12);
        till.all_agree(0).await;
    }

    async fn the_daily_bill_knows_the_shop(till: Till) {
        let rice = till.product(3).await;
        let (first, lost) = (till.order(rice).await, till.order(rice).await);
        let (first_no, lost_no) = (till.begin(&first).await, till.begin(&lost).await);
        till.pay(&first_no, json!({})).await;
        till.until_order_is(&first, "paid").await;
        till.pay(&lost_no, json!({"notice": {"lose": true}})).await;
        till.pass(24 * 60 * MINUTE_MS).await;
        let counts = till.run_job("reconciliation").await;
        assert_eq!((&counts["payments"], &counts["credited"], &counts["exceptions"]), (&json!(2), &json!(1), &json!(0)), "{counts}");
        assert_eq!(till.shown(&lost).await["status"], "paid", "there was stock left");
        assert!(till.exceptions().await.is_empty());
        till.all_agree(0).await;
    }
}

#[tokio::test]
async fn nobody_begins_a_payment_in_the_last_minute() {
    let till = Till::open(Home::sqlite()).await;
    let rice = till.product(1).await;
    let order_no = till.order(rice).await;
    till.pass(29 * MINUTE_MS).await;
    let late = till.ask_to_pay(&order_no, json!({"client": "native"})).await;
    late.failed(400, "INVALID_STATUS_TRANSITION");
}
