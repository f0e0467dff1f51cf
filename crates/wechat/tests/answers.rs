//! What the client makes of answers, well-meant and other, over real HTTP.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wechat::mini::{self, MiniProgram};
use wechat::pay::{Code, Config, Merchant, PublicKey, VerifyError};
use wechat::{Kind, Outcome, TransportConfig, UnixTime};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("vectors are JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name}"))
}

/// A server that gives prepared answers in order, one for each connection, and keeps what it was asked.
struct Canned {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let base_url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            while let Some(answer) = answers.pop_front() {
                let (mut peer, _) = listener.accept().await.expect("a caller");
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !is_whole(&request) {
                    match peer.read(&mut piece).await {
                        Ok(0) | Err(_) => break,
                        Ok(length) => request.extend_from_slice(&piece[..length]),
                    }
                }
                seen.lock().expect("not poisoned").push(String::from_utf8_lossy(&request).into_owned());
                let _ = peer.write_all(answer.as_bytes()).await;
            }
        });
        Self { base_url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

fn signed(vector: &Value, status: u16, body: &str, also: (&str, &str)) -> String {
    let headers = vector["headers"].as_object().expect("headers");
    let mut headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
    headers.push(also);
    answer(status, &headers, body)
}

fn merchant(base_url: &str, now: i64, with_keys: bool) -> Merchant {
    merchant_at(base_url, Arc::new(AtomicI64::new(now)), with_keys)
}

fn merchant_at(base_url: &str, now: Arc<AtomicI64>, with_keys: bool) -> Merchant {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let public_key = PublicKey {
        id: text(keys, "wechatpay_public_key_id").to_owned(),
        pem: text(keys, "wechatpay_public_key_spki").to_owned(),
    };
    Merchant::new(Config {
        base_url: base_url.to_owned(),
        mchid: text(keys, "mchid").to_owned(),
        certificate_serial: text(keys, "merchant_serial_no").to_owned(),
        private_key_pem: text(keys, "merchant_private_key_pkcs8").into(),
        apiv3_key: text(keys, "apiv3_key").into(),
        apiv2_key: None,
        public_keys: if with_keys { vec![public_key] } else { vec![] },
        certificates: if with_keys { vec![text(keys, "platform_certificate").to_owned()] } else { vec![] },
        transport: TransportConfig::default(),
        clock: Arc::new(move || UnixTime::from_secs(now.load(Ordering::SeqCst))),
    })
    .expect("a merchant")
}

fn response_vector(name: &str) -> Value {
    let vectors = vectors();
    let all = vectors["response_verify"].as_array().expect("a list");
    all.iter().find(|vector| vector["name"] == name).expect("a vector").clone()
}

const NUMBER: &str = "RECH20260124150000AbCd1234Ef";

#[tokio::test]
async fn an_empty_signed_answer_is_believed_and_an_unsigned_one_is_not() {
    let vector = response_vector("close_204_empty_body_pubkey");
    let now = vector["now"].as_i64().expect("seconds");
    let server = Canned::start(vec![signed(&vector, 204, "", ("x", "y")), answer(204, &[], "")]).await;
    let merchant = merchant(&server.base_url, now, true);
    merchant.close(NUMBER).await.expect("closed");
    let error = merchant.close(NUMBER).await.expect_err("unsigned");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(matches!(error.kind(), Kind::Unverified { status: 204, why: VerifyError::Missing(_) }));
    let request = &server.asked()[0];
    assert!(request.starts_with(&format!("POST /v3/pay/transactions/out-trade-no/{NUMBER}/close HTTP/1.1\r\n")));
    assert!(request.contains("\r\nauthorization: WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\""));
    assert!(request.contains("\r\nwechatpay-serial: PUB_KEY_ID_"));
    assert!(request.contains("\r\nuser-agent: ") && request.contains("\r\naccept: application/json\r\n"));
    assert!(request.ends_with("\r\n\r\n{\"mchid\":\"1900000001\"}"));
}

#[tokio::test]
async fn an_empty_answer_with_another_ones_signature_is_not_believed() {
    let vector = response_vector("query_200_pubkey");
    let now = vector["now"].as_i64().expect("seconds");
    let server = Canned::start(vec![signed(&vector, 204, "", ("x", "y"))]).await;
    let error = merchant(&server.base_url, now, true).close(NUMBER).await.expect_err("another answer's signature");
    assert!(matches!(error.kind(), Kind::Unverified { status: 204, why: VerifyError::WrongSignature }), "{error}");
}

#[tokio::test]
async fn the_content_type_excuses_nothing() {
    let vector = response_vector("query_200_pubkey");
    let (now, body) = (vector["now"].as_i64().expect("seconds"), text(&vector, "body"));
    let plain = ("content-type", "text/plain");
    let changed = body.replacen("1000", "9000", 1).replacen("SUCCESS", "REVOKED", 1);
    assert_ne!(changed, body);
    let server = Canned::start(vec![signed(&vector, 200, body, plain), signed(&vector, 200, &changed, plain)]).await;
    let merchant = merchant(&server.base_url, now, true);
    let out_trade_no =
        serde_json::from_str::<Value>(body).expect("JSON")["out_trade_no"].as_str().expect("text").to_owned();
    merchant.query_by_out_trade_no(&out_trade_no).await.expect("believed");
    let error = merchant.query_by_out_trade_no(&out_trade_no).await.expect_err("tampered");
    assert!(matches!(error.kind(), Kind::Unverified { why: VerifyError::WrongSignature, .. }), "{error}");
}

#[tokio::test]
async fn a_believed_answer_about_something_else_is_not_taken() {
    let vector = response_vector("query_200_pubkey");
    let now = vector["now"].as_i64().expect("seconds");
    let server = Canned::start(vec![signed(&vector, 200, text(&vector, "body"), ("x", "y"))]).await;
    let error = merchant(&server.base_url, now, true).query_by_out_trade_no("ANOTHER_1").await.expect_err("another");
    assert_eq!((error.kind(), error.outcome()), (&Kind::Mismatch("out_trade_no"), Outcome::Unknown));
}

#[tokio::test]
async fn an_unsigned_refusal_proves_nothing() {
    let body = r#"{"code":"ORDER_NOT_EXIST","message":"订单不存在"}"#;
    let server = Canned::start(vec![answer(404, &[], body), answer(502, &[], "<html>")]).await;
    let merchant = merchant(&server.base_url, 1_767_225_600, true);
    for _ in 0..2 {
        let error = merchant.query_by_out_trade_no(NUMBER).await.expect_err("unsigned");
        assert!(!error.is_definite() && !error.is_not_found(), "{error}");
        assert_eq!(error.code(), None::<&Code>);
    }
}

#[tokio::test]
async fn certificates_bootstrap_from_nothing_and_are_asked_for_rarely() {
    let vectors = vectors();
    let vector = &vectors["certificates_response"];
    let now = vector["now"].as_i64().or_else(|| text(vector, "now").parse().ok()).expect("seconds");
    let server = Canned::start(vec![signed(vector, 200, text(vector, "body"), ("x", "y"))]).await;
    let merchant = merchant(&server.base_url, now, false);
    assert!(merchant.key_serials().is_empty());
    assert!(merchant.refresh_certificates().await.expect("believed"));
    assert_eq!(merchant.key_serials(), [text(&vectors["keys"], "platform_serial_no")]);
    assert!(!merchant.refresh_certificates().await.expect("too early"));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].to_lowercase().contains("wechatpay-serial"), "no key is held yet");
}

