//! The vendor whose cabinets we open: how we ask it, and how it proves itself. Only translates; what follows is decided elsewhere.
//!
//! A vendor speaks one [`Protocol`]: [`signed`] is ours and the one to use, [`md5`] is what many vendors can do instead.

mod md5;
mod signed;

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{DeviceCode, DoorSeen, DoorSession, Instant, Settlement};
use serde_json::Value;

use crate::cabinet_events::EventKind;
use crate::{Networks, outbound};
use md5::Md5;
use signed::Signed;

/// A door is worth waiting for so long; asked again, the vendor knows the request by its number.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What a vendor answers at most.
const MOST_BYTES: usize = 1 << 16;
const LONGEST_ID: usize = 64;

/// How a vendor speaks. It sends nothing, reads no clock and remembers nothing.
trait Protocol: Send + Sync {
    /// Where doors are asked for, under the vendor's own address.
    fn open_path(&self) -> &'static str;

    /// The headers and the body that ask for a door at a path.
    fn open(&self, path: &str, opening: &Opening<'_>, sent: &Sent<'_>) -> Result<(Headers, Vec<u8>), String>;

    /// What the answer to that means.
    ///
    /// # Errors
    /// Where nobody knows. The text is for the log.
    fn answered(&self, body: &[u8]) -> Result<DoorAnswer, String>;

    /// Believes a message, or says why not. The text is for the log.
    fn believe(&self, message: &Message<'_>, now_s: i64) -> Result<Believed, String>;

    /// What a message tells, or why it cannot be understood.
    fn read(&self, kind: EventKind, body: &[u8]) -> Result<Told, String>;
}

type Headers = Vec<(&'static str, String)>;

struct Opening<'a> {
    request_id: &'a str,
    device_code: &'a str,
    /// After this it must not open any more.
    expires_at: Option<Instant>,
    callback_url: &'a str,
}

/// What makes a message of ours one of its own.
struct Sent<'a> {
    partner: &'a str,
    now_s: i64,
    nonce: &'a str,
}

/// Something that says it is from the vendor.
pub(crate) struct Message<'a> {
    pub(crate) kind: EventKind,
    pub(crate) path_and_query: &'a str,
    /// A header, where it is there once.
    pub(crate) header: &'a (dyn Fn(&str) -> Option<&'a str> + Sync),
    pub(crate) body: &'a [u8],
    pub(crate) sender: IpAddr,
}

/// A message that is its partner's own.
pub struct Believed {
    pub(crate) partner: String,
    /// Used once, and to be remembered until then, in seconds since 1970.
    pub(crate) nonce: String,
    pub(crate) remember_until: i64,
    pub(crate) event: EventId,
}

impl Believed {
    #[must_use]
    pub fn partner(&self) -> &str {
        &self.partner
    }
}

/// What an event is known by.
pub(crate) enum EventId {
    /// As the vendor calls it: another event may come under it by mistake.
    Given(String),
    /// Made of what it says: under it there can be no other event.
    Content(String),
}

impl EventId {
    /// The event's own id, or, where it has none that can be read, what its bytes come to.
    pub(crate) fn given(body: &[u8]) -> Self {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = event["event_id"].as_str().filter(|id| (1..=LONGEST_ID).contains(&id.chars().count()));
        id.map_or_else(|| Self::of(body), |id| Self::Given(id.to_owned()))
    }

    pub(crate) fn of(content: &[u8]) -> Self {
        let hash = digest(&SHA256, content);
        Self::Content(hash.as_ref().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Given(id) | Self::Content(id) => id,
        }
    }
}

/// What a vendor tells, in our words.
pub(crate) enum Told {
    Door {
        request_id: String,
        device_code: String,
        saw: DoorSeen,
        at: Option<Instant>,
    },
    Settled {
        request_id: String,
        device_code: String,
        settlement: Settlement,
    },
    Device {
        device_code: String,
        is_online: bool,
        at: Option<Instant>,
    },
    Alarm {
        device_code: String,
        reason: String,
    },
    /// Something that changes nothing.
    Nothing,
}

