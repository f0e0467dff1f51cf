//! What members complain of.

use kernel::{Complaint, ComplaintId, ComplaintStatus, MemberId};

use crate::rows::FromRow;
use crate::{Error, Row, Store};

const ONE: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, refunded_cents, \
     answered_at, closed_at, created_at, updated_at FROM complaints WHERE complaint_id = $1";
const OF_MEMBER: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, \
     refunded_cents, answered_at, closed_at, created_at, updated_at FROM complaints WHERE member_id = $1 \
     ORDER BY complaint_id DESC LIMIT $2 OFFSET $3";
const COUNT_OF_MEMBER: &str = "SELECT COUNT(*) FROM complaints WHERE member_id = $1";
const ALL: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, refunded_cents, \
     answered_at, closed_at, created_at, updated_at FROM complaints WHERE complaint_id < $1 \
     ORDER BY complaint_id DESC LIMIT $2";
const IN_STATUS: &str = "SELECT complaint_id, member_id, order_id, order_no, text, pictures, status, owner_id, replies, \
     refunded_cents, answered_at, closed_at, created_at, updated_at FROM complaints WHERE status = $3 AND complaint_id < $1 \
     ORDER BY complaint_id DESC LIMIT $2";

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

/// Newest first, those before `before`.
pub async fn list(
    store: &Store,
    status: Option<ComplaintStatus>,
    before: ComplaintId,
    limit: i64,
) -> Result<Vec<Complaint>, Error> {
    let mut parameters = vec![before.get().into(), limit.into()];
    let sql = match status {
        Some(status) => {
            parameters.push(status.as_str().into());
            IN_STATUS
        }
        None => ALL,
    };
    store.query(sql, parameters).await?.into_iter().map(read).collect()
}
