//! What a cabinet vendor tells us, signed as every partner signs.

use std::net::Ipv4Addr;

use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use kernel::Code;
use serde_json::json;
use service::EventKind;

use super::{refused, said, single};
use crate::App;
use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::failure::Failure;
use crate::frame::Sender;

const CODES: &[Code] = &[Code::InvalidSignature, Code::Unavailable];

pub(crate) fn orders() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/cabinet/orders",
            id: "takeCabinetOrder",
            tag: Tag::Cabinets,
            summary: "A vendor tells what was taken",
            description: "`{event_id, request_id, device_code, order_no, amount_cents, items: [{product_code, quantity, \
                unit_price_cents}]}`, with no items where nothing was taken. Answered when it is on disk; the same event again is \
                answered like the first and done once.",
            codes: CODES,
        },
        |app, parts, body| take(app, EventKind::Orders, parts, body),
    )
}

pub(crate) fn exceptions() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/cabinet/exceptions",
            id: "takeCabinetException",
            tag: Tag::Cabinets,
            summary: "A vendor tells of something wrong",
            description: "`{event_id, device_code, reason}` and whatever else there is to say: it goes before a person.",
            codes: CODES,
        },
        |app, parts, body| take(app, EventKind::Exceptions, parts, body),
    )
}

pub(crate) fn doors() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/cabinet/doors",
            id: "takeCabinetDoor",
            tag: Tag::Cabinets,
            summary: "A vendor tells of a door",
            description: "`{event_id, request_id, device_code, door: opened, closed or failed, at, reason}`, in any order.",
            codes: CODES,
        },
        |app, parts, body| take(app, EventKind::Doors, parts, body),
    )
}

pub(crate) fn devices() -> Endpoint {
    Endpoint::partner(
        Declaration {
            method: Method::POST,
            path: "/api/v1/callbacks/cabinet/devices",
            id: "takeCabinetDevice",
            tag: Tag::Cabinets,
            summary: "A vendor tells of a cabinet",
            description: "`{event_id, device_code, status: online or offline, at}`. What is older than what is known changes nothing.",
            codes: CODES,
        },
        |app, parts, body| take(app, EventKind::Devices, parts, body),
    )
}

async fn take(app: App, kind: EventKind, parts: Parts, body: Bytes) -> Result<Response, Failure> {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let sender = parts.extensions.get().and_then(|Sender(address)| *address);
    let sender = sender.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let header = |name: &str| single(&parts.headers, name);
    let believed = app.service().believe_cabinet_event(kind, target, &header, &body, sender).await.map_err(refused)?;
    app.throttles().partner(believed.partner(), app.service().now())?;
    app.service().take_cabinet_event(believed, kind, target, &body).await.map_err(refused)?;
    said(&json!({}))
}
