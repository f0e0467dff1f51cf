use kernel::{Grants, Instant, MemberId, MemberStatus};

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
    pub grants: Grants,
}

const BY_TOKEN: &str = "SELECT s.token_hash, s.member_id, s.expires_at, s.revoked_at, m.status, m.grants \
                        FROM sessions AS s JOIN members AS m ON m.member_id = s.member_id \
                        WHERE s.token_hash = {token_hash}";

statements! {
    SESSIONS = SetStatement::query(&[("token_hash", Blob)], BY_TOKEN, Lock::None);
}

/// The sessions behind these token hashes; an unknown one has no row.
pub async fn by_tokens(store: &Store, hashes: &[[u8; 32]]) -> Result<Vec<SessionRow>, Error> {
    let rows = store.select(Batch::of(&SESSIONS, hashes.iter().map(|hash| [hash.to_vec().into()]))).await?;
    let read = |row: crate::Row| {
        let mut cells = row.cells();
        let hash = cells.blob()?.try_into().map_err(|_| Error::inconsistent("a token hash has 32 bytes"))?;
        Ok(SessionRow {
            token_hash: hash,
            member: MemberId::new(cells.int()?),
            expires_at: Instant::from_millis(cells.int()?),
            is_revoked: cells.opt_int()?.is_some(),
            status: cells.word("member status")?,
            grants: cells.json("grants")?,
        })
    };
    rows.into_iter().map(read).collect()
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