#[tokio::test]
async fn a_failed_download_is_tried_again_after_a_moment() {
    let vectors = vectors();
    let vector = &vectors["certificates_response"];
    let now = vector["now"].as_i64().or_else(|| text(vector, "now").parse().ok()).expect("seconds");
    let answers = vec![answer(502, &[], ""), signed(vector, 200, text(vector, "body"), ("x", "y"))];
    let server = Canned::start(answers).await;
    let time = Arc::new(AtomicI64::new(now));
    let merchant = merchant_at(&server.base_url, Arc::clone(&time), false);
    merchant.refresh_certificates().await.expect_err("a gateway's answer");
    assert!(!merchant.refresh_certificates().await.expect("too early"));
    time.fetch_add(10, Ordering::SeqCst);
    assert!(merchant.refresh_certificates().await.expect("believed"));
    time.fetch_add(299, Ordering::SeqCst);
    assert!(!merchant.refresh_certificates().await.expect("too early"));
}

#[tokio::test]
async fn forged_certificates_are_not_kept() {
    let vectors = vectors();
    let vector = &vectors["certificates_response"];
    let now = vector["now"].as_i64().or_else(|| text(vector, "now").parse().ok()).expect("seconds");
    let sealed = text(vector, "body").replacen("dLse26ZN", "eLse26ZN", 1);
    let unsigned = text(vector, "body").replacen("{\"data\"", "{ \"data\"", 1);
    for (body, number) in [(sealed, 1), (unsigned, 2)] {
        assert_ne!(body, text(vector, "body"));
        let server = Canned::start(vec![signed(vector, 200, &body, ("x", "y"))]).await;
        let merchant = merchant(&server.base_url, now, false);
        merchant.refresh_certificates().await.expect_err("forged");
        assert!(merchant.key_serials().is_empty(), "{number}");
    }
}

