use axum::http::Method;
use kernel::{Permission, ProductId, RoundId, RoundStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::shop as queries;

use super::{RoundAnswer, before};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoundQuery {
    status: Option<RoundStatus>,
    product_id: Option<ProductId>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of rounds.
#[derive(Serialize, JsonSchema)]
struct RoundPage {
    rounds: Vec<RoundAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/rounds",
            id: "listRounds",
            tag: Tag::Shop,
            summary: "Rounds",
            description: "Newest first, page by page.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, RoundQuery>) -> Result<Reply<RoundPage>, Failure> {
    let (query, now) = (input.query, app.service().now());
    let first = RoundId::new(before(query.cursor));
    let found = queries::rounds(app.store(), query.status, query.product_id, first, query.limit.and_one(), now).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |round| round.what.id.get());
    Ok(Reply::ok(RoundPage { rounds: found.into_iter().map(RoundAnswer::from).collect(), page_info }))
}
