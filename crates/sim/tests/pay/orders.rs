use serde_json::json;
use sim::mini::openid_of;
use wechat::pay::{Code, Fen, H5Scene, H5System, TradeState};
use wechat::{Outcome, UnixTime};

use crate::support::{NOON, NOWHERE, Stage, http, order};

#[tokio::test]
async fn an_order_is_made_paid_and_queried_under_both_kinds_of_key() {
    let stage = Stage::set().await;
    let mut by_certificate = stage.config();
    by_certificate.public_keys.clear();
    let by_certificate = wechat::pay::Merchant::new(by_certificate).expect("a merchant");
    for (number, merchant) in [("ORDER_A_1", stage.merchant()), ("ORDER|B*2", by_certificate)] {
        let order = order(number, 1000, NOWHERE);
        let openid = openid_of("alice").into();
        let prepay_id = merchant.prepay_jsapi(&order, &openid).await.expect("made");
        assert_eq!(merchant.prepay_jsapi(&order, &openid).await.expect("made again"), prepay_id);
        let params = merchant.pay_params(&order.appid, &prepay_id).expect("signs");
        assert_eq!(params.package, format!("prepay_id={}", prepay_id.0));

        let open = merchant.query_by_out_trade_no(number).await.expect("known");
        assert_eq!((&open.trade_state, open.paid()), (&TradeState::NotPay, None));
        stage.act("/sim/pay", json!({"prepay_id": prepay_id.0})).await;
        let paid = merchant.query_by_out_trade_no(number).await.expect("known").paid().expect("paid");
        assert_eq!((paid.total, paid.currency.as_str()), (Fen(1000), "CNY"));
        assert_eq!(paid.openid, Some(openid));
        assert_eq!(paid.success_time, Some(UnixTime::from_secs(NOON)));
        let same = merchant.query_by_transaction_id(&paid.transaction_id).await.expect("known");
        assert_eq!((same.out_trade_no.as_str(), same.attach.as_deref()), (number, Some("uid=42, a|b")));

        let late = merchant.close(number).await.expect_err("paid");
        assert!(late.is_already_paid() && late.outcome() == Outcome::Refused, "{late}");
        let again = merchant.prepay_native(&order).await.expect_err("paid");
        assert_eq!(again.code(), Some(&Code::OrderPaid));
    }
    stage.world.stop().await;
}

#[tokio::test]
async fn native_and_h5_lead_somewhere() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let code = merchant.prepay_native(&order("NATIVE_1", 1, NOWHERE)).await.expect("made");
    assert!(code.starts_with("weixin://"));
    let scene = H5Scene { client_ip: [10, 0, 0, 1].into(), system: H5System::Wap };
    let address = merchant.prepay_h5(&order("H5_ORDER", 1, NOWHERE), &scene).await.expect("made");
    let page = http().get(&address).send().await.expect("a page");
    assert!(page.status() == 200 && page.text().await.expect("text").contains("模拟支付"));
    let app = merchant.prepay_app(&order("APP_ORDER", 1, NOWHERE)).await.expect("made");
    assert_eq!(merchant.app_pay_params(sim::APPID, &app).expect("signs").package, "Sign=WXPay");
}

#[tokio::test]
async fn a_closed_order_stays_closed_and_an_unknown_one_is_unknown() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let order = order("CLOSE_ME", 500, NOWHERE);
    merchant.prepay_native(&order).await.expect("made");
    merchant.close("CLOSE_ME").await.expect("closed");
    merchant.close("CLOSE_ME").await.expect("closed again");
    assert_eq!(merchant.query_by_out_trade_no("CLOSE_ME").await.expect("known").trade_state, TradeState::Closed);
    assert_eq!(merchant.prepay_native(&order).await.expect_err("closed").code(), Some(&Code::OrderClosed));
    for error in [
        merchant.query_by_out_trade_no("NEVER_MADE").await.map(|_| ()).expect_err("unknown"),
        merchant.close("NEVER_MADE").await.expect_err("unknown"),
        merchant.query_by_transaction_id("4200000000").await.map(|_| ()).expect_err("unknown"),
    ] {
        assert!(error.is_not_found() && error.is_definite(), "{error}");
    }
}

#[tokio::test]
async fn another_order_under_the_same_number_is_refused() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    merchant.prepay_native(&order("SAME_NUMBER", 500, NOWHERE)).await.expect("made");
    let error = merchant.prepay_native(&order("SAME_NUMBER", 501, NOWHERE)).await.expect_err("another");
    assert_eq!((error.code(), error.outcome()), (Some(&Code::InvalidRequest), Outcome::Refused));
    let mut foreign = order("FOREIGN_APP", 500, NOWHERE);
    foreign.appid = "wxsim_other".to_owned();
    let error = merchant.prepay_native(&foreign).await.expect_err("another app");
    assert_eq!(error.code(), Some(&Code::AppidMchidNotMatch));
}

#[tokio::test]
async fn time_ends_paying_and_then_the_order() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let mut timed = order("TIMED_ORDER", 500, NOWHERE);
    timed.time_expire = Some(UnixTime::from_secs(NOON + 600));
    merchant.prepay_native(&timed).await.expect("made");
    stage.time.pass(601);
    let refused = http().post(format!("{}/sim/orders/TIMED_ORDER/pay", stage.world.base_url()));
    assert_eq!(refused.send().await.expect("answers").status(), 409);
    let state = merchant.query_by_out_trade_no("TIMED_ORDER").await.expect("known").trade_state;
    assert_eq!(state, TradeState::NotPay, "the last moment for paying closes nothing");
    stage.time.pass(7 * 24 * 3600);
    let state = merchant.query_by_out_trade_no("TIMED_ORDER").await.expect("known").trade_state;
    assert_eq!(state, TradeState::Closed);
}

