use axum::http::Method;
use kernel::{Code, Permission, RoundId, RoundState, RoundStatus};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries::shop as queries;

use super::{RoundPath, round_of};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

/// SHA-256 of the secret and the shares, read as one big number, gives the winner.
#[derive(Serialize, JsonSchema)]
struct Proof {
    round_id: RoundId,
    status: RoundStatus,
    total_shares: i64,
    /// The SHA-256 of the secret, known since the round was made.
    commitment: String,
    /// 32 bytes in hexadecimal.
    secret: Option<String>,
    winning_number: Option<i64>,
    winning_order_no: Option<String>,
    /// By their numbers.
    shares: Vec<Share>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Share {
    number: i64,
    order_no: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/rounds/{round_id}/proof",
            id: "proveRound",
            tag: Tag::Shop,
            summary: "How a round was drawn",
            description: "Everything that anybody needs to compute the winner again; docs/draw.md says how. Before the draw, the secret and what \
                follows from it are absent.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<RoundPath, Nothing>) -> Result<Reply<Proof>, Failure> {
    let found = round_of(&app, input.path.round_id).await?;
    let shares = queries::shares(app.store(), found.what.id).await?;
    let (secret, winning_number) = match found.what.state {
        RoundState::Drawn { winning_number, .. } => (Some(found.what.secret.hex()), Some(winning_number)),
        _ => (None, None),
    };
    let winner = shares.iter().find(|share| Some(share.number) == winning_number);
    Ok(Reply::ok(Proof {
        round_id: found.what.id,
        status: found.what.status(),
        total_shares: found.pool.capacity,
        commitment: found.what.commitment,
        secret,
        winning_number,
        winning_order_no: winner.map(|share| share.order_no.clone()),
        shares: shares.into_iter().map(|share| Share { number: share.number, order_no: share.order_no }).collect(),
    }))
}
