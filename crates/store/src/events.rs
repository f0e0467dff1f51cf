//! What partners tell us, as it came: stored before it is answered, each event once, and no message a second time.

use crate::{Error, Value, Writer};

/// A message that a partner has signed.
pub struct SignedEvent<'a> {
    pub partner: &'a str,
    pub nonce: &'a str,
    /// In seconds since 1970.
    pub remember_until: i64,
    /// The event's own id, or what stands for it.
    pub event: &'a str,
    pub kind: &'static str,
    pub body: &'a [u8],
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKept {
    New,
    /// The event was here before, in other words or the same ones.
    Known {
        is_same: bool,
        is_processed: bool,
    },
    /// The very message was here before.
    Replayed,
}

/// An event that is stored and has had no effect yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub key: String,
    pub kind: String,
    pub body: Vec<u8>,
}

/// What an event is stored under.
#[must_use]
pub fn event_key(partner: &str, event: &str) -> String {
    format!("{partner}/{event}")
}

const FORGET: &str = "DELETE FROM partner_nonces WHERE remember_until < $1";
const REMEMBER: &str = "INSERT INTO partner_nonces (partner_id, nonce, remember_until) VALUES ($1, $2, $3) \
                        ON CONFLICT (partner_id, nonce) DO NOTHING RETURNING nonce";
const KEEP: &str = "INSERT INTO partner_events (event_key, kind, body, received_at) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (event_key) DO NOTHING RETURNING event_key";
const KNOWN: &str = "SELECT body, processed_at FROM partner_events WHERE event_key = $1";
const PROCESSED: &str = "UPDATE partner_events SET processed_at = $1 WHERE event_key = $2 RETURNING event_key";

impl Writer {
    /// Remembers the message's nonce and keeps its event, both or neither.
    pub async fn keep_event(&mut self, event: &SignedEvent<'_>, now_ms: i64) -> Result<EventKept, Error> {
        self.begin().await?;
        match self.take_event(event, now_ms).await {
            Ok(kept) => {
                self.commit().await?;
                Ok(kept)
            }
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    async fn take_event(&mut self, event: &SignedEvent<'_>, now_ms: i64) -> Result<EventKept, Error> {
        self.query(FORGET, &[Value::Int(now_ms / 1000)]).await?;
        let nonce = [event.partner.into(), event.nonce.into(), Value::Int(event.remember_until)];
        if self.query(REMEMBER, &nonce).await?.is_empty() {
            return Ok(EventKept::Replayed);
        }
        let key = event_key(event.partner, event.event);
        let row = [key.as_str().into(), event.kind.into(), event.body.into(), Value::Int(now_ms)];
        if !self.query(KEEP, &row).await?.is_empty() {
            return Ok(EventKept::New);
        }
        let known = self.query(KNOWN, &[key.as_str().into()]).await?;
        let known = known.into_iter().next().ok_or_else(|| Error::inconsistent("an event is there and is not"))?;
        let mut cells = known.cells();
        let is_same = cells.blob()? == event.body;
        Ok(EventKept::Known { is_same, is_processed: cells.opt_int()?.is_some() })
    }

    /// Whether the nonce is new; from now on it is not.
    pub async fn remember_nonce(
        &mut self,
        partner: &str,
        nonce: &str,
        remember_until: i64,
        now_ms: i64,
    ) -> Result<bool, Error> {
        self.in_transaction(FORGET, &[Value::Int(now_ms / 1000)]).await?;
        let nonce = [partner.into(), nonce.into(), Value::Int(remember_until)];
        Ok(!self.in_transaction(REMEMBER, &nonce).await?.is_empty())
    }

    pub async fn event_processed(&mut self, key: &str, now_ms: i64) -> Result<(), Error> {
        self.in_transaction(PROCESSED, &[Value::Int(now_ms), key.into()]).await.map(drop)
    }
}
