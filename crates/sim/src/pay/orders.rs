//! Orders that a person pays: prepay, query, close, and the paying itself.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::book::{Book, Due};
use super::notices::Wanted;
use super::reply::{Outcome, Reply, no_content, ok, parameter, refuse};
use super::{Call, MCHID};
use crate::text;
use crate::world::Shared;

pub(crate) struct Order {
    /// The request that made it: a repeated one must be the same.
    request: Map<String, Value>,
    pub(crate) way: String,
    pub(crate) out_trade_no: String,
    pub(crate) description: String,
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: String,
    pub(crate) total: i64,
    pub(crate) openid: Option<String>,
    pub(crate) prepay_id: String,
    pub(crate) number: u64,
    pub(crate) created_ms: i64,
    pub(crate) expires_ms: Option<i64>,
    pub(crate) state: OrderState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrderState {
    Unpaid,
    Paid { transaction_id: String },
    Closed,
}

/// Money that came in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Payment {
    pub(crate) transaction_id: String,
    /// WeChat's making for pay score.
    pub(crate) out_trade_no: String,
    pub(crate) trade_type: &'static str,
    pub(crate) total: i64,
    pub(crate) openid: String,
    pub(crate) at_ms: i64,
    pub(crate) description: String,
    pub(crate) attach: String,
    pub(crate) device: String,
    /// Where news about its refunds goes if a refund names no address.
    pub(crate) notify_url: String,
}

/// An order that nobody paid is closed after seven days.
const LIFE_MS: i64 = 7 * 24 * 3600 * 1000;

impl Order {
    /// The state at a time: old orders close by themselves.
    pub(crate) fn state_at(&self, now_ms: i64) -> OrderState {
        match &self.state {
            OrderState::Unpaid if now_ms - self.created_ms >= LIFE_MS => OrderState::Closed,
            state => state.clone(),
        }
    }
}

pub(super) fn prepay(shared: &Shared, call: &Call, way: &str) -> Outcome {
    let request = call.object()?;
    let now_ms = shared.config.clock.business_ms();
    let wanted = read(shared, &request, way, now_ms)?;
    let mut book = shared.pay.book();
    if let Some(order) = book.orders.get(&wanted.out_trade_no) {
        return match order.state_at(now_ms) {
            OrderState::Paid { .. } => Err(already_paid()),
            OrderState::Closed => Err(refuse(400, "ORDER_CLOSED", "订单已关闭", 268_447_914)),
            OrderState::Unpaid if order.request == request && order.way == way => Ok(ok(&ticket(shared, order))),
            OrderState::Unpaid => {
                let message = "请求重入时，参数与首次请求时不一致";
                Err(refuse(400, "INVALID_REQUEST", message, 268_498_688))
            }
        };
    }
    let number = book.next_number();
    let prepay_id = format!("wx{}{number:020x}", text::compact(now_ms));
    let order = Order { request, prepay_id, number, ..wanted };
    let answer = ticket(shared, &order);
    if let Some(after_s) = shared.settings().auto_pay_after_s {
        book.schedule(now_ms + i64::from(after_s) * 1000, Due::PayOrder(order.out_trade_no.clone()));
    }
    book.orders.insert(order.out_trade_no.clone(), order);
    Ok(ok(&answer))
}

/// What the merchant gets to send the payer on.
fn ticket(shared: &Shared, order: &Order) -> Value {
    match order.way.as_str() {
        "native" => json!({"code_url": format!("weixin://wxpay/bizpayurl?pr={}", order.prepay_id)}),
        "h5" => json!({"h5_url": format!("{}/sim/pay?prepay_id={}", shared.base_url, order.prepay_id)}),
        _ => json!({"prepay_id": order.prepay_id}),
    }
}

