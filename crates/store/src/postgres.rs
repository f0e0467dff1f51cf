//! PostgreSQL: every connection prepares a statement once, and what can go out together goes out together.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Socket, Statement};

use crate::sql::Batch;
use crate::stream::{self, Group};
use crate::tls::Tls;
use crate::{Cause, Error, Row, Value};

const READERS: usize = 8;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The same for each of several servers: the next one may be the one that writes now.
const NEXT_LIMIT: Duration = Duration::from_millis(2500);
/// So long a machine may owe the receipt of what was sent to it. One that has gone away without a word owes it for ever.
const RECEIPT_LIMIT: Duration = Duration::from_secs(10);
/// Longer than anything that a lane or a screen asks for takes. A connection that is silent for so long leads nowhere, and who
/// waits for it without end would look healthy and do nothing.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A lane only ever looks rows up by key. Its statements are planned once, maybe while the tables are still empty, so the plans
/// that would be right for empty tables are taken off the table. A lock that does not come free is asked for again by the lane,
/// a bounded number of times: the commands that wait behind must not wait for minutes. A server may be told to acknowledge
/// before anything is on disk; a lane may not.
const LANE: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_nestloop = off; \
                    SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off; \
                    SET default_transaction_isolation = 'read committed'; SET lock_timeout = '1s'; \
                    SET idle_in_transaction_session_timeout = '30s'; \
                    SELECT set_config('synchronous_commit', 'on', false) \
                    WHERE current_setting('synchronous_commit') = 'off'";

/// What only reads may be pointed at a replica, and cannot write by mistake. It plans anew each time: a page of a hot meal's orders
/// wants another plan than a page of a quiet one's, and knowing the limit is half of it.
const READER: &str = "SET default_transaction_read_only = on; SET plan_cache_mode = force_custom_plan; SET jit = off; \
                      SET random_page_cost = 1.1";

/// What only looks rows up by key, one look-up a row: planned once, as for a lane, and only one way is left.
const LOOK_UP: &str = "SET default_transaction_read_only = on; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                       SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off";

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(text) => text.as_ref().to_sql(kind, out),
            Self::Blob(bytes) => bytes.as_ref().to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'static> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::BYTEA => Self::Blob(raw.to_vec().into()),
            _ => Self::Text(String::from_sql(kind, raw)?.into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BYTEA, Type::TEXT, Type::VARCHAR, Type::NAME].contains(kind)
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    (0..row.len()).map(|at| Ok(row.try_get(at)?)).collect::<Result<_, Error>>().map(Row::new)
}

/// Where the database is, and whether what is said to it is encrypted. It may be on several servers, of which one writes at a time.
pub(crate) struct Address {
    servers: Vec<Config>,
    /// Which of them was found to write last.
    writing: AtomicUsize,
    pub(crate) tls: Option<Tls>,
}

