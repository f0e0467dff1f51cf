use axum::http::Method;
use kernel::Code;
use schemars::JsonSchema;
use serde::Deserialize;
use service::Entered;

use super::{Secret, SignInAnswer, half};
use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordSignIn {
    account: Secret,
    password: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/password",
            id: "signInWithPassword",
            tag: Tag::SignIn,
            summary: "Sign in with account and password",
            description: "For staff and department administrators. A wrong account and a wrong password are answered alike. \
                          Who fails too often, for one account or from one address, has to wait. Where more than the password \
                          is asked for, the answer is SECOND_FACTOR_REQUIRED; its details hold a `token` for that one `step`, \
                          code or set_up, good for `expires_in` seconds.",
            codes: &[Code::InvalidToken, Code::SecondFactorRequired, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    visitor: Visitor,
    input: Input<Nothing, Nothing, PasswordSignIn>,
) -> Result<Reply<SignInAnswer>, Failure> {
    let PasswordSignIn { account, password } = input.body;
    let give_back = app.admit(visitor.client, account.reveal())?;
    let signed_in = app.service().sign_in_password(account.reveal(), password.reveal()).await;
    if !matches!(signed_in, Err(service::Failure::BadCredentials)) {
        give_back();
    }
    let signed_in = match signed_in? {
        Entered::In(signed_in) => signed_in,
        Entered::Half(ticket) => return Err(half::told(&ticket, visitor.language)),
    };
    Ok(Reply::saying(texts::SIGNED_IN, SignInAnswer::of(&app, signed_in).await?))
}
