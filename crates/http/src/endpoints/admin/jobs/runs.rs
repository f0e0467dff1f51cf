use axum::http::Method;
use kernel::{Code, Counts, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::jobs::{self as queries, RunSorting};

use super::{JobPath, JobRunRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(RunsQuery, RunsFileQuery, RunSorting, {});

/// A page of a job's runs.
#[derive(Serialize, JsonSchema)]
struct JobRunPage {
    runs: Vec<JobRunRow>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::JobRun,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/jobs/{name}/runs",
            id: "listJobRuns",
            tag: Tag::Operation,
            summary: "What a job has done",
            description: "Newest first, unless asked for otherwise. An `abandoned` run is one whose server went away; the next run went on from there.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Runs>(
        Permission::JobRun,
        "/api/v1/admin/jobs/{name}/runs/export",
        "exportJobRuns",
        Tag::Operation,
        "What a job has done, as a workbook",
        &[Code::NotFound],
    )
}

/// A job's runs, as the list shows them.
enum Runs {}

impl Listed for Runs {
    type Path = JobPath;
    type Query = RunsFileQuery;
    type Row = JobRunRow;

    async fn find(
        app: &App,
        caller: &Caller,
        path: &JobPath,
        _: &RunsFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<JobRunRow>>, Failure> {
        app.service().must_have_job(&path.name)?;
        let found = listed(queries::list(app.store(), &path.name, page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(JobRunRow::from)).collect())
    }
}

impl Filed for Runs {
    const NAMES: (&'static str, &'static str) = ("运行记录", "job_runs");
    const COLUMNS: &'static [FileColumn<JobRunRow>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.run_id.get())),
        FileColumn::new("任务", 24, |row| Cell::text(&row.job)),
        FileColumn::new("开始时间", 20, |row| Cell::Moment(row.started_at)),
        FileColumn::new("结束时间", 20, |row| Cell::or_nothing(row.ended_at, Cell::Moment)),
        FileColumn::new("用时(毫秒)", 12, |row| Cell::or_nothing(row.duration_ms, Cell::Integer)),
        FileColumn::new("状态", 12, |row| Cell::text(row.status.as_str())),
        FileColumn::new("计数", 40, |row| {
            Cell::or_nothing(row.counts.as_ref(), |counts| Cell::text(in_one_line(counts)))
        }),
        FileColumn::new("错误", 40, |row| Cell::or_nothing(row.error.as_deref(), Cell::text)),
        FileColumn::new("触发人", 16, |row| {
            Cell::or_nothing(row.triggered_by.as_ref(), |by| Cell::text(by.nickname.as_str()))
        }),
        FileColumn::new("服务器", 8, |row| Cell::Integer(row.node)),
    ];
}

fn in_one_line(counts: &Counts) -> String {
    counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join("、")
}

async fn handle(app: App, caller: Caller, input: Input<JobPath, RunsQuery>) -> Result<Reply<JobRunPage>, Failure> {
    let (runs, page_info) = list::read::<Runs>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(JobRunPage { runs, page_info }))
}
