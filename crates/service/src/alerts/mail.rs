//! Letters by SMTP (RFC 5321), always under TLS with the server's certificate checked: from the first byte, or after STARTTLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wechat::Secret;

use super::letter::Letter;
use crate::{Service, Undelivered};

/// One letter, from connecting to the last answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// One step of it.
const STEP: Duration = Duration::from_secs(10);
/// What a server says at most in one answer.
const MOST_LINES: usize = 64;
const MOST_LINE: u64 = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// From the first byte, as on port 465.
    Tls,
    /// The connection is lifted to TLS before anything is told, as on port 587.
    StartTls,
}

/// How letters are sent, and to whom.
#[derive(Debug, Clone)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    /// Both absent where the server knows us by our address.
    pub account: Option<(String, Secret)>,
    pub from: String,
    pub to: Vec<String>,
}

pub(super) struct Mail {
    settings: MailSettings,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Mail {
    /// Whom to believe: the authorities in a file, or those that the machine believes.
    pub(super) fn new(settings: MailSettings, authorities: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(settings.host.clone()).map_err(|error| format!("the host: {error}"))?;
        if settings.to.is_empty() {
            return Err("nobody to write to".to_owned());
        }
        for address in settings.to.iter().chain([&settings.from]) {
            if !is_address(address) {
                return Err(format!("{address:?} is no address"));
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        let config = match authorities {
            Some(file) => config.with_root_certificates(read(file)?),
            None => config.with_platform_verifier().map_err(|error| error.to_string())?,
        };
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        Ok(Self { settings, name, connector })
    }

    /// `id` is the same however often the letter is sent. Its first line is the subject.
    pub(super) async fn send(&self, service: &Service, id: &str, text: &str) -> Result<(), Undelivered> {
        let MailSettings { from, to, .. } = &self.settings;
        let subject = text.lines().next().unwrap_or_default();
        let letter = Letter { from, to, subject, text, id, at: service.now() }.written(service.zone());
        match tokio::time::timeout(TIMEOUT, self.carry(&letter)).await {
            Ok(carried) => carried,
            Err(_) => Err(Undelivered::Soon("the mail server takes too long".to_owned())),
        }
    }

    async fn carry(&self, letter: &str) -> Result<(), Undelivered> {
        let MailSettings { host, port, security, .. } = &self.settings;
        let socket = step(TcpStream::connect((host.as_str(), *port))).await?;
        let tls = match security {
            MailSecurity::Tls => step(self.connector.connect(self.name.clone(), socket)).await?,
            MailSecurity::StartTls => {
                let mut plain = Talk { stream: BufReader::new(socket) };
                plain.answer("greeting").await?.must("greeting", 220)?;
                plain.ask("EHLO", "EHLO fanpiao").await?.must("EHLO", 250)?;
                plain.ask("STARTTLS", "STARTTLS").await?.must("STARTTLS", 220)?;
                // What somebody slipped in before the encryption began would be read as if it had come under it.
                if !plain.stream.buffer().is_empty() {
                    return Err(Undelivered::Soon("the mail server spoke before TLS began".to_owned()));
                }
                step(self.connector.connect(self.name.clone(), plain.stream.into_inner())).await?
            }
        };
        let mut talk = Talk { stream: BufReader::new(tls) };
        if *security == MailSecurity::Tls {
            talk.answer("greeting").await?.must("greeting", 220)?;
        }
        let hello = talk.ask("EHLO", "EHLO fanpiao").await?.must("EHLO", 250)?;
        self.sign_in(&mut talk, &hello).await?;
        self.hand_over(&mut talk, letter).await
    }

    async fn sign_in<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        talk: &mut Talk<S>,
        hello: &Answer,
    ) -> Result<(), Undelivered> {
        let Some((account, password)) = &self.settings.account else { return Ok(()) };
        let offered = hello.lines.iter().find_map(|line| line.strip_prefix("AUTH ")).unwrap_or_default();
        let offers = |way: &str| offered.split(' ').any(|offered| offered.eq_ignore_ascii_case(way));
        if offers("PLAIN") {
            let both = STANDARD.encode(format!("\0{account}\0{}", password.expose()));
            talk.ask("AUTH", &format!("AUTH PLAIN {both}")).await?.must("AUTH", 235)?;
        } else if offers("LOGIN") {
            talk.ask("AUTH", "AUTH LOGIN").await?.must("AUTH", 334)?;
            talk.ask("AUTH", &STANDARD.encode(account)).await?.must("AUTH", 334)?;
            talk.ask("AUTH", &STANDARD.encode(password.expose())).await?.must("AUTH", 235)?;
        } else {
            return Err(Undelivered::Never("the mail server offers neither AUTH PLAIN nor AUTH LOGIN".to_owned()));
        }
        Ok(())
    }

    async fn hand_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        talk: &mut Talk<S>,
        letter: &str,
    ) -> Result<(), Undelivered> {
        let MailSettings { from, to, .. } = &self.settings;
        talk.ask("MAIL", &format!("MAIL FROM:<{from}>")).await?.must("MAIL", 250)?;
        for address in to {
            talk.ask("RCPT", &format!("RCPT TO:<{address}>")).await?.must("RCPT", 250)?;
        }
        talk.ask("DATA", "DATA").await?.must("DATA", 354)?;
        talk.ask("the letter", &format!("{letter}.")).await?.must("the letter", 250)?;
        // It is taken: how they part does not matter.
        drop(talk.ask("QUIT", "QUIT").await);
        Ok(())
    }
}

/// Of those that stand in a command as they are.
fn is_address(text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.@".contains(&byte);
    !local.is_empty() && !domain.is_empty() && text.len() <= 254 && text.bytes().all(is_plain)
}

fn read(file: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        store.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if store.is_empty() {
        return Err(wrong(&"holds no certificate"));
    }
    Ok(store)
}

async fn step<T>(work: impl Future<Output = std::io::Result<T>>) -> Result<T, Undelivered> {
    match tokio::time::timeout(STEP, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Undelivered::Soon(format!("the mail server: {error}"))),
        Err(_) => Err(Undelivered::Soon("the mail server does not answer".to_owned())),
    }
}

