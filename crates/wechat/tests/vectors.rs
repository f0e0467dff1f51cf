//! Everything that independent clients computed, recomputed here through the public interface.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use wechat::pay::{
    Apiv3Key, Config, Event, KeyStore, Merchant, MerchantKey, NotifyError, PublicKey, Sealed, SignatureHeaders,
    SignedParts, VerifyError, open_field, seal_field,
};
use wechat::{Secret, TransportConfig, UnixTime};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("vectors are JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name].as_array().unwrap_or_else(|| panic!("no list {name}"));
    assert!(!list.is_empty(), "{name} is empty");
    list
}

fn time(value: &Value) -> UnixTime {
    UnixTime::from_secs(value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).expect("seconds"))
}

/// As HTTP frameworks hand them over: names in lower case.
fn headers(value: &Value) -> HashMap<String, String> {
    let headers = value["headers"].as_object().expect("headers");
    headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str().expect("text").to_owned())).collect()
}

fn key_store(keys: &Value) -> KeyStore {
    let mut store = KeyStore::default();
    let serial = store.add_certificate(text(keys, "platform_certificate")).expect("a certificate");
    assert_eq!(serial, text(keys, "platform_serial_no"));
    store
        .add_public_key(text(keys, "wechatpay_public_key_id"), text(keys, "wechatpay_public_key_spki"))
        .expect("a key");
    store
}

fn merchant(keys: &Value, now: UnixTime) -> Merchant {
    Merchant::new(Config {
        base_url: "http://127.0.0.1:9".to_owned(),
        mchid: text(keys, "mchid").to_owned(),
        certificate_serial: text(keys, "merchant_serial_no").to_owned(),
        private_key_pem: text(keys, "merchant_private_key_pkcs8").into(),
        apiv3_key: text(keys, "apiv3_key").into(),
        apiv2_key: Some(text(keys, "apiv2_key").into()),
        public_keys: vec![PublicKey {
            id: text(keys, "wechatpay_public_key_id").to_owned(),
            pem: text(keys, "wechatpay_public_key_spki").to_owned(),
        }],
        certificates: vec![text(keys, "platform_certificate").to_owned()],
        transport: TransportConfig::default(),
        clock: Arc::new(move || now),
    })
    .expect("a merchant")
}

#[test]
fn requests_are_signed_alike() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let pem = Secret::new(text(keys, "merchant_private_key_pkcs8"));
    let key = MerchantKey::from_pem(&pem, text(keys, "merchant_serial_no")).expect("a key");
    for vector in list(&vectors, "request_sign") {
        let name = text(vector, "name");
        let parts = SignedParts {
            method: text(vector, "method"),
            path_and_query: text(vector, "url"),
            timestamp: time(&vector["timestamp"]),
            nonce: text(vector, "nonce_str"),
            body: text(vector, "body").as_bytes(),
        };
        let message = parts.message();
        assert_eq!(message, text(vector, "sign_message").as_bytes(), "{name}");
        let hash: String = digest(&SHA256, &message).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, text(vector, "sign_message_sha256"), "{name}");
        assert_eq!(key.sign(&message).expect("signs"), text(vector, "signature"), "{name}");
        // The order of the pairs is free, so they are compared one by one.
        let pairs = |header: &str| {
            let (scheme, pairs) = header.split_once(' ').expect("a scheme");
            let mut pairs: Vec<String> = pairs.split(',').map(str::to_owned).collect();
            pairs.sort_unstable();
            (scheme.to_owned(), pairs)
        };
        let ours = key.authorization(text(keys, "mchid"), &parts).expect("signs");
        assert_eq!(pairs(&ours), pairs(text(vector, "authorization")), "{name}");
    }
}

#[test]
fn answers_are_believed_alike() {
    let vectors = vectors();
    let keys = key_store(&vectors["keys"]);
    for vector in list(&vectors, "response_verify") {
        let headers = headers(vector);
        let lookup = |name: &str| headers.get(&name.to_lowercase()).map(String::as_str);
        let verdict = SignatureHeaders::from_lookup(lookup)
            .and_then(|headers| keys.verify(&headers, text(vector, "body").as_bytes(), time(&vector["now"])));
        assert_eq!(verdict.is_ok(), text(vector, "expect") == "accept", "{}: {verdict:?}", text(vector, "name"));
    }
}

