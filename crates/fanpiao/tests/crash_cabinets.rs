//! `kill -9` between each two steps of a door: afterwards there is one opening, one order, and it was paid once, in tickets or by WeChat.
//! And between those of the ERP: each product is there once, and a day's sales are one document. The steps are in
//! `crates/service/src/cabinets.rs`, `cabinet_events.rs`, `scores.rs`, `pay.rs` and `erp.rs`.

#![cfg(test)]

mod common;

use std::io;
use std::thread;
use std::time::Duration;

use common::till::Till;
use common::{Home, ask, check};
use kernel::Instant;
use serde_json::{Value, json};
use sim::mini::openid_of;

const LEASES_OVER: &str = "UPDATE outbox SET leased_until = 0, due_at = 0 WHERE state = 'waiting'";
const TICKETS: i64 = 20_000;
/// What one cola costs.
const COLA: i64 = 1_500;

fn admin_asks(till: &Till, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = till.ask_as(&till.admin, method, path, "", body).expect("the server is there");
    assert_eq!(status, 200, "{path}: {answer}");
    answer["data"].clone()
}

fn furnish(till: &Till) {
    let store = json!({
        "store_code": "S1", "store_name": "南山店", "store_type": "arcade", "store_property": "own", "address": "南山路 1 号",
    });
    let store = admin_asks(till, "POST", "/api/v1/admin/stores", &store)["store_id"].clone();
    let product = json!({"name_zh": "可乐", "price_cents": 300, "on_sale": true});
    let product = admin_asks(till, "POST", "/api/v1/admin/products", &product)["product_id"].clone();
    let device = json!({"device_code": "D1", "name": "一号柜", "store_id": store});
    let device = admin_asks(till, "POST", "/api/v1/admin/devices", &device)["device_id"].clone();
    let shelf = json!({"product_code": "COLA", "product_id": product, "price_cents": 300, "stock": 100});
    let planogram = json!({"products": [shelf], "version": 0});
    admin_asks(till, "PUT", &format!("/api/v1/admin/devices/{device}/planogram"), &planogram);
    let (_, me) = till.ask_as(&till.member, "GET", "/api/v1/auth/me", "", &Value::Null).expect("the server is there");
    let tickets = json!({"tickets": TICKETS, "reason": "活动"});
    admin_asks(till, "POST", &format!("/api/v1/admin/members/{}/tickets", me["data"]["user_id"]), &tickets);
    let online = json!({"event_id": "E-online", "device_code": "D1", "status": "online", "at": "2026-01-01T00:00:00Z"});
    until_taken("the cabinet is online", || tell(till, "devices", &online));
}

/// What the vendor is answered; nothing where nobody answers.
fn tell(till: &Till, kind: &str, event: &Value) -> Value {
    let url = format!("http://{}/api/v1/callbacks/cabinet/{kind}", till.door.address);
    let told = till.act("/sim/cabinets/events", &json!({"url": url, "event": event, "sent": ["genuine"]}));
    told["statuses"].clone()
}

fn settle(till: &Till, session: &str, colas: i64) -> Value {
    let item = json!({"product_code": "COLA", "quantity": colas, "unit_price_cents": 300});
    let event = json!({
        "event_id": format!("E-{session}"), "request_id": session, "device_code": "D1", "order_no": format!("V-{session}"),
        "amount_cents": 300 * colas, "items": [item],
    });
    tell(till, "orders", &event)
}

/// An error is a connection that broke.
fn open_door(till: &Till, pay: &str, key: &str) -> io::Result<String> {
    let body = json!({"device_code": "D1", "payment_type": pay});
    let (status, opened) = till.ask_as(&till.member, "POST", "/api/v1/cabinet/sessions", key, &body)?;
    assert_eq!(status, 200, "{opened}");
    Ok(opened["data"]["session_no"].as_str().expect("a number").to_owned())
}

/// As partners do, it is told again until the answer comes in time. A refusal is none.
fn until_taken(what: &str, tell: impl Fn() -> Value) {
    until(what, || {
        let answered = tell();
        assert!(answered == json!([200]) || answered == json!([null]), "{what}: {answered}");
        answered == json!([200])
    });
}

/// A server that dies answers nothing; one that is too slow is told again.
fn nobody_answers(step: &str, tell: impl Fn() -> Value) {
    for _ in 0..3 {
        assert_eq!(tell(), json!([null]), "{step}");
    }
}

