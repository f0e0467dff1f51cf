//! The partner signature: HMAC-SHA256 over the whole request.
//!
//! ```text
//! X-Partner-Id: who
//! X-Timestamp:  seconds since 1970
//! X-Nonce:      16 to 64 characters, never used twice
//! X-Signature:  lower-case hex of HMAC-SHA256 over METHOD \n PATH_WITH_QUERY \n TIMESTAMP \n NONCE \n HEX_SHA256_OF_BODY
//! ```
//!
//! Both directions use it: what a partner sends us and what we send a partner.

use std::{error, fmt};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;

/// A request dated more than this far from our clock is refused.
pub const FRESH_S: u64 = 300;

/// For how long a nonce has to be remembered after it was accepted: a request dated at the far end of the future window stays fresh for twice
/// that window.
pub const NONCE_LIFE_S: i64 = 2 * FRESH_S as i64;

/// Header: who sends.
pub const PARTNER_ID: &str = "X-Partner-Id";
/// Header: when, in seconds since 1970.
pub const TIMESTAMP: &str = "X-Timestamp";
/// Header: a text that is used once.
pub const NONCE: &str = "X-Nonce";
/// Header: the signature.
pub const SIGNATURE: &str = "X-Signature";

/// A partner's secret, ready for use. It never shows itself.
#[derive(Clone)]
pub struct PartnerKey(hmac::Key);

impl PartnerKey {
    /// Takes a secret of at least 16 bytes; a shorter one can be guessed.
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= 16).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }
}

impl fmt::Debug for PartnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartnerKey(…)")
    }
}

/// The parts of a request that the signature covers beside its headers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Exactly as on the wire, with the query, without the host.
    pub path_and_query: &'a str,
    /// The raw bytes; empty where there is no body.
    pub body: &'a [u8],
}

/// The headers of a signed request. Nothing about them has been checked but that they are there and have their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    pub partner_id: &'a str,
    timestamp: i64,
    timestamp_text: &'a str,
    nonce: &'a str,
    signature: &'a str,
}

/// Why a request is not believed. To the sender all of these are one answer; the difference is for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// A header is missing or comes twice; its name.
    Missing(&'static str),
    /// A header is not of its form; its name.
    Malformed(&'static str),
    /// Too far from our clock.
    NotFresh,
    /// It does not fit the request.
    Wrong,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(header) => write!(f, "no {header}, or more than one"),
            Self::Malformed(header) => write!(f, "{header} is malformed"),
            Self::NotFresh => write!(f, "dated more than {FRESH_S} s away from our clock"),
            Self::Wrong => f.write_str("wrong signature"),
        }
    }
}

impl error::Error for SignatureError {}

/// What is left to do after a signature held: refuse this nonce for this partner if it was seen before, and remember it until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<'a> {
    pub nonce: &'a str,
    /// Seconds since 1970; the nonce must still be known in this very second.
    pub remember_until: i64,
}

impl<'a> Headers<'a> {
    /// Takes the headers from any kind of map. `get` must not care about case; it answers `None` also for a header that comes twice or
    /// is not text.
    pub fn from_lookup(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, SignatureError> {
        let want =
            |name: &'static str| get(name).filter(|value| !value.is_empty()).ok_or(SignatureError::Missing(name));
        let partner_id = want(PARTNER_ID)?;
        let timestamp_text = want(TIMESTAMP)?;
        let nonce = want(NONCE)?;
        let signature = want(SIGNATURE)?;
        let timestamp = read_timestamp(timestamp_text).ok_or(SignatureError::Malformed(TIMESTAMP))?;
        if partner_id.len() > 64 || !partner_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SignatureError::Malformed(PARTNER_ID));
        }
        if !is_nonce(nonce) {
            return Err(SignatureError::Malformed(NONCE));
        }
        let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if signature.len() != 64 || !signature.bytes().all(is_lower_hex) {
            return Err(SignatureError::Malformed(SIGNATURE));
        }
        Ok(Self { partner_id, timestamp, timestamp_text, nonce, signature })
    }
}

/// Believes a request, or says why not. `now` in seconds since 1970.
pub fn verify<'a>(
    key: &PartnerKey,
    headers: &Headers<'a>,
    request: &Request<'_>,
    now: i64,
) -> Result<Accepted<'a>, SignatureError> {
    if now.abs_diff(headers.timestamp) > FRESH_S {
        return Err(SignatureError::NotFresh);
    }
    let expected = signature(key, request, headers.timestamp_text, headers.nonce);
    verify_slices_are_equal(expected.as_bytes(), headers.signature.as_bytes()).map_err(|_| SignatureError::Wrong)?;
    Ok(Accepted { nonce: headers.nonce, remember_until: now.saturating_add(NONCE_LIFE_S) })
}

