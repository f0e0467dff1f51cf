//! Pay score orders.

use serde_json::{Map, Value, json};

use super::book::{Book, Due};
use super::notices::{Wanted, fresh_token, tell};
use super::orders::{Payment, check_notify_url, check_number, limited, transaction_id};
use super::reply::{Outcome, Reply, ok, parameter, refuse};
use super::score_permissions::check_service;
use super::{Call, MCHID, SERVICE_ID};
use crate::text;
use crate::world::Shared;

pub(crate) struct ServiceOrder {
    request: Map<String, Value>,
    pub(crate) out_order_no: String,
    pub(crate) order_id: String,
    pub(crate) openid: Option<String>,
    pub(crate) package: Option<String>,
    notify_url: String,
    device: String,
    pub(crate) risk_amount: i64,
    start_ms: i64,
    created_ms: i64,
    pub(crate) state: ServiceState,
}

/// | from | to |
/// |---|---|
/// | Created | Confirmed, Revoked, Expired |
/// | Confirmed | Completed, Done with nothing charged, Revoked |
/// | Completed | Completed with less, Done, Revoked by WeChat, or where the settings allow |
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceState {
    Created,
    Confirmed,
    Completed(Charge),
    Done(Charge, Option<Collected>),
    Revoked,
    Expired,
}

/// What the merchant charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) total: i64,
    payments: Value,
    discounts: Value,
    end_time: String,
    request: Map<String, Value>,
}

/// How the money came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collected {
    /// None where it came outside WeChat.
    transaction_id: Option<String>,
    at: String,
}

const SERVICE_CAP: i64 = 20_000;
const MOST_RUNNING: usize = 3;
const CREATED_LIFE_MS: i64 = 30 * 24 * 3600 * 1000;

impl ServiceOrder {
    fn state_at(&self, now_ms: i64) -> ServiceState {
        match &self.state {
            ServiceState::Created if now_ms - self.created_ms >= CREATED_LIFE_MS => ServiceState::Expired,
            state => state.clone(),
        }
    }

    pub(crate) fn view(&self, appid: &str, now_ms: i64) -> Value {
        let mut view = json!({
            "out_order_no": self.out_order_no,
            "service_id": SERVICE_ID,
            "appid": appid,
            "mchid": MCHID,
            "order_id": self.order_id,
        });
        for echoed in ["service_introduction", "location", "risk_fund", "attach", "notify_url", "device"] {
            if let Some(value) = self.request.get(echoed) {
                view[echoed] = value.clone();
            }
        }
        view["time_range"] = json!({"start_time": text::compact(self.start_ms)});
        if let Some(openid) = &self.openid {
            view["openid"] = openid.as_str().into();
        }
        let (state, description) = match self.state_at(now_ms) {
            ServiceState::Created => ("CREATED", None),
            ServiceState::Confirmed => ("DOING", Some("USER_CONFIRM")),
            ServiceState::Completed(charge) => {
                charge.show(&mut view);
                view["need_collection"] = true.into();
                view["collection"] = json!({
                    "state": "USER_PAYING",
                    "total_amount": charge.total,
                    "paying_amount": charge.total,
                    "paid_amount": 0,
                });
                ("DOING", Some("MCH_COMPLETE"))
            }
            ServiceState::Done(charge, collected) => {
                charge.show(&mut view);
                view["need_collection"] = collected.is_some().into();
                if let Some(collected) = collected {
                    view["collection"] = collected.view(charge.total);
                }
                ("DONE", None)
            }
            ServiceState::Revoked => ("REVOKED", None),
            ServiceState::Expired => ("EXPIRED", None),
        };
        view["state"] = state.into();
        if let Some(description) = description {
            view["state_description"] = description.into();
        }
        view
    }
}

impl Charge {
    fn show(&self, view: &mut Value) {
        view["total_amount"] = self.total.into();
        view["post_payments"] = self.payments.clone();
        view["post_discounts"] = self.discounts.clone();
        view["time_range"]["end_time"] = self.end_time.as_str().into();
    }
}

