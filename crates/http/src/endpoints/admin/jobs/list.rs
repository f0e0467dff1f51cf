use axum::http::Method;
use kernel::{Instant, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use service::{JobView, Schedule};

use super::JobRunRow;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Serialize, JsonSchema)]
struct JobList {
    jobs: Vec<JobRow>,
}

/// A job, when it runs, and how its last run went.
#[derive(Serialize, JsonSchema)]
struct JobRow {
    name: &'static str,
    /// How many seconds lie between two beginnings, where it runs every so often.
    every_secs: Option<i64>,
    /// `HH:MM` in the configured zone, where it runs once a day.
    daily_at: Option<String>,
    /// Whether the schedule is stopped. It can still be run by hand.
    paused: bool,
    /// Absent while it is paused, and where it only runs by hand.
    next_run_at: Option<Instant>,
    last_run: Option<JobRunRow>,
}

impl From<JobView> for JobRow {
    fn from(view: JobView) -> Self {
        let (every_secs, daily_at) = match view.schedule {
            Schedule::Every { ms } => (Some(ms / 1000), None),
            Schedule::Daily { minute } => (None, Some(format!("{:02}:{:02}", minute / 60, minute % 60))),
            Schedule::ByHand => (None, None),
        };
        Self {
            name: view.name,
            every_secs,
            daily_at,
            paused: view.paused,
            next_run_at: view.next_run_at.filter(|_| !view.paused),
            last_run: view.last_run.map(JobRunRow::from),
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::JobRun,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/jobs",
            id: "listJobs",
            tag: Tag::Operation,
            summary: "The jobs of the house",
            description: "Each runs on one server at a time, however many there are.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input) -> Result<Reply<JobList>, Failure> {
    let jobs = app.service().jobs().await?;
    Ok(Reply::ok(JobList { jobs: jobs.into_iter().map(JobRow::from).collect() }))
}
