use axum::http::Method;
use kernel::{Code, EditRole, Permission, Permissions, RoleCommand, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{RoleAnswer, RolePath, change, shown};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// The role as it is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleSettings {
    /// The `version` that this was made from. Where it is not the last one any more, nothing is changed.
    version: i64,
    name_zh: Title,
    name_en: Title,
    permissions: Permissions,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::RoleWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/roles/{role}",
            id: "editRole",
            tag: Tag::Administration,
            summary: "Change what a role allows",
            description: "Binds from the next request on of everybody who holds it. Nobody adds what they may not do in the whole \
                          house themselves. The administrator's role stays as it is.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::ConcurrencyError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<RolePath, Nothing, RoleSettings>,
) -> Result<Reply<RoleAnswer>, Failure> {
    let RoleSettings { version, name_zh, name_en, permissions } = input.body;
    let code = input.path.role;
    let command = RoleCommand::Edit(EditRole { code, seen: version, name_zh, name_en, permissions });
    let changed = change(&app, caller, command).await?;
    let holders = shown(&app, code).await.map_or(0, |shown| shown.holders);
    Ok(Reply::saying(texts::SAVED, RoleAnswer { holders, ..changed }))
}
