//! What a person or a test does to the simulated world. All bodies are JSON; an empty one means `{}`.
//!
//! | call | what |
//! |---|---|
//! | `GET /sim/` | the page |
//! | `GET /sim/state` | orders, payments, refunds, pay score orders, permissions, people who have signed in, notifications |
//! | `GET /sim/books` | `{paid_total, refunded_total, payments, refunds}`, in fen |
//! | `GET /sim/calls` | the last calls to `/v3/…` with the faults that hit them, and those for a token |
//! | `POST /sim/orders/{out_trade_no}/pay` | `{total, openid, notice}`: the payer pays; another `total` is a wrong amount |
//! | `POST /sim/orders/{out_trade_no}/close` | WeChat closes it |
//! | `POST /sim/pay` | `{prepay_id}`: the same payment, by what the front end was given |
//! | `POST /sim/notices/{id}/send`, `…/lose` | sends a notification now; keeps it from being sent |
//! | `POST /sim/refunds/{out_refund_no}/settle` | `{outcome}`: SUCCESS, ABNORMAL, CLOSED |
//! | `POST /sim/service-orders/{out_order_no}/confirm` | `{openid}` |
//! | `POST /sim/service-orders/{out_order_no}/pay` | `{total}`; the person pays on the order's page, or something else than was asked for |
//! | `POST /sim/service-orders/{out_order_no}/revoke` | WeChat gives up on it |
//! | `POST /sim/permissions/{authorization_code}/open`, `…/close` | `{openid}` |
//! | `POST /sim/people/pay-score` | `{openid, allowed}`: the same, whoever asked for it |
//! | `GET`, `POST`, `DELETE /sim/faults` | lists, adds (`{kind, path, method, times, skip, ms}`), removes all |
//! | `GET`, `POST /sim/settings` | reads, changes some fields |
//! | `GET`, `POST /sim/clock` | reads; `{advance_s, speed}` |
//! | `/sim/cabinets/…` | see [`crate::cabinet`] |
//! | `/sim/erp/…` | see [`crate::erp`] |
//! | `GET /sim/robots` | see [`crate::robots`] |
//! | `GET /sim/mail` | see [`crate::mail`] |
//! | `POST /sim/codes`, `/sim/people`, `/sim/phone-codes`, `GET /sim/messages` | see [`crate::mini`] |
//!
//! `notice` is `{lose, delay_s, copies, forge: [probe, wrong_key, unknown_serial, stale, tampered, unsigned, wrong_seal]}`: forged copies go first,
//! the genuine one follows by WeChat's schedule.

mod actions;
mod h5;
mod overview;

pub(crate) use actions::{Answer, problem, read};

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::world::Shared;
use crate::{cabinet, erp, mail, mini, robots};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/", get(async || page("text/html; charset=utf-8", include_str!("page.html"))))
        .route("/sim/page.js", get(async || page("text/javascript; charset=utf-8", include_str!("page.js"))))
        .route("/sim/state", get(overview::state))
        .route("/sim/books", get(overview::books))
        .route("/sim/calls", get(overview::calls))
        .route("/sim/pay", get(h5::show).post(h5::pay))
        .route("/sim/h5.js", get(async || page("text/javascript; charset=utf-8", include_str!("h5.js"))))
        .route("/sim/orders/{number}/pay", post(actions::pay_order))
        .route("/sim/orders/{number}/close", post(actions::close_order))
        .route("/sim/notices/{id}/send", post(actions::send_notice))
        .route("/sim/notices/{id}/lose", post(actions::lose_notice))
        .route("/sim/refunds/{number}/settle", post(actions::settle_refund))
        .route("/sim/service-orders/{number}/confirm", post(actions::confirm_service_order))
        .route("/sim/service-orders/{number}/pay", post(actions::pay_service_order))
        .route("/sim/service-orders/{number}/revoke", post(actions::revoke_service_order))
        .route("/sim/permissions/{code}/open", post(actions::open_permission))
        .route("/sim/permissions/{code}/close", post(actions::close_permission))
        .route("/sim/people/pay-score", post(actions::change_pay_score))
        .route("/sim/faults", get(actions::list_faults).post(actions::add_fault).delete(actions::clear_faults))
        .route("/sim/settings", get(actions::read_settings).post(actions::change_settings))
        .route("/sim/clock", get(actions::read_clock).post(actions::change_clock))
        .merge(mini::control_routes())
        .merge(cabinet::control_routes())
        .merge(erp::control_routes())
        .merge(robots::control_routes())
        .merge(mail::control_routes())
        .layer(from_fn(only_from_here))
}

/// Pages of other sites, open in the same browser, must not press these buttons or read these books.
async fn only_from_here(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) { next.run(request).await } else { StatusCode::FORBIDDEN.into_response() }
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(host) = text(HOST) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    is_loopback && text(ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

fn page(content_type: &'static str, text: &'static str) -> Response {
    let policy =
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'";
    ([(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, policy)], text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::is_from_here;

    #[test]
    fn other_sites_are_kept_out() {
        for (host, origin, expected) in [
            ("127.0.0.1:9000", None, true),
            ("localhost:9000", Some("http://localhost:9000"), true),
            ("[::1]:9000", None, true),
            ("127.0.0.1:9000", Some("https://evil.example"), false),
            ("127.0.0.1:9000", Some("http://127.0.0.1:8080"), false),
            ("127.0.0.1:9000", Some("null"), false),
            ("rebound.example:9000", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().expect("a value"));
            if let Some(origin) = origin {
                headers.insert("origin", origin.parse().expect("a value"));
            }
            assert_eq!(is_from_here(&headers), expected, "{host} {origin:?}");
        }
        assert!(!is_from_here(&HeaderMap::new()));
    }
}
