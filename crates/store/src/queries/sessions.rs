use std::collections::BTreeMap;

use kernel::{Grants, Instant, MemberId, MemberStatus, Permissions, Rights, RoleCode};

use crate::rows::permissions;
use crate::sql::Kind::Blob;
use crate::sql::statements;
use crate::{Batch, Error, Lock, SetStatement, Store};

/// What a bearer token stands for.
#[derive(Debug, Clone)]
pub struct SessionRow {
    pub token_hash: [u8; 32],
    pub member: MemberId,
    pub expires_at: Instant,
    pub is_revoked: bool,
    pub status: MemberStatus,
    /// What the member's roles allow now.
    pub rights: Rights,
}

// A row for each role; an underscore of its code stands for any character here, and the reader tells apart.
const BY_TOKEN: &str = "SELECT s.token_hash, s.member_id, s.expires_at, s.revoked_at, m.status, m.grants, r.code, r.permissions \
                        FROM sessions AS s JOIN members AS m ON m.member_id = s.member_id \
                        LEFT JOIN roles AS r ON r.deleted_at IS NULL AND m.grants LIKE '%\"role\":\"' || r.code || '\"%' \
                        WHERE s.token_hash = {token_hash}";

statements! {
    SESSIONS = SetStatement::query(&[("token_hash", Blob)], BY_TOKEN, Lock::None);
}

/// The sessions behind these token hashes; an unknown one has no row.
pub async fn by_tokens(store: &Store, hashes: &[[u8; 32]]) -> Result<Vec<SessionRow>, Error> {
    let rows = store.select(Batch::of(&SESSIONS, hashes.iter().map(|hash| [hash.to_vec().into()]))).await?;
    let mut found: BTreeMap<[u8; 32], (Read, BTreeMap<RoleCode, Permissions>)> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let hash = cells.blob()?.try_into().map_err(|_| Error::inconsistent("a token hash has 32 bytes"))?;
        let read = Read {
            member: MemberId::new(cells.int()?),
            expires_at: Instant::from_millis(cells.int()?),
            is_revoked: cells.opt_int()?.is_some(),
            status: cells.word("member status")?,
            grants: cells.json("grants")?,
        };
        let (_, roles) = found.entry(hash).or_insert((read, BTreeMap::new()));
        if let Some(code) = cells.opt_text()? {
            let code = code.parse().map_err(|_| Error::inconsistent(format!("{code:?} is no role")))?;
            roles.insert(code, permissions(&mut cells)?);
        }
    }
    let session = |(token_hash, (read, roles)): ([u8; 32], (Read, BTreeMap<RoleCode, Permissions>))| SessionRow {
        token_hash,
        member: read.member,
        expires_at: read.expires_at,
        is_revoked: read.is_revoked,
        status: read.status,
        rights: Rights::new(&read.grants, |code| roles.get(&code).copied()),
    };
    Ok(found.into_iter().map(session).collect())
}

/// What each of a session's rows says of it.
struct Read {
    member: MemberId,
    expires_at: Instant,
    is_revoked: bool,
    status: MemberStatus,
    grants: Grants,
}

/// A session that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    pub token_hash: [u8; 32],
    pub created_at: Instant,
    pub expires_at: Instant,
}

const OPEN: &str = "SELECT token_hash, created_at, expires_at FROM sessions \
                    WHERE member_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, token_hash";

/// Where a member is signed in, newest first.
pub async fn open(store: &Store, member: MemberId, now: Instant) -> Result<Vec<OpenSession>, Error> {
    let rows = store.query(OPEN, vec![member.get().into(), now.as_millis().into()]).await?;
    let read = |row: crate::Row| {
        let mut cells = row.cells();
        let hash = cells.blob()?.try_into().map_err(|_| Error::inconsistent("a token hash has 32 bytes"))?;
        Ok(OpenSession {
            token_hash: hash,
            created_at: Instant::from_millis(cells.int()?),
            expires_at: Instant::from_millis(cells.int()?),
        })
    };
    rows.into_iter().map(read).collect()
}
