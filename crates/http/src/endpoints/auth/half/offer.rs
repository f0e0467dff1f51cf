use axum::http::Method;
use kernel::{Code, TicketPurpose};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::Secret;
use crate::endpoints::auth::second_factor::OfferedSecret;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetUpTicket {
    /// What the right password was answered with.
    token: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/password/offer",
            id: "offerSecondFactorAtSignIn",
            tag: Tag::SignIn,
            summary: "Set a second factor up while signing in",
            description: "Where the password was answered with SECOND_FACTOR_REQUIRED and the step set_up: the house demands a second factor, and nothing else can be done before.",
            codes: &[Code::InvalidToken, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    _: Visitor,
    input: Input<Nothing, Nothing, SetUpTicket>,
) -> Result<Reply<OfferedSecret>, Failure> {
    let holder = app.service().ticket_holder(input.body.token.reveal(), TicketPurpose::SetUp).await?;
    Ok(Reply::ok(OfferedSecret::of(app.service().offer_factor(&holder, None).await?)?))
}
