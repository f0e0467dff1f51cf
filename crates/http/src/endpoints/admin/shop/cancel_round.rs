use axum::http::Method;
use kernel::{CancelRound, Cents, Code, Command, Outcome, Permission, Reason, ShopCommand};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

use crate::endpoints::shop::{RoundAnswer, RoundPath, round_of};

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallOff {
    reason: Reason,
}

/// A round after it was called off, and what went back with it.
#[derive(Serialize, JsonSchema)]
struct RoundChange {
    #[serde(flatten)]
    round: RoundAnswer,
    /// How many orders gave their shares back.
    orders_refunded: i64,
    /// What went back to their buyers.
    refunded_cents: Cents,
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
    input: Input<RoundPath, DryRun, CallOff>,
) -> Result<Reply<RoundChange>, Failure> {
    let round = round_of(&app, input.path.round_id).await?.what;
    let command =
        ShopCommand::CancelRound(CancelRound { round: round.id, product: round.product, reason: input.body.reason });
    let dry_run = input.query.dry_run;
    let Outcome::Round(outcome) = app.service().run(caller.tries(dry_run, Command::Shop(command))).await? else {
        return Err(Failure::fault("a round's command answered something else"));
    };
    let change = RoundChange {
        orders_refunded: outcome.orders_refunded,
        refunded_cents: outcome.refunded,
        round: RoundAnswer::of(outcome),
    };
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::ROUND_CANCELED }, change))
}
