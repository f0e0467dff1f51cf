use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Url};

use crate::error::{Error, Kind, Outcome};

/// How calls travel.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    pub connect_timeout: Duration,
    /// From the first byte of the request to the last byte of the answer.
    pub total_timeout: Duration,
    /// The same for a bill, which may be long.
    pub file_timeout: Duration,
    pub user_agent: String,
    /// What carries the calls in place of the network, as in a simulation.
    pub line: Option<Arc<dyn Line>>,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            file_timeout: Duration::from_secs(120),
            user_agent: concat!("fanpiao/", env!("CARGO_PKG_VERSION")).to_owned(),
            line: None,
        }
    }
}

/// Carries a call to WeChat and brings back what it is answered with, once and whole.
pub trait Line: fmt::Debug + Send + Sync {
    fn carry(&self, call: Call) -> Carrying<'_>;
}

pub type Carrying<'a> = Pin<Box<dyn Future<Output = Result<Answer, Broken>> + Send + 'a>>;

/// How far a call came that nobody has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// No connection came about.
    Before,
    /// The connection broke, and the call may have arrived.
    After,
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Before => Self::new(Kind::Connect("the line is down".to_owned()), Outcome::NotSent),
            Broken::After => Self::new(Kind::Lost("the line broke".to_owned()), Outcome::Unknown),
        }
    }
}

/// The one thing here that sends. Clones share a connection pool.
///
/// It follows no redirect (the next host would be handed our signature), repeats nothing, and takes no proxy from the environment.
#[derive(Debug, Clone)]
pub struct Transport {
    way: Way,
    total_timeout: Duration,
    file_timeout: Duration,
}

#[derive(Debug, Clone)]
enum Way {
    Network(reqwest::Client),
    Line { line: Arc<dyn Line>, user_agent: HeaderValue },
}

impl Transport {
    /// Builds the client. Fails only where TLS cannot be set up.
    pub fn new(config: &TransportConfig) -> Result<Self, Error> {
        let way = match &config.line {
            None => Way::Network(Self::client(config)?),
            Some(line) => {
                let user_agent = HeaderValue::try_from(config.user_agent.as_str())
                    .map_err(|_| Error::config("user agent: not a header"))?;
                Way::Line { line: Arc::clone(line), user_agent }
            }
        };
        Ok(Self { way, total_timeout: config.total_timeout, file_timeout: config.file_timeout })
    }

    fn client(config: &TransportConfig) -> Result<reqwest::Client, Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the client through which every call to WeChat goes")]
        let builder = reqwest::Client::builder();
        builder
            .connect_timeout(config.connect_timeout)
            .user_agent(config.user_agent.as_str())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| Error::config(format!("HTTP client: {}", cause(error))))
    }

    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Error> {
        self.send_within(call, self.total_timeout).await
    }

    pub(crate) async fn fetch(&self, call: Call) -> Result<Answer, Error> {
        self.send_within(call, self.file_timeout).await
    }

    async fn send_within(&self, mut call: Call, timeout: Duration) -> Result<Answer, Error> {
        match &self.way {
            Way::Network(client) => send_over(client, call, timeout).await,
            Way::Line { line, user_agent } => {
                call.headers.insert(USER_AGENT, user_agent.clone());
                match tokio::time::timeout(timeout, line.carry(call)).await {
                    Ok(carried) => Ok(carried?),
                    Err(_) => Err(Broken::After.into()),
                }
            }
        }
    }
}

async fn send_over(client: &reqwest::Client, call: Call, timeout: Duration) -> Result<Answer, Error> {
    let Call { method, url, headers, body, longest_answer } = call;
    let mut request = client.request(method, url).headers(headers).timeout(timeout);
    if !body.is_empty() {
        request = request.body(body);
    }
    let mut response = request.send().await.map_err(classify)?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    // Read piece by piece: the length that the other side announces is not to be believed.
    while let Some(piece) = response.chunk().await.map_err(classify)? {
        if body.len() + piece.len() > longest_answer {
            return Err(Error::answer(status, format!("longer than {longest_answer} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, headers, body })
}

/// One request, complete: what an adapter built is what goes out.
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub(crate) longest_answer: usize,
}

/// What came back, as raw bytes.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header that comes exactly once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        if values.next().is_some() { None } else { first.to_str().ok() }
    }
}

/// An absolute http(s) address without a query, to which paths are appended.
pub(crate) fn base_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| Error::config(format!("base address: {error}")))?;
    let plain = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !plain || url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return Err(Error::config("base address: give scheme, host and port, nothing else"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("base address: no user name and no password"));
    }
    Ok(url)
}

fn classify(error: reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::config(format!("request: {}", cause(error)));
    }
    if error.is_connect() {
        return Error::new(Kind::Connect(cause(error)), Outcome::NotSent);
    }
    Error::new(Kind::Lost(cause(error)), Outcome::Unknown)
}

/// The innermost reason. The outer texts repeat the address, and addresses here carry secrets.
fn cause(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if timed_out { "timed out".to_owned() } else { inner.to_string() }
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn base_addresses() {
        for good in ["https://api.weixin.qq.com", "http://127.0.0.1:8080/", "http://[::1]:1"] {
            assert!(base_url(good).is_ok(), "{good}");
        }
        for bad in ["", "api.weixin.qq.com", "ftp://h", "https://h/path", "https://h/?q", "https://u:p@h", "data:,x"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