/// What a server says, its code apart.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    /// 4xx is for now, 5xx for good. What is said of a step never repeats what we said: a password may have been in it.
    fn must(self, step: &str, code: u16) -> Result<Self, Undelivered> {
        if self.code == code {
            return Ok(self);
        }
        let why: String = self.lines.last().map(String::as_str).unwrap_or_default().chars().take(200).collect();
        let why = format!("mail answered {step} with {}: {why}", self.code);
        Err(if self.code >= 500 { Undelivered::Never(why) } else { Undelivered::Later(why) })
    }
}

struct Talk<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn ask(&mut self, step_name: &str, line: &str) -> Result<Answer, Undelivered> {
        let told = async {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.flush().await
        };
        step(told).await?;
        self.answer(step_name).await
    }

    async fn answer(&mut self, step_name: &str) -> Result<Answer, Undelivered> {
        let mut lines = Vec::new();
        while lines.len() < MOST_LINES {
            let mut line = Vec::new();
            step((&mut self.stream).take(MOST_LINE).read_until(b'\n', &mut line)).await?;
            let line = String::from_utf8_lossy(&line);
            let Some(line) = line.strip_suffix('\n').map(|line| line.trim_end_matches('\r')) else { break };
            let Some((code, rest)) = line.split_at_checked(3) else { break };
            let Ok(code) = code.parse() else { break };
            let is_last = !rest.starts_with('-');
            lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if is_last {
                return Ok(Answer { code, lines });
            }
        }
        Err(Undelivered::Soon(format!("mail gave no answer to {step_name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_fits_into_a_command() {
        for good in ["ops@example.com", "a.b+c@mail.example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "ops", "@example.com", "ops@", "a b@example.com", "a@b>\r\nDATA", "饭@example.com"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
