//! The protocol of vendors that sign with MD5: the sorted fields of the body and a shared key. The signature is weak, is not bound to a
//! path, and most messages say nothing of when they were made. What narrows it is around it: the vendor's addresses ([`super::Vendor`]), a
//! window for messages that have a time, a nonce that is taken once a day, and every event once, by what it says.

use std::collections::BTreeMap;

use kernel::{Cents, DoorSeen, Instant, Settlement, Taken};
use partner::md5::{SIGN, VendorKey, sign, verify};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Believed, DoorAnswer, EventId, Headers, LONGEST_ID, Message, Opening, Protocol, Sent, Told, unreadable};
use crate::cabinet_events::EventKind;

const NONCE: &str = "nonceStr";
const CLIENT: &str = "clientId";
/// Not all vendors send it. Where one does it is signed with the rest, in seconds since 1970.
const TIMESTAMP: &str = "timestamp";
/// A message with a time is dated no more than this from our clock.
const FRESH_S: u64 = 300;
/// For how long a nonce is remembered: the messages themselves do not grow old.
const NONCE_LIFE_S: i64 = 24 * 3600;
const DONE: i64 = 200;
/// From here up the vendor itself does not know.
const TROUBLE: std::ops::RangeInclusive<i64> = 500..=599;

pub(super) struct Md5(VendorKey);

#[derive(Deserialize)]
struct OpenAnswer {
    code: i64,
    #[serde(alias = "msg")]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DoorPush {
    event_id: String,
    device_code: String,
    status: DoorState,
}

