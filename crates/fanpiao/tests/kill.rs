//! `kill -9` in the middle of everything: what was acknowledged is there exactly once, and the books are right.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use common::{Home, Process, ask, check, create_meal, must_add_admin, sign_in, sign_in_admin};

const CALLERS: usize = 12;
const MEMBERS: usize = 48;
const MEALS: usize = 6;
const ROUNDS: usize = 3;

/// What became of one ask, by idempotency key: the order's id, or nothing where the connection broke.
type Fates = BTreeMap<String, Ask>;

#[derive(Clone)]
struct Ask {
    token: String,
    meal: i64,
    order: Option<i64>,
}

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    survive(&Home::sqlite());
}

#[test]
fn nothing_acknowledged_is_lost_on_postgres() {
    survive(&Home::postgres());
}

fn survive(home: &Home) {
    let world = Process::world();
    must_add_admin(home);
    let mut server = Process::serve(home, world.address);
    let tokens: Vec<_> = (0..MEMBERS).map(|at| sign_in(server.address, &format!("member{at}"))).collect();
    let mut fates = Fates::new();

    for round in 0..ROUNDS {
        let admin = sign_in_admin(server.address);
        let date = |meal: usize| format!("2030-{:02}-{:02}", round + 1, meal + 1);
        let meals: Vec<_> = (0..MEALS).map(|meal| create_meal(server.address, &admin, &date(meal), 1000)).collect();
        let asks: Vec<_> = (0..MEMBERS * MEALS)
            .map(|at| (format!("{round}-{at}"), tokens[at % MEMBERS].clone(), meals[at / MEMBERS]))
            .collect();
        // Each round the blow falls at another place.
        let blow = asks.len() / 8 * (1 + round * 2);
        fates.extend(place_until_killed(server, asks, blow));
        server = Process::serve(home, world.address);

        for (key, ask) in &mut fates {
            let again = place(server.address, key, ask).expect("the server is back");
            assert!(again.is_some(), "{key} is refused");
            assert!(ask.order.is_none() || ask.order == again, "{key} was order {:?} and is {again:?}", ask.order);
            ask.order = again;
        }
        for meal in meals {
            let bearer = format!("Bearer {admin}");
            let path = format!("/api/v1/meals/{meal}");
            let (_, answer) = ask(server.address, "GET", &path, &[("Authorization", &bearer)], "").expect("answered");
            let here = fates.values().filter(|ask| ask.meal == meal).count();
            assert_eq!(answer["data"]["ordered_quantity"], here, "every order of meal {meal} exactly once");
        }
        let (right, printed) = check(home);
        assert!(right, "{printed}");
    }
}

/// Places orders from many threads and kills the server when `blow` of them are acknowledged.
fn place_until_killed(server: Process, asks: Vec<(String, String, i64)>, blow: usize) -> Fates {
    let (next, address) = (AtomicUsize::new(0), server.address);
    let (fates, grown) = (Mutex::new(Fates::new()), Condvar::new());
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while let Some((key, token, meal)) = asks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut ask = Ask { token: token.clone(), meal: *meal, order: None };
                    let placed = place(address, key, &ask);
                    let broken = placed.is_err();
                    ask.order = placed.ok().flatten();
                    fates.lock().expect("whole").insert(key.clone(), ask);
                    grown.notify_all();
                    if broken {
                        return;
                    }
                }
            });
        }
        let acknowledged = |fates: &mut Fates| fates.values().filter(|ask| ask.order.is_some()).count() < blow;
        drop(grown.wait_while(fates.lock().expect("whole"), acknowledged).expect("whole"));
        server.kill();
    });
    fates.into_inner().expect("whole")
}

fn place(server: SocketAddr, key: &str, order: &Ask) -> std::io::Result<Option<i64>> {
    let headers = [("Authorization", &*format!("Bearer {}", order.token)), ("Idempotency-Key", key)];
    let body = format!(r#"{{"meal_id":{},"quantity":1}}"#, order.meal);
    let (_, answer) = ask(server, "POST", "/api/v1/orders", &headers, &body)?;
    Ok(answer["data"]["order_id"].as_i64())
}
