use axum::http::Method;
use kernel::{Code, CreateRole, Permission, Permissions, RoleCode, RoleCommand, RoleScope, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{RoleAnswer, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// A role to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    code: RoleCode,
    name_zh: Title,
    name_en: Title,
    /// Where it can be held. It stays so.
    scope: RoleScope,
    permissions: Permissions,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::RoleWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/roles",
            id: "createRole",
            tag: Tag::Administration,
            summary: "Create a role",
            description: "Nobody puts into a role what they may not do in the whole house themselves. A permission that makes no \
                          sense in a department or a store is in no role that is limited to one.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewRole>,
) -> Result<Reply<RoleAnswer>, Failure> {
    let NewRole { code, name_zh, name_en, scope, permissions } = input.body;
    let command = RoleCommand::Create(CreateRole { code, name_zh, name_en, scope, permissions });
    Ok(Reply::saying(texts::CREATED, change(&app, caller, command).await?))
}
