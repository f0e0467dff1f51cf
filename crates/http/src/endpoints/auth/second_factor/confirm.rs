use axum::http::Method;
use kernel::Code;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RecoveryCodes;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::Secret;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    code: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/second-factor/confirm",
            id: "confirmSecondFactor",
            tag: Tag::SignIn,
            summary: "Turn the second factor on",
            description: "With a code of the secret that was offered last. Other sessions end. The recovery codes are shown this once.",
            codes: &[Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, FirstCode>,
) -> Result<Reply<RecoveryCodes>, Failure> {
    let recovery_codes = app.service().turn_on_factor(&caller.identity, input.body.code.reveal()).await?;
    Ok(Reply::saying(texts::SECOND_FACTOR_ON, RecoveryCodes { recovery_codes }))
}