impl Collected {
    fn view(&self, total: i64) -> Value {
        let mut detail = json!({"seq": 1, "amount": total, "paid_time": self.at});
        match &self.transaction_id {
            Some(id) => {
                detail["paid_type"] = "NEWTON".into();
                detail["transaction_id"] = id.as_str().into();
            }
            None => detail["paid_type"] = "MCH".into(),
        }
        json!({
            "state": "USER_PAID",
            "total_amount": total,
            "paying_amount": 0,
            "paid_amount": total,
            "details": [detail],
        })
    }
}

pub(super) fn start(shared: &Shared, call: &Call) -> Outcome {
    let request = call.object()?;
    let now_ms = shared.config.clock.business_ms();
    check_service(shared, request.get("service_id"), Some(request.get("appid").unwrap_or(&Value::Null)))?;
    let out_order_no = limited(request.get("out_order_no"), "/out_order_no", 32)?;
    check_number("/out_order_no", &out_order_no, 1, "_-|*")?;
    limited(request.get("service_introduction"), "/service_introduction", 20)?;
    let notify_url = limited(request.get("notify_url"), "/notify_url", 255)?;
    check_notify_url(&notify_url)?;
    let start_time = request.get("time_range").and_then(|range| range.get("start_time")).and_then(Value::as_str);
    let start_ms = match start_time {
        Some("OnAccept") => now_ms,
        Some(time) => text::read_compact(time).ok_or_else(|| parameter("/time_range/start_time", "时间格式错误"))?,
        None => return Err(parameter("/time_range/start_time", "缺少参数")),
    };
    let risk =
        request.get("risk_fund").and_then(Value::as_object).ok_or_else(|| parameter("/risk_fund", "缺少参数"))?;
    let risk_amount = risk.get("amount").and_then(Value::as_i64).filter(|amount| *amount >= 1);
    let risk_amount = risk_amount.ok_or_else(|| parameter("/risk_fund/amount", "金额需为大于0的整数"))?;
    if risk_amount > SERVICE_CAP {
        return Err(refuse(400, "INVALID_REQUEST", "风险金额超过服务上限", 271_316_656));
    }
    let needs_confirming = request.get("need_user_confirm").and_then(Value::as_bool).unwrap_or(true);
    let openid = request.get("openid").and_then(Value::as_str).map(str::to_owned);
    let settings = shared.settings();
    let mut book = shared.pay.book();
    if let Some(known) = book.service_orders.get(&out_order_no) {
        return if known.request == request {
            Ok(ok(&with_package(known, known.view(&shared.config.appid, now_ms))))
        } else {
            Err(refuse(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 271_316_598))
        };
    }
    if !needs_confirming {
        let openid = openid.as_deref().ok_or_else(|| parameter("/openid", "免确认订单必须传openid"))?;
        if risk.get("name").and_then(Value::as_str) != Some("ESTIMATE_ORDER_COST") {
            return Err(parameter("/risk_fund/name", "免确认订单必须为ESTIMATE_ORDER_COST"));
        }
        if !book.is_permitted(openid) {
            return Err(refuse(403, "NO_AUTH", "用户未授权此服务", 268_503_786));
        }
        if settings.refuse_assessment {
            return Err(refuse(403, "INVALID_REQUEST", "综合评估未通过", 271_300_099));
        }
        let theirs = |order: &&ServiceOrder| order.openid.as_deref() == Some(openid);
        let running = |order: &&ServiceOrder| matches!(order.state, ServiceState::Confirmed);
        let unpaid = |order: &ServiceOrder| matches!(order.state, ServiceState::Completed(_));
        if book.service_orders.values().filter(theirs).any(unpaid) && settings.deduction_fails {
            return Err(refuse(403, "INVALID_REQUEST", "用户有逾期未支付的订单", 271_299_627));
        }
        if book.service_orders.values().filter(theirs).filter(running).count() >= MOST_RUNNING {
            return Err(refuse(403, "INVALID_REQUEST", "进行中的订单数已达上限", 271_300_099));
        }
    }
    let number = book.next_number();
    let device = request.get("device").and_then(|device| device.get("start_device_id")).and_then(Value::as_str);
    let order = ServiceOrder {
        out_order_no: out_order_no.clone(),
        order_id: format!("1564{number:016}"),
        openid: openid.filter(|_| !needs_confirming),
        package: needs_confirming.then(fresh_token),
        notify_url,
        device: device.unwrap_or_default().to_owned(),
        risk_amount,
        start_ms,
        created_ms: now_ms,
        state: if needs_confirming { ServiceState::Created } else { ServiceState::Confirmed },
        request,
    };
    let view = order.view(&shared.config.appid, now_ms);
    let answer = with_package(&order, view.clone());
    let url = order.notify_url.clone();
    book.service_orders.insert(out_order_no, order);
    if !needs_confirming {
        tell(shared, &mut book, &url, CONFIRMED, &view, Wanted::default());
    }
    Ok(ok(&answer))
}

