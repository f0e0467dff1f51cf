//! SQLite: one writing connection, a few reading ones, all on threads where blocking harms nobody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::Semaphore;

use crate::engine::Patience;
use crate::sql::{Batch, for_sqlite};
use crate::stream::{self, Group, Message};
use crate::{Cause, Error, Row, Value, expected_schema};

const READERS: usize = 4;
/// How long the lane waits for another writer before it tries anew.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

/// A commit ends in a full sync. The write-ahead log is folded back beside the writer, see [`Folder`]; only where that does not keep
/// up, at 64 MiB, the writer folds the rest itself.
///
/// An order changes a few rows here and there, and the log takes the whole page of each: small pages write a quarter less than those of 4 KiB. A
/// database keeps the size it was made with.
const WRITER: &str = "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 32768; \
                      PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;";
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384; PRAGMA query_only = ON;";

/// Otherwise a statement whose plan might depend on a parameter is compiled anew each time that gets another value.
fn plan_once(connection: &Connection) -> Result<(), Error> {
    Ok(connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)?)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn row(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, Error> {
    let mut values = Vec::with_capacity(columns);
    for column in 0..columns {
        values.push(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(value) => Value::Int(value),
            ValueRef::Real(_) => return Err(Error::inconsistent("a column holds a real number")),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text).map_err(|_| Error::inconsistent("a text is not UTF-8"))?;
                Value::Text(text.to_owned().into())
            }
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec().into()),
        });
    }
    Ok(Row::new(values))
}

fn each(
    connection: &Connection,
    sql: &str,
    parameters: &[Value<'_>],
    mut take: impl FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    while let Some(found) = rows.next()? {
        take(row(found, columns)?)?;
    }
    Ok(())
}

fn select(connection: &Connection, batch: &Batch<'_>) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare_cached(&batch.statement.one)?;
    let columns = statement.column_count();
    let mut found = Vec::with_capacity(batch.rows());
    for at in 0..batch.rows() {
        let mut rows = statement.query(rusqlite::params_from_iter(batch.columns.iter().map(|column| &column[at])))?;
        while let Some(next) = rows.next()? {
            found.push(row(next, columns)?);
        }
    }
    Ok(found)
}

/// The one connection that writes. Its calls block: it lives on a thread of its own.
pub(crate) struct Session {
    connection: Connection,
    folder: Folder,
}

impl Session {
    #[expect(clippy::disallowed_methods, reason = "this is the store")]
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        plan_once(&connection)?;
        connection.execute_batch(WRITER)?;
        connection.set_prepared_statement_cache_capacity(256);
        let folder = Folder::new(path);
        let session = Self { connection, folder };
        session.wait(Patience::Usual)?;
        Ok(session)
    }

    pub(crate) fn wait(&self, patience: Patience) -> Result<(), Error> {
        let limit = match patience {
            Patience::Usual => LOCK_LIMIT,
            // The longest that SQLite can be told.
            Patience::Endless => Duration::from_millis(i32::MAX as u64),
        };
        Ok(self.connection.busy_timeout(limit)?)
    }

    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        Ok(self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)?)
    }

    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        Ok(self.connection.prepare_cached("COMMIT")?.execute([]).map(drop)?)
    }

    pub(crate) fn rollback(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "rollback failed");
        }
    }

    pub(crate) fn select(&mut self, batch: &Batch<'_>) -> Result<Vec<Row>, Error> {
        select(&self.connection, batch)
    }

    pub(crate) fn write(&mut self, batch: &Batch<'_>) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(&batch.statement.one)?;
        let mut changed = 0;
        for at in 0..batch.rows() {
            changed += statement.execute(rusqlite::params_from_iter(batch.columns.iter().map(|column| &column[at])))?;
        }
        self.folder.note(changed);
        Ok(changed as u64)
    }

    pub(crate) fn query(&mut self, sql: &str, parameters: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let mut found = Vec::new();
        each(&self.connection, &for_sqlite(sql), parameters, |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn script(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.connection.execute_batch(sql)?)
    }
}

/// Folds the log back on a thread of its own while the writer goes on, instead of in the writer's own commit.
struct Folder {
    path: PathBuf,
    rows: usize,
    running: Option<(mpsc::SyncSender<()>, JoinHandle<()>)>,
}

/// How many rows are written between two foldings: an estimate, not a measured optimum.
const FOLD_ROWS: usize = 20_000;

