//! Noise into everything that reads what comes from outside: it may refuse, it must not panic. The seed is fixed, so that a failure repeats.

mod targets;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use targets::TARGETS;
use wechat::pay::{Config, Fen, FundFlow, KeyStore, Merchant, MerchantKey, TradeBill, open_field};
use wechat::{Secret, TransportConfig, UnixTime};

/// A small generator (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest);
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// A good text with a few things wrong: bytes changed, cut, doubled, or strange ones put in.
    fn damaged(&mut self, good: &[u8]) -> Vec<u8> {
        const STRANGE: [&[u8]; 12] = [
            b"",
            b"\0",
            b"\n",
            b"`",
            b",`",
            b"\"",
            b"{}",
            b"-",
            b"99999999999999999999",
            b"\xFF",
            "\u{FEFF}".as_bytes(),
            b"null",
        ];
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] = self.next().to_le_bytes()[0],
                1 => bytes.truncate(at),
                2 => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend_from_slice(&tail);
                }
                3 if !bytes.is_empty() => {
                    let to = (at + self.below(40)).min(bytes.len());
                    bytes.drain(at..to);
                }
                _ => {
                    let strange = STRANGE[self.below(STRANGE.len())];
                    bytes.splice(at..at, strange.iter().copied());
                }
            }
        }
        bytes
    }

    /// A JSON value with one value inside replaced by something of another kind.
    fn twisted(&mut self, good: &Value) -> Value {
        match good {
            Value::Object(fields) if !fields.is_empty() && self.below(6) > 0 => {
                let chosen = self.below(fields.len());
                let twist = |(index, (name, value)): (usize, (&String, &Value))| {
                    (name.clone(), if index == chosen { self.twisted(value) } else { value.clone() })
                };
                Value::Object(fields.iter().enumerate().map(twist).collect())
            }
            _ => {
                let others = [
                    Value::Null,
                    json!(true),
                    json!(-1),
                    json!(i64::MIN),
                    json!(u64::MAX),
                    json!(1.5),
                    json!(""),
                    json!("文字"),
                    json!([]),
                    json!([{}]),
                    json!({}),
                ];
                others[self.below(others.len())].clone()
            }
        }
    }
}

const SEED: u64 = 0x05EE_D0FA_5713;
const NOW: i64 = 1_767_225_705;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("vectors are JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name}"))
}

fn merchant(keys: &Value) -> Merchant {
    Merchant::new(Config {
        base_url: "http://127.0.0.1:9".to_owned(),
        mchid: text(keys, "mchid").to_owned(),
        certificate_serial: text(keys, "merchant_serial_no").to_owned(),
        private_key_pem: text(keys, "merchant_private_key_pkcs8").into(),
        apiv3_key: text(keys, "apiv3_key").into(),
        apiv2_key: None,
        public_keys: vec![],
        certificates: vec![text(keys, "platform_certificate").to_owned()],
        transport: TransportConfig::default(),
        clock: Arc::new(|| UnixTime::from_secs(NOW)),
    })
    .expect("a merchant")
}

#[test]
fn headers_and_bodies_of_notifications() {
    let vectors = vectors();
    let merchant = merchant(&vectors["keys"]);
    let good = &vectors["notify"][0];
    let mut noise = Noise(SEED);
    for round in 0..3_000 {
        let body = if round % 2 == 0 { noise.damaged(text(good, "body").as_bytes()) } else { noise.bytes(600) };
        let mut headers = good["headers"].as_object().expect("headers").clone();
        for value in headers.values_mut() {
            if noise.below(3) == 0 {
                let damaged = noise.damaged(value.as_str().expect("text").as_bytes());
                *value = String::from_utf8_lossy(&damaged).into_owned().into();
            }
        }
        let _ = merchant.open_notification(|name| headers.get(name).and_then(Value::as_str), &body);
    }
}

/// Behind a right signature and a right seal: what a confused WeChat could send.
#[test]
fn contents_of_notifications() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let merchant = merchant(keys);
    let signer =
        text(keys, "platform_private_key_pkcs8").lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let signer = KeyPair::from_pkcs8(&STANDARD.decode(signer).expect("base64")).expect("a key");
    let apiv3_key = text(keys, "apiv3_key").as_bytes();
    let mut noise = Noise(SEED);
    let mut taken = 0;
    for round in 0..1_500 {
        let all = vectors["notify"].as_array().expect("a list");
        let accepted: Vec<_> = all.iter().filter(|vector| vector["expect"] == "accept").collect();
        let vector = accepted[round % accepted.len()];
        let plain: Value = serde_json::from_str(text(vector, "plaintext")).expect("JSON");
        let plain = match noise.below(4) {
            0 => noise.damaged(text(vector, "plaintext").as_bytes()),
            1 => text(vector, "plaintext").as_bytes().to_vec(),
            _ => noise.twisted(&plain).to_string().into_bytes(),
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, apiv3_key).expect("a key"));
        let mut sealed = plain;
        let nonce = Nonce::try_assume_unique_for_key(b"only-in-test").expect("twelve bytes");
        key.seal_in_place_append_tag(nonce, Aad::from(b"x"), &mut sealed).expect("seals");
        let envelope: Value = serde_json::from_str(text(vector, "body")).expect("JSON");
        let mut envelope = if noise.below(4) == 0 { noise.twisted(&envelope) } else { envelope };
        if let Some(resource) = envelope.get_mut("resource").and_then(Value::as_object_mut) {
            resource.insert("ciphertext".to_owned(), STANDARD.encode(&sealed).into());
            resource.insert("nonce".to_owned(), "only-in-test".into());
            resource.insert("associated_data".to_owned(), "x".into());
        }
        let body = envelope.to_string();
        let message = format!("{NOW}\nnonce\n{body}\n");
        let mut signature = vec![0; signer.public_modulus_len()];
        signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("signs");
        let (signature, now) = (STANDARD.encode(signature), NOW.to_string());
        let header = |name: &str| match name {
            "Wechatpay-Serial" => Some(text(keys, "platform_serial_no")),
            "Wechatpay-Timestamp" => Some(now.as_str()),
            "Wechatpay-Nonce" => Some("nonce"),
            "Wechatpay-Signature" => Some(signature.as_str()),
            _ => None,
        };
        match merchant.open_notification(header, body.as_bytes()) {
            Ok(_) => taken += 1,
            Err(why) => assert!(!matches!(why, wechat::pay::NotifyError::Unverified(_)), "{round}: {why}"),
        }
    }
    assert!(taken > 100, "the noise reaches behind the seal: {taken}");
}

