use axum::http::Method;
use kernel::{Code, Permission, RunStatus};

use super::{JobPath, JobRunRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::JobRun,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/jobs/{name}/run",
            id: "runJob",
            tag: Tag::Operation,
            summary: "Run a job now",
            description: "Also where it is paused. A run that is going on ends first. The answer comes when the run has ended, or \
                          after fifteen seconds with the run as it is then.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<JobPath>) -> Result<Reply<JobRunRow>, Failure> {
    let shown = app.service().run_job(&input.path.name, |command| caller.asks(command)).await?;
    let message = match shown.run.status() {
        RunStatus::Succeeded => texts::JOB_RAN,
        RunStatus::Running => texts::JOB_RUNS,
        RunStatus::Failed | RunStatus::Abandoned => texts::JOB_FAILED,
    };
    Ok(Reply::saying(message, shown.into()))
}
