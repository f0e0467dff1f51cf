//! Deliveries owed to the outside: claimed with a lease, settled one by one.

use crate::{Error, Value, Writer};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub topic: String,
    pub body: String,
    /// How many times a delivery has been tried, this one included.
    pub attempts: i64,
}

const CLAIM: &str = "UPDATE outbox SET leased_until = $1, attempts = attempts + 1 WHERE message_id IN (\
                     SELECT message_id FROM outbox WHERE state = 'waiting' AND due_at <= $2 AND leased_until <= $2 \
                     ORDER BY due_at, message_id LIMIT $3) AND state = 'waiting' AND leased_until <= $2 \
                     RETURNING message_id, topic, body, attempts";
/// What was delivered was delivered, whoever else has the message by now.
const DELIVERED: &str =
    "UPDATE outbox SET state = 'delivered', last_error = NULL WHERE message_id = $1 RETURNING message_id";
/// The number of the attempt says whether the message is still the worker's own: somebody else's claim has raised it.
const RETRY: &str = "UPDATE outbox SET due_at = $1, leased_until = 0, last_error = $2 \
                     WHERE message_id = $3 AND attempts = $4 AND state = 'waiting' RETURNING message_id";
const PARK: &str = "UPDATE outbox SET state = 'parked', last_error = $1 \
                    WHERE message_id = $2 AND attempts = $3 AND state = 'waiting' RETURNING message_id";
const AGAIN: &str = "UPDATE outbox SET state = 'waiting', due_at = $1, leased_until = 0, attempts = 0 \
                     WHERE message_id = $2 AND state = 'parked' RETURNING message_id";

impl Writer {
    /// Takes up to `most` due messages for `lease_ms`. Who comes second gets none of them.
    pub async fn claim_outbox(&mut self, now_ms: i64, lease_ms: i64, most: i64) -> Result<Vec<OutboxRow>, Error> {
        let parameters = [Value::Int(now_ms + lease_ms), Value::Int(now_ms), Value::Int(most)];
        let rows = self.in_transaction(CLAIM, &parameters).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let mut cells = row.cells();
            claimed.push(OutboxRow {
                id: cells.int()?,
                topic: cells.text()?,
                body: cells.text()?,
                attempts: cells.int()?,
            });
        }
        claimed.sort_unstable_by_key(|row| row.id);
        Ok(claimed)
    }

    pub async fn outbox_delivered(&mut self, id: i64) -> Result<(), Error> {
        self.in_transaction(DELIVERED, &[Value::Int(id)]).await.map(drop)
    }

    /// Whether it was still the attempt `attempts` that counts.
    pub async fn outbox_retry(&mut self, id: i64, attempts: i64, due_at_ms: i64, error: &str) -> Result<bool, Error> {
        let parameters = [Value::Int(due_at_ms), error.into(), Value::Int(id), Value::Int(attempts)];
        Ok(!self.in_transaction(RETRY, &parameters).await?.is_empty())
    }

    /// Gives up: a person has to look at it. Whether it was still the attempt `attempts` that counts.
    pub async fn outbox_park(&mut self, id: i64, attempts: i64, error: &str) -> Result<bool, Error> {
        let parameters = [error.into(), Value::Int(id), Value::Int(attempts)];
        Ok(!self.in_transaction(PARK, &parameters).await?.is_empty())
    }

    /// Takes up a message that was given up. One that was not is left as it is.
    pub async fn outbox_again(&mut self, id: i64, due_at_ms: i64) -> Result<(), Error> {
        self.in_transaction(AGAIN, &[Value::Int(due_at_ms), Value::Int(id)]).await.map(drop)
    }
}
