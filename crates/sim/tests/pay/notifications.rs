use serde_json::json;
use sim::{NotifyWith, Settings};
use wechat::pay::{Event, Fen, NotifyError, VerifyError};

use crate::support::{Receiver, Stage, order};

#[tokio::test]
async fn a_payment_is_told_under_every_kind_of_key() {
    for (notify_with, empty_associated_data) in
        [(NotifyWith::Certificate, false), (NotifyWith::PublicKey, true), (NotifyWith::Mixed, false)]
    {
        let settings = Settings { notify_with, empty_associated_data, ..Settings::default() };
        let stage = Stage::set_with(settings).await;
        let receiver = Receiver::open(stage.merchant(), 0).await;
        for number in ["TOLD_ORDER_1", "TOLD_ORDER_2"] {
            stage.merchant().prepay_native(&order(number, 900, &receiver.url)).await.expect("made");
            stage.act(&format!("/sim/orders/{number}/pay"), json!({})).await;
        }
        for seen in receiver.wait_for(2).await {
            let Ok(Event::Payment(payment)) = seen.map(|it| it.event) else { panic!("{notify_with:?}") };
            assert_eq!(payment.paid().map(|paid| paid.total), Some(Fen(900)));
        }
    }
}

#[tokio::test]
async fn a_refused_notification_comes_again_on_schedule_and_is_the_same() {
    let stage = Stage::set().await;
    let receiver = Receiver::open(stage.merchant(), 3).await;
    stage.merchant().prepay_native(&order("REPEATED_1", 900, &receiver.url)).await.expect("made");
    stage.act("/sim/orders/REPEATED_1/pay", json!({})).await;
    let tries = |count: usize| {
        move |seen: &serde_json::Value| seen["notices"][0]["tries"].as_array().is_some_and(|it| it.len() == count)
    };
    stage.until("/sim/state", tries(1)).await;
    for (pause, count) in [(15, 2), (15, 3), (30, 4)] {
        stage.time.pass(pause - 1);
        assert_eq!(stage.look("/sim/state").await["notices"][0]["tries"].as_array().map(Vec::len), Some(count - 1));
        stage.time.pass(1);
        stage.until("/sim/state", tries(count)).await;
    }
    let state = stage.until("/sim/state", |seen| seen["notices"][0]["state"] == "arrived").await;
    assert_eq!(state["notices"][0]["tries"][2]["status"], 500);
    let id = state["notices"][0]["id"].as_str().expect("an id").to_owned();
    stage.act(&format!("/sim/notices/{id}/send"), json!({})).await;
    let seen = receiver.wait_for(2).await;
    assert!(seen.iter().all(|it| it.as_ref().is_ok_and(|it| it.id == id)));
}

#[tokio::test]
async fn fifteen_repetitions_and_then_silence() {
    let stage = Stage::set().await;
    let receiver = Receiver::open(stage.merchant(), 100).await;
    stage.merchant().prepay_native(&order("GIVEN_UP_1", 900, &receiver.url)).await.expect("made");
    stage.act("/sim/orders/GIVEN_UP_1/pay", json!({})).await;
    for count in 1..=16 {
        stage
            .until("/sim/state", |seen| seen["notices"][0]["tries"].as_array().is_some_and(|it| it.len() == count))
            .await;
        stage.time.pass(6 * 3600);
    }
    let state = stage.until("/sim/state", |seen| seen["notices"][0]["state"] == "given_up").await;
    assert_eq!(state["notices"][0]["tries"].as_array().map(Vec::len), Some(16));
}

#[tokio::test]
async fn forged_ones_are_refused_and_the_genuine_one_follows() {
    let stage = Stage::set().await;
    let receiver = Receiver::open(stage.merchant(), 0).await;
    stage.merchant().prepay_native(&order("FORGED_ORDER", 900, &receiver.url)).await.expect("made");
    let forge = json!(["probe", "wrong_key", "unknown_serial", "stale", "tampered", "unsigned", "wrong_seal"]);
    stage.act("/sim/orders/FORGED_ORDER/pay", json!({"notice": {"forge": forge}})).await;
    for count in 1..8 {
        receiver.wait_for(count).await;
        stage
            .until("/sim/state", |seen| seen["notices"][0]["tries"].as_array().is_some_and(|it| it.len() == count))
            .await;
        stage.time.pass(1800);
    }
    let seen = receiver.wait_for(8).await;
    let unknown = "51A0000000000000000000000000000000000BAD".to_owned();
    let expected = [
        NotifyError::Unverified(VerifyError::Probe),
        NotifyError::Unverified(VerifyError::WrongSignature),
        NotifyError::Unverified(VerifyError::UnknownSerial(unknown)),
        NotifyError::Unverified(VerifyError::NotFresh),
        NotifyError::Unverified(VerifyError::WrongSignature),
        NotifyError::Unverified(VerifyError::Missing("Wechatpay-Serial")),
        NotifyError::Sealed,
    ];
    for (number, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
        assert_eq!(seen.as_ref().err(), Some(expected), "{number}");
    }
    assert!(seen[7].is_ok());
}

#[tokio::test]
async fn lost_delayed_doubled_and_of_a_wrong_amount() {
    let stage = Stage::set().await;
    let receiver = Receiver::open(stage.merchant(), 0).await;
    for number in ["LOST_1", "DELAYED_1", "DOUBLED_1", "WRONG_1"] {
        stage.merchant().prepay_native(&order(number, 900, &receiver.url)).await.expect("made");
    }
    stage.act("/sim/orders/LOST_1/pay", json!({"notice": {"lose": true}})).await;
    stage.act("/sim/orders/DELAYED_1/pay", json!({"notice": {"delay_s": 60}})).await;
    stage.act("/sim/orders/DOUBLED_1/pay", json!({"notice": {"copies": 3}})).await;
    let seen = receiver.wait_for(3).await;
    let id = |index: usize| seen[index].as_ref().map(|it| it.id.clone()).expect("opens");
    assert!(id(0) == id(1) && id(1) == id(2));
    stage.act("/sim/orders/WRONG_1/pay", json!({"total": 899})).await;
    let seen = receiver.wait_for(4).await;
    let Ok(Event::Payment(payment)) = seen[3].as_ref().map(|it| &it.event) else { panic!("{seen:?}") };
    assert_eq!((payment.out_trade_no.as_str(), payment.paid().map(|paid| paid.total)), ("WRONG_1", Some(Fen(899))));
    stage.time.pass(60);
    assert_eq!(receiver.wait_for(5).await.len(), 5);
    let notices = stage.look("/sim/state").await["notices"].clone();
    assert_eq!(notices.as_array().and_then(|all| all.last()).map(|last| &last["state"]), Some(&json!("lost")));
    let query = stage.merchant().query_by_out_trade_no("LOST_1").await.expect("known");
    assert_eq!(
        query.paid().map(|paid| paid.total),
        Some(Fen(900)),
        "the query knows what the notification did not tell"
    );
}
