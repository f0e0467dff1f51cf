//! The MD5 signature of many cabinet vendors: sorted, non-empty `k=v` joined by `&`, then `&key=SECRET`; upper-case hex.
//!
//! It says nothing about when a message was made and, in most vendors' hands, is not bound to a path. Whoever accepts it must also
//! restrict the sender's address, speak TLS, and take every event once by its own id.

use std::fmt;

use ::md5::{Digest, Md5};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_json::{Map, Value};

/// A vendor's secret. It never shows itself.
#[derive(Clone)]
pub struct VendorKey(String);

impl VendorKey {
    /// An empty secret would let everybody sign.
    pub fn new(secret: impl Into<String>) -> Option<Self> {
        let secret = secret.into();
        (!secret.is_empty()).then_some(Self(secret))
    }
}

impl fmt::Debug for VendorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VendorKey(…)")
    }
}

/// The field that carries the signature and is no part of it.
pub const SIGN: &str = "sign";

/// The signature of a message. Nested values count as compact JSON with their fields in the order in which they came.
pub fn sign(fields: &Map<String, Value>, key: &VendorKey) -> String {
    let mut hash = Md5::new();
    hash.update(message(fields));
    hash.update("key=");
    hash.update(&key.0);
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Whether a message carries its right signature. Upper or lower case: vendors differ.
pub fn verify(fields: &Map<String, Value>, key: &VendorKey) -> bool {
    let Some(Value::String(given)) = fields.get(SIGN) else {
        return false;
    };
    verify_slices_are_equal(sign(fields, key).as_bytes(), given.to_ascii_uppercase().as_bytes()).is_ok()
}

fn message(fields: &Map<String, Value>) -> String {
    let mut kept: Vec<(&str, String)> = fields
        .iter()
        .filter(|(name, _)| *name != SIGN)
        .map(|(name, value)| (name.as_str(), text(value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    kept.sort_unstable();
    kept.iter().map(|(name, value)| format!("{name}={value}&")).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{VendorKey, sign, verify};

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../wechat/tests/vectors.json")).expect("vectors are JSON")
    }

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn signatures_are_those_of_independent_clients() {
        let vectors = vectors();
        let all = vectors["cabinet_md5_sign"].as_array().expect("a list");
        assert!(!all.is_empty());
        for vector in all {
            let key = VendorKey::new(vector["key"].as_str().expect("a key")).expect("not empty");
            let mut fields = fields(&vector["params"]);
            assert_eq!(sign(&fields, &key), vector["sign"], "{}", vector["name"]);
            fields.insert("sign".to_owned(), vector["sign"].clone());
            assert!(verify(&fields, &key));
        }
    }

    #[test]
    fn the_published_sample_of_the_same_scheme() {
        let vectors = vectors();
        let sample = &vectors["apiv2_official_doc_sample"];
        let key = VendorKey::new(sample["key"].as_str().expect("a key")).expect("not empty");
        assert_eq!(sign(&fields(&sample["params"]), &key), sample["md5"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let key = VendorKey::new("k").expect("not empty");
        let mut message = fields(&json!({"orderNo": "1", "amount": 650, "empty": "", "nothing": null}));
        assert!(!verify(&message, &key), "unsigned");
        let right = sign(&message, &key);
        message.insert("sign".to_owned(), right.to_lowercase().into());
        assert!(verify(&message, &key));
        message.insert("amount".to_owned(), 651.into());
        assert!(!verify(&message, &key), "changed");
        message.insert("amount".to_owned(), 650.into());
        message.insert("sign".to_owned(), 7.into());
        assert!(!verify(&message, &key), "no text");
        assert!(VendorKey::new("").is_none());
    }
}
