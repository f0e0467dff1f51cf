//! Members and the department they belong to.

use kernel::{AccountName, Cents, Department, DepartmentCode, Member, MemberId, MemberStatus, RoleCode};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

const ONE: &str = "SELECT u.member_id, u.uid, u.openid_index, u.openid_sealed, u.account, u.nickname, u.avatar_url, u.department_id, u.status, \
     u.overdraft_limit_cents, u.grants, u.created_at FROM members AS u WHERE u.member_id = $1";
const DEPARTMENT: &str = "SELECT d.department_id, d.code, d.name, d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at FROM departments AS d \
     JOIN members AS u ON u.department_id = d.department_id WHERE u.member_id = $1";
const CREDENTIAL: &str = "SELECT m.member_id, c.password_hash FROM members AS m \
                          JOIN credentials AS c ON c.member_id = m.member_id WHERE m.account = $1";
const SHOWN: &str = "SELECT u.member_id, u.uid, u.openid_index, u.openid_sealed, u.account, u.nickname, u.avatar_url, u.department_id, u.status, \
     u.overdraft_limit_cents, u.grants, u.created_at, COALESCE(a.balance, 0), d.department_id, d.department_id, d.code, d.name, \
     d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at FROM members AS u LEFT JOIN accounts AS a ON a.account_id = u.member_id * 2 \
     LEFT JOIN departments AS d ON d.department_id = u.department_id \
     WHERE u.member_id = $1";
const LIST: &str = "SELECT u.member_id, u.uid, u.openid_index, u.openid_sealed, u.account, u.nickname, u.avatar_url, u.department_id, u.status, \
     u.overdraft_limit_cents, u.grants, u.created_at, COALESCE(a.balance, 0), d.department_id, d.department_id, d.code, d.name, \
     d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at FROM members AS u LEFT JOIN accounts AS a ON a.account_id = u.member_id * 2 \
     LEFT JOIN departments AS d ON d.department_id = u.department_id \
     WHERE u.member_id > $1 AND (u.status = $2 OR $2 = 'any') AND (a.balance < 0 OR $3 = 'any') \
     AND (LOWER(u.nickname) LIKE LOWER($5) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($5) ESCAPE '!' OR u.uid = $4 OR $4 = '' \
     OR CAST(u.member_id AS TEXT) = $4) AND (u.grants LIKE $6 ESCAPE '!' OR $6 = 'any') \
     ORDER BY u.member_id LIMIT $7";
const LIST_OF_DEPARTMENT: &str = "SELECT u.member_id, u.uid, u.openid_index, u.openid_sealed, u.account, u.nickname, u.avatar_url, u.department_id, u.status, \
     u.overdraft_limit_cents, u.grants, u.created_at, COALESCE(a.balance, 0), d.department_id, d.department_id, d.code, d.name, \
     d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at FROM members AS u LEFT JOIN accounts AS a ON a.account_id = u.member_id * 2 \
     LEFT JOIN departments AS d ON d.department_id = u.department_id \
     WHERE u.member_id > $1 AND (u.status = $2 OR $2 = 'any') AND (a.balance < 0 OR $3 = 'any') \
     AND (LOWER(u.nickname) LIKE LOWER($5) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($5) ESCAPE '!' OR u.uid = $4 OR $4 = '' \
     OR CAST(u.member_id AS TEXT) = $4) AND (u.grants LIKE $6 ESCAPE '!' OR $6 = 'any') \
     AND u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $8) \
     ORDER BY u.member_id LIMIT $7";
const COUNT: &str = "SELECT COUNT(*) FROM members AS u LEFT JOIN accounts AS a ON a.account_id = u.member_id * 2 \
     WHERE u.member_id > $1 AND (u.status = $2 OR $2 = 'any') AND (a.balance < 0 OR $3 = 'any') \
     AND (LOWER(u.nickname) LIKE LOWER($5) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($5) ESCAPE '!' OR u.uid = $4 OR $4 = '' \
     OR CAST(u.member_id AS TEXT) = $4) AND (u.grants LIKE $6 ESCAPE '!' OR $6 = 'any')";
