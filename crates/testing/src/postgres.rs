//! One throw-away PostgreSQL cluster, and as many empty databases in it as there are tests.
//!
//! Tests call [`fresh_database`]. `cargo xtask test` starts one [`Cluster`] for the whole run and names it in
//! [`SERVER_VARIABLE`]; a test run by hand starts its own.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs, io};

use crate::temp_dir::create_unique;
use crate::unique_name;

/// Names a server on which tests may create and drop databases, as `postgres://user@host:port/postgres`.
pub const SERVER_VARIABLE: &str = "FANPIAO_TEST_POSTGRES";

/// The oldest major version that the project supports.
pub const OLDEST_VERSION: u32 = 14;

/// Who keeps the cluster: it runs the server, obeys `start PORT`, `stop` and `promote` on its input, and when the input closes,
/// because the owner dropped it or died in whatever way, it stops the server and removes the folder. It has a process
/// group of its own, so a Ctrl-C at the terminal reaches the owner and not the keeper.
///
/// Stopping is immediate everywhere: nobody wants the data back when the folder goes, and a `stop` followed by a
/// `start` then is the crash that tests ask for.
const KEEPER: &str = r#"
trap '' PIPE INT TERM HUP
folder=$1 bin=$2 fsync=$3 primary=$4
control() { "$bin/pg_ctl" --pgdata="$folder/data" --silent "$@" </dev/null >>"$folder/log" 2>&1; }
answer() { if "$@"; then echo done; else echo failed; fi; }
prepare() {
    if [ -n "$primary" ]; then
        "$bin/pg_basebackup" --pgdata="$folder/data" --dbname="$primary" --write-recovery-conf --checkpoint=fast --no-sync \
            </dev/null >>"$folder/log" 2>&1
        return
    fi
    "$bin/initdb" --pgdata="$folder/data" --username=fanpiao --auth=trust --locale=C --encoding=UTF8 --no-sync \
        --no-instructions </dev/null >>"$folder/log" 2>&1
}
start() {
    control start --wait --timeout=60 --log="$folder/log" --options="-c port=$1 -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories='$folder' -c max_connections=300 -c timezone=UTC -c log_timezone=UTC -c fsync=$fsync"
}
stop() { control stop --wait --timeout=60 --mode=immediate; }
answer prepare
while read -r order port; do
    case $order in
        start) answer start "$port" ;;
        stop) answer stop ;;
        promote) answer control promote --wait --timeout=60 ;;
    esac
done
stop
cd / && rm -rf -- "$folder"
"#;

