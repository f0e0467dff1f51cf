//! What a cabinet vendor tells us: believed, kept as it came, and then made to have its effect, once and in any order.

use std::net::IpAddr;

use kernel::{
    CabinetCommand, Cents, Command, DeviceCode, DoorSeen, DoorSession, ExceptionAction, ExceptionKind, NoteDevice,
    NoteDoor, Outcome, Quantity, RefuseCallback, SettleDoor, Settlement, Taken,
};
use partner::signature::PARTNER_ID;
use serde_json::{Value, json};
use store::queries::cabinets;
use store::{EventKept, EventRow, SignedEvent, event_key};

use crate::cabinets::session_of;
use crate::erp::PRODUCTS;
use crate::vendor::{Believed, EventId, Message, Told, Vendor};
use crate::{Erp, Failure, Request, Service, Tally, crash};

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

    pub(crate) fn as_str(self) -> &'static str {
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
    /// It is not the partner's, not fresh, or was here before. The text is for the log.
    Unbelieved(String),
    /// It is the partner's, but nothing can be done about it now: it has to come again.
    NotNow,
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
    /// Whether an event is the vendor's own. Nothing of it is kept yet.
    ///
    /// # Errors
    /// Where it is not.
    pub async fn believe_cabinet_event<'h>(
        &self,
        kind: EventKind,
        path_and_query: &'h str,
        header: &'h (dyn Fn(&str) -> Option<&'h str> + Sync),
        body: &'h [u8],
        sender: IpAddr,
    ) -> Result<Believed, EventRefused> {
        let message = Message { kind, path_and_query, header, body, sender };
        match self.believe_event(&message) {
            Ok(believed) => Ok(believed),
            Err(why) => Err(self.refuse(header(PARTNER_ID).unwrap_or_default(), path_and_query, why).await),
        }
    }

    /// Takes an event of the vendor's. What has no effect now has it later.
    ///
    /// # Errors
    /// Where the vendor has to send it again, or should not have sent it.
    pub async fn take_cabinet_event(
        &self,
        believed: Believed,
        kind: EventKind,
        path_and_query: &str,
        body: &[u8],
    ) -> Result<(), EventRefused> {
        let Some(key) = self.keep_event(believed, kind.as_str(), path_and_query, body).await? else { return Ok(()) };
        if let Err(failure) = self.process_event(&key, kind, body).await {
            tracing::warn!(?failure, key, "an event has no effect yet");
        }
        Ok(())
    }

    fn believe_event(&self, message: &Message<'_>) -> Result<Believed, String> {
        let vendor = self.vendor().ok_or("no vendor is configured")?;
        vendor.believe(message, self.now().as_millis().div_euclid(1000))
    }

    pub(crate) async fn refuse(&self, partner: &str, path: &str, why: String) -> EventRefused {
        self.count(Tally::Forgery);
        let partners = [self.vendor().map(Vendor::partner), self.erp().map(Erp::partner)];
        let known = partners.into_iter().flatten().find(|known| *known == partner);
        if let Some(count) = self.refusals().count(known.unwrap_or_default(), self.now()) {
            self.write_refusal(RefuseCallback { partner: short(partner), path: short(path), why: why.clone(), count })
                .await;
        }
        EventRefused::Unbelieved(why)
    }

    async fn write_refusal(&self, refusal: RefuseCallback) {
        let command = CabinetCommand::RefuseCallback(refusal);
        if let Err(failure) = self.run(Request::by_house(Command::Cabinet(command))).await {
            tracing::warn!(?failure, "a refused event cannot be written down");
        }
    }

    /// Keeps an event; the key under which it waits for its effect, unless it has had it.
    pub(crate) async fn keep_event(
        &self,
        believed: Believed,
        kind: &'static str,
        path: &str,
        body: &[u8],
    ) -> Result<Option<String>, EventRefused> {
        let Believed { partner, nonce, remember_until, event } = believed;
        let key = event_key(&partner, event.as_str());
        let (now_ms, kept) = (self.now().as_millis(), (partner.clone(), event.as_str().to_owned(), body.to_vec()));
        let kept = self.lanes().chore(move |writer| {
            Box::pin(async move {
                let (partner, event, body) = &kept;
                let event = SignedEvent { partner, nonce: &nonce, remember_until, event, kind, body };
                writer.keep_event(&event, now_ms).await
            })
        });
        let kept = kept.await.map_err(|failure| {
            tracing::error!(?failure, "an event cannot be kept");
            EventRefused::NotNow
        })?;
        crash::at("event-kept");
        match (kept, event) {
            (EventKept::Replayed, _) => Err(self.refuse(&partner, path, "the nonce was used before".to_owned()).await),
            (EventKept::Known { is_same: false, .. }, EventId::Given(_)) => {
                let raised = self.raise_odd(&key, "another event under the same id", body).await;
                raised.map(|()| None).map_err(|_| EventRefused::NotNow)
            }
            (EventKept::Known { is_processed: true, .. }, _) => Ok(None),
            (EventKept::New | EventKept::Known { is_processed: false, .. }, _) => Ok(Some(key)),
        }
    }

    pub(crate) async fn process_kept_event(&self, event: &EventRow) -> Result<(), Failure> {
        if event.kind == PRODUCTS {
            return self.process_products(&event.key, &event.body).await;
        }
        let kind = EventKind::ALL.into_iter().find(|kind| kind.as_str() == event.kind);
        let kind = kind.ok_or_else(|| Failure::Internal { reason: format!("no kind {}", event.kind) })?;
        self.process_event(&event.key, kind, &event.body).await
    }

    async fn process_event(&self, key: &str, kind: EventKind, body: &[u8]) -> Result<(), Failure> {
        let done = match self.read_event(kind, body)? {
            Ok(told) => self.do_as_told(told, body).await,
            Err(why) => Err(Idle::Odd(why)),
        };
        match done {
            Ok(()) => {}
            Err(Idle::Odd(why)) => self.raise_odd(key, &why, body).await?,
            Err(Idle::Failed(failure)) => return Err(failure),
        }
        crash::at("event-done");
        self.event_processed(key).await
    }

    pub(crate) async fn event_processed(&self, key: &str) -> Result<(), Failure> {
        let (key, now_ms) = (key.to_owned(), self.now().as_millis());
        self.lanes().chore(move |writer| Box::pin(async move { writer.event_processed(&key, now_ms).await })).await
    }

    pub(crate) async fn raise_odd(&self, key: &str, why: &str, body: &[u8]) -> Result<(), Failure> {
        let shown: String = String::from_utf8_lossy(body).chars().take(MOST_SHOWN).collect();
        let evidence = json!({ "event": key, "why": why, "body": shown });
        self.raise(ExceptionKind::CallbackMismatch, key, &evidence, ExceptionAction::Dismiss).await.map(drop)
    }

    /// What it tells, or why nobody can say.
    fn read_event(&self, kind: EventKind, body: &[u8]) -> Result<Result<Told, String>, Failure> {
        let vendor = self.vendor();
        let vendor =
            vendor.ok_or_else(|| Failure::Provider { reason: "no cabinet vendor is configured".to_owned() })?;
        Ok(vendor.read(kind, body))
    }

    async fn do_as_told(&self, told: Told, body: &[u8]) -> Result<(), Idle> {
        match told {
            Told::Door { request_id, device_code, saw, at } => {
                let session = self.opening(&request_id, &device_code).await?;
                let saw = match saw {
                    DoorSeen::Failed { reason } => DoorSeen::Failed { reason: short(&reason) },
                    other => other,
                };
                let at = at.map_or(self.now(), |at| at.min(self.now()));
                let (device, member) = (session.device, session.member);
                let command = NoteDoor { session: session.id, device, member, saw, at };
                self.cabinet(CabinetCommand::NoteDoor(command)).await
            }
            Told::Settled { request_id, device_code, settlement } => {
                let session = self.opening(&request_id, &device_code).await?;
                must_be_sound(&settlement)?;
                let (device, member) = (session.device, session.member);
                let command = SettleDoor { session: session.id, device, member, settlement };
                self.cabinet(CabinetCommand::SettleDoor(command)).await
            }
            Told::Device { device_code, is_online, at } => {
                let device = self.named_device(&device_code).await?;
                // A clock that goes ahead must not outdate what comes after.
                let at = at.map_or(self.now(), |at| at.min(self.now()));
                self.cabinet(CabinetCommand::NoteDevice(NoteDevice { device, is_online, at })).await
            }
            Told::Alarm { device_code, reason } => {
                self.named_device(&device_code).await?;
                let subject = format!("{device_code} {}", short(&reason));
                let evidence: Value = serde_json::from_slice(body).unwrap_or_default();
                self.raise(ExceptionKind::CabinetAlarm, &subject, &evidence, ExceptionAction::Dismiss).await?;
                Ok(())
            }
            Told::Nothing => Ok(()),
        }
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

fn must_be_sound(settlement: &Settlement) -> Result<(), Idle> {
    let is_word = |word: &str| (1..=LONGEST_WORD).contains(&word.chars().count());
    let is_price = |price: Cents| (0..=kernel::Price::MAX).contains(&price.get());
    let fits = |taken: &Taken| {
        is_word(&taken.code) && Quantity::try_from(taken.quantity).is_ok() && taken.price.is_none_or(is_price)
    };
    let is_sound = is_word(&settlement.vendor_order_no)
        && is_price(settlement.amount)
        && settlement.goods.len() <= MOST_LINES
        && settlement.goods.iter().all(fits);
    if is_sound { Ok(()) } else { Err(Idle::Odd("a number, a quantity or a price is out of range".to_owned())) }
}

fn short(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_WORD).collect()
}
