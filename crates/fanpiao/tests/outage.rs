//! PostgreSQL goes away under a running server, and comes back.

#![cfg(test)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Process, ask, create_meal, sign_in, sign_in_admin};
use testing::postgres::{Cluster, fresh_database_on};

#[test]
fn a_stopped_postgres_is_said_clearly_and_survived() {
    let mut cluster = Cluster::start().expect("a cluster of its own");
    let home = common::Home::Postgres(fresh_database_on(&cluster.url()));
    let world = Process::world();
    common::must_add_admin(&home);
    let server = Process::serve(&home, world.address);
    let address = server.address;
    let admin = sign_in_admin(address);
    let meal = create_meal(address, &admin, "2030-01-01", 10);
    let member = sign_in(address, "li");
    assert_eq!(status(address, "GET", "/health/ready", "", ""), 200);

    cluster.crash().expect("stopped");
    let (refused, answer) = order(address, &member, meal);
    assert_eq!(refused, 503, "{answer}");
    assert_eq!(answer["error_code"], "SERVICE_UNAVAILABLE", "{answer}");
    assert_eq!(status(address, "GET", "/health/ready", "", ""), 503);
    assert_eq!(status(address, "GET", "/health/live", "", ""), 200);

    cluster.restart().expect("started again");
    until(|| order(address, &member, meal).0 == 200);
    until(|| status(address, "GET", "/health/ready", "", "") == 200);
    let (right, printed) = common::check(&home);
    assert!(right, "{printed}");
}

fn order(server: SocketAddr, token: &str, meal: i64) -> (u16, serde_json::Value) {
    let headers = [("Authorization", &*format!("Bearer {token}")), ("Idempotency-Key", "the-one")];
    let body = format!(r#"{{"meal_id":{meal},"quantity":1}}"#);
    ask(server, "POST", "/api/v1/orders", &headers, &body).expect("answered")
}

fn status(server: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> u16 {
    ask(server, method, path, &[("Authorization", &format!("Bearer {token}"))], body).expect("answered").0
}

/// Waits for something that has to come, however busy the machine is.
fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("waited a minute in vain");
}