/// A running PostgreSQL server with nothing in it. Dropping it stops the server and removes its files; so does the end
/// of the process that started it, even by `kill -9`.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    keeper: Child,
    /// `None` only while dropping: closing it is what tells the keeper to clean up.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// Starts a server on loopback TCP, on a port that was free, and on a Unix socket in its own folder. It waits for no
    /// disk: what it wrote survives its own crash, which is all that tests ask for, and only a power cut would lose it.
    ///
    /// # Errors
    ///
    /// A text for the person at the terminal: PostgreSQL is missing (and how to get it), or what it said when it failed.
    pub fn start() -> Result<Self, String> {
        Self::start_with("off", "")
    }

    /// As [`Cluster::start`], but it waits for the disk as a real one does: for what is measured.
    ///
    /// # Errors
    ///
    /// As [`Cluster::start`].
    pub fn start_durable() -> Result<Self, String> {
        Self::start_with("on", "")
    }

    /// Starts a standby of `primary`, which follows it until [`Cluster::promote`].
    ///
    /// # Errors
    ///
    /// As [`Cluster::start`].
    pub fn start_standby_of(primary: &Self) -> Result<Self, String> {
        Self::start_with("off", &primary.url())
    }

    fn start_with(fsync: &str, primary: &str) -> Result<Self, String> {
        let programs = Programs::find()?;
        let folder =
            create_unique("fanpiao-postgres").map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let keeper = match spawn_keeper(&folder, &programs, [fsync, primary]) {
            Ok(keeper) => keeper,
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(error);
            }
        };
        let mut cluster = Self::from_keeper(folder, keeper)?;
        if !cluster.answer()? {
            return Err(cluster.failure(if primary.is_empty() { "initdb failed" } else { "pg_basebackup failed" }));
        }

        // PostgreSQL cannot choose a port itself, so another process may take the one that was free a moment ago.
        for _ in 0..10 {
            let port = free_port()?;
            if cluster.order(&format!("start {port}"))? {
                cluster.port = port;
                return Ok(cluster);
            }
            if !cluster.log().contains("Address already in use") {
                break;
            }
        }
        Err(cluster.failure("the PostgreSQL server did not start"))
    }

    /// The address of the cluster's `postgres` database, for its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://fanpiao@{}/postgres", self.address())
    }

    /// Where the server listens, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder of the server's Unix socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Stops the server at once, as a crash would: connections break and nothing is tidied up. Its data stays.
    ///
    /// # Errors
    ///
    /// What PostgreSQL said, when it could not be stopped.
    pub fn crash(&mut self) -> Result<(), String> {
        self.order("stop")?.then_some(()).ok_or_else(|| self.failure("the PostgreSQL server did not stop"))
    }

    /// Starts the server again after [`Cluster::crash`], on the same port and with the same data.
    ///
    /// # Errors
    ///
    /// What PostgreSQL said, when it did not start.
    pub fn restart(&mut self) -> Result<(), String> {
        let order = format!("start {}", self.port);
        self.order(&order)?.then_some(()).ok_or_else(|| self.failure("the PostgreSQL server did not start again"))
    }

    /// Makes a standby a server that writes.
    ///
    /// # Errors
    ///
    /// What PostgreSQL said, when it could not be promoted.
    pub fn promote(&mut self) -> Result<(), String> {
        self.order("promote")?.then_some(()).ok_or_else(|| self.failure("the standby was not promoted"))
    }

    fn from_keeper(folder: PathBuf, mut keeper: Child) -> Result<Self, String> {
        let (Some(orders), Some(answers)) = (keeper.stdin.take(), keeper.stdout.take()) else {
            return Err("the keeper of the PostgreSQL cluster has no pipes".to_owned());
        };
        Ok(Self { folder, port: 0, keeper, orders: Some(orders), answers: BufReader::new(answers) })
    }

    fn order(&mut self, order: &str) -> Result<bool, String> {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{order}").map_err(|error| format!("the PostgreSQL cluster's keeper is gone: {error}"))?;
        }
        self.answer()
    }

    fn answer(&mut self) -> Result<bool, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("the PostgreSQL cluster's keeper is gone".to_owned()),
            Ok(_) => Ok(line.trim() == "done"),
            Err(error) => Err(format!("the PostgreSQL cluster's keeper does not answer: {error}")),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn failure(&self, what: &str) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("{what}; it said:\n{tail}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

/// A new, empty database with C collation, dropped with all its connections when the guard is dropped.
#[derive(Debug)]
pub struct Database {
    server_url: String,
    name: String,
    url: String,
}

impl Database {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = run_sql(&self.server_url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // While unwinding the test's own failure is the one to show, and a cluster that is gone took its databases along.
        if let Err(error) = dropped
            && !std::thread::panicking()
        {
            panic!("cannot drop the test database {}: {error}", self.name);
        }
    }
}

/// Creates an empty database for one test, on the server that [`SERVER_VARIABLE`] names, or else in a cluster that this
/// process starts once and that ends with it.
///
/// # Panics
///
/// When there is no PostgreSQL to be had: such a test fails and says what to install; it is never skipped.
#[must_use]
pub fn fresh_database() -> Database {
    fresh_database_on(&server_url())
}

/// Creates an empty database for one test on the server at `server_url`, for tests that need a [`Cluster`] of their own.
///
/// # Panics
///
/// When the database cannot be created.
#[must_use]
pub fn fresh_database_on(server_url: &str) -> Database {
    let name = unique_name("fanpiao_test", '_');
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
    if let Err(error) = run_sql(server_url, &sql) {
        panic!("cannot create a test database on {server_url}: {error}");
    }
    let url = with_database_name(server_url, &name);
    Database { server_url: server_url.to_owned(), name, url }
}

/// Where PostgreSQL's programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    pub folder: PathBuf,
    pub version: u32,
}