#[tokio::test]
async fn strangers_and_replays_are_kept_out() {
    let stage = Stage::set().await;
    let mut wrong_key = stage.config();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../wechat/tests/vectors.json")).expect("vectors are JSON");
    wrong_key.private_key_pem = vectors["keys"]["merchant_private_key_pkcs8"].as_str().expect("a key").into();
    let mut wrong_serial = stage.config();
    wrong_serial.certificate_serial = "00AB".to_owned();
    let mut slow_clock = stage.config();
    let past = stage.time.secs() - 301;
    slow_clock.clock = std::sync::Arc::new(move || UnixTime::from_secs(past));
    for (name, config) in [("key", wrong_key), ("serial", wrong_serial)] {
        let error = wechat::pay::Merchant::new(config).expect("a merchant").close("NUMBER_1").await.expect_err(name);
        assert_eq!((error.code(), error.outcome()), (Some(&Code::SignError), Outcome::Refused), "{name}");
    }
    // With a clock that far off, our side cannot believe the refusal either.
    let error = wechat::pay::Merchant::new(slow_clock).expect("a merchant").close("NUMBER_1").await.expect_err("clock");
    assert_eq!(error.outcome(), Outcome::Unknown);
    let unsigned = http().get(format!("{}/v3/certificates", stage.world.base_url())).send().await.expect("answers");
    assert_eq!(unsigned.status(), 401);
    assert!(unsigned.headers().contains_key("wechatpay-signature"));

    let key = wechat::pay::MerchantKey::from_pem(&sim::pay::MERCHANT_PRIVATE_KEY_PEM.into(), sim::pay::MERCHANT_SERIAL);
    let parts = wechat::pay::SignedParts {
        method: "GET",
        path_and_query: "/v3/certificates",
        timestamp: UnixTime::from_secs(stage.time.secs()),
        nonce: "the-same-nonce-twice",
        body: b"",
    };
    let header = key.expect("a key").authorization(sim::pay::MCHID, &parts).expect("signs");
    for expected in [200, 401] {
        let request = http().get(format!("{}/v3/certificates", stage.world.base_url()));
        let request = request.header("authorization", &header).header("accept", "application/json");
        let answer = request.header("user-agent", "test").send().await.expect("answers");
        assert_eq!(answer.status(), expected);
    }
}

#[tokio::test]
async fn every_signed_part_counts() {
    let stage = Stage::set().await;
    let key = wechat::pay::MerchantKey::from_pem(&sim::pay::MERCHANT_PRIVATE_KEY_PEM.into(), sim::pay::MERCHANT_SERIAL);
    let key = key.expect("a key");
    let (path, body) = ("/v3/pay/transactions/out-trade-no/NUMBER_1/close?x=%7C", r#"{"mchid":"0900000001"}"#);
    for (number, (method, sent_path, sent_body, expected)) in [
        ("POST", path, body, 404),
        ("POST", &path.replace("%7C", "%7c"), body, 401),
        ("POST", &path.replace("NUMBER_1", "NUMBER_2"), body, 401),
        ("POST", path, &format!("{body} "), 401),
        ("PUT", path, body, 401),
    ]
    .into_iter()
    .enumerate()
    {
        let nonce = format!("nonce-{number}");
        let parts = wechat::pay::SignedParts {
            method: "POST",
            path_and_query: path,
            timestamp: UnixTime::from_secs(stage.time.secs()),
            nonce: &nonce,
            body: body.as_bytes(),
        };
        let header = key.authorization(sim::pay::MCHID, &parts).expect("signs");
        let address = format!("{}{sent_path}", stage.world.base_url());
        let request = http().request(method.parse().expect("a method"), address).header("authorization", header);
        let request = request.header("accept", "application/json").header("user-agent", "test");
        let answer = request.header("content-type", "application/json").body(sent_body.to_owned()).send().await;
        assert_eq!(answer.expect("answers").status(), expected, "{number}");
    }
}

#[tokio::test]
async fn old_and_early_signatures_are_refused() {
    let stage = Stage::set().await;
    let key = wechat::pay::MerchantKey::from_pem(&sim::pay::MERCHANT_PRIVATE_KEY_PEM.into(), sim::pay::MERCHANT_SERIAL);
    let key = key.expect("a key");
    for (offset, expected) in [(0, 200), (-300, 200), (300, 200), (-301, 401), (301, 401)] {
        let parts = wechat::pay::SignedParts {
            method: "GET",
            path_and_query: "/v3/certificates",
            timestamp: UnixTime::from_secs(stage.time.secs() + offset),
            nonce: &format!("nonce{offset}"),
            body: b"",
        };
        let header = key.authorization(sim::pay::MCHID, &parts).expect("signs");
        let request = http().get(format!("{}/v3/certificates", stage.world.base_url())).header("authorization", header);
        let answer = request.header("accept", "application/json").header("user-agent", "test").send().await;
        assert_eq!(answer.expect("answers").status(), expected, "{offset}");
    }
}
