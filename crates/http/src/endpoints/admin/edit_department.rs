use axum::http::Method;
use kernel::{
    Cents, Code, Command, Department, DepartmentCode, DepartmentId, EditDepartment, Instant, Note, Outcome, Overdraft,
    Payer, Permission, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, double_option};
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
pub(super) struct DepartmentPath {
    pub(super) department_id: DepartmentId,
}

/// What to change; an absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DepartmentPatch {
    name: Option<Title>,
    /// Whose account later orders are paid from. Earlier ones keep their payer.
    pays: Option<Payer>,
    /// How far below zero the department's account may go; null for any way down.
    #[serde(default, deserialize_with = "double_option")]
    overdraft_limit_cents: Option<Option<Overdraft>>,
    /// Whether members may change and cancel what was booked for them.
    members_may_cancel: Option<bool>,
    reason: Option<Note>,
}

/// A department's settings.
#[derive(Serialize, JsonSchema)]
pub(super) struct DepartmentSettings {
    department_id: DepartmentId,
    pub(super) code: DepartmentCode,
    pub(super) name: Title,
    /// Whose account the members' meals are paid from.
    pub(super) pays: Payer,
    /// How far below zero the department's account may go; absent for any way down.
    pub(super) overdraft_limit_cents: Option<Cents>,
    /// Whether members may change and cancel what was booked for them.
    members_may_cancel: bool,
    pub(super) created_at: Instant,
}

impl From<Department> for DepartmentSettings {
    fn from(department: Department) -> Self {
        Self {
            department_id: department.id,
            code: department.code,
            name: department.name,
            pays: department.pays,
            overdraft_limit_cents: department.overdraft_limit.map(Overdraft::cents),
            members_may_cancel: department.members_may_cancel,
            created_at: department.created_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/departments/{department_id}",
            id: "editDepartment",
            tag: Tag::Administration,
            summary: "Change a department's settings",
            description: "Its code stays what it is.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<DepartmentPath, Nothing, DepartmentPatch>,
) -> Result<Reply<DepartmentSettings>, Failure> {
    let DepartmentPatch { name, pays, overdraft_limit_cents, members_may_cancel, reason } = input.body;
    let command = Command::EditDepartment(EditDepartment {
        department: input.path.department_id,
        name,
        pays,
        overdraft_limit: overdraft_limit_cents,
        members_may_cancel,
        reason: reason.unwrap_or_default(),
    });
    let Outcome::Department { department } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a department command answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, department.into()))
}
