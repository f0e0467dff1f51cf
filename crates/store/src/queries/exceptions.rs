//! The exception queue.

use kernel::{Exception, MemberId};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

const LIST: &str = "SELECT e.exception_id, e.kind, e.subject, e.evidence, e.proposed, e.state, e.resolved_by, e.resolved_at, e.action, \
     e.note, e.owner_id, e.due_at, e.created_at, e.updated_at, u.nickname FROM exceptions AS e \
     LEFT JOIN members AS u ON u.member_id = e.owner_id WHERE e.state = $1 AND e.exception_id < $2 \
     AND (e.kind = $3 OR $3 = 'any') ORDER BY e.exception_id DESC LIMIT $4";

const ONE: &str = "SELECT e.exception_id, e.kind, e.subject, e.evidence, e.proposed, e.state, e.resolved_by, e.resolved_at, e.action, \
     e.note, e.owner_id, e.due_at, e.created_at, e.updated_at FROM exceptions AS e WHERE e.exception_id = $1";

/// An exception, and what its owner is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub exception: Exception,
    pub owner: Option<(MemberId, String)>,
}

pub async fn one(store: &Store, id: i64) -> Result<Option<Exception>, Error> {
    let rows = store.query(ONE, vec![id.into()]).await?;
    rows.into_iter().next().map(|row| Exception::from_cells(&mut row.cells())).transpose()
}

/// Those that are open, or those that are resolved; newest first.
pub async fn list(store: &Store, open: bool, kind: Option<&str>, before: i64, limit: i64) -> Result<Vec<Shown>, Error> {
    let state = if open { "open" } else { "resolved" };
    let kind = kind.unwrap_or("any").to_owned();
    let parameters = vec![Value::from(state), before.into(), kind.into(), limit.into()];
    let shown = |row: Row| {
        let mut cells = row.cells();
        let exception = Exception::from_cells(&mut cells)?;
        let nickname = cells.opt_text()?;
        Ok(Shown { owner: exception.owner.zip(nickname), exception })
    };
    store.query(LIST, parameters).await?.into_iter().map(shown).collect()
}
