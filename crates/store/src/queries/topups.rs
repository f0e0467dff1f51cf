//! Top-up orders and their refunds, callbacks that wait, and what the bills said.

use kernel::{Date, Instant, MemberId, OrderId, Refund, RefundId, Topup};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{CallbackRow, Cells, Error, Row, Store};

use super::number;

const BY_NUMBER: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.order_no = $1";
const ONE: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.topup_id = $1";
const OF_MEMBER: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.member_id = $1 AND t.pays_for IS NULL ORDER BY t.topup_id DESC LIMIT $2 OFFSET $3";
const COUNT_OF_MEMBER: &str = "SELECT COUNT(*) FROM topups AS t WHERE t.member_id = $1 AND t.pays_for IS NULL";
const DUE: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.status = 'pending' AND t.next_check_at <= $1 ORDER BY t.next_check_at, t.topup_id LIMIT $2";
const PAID_BETWEEN: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.paid_at IS NOT NULL AND t.paid_at >= $1 AND t.paid_at < $2";
const OF_ORDER: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t WHERE t.pays_for = $1 ORDER BY t.topup_id";
const LAPSED: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for FROM topups AS t JOIN shop_orders AS o ON o.order_id = t.pays_for \
     WHERE t.status = 'pending' AND t.next_check_at <= $1 AND o.status = 'pending' AND o.expires_at <= $1 \
     ORDER BY t.next_check_at, t.topup_id LIMIT $2";
const REFUND: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, r.checks, \
     r.created_at, r.updated_at FROM refunds AS r WHERE r.refund_id = $1";
const REFUND_BY_NUMBER: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, \
     r.checks, r.created_at, r.updated_at FROM refunds AS r WHERE r.refund_no = $1";
const REFUNDS_OF: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, r.checks, \
     r.created_at, r.updated_at FROM refunds AS r WHERE r.topup_id = $1 AND r.session_id IS NULL ORDER BY r.refund_id";
const REFUND_OF_ORDER: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, \
     r.checks, r.created_at, r.updated_at FROM refunds AS r WHERE r.topup_id = $1 AND r.session_id IS NOT NULL";
const REFUNDS_DUE: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, r.checks, \
     r.created_at, r.updated_at FROM refunds AS r WHERE r.state IN ('asked', 'processing') AND r.next_check_at <= $1 \
     ORDER BY r.next_check_at, r.refund_id LIMIT $2";
const WAITING: &str = "SELECT c.callback_id, c.body FROM callbacks AS c WHERE c.processed_at IS NULL AND c.received_at <= $1 \
     ORDER BY c.callback_id LIMIT $2";
const BILLS: &str = "SELECT b.date, b.sha1, b.fetched_at, b.payments, b.paid_cents, b.refunds, b.refunded_cents, b.credited, \
     b.exceptions FROM bills AS b WHERE b.date < $1 ORDER BY b.date DESC LIMIT $2";
const LISTED_BILLS: &str = "SELECT {place}, b.date, b.sha1, b.fetched_at, b.payments, b.paid_cents, b.refunds, b.refunded_cents, \
     b.credited, b.exceptions FROM bills AS b WHERE {after} AND b.date < $1";
const BOOKS_PAID: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(p.cents), 0) AS BIGINT) FROM (\
     SELECT t.amount_cents AS cents, t.paid_at FROM topups AS t WHERE t.paid_at IS NOT NULL \
     UNION ALL SELECT s.total_cents AS cents, s.paid_at FROM score_orders AS s WHERE s.status = 'paid') AS p \
     WHERE p.paid_at >= $1 AND p.paid_at < $2";
const BOOKS_REFUNDED: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(r.amount_cents), 0) AS BIGINT) FROM refunds AS r \
     WHERE r.created_at >= $1 AND r.created_at < $2 AND r.state <> 'returned'";

fn topup(row: Row) -> Result<Topup, Error> {
    Topup::from_cells(&mut row.cells())
}

fn refund(row: Row) -> Result<Refund, Error> {
    Refund::from_cells(&mut row.cells())
}

pub async fn by_number(store: &Store, order_no: &str) -> Result<Option<Topup>, Error> {
    store.query(BY_NUMBER, vec![order_no.to_owned().into()]).await?.into_iter().next().map(topup).transpose()
}

pub async fn one(store: &Store, id: OrderId) -> Result<Option<Topup>, Error> {
    store.query(ONE, vec![id.get().into()]).await?.into_iter().next().map(topup).transpose()
}

/// Newest first, and how many there are. What pays for an order is none of them.
pub async fn of_member(store: &Store, member: MemberId, limit: i64, offset: i64) -> Result<(Vec<Topup>, i64), Error> {
    let rows = store.query(OF_MEMBER, vec![member.get().into(), limit.into(), offset.into()]).await?;
    let found = rows.into_iter().map(topup).collect::<Result<_, _>>()?;
    let count = number(store.query(COUNT_OF_MEMBER, vec![member.get().into()]).await?)?;
    Ok((found, count))
}

/// Pending ones that WeChat has to be asked about, the least recently looked at first.
pub async fn due(store: &Store, now: Instant, limit: i64) -> Result<Vec<Topup>, Error> {
    let rows = store.query(DUE, vec![now.as_millis().into(), limit.into()]).await?;
    rows.into_iter().map(topup).collect()
}

