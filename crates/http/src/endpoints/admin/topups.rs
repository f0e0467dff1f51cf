use axum::http::Method;
use kernel::{Instant, MemberId, Permission, TopupStatus};
use schemars::JsonSchema;
use serde::Serialize;
use service::first_id_at;
use store::lists::{Page, Placed};
use store::queries::payments::{self, TopupFilter, TopupSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::topups::TopupAnswer;
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(AllTopupQuery, TopupFileQuery, TopupSorting, {
    /// A part of the order's number or of the nickname, or a whole `user_id` or `transaction_id`.
    query: Option<Search>,
    user_id: Option<MemberId>,
    status: Option<TopupStatus>,
    /// Made from this moment on.
    from: Option<Instant>,
    /// Up to, but not at, this moment.
    to: Option<Instant>,
});

/// A page of everybody's top-up orders.
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
            description: "Newest first, unless asked for otherwise. All filters have to hold. A search looks at one order after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Topups>(
        Permission::WalletRead,
        "/api/v1/admin/topups/export",
        "exportTopups",
        Tag::Administration,
        "Everybody's top-up orders as a workbook",
        &[],
    )
}

/// Top-ups, as the list shows them.
enum Topups {}

impl Listed for Topups {
    type Path = Nothing;
    type Query = TopupFileQuery;
    type Row = TopupRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &TopupFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<TopupRow>>, Failure> {
        if let (Some(from), Some(to)) = (query.from, query.to)
            && from > to
        {
            return Err(Failure::ends_before_it_begins("from", "to", caller.language));
        }
        let filter = TopupFilter {
            query: query.query.clone().map(Search::into_inner),
            member: query.user_id,
            status: query.status,
            from: query.from,
            to: query.to,
            first_id: query.from.map_or(0, first_id_at),
        };
        let found = listed(payments::topups(app.store(), &filter, page).await, caller.language)?;
        let row = |(topup, nickname): (kernel::Topup, String)| TopupRow { nickname, topup: topup.into() };
        Ok(found.into_iter().map(|placed| placed.map(row)).collect())
    }
}

impl Filed for Topups {
    const NAMES: (&'static str, &'static str) = ("充值", "topups");
    const COLUMNS: &'static [FileColumn<TopupRow>] = &[
        FileColumn::new("充值单号", 32, |row| Cell::text(&row.topup.order_no)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.topup.user_id.get())),
        FileColumn::new("昵称", 16, |row| Cell::text(&row.nickname)),
        FileColumn::new("金额(元)", 12, |row| Cell::Cents(row.topup.amount_cents)),
        FileColumn::new("已退(元)", 12, |row| Cell::Cents(row.topup.refunded_cents)),
        FileColumn::new("支付方式", 12, |row| Cell::text(texts::pay_client(row.topup.client, Language::Chinese))),
        FileColumn::new("状态", 10, |row| Cell::text(texts::topup_status(row.topup.status, Language::Chinese))),
        FileColumn::new("下单时间", 20, |row| Cell::Moment(row.topup.created_at)),
        FileColumn::new("支付时间", 20, |row| Cell::or_nothing(row.topup.paid_at, Cell::Moment)),
        FileColumn::new("微信支付单号", 32, |row| {
            Cell::or_nothing(row.topup.transaction_id.as_deref(), Cell::text)
        }),
        FileColumn::new("失败原因", 24, |row| Cell::or_nothing(row.topup.failure.as_deref(), Cell::text)),
    ];
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AllTopupQuery>,
) -> Result<Reply<AllTopupPage>, Failure> {
    let (orders, page_info) = list::read::<Topups>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(AllTopupPage { orders, page_info }))
}
