use axum::http::Method;
use kernel::{Currency, Owner, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::LedgerLine;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of the caller's ledger, newest first.
#[derive(Serialize, JsonSchema)]
struct BalanceHistory {
    history: Vec<LedgerLine>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/balance/history",
            id: "balanceHistory",
            tag: Tag::Wallet,
            summary: "One's own ledger",
            description: "Every movement with the balance after it. A page costs the same however long the history is.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, HistoryQuery>,
) -> Result<Reply<BalanceHistory>, Failure> {
    let HistoryQuery { limit, offset } = input.query;
    let member = caller.identity.member;
    let wallet = Owner::Member(member).account(Currency::Cny);
    let total_count = queries::ledger::balance(app.store(), wallet).await?.map_or(0, |balance| balance.entries);
    let newest = total_count.saturating_sub(offset.get());
    let lines = queries::ledger::entries(app.store(), wallet, newest, limit.get()).await?;
    let page_info = PageInfo::new(limit, offset, lines.len(), total_count);
    Ok(Reply::ok(BalanceHistory { history: LedgerLine::list(member, lines, caller.language), total_count, page_info }))
}
