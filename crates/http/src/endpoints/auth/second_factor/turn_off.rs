use axum::http::Method;
use kernel::Code;

use super::{PasswordAndCode, counted, password_again};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/second-factor/turn-off",
            id: "turnSecondFactorOff",
            tag: Tag::SignIn,
            summary: "Turn the second factor off",
            description: "Where the house demands one, another can only take its place. A wrong password or code counts as a failed sign-in.",
            codes: &[Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, PasswordAndCode>,
) -> Result<Reply<()>, Failure> {
    let (_, give_back) = password_again(&app, &caller, &input.body.password).await?;
    counted(app.service().turn_off_factor(&caller.identity, input.body.code.reveal()).await, give_back)?;
    Ok(Reply::saying(texts::SECOND_FACTOR_OFF, ()))
}
