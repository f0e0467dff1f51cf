use axum::http::Method;
use kernel::{Code, Permission};

use super::{TopupAnswer, TopupPath, found};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::POST,
            path: "/api/v1/recharge/orders/{order_no}/query",
            id: "queryTopup",
            tag: Tag::Wallet,
            summary: "Ask WeChat what became of an order",
            description: "Now. What was paid is in the wallet with the answer.",
            codes: &[Code::NotFound, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<TopupPath>) -> Result<Reply<TopupAnswer>, Failure> {
    let topup = found(&app, &caller, &input.path.order_no).await?;
    Ok(Reply::ok(app.service().query_topup(&topup).await?.into()))
}
