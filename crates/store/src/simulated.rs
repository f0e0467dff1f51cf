//! How a simulation meddles: it says of each step of a transaction what becomes of it.

use std::sync::Arc;

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
