//! Who administers a department.

use axum::http::Method;
use kernel::{
    ChangeRole, Code, Command, DepartmentId, MemberId, Outcome, Permission, Role, RoleCode, RoleGrant, Scope,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
struct AdminPath {
    department_id: DepartmentId,
    user_id: MemberId,
}

/// What the member is now.
#[derive(Serialize, JsonSchema)]
struct RolesAnswer {
    user_id: MemberId,
    roles: Vec<RoleCode>,
}

pub(crate) fn appoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/departments/{department_id}/admins/{user_id}",
            id: "appointDepartmentAdmin",
            tag: Tag::Administration,
            summary: "Make somebody an administrator of a department",
            description: "Who need not belong to it.",
            codes: &[Code::NotFound],
        },
        async |app: App, caller: Caller, input: Input<AdminPath>| run(&app, caller, input.path, true).await,
    )
}

pub(crate) fn dismiss() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/admin/departments/{department_id}/admins/{user_id}",
            id: "dismissDepartmentAdmin",
            tag: Tag::Administration,
            summary: "End somebody's administration of a department",
            description: "What was booked stays booked.",
            codes: &[Code::NotFound],
        },
        async |app: App, caller: Caller, input: Input<AdminPath>| run(&app, caller, input.path, false).await,
    )
}

async fn run(app: &App, caller: Caller, path: AdminPath, appointed: bool) -> Result<Reply<RolesAnswer>, Failure> {
    let AdminPath { department_id: department, user_id: member } = path;
    let grant = RoleGrant { role: Role::DeptAdmin.code(), scope: Scope::Department(department) };
    let command = Command::ChangeRole(ChangeRole { member, grant, held: appointed });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("an appointment answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, RolesAnswer { user_id: member.id, roles: member.grants.roles() }))
}
