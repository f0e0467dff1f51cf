use serde_json::json;
use sim::Settings;
use wechat::pay::{Code, Fen, FundFlow, RefundOf, RefundRequest, TradeBill, TradeBillKind};

use crate::support::{NOWHERE, Stage, order};

const DAY: &str = "2026-01-15";

async fn busy_day(settings: Settings) -> Stage {
    let stage = Stage::set_with(settings).await;
    let merchant = stage.merchant();
    for (number, total) in [("BILL_ORDER_1", 1000), ("BILL_ORDER_2", 600), ("BILL_UNPAID", 5)] {
        merchant.prepay_native(&order(number, total, NOWHERE)).await.expect("made");
    }
    stage.act("/sim/orders/BILL_ORDER_1/pay", json!({})).await;
    stage.act("/sim/orders/BILL_ORDER_2/pay", json!({})).await;
    let refund = RefundRequest {
        of: RefundOf::OutTradeNo("BILL_ORDER_1".to_owned()),
        out_refund_no: "BILL_REFUND".to_owned(),
        reason: None,
        notify_url: None,
        refund: Fen(300),
        total: Fen(1000),
    };
    merchant.refund(&refund).await.expect("accepted");
    stage
}

#[tokio::test]
async fn a_days_bill_says_what_happened() {
    for (bill_bom, bill_crlf) in [(true, true), (false, false)] {
        let stage = busy_day(Settings { bill_bom, bill_crlf, ..Settings::default() }).await;
        let merchant = stage.merchant();
        let today = merchant.trade_bill(DAY, TradeBillKind::All).await.expect_err("not over");
        assert_eq!(today.code(), Some(&Code::NoStatementExist));
        stage.time.pass(13 * 3600);
        let early = merchant.trade_bill(DAY, TradeBillKind::All).await.expect_err("too early in the morning");
        assert_eq!(early.code(), Some(&Code::StatementCreating));
        stage.time.pass(9 * 3600);
        let file = merchant.trade_bill(DAY, TradeBillKind::All).await.expect("there");
        assert_eq!(file.text.starts_with("\u{FEFF}".as_bytes()), bill_bom);
        let bill = TradeBill::parse(&file.text).expect("reads");
        assert_eq!((bill.rows.len(), bill.order_total, bill.refund_total), (3, Fen(1600), Fen(300)));
        assert_eq!(bill.fee_total_millifen, 8000);
        let refund = bill.rows.iter().find_map(|row| row.refund.as_ref()).expect("a refund");
        assert_eq!((refund.out_refund_no.as_str(), refund.amount), ("BILL_REFUND", Fen(300)));
        assert_eq!(bill.rows[0].attach, "uid=42, a|b");
        for (kind, rows) in [(TradeBillKind::Success, 2), (TradeBillKind::Refund, 1)] {
            let file = merchant.trade_bill(DAY, kind).await.expect("there");
            assert_eq!(TradeBill::parse(&file.text).expect("reads").rows.len(), rows, "{kind:?}");
        }
        let flow = FundFlow::parse(&merchant.fund_flow_bill(DAY).await.expect("there").text).expect("reads");
        assert_eq!(flow.rows.len(), 5);
        let empty = merchant.trade_bill("2026-01-14", TradeBillKind::All).await.expect_err("nothing happened");
        assert_eq!(empty.code(), Some(&Code::NoStatementExist));
    }
}
