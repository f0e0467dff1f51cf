//! Departments.

use kernel::{Cents, Department, DepartmentId};

use crate::rows::FromRow;
use crate::{Error, Row, Store};

const LIST: &str = "SELECT d.department_id, d.code, d.name, d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.department_id = d.department_id) \
     FROM departments AS d WHERE d.department_id > $1 ORDER BY d.department_id LIMIT $2";
const ONE: &str = "SELECT d.department_id, d.code, d.name, d.pays, d.overdraft_limit_cents, d.members_may_cancel, d.created_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.department_id = d.department_id), COALESCE(a.balance, 0) \
     FROM departments AS d LEFT JOIN accounts AS a ON a.account_id = d.department_id * 2 WHERE d.department_id = $1";
const COUNT: &str = "SELECT COUNT(*) FROM departments";

/// Departments with how many members they have, oldest first, from the one after `after` on.
pub async fn list(store: &Store, after: DepartmentId, limit: i64) -> Result<Vec<(Department, i64)>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((Department::from_cells(&mut cells)?, cells.int()?))
    };
    let rows = store.query(LIST, vec![after.get().into(), limit.into()]).await?;
    rows.into_iter().map(row).collect()
}

/// A department with how many members it has and what is in its account.
pub async fn one(store: &Store, id: DepartmentId) -> Result<Option<(Department, i64, Cents)>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((Department::from_cells(&mut cells)?, cells.int()?, Cents::new(cells.int()?)))
    };
    store.query(ONE, vec![id.get().into()]).await?.into_iter().next().map(row).transpose()
}

pub async fn count(store: &Store) -> Result<i64, Error> {
    super::number(store.query(COUNT, Vec::new()).await?)
}
