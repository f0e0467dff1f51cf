use axum::http::Method;
use kernel::{Cents, Instant, MemberId, Permission, RefundState};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::payments::{self, RefundFilter, RefundSorting, ShownRefund};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(RefundQuery, RefundFileQuery, RefundSorting, {
    /// A part of the refund's or of the order's number, or of the nickname, or a whole `user_id`.
    query: Option<Search>,
    /// The number of one top-up.
    order_no: Option<Search>,
    state: Option<RefundState>,
});

/// A page of refunds.
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
            description: "Of top-ups, and of what pay score collected, under the cabinet order's number. Newest first, unless asked for otherwise. All filters have to hold. A search looks at one refund after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Refunds>(
        Permission::WalletRead,
        "/api/v1/admin/refunds/export",
        "exportRefunds",
        Tag::Administration,
        "Refunds at WeChat as a workbook",
        &[],
    )
}

/// Refunds, as the list shows them.
enum Refunds {}

impl Listed for Refunds {
    type Path = Nothing;
    type Query = RefundFileQuery;
    type Row = RefundRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &RefundFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<RefundRow>>, Failure> {
        let filter = RefundFilter {
            query: query.query.clone().map(Search::into_inner),
            order_no: query.order_no.clone().map(Search::into_inner),
            state: query.state,
        };
        let found = listed(payments::refunds(app.store(), &filter, page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(RefundRow::from)).collect())
    }
}

impl Filed for Refunds {
    const NAMES: (&'static str, &'static str) = ("退款", "refunds");
    const COLUMNS: &'static [FileColumn<RefundRow>] = &[
        FileColumn::new("退款单号", 32, |row| Cell::text(&row.refund_no)),
        FileColumn::new("订单号", 32, |row| Cell::text(&row.order_no)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("昵称", 16, |row| Cell::text(&row.nickname)),
        FileColumn::new("金额(元)", 12, |row| Cell::Cents(row.amount_cents)),
        FileColumn::new("原因", 30, |row| Cell::text(&row.reason)),
        FileColumn::new("状态", 12, |row| Cell::text(texts::refund_state(row.state, Language::Chinese))),
        FileColumn::new("提交时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("更新时间", 20, |row| Cell::Moment(row.updated_at)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, RefundQuery>) -> Result<Reply<RefundPage>, Failure> {
    let (refunds, page_info) = list::read::<Refunds>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(RefundPage { refunds, page_info }))
}
