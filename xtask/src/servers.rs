//! Servers of ours as processes, and a plain client for them: for what is measured with several of them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PASSWORD: &str = "only for this run";
/// Known to everybody: what is measured is made up.
const DATA_KEY: &str = "bench=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Longer than a server takes to find out that its database is gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A process that ends with its owner.
pub(crate) struct Process {
    child: Child,
    /// Where it listens, as `host:port`.
    pub(crate) address: String,
}

impl Process {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn listening(command: &mut Command) -> Result<Self, String> {
        let mut process = Self::silent(command.stdout(Stdio::piped()))?;
        let output = process.child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(Ok(line)) = lines.next() {
            if let Some((_, address)) = line.split_once("listens on http://") {
                address.clone_into(&mut process.address);
                // Whatever it prints later has to go somewhere, or it would block.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(process);
            }
        }
        Err(format!("{command:?} ended without listening"))
    }

    /// Starts it and waits for nothing.
    pub(crate) fn silent(command: &mut Command) -> Result<Self, String> {
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, address: String::new() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, a database for it, a simulated WeChat, and an administrator's password.
pub(crate) struct House {
    program: PathBuf,
    database: String,
    world: Process,
    password_file: PathBuf,
}

impl House {
    /// Makes the schema and the administrator.
    pub(crate) fn furnish(program: &Path, database: &str, folder: &Path) -> Result<Self, String> {
        let world = Process::listening(Command::new(program).args(["sim", "--at", "127.0.0.1:0"]))?;
        let password_file = folder.join("password");
        std::fs::write(&password_file, PASSWORD).map_err(|error| error.to_string())?;
        let house = Self { program: program.to_owned(), database: database.to_owned(), world, password_file };
        let password = std::fs::File::open(&house.password_file).map_err(|error| error.to_string())?;
        let mut add = house.fanpiao(["user", "add", "--account", "admin", "--role", "admin", "--password-stdin"]);
        succeeded("fanpiao user add", add.stdin(password).output())?;
        Ok(house)
    }

    pub(crate) fn fanpiao<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("FANPIAO_DATABASE__URL", &self.database)
            .env("FANPIAO_LOG__FILTER", "error")
            // One administrator reads every order back.
            .env("FANPIAO_LIMITS__MEMBER_BURST", "0")
            .env("FANPIAO_WECHAT__BASE_URL", format!("http://{}", self.world.address))
            // What the simulated WeChat knows the house by.
            .env("FANPIAO_WECHAT__APPID", "wxsim0000000000001")
            .env("FANPIAO_WECHAT__APP_SECRET", "sim-app-secret-works-on-loopback-only")
            .env("FANPIAO_SECURITY__DATA_KEYS", DATA_KEY);
        command
    }

    pub(crate) fn serve(&self) -> Result<Process, String> {
        Process::listening(self.fanpiao(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()))
    }

    /// The load generator's figures, as JSON.
    pub(crate) fn place_orders(&self, servers: &[Process], counts: [usize; 3]) -> Result<String, String> {
        let mut command = self.fanpiao(["bench", "place-orders", "--json", "--account", "admin"]);
        for (flag, count) in ["--orders", "--callers", "--meals"].into_iter().zip(counts) {
            command.args([flag, &count.to_string()]);
        }
        for server in servers {
            command.args(["--server", &server.address]);
        }
        succeeded("fanpiao bench", command.arg("--password-file").arg(&self.password_file).output())
    }

    /// Checks the books, and says what the checks said.
    pub(crate) fn check(&self) -> Result<String, String> {
        succeeded("fanpiao check", self.fanpiao(["check"]).output())
    }
}

fn succeeded(name: &str, output: std::io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{name} failed: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

pub(crate) fn sign_in_admin(client: &mut Client) -> Result<String, String> {
    let body = format!(r#"{{"account":"admin","password":"{PASSWORD}"}}"#);
    client.ask("POST", "/api/v1/auth/password", &[], &body)?.text("token")
}

/// One connection that is kept.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first text of that name.
    pub(crate) fn text(&self, name: &str) -> Result<String, String> {
        let found = after(&self.body, name).and_then(|rest| rest.strip_prefix('"')?.split('"').next());
        found.map(str::to_owned).ok_or_else(|| format!("no {name} in {}: {}", self.status, self.body))
    }

    /// The first number of that name.
    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        let found = self.numbers(name).next();
        found.ok_or_else(|| format!("no {name} in {}: {}", self.status, self.body))
    }

    /// All numbers of that name.
    pub(crate) fn numbers(&self, name: &str) -> impl Iterator<Item = u64> {
        numbers(&self.body, name)
    }
}

fn after<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    json.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest.trim_start())
}

fn numbers(json: &str, name: &str) -> impl Iterator<Item = u64> {
    let parts: Vec<_> = json.split(&format!("\"{name}\":")).skip(1).map(str::to_owned).collect();
    parts.into_iter().filter_map(|rest| {
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

/// The figure of that name in one line of JSON.
pub(crate) fn figure(json: &str, name: &str) -> Option<f64> {
    after(json, name)?.split([',', '}']).next()?.trim().parse().ok()
}

impl Client {
    pub(crate) fn connect(server: &str) -> Result<Self, String> {
        let connected = || {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            Ok(stream)
        };
        let stream = connected().map_err(|error: std::io::Error| format!("{server}: {error}"))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let text =
            format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n{kind}{headers}\r\n{body}");
        self.exchange(&text).map_err(|error| format!("{method} {path}: {error}"))
    }

    fn exchange(&mut self, text: &str) -> std::io::Result<Answer> {
        self.reader.get_mut().write_all(text.as_bytes())?;
        let (mut line, mut length) = (String::new(), None);
        self.reader.read_line(&mut line)?;
        let status = line.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse().map_err(|_| std::io::ErrorKind::InvalidData)?);
            }
        }
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.reader.read_exact(&mut body)?;
            }
            // It ends with the connection.
            None => drop(self.reader.read_to_end(&mut body)?),
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says_is_found_in_it() {
        let body = r#"{"data":{"token":"t-1","orders":[{"order_id": 7,"x":1},{"order_id":8}]}}"#.to_owned();
        let answer = Answer { status: 200, body };
        assert_eq!(answer.text("token"), Ok("t-1".to_owned()));
        assert_eq!(answer.numbers("order_id").collect::<Vec<_>>(), [7, 8]);
        assert!(answer.number("meal_id").is_err());
        assert_eq!(figure(r#"{"orders_per_second":12.5,"p99_ms":3}"#, "p99_ms"), Some(3.0));
    }
}
