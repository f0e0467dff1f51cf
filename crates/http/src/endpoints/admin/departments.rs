use axum::http::Method;
use kernel::{Cents, DepartmentId, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::departments::Shown;

use super::edit_department::DepartmentSettings;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DepartmentQuery {
    /// A part of the code or of the name.
    query: Option<Search>,
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

/// A department, how many members it has, and what is in its account.
#[derive(Serialize, JsonSchema)]
pub(super) struct DepartmentRow {
    #[serde(flatten)]
    settings: DepartmentSettings,
    /// Disabled ones included.
    member_count: i64,
    balance_cents: Cents,
}

impl From<Shown> for DepartmentRow {
    fn from(shown: Shown) -> Self {
        Self { settings: shown.department.into(), member_count: shown.members, balance_cents: shown.balance }
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
            description: "With their settings, their members counted, and their accounts.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, DepartmentQuery>) -> Result<Reply<DepartmentPage>, Failure> {
    let query = input.query;
    let after = DepartmentId::new(query.cursor.get());
    let part = query.query.as_ref().map_or("", Search::as_str);
    let found = queries::departments::list(app.store(), part, after, query.limit.and_one()).await?;
    let total_count = match query.count {
        true => Some(queries::departments::count(app.store(), part).await?),
        false => None,
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown| shown.department.id.get());
    Ok(Reply::ok(DepartmentPage {
        departments: found.into_iter().map(DepartmentRow::from).collect(),
        total_count,
        page_info,
    }))
}
