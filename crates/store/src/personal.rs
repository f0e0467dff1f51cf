//! Personal data at rest: what was written in clear before it was sealed, and what is to be sealed anew. A portion at a time, each in a
//! transaction, so that whoever is killed in between goes on where it was.

use kernel::{MemberId, Openid, OrderId, Sealed};

use crate::rows::openid;
use crate::{Engine, Error, Row, Store, Value, Writer};

/// How far the sealing of what was written in clear has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// The key of the index, sealed.
    pub index_key: Vec<u8>,
    pub is_done: bool,
}

/// What still stands there in clear.
#[derive(Clone, PartialEq, Eq)]
pub enum Clear {
    Openid { member: MemberId, openid: String },
    Address { order: OrderId, member: MemberId, address: String },
    Bill { date: String, body: Vec<u8> },
}

/// The same, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covered {
    Openid { member: MemberId, openid: Openid },
    Address { order: OrderId, member: MemberId, address: Sealed },
    Bill { date: String, body: Vec<u8> },
}

impl Covered {
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        match self {
            Self::Openid { openid, .. } => openid.sealed.as_bytes(),
            Self::Address { address, .. } => address.as_bytes(),
            Self::Bill { body, .. } => body,
        }
    }

    /// After which row the next portion begins.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Openid { member, .. } => (member.get(), String::new()),
            Self::Address { order, .. } => (order.get(), String::new()),
            Self::Bill { date, .. } => (0, date.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    Openids,
    Addresses,
    Bills,
}

impl Personal {
    pub const ALL: [Self; 3] = [Self::Openids, Self::Addresses, Self::Bills];
}

/// Where a row stands among those of its kind: an id, or a text.
pub type Place = (i64, String);

/// Before every row.
pub const FIRST: Place = (i64::MIN, String::new());

pub(crate) type Cover<'a, T, U> = &'a (dyn Fn(T) -> Result<U, Error> + Sync);

const PORTION: i64 = 500;
/// A bill may have megabytes.
const FEW: i64 = 4;
/// What everything sealed begins with, and no bill does.
const FORM: &[u8] = &[1];

/// What SQLite copies into is a file, and not as much memory.
pub(crate) const ANEW: &str =
    "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY; PRAGMA wal_checkpoint(TRUNCATE)";

const SEALING: &str = "SELECT index_key, done_at FROM sealing WHERE sealing_id = 1";
const BEGIN: &str =
    "INSERT INTO sealing (sealing_id, index_key, done_at) VALUES (1, $1, NULL) ON CONFLICT (sealing_id) DO NOTHING";
const DONE: &str = "UPDATE sealing SET done_at = $1 WHERE sealing_id = 1 RETURNING sealing_id";
const RENEW_INDEX_KEY: &str =
    "UPDATE sealing SET index_key = $2 WHERE sealing_id = 1 AND index_key = $1 RETURNING sealing_id";

const CLEAR_OPENIDS: &str = "SELECT member_id, openid_clear FROM members WHERE member_id > $1 AND openid_clear IS NOT NULL \
                             ORDER BY member_id LIMIT $2";
const COVER_OPENID: &str = "UPDATE members SET openid_clear = NULL, openid_index = $2, openid_sealed = $3, version = version + 1 \
                            WHERE member_id = $1 AND openid_clear IS NOT NULL RETURNING member_id";
const CLEAR_ADDRESSES: &str = "SELECT order_id, member_id, address_clear FROM shop_orders \
                               WHERE order_id > $1 AND address_clear IS NOT NULL ORDER BY order_id LIMIT $2";
const COVER_ADDRESS: &str = "UPDATE shop_orders SET address_clear = NULL, address_sealed = $2, version = version + 1 \
                             WHERE order_id = $1 AND address_clear IS NOT NULL RETURNING order_id";
const CLEAR_ANSWERS: &str = "SELECT caller_id, key, answer FROM answers WHERE (caller_id, key) > ($1, $2) \
                             AND (answer LIKE '%\"openid\":\"%' OR answer LIKE '%\"delivery\":{\"to\":\"%') \
                             ORDER BY caller_id, key LIMIT $3";
const COVER_ANSWER: &str = "UPDATE answers SET answer = $3 WHERE caller_id = $1 AND key = $2 RETURNING caller_id";
const CLEAR_BILLS: &str =
    "SELECT date, body FROM bills WHERE date > $1 AND SUBSTR(body, 1, 1) <> $2 ORDER BY date LIMIT $3";
