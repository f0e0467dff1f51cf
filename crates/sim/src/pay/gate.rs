//! Who may come in: the merchant, with every rule about its signature that is known.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION, AsHeaderName, CONTENT_TYPE, USER_AGENT};

use super::reply::{Reply, parameter, unauthorized};
use super::{Call, MCHID, MERCHANT_SERIAL};
use crate::keys::Signer;
use crate::world::Shared;

/// Nonces of the last minutes.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    nonces: HashSet<String>,
    by_age: VecDeque<(i64, String)>,
}

impl Nonces {
    /// False where the nonce was seen before.
    fn take(&self, nonce: &str, now_s: i64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A signature older than the window is refused anyway, so its nonce need not be kept.
        while let Some((at, _)) = seen.by_age.front()
            && now_s - at > 2 * WINDOW_S
        {
            if let Some((_, old)) = seen.by_age.pop_front() {
                seen.nonces.remove(&old);
            }
        }
        let is_new = seen.nonces.insert(nonce.to_owned());
        if is_new {
            seen.by_age.push_back((now_s, nonce.to_owned()));
        }
        is_new
    }
}

const WINDOW_S: i64 = 300;

pub(super) fn check(shared: &Shared, call: &Call) -> Result<(), Reply> {
    let header = single(&call.headers, &AUTHORIZATION)
        .ok_or_else(|| unauthorized("Http头缺少Authorization", "exactly one Authorization header"))?;
    let given =
        Given::parse(header).ok_or_else(|| unauthorized("Http头Authorization认证类型不正确", "scheme or form"))?;
    if given.mchid != MCHID {
        return Err(unauthorized("商户号不存在", "mchid"));
    }
    if given.serial != MERCHANT_SERIAL {
        return Err(unauthorized("商户证书序列号有误", "serial_no"));
    }
    let now_s = shared.config.clock.now_ms().div_euclid(1000);
    let timestamp: i64 = given.timestamp.parse().map_err(|_| unauthorized("Authorization不合法", "timestamp"))?;
    if now_s.abs_diff(timestamp) > WINDOW_S.unsigned_abs() {
        return Err(unauthorized("Http头Authorization时间戳已过期", "timestamp is expired"));
    }
    let mut message = Vec::with_capacity(call.body.len() + 200);
    for line in [call.method.as_str(), &call.path_and_query, given.timestamp, given.nonce] {
        message.extend_from_slice(line.as_bytes());
        message.push(b'\n');
    }
    message.extend_from_slice(&call.body);
    message.push(b'\n');
    if !shared.pay.keys.is_merchants(&message, given.signature) {
        return Err(unauthorized("签名错误，请检查后再试", "sign not match"));
    }
    // Only now, so that a stranger cannot use up the merchant's nonces.
    if shared.settings().strict_nonces && !shared.pay.nonces.take(given.nonce, now_s) {
        return Err(unauthorized("Authorization不合法", "nonce_str was used before"));
    }
    check_other_headers(call)
}

fn check_other_headers(call: &Call) -> Result<(), Reply> {
    let accepts = single(&call.headers, &ACCEPT).is_some_and(|text| text.contains("application/json") || text == "*/*");
    if !accepts {
        return Err(parameter("Accept", "Http头Accept必须为application/json"));
    }
    if single(&call.headers, &USER_AGENT).is_none() {
        return Err(parameter("User-Agent", "Http头缺少User-Agent"));
    }
    let is_json = single(&call.headers, &CONTENT_TYPE).is_some_and(|text| text.starts_with("application/json"));
    if !call.body.is_empty() && !is_json {
        return Err(parameter("Content-Type", "Http头Content-Type必须为application/json"));
    }
    if call.method == "GET" && !call.body.is_empty() {
        return Err(parameter("body", "GET请求不能有包体"));
    }
    if let Some(serial) = single(&call.headers, "wechatpay-serial")
        && Signer::of_serial(serial).is_none()
    {
        return Err(parameter("Wechatpay-Serial", "平台证书序列号或公钥ID有误"));
    }
    Ok(())
}

/// A header that is there exactly once.
pub(super) fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// What an `Authorization` header says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given<'a> {
    mchid: &'a str,
    serial: &'a str,
    nonce: &'a str,
    timestamp: &'a str,
    signature: &'a str,
}

impl<'a> Given<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let pairs = header.strip_prefix("WECHATPAY2-SHA256-RSA2048 ")?;
        let mut given = Self::default();
        for pair in pairs.split(',') {
            let (name, quoted) = pair.split_once('=')?;
            let value = quoted.strip_prefix('"')?.strip_suffix('"')?;
            let place = match name {
                "mchid" => &mut given.mchid,
                "serial_no" => &mut given.serial,
                "nonce_str" => &mut given.nonce,
                "timestamp" => &mut given.timestamp,
                "signature" => &mut given.signature,
                _ => return None,
            };
            if !place.is_empty() || value.is_empty() {
                return None;
            }
            *place = value;
        }
        let is_whole = [given.mchid, given.serial, given.nonce, given.timestamp, given.signature]
            .iter()
            .all(|value| !value.is_empty());
        is_whole.then_some(given)
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, Nonces};

    #[test]
    fn headers_of_independent_clients_are_understood() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../wechat/tests/vectors.json")).expect("vectors are JSON");
        for vector in vectors["request_sign"].as_array().expect("a list") {
            let header = vector["authorization"].as_str().expect("text");
            let given = Given::parse(header).expect("understood");
            assert_eq!(
                (given.nonce, given.signature),
                (vector["nonce_str"].as_str().expect("text"), vector["signature"].as_str().expect("text"))
            );
        }
    }

    #[test]
    fn other_headers_are_not() {
        let good = r#"WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="n",signature="s",timestamp="1",serial_no="A""#;
        assert!(Given::parse(good).is_some());
        for (from, to) in [
            ("RSA2048 ", "RSA2048"),
            ("RSA2048 ", "RSA2048  "),
            ("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3"),
            ("nonce_str=\"n\",", ""),
            ("\"n\"", "\"\""),
            ("\"n\"", "n"),
            ("nonce_str", "mchid"),
            ("nonce_str", "other"),
        ] {
            assert_eq!(Given::parse(&good.replacen(from, to, 1)), None, "{to}");
        }
    }

    #[test]
    fn a_nonce_works_once_until_it_is_too_old_to_matter() {
        let nonces = Nonces::default();
        assert!(nonces.take("a", 0) && !nonces.take("a", 600));
        assert!(nonces.take("b", 601) && nonces.take("a", 601));
    }
}
