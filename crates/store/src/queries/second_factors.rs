//! Second factors, and tickets for them.

use kernel::{Instant, MemberId, SecondFactor, SignInTicket};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

const ONE: &str = "SELECT member_id, offered_secret, offered_until, secret, last_step, recovery, since, updated_at \
                   FROM second_factors WHERE member_id = $1";
const ACTIVE: &str = "SELECT member_id, offered_secret, offered_until, secret, last_step, recovery, since, updated_at \
                      FROM second_factors WHERE member_id > $1 AND since IS NOT NULL ORDER BY member_id LIMIT $2";
const TICKET: &str = "SELECT token_hash, member_id, purpose, created_at, expires_at, ended_at FROM sign_in_tickets \
                      WHERE token_hash = $1";
const OPEN_TICKETS: &str = "SELECT token_hash, member_id, purpose, created_at, expires_at, ended_at \
                            FROM sign_in_tickets WHERE member_id = $1 AND expires_at > $2 AND ended_at IS NULL";

pub async fn one(store: &Store, member: MemberId) -> Result<Option<SecondFactor>, Error> {
    let rows = store.query(ONE, vec![member.get().into()]).await?;
    rows.into_iter().next().map(factor).transpose()
}

/// Those that are on, in the order of their members, from the one after `after` on.
pub async fn active(store: &Store, after: MemberId, limit: i64) -> Result<Vec<SecondFactor>, Error> {
    let rows = store.query(ACTIVE, vec![after.get().into(), limit.into()]).await?;
    rows.into_iter().map(factor).collect()
}

pub async fn ticket(store: &Store, token_hash: &[u8; 32]) -> Result<Option<SignInTicket>, Error> {
    let rows = store.query(TICKET, vec![Value::from(token_hash.to_vec())]).await?;
    rows.into_iter().next().map(|row| SignInTicket::from_cells(&mut row.cells())).transpose()
}

/// What a member's passwords have opened and nobody has used yet.
pub async fn open_tickets(store: &Store, member: MemberId, now: Instant) -> Result<Vec<SignInTicket>, Error> {
    let rows = store.query(OPEN_TICKETS, vec![member.get().into(), now.as_millis().into()]).await?;
    rows.into_iter().map(|row| SignInTicket::from_cells(&mut row.cells())).collect()
}

fn factor(row: Row) -> Result<SecondFactor, Error> {
    SecondFactor::from_cells(&mut row.cells())
}
