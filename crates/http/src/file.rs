//! Workbooks as answers: made on a thread of their own while they are sent, at the pace of whoever takes them.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use kernel::Code;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::App;
use crate::endpoint::Answer;
use crate::failure::Failure;
use crate::reply::{self, Answers};
use crate::texts::Language;

/// A file holds a reading connection until it is sent, and screens need connections too.
pub(crate) const MOST_AT_ONCE: usize = 2;
/// Bytes leave in pieces of about this size.
const PIECE: usize = 64 * 1024;
/// Pieces under way.
const WAITING: usize = 4;
/// Who takes longer would keep the database from tidying up behind its snapshot.
const LONGEST: Duration = Duration::from_secs(600);

/// What goes wrong while a file is written is for the log: its reader sees the connection break.
pub(crate) type Written = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A workbook on its way.
pub(crate) struct Workbook {
    disposition: HeaderValue,
    body: Body,
}

/// The right to make a file, given back when it is sent.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Turn {
    /// Waits for one, but not longer than a request may take.
    pub(crate) async fn wait(app: &App) -> Result<Self, Failure> {
        let asked = tokio::time::timeout(app.limits().request, app.files().acquire_owned());
        match asked.await {
            Ok(Ok(permit)) => Ok(Self(permit)),
            _ => Err(Failure::Code(Code::Unavailable)),
        }
    }
}

enum Piece {
    Bytes(Bytes),
    /// Without it the file was cut off.
    End,
}

impl Workbook {
    /// `name` without its ending, and the same in letters that every program knows. `write` runs on a thread that may block.
    pub(crate) fn new(
        app: &App,
        turn: Turn,
        name: &str,
        plain_name: &str,
        write: impl FnOnce(Out) -> Written + Send + 'static,
    ) -> Result<Self, Failure> {
        let disposition = disposition(name, plain_name, "xlsx")?;
        Ok(Self { disposition, body: sent(app, turn, write) })
    }
}

/// A text for programs on its way.
pub(crate) struct Document {
    disposition: HeaderValue,
    body: Body,
}

impl Document {
    /// As a workbook; its name is in letters that every program knows.
    pub(crate) fn new(
        app: &App,
        turn: Turn,
        name: &str,
        write: impl FnOnce(Out) -> Written + Send + 'static,
    ) -> Result<Self, Failure> {
        let disposition = disposition(name, name, "json")?;
        Ok(Self { disposition, body: sent(app, turn, write) })
    }
}

fn sent(app: &App, turn: Turn, write: impl FnOnce(Out) -> Written + Send + 'static) -> Body {
    let (sender, receiver) = mpsc::channel(WAITING);
    let span = tracing::Span::current();
    let patience = app.limits().request;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _entered = span.entered();
        #[expect(clippy::disallowed_methods, reason = "a time limit, no rule depends on it")]
        let started = Instant::now();
        let out = Out { piece: Vec::with_capacity(PIECE), sender: sender.clone(), runtime, patience, started };
        match write(out) {
            Ok(()) => {}
            Err(_) if sender.is_closed() => tracing::debug!("a file was not wanted to its end"),
            Err(error) => tracing::error!(%error, "a file was cut off"),
        }
        drop(turn.0);
    });
    let body = stream::unfold(Some(receiver), async |receiver| {
        let mut receiver: mpsc::Receiver<Piece> = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the file was cut off")), None)),
        }
    });
    Body::from_stream(body)
}

impl Answers for Workbook {
    fn form() -> Answer {
        Answer::File(sheets::MEDIA_TYPE)
    }

    fn into_response(self, _: Language) -> Result<Response, Failure> {
        let media_type = HeaderValue::from_static(sheets::MEDIA_TYPE);
        let mut response = reply::response(StatusCode::OK, media_type, self.body);
        response.headers_mut().insert(CONTENT_DISPOSITION, self.disposition);
        Ok(response)
    }
}

impl Answers for Document {
    fn form() -> Answer {
        Answer::File("application/json")
    }

    fn into_response(self, _: Language) -> Result<Response, Failure> {
        let mut response = reply::response(StatusCode::OK, reply::JSON, self.body);
        response.headers_mut().insert(CONTENT_DISPOSITION, self.disposition);
        Ok(response)
    }
}

/// Where the bytes go. Only `end` makes them a whole file.
pub(crate) struct Out {
    piece: Vec<u8>,
    sender: mpsc::Sender<Piece>,
    runtime: Handle,
    patience: Duration,
    started: Instant,
}

impl Out {
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let left = LONGEST.saturating_sub(self.started.elapsed());
        let sent = tokio::time::timeout(left.min(self.patience), self.sender.send(piece));
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + PIECE / 4));
        self.send(Piece::Bytes(piece.into()))
    }
}

/// Both names, as RFC 6266 has them: who knows `filename*` takes it.
fn disposition(name: &str, plain_name: &str, ending: &str) -> Result<HeaderValue, Failure> {
    let mut value = format!("attachment; filename=\"{plain_name}.{ending}\"; filename*=UTF-8''");
    for byte in name.bytes().chain([b'.']).chain(ending.bytes()) {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            value.push(byte.into());
        } else {
            value.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::try_from(value).map_err(|_| Failure::fault("a file has a name that no header can hold"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_twice() {
        let said = disposition("餐次 \"1\"_a-b.c", "meal_1", "xlsx").expect("a header");
        assert_eq!(
            said,
            "attachment; filename=\"meal_1.xlsx\"; filename*=UTF-8''%E9%A4%90%E6%AC%A1%20%221%22_a-b.c.xlsx"
        );
    }
}