fn until_the_vendor_is_asked(till: &Till, session: &str) {
    for _ in 0..600 {
        let (_, asked) = ask(till.world.address, "GET", "/sim/cabinets/doors", &[], "").expect("the world stands");
        if asked[session]["accepted"] == json!(true) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the vendor is never asked for {session}");
}

fn doors(mut till: Till) {
    furnish(&till);
    for (orders, step) in (1..).zip(["door-begun", "door-asked", "event-kept", "event-done"]) {
        till.serve_until(step);
        let key = till.key();
        let opened = open_door(&till, "ticket", &key);
        if step.starts_with("event") {
            let session = opened.expect("it dies later");
            until_the_vendor_is_asked(&till, &session);
            nobody_answers(step, || settle(&till, &session, 1));
        }
        till.come_back_after(step, &[LEASES_OVER]);
        let session = open_door(&till, "ticket", &key).expect("the server is back");
        until_the_vendor_is_asked(&till, &session);
        until_taken(step, || settle(&till, &session, 1));
        assert_eq!(till.number("SELECT COUNT(*) FROM door_sessions"), orders, "{step}: one opening");
        assert_eq!(till.number("SELECT COUNT(*) FROM door_sessions WHERE status = 'settled'"), orders, "{step}");
        assert_eq!(
            till.number("SELECT COUNT(*) FROM cabinet_orders WHERE status = 'paid'"),
            orders,
            "{step}: one order"
        );
        let left = till.number(
            "SELECT -a.balance - (SELECT b.balance FROM accounts AS b WHERE b.owner_kind = 'device' AND b.currency = 'TICKET') \
                                FROM accounts AS a WHERE a.account_id = 3",
        );
        assert_eq!(left, TICKETS - orders * COLA, "{step}: taken once");
        assert_eq!(till.number("SELECT COUNT(*) FROM exceptions"), 0, "{step}");
        let (right, printed) = check(&till.home);
        assert!(right, "{step}: {printed}");
    }
}

fn world(till: &Till, path: &str) -> Value {
    ask(till.world.address, "GET", path, &[], "").expect("the world stands").1
}

/// The member allows it on WeChat's page. Nothing is collected before somebody presses the button there.
fn allow_pay_score(till: &Till) {
    let path = "/api/v1/cabinet/pay-score";
    let (status, asked) = till.ask_as(&till.member, "POST", path, "", &Value::Null).expect("the server is there");
    assert_eq!(status, 200, "{asked}");
    let code = world(till, "/sim/state")["permissions"][0]["authorization_code"].as_str().expect("a code").to_owned();
    till.act(&format!("/sim/permissions/{code}/open"), &json!({"openid": openid_of("li")}));
    till.act("/sim/settings", &json!({"deduction_fails": true}));
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..2400 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: never");
}

/// WeChat has told all that it has to tell, and does not wait before it repeats what nobody has taken.
fn until_all_is_told(till: &Till) {
    until("all is told", || {
        let state = world(till, "/sim/state");
        let notices = state["notices"].as_array().expect("notices").iter();
        let waiting: Vec<_> = notices.filter(|notice| notice["state"] == "waiting").collect();
        for notice in &waiting {
            till.act(&format!("/sim/notices/{}/send", notice["id"].as_str().expect("an id")), &json!({}));
        }
        waiting.is_empty()
    });
}

fn is_at_wechat(till: &Till, session: &str, state: &str) -> bool {
    let all = world(till, "/sim/state");
    let orders = all["service_orders"].as_array().expect("orders");
    let mut orders = orders.iter().filter(|order| order["out_order_no"] == session);
    orders.next().is_some_and(|order| order["state"] == state || order["state_description"] == state)
}

fn openings_by_pay_score(mut till: Till) {
    furnish(&till);
    allow_pay_score(&till);
    let (asked, noted) = ("score-asked", "score-noted");
    let deaths =
        [("opening", asked), ("opening", noted), ("settling", asked), ("settling", noted), ("collecting", noted)];
    for (orders, (moment, step)) in (1..).zip(deaths) {
        let why = format!("{step} while {moment}");
        let key = till.key();
        if moment == "opening" {
            till.serve_until(step);
            // It may be answered before the server dies.
            drop(open_door(&till, "wechat", &key));
            till.come_back_after(step, &[LEASES_OVER]);
        }
        let session = open_door(&till, "wechat", &key).expect("the server is there");
        until_the_vendor_is_asked(&till, &session);
        until_all_is_told(&till);
        if moment == "settling" {
            till.serve_until(step);
            // It may be answered before the server dies, or not in time.
            for _ in 0..3 {
                if settle(&till, &session, 1) == json!([200]) {
                    break;
                }
            }
            till.come_back_after(step, &[LEASES_OVER]);
        }
        until_taken(&why, || settle(&till, &session, 1));
        until("WeChat is told", || is_at_wechat(&till, &session, "MCH_COMPLETE"));
        let is_noted = "SELECT COUNT(*) FROM score_orders WHERE status = 'completing'";
        until("it is noted", || till.number(is_noted) == 0);
        if moment == "collecting" {
            till.serve_until(step);
        }
        till.act(&format!("/sim/service-orders/{session}/pay"), &json!({}));
        if moment == "collecting" {
            till.come_back_after(step, &[]);
        }
        let are_paid = "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'paid' AND pay = 'wechat'";
        until("it is paid", || till.number(are_paid) == orders);
        until_all_is_told(&till);
        assert_eq!(till.number("SELECT COUNT(*) FROM cabinet_orders"), orders, "{why}: one order");
        assert_eq!(till.number("SELECT COUNT(*) FROM score_orders WHERE status = 'paid'"), orders, "{why}");
        let paid = orders * 300;
        let taken = "SELECT balance FROM accounts WHERE owner_kind = 'device' AND currency = 'CNY'";
        assert_eq!(till.number(taken), paid, "{why}: collected once");
        let state = world(&till, "/sim/books");
        assert_eq!((&state["paid_total"], &state["payments"]), (&json!(paid), &json!(orders)), "{why}: at WeChat too");
        let doors = world(&till, "/sim/cabinets/doors");
        let opened = doors.as_object().expect("doors").len();
        assert_eq!(i64::try_from(opened), Ok(orders), "{why}: one door an opening, however often it is asked for");
        assert_eq!(till.number("SELECT COUNT(*) FROM exceptions"), 0, "{why}");
        let (right, printed) = check(&till.home);
        assert!(right, "{why}: {printed}");
    }
}

/// Three colas that WeChat is collecting for; the opening's number and the order's.
fn collecting(till: &mut Till) -> (String, String) {
    let key = till.key();
    let session = open_door(till, "wechat", &key).expect("the server is there");
    until_the_vendor_is_asked(till, &session);
    until_taken("three colas", || settle(till, &session, 3));
    until("WeChat is told", || is_at_wechat(till, &session, "MCH_COMPLETE"));
    until("it is noted", || till.number("SELECT COUNT(*) FROM score_orders WHERE status = 'completing'") == 0);
    until_all_is_told(till);
    let (_, shown) = till
        .ask_as(&till.member, "GET", &format!("/api/v1/cabinet/sessions/{session}"), "", &Value::Null)
        .expect("there");
    let order_no = shown["data"]["order"]["order_no"].as_str().expect("a number").to_owned();
    (session, order_no)
}

/// WeChat has collected, and everybody knows it.
fn collect(till: &Till, session: &str) {
    till.act(&format!("/sim/service-orders/{session}/pay"), &json!({}));
    until_all_is_told(till);
    until("it is paid", || till.number("SELECT COUNT(*) FROM cabinet_orders WHERE status = 'unpaid'") == 0);
}

/// It were two colas. An error is a connection that broke.
fn correct(till: &Till, order_no: &str, key: &str) -> io::Result<()> {
    let body = json!({"items": [{"product_code": "COLA", "quantity": 2}], "reason": "点错了"});
    let path = format!("/api/v1/admin/cabinet/orders/{order_no}/correct");
    let (status, answer) = till.ask_as(&till.admin, "POST", &path, key, &body)?;
    assert_eq!(status, 200, "{answer}");
    Ok(())
}

/// So many orders, each paid once: what WeChat has collected and given back for them is what the books say.
fn agree(till: &Till, why: &str, [orders, collected, refunds]: [i64; 3]) {
    let books = world(till, "/sim/books");
    let sums = ["payments", "paid_total", "refunds", "refunded_total"].map(|name| books[name].as_i64().expect("a sum"));
    assert_eq!(sums, [orders, collected, refunds, 300 * refunds], "{why}: {books}");
    let taken = "SELECT balance FROM accounts WHERE owner_kind = 'device' AND currency = 'CNY'";
    assert_eq!(till.number(taken), 600 * orders, "{why}");
    assert_eq!(till.number("SELECT COUNT(*) FROM cabinet_corrections"), orders, "{why}: corrected once");
    assert_eq!(till.number("SELECT COUNT(*) FROM cabinet_orders WHERE order_type = 'surcharge'"), orders, "{why}");
    assert_eq!(till.number("SELECT COUNT(*) FROM exceptions"), 0, "{why}");
    let (right, printed) = check(&till.home);
    assert!(right, "{why}: {printed}");
}

/// WeChat is to collect less than it was told, and the server dies over telling it so, or over hearing that it has.
fn lower_what_is_collected(mut till: Till) {
    furnish(&till);
    allow_pay_score(&till);
    for (orders, (moment, step)) in
        (1..).zip([("lowering", "score-asked"), ("lowering", "score-noted"), ("collecting", "score-noted")])
    {
        let why = format!("{step} while {moment}");
        let (session, order_no) = collecting(&mut till);
        let key = till.key();
        if moment == "lowering" {
            till.serve_until(step);
            // It may be answered before the server dies.
            drop(correct(&till, &order_no, &key));
            till.come_back_after(step, &[LEASES_OVER]);
        }
        correct(&till, &order_no, &key).expect("the server is there");
        until("WeChat is told", || till.number("SELECT COUNT(*) FROM score_orders WHERE status = 'lowering'") == 0);
        if moment == "collecting" {
            till.serve_until(step);
            till.act(&format!("/sim/service-orders/{session}/pay"), &json!({}));
            till.come_back_after(step, &[]);
            until_all_is_told(&till);
        } else {
            collect(&till, &session);
        }
        until("it is paid", || till.number("SELECT COUNT(*) FROM cabinet_orders WHERE status = 'unpaid'") == 0);
        agree(&till, &why, [orders, 600 * orders, 0]);
    }
}

/// The server dies over asking WeChat to give back what it has collected, or over WeChat's word that it has.
fn give_back_what_was_collected(mut till: Till) {
    furnish(&till);
    allow_pay_score(&till);
    let deaths = [
        ("asking", "refund-claimed"),
        ("asking", "refund-taken"),
        ("asking", "refund-noted"),
        ("ending", "callback-kept"),
        ("ending", "refund-noted"),
        ("ending", "callback-processed"),
    ];
    for (orders, (moment, step)) in (1..).zip(deaths) {
        let why = format!("{step} while {moment}");
        let (session, order_no) = collecting(&mut till);
        collect(&till, &session);
        let key = till.key();
        if moment == "asking" {
            till.serve_until(step);
            // It may be answered before the server dies.
            drop(correct(&till, &order_no, &key));
            till.come_back_after(step, &[LEASES_OVER]);
            correct(&till, &order_no, &key).expect("the server is back");
        } else {
            // WeChat is slow about it, so that the server can be told where to die.
            till.act("/sim/settings", &json!({"refund_after_s": 86_400}));
            correct(&till, &order_no, &key).expect("the server is there");
            until("it is noted", || till.number("SELECT COUNT(*) FROM refunds WHERE state = 'processing'") == 1);
            till.serve_until(step);
            let state = world(&till, "/sim/state");
            let mut refunds = state["refunds"].as_array().expect("refunds").iter();
            let refund = refunds.find(|refund| refund["status"] == "PROCESSING").expect("a refund");
            let settle = format!("/sim/refunds/{}/settle", refund["out_refund_no"].as_str().expect("a number"));
            till.act(&settle, &json!({"outcome": "SUCCESS"}));
            till.come_back_after(step, &[]);
        }
        until_all_is_told(&till);
        until("it has gone back", || till.number("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'") == orders);
        till.nothing_waits(&why);
        agree(&till, &why, [orders, 900 * orders, orders]);
    }
}

#[test]
fn killed_while_pay_score_collects_less_on_sqlite() {
    lower_what_is_collected(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_pay_score_collects_less_on_postgres() {
    lower_what_is_collected(Till::open(Home::postgres()));
}

#[test]
fn killed_while_pay_score_gives_back_on_sqlite() {
    give_back_what_was_collected(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_pay_score_gives_back_on_postgres() {
    give_back_what_was_collected(Till::open(Home::postgres()));
}

#[test]
fn killed_while_pay_score_collects_on_sqlite() {
    openings_by_pay_score(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_pay_score_collects_on_postgres() {
    openings_by_pay_score(Till::open(Home::postgres()));
}

#[test]
fn killed_while_a_door_is_open_on_sqlite() {
    doors(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_a_door_is_open_on_postgres() {
    doors(Till::open(Home::postgres()));
}

/// What the ERP is answered to a list of products; nothing where nobody answers.
fn push(till: &Till, list: &Value) -> Value {
    let url = format!("http://{}/api/v1/partner/erp/products", till.door.address);
    let told = json!({"url": url, "event": list, "sent": ["genuine"], "protocol": "erp"});
    till.act("/sim/cabinets/events", &told)["statuses"].clone()
}

fn products(mut till: Till) {
    let odd = json!({"code": "TORN"});
    for (round, step) in (1..).zip(["event-kept", "products-taken"]) {
        till.serve_until(step);
        let row = |name: &str| json!({"code": format!("{name}-{round}"), "name_zh": name, "price_cents": 300});
        let list = json!({"event_id": step, "at": "2026-01-05T01:00:00Z", "products": [row("TEA"), &odd, row("BUN")]});
        nobody_answers(step, || push(&till, &list));
        till.come_back_after(step, &[]);
        until_taken(step, || push(&till, &list));
        until("it has an effect", || {
            till.number("SELECT COUNT(*) FROM partner_events WHERE processed_at IS NULL") == 0
        });
        for sql in ["SELECT COUNT(*) FROM products", "SELECT COUNT(DISTINCT product_id) FROM erp_products"] {
            assert_eq!(till.number(sql), round * 2, "{step}: {sql}");
        }
        assert_eq!(till.number("SELECT COUNT(*) FROM exceptions"), 1, "{step}: a person is asked once");
        let (right, printed) = check(&till.home);
        assert!(right, "{step}: {printed}");
    }
}

/// The sales of a day are told, the server dies before it knows, and tells them again: the ERP has one document.
fn sales(mut till: Till) {
    const DAY_BACK: [&str; 2] = [
        "UPDATE cabinet_orders SET paid_at = paid_at - 86400000",
        "UPDATE entries SET created_at = created_at - 86400000 WHERE order_id IN (SELECT order_id FROM cabinet_orders)",
    ];
    furnish(&till);
    let key = till.key();
    let session = open_door(&till, "ticket", &key).expect("the server is there");
    until_the_vendor_is_asked(&till, &session);
    until_taken("the day's sale", || settle(&till, &session, 1));
    DAY_BACK.iter().for_each(|sql| till.tamper(sql));
    let paid_at = Instant::from_millis(till.number("SELECT paid_at FROM cabinet_orders"));
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled");
    let resend = format!("/api/v1/admin/erp/sales/{}/resend", paid_at.date_in(&zone));

    till.serve_until("sales-told");
    // Whether the answer still comes is up to who is faster.
    drop(till.ask_as(&till.admin, "POST", &resend, "", &Value::Null));
    till.come_back_after("sales-told", &[LEASES_OVER]);
    until("all is told", || {
        till.number("SELECT COUNT(*) FROM outbox WHERE topic = 'erp-sales' AND state = 'waiting'") == 0
    });
    let (_, booked) = ask(till.world.address, "GET", "/sim/erp/sales", &[], "").expect("the world stands");
    assert!(booked["received"].as_i64() >= Some(2), "told twice: {booked}");
    let documents: Vec<_> = booked["documents"].as_object().expect("documents").values().collect();
    let [document] = documents[..] else { panic!("one document: {booked}") };
    assert_eq!(document["total_tickets"], COLA);
    assert_eq!(till.number("SELECT COUNT(*) FROM sales_documents"), 1);
}

#[test]
fn killed_while_the_erp_pushes_products_on_sqlite() {
    products(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_the_erp_pushes_products_on_postgres() {
    products(Till::open(Home::postgres()));
}

#[test]
fn killed_while_the_erp_is_told_of_sales_on_sqlite() {
    sales(Till::open(Home::sqlite()));
}

#[test]
fn killed_while_the_erp_is_told_of_sales_on_postgres() {
    sales(Till::open(Home::postgres()));
}
