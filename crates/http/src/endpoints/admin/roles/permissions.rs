use axum::http::Method;
use kernel::{Permission, RoleScope, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// All permissions, those of one subject side by side.
#[derive(Serialize, JsonSchema)]
struct PermissionList {
    permissions: Vec<PermissionEntry>,
}

/// What a role may allow.
#[derive(Serialize, JsonSchema)]
struct PermissionEntry {
    permission: Permission,
    description_zh: &'static str,
    description_en: &'static str,
    /// Roles of which scopes may have it.
    scopes: &'static [RoleScope],
    /// Whether the caller may put it into a role.
    may_give: bool,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/permissions",
            id: "listPermissions",
            tag: Tag::Administration,
            summary: "What a role may allow",
            description: "Every permission there is, in words, and which of them the caller may give.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(_: App, caller: Caller, _: Input<Nothing>) -> Result<Reply<PermissionList>, Failure> {
    let own = caller.identity.rights.within(Scope::Everywhere);
    let answer = |&permission: &Permission| PermissionEntry {
        permission,
        description_zh: texts::permission(permission),
        description_en: permission.doc(),
        scopes: permission.scopes(),
        may_give: own.contains(permission),
    };
    Ok(Reply::ok(PermissionList { permissions: Permission::ALL.iter().map(answer).collect() }))
}
