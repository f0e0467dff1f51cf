//! What a cabinet vendor tells us: believed, kept as it came, and then made to have its effect, once and in any order.

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{
    CabinetCommand, Cents, Command, DeviceCode, DoorSeen, DoorSession, ExceptionAction, ExceptionKind, Instant,
    NoteDevice, NoteDoor, Outcome, Quantity, RefuseCallback, SettleDoor, Settlement, Taken,
};
use partner::signature::{self, Headers, SignatureError};
use serde::Deserialize;
use serde_json::{Value, json};
use store::queries::cabinets;
use store::{EventKept, EventRow, SignedEvent, event_key};

use crate::cabinets::session_of;
use crate::{Failure, Request, Service};

/// How much of what nobody can read goes into an exception.
const MOST_SHOWN: usize = 2_000;
const MOST_LINES: usize = 200;
const LONGEST_WORD: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Orders,
    Exceptions,
    Doors,
    Devices,
}

impl EventKind {
    const ALL: [Self; 4] = [Self::Orders, Self::Exceptions, Self::Doors, Self::Devices];

    fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Exceptions => "exceptions",
            Self::Doors => "doors",
            Self::Devices => "devices",
        }
    }
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRefused {
    /// It is not the vendor's, not fresh, or was here before. The text is for the log.
    Unbelieved(String),
    /// It is the vendor's, but is not on disk: it has to come again.
    NotKept,
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

/// Why an event has no effect.
enum Idle {
    /// It never will: somebody has to look at it.
    Odd(String),
    /// Not now.
    Failed(Failure),
}

impl From<Failure> for Idle {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Odd(format!("{refusal:?}")),
            other => Self::Failed(other),
        }
    }
}

impl From<store::Error> for Idle {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Service {
    /// Takes an event of the vendor's. What has no effect now has it later.
    ///
    /// # Errors
    /// Where the vendor has to send it again, or should not have sent it.
    pub async fn take_cabinet_event<'h>(
        &self,
        kind: EventKind,
        path_and_query: &str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<(), EventRefused> {
        let partner = header(signature::PARTNER_ID).unwrap_or_default().to_owned();
        let believed = self.believe_event(path_and_query, header, body);
        let (partner, nonce, remember_until) = match believed {
            Ok(believed) => believed,
            Err(error) => return Err(self.refuse(partner, path_and_query, error).await),
        };
        let event = event_id(body);
        let key = event_key(&partner, &event);
        let kept = self.keep_event(&partner, nonce, remember_until, event, kind, body).await;
        let kept = kept.map_err(|failure| {
            tracing::error!(?failure, "an event cannot be kept");
            EventRefused::NotKept
        })?;
        match kept {
            EventKept::Replayed => {
                return Err(self.refuse(partner, path_and_query, "the nonce was used before".to_owned()).await);
            }
            EventKept::Known { is_same: true, is_processed: true } => return Ok(()),
            EventKept::Known { is_same: false, .. } => {
                let raised = self.raise_odd(&key, "another event under the same id", body).await;
                return raised.map_err(|_| EventRefused::NotKept);
            }
            EventKept::New | EventKept::Known { is_same: true, is_processed: false } => {}
        }
        if let Err(failure) = self.process_event(&key, kind, body).await {
            tracing::warn!(?failure, key, "an event has no effect yet");
        }
        Ok(())
    }

    fn believe_event<'h>(
        &self,
        path_and_query: &str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<(String, String, i64), String> {
        let vendor = self.vendor().ok_or("no vendor is configured")?;
        let request = signature::Request { method: "POST", path_and_query, body };
        let text = |error: SignatureError| error.to_string();
        let headers = Headers::from_lookup(header).map_err(text)?;
        let accepted = vendor.believe(&headers, &request, self.now().as_millis().div_euclid(1000)).map_err(text)?;
        Ok((headers.partner_id.to_owned(), accepted.nonce.to_owned(), accepted.remember_until))
    }

    async fn refuse(&self, partner: String, path: &str, why: String) -> EventRefused {
        let (partner, path) = (short(&partner), short(path));
        let command = CabinetCommand::RefuseCallback(RefuseCallback { partner, path, why: why.clone() });
        if let Err(failure) = self.run(Request::by_house(Command::Cabinet(command))).await {
            tracing::warn!(?failure, "a refused event cannot be written down");
        }
        EventRefused::Unbelieved(why)
    }

    async fn keep_event(
        &self,
        partner: &str,
        nonce: String,
        remember_until: i64,
        event: String,
        kind: EventKind,
        body: &[u8],
    ) -> Result<EventKept, Failure> {
        let (partner, body, now_ms) = (partner.to_owned(), body.to_vec(), self.now().as_millis());
        self.lanes()
            .chore(move |writer| {
                Box::pin(async move {
                    let event = SignedEvent {
                        partner: &partner,
                        nonce: &nonce,
                        remember_until,
                        event: &event,
                        kind: kind.as_str(),
                        body: &body,
                    };
                    writer.keep_event(&event, now_ms).await
                })
            })
            .await
    }

    pub(crate) async fn process_kept_event(&self, event: &EventRow) -> Result<(), Failure> {
        let kind = EventKind::ALL.into_iter().find(|kind| kind.as_str() == event.kind);
        let kind = kind.ok_or_else(|| Failure::Internal { reason: format!("no kind {}", event.kind) })?;
        self.process_event(&event.key, kind, &event.body).await
    }

