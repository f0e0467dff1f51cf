use axum::http::Method;
use kernel::{Code, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{JobPath, JobRunRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunsQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of a job's runs, newest first.
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
            description: "An `abandoned` run is one whose server went away; the next run went on from there.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<JobPath, RunsQuery>) -> Result<Reply<JobRunPage>, Failure> {
    let Input { path, query, .. } = input;
    let before = query.cursor.map_or(i64::MAX, Cursor::get);
    let found = app.service().job_runs(&path.name, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown| shown.run.id.get());
    Ok(Reply::ok(JobRunPage { runs: found.into_iter().map(JobRunRow::from).collect(), page_info }))
}
