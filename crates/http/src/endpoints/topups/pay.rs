use axum::http::Method;
use kernel::{Code, Permission, Refusal};
use service::Payer;

use super::{PayableTopup, TopupPath, found};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::POST,
            path: "/api/v1/recharge/orders/{order_no}/pay",
            id: "payTopup",
            tag: Tag::Wallet,
            summary: "Pay an order that is still pending",
            description: "Another attempt under the same number: however often, it is paid once.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<TopupPath>) -> Result<Reply<PayableTopup>, Failure> {
    let topup = found(&app, &caller, &input.path.order_no).await?;
    if topup.member != caller.identity.member {
        return Err(Refusal::NotYours.into());
    }
    let payer = Payer { member: topup.member, client: topup.client, address: caller.address };
    let made = app.service().pay_topup(payer, &topup, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::TOPUP_CREATED, PayableTopup::new(made)))
}
