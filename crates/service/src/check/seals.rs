//! The audit trail cannot be rewritten unseen. Its records are sealed a stretch at a time, after the fact; each seal is a hash over
//! its records and over the seal before.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use kernel::Instant;
use store::{Cells, Error, Row, Seal, Value};

use super::{Finding, SealFinding};
use crate::{Failure, Job, Ran, Schedule, Service, first_id_at};

const SEALS: &str = "SELECT seal_id, from_id, until_id, records, hash FROM audit_seals ORDER BY seal_id";
const SEALED: &str = "SELECT audit_id, at, actor_id, action, object_kind, object_id, value_before, value_after, reason FROM audits \
                      WHERE audit_id <= COALESCE((SELECT MAX(until_id) FROM audit_seals), -1) ORDER BY audit_id";
const STRETCH: &str = "SELECT audit_id, at, actor_id, action, object_kind, object_id, value_before, value_after, reason FROM audits \
                       WHERE audit_id > $1 AND audit_id < $2 ORDER BY audit_id";

/// One snapshot has both, in this order.
pub(super) const STATEMENTS: [&str; 2] = [SEALS, SEALED];

const MINUTE_MS: i64 = 60_000;
/// A record that is younger may still be joined by one with a smaller id: from a slow commit, or a server whose clock is behind.
const SETTLED_AFTER_MS: i64 = 15 * MINUTE_MS;

/// The hash over a stretch as it grows.
struct Stretch {
    hash: Context,
    records: i64,
    last: i64,
}

impl Stretch {
    fn after(previous: &str) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(previous.as_bytes());
        Self { hash, records: 0, last: 0 }
    }

    /// Every field with its kind and its length, so that no two records are written alike.
    fn add(&mut self, id: i64, cells: &mut Cells) -> Result<(), Error> {
        self.int(Some(id));
        self.int(Some(cells.int()?));
        self.int(cells.opt_int()?);
        self.text(Some(cells.text()?));
        self.text(Some(cells.text()?));
        self.int(Some(cells.int()?));
        for _ in 0..3 {
            self.text(cells.opt_text()?);
        }
        self.records += 1;
        self.last = id;
        Ok(())
    }

    fn int(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.hash.update(b"i");
                self.hash.update(&value.to_be_bytes());
            }
            None => self.hash.update(b"-"),
        }
    }

    fn text(&mut self, value: Option<String>) {
        match value {
            Some(value) => {
                self.hash.update(b"t");
                self.hash.update(&value.len().to_be_bytes());
                self.hash.update(value.as_bytes());
            }
            None => self.hash.update(b"-"),
        }
    }

    fn finish(self) -> (i64, String) {
        let mut hex = String::with_capacity(64);
        for byte in self.hash.finish().as_ref() {
            // Writing into a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        (self.records, hex)
    }
}

/// Goes along the trail and its seals. A record that was changed breaks the one seal that holds it.
#[derive(Default)]
pub(super) struct Walk {
    seals: Vec<Seal>,
    at: usize,
    stretch: Option<Stretch>,
    finding: Finding<SealFinding>,
}

impl Walk {
    pub(super) fn take(&mut self, statement: usize, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        if statement == 0 {
            self.seals.push(Seal::read(&mut cells)?);
            return Ok(());
        }
        let id = cells.int()?;
        while self.seals.get(self.at).is_some_and(|seal| seal.until < id) {
            self.close();
        }
        if self.stretch.is_none() {
            self.stretch = Some(Stretch::after(self.previous_hash()));
        }
        self.stretch.iter_mut().try_for_each(|stretch| stretch.add(id, &mut cells))
    }

    pub(super) fn finish(mut self) -> Finding<SealFinding> {
        while self.at < self.seals.len() {
            self.close();
        }
        self.finding
    }

    fn previous_hash(&self) -> &str {
        self.at.checked_sub(1).map_or("", |at| &self.seals[at].hash)
    }

    /// Compares what passed with the seal that ends here, and that seal with its place in the chain.
    fn close(&mut self) {
        let stretch = self.stretch.take().unwrap_or_else(|| Stretch::after(self.previous_hash()));
        let (records, hash) = stretch.finish();
        let place = self.at.checked_sub(1).map_or((1, 0), |at| (self.seals[at].id + 1, self.seals[at].until));
        let seal = &self.seals[self.at];
        if hash != seal.hash || records != seal.records || (seal.id, seal.from) != place {
            self.finding.add(SealFinding {
                seal_id: seal.id,
                from_id: seal.from,
                until_id: seal.until,
                recorded: seal.records,
                calculated: records,
            });
        }
        self.at += 1;
    }
}

impl Service {
    /// Seals what was recorded before `until` and is not sealed yet. Says how many records these were.
    pub async fn seal_audit(&self, until: Instant) -> Result<i64, Failure> {
        let last = Seal::last(self.store()).await?;
        let (id, from, previous) = last.map_or((1, 0, String::new()), |seal| (seal.id + 1, seal.until, seal.hash));
        let records = vec![Value::Int(from), Value::Int(first_id_at(until))];
        let stretch = self.store().scan(vec![(STRETCH, records)], Stretch::after(&previous), |stretch, _, row| {
            let mut cells = row.cells();
            let id = cells.int()?;
            stretch.add(id, &mut cells)
        });
        let stretch = stretch.await?;
        let until = stretch.last;
        let (records, hash) = stretch.finish();
        if records > 0 {
            // Who keeps the log elsewhere can tell that the whole chain was not made anew.
            tracing::info!(seal = id, until, records, hash, "the audit trail is sealed");
            self.keep_seal(Seal { id, from, until, records, hash }).await?;
        }
        Ok(records)
    }
}

/// Every ten minutes.
pub struct SealAudit;

impl Job for SealAudit {
    fn name(&self) -> &'static str {
        "seal-audit"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: 10 * MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async {
            let until = service.now().plus_millis(-SETTLED_AFTER_MS);
            let records = service.seal_audit(until).await;
            let records = records.map_err(|failure| format!("the audit trail is not sealed: {failure:?}"))?;
            Ok([("records".to_owned(), records)].into())
        })
    }
}
