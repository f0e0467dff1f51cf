//! Server-sent events: answers that go on for as long as there is something to tell. How many go on at a time is bounded, for each
//! member and in all, and they end when their server stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use kernel::{Code, MemberId};
use tokio::sync::watch;

use crate::endpoint::Answer;
use crate::failure::Failure;
use crate::reply::{self, Answers};
use crate::texts::Language;

const MEDIA_TYPE: &str = "text/event-stream";
/// One member has few devices, and looks at few doors.
const MOST_OF_MEMBER: usize = 3;
const MOST_IN_ALL: usize = 512;
/// Seconds after which whoever has too many of them may ask again.
const WAIT_S: u32 = 5;

/// What nobody has to see, so that whoever passes the bytes on does not take the line for dead.
pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

pub(crate) struct Streams {
    open: Mutex<BTreeMap<MemberId, usize>>,
    ending: watch::Sender<bool>,
}

impl Streams {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), ending: watch::Sender::new(false) })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<MemberId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seat(self: &Arc<Self>, member: MemberId) -> Result<Seat, Failure> {
        let mut open = self.open();
        if open.values().sum::<usize>() >= MOST_IN_ALL {
            return Err(Failure::Code(Code::Unavailable));
        }
        let own = open.entry(member).or_default();
        if *own >= MOST_OF_MEMBER {
            return Err(Failure::TooMany { wait: WAIT_S });
        }
        *own += 1;
        Ok(Seat { streams: Arc::clone(self), member, ending: self.ending.subscribe() })
    }

    /// A stream would keep a server that stops from ever having answered everything.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }
}

/// The right to one stream, given back when it ends.
pub(crate) struct Seat {
    streams: Arc<Streams>,
    member: MemberId,
    ending: watch::Receiver<bool>,
}

impl Seat {
    /// Waits until the server stops.
    pub(crate) async fn ended(&mut self) {
        // The sender lives as long as the seat; without it there would be nobody left to serve.
        drop(self.ending.wait_for(|ending| *ending).await);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if let Some(own) = open.get_mut(&self.member) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.member);
            }
        }
    }
}

/// One event: what happened, under a number that grows, and how it is now.
pub(crate) fn event(id: i64, name: &str, data: &impl serde::Serialize) -> Result<Bytes, serde_json::Error> {
    Ok(format!("id: {id}\nevent: {name}\ndata: {}\n\n", serde_json::to_string(data)?).into())
}

/// Events on their way.
pub(crate) struct EventStream(Body);

impl EventStream {
    pub(crate) fn new(events: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Body::from_stream(events.map(Ok::<_, std::convert::Infallible>)))
    }
}

impl Answers for EventStream {
    fn form() -> Answer {
        Answer::Events(MEDIA_TYPE)
    }

    fn into_response(self, _: Language) -> Result<Response, Failure> {
        let mut response = reply::response(StatusCode::OK, HeaderValue::from_static(MEDIA_TYPE), self.0);
        // A proxy that collects an answer before it passes it on would tell of the door when it is shut again.
        response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_come_back() {
        let streams = Streams::new();
        let (one, other) = (MemberId::new(1), MemberId::new(2));
        let mut seats: Vec<_> = (0..MOST_OF_MEMBER).map(|_| streams.seat(one).expect("a seat")).collect();
        assert!(matches!(streams.seat(one), Err(Failure::TooMany { .. })));
        drop(streams.seat(other).expect("somebody else has seats of their own"));
        seats.pop();
        drop(streams.seat(one).expect("a seat that was given back"));
        let rest = MOST_IN_ALL - seats.len();
        seats.extend((0..rest).map(|at| streams.seat(MemberId::new(10 + at as i64)).expect("a seat")));
        assert!(matches!(streams.seat(other), Err(Failure::Code(Code::Unavailable))));
        drop(seats);
        assert!(streams.open().is_empty(), "nothing is kept of who has gone");
    }
}
