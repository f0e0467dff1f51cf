use serde_json::json;
use wechat::Outcome;
use wechat::pay::{Code, Event, Fen, RefundOf, RefundRequest, RefundStatus, TradeState};

use crate::support::{NOWHERE, Receiver, Stage, order};

fn request(out_trade_no: &str, out_refund_no: &str, refund: i64, url: &str) -> RefundRequest {
    RefundRequest {
        of: RefundOf::OutTradeNo(out_trade_no.to_owned()),
        out_refund_no: out_refund_no.to_owned(),
        reason: Some("商品已售完".to_owned()),
        notify_url: Some(url.to_owned()),
        refund: Fen(refund),
        total: Fen(1000),
    }
}

#[tokio::test]
async fn refunds_up_to_what_was_paid_and_each_number_once() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    let receiver = Receiver::open(stage.merchant(), 0).await;
    merchant.prepay_native(&order("REFUND_ME", 1000, NOWHERE)).await.expect("made");
    let unpaid = merchant.refund(&request("REFUND_ME", "R1", 300, &receiver.url)).await.expect_err("unpaid");
    assert!(unpaid.is_not_found());
    stage.act("/sim/orders/REFUND_ME/pay", json!({})).await;

    let first = merchant.refund(&request("REFUND_ME", "R1", 300, &receiver.url)).await.expect("accepted");
    assert_eq!((first.status, first.channel.as_deref()), (RefundStatus::Processing, Some("ORIGINAL")));
    let again = merchant.refund(&request("REFUND_ME", "R1", 300, &receiver.url)).await.expect("accepted again");
    assert_eq!(again.refund_id, first.refund_id);
    let other = merchant.refund(&request("REFUND_ME", "R1", 301, &receiver.url)).await.expect_err("another amount");
    assert_eq!(other.code(), Some(&Code::InvalidRequest));
    let too_soon = merchant.refund(&request("REFUND_ME", "R2", 300, &receiver.url)).await.expect_err("too soon");
    assert!(too_soon.is_rate_limited());
    let trade = merchant.query_by_out_trade_no("REFUND_ME").await.expect("known");
    assert_eq!((&trade.trade_state, trade.paid().map(|paid| paid.total)), (&TradeState::Refund, Some(Fen(1000))));

    stage.time.pass(61);
    let seen = receiver.wait_for(1).await;
    let Ok(Event::Refund(notice)) = seen[0].as_ref().map(|it| &it.event) else { panic!("{seen:?}") };
    assert_eq!((&notice.status, notice.refund(), notice.total()), (&RefundStatus::Success, Fen(300), Fen(1000)));
    assert_eq!(merchant.query_refund("R1").await.expect("known").status, RefundStatus::Success);

    let too_much = merchant.refund(&request("REFUND_ME", "R3", 701, &receiver.url)).await.expect_err("too much");
    assert_eq!((too_much.code(), too_much.outcome()), (Some(&Code::NotEnough), Outcome::Refused));
    stage.act("/sim/settings", json!({"refund_outcome": "ABNORMAL"})).await;
    merchant.refund(&request("REFUND_ME", "R2", 700, &receiver.url)).await.expect("accepted");
    stage.time.pass(5);
    let seen = receiver.wait_for(2).await;
    assert_eq!(seen[1].as_ref().map(|it| it.event_type.as_str()), Ok("REFUND.ABNORMAL"));
    stage.act("/sim/refunds/R2/settle", json!({"outcome": "SUCCESS"})).await;
    receiver.wait_for(3).await;
    let books = stage.look("/sim/books").await;
    assert_eq!((&books["paid_total"], &books["refunded_total"]), (&json!(1000), &json!(1000)));
    assert!(merchant.query_refund("R9").await.expect_err("unknown").is_not_found());
}

#[tokio::test]
async fn an_answer_lost_after_a_refund_was_taken_refunds_once() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    merchant.prepay_native(&order("REFUND_ONE", 1000, NOWHERE)).await.expect("made");
    stage.act("/sim/orders/REFUND_ONE/pay", json!({})).await;
    stage.act("/sim/faults", json!({"kind": "drop_after", "path": "/refunds", "times": 1})).await;
    let wanted = request("REFUND_ONE", "R1", 1000, NOWHERE);
    assert_eq!(merchant.refund(&wanted).await.expect_err("lost").outcome(), Outcome::Unknown);
    merchant.refund(&wanted).await.expect("the same number");
    assert_eq!(stage.look("/sim/books").await["refunded_total"], 1000);
}

#[tokio::test]
async fn a_broke_merchant_refunds_nothing() {
    let stage = Stage::set().await;
    let merchant = stage.merchant();
    merchant.prepay_native(&order("REFUND_BROKE", 1000, NOWHERE)).await.expect("made");
    stage.act("/sim/orders/REFUND_BROKE/pay", json!({})).await;
    stage.act("/sim/settings", json!({"merchant_is_broke": true})).await;
    let error = merchant.refund(&request("REFUND_BROKE", "R1", 1000, NOWHERE)).await.expect_err("broke");
    assert_eq!((error.code(), error.outcome()), (Some(&Code::NotEnough), Outcome::Refused));
    assert_eq!(stage.look("/sim/books").await["refunds"], 0);
}
