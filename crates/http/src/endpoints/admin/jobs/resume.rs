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
            path: "/api/v1/admin/jobs/{name}/resume",
            id: "resumeJob",
            tag: Tag::Operation,
            summary: "Let a job's schedule go on",
            description: "What was due meanwhile is done once, now.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<JobPath>) -> Result<Reply<()>, Failure> {
    app.service().pause_job(&input.path.name, false, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::JOB_RESUMED, ()))
}