impl Folder {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), rows: 0, running: None }
    }

    fn note(&mut self, rows: usize) {
        self.rows += rows;
        if self.rows < FOLD_ROWS {
            return;
        }
        self.rows = 0;
        if self.running.is_none() {
            let (ask, asked) = mpsc::sync_channel(1);
            let path = self.path.clone();
            let thread = std::thread::Builder::new().name("folder".to_owned());
            match thread.spawn(move || fold(&path, &asked)) {
                Ok(thread) => self.running = Some((ask, thread)),
                Err(error) => tracing::warn!(%error, "no thread to fold the log back"),
            }
        }
        if let Some((ask, _)) = &self.running
            && let Err(mpsc::TrySendError::Disconnected(())) = ask.try_send(())
        {
            tracing::debug!("the folder has ended; the writer folds the log back itself");
        }
    }

    fn end(&mut self) {
        if let Some((ask, thread)) = self.running.take() {
            drop(ask);
            drop(thread.join());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the store")]
fn fold(path: &Path, asked: &mpsc::Receiver<()>) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match Connection::open_with_flags(path, flags) {
        Ok(connection) => connection,
        Err(error) => return tracing::warn!(%error, "the log is folded back by the writer only"),
    };
    while asked.recv().is_ok() {
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::debug!(%error, "the log is not folded back");
        }
    }
}

/// Folds the log back, so that the file alone is the database when nobody has it open.
impl Drop for Session {
    fn drop(&mut self) {
        self.folder.end();
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::debug!(%error, "the log stays beside the database");
        }
    }
}

/// Copies what is committed into a new file. Whoever writes meanwhile is neither kept waiting nor seen.
#[expect(clippy::disallowed_methods, reason = "this is the store")]
pub(crate) fn copy_into(path: &Path, file: &Path) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_LIMIT)?;
    let name = file.to_str().ok_or_else(|| Error::new(Cause::Other, "the name of a backup has to be text"))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// Whether a file is a whole database that this program can use.
#[expect(clippy::disallowed_methods, reason = "this is the store")]
pub(crate) fn examine(file: &Path) -> Result<(), Error> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let broken = |text: String| Error::new(Cause::Other, format!("this is no backup of ours: {text}"));
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| broken(error.to_string()))?;
    if found != "ok" {
        return Err(broken(found));
    }
    let schema: i64 = connection
        .query_row("SELECT COALESCE(MAX(number), 0) FROM schema_migrations", [], |row| row.get(0))
        .map_err(|error| broken(error.to_string()))?;
    if schema > expected_schema() {
        return Err(broken(format!("schema {schema} is of a newer program")));
    }
    Ok(())
}

/// Connections that only read.
#[derive(Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    threads: Threads,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

/// Where calls that block are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    Own,
    /// On the caller's, so that what happens first is the same every time.
    Callers,
}

impl Readers {
    pub(crate) fn new(path: &Path, threads: Threads) -> Self {
        Self { path: path.to_owned(), threads, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs `work` on a reading connection, inside one snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Error::new(Cause::Lost, "sqlite: closed"))?;
        let readers = self.clone();
        let work = move || {
            let _permit = permit;
            let pooled = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => readers.connect()?,
            };
            connection.prepare_cached("BEGIN")?.execute([])?;
            let outcome = work(&Reader(&connection));
            connection.prepare_cached("ROLLBACK")?.execute([])?;
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            outcome
        };
        if self.threads == Threads::Callers {
            return work();
        }
        let task = tokio::task::spawn_blocking(work);
        task.await.map_err(|error| Error::new(Cause::Other, format!("sqlite reader: {error}")))?
    }

    #[expect(clippy::disallowed_methods, reason = "this is the store")]
    fn connect(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        plan_once(&connection)?;
        connection.execute_batch(READER)?;
        connection.set_prepared_statement_cache_capacity(128);
        Ok(connection)
    }
}

pub(crate) struct Reader<'a>(&'a Connection);

impl Reader<'_> {
    pub(crate) fn each(
        &self,
        sql: &str,
        parameters: &[Value<'_>],
        take: impl FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        each(self.0, &for_sqlite(sql), parameters, take)
    }

    pub(crate) fn select(&self, batch: &Batch<'_>) -> Result<Vec<Row>, Error> {
        select(self.0, batch)
    }

    pub(crate) fn stream(&self, statements: &[(&str, Vec<Value<'_>>)], sender: &stream::Sender) -> Result<(), Error> {
        let hand_over = |rows: Option<Message>| match rows {
            Some(rows) => sender.blocking_send(rows).map_err(|_| stream::nobody_listens()),
            None => Ok(()),
        };
        let mut group = Group::new();
        for (at, (sql, parameters)) in statements.iter().enumerate() {
            self.each(sql, parameters, |row| hand_over(group.add(at, row)))?;
            hand_over(group.rest())?;
        }
        Ok(())
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<(), Error> {
        Ok(self.0.prepare(&for_sqlite(sql)).map(drop)?)
    }
}
