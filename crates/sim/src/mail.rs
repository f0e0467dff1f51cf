//! Where letters are taken: an SMTP server on loopback, on one port under TLS from the first byte and on another after STARTTLS. As strict as a
//! real one may be: it believes one account, wants TLS before that, CRLF at the end of each line, seven bits and short lines in a letter.
//!
//! The faults in force have their way with letters under the path `/mail/letter`: `drop_before` breaks off as the letter is announced, `drop_after` when it
//! is taken, `silence` says nothing after that for `ms`, `latency` answers late, `rate_limit` wants to see the letter again later (greylisting),
//! `system_error` refuses it for good. Under `/mail/auth`, `rate_limit` is about signing in; under `/mail/ways`,
//! `unsigned` leaves out AUTH PLAIN.
//!
//! - `GET /sim/mail` lists what was taken: envelope, signed in by which way, and the whole letter.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::faults::{Fault, FaultKind};
use crate::world::Shared;

pub const MAIL_ACCOUNT: &str = "fanpiao@example.com";
pub const MAIL_PASSWORD: &str = "sim-mail-password-works-on-loopback-only";
/// Who signed the server's certificate, which is for `localhost`.
pub const MAIL_AUTHORITY_PEM: &str = include_str!("../keys/mail_authority.cert.pem");

const CERTIFICATE: &str = include_str!("../keys/mail.cert.pem");
const KEY: &str = include_str!("../keys/mail.key.pem");
/// As RFC 5321 has it, with the end of the line.
const MOST_LINE: u64 = 1000;
const MOST_LETTER: usize = 64 * 1024;
/// How a line ends.
const CRLF: &str = "\r\n";

/// The letters that were taken.
#[derive(Default)]
pub(crate) struct MailSide(Mutex<Vec<Value>>);

pub(crate) fn control_routes() -> Router<Arc<Shared>> {
    Router::new().route("/sim/mail", get(taken))
}

async fn taken(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "letters": *shared.mail.0.lock().unwrap_or_else(PoisonError::into_inner) }))
}

/// The two doors of the server, and who stands at them.
pub(crate) struct Doors {
    pub(crate) tls: SocketAddr,
    pub(crate) start_tls: SocketAddr,
    keepers: [JoinHandle<()>; 2],
}

impl Doors {
    pub(crate) async fn open(shared: &Arc<Shared>) -> io::Result<Self> {
        let acceptor = acceptor().map_err(io::Error::other)?;
        let (tls, start_tls) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let addresses = (tls.local_addr()?, start_tls.local_addr()?);
        let keepers = [(tls, true), (start_tls, false)].map(|(listener, is_tls)| {
            let (shared, acceptor) = (Arc::clone(shared), acceptor.clone());
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
                    // A caller that breaks off is the caller's business.
                    tokio::spawn(async move { drop(serve(&shared, &acceptor, socket, is_tls).await) });
                }
            })
        });
        Ok(Self { tls: addresses.0, start_tls: addresses.1, keepers })
    }

    pub(crate) fn close(&self) {
        self.keepers.iter().for_each(JoinHandle::abort);
    }
}

fn acceptor() -> Result<TlsAcceptor, String> {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key).map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(shared: &Shared, acceptor: &TlsAcceptor, socket: TcpStream, is_tls: bool) -> io::Result<()> {
    if is_tls {
        let mut talk = Talk::over(acceptor.accept(socket).await?);
        talk.say("220 sim mail").await?;
        return talk.take_letters(shared).await;
    }
    let mut plain = Talk::over(socket);
    plain.say("220 sim mail").await?;
    while let Some(line) = plain.line().await? {
        match verb(&line).as_str() {
            "EHLO" => plain.say_all(&["250-sim greets you", "250-8BITMIME", "250 STARTTLS"]).await?,
            "STARTTLS" => {
                plain.say("220 go ahead").await?;
                // What was sent ahead in clear is nobody's.
                return Talk::over(acceptor.accept(plain.stream.into_inner()).await?).take_letters(shared).await;
            }
            "QUIT" => return plain.say("221 bye").await,
            _ => plain.say("530 5.7.0 Must issue a STARTTLS command first").await?,
        }
    }
    Ok(())
}

fn verb(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_ascii_uppercase()
}

