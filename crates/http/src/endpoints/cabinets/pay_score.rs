use axum::http::Method;
use kernel::{Code, Permission};
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

/// What `wx.openBusinessView` wants in `extraData` for `wxpayScoreEnable`. Good for an hour.
#[derive(Serialize, JsonSchema)]
struct PermissionAnswer {
    apply_permissions_token: String,
}

/// Whether the member lets WeChat collect.
#[derive(Serialize, JsonSchema)]
struct AllowedAnswer {
    allowed: bool,
}

pub(crate) fn show() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/pay-score",
            id: "showPayScore",
            tag: Tag::Cabinets,
            summary: "Is pay score allowed?",
            description: "Asks WeChat whether it may collect from the member for cabinets by pay score.",
            codes: &[Code::BusinessRule, Code::ProviderError],
        },
        handle_show,
    )
}

pub(crate) fn ask() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/cabinet/pay-score",
            id: "askForPayScore",
            tag: Tag::Cabinets,
            summary: "Allow pay score",
            description: "Begins to ask the member at WeChat for leave to collect for cabinets by pay score. That WeChat's page closed well \
                          proves nothing: `GET` says whether it is allowed.",
            codes: &[Code::BusinessRule, Code::ProviderError],
        },
        handle_ask,
    )
}

async fn handle_show(
    app: App,
    caller: Caller,
    _: Input<Nothing, Nothing, Nothing>,
) -> Result<Reply<AllowedAnswer>, Failure> {
    let allowed = app.service().allows_score(caller.identity.member).await?;
    Ok(Reply::ok(AllowedAnswer { allowed }))
}

async fn handle_ask(
    app: App,
    caller: Caller,
    _: Input<Nothing, Nothing, Nothing>,
) -> Result<Reply<PermissionAnswer>, Failure> {
    let token = app.service().ask_for_score_permission(caller.identity.member).await?;
    Ok(Reply::ok(PermissionAnswer { apply_permissions_token: token.expose().to_owned() }))
}
