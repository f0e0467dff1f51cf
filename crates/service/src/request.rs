//! What comes in at the lanes, and how it can end other than well.

use kernel::{Actor, Command, Refusal};
use store::AnswerKey;

/// A command with who gave it.
pub struct Request {
    pub command: Command,
    pub actor: Actor,
    /// Absent where the sender cannot ask again.
    pub key: Option<IdempotencyKey>,
    /// Decide and answer, change nothing.
    pub dry_run: bool,
}

impl Request {
    #[must_use]
    pub fn by_house(command: Command) -> Self {
        Self { command, actor: Actor::house(), key: None, dry_run: false }
    }

    /// The key under which the answer is kept. A dry run keeps nothing.
    pub(crate) fn kept_key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref().filter(|_| !self.dry_run)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: AnswerKey,
    /// Of everything that makes the request the same one.
    pub request_hash: [u8; 32],
}

/// Why there is no outcome. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Refused(Refusal),
    /// The idempotency key belongs to another request.
    KeyReused,
    /// No such token, or not any more.
    InvalidToken,
    /// Wrong account, password or code.
    BadCredentials,
    /// Others kept winning. Nothing was done.
    Contended,
    /// Too many ask at once. Nothing was done.
    Overloaded,
    /// The database is away or full. Nothing was done.
    Unavailable {
        reason: String,
    },
    /// The connection broke while committing.
    OutcomeUnknown,
    /// An outside service failed. Nothing was done.
    Provider {
        reason: String,
    },
    Internal {
        reason: String,
    },
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<store::Error> for Failure {
    /// For reads, and for writes that certainly did not happen.
    fn from(error: store::Error) -> Self {
        match error.cause {
            store::Cause::Contended => Self::Contended,
            store::Cause::Full | store::Cause::Lost => Self::Unavailable { reason: error.to_string() },
            store::Cause::Constraint | store::Cause::Inconsistent | store::Cause::Other => {
                Self::Internal { reason: error.to_string() }
            }
        }
    }
}