struct Talk<S> {
    stream: BufReader<S>,
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.say_all(&[line]).await
    }

    async fn say_all(&mut self, lines: &[&str]) -> io::Result<()> {
        for line in lines {
            self.stream.write_all(format!("{line}{CRLF}").as_bytes()).await?;
        }
        self.stream.flush().await
    }

    /// Nothing where the caller has gone; an error where a line does not end as it must, or is too long.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if (&mut self.stream).take(MOST_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8(line).map_err(io::Error::other)?;
        let bare = line.strip_suffix(CRLF).filter(|line| line.is_ascii() && !line.contains('\r'));
        bare.map(|line| Some(line.to_owned())).ok_or_else(|| io::Error::other("no line of SMTP"))
    }

    async fn take_letters(mut self, shared: &Shared) -> io::Result<()> {
        let (mut has_greeted, mut signed_in, mut envelope) = (false, None, Envelope::default());
        while let Some(line) = self.line().await? {
            match verb(&line).as_str() {
                "EHLO" => {
                    has_greeted = true;
                    self.say_all(&["250-sim greets you", "250-SIZE 65536", ways(shared)]).await?;
                }
                "QUIT" => return self.say("221 bye").await,
                "AUTH" if has_greeted => signed_in = self.sign_in(shared, &line).await?,
                "MAIL" if signed_in.is_some() => {
                    envelope = Envelope { from: address(&line, "MAIL FROM:"), to: Vec::new() };
                    self.judge(envelope.from.as_deref() == Some(MAIL_ACCOUNT)).await?;
                }
                "RCPT" if envelope.from.is_some() => {
                    let to = address(&line, "RCPT TO:");
                    let is_known = to.as_ref().is_some_and(|to| to.ends_with("@example.com"));
                    envelope.to.extend(to.filter(|_| is_known));
                    self.judge(is_known).await?;
                }
                "DATA" if !envelope.to.is_empty() => {
                    let sent = std::mem::take(&mut envelope);
                    if !self.take_letter(shared, signed_in.unwrap_or_default(), sent).await? {
                        return Ok(());
                    }
                }
                _ => self.say("503 5.5.1 Bad sequence of commands").await?,
            }
        }
        Ok(())
    }

    async fn judge(&mut self, is_good: bool) -> io::Result<()> {
        self.say(if is_good { "250 2.1.0 OK" } else { "550 5.1.1 No such user" }).await
    }

    /// By which way, where the account is believed.
    async fn sign_in(&mut self, shared: &Shared, line: &str) -> io::Result<Option<&'static str>> {
        let fault = shared.faults.strike("SMTP", "/mail/auth");
        if fault.is_some_and(|fault| fault.kind == FaultKind::RateLimit) {
            self.say("454 4.7.0 Temporary authentication failure").await?;
            return Ok(None);
        }
        let words: Vec<&str> = line.split(' ').collect();
        let (way, is_right) = match words[..] {
            ["AUTH", "PLAIN", both] => {
                ("PLAIN", decoded(both).as_deref() == Some(&format!("\0{MAIL_ACCOUNT}\0{MAIL_PASSWORD}")))
            }
            ["AUTH", "LOGIN"] => {
                self.say("334 VXNlcm5hbWU6").await?;
                let account = self.line().await?.and_then(|line| decoded(&line));
                self.say("334 UGFzc3dvcmQ6").await?;
                let password = self.line().await?.and_then(|line| decoded(&line));
                ("LOGIN", (account.as_deref(), password.as_deref()) == (Some(MAIL_ACCOUNT), Some(MAIL_PASSWORD)))
            }
            _ => ("", false),
        };
        if !is_right {
            self.say("535 5.7.8 Authentication credentials invalid").await?;
            return Ok(None);
        }
        self.say("235 2.7.0 Welcome").await?;
        Ok(Some(way))
    }

    /// Whether the talk goes on.
    async fn take_letter(&mut self, shared: &Shared, way: &str, envelope: Envelope) -> io::Result<bool> {
        let fault = shared.faults.strike("SMTP", "/mail/letter");
        match fault.as_ref().map(|fault| fault.kind) {
            Some(FaultKind::DropBefore) => return Ok(false),
            Some(FaultKind::RateLimit) => return self.say("451 4.7.1 Greylisted, come again").await.map(|()| true),
            Some(FaultKind::SystemError) => return self.say("554 5.7.1 Refused by policy").await.map(|()| true),
            _ => {}
        }
        self.say("354 go ahead").await?;
        let mut letter = String::new();
        loop {
            match self.line().await? {
                Some(line) if line == "." => break,
                Some(line) => {
                    letter.push_str(line.strip_prefix('.').unwrap_or(&line));
                    letter.push_str(CRLF);
                }
                None => return Ok(false),
            }
            if letter.len() > MOST_LETTER {
                return self.say("552 5.3.4 Too large").await.map(|()| false);
            }
        }
        let head = letter.split("\r\n\r\n").next().unwrap_or_default();
        let has = |name: &str| head.split(CRLF).filter(|line| line.starts_with(name)).count() == 1;
        if !["Date: ", "From: ", "To: ", "Subject: ", "Message-ID: <"].iter().all(|name| has(name)) {
            return self.say("550 5.6.0 Not a letter").await.map(|()| true);
        }
        let taken = json!({ "from": envelope.from, "to": envelope.to, "auth": way, "letter": letter });
        shared.mail.0.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        match fault {
            Some(Fault { kind: FaultKind::DropAfter, .. }) => return Ok(false),
            Some(Fault { kind: FaultKind::Silence, ms, .. }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                return Ok(false);
            }
            Some(Fault { kind: FaultKind::Latency, ms, .. }) => tokio::time::sleep(Duration::from_millis(ms)).await,
            _ => {}
        }
        self.say("250 2.0.0 Taken").await?;
        Ok(true)
    }
}

/// Which ways to sign in are offered.
fn ways(shared: &Shared) -> &'static str {
    let fault = shared.faults.strike("SMTP", "/mail/ways");
    if fault.is_some_and(|fault| fault.kind == FaultKind::Unsigned) { "250 AUTH LOGIN" } else { "250 AUTH LOGIN PLAIN" }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

fn address(line: &str, command: &str) -> Option<String> {
    let address = line.strip_prefix(command)?.strip_prefix('<')?.strip_suffix('>')?;
    (!address.is_empty()).then(|| address.to_owned())
}
