//! `kill -9` within a batch of many orders: sent again under its key it is booked once, and says the same as often as it is asked.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use common::{Home, Process, ask, check, create_meal, fanpiao, must_add_admin, sign_in_admin};
use serde_json::{Value, json};

const ORDERS: usize = 20;
const MEMBERS: usize = 20;

#[test]
fn a_batch_is_booked_once_on_sqlite() {
    survive(&Home::sqlite());
}

#[test]
fn a_batch_is_booked_once_on_postgres() {
    survive(&Home::postgres());
}

/// A server, who asks it, and the department that is booked for.
struct Place<'a> {
    home: &'a Home,
    server: Option<Process>,
    token: String,
    department: i64,
    members: Vec<String>,
    batches: usize,
}

fn survive(home: &Home) {
    must_add_admin(home);
    let server = serve(home, None);
    let token = sign_in_admin(server.address);
    let mut place = Place { home, server: Some(server), token, department: 0, members: Vec::new(), batches: 0 };
    place.fill();

    // Where the lane is about to commit, and where it has committed and not answered.
    for (step, is_booked) in [("booking-written", false), ("booking-committed", true)] {
        let (key, body, meals) = place.batch();
        place.restart(Some(step));
        place.book(&key, &body).expect_err("the server dies");
        place.server.as_mut().expect("a server").died_of_kill(step);
        place.restart(None);
        let left = if is_booked { MEMBERS } else { 0 };
        meals.iter().for_each(|&meal| assert_eq!(place.ordered(meal), left, "{step}: what the dead server left"));
        place.is_booked_once(step, &key, &body, &meals);
    }
    // From outside, wherever it then is.
    for wait in [1, 3, 7, 15, 30, 60] {
        let (key, body, meals) = place.batch();
        let (address, token) = (place.address(), place.token.clone());
        let (sent_key, sent_body) = (key.clone(), body.clone());
        let caller = thread::spawn(move || book(address, &token, &sent_key, &sent_body));
        thread::sleep(Duration::from_millis(wait));
        place.restart(None);
        let first = caller.join().expect("joined");
        let again = place.is_booked_once(&format!("after {wait} ms"), &key, &body, &meals);
        if let Ok((status, answer)) = first {
            assert_eq!((status, &answer["data"]), (200, &again["data"]), "the first answer came and is another");
        }
    }
    let (right, printed) = check(home);
    assert!(right, "{printed}");
}

fn serve(home: &Home, crash_at: Option<&str>) -> Process {
    let mut command = fanpiao(home);
    // One administrator asks for everything.
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("FANPIAO_LIMITS__MEMBER_BURST", "0");
    if let Some(step) = crash_at {
        command.env("FANPIAO_CRASH_AT", step);
    }
    Process::start(&mut command)
}

fn book(server: SocketAddr, token: &str, key: &str, body: &Value) -> std::io::Result<(u16, Value)> {
    let headers = [("Authorization", &*format!("Bearer {token}")), ("Idempotency-Key", key)];
    ask(server, "POST", "/api/dining/enhanced/batch-orders", &headers, &body.to_string())
}

impl Place<'_> {
    fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("a server").address
    }

    /// Whatever the server is doing, `kill -9`; then another one.
    fn restart(&mut self, crash_at: Option<&str>) {
        drop(self.server.take());
        self.server = Some(serve(self.home, crash_at));
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let answer = ask(self.address(), "POST", path, &[("Authorization", &bearer)], &body.to_string());
        let (status, mut answer) = answer.expect("answered");
        assert_eq!(status, 200, "{answer}");
        answer["data"].take()
    }

    fn fill(&mut self) {
        let department = json!({"code": "KITCHEN", "name": "后厨", "pays": "department"});
        let made = self.post("/api/v1/admin/departments", &department);
        self.department = made["department_id"].as_i64().expect("an id");
        let member = |at: usize| {
            let member = json!({"nickname": format!("member {at}"), "department": "KITCHEN"});
            self.post("/api/v1/admin/members", &member)["uid"].as_str().expect("a uid").to_owned()
        };
        self.members = (0..MEMBERS).map(member).collect();
    }

    /// A key, a batch for meals of its own, and the meals.
    fn batch(&mut self) -> (String, Value, Vec<i64>) {
        self.batches += 1;
        let date = |at: usize| format!("20{:02}-01-{:02}", 30 + self.batches, at + 1);
        let meals = (0..ORDERS).map(|at| create_meal(self.address(), &self.token, &date(at), 1000)).collect();
        let members: Vec<_> = self.members.iter().map(|uid| json!({"userId": uid})).collect();
        let order = |at| json!({"date": date(at), "mealType": "lunch", "members": members, "remark": "忌辣"});
        let orders: Vec<_> = (0..ORDERS).map(order).collect();
        let body = json!({"departmentId": self.department.to_string(), "orders": orders});
        (format!("batch-{}", self.batches), body, meals)
    }

    fn book(&self, key: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        book(self.address(), &self.token, key, body)
    }

    fn ordered(&self, meal: i64) -> usize {
        let bearer = format!("Bearer {}", self.token);
        let path = format!("/api/v1/meals/{meal}");
        let answer = ask(self.address(), "GET", &path, &[("Authorization", &bearer)], "");
        let (_, answer) = answer.expect("answered");
        let ordered = answer["data"]["ordered_quantity"].as_u64().expect("a number");
        usize::try_from(ordered).expect("small")
    }

    /// Sends the batch again, twice, and then another one under its key.
    fn is_booked_once(&self, what: &str, key: &str, body: &Value, meals: &[i64]) -> Value {
        let (status, again) = self.book(key, body).expect("the server is back");
        assert_eq!(status, 200, "{what}: {again}");
        let data = &again["data"];
        assert_eq!((&data["successCount"], &data["failedCount"]), (&json!(ORDERS), &json!(0)), "{what}: {data}");
        let orders = data["orders"].as_array().expect("orders");
        let ids: BTreeSet<_> = orders.iter().map(|order| order["orderId"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), ORDERS, "{what}");
        let (_, once_more) = self.book(key, body).expect("answered");
        assert_eq!(once_more["data"], again["data"], "{what}: the same answer");
        for &meal in meals {
            assert_eq!(self.ordered(meal), MEMBERS, "{what}: every order of meal {meal} exactly once");
        }
        let mut other = body.clone();
        other["orders"][0]["remark"] = json!("不忌辣");
        let (status, refused) = self.book(key, &other).expect("answered");
        assert_eq!((status, &refused["error_code"]), (409, &json!("IDEMPOTENCY_CONFLICT")), "{what}");
        again
    }
}
