//! Seals over the audit trail.

use crate::{Error, Store, Value, Writer};

/// A stretch of the trail: the records after `from` up to `until`, with a hash over them and over the seal before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub id: i64,
    pub from: i64,
    pub until: i64,
    pub records: i64,
    pub hash: String,
}

const LAST: &str = "SELECT seal_id, from_id, until_id, records, hash FROM audit_seals ORDER BY seal_id DESC LIMIT 1";
const LAST_SEALED: &str = "SELECT COALESCE(MAX(until_id), 0) FROM audit_seals";
const INSERT: &str = "INSERT INTO audit_seals (seal_id, from_id, until_id, records, hash, sealed_at) \
                      VALUES ($1, $2, $3, $4, $5, $6) RETURNING seal_id";

impl Seal {
    pub async fn last(store: &Store) -> Result<Option<Self>, Error> {
        store.query(LAST, Vec::new()).await?.into_iter().next().map(|row| Self::read(&mut row.cells())).transpose()
    }

    /// From the columns in the order of the fields.
    pub fn read(cells: &mut crate::Cells) -> Result<Self, Error> {
        Ok(Self {
            id: cells.int()?,
            from: cells.int()?,
            until: cells.int()?,
            records: cells.int()?,
            hash: cells.text()?,
        })
    }
}

impl Writer {
    /// The newest record under a seal; 0 where there is none.
    pub async fn last_sealed(&mut self) -> Result<i64, Error> {
        let rows = self.query(LAST_SEALED, &[]).await?;
        rows.into_iter().next().map_or(Ok(0), |row| row.cells().int())
    }

    /// Fails where another server has put a seal in this place.
    pub async fn seal(&mut self, seal: &Seal, now_ms: i64) -> Result<(), Error> {
        let Seal { id, from, until, records, hash } = seal;
        let ints = [*id, *from, *until, *records].map(Value::Int);
        let [id, from, until, records] = ints;
        self.in_transaction(INSERT, &[id, from, until, records, hash.as_str().into(), Value::Int(now_ms)])
            .await
            .map(drop)
    }
}
