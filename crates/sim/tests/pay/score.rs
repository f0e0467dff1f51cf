use serde_json::json;
use sim::mini::openid_of;
use sim::{APPID, Settings, pay};
use wechat::Outcome;
use wechat::pay::{Event, Fen, RefundOf, RefundRequest, TradeBill, TradeBillKind};
use wechat::payscore::{
    Completion, NewServiceOrder, PaymentRow, PermissionState, RiskFund, Service, ServiceState, Start, Whose,
};

use crate::support::{Receiver, Stage};

fn service() -> Service {
    Service { appid: APPID.to_owned(), service_id: pay::SERVICE_ID.to_owned() }
}

fn new_order(number: &str, start: Start, url: &str) -> NewServiceOrder {
    NewServiceOrder {
        out_order_no: number.to_owned(),
        introduction: "智能柜购物".to_owned(),
        start,
        risk_fund: RiskFund { name: "ESTIMATE_ORDER_COST".to_owned(), amount: Fen(20_000) },
        start_location: Some("一楼大厅01号柜".to_owned()),
        device: Some("CAB-0001".to_owned()),
        notify_url: url.to_owned(),
        attach: None,
    }
}

fn permitted() -> Start {
    Start::Permitted(openid_of("alice").into())
}

async fn permit(stage: &Stage, url: &str) {
    let merchant = stage.merchant();
    merchant.apply_permission(&service(), "AUTH1", url).await.expect("a token");
    stage.act("/sim/permissions/AUTH1/open", json!({"openid": openid_of("alice")})).await;
}

fn completion(stage: &Stage, rows: Vec<PaymentRow>) -> Completion {
    let end_time = wechat::UnixTime::from_secs(stage.time.secs());
    Completion { payments: rows, discounts: vec![], end_time }
}

#[tokio::test]
async fn a_permission_is_asked_for_given_and_ended() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let receiver = Receiver::open(stage.merchant(), 0).await;
    let alice = Whose::Openid(openid_of("alice").into());
    let before = merchant.query_permission(&service(), &alice).await.expect("an answer");
    assert_eq!(before.state, PermissionState::Unavailable);
    permit(&stage, &receiver.url).await;
    for whose in [&alice, &Whose::AuthorizationCode("AUTH1".to_owned())] {
        let now = merchant.query_permission(&service(), whose).await.expect("an answer");
        assert_eq!(now.state, PermissionState::Available);
    }
    merchant.terminate_permission(&service(), &alice, "不再使用").await.expect("ended");
    let after = merchant.query_permission(&service(), &alice).await.expect("an answer");
    assert_eq!(after.state, PermissionState::Unavailable);
    let kinds: Vec<_> = receiver.wait_for(2).await.into_iter().map(|it| it.expect("opens").event_type).collect();
    assert!(kinds.contains(&"PAYSCORE.USER_OPEN_SERVICE".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn a_person_allows_it_by_a_click_whoever_asked() {
    let stage = Stage::set().await;
    let alice = openid_of("alice");
    let state = async || {
        let whose = Whose::Openid(alice.clone().into());
        stage.merchant().query_permission(&service(), &whose).await.expect("an answer").state
    };
    let click = async |allowed: bool| {
        stage.act("/sim/people/pay-score", json!({"openid": alice, "allowed": allowed})).await;
    };
    click(true).await;
    assert_eq!(state().await, PermissionState::Available);
    click(false).await;
    assert_eq!(state().await, PermissionState::Unavailable);
    click(true).await;
    assert_eq!(state().await, PermissionState::Available);
}

#[tokio::test]
async fn goods_first_money_afterwards_refund_and_bill() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let receiver = Receiver::open(stage.merchant(), 0).await;
    let refused = merchant.start_service_order(&service(), &new_order("CAB1", permitted(), &receiver.url)).await;
    assert_eq!(refused.expect_err("no permission").outcome(), Outcome::Refused);
    permit(&stage, &receiver.url).await;
    let begun = merchant.start_service_order(&service(), &new_order("CAB1", permitted(), &receiver.url)).await;
    assert_eq!(begun.expect("begun").state, ServiceState::Confirmed);
    stage.time.pass(60);
    let rows = vec![PaymentRow::goods("可乐", Fen(300), 1), PaymentRow::goods("雪碧", Fen(350), 1)];
    let done = merchant.complete_service_order(&service(), "CAB1", &completion(&stage, rows.clone())).await;
    assert_eq!(done.expect("completed").state, ServiceState::Completed);
    let less = [PaymentRow::goods("可乐", Fen(300), 1)];
    let lowered = merchant.modify_service_order(&service(), "CAB1", &less, &[], "多扣").await.expect("lowered");
    assert_eq!(lowered.total_amount, Some(Fen(300)));
    merchant.modify_service_order(&service(), "CAB1", &rows, &[], "加价").await.expect_err("never up");
    stage.time.pass(5);
    // Permission, confirmation, payment.
    let seen = receiver.wait_for(3).await;
    let paid = seen.iter().find_map(|it| match it.as_ref().map(|it| (&it.event, it.event_type.as_str())) {
        Ok((Event::ServiceOrder(order), "PAYSCORE.USER_PAID")) => Some(order.clone()),
        _ => None,
    });
    let paid = paid.expect("a notification of the payment");
    assert!(paid.is_paid() && paid.state == ServiceState::Done);
    let detail = &paid.collection.as_ref().expect("collected").details[0];
    let transaction_id = detail.transaction_id.clone().expect("through WeChat");
    let refund = RefundRequest {
        of: RefundOf::TransactionId(transaction_id.clone()),
        out_refund_no: "CAB_REFUND".to_owned(),
        reason: None,
        notify_url: None,
        refund: Fen(100),
        total: Fen(300),
    };
    assert_eq!(merchant.refund(&refund).await.expect("accepted").transaction_id, transaction_id);
    stage.act("/sim/settings", json!({"bills_at_once": true})).await;
    let bill = merchant.trade_bill("2026-01-15", TradeBillKind::All).await.expect("there");
    let bill = TradeBill::parse(&bill.text).expect("reads");
    assert_eq!(bill.rows[0].service_order().map(|(_, number)| number), Some("CAB1"));
    assert_eq!(bill.rows[0].trade_type, "AUTH");
}

#[tokio::test]
async fn nothing_taken_costs_nothing_and_a_door_that_stayed_shut_is_cancelled() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let url = Receiver::open(stage.merchant(), 0).await.url;
    permit(&stage, &url).await;
    for number in ["CAB1", "CAB2", "CAB3"] {
        merchant.start_service_order(&service(), &new_order(number, permitted(), &url)).await.expect("begun");
    }
    let fourth = merchant.start_service_order(&service(), &new_order("CAB4", permitted(), &url)).await;
    assert!(fourth.expect_err("three are running").is_definite());
    let empty =
        merchant.complete_service_order(&service(), "CAB1", &completion(&stage, vec![])).await.expect("completed");
    assert_eq!((empty.state, empty.need_collection), (ServiceState::Done, Some(false)));
    merchant.cancel_service_order(&service(), "CAB2", "门未打开").await.expect("cancelled");
    let state = merchant.query_service_order(&service(), "CAB2").await.expect("known").state;
    assert_eq!(state, ServiceState::Revoked);
    merchant.cancel_service_order(&service(), "CAB1", "太晚").await.expect_err("done");
    assert!(merchant.query_service_order(&service(), "CAB9").await.expect_err("unknown").is_not_found());
}

