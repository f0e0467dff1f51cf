//! The face over both engines. Everything above it is written once.

use std::path::{Path, PathBuf};

use crate::simulated::{Lent, Spare, meet};
use crate::sql::Batch;
use crate::sqlite::Threads;
use crate::stream::{self, Message, Rows};
use crate::{Cause, Error, Fates, Row, Step, Value, postgres, sqlite};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A database, as anybody may read it.
#[derive(Clone)]
pub struct Store(Inner);

#[derive(Clone)]
pub(crate) enum Inner {
    Sqlite { path: PathBuf, readers: sqlite::Readers, fates: Option<Fates>, spare: Option<Spare> },
    Postgres(postgres::Readers),
}

impl Store {
    /// `sqlite:PATH` or `postgres://…`. Nothing is opened yet.
    ///
    /// # Errors
    /// Where the address is neither.
    pub fn new(url: &str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
                return Err(Error::new(Cause::Other, "sqlite: needs the path of a file"));
            }
            let readers = sqlite::Readers::new(&path, Threads::Own);
            return Ok(Self(Inner::Sqlite { readers, path, fates: None, spare: None }));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self(Inner::Postgres(postgres::Readers::new(postgres::Address::parse(url)?))));
        }
        Err(Error::new(Cause::Other, "the address of a database starts with sqlite: or postgres://"))
    }

    /// A database in a file whose every call is made on the caller's thread, and whose every step of a transaction has its fate. It
    /// waits for no disk: what ends in a simulation is a process, never the machine. The connection of a process that has ended is rolled
    /// back, and is the next one's, with the statements that it has compiled.
    #[must_use]
    pub fn simulated(path: &Path, fates: Fates) -> Self {
        let readers = sqlite::Readers::new(path, Threads::Callers);
        Self(Inner::Sqlite { readers, path: path.to_owned(), fates: Some(fates), spare: Some(Spare::default()) })
    }

    #[must_use]
    pub fn is_simulated(&self) -> bool {
        matches!(self.0, Inner::Sqlite { fates: Some(_), .. })
    }

    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Inner::Sqlite { .. } => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Inner::Sqlite { path, .. } => Some(path),
            Inner::Postgres(_) => None,
        }
    }

    /// A connection that may write. On SQLite its calls block the thread they are made on.
    pub async fn writer(&self) -> Result<Writer, Error> {
        Ok(match &self.0 {
            Inner::Sqlite { path, fates, spare, .. } => {
                let session = match spare {
                    Some(spare) => Lent::from(spare, path)?,
                    None => Lent::own(sqlite::Session::open(path)?),
                };
                Writer { held: Held::Sqlite(session), fates: fates.clone() }
            }
            Inner::Postgres(readers) => Writer { held: Held::Postgres(readers.connect_lane().await?), fates: None },
        })
    }

    pub async fn query(&self, sql: &str, parameters: Vec<Value<'static>>) -> Result<Vec<Row>, Error> {
        match &self.0 {
            Inner::Sqlite { readers, .. } => {
                let sql = sql.to_owned();
                readers
                    .read(move |reader| {
                        let mut found = Vec::new();
                        reader.each(&sql, &parameters, |row| {
                            found.push(row);
                            Ok(())
                        })?;
                        Ok(found)
                    })
                    .await
            }
            Inner::Postgres(readers) => readers.borrow().await?.query(sql, &parameters).await,
        }
    }

    /// Rows for many keys at once.
    pub async fn select(&self, batch: Batch<'static>) -> Result<Vec<Row>, Error> {
        match &self.0 {
            Inner::Sqlite { readers, .. } => readers.read(move |reader| reader.select(&batch)).await,
            Inner::Postgres(readers) => {
                let found = readers.borrow_to_look_up().await?.select(&[batch]).await?;
                Ok(found.into_iter().flatten().collect())
            }
        }
    }

    /// Streams the rows of several statements out of one snapshot into `state`. `take` gets the statement's place in the list.
    pub async fn scan<S: Send + 'static>(
        &self,
        statements: Vec<(&'static str, Vec<Value<'static>>)>,
        mut state: S,
        take: fn(&mut S, usize, Row) -> Result<(), Error>,
    ) -> Result<S, Error> {
        match &self.0 {
            Inner::Sqlite { readers, .. } => {
                readers
                    .read(move |reader| {
                        for (at, (sql, parameters)) in statements.iter().enumerate() {
                            reader.each(sql, parameters, |row| take(&mut state, at, row))?;
                        }
                        Ok(state)
                    })
                    .await
            }
            Inner::Postgres(readers) => {
                readers.borrow().await?.scan(&statements, |at, row| take(&mut state, at, row)).await?;
                Ok(state)
            }
        }
    }

    /// Streams the rows of several statements out of one snapshot to whoever takes them, at their pace. The snapshot and its
    /// connection are held until the last row is taken or the rows are dropped.
    #[must_use]
    pub fn stream(&self, statements: Vec<(&'static str, Vec<Value<'static>>)>) -> Rows {
        let (sender, rows) = stream::channel();
        match &self.0 {
            Inner::Sqlite { readers, .. } => {
                let readers = readers.clone();
                tokio::spawn(async move {
                    let listener = sender.clone();
                    let read = readers.read(move |reader| reader.stream(&statements, &listener));
                    stream_ends(read.await, sender).await;
                });
            }
            Inner::Postgres(readers) => {
                let readers = readers.clone();
                tokio::spawn(async move {
                    let read = async { readers.borrow().await?.stream(&statements, &sender).await };
                    let ended = read.await;
                    stream_ends(ended, sender).await;
                });
            }
        }
        rows
    }

    /// Has the engine compile every one of these texts.
    pub async fn prepare_all(&self, texts: Vec<&'static str>) -> Result<(), Error> {
        match &self.0 {
            Inner::Sqlite { readers, .. } => {
                readers.read(move |reader| texts.iter().try_for_each(|sql| reader.prepare(sql))).await
            }
            Inner::Postgres(readers) => readers.borrow().await?.prepare_all(&texts).await,
        }
    }
}

