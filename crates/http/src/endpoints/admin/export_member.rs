use axum::http::Method;
use kernel::Permission;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::users::export_data::{CODES, export};
use crate::failure::Failure;
use crate::file::Document;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberExport,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/data/export",
            id: "exportMemberData",
            tag: Tag::Administration,
            summary: "Everything that is kept about a member, as JSON",
            description: "As `GET /api/v1/users/data/export`, for somebody who asks for it. Noted in the audit trail.",
            codes: CODES,
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<MemberPath>) -> Result<Document, Failure> {
    export(&app, caller, input.path.user_id).await
}
