//! What the house's roles allow, and who holds them.

use kernel::{Grants, HouseRole, Rights, RoleCode};

use crate::rows::FromRow;
use crate::{Error, Row, Store};

const LIST: &str = "SELECT r.code, r.role_id, r.name_zh, r.name_en, r.scope, r.permissions, r.revision, r.deleted_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.grants LIKE '%\"role\":\"' || REPLACE(r.code, '_', '!_') || '\"%' ESCAPE '!') \
     FROM roles AS r WHERE r.deleted_at IS NULL";
const ONE: &str = "SELECT r.code, r.role_id, r.name_zh, r.name_en, r.scope, r.permissions, r.revision, r.deleted_at, \
     (SELECT COUNT(*) FROM members AS u WHERE u.grants LIKE '%\"role\":\"' || REPLACE(r.code, '_', '!_') || '\"%' ESCAPE '!') \
     FROM roles AS r WHERE r.deleted_at IS NULL AND r.code = $1";
const ALL: &str = "SELECT r.code, r.role_id, r.name_zh, r.name_en, r.scope, r.permissions, r.revision, r.deleted_at \
     FROM roles AS r WHERE r.deleted_at IS NULL";

/// A role and how many members hold it somewhere, those included who cannot sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub role: HouseRole,
    pub holders: i64,
}

fn shown(row: Row) -> Result<Shown, Error> {
    let mut cells = row.cells();
    Ok(Shown { role: HouseRole::from_cells(&mut cells)?, holders: cells.int()? })
}

/// Those that every house has first, then by code; looks at every member.
pub async fn list(store: &Store) -> Result<Vec<Shown>, Error> {
    let mut roles: Vec<_> = store.query(LIST, Vec::new()).await?.into_iter().map(shown).collect::<Result<_, _>>()?;
    roles.sort_unstable_by_key(|shown| shown.role.code);
    Ok(roles)
}

pub async fn one(store: &Store, code: RoleCode) -> Result<Option<Shown>, Error> {
    let rows = store.query(ONE, vec![String::from(code).into()]).await?;
    rows.into_iter().next().map(shown).transpose()
}

/// All that there are, in the order of their codes.
pub async fn all(store: &Store) -> Result<Vec<HouseRole>, Error> {
    let rows = store.query(ALL, Vec::new()).await?;
    let role = |row: Row| HouseRole::from_cells(&mut row.cells());
    let mut roles: Vec<_> = rows.into_iter().map(role).collect::<Result<_, _>>()?;
    roles.sort_unstable_by_key(|role| role.code);
    Ok(roles)
}

/// What grants come to now.
pub async fn rights(store: &Store, grants: &Grants) -> Result<Rights, Error> {
    let roles = all(store).await?;
    Ok(Rights::new(grants, |code| roles.iter().find(|role| role.code == code).map(|role| role.permissions)))
}

/// What the grants of whoever holds a role look like: as JSON has it, and as it stands in no other word.
pub(super) fn held(code: RoleCode) -> String {
    format!("%\"role\":\"{}\"%", code.as_str().replace('_', "!_"))
}