/// Says how it ended. Where nobody listens any more, nobody needs to know.
async fn stream_ends(ended: Result<(), Error>, sender: stream::Sender) {
    let message = match ended {
        Ok(()) => Message::End,
        Err(error) => Message::Failed(error),
    };
    drop(sender.send(message).await);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    Endless,
    Usual,
}

/// A connection that writes, in transactions only.
pub struct Writer {
    held: Held,
    fates: Option<Fates>,
}

enum Held {
    Sqlite(Lent),
    Postgres(postgres::Session),
}

impl Writer {
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.held {
            Held::Sqlite(_) => Engine::Sqlite,
            Held::Postgres(_) => Engine::Postgres,
        }
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        match &self.held {
            Held::Sqlite(_) => false,
            Held::Postgres(session) => session.is_closed(),
        }
    }

    /// From now on a lock is waited for as long as it takes, as somebody who starts beside others has to; or as a lane does.
    pub async fn wait(&mut self, patience: Patience) -> Result<(), Error> {
        match (&mut self.held, patience) {
            (Held::Sqlite(session), patience) => session.wait(patience),
            (Held::Postgres(session), Patience::Endless) => session.wait_without_limit().await,
            (Held::Postgres(session), Patience::Usual) => session.wait_as_usual().await,
        }
    }

    pub async fn begin(&mut self) -> Result<(), Error> {
        meet(self.fates.as_ref(), Step::Begin).await?;
        match &mut self.held {
            Held::Sqlite(session) => session.begin(),
            Held::Postgres(session) => {
                session.begin();
                Ok(())
            }
        }
    }

    /// The statements run in this order.
    pub async fn select(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        meet(self.fates.as_ref(), Step::Read).await?;
        match &mut self.held {
            Held::Sqlite(session) => batches.iter().map(|batch| session.select(batch)).collect(),
            Held::Postgres(session) => session.select(batches).await,
        }
    }

    /// The statements run in this order. A guarded one that changed another number of rows than it was given is an error.
    pub async fn write(&mut self, batches: &[Batch<'_>]) -> Result<(), Error> {
        meet(self.fates.as_ref(), Step::Write).await?;
        let counts = match &mut self.held {
            Held::Sqlite(session) => batches.iter().map(|batch| session.write(batch)).collect::<Result<Vec<_>, _>>()?,
            Held::Postgres(session) => session.write(batches).await?,
        };
        for (batch, count) in batches.iter().zip(counts) {
            if batch.statement.guarded && count != batch.rows() as u64 {
                let statement = &batch.statement.all;
                let text = format!("{count} rows instead of {} changed by {statement}", batch.rows());
                return Err(Error::new(Cause::Contended, text));
            }
        }
        Ok(())
    }

    pub async fn query(&mut self, sql: &str, parameters: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        meet(self.fates.as_ref(), Step::Keep).await?;
        match &mut self.held {
            Held::Sqlite(session) => session.query(sql, parameters),
            Held::Postgres(session) => session.query(sql, parameters).await,
        }
    }

    pub async fn script(&mut self, sql: &str) -> Result<(), Error> {
        match &mut self.held {
            Held::Sqlite(session) => session.script(sql),
            Held::Postgres(session) => session.script(sql).await,
        }
    }

    /// A commit that fails leaves no transaction open; SQLite would, where it was kept from committing.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let committed = self.try_commit().await;
        if committed.is_err()
            && let Held::Sqlite(session) = &mut self.held
        {
            session.rollback();
        }
        committed
    }

    async fn try_commit(&mut self) -> Result<(), Error> {
        meet(self.fates.as_ref(), Step::Commit).await?;
        match &mut self.held {
            Held::Sqlite(session) => session.commit()?,
            Held::Postgres(session) => session.commit().await?,
        }
        meet(self.fates.as_ref(), Step::Committed).await
    }

    pub async fn rollback(&mut self) {
        match &mut self.held {
            Held::Sqlite(session) => session.rollback(),
            Held::Postgres(session) => session.rollback().await,
        }
    }
}
