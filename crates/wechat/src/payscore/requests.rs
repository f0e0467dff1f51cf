//! Starting, completing and ending pay score orders.

use serde::{Deserialize, Serialize};

use super::order::ServiceOrder;
use super::permission::Service;
use crate::error::Error;
use crate::pay::{Ask, Fen, Merchant, segment};
use crate::pay::{check_notify_url, check_number, check_text};
use crate::secret::Secret;
use crate::time::UnixTime;

/// How an order begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// The person confirms this order on WeChat's page.
    Confirmed,
    /// The person allowed the service before: the order runs at once.
    Permitted(Secret),
}

/// What WeChat guarantees up to.
#[derive(Debug, Clone, Serialize)]
pub struct RiskFund {
    /// `ESTIMATE_ORDER_COST` for services that a person allows once; others as the service was set up.
    pub name: String,
    pub amount: Fen,
}

/// An order to start. Repeat it as it is after an unknown outcome.
#[derive(Debug, Clone)]
pub struct NewServiceOrder {
    /// Ours, up to 32 of `0-9 A-Z a-z _ - | *`.
    pub out_order_no: String,
    /// Shown, up to 20 characters.
    pub introduction: String,
    pub start: Start,
    pub risk_fund: RiskFund,
    pub start_location: Option<String>,
    /// The device, for services without staff.
    pub device: Option<String>,
    pub notify_url: String,
    pub attach: Option<String>,
}

/// A line of what is charged. Smart retail wants `name` to be exactly `商品信息` and the goods in `description`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentRow {
    pub name: String,
    pub amount: Fen,
    pub description: String,
    pub count: u32,
}

impl PaymentRow {
    /// A line of smart retail: what was taken, and what all of it costs.
    pub fn goods(description: impl Into<String>, amount: Fen, count: u32) -> Self {
        Self { name: "商品信息".to_owned(), amount, description: description.into(), count }
    }
}

/// A line of what is taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discount {
    pub name: String,
    pub description: String,
    pub amount: Fen,
    pub count: u32,
}

/// The end of an order: what it costs. Nothing taken is a completion with no charge.
#[derive(Debug, Clone)]
pub struct Completion {
    pub payments: Vec<PaymentRow>,
    pub discounts: Vec<Discount>,
    pub end_time: UnixTime,
}

impl Merchant {
    /// Starts an order. In a service that a person allowed before, only `Confirmed` means that it runs.
    pub async fn start_service_order(&self, service: &Service, order: &NewServiceOrder) -> Result<ServiceOrder, Error> {
        let mut ask = start(service, order)?;
        if let Start::Permitted(openid) = &order.start {
            ask = ask.hiding(openid);
        }
        let answer = self.call(ask).await?;
        self.about(service, &order.out_order_no, answer)
    }

    /// Asks what became of an order.
    pub async fn query_service_order(&self, service: &Service, out_order_no: &str) -> Result<ServiceOrder, Error> {
        let answer = self.call(query(service, out_order_no)?).await?;
        self.about(service, out_order_no, answer)
    }

    /// Names the amount; WeChat collects it. An amount of 0 ends the order without a charge.
    pub async fn complete_service_order(
        &self,
        service: &Service,
        out_order_no: &str,
        completion: &Completion,
    ) -> Result<ServiceOrder, Error> {
        let answer = self.call(complete(service, out_order_no, completion)?).await?;
        self.about(service, out_order_no, answer)
    }

    /// Lowers the amount of an order that is being collected; it never goes up.
    pub async fn modify_service_order(
        &self,
        service: &Service,
        out_order_no: &str,
        payments: &[PaymentRow],
        discounts: &[Discount],
        reason: &str,
    ) -> Result<ServiceOrder, Error> {
        check_text("reason", reason, 1, 50)?;
        let body = ModifyBody {
            appid: &service.appid,
            service_id: &service.service_id,
            post_payments: payments,
            post_discounts: discounts,
            total_amount: total(payments, discounts)?,
            reason,
        };
        let answer = self.call(Ask::post(path(out_order_no, "/modify")?, &body)?).await?;
        self.about(service, out_order_no, answer)
    }

    /// Ends an order that will not be charged. Whether this is allowed after completion is not the same everywhere: be ready for both.
    pub async fn cancel_service_order(&self, service: &Service, out_order_no: &str, reason: &str) -> Result<(), Error> {
        let answer: Acknowledged = self.call(cancel(service, out_order_no, reason)?).await?;
        self.acknowledged(service, out_order_no, &answer)
    }

    /// Says that the person paid in another way.
    pub async fn sync_service_order(
        &self,
        service: &Service,
        out_order_no: &str,
        paid_time: UnixTime,
    ) -> Result<ServiceOrder, Error> {
        let body = SyncBody {
            appid: &service.appid,
            service_id: &service.service_id,
            kind: "Order_Paid",
            detail: SyncDetail { paid_time: paid_time.to_compact() },
        };
        let answer = self.call(Ask::post(path(out_order_no, "/sync")?, &body)?).await?;
        self.about(service, out_order_no, answer)
    }

