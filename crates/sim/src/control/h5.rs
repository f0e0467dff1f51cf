use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::actions::{self, Answer, problem, read};
use crate::pay::Paying;
use crate::world::Shared;

/// Where an H5 payment leads. The script reads the address, pays, and goes to `redirect_url`.
pub(super) async fn show() -> Response {
    super::page("text/html; charset=utf-8", include_str!("h5.html"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    prepay_id: String,
}

pub(super) async fn pay(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let PayBody { prepay_id } = read(&body)?;
    let number = {
        let book = shared.pay.book();
        let order = book.orders.values().find(|order| order.prepay_id == prepay_id);
        order.map(|order| order.out_trade_no.clone())
    };
    let number = number.ok_or_else(|| problem(StatusCode::NOT_FOUND, "no such prepay_id"))?;
    actions::pay(&shared, &number, Paying::default())
}
