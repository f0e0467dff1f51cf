use axum::http::Method;
use kernel::{Date, Instant, Permission, ReportKind};
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
struct ReportQuery {
    kind: Option<ReportKind>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of reports, newest first.
#[derive(Serialize, JsonSchema)]
struct ReportPage {
    reports: Vec<ReportRow>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
struct ReportRow {
    kind: ReportKind,
    /// The day that it is of.
    date: Date,
    made_at: Instant,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ReportRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/reports",
            id: "listReports",
            tag: Tag::Operation,
            summary: "Reports that were made",
            description: "Once a day, of the day before: which kinds and when is set in the configuration.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, ReportQuery>) -> Result<Reply<ReportPage>, Failure> {
    let query = input.query;
    let before = query.cursor.map_or(i64::MAX, Cursor::get);
    let found = queries::reports::list(app.store(), query.kind, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |report| report.id.get());
    let row = |report: kernel::Report| ReportRow { kind: report.kind, date: report.date, made_at: report.made_at };
    Ok(Reply::ok(ReportPage { reports: found.into_iter().map(row).collect(), page_info }))
}
