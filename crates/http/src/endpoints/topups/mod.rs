//! Topping a wallet up with WeChat Pay.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod pay;
pub(crate) mod query;
pub(crate) mod show;

use kernel::{Cents, Instant, MemberId, Noun, PayClient, Permission, Refusal, Topup, TopupState, TopupStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::PayWay;
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;

#[derive(Deserialize, JsonSchema)]
struct TopupPath {
    order_no: String,
}

/// A top-up order.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TopupAnswer {
    pub(crate) order_no: String,
    pub(crate) user_id: MemberId,
    pub(crate) amount_cents: Cents,
    pub(crate) client: PayClient,
    pub(crate) status: TopupStatus,
    /// Until when it can be paid.
    pub(crate) expires_at: Instant,
    pub(crate) paid_at: Option<Instant>,
    /// WeChat's number of the payment.
    pub(crate) transaction_id: Option<String>,
    /// How much of it has gone back, or is on its way.
    pub(crate) refunded_cents: Cents,
    /// Why it failed.
    pub(crate) failure: Option<String>,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

impl From<Topup> for TopupAnswer {
    fn from(topup: Topup) -> Self {
        let receipt = topup.receipt();
        let failure = match &topup.state {
            TopupState::Failed { reason } => Some(reason.clone()),
            _ => None,
        };
        Self {
            status: topup.status(),
            paid_at: receipt.map(|receipt| receipt.paid_at),
            transaction_id: receipt.map(|receipt| receipt.transaction_id.clone()),
            refunded_cents: receipt.map_or(Cents::ZERO, |receipt| receipt.refunded),
            failure,
            order_no: topup.order_no,
            user_id: topup.member,
            amount_cents: topup.amount,
            client: topup.client,
            expires_at: topup.expires_at,
            created_at: topup.created_at,
            updated_at: topup.updated_at,
        }
    }
}

/// A top-up order, and how to pay it where it can be paid.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PayableTopup {
    #[serde(flatten)]
    topup: TopupAnswer,
    /// What `wx.requestPayment` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_params: Option<PayParams>,
    /// The text of the QR code to scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    code_url: Option<String>,
    /// The page to go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    h5_url: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct PayParams {
    app_id: String,
    time_stamp: String,
    nonce_str: String,
    package: String,
    sign_type: String,
    pay_sign: String,
}

impl PayableTopup {
    pub(crate) fn new((topup, way): (Topup, Option<PayWay>)) -> Self {
        let (mut pay_params, mut code_url, mut h5_url) = (None, None, None);
        match way {
            Some(PayWay::Params(params)) => {
                pay_params = Some(PayParams {
                    app_id: params.app_id,
                    time_stamp: params.time_stamp,
                    nonce_str: params.nonce_str,
                    package: params.package,
                    sign_type: params.sign_type.to_owned(),
                    pay_sign: params.pay_sign,
                });
            }
            Some(PayWay::CodeUrl(url)) => code_url = Some(url),
            Some(PayWay::H5Url(url)) => h5_url = Some(url),
            None => {}
        }
        Self { topup: topup.into(), pay_params, code_url, h5_url }
    }
}

/// One's own order; anybody's with `wallet:read`.
async fn found(app: &App, caller: &Caller, order_no: &str) -> Result<Topup, Failure> {
    let topup = queries::topups::by_number(app.store(), order_no).await?;
    let topup = topup.ok_or(Refusal::NotFound { noun: Noun::Topup })?;
    if topup.member != caller.identity.member && !caller.identity.rights.allow(Permission::WalletRead) {
        return Err(Refusal::NotYours.into());
    }
    Ok(topup)
}
