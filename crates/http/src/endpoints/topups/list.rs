use axum::http::Method;
use kernel::{Cents, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::TopupAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TopupQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of one's top-up orders, newest first.
#[derive(Serialize, JsonSchema)]
struct TopupPage {
    orders: Vec<TopupAnswer>,
    total_count: i64,
    page_info: PageInfo,
    limits: TopupLimits,
}

/// What one top-up may be.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct TopupLimits {
    min_cents: Cents,
    max_cents: Cents,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::GET,
            path: "/api/v1/recharge/orders",
            id: "listTopups",
            tag: Tag::Wallet,
            summary: "One's top-up orders",
            description: "Newest first, with how much one top-up may be.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, TopupQuery>) -> Result<Reply<TopupPage>, Failure> {
    let TopupQuery { limit, offset } = input.query;
    let found = queries::topups::of_member(app.store(), caller.identity.member, limit.get(), offset.get()).await?;
    let (orders, total_count) = found;
    let page_info = PageInfo::new(limit, offset, orders.len(), total_count);
    let rules = app.service().recharge();
    let limits = TopupLimits { min_cents: rules.least, max_cents: rules.most };
    let orders = orders.into_iter().map(TopupAnswer::from).collect();
    Ok(Reply::ok(TopupPage { orders, total_count, page_info, limits }))
}
