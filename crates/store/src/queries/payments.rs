//! Everybody's top-ups and refunds, as those who look after the money see them.

use kernel::{Instant, MemberId, OrderId, Refund, RefundId, RefundState, Topup, TopupStatus};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

const TOPUPS: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for, u.nickname FROM topups AS t JOIN members AS u ON u.member_id = t.member_id \
     WHERE t.topup_id < $1 AND t.topup_id >= $2 AND t.created_at >= $3 AND t.created_at < $4 AND (t.status = $5 OR $5 = 'any') \
     AND ($6 = '' OR LOWER(t.order_no) LIKE LOWER($7) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($7) ESCAPE '!' \
     OR t.transaction_id = $6 OR CAST(t.member_id AS TEXT) = $6) ORDER BY t.topup_id DESC LIMIT $8";
const TOPUPS_OF_MEMBER: &str = "SELECT t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, \
     t.paid_at, t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, \
     t.updated_at, t.pays_for, u.nickname FROM topups AS t JOIN members AS u ON u.member_id = t.member_id \
     WHERE t.member_id = $9 AND t.topup_id < $1 AND t.topup_id >= $2 AND t.created_at >= $3 AND t.created_at < $4 \
     AND (t.status = $5 OR $5 = 'any') \
     AND ($6 = '' OR LOWER(t.order_no) LIKE LOWER($7) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($7) ESCAPE '!' \
     OR t.transaction_id = $6 OR CAST(t.member_id AS TEXT) = $6) ORDER BY t.topup_id DESC LIMIT $8";
const TOTALS: &str = "SELECT t.status, COUNT(*), CAST(SUM(t.amount_cents) AS BIGINT), \
     CAST(COALESCE(SUM(t.refunded_cents), 0) AS BIGINT) FROM topups AS t \
     WHERE t.topup_id >= $1 AND t.created_at >= $2 AND t.created_at < $3 GROUP BY t.status";
const REFUNDS: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, r.checks, \
     r.created_at, r.updated_at, COALESCE(t.order_no, c.related_order_no, c.order_no), u.member_id, u.nickname FROM refunds AS r \
     LEFT JOIN topups AS t ON t.topup_id = r.topup_id AND r.session_id IS NULL \
     LEFT JOIN cabinet_orders AS c ON c.order_id = r.topup_id AND r.session_id IS NOT NULL \
     JOIN members AS u ON u.member_id = COALESCE(t.member_id, c.member_id) \
     WHERE r.refund_id < $1 AND (r.state = $2 OR $2 = 'any') AND ($3 = '' OR LOWER(r.refund_no) LIKE LOWER($4) ESCAPE '!' \
     OR LOWER(COALESCE(t.order_no, c.related_order_no, c.order_no)) LIKE LOWER($4) ESCAPE '!' \
     OR LOWER(u.nickname) LIKE LOWER($4) ESCAPE '!' OR CAST(u.member_id AS TEXT) = $3) ORDER BY r.refund_id DESC LIMIT $5";
const REFUNDS_OF_TOPUP: &str = "SELECT r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, \
     r.checks, r.created_at, r.updated_at, t.order_no, t.member_id, u.nickname FROM topups AS t \
     JOIN refunds AS r ON r.topup_id = t.topup_id JOIN members AS u ON u.member_id = t.member_id \
     WHERE t.order_no = $6 AND r.refund_id < $1 AND (r.state = $2 OR $2 = 'any') \
     AND ($3 = '' OR LOWER(r.refund_no) LIKE LOWER($4) ESCAPE '!' \
     OR LOWER(t.order_no) LIKE LOWER($4) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($4) ESCAPE '!' \
     OR CAST(t.member_id AS TEXT) = $3) ORDER BY r.refund_id DESC LIMIT $5";