const COVER_BILL: &str = "UPDATE bills SET body = $2 WHERE date = $1 AND SUBSTR(body, 1, 1) <> $3 RETURNING date";

const OPENIDS: &str = "SELECT member_id, openid_index, openid_sealed FROM members \
                       WHERE member_id > $1 AND openid_sealed IS NOT NULL ORDER BY member_id LIMIT $2";
const RENEW_OPENID: &str = "UPDATE members SET openid_sealed = $3, version = version + 1 \
                            WHERE member_id = $1 AND openid_sealed = $2 RETURNING member_id";
const ADDRESSES: &str = "SELECT order_id, member_id, address_sealed FROM shop_orders \
                         WHERE order_id > $1 AND address_sealed IS NOT NULL ORDER BY order_id LIMIT $2";
const RENEW_ADDRESS: &str = "UPDATE shop_orders SET address_sealed = $3, version = version + 1 \
                             WHERE order_id = $1 AND address_sealed = $2 RETURNING order_id";
const BILLS: &str = "SELECT date, body FROM bills WHERE date > $1 ORDER BY date LIMIT $2";
const RENEW_BILL: &str = "UPDATE bills SET body = $3 WHERE date = $1 AND body = $2 RETURNING date";

impl Sealing {
    pub async fn read(store: &Store) -> Result<Option<Self>, Error> {
        store.query(SEALING, Vec::new()).await?.into_iter().next().map(sealing).transpose()
    }
}

/// A portion of what is sealed.
pub async fn covered(store: &Store, what: Personal, (id, text): Place) -> Result<Vec<Covered>, Error> {
    let rows = match what {
        Personal::Openids => store.query(OPENIDS, vec![id.into(), PORTION.into()]).await?,
        Personal::Addresses => store.query(ADDRESSES, vec![id.into(), PORTION.into()]).await?,
        Personal::Bills => store.query(BILLS, vec![text.into(), FEW.into()]).await?,
    };
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(match what {
            Personal::Openids => {
                let member = MemberId::new(cells.int()?);
                let openid = openid(&mut cells)?.ok_or_else(|| Error::inconsistent("an openid is missing"))?;
                Covered::Openid { member, openid }
            }
            Personal::Addresses => Covered::Address {
                order: OrderId::new(cells.int()?),
                member: MemberId::new(cells.int()?),
                address: Sealed::new(cells.blob()?),
            },
            Personal::Bills => Covered::Bill { date: cells.text()?, body: cells.blob()? },
        })
    };
    rows.into_iter().map(read).collect()
}

impl Writer {
    pub async fn sealing(&mut self) -> Result<Option<Sealing>, Error> {
        self.in_transaction(SEALING, &[]).await?.into_iter().next().map(sealing).transpose()
    }

    /// Keeps the key of the index, unless there is one.
    pub async fn begin_sealing(&mut self, index_key: &[u8]) -> Result<(), Error> {
        self.in_transaction(BEGIN, &[index_key.into()]).await.map(drop)
    }

    /// Nothing stands in clear any more.
    pub async fn end_sealing(&mut self, now_ms: i64) -> Result<(), Error> {
        self.in_transaction(DONE, &[Value::Int(now_ms)]).await.map(drop)
    }

    /// Seals one portion, and tells where the next one begins.
    ///
    /// # Errors
    /// What `cover` says, and the database; then nothing of the portion is sealed.
    pub async fn cover(
        &mut self,
        what: Personal,
        after: &Place,
        cover: Cover<'_, Clear, Covered>,
    ) -> Result<Option<Place>, Error> {
        self.begin().await?;
        let covered = self.cover_inside(what, after, cover).await;
        self.end(covered).await
    }

    async fn cover_inside(
        &mut self,
        what: Personal,
        (id, text): &Place,
        cover: Cover<'_, Clear, Covered>,
    ) -> Result<Option<Place>, Error> {
        let (id, text) = (Value::Int(*id), Value::from(text.as_str()));
        let found = match what {
            Personal::Openids => self.query(CLEAR_OPENIDS, &[id, PORTION.into()]).await?,
            Personal::Addresses => self.query(CLEAR_ADDRESSES, &[id, PORTION.into()]).await?,
            Personal::Bills => self.query(CLEAR_BILLS, &[text, FORM.into(), FEW.into()]).await?,
        };
        let mut last = None;
        for row in found {
            let covered = cover(clear(what, row)?)?;
            match &covered {
                Covered::Openid { member, openid: Openid { index, sealed } } => {
                    let row = [member.get().into(), index.into(), sealed.as_bytes().into()];
                    self.query(COVER_OPENID, &row).await?;
                }
                Covered::Address { order, address, .. } => {
                    self.query(COVER_ADDRESS, &[order.get().into(), address.as_bytes().into()]).await?;
                }
                Covered::Bill { date, body } => {
                    let row = [date.as_str().into(), body.as_slice().into(), FORM.into()];
                    self.query(COVER_BILL, &row).await?;
                }
            }
            last = Some(covered.place());
        }
        Ok(last)
    }

