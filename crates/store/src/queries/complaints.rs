//! What members complain of.

use kernel::{Complaint, ComplaintId, ComplaintStatus, MemberId};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Error, Row, Store};

const ONE: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, refunded_cents, \
     answered_at, closed_at, created_at, updated_at FROM complaints WHERE complaint_id = $1";
const OF_MEMBER: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, \
     refunded_cents, answered_at, closed_at, created_at, updated_at FROM complaints WHERE member_id = $1 \
     ORDER BY complaint_id DESC LIMIT $2 OFFSET $3";
const COUNT_OF_MEMBER: &str = "SELECT COUNT(*) FROM complaints WHERE member_id = $1";
const LISTED: &str = "SELECT {place}, complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, refunded_cents, \
     answered_at, closed_at, created_at, updated_at FROM complaints WHERE {after}";
const LISTED_IN_STATUS: &str = "SELECT {place}, complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, \
     refunded_cents, answered_at, closed_at, created_at, updated_at FROM complaints WHERE status = $1 AND {after}";

/// How lists of everybody's complaints are sorted.
pub enum ComplaintSorting {}

impl Sorting for ComplaintSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("updated_at", "updated_at"),
        Way::by_number("refunded_cents", "refunded_cents"),
    ];
}

lists! {
    ALL = ListStatement::new::<ComplaintSorting>("complaint_id", 0, LISTED);
    IN_STATUS = ListStatement::new::<ComplaintSorting>("complaint_id", 1, LISTED_IN_STATUS);
}

fn read(row: Row) -> Result<Complaint, Error> {
    Complaint::from_cells(&mut row.cells())
}

pub async fn one(store: &Store, id: ComplaintId) -> Result<Option<Complaint>, Error> {
    store.query(ONE, vec![id.get().into()]).await?.into_iter().next().map(read).transpose()
}

/// A member's, newest first.
pub async fn of_member(store: &Store, member: MemberId, limit: i64, offset: i64) -> Result<Vec<Complaint>, Error> {
    let parameters = vec![member.get().into(), limit.into(), offset.into()];
    store.query(OF_MEMBER, parameters).await?.into_iter().map(read).collect()
}

pub async fn count_of_member(store: &Store, member: MemberId) -> Result<i64, Error> {
    super::number(store.query(COUNT_OF_MEMBER, vec![member.get().into()]).await?)
}

pub async fn list(
    store: &Store,
    status: Option<ComplaintStatus>,
    page: &Page,
) -> Result<Vec<Placed<Complaint>>, Unlisted> {
    let list = if status.is_some() { &IN_STATUS } else { &ALL };
    let parameters = status.into_iter().map(|status| status.as_str().into()).collect();
    list.page(store, parameters, page, Complaint::from_cells).await
}
