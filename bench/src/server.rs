//! A server of ours in a process of its own, on a database of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sim::World;

pub(crate) const PASSWORD: &str = "only for this run";

/// A process that ends with the benchmark.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut server = Self { child, url: String::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some((_, address)) = line.split_once("listens on ") {
                server.url = address.to_owned();
                return Ok(server);
            }
        }
        Err(format!("{command:?} ended without listening"))
    }
}

impl Server {
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An empty database, and how a server is told of it.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) password_file: PathBuf,
    pub(crate) binary: PathBuf,
    world: String,
    _folder: testing::TempDir,
    database: Option<testing::postgres::Database>,
}

impl House {
    pub(crate) fn new(engine: &str, world: &World) -> Result<Self, String> {
        let binary = std::env::var_os("FANPIAO_BENCH_SERVER").map(PathBuf::from);
        let binary = binary.ok_or("FANPIAO_BENCH_SERVER names no binary; run this as: cargo xtask bench NAME")?;
        let folder = testing::TempDir::new();
        let database = (engine == "postgres").then(testing::postgres::fresh_database);
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        let password_file = folder.join("password");
        std::fs::write(&password_file, PASSWORD).map_err(|error| error.to_string())?;
        Ok(Self { url, password_file, binary, world: world.base_url().to_owned(), _folder: folder, database })
    }

    pub(crate) fn database(&self) -> Option<&testing::postgres::Database> {
        self.database.as_ref()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("FANPIAO_DATABASE__URL", &self.url).env("FANPIAO_LOG__FILTER", "warn");
        // One administrator reads every order back.
        command.env("FANPIAO_LIMITS__MEMBER_BURST", "0");
        command.env("FANPIAO_WECHAT__BASE_URL", &self.world);
        command.env("FANPIAO_WECHAT__APPID", sim::APPID).env("FANPIAO_WECHAT__APP_SECRET", sim::APP_SECRET);
        command.env("FANPIAO_SECURITY__DATA_KEYS", crate::DATA_KEY);
        command
    }

    /// With `admin`, whose password is [`PASSWORD`].
    pub(crate) fn add_admin(&self) -> Result<(), String> {
        let mut command = self.command();
        command.args(["user", "add", "--account", "admin", "--role", "admin", "--password-stdin"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = child.map_err(|error| error.to_string())?;
        let mut input = child.stdin.take().ok_or("no input")?;
        input.write_all(PASSWORD.as_bytes()).map_err(|error| error.to_string())?;
        drop(input);
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err("the administrator could not be added".to_owned()) }
    }

    pub(crate) fn serve(&self) -> Result<Server, String> {
        Server::start(self.command().args(["serve", "--listen", "127.0.0.1:0"]))
    }
}