const CONFIRMED: (&str, &str, &str) = ("PAYSCORE.USER_CONFIRM", "payscore", "支付分订单用户已确认");
const PAID: (&str, &str, &str) = ("PAYSCORE.USER_PAID", "payscore", "用户支付成功");

fn with_package(order: &ServiceOrder, mut view: Value) -> Value {
    if let Some(package) = &order.package {
        view["package"] = package.as_str().into();
    }
    view
}

pub(super) fn query(shared: &Shared, call: &Call) -> Outcome {
    let service_id = call.query_value("service_id").map(Value::from);
    let appid = call.query_value("appid").map(Value::from).unwrap_or(Value::Null);
    check_service(shared, service_id.as_ref(), Some(&appid))?;
    let number = match (call.query_value("out_order_no"), call.query_value("query_id")) {
        (Some(number), None) => number,
        _ => return Err(parameter("out_order_no", "out_order_no与query_id二选一")),
    };
    let book = shared.pay.book();
    let order = book.service_orders.get(&number).ok_or_else(no_such_order)?;
    Ok(ok(&order.view(&shared.config.appid, shared.config.clock.business_ms())))
}

fn no_such_order() -> Reply {
    refuse(404, "ORDER_NOT_EXIST", "查询单据不存在", 271_317_510)
}

fn wrong_state(number: u64) -> Reply {
    refuse(400, "INVALID_REQUEST", "当前订单状态不合法", number)
}

