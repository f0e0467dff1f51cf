use axum::http::Method;
use kernel::{Permission, ProductId, RoundStatus};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::shop::{self as queries, RoundSorting};

use super::RoundAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(RoundQuery, RoundFileQuery, RoundSorting, {
    status: Option<RoundStatus>,
    product_id: Option<ProductId>,
});

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
            description: "Newest first, unless asked for otherwise, page by page.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Rounds>(
        Permission::ShopOrders,
        "/api/v1/admin/rounds/export",
        "exportRounds",
        Tag::Shop,
        "Rounds as a workbook",
        &[],
    )
}

/// Rounds, as the list shows them.
enum Rounds {}

impl Listed for Rounds {
    type Path = Nothing;
    type Query = RoundFileQuery;
    type Row = RoundAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &RoundFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<RoundAnswer>>, Failure> {
        let now = app.service().now();
        let found = queries::rounds(app.store(), query.status, query.product_id, page, now).await;
        Ok(listed(found, caller.language)?.into_iter().map(|placed| placed.map(RoundAnswer::from)).collect())
    }
}

impl Filed for Rounds {
    const NAMES: (&'static str, &'static str) = ("期次", "rounds");
    const COLUMNS: &'static [FileColumn<RoundAnswer>] = RoundAnswer::COLUMNS;
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, RoundQuery>) -> Result<Reply<RoundPage>, Failure> {
    let (rounds, page_info) = list::read::<Rounds>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(RoundPage { rounds, page_info }))
}
