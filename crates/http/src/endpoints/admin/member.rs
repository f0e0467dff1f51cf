use axum::http::Method;
use kernel::{Code, MemberId, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries;

use super::members::MemberRow;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct MemberPath {
    pub(super) user_id: MemberId,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}",
            id: "showMember",
            tag: Tag::Administration,
            summary: "One member",
            description: "As in the list.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<MemberPath>) -> Result<Reply<MemberRow>, Failure> {
    let found = queries::members::show(app.store(), input.path.user_id).await?;
    let shown = found.ok_or(Refusal::NotFound { noun: Noun::Member })?;
    Ok(Reply::ok(MemberRow::new(app.service().vault(), shown)?))
}
