//! Who asks, and under which idempotency key.

use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::digest::{Context, SHA256};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use kernel::{Actor, Code, Command, Permission};
use store::AnswerKey;

use crate::App;
use crate::failure::Failure;
use crate::frame::Sender;
use crate::texts::{Language, say};
use crate::throttle::Client;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Public,
    SignedIn,
    Needs(Permission),
}

/// Somebody who need not be anybody.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// Whose requests count together, where they are limited at all.
    pub(crate) client: Option<Client>,
    pub(crate) language: Language,
}

/// A signed-in member who holds the permission that the endpoint needs.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) identity: service::Caller,
    pub(crate) language: Language,
    /// Where the caller is; our own address where nobody who can be believed says.
    pub(crate) address: IpAddr,
    key: Option<service::IdempotencyKey>,
}

impl Caller {
    /// A command in this caller's name and under the request's idempotency key.
    pub(crate) fn asks(self, command: Command) -> service::Request {
        service::Request {
            command,
            actor: Actor { member: Some(self.identity.member), rights: self.identity.rights },
            key: self.key,
            dry_run: false,
        }
    }

    /// The same, with nothing changed where the request only tries.
    pub(crate) fn tries(self, dry_run: bool, command: Command) -> service::Request {
        service::Request { dry_run, ..self.asks(command) }
    }
}

/// What a handler may learn of who calls it.
pub(crate) trait Identity: Sized + Send {
    fn of(
        app: &App,
        access: Access,
        parts: &Parts,
        language: Language,
    ) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Remembers the idempotency key, if the request has one.
    fn keyed(self, parts: &Parts, body: &[u8], language: Language) -> Result<Self, Failure>;
}

impl Identity for Visitor {
    async fn of(_: &App, _: Access, parts: &Parts, language: Language) -> Result<Self, Failure> {
        Ok(Self { client: sender(parts).map(Client::of), language })
    }

    /// A key belongs to a caller; without one it is held to its form and then means nothing.
    fn keyed(self, parts: &Parts, _: &[u8], language: Language) -> Result<Self, Failure> {
        key(&parts.headers, language).map(|_| self)
    }
}

impl Identity for Caller {
    async fn of(app: &App, access: Access, parts: &Parts, language: Language) -> Result<Self, Failure> {
        let token = bearer(&parts.headers).ok_or(Failure::Code(Code::InvalidToken))?;
        let identity = app.service().authenticate(token).await?;
        app.throttles().member(identity.member, app.service().now())?;
        match access {
            Access::Needs(permission) if !identity.rights.allow(permission) => {
                Err(Failure::Code(Code::PermissionDenied))
            }
            _ => {
                Ok(Self { identity, language, address: sender(parts).unwrap_or(Ipv4Addr::LOCALHOST.into()), key: None })
            }
        }
    }

    fn keyed(self, parts: &Parts, body: &[u8], language: Language) -> Result<Self, Failure> {
        let key = key(&parts.headers, language)?.map(|key| service::IdempotencyKey {
            key: AnswerKey { caller: self.identity.member, key: key.to_owned() },
            request_hash: request_hash(parts, body),
        });
        Ok(Self { key, ..self })
    }
}

fn sender(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get().and_then(|Sender(address)| *address)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn key(headers: &HeaderMap, language: Language) -> Result<Option<&str>, Failure> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let well_formed = (1..=64).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if well_formed => Ok(Some(key)),
        _ => Err(Failure::invalid(
            "Idempotency-Key",
            say!(language, "须为 1 到 64 个可见 ASCII 字符", "must be 1 to 64 visible ASCII characters"),
        )),
    }
}

/// Method, path with query and body: what has to be the same for a request to be the same.
fn request_hash(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let mut context = Context::new(&SHA256);
    for part in [parts.method.as_str().as_bytes(), b" ", target.as_bytes(), b"\n", body] {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
