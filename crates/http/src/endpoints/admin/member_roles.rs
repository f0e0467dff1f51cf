//! What a member may do, given and taken.

use axum::http::Method;
use kernel::{
    ChangeRole, Code, Command, DepartmentId, Grants, MemberId, Outcome, Permission, RoleCode, RoleGrant, Scope, StoreId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit_member::MemberSettings;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts::{self, say};

#[derive(Deserialize, JsonSchema)]
struct RolePath {
    user_id: MemberId,
    role: RoleCode,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleScopeQuery {
    /// The one department that a role is held in: needed where the role's `scope` is `department`, and for no other.
    department_id: Option<DepartmentId>,
    /// The one store that a role is held in whose `scope` is `store`; absent for all of them.
    store_id: Option<StoreId>,
}

/// A role and where it is held.
#[derive(Serialize, JsonSchema)]
pub(super) struct GrantAnswer {
    role: RoleCode,
    /// `null` where it is limited to no department.
    department_id: Option<DepartmentId>,
    /// `null` where it is limited to no store.
    store_id: Option<StoreId>,
}

impl GrantAnswer {
    pub(super) fn list(grants: &Grants) -> Vec<Self> {
        let answer = |grant: &RoleGrant| Self {
            role: grant.role,
            department_id: match grant.scope {
                Scope::Everywhere | Scope::Store(_) => None,
                Scope::Department(department) => Some(department),
            },
            store_id: match grant.scope {
                Scope::Everywhere | Scope::Department(_) => None,
                Scope::Store(store) => Some(store),
            },
        };
        grants.as_slice().iter().map(answer).collect()
    }
}

pub(crate) fn grant() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/members/{user_id}/roles/{role}",
            id: "grantRole",
            tag: Tag::Administration,
            summary: "Give a member a role",
            description: "Binds from the member's next request on. Nobody gives what they do not hold: what the role allows, the \
                          caller has to be allowed in the same place.",
            codes: &[Code::NotFound],
        },
        async |app: App, caller: Caller, input: Input<RolePath, RoleScopeQuery>| run(&app, caller, input, true).await,
    )
}

pub(crate) fn take() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/admin/members/{user_id}/roles/{role}",
            id: "takeRole",
            tag: Tag::Administration,
            summary: "Take a role from a member",
            description: "Binds from the member's next request on. The last administrator who can sign in stays one, and \
                          nobody takes what they do not hold.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        async |app: App, caller: Caller, input: Input<RolePath, RoleScopeQuery>| run(&app, caller, input, false).await,
    )
}

async fn run(
    app: &App,
    caller: Caller,
    input: Input<RolePath, RoleScopeQuery>,
    held: bool,
) -> Result<Reply<MemberSettings>, Failure> {
    let scope = match input.query {
        RoleScopeQuery { department_id: None, store_id: None } => Scope::Everywhere,
        RoleScopeQuery { department_id: Some(department), store_id: None } => Scope::Department(department),
        RoleScopeQuery { department_id: None, store_id: Some(store) } => Scope::Store(store),
        RoleScopeQuery { department_id: Some(_), store_id: Some(_) } => {
            let problem =
                say!(caller.language, "部门与门店只能指定其一", "a role is limited to a department or to a store");
            return Err(Failure::invalid("store_id", problem));
        }
    };
    let grant = RoleGrant { role: input.path.role, scope };
    let command = Command::ChangeRole(ChangeRole { member: input.path.user_id, grant, held });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a change of roles answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, member.into()))
}
