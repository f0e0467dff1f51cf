use serde_json::{Value, json};

use super::reply::{Outcome, ok, parameter};
use super::{APIV3_KEY, Call, NEXT_PLATFORM_CERTIFICATE_PEM, PLATFORM_CERTIFICATE_PEM};
use crate::keys::{NEXT_PLATFORM_SERIAL, PLATFORM_SERIAL, seal};
use crate::world::Shared;

/// The certificates in force, each sealed under the APIv3 key. After a rotation both are listed.
pub(super) fn list(shared: &Shared, call: &Call) -> Outcome {
    if call.query_value("algorithm_type").is_some_and(|kind| !matches!(kind.as_str(), "RSA" | "ALL")) {
        return Err(parameter("algorithm_type", "不支持的算法"));
    }
    let mut listed = vec![(PLATFORM_SERIAL, PLATFORM_CERTIFICATE_PEM)];
    if shared.settings().rotated {
        listed.push((NEXT_PLATFORM_SERIAL, NEXT_PLATFORM_CERTIFICATE_PEM));
    }
    let data: Vec<Value> = listed.into_iter().map(|(serial, pem)| entry(serial, pem)).collect();
    Ok(ok(&json!({"data": data})))
}

fn entry(serial: &str, pem: &str) -> Value {
    let (nonce, ciphertext) = seal(APIV3_KEY, "certificate", pem.as_bytes()).unwrap_or_default();
    json!({
        "serial_no": serial,
        "effective_time": "2020-01-01T08:00:00+08:00",
        "expire_time": "2045-01-01T08:00:00+08:00",
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": ciphertext,
        },
    })
}
