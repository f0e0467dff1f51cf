use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use super::SecondFactorInfo;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Serialize, JsonSchema)]
struct OwnSecondFactor {
    #[serde(flatten)]
    info: SecondFactorInfo,
    /// Whether the house can keep secrets, so that one can be turned on.
    available: bool,
    /// Whether the house has everybody who works here have one.
    demanded: bool,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::GET,
            path: "/api/v1/auth/second-factor",
            id: "showOwnSecondFactor",
            tag: Tag::SignIn,
            summary: "One's own second factor",
            description: "Whether it is on, since when, and how many recovery codes are left.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<OwnSecondFactor>, Failure> {
    let info = SecondFactorInfo::of(&app, caller.identity.member).await?;
    let (available, demanded) = (app.service().can_seal(), app.service().demands_second_factor());
    Ok(Reply::ok(OwnSecondFactor { info, available, demanded }))
}
