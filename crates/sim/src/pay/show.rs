//! What the page and tests see of the book, newest first.

use serde_json::{Value, json};

use super::book::Book;
use super::orders::OrderState;
use crate::text;

pub(crate) fn show_orders(book: &Book, now_ms: i64, most: usize) -> Vec<Value> {
    let mut orders: Vec<_> = book.orders.values().collect();
    orders.sort_by_key(|order| std::cmp::Reverse(order.number));
    let show = |order: &&super::orders::Order| {
        let (state, transaction_id) = match order.state_at(now_ms) {
            OrderState::Unpaid => ("NOTPAY", None),
            OrderState::Paid { transaction_id } => ("PAID", Some(transaction_id)),
            OrderState::Closed => ("CLOSED", None),
        };
        json!({
            "out_trade_no": order.out_trade_no,
            "prepay_id": order.prepay_id,
            "way": order.way,
            "description": order.description,
            "total": order.total,
            "state": state,
            "transaction_id": transaction_id,
            "created": text::rfc3339(order.created_ms),
            "expires": order.expires_ms.map(text::rfc3339),
        })
    };
    orders.iter().take(most).map(show).collect()
}

pub(crate) fn show_refunds(book: &Book, most: usize) -> Vec<Value> {
    let mut refunds: Vec<_> = book.refunds.values().collect();
    refunds.sort_by_key(|refund| std::cmp::Reverse(refund.created_ms));
    let show = |refund: &&super::refunds::Refund| {
        json!({
            "out_refund_no": refund.out_refund_no,
            "refund_id": refund.refund_id,
            "out_trade_no": refund.out_trade_no,
            "amount": refund.amount,
            "total": refund.total,
            "status": refund.status(),
            "created": text::rfc3339(refund.created_ms),
        })
    };
    refunds.iter().take(most).map(show).collect()
}

pub(crate) fn show_service_orders(book: &Book, appid: &str, now_ms: i64, most: usize) -> Vec<Value> {
    let mut orders: Vec<_> = book.service_orders.values().collect();
    orders.sort_by(|one, other| other.order_id.cmp(&one.order_id));
    orders.iter().take(most).map(|order| order.view(appid, now_ms)).collect()
}

pub(crate) fn show_permissions(book: &Book, most: usize) -> Vec<Value> {
    let show = |permission: &super::score_permissions::Permission| {
        json!({
            "authorization_code": permission.authorization_code,
            "apply_permissions_token": permission.token,
            "openid": permission.openid,
            "is_available": permission.is_available,
        })
    };
    book.permissions.values().take(most).map(show).collect()
}

pub(crate) fn show_notices(book: &Book, most: usize) -> Vec<Value> {
    let show = |notice: &super::notices::Notice| {
        json!({
            "id": notice.id,
            "event_type": notice.event_type,
            "url": notice.url,
            "state": notice.state,
            "tries": notice.tries,
        })
    };
    book.notices.values().rev().take(most).map(show).collect()
}
