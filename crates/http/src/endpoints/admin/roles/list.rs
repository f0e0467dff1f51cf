use axum::http::Method;
use kernel::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::RoleAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

/// Those that every house has first, then by code.
#[derive(Serialize, JsonSchema)]
struct RoleList {
    roles: Vec<RoleAnswer>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/roles",
            id: "listRoles",
            tag: Tag::Administration,
            summary: "Roles",
            description: "What each allows, and how many members hold it.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input<Nothing>) -> Result<Reply<RoleList>, Failure> {
    let roles = queries::roles::list(app.store()).await?;
    Ok(Reply::ok(RoleList { roles: roles.into_iter().map(RoleAnswer::from).collect() }))
}
