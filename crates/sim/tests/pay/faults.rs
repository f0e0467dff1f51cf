use serde_json::json;
use sim::Settings;
use wechat::pay::{Code, TradeState, VerifyError};
use wechat::{Kind, Outcome};

use crate::support::{NOWHERE, Stage, order};

#[tokio::test]
async fn what_cannot_be_believed_is_unknown_and_nothing_else() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    merchant.prepay_native(&order("FAULTY_1", 700, NOWHERE)).await.expect("made");
    for (kind, why) in [
        ("unsigned", VerifyError::Missing("Wechatpay-Serial")),
        ("stale", VerifyError::NotFresh),
        ("tampered", VerifyError::WrongSignature),
        ("tampered_plain", VerifyError::WrongSignature),
        ("wrong_key", VerifyError::WrongSignature),
        ("probe", VerifyError::Probe),
        ("unknown_serial", VerifyError::UnknownSerial("51A0000000000000000000000000000000000BAD".to_owned())),
        ("unsigned_not_found", VerifyError::Missing("Wechatpay-Serial")),
        ("bad_gateway", VerifyError::Missing("Wechatpay-Serial")),
    ] {
        stage.act("/sim/faults", json!({"kind": kind, "path": "FAULTY_1", "times": 1})).await;
        let error = merchant.query_by_out_trade_no("FAULTY_1").await.expect_err(kind);
        assert_eq!(error.outcome(), Outcome::Unknown, "{kind}");
        let Kind::Unverified { why: found, .. } = error.kind() else { panic!("{kind}: {error}") };
        assert_eq!(*found, why, "{kind}");
        let state = merchant.query_by_out_trade_no("FAULTY_1").await.expect("known").trade_state;
        assert_eq!(state, TradeState::NotPay, "the fault is over");
    }
}

#[tokio::test]
async fn lost_answers_leave_the_work_done_or_not_and_nobody_knows() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let mut config = stage.config();
    config.transport.total_timeout = std::time::Duration::from_millis(300);
    let impatient = wechat::pay::Merchant::new(config).expect("a merchant");
    for (number, (kind, was_done)) in [
        ("drop_before", false),
        ("drop_after", true),
        ("silence", true),
        ("bad_gateway_after", true),
        ("system_error_after", true),
        ("system_error", false),
    ]
    .into_iter()
    .enumerate()
    {
        let order = order(&format!("LOST_ORDER_{number}"), 700, NOWHERE);
        stage.act("/sim/faults", json!({"kind": kind, "path": "/native", "times": 1, "ms": 60_000})).await;
        let caller = if kind == "silence" { &impatient } else { &merchant };
        let error = caller.prepay_native(&order).await.expect_err(kind);
        assert_eq!(error.outcome(), Outcome::Unknown, "{kind}: {error}");
        let known = merchant.query_by_out_trade_no(&order.out_trade_no).await;
        match was_done {
            true => assert_eq!(known.expect(kind).trade_state, TradeState::NotPay),
            false => assert!(known.expect_err(kind).is_not_found()),
        }
        merchant.prepay_native(&order).await.expect("the same again is always right");
    }
}

#[tokio::test]
async fn too_many_calls_are_refused_for_sure() {
    let stage = Stage::set().await;
    stage.act("/sim/faults", json!({"kind": "rate_limit", "times": 1})).await;
    let error = stage.merchant().close("NUMBER_1").await.expect_err("limited");
    assert!(error.is_rate_limited() && error.is_definite(), "{error}");
    assert_eq!(error.code(), Some(&Code::FrequencyLimited));
}

#[tokio::test]
async fn a_rotation_is_followed() {
    let stage = Stage::set_with(Settings { rotated: true, ..Settings::default() }).await;
    let mut config = stage.config();
    config.public_keys.clear();
    let merchant = wechat::pay::Merchant::new(config).expect("a merchant");
    assert_eq!(merchant.key_serials().len(), 1);
    merchant.prepay_native(&order("ROTATED_1", 700, NOWHERE)).await.expect("believed with the new certificate");
    assert_eq!(merchant.key_serials().len(), 2);
    let calls = stage.look("/sim/calls").await;
    assert_eq!(calls[1]["path"], "/v3/certificates");
}

#[tokio::test]
async fn certificates_come_to_a_merchant_who_has_none() {
    let stage = Stage::set().await;
    let mut config = stage.config();
    config.public_keys.clear();
    config.certificates.clear();
    let merchant = wechat::pay::Merchant::new(config).expect("a merchant");
    assert!(merchant.refresh_certificates().await.expect("believed"));
    merchant.prepay_native(&order("BOOTSTRAP", 700, NOWHERE)).await.expect("believed");
}
