use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::complaints as queries;

use super::{ComplaintAnswer, ComplaintPath};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnComplaintQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of one's own complaints.
#[derive(Serialize, JsonSchema)]
struct OwnComplaintPage {
    complaints: Vec<ComplaintAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn list() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/complaints",
            id: "listComplaints",
            tag: Tag::Cabinets,
            summary: "One's own complaints",
            description: "Newest first, each with what the house says to it.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn show() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/complaints/{complaint_id}",
            id: "showComplaint",
            tag: Tag::Cabinets,
            summary: "One complaint",
            description: "One's own, or anybody's for who holds `complaint:handle`.",
            codes: &[Code::NotFound],
        },
        handle_one,
    )
}

async fn handle_list(
    app: App,
    caller: Caller,
    input: Input<Nothing, OwnComplaintQuery>,
) -> Result<Reply<OwnComplaintPage>, Failure> {
    let (OwnComplaintQuery { limit, offset }, member) = (input.query, caller.identity.member);
    let found = queries::of_member(app.store(), member, limit.get(), offset.get()).await?;
    let total_count = queries::count_of_member(app.store(), member).await?;
    Ok(Reply::ok(OwnComplaintPage {
        page_info: PageInfo::new(limit, offset, found.len(), total_count),
        complaints: found.into_iter().map(ComplaintAnswer::from).collect(),
        total_count,
    }))
}

async fn handle_one(app: App, caller: Caller, input: Input<ComplaintPath>) -> Result<Reply<ComplaintAnswer>, Failure> {
    let found = queries::one(app.store(), input.path.complaint_id).await?;
    let complaint = found.ok_or(Refusal::NotFound { noun: Noun::Complaint })?;
    if complaint.member != caller.identity.member && !caller.identity.rights.allow(Permission::ComplaintHandle) {
        return Err(Refusal::NotYours.into());
    }
    Ok(Reply::ok(complaint.into()))
}
