//! Opening the cabinets' doors, and looking after what nobody hears of any more.

use kernel::{
    CabinetCommand, CabinetPay, Command, DeviceId, DoorSeen, DoorSession, DoorSessionId, DoorStatus, LapseDoor,
    MemberId, NoteDoor, OpenDoor, Outcome, Refusal, numbered_order,
};
use store::queries::cabinets;
use store::{OutboxRow, Store};

use crate::jobs::counts;
use crate::scores::ScoreCompensation;
use crate::vendor::DoorAnswer;
use crate::{Delivering, Delivery, Failure, Job, Ran, Request, Schedule, Service, crash, uuid};

const MINUTE_MS: i64 = 60_000;
const MOST_AT_ONCE: i64 = 100;
/// An event that is younger is still at work.
const EVENT_WAIT_MS: i64 = 30_000;

/// The opening that a session number names.
pub(crate) async fn session_of(store: &Store, session_no: &str) -> Result<Option<DoorSession>, store::Error> {
    let Some(id) = numbered_order("DOOR", session_no) else { return Ok(None) };
    let session = cabinets::session(store, DoorSessionId::new(id.get())).await?;
    Ok(session.filter(|session| session.session_no == session_no))
}

impl Service {
    /// Asks for a door to be opened; how that goes is told by the session.
    pub async fn open_door(
        &self,
        member: MemberId,
        device: DeviceId,
        pay: CabinetPay,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<DoorSession, Failure> {
        if self.vendor().is_none() {
            return Err(Failure::Provider { reason: "no cabinet vendor is configured".to_owned() });
        }
        if pay == CabinetPay::Wechat && !self.allows_score(member).await? {
            return Err(Refusal::PayScoreNotAllowed.into());
        }
        let command = CabinetCommand::OpenDoor(OpenDoor { member, device, pay });
        let opened = self.run(asked(Command::Cabinet(command))).await?;
        crash::at("door-begun");
        match opened {
            // The answer may be that of the first asking: the door has gone on since.
            Outcome::DoorSession { session } => {
                Ok(cabinets::session(self.store(), session.id).await?.unwrap_or(session))
            }
            other => Err(Failure::Internal { reason: format!("a door's command answered {other:?}") }),
        }
    }

    /// # Errors
    /// The text is for whoever looks after the outbox.
    async fn deliver_opening(&self, session: DoorSessionId) -> Result<(), String> {
        let session = cabinets::session(self.store(), session).await.map_err(|error| error.to_string())?;
        let session = session.ok_or("there is no such opening")?;
        let is_late = session.due_at.is_none_or(|due_at| self.now() >= due_at);
        match session.status {
            DoorStatus::Opening if !is_late => {}
            // A door that opens when nobody stands before it any more is worse than one that stays shut.
            DoorStatus::Opening | DoorStatus::TimedOut => return Err("the door was not opened in time".to_owned()),
            _ => return Ok(()),
        }
        let vendor = self.vendor().ok_or("no cabinet vendor is configured")?;
        let device = cabinets::device(self.store(), session.device).await.map_err(|error| error.to_string())?;
        let device = device.ok_or("there is no such device")?;
        let (now, nonce) = (self.now(), uuid(self.ambient()));
        let answer = vendor.open(&session, &device.code, now.as_millis().div_euclid(1000), &nonce).await?;
        crash::at("door-asked");
        let DoorAnswer::Refused { reason } = answer else { return Ok(()) };
        let (id, device, member) = (session.id, session.device, session.member);
        let note = NoteDoor { session: id, device, member, saw: DoorSeen::Failed { reason }, at: now };
        let noted = self.run(Request::by_house(Command::Cabinet(CabinetCommand::NoteDoor(note)))).await;
        noted.map(drop).map_err(|failure| format!("{failure:?}"))
    }
}

/// Carries the wish for an open door to the vendor.
pub struct OpenDelivery;

impl Delivery for OpenDelivery {
    fn topic(&self) -> &'static str {
        "cabinet-open"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
            let Some(id) = body["session_id"].as_i64() else {
                return Err("the message names no opening".to_owned().into());
            };
            Ok(service.deliver_opening(DoorSessionId::new(id)).await?)
        })
    }
}

/// All jobs about cabinets.
#[must_use]
pub fn cabinet_jobs() -> Vec<Box<dyn Job>> {
    vec![Box::new(LapseDoors), Box::new(ProcessEvents), Box::new(ScoreCompensation)]
}

/// Openings of which nothing was heard in time.
struct LapseDoors;

impl Job for LapseDoors {
    fn name(&self) -> &'static str {
        "lapse-doors"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: MINUTE_MS / 4 }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut timed_out, mut missing, mut failed) = (0, 0, 0);
            let overdue = cabinets::overdue(service.store(), service.now(), MOST_AT_ONCE).await;
            for session in overdue.map_err(|error| error.to_string())? {
                if service.is_stopping() {
                    break;
                }
                let (id, device, member) = (session.id, session.device, session.member);
                let command = CabinetCommand::LapseDoor(LapseDoor { session: id, device, member });
                match service.run(Request::by_house(Command::Cabinet(command))).await {
                    Ok(Outcome::DoorSession { session }) if session.status == DoorStatus::TimedOut => timed_out += 1,
                    Ok(_) => missing += 1,
                    Err(failure) => {
                        tracing::error!(session_no = session.session_no, ?failure, "an opening cannot be looked after");
                        failed += 1;
                    }
                }
            }
            Ok(counts([("timed_out", timed_out), ("settlement_missing", missing), ("failed", failed)]))
        })
    }
}

/// Events that were kept and had no effect: the server died in between, or the database was busy.
struct ProcessEvents;

impl Job for ProcessEvents {
    fn name(&self) -> &'static str {
        "process-cabinet-events"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut processed, mut failed) = (0, 0);
            let until = service.now().plus_millis(-EVENT_WAIT_MS);
            let waiting = cabinets::waiting_events(service.store(), until, MOST_AT_ONCE).await;
            for event in waiting.map_err(|error| error.to_string())? {
                if service.is_stopping() {
                    break;
                }
                match service.process_kept_event(&event).await {
                    Ok(()) => processed += 1,
                    Err(failure) => {
                        tracing::warn!(?failure, key = event.key, "an event has no effect yet");
                        failed += 1;
                    }
                }
            }
            Ok(counts([("processed", processed), ("failed", failed)]))
        })
    }
}
