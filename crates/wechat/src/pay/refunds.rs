//! Giving money back.

use serde::{Deserialize, Deserializer, Serialize};

use super::merchant::{Ask, Merchant, segment};
use super::money::Fen;
use super::prepay::{check_notify_url, check_number, check_text};
use crate::error::Error;
use crate::lenient::instant;
use crate::time::UnixTime;

/// The payment that a refund is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOf {
    TransactionId(String),
    OutTradeNo(String),
}

/// A refund to ask for. The same number never refunds twice: after an unknown outcome repeat it as it is.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    pub of: RefundOf,
    /// Ours, up to 64 of `0-9 A-Z a-z _ - | * @`.
    pub out_refund_no: String,
    /// Shown to the payer, up to 80 characters.
    pub reason: Option<String>,
    pub notify_url: Option<String>,
    pub refund: Fen,
    /// The whole amount of the original payment.
    pub total: Fen,
}

/// Where a refund stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundStatus {
    Processing,
    Success,
    /// It failed and is over; another one needs a new number.
    Closed,
    /// The payer's account takes nothing: a person has to settle it.
    Abnormal,
    /// A word that we do not know: decide nothing on it.
    Other(String),
}

impl<'de> Deserialize<'de> for RefundStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(match word.as_str() {
            "PROCESSING" => Self::Processing,
            "SUCCESS" => Self::Success,
            "CLOSED" => Self::Closed,
            "ABNORMAL" => Self::Abnormal,
            _ => Self::Other(word),
        })
    }
}

/// A refund as WeChat sees it: the answer to asking for it and to asking about it.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    pub refund_id: String,
    pub out_refund_no: String,
    pub transaction_id: String,
    pub out_trade_no: String,
    pub status: RefundStatus,
    pub channel: Option<String>,
    pub user_received_account: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    pub create_time: Option<UnixTime>,
    #[serde(default, deserialize_with = "instant")]
    pub success_time: Option<UnixTime>,
    amount: RefundAmount,
}

#[derive(Debug, Clone, Deserialize)]
struct RefundAmount {
    total: Fen,
    refund: Fen,
}

impl Refund {
    /// The whole amount of the original payment.
    pub fn total(&self) -> Fen {
        self.amount.total
    }

    /// The amount given back.
    pub fn refund(&self) -> Fen {
        self.amount.refund
    }
}

/// The inside of a refund notification. It has no appid.
#[derive(Debug, Clone, Deserialize)]
pub struct RefundNotice {
    pub mchid: String,
    pub transaction_id: String,
    pub out_trade_no: String,
    pub refund_id: String,
    pub out_refund_no: String,
    #[serde(rename = "refund_status")]
    pub status: RefundStatus,
    #[serde(default, deserialize_with = "instant")]
    pub success_time: Option<UnixTime>,
    pub user_received_account: Option<String>,
    amount: RefundAmount,
}

impl RefundNotice {
    /// The whole amount of the original payment.
    pub fn total(&self) -> Fen {
        self.amount.total
    }

    /// The amount given back.
    pub fn refund(&self) -> Fen {
        self.amount.refund
    }
}

impl Merchant {
    /// Asks for a refund. A success means accepted, not refunded: the status says which, and later a notification or a query.
    pub async fn refund(&self, request: &RefundRequest) -> Result<Refund, Error> {
        let refund: Refund = self.call(ask_for(request)?).await?;
        if refund.out_refund_no != request.out_refund_no {
            return Err(Error::mismatch("out_refund_no"));
        }
        if refund.refund() != request.refund {
            return Err(Error::mismatch("amount.refund"));
        }
        Ok(refund)
    }

    /// Asks what became of a refund.
    pub async fn query_refund(&self, out_refund_no: &str) -> Result<Refund, Error> {
        check_number("out_refund_no", out_refund_no, 1, 64, "_-|*@")?;
        let path = format!("/v3/refund/domestic/refunds/{}", segment(out_refund_no));
        let refund: Refund = self.call(Ask::get(path)).await?;
        if refund.out_refund_no == out_refund_no { Ok(refund) } else { Err(Error::mismatch("out_refund_no")) }
    }
}

fn ask_for(request: &RefundRequest) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        transaction_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        out_trade_no: Option<&'a str>,
        out_refund_no: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        notify_url: Option<&'a str>,
        amount: Amount,
    }
    #[derive(Serialize)]
    struct Amount {
        refund: Fen,
        total: Fen,
        currency: &'static str,
    }
    check_number("out_refund_no", &request.out_refund_no, 1, 64, "_-|*@")?;
    check_text("reason", request.reason.as_deref().unwrap_or("-"), 1, 80)?;
    if let Some(url) = &request.notify_url {
        check_notify_url(url, 256)?;
    }
    if request.refund.0 < 1 || request.refund > request.total {
        return Err(Error::input("amount.refund", "from one fen to the whole payment"));
    }
    let (transaction_id, out_trade_no) = match &request.of {
        RefundOf::TransactionId(id) => (Some(id.as_str()), None),
        RefundOf::OutTradeNo(number) => (None, Some(number.as_str())),
    };
    let body = Body {
        transaction_id,
        out_trade_no,
        out_refund_no: &request.out_refund_no,
        reason: request.reason.as_deref(),
        notify_url: request.notify_url.as_deref(),
        amount: Amount { refund: request.refund, total: request.total, currency: "CNY" },
    };
    Ask::post("/v3/refund/domestic/refunds".to_owned(), &body)
}

#[cfg(test)]
mod tests {
    use super::{RefundOf, RefundRequest, ask_for};
    use crate::pay::Fen;

    #[test]
    fn the_body_is_the_one_that_independent_clients_signed() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let all = vectors["request_sign"].as_array().expect("a list");
        let vector = all.iter().find(|vector| vector["name"] == "post_refund").expect("a vector");
        let mut request = RefundRequest {
            of: RefundOf::TransactionId("4200000000202601010000000001".to_owned()),
            out_refund_no: "RF202601010001".to_owned(),
            reason: Some("商品已售完".to_owned()),
            notify_url: Some("https://pay.example.com/wx/refund".to_owned()),
            refund: Fen(300),
            total: Fen(1000),
        };
        assert_eq!(ask_for(&request).expect("valid").body(), vector["body"]);
        request.refund = Fen(1001);
        assert!(ask_for(&request).is_err());
    }
}
