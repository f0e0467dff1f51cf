use axum::http::Method;
use kernel::{Code, CreateRound, DrawSecret, Instant, Permission, Price, ProductId, Quantity, ShopCommand};
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

use crate::endpoints::shop::RoundAnswer;

/// A round to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRound {
    product_id: ProductId,
    /// 1 to 10,000.
    total_shares: i64,
    /// Not below zero.
    share_price_cents: Price,
    /// How many shares one member may have in orders that stand.
    limit_per_member: Option<Quantity>,
    /// Absent for now.
    opens_at: Option<Instant>,
    closes_at: Instant,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/rounds",
            id: "createRound",
            tag: Tag::Shop,
            summary: "Open a round",
            description: "Keeps one piece of the product for the winner. From now on the commitment to the draw's secret is public.",
            codes: &[Code::NotFound, Code::OutOfStock],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewRound>,
) -> Result<Reply<RoundAnswer>, Failure> {
    let round = input.body;
    let mut secret = DrawSecret::default();
    app.service().ambient().fill(&mut secret.0);
    let command = ShopCommand::CreateRound(CreateRound {
        product: round.product_id,
        shares: round.total_shares,
        share_price: round.share_price_cents,
        member_limit: round.limit_per_member,
        opens_at: round.opens_at.unwrap_or_else(|| app.service().now()),
        closes_at: round.closes_at,
        secret,
    });
    Ok(Reply::saying(texts::CREATED, change_round(&app, caller, command).await?))
}
