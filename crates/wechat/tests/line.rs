#![cfg(test)]

//! Calls over a line in place of the network.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, USER_AGENT};
use wechat::pay::{Config, Merchant, PublicKey};
use wechat::{Answer, Broken, Call, Carrying, Kind, Line, Outcome, TransportConfig, UnixTime};

#[derive(Debug)]
enum Wire {
    /// Answers without a signature.
    Whole,
    Broken(Broken),
    Silent,
}

impl Line for Wire {
    fn carry(&self, call: Call) -> Carrying<'_> {
        Box::pin(async move {
            assert_eq!(call.url.path(), "/v3/pay/transactions/out-trade-no/RECH01");
            assert!(call.headers.contains_key("authorization"), "it is signed");
            assert_eq!(call.headers[USER_AGENT], TransportConfig::default().user_agent);
            match self {
                Self::Whole => Ok(Answer { status: 200, headers: HeaderMap::new(), body: b"{}".to_vec() }),
                Self::Broken(broken) => Err(*broken),
                Self::Silent => std::future::pending().await,
            }
        })
    }
}

fn merchant(wire: Wire) -> Merchant {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors.json")).expect("vectors are JSON");
    let text = |name: &str| vectors["keys"][name].as_str().expect("text").to_owned();
    let total_timeout = Duration::from_millis(20);
    Merchant::new(Config {
        base_url: "http://wechat.invalid".to_owned(),
        mchid: text("mchid"),
        certificate_serial: text("merchant_serial_no"),
        private_key_pem: text("merchant_private_key_pkcs8").as_str().into(),
        apiv3_key: text("apiv3_key").as_str().into(),
        apiv2_key: None,
        public_keys: vec![PublicKey { id: text("wechatpay_public_key_id"), pem: text("wechatpay_public_key_spki") }],
        certificates: Vec::new(),
        transport: TransportConfig { line: Some(Arc::new(wire)), total_timeout, ..TransportConfig::default() },
        clock: Arc::new(|| UnixTime::from_secs(1_700_000_000)),
    })
    .expect("a merchant")
}

#[tokio::test]
async fn what_breaks_on_a_line_is_known_as_far_as_it_came() {
    for (wire, outcome) in [
        (Wire::Broken(Broken::Before), Outcome::NotSent),
        (Wire::Broken(Broken::After), Outcome::Unknown),
        (Wire::Silent, Outcome::Unknown),
    ] {
        let error = merchant(wire).query_by_out_trade_no("RECH01").await.expect_err("broken");
        assert_eq!(error.outcome(), outcome, "{error}");
    }
}

#[tokio::test]
async fn an_answer_from_a_line_is_believed_no_sooner_than_one_from_the_network() {
    let error = merchant(Wire::Whole).query_by_out_trade_no("RECH01").await.expect_err("unsigned");
    assert!(matches!(error.kind(), Kind::Unverified { status: 200, .. }), "{error}");
}
