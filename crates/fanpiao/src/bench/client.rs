//! A keep-alive HTTP/1.1 client that costs next to nothing, so that the load generator leaves the cores to the server.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Problem;

/// What a caller sends.
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) token: &'a str,
    /// Empty for none.
    pub(super) key: &'a str,
    pub(super) body: &'a str,
}

pub(super) struct Client {
    stream: TcpStream,
    out: String,
    buffer: Vec<u8>,
}

/// One answer; its body is borrowed from the client until the next ask.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Answer<'_> {
    /// The `data` of a success.
    pub(super) fn data(&self) -> Result<Value, Problem> {
        let text = String::from_utf8_lossy(self.body);
        if !(200..300).contains(&self.status) {
            return Err(format!("{}: {text}", self.status));
        }
        let mut parsed: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        Ok(parsed["data"].take())
    }
}

impl Client {
    pub(super) async fn connect(server: SocketAddr) -> Result<Self, Problem> {
        let stream = TcpStream::connect(server).await.map_err(|error| format!("{server}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, out: String::with_capacity(1024), buffer: Vec::with_capacity(4096) })
    }

    pub(super) async fn ask(&mut self, ask: &Ask<'_>) -> Result<Answer<'_>, Problem> {
        let Ask { method, path, token, key, body } = ask;
        self.out.clear();
        let mut head = || {
            write!(self.out, "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n", body.len())?;
            if !token.is_empty() {
                write!(self.out, "Authorization: Bearer {token}\r\n")?;
            }
            if !key.is_empty() {
                write!(self.out, "Idempotency-Key: {key}\r\n")?;
            }
            if !body.is_empty() {
                write!(self.out, "Content-Type: application/json\r\n")?;
            }
            write!(self.out, "\r\n{body}")
        };
        head().map_err(|error| error.to_string())?;
        self.stream.write_all(self.out.as_bytes()).await.map_err(|error| error.to_string())?;
        self.read().await
    }

    async fn read(&mut self) -> Result<Answer<'_>, Problem> {
        self.buffer.clear();
        let (status, body_at, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("the server closed the connection".to_owned());
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = &self.buffer[..end];
                break (number(head, b"HTTP/1.1 ")?, end + 4, number(head, b"content-length: ")?);
            }
        };
        let (status, end) = (u16::try_from(status).unwrap_or_default(), body_at + length);
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await.map_err(|error| error.to_string())? == 0 {
                return Err("the server closed the connection in the middle of an answer".to_owned());
            }
        }
        Ok(Answer { status, body: &self.buffer[body_at..end] })
    }
}

/// The number behind these words, as our server writes them.
fn number(head: &[u8], words: &[u8]) -> Result<usize, Problem> {
    let digits = find(head, words).map(|at| &head[at + words.len()..]).unwrap_or_default();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let number = std::str::from_utf8(&digits[..end]).ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("no {} in {}", String::from_utf8_lossy(words), String::from_utf8_lossy(head)))
}

pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, rest) = wanted.split_first()?;
    let mut from = 0;
    loop {
        let at = from + text[from..].iter().position(|byte| byte == first)?;
        if text[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
}