impl Address {
    /// Reads `postgres://…`, which may name several servers as `host1:5432,host2:5432`. Of libpq's parameters about TLS there are
    /// two: `sslmode`, where encrypted always means that the server's certificate and name are checked, and `sslrootcert`.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::new(Cause::Other, format!("postgres: {why}"));
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut encrypted, mut authorities, mut others) = (false, None, Vec::new());
        let (mut finds_the_writing, mut has_receipt_limit) = (false, false);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", "disable")) => encrypted = false,
                Some(("sslmode", "require" | "verify-full")) => encrypted = true,
                Some(("sslmode", _)) => return Err(wrong("sslmode is disable, require or verify-full")),
                Some(("sslrootcert", file)) => authorities = Some(file.into()),
                Some(("target_session_attrs", "read-write")) => finds_the_writing = true,
                Some(("target_session_attrs", _)) => return Err(wrong("target_session_attrs is read-write")),
                _ => {
                    has_receipt_limit |= parameter.starts_with("tcp_user_timeout=");
                    others.push(parameter);
                }
            }
        }
        if authorities.is_some() && !encrypted {
            return Err(wrong("sslrootcert needs sslmode=verify-full"));
        }
        let mark = if others.is_empty() { "" } else { "?" };
        let parameters = format!("{mark}{}", others.join("&"));
        let (before, hosts, after) = split_hosts(place);
        let hosts: Vec<_> = hosts.split(',').collect();
        let mut servers = Vec::with_capacity(hosts.len());
        for host in &hosts {
            let known = format!("{before}{host}{after}{parameters}");
            let mut config: Config = known.parse().map_err(|_| wrong("the address cannot be read"))?;
            let is_list = |host: &Host| matches!(host, Host::Tcp(name) if name.contains(','));
            let hosts_are_one = config.get_hosts().len() <= 1 && !config.get_hosts().iter().any(is_list);
            let is_alone = hosts_are_one && config.get_hostaddrs().len() <= 1;
            if !is_alone || hosts.len() > 1 && host.is_empty() {
                return Err(wrong("several servers are named as host1:5432,host2:5432 before the database's name"));
            }
            if encrypted && config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
                return Err(wrong("TLS needs the server's name: a socket's folder has none"));
            }
            config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
            if finds_the_writing || hosts.len() > 1 {
                config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            if !has_receipt_limit {
                config.tcp_user_timeout(RECEIPT_LIMIT);
            }
            servers.push(config);
        }
        let tls = if encrypted { Some(Tls::new(authorities)?) } else { None };
        Ok(Self { servers, writing: AtomicUsize::new(0), tls })
    }

    pub(crate) fn servers(&self) -> &[Config] {
        &self.servers
    }

    /// What is said to each of them alike: the user, the password, the database.
    pub(crate) fn common(&self) -> &Config {
        &self.servers[0]
    }

    /// Whether somebody who connects has to find the server that writes.
    pub(crate) fn finds_the_writing(&self) -> bool {
        self.common().get_target_session_attrs() == TargetSessionAttrs::ReadWrite
    }

    fn writing(&self) -> usize {
        self.writing.load(Ordering::Relaxed)
    }
}

/// What stands before the hosts of an address, they themselves, and what stands behind.
fn split_hosts(place: &str) -> (&str, &str, &str) {
    let authority = place.find("://").map_or(0, |at| at + 3);
    let hosts = place[authority..].find('@').map_or(authority, |at| authority + at + 1);
    let end = place[hosts..].find('/').map_or(place.len(), |at| hosts + at);
    (&place[..hosts], &place[hosts..end], &place[end..])
}

/// As a person would write it.
fn name(server: &Config) -> String {
    let port = server.get_ports().first().unwrap_or(&5432);
    match server.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(folder)) => format!("{}:{port}", folder.display()),
        None => format!("port {port}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the store")]
async fn dial<T>(config: &Config, tls: T) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let (client, connection) = config.connect(tls).await?;
    // The driver's half of the connection; it ends when the client is dropped or the server goes away.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "postgres connection ended");
        }
    });
    Ok(client)
}

/// One connection with its prepared statements.
pub(crate) struct Session {
    client: Client,
    prepared: HashMap<String, Statement>,
    /// `BEGIN` is owed: it goes out together with the first statements of the transaction.
    beginning: bool,
    /// How long to wait for one answer; absent for as long as it takes.
    limit: Option<Duration>,
    /// An answer did not come in time, so that what the connection says from now on belongs to another question; or the server has
    /// said that it is the wrong one, as one does that another has taken the writing over from.
    lost: bool,
    /// Which of the address' servers this is.
    server: usize,
}

impl Session {
    /// Asks the servers one after the other, beginning with the one that wrote last.
    pub(crate) async fn connect(address: &Address, settings: &str) -> Result<Self, Error> {
        let (count, first) = (address.servers.len(), address.writing());
        if count == 1 {
            return Self::connect_to(address, 0, settings, CONNECT_LIMIT).await;
        }
        let (mut cause, mut refusals) = (Cause::Lost, Vec::with_capacity(count));
        for server in (first..count).chain(0..first) {
            match Self::connect_to(address, server, settings, NEXT_LIMIT).await {
                Ok(session) => {
                    if address.writing.swap(server, Ordering::Relaxed) != server {
                        tracing::warn!(server = name(&address.servers[server]), "another PostgreSQL server writes now");
                    }
                    return Ok(session);
                }
                Err(error) => {
                    cause = error.cause;
                    refusals.push(format!("{}: {error}", name(&address.servers[server])));
                }
            }
        }
        Err(Error::new(cause, format!("postgres: no server can be written to: {}", refusals.join("; "))))
    }

