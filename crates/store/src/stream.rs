//! Rows that are read as fast as somebody takes them: a bounded number waits between the database and the reader, and when the
//! reader goes away the reading ends.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::{Error, Row};

/// Rows travel in groups: a hand-over for each would cost more than reading it.
const GROUP: usize = 256;
/// Groups under way.
const WAITING: usize = 4;

pub(crate) type Sender = mpsc::Sender<Message>;

/// Rows, each with its statement's place in the list, or how it ended.
pub(crate) enum Message {
    Rows(Vec<(usize, Row)>),
    End,
    Failed(Error),
}

/// The rows of several statements, one statement after the other, all out of one snapshot.
pub struct Rows {
    receiver: mpsc::Receiver<Message>,
    ready: VecDeque<(usize, Row)>,
    is_over: bool,
}

pub(crate) fn channel() -> (Sender, Rows) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let rows = Rows { receiver, ready: VecDeque::new(), is_over: false };
    (sender, rows)
}

/// What a reading hears when nobody takes its rows any more. Nobody sees it.
pub(crate) fn nobody_listens() -> Error {
    Error::lost("who asked for these rows has gone away")
}

impl Rows {
    /// The next row with its statement's place in the list, or nothing after the last row of the last statement.
    pub async fn next(&mut self) -> Result<Option<(usize, Row)>, Error> {
        while self.ready.is_empty() && !self.is_over {
            let message = self.receiver.recv().await;
            self.take(message)?;
        }
        Ok(self.ready.pop_front())
    }

    /// The same for a thread that may block.
    pub fn blocking_next(&mut self) -> Result<Option<(usize, Row)>, Error> {
        while self.ready.is_empty() && !self.is_over {
            let message = self.receiver.blocking_recv();
            self.take(message)?;
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self, message: Option<Message>) -> Result<(), Error> {
        match message {
            Some(Message::Rows(rows)) => self.ready.extend(rows),
            Some(Message::End) => self.is_over = true,
            Some(Message::Failed(error)) => {
                self.is_over = true;
                return Err(error);
            }
            // A reading that ended without saying so was cut off: what came of it is not everything.
            None => {
                self.is_over = true;
                return Err(Error::lost("reading rows was cut off"));
            }
        }
        Ok(())
    }
}

/// Gathers rows into groups.
pub(crate) struct Group {
    rows: Vec<(usize, Row)>,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::with_capacity(GROUP) }
    }

    /// Adds a row; gives the group away when it is full.
    pub(crate) fn add(&mut self, at: usize, row: Row) -> Option<Message> {
        self.rows.push((at, row));
        if self.rows.len() < GROUP { None } else { self.rest() }
    }

    /// What there is of a group at the end of a statement.
    pub(crate) fn rest(&mut self) -> Option<Message> {
        if self.rows.is_empty() {
            return None;
        }
        Some(Message::Rows(std::mem::replace(&mut self.rows, Vec::with_capacity(GROUP))))
    }
}