/// As vendors write it.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum DoorState {
    Opending,
    Success,
    Closed,
    Fail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettlementPush {
    event_id: String,
    device_code: String,
    order_no: String,
    /// In cents.
    amount: i64,
    #[serde(default)]
    detail: Vec<SettledGoods>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettledGoods {
    goods_id: String,
    quantity: i64,
    unit_price: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DevicePush {
    device_code: String,
    status: DeviceState,
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum DeviceState {
    Online,
    Offline,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlarmPush {
    device_code: String,
    reason: String,
}

impl Md5 {
    pub(super) fn new(secret: &str) -> Option<Self> {
        VendorKey::new(secret).map(Self)
    }
}

impl Protocol for Md5 {
    fn open_path(&self) -> &'static str {
        "/api/pay/container/opendoor"
    }

    /// Who the member is, is none of the vendor's business: the opening's own number stands for them.
    fn open(&self, _: &str, opening: &Opening<'_>, sent: &Sent<'_>) -> Result<(Headers, Vec<u8>), String> {
        let body = json!({
            "userId": opening.request_id, "eventId": opening.request_id, "deviceCode": opening.device_code, "payStyle": "2",
            "notifyUrl": opening.callback_url, CLIENT: sent.partner, NONCE: sent.nonce, TIMESTAMP: sent.now_s,
        });
        let mut fields = body.as_object().ok_or("not an object")?.clone();
        fields.insert(SIGN.to_owned(), sign(&fields, &self.0).into());
        let body = serde_json::to_vec(&fields).map_err(|error| error.to_string())?;
        Ok((Headers::new(), body))
    }

    fn answered(&self, body: &[u8]) -> Result<DoorAnswer, String> {
        let OpenAnswer { code, message } = serde_json::from_slice(body).map_err(unreadable)?;
        match code {
            DONE => Ok(DoorAnswer::Accepted),
            code if TROUBLE.contains(&code) => Err(format!("the vendor answered {code}")),
            code => Ok(DoorAnswer::Refused { reason: message.unwrap_or_else(|| code.to_string()) }),
        }
    }

    fn believe(&self, message: &Message<'_>, now_s: i64) -> Result<Believed, String> {
        let body: Value = serde_json::from_slice(message.body).map_err(unreadable)?;
        let fields = body.as_object().ok_or("not an object")?;
        if !verify(fields, &self.0) {
            return Err("wrong signature".to_owned());
        }
        let text = |name: &str| {
            let text = fields.get(name).and_then(Value::as_str);
            text.filter(|text| (1..=LONGEST_ID).contains(&text.chars().count())).map(str::to_owned)
        };
        let nonce = text(NONCE).ok_or("no nonceStr")?;
        let partner = text(CLIENT).ok_or("no clientId")?;
        if let Some(timestamp) = fields.get(TIMESTAMP) {
            let timestamp = timestamp.as_i64().ok_or("timestamp is malformed")?;
            if now_s.abs_diff(timestamp) > FRESH_S {
                return Err(format!("dated more than {FRESH_S} s away from our clock"));
            }
        }
        let event = event_id(message.kind, fields)?;
        Ok(Believed { partner, nonce, remember_until: now_s.saturating_add(NONCE_LIFE_S), event })
    }

    fn read(&self, kind: EventKind, body: &[u8]) -> Result<Told, String> {
        Ok(match kind {
            EventKind::Doors => {
                let DoorPush { event_id, device_code, status } = from(body)?;
                let saw = match status {
                    DoorState::Opending => return Ok(Told::Nothing),
                    DoorState::Success => DoorSeen::Opened,
                    DoorState::Closed => DoorSeen::Closed,
                    DoorState::Fail => DoorSeen::Failed { reason: "the door did not open".to_owned() },
                };
                Told::Door { request_id: event_id, device_code, saw, at: None }
            }
            EventKind::Orders => {
                let SettlementPush { event_id, device_code, order_no, amount, detail } = from(body)?;
                let taken = |goods: SettledGoods| Taken {
                    code: goods.goods_id,
                    quantity: goods.quantity,
                    price: goods.unit_price.map(Cents::new),
                };
                let goods = detail.into_iter().map(taken).collect();
                let settlement = Settlement { vendor_order_no: order_no, amount: Cents::new(amount), goods };
                Told::Settled { request_id: event_id, device_code, settlement }
            }
            EventKind::Devices => {
                let DevicePush { device_code, status, timestamp } = from(body)?;
                let at = timestamp.and_then(|at| at.checked_mul(1000)).map(Instant::from_millis);
                Told::Device { device_code, is_online: matches!(status, DeviceState::Online), at }
            }
            EventKind::Exceptions => {
                let AlarmPush { device_code, reason } = from(body)?;
                Told::Alarm { device_code, reason }
            }
        })
    }
}

fn from<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(unreadable)
}

/// What a message says, whatever is new in it each time that it is sent. A cabinet may say the same of itself any number of times, so there
/// every message is an event of its own.
fn event_id(kind: EventKind, fields: &Map<String, Value>) -> Result<EventId, String> {
    let is_once = matches!(kind, EventKind::Doors | EventKind::Orders);
    let says: BTreeMap<_, _> = fields
        .iter()
        .filter(|(name, _)| *name != SIGN && !(is_once && [NONCE, TIMESTAMP].contains(&name.as_str())))
        .collect();
    serde_json::to_vec(&(kind.as_str(), says)).map(|says| EventId::of(&says)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::vendor::{Networks, Vendor};

    const NOW: i64 = 1_767_225_600;
    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

    fn vendor() -> Vendor {
        let addresses: Networks = "10.1.2.0/24".parse().expect("networks");
        Vendor::md5("client-1".to_owned(), "VectorCabinetKey", "http://127.0.0.1:1", "http://127.0.0.1:2", addresses)
            .expect("a vendor")
    }

    fn signed(mut body: Value) -> Vec<u8> {
        let key = VendorKey::new("VectorCabinetKey").expect("not empty");
        body[CLIENT] = "client-1".into();
        let sign = sign(body.as_object().expect("an object"), &key);
        body[SIGN] = sign.into();
        body.to_string().into_bytes()
    }

    fn believe(kind: EventKind, body: &[u8], sender: IpAddr) -> Result<String, String> {
        let header = |_: &str| None;
        let message = Message { kind, path_and_query: "/", header: &header, body, sender };
        vendor().believe(&message, NOW).map(|believed| believed.event.as_str().to_owned())
    }

    #[test]
    fn what_narrows_it() {
        let door = |nonce: &str, status: &str| json!({"eventId": "E1", "deviceCode": "D1", "status": status, "nonceStr": nonce});
        let first = believe(EventKind::Doors, &signed(door("n1", "SUCCESS")), HOME).expect("believed");
        let again = believe(EventKind::Doors, &signed(door("n2", "SUCCESS")), HOME).expect("believed");
        let other = believe(EventKind::Doors, &signed(door("n3", "CLOSED")), HOME).expect("believed");
        assert_eq!(first, again, "the same event, sent again");
        assert_ne!(first, other);
        let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 1, 3, 3));
        assert!(believe(EventKind::Doors, &signed(door("n1", "SUCCESS")), elsewhere).is_err(), "from somewhere else");
        assert!(believe(EventKind::Doors, &door("n1", "SUCCESS").to_string().into_bytes(), HOME).is_err(), "unsigned");
        assert!(believe(EventKind::Doors, &signed(json!({"eventId": "E1"})), HOME).is_err(), "without a nonce");
        for (at, is_believed) in [(NOW, true), (NOW - 300, true), (NOW - 301, false), (NOW + 301, false)] {
            let device = json!({"deviceCode": "D1", "status": "ONLINE", "nonceStr": "n1", "timestamp": at});
            assert_eq!(believe(EventKind::Devices, &signed(device), HOME).is_ok(), is_believed, "{at}");
        }
    }

    #[test]
    fn a_cabinet_may_say_the_same_again() {
        let device = |nonce: &str| json!({"deviceCode": "D1", "status": "ONLINE", "nonceStr": nonce});
        let first = believe(EventKind::Devices, &signed(device("n1")), HOME).expect("believed");
        assert_ne!(first, believe(EventKind::Devices, &signed(device("n2")), HOME).expect("believed"));
    }

    #[test]
    fn answers() {
        let md5 = Md5::new("k").expect("not empty");
        assert_eq!(md5.answered(br#"{"code":200,"data":{"orderNo":"1"}}"#), Ok(DoorAnswer::Accepted));
        let refused = DoorAnswer::Refused { reason: "offline".to_owned() };
        assert_eq!(md5.answered(br#"{"code":10416,"msg":"offline"}"#), Ok(refused));
        assert!(md5.answered(br#"{"code":503}"#).is_err(), "nobody knows");
        assert!(md5.answered(b"<html>").is_err());
    }
}
