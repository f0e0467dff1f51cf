use serde_json::{Map, Value, json};

use super::Call;
use super::MCHID;
use super::book::{Book, Due};
use super::notices::{Wanted, tell};
use super::orders::{Payment, check_notify_url, check_number, limited};
use super::reply::{Outcome, Reply, ok, parameter, refuse};
use crate::settings::RefundOutcome;
use crate::text;
use crate::world::Shared;

pub(crate) struct Refund {
    request: Map<String, Value>,
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: String,
    pub(crate) transaction_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) amount: i64,
    pub(crate) total: i64,
    notify_url: Option<String>,
    pub(crate) created_ms: i64,
    /// How it ended, and when.
    pub(crate) ended: Option<(RefundOutcome, i64)>,
}

impl Refund {
    pub(crate) fn status(&self) -> &'static str {
        self.ended.map_or("PROCESSING", |(outcome, _)| outcome.as_str())
    }

    /// A closed refund gave nothing back; every other one has, or will.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.ended, Some((RefundOutcome::Closed, _)))
    }

    fn view(&self) -> Value {
        let mut view = json!({
            "refund_id": self.refund_id,
            "out_refund_no": self.out_refund_no,
            "transaction_id": self.transaction_id,
            "out_trade_no": self.out_trade_no,
            "channel": "ORIGINAL",
            "user_received_account": RECEIVED_BY,
            "create_time": text::rfc3339(self.created_ms),
            "status": self.status(),
            "funds_account": "AVAILABLE",
            "amount": {
                "total": self.total,
                "refund": self.amount,
                "payer_total": self.total,
                "payer_refund": self.amount,
                "settlement_total": self.total,
                "settlement_refund": self.amount,
                "discount_refund": 0,
                "currency": "CNY",
            },
            "promotion_detail": [],
        });
        if let Some((RefundOutcome::Success, at)) = self.ended {
            view["success_time"] = text::rfc3339(at).into();
        }
        view
    }
}

const RECEIVED_BY: &str = "支付用户零钱";
const MOST_REFUNDS: usize = 50;
const ONE_YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

