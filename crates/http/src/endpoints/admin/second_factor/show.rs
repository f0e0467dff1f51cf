use axum::http::Method;
use kernel::{Code, Permission};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::admin::member::MemberPath;
use crate::endpoints::admin::member_sessions::must_exist;
use crate::endpoints::auth::second_factor::SecondFactorInfo;
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/second-factor",
            id: "showMemberSecondFactor",
            tag: Tag::Administration,
            summary: "A member's second factor",
            description: "Whether it is on, since when, and how many recovery codes are left.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<MemberPath>) -> Result<Reply<SecondFactorInfo>, Failure> {
    must_exist(&app, input.path.user_id).await?;
    Ok(Reply::ok(SecondFactorInfo::of(&app, input.path.user_id).await?))
}
