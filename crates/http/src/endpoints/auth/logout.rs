use axum::http::Method;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::POST,
            path: "/api/v1/auth/logout",
            id: "signOut",
            tag: Tag::SignIn,
            summary: "Sign out",
            description: "Ends the session of the token that was sent; others of the same member go on.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<()>, Failure> {
    app.service().sign_out(&caller.identity).await?;
    Ok(Reply::saying(texts::SIGNED_OUT, ()))
}
