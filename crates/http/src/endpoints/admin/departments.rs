use axum::http::Method;
use kernel::{Department, DepartmentCode, DepartmentId, Instant, Payer, Permission, Title};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DepartmentQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
}

/// A page of departments, oldest first.
#[derive(Serialize, JsonSchema)]
struct DepartmentPage {
    departments: Vec<DepartmentRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i64>,
    page_info: CursorInfo,
}

/// A department and how many members it has.
#[derive(Serialize, JsonSchema)]
struct DepartmentRow {
    department_id: DepartmentId,
    code: DepartmentCode,
    name: Title,
    pays: Payer,
    created_at: Instant,
    member_count: i64,
}

impl DepartmentRow {
    fn new((department, member_count): (Department, i64)) -> Self {
        Self {
            department_id: department.id,
            code: department.code,
            name: department.name,
            pays: department.pays,
            created_at: department.created_at,
            member_count,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/departments",
            id: "listDepartments",
            tag: Tag::Administration,
            summary: "Departments",
            description: "With how many members each has, disabled ones included.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, DepartmentQuery>) -> Result<Reply<DepartmentPage>, Failure> {
    let query = input.query;
    let after = DepartmentId::new(query.cursor.get());
    let found = queries::departments::list(app.store(), after, query.limit.and_one()).await?;
    let total_count = match query.count {
        true => Some(queries::departments::count(app.store()).await?),
        false => None,
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |(department, _)| department.id.get());
    Ok(Reply::ok(DepartmentPage {
        departments: found.into_iter().map(DepartmentRow::new).collect(),
        total_count,
        page_info,
    }))
}
