//! What the outside sends us, as it came. Stored before it is answered; marked when it has had its effect. And the bills we fetch.

use crate::{Error, Value, Writer};

/// A message that is stored and has had no effect yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRow {
    pub id: i64,
    pub body: Vec<u8>,
}

const INSERT: &str =
    "INSERT INTO callbacks (callback_id, source, body, received_at) VALUES ($1, $2, $3, $4) RETURNING callback_id";
const PROCESSED: &str = "UPDATE callbacks SET processed_at = $1 WHERE callback_id = $2 RETURNING callback_id";
const KEEP_BILL: &str = "INSERT INTO bills (date, sha1, body, fetched_at, payments, paid_cents, refunds, refunded_cents, credited, exceptions) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (date) DO UPDATE SET sha1 = excluded.sha1, \
                         body = excluded.body, fetched_at = excluded.fetched_at, payments = excluded.payments, \
                         paid_cents = excluded.paid_cents, refunds = excluded.refunds, refunded_cents = excluded.refunded_cents, \
                         credited = excluded.credited, exceptions = excluded.exceptions RETURNING date";

impl Writer {
    pub async fn keep_callback(&mut self, id: i64, source: &str, body: &[u8], now_ms: i64) -> Result<(), Error> {
        self.in_transaction(INSERT, &[Value::Int(id), source.into(), body.into(), Value::Int(now_ms)]).await.map(drop)
    }

    pub async fn callback_processed(&mut self, id: i64, now_ms: i64) -> Result<(), Error> {
        self.in_transaction(PROCESSED, &[Value::Int(now_ms), Value::Int(id)]).await.map(drop)
    }

    /// Keeps a day's bill with what it adds up to: payments, their sum, refunds, their sum, credited, exceptions.
    pub async fn keep_bill(
        &mut self,
        date: &str,
        sha1: &str,
        body: &[u8],
        now_ms: i64,
        totals: [i64; 6],
    ) -> Result<(), Error> {
        let mut parameters = vec![date.into(), sha1.into(), body.into(), Value::Int(now_ms)];
        parameters.extend(totals.map(Value::Int));
        self.in_transaction(KEEP_BILL, &parameters).await.map(drop)
    }
}
