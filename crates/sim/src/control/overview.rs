use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::log::Entry;
use crate::pay;
use crate::world::Shared;

/// Lists on the page show the newest of so many.
const MOST: usize = 200;

pub(super) async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let now_ms = shared.config.clock.business_ms();
    let appid = &shared.config.appid;
    let people = shared.mini.people();
    let mut book = shared.pay.book();
    let person = |(openid, name): &(String, String)| json!({"openid": openid, "name": name, "allows_score": book.is_permitted(openid)});
    let people: Vec<_> = people.iter().map(person).collect();
    Json(json!({
        "people": people,
        "orders": pay::show_orders(&book, now_ms, MOST),
        "payments": book.payments.values().rev().take(MOST).collect::<Vec<_>>(),
        "refunds": pay::show_refunds(&book, MOST),
        "service_orders": pay::show_service_orders(&book, appid, now_ms, MOST),
        "permissions": pay::show_permissions(&book, MOST),
        "notices": pay::show_notices(&book, MOST),
    }))
}

pub(super) async fn books(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.pay.book();
    let (paid, refunded) = book.totals();
    Json(json!({
        "paid_total": paid,
        "refunded_total": refunded,
        "payments": book.payments.len(),
        "refunds": book.refunds.len(),
    }))
}

pub(super) async fn calls(State(shared): State<Arc<Shared>>) -> Json<Vec<Entry>> {
    Json(shared.log.list())
}