/// What the vendor says when it is asked to open a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DoorAnswer {
    /// It will; its events tell how that goes.
    Accepted,
    /// It certainly will not.
    Refused { reason: String },
}

pub struct Vendor {
    /// Its name in both directions.
    partner: String,
    protocol: Box<dyn Protocol>,
    /// Where it sends from; absent for anywhere.
    addresses: Option<Networks>,
    open_door: reqwest::Url,
    /// Where it sends its events.
    callback_url: String,
    client: reqwest::Client,
}

impl Vendor {
    /// One that speaks our signed protocol. `base_url` is where it listens, `callback_url` where it reaches this API.
    ///
    /// # Errors
    /// What is wrong with the secret or the address.
    pub fn signed(partner: String, secret: &str, base_url: &str, callback_url: &str) -> Result<Self, String> {
        let protocol = Signed::new(secret).ok_or("the secret must have at least 16 bytes")?;
        Self::new(partner, Box::new(protocol), base_url, callback_url)
    }

    /// One that can only sign with MD5, and so is believed only from its own addresses.
    ///
    /// # Errors
    /// What is wrong with the secret or the address.
    pub fn md5(
        partner: String,
        secret: &str,
        base_url: &str,
        callback_url: &str,
        addresses: Networks,
    ) -> Result<Self, String> {
        let protocol = Md5::new(secret).ok_or("the secret must not be empty")?;
        Self::new(partner, Box::new(protocol), base_url, callback_url).map(|vendor| vendor.only_from(addresses))
    }

    /// The same, believed only from these addresses.
    #[must_use]
    pub fn only_from(self, addresses: Networks) -> Self {
        Self { addresses: Some(addresses), ..self }
    }

    fn new(partner: String, protocol: Box<dyn Protocol>, base_url: &str, callback_url: &str) -> Result<Self, String> {
        let open_door = format!("{}{}", base_url.trim_end_matches('/'), protocol.open_path());
        let open_door = reqwest::Url::parse(&open_door).map_err(|error| format!("the address: {error}"))?;
        let client = outbound::client(TIMEOUT)?;
        let callback_url = format!("{}/callbacks/cabinet", callback_url.trim_end_matches('/'));
        Ok(Self { partner, protocol, addresses: None, open_door, callback_url, client })
    }

    /// Asks for a door to be opened, under the opening's own number however often.
    ///
    /// # Errors
    /// Where nobody knows what the vendor has understood. The text is for the log.
    pub(crate) async fn open(
        &self,
        session: &DoorSession,
        device: &DeviceCode,
        now_s: i64,
        nonce: &str,
    ) -> Result<DoorAnswer, String> {
        let opening = Opening {
            request_id: &session.session_no,
            device_code: device.as_str(),
            expires_at: session.due_at,
            callback_url: &self.callback_url,
        };
        let sent = Sent { partner: &self.partner, now_s, nonce };
        let (headers, body) = self.protocol.open(self.open_door.path(), &opening, &sent)?;
        let mut call = self.client.post(self.open_door.clone()).header("content-type", "application/json");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.body(body).send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the vendor answered {status}"));
        }
        let body = outbound::bounded(answer, MOST_BYTES).await?;
        self.protocol.answered(&body)
    }

    /// Believes a message of the vendor's, or says why not. The text is for the log.
    pub(crate) fn believe(&self, message: &Message<'_>, now_s: i64) -> Result<Believed, String> {
        if self.addresses.as_ref().is_some_and(|addresses| !addresses.hold(message.sender)) {
            return Err(format!("{} is no address of the vendor's", message.sender));
        }
        let believed = self.protocol.believe(message, now_s)?;
        // Whose key it would be does not matter: nobody else has one.
        if believed.partner == self.partner { Ok(believed) } else { Err("not the vendor's name".to_owned()) }
    }

    pub(crate) fn partner(&self) -> &str {
        &self.partner
    }

    pub(crate) fn read(&self, kind: EventKind, body: &[u8]) -> Result<Told, String> {
        self.protocol.read(kind, body)
    }
}

fn unreadable(error: serde_json::Error) -> String {
    format!("it cannot be read: {error}")
}
