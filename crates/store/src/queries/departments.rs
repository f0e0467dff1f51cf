//! Departments.

use kernel::{AccountId, Cents, Department, DepartmentId, Member, MemberId, Role, RoleGrant, Scope};

use super::exports::Stream;
use super::ledger::{self, Line};
use crate::rows::FromRow;
use crate::{Error, Row, Store};

const LIST: &str = "SELECT d.department_id, d.code, d.name, d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.department_id = d.department_id), COALESCE(a.balance, 0) \
     FROM departments AS d LEFT JOIN accounts AS a ON a.account_id = d.department_id * 2 WHERE d.department_id > $1 \
     AND (LOWER(d.code) LIKE LOWER($2) ESCAPE '!' OR LOWER(d.name) LIKE LOWER($2) ESCAPE '!') ORDER BY d.department_id LIMIT $3";
const ONE: &str = "SELECT d.department_id, d.code, d.name, d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.department_id = d.department_id), COALESCE(a.balance, 0) \
     FROM departments AS d LEFT JOIN accounts AS a ON a.account_id = d.department_id * 2 WHERE d.department_id = $1";
const COUNT: &str = "SELECT COUNT(*) FROM departments AS d \
     WHERE LOWER(d.code) LIKE LOWER($1) ESCAPE '!' OR LOWER(d.name) LIKE LOWER($1) ESCAPE '!'";
const ADMINS: &str = "SELECT u.member_id, u.uid, u.openid_index, u.openid_sealed, u.account, u.nickname, u.avatar_url, u.department_id, u.status, \
     u.overdraft_limit_cents, u.grants, u.created_at FROM members AS u WHERE u.grants LIKE $1 ORDER BY u.member_id";
const ENTRIES: &str = "SELECT e.number, e.transfer_id, e.kind, e.order_id, e.amount, e.balance_after, e.created_at, \
     u.member_id, u.nickname FROM entries AS e LEFT JOIN meal_orders AS o ON o.order_id = e.order_id \
     LEFT JOIN members AS u ON u.member_id = o.member_id \
     WHERE e.account_id = $1 AND e.number <= $2 ORDER BY e.number DESC LIMIT $3";
const ALL_ENTRIES: &str = "SELECT e.number, e.transfer_id, e.kind, e.order_id, e.amount, e.balance_after, e.created_at, \
     u.member_id, u.nickname FROM entries AS e LEFT JOIN meal_orders AS o ON o.order_id = e.order_id \
     LEFT JOIN members AS u ON u.member_id = o.member_id WHERE e.account_id = $1 ORDER BY e.number DESC";

/// A department with how many members it has and what is in its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub department: Department,
    pub members: i64,
    pub balance: Cents,
}

/// A movement of a department's account and, where it is about an order, whose order that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub line: Line,
    pub member: Option<(MemberId, String)>,
}

fn shown(row: Row) -> Result<Shown, Error> {
    let mut cells = row.cells();
    let department = Department::from_cells(&mut cells)?;
    Ok(Shown { department, members: cells.int()?, balance: Cents::new(cells.int()?) })
}

/// Those whose code or name has `part` in it, oldest first, from the one after `after` on.
pub async fn list(store: &Store, part: &str, after: DepartmentId, limit: i64) -> Result<Vec<Shown>, Error> {
    let parameters = vec![after.get().into(), super::containing(part).into(), limit.into()];
    store.query(LIST, parameters).await?.into_iter().map(shown).collect()
}

pub async fn one(store: &Store, id: DepartmentId) -> Result<Option<Shown>, Error> {
    store.query(ONE, vec![id.get().into()]).await?.into_iter().next().map(shown).transpose()
}

/// How many have `part` in their code or name.
pub async fn count(store: &Store, part: &str) -> Result<i64, Error> {
    super::number(store.query(COUNT, vec![super::containing(part).into()]).await?)
}

/// Who administers a department; looks at every member.
pub async fn admins(store: &Store, id: DepartmentId) -> Result<Vec<Member>, Error> {
    // As JSON has a scope, and as it stands in no other word.
    let pattern = format!("%\"department\":{id}}}%");
    let member = |row: Row| Member::from_cells(&mut row.cells());
    let members = store.query(ADMINS, vec![pattern.into()]).await?.into_iter().map(member);
    let grant = RoleGrant { role: Role::DeptAdmin.code(), scope: Scope::Department(id) };
    let administers = |member: &Member| member.grants.as_slice().contains(&grant);
    members.filter(|member| member.as_ref().map_or(true, administers)).collect()
}

/// Movements from number `from` down, newest first.
pub async fn movements(store: &Store, account: AccountId, from: i64, limit: i64) -> Result<Vec<Movement>, Error> {
    let parameters = vec![account.get().into(), from.into(), limit.into()];
    store.query(ENTRIES, parameters).await?.into_iter().map(movement).collect()
}

/// All movements of an account, newest first.
pub async fn all_movements(store: &Store, account: AccountId) -> Result<Stream<Movement>, Error> {
    Stream::of(store.stream(vec![(ALL_ENTRIES, vec![account.get().into()])]), movement).await
}

fn movement(row: Row) -> Result<Movement, Error> {
    let mut cells = row.cells();
    let line = ledger::line(&mut cells)?;
    let member = match (cells.opt_int()?, cells.opt_text()?) {
        (Some(id), Some(nickname)) => Some((MemberId::new(id), nickname)),
        _ => None,
    };
    Ok(Movement { line, member })
}
