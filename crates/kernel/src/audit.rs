//! Who did what to what, and what is owed to the outside world because of it.

use std::sync::Arc;

use serde::Serialize;

use crate::{Instant, MemberId, Rights};

/// Who gave a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Absent for the house itself: a job, a callback, the command line.
    pub member: Option<MemberId>,
    pub rights: Arc<Rights>,
}

impl Actor {
    #[must_use]
    pub fn house() -> Self {
        Self { member: None, rights: Arc::new(Rights::all()) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: i64,
    pub at: Instant,
    pub actor: Option<MemberId>,
    pub action: &'static str,
    pub object_kind: &'static str,
    pub object_id: i64,
    /// JSON, as are the values after the change.
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: Option<String>,
}

/// A delivery owed to the outside, written with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    pub id: i64,
    /// Which delivery handles it.
    pub topic: &'static str,
    /// JSON.
    pub body: String,
    pub due_at: Instant,
}

pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
