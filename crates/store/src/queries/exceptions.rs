//! The exception queue.

use kernel::{Exception, MemberId};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Cells, Error, Store};

const LISTED: &str = "SELECT {place}, e.exception_id, e.kind, e.subject, e.evidence, e.proposed, e.state, e.resolved_by, e.resolved_at, e.action, \
     e.note, e.owner_id, e.due_at, e.created_at, e.updated_at, u.nickname FROM exceptions AS e \
     LEFT JOIN members AS u ON u.member_id = e.owner_id WHERE e.state = $1 AND {after} \
     AND (e.kind = $2 OR $2 = 'any')";

const ONE: &str = "SELECT e.exception_id, e.kind, e.subject, e.evidence, e.proposed, e.state, e.resolved_by, e.resolved_at, e.action, \
     e.note, e.owner_id, e.due_at, e.created_at, e.updated_at FROM exceptions AS e WHERE e.exception_id = $1";

/// How the queue is sorted.
pub enum ExceptionSorting {}

impl Sorting for ExceptionSorting {
    const WAYS: &'static [Way] =
        &[Way::by_id("created_at"), Way::by_number("due_at", "e.due_at"), Way::by_text("subject", "e.subject")];
}

lists! {
    LIST = ListStatement::new::<ExceptionSorting>("e.exception_id", 2, LISTED);
}

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

/// Those that are open, or those that are resolved.
pub async fn list(
    store: &Store,
    open: bool,
    kind: Option<&'static str>,
    page: &Page,
) -> Result<Vec<Placed<Shown>>, Unlisted> {
    let state = if open { "open" } else { "resolved" };
    let shown = |cells: &mut Cells| {
        let exception = Exception::from_cells(cells)?;
        let nickname = cells.opt_text()?;
        Ok(Shown { owner: exception.owner.zip(nickname), exception })
    };
    LIST.page(store, vec![state.into(), kind.unwrap_or("any").into()], page, shown).await
}
