use axum::http::Method;
use kernel::{Code, Permission};

use super::JobPath;
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
            path: "/api/v1/admin/jobs/{name}/pause",
            id: "pauseJob",
            tag: Tag::Operation,
            summary: "Stop a job's schedule",
            description: "A run that is going on is not touched, and the job can still be run by hand.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<JobPath>) -> Result<Reply<()>, Failure> {
    app.service().pause_job(&input.path.name, true, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::JOB_PAUSED, ()))
}
