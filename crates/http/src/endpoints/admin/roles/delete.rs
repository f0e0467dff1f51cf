use axum::http::Method;
use kernel::{Code, DeleteRole, Permission, RoleCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{RoleAnswer, RolePath, change};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeenQuery {
    /// The `version` that was looked at.
    version: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::RoleWrite,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/admin/roles/{role}",
            id: "deleteRole",
            tag: Tag::Administration,
            summary: "Delete a role",
            description: "One that nobody holds, and that not every house has.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::ConcurrencyError],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<RolePath, SeenQuery>) -> Result<Reply<RoleAnswer>, Failure> {
    let command = RoleCommand::Delete(DeleteRole { code: input.path.role, seen: input.query.version });
    Ok(Reply::saying(texts::DELETED, change(&app, caller, command).await?))
}