impl Programs {
    /// Finds the newest PostgreSQL server that is at least [`OLDEST_VERSION`], on `PATH` and where Debian, Red Hat and
    /// Homebrew put theirs.
    ///
    /// # Errors
    ///
    /// A text that says where it looked and how to get PostgreSQL.
    pub fn find() -> Result<Self, String> {
        let found = candidate_folders().into_iter().filter_map(|folder| {
            let version = server_version(&folder)?;
            Some(Self { folder, version })
        });
        let newest = found.max_by_key(|programs| programs.version);
        match newest {
            Some(programs) if programs.version >= OLDEST_VERSION => Ok(programs),
            Some(programs) => {
                Err(missing(&format!("the newest found is {} in {}", programs.version, programs.folder.display())))
            }
            None => Err(missing("none was found on PATH or under /usr/lib/postgresql")),
        }
    }
}

fn missing(found: &str) -> String {
    format!(
        "PostgreSQL {OLDEST_VERSION} or newer is needed with its server programs (initdb, pg_ctl, postgres, psql); {found}.\n\
         Install it with `cargo xtask setup --install postgresql` (Debian and Ubuntu; elsewhere the package is usually \
         `postgresql-server` or `postgresql`),\nor name a server on which tests may create databases: \
         {SERVER_VARIABLE}=postgres://user@host:port/postgres"
    )
}

fn candidate_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                folders.push(entry.path().join("bin"));
            }
        }
    }
    folders
}

/// The major version of the server in `folder`, if all of its programs are there.
fn server_version(folder: &Path) -> Option<u32> {
    if !["initdb", "pg_ctl", "postgres", "psql"].iter().all(|program| folder.join(program).is_file()) {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    major_version(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `15` out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let after = text.split("(PostgreSQL)").nth(1)?;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn spawn_keeper(folder: &Path, programs: &Programs, [fsync, primary]: [&str; 2]) -> Result<Child, String> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", KEEPER, "fanpiao-postgres-keeper"])
        .arg(folder)
        .arg(&programs.folder)
        .args([fsync, primary])
        .current_dir(folder)
        // The log is searched for words, so they must be English whatever the person's language is.
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    give_up_root(&mut command, folder)?;
    command.spawn().map_err(|error| {
        let folder = folder.display();
        format!("cannot start /bin/sh in {folder}: {error} (TMPDIR must be a folder that every user may enter)")
    })
}

/// PostgreSQL refuses to run as root: where we are root, the command and its folder are somebody else's from now on.
///
/// # Errors
///
/// When there is nobody else, or the folder cannot be given away.
pub fn give_up_root(command: &mut Command, folder: &Path) -> Result<(), String> {
    let owner = fs::metadata("/proc/self").map_err(|error| format!("cannot read /proc/self: {error}"))?.uid();
    if owner == 0 {
        let user = unprivileged_user()?;
        std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid))
            .map_err(|error| format!("cannot give {} to the user {}: {error}", folder.display(), user.name))?;
        command.uid(user.uid).gid(user.gid);
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn unprivileged_user() -> Result<User, String> {
    let accounts = fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    ["postgres", "nobody"].iter().find_map(|name| find_user(&accounts, name)).ok_or_else(|| {
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as".to_owned()
    })
}

fn find_user(accounts: &str, name: &str) -> Option<User> {
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name: name.to_owned(), uid, gid })
}

fn free_port() -> Result<u16, String> {
    let port = || -> io::Result<u16> { Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()) };
    port().map_err(|error| format!("there is no free port on 127.0.0.1: {error}"))
}

fn server_url() -> String {
    /// A static is never dropped; the keeper ends the cluster when this process ends.
    static OWN_CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();

    if let Ok(url) = env::var(SERVER_VARIABLE)
        && !url.is_empty()
    {
        return url;
    }
    match OWN_CLUSTER.get_or_init(Cluster::start) {
        Ok(cluster) => cluster.url(),
        Err(error) => panic!("this test needs PostgreSQL. {error}"),
    }
}

/// Runs one statement through psql, which spares the crate a database driver.
pub fn run_sql(url: &str, sql: &str) -> Result<String, String> {
    /// Debian's psql on PATH is a script that takes ten times as long to start as the program itself.
    static PSQL: OnceLock<PathBuf> = OnceLock::new();
    let psql = PSQL.get_or_init(|| {
        Programs::find().map_or_else(|_| PathBuf::from("psql"), |programs| programs.folder.join("psql"))
    });
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, "--dbname", url])
        .env("PGCONNECT_TIMEOUT", "10")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", psql.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let mut message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if message.is_empty() {
        let _ = write!(message, "psql ended with {}", output.status);
    }
    Err(message)
}

