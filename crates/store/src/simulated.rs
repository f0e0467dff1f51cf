//! How a simulation meddles: it says of each step of a transaction what becomes of it.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Patience;
use crate::sqlite::Session;
use crate::{Cause, Error};

/// What a connection is about to do; with [`Step::Committed`], what it has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Begin,
    Read,
    /// A batch's changes.
    Write,
    /// A statement of housekeeping, which may read or write.
    Keep,
    Commit,
    Committed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    GoesOn,
    /// The step is not taken, or after [`Step::Committed`] nobody hears of it.
    Fails(Cause),
    /// Nothing more is done on this connection, as if its process had ended here.
    Halts,
}

pub type Fates = Arc<dyn Fn(Step) -> Fate + Send + Sync>;

pub(crate) async fn meet(fates: Option<&Fates>, step: Step) -> Result<(), Error> {
    match fates.map_or(Fate::GoesOn, |fates| fates(step)) {
        Fate::GoesOn => Ok(()),
        Fate::Fails(cause) => Err(Error::new(cause, format!("simulated at {step:?}"))),
        Fate::Halts => std::future::pending().await,
    }
}

/// Where a connection waits for the next process of a simulation.
pub(crate) type Spare = Arc<Mutex<Option<Session>>>;

/// A writing connection; a simulation's goes back to where it came from as its process ends.
pub(crate) struct Lent {
    session: Option<Session>,
    spare: Option<Spare>,
}

impl Lent {
    pub(crate) fn own(session: Session) -> Self {
        Self { session: Some(session), spare: None }
    }

    pub(crate) fn from(spare: &Spare, path: &Path) -> Result<Self, Error> {
        let waiting = spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = match waiting {
            Some(session) => {
                session.wait(Patience::Usual)?;
                session
            }
            None => {
                let mut session = Session::open(path)?;
                session.script("PRAGMA synchronous = OFF")?;
                session
            }
        };
        Ok(Self { session: Some(session), spare: Some(Arc::clone(spare)) })
    }
}

const UNTIL_DROPPED: &str = "a connection is there until it is dropped";

impl Deref for Lent {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect(UNTIL_DROPPED)
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect(UNTIL_DROPPED)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(spare), Some(mut session)) = (&self.spare, self.session.take()) {
            // As SQLite does with what a process leaves open.
            session.rollback();
            *spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
    }
}
