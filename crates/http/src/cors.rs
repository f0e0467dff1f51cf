//! Which pages of other origins may call the API. None may unless the house names them; a token travels in a header that the
//! page has to add itself, so no page is ever given a credential that it does not have.

use std::fmt;
use std::str::FromStr;

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;

/// Exact origins, as `https://app.example.com, http://localhost:5173`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

/// A request of a page that may ask.
pub(crate) struct Foreign {
    origin: HeaderValue,
    /// The browser asks first whether the page may.
    is_preflight: bool,
}

impl Origins {
    pub(crate) fn admitted(&self, request: &Request) -> Option<Foreign> {
        let origin = request.headers().get(ORIGIN).filter(|origin| self.0.contains(origin))?;
        let is_preflight =
            request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Some(Foreign { origin: origin.clone(), is_preflight })
    }

    /// Lets the page that asked read the answer, and no other page.
    pub(crate) fn open(&self, response: &mut Response, foreign: Option<Foreign>) {
        const READ: HeaderValue = HeaderValue::from_static("x-request-id, retry-after, content-disposition, etag");
        const SENT: HeaderValue = HeaderValue::from_static(
            "authorization, content-type, accept-language, idempotency-key, if-none-match, last-event-id, x-request-id",
        );
        const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        // What is kept on the way was answered to one origin.
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(Foreign { origin, is_preflight }) = foreign else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
        if let Some(methods) = headers.get(ALLOW).filter(|_| is_preflight).cloned() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            headers.insert(ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
        }
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origins = parts.map(|part| {
            origin(part).ok_or_else(|| {
                format!("{part:?} is no origin, which is a scheme and a host, as https://app.example.com")
            })
        });
        origins.collect::<Result<_, _>>().map(Self)
    }
}

/// As browsers write it: nothing after the host and its port, and all of it in small letters.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
    let host = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@'))?;
    let written = format!("{}://{host}", uri.scheme_str()?);
    (written == text && !text.contains(|letter: char| letter == '*' || letter.is_uppercase()))
        .then(|| HeaderValue::from_str(text).ok())?
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, origin) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, origin.to_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let origins: Origins = "https://app.example.com, http://localhost:5173,".parse().expect("origins");
        assert_eq!(origins.to_string(), "https://app.example.com, http://localhost:5173");
        for wrong in [
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://A.example",
        ]
        .into_iter()
        .chain(["https://me@a.example", "ftp://a.example", "https://a.example?x", "https://*.example.com"])
        {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
