//! What we sign: requests, and what the front end hands to WeChat.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::pem;
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The scheme of the `Authorization` header, and what `Wechatpay-Signature-Type` names.
pub const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// The merchant's private key with the serial of its certificate.
pub struct MerchantKey {
    key: KeyPair,
    serial: String,
}

impl MerchantKey {
    /// Takes `apiclient_key.pem` (PKCS#8) and the serial number of the certificate that belongs to it.
    pub fn from_pem(pem: &Secret, serial: &str) -> Result<Self, Error> {
        let der =
            pem::decode(pem.expose(), "PRIVATE KEY").ok_or_else(|| Error::config("private key: not a PKCS#8 PEM"))?;
        let key = KeyPair::from_pkcs8(&der).map_err(|_| Error::config("private key: not an RSA key"))?;
        if key.public_modulus_len() < 256 {
            return Err(Error::config("private key: shorter than 2048 bits"));
        }
        if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::config("certificate serial: hexadecimal digits expected"));
        }
        Ok(Self { key, serial: serial.to_ascii_uppercase() })
    }

    /// The serial of the certificate, in upper case.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// RSA PKCS#1 v1.5 with SHA-256, in base64. The same text always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> Result<String, Error> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Error::config("private key: signing failed"))?;
        Ok(STANDARD.encode(signature))
    }

    /// The value of the `Authorization` header for one request.
    pub fn authorization(&self, mchid: &str, request: &SignedParts<'_>) -> Result<String, Error> {
        let signature = self.sign(&request.message())?;
        let SignedParts { timestamp, nonce, .. } = request;
        let (serial, timestamp) = (&self.serial, timestamp.secs());
        Ok(format!(
            "{SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        ))
    }
}

impl fmt::Debug for MerchantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MerchantKey").field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// What the signature of a request covers.
pub struct SignedParts<'a> {
    pub method: &'a str,
    /// Path and query exactly as they go on the wire, percent-encoded, without the host.
    pub path_and_query: &'a str,
    pub timestamp: UnixTime,
    pub nonce: &'a str,
    /// The very bytes that are sent; empty for a GET.
    pub body: &'a [u8],
}

impl SignedParts<'_> {
    /// Five lines, each ended by a line feed, the last one too.
    pub fn message(&self) -> Vec<u8> {
        let Self { method, path_and_query, timestamp, nonce, body } = self;
        let mut message = format!("{method}\n{path_and_query}\n{}\n{nonce}\n", timestamp.secs()).into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        message
    }
}

/// What a page or mini program passes to `wx.requestPayment` (and a page in WeChat to `WeixinJSBridge`, which also wants the appId).
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PayParams {
    pub app_id: String,
    pub time_stamp: String,
    pub nonce_str: String,
    pub package: String,
    pub sign_type: &'static str,
    pub pay_sign: String,
}

impl PayParams {
    pub(crate) fn sign(
        key: &MerchantKey,
        appid: &str,
        prepay_id: &str,
        now: UnixTime,
        nonce: &str,
    ) -> Result<Self, Error> {
        let time_stamp = now.secs().to_string();
        let package = format!("prepay_id={prepay_id}");
        let pay_sign = key.sign(four_lines(appid, &time_stamp, nonce, &package).as_bytes())?;
        Ok(Self {
            app_id: appid.to_owned(),
            time_stamp,
            nonce_str: nonce.to_owned(),
            package,
            sign_type: "RSA",
            pay_sign,
        })
    }
}

impl fmt::Debug for PayParams {
    /// Whoever has these can open the payment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayParams").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// What a native app passes to the WeChat SDK.
#[derive(Clone, Serialize)]
pub struct AppPayParams {
    pub appid: String,
    pub partnerid: String,
    pub prepayid: String,
    pub package: &'static str,
    pub noncestr: String,
    pub timestamp: String,
    pub sign: String,
}

impl AppPayParams {
    pub(crate) fn sign(
        key: &MerchantKey,
        appid: &str,
        mchid: &str,
        prepay_id: &str,
        now: UnixTime,
        nonce: &str,
    ) -> Result<Self, Error> {
        let timestamp = now.secs().to_string();
        let sign = key.sign(four_lines(appid, &timestamp, nonce, prepay_id).as_bytes())?;
        Ok(Self {
            appid: appid.to_owned(),
            partnerid: mchid.to_owned(),
            prepayid: prepay_id.to_owned(),
            package: "Sign=WXPay",
            noncestr: nonce.to_owned(),
            timestamp,
            sign,
        })
    }
}

impl fmt::Debug for AppPayParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppPayParams").field("appid", &self.appid).finish_non_exhaustive()
    }
}

