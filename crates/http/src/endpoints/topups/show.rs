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
            method: Method::GET,
            path: "/api/v1/recharge/orders/{order_no}",
            id: "showTopup",
            tag: Tag::Wallet,
            summary: "One top-up order",
            description: "One's own; anybody's with `wallet:read`.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<TopupPath>) -> Result<Reply<TopupAnswer>, Failure> {
    Ok(Reply::ok(found(&app, &caller, &input.path.order_no).await?.into()))
}
