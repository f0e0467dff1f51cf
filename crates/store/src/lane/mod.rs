//! What a lane does with the database: read everything a batch of commands needs, write everything it decided.

mod alerts;
mod cabinet;
mod erp;
mod load;
mod shop;
mod statements;
mod write;

use std::collections::BTreeSet;

use kernel::MemberId;

use crate::{Batch, Error, Row, Value, Writer};

#[cfg(test)]
pub(crate) use alerts::all_statements as all_alert_statements;
#[cfg(test)]
pub(crate) use cabinet::all_statements as all_cabinet_statements;
#[cfg(test)]
pub(crate) use erp::all_statements as all_erp_statements;
pub use load::load;
#[cfg(test)]
pub(crate) use shop::all_statements as all_shop_statements;
#[cfg(test)]
pub(crate) use statements::all_statements;
pub use write::write;

/// Who asked, and under which key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerKey {
    pub caller: MemberId,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub request_hash: [u8; 32],
    /// JSON.
    pub answer: String,
}

/// An answer to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub key: AnswerKey,
    pub stored: StoredAnswer,
}

/// The answers that were given under these keys before.
///
/// # Errors
/// What the database says.
pub async fn load_answers(writer: &mut Writer, keys: &BTreeSet<&AnswerKey>) -> Result<Vec<Answer>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = keys.iter().map(|key| [Value::Int(key.caller.get()), key.key.as_str().into()]);
    let found = writer.select(&[Batch::of(&statements::ANSWERS, pairs)]).await?;
    found.into_iter().flatten().map(read_answer).collect()
}

fn read_answer(row: Row) -> Result<Answer, Error> {
    let mut cells = row.cells();
    let key = AnswerKey { caller: MemberId::new(cells.int()?), key: cells.text()? };
    let request_hash = cells.blob()?.try_into().map_err(|_| Error::inconsistent("a request hash has 32 bytes"))?;
    Ok(Answer { key, stored: StoredAnswer { request_hash, answer: cells.text()? } })
}
