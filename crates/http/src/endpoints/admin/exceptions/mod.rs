//! What a machine could not settle.

pub(crate) mod assign;
pub(crate) mod list;
pub(crate) mod resolve;

use kernel::{Exception, ExceptionAction, ExceptionKind, ExceptionState, Instant, MemberId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
struct ExceptionPath {
    exception_id: i64,
}

/// An exception: what was found, what to do about it, who does it, until when.
#[derive(Serialize, JsonSchema)]
struct ExceptionRow {
    exception_id: i64,
    kind: ExceptionKind,
    /// An order's number, a refund's.
    subject: String,
    evidence: Value,
    proposed_action: ExceptionAction,
    resolved: bool,
    owner_id: Option<MemberId>,
    owner_nickname: Option<String>,
    due_at: Instant,
    created_at: Instant,
    resolved_at: Option<Instant>,
    resolved_by: Option<MemberId>,
    action: Option<ExceptionAction>,
    note: Option<String>,
}

impl ExceptionRow {
    fn new(exception: Exception, owner_nickname: Option<String>) -> Self {
        let (resolved_at, resolved_by, action, note) = match exception.state {
            ExceptionState::Open => (None, None, None, None),
            ExceptionState::Resolved { by, at, action, note } => (Some(at), by, Some(action), Some(note)),
        };
        Self {
            exception_id: exception.id,
            kind: exception.kind,
            subject: exception.subject,
            evidence: serde_json::from_str(&exception.evidence).unwrap_or_default(),
            proposed_action: exception.proposed,
            resolved: resolved_at.is_some(),
            owner_id: exception.owner,
            owner_nickname,
            due_at: exception.due_at,
            created_at: exception.created_at,
            resolved_at,
            resolved_by,
            action,
            note,
        }
    }
}
