//! A pay score order as WeChat sees it.

use serde::Deserialize;

use crate::lenient::{compact_instant, or_default};
use crate::pay::Fen;
use crate::secret::Secret;
use crate::time::UnixTime;

/// Where a pay score order stands.
///
/// | from | to |
/// |---|---|
/// | Created | Confirmed (the person agrees), Expired (30 days), Revoked (we cancel) |
/// | Confirmed | Completed (with an amount), Done (amount 0), Revoked |
/// | Completed | Done (deducted, paid by hand, or settled elsewhere) |
/// | Done, Revoked, Expired | none |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// Not begun: do not open a door on this.
    Created,
    /// Running.
    Confirmed,
    /// We named the amount, and WeChat is collecting it; this may last for days.
    Completed,
    Done,
    Revoked,
    Expired,
    /// Words that we do not know: decide nothing on them.
    Other(String),
}

/// An order, as queries, completions and notifications show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Wire")]
pub struct ServiceOrder {
    pub appid: String,
    pub mchid: String,
    pub service_id: String,
    /// Ours. It is no `out_trade_no`: a deduction gets a number of WeChat's making.
    pub out_order_no: String,
    /// WeChat's.
    pub order_id: Option<String>,
    pub openid: Option<Secret>,
    pub state: ServiceState,
    pub total_amount: Option<Fen>,
    pub need_collection: Option<bool>,
    pub collection: Option<Collection>,
    /// Opens the confirmation page once; only for orders that a person confirms one by one.
    pub package: Option<Secret>,
    pub attach: Option<String>,
}

/// How far the money has come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Collection {
    /// `USER_PAYING` or `USER_PAID`.
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub total_amount: Fen,
    #[serde(default, deserialize_with = "or_default")]
    pub paying_amount: Fen,
    #[serde(default, deserialize_with = "or_default")]
    pub paid_amount: Fen,
    #[serde(default, deserialize_with = "or_default")]
    pub details: Vec<CollectionDetail>,
}

/// One payment towards an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CollectionDetail {
    pub amount: Fen,
    /// `NEWTON` through WeChat, `MCH` settled elsewhere, which WeChat cannot refund.
    pub paid_type: Option<String>,
    #[serde(default, deserialize_with = "compact_instant")]
    pub paid_time: Option<UnixTime>,
    /// What a refund is taken from.
    pub transaction_id: Option<String>,
}

impl ServiceOrder {
    /// True where all of the money has come.
    pub fn is_paid(&self) -> bool {
        self.collection.as_ref().is_some_and(|collection| collection.state == "USER_PAID")
    }
}

#[derive(Deserialize)]
struct Wire {
    appid: String,
    mchid: String,
    service_id: String,
    out_order_no: String,
    order_id: Option<String>,
    openid: Option<Secret>,
    state: String,
    state_description: Option<String>,
    total_amount: Option<Fen>,
    need_collection: Option<bool>,
    collection: Option<Collection>,
    package: Option<Secret>,
    attach: Option<String>,
}

impl From<Wire> for ServiceOrder {
    fn from(wire: Wire) -> Self {
        let description = wire.state_description.unwrap_or_default();
        let state = match (wire.state.as_str(), description.as_str()) {
            ("CREATED", _) => ServiceState::Created,
            ("DOING", "USER_CONFIRM") => ServiceState::Confirmed,
            ("DOING", "MCH_COMPLETE") => ServiceState::Completed,
            ("DONE", _) => ServiceState::Done,
            ("REVOKED", _) => ServiceState::Revoked,
            ("EXPIRED", _) => ServiceState::Expired,
            _ => ServiceState::Other(format!("{}/{description}", wire.state)),
        };
        Self {
            appid: wire.appid,
            mchid: wire.mchid,
            service_id: wire.service_id,
            out_order_no: wire.out_order_no,
            order_id: wire.order_id,
            openid: wire.openid,
            state,
            total_amount: wire.total_amount,
            need_collection: wire.need_collection,
            collection: wire.collection,
            package: wire.package,
            attach: wire.attach,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ServiceOrder, ServiceState};

    #[test]
    fn states_are_pairs_of_words() {
        for (state, description, expected) in [
            ("CREATED", "", ServiceState::Created),
            ("DOING", "USER_CONFIRM", ServiceState::Confirmed),
            ("DOING", "MCH_COMPLETE", ServiceState::Completed),
            ("DONE", "", ServiceState::Done),
            ("REVOKED", "", ServiceState::Revoked),
            ("EXPIRED", "", ServiceState::Expired),
            ("DOING", "", ServiceState::Other("DOING/".to_owned())),
        ] {
            let text = format!(
                r#"{{"appid":"a","mchid":"1","service_id":"2","out_order_no":"n","state":"{state}","state_description":"{description}","openid":"oX"}}"#
            );
            let order: ServiceOrder = serde_json::from_str(&text).expect("parses");
            assert_eq!(order.state, expected);
            assert!(!format!("{order:?}").contains("oX"));
        }
    }
}