/// Each target with damaged texts of its own kind and of all others, and with bytes that mean nothing.
#[test]
fn every_target() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for vector in vectors["notify"].as_array().expect("a list") {
        let header =
            |name: &str| vector["headers"][format!("Wechatpay-{name}")].as_str().unwrap_or_default().to_owned();
        let headers = ["Serial", "Timestamp", "Nonce", "Signature", "Signature-Type"].map(header).join("\n");
        seeds.push(format!("{headers}\n{}", text(vector, "body")).into_bytes());
        seeds.push(text(vector, "body").as_bytes().to_vec());
        seeds.extend(vector["plaintext"].as_str().map(|plain| plain.as_bytes().to_vec()));
    }
    for vector in vectors["response_verify"].as_array().expect("a list") {
        seeds.push(text(vector, "body").as_bytes().to_vec());
    }
    for vector in vectors["bills"].as_array().expect("a list") {
        seeds.push(STANDARD.decode(text(vector, "raw_base64")).expect("base64"));
    }
    for name in ["platform_certificate", "wechatpay_public_key_spki"] {
        let inside = text(keys, name).lines().filter(|line| !line.starts_with('-')).collect::<String>();
        seeds.extend([text(keys, name).as_bytes().to_vec(), STANDARD.decode(inside).expect("base64")]);
    }
    let texts = ["2026-01-01T08:00:05+08:00", "20260101080005", "00000101022624", "-12.30"];
    seeds.extend(texts.map(|text| text.as_bytes().to_vec()));
    let mut noise = Noise(SEED);
    for (_, target) in TARGETS {
        seeds.iter().for_each(|seed| target(seed));
        for round in 0..2_000 {
            let seed = &seeds[noise.below(seeds.len())];
            let bytes = if round % 16 == 0 { noise.bytes(400) } else { noise.damaged(seed) };
            target(&bytes);
        }
    }
}

/// What cargo-fuzz runs is what is tested here.
#[test]
fn every_target_has_its_file() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("read");
    for (name, _) in TARGETS {
        let file = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(file.contains(&format!("targets::{name}(")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

#[test]
fn bills() {
    let vectors = vectors();
    let mut noise = Noise(SEED);
    for round in 0..4_000 {
        let good = STANDARD.decode(text(&vectors["bills"][round % 2], "raw_base64")).expect("base64");
        let bytes = if round % 8 == 0 { noise.bytes(300) } else { noise.damaged(&good) };
        let _ = TradeBill::parse(&bytes);
        let _ = FundFlow::parse(&bytes);
    }
}

#[test]
fn certificates_keys_and_fields() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let certificate = text(keys, "platform_certificate");
    let der = certificate.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = STANDARD.decode(der).expect("base64");
    let private = Secret::new(text(keys, "merchant_private_key_pkcs8"));
    let mut noise = Noise(SEED);
    for _ in 0..2_000 {
        let damaged = STANDARD.encode(noise.damaged(&der));
        let pem = format!("-----BEGIN CERTIFICATE-----\n{damaged}\n-----END CERTIFICATE-----");
        let _ = KeyStore::default().add_certificate(&pem);
        let pem = String::from_utf8_lossy(&noise.damaged(certificate.as_bytes())).into_owned();
        let _ = KeyStore::default().add_certificate(&pem);
        let pem =
            String::from_utf8_lossy(&noise.damaged(text(keys, "wechatpay_public_key_spki").as_bytes())).into_owned();
        let _ = KeyStore::default().add_public_key("PUB_KEY_ID_1", &pem);
    }
    for _ in 0..50 {
        let pem = noise.damaged(private.expose().as_bytes());
        let _ = MerchantKey::from_pem(&String::from_utf8_lossy(&pem).into_owned().into(), "AB");
        let _ = open_field(&private, &STANDARD.encode(noise.bytes(300)));
    }
}

#[test]
fn instants_and_amounts() {
    let mut noise = Noise(SEED);
    for good in ["2026-01-01T08:00:05+08:00", "20260101080005", "2026-01-01 08:00:05", "-12.30", "0.60%"] {
        for _ in 0..2_000 {
            let damaged = noise.damaged(good.as_bytes());
            let text = String::from_utf8_lossy(&damaged);
            let times = [UnixTime::parse_rfc3339(&text), UnixTime::parse_compact(&text), UnixTime::parse_bill(&text)];
            for time in times.into_iter().flatten() {
                assert_eq!(UnixTime::parse_rfc3339(&time.to_rfc3339()), Some(time), "{text}");
            }
            if let Some(amount) = Fen::parse_yuan(&text) {
                assert_eq!(Fen::parse_yuan(&amount.to_string()), Some(amount), "{text}");
            }
        }
    }
}
