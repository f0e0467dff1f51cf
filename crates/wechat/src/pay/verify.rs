//! What WeChat signs: answers and notifications.

use std::collections::HashMap;
use std::{error, fmt};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::pem::{self, Certificate};
use super::sign::SCHEME;
use crate::error::Error;
use crate::secret::scrub;
use crate::time::UnixTime;

/// Signatures older or newer than this are refused. Exactly this far is refused too: WeChat's own tools disagree about it.
pub const FRESH_S: u64 = 300;

/// Why something that claims to come from WeChat is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyError {
    /// A signature header is missing; its name.
    Missing(&'static str),
    /// A signature header is not of its form; its name.
    Malformed(&'static str),
    /// Dated five minutes or more away from our clock.
    NotFresh,
    /// We hold no key by that serial, or no longer.
    UnknownSerial(String),
    /// The signature does not fit what arrived.
    WrongSignature,
    /// WeChat tests whether we look: the signature is wrong on purpose. Refused like any wrong one.
    Probe,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(header) => write!(f, "no {header}"),
            Self::Malformed(header) => write!(f, "{header} is malformed"),
            Self::NotFresh => write!(f, "dated {FRESH_S} s or more away from our clock"),
            Self::UnknownSerial(serial) => write!(f, "no key with serial {serial}"),
            Self::WrongSignature => f.write_str("wrong signature"),
            Self::Probe => f.write_str("a signature probe"),
        }
    }
}

impl error::Error for VerifyError {}

/// The headers that carry a signature, borrowed from wherever they arrived.
#[derive(Debug, Clone, Copy)]
pub struct SignatureHeaders<'a> {
    pub serial: &'a str,
    pub timestamp: &'a str,
    pub nonce: &'a str,
    pub signature: &'a str,
    pub signature_type: Option<&'a str>,
}

impl<'a> SignatureHeaders<'a> {
    /// Takes them from any kind of header map. `get` must not care about case; it answers `None` also for a header that comes twice or
    /// is not text.
    pub fn from_lookup(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, VerifyError> {
        let want = |name: &'static str| get(name).filter(|value| !value.is_empty()).ok_or(VerifyError::Missing(name));
        Ok(Self {
            serial: want(SERIAL)?,
            timestamp: want(TIMESTAMP)?,
            nonce: want(NONCE)?,
            signature: want(SIGNATURE)?,
            signature_type: get(SIGNATURE_TYPE),
        })
    }
}

const SERIAL: &str = "Wechatpay-Serial";
const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SIGNATURE: &str = "Wechatpay-Signature";
const SIGNATURE_TYPE: &str = "Wechatpay-Signature-Type";

/// WeChat's public keys by serial: certificates and public-key-mode keys side by side, because during a migration both sign.
#[derive(Clone, Default)]
pub struct KeyStore {
    keys: HashMap<String, VerifyingKey>,
}

#[derive(Clone)]
struct VerifyingKey {
    key: ParsedPublicKey,
    /// Certificates end; public-key-mode keys do not.
    valid: Option<(UnixTime, UnixTime)>,
}

impl KeyStore {
    /// Adds a key of the public-key mode: its id, `PUB_KEY_ID_…`, and its PEM.
    pub fn add_public_key(&mut self, id: &str, pem: &str) -> Result<(), Error> {
        if !id.starts_with("PUB_KEY_ID_") {
            return Err(Error::config("public key: the id begins with PUB_KEY_ID_"));
        }
        let der =
            pem::decode(pem, "PUBLIC KEY").ok_or_else(|| Error::config("public key: not a PEM of a public key"))?;
        self.keys.insert(id.to_owned(), VerifyingKey { key: parse(&der)?, valid: None });
        Ok(())
    }

    /// Adds a platform certificate and answers its serial.
    pub fn add_certificate(&mut self, pem: &str) -> Result<String, Error> {
        let certificate = Certificate::from_pem(pem).ok_or_else(|| Error::config("certificate: not an X.509 PEM"))?;
        let valid = Some((certificate.not_before, certificate.not_after));
        let key = VerifyingKey { key: parse(&certificate.public_key)?, valid };
        self.keys.insert(certificate.serial.clone(), key);
        Ok(certificate.serial)
    }

    /// True where nothing can be verified yet.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the keys.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The certificate that is valid now and stays so the longest.
    pub(crate) fn best_certificate(&self, now: UnixTime) -> Option<&str> {
        let valid = self.keys.iter().filter_map(|(serial, key)| key.valid.map(|valid| (serial, valid)));
        let current = valid.filter(|(_, (from, to))| *from <= now && now <= *to);
        current.max_by_key(|(serial, (_, to))| (*to, *serial)).map(|(serial, _)| serial.as_str())
    }

    /// Forgets certificates that have ended.
    pub(crate) fn drop_ended(&mut self, now: UnixTime) {
        self.keys.retain(|_, key| key.valid.is_none_or(|(_, to)| now <= to));
    }

    /// Believes the bytes, or says why not. `body` is what arrived, before any parsing; it may be empty and of any type.
    pub fn verify(&self, headers: &SignatureHeaders<'_>, body: &[u8], now: UnixTime) -> Result<(), VerifyError> {
        if headers.signature_type.is_some_and(|kind| kind != SCHEME) {
            return Err(VerifyError::Malformed(SIGNATURE_TYPE));
        }
        let timestamp: i64 = headers.timestamp.parse().map_err(|_| VerifyError::Malformed(TIMESTAMP))?;
        if now.distance(UnixTime::from_secs(timestamp)) >= FRESH_S {
            return Err(VerifyError::NotFresh);
        }
        let key =
            self.keys.get(headers.serial).filter(|key| key.valid.is_none_or(|(from, to)| from <= now && now <= to));
        let key = key.ok_or_else(|| VerifyError::UnknownSerial(scrub(headers.serial, &[])))?;
        if headers.signature.starts_with("WECHATPAY/SIGNTEST/") {
            return Err(VerifyError::Probe);
        }
        let signature = STANDARD.decode(headers.signature).map_err(|_| VerifyError::Malformed(SIGNATURE))?;
        // The header's own text, not the number it parses to, is what was signed.
        let mut message = format!("{}\n{}\n", headers.timestamp, headers.nonce).into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        key.key.verify_sig(&message, &signature).map_err(|_| VerifyError::WrongSignature)
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

fn parse(der: &[u8]) -> Result<ParsedPublicKey, Error> {
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| Error::config("public key: not an RSA key"))
}