/// Puts another database into `scheme://authority/database?parameters`.
fn with_database_name(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest)));
    let authority_at = address.find("://").map_or(0, |at| at + 3);
    let authority_end = address[authority_at..].find('/').map_or(address.len(), |at| authority_at + at);
    let mut changed = format!("{}/{name}", &address[..authority_end]);
    if let Some(parameters) = parameters {
        changed.push('?');
        changed.push_str(parameters);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_new_empty_and_gone_after_use() {
        let one = fresh_database();
        let other = fresh_database();
        assert_ne!(one.url(), other.url());

        let settings = "SELECT datcollate || ' ' || datctype || ' ' || pg_encoding_to_char(encoding) \
             FROM pg_database WHERE datname = current_database()";
        assert_eq!(run_sql(one.url(), settings).unwrap(), "C C UTF8");
        let tables = "SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(run_sql(one.url(), tables).unwrap(), "0");

        let (server_url, name) = (one.server_url.clone(), one.name.clone());
        drop(one);
        let left = format!("SELECT COUNT(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(run_sql(&server_url, &left).unwrap(), "0");
    }

    #[test]
    fn what_is_measured_waits_for_the_disk() {
        let cluster = Cluster::start_durable().unwrap();
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            assert_eq!(run_sql(&cluster.url(), &format!("SHOW {setting}")).unwrap(), "on", "{setting}");
        }
    }

    #[test]
    fn a_cluster_survives_a_crash_and_leaves_nothing() {
        let mut cluster = Cluster::start().unwrap();
        let folder = cluster.socket_folder().to_owned();
        let url = cluster.url();
        assert_eq!(run_sql(&url, "SHOW fsync").unwrap(), "off");
        assert_eq!(run_sql(&url, "SHOW max_connections").unwrap(), "300");
        run_sql(&url, "CREATE TABLE kept (id BIGINT)").unwrap();

        cluster.crash().unwrap();
        assert!(run_sql(&url, "SELECT 1").is_err());
        cluster.restart().unwrap();
        assert_eq!(run_sql(&url, "SELECT COUNT(*) FROM kept").unwrap(), "0");

        let server = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        let server = Path::new("/proc").join(server.lines().next().unwrap()).join("cmdline");
        assert!(fs::read_to_string(&server).unwrap().contains("postgres"));
        drop(cluster);
        assert!(!folder.exists());
        // A server that has ended but was not yet waited for still has a folder there, with an empty command line.
        assert_eq!(fs::read_to_string(&server).unwrap_or_default(), "");
        assert!(run_sql(&url, "SELECT 1").is_err());
    }

    #[test]
    fn a_cluster_ends_when_the_process_that_started_it_is_killed() {
        // What the kernel does at a process's death is to close its end of the pipe; the keeper sees nothing else.
        let mut cluster = Cluster::start().unwrap();
        let folder = cluster.socket_folder().to_owned();
        drop(cluster.orders.take());
        let status = cluster.keeper.wait().unwrap();

        assert!(status.success(), "{status}");
        assert!(!folder.exists());
    }

    #[test]
    fn the_newest_of_several_servers_is_known_by_its_version() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 17beta2"), Some(17));
        assert_eq!(major_version("mysqld 8.0"), None);
    }

    #[test]
    fn the_database_is_replaced_in_an_address() {
        for (url, changed) in [
            ("postgres://fanpiao@127.0.0.1:5432/postgres", "postgres://fanpiao@127.0.0.1:5432/new"),
            ("postgresql://u:p@db", "postgresql://u:p@db/new"),
            ("postgres://db/old?sslmode=require", "postgres://db/new?sslmode=require"),
            ("postgres://db?host=/run/postgresql", "postgres://db/new?host=/run/postgresql"),
        ] {
            assert_eq!(with_database_name(url, "new"), changed);
        }
    }

    #[test]
    fn a_user_is_read_from_the_accounts() {
        let accounts = "root:x:0:0:root:/r:/bin/sh\npostgres:x:101:104:PostgreSQL,,,:/var/lib:/bin/sh\n";
        assert_eq!(find_user(accounts, "postgres"), Some(User { name: "postgres".to_owned(), uid: 101, gid: 104 }));
        assert_eq!(find_user(accounts, "nobody"), None);
    }

    #[test]
    fn a_missing_server_is_explained() {
        let text = missing("none was found");
        assert!(text.contains("cargo xtask setup --install postgresql"), "{text}");
        assert!(text.contains(SERVER_VARIABLE), "{text}");
    }
}
