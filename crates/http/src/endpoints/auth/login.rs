use axum::http::Method;
use kernel::Code;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Secret, SignInAnswer};
use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WechatSignIn {
    /// What `wx.login` gave the mini program.
    code: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/login",
            id: "signInWithWechat",
            tag: Tag::SignIn,
            summary: "Sign in from the mini program",
            description: "The first sign-in makes the member. A code works once and for five minutes.",
            codes: &[Code::InvalidToken, Code::BusinessRule, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    _: Visitor,
    input: Input<Nothing, Nothing, WechatSignIn>,
) -> Result<Reply<SignInAnswer>, Failure> {
    let signed_in = app.service().sign_in_wechat(input.body.code.reveal()).await?;
    Ok(Reply::saying(texts::SIGNED_IN, SignInAnswer::of(&app, signed_in).await?))
}
