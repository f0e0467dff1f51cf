use axum::http::Method;
use kernel::{AccountName, Code, Member, MemberId, MemberStatus, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::departments::DepartmentRow;
use super::edit_department::DepartmentPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// A department with who administers it.
#[derive(Serialize, JsonSchema)]
struct ShownDepartment {
    #[serde(flatten)]
    department: DepartmentRow,
    admins: Vec<DepartmentAdmin>,
}

#[derive(Serialize, JsonSchema)]
struct DepartmentAdmin {
    user_id: MemberId,
    nickname: String,
    account: Option<AccountName>,
    status: MemberStatus,
}

impl From<Member> for DepartmentAdmin {
    fn from(member: Member) -> Self {
        Self { user_id: member.id, nickname: member.nickname, account: member.account, status: member.status }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/departments/{department_id}",
            id: "showDepartment",
            tag: Tag::Administration,
            summary: "One department",
            description: "As in the list, and with its administrators.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<DepartmentPath>) -> Result<Reply<ShownDepartment>, Failure> {
    let id = input.path.department_id;
    let found = queries::departments::one(app.store(), id).await?;
    let found = found.ok_or(Refusal::NotFound { noun: Noun::Department })?;
    let admins = queries::departments::admins(app.store(), id).await?;
    let admins = admins.into_iter().map(DepartmentAdmin::from).collect();
    Ok(Reply::ok(ShownDepartment { department: found.into(), admins }))
}
