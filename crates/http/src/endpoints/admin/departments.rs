use axum::http::Method;
use kernel::{Cents, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries;
use store::queries::departments::{DepartmentSorting, Shown};

use super::edit_department::DepartmentSettings;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(DepartmentQuery, DepartmentFileQuery, DepartmentSorting, {
    /// A part of the code or of the name.
    query: Option<Search>,
} {
    /// Whether to count them all.
    #[serde(default)]
    count: bool,
});

/// A page of departments.
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
            description: "Oldest first, unless asked for otherwise; with their settings, their members counted, and their accounts.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Departments>(
        Permission::MemberRead,
        "/api/v1/admin/departments/export",
        "exportDepartments",
        Tag::Administration,
        "Departments as a workbook",
        &[],
    )
}

/// Departments, as the list shows them.
enum Departments {}

impl DepartmentFileQuery {
    fn part(&self) -> &str {
        self.query.as_ref().map_or("", Search::as_str)
    }
}

impl Listed for Departments {
    type Path = Nothing;
    type Query = DepartmentFileQuery;
    type Row = DepartmentRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &DepartmentFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<DepartmentRow>>, Failure> {
        let found = listed(queries::departments::list(app.store(), query.part(), page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(DepartmentRow::from)).collect())
    }
}

impl Filed for Departments {
    const NAMES: (&'static str, &'static str) = ("部门", "departments");
    const COLUMNS: &'static [FileColumn<DepartmentRow>] = &[
        FileColumn::new("编号", 16, |row| Cell::text(row.settings.code.as_str())),
        FileColumn::new("名称", 20, |row| Cell::text(row.settings.name.as_str())),
        FileColumn::new("付款方", 10, |row| Cell::text(texts::payer(row.settings.pays, Language::Chinese))),
        FileColumn::new("人数", 8, |row| Cell::Integer(row.member_count)),
        FileColumn::new("余额(元)", 12, |row| Cell::Cents(row.balance_cents)),
        FileColumn::new("透支额度(元)", 14, |row| {
            Cell::or_nothing(row.settings.overdraft_limit_cents, Cell::Cents)
        }),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.settings.created_at)),
    ];
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DepartmentQuery>,
) -> Result<Reply<DepartmentPage>, Failure> {
    let count = input.query.count;
    let asked = input.query.split();
    let total_count = match count {
        true => Some(queries::departments::count(app.store(), asked.0.part()).await?),
        false => None,
    };
    let (departments, page_info) = list::read::<Departments>(&app, &caller, &input.path, asked).await?;
    Ok(Reply::ok(DepartmentPage { departments, total_count, page_info }))
}
