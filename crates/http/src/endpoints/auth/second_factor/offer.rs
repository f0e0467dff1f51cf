use axum::http::Method;
use kernel::Code;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{OfferedSecret, counted, password_again};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::Secret;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordAgain {
    password: Secret,
    /// Needed where a second factor is on: of the app that is to be replaced, or a recovery code.
    code: Option<Secret>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/second-factor/offer",
            id: "offerSecondFactor",
            tag: Tag::SignIn,
            summary: "Begin to set a second factor up",
            description: "Gives a secret for an authenticator app, to be confirmed with a code of it. Whatever is on stays on until then. A wrong password or code counts as a failed sign-in.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, PasswordAgain>,
) -> Result<Reply<OfferedSecret>, Failure> {
    let (member, give_back) = password_again(&app, &caller, &input.body.password).await?;
    let code = input.body.code.as_ref().map(Secret::reveal);
    let secret = counted(app.service().offer_factor(&member, code).await, give_back)?;
    Ok(Reply::ok(OfferedSecret::of(secret)?))
}
