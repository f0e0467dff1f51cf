use axum::http::Method;
use kernel::{Code, Command, DepartmentCode, DepartmentLine, ImportDepartments, Payer, Permission, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ImportColumn, Kind, YES_OR_NO};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::texts::{Language, say};

struct Departments;

#[derive(Deserialize, JsonSchema)]
struct DepartmentCells {
    code: Option<DepartmentCode>,
    name: Option<Title>,
    pays: Option<Payer>,
    members_may_cancel: Option<bool>,
}

impl Kind for Departments {
    type Cells = DepartmentCells;
    type Line = DepartmentLine;

    const COLUMNS: &'static [ImportColumn] = &[
        ImportColumn { field: "code", headings: &["部门编号", "code"], words: &[] },
        ImportColumn { field: "name", headings: &["部门名称", "name"], words: &[] },
        ImportColumn {
            field: "pays",
            headings: &["付款方", "pays"],
            words: &[("成员", "member"), ("部门", "department"), ("member", "member"), ("department", "department")],
        },
        ImportColumn {
            field: "members_may_cancel", headings: &["成员可取消", "members_may_cancel"], words: YES_OR_NO
        },
    ];
    const KEY: &'static str = "code";

    fn line(_: &App, number: i64, cells: DepartmentCells, language: Language) -> Result<DepartmentLine, String> {
        let DepartmentCells { code, name, pays, members_may_cancel } = cells;
        let code = code.ok_or_else(|| say!(language, "必填", "is required"))?;
        Ok(DepartmentLine { number, code, name, pays, members_may_cancel })
    }

    fn command(lines: Vec<DepartmentLine>, agreed: Option<String>) -> Command {
        Command::ImportDepartments(ImportDepartments { lines, agreed })
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/departments/import",
            id: "importDepartments",
            tag: Tag::Administration,
            summary: "Import departments from a file",
            description: "As members are imported. Which department it is says its code; an empty cell leaves what is there.",
            codes: &[Code::ConcurrencyError],
        },
        super::import::<Departments>,
    )
}

pub(crate) fn template() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/departments/import/template",
            id: "departmentImportTemplate",
            tag: Tag::Administration,
            summary: "An empty file to import departments with",
            description: "A workbook with the headings.",
            codes: &[],
        },
        async |app: App, _: Caller, _: Input| super::template::<Departments>(app, "部门导入模板", "departments").await,
    )
}