    /// Asks WeChat to try the deduction again. It does so by itself too; call this rarely.
    pub async fn collect_service_order(&self, service: &Service, out_order_no: &str) -> Result<(), Error> {
        let body = ServiceBody { appid: &service.appid, service_id: &service.service_id };
        let answer: Acknowledged = self.call(Ask::post(path(out_order_no, "/pay")?, &body)?).await?;
        self.acknowledged(service, out_order_no, &answer)
    }

    fn about(&self, service: &Service, out_order_no: &str, order: ServiceOrder) -> Result<ServiceOrder, Error> {
        self.is_mine(&order.mchid)?;
        if order.out_order_no != out_order_no {
            return Err(Error::mismatch("out_order_no"));
        }
        if order.appid != service.appid || order.service_id != service.service_id {
            return Err(Error::mismatch("service_id"));
        }
        Ok(order)
    }

    fn acknowledged(&self, service: &Service, out_order_no: &str, answer: &Acknowledged) -> Result<(), Error> {
        self.is_mine(&answer.mchid)?;
        if answer.out_order_no != out_order_no || answer.service_id != service.service_id {
            return Err(Error::mismatch("out_order_no"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Acknowledged {
    mchid: String,
    service_id: String,
    out_order_no: String,
}

#[derive(Serialize)]
struct ServiceBody<'a> {
    appid: &'a str,
    service_id: &'a str,
}

#[derive(Serialize)]
struct ModifyBody<'a> {
    appid: &'a str,
    service_id: &'a str,
    post_payments: &'a [PaymentRow],
    #[serde(skip_serializing_if = "<[Discount]>::is_empty")]
    post_discounts: &'a [Discount],
    total_amount: Fen,
    reason: &'a str,
}

#[derive(Serialize)]
struct SyncBody<'a> {
    appid: &'a str,
    service_id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    detail: SyncDetail,
}

#[derive(Serialize)]
struct SyncDetail {
    paid_time: String,
}

fn start(service: &Service, order: &NewServiceOrder) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        out_order_no: &'a str,
        appid: &'a str,
        service_id: &'a str,
        service_introduction: &'a str,
        time_range: TimeRange,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location<'a>>,
        risk_fund: &'a RiskFund,
        #[serde(skip_serializing_if = "Option::is_none")]
        attach: Option<&'a str>,
        notify_url: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        openid: Option<&'a str>,
        need_user_confirm: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<Device<'a>>,
    }
    #[derive(Serialize)]
    struct TimeRange {
        start_time: &'static str,
    }
    #[derive(Serialize)]
    struct Location<'a> {
        start_location: &'a str,
    }
    #[derive(Serialize)]
    struct Device<'a> {
        start_device_id: &'a str,
    }
    check_number("out_order_no", &order.out_order_no, 1, 32, "_-|*")?;
    check_text("service_introduction", &order.introduction, 1, 20)?;
    check_text("attach", order.attach.as_deref().unwrap_or("-"), 1, 256)?;
    check_notify_url(&order.notify_url, 255)?;
    if order.risk_fund.amount.0 < 1 {
        return Err(Error::input("risk_fund.amount", "at least one fen"));
    }
    let openid = match &order.start {
        Start::Confirmed => None,
        Start::Permitted(openid) => Some(openid.expose()),
    };
    let body = Body {
        out_order_no: &order.out_order_no,
        appid: &service.appid,
        service_id: &service.service_id,
        service_introduction: &order.introduction,
        time_range: TimeRange { start_time: "OnAccept" },
        location: order.start_location.as_deref().map(|start_location| Location { start_location }),
        risk_fund: &order.risk_fund,
        attach: order.attach.as_deref(),
        notify_url: &order.notify_url,
        openid,
        need_user_confirm: openid.is_none(),
        device: order.device.as_deref().map(|start_device_id| Device { start_device_id }),
    };
    Ask::post("/v3/payscore/serviceorder".to_owned(), &body)
}

fn query(service: &Service, out_order_no: &str) -> Result<Ask, Error> {
    check_number("out_order_no", out_order_no, 1, 32, "_-|*")?;
    Ok(Ask::get(format!(
        "/v3/payscore/serviceorder?out_order_no={}&service_id={}&appid={}",
        segment(out_order_no),
        segment(&service.service_id),
        segment(&service.appid)
    )))
}

fn complete(service: &Service, out_order_no: &str, completion: &Completion) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        appid: &'a str,
        service_id: &'a str,
        post_payments: &'a [PaymentRow],
        #[serde(skip_serializing_if = "<[Discount]>::is_empty")]
        post_discounts: &'a [Discount],
        total_amount: Fen,
        time_range: TimeRange,
    }
    #[derive(Serialize)]
    struct TimeRange {
        end_time: String,
    }
    let body = Body {
        appid: &service.appid,
        service_id: &service.service_id,
        post_payments: &completion.payments,
        post_discounts: &completion.discounts,
        total_amount: total(&completion.payments, &completion.discounts)?,
        time_range: TimeRange { end_time: completion.end_time.to_compact() },
    };
    Ask::post(path(out_order_no, "/complete")?, &body)
}

