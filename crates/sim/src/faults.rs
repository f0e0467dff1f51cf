use std::io;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Something that goes wrong with calls, as often as it says. The first fault that fits a call is the one. The mini program API signs
/// nothing, so the kinds about signatures leave its calls alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Only calls whose path contains this.
    #[serde(default)]
    pub(crate) path: String,
    /// Only calls of this method.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// How many calls it hits; all where there is no number.
    #[serde(default)]
    pub(crate) times: Option<u32>,
    /// How many calls it lets pass before.
    #[serde(default)]
    pub(crate) skip: u32,
    /// For `latency` and `silence`.
    #[serde(default)]
    pub(crate) ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Answers late, but well.
    Latency,
    /// The connection breaks before anything is done.
    DropBefore,
    /// Everything is done, then the connection breaks.
    DropAfter,
    /// Everything is done, then no answer comes for `ms`, and then the connection breaks.
    Silence,
    /// 500 SYSTEM_ERROR, signed, nothing done.
    SystemError,
    /// 500 SYSTEM_ERROR, signed, everything done.
    SystemErrorAfter,
    /// 429, signed, nothing done.
    RateLimit,
    /// 502 from a gateway: a page, unsigned, nothing done.
    BadGateway,
    /// 502 from a gateway: a page, unsigned, everything done.
    BadGatewayAfter,
    /// 404 with a code, unsigned, nothing done: proves nothing.
    UnsignedNotFound,
    /// The right answer without signature headers.
    Unsigned,
    /// The right answer, signed ten minutes ago.
    Stale,
    /// The body is changed after signing.
    Tampered,
    /// The same, called plain text.
    TamperedPlain,
    /// Signed under a serial that nobody has.
    UnknownSerial,
    /// Signed with another key than the serial says.
    WrongKey,
    /// A signature probe.
    Probe,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What goes wrong with this call, counted.
    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |fault: &Fault| {
            path.contains(&fault.path) && fault.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        };
        let index = faults.iter().position(fits)?;
        let fault = &mut faults[index];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let struck = fault.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                faults.remove(index);
            }
        }
        Some(struck)
    }
}

/// What a gateway answers when it finds nobody behind it.
pub(crate) fn gateway() -> Response {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    (StatusCode::BAD_GATEWAY, [("content-type", "text/html")], page).into_response()
}

/// An answer whose body never comes: the caller sees a broken connection.
pub(crate) fn broken() -> Response {
    let nothing =
        futures_util::stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(nothing))
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    #[test]
    fn faults_fit_skip_and_wear_out() {
        let faults = Faults::default();
        let fault: Fault =
            serde_json::from_str(r#"{"kind":"drop_after","path":"/close","method":"post","times":2,"skip":1}"#)
                .expect("a fault");
        faults.add(fault);
        assert!(faults.strike("GET", "/x/close").is_none());
        assert!(faults.strike("POST", "/x").is_none());
        assert!(faults.strike("POST", "/x/close").is_none(), "skipped");
        assert!(faults.strike("POST", "/x/close").is_some());
        assert!(faults.strike("POST", "/x/close").is_some());
        assert!(faults.strike("POST", "/x/close").is_none(), "worn out");
        assert!(faults.list().is_empty());
    }
}