    /// The same for a portion of the kept answers, which may hold an openid or an address inside.
    ///
    /// # Errors
    /// What `cover` says, and the database.
    pub async fn cover_answers(
        &mut self,
        after: &Place,
        cover: Cover<'_, String, String>,
    ) -> Result<Option<Place>, Error> {
        self.begin().await?;
        let covered = self.cover_answers_inside(after, cover).await;
        self.end(covered).await
    }

    async fn cover_answers_inside(
        &mut self,
        (caller, key): &Place,
        cover: Cover<'_, String, String>,
    ) -> Result<Option<Place>, Error> {
        let after = [Value::Int(*caller), key.as_str().into(), PORTION.into()];
        let found = self.query(CLEAR_ANSWERS, &after).await?;
        self.rewrite_answers(found, cover).await
    }

    /// Puts what `cover` says in the place of the answers found, and tells which was the last.
    pub(crate) async fn rewrite_answers(
        &mut self,
        found: Vec<Row>,
        cover: Cover<'_, String, String>,
    ) -> Result<Option<Place>, Error> {
        let mut last = None;
        for row in found {
            let mut cells = row.cells();
            let (caller, key, answer) = (cells.int()?, cells.text()?, cover(cells.text()?)?);
            self.query(COVER_ANSWER, &[caller.into(), key.as_str().into(), answer.into()]).await?;
            last = Some((caller, key));
        }
        Ok(last)
    }

    pub(crate) async fn end<T>(&mut self, done: Result<T, Error>) -> Result<T, Error> {
        match done {
            Ok(done) => self.commit().await.map(|()| done),
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    /// Writes the tables anew that held something in clear, so that no page of the files remembers it.
    pub async fn wipe(&mut self) -> Result<(), Error> {
        match self.engine() {
            Engine::Sqlite => self.script(ANEW).await,
            Engine::Postgres => self.script("VACUUM FULL members, shop_orders, answers, bills").await,
        }
    }

    /// Puts what is sealed anew in the place of what stood there, where it still does, and says how often that was so.
    pub async fn renew(&mut self, rows: &[(Covered, Vec<u8>)]) -> Result<usize, Error> {
        self.begin().await?;
        let renewed = self.renew_inside(rows).await;
        self.end(renewed).await
    }

    async fn renew_inside(&mut self, rows: &[(Covered, Vec<u8>)]) -> Result<usize, Error> {
        let mut renewed = 0;
        for (before, sealed) in rows {
            let (sql, key) = match before {
                Covered::Openid { member, .. } => (RENEW_OPENID, member.get().into()),
                Covered::Address { order, .. } => (RENEW_ADDRESS, order.get().into()),
                Covered::Bill { date, .. } => (RENEW_BILL, date.as_str().into()),
            };
            let row = [key, before.sealed().into(), sealed.as_slice().into()];
            renewed += self.query(sql, &row).await?.len();
        }
        Ok(renewed)
    }

    pub async fn renew_index_key(&mut self, from: &[u8], to: &[u8]) -> Result<bool, Error> {
        Ok(!self.in_transaction(RENEW_INDEX_KEY, &[from.into(), to.into()]).await?.is_empty())
    }
}

fn sealing(row: Row) -> Result<Sealing, Error> {
    let mut cells = row.cells();
    Ok(Sealing { index_key: cells.blob()?, is_done: cells.opt_int()?.is_some() })
}

fn clear(what: Personal, row: Row) -> Result<Clear, Error> {
    let mut cells = row.cells();
    Ok(match what {
        Personal::Openids => Clear::Openid { member: MemberId::new(cells.int()?), openid: cells.text()? },
        Personal::Addresses => Clear::Address {
            order: OrderId::new(cells.int()?),
            member: MemberId::new(cells.int()?),
            address: cells.text()?,
        },
        Personal::Bills => Clear::Bill { date: cells.text()?, body: cells.blob()? },
    })
}
