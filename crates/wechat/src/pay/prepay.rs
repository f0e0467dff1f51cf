//! Making an order payable.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::merchant::{Ask, Merchant};
use super::money::Fen;
use super::sign::{AppPayParams, PayParams, nonce};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What somebody is asked to pay for. Repeating a prepay with the same number is allowed while every field stays the same.
#[derive(Debug, Clone)]
pub struct Order {
    pub appid: String,
    /// Ours, 6 to 32 of `0-9 A-Z a-z _ - | *`; never used for another order.
    pub out_trade_no: String,
    /// Shown to the payer, up to 127 characters.
    pub description: String,
    pub total: Fen,
    /// The last moment for paying. It does not close the order.
    pub time_expire: Option<UnixTime>,
    /// Comes back in the query, the notification and the bill; up to 128 characters.
    pub attach: Option<String>,
    /// Absolute and without a query.
    pub notify_url: String,
}

/// What the front end needs to open the payment; good for two hours.
#[derive(Clone, PartialEq, Eq)]
pub struct PrepayId(pub String);

impl fmt::Debug for PrepayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrepayId(…)")
    }
}

/// Where an H5 payment starts.
#[derive(Debug, Clone)]
pub struct H5Scene {
    /// The payer's own address.
    pub client_ip: IpAddr,
    pub system: H5System,
}

/// The kind of browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum H5System {
    #[serde(rename = "iOS")]
    Ios,
    Android,
    Wap,
}

impl Merchant {
    /// For a mini program or a page inside WeChat. `openid` is the payer within the order's appid.
    pub async fn prepay_jsapi(&self, order: &Order, openid: &Secret) -> Result<PrepayId, Error> {
        let payer = Payer { openid: openid.expose() };
        let ask = prepay(self.mchid(), "jsapi", order, Some(payer), None)?.hiding(openid);
        let made: Made = self.call(ask).await?;
        made.prepay_id.map(PrepayId).ok_or_else(|| Error::answer(200, "no prepay_id"))
    }

    /// For a native app.
    pub async fn prepay_app(&self, order: &Order) -> Result<PrepayId, Error> {
        let made: Made = self.call(prepay(self.mchid(), "app", order, None, None)?).await?;
        made.prepay_id.map(PrepayId).ok_or_else(|| Error::answer(200, "no prepay_id"))
    }

    /// For a QR code: answers the text to put into it, good for two hours.
    pub async fn prepay_native(&self, order: &Order) -> Result<String, Error> {
        let made: Made = self.call(prepay(self.mchid(), "native", order, None, None)?).await?;
        made.code_url.ok_or_else(|| Error::answer(200, "no code_url"))
    }

    /// For a page in another browser: answers the address to go to, good for five minutes.
    pub async fn prepay_h5(&self, order: &Order, scene: &H5Scene) -> Result<String, Error> {
        let made: Made = self.call(prepay(self.mchid(), "h5", order, None, Some(scene))?).await?;
        made.h5_url.ok_or_else(|| Error::answer(200, "no h5_url"))
    }

    /// What `wx.requestPayment` gets.
    pub fn pay_params(&self, appid: &str, prepay_id: &PrepayId) -> Result<PayParams, Error> {
        PayParams::sign(self.key(), appid, &prepay_id.0, self.now(), &nonce()?)
    }

    /// What a native app's SDK gets.
    pub fn app_pay_params(&self, appid: &str, prepay_id: &PrepayId) -> Result<AppPayParams, Error> {
        AppPayParams::sign(self.key(), appid, self.mchid(), &prepay_id.0, self.now(), &nonce()?)
    }
}

#[derive(Deserialize)]
struct Made {
    prepay_id: Option<String>,
    code_url: Option<String>,
    h5_url: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_expire: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach: Option<&'a str>,
    notify_url: &'a str,
    amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Payer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<SceneInfo>,
}

