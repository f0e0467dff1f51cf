//! What became of an order.

use serde::{Deserialize, Deserializer, Serialize};

use super::merchant::{Ask, Merchant, segment};
use super::money::Fen;
use super::prepay::check_number;
use crate::error::Error;
use crate::lenient::{instant, or_default};
use crate::secret::Secret;
use crate::time::UnixTime;

/// Where an order stands at WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeState {
    Success,
    /// Paid, and then a refund of any part was asked for.
    Refund,
    NotPay,
    Closed,
    /// Payment codes only.
    Revoked,
    /// Payment codes only.
    UserPaying,
    /// Payment codes only.
    PayError,
    /// A word that we do not know: decide nothing on it.
    Other(String),
}

impl TradeState {
    fn parse(word: String) -> Self {
        match word.as_str() {
            "SUCCESS" => Self::Success,
            "REFUND" => Self::Refund,
            "NOTPAY" => Self::NotPay,
            "CLOSED" => Self::Closed,
            "REVOKED" => Self::Revoked,
            "USERPAYING" => Self::UserPaying,
            "PAYERROR" => Self::PayError,
            _ => Self::Other(word),
        }
    }
}

impl<'de> Deserialize<'de> for TradeState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::parse)
    }
}

/// An order as WeChat sees it: the answer to a query, and the inside of a payment notification.
#[derive(Debug, Clone, Deserialize)]
pub struct Transaction {
    pub appid: String,
    pub mchid: String,
    pub out_trade_no: String,
    pub transaction_id: Option<String>,
    /// JSAPI, NATIVE, MWEB (which is H5), APP, …
    pub trade_type: Option<String>,
    pub trade_state: TradeState,
    #[serde(default, deserialize_with = "or_default")]
    pub trade_state_desc: String,
    pub bank_type: Option<String>,
    pub attach: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    pub success_time: Option<UnixTime>,
    payer: Option<Payer>,
    amount: Option<Amount>,
}

#[derive(Debug, Clone, Deserialize)]
struct Payer {
    openid: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
struct Amount {
    total: Option<Fen>,
    payer_total: Option<Fen>,
    currency: Option<String>,
}

/// What a paid order says about its money. Compare `total` and `currency` with your own order before crediting anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    pub transaction_id: String,
    pub total: Fen,
    /// Less than `total` where WeChat paid a coupon's part.
    pub payer_total: Option<Fen>,
    pub currency: String,
    pub openid: Option<Secret>,
    pub success_time: Option<UnixTime>,
}

impl Transaction {
    /// The money, where the order was paid (also where a refund followed) and WeChat names both the amount and its own number.
    pub fn paid(&self) -> Option<Paid> {
        if !matches!(self.trade_state, TradeState::Success | TradeState::Refund) {
            return None;
        }
        let amount = self.amount.as_ref()?;
        Some(Paid {
            transaction_id: self.transaction_id.clone().filter(|id| !id.is_empty())?,
            total: amount.total?,
            payer_total: amount.payer_total,
            currency: amount.currency.clone().unwrap_or_else(|| "CNY".to_owned()),
            openid: self.payer.as_ref().and_then(|payer| payer.openid.clone()),
            success_time: self.success_time,
        })
    }

    /// The amount asked for, where WeChat names it; an unpaid order may come without.
    pub fn total(&self) -> Option<Fen> {
        self.amount.as_ref().and_then(|amount| amount.total)
    }
}

impl Merchant {
    /// Asks by our own number; an unpaid order has no other.
    pub async fn query_by_out_trade_no(&self, out_trade_no: &str) -> Result<Transaction, Error> {
        let transaction: Transaction = self.call(by_out_trade_no(self.mchid(), out_trade_no)?).await?;
        self.is_mine(&transaction.mchid)?;
        if transaction.out_trade_no != out_trade_no {
            return Err(Error::mismatch("out_trade_no"));
        }
        Ok(transaction)
    }

