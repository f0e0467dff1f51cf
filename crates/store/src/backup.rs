//! The whole database in one file, and the way back. SQLite copies itself while it is written to; PostgreSQL's own programs do that.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::engine::Inner;
use crate::postgres::Address;
use crate::{Cause, Error, Store, Value, sqlite};

const TABLES_ON_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1";
const TABLES_ON_POSTGRES: &str =
    "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace LIMIT 1";
const SCHEMA: &str = "SELECT nspname::text FROM pg_namespace WHERE oid = current_schema()::regnamespace";
const RUNNING: &str = "SELECT number FROM nodes WHERE lease_until > $1 ORDER BY number LIMIT 1";

impl Store {
    /// Writes what is committed by now into `file`, which must not be there yet, while others go on reading and writing. The file
    /// appears only when it is whole and on disk.
    ///
    /// # Errors
    /// Where the file is there, cannot be written, or the database cannot be read.
    pub async fn backup(&self, file: &Path) -> Result<(), Error> {
        if file.try_exists().map_err(|error| of_file(file, &error))? {
            return Err(Error::new(Cause::Other, format!("{} is there already", file.display())));
        }
        let (inner, file) = (self.inner().clone(), file.to_owned());
        blocking(move || {
            let partial = beside(&file, "partial");
            let written = match &inner {
                Inner::Sqlite { path, .. } => sqlite::copy_into(path, &partial),
                Inner::Postgres(readers) => {
                    let mut dump = program("pg_dump", readers.address())?;
                    run(dump.args(["--format=custom", "--no-owner", "--no-privileges", "--file"]).arg(&partial))
                }
            };
            let finished = written.and_then(|()| finish(&partial, &file));
            if finished.is_err() {
                drop(fs::remove_file(&partial));
            }
            finished
        })
        .await
    }

    /// Whether `file` is a whole backup that this program can restore.
    ///
    /// # Errors
    /// Where it is not: why.
    pub async fn examine(&self, file: &Path) -> Result<(), Error> {
        let (inner, file) = (self.inner().clone(), file.to_owned());
        blocking(move || {
            File::open(&file).map_err(|error| of_file(&file, &error))?;
            match &inner {
                Inner::Sqlite { .. } => sqlite::examine(&file),
                Inner::Postgres(readers) => run(program("pg_restore", readers.address())?.arg("--list").arg(&file)),
            }
        })
        .await
    }

    /// Fills a database that has no tables with what [`Store::backup`] wrote. On an error it is as empty as before.
    ///
    /// # Errors
    /// Where the database is not empty, or the file is no backup of this engine.
    pub async fn restore(&self, file: &Path) -> Result<(), Error> {
        self.examine(file).await?;
        if !self.is_empty().await? {
            return Err(Error::new(Cause::Other, "the database is not empty"));
        }
        let (inner, file) = (self.inner().clone(), file.to_owned());
        blocking(move || match &inner {
            Inner::Sqlite { path, .. } => {
                let partial = beside(path, "partial");
                let copied = fs::copy(&file, &partial).map_err(|error| of_file(&file, &error));
                let finished = copied.and_then(|_| finish(&partial, path));
                if finished.is_err() {
                    drop(fs::remove_file(&partial));
                }
                finished
            }
            Inner::Postgres(readers) => {
                let mut restore = program("pg_restore", readers.address())?;
                let whole = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
                run(restore.args(whole).arg("--dbname").arg(database_name(readers.address().common())).arg(&file))
            }
        })
        .await
    }

