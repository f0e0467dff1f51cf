use axum::http::Method;
use kernel::{Cents, Instant, MemberId, Permission, RefundId, RefundState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::payments::{self, RefundFilter, ShownRefund};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefundQuery {
    /// A part of the refund's or of the order's number, or of the nickname, or a whole `user_id`.
    query: Option<Search>,
    /// The number of one top-up.
    order_no: Option<Search>,
    state: Option<RefundState>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of refunds, newest first.
#[derive(Serialize, JsonSchema)]
struct RefundPage {
    refunds: Vec<RefundRow>,
    page_info: CursorInfo,
}

/// A refund, and whose it is.
#[derive(Serialize, JsonSchema)]
struct RefundRow {
    refund_no: String,
    order_no: String,
    user_id: MemberId,
    nickname: String,
    amount_cents: Cents,
    reason: String,
    state: RefundState,
    created_at: Instant,
    updated_at: Instant,
}

impl From<ShownRefund> for RefundRow {
    fn from(shown: ShownRefund) -> Self {
        let refund = shown.refund;
        Self {
            refund_no: refund.refund_no,
            order_no: shown.order_no,
            user_id: shown.member,
            nickname: shown.nickname,
            amount_cents: refund.amount,
            reason: refund.reason,
            state: refund.state,
            created_at: refund.created_at,
            updated_at: refund.updated_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/refunds",
            id: "listRefunds",
            tag: Tag::Administration,
            summary: "Refunds at WeChat",
            description: "Of top-ups, and of what pay score collected, under the cabinet order's number. Newest first. All filters have to hold. A search looks at one refund after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, RefundQuery>) -> Result<Reply<RefundPage>, Failure> {
    let query = input.query;
    let filter = RefundFilter {
        query: query.query.map(Search::into_inner),
        order_no: query.order_no.map(Search::into_inner),
        state: query.state,
    };
    let before = RefundId::new(query.cursor.map_or(i64::MAX, Cursor::get));
    let found = payments::refunds(app.store(), &filter, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown| shown.refund.id.get());
    Ok(Reply::ok(RefundPage { refunds: found.into_iter().map(RefundRow::from).collect(), page_info }))
}
