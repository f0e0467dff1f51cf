//! Whatever comes from outside, as functions of nothing but bytes: they may refuse, they must not panic. `noise.rs` calls them in every
//! test run, `fuzz/` for as long as somebody likes.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wechat::pay::{Config, Fen, FundFlow, KeyStore, Merchant, Refund, RefundNotice, TradeBill, Transaction};
use wechat::payscore::{PermissionNotice, ServiceOrder};
use wechat::{TransportConfig, UnixTime};

/// Takes whatever comes, and does not panic.
type Target = fn(&[u8]);

/// The targets, each with its name in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: [(&str, Target); 6] = [
    ("notification", notification),
    ("content", content),
    ("certificate", certificate),
    ("answer", answer),
    ("bill", bill),
    ("text", text),
];

const NOW: i64 = 1_767_225_705;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors.json")).unwrap_or_default());

static MERCHANT: LazyLock<Merchant> = LazyLock::new(|| {
    let keys = &VECTORS["keys"];
    let text = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
    let config = Config {
        base_url: "http://127.0.0.1:9".to_owned(),
        mchid: text("mchid"),
        certificate_serial: text("merchant_serial_no"),
        private_key_pem: text("merchant_private_key_pkcs8").into(),
        apiv3_key: text("apiv3_key").into(),
        apiv2_key: None,
        public_keys: Vec::new(),
        certificates: vec![text("platform_certificate")],
        transport: TransportConfig::default(),
        clock: Arc::new(|| UnixTime::from_secs(NOW)),
    };
    Merchant::new(config).unwrap_or_else(|error| panic!("the vectors' keys are sound: {error}"))
});

/// Five lines for the headers and the rest for the body, and the whole of it as a body that was kept.
pub(crate) fn notification(bytes: &[u8]) {
    let mut lines = bytes.splitn(6, |&byte| byte == b'\n');
    let headers: Vec<&str> = lines.by_ref().take(5).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    let names = ["Serial", "Timestamp", "Nonce", "Signature", "Signature-Type"];
    let header = |name: &str| {
        let at = names.iter().position(|part| name.strip_prefix("Wechatpay-") == Some(part))?;
        headers.get(at).copied().filter(|value| !value.is_empty())
    };
    let _ = MERCHANT.open_notification(header, lines.next().unwrap_or_default());
    let _ = MERCHANT.reopen_notification(bytes);
}

/// What stands behind a seal that opens, for each kind of event.
pub(crate) fn content(bytes: &[u8]) {
    let key = VECTORS["keys"]["apiv3_key"].as_str().unwrap_or_default();
    let (Ok(key), Ok(nonce)) =
        (UnboundKey::new(&AES_256_GCM, key.as_bytes()), Nonce::try_assume_unique_for_key(b"only-in-test"))
    else {
        return;
    };
    let mut sealed = bytes.to_vec();
    if LessSafeKey::new(key).seal_in_place_append_tag(nonce, Aad::from(b"x"), &mut sealed).is_err() {
        return;
    }
    let sealed = STANDARD.encode(&sealed);
    for event_type in [
        "TRANSACTION.SUCCESS",
        "REFUND.SUCCESS",
        "REFUND.ABNORMAL",
        "PAYSCORE.USER_PAID",
        "PAYSCORE.USER_OPEN_SERVICE",
        "SOMETHING.ELSE",
    ] {
        let envelope = json!({
            "id": "EV-1", "create_time": "2026-01-01T08:00:05+08:00", "event_type": event_type,
            "resource": {
                "algorithm": "AEAD_AES_256_GCM", "ciphertext": sealed, "nonce": "only-in-test", "associated_data": "x",
            },
        });
        let _ = MERCHANT.reopen_notification(envelope.to_string().as_bytes());
    }
}

/// The bytes between the lines of a PEM, and a PEM itself.
pub(crate) fn certificate(bytes: &[u8]) {
    let inside = STANDARD.encode(bytes);
    let texts = [
        format!("-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----"),
        format!("-----BEGIN PUBLIC KEY-----\n{inside}\n-----END PUBLIC KEY-----"),
        String::from_utf8_lossy(bytes).into_owned(),
    ];
    for text in texts {
        let _ = KeyStore::default().add_certificate(&text);
        let _ = KeyStore::default().add_public_key("PUB_KEY_ID_1", &text);
    }
}

/// The JSON of believed answers and of what seals hold.
pub(crate) fn answer(bytes: &[u8]) {
    if let Ok(transaction) = serde_json::from_slice::<Transaction>(bytes) {
        let _ = transaction.paid();
    }
    if let Ok(refund) = serde_json::from_slice::<Refund>(bytes) {
        let _ = refund.refund();
    }
    if let Ok(notice) = serde_json::from_slice::<RefundNotice>(bytes) {
        let _ = notice.refund();
    }
    let _ = serde_json::from_slice::<ServiceOrder>(bytes);
    let _ = serde_json::from_slice::<PermissionNotice>(bytes);
}

pub(crate) fn bill(bytes: &[u8]) {
    for row in TradeBill::parse(bytes).map(|bill| bill.rows).unwrap_or_default() {
        let _ = row.service_order();
    }
    let _ = FundFlow::parse(bytes);
}

/// Instants and amounts: what was read is written as it will be read.
pub(crate) fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for time in [UnixTime::parse_rfc3339(&text), UnixTime::parse_compact(&text), UnixTime::parse_bill(&text)] {
        assert!(time.is_none_or(|time| UnixTime::parse_rfc3339(&time.to_rfc3339()) == Some(time)), "{text}");
    }
    if let Some(amount) = Fen::parse_yuan(&text) {
        assert_eq!(Fen::parse_yuan(&amount.to_string()), Some(amount), "{text}");
    }
}
