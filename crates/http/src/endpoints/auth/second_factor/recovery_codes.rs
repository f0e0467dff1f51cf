use axum::http::Method;
use kernel::Code;

use super::{PasswordAndCode, RecoveryCodes, counted, password_again};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/second-factor/recovery-codes",
            id: "renewRecoveryCodes",
            tag: Tag::SignIn,
            summary: "New recovery codes",
            description: "The earlier ones open nothing any more. A wrong password or code counts as a failed sign-in.",
            codes: &[Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, PasswordAndCode>,
) -> Result<Reply<RecoveryCodes>, Failure> {
    let (_, give_back) = password_again(&app, &caller, &input.body.password).await?;
    let renewed = app.service().renew_recovery_codes(&caller.identity, input.body.code.reveal()).await;
    Ok(Reply::ok(RecoveryCodes { recovery_codes: counted(renewed, give_back)? }))
}