#[tokio::test]
async fn a_failed_deduction_waits_for_the_person_and_blocks_the_next_order() {
    let stage = Stage::set_with(Settings { deduction_fails: true, ..Settings::default() }).await;
    let merchant = stage.merchant();
    let url = Receiver::open(stage.merchant(), 0).await.url;
    permit(&stage, &url).await;
    for number in ["CAB1", "CAB2"] {
        merchant.start_service_order(&service(), &new_order(number, permitted(), &url)).await.expect("begun");
        let rows = vec![PaymentRow::goods("可乐", Fen(300), 1)];
        merchant.complete_service_order(&service(), number, &completion(&stage, rows)).await.expect("completed");
        stage.time.pass(10);
        merchant.collect_service_order(&service(), number).await.expect("asked again");
        let open = merchant.query_service_order(&service(), number).await.expect("known");
        assert_eq!((&open.state, open.is_paid()), (&ServiceState::Completed, false));
        merchant.start_service_order(&service(), &new_order("CAB9", permitted(), &url)).await.expect_err("blocked");
        if number == "CAB1" {
            stage.act("/sim/service-orders/CAB1/pay", json!({})).await;
        } else {
            let at = wechat::UnixTime::from_secs(stage.time.secs());
            merchant.sync_service_order(&service(), "CAB2", at).await.expect("settled elsewhere");
        }
        assert!(merchant.query_service_order(&service(), number).await.expect("known").is_paid());
    }
}

#[tokio::test]
async fn an_order_that_the_person_confirms() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let receiver = Receiver::open(stage.merchant(), 0).await;
    let begun = merchant.start_service_order(&service(), &new_order("CAB1", Start::Confirmed, &receiver.url)).await;
    let begun = begun.expect("made");
    assert_eq!(begun.state, ServiceState::Created);
    let jump = merchant.use_jump(&begun.package.expect("a package")).expect("signs");
    assert_eq!((jump.sign_type, jump.sign.len()), ("HMAC-SHA256", 64));
    stage.act("/sim/service-orders/CAB1/confirm", json!({"openid": "oSomebody"})).await;
    let seen = receiver.wait_for(1).await;
    assert_eq!(seen[0].as_ref().map(|it| it.event_type.as_str()), Ok("PAYSCORE.USER_CONFIRM"));
}
