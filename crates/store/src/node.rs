//! Which running process owns which part of the id space.

use crate::{Error, Row, Value, Writer, expected_schema};

/// How many processes can share one database.
pub const NODES: i64 = 32;

/// One process's claim on a node number. Ids made under it carry times up to `ids_until_ms`, so whoever gets the number next
/// starts after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLease {
    pub number: i64,
    pub ids_until_ms: i64,
}

const TAKEN: &str = "SELECT number, lease_until, ids_until FROM nodes ORDER BY number";
const CLAIM: &str = "INSERT INTO nodes (number, holder, lease_until, ids_until, schema) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until, \
                     ids_until = excluded.ids_until, schema = excluded.schema WHERE nodes.lease_until <= $6 RETURNING number";
/// Ids may have been made up to where they were allowed once, so that never goes back, whatever the clock does.
const RENEW: &str = "UPDATE nodes SET lease_until = $1, ids_until = CASE WHEN ids_until < $2 THEN $2 ELSE ids_until END \
                     WHERE number = $3 AND holder = $4 RETURNING number";
const RELEASE: &str =
    "UPDATE nodes SET lease_until = 0, ids_until = $1 WHERE number = $2 AND holder = $3 RETURNING number";

impl Writer {
    /// Claims a number that nobody holds. The lease ends at `until_ms` unless renewed; no id may be from before `ids_from_ms`.
    pub async fn claim_node(
        &mut self,
        holder: &str,
        now_ms: i64,
        until_ms: i64,
        ids_from_ms: i64,
    ) -> Result<Option<NodeLease>, Error> {
        let mut used = std::collections::BTreeMap::new();
        for row in self.query(TAKEN, &[]).await? {
            let mut cells = row.cells();
            used.insert(cells.int()?, (cells.int()?, cells.int()?));
        }
        for number in 0..NODES {
            let (lease_until, ids_until) = used.get(&number).copied().unwrap_or((0, 0));
            if lease_until > now_ms {
                continue;
            }
            let ids_from = ids_until.max(now_ms).max(ids_from_ms);
            let parameters = [
                Value::Int(number),
                holder.into(),
                Value::Int(until_ms),
                Value::Int(ids_from),
                Value::Int(expected_schema()),
                Value::Int(now_ms),
            ];
            if !self.in_transaction(CLAIM, &parameters).await?.is_empty() {
                return Ok(Some(NodeLease { number, ids_until_ms: ids_from }));
            }
        }
        Ok(None)
    }

    /// Whether the lease could be renewed; if not, somebody else holds the number now.
    pub async fn renew_node(
        &mut self,
        number: i64,
        holder: &str,
        until_ms: i64,
        ids_until_ms: i64,
    ) -> Result<bool, Error> {
        let parameters = [Value::Int(until_ms), Value::Int(ids_until_ms), Value::Int(number), holder.into()];
        Ok(!self.in_transaction(RENEW, &parameters).await?.is_empty())
    }

    /// Gives the number back. Its next holder's ids begin at `ids_until_ms`.
    pub async fn release_node(&mut self, number: i64, holder: &str, ids_until_ms: i64) -> Result<(), Error> {
        let parameters = [Value::Int(ids_until_ms), Value::Int(number), holder.into()];
        self.in_transaction(RELEASE, &parameters).await.map(drop)
    }

    /// One statement in a transaction of its own.
    pub(crate) async fn in_transaction(&mut self, sql: &str, parameters: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.begin().await?;
        match self.query(sql, parameters).await {
            Ok(rows) => self.commit().await.map(|()| rows),
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }
}
