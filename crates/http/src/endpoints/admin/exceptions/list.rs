use axum::http::Method;
use kernel::{ExceptionKind, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries;
use store::queries::exceptions::ExceptionSorting;

use super::ExceptionRow;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(ExceptionQuery, ExceptionFileQuery, ExceptionSorting, {
    kind: Option<ExceptionKind>,
    /// The resolved ones instead of the open ones.
    #[serde(default)]
    resolved: bool,
});

/// A page of exceptions.
#[derive(Serialize, JsonSchema)]
struct ExceptionPage {
    exceptions: Vec<ExceptionRow>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ExceptionRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/exceptions",
            id: "listExceptions",
            tag: Tag::Administration,
            summary: "What a person has to settle",
            description: "Newest first, unless asked for otherwise; each with what was found and what to do about it.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Exceptions>(
        Permission::ExceptionRead,
        "/api/v1/admin/exceptions/export",
        "exportExceptions",
        Tag::Administration,
        "What a person has to settle as a workbook",
        &[],
    )
}

/// Exceptions, as the list shows them.
enum Exceptions {}

impl Listed for Exceptions {
    type Path = Nothing;
    type Query = ExceptionFileQuery;
    type Row = ExceptionRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &ExceptionFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<ExceptionRow>>, Failure> {
        let kind = query.kind.map(ExceptionKind::as_str);
        let found = queries::exceptions::list(app.store(), !query.resolved, kind, page).await;
        let row = |shown: queries::exceptions::Shown| {
            ExceptionRow::new(shown.exception, shown.owner.map(|(_, nickname)| nickname))
        };
        Ok(listed(found, caller.language)?.into_iter().map(|placed| placed.map(row)).collect())
    }
}

impl Filed for Exceptions {
    const NAMES: (&'static str, &'static str) = ("异常单", "exceptions");
    const COLUMNS: &'static [FileColumn<ExceptionRow>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.exception_id)),
        FileColumn::new("类型", 16, |row| Cell::text(texts::exception_kind(row.kind, Language::Chinese))),
        FileColumn::new("对象", 32, |row| Cell::text(&row.subject)),
        FileColumn::new("建议", 20, |row| {
            Cell::text(texts::exception_action(row.proposed_action, Language::Chinese))
        }),
        FileColumn::new("负责人", 16, |row| Cell::or_nothing(row.owner_nickname.as_deref(), Cell::text)),
        FileColumn::new("期限", 20, |row| Cell::Moment(row.due_at)),
        FileColumn::new("发现时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("处理时间", 20, |row| Cell::or_nothing(row.resolved_at, Cell::Moment)),
        FileColumn::new("处理", 20, |row| {
            Cell::or_nothing(row.action, |action| Cell::text(texts::exception_action(action, Language::Chinese)))
        }),
        FileColumn::new("说明", 30, |row| Cell::or_nothing(row.note.as_deref(), Cell::text)),
    ];
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, ExceptionQuery>,
) -> Result<Reply<ExceptionPage>, Failure> {
    let (exceptions, page_info) = list::read::<Exceptions>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(ExceptionPage { exceptions, page_info }))
}