    async fn process_event(&self, key: &str, kind: EventKind, body: &[u8]) -> Result<(), Failure> {
        let done = match kind {
            EventKind::Orders => self.settle_door(body).await,
            EventKind::Doors => self.note_door(body).await,
            EventKind::Devices => self.note_device(body).await,
            EventKind::Exceptions => self.note_alarm(body).await,
        };
        match done {
            Ok(()) => {}
            Err(Idle::Odd(why)) => self.raise_odd(key, &why, body).await?,
            Err(Idle::Failed(failure)) => return Err(failure),
        }
        let (key, now_ms) = (key.to_owned(), self.now().as_millis());
        self.lanes().chore(move |writer| Box::pin(async move { writer.event_processed(&key, now_ms).await })).await
    }

    async fn raise_odd(&self, key: &str, why: &str, body: &[u8]) -> Result<(), Failure> {
        let shown: String = String::from_utf8_lossy(body).chars().take(MOST_SHOWN).collect();
        let evidence = json!({ "event": key, "why": why, "body": shown });
        self.raise(ExceptionKind::CallbackMismatch, key, &evidence, ExceptionAction::Dismiss).await.map(drop)
    }

    async fn settle_door(&self, body: &[u8]) -> Result<(), Idle> {
        let event: OrderEvent = read(body)?;
        let session = self.opening(&event.request_id, &event.device_code).await?;
        let settlement = settlement(event)?;
        let (device, member) = (session.device, session.member);
        let command = SettleDoor { session: session.id, device, member, settlement };
        self.cabinet(CabinetCommand::SettleDoor(command)).await
    }

    async fn note_door(&self, body: &[u8]) -> Result<(), Idle> {
        let event: DoorEvent = read(body)?;
        let session = self.opening(&event.request_id, &event.device_code).await?;
        let reason = event.reason.unwrap_or_else(|| "the door did not open".to_owned());
        let saw = match event.door {
            Door::Opened => DoorSeen::Opened,
            Door::Closed => DoorSeen::Closed,
            Door::Failed => DoorSeen::Failed { reason: short(&reason) },
        };
        let at = event.at.min(self.now());
        let command = NoteDoor { session: session.id, device: session.device, member: session.member, saw, at };
        self.cabinet(CabinetCommand::NoteDoor(command)).await
    }

    async fn note_device(&self, body: &[u8]) -> Result<(), Idle> {
        let event: DeviceEvent = read(body)?;
        let device = self.named_device(&event.device_code).await?;
        let is_online = matches!(event.status, Status::Online);
        // A clock that goes ahead must not outdate what comes after.
        let command = NoteDevice { device, is_online, at: event.at.min(self.now()) };
        self.cabinet(CabinetCommand::NoteDevice(command)).await
    }

    async fn note_alarm(&self, body: &[u8]) -> Result<(), Idle> {
        let event: AlarmEvent = read(body)?;
        self.named_device(&event.device_code).await?;
        let evidence: Value = read(body)?;
        let subject = format!("{} {}", event.device_code, short(&event.reason));
        self.raise(ExceptionKind::CabinetAlarm, &subject, &evidence, ExceptionAction::Dismiss).await?;
        Ok(())
    }

    async fn cabinet(&self, command: CabinetCommand) -> Result<(), Idle> {
        match self.run(Request::by_house(Command::Cabinet(command))).await? {
            Outcome::DoorSession { .. } | Outcome::Device { .. } => Ok(()),
            other => Err(Idle::Failed(Failure::Internal { reason: format!("an event came to {other:?}") })),
        }
    }

    async fn opening(&self, request_id: &str, device_code: &str) -> Result<DoorSession, Idle> {
        let session = session_of(self.store(), request_id).await?;
        let session = session.ok_or_else(|| Idle::Odd("no opening has this request id".to_owned()))?;
        let device = self.named_device(device_code).await?;
        if session.device == device {
            Ok(session)
        } else {
            Err(Idle::Odd("the opening is of another device".to_owned()))
        }
    }

    async fn named_device(&self, code: &str) -> Result<kernel::DeviceId, Idle> {
        let unknown = || Idle::Odd("there is no such device".to_owned());
        let code = DeviceCode::try_from(code.to_owned()).map_err(|_| unknown())?;
        let device = cabinets::device_by_code(self.store(), &code).await?;
        device.map(|device| device.id).ok_or_else(unknown)
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Idle> {
    serde_json::from_slice(body).map_err(|error| Idle::Odd(format!("it cannot be read: {error}")))
}

fn settlement(event: OrderEvent) -> Result<Settlement, Idle> {
    let is_word = |word: &str| (1..=LONGEST_WORD).contains(&word.chars().count());
    let is_price = |cents: i64| (0..=kernel::Price::MAX).contains(&cents);
    let fits = |item: &OrderItem| {
        is_word(&item.product_code)
            && Quantity::try_from(item.quantity).is_ok()
            && item.unit_price_cents.is_none_or(is_price)
    };
    let is_sound = is_word(&event.order_no)
        && is_price(event.amount_cents)
        && event.items.len() <= MOST_LINES
        && event.items.iter().all(fits);
    if !is_sound {
        return Err(Idle::Odd("a number, a quantity or a price is out of range".to_owned()));
    }
    let taken = |item: OrderItem| Taken {
        code: item.product_code,
        quantity: item.quantity,
        price: item.unit_price_cents.map(Cents::new),
    };
    Ok(Settlement {
        vendor_order_no: event.order_no,
        amount: Cents::new(event.amount_cents),
        goods: event.items.into_iter().map(taken).collect(),
    })
}

/// The event's own id, or, where it has none that can be read, what its bytes come to.
fn event_id(body: &[u8]) -> String {
    let event: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = event["event_id"].as_str().filter(|id| (1..=LONGEST_WORD).contains(&id.chars().count()));
    id.map_or_else(
        || {
            let hash = digest(&SHA256, body);
            hash.as_ref().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        },
        str::to_owned,
    )
}

fn short(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_WORD).collect()
}
