use axum::http::Method;
use kernel::{AccountName, Code, Command, DepartmentCode, ImportMembers, MemberId, MemberLine, Permission, Title};
use schemars::JsonSchema;
use serde::Deserialize;
use service::uuid;

use super::{ImportColumn, Kind};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::texts::{Language, say};

struct Members;

#[derive(Deserialize, JsonSchema)]
struct MemberCells {
    user_id: Option<MemberId>,
    account: Option<AccountName>,
    nickname: Option<Title>,
    department: Option<DepartmentCode>,
}

impl Kind for Members {
    type Cells = MemberCells;
    type Line = MemberLine;

    const COLUMNS: &'static [ImportColumn] = &[
        ImportColumn { field: "account", headings: &["账号", "account"], words: &[] },
        ImportColumn { field: "nickname", headings: &["昵称", "姓名", "nickname", "name"], words: &[] },
        ImportColumn { field: "department", headings: &["部门编号", "部门", "department"], words: &[] },
        ImportColumn { field: "user_id", headings: &["用户ID", "用户编号", "user_id"], words: &[] },
    ];
    const KEY: &'static str = "account";

    fn line(app: &App, number: i64, cells: MemberCells, language: Language) -> Result<MemberLine, String> {
        let MemberCells { user_id, account, nickname, department } = cells;
        // Without either, the same file would make the same people again.
        if user_id.is_none() && account.is_none() {
            return Err(say!(language, "账号和用户ID须填一项", "an account or a user id has to say who it is"));
        }
        let uid = uuid(app.service().ambient());
        Ok(MemberLine { number, member: user_id, account, nickname, department, uid })
    }

    fn command(lines: Vec<MemberLine>, agreed: Option<String>) -> Command {
        Command::ImportMembers(ImportMembers { lines, agreed })
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members/import",
            id: "importMembers",
            tag: Tag::Administration,
            summary: "Import members from a file",
            description: "With `dry_run` it says for every row what it comes to and what is wrong, and gives a token; with the \
                          token and the same file it does exactly that, or refuses where something has changed in between. All \
                          rows are imported or none. Who it is says `用户ID` (user_id) or `账号` (account); an empty cell \
                          leaves what is there. The columns are those of the template.",
            codes: &[Code::ConcurrencyError],
        },
        super::import::<Members>,
    )
}

pub(crate) fn template() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/import/template",
            id: "memberImportTemplate",
            tag: Tag::Administration,
            summary: "An empty file to import members with",
            description: "A workbook with the headings.",
            codes: &[],
        },
        async |app: App, _: Caller, _: Input| super::template::<Members>(app, "用户导入模板", "members").await,
    )
}