    /// Whether there is not a single table.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let tables = match self.inner() {
            Inner::Sqlite { path, .. } if !path.try_exists().map_err(|error| of_file(path, &error))? => {
                return Ok(true);
            }
            Inner::Sqlite { .. } => TABLES_ON_SQLITE,
            Inner::Postgres(_) => TABLES_ON_POSTGRES,
        };
        Ok(self.query(tables, vec![]).await?.is_empty())
    }

    /// The number of a server whose lease on this database has not ended.
    pub async fn running_node(&self, now_ms: i64) -> Result<Option<i64>, Error> {
        let rows = self.query(RUNNING, vec![Value::Int(now_ms)]).await?;
        rows.into_iter().next().map(|row| row.cells().int()).transpose()
    }

    /// Moves everything out of the way, under a name that ends in `suffix`, and says where it is now.
    ///
    /// # Errors
    /// What the file system or PostgreSQL says.
    pub async fn set_aside(&self, suffix: &str) -> Result<String, Error> {
        match self.inner() {
            Inner::Sqlite { path, .. } => {
                let aside = beside(path, suffix);
                // What the log holds belongs to the file it stands beside.
                for ending in ["-wal", "-shm", ""] {
                    let (from, to) = (with_ending(path, ending), with_ending(&aside, ending));
                    if from.try_exists().map_err(|error| of_file(&from, &error))? {
                        fs::rename(&from, &to).map_err(|error| of_file(&from, &error))?;
                    }
                }
                Ok(aside.display().to_string())
            }
            Inner::Postgres(_) => {
                let mut writer = self.writer().await?;
                let rows = writer.query(SCHEMA, &[]).await?;
                let schema = rows.into_iter().next().map(|row| row.cells().text()).transpose()?.unwrap_or_default();
                let aside = format!("{schema}_{}", suffix.replace('-', "_")).to_lowercase();
                writer
                    .script(&format!("ALTER SCHEMA \"{schema}\" RENAME TO \"{aside}\"; CREATE SCHEMA \"{schema}\""))
                    .await?;
                Ok(format!("the schema {aside}"))
            }
        }
    }
}

async fn blocking(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Cause::Other, format!("backup: {error}")))?
}

fn of_file(path: &Path, error: &std::io::Error) -> Error {
    let cause = if error.kind() == std::io::ErrorKind::StorageFull { Cause::Full } else { Cause::Other };
    Error::new(cause, format!("{}: {error}", path.display()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    with_ending(path, &format!(".{suffix}"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Gives a file that is whole its name. Then the name and what is under it survive a loss of power.
fn finish(partial: &Path, file: &Path) -> Result<(), Error> {
    let sync = |path: &Path| File::open(path).and_then(|opened| opened.sync_all());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(partial)
        .and_then(|()| fs::rename(partial, file))
        .and_then(|()| sync(folder))
        .map_err(|error| of_file(file, &error))
}

fn host_name(host: &Host) -> &OsStr {
    match host {
        Host::Tcp(name) => name.as_ref(),
        Host::Unix(folder) => folder.as_os_str(),
    }
}

fn database_name(config: &Config) -> &str {
    config.get_dbname().or(config.get_user()).unwrap_or("postgres")
}

/// One of PostgreSQL's programs, told by its environment where to go: a password must not show in the list of processes.
fn program(name: &str, address: &Address) -> Result<Command, Error> {
    let config = address.common();
    let path = newest(name).ok_or_else(|| {
        let text = format!(
            "PostgreSQL's program {name} is neither on PATH nor under /usr/lib/postgresql (Debian: postgresql-client)"
        );
        Error::new(Cause::Other, text)
    })?;
    let mut command = Command::new(path);
    let servers = address.servers();
    let seconds = if servers.len() > 1 { "3" } else { "10" };
    command.env("PGDATABASE", database_name(config)).env("PGCONNECT_TIMEOUT", seconds);
    let hosts: Vec<_> = servers.iter().filter_map(|server| server.get_hosts().first()).map(host_name).collect();
    if !hosts.is_empty() {
        command.env("PGHOST", hosts.join(OsStr::new(",")));
    }
    let ports: Vec<_> = servers.iter().filter_map(|server| server.get_ports().first()).map(u16::to_string).collect();
    if !ports.is_empty() {
        command.env("PGPORT", ports.join(","));
    }
    if address.finds_the_writing() {
        command.env("PGTARGETSESSIONATTRS", "read-write");
    }
    if let Some(user) = config.get_user() {
        command.env("PGUSER", user);
    }
    if let Some(password) = config.get_password().and_then(|password| std::str::from_utf8(password).ok()) {
        command.env("PGPASSWORD", password);
    }
    match &address.tls {
        Some(tls) => {
            let authorities = tls.authorities().unwrap_or(Path::new("/etc/ssl/certs/ca-certificates.crt"));
            command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", authorities)
        }
        None => command.env("PGSSLMODE", "disable"),
    };
    Ok(command)
}

/// The newest one: an old `pg_dump` refuses a newer server, a new one reads an older server.
fn newest(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin").join(name)))
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).map(|at| at.join(name)).find(|at| at.is_file());
    found.pop().map(|(_, path)| path).or_else(on_path)
}

fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::new(Cause::Other, format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(Cause::Other, format!("{name}: {}", said.trim())))
}
