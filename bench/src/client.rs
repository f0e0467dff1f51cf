//! One connection that stays open, of somebody who is signed in.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Client {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
}

impl Client {
    /// Nobody yet.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, token: String::new(), buffer: Vec::new() })
    }

    pub(crate) async fn sign_in(address: SocketAddr, account: &str, password: &str) -> Result<Self, String> {
        let body = json!({ "account": account, "password": password });
        Self::connect(address).await?.signed_in("/api/v1/auth/password", &body).await
    }

    /// By a code of the simulated WeChat.
    pub(crate) async fn sign_in_by_code(address: SocketAddr, code: &str) -> Result<Self, String> {
        Self::connect(address).await?.signed_in("/api/v1/auth/login", &json!({ "code": code })).await
    }

    async fn signed_in(mut self, path: &str, body: &Value) -> Result<Self, String> {
        let answer = self.ask("POST", path, &body.to_string()).await?;
        self.token = answer["data"]["token"].as_str().ok_or("no token")?.to_owned();
        Ok(self)
    }

    /// The same person on a new connection.
    pub(crate) async fn again(self, address: SocketAddr) -> Result<Self, String> {
        Ok(Self { token: self.token, ..Self::connect(address).await? })
    }

    /// How long one question takes, in microseconds.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    pub(crate) async fn time(&mut self, path: &str) -> Result<u64, String> {
        let asked = Instant::now();
        self.send("GET", path, "").await?;
        Ok(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let (start, end) = self.send(method, path, body).await?;
        serde_json::from_slice(&self.buffer[start..end]).map_err(|error| error.to_string())
    }

    /// Where the body of the answer lies in the buffer. Anything but a success is an error.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<(usize, usize), String> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !self.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.token);
        }
        let sent = self.stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
        sent.map_err(|error| error.to_string())?;
        self.buffer.clear();
        loop {
            if let Some((start, end)) = whole(&self.buffer)
                && self.buffer.len() >= end
            {
                if !self.buffer.starts_with(b"HTTP/1.1 20") {
                    return Err(format!("{method} {path}: {}", String::from_utf8_lossy(&self.buffer)));
                }
                return Ok((start, end));
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.map_err(|error| error.to_string())? == 0 {
                return Err(format!("{method} {path}: the server hung up"));
            }
        }
    }
}

/// Where the body begins and where it ends, once the head is there.
fn whole(answer: &[u8]) -> Option<(usize, usize)> {
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..start]).ok()?.to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    Some((start, start + length))
}