/// Which top-ups are wanted. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct TopupFilter {
    /// A part of the order's number or of the nickname, or a whole `user_id` or number of WeChat's.
    pub query: Option<String>,
    pub member: Option<MemberId>,
    pub status: Option<TopupStatus>,
    pub from: Option<Instant>,
    /// Up to, but not at, this moment.
    pub to: Option<Instant>,
    /// No order from `from` on has a smaller id.
    pub first_id: i64,
}

/// Newest first, those before `before`; each with what its member is called.
pub async fn topups(
    store: &Store,
    filter: &TopupFilter,
    before: OrderId,
    limit: i64,
) -> Result<Vec<(Topup, String)>, Error> {
    let (query, pattern) = search(filter.query.as_deref());
    let mut parameters: Vec<Value<'static>> = vec![
        before.get().into(),
        filter.first_id.into(),
        filter.from.map_or(i64::MIN, Instant::as_millis).into(),
        filter.to.map_or(i64::MAX, Instant::as_millis).into(),
        filter.status.map_or("any", TopupStatus::as_str).into(),
        query,
        pattern,
        limit.into(),
    ];
    let text = match filter.member {
        Some(member) => {
            parameters.push(member.get().into());
            TOPUPS_OF_MEMBER
        }
        None => TOPUPS,
    };
    let shown = |row: Row| {
        let mut cells = row.cells();
        Ok((Topup::from_cells(&mut cells)?, cells.text()?))
    };
    store.query(text, parameters).await?.into_iter().map(shown).collect()
}

/// What the top-ups of one status add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusTotal {
    pub status: TopupStatus,
    pub count: i64,
    pub amount_cents: i64,
    pub refunded_cents: i64,
}

/// Of the orders made between two moments; `first_id` is no larger than any of theirs.
pub async fn totals(store: &Store, first_id: i64, from: Instant, to: Instant) -> Result<Vec<StatusTotal>, Error> {
    let parameters = vec![first_id.into(), from.as_millis().into(), to.as_millis().into()];
    let total = |row: Row| {
        let mut cells = row.cells();
        Ok(StatusTotal {
            status: cells.word("status of a top-up")?,
            count: cells.int()?,
            amount_cents: cells.int()?,
            refunded_cents: cells.int()?,
        })
    };
    store.query(TOTALS, parameters).await?.into_iter().map(total).collect()
}

/// Which refunds are wanted. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct RefundFilter {
    /// A part of the refund's or of the order's number, or of the nickname, or a whole `user_id`.
    pub query: Option<String>,
    /// The whole number of the top-up.
    pub order_no: Option<String>,
    pub state: Option<RefundState>,
}

/// A refund, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRefund {
    pub refund: Refund,
    pub order_no: String,
    pub member: MemberId,
    pub nickname: String,
}

/// Newest first, those before `before`.
pub async fn refunds(
    store: &Store,
    filter: &RefundFilter,
    before: RefundId,
    limit: i64,
) -> Result<Vec<ShownRefund>, Error> {
    let (query, pattern) = search(filter.query.as_deref());
    let state = filter.state.map_or("any", RefundState::as_str);
    let mut parameters: Vec<Value<'static>> = vec![before.get().into(), state.into(), query, pattern, limit.into()];
    let text = match &filter.order_no {
        Some(order_no) => {
            parameters.push(order_no.clone().into());
            REFUNDS_OF_TOPUP
        }
        None => REFUNDS,
    };
    let shown = |row: Row| {
        let mut cells = row.cells();
        let refund = Refund::from_cells(&mut cells)?;
        let (order_no, member) = (cells.text()?, MemberId::new(cells.int()?));
        Ok(ShownRefund { refund, order_no, member, nickname: cells.text()? })
    };
    store.query(text, parameters).await?.into_iter().map(shown).collect()
}

/// A search as it is, and as a pattern that finds it anywhere.
fn search(query: Option<&str>) -> (Value<'static>, Value<'static>) {
    let query = query.unwrap_or_default();
    let mut pattern = String::from("%");
    for character in query.chars() {
        if ['%', '_', '!'].contains(&character) {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    (query.to_owned().into(), pattern.into())
}