    /// Asks by WeChat's number.
    pub async fn query_by_transaction_id(&self, transaction_id: &str) -> Result<Transaction, Error> {
        check_number("transaction_id", transaction_id, 1, 32, "")?;
        let path = format!("/v3/pay/transactions/id/{}?mchid={}", segment(transaction_id), segment(self.mchid()));
        let transaction: Transaction = self.call(Ask::get(path)).await?;
        self.is_mine(&transaction.mchid)?;
        if transaction.transaction_id.as_deref() != Some(transaction_id) {
            return Err(Error::mismatch("transaction_id"));
        }
        Ok(transaction)
    }

    /// Makes an order unpayable for good. A refusal with [`Error::is_already_paid`], and every unknown outcome, means: query.
    pub async fn close(&self, out_trade_no: &str) -> Result<(), Error> {
        self.call_empty(close(self.mchid(), out_trade_no)?).await
    }
}

fn by_out_trade_no(mchid: &str, out_trade_no: &str) -> Result<Ask, Error> {
    check_number("out_trade_no", out_trade_no, 6, 32, "_-|*")?;
    Ok(Ask::get(format!("/v3/pay/transactions/out-trade-no/{}?mchid={}", segment(out_trade_no), segment(mchid))))
}

fn close(mchid: &str, out_trade_no: &str) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        mchid: &'a str,
    }
    check_number("out_trade_no", out_trade_no, 6, 32, "_-|*")?;
    Ask::post(format!("/v3/pay/transactions/out-trade-no/{}/close", segment(out_trade_no)), &Body { mchid })
}

#[cfg(test)]
mod tests {
    use super::{TradeState, Transaction, by_out_trade_no, close};
    use crate::pay::Fen;

    #[test]
    fn requests_are_those_that_independent_clients_signed() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let vector = |name: &str| {
            let all = vectors["request_sign"].as_array().expect("a list");
            all.iter().find(|vector| vector["name"] == name).expect("a vector").clone()
        };
        let ask = by_out_trade_no("1900000001", "A|B*C-1_2").expect("a number");
        assert_eq!(ask.path_and_query(), vector("get_by_out_trade_no_percent_encoded_pipe")["url"]);
        let ask = close("1900000001", "RECH20260124150000AbCd1234Ef").expect("a number");
        assert_eq!(ask.path_and_query(), vector("post_close")["url"]);
        assert_eq!(ask.body(), vector("post_close")["body"]);
    }

    #[test]
    fn an_unpaid_order_has_little_to_say() {
        let text = r#"{"appid":"a","mchid":"1","out_trade_no":"123456","trade_state":"NOTPAY","trade_state_desc":"订单未支付"}"#;
        let transaction: Transaction = serde_json::from_str(text).expect("parses");
        assert_eq!(transaction.trade_state, TradeState::NotPay);
        assert!(transaction.paid().is_none() && transaction.total().is_none());
    }

    #[test]
    fn paid_wants_the_number_and_the_amount() {
        let full = r#"{"appid":"a","mchid":"1","out_trade_no":"123456","trade_state":"REFUND","transaction_id":"42","amount":{"total":7},"payer":{"openid":"oX"}}"#;
        let transaction: Transaction = serde_json::from_str(full).expect("parses");
        let paid = transaction.paid().expect("paid");
        assert_eq!((paid.total, paid.currency.as_str()), (Fen(7), "CNY"));
        assert!(!format!("{transaction:?} {paid:?}").contains("oX"));
        for without in [r#""transaction_id":"42","#, r#""amount":{"total":7},"#] {
            let transaction: Transaction = serde_json::from_str(&full.replace(without, "")).expect("parses");
            assert!(transaction.paid().is_none());
        }
        let odd: Transaction = serde_json::from_str(&full.replace("REFUND", "NEW_WORD")).expect("parses");
        assert_eq!(odd.trade_state, TradeState::Other("NEW_WORD".to_owned()));
        assert!(odd.paid().is_none());
    }
}
