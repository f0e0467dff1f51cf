use axum::http::{HeaderValue, Method, StatusCode};

use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::metrics;
use crate::reply;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn endpoint() -> Endpoint {
    let declared = Declaration {
        method: Method::GET,
        path: "/metrics",
        id: "metrics",
        tag: Tag::Operation,
        summary: "Counters and latencies",
        description: "As Prometheus reads them. No name and no id of a person is in them.",
        codes: &[],
    };
    Endpoint::page(declared, TEXT, |app, _| {
        let mut page = String::with_capacity(16 * 1024);
        app.metrics().write(&mut page);
        metrics::write_lanes(&mut page, app.service().metrics());
        metrics::write_jobs(&mut page, app.service());
        Ok(reply::response(StatusCode::OK, HeaderValue::from_static(TEXT), page))
    })
}