fn cancel(service: &Service, out_order_no: &str, reason: &str) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        appid: &'a str,
        service_id: &'a str,
        reason: &'a str,
    }
    check_text("reason", reason, 1, 30)?;
    let body = Body { appid: &service.appid, service_id: &service.service_id, reason };
    Ask::post(path(out_order_no, "/cancel")?, &body)
}

fn path(out_order_no: &str, action: &str) -> Result<String, Error> {
    check_number("out_order_no", out_order_no, 1, 32, "_-|*")?;
    Ok(format!("/v3/payscore/serviceorder/{}{action}", segment(out_order_no)))
}

/// Payments less discounts: WeChat recomputes it and refuses any other figure.
fn total(payments: &[PaymentRow], discounts: &[Discount]) -> Result<Fen, Error> {
    let problem = || Error::input("total_amount", "payments less discounts must not be below zero");
    let mut total: i64 = 0;
    for row in payments {
        check_row(&row.description, row.amount, row.count)?;
        total = total.checked_add(row.amount.0).ok_or_else(problem)?;
    }
    for row in discounts {
        check_row(&row.description, row.amount, row.count)?;
        total = total.checked_sub(row.amount.0).ok_or_else(problem)?;
    }
    if payments.len() > 100 || discounts.len() > 30 {
        return Err(Error::input("post_payments", "at most 100 payments and 30 discounts"));
    }
    if total < 0 { Err(problem()) } else { Ok(Fen(total)) }
}

fn check_row(description: &str, amount: Fen, count: u32) -> Result<(), Error> {
    check_text("description", description, 1, 30)?;
    if amount.0 < 0 {
        return Err(Error::input("amount", "not below zero"));
    }
    if (1..=100).contains(&count) { Ok(()) } else { Err(Error::input("count", "1 to 100")) }
}

#[cfg(test)]
mod tests {
    use super::{Completion, Discount, NewServiceOrder, PaymentRow, RiskFund, Start, cancel, complete, query, start};
    use crate::pay::Fen;
    use crate::payscore::Service;
    use crate::time::UnixTime;

    fn service() -> Service {
        Service { appid: "wx0123456789abcdef".to_owned(), service_id: "2002000000000000000000000000001".to_owned() }
    }

    #[test]
    fn requests_are_those_that_independent_clients_signed() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let vector = |name: &str| {
            let all = vectors["request_sign"].as_array().expect("a list");
            all.iter().find(|vector| vector["name"] == name).expect("a vector").clone()
        };
        let order = NewServiceOrder {
            out_order_no: "CAB20260101000001".to_owned(),
            introduction: "智能柜购物".to_owned(),
            start: Start::Permitted("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into()),
            risk_fund: RiskFund { name: "ESTIMATE_ORDER_COST".to_owned(), amount: Fen(5000) },
            start_location: Some("一楼大厅01号柜".to_owned()),
            device: Some("CAB-0001".to_owned()),
            notify_url: "https://pay.example.com/wx/payscore".to_owned(),
            attach: None,
        };
        let ask = start(&service(), &order).expect("valid");
        assert_eq!(ask.body(), vector("post_payscore_create")["body"]);
        let ask = query(&service(), "CAB20260101000001").expect("valid");
        assert_eq!(ask.path_and_query(), vector("get_payscore_query")["url"]);
        let ask = cancel(&service(), "CAB20260101000001", "用户未取商品").expect("valid");
        assert_eq!(ask.path_and_query(), vector("post_payscore_cancel")["url"]);
        assert_eq!(ask.body(), vector("post_payscore_cancel")["body"]);
    }

    #[test]
    fn the_total_is_payments_less_discounts() {
        let mut completion = Completion {
            payments: vec![PaymentRow::goods("可乐", Fen(300), 1), PaymentRow::goods("雪碧", Fen(350), 1)],
            discounts: vec![Discount {
                name: "会员优惠".to_owned(),
                description: "会员立减".to_owned(),
                amount: Fen(50),
                count: 1,
            }],
            end_time: UnixTime::parse_compact("20260101080215").expect("an instant"),
        };
        let ask = complete(&service(), "CAB20260101000001", &completion).expect("valid");
        assert!(ask.body().contains(r#""total_amount":600,"time_range":{"end_time":"20260101080215"}"#));
        completion.discounts[0].amount = Fen(651);
        assert!(complete(&service(), "CAB20260101000001", &completion).is_err());
        completion.discounts[0].amount = Fen(i64::MIN);
        assert!(complete(&service(), "CAB20260101000001", &completion).is_err());
    }
}
