use axum::http::Method;
use kernel::{Code, Permission};

use super::{RoleAnswer, RolePath, shown};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/roles/{role}",
            id: "getRole",
            tag: Tag::Administration,
            summary: "A role",
            description: "What it allows, and how many members hold it.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<RolePath>) -> Result<Reply<RoleAnswer>, Failure> {
    Ok(Reply::ok(shown(&app, input.path.role).await?.into()))
}
