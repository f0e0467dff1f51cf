use std::time::Duration;

use reqwest::header::HeaderMap;
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
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            file_timeout: Duration::from_secs(120),
            user_agent: concat!("fanpiao/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The one thing here that sends. Clones share a connection pool.
///
/// It follows no redirect (the next host would be handed our signature), repeats nothing, and takes no proxy from the environment.
#[derive(Debug, Clone)]
pub struct Transport {
    client: reqwest::Client,
    total_timeout: Duration,
    file_timeout: Duration,
}

impl Transport {
    /// Builds the client. Fails only where TLS cannot be set up.
    pub fn new(config: &TransportConfig) -> Result<Self, Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the client through which every call to WeChat goes")]
        let client = reqwest::Client::builder()
            .connect_timeout(config.connect_timeout)
            .user_agent(config.user_agent.as_str())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| Error::config(format!("HTTP client: {}", cause(error))))?;
        Ok(Self { client, total_timeout: config.total_timeout, file_timeout: config.file_timeout })
    }

    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Error> {
        self.send_within(call, self.total_timeout).await
    }

    pub(crate) async fn fetch(&self, call: Call) -> Result<Answer, Error> {
        self.send_within(call, self.file_timeout).await
    }

    async fn send_within(&self, call: Call, timeout: Duration) -> Result<Answer, Error> {
        let Call { method, url, headers, body, longest_answer } = call;
        let mut request = self.client.request(method, url).headers(headers).timeout(timeout);
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
}

/// One request, complete: what an adapter built is what goes out.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) longest_answer: usize,
}

/// What came back, as raw bytes.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
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