fn four_lines(appid: &str, timestamp: &str, nonce: &str, last: &str) -> String {
    format!("{appid}\n{timestamp}\n{nonce}\n{last}\n")
}

/// The older scheme that pay score's front end still uses: sorted, non-empty `k=v`, then the APIv2 key; HMAC-SHA256 in upper-case hex.
pub fn hmac_sha256_v2(params: &[(&str, &str)], apiv2_key: &Secret) -> String {
    let message = sorted_message(params, apiv2_key);
    let key = hmac::Key::new(hmac::HMAC_SHA256, apiv2_key.expose().as_bytes());
    hex_upper(hmac::sign(&key, message.as_bytes()).as_ref())
}

fn sorted_message(params: &[(&str, &str)], apiv2_key: &Secret) -> String {
    let mut kept: Vec<_> = params.iter().filter(|(name, value)| !value.is_empty() && *name != "sign").collect();
    kept.sort_unstable();
    let mut message = String::new();
    for (name, value) in kept {
        message.push_str(&format!("{name}={value}&"));
    }
    message + "key=" + apiv2_key.expose()
}

/// 32 random hexadecimal digits: never the same twice, also across restarts.
pub(crate) fn nonce() -> Result<String, Error> {
    let mut bytes = [0; 16];
    #[expect(
        clippy::disallowed_methods,
        reason = "a nonce decides nothing and must never repeat, so it is never injected"
    )]
    rand::fill(&mut bytes).map_err(|_| Error::config("the system gives no random bytes"))?;
    Ok(hex_upper(&bytes))
}

pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{AppPayParams, MerchantKey, PayParams, hmac_sha256_v2, nonce};
    use crate::secret::Secret;
    use crate::time::UnixTime;

    #[test]
    fn front_end_signatures_are_those_of_independent_clients() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let (pem, serial) = (&vectors["keys"]["merchant_private_key_pkcs8"], &vectors["keys"]["merchant_serial_no"]);
        let key = MerchantKey::from_pem(&Secret::new(text(pem)), &text(serial)).expect("a key");
        for vector in vectors["pay_sign"].as_array().expect("a list") {
            let (appid, line4, nonce) = (text(&vector["appId"]), text(&vector["line4"]), text(&vector["nonceStr"]));
            let now = UnixTime::from_secs(text(&vector["timeStamp"]).parse().expect("seconds"));
            let signature = match line4.strip_prefix("prepay_id=") {
                Some(prepay_id) => PayParams::sign(&key, &appid, prepay_id, now, &nonce).expect("signs").pay_sign,
                None => AppPayParams::sign(&key, &appid, "1900000001", &line4, now, &nonce).expect("signs").sign,
            };
            assert_eq!(signature, vector["paySign"], "{}", vector["name"]);
        }
    }

    #[test]
    fn the_published_sample_of_the_older_scheme() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let sample = &vectors["apiv2_official_doc_sample"];
        let params = sample["params"].as_object().expect("an object");
        let mut params: Vec<_> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
        params.extend([("empty", ""), ("sign", "not part of it")]);
        let key = Secret::new(sample["key"].as_str().expect("a key"));
        assert_eq!(hmac_sha256_v2(&params, &key), sample["hmac_sha256"]);
    }

    #[test]
    fn nonces_differ() {
        let (one, other) = (nonce().expect("random"), nonce().expect("random"));
        assert!(one != other && one.len() == 32);
    }

    #[test]
    fn keys_that_are_none_stop_the_start() {
        for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert!(MerchantKey::from_pem(&Secret::new(pem), "AB").is_err());
        }
    }
}
