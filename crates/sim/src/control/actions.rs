use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::faults::Fault;
use crate::pay::{self, CannotPay, OrderState, Paying, Wanted};
use crate::settings::RefundOutcome;
use crate::world::Shared;

pub(crate) type Answer = Result<Json<Value>, Problem>;

/// Why something was not done.
pub(crate) struct Problem {
    status: StatusCode,
    text: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.text}))).into_response()
    }
}

pub(crate) fn problem(status: StatusCode, text: impl Into<String>) -> Problem {
    Problem { status, text: text.into() }
}

/// An empty body is an empty object.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| problem(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// Something that could be done, or the state forbids it.
fn done(was_done: bool) -> Answer {
    if was_done {
        Ok(Json(json!({"done": true})))
    } else {
        Err(problem(StatusCode::CONFLICT, "there is no such thing, or its state does not allow this"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    total: Option<i64>,
    openid: Option<String>,
    #[serde(default)]
    notice: Wanted,
}

pub(super) async fn pay_order(State(shared): State<Arc<Shared>>, Path(number): Path<String>, body: Bytes) -> Answer {
    let PayBody { total, openid, notice } = read(&body)?;
    pay(&shared, &number, Paying { total, openid, notice })
}

pub(super) fn pay(shared: &Shared, number: &str, paying: Paying) -> Answer {
    let paid = pay::pay(shared, &mut shared.pay.book(), number, paying);
    shared.pay.bell.notify_one();
    let why = match paid {
        Ok(transaction_id) => return Ok(Json(json!({"transaction_id": transaction_id}))),
        Err(CannotPay::NoSuchOrder) => return Err(problem(StatusCode::NOT_FOUND, "no such order")),
        Err(CannotPay::AlreadyPaid) => "already paid",
        Err(CannotPay::Closed) => "closed",
        Err(CannotPay::TooLate) => "too late: time_expire has passed",
    };
    Err(problem(StatusCode::CONFLICT, why))
}

pub(super) async fn close_order(State(shared): State<Arc<Shared>>, Path(number): Path<String>) -> Answer {
    let now_ms = shared.config.clock.business_ms();
    let mut book = shared.pay.book();
    let order = book.orders.get_mut(&number).filter(|order| order.state_at(now_ms) == OrderState::Unpaid);
    done(order.map(|order| order.state = OrderState::Closed).is_some())
}

pub(super) async fn send_notice(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let now_ms = shared.config.clock.business_ms();
    let was_done = pay::send_again(&mut shared.pay.book(), &id, now_ms);
    shared.pay.bell.notify_one();
    done(was_done)
}

pub(super) async fn lose_notice(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    done(pay::lose(&mut shared.pay.book(), &id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleBody {
    outcome: RefundOutcome,
}

pub(super) async fn settle_refund(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Answer {
    let SettleBody { outcome } = read(&body)?;
    let was_done = pay::settle(&shared, &mut shared.pay.book(), &number, outcome);
    shared.pay.bell.notify_one();
    done(was_done)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    openid: String,
}

pub(super) async fn confirm_service_order(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Answer {
    let Person { openid } = read(&body)?;
    let was_done = pay::confirm(&shared, &mut shared.pay.book(), &number, &openid);
    shared.pay.bell.notify_one();
    done(was_done)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectBody {
    total: Option<i64>,
}

pub(super) async fn pay_service_order(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Answer {
    let CollectBody { total } = read(&body)?;
    let was_done = pay::collect_by_hand(&shared, &mut shared.pay.book(), &number, total);
    shared.pay.bell.notify_one();
    done(was_done)
}

pub(super) async fn revoke_service_order(State(shared): State<Arc<Shared>>, Path(number): Path<String>) -> Answer {
    done(pay::revoke(&mut shared.pay.book(), &number, shared.config.clock.business_ms()))
}

pub(super) async fn open_permission(
    State(shared): State<Arc<Shared>>,
    Path(code): Path<String>,
    body: Bytes,
) -> Answer {
    let Person { openid } = read(&body)?;
    let was_done = pay::open_permission(&shared, &mut shared.pay.book(), &code, &openid);
    shared.pay.bell.notify_one();
    done(was_done)
}

pub(super) async fn close_permission(
    State(shared): State<Arc<Shared>>,
    Path(code): Path<String>,
    body: Bytes,
) -> Answer {
    let Person { openid } = read(&body)?;
    let was_done = pay::close_permission(&shared, &mut shared.pay.book(), &code, &openid);
    shared.pay.bell.notify_one();
    done(was_done)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreWanted {
    openid: String,
    allowed: bool,
}

pub(super) async fn change_pay_score(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let ScoreWanted { openid, allowed } = read(&body)?;
    let was_done = pay::allow_score(&shared, &mut shared.pay.book(), &openid, allowed);
    shared.pay.bell.notify_one();
    done(was_done)
}

pub(super) async fn list_faults(State(shared): State<Arc<Shared>>) -> Json<Vec<Fault>> {
    Json(shared.faults.list())
}

pub(super) async fn add_fault(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    shared.faults.add(read(&body)?);
    done(true)
}

pub(super) async fn clear_faults(State(shared): State<Arc<Shared>>) -> Answer {
    shared.faults.clear();
    done(true)
}

pub(super) async fn read_settings(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.settings()).into_response()
}

pub(super) async fn change_settings(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let changes: Map<String, Value> = read(&body)?;
    let settings = shared.settings().with(&changes);
    let settings = settings.ok_or_else(|| problem(StatusCode::UNPROCESSABLE_ENTITY, "an unknown field or value"))?;
    shared.set_settings(settings.clone());
    Ok(Json(settings).into_response())
}

fn clock(shared: &Shared) -> Json<Value> {
    let clock = &shared.config.clock;
    Json(json!({"now_ms": clock.now_ms(), "business_ms": clock.business_ms(), "speed": clock.speed()}))
}

pub(super) async fn read_clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    clock(&shared)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    #[serde(default)]
    advance_s: u32,
    speed: Option<u32>,
}

pub(super) async fn change_clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let ClockBody { advance_s, speed } = read(&body)?;
    shared.config.clock.advance_s(advance_s);
    if let Some(speed) = speed {
        shared.config.clock.set_speed(speed);
    }
    shared.pay.bell.notify_one();
    Ok(clock(&shared))
}