pub(super) fn act(shared: &Shared, call: &Call, number: &str, action: &str) -> Outcome {
    let request = call.object()?;
    check_service(shared, request.get("service_id"), Some(request.get("appid").unwrap_or(&Value::Null)))?;
    let now_ms = shared.config.clock.business_ms();
    let mut book = shared.pay.book();
    let order = book.service_orders.get_mut(number).ok_or_else(no_such_order)?;
    order.state = order.state_at(now_ms);
    match action {
        "complete" => {
            let charges = complete(order, request, now_ms)?;
            let view = order.view(&shared.config.appid, now_ms);
            if charges {
                let after_ms = i64::from(shared.settings().deduct_after_s) * 1000;
                book.schedule(now_ms + after_ms, Due::Deduct(number.to_owned()));
            }
            Ok(ok(&view))
        }
        "cancel" => {
            limited(request.get("reason"), "/reason", 30)?;
            match order.state {
                ServiceState::Created | ServiceState::Confirmed => {}
                ServiceState::Completed(_) if shared.settings().cancel_after_complete => {}
                ServiceState::Revoked => return Err(wrong_state(271_302_333)),
                _ => return Err(wrong_state(271_316_592)),
            }
            order.state = ServiceState::Revoked;
            Ok(ok(&acknowledged(shared, order)))
        }
        "modify" => {
            modify(order, &request)?;
            Ok(ok(&order.view(&shared.config.appid, now_ms)))
        }
        "sync" => {
            if request.get("type").and_then(Value::as_str) != Some("Order_Paid") {
                return Err(parameter("/type", "不支持的类型"));
            }
            let at = request.get("detail").and_then(|detail| detail.get("paid_time")).and_then(Value::as_str);
            let at = at.filter(|at| text::read_compact(at).is_some());
            let at = at.ok_or_else(|| parameter("/detail/paid_time", "时间格式错误"))?.to_owned();
            let ServiceState::Completed(charge) = order.state.clone() else {
                return Err(wrong_state(271_316_657));
            };
            order.state = ServiceState::Done(charge, Some(Collected { transaction_id: None, at }));
            Ok(ok(&order.view(&shared.config.appid, now_ms)))
        }
        "pay" => {
            if !matches!(order.state, ServiceState::Completed(_)) {
                return Err(wrong_state(271_316_657));
            }
            let answer = acknowledged(shared, order);
            book.schedule(now_ms, Due::Deduct(number.to_owned()));
            Ok(ok(&answer))
        }
        _ => Err(refuse(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在", 268_435_460)),
    }
}

fn acknowledged(shared: &Shared, order: &ServiceOrder) -> Value {
    json!({
        "appid": shared.config.appid,
        "mchid": MCHID,
        "out_order_no": order.out_order_no,
        "service_id": SERVICE_ID,
        "order_id": order.order_id,
    })
}

/// Answers whether money is to be collected.
fn complete(order: &mut ServiceOrder, request: Map<String, Value>, now_ms: i64) -> Result<bool, Reply> {
    match &order.state {
        ServiceState::Confirmed => {}
        ServiceState::Completed(charge) | ServiceState::Done(charge, _) if charge.request == request => {
            return Ok(false);
        }
        ServiceState::Created => return Err(wrong_state(271_302_332)),
        ServiceState::Revoked => return Err(wrong_state(271_302_333)),
        _ => return Err(wrong_state(271_302_262)),
    }
    let (total, payments, discounts) = rows(&request)?;
    let first_pay_later =
        order.request.get("risk_fund").and_then(|fund| fund.get("name")) == Some(&json!("ESTIMATE_ORDER_COST"));
    if total > if first_pay_later { SERVICE_CAP } else { order.risk_amount } {
        return Err(refuse(400, "INVALID_REQUEST", "总金额超过风险金额", 271_316_656));
    }
    let end_time = request.get("time_range").and_then(|range| range.get("end_time")).and_then(Value::as_str);
    let end_ms =
        end_time.and_then(text::read_compact).ok_or_else(|| parameter("/time_range/end_time", "缺少参数或格式错误"))?;
    // Written in whole seconds, so the same second counts as later.
    if end_ms < order.start_ms - order.start_ms.rem_euclid(1000) || end_ms > now_ms {
        return Err(refuse(400, "PARAM_ERROR", "服务结束时间需晚于开始时间且不晚于当前时间", 271_316_637));
    }
    let end_time = end_time.unwrap_or_default().to_owned();
    let charge = Charge { total, payments, discounts, end_time, request };
    let charges = total > 0;
    order.state = if charges { ServiceState::Completed(charge) } else { ServiceState::Done(charge, None) };
    Ok(charges)
}

fn modify(order: &mut ServiceOrder, request: &Map<String, Value>) -> Result<(), Reply> {
    limited(request.get("reason"), "/reason", 50)?;
    let ServiceState::Completed(charge) = &order.state else {
        return Err(wrong_state(271_316_657));
    };
    let (total, payments, discounts) = rows(request)?;
    if total > charge.total {
        return Err(refuse(400, "INVALID_REQUEST", "修改后的金额只能减少", 271_316_656));
    }
    let charge = Charge { total, payments, discounts, ..charge.clone() };
    order.state = if total > 0 { ServiceState::Completed(charge) } else { ServiceState::Done(charge, None) };
    Ok(())
}

/// The total and the rows behind it, checked as smart retail is.
fn rows(request: &Map<String, Value>) -> Result<(i64, Value, Value), Reply> {
    let empty = json!([]);
    let payments = request.get("post_payments").ok_or_else(|| parameter("/post_payments", "缺少参数"))?;
    let discounts = request.get("post_discounts").unwrap_or(&empty);
    let mut sum: i64 = 0;
    for (rows, field, sign) in [(payments, "/post_payments", 1), (discounts, "/post_discounts", -1)] {
        let rows =
            rows.as_array().filter(|rows| rows.len() <= 100).ok_or_else(|| parameter(field, "类型错误或过多"))?;
        for row in rows {
            limited(row.get("description"), field, 30)?;
            let name = limited(row.get("name"), field, 20)?;
            if sign == 1 && name != "商品信息" {
                return Err(parameter(field, "智慧零售的付费项目名称必须为商品信息"));
            }
            let amount = row.get("amount").and_then(Value::as_i64).filter(|amount| (0..=100_000_000).contains(amount));
            sum += sign * amount.ok_or_else(|| parameter(field, "金额错误"))?;
            if !row.get("count").and_then(Value::as_i64).is_none_or(|count| (1..=100).contains(&count)) {
                return Err(parameter(field, "数量错误"));
            }
        }
    }
    let total = request.get("total_amount").and_then(Value::as_i64);
    if total != Some(sum) || sum < 0 {
        return Err(refuse(400, "PARAM_ERROR", "最终总金额计算非法", 268_435_464));
    }
    if sum > 0 && payments.as_array().is_none_or(Vec::is_empty) {
        return Err(parameter("/post_payments", "至少一项商品信息"));
    }
    Ok((sum, payments.clone(), discounts.clone()))
}

/// WeChat takes the money, unless it is told to fail.
pub(super) fn deduct_by_itself(shared: &Shared, book: &mut Book, number: &str) {
    if !shared.settings().deduction_fails {
        let out_trade_no = format!("4200{:028}", book.next_number());
        collect(shared, book, number, ("AUTH", out_trade_no), None);
    }
}

/// The person pays on the order's page, also something else than was asked for.
pub(crate) fn collect_by_hand(shared: &Shared, book: &mut Book, number: &str, total: Option<i64>) -> bool {
    collect(shared, book, number, ("JSAPI", number.to_owned()), total)
}

/// The money comes. A deduction gets a number of WeChat's making; a payment by hand keeps the merchant's.
fn collect(
    shared: &Shared,
    book: &mut Book,
    number: &str,
    (trade_type, out_trade_no): (&'static str, String),
    total: Option<i64>,
) -> bool {
    let now_ms = shared.config.clock.business_ms();
    let serial = book.next_number();
    let Some(order) = book.service_orders.get_mut(number) else {
        return false;
    };
    let ServiceState::Completed(charge) = order.state.clone() else {
        return false;
    };
    let (id, total) = (transaction_id(serial), total.unwrap_or(charge.total));
    let collected = Collected { transaction_id: Some(id.clone()), at: text::compact(now_ms) };
    order.state = ServiceState::Done(Charge { total, ..charge }, Some(collected));
    let payment = Payment {
        transaction_id: id,
        out_trade_no,
        trade_type,
        total,
        openid: order.openid.clone().unwrap_or_default(),
        at_ms: now_ms,
        description: "智能柜购物".to_owned(),
        attach: format!("wxzff|{}|{number}", order.order_id),
        device: order.device.clone(),
        notify_url: order.notify_url.clone(),
    };
    let (url, view) = (order.notify_url.clone(), order.view(&shared.config.appid, now_ms));
    book.add_payment(payment);
    tell(shared, book, &url, PAID, &view, Wanted::default());
    true
}

/// WeChat gives up on an order, also while it collects.
pub(crate) fn revoke(book: &mut Book, number: &str, now_ms: i64) -> bool {
    let Some(order) = book.service_orders.get_mut(number) else {
        return false;
    };
    let is_open =
        matches!(order.state_at(now_ms), ServiceState::Created | ServiceState::Confirmed | ServiceState::Completed(_));
    if is_open {
        order.state = ServiceState::Revoked;
    }
    is_open
}

/// The person confirms an order on WeChat's page.
pub(crate) fn confirm(shared: &Shared, book: &mut Book, number: &str, openid: &str) -> bool {
    let now_ms = shared.config.clock.business_ms();
    let Some(order) = book.service_orders.get_mut(number) else {
        return false;
    };
    if order.state_at(now_ms) != ServiceState::Created {
        return false;
    }
    order.state = ServiceState::Confirmed;
    order.openid = Some(openid.to_owned());
    order.package = None;
    let (url, view) = (order.notify_url.clone(), order.view(&shared.config.appid, now_ms));
    tell(shared, book, &url, CONFIRMED, &view, Wanted::default());
    true
}
