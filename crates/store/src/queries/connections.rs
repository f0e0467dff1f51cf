//! What was sent to the outside and heard from there.

use kernel::Instant;

use crate::{Error, Row, Store};

const SENT: &str = "SELECT topic, body, state, last_error FROM outbox WHERE message_id >= $1 \
     ORDER BY message_id DESC LIMIT $2";
const HEARD: &str = "SELECT (SELECT received_at FROM callbacks ORDER BY callback_id DESC LIMIT 1), \
     (SELECT MAX(heard_at) FROM devices), (SELECT MAX(told_at) FROM erp_products)";

/// A message of the outbox, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub topic: String,
    pub body: String,
    pub is_delivered: bool,
    /// Why the last try failed; absent where none has.
    pub error: Option<String>,
}

/// When each of them told something last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub wechat: Option<Instant>,
    pub vendor: Option<Instant>,
    pub erp: Option<Instant>,
}

/// Messages from an id on, newest first.
pub async fn sent(store: &Store, from: i64, limit: i64) -> Result<Vec<Sent>, Error> {
    let sent = |row: Row| {
        let mut cells = row.cells();
        let (topic, body, state, error) = (cells.text()?, cells.text()?, cells.text()?, cells.opt_text()?);
        Ok(Sent { topic, body, is_delivered: state == "delivered", error })
    };
    store.query(SENT, vec![from.into(), limit.into()]).await?.into_iter().map(sent).collect()
}

pub async fn heard(store: &Store) -> Result<Heard, Error> {
    let row = store.query(HEARD, Vec::new()).await?.into_iter().next();
    let mut cells = row.ok_or_else(|| Error::inconsistent("the answer has a row"))?.cells();
    let mut moment = || Ok::<_, Error>(cells.opt_int()?.map(Instant::from_millis));
    Ok(Heard { wechat: moment()?, vendor: moment()?, erp: moment()? })
}