const COUNT_OF_DEPARTMENT: &str = "SELECT COUNT(*) FROM members AS u LEFT JOIN accounts AS a ON a.account_id = u.member_id * 2 \
     WHERE u.member_id > $1 AND (u.status = $2 OR $2 = 'any') AND (a.balance < 0 OR $3 = 'any') \
     AND (LOWER(u.nickname) LIKE LOWER($5) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($5) ESCAPE '!' OR u.uid = $4 OR $4 = '' \
     OR CAST(u.member_id AS TEXT) = $4) AND (u.grants LIKE $6 ESCAPE '!' OR $6 = 'any') \
     AND u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $7)";
const ALL: &str = "SELECT COUNT(*) FROM members";

pub async fn one(store: &Store, id: MemberId) -> Result<Option<Member>, Error> {
    let rows = store.query(ONE, vec![id.get().into()]).await?;
    let first = rows.into_iter().next();
    first.map(|row| Member::from_cells(&mut row.cells())).transpose()
}

pub async fn department_of(store: &Store, id: MemberId) -> Result<Option<Department>, Error> {
    let rows = store.query(DEPARTMENT, vec![id.get().into()]).await?;
    let department = |row: Row| Department::from_cells(&mut row.cells());
    rows.into_iter().next().map(department).transpose()
}

/// Whose account this is, with the stored password hash.
pub async fn credential(store: &Store, account: &AccountName) -> Result<Option<(MemberId, String)>, Error> {
    let rows = store.query(CREDENTIAL, vec![account.as_str().to_owned().into()]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let mut cells = row.cells();
    Ok(Some((MemberId::new(cells.int()?), cells.text()?)))
}

/// A member with the department and with what is in the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub member: Member,
    pub balance: Cents,
    pub department: Option<Department>,
}

/// Which members a list shows. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of the nickname or of the account name, or a whole id.
    pub query: Option<String>,
    pub department: Option<DepartmentCode>,
    pub status: Option<MemberStatus>,
    /// Held everywhere or somewhere.
    pub role: Option<RoleCode>,
    /// Only those whose wallets are below zero.
    pub overdrawn: bool,
}

impl Filter {
    fn parameters(&self, after: i64) -> Vec<Value<'static>> {
        let query = self.query.as_deref().unwrap_or_default().to_owned();
        let pattern = super::containing(&query);
        vec![
            after.into(),
            self.status.map_or("any", MemberStatus::as_str).into(),
            if self.overdrawn { "overdrawn" } else { "any" }.into(),
            query.into(),
            pattern.into(),
            self.role.map_or_else(|| "any".to_owned(), super::roles::held).into(),
        ]
    }

    fn code(&self) -> Option<Value<'static>> {
        self.department.as_ref().map(|code| code.as_str().to_owned().into())
    }
}

fn shown(row: Row) -> Result<Shown, Error> {
    let mut cells = row.cells();
    let member = Member::from_cells(&mut cells)?;
    let balance = Cents::new(cells.int()?);
    let department = match cells.opt_int()? {
        Some(_) => Some(Department::from_cells(&mut cells)?),
        None => None,
    };
    Ok(Shown { member, balance, department })
}

pub async fn show(store: &Store, id: MemberId) -> Result<Option<Shown>, Error> {
    let rows = store.query(SHOWN, vec![id.get().into()]).await?;
    rows.into_iter().next().map(shown).transpose()
}

/// Oldest first, from the one after `after` on.
pub async fn list(store: &Store, filter: &Filter, after: MemberId, limit: i64) -> Result<Vec<Shown>, Error> {
    let mut parameters = filter.parameters(after.get());
    parameters.push(limit.into());
    let text = match filter.code() {
        Some(code) => {
            parameters.push(code);
            LIST_OF_DEPARTMENT
        }
        None => LIST,
    };
    store.query(text, parameters).await?.into_iter().map(shown).collect()
}

pub async fn count(store: &Store, filter: &Filter) -> Result<i64, Error> {
    let mut parameters = filter.parameters(0);
    let text = match filter.code() {
        Some(code) => {
            parameters.push(code);
            COUNT_OF_DEPARTMENT
        }
        None => COUNT,
    };
    super::number(store.query(text, parameters).await?)
}

/// How many members there are.
pub async fn count_all(store: &Store) -> Result<i64, Error> {
    super::number(store.query(ALL, Vec::new()).await?)
}
