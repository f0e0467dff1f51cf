use axum::http::Method;
use kernel::{AnswerComplaint, CabinetCommand, Code, ComplaintId, Permission, Reason};
use schemars::JsonSchema;
use serde::Deserialize;

use super::change;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::complaints::{ComplaintAnswer, ComplaintPath};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// What the member is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    text: Reason,
}

pub(crate) fn answer() -> Endpoint {
    Endpoint::needs(
        Permission::ComplaintHandle,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/complaints/{complaint_id}/answer",
            id: "answerComplaint",
            tag: Tag::Cabinets,
            summary: "Answer a complaint",
            description: "As often as needed until it is closed.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle_answer,
    )
}

pub(crate) fn close() -> Endpoint {
    Endpoint::needs(
        Permission::ComplaintHandle,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/complaints/{complaint_id}/close",
            id: "closeComplaint",
            tag: Tag::Cabinets,
            summary: "Close a complaint",
            description: "With the last word about it. The order can be complained about again.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle_close,
    )
}

async fn handle_answer(
    app: App,
    caller: Caller,
    input: Input<ComplaintPath, Nothing, Words>,
) -> Result<Reply<ComplaintAnswer>, Failure> {
    say(&app, caller, input.path.complaint_id, input.body.text, false).await
}

async fn handle_close(
    app: App,
    caller: Caller,
    input: Input<ComplaintPath, Nothing, Words>,
) -> Result<Reply<ComplaintAnswer>, Failure> {
    say(&app, caller, input.path.complaint_id, input.body.text, true).await
}

async fn say(
    app: &App,
    caller: Caller,
    complaint: ComplaintId,
    text: Reason,
    closes: bool,
) -> Result<Reply<ComplaintAnswer>, Failure> {
    let command = CabinetCommand::AnswerComplaint(AnswerComplaint { complaint, text, closes });
    let (complaint, _) = change(app, |command| caller.asks(command), command).await?;
    Ok(Reply::saying(texts::SAVED, complaint.into()))
}
