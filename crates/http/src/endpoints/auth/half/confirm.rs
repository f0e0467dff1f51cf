use axum::http::Method;
use kernel::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::{Secret, SignInAnswer};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TicketAndFirstCode {
    /// What the right password was answered with.
    token: Secret,
    code: Secret,
}

#[derive(Serialize, JsonSchema)]
struct SetUpAnswer {
    /// Each signs in once where the app is not at hand. Shown this once.
    recovery_codes: Vec<String>,
    signed_in: SignInAnswer,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/password/confirm",
            id: "confirmSecondFactorAtSignIn",
            tag: Tag::SignIn,
            summary: "Turn the second factor on and sign in",
            description: "With a code of the secret that was offered last.",
            codes: &[Code::InvalidToken, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    _: Visitor,
    input: Input<Nothing, Nothing, TicketAndFirstCode>,
) -> Result<Reply<SetUpAnswer>, Failure> {
    let TicketAndFirstCode { token, code } = input.body;
    let (recovery_codes, signed_in) = app.service().enter_by_turning_on(token.reveal(), code.reveal()).await?;
    let signed_in = SignInAnswer::of(&app, signed_in).await?;
    Ok(Reply::saying(texts::SIGNED_IN, SetUpAnswer { recovery_codes, signed_in }))
}
