use axum::http::Method;
use kernel::{Code, TicketPurpose};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::second_factor::counted;
use crate::endpoints::auth::{Secret, SignInAnswer};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TicketAndCode {
    /// What the right password was answered with.
    token: Secret,
    /// Of the app, or a recovery code. Either opens once.
    code: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/password/code",
            id: "signInWithCode",
            tag: Tag::SignIn,
            summary: "Sign in with the second factor",
            description: "The second step where the password was answered with SECOND_FACTOR_REQUIRED and the step code. A wrong code counts as a failed sign-in.",
            codes: &[Code::InvalidToken, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    visitor: Visitor,
    input: Input<Nothing, Nothing, TicketAndCode>,
) -> Result<Reply<SignInAnswer>, Failure> {
    let TicketAndCode { token, code } = input.body;
    let holder = app.service().ticket_holder(token.reveal(), TicketPurpose::Code).await?;
    let account = holder.account.ok_or(kernel::Refusal::TicketOver)?;
    let give_back = app.admit(visitor.client, account.as_str())?;
    let signed_in = counted(app.service().enter_with_factor(token.reveal(), code.reveal()).await, give_back)?;
    Ok(Reply::saying(texts::SIGNED_IN, SignInAnswer::of(&app, signed_in).await?))
}