    async fn connect_to(address: &Address, server: usize, settings: &str, limit: Duration) -> Result<Self, Error> {
        let config = &address.servers[server];
        let connecting = async {
            let client = match &address.tls {
                Some(tls) => dial(config, tls.clone()).await?,
                None => dial(config, NoTls).await?,
            };
            client.batch_execute(settings).await?;
            Ok::<_, Error>(client)
        };
        let connected = tokio::time::timeout(limit, connecting).await;
        let client = connected.map_err(|_| Error::new(Cause::Lost, "postgres: connecting took too long"))??;
        let prepared = HashMap::new();
        Ok(Self { client, prepared, beginning: false, limit: Some(ANSWER_LIMIT), lost: false, server })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lost || self.client.is_closed()
    }

    /// Makes the connection wait for every answer and every lock as long as it takes.
    pub(crate) async fn wait_without_limit(&mut self) -> Result<(), Error> {
        self.limit = None;
        Ok(self.client.batch_execute("SET lock_timeout = 0").await?)
    }

    /// Takes [`Session::wait_without_limit`] back.
    pub(crate) async fn wait_as_usual(&mut self) -> Result<(), Error> {
        self.limit = Some(ANSWER_LIMIT);
        Ok(self.client.batch_execute(LANE).await?)
    }

    /// Ends `work` when the limit is over. Then, and where the server itself says that one should go elsewhere, the connection
    /// cannot be used any more.
    async fn limited<T>(
        limit: Option<Duration>,
        lost: &mut bool,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let done = match limit {
            None => work.await,
            Some(limit) => {
                let late = |_| Err(Error::new(Cause::Lost, "postgres: no answer in time"));
                tokio::time::timeout(limit, work).await.unwrap_or_else(late)
            }
        };
        *lost |= done.as_ref().is_err_and(|error| error.cause == Cause::Lost);
        done
    }