/// The four headers for a request of ours. `nonce` is the caller's: 16 to 64 visible ASCII characters, never used before; `None` where it is not.
pub fn sign(
    key: &PartnerKey,
    partner_id: &str,
    request: &Request<'_>,
    now: i64,
    nonce: &str,
) -> Option<[(&'static str, String); 4]> {
    let timestamp = now.to_string();
    let signature = is_nonce(nonce).then(|| signature(key, request, &timestamp, nonce))?;
    Some([
        (PARTNER_ID, partner_id.to_owned()),
        (TIMESTAMP, timestamp),
        (NONCE, nonce.to_owned()),
        (SIGNATURE, signature),
    ])
}

fn signature(key: &PartnerKey, request: &Request<'_>, timestamp: &str, nonce: &str) -> String {
    let Request { method, path_and_query, body } = request;
    let body = hex(digest(&SHA256, body).as_ref());
    let message = format!("{method}\n{path_and_query}\n{timestamp}\n{nonce}\n{body}");
    hex(hmac::sign(&key.0, message.as_bytes()).as_ref())
}

/// Plain digits: a sign or a space would make two texts for one time.
fn read_timestamp(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn is_nonce(nonce: &str) -> bool {
    (16..=64).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_graphic())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Accepted, Headers, NONCE, PartnerKey, Request, SIGNATURE, SignatureError, TIMESTAMP, sign, verify};

    const NOW: i64 = 1_767_225_600;
    const REQUEST: Request<'_> = Request {
        method: "POST",
        path_and_query: "/api/v1/callbacks/cabinet/orders?x=1",
        body: r#"{"event_id":"E1"}"#.as_bytes(),
    };

    fn key() -> PartnerKey {
        PartnerKey::new("a-secret-for-tests").expect("long enough")
    }

    fn signed() -> HashMap<String, String> {
        let headers = sign(&key(), "vendor-1", &REQUEST, NOW, "n0nce-n0nce-n0nce").expect("signs");
        headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect()
    }

    fn check(headers: &HashMap<String, String>, request: &Request<'_>, now: i64) -> Result<i64, SignatureError> {
        let headers = Headers::from_lookup(|name| headers.get(&name.to_lowercase()).map(String::as_str))?;
        verify(&key(), &headers, request, now).map(|Accepted { remember_until, .. }| remember_until)
    }

    #[test]
    fn the_value_is_what_a_standard_tool_computes() {
        // printf 'POST\n/api/v1/callbacks/cabinet/orders?x=1\n1767225600\nn0nce-n0nce-n0nce\n%s' "$(printf '{"event_id":"E1"}' | sha256sum | cut -c1-64)" |
        //   openssl dgst -sha256 -hmac a-secret-for-tests
        assert_eq!(signed()["x-signature"], "85a60c649d40585c4fe5f2396735b7d77978927a07e69ba63ccd99e699230761");
    }

    #[test]
    fn the_window_is_three_hundred_seconds_on_both_sides() {
        for (now, expected) in [
            (NOW, Ok(NOW + 600)),
            (NOW + 300, Ok(NOW + 900)),
            (NOW - 300, Ok(NOW + 300)),
            (NOW + 301, Err(SignatureError::NotFresh)),
            (NOW - 301, Err(SignatureError::NotFresh)),
            (i64::MIN, Err(SignatureError::NotFresh)),
        ] {
            assert_eq!(check(&signed(), &REQUEST, now), expected, "{now}");
        }
    }

    #[test]
    fn every_part_counts() {
        let others = [
            Request { method: "PUT", ..REQUEST },
            Request { path_and_query: "/api/v1/callbacks/cabinet/orders?x=2", ..REQUEST },
            Request { body: b"{}", ..REQUEST },
            Request { body: b"", ..REQUEST },
        ];
        for other in others {
            assert_eq!(check(&signed(), &other, NOW), Err(SignatureError::Wrong), "{other:?}");
        }
        for (name, value) in [(TIMESTAMP, "1767225601"), (NONCE, "another-nonce-0001"), (SIGNATURE, &"0".repeat(64))] {
            let mut headers = signed();
            headers.insert(name.to_lowercase(), value.to_owned());
            assert_eq!(check(&headers, &REQUEST, NOW), Err(SignatureError::Wrong), "{name}");
        }
        let other = PartnerKey::new("another-secret-for-tests").expect("long enough");
        let signed = signed();
        let headers = Headers::from_lookup(|name| signed.get(&name.to_lowercase()).map(String::as_str)).expect("form");
        assert_eq!(verify(&other, &headers, &REQUEST, NOW), Err(SignatureError::Wrong));
    }

    #[test]
    fn forms() {
        for name in [super::PARTNER_ID, TIMESTAMP, NONCE, SIGNATURE] {
            let mut headers = signed();
            headers.remove(&name.to_lowercase());
            assert_eq!(check(&headers, &REQUEST, NOW), Err(SignatureError::Missing(name)));
        }
        for (name, value) in [
            (TIMESTAMP, "+1767225600"),
            (TIMESTAMP, "1767225600.0"),
            (TIMESTAMP, "99999999999999999999"),
            (NONCE, "fifteen-chars--"),
            (NONCE, &"x".repeat(65)),
            (NONCE, "with a space in it"),
            (SIGNATURE, &"A".repeat(64)),
            (SIGNATURE, "00"),
        ] {
            let mut headers = signed();
            headers.insert(name.to_lowercase(), value.to_owned());
            assert_eq!(check(&headers, &REQUEST, NOW), Err(SignatureError::Malformed(name)), "{value}");
        }
        assert!(sign(&key(), "vendor-1", &REQUEST, NOW, "short").is_none());
        assert!(PartnerKey::new("fifteen-bytes--").is_none());
        assert_eq!(format!("{:?}", key()), "PartnerKey(…)");
    }

    #[test]
    fn noise_is_refused_without_a_panic() {
        let mut state: u64 = 0x05EE_D0FA_5713;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let mut headers = signed();
            for value in headers.values_mut() {
                let at = usize::try_from(next() % 80).unwrap_or(0).min(value.len());
                match next() % 4 {
                    0 => value.truncate(at),
                    1 => value.insert(at, char::from_u32(u32::try_from(next() % 0x300).unwrap_or(0)).unwrap_or('x')),
                    _ => {}
                }
            }
            let is_whole = headers == signed();
            assert_eq!(check(&headers, &REQUEST, NOW).is_ok(), is_whole || only_the_sender_differs(&headers));
        }
    }

    /// The sender's name is no part of the signature: it chooses the key.
    fn only_the_sender_differs(headers: &HashMap<String, String>) -> bool {
        let good = signed();
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        headers.iter().all(|(name, value)| if name == "x-partner-id" { is_name(value) } else { good[name] == *value })
    }
}
