use axum::http::Method;
use kernel::{Cents, Code, Currency, Noun, Owner, Permission, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::wallet::LedgerLine;
use crate::failure::Failure;
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberLedgerQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of a member's ledger, newest first.
#[derive(Serialize, JsonSchema)]
struct MemberLedger {
    balance_cents: Cents,
    history: Vec<LedgerLine>,
    total_count: i64,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/ledger",
            id: "memberLedger",
            tag: Tag::Administration,
            summary: "A member's ledger",
            description: "Every movement with the balance after it. A page costs the same however long the history is; how long \
                          it is, is known without counting.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, MemberLedgerQuery>,
) -> Result<Reply<MemberLedger>, Failure> {
    let member = input.path.user_id;
    let wallet = Owner::Member(member).account(Currency::Cny);
    if queries::members::one(app.store(), member).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Member }.into());
    }
    let balance = queries::ledger::balance(app.store(), wallet).await?;
    let (balance_cents, total_count) = balance.map_or((Cents::ZERO, 0), |found| (found.balance, found.entries));
    // The cursor is the number of the last entry that was shown.
    let newest = input.query.cursor.map_or(total_count, |cursor| cursor.get().saturating_sub(1));
    let limit = input.query.limit;
    let lines = queries::ledger::entries(app.store(), wallet, newest, limit.and_one()).await?;
    let (lines, page_info) = CursorInfo::cut(lines, limit, |line| line.number);
    Ok(Reply::ok(MemberLedger {
        balance_cents,
        history: LedgerLine::list(member, lines, caller.language),
        total_count,
        page_info,
    }))
}