    async fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let asked = async { Ok(self.client.prepare(sql).await?) };
        let statement = Self::limited(self.limit, &mut self.lost, asked).await?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) fn begin(&mut self) {
        self.beginning = true;
    }

    async fn begin_if_owed(client: &Client, owed: bool) -> Result<(), Error> {
        if owed { Ok(client.batch_execute("BEGIN").await?) } else { Ok(()) }
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.beginning) {
            return Ok(());
        }
        let asked = async { Ok(self.client.batch_execute("COMMIT").await?) };
        Self::limited(self.limit, &mut self.lost, asked).await
    }

    pub(crate) async fn rollback(&mut self) {
        if std::mem::take(&mut self.beginning) || self.is_closed() {
            return;
        }
        let asked = async { Ok(self.client.batch_execute("ROLLBACK").await?) };
        if let Err(error) = Self::limited(self.limit, &mut self.lost, asked).await {
            tracing::debug!(%error, "rollback failed");
        }
    }

    /// The statements reach the server in this order, in one go.
    pub(crate) async fn select(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let mut statements = Vec::with_capacity(batches.len());
        for batch in batches {
            statements.push(self.prepare(&batch.statement.all).await?);
        }
        let owed = std::mem::take(&mut self.beginning);
        let client = &self.client;
        let asks = batches.iter().zip(&statements).map(|(batch, statement)| async move {
            let rows = client.query(statement, &parameters(batch)).await?;
            rows.iter().map(row).collect::<Result<Vec<_>, Error>>()
        });
        let all = async {
            let (begun, found) = futures_util::future::join(Self::begin_if_owed(client, owed), join_all(asks)).await;
            begun?;
            found.into_iter().collect()
        };
        Self::limited(self.limit, &mut self.lost, all).await
    }

    /// The statements reach the server in this order, in one go; the counts say how many rows each changed.
    pub(crate) async fn write(&mut self, batches: &[Batch<'_>]) -> Result<Vec<u64>, Error> {
        let mut statements = Vec::with_capacity(batches.len());
        for batch in batches {
            statements.push(self.prepare(&batch.statement.all).await?);
        }
        let owed = std::mem::take(&mut self.beginning);
        let client = &self.client;
        let tells = batches.iter().zip(&statements).map(|(batch, statement)| async move {
            Ok::<_, Error>(client.execute(statement, &parameters(batch)).await?)
        });
        let all = async {
            let (begun, counts) = futures_util::future::join(Self::begin_if_owed(client, owed), join_all(tells)).await;
            begun?;
            counts.into_iter().collect()
        };
        Self::limited(self.limit, &mut self.lost, all).await
    }

    pub(crate) async fn query(&mut self, sql: &str, given: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare(sql).await?;
        let owed = std::mem::take(&mut self.beginning);
        let client = &self.client;
        let asked = async {
            Self::begin_if_owed(client, owed).await?;
            let mut found = Vec::new();
            Self::each(client, &statement, given, |row| {
                found.push(row);
                Ok(())
            })
            .await?;
            Ok(found)
        };
        Self::limited(self.limit, &mut self.lost, asked).await
    }

    async fn each(
        client: &Client,
        statement: &Statement,
        given: &[Value<'_>],
        mut take: impl FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let given = given.iter().map(|value| value as &(dyn ToSql + Sync));
        let rows = client.query_raw(statement, given).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(next) = rows.try_next().await? {
            take(row(&next)?)?;
        }
        Ok(())
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), Error> {
        let owed = std::mem::take(&mut self.beginning);
        let client = &self.client;
        let asked = async {
            Self::begin_if_owed(client, owed).await?;
            Ok(client.batch_execute(sql).await?)
        };
        Self::limited(self.limit, &mut self.lost, asked).await
    }

    pub(crate) async fn prepare_all(&mut self, texts: &[&str]) -> Result<(), Error> {
        try_join_all(texts.iter().map(|sql| self.client.prepare(sql))).await?;
        Ok(())
    }
}

fn parameters<'a>(batch: &'a Batch<'_>) -> Vec<&'a (dyn ToSql + Sync)> {
    batch.columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect()
}

/// Connections that only read, opened as they are needed and kept.
#[derive(Clone)]
pub(crate) struct Readers {
    address: Arc<Address>,
    idle: Arc<Mutex<Vec<Session>>>,
    /// Those that only look up by key.
    looking_up: Arc<Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

/// A connection on loan; it goes back unless it broke.
pub(crate) struct Loan {
    session: Option<Session>,
    /// In the middle of something: dropped now, the connection would keep its next user waiting, or inside a transaction.
    busy: bool,
    home: Arc<Mutex<Vec<Session>>>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    pub(crate) fn new(address: Address) -> Self {
        let (idle, looking_up) = Default::default();
        Self { address: Arc::new(address), idle, looking_up, permits: Arc::new(Semaphore::new(READERS)) }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection for a lane, apart from the reading ones.
    pub(crate) async fn connect_lane(&self) -> Result<Session, Error> {
        Session::connect(&self.address, LANE).await
    }

    pub(crate) async fn borrow(&self) -> Result<Loan, Error> {
        self.borrow_from(&self.idle, READER).await
    }

    /// One for statements over sets of keys.
    pub(crate) async fn borrow_to_look_up(&self) -> Result<Loan, Error> {
        self.borrow_from(&self.looking_up, LOOK_UP).await
    }

    async fn borrow_from(&self, home: &Arc<Mutex<Vec<Session>>>, settings: &str) -> Result<Loan, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Error::new(Cause::Lost, "postgres: closed"))?;
        let pooled = {
            let mut idle = home.lock().unwrap_or_else(PoisonError::into_inner);
            // What a server answers that another has taken the writing over from may be of yesterday.
            let writing = self.address.writing();
            idle.retain(|session| !session.is_closed() && session.server == writing);
            idle.pop()
        };
        let session = match pooled {
            Some(session) => session,
            None => Session::connect(&self.address, settings).await?,
        };
        Ok(Loan { session: Some(session), busy: false, home: Arc::clone(home), _permit: permit })
    }
}

impl Loan {
    fn session(&mut self) -> &mut Session {
        match &mut self.session {
            Some(session) => session,
            None => unreachable!("a loan keeps its session until it is dropped"),
        }
    }

    pub(crate) async fn query(&mut self, sql: &str, given: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.busy = true;
        let found = self.session().query(sql, given).await;
        self.busy = false;
        found
    }

    pub(crate) async fn select(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        self.busy = true;
        let found = self.session().select(batches).await;
        self.busy = false;
        found
    }

    pub(crate) async fn prepare_all(&mut self, texts: &[&str]) -> Result<(), Error> {
        self.busy = true;
        let prepared = self.session().prepare_all(texts).await;
        self.busy = false;
        prepared
    }

    /// Runs `statements` one after the other in one snapshot. Where nobody takes the rows any more it ends at once, and the
    /// connection, still inside its transaction, ends with it.
    pub(crate) async fn stream(
        &mut self,
        statements: &[(&str, Vec<Value<'_>>)],
        sender: &stream::Sender,
    ) -> Result<(), Error> {
        self.busy = true;
        let session = self.session();
        session.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let mut group = Group::new();
        for (at, (sql, given)) in statements.iter().enumerate() {
            let statement = session.prepare(sql).await?;
            let given = given.iter().map(|value| value as &(dyn ToSql + Sync));
            let rows = session.client.query_raw(&statement, given).await?;
            let mut rows = std::pin::pin!(rows);
            loop {
                // The server is waited for, but not whoever takes the rows: that is the taker's own affair.
                let fill = async {
                    while let Some(next) = rows.try_next().await? {
                        let full = group.add(at, row(&next)?);
                        if full.is_some() {
                            return Ok(full);
                        }
                    }
                    Ok(None)
                };
                let full = Session::limited(session.limit, &mut session.lost, fill).await?;
                let is_last = full.is_none();
                if let Some(rows) = full.or_else(|| group.rest()) {
                    sender.send(rows).await.map_err(|_| stream::nobody_listens())?;
                }
                if is_last {
                    break;
                }
            }
        }
        session.script("ROLLBACK").await?;
        self.busy = false;
        Ok(())
    }

    /// Runs `statements` one after the other in one snapshot; `take` sees every row with its statement's place in the list.
    pub(crate) async fn scan(
        &mut self,
        statements: &[(&str, Vec<Value<'_>>)],
        mut take: impl FnMut(usize, Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.busy = true;
        let session = self.session();
        session.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for (at, (sql, given)) in statements.iter().enumerate() {
            let statement = session.prepare(sql).await?;
            Session::each(&session.client, &statement, given, |row| take(at, row)).await?;
        }
        session.script("ROLLBACK").await?;
        self.busy = false;
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(|session| !self.busy && !session.is_closed()) {
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn a_server_that_only_listens_is_given_up() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        let readers = Readers::new(Address::parse(&format!("postgres://me@{address}/x")).expect("an address"));
        let Err(late) = readers.connect_lane().await else { panic!("nobody answered") };
        assert_eq!(late.cause, Cause::Lost, "{late}");
    }

    #[test]
    fn an_address_names_its_servers() {
        let named = |url: &str| Address::parse(url).map(|address| address.servers.iter().map(name).collect::<Vec<_>>());
        for (url, servers, finds_the_writing) in [
            ("postgres://me@db/house", &["db:5432"][..], false),
            ("postgres://db?target_session_attrs=read-write", &["db:5432"], true),
            ("postgres://me:p%2Cw@a:1,b,c:3/house?sslmode=disable", &["a:1", "b:5432", "c:3"], true),
            ("postgresql://me@[::1]:7,10.0.0.2:8", &["::1:7", "10.0.0.2:8"], true),
            ("postgres://me@/house?host=/run/postgresql", &["/run/postgresql:5432"], false),
            ("postgres://me@%2Frun%2Fone:1,%2Frun%2Fother:2/house", &["/run/one:1", "/run/other:2"], true),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.servers.iter().map(name).collect::<Vec<_>>(), servers, "{url}");
            assert_eq!(address.finds_the_writing(), finds_the_writing, "{url}");
            assert!(address.servers.iter().all(|server| server.get_dbname() == address.common().get_dbname()), "{url}");
        }
        for (url, word) in [
            ("postgres://me@a,/house", "host1:5432,host2:5432"),
            ("postgres://me@/house?host=a,b", "host1:5432,host2:5432"),
            ("postgres://me@a,b/house?host=c", "host1:5432,host2:5432"),
            ("postgres://me@a,b:x/house", "cannot be read"),
            ("postgres://me@a,b/house?target_session_attrs=any", "target_session_attrs is read-write"),
            ("postgres://me@a,%2Frun/house?sslmode=require", "the server's name"),
        ] {
            let error = named(url).expect_err(url).to_string();
            assert!(error.contains(word), "{url}: {error}");
        }
    }

    /// The first of two servers takes connections and says nothing.
    #[tokio::test]
    async fn a_server_that_only_listens_keeps_nobody_from_the_next() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        let database = testing::postgres::fresh_database();
        let url = database.url().replacen("@127.0.0.1:", &format!("@{address},127.0.0.1:"), 1);
        let readers = Readers::new(Address::parse(&url).expect("an address"));
        assert_eq!(readers.address.servers.len(), 2, "{url}");
        assert_eq!(readers.connect_lane().await.expect("a connection").server, 1);
        assert_eq!(readers.address.writing(), 1, "the next one begins there");
    }

    #[tokio::test]
    async fn a_silent_connection_is_given_up() {
        let database = testing::postgres::fresh_database();
        let readers = Readers::new(Address::parse(database.url()).expect("an address"));
        let mut session = readers.connect_lane().await.expect("a connection");
        session.limit = Some(Duration::from_millis(20));
        session.begin();
        let late = session.query("SELECT pg_sleep(60)::text", &[]).await.expect_err("too late");
        assert_eq!(late.cause, Cause::Lost, "{late}");
        assert!(session.is_closed());
        // Nothing more is asked of it, so this does not wait either.
        session.rollback().await;
    }

    #[tokio::test]
    async fn what_only_looks_up_is_planned_once() {
        let database = testing::postgres::fresh_database();
        let readers = Readers::new(Address::parse(database.url()).expect("an address"));
        let mut writer = Store::new(database.url()).expect("an address").writer().await.expect("a connection");
        writer.migrate(0).await.expect("migrated");
        let by_token = crate::queries::sessions::all_statements()[0];
        let plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%UNNEST%LATERAL%' \
                     AND statement NOT LIKE '%pg_prepared%'";
        let (looking_up, reading) = (readers.borrow_to_look_up().await, readers.borrow().await);
        let mut counts = Vec::new();
        for mut loan in [looking_up.expect("a connection"), reading.expect("a connection")] {
            for token in 0..7 {
                let unknown = Batch::of(by_token, [[vec![token; 32].into()]]);
                assert_eq!(loan.select(&[unknown]).await.expect("looked up")[0].len(), 0);
            }
            let row = loan.query(plans, &[]).await.expect("counted").remove(0);
            let mut cells = row.cells();
            counts.push((cells.int().expect("a number"), cells.int().expect("a number")));
        }
        // The other ones plan anew each time.
        assert_eq!(counts, [(7, 0), (0, 7)]);
    }

    #[tokio::test]
    async fn a_question_that_was_dropped_takes_its_connection_along() {
        let database = testing::postgres::fresh_database();
        let readers = Readers::new(Address::parse(database.url()).expect("an address"));
        {
            let mut loan = readers.borrow().await.expect("a connection");
            let asked = loan.query("SELECT pg_sleep(60)::text", &[]);
            tokio::time::timeout(Duration::from_millis(20), asked).await.expect_err("it sleeps");
        }
        assert!(readers.idle.lock().expect("nobody panicked").is_empty());
        readers.borrow().await.expect("another").query("SELECT 'x'", &[]).await.expect("answered");
        assert_eq!(readers.idle.lock().expect("nobody panicked").len(), 1);
    }
}
