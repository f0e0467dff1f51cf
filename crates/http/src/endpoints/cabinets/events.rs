//! An opening as it goes, told while it goes.

use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use futures_util::stream;
use kernel::{Code, DoorSessionId, Noun, Permission, Refusal};
use store::queries::cabinets as queries;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::DoorSessionAnswer;
use super::sessions::{self, SessionPath};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::stream::{self as events, EventStream, Seat};

/// What another server has changed is seen so late at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two signs of life.
const LOOKS_ALIVE: u32 = 15;
/// Looks until the stream ends whatever has become of the door: who still wants to know asks again, with a token that still holds.
const MOST_LOOKS: u32 = 900;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/sessions/{session_no}/events",
            id: "followDoorSession",
            tag: Tag::Cabinets,
            summary: "Follow an opening",
            description: "Server-sent events, one's own opening only. Each is called `session`, has an `id` that grows, and carries the \
                session as `GET /cabinet/sessions/{session_no}` answers it: how it is now comes first, and then every change; changes \
                that come faster than the stream looks come as one. A comment every fifteen seconds says that the line is alive. It \
                ends with the server, after fifteen minutes, or when the vendor has nothing more to tell: `settled`, `held`, \
                `failed`, `timed_out`, `released`. At most three at a time; the token goes into the header as everywhere.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<SessionPath>) -> Result<EventStream, Failure> {
    let member = caller.identity.member;
    let session = sessions::find(&app, &input.path.session_no).await?;
    if session.member != member {
        return Err(Refusal::NotYours.into());
    }
    let seat = app.streams().seat(member)?;
    // Listening begins before the first look, so that nothing falls in between.
    let doors = app.service().doors();
    let follower = Follower { app, seat, doors, session: session.id, told: None, looks: 0, is_over: false };
    Ok(EventStream::new(stream::unfold(follower, Follower::next)))
}

struct Follower {
    app: App,
    seat: Seat,
    doors: Receiver<DoorSessionId>,
    session: DoorSessionId,
    /// The version of the session that was told last.
    told: Option<i64>,
    looks: u32,
    is_over: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        while !self.is_over && self.looks < MOST_LOOKS {
            if self.looks > 0 && !self.wait().await {
                return None;
            }
            self.looks += 1;
            match self.look().await {
                Ok(Some(event)) => return Some((event, self)),
                Ok(None) => {}
                // The next look may see more; where nothing can be seen for long, the stream has its end like any other.
                Err(failure) => tracing::debug!(?failure, "an opening cannot be looked at"),
            }
            if self.looks.is_multiple_of(LOOKS_ALIVE) {
                return Some((events::KEEP_ALIVE, self));
            }
        }
        None
    }

    /// Until there may be something new; not where the server stops.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => true,
            () = nudge(&mut self.doors, self.session) => true,
            () = self.seat.ended() => false,
        }
    }

    async fn look(&mut self) -> Result<Option<Bytes>, Failure> {
        let found = queries::session_with_version(self.app.store(), self.session).await?;
        let (version, session) = found.ok_or(Refusal::NotFound { noun: Noun::DoorSession })?;
        if self.told.is_some_and(|told| version <= told) {
            return Ok(None);
        }
        let is_over = !session.status.awaits_vendor();
        let answer = DoorSessionAnswer::of(&self.app, session).await?;
        let event = events::event(version, "session", &answer);
        let event = event.map_err(|_| Failure::fault("an event cannot be written as JSON"))?;
        (self.told, self.is_over) = (Some(version), is_over);
        Ok(Some(event))
    }
}

/// Until this server has changed the session, or so many that nobody knows which.
async fn nudge(doors: &mut Receiver<DoorSessionId>, session: DoorSessionId) {
    loop {
        match doors.recv().await {
            Ok(changed) if changed != session => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
