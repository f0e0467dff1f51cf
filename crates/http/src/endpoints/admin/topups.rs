use axum::http::Method;
use kernel::{Instant, MemberId, OrderId, Permission, TopupStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::first_id_at;
use store::queries::payments::{self, TopupFilter};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::topups::TopupAnswer;
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AllTopupQuery {
    /// A part of the order's number or of the nickname, or a whole `user_id` or `transaction_id`.
    query: Option<Search>,
    user_id: Option<MemberId>,
    status: Option<TopupStatus>,
    /// Made from this moment on.
    from: Option<Instant>,
    /// Up to, but not at, this moment.
    to: Option<Instant>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of everybody's top-up orders, newest first.
#[derive(Serialize, JsonSchema)]
struct AllTopupPage {
    orders: Vec<TopupRow>,
    page_info: CursorInfo,
}

/// A top-up order, and whose it is.
#[derive(Serialize, JsonSchema)]
struct TopupRow {
    nickname: String,
    #[serde(flatten)]
    topup: TopupAnswer,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/topups",
            id: "listAllTopups",
            tag: Tag::Administration,
            summary: "Everybody's top-up orders",
            description: "Newest first. All filters have to hold. A search looks at one order after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AllTopupQuery>,
) -> Result<Reply<AllTopupPage>, Failure> {
    let query = input.query;
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from > to
    {
        return Err(Failure::ends_before_it_begins("from", "to", caller.language));
    }
    let filter = TopupFilter {
        query: query.query.map(Search::into_inner),
        member: query.user_id,
        status: query.status,
        from: query.from,
        to: query.to,
        first_id: query.from.map_or(0, first_id_at),
    };
    let before = OrderId::new(query.cursor.map_or(i64::MAX, Cursor::get));
    let found = payments::topups(app.store(), &filter, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |(topup, _)| topup.id.get());
    let row = |(topup, nickname): (kernel::Topup, String)| TopupRow { nickname, topup: topup.into() };
    Ok(Reply::ok(AllTopupPage { orders: found.into_iter().map(row).collect(), page_info }))
}
