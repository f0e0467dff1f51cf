use axum::http::Method;
use kernel::{Code, PayClient, Permission, Price};
use schemars::JsonSchema;
use serde::Deserialize;
use service::Payer;

use super::PayableTopup;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// How much, and where it is paid.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTopup {
    /// Within the limits of the house.
    amount_cents: Price,
    client: PayClient,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::POST,
            path: "/api/v1/recharge/orders",
            id: "createTopup",
            tag: Tag::Wallet,
            summary: "Top one's wallet up",
            description: "Answers with `pay_params`, `code_url` or `h5_url`, by `client`. Asked again with the same key it is the same \
                          order, payable as before: do that where the answer was lost or was `PROVIDER_ERROR`.",
            codes: &[Code::BusinessRule, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewTopup>,
) -> Result<Reply<PayableTopup>, Failure> {
    let NewTopup { amount_cents, client } = input.body;
    let payer = Payer { member: caller.identity.member, client, address: caller.address };
    let made = app.service().create_topup(payer, amount_cents, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::TOPUP_CREATED, PayableTopup::new(made)))
}
