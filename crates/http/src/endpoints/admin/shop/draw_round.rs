use axum::http::Method;
use kernel::{Code, DrawRound, Permission, ShopCommand};

use super::change_round;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{RoundAnswer, RoundPath, round_of};

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/rounds/{round_id}/draw",
            id: "drawRound",
            tag: Tag::Shop,
            summary: "Draw a round",
            description: "Once, when it is sold out. It happens by itself within a minute.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<RoundPath, Nothing>) -> Result<Reply<RoundAnswer>, Failure> {
    let round = round_of(&app, input.path.round_id).await?.what;
    let command = ShopCommand::DrawRound(DrawRound { round: round.id, product: round.product });
    Ok(Reply::saying(texts::ROUND_DRAWN, change_round(&app, caller, command).await?))
}
