//! Our own protocol: the whole request is signed with HMAC-SHA256, and every event has an id and a time.

use kernel::{Cents, DoorSeen, Instant, Settlement, Taken};
use partner::signature::{self, PartnerKey, Request, SignatureError};
use serde::{Deserialize, Serialize};

use super::{Believed, DoorAnswer, EventId, Headers, Message, Opening, Protocol, Sent, Told, unreadable};
use crate::cabinet_events::EventKind;

pub(super) struct Signed(PartnerKey);

#[derive(Serialize)]
struct OpenRequest<'a> {
    request_id: &'a str,
    device_code: &'a str,
    expires_at: Option<Instant>,
    callback_url: &'a str,
}

#[derive(Deserialize)]
struct OpenAnswer {
    accepted: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct OrderEvent {
    request_id: String,
    device_code: String,
    order_no: String,
    amount_cents: i64,
    items: Vec<OrderItem>,
}

#[derive(Deserialize)]
struct OrderItem {
    product_code: String,
    quantity: i64,
    unit_price_cents: Option<i64>,
}

#[derive(Deserialize)]
struct DoorEvent {
    request_id: String,
    device_code: String,
    door: Door,
    at: Instant,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Door {
    Opened,
    Closed,
    Failed,
}

#[derive(Deserialize)]
struct DeviceEvent {
    device_code: String,
    status: Status,
    at: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Online,
    Offline,
}

#[derive(Deserialize)]
struct AlarmEvent {
    device_code: String,
    reason: String,
}

impl Signed {
    pub(super) fn new(secret: &str) -> Option<Self> {
        PartnerKey::new(secret).map(Self)
    }
}

impl Protocol for Signed {
    fn open_path(&self) -> &'static str {
        "/doors/open"
    }

    fn open(&self, path: &str, opening: &Opening<'_>, sent: &Sent<'_>) -> Result<(Headers, Vec<u8>), String> {
        let &Opening { request_id, device_code, expires_at, callback_url } = opening;
        let body = OpenRequest { request_id, device_code, expires_at, callback_url };
        let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let request = Request { method: "POST", path_and_query: path, body: &body };
        let headers = signature::sign(&self.0, sent.partner, &request, sent.now_s, sent.nonce).ok_or("a bad nonce")?;
        Ok((headers.into(), body))
    }

    fn answered(&self, body: &[u8]) -> Result<DoorAnswer, String> {
        Ok(match serde_json::from_slice(body).map_err(unreadable)? {
            OpenAnswer { accepted: true, .. } => DoorAnswer::Accepted,
            OpenAnswer { reason, .. } => DoorAnswer::Refused { reason: reason.unwrap_or_else(|| "refused".to_owned()) },
        })
    }

    fn believe(&self, message: &Message<'_>, now_s: i64) -> Result<Believed, String> {
        let text = |error: SignatureError| error.to_string();
        let &Message { path_and_query, body, .. } = message;
        let headers = signature::Headers::from_lookup(message.header).map_err(text)?;
        let request = Request { method: "POST", path_and_query, body };
        let accepted = signature::verify(&self.0, &headers, &request, now_s).map_err(text)?;
        Ok(Believed {
            partner: headers.partner_id.to_owned(),
            nonce: accepted.nonce.to_owned(),
            remember_until: accepted.remember_until,
            event: EventId::given(body),
        })
    }

    fn read(&self, kind: EventKind, body: &[u8]) -> Result<Told, String> {
        Ok(match kind {
            EventKind::Doors => {
                let DoorEvent { request_id, device_code, door, at, reason } = from(body)?;
                let reason = reason.unwrap_or_else(|| "the door did not open".to_owned());
                let saw = match door {
                    Door::Opened => DoorSeen::Opened,
                    Door::Closed => DoorSeen::Closed,
                    Door::Failed => DoorSeen::Failed { reason },
                };
                Told::Door { request_id, device_code, saw, at: Some(at) }
            }
            EventKind::Orders => {
                let OrderEvent { request_id, device_code, order_no, amount_cents, items } = from(body)?;
                let taken = |item: OrderItem| Taken {
                    code: item.product_code,
                    quantity: item.quantity,
                    price: item.unit_price_cents.map(Cents::new),
                };
                let goods = items.into_iter().map(taken).collect();
                let settlement = Settlement { vendor_order_no: order_no, amount: Cents::new(amount_cents), goods };
                Told::Settled { request_id, device_code, settlement }
            }
            EventKind::Devices => {
                let DeviceEvent { device_code, status, at } = from(body)?;
                Told::Device { device_code, is_online: matches!(status, Status::Online), at: Some(at) }
            }
            EventKind::Exceptions => {
                let AlarmEvent { device_code, reason } = from(body)?;
                Told::Alarm { device_code, reason }
            }
        })
    }
}

fn from<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(unreadable)
}
