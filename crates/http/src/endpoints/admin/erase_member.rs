use axum::http::Method;
use kernel::Permission;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::users::erase::{CODES, ErasureAnswer, ErasureReason, erase};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberErase,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members/{user_id}/erase",
            id: "eraseMember",
            tag: Tag::Administration,
            summary: "Erase a member",
            description: "For somebody who asks for it. As `POST /api/v1/users/erase` does; somebody who was erased already is \
                answered when that was. Nobody erases the last administrator.",
            codes: CODES,
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, DryRun, ErasureReason>,
) -> Result<Reply<ErasureAnswer>, Failure> {
    erase(&app, caller, input.path.user_id, input.query, input.body).await
}
