//! The real binary as a process, and a plain client for it.

#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod till;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_fanpiao");
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const DATA_KEY: &str = "first=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Where a test keeps its data.
pub(crate) enum Home {
    Sqlite(testing::TempDir),
    Postgres(testing::postgres::Database),
    /// The address of a database on several servers.
    Servers(String),
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(testing::TempDir::new())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(testing::postgres::fresh_database())
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.join("fanpiao.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
            Self::Servers(url) => url.clone(),
        }
    }
}

/// A process that ends with the test.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) printed: Vec<String>,
}

impl Process {
    /// Starts the binary and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut printed = Vec::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("ended without listening: {printed:?} {:?}", child.wait())
            };
            let address = line.split_once("listens on http://").and_then(|(_, address)| address.parse().ok());
            printed.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        // Whatever it prints later has to go somewhere, or it would block.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, printed }
    }

    /// Starts the binary and waits for nothing: it is going to die.
    pub(crate) fn doomed(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).spawn().expect("started");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), printed: Vec::new() }
    }

    pub(crate) fn serve(home: &Home, world: SocketAddr) -> Self {
        Self::start(
            fanpiao(home)
                .args(["serve", "--listen", "127.0.0.1:0"])
                .env("FANPIAO_WECHAT__BASE_URL", format!("http://{world}")),
        )
    }

    /// The simulated WeChat.
    pub(crate) fn world() -> Self {
        Self::start(Command::new(BINARY).args(["sim", "--at", "127.0.0.1:0"]))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Waits until somebody has killed it.
    pub(crate) fn died_of_kill(&mut self, what: &str) {
        const KILL: i32 = 9;
        let status = self.ended();
        assert_eq!(status.signal(), Some(KILL), "{what}: {status}");
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        for _ in 0..1200 {
            if let Some(status) = self.child.try_wait().expect("asked") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server does not end");
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("reaped")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary with the settings that every test shares.
pub(crate) fn fanpiao(home: &Home) -> Command {
    let mut command = Command::new(BINARY);
    command
        .env("FANPIAO_DATABASE__URL", home.url())
        .env("FANPIAO_LOG__FILTER", "warn")
        .env("FANPIAO_SECURITY__DATA_KEYS", DATA_KEY)
        .env("FANPIAO_WECHAT__APPID", sim::APPID)
        .env("FANPIAO_WECHAT__APP_SECRET", sim::APP_SECRET);
    command
}

pub(crate) fn add_admin(home: &Home) -> Output {
    let mut command = fanpiao(home);
    command.args(["user", "add", "--account", "admin", "--role", "admin", "--password-stdin"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("written");
    child.wait_with_output().expect("ended")
}

/// The same, where it must succeed.
pub(crate) fn must_add_admin(home: &Home) {
    let output = add_admin(home);
    assert!(output.status.success(), "no administrator: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `fanpiao check` and says what it printed.
pub(crate) fn check(home: &Home) -> (bool, String) {
    let output = fanpiao(home).arg("check").output().expect("ran");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One request on a connection of its own. An error is a connection that broke.
pub(crate) fn ask(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(server)?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {length}\r\n{kind}{headers}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok((status, serde_json::from_str(body).map_err(|_| std::io::ErrorKind::UnexpectedEof)?))
}

pub(crate) fn sign_in_admin(server: SocketAddr) -> String {
    let body = format!(r#"{{"account":"admin","password":"{PASSWORD}"}}"#);
    token(ask(server, "POST", "/api/v1/auth/password", &[], &body).expect("answered"))
}

pub(crate) fn sign_in(server: SocketAddr, name: &str) -> String {
    let body = format!(r#"{{"code":"sim-{name}"}}"#);
    token(ask(server, "POST", "/api/v1/auth/login", &[], &body).expect("answered"))
}

fn token((status, answer): (u16, Value)) -> String {
    assert_eq!(status, 200, "{answer}");
    answer["data"]["token"].as_str().expect("a token").to_owned()
}

/// A published meal on a date of its own.
pub(crate) fn create_meal(server: SocketAddr, admin: &str, date: &str, capacity: i64) -> i64 {
    let body = serde_json::json!({
        "date": date, "slot": "lunch", "title": "午餐", "description": "", "base_price_cents": 1500,
        "capacity": capacity, "options": [], "status": "published",
    });
    let bearer = format!("Bearer {admin}");
    let answer = ask(server, "POST", "/api/v1/meals", &[("Authorization", &bearer)], &body.to_string());
    let (status, answer) = answer.expect("answered");
    assert!((200..300).contains(&status), "{answer}");
    answer["data"]["meal_id"].as_i64().expect("an id")
}