#[test]
fn notifications_are_taken_alike() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    for vector in list(&vectors, "notify") {
        let name = text(vector, "name");
        let headers = headers(vector);
        let lookup = |name: &str| headers.get(&name.to_lowercase()).map(String::as_str);
        let opened = merchant(keys, time(&vector["now"])).open_notification(lookup, text(vector, "body").as_bytes());
        if text(vector, "expect") == "reject" {
            let why = opened.expect_err(name);
            assert!(matches!(why, NotifyError::Unverified(_)), "{name}: {why}");
            continue;
        }
        let opened = opened.unwrap_or_else(|why| panic!("{name}: {why}"));
        let later = merchant(keys, UnixTime::from_secs(i64::MAX)).reopen_notification(text(vector, "body").as_bytes());
        assert_eq!(later.expect(name).id, opened.id);
        let plain: Value = serde_json::from_str(text(vector, "plaintext")).expect("JSON");
        if let Some(event_type) = vector["event_type"].as_str() {
            assert_eq!(opened.event_type, event_type, "{name}");
        }
        match &opened.event {
            Event::Payment(payment) => {
                let paid = payment.paid().expect("paid");
                assert_eq!(payment.out_trade_no, text(&plain, "out_trade_no"));
                assert_eq!(paid.transaction_id, text(&plain, "transaction_id"));
                assert_eq!(Some(paid.total.0), plain["amount"]["total"].as_i64());
            }
            Event::Refund(refund) => {
                assert_eq!(refund.out_refund_no, text(&plain, "out_refund_no"));
                assert_eq!(Some(refund.refund().0), plain["amount"]["refund"].as_i64());
            }
            Event::ServiceOrder(order) => {
                assert_eq!(order.out_order_no, text(&plain, "out_order_no"));
                assert_eq!(order.is_paid(), plain["collection"]["state"] == "USER_PAID");
            }
            Event::Permission(notice) => assert_eq!(notice.user_service_status, text(&plain, "user_service_status")),
            other => panic!("{name}: {other:?}"),
        }
        let openid = plain["openid"].as_str().or(plain["payer"]["openid"].as_str());
        if let Some(openid) = openid {
            assert!(!format!("{opened:?}").contains(openid), "{name}: the openid shows");
        }
    }
}

#[test]
fn notifications_fail_for_the_right_reason() {
    let vectors = vectors();
    let reason = |name: &str| {
        let vector = list(&vectors, "notify").iter().find(|vector| text(vector, "name") == name).expect("a vector");
        let headers = headers(vector);
        let lookup = |name: &str| headers.get(&name.to_lowercase()).map(String::as_str);
        let merchant = merchant(&vectors["keys"], time(&vector["now"]));
        merchant.open_notification(lookup, text(vector, "body").as_bytes()).expect_err(name)
    };
    assert_eq!(reason("neg_body_tampered"), NotifyError::Unverified(VerifyError::WrongSignature));
    assert_eq!(reason("neg_timestamp_future_301s"), NotifyError::Unverified(VerifyError::NotFresh));
    assert_eq!(reason("neg_signtest_probe"), NotifyError::Unverified(VerifyError::Probe));
    assert!(matches!(reason("neg_unknown_serial"), NotifyError::Unverified(VerifyError::UnknownSerial(_))));
}

#[test]
fn a_notification_for_another_merchant_is_not_taken() {
    let vectors = vectors();
    let mut keys = vectors["keys"].clone();
    keys["mchid"] = "1900000002".into();
    let mut kinds = 0;
    for vector in list(&vectors, "notify").iter().filter(|vector| vector["expect"] == "accept") {
        let headers = headers(vector);
        let lookup = |name: &str| headers.get(&name.to_lowercase()).map(String::as_str);
        let opened = merchant(&keys, time(&vector["now"])).open_notification(lookup, text(vector, "body").as_bytes());
        assert_eq!(opened.err(), Some(NotifyError::OtherMerchant), "{}", text(vector, "name"));
        kinds += 1;
    }
    assert!(kinds > 4);
}

#[test]
fn seals_open_alike() {
    let vectors = vectors();
    let mut refused = 0;
    for vector in list(&vectors, "aes_256_gcm") {
        let sealed = Sealed {
            algorithm: "AEAD_AES_256_GCM".to_owned(),
            nonce: text(vector, "nonce").to_owned(),
            associated_data: vector["associated_data"].as_str().unwrap_or_default().to_owned(),
            ciphertext: text(vector, "ciphertext").to_owned(),
            original_type: String::new(),
        };
        let key = Apiv3Key::new(&text(vector, "key").into()).expect("a key");
        let opened = key.open(&sealed);
        if vector["expect"] == "reject" {
            assert_eq!(opened, None, "{}", text(vector, "name"));
            refused += 1;
        } else {
            assert_eq!(opened.as_deref(), Some(text(vector, "plaintext").as_bytes()), "{}", text(vector, "name"));
        }
        let other = Sealed { algorithm: "AEAD_SM4_GCM".to_owned(), ..sealed };
        assert_eq!(key.open(&other), None);
    }
    assert!(refused > 0, "no vector that must fail");
}

#[test]
fn fields_open_and_close() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let private = Secret::new(text(keys, "merchant_private_key_pkcs8"));
    for vector in list(&vectors, "rsa_oaep_sha1") {
        let opened = open_field(&private, text(vector, "ciphertext")).expect("opens");
        assert_eq!(opened.expose(), text(vector, "plaintext"));
    }
    let sealed = seal_field(text(keys, "merchant_public_key_spki"), &"张三".into()).expect("closes");
    assert_eq!(open_field(&private, &sealed).expect("opens").expose(), "张三");
    let other = Secret::new(text(keys, "platform_private_key_pkcs8"));
    assert_eq!(open_field(&other, &sealed), None);
}