fn read(shared: &Shared, request: &Map<String, Value>, way: &str, now_ms: i64) -> Result<Order, Reply> {
    let text = |name: &'static str, longest: usize| limited(request.get(name), name, longest);
    let appid = text("appid", 32)?;
    let mchid = text("mchid", 32)?;
    if mchid != MCHID || appid != shared.config.appid {
        return Err(refuse(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配", 268_445_527));
    }
    let out_trade_no = text("out_trade_no", 32)?;
    check_number("out_trade_no", &out_trade_no, 6, "_-|*")?;
    let notify_url = text("notify_url", 255)?;
    check_notify_url(&notify_url)?;
    let attach = match request.get("attach") {
        None => None,
        some => Some(limited(some, "attach", 128)?),
    };
    let expires_ms = match request.get("time_expire") {
        None => None,
        Some(value) => {
            let expires =
                value.as_str().and_then(text::read_rfc3339).ok_or_else(|| parameter("/time_expire", "格式错误"))?;
            if expires - now_ms < 60_000 {
                return Err(parameter("/time_expire", "支付截止时间需晚于下单时间1分钟以上"));
            }
            Some(expires)
        }
    };
    let amount = request.get("amount").and_then(Value::as_object).ok_or_else(|| parameter("/amount", "缺少参数"))?;
    let total = amount.get("total").and_then(Value::as_i64).filter(|total| *total >= 1);
    let total = total.ok_or_else(|| parameter("/amount/total", "金额需为大于0的整数"))?;
    if amount.get("currency").is_some_and(|currency| currency != "CNY") {
        return Err(parameter("/amount/currency", "不支持的币种"));
    }
    let openid = request.get("payer").and_then(|payer| payer.get("openid"));
    if way == "jsapi" && openid.is_none() {
        return Err(refuse(400, "PARAM_ERROR", "JSAPI支付必须传openid", 268_501_013));
    }
    let openid = openid.map(|openid| limited(Some(openid), "/payer/openid", 128)).transpose()?;
    let scene = request.get("scene_info");
    if way == "h5" {
        let ip = scene.and_then(|scene| scene.get("payer_client_ip")).and_then(Value::as_str);
        let kind = scene.and_then(|scene| scene.pointer("/h5_info/type")).and_then(Value::as_str);
        if ip.and_then(|ip| ip.parse::<std::net::IpAddr>().ok()).is_none() {
            return Err(parameter("/scene_info/payer_client_ip", "缺少参数或格式错误"));
        }
        if !matches!(kind, Some("iOS" | "Android" | "Wap")) {
            return Err(parameter("/scene_info/h5_info/type", "缺少参数或格式错误"));
        }
    }
    Ok(Order {
        request: Map::new(),
        way: way.to_owned(),
        out_trade_no,
        description: text("description", 127)?,
        attach,
        notify_url,
        total,
        openid,
        prepay_id: String::new(),
        number: 0,
        created_ms: now_ms,
        expires_ms,
        state: OrderState::Unpaid,
    })
}

pub(super) fn limited(value: Option<&Value>, field: &str, longest: usize) -> Result<String, Reply> {
    let text = value.and_then(Value::as_str).ok_or_else(|| parameter(field, "缺少参数或类型错误"))?;
    let length = text.chars().count();
    if (1..=longest).contains(&length) { Ok(text.to_owned()) } else { Err(parameter(field, "长度不符合要求")) }
}

pub(super) fn check_number(field: &str, number: &str, shortest: usize, marks: &str) -> Result<(), Reply> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    if number.len() >= shortest && number.chars().all(allowed) {
        Ok(())
    } else {
        Err(parameter(field, "只能包含数字、大小写字母及指定符号，且长度符合要求"))
    }
}

pub(super) fn check_notify_url(url: &str) -> Result<(), Reply> {
    let is_absolute = url.starts_with("https://") || url.starts_with("http://");
    if is_absolute && !url.contains(['?', '#', ' ']) {
        Ok(())
    } else {
        Err(parameter("/notify_url", "必须为绝对地址且不能携带参数"))
    }
}

pub(super) fn query_by_number(shared: &Shared, call: &Call, number: &str) -> Outcome {
    check_merchant(call)?;
    let book = shared.pay.book();
    let order = book.orders.get(number).ok_or_else(no_such_order)?;
    Ok(ok(&view(shared, &book, order, shared.config.clock.business_ms())))
}

pub(super) fn query_by_id(shared: &Shared, call: &Call, id: &str) -> Outcome {
    check_merchant(call)?;
    let book = shared.pay.book();
    let payment = book.payments.get(id).ok_or_else(no_such_order)?;
    let order = book.orders.get(&payment.out_trade_no);
    let now_ms = shared.config.clock.business_ms();
    Ok(ok(&order.map_or_else(|| paid_view(shared, &book, payment), |order| view(shared, &book, order, now_ms))))
}

fn check_merchant(call: &Call) -> Result<(), Reply> {
    if call.query_value("mchid").as_deref() == Some(MCHID) {
        Ok(())
    } else {
        Err(parameter("mchid", "缺少参数或商户号有误"))
    }
}

fn no_such_order() -> Reply {
    refuse(404, "ORDER_NOT_EXIST", "订单不存在", 268_512_771)
}

fn already_paid() -> Reply {
    refuse(400, "ORDER_PAID", "该订单已支付", 268_449_538)
}

/// An order as the merchant may see it.
fn view(shared: &Shared, book: &Book, order: &Order, now_ms: i64) -> Value {
    let (state, desc) = match order.state_at(now_ms) {
        OrderState::Paid { transaction_id } => {
            // The payment of a paid order is always there.
            return book.payments.get(&transaction_id).map_or(Value::Null, |payment| paid_view(shared, book, payment));
        }
        OrderState::Unpaid => ("NOTPAY", "订单未支付"),
        OrderState::Closed => ("CLOSED", "订单已关闭"),
    };
    let mut view = json!({
        "appid": shared.config.appid,
        "mchid": MCHID,
        "out_trade_no": order.out_trade_no,
        "promotion_detail": [],
        "trade_state": state,
        "trade_state_desc": desc,
        "amount": {"payer_currency": "CNY", "total": order.total},
    });
    if let Some(attach) = &order.attach {
        view["attach"] = attach.as_str().into();
    }
    view
}

fn paid_view(shared: &Shared, book: &Book, payment: &Payment) -> Value {
    let refunded = book.refunds_of(&payment.transaction_id).next().is_some();
    let (state, desc) = if refunded { ("REFUND", "转入退款") } else { ("SUCCESS", "支付成功") };
    let mut view = json!({
        "mchid": MCHID,
        "appid": shared.config.appid,
        "out_trade_no": payment.out_trade_no,
        "transaction_id": payment.transaction_id,
        "trade_type": payment.trade_type,
        "trade_state": state,
        "trade_state_desc": desc,
        "bank_type": "OTHERS",
        "success_time": text::rfc3339(payment.at_ms),
        "payer": {"openid": payment.openid},
        "amount": {
            "total": payment.total,
            "payer_total": payment.total,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    });
    if !payment.attach.is_empty() {
        view["attach"] = payment.attach.as_str().into();
    }
    view
}

pub(super) fn close(shared: &Shared, call: &Call, number: &str) -> Outcome {
    let request = call.object()?;
    if request.get("mchid").and_then(Value::as_str) != Some(MCHID) {
        return Err(parameter("/mchid", "缺少参数或商户号有误"));
    }
    let now_ms = shared.config.clock.business_ms();
    let mut book = shared.pay.book();
    let order = book.orders.get_mut(number).ok_or_else(no_such_order)?;
    match order.state_at(now_ms) {
        OrderState::Paid { .. } => Err(already_paid()),
        OrderState::Unpaid | OrderState::Closed => {
            order.state = OrderState::Closed;
            Ok(no_content())
        }
    }
}

/// How a person pays an order, and what becomes of the notification.
#[derive(Debug, Default)]
pub(crate) struct Paying {
    /// Another amount than the order's: nothing that WeChat does, but a merchant must notice.
    pub(crate) total: Option<i64>,
    pub(crate) openid: Option<String>,
    pub(crate) notice: Wanted,
}

/// Why an order cannot be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotPay {
    NoSuchOrder,
    AlreadyPaid,
    Closed,
    TooLate,
}

/// A person pays. WeChat takes the money once.
pub(crate) fn pay(shared: &Shared, book: &mut Book, out_trade_no: &str, paying: Paying) -> Result<String, CannotPay> {
    let now_ms = shared.config.clock.business_ms();
    let number = book.next_number();
    let order = book.orders.get_mut(out_trade_no).ok_or(CannotPay::NoSuchOrder)?;
    match order.state_at(now_ms) {
        OrderState::Paid { .. } => return Err(CannotPay::AlreadyPaid),
        OrderState::Closed => return Err(CannotPay::Closed),
        OrderState::Unpaid if order.expires_ms.is_some_and(|expires| now_ms > expires) => {
            return Err(CannotPay::TooLate);
        }
        OrderState::Unpaid => {}
    }
    let transaction_id = transaction_id(number);
    order.state = OrderState::Paid { transaction_id: transaction_id.clone() };
    let payment = Payment {
        transaction_id: transaction_id.clone(),
        out_trade_no: order.out_trade_no.clone(),
        trade_type: match order.way.as_str() {
            "native" => "NATIVE",
            "h5" => "MWEB",
            "app" => "APP",
            _ => "JSAPI",
        },
        total: paying.total.unwrap_or(order.total),
        openid: paying.openid.or_else(|| order.openid.clone()).unwrap_or_else(|| crate::mini::openid_of("payer")),
        at_ms: now_ms,
        description: order.description.clone(),
        attach: order.attach.clone().unwrap_or_default(),
        device: String::new(),
        notify_url: order.notify_url.clone(),
    };
    let notify_url = payment.notify_url.clone();
    let content = paid_view(shared, book, &payment);
    book.add_payment(payment);
    let news = ("TRANSACTION.SUCCESS", "transaction", "支付成功");
    super::notices::tell(shared, book, &notify_url, news, &content, paying.notice);
    Ok(transaction_id)
}

/// 28 digits, as real ones.
pub(super) fn transaction_id(number: u64) -> String {
    format!("4200{number:024}")
}
