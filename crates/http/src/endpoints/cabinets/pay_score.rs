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

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/cabinet/pay-score",
            id: "askForPayScore",
            tag: Tag::Cabinets,
            summary: "Allow pay score",
            description: "Begins to ask the member at WeChat for leave to collect for cabinets by pay score. That WeChat's page closed well \
                          proves nothing: asking for a door says whether it is allowed.",
            codes: &[Code::BusinessRule, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    _: Input<Nothing, Nothing, Nothing>,
) -> Result<Reply<PermissionAnswer>, Failure> {
    let token = app.service().ask_for_score_permission(caller.identity.member).await?;
    Ok(Reply::ok(PermissionAnswer { apply_permissions_token: token.expose().to_owned() }))
}