/// All payments of a shop order at WeChat, the oldest first.
pub async fn of_order(store: &Store, order: OrderId) -> Result<Vec<Topup>, Error> {
    store.query(OF_ORDER, vec![order.get().into()]).await?.into_iter().map(topup).collect()
}

/// Pending ones of shop orders that are past their deadline, as far as WeChat has to be asked about them.
pub async fn of_lapsed_orders(store: &Store, now: Instant, limit: i64) -> Result<Vec<Topup>, Error> {
    let rows = store.query(LAPSED, vec![now.as_millis().into(), limit.into()]).await?;
    rows.into_iter().map(topup).collect()
}

pub async fn paid_between(store: &Store, from: Instant, to: Instant) -> Result<Vec<Topup>, Error> {
    let rows = store.query(PAID_BETWEEN, vec![from.as_millis().into(), to.as_millis().into()]).await?;
    rows.into_iter().map(topup).collect()
}

pub async fn refund_of(store: &Store, id: RefundId) -> Result<Option<Refund>, Error> {
    store.query(REFUND, vec![id.get().into()]).await?.into_iter().next().map(refund).transpose()
}

pub async fn refund_by_number(store: &Store, refund_no: &str) -> Result<Option<Refund>, Error> {
    store.query(REFUND_BY_NUMBER, vec![refund_no.to_owned().into()]).await?.into_iter().next().map(refund).transpose()
}

pub async fn refunds_of(store: &Store, topup: OrderId) -> Result<Vec<Refund>, Error> {
    store.query(REFUNDS_OF, vec![topup.get().into()]).await?.into_iter().map(refund).collect()
}

/// What goes back at WeChat for a cabinet order.
pub async fn refund_of_order(store: &Store, order: OrderId) -> Result<Option<Refund>, Error> {
    store.query(REFUND_OF_ORDER, vec![order.get().into()]).await?.into_iter().next().map(refund).transpose()
}

pub async fn refunds_due(store: &Store, now: Instant, limit: i64) -> Result<Vec<Refund>, Error> {
    let rows = store.query(REFUNDS_DUE, vec![now.as_millis().into(), limit.into()]).await?;
    rows.into_iter().map(refund).collect()
}

/// Callbacks that are stored, but have had no effect yet; oldest first.
pub async fn waiting_callbacks(store: &Store, received_by: Instant, limit: i64) -> Result<Vec<CallbackRow>, Error> {
    let rows = store.query(WAITING, vec![received_by.as_millis().into(), limit.into()]).await?;
    let callback = |row: Row| {
        let mut cells = row.cells();
        Ok(CallbackRow { id: cells.int()?, body: cells.blob()? })
    };
    rows.into_iter().map(callback).collect()
}

/// What a day's bill added up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub date: Date,
    pub sha1: String,
    pub fetched_at: Instant,
    pub payments: i64,
    pub paid_cents: i64,
    pub refunds: i64,
    pub refunded_cents: i64,
    pub credited: i64,
    pub exceptions: i64,
}

/// How lists of bills are sorted.
pub enum BillSorting {}

impl Sorting for BillSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("date"),
        Way::by_number("paid_cents", "b.paid_cents"),
        Way::by_number("refunded_cents", "b.refunded_cents"),
        Way::by_number("credited", "b.credited"),
        Way::by_number("exceptions", "b.exceptions"),
        Way::by_number("fetched_at", "b.fetched_at"),
    ];
}

lists! {
    // A day's bill has no number but its date's. There is one a day: they are few enough to be sorted without an index.
    LISTED_DAYS = ListStatement::new::<BillSorting>("CAST(REPLACE(b.date, '-', '') AS BIGINT)", 1, LISTED_BILLS);
}

fn bill(cells: &mut Cells) -> Result<Bill, Error> {
    Ok(Bill {
        date: cells.parse("date")?,
        sha1: cells.text()?,
        fetched_at: Instant::from_millis(cells.int()?),
        payments: cells.int()?,
        paid_cents: cells.int()?,
        refunds: cells.int()?,
        refunded_cents: cells.int()?,
        credited: cells.int()?,
        exceptions: cells.int()?,
    })
}

/// Newest first, those of days before `before`.
pub async fn bills(store: &Store, before: &str, limit: i64) -> Result<Vec<Bill>, Error> {
    let rows = store.query(BILLS, vec![before.to_owned().into(), limit.into()]).await?;
    rows.into_iter().map(|row| bill(&mut row.cells())).collect()
}

/// Those of days before `before`, in the order asked for.
pub async fn listed_bills(store: &Store, before: &str, page: &Page) -> Result<Vec<Placed<Bill>>, Unlisted> {
    LISTED_DAYS.page(store, vec![before.to_owned().into()], page, bill).await
}

/// How many payments came in and how many refunds went out between two moments by our books, each with its sum.
pub async fn books_between(store: &Store, from: Instant, to: Instant) -> Result<[i64; 4], Error> {
    let between = || vec![from.as_millis().into(), to.as_millis().into()];
    let pair = |rows: Vec<Row>| match rows.into_iter().next() {
        Some(row) => {
            let mut cells = row.cells();
            Ok((cells.int()?, cells.int()?))
        }
        None => Err(Error::inconsistent("a sum is missing")),
    };
    let (payments, paid) = pair(store.query(BOOKS_PAID, between()).await?)?;
    let (refunds, refunded) = pair(store.query(BOOKS_REFUNDED, between()).await?)?;
    Ok([payments, paid, refunds, refunded])
}
