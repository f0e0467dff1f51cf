//! The mini program server API: plain HTTPS with an app secret, answers with `errcode` in the body whatever the HTTP status.

mod message;
mod phone;
mod qr_code;
mod session;
mod token;

use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Outcome};
use crate::secret::{Secret, scrub};
use crate::transport::{Answer, Call, Transport, TransportConfig, base_url};

pub use message::{Message, MiniEdition};
pub use phone::Phone;
pub use qr_code::QrCode;
pub use session::MiniSession;

/// Where a mini program is, and who it is there.
#[derive(Debug, Clone)]
pub struct Config {
    /// Scheme, host and port; `https://api.weixin.qq.com` in earnest.
    pub base_url: String,
    pub appid: String,
    pub secret: Secret,
    pub transport: TransportConfig,
}

impl Config {
    /// The real host with the usual limits.
    pub fn new(appid: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            base_url: "https://api.weixin.qq.com".to_owned(),
            appid: appid.into(),
            secret: secret.into(),
            transport: TransportConfig::default(),
        }
    }
}

/// One mini program. Cheap to share behind an `Arc`; all calls use one connection pool.
pub struct MiniProgram {
    base: Url,
    appid: String,
    secret: Secret,
    transport: Transport,
    token: token::Cache,
}

impl MiniProgram {
    /// Checks the configuration. Sends nothing.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.appid.is_empty() || config.secret.expose().is_empty() {
            return Err(Error::config("appid and secret must not be empty"));
        }
        Ok(Self {
            base: base_url(&config.base_url)?,
            appid: config.appid,
            secret: config.secret,
            transport: Transport::new(&config.transport)?,
            token: token::Cache::default(),
        })
    }

    /// Whose openids these are.
    pub fn appid(&self) -> &str {
        &self.appid
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn post(&self, path: &str, query: &[(&str, &str)], body: &impl Serialize) -> Result<Answer, Error> {
        let body = serde_json::to_vec(body).map_err(|_| Error::input("body", "not writable as JSON"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let url = self.url(path, query);
        self.transport.send(Call { method: Method::POST, url, headers, body, longest_answer: LONGEST_ANSWER }).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Error> {
        let url = self.url(path, query);
        let call = Call {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            longest_answer: LONGEST_ANSWER,
        };
        self.transport.send(call).await
    }
}

impl fmt::Debug for MiniProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniProgram")
            .field("base", &self.base.as_str())
            .field("appid", &self.appid)
            .finish_non_exhaustive()
    }
}

/// JSON answers are a few hundred bytes, pictures of codes some hundred thousand.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Reads an answer of the mini program API: the content type says nothing, the body everything. `secrets` are kept out of error texts.
fn parse<T: DeserializeOwned>(status: u16, body: &[u8], secrets: &[&str]) -> Result<T, Error> {
    let value: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| Error::answer(status, "the body is not JSON"))?;
    let errcode = match value.get("errcode") {
        None => 0,
        Some(number) => number.as_i64().ok_or_else(|| Error::answer(status, "errcode is not a number"))?,
    };
    if errcode != 0 {
        let errmsg = value.get("errmsg").and_then(|text| text.as_str()).unwrap_or_default();
        // "System busy" says nothing about how far the call got.
        let outcome = if errcode == BUSY { Outcome::Unknown } else { Outcome::Refused };
        return Err(Error::new(Kind::Mini { errcode, errmsg: scrub(errmsg, secrets) }, outcome));
    }
    if !(200..300).contains(&status) {
        return Err(Error::answer(status, "an HTTP error without errcode"));
    }
    // serde's own text would quote the value, which may be an openid.
    serde_json::from_value(value).map_err(|_| Error::answer(status, "fields are missing or of another type"))
}

const BUSY: i64 = -1;