#[derive(Serialize)]
struct Amount {
    total: Fen,
    currency: &'static str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

#[derive(Serialize)]
struct SceneInfo {
    payer_client_ip: String,
    h5_info: H5Info,
}

#[derive(Serialize)]
struct H5Info {
    #[serde(rename = "type")]
    system: H5System,
}

fn prepay(
    mchid: &str,
    way: &str,
    order: &Order,
    payer: Option<Payer<'_>>,
    scene: Option<&H5Scene>,
) -> Result<Ask, Error> {
    if order.appid.is_empty() {
        return Err(Error::input("appid", "must not be empty"));
    }
    check_number("out_trade_no", &order.out_trade_no, 6, 32, "_-|*")?;
    check_text("description", &order.description, 1, 127)?;
    check_text("attach", order.attach.as_deref().unwrap_or("-"), 1, 128)?;
    check_notify_url(&order.notify_url, 255)?;
    if order.total.0 < 1 {
        return Err(Error::input("amount.total", "at least one fen"));
    }
    if payer.as_ref().is_some_and(|payer| payer.openid.is_empty() || payer.openid.len() > 128) {
        return Err(Error::input("payer.openid", "1 to 128 characters"));
    }
    let body = Body {
        appid: &order.appid,
        mchid,
        description: &order.description,
        out_trade_no: &order.out_trade_no,
        time_expire: order.time_expire,
        attach: order.attach.as_deref(),
        notify_url: &order.notify_url,
        amount: Amount { total: order.total, currency: "CNY" },
        payer,
        scene_info: scene.map(|scene| SceneInfo {
            payer_client_ip: scene.client_ip.to_string(),
            h5_info: H5Info { system: scene.system },
        }),
    };
    Ask::post(format!("/v3/pay/transactions/{way}"), &body)
}

/// A number that we made: WeChat's alphabet and length.
pub(crate) fn check_number(
    field: &'static str,
    number: &str,
    shortest: usize,
    longest: usize,
    marks: &str,
) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    if (shortest..=longest).contains(&number.len()) && number.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::input(field, format!("{shortest} to {longest} of 0-9 A-Z a-z {marks}")))
}

/// A text for people: its length in characters, and nothing invisible in it.
pub(crate) fn check_text(field: &'static str, text: &str, shortest: usize, longest: usize) -> Result<(), Error> {
    let length = text.chars().count();
    if (shortest..=longest).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::input(field, format!("{shortest} to {longest} characters, no control characters")))
}

pub(crate) fn check_notify_url(url: &str, longest: usize) -> Result<(), Error> {
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match parsed {
        Some(parsed) if url.len() <= longest && parsed.query().is_none() && parsed.fragment().is_none() => Ok(()),
        _ => Err(Error::input("notify_url", format!("absolute, without a query, up to {longest} characters"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{H5Scene, H5System, Order, Payer, check_notify_url, check_number, prepay};
    use crate::pay::Fen;
    use crate::time::UnixTime;

    fn order() -> Order {
        Order {
            appid: "wx0123456789abcdef".to_owned(),
            out_trade_no: "RECH20260124150000AbCd1234Ef".to_owned(),
            description: "食堂充值-早餐/午餐".to_owned(),
            total: Fen(1000),
            time_expire: UnixTime::parse_rfc3339("2026-01-01T08:30:00+08:00"),
            attach: Some("uid=42".to_owned()),
            notify_url: "https://pay.example.com/wx/notify".to_owned(),
        }
    }

    #[test]
    fn the_body_is_the_one_that_independent_clients_signed() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let payer = Payer { openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" };
        let ask = prepay("1900000001", "jsapi", &order(), Some(payer), None).expect("a valid order");
        assert_eq!(ask.path_and_query(), vectors["request_sign"][0]["url"]);
        assert_eq!(ask.body(), vectors["request_sign"][0]["body"]);
    }

    #[test]
    fn h5_names_the_scene() {
        let scene = H5Scene { client_ip: [10, 0, 0, 1].into(), system: H5System::Ios };
        let ask = prepay("1", "h5", &order(), None, Some(&scene)).expect("a valid order");
        assert!(ask.body().ends_with(r#""scene_info":{"payer_client_ip":"10.0.0.1","h5_info":{"type":"iOS"}}}"#));
    }

    #[test]
    fn limits() {
        let broken: [fn(&mut Order); 7] = [
            |order| order.total = Fen(0),
            |order| order.out_trade_no = "short".to_owned(),
            |order| order.out_trade_no = "with space".to_owned(),
            |order| order.description = "长".repeat(128),
            |order| order.attach = Some(String::new()),
            |order| order.notify_url = "https://h/p?q=1".to_owned(),
            |order| order.appid = String::new(),
        ];
        for (number, damage) in broken.into_iter().enumerate() {
            let mut order = order();
            damage(&mut order);
            assert!(prepay("1", "native", &order, None, None).is_err(), "{number}");
        }
        assert!(check_number("n", "A|B*C-1_2", 6, 32, "_-|*").is_ok());
        assert!(check_notify_url("ftp://h/p", 255).is_err());
    }
}
