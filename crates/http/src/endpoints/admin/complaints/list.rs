use axum::http::Method;
use kernel::{ComplaintId, ComplaintStatus, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::complaints as queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::complaints::ComplaintAnswer;
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ComplaintQuery {
    status: Option<ComplaintStatus>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of complaints, newest first.
#[derive(Serialize, JsonSchema)]
struct ComplaintPage {
    complaints: Vec<ComplaintAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ComplaintHandle,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/complaints",
            id: "listAllComplaints",
            tag: Tag::Cabinets,
            summary: "Everybody's complaints",
            description: "Newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, ComplaintQuery>) -> Result<Reply<ComplaintPage>, Failure> {
    let ComplaintQuery { status, limit, cursor } = input.query;
    let before = ComplaintId::new(cursor.map_or(i64::MAX, Cursor::get));
    let found = queries::list(app.store(), status, before, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |complaint| complaint.id.get());
    Ok(Reply::ok(ComplaintPage { complaints: found.into_iter().map(ComplaintAnswer::from).collect(), page_info }))
}
