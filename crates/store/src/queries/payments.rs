//! Everybody's top-ups and refunds, as those who look after the money see them.

use kernel::{Instant, MemberId, Refund, RefundState, Topup, TopupStatus};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Cells, Error, Row, Store, Value};

const LISTED_TOPUPS: &str = "SELECT {place}, t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for, u.nickname FROM topups AS t JOIN members AS u ON u.member_id = t.member_id \
     WHERE {after} AND t.topup_id >= $1 AND t.created_at >= $2 AND t.created_at < $3 AND (t.status = $4 OR $4 = 'any') \
     AND ($5 = '' OR LOWER(t.order_no) LIKE LOWER($6) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($6) ESCAPE '!' \
     OR t.transaction_id = $5 OR CAST(t.member_id AS TEXT) = $5)";
const LISTED_TOPUPS_OF_MEMBER: &str = "SELECT {place}, t.topup_id, t.order_no, t.member_id, t.amount_cents, t.client, t.status, t.transaction_id, t.paid_at, \
     t.source, t.refunded_cents, t.refund_id, t.failure, t.expires_at, t.next_check_at, t.checks, t.created_at, t.updated_at, \
     t.pays_for, u.nickname FROM topups AS t JOIN members AS u ON u.member_id = t.member_id \
     WHERE {after} AND t.topup_id >= $1 AND t.created_at >= $2 AND t.created_at < $3 AND (t.status = $4 OR $4 = 'any') \
     AND ($5 = '' OR LOWER(t.order_no) LIKE LOWER($6) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($6) ESCAPE '!' \
     OR t.transaction_id = $5 OR CAST(t.member_id AS TEXT) = $5) AND t.member_id = $7";
const TOTALS: &str = "SELECT t.status, COUNT(*), CAST(SUM(t.amount_cents) AS BIGINT), \
     CAST(COALESCE(SUM(t.refunded_cents), 0) AS BIGINT) FROM topups AS t \
     WHERE t.topup_id >= $1 AND t.created_at >= $2 AND t.created_at < $3 GROUP BY t.status";
const LISTED_REFUNDS: &str = "SELECT {place}, r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, r.checks, \
     r.created_at, r.updated_at, COALESCE(t.order_no, c.related_order_no, c.order_no), u.member_id, u.nickname FROM refunds AS r \
     LEFT JOIN topups AS t ON t.topup_id = r.topup_id AND r.session_id IS NULL \
     LEFT JOIN cabinet_orders AS c ON c.order_id = r.topup_id AND r.session_id IS NOT NULL \
     JOIN members AS u ON u.member_id = COALESCE(t.member_id, c.member_id) \
     WHERE {after} AND (r.state = $1 OR $1 = 'any') AND ($2 = '' OR LOWER(r.refund_no) LIKE LOWER($3) ESCAPE '!' \
     OR LOWER(COALESCE(t.order_no, c.related_order_no, c.order_no)) LIKE LOWER($3) ESCAPE '!' \
     OR LOWER(u.nickname) LIKE LOWER($3) ESCAPE '!' OR CAST(u.member_id AS TEXT) = $2)";
const LISTED_REFUNDS_OF_TOPUP: &str = "SELECT {place}, r.refund_id, r.refund_no, r.topup_id, r.session_id, r.amount_cents, r.reason, r.state, r.next_check_at, \
     r.checks, r.created_at, r.updated_at, t.order_no, t.member_id, u.nickname FROM topups AS t \
     JOIN refunds AS r ON r.topup_id = t.topup_id JOIN members AS u ON u.member_id = t.member_id \
     WHERE {after} AND (r.state = $1 OR $1 = 'any') \
     AND ($2 = '' OR LOWER(r.refund_no) LIKE LOWER($3) ESCAPE '!' \
     OR LOWER(t.order_no) LIKE LOWER($3) ESCAPE '!' OR LOWER(u.nickname) LIKE LOWER($3) ESCAPE '!' \
     OR CAST(t.member_id AS TEXT) = $2) AND t.order_no = $4";

/// How lists of top-ups are sorted.
pub enum TopupSorting {}

impl Sorting for TopupSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("amount_cents", "t.amount_cents"),
        // What was never paid comes before what was.
        Way::by_number("paid_at", "COALESCE(t.paid_at, 0)"),
        Way::by_text("nickname", "u.nickname"),
    ];
}

/// How lists of refunds are sorted.
pub enum RefundSorting {}

impl Sorting for RefundSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("amount_cents", "r.amount_cents"),
        Way::by_number("updated_at", "r.updated_at"),
        Way::by_text("nickname", "u.nickname"),
    ];
}

lists! {
    TOPUPS = ListStatement::new::<TopupSorting>("t.topup_id", 6, LISTED_TOPUPS);
    TOPUPS_OF_MEMBER = ListStatement::new::<TopupSorting>("t.topup_id", 7, LISTED_TOPUPS_OF_MEMBER);
    REFUNDS = ListStatement::new::<RefundSorting>("r.refund_id", 3, LISTED_REFUNDS);
    REFUNDS_OF_TOPUP = ListStatement::new::<RefundSorting>("r.refund_id", 4, LISTED_REFUNDS_OF_TOPUP);
}

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

/// Each with what its member is called.
pub async fn topups(
    store: &Store,
    filter: &TopupFilter,
    page: &Page,
) -> Result<Vec<Placed<(Topup, String)>>, Unlisted> {
    let (query, pattern) = search(filter.query.as_deref());
    let mut parameters: Vec<Value<'static>> = vec![
        filter.first_id.into(),
        filter.from.map_or(i64::MIN, Instant::as_millis).into(),
        filter.to.map_or(i64::MAX, Instant::as_millis).into(),
        filter.status.map_or("any", TopupStatus::as_str).into(),
        query,
        pattern,
    ];
    parameters.extend(filter.member.map(|member| member.get().into()));
    let list = if filter.member.is_some() { &TOPUPS_OF_MEMBER } else { &TOPUPS };
    list.page(store, parameters, page, |cells| Ok((Topup::from_cells(cells)?, cells.text()?))).await
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

pub async fn refunds(store: &Store, filter: &RefundFilter, page: &Page) -> Result<Vec<Placed<ShownRefund>>, Unlisted> {
    let (query, pattern) = search(filter.query.as_deref());
    let mut parameters: Vec<Value<'static>> =
        vec![filter.state.map_or("any", RefundState::as_str).into(), query, pattern];
    parameters.extend(filter.order_no.clone().map(Value::from));
    let list = if filter.order_no.is_some() { &REFUNDS_OF_TOPUP } else { &REFUNDS };
    let shown = |cells: &mut Cells| {
        let refund = Refund::from_cells(cells)?;
        let (order_no, member) = (cells.text()?, MemberId::new(cells.int()?));
        Ok(ShownRefund { refund, order_no, member, nickname: cells.text()? })
    };
    list.page(store, parameters, page, shown).await
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
