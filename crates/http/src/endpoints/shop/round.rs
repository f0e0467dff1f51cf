use axum::http::Method;
use kernel::{Code, Permission};

use super::{RoundAnswer, RoundPath, round_of};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/rounds/{round_id}",
            id: "showRound",
            tag: Tag::Shop,
            summary: "One round",
            description: "Its commitment is the SHA-256 of a secret that the draw reveals.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<RoundPath, Nothing>) -> Result<Reply<RoundAnswer>, Failure> {
    Ok(Reply::ok(round_of(&app, input.path.round_id).await?.into()))
}
