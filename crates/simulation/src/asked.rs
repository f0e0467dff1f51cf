//! What somebody asks of the service, and asks again until they know.

use std::sync::Arc;

use kernel::{Actor, Command, Instant, MemberId, Rights};
use service::{IdempotencyKey, Request};
use store::AnswerKey;

use crate::trace::Trace;

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    /// Absent for the house.
    pub(crate) by: Option<MemberId>,
    pub(crate) key: u64,
    pub(crate) at: Instant,
    /// How often it went out without anybody knowing that it did nothing.
    pub(crate) open: u32,
}

impl Asked {
    pub(crate) fn request(&self) -> Request {
        let key = AnswerKey { caller: self.by.unwrap_or(MemberId::new(0)), key: format!("key-{}", self.key) };
        let mut hash = Trace::default();
        hash.add(&self.command);
        let mut request_hash = [0; 32];
        request_hash[..8].copy_from_slice(&hash.value().to_le_bytes());
        Request {
            command: self.command.clone(),
            actor: Actor { member: self.by, rights: Arc::new(Rights::all()) },
            key: Some(IdempotencyKey { key, request_hash }),
            dry_run: false,
        }
    }
}
