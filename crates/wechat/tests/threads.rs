//! Calls can be made from any task: their futures may move between threads, and clients are shared.

use wechat::mini::{Message, MiniProgram, QrCode};
use wechat::pay::{H5Scene, Merchant, Order, RefundRequest, TradeBillKind};
use wechat::payscore::{Completion, NewServiceOrder, Service, Whose};
use wechat::{Secret, UnixTime};

fn shared<T: Send + Sync + 'static>() {}
fn movable<T: Send>(_: T) {}

#[test]
fn clients_are_shared() {
    shared::<MiniProgram>();
    shared::<Merchant>();
    shared::<wechat::Error>();
}

/// Only compiled.
#[expect(dead_code, reason = "that it compiles is the test")]
#[expect(clippy::too_many_arguments, reason = "one of each kind")]
fn calls_are_movable(
    mini: &MiniProgram,
    merchant: &Merchant,
    message: &Message,
    code: &QrCode,
    order: &Order,
    scene: &H5Scene,
    refund: &RefundRequest,
    service: &Service,
    begun: &NewServiceOrder,
    done: &Completion,
    whose: &Whose,
    secret: &Secret,
    now: UnixTime,
) {
    movable(mini.code2session(""));
    movable(mini.send_message(message, now));
    movable(mini.qr_code(code, now));
    movable(mini.phone_number("", now));
    movable(merchant.refresh_certificates());
    movable(merchant.prepay_jsapi(order, secret));
    movable(merchant.prepay_app(order));
    movable(merchant.prepay_native(order));
    movable(merchant.prepay_h5(order, scene));
    movable(merchant.query_by_out_trade_no(""));
    movable(merchant.query_by_transaction_id(""));
    movable(merchant.close(""));
    movable(merchant.refund(refund));
    movable(merchant.query_refund(""));
    movable(merchant.trade_bill("", TradeBillKind::All));
    movable(merchant.fund_flow_bill(""));
    movable(merchant.start_service_order(service, begun));
    movable(merchant.query_service_order(service, ""));
    movable(merchant.complete_service_order(service, "", done));
    movable(merchant.modify_service_order(service, "", &[], &[], ""));
    movable(merchant.cancel_service_order(service, "", ""));
    movable(merchant.sync_service_order(service, "", now));
    movable(merchant.collect_service_order(service, ""));
    movable(merchant.apply_permission(service, "", ""));
    movable(merchant.query_permission(service, whose));
    movable(merchant.terminate_permission(service, whose, ""));
}