#[tokio::test]
async fn a_rotated_certificate_is_fetched_and_the_answer_looked_at_again() {
    let vectors = vectors();
    let fresh = &vectors["certificates_response"];
    let vector = response_vector("close_204_empty_body_cert");
    let now = vector["now"].as_i64().expect("seconds");
    let answers = vec![
        signed(&vector, 204, "", ("x", "y")),
        signed(fresh, 200, text(fresh, "body"), ("x", "y")),
        signed(&vector, 204, "", ("x", "y")),
    ];
    let server = Canned::start(answers).await;
    let merchant = merchant(&server.base_url, now, false);
    merchant.close(NUMBER).await.expect("believed with the new certificate");
    merchant.close(NUMBER).await.expect("believed at once");
    let paths: Vec<_> =
        server.asked().iter().map(|text| text.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(paths[1], "/v3/certificates");
    assert_eq!(paths.len(), 3);
}

#[tokio::test]
async fn one_token_serves_everybody_and_a_refused_one_is_replaced_once() {
    let given = |token: &str| answer(200, &[], &format!(r#"{{"access_token":"{token}","expires_in":7200}}"#));
    let sent = || answer(200, &[("content-type", "text/plain")], r#"{"errcode":0,"errmsg":"ok"}"#);
    let refused = || answer(200, &[], r#"{"errcode":40001,"errmsg":"invalid credential, TOKEN-ONE rid: 1"}"#);
    let server =
        Canned::start(vec![given("TOKEN-ONE"), sent(), refused(), given("TOKEN-TWO"), sent(), refused()]).await;
    let mut config = mini::Config::new("wxsim", "the-app-secret");
    config.base_url = server.base_url.clone();
    let client = MiniProgram::new(config).expect("a client");
    let message = mini::Message {
        to: "oSomebody".into(),
        template_id: "T".to_owned(),
        page: None,
        data: [("thing1".to_owned(), "x".to_owned())].into(),
        edition: mini::MiniEdition::Release,
    };
    let now = UnixTime::from_secs(1_000);
    client.send_message(&message, now).await.expect("sent");
    client.send_message(&message, now).await.expect("sent with the second token");
    let asked = server.asked();
    let tokens: Vec<_> = asked.iter().filter(|text| text.starts_with("POST /cgi-bin/stable_token ")).collect();
    assert_eq!((asked.len(), tokens.len()), (5, 2));
    assert!(asked[4].contains("access_token=TOKEN-TWO"));
    assert!(tokens[0].ends_with(r#""force_refresh":false}"#));
    // The third refusal would need a third token; the server is gone, and the error says no token and no openid.
    let error = client.send_message(&message, now).await.expect_err("refused, and nobody there");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("TOKEN") && !shown.contains("oSomebody") && !shown.contains("app-secret"), "{shown}");
}
