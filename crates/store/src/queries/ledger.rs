//! Accounts as their owners see them.

use kernel::{AccountId, Cents, EntryKind, Instant, OrderId, TransferId};

use crate::{Cells, Error, Row, Store};

const BALANCE: &str = "SELECT balance, entry_count FROM accounts WHERE account_id = $1";
const ENTRIES: &str = "SELECT number, transfer_id, kind, order_id, amount, balance_after, created_at FROM entries \
     WHERE account_id = $1 AND number <= $2 ORDER BY number DESC LIMIT $3";
const TOTALS: &str = "SELECT owner_kind, CAST(COALESCE(SUM(balance) FILTER (WHERE balance > 0), 0) AS BIGINT), \
     CAST(COALESCE(SUM(balance) FILTER (WHERE balance < 0), 0) AS BIGINT), COUNT(*) FILTER (WHERE balance < 0) \
     FROM accounts WHERE currency = 'CNY' GROUP BY owner_kind";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub balance: Cents,
    pub entries: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1 for the account's first entry, without gaps.
    pub number: i64,
    pub transfer: TransferId,
    pub kind: EntryKind,
    pub order: Option<OrderId>,
    pub amount: Cents,
    pub balance_after: Cents,
    pub created_at: Instant,
}

pub async fn balance(store: &Store, account: AccountId) -> Result<Option<Balance>, Error> {
    let rows = store.query(BALANCE, vec![account.get().into()]).await?;
    let balance = |row: Row| {
        let mut cells = row.cells();
        Ok(Balance { balance: Cents::new(cells.int()?), entries: cells.int()? })
    };
    rows.into_iter().next().map(balance).transpose()
}

/// Entries from number `from` down, newest first. Numbers have no gaps: any page is one look-up away, however deep it lies.
pub async fn entries(store: &Store, account: AccountId, from: i64, limit: i64) -> Result<Vec<Line>, Error> {
    let parameters = vec![account.get().into(), from.into(), limit.into()];
    store.query(ENTRIES, parameters).await?.into_iter().map(|row| line(&mut row.cells())).collect()
}

pub(super) fn line(cells: &mut Cells) -> Result<Line, Error> {
    Ok(Line {
        number: cells.int()?,
        transfer: TransferId::new(cells.int()?),
        kind: cells.word("kind of entry")?,
        order: cells.opt_int()?.map(OrderId::new),
        amount: Cents::new(cells.int()?),
        balance_after: Cents::new(cells.int()?),
        created_at: Instant::from_millis(cells.int()?),
    })
}

/// What the accounts of one kind of owner hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    pub owner_kind: String,
    /// Of the balances above zero.
    pub credit: Cents,
    /// Of the balances below zero.
    pub debt: Cents,
    pub overdrawn: i64,
}

/// Money by kind of owner; looks at every account.
pub async fn totals(store: &Store) -> Result<Vec<Total>, Error> {
    let total = |row: Row| {
        let mut cells = row.cells();
        Ok(Total {
            owner_kind: cells.text()?,
            credit: Cents::new(cells.int()?),
            debt: Cents::new(cells.int()?),
            overdrawn: cells.int()?,
        })
    };
    store.query(TOTALS, Vec::new()).await?.into_iter().map(total).collect()
}