pub(super) fn ask(shared: &Shared, call: &Call) -> Outcome {
    let request = call.object()?;
    let now_ms = shared.config.clock.business_ms();
    let settings = shared.settings();
    let out_refund_no = limited(request.get("out_refund_no"), "/out_refund_no", 64)?;
    check_number("/out_refund_no", &out_refund_no, 1, "_-|*@")?;
    let optional =
        |name: &str, longest: usize| request.get(name).map(|value| limited(Some(value), name, longest)).transpose();
    optional("reason", 80)?;
    let notify_url = optional("notify_url", 256)?;
    notify_url.as_deref().map_or(Ok(()), check_notify_url)?;
    let amount = request.get("amount").and_then(Value::as_object).ok_or_else(|| parameter("/amount", "缺少参数"))?;
    let number = |name: &str| amount.get(name).and_then(Value::as_i64).filter(|number| *number >= 1);
    let refund = number("refund").ok_or_else(|| parameter("/amount/refund", "金额需为大于0的整数"))?;
    let total = number("total").ok_or_else(|| parameter("/amount/total", "金额需为大于0的整数"))?;
    if amount.get("currency").and_then(Value::as_str) != Some("CNY") {
        return Err(parameter("/amount/currency", "缺少参数或不支持的币种"));
    }
    let mut book = shared.pay.book();
    if let Some(known) = book.refunds.get(&out_refund_no) {
        return if known.request == request {
            Ok(ok(&known.view()))
        } else {
            Err(refuse(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268_498_688))
        };
    }
    let payment = find_payment(&book, &request)?;
    if payment.total != total {
        return Err(refuse(400, "INVALID_REQUEST", "订单金额与原订单不一致", 268_435_464));
    }
    let before: Vec<&Refund> = book.refunds_of(&payment.transaction_id).filter(|other| other.counts()).collect();
    let refunded: i64 = before.iter().map(|other| other.amount).sum();
    if refund > payment.total - refunded {
        return Err(refuse(403, "NOT_ENOUGH", "可退余额不足：退款总额超过订单金额", 268_435_464));
    }
    if before.len() >= MOST_REFUNDS {
        return Err(refuse(400, "INVALID_REQUEST", "部分退款次数超过50次", 268_435_464));
    }
    if before.iter().any(|other| now_ms - other.created_ms < i64::from(settings.refund_interval_s) * 1000) {
        return Err(refuse(429, "FREQUENCY_LIMITED", "同一订单两次退款需间隔1分钟以上", 268_435_472));
    }
    if now_ms - payment.at_ms > ONE_YEAR_MS {
        return Err(refuse(400, "INVALID_REQUEST", "交易时间超过一年的订单无法退款", 268_435_464));
    }
    if settings.merchant_is_broke {
        return Err(refuse(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起", 268_435_464));
    }
    let (transaction_id, out_trade_no) = (payment.transaction_id.clone(), payment.out_trade_no.clone());
    let number = book.next_number();
    let refund = Refund {
        request,
        out_refund_no: out_refund_no.clone(),
        refund_id: format!("5030{number:025}"),
        transaction_id,
        out_trade_no,
        amount: refund,
        total,
        notify_url,
        created_ms: now_ms,
        ended: None,
    };
    let view = refund.view();
    book.schedule(now_ms + i64::from(settings.refund_after_s) * 1000, Due::SettleRefund(out_refund_no));
    book.add_refund(refund);
    Ok(ok(&view))
}

fn find_payment<'a>(book: &'a Book, request: &Map<String, Value>) -> Result<&'a Payment, Reply> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let found = match (text("transaction_id"), text("out_trade_no")) {
        (Some(id), None) => book.payments.get(id),
        (None, Some(number)) => book.payment_of_number(number),
        _ => return Err(parameter("/transaction_id", "transaction_id与out_trade_no二选一")),
    };
    found.ok_or_else(|| refuse(404, "RESOURCE_NOT_EXISTS", "订单不存在或未支付", 268_512_771))
}

pub(super) fn query(shared: &Shared, out_refund_no: &str) -> Outcome {
    let book = shared.pay.book();
    let refund = book.refunds.get(out_refund_no);
    refund
        .map(|refund| ok(&refund.view()))
        .ok_or_else(|| refuse(404, "RESOURCE_NOT_EXISTS", "退款单不存在", 268_512_771))
}

/// A refund ends, once: an abnormal one may still become a success by a person's hand.
pub(crate) fn settle(shared: &Shared, book: &mut Book, out_refund_no: &str, outcome: RefundOutcome) -> bool {
    let now_ms = shared.config.clock.business_ms();
    let Some(refund) = book.refunds.get_mut(out_refund_no) else {
        return false;
    };
    let may_end = match refund.ended {
        None => true,
        Some((RefundOutcome::Abnormal, _)) => outcome != RefundOutcome::Abnormal,
        Some(_) => false,
    };
    if !may_end {
        return false;
    }
    refund.ended = Some((outcome, now_ms));
    let mut content = json!({
        "mchid": MCHID,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "refund_status": outcome.as_str(),
        "user_received_account": RECEIVED_BY,
        "amount": {
            "total": refund.total,
            "refund": refund.amount,
            "payer_total": refund.total,
            "payer_refund": refund.amount,
        },
    });
    let (event_type, summary) = match outcome {
        RefundOutcome::Success => ("REFUND.SUCCESS", "退款成功"),
        RefundOutcome::Abnormal => ("REFUND.ABNORMAL", "退款异常"),
        RefundOutcome::Closed => ("REFUND.CLOSED", "退款关闭"),
    };
    if outcome == RefundOutcome::Success {
        content["success_time"] = text::rfc3339(now_ms).into();
    }
    // Without an address of its own a refund is told to nobody.
    if let Some(url) = refund.notify_url.clone() {
        tell(shared, book, &url, (event_type, "refund", summary), &content, Wanted::default());
    }
    true
}
