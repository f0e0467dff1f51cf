use axum::http::Method;
use kernel::{CancelRound, Code, Permission, Reason, ShopCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use super::change_round;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{RoundAnswer, RoundPath, round_of};

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallOff {
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/rounds/{round_id}/cancel",
            id: "cancelRound",
            tag: Tag::Shop,
            summary: "Call a round off",
            description: "While it is open. Everybody has their money back at once.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<RoundPath, Nothing, CallOff>,
) -> Result<Reply<RoundAnswer>, Failure> {
    let round = round_of(&app, input.path.round_id).await?.what;
    let command =
        ShopCommand::CancelRound(CancelRound { round: round.id, product: round.product, reason: input.body.reason });
    Ok(Reply::saying(texts::ROUND_CANCELED, change_round(&app, caller, command).await?))
}
