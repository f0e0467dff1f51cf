use axum::http::Method;
use kernel::{AssignComplaint, CabinetCommand, Code, MemberId, Permission};
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

/// Who sees to it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Owner {
    /// Nobody where it is absent.
    user_id: Option<MemberId>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ComplaintHandle,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/complaints/{complaint_id}/assign",
            id: "assignComplaint",
            tag: Tag::Cabinets,
            summary: "Say who sees to a complaint",
            description: "Oneself or a colleague who may handle complaints, until it is closed.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ComplaintPath, Nothing, Owner>,
) -> Result<Reply<ComplaintAnswer>, Failure> {
    let complaint = input.path.complaint_id;
    let command = CabinetCommand::AssignComplaint(AssignComplaint { complaint, owner: input.body.user_id });
    let (complaint, _) = change(&app, |command| caller.asks(command), command).await?;
    Ok(Reply::saying(texts::SAVED, complaint.into()))
}
