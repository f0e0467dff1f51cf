use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal, StoreKind, StoreProperty};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::cabinets::{self as queries, StoreFilter, StoreSorting};

use super::{StoreAnswer, StorePath, must_see};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::reads_in;
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(StoreQuery, StoreFileQuery, StoreSorting, {
    /// A part of the code or of the name.
    query: Option<Search>,
    store_type: Option<StoreKind>,
    store_property: Option<StoreProperty>,
});

/// A page of stores.
#[derive(Serialize, JsonSchema)]
struct StorePage {
    stores: Vec<StoreAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn list() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stores",
            id: "listStores",
            tag: Tag::Cabinets,
            summary: "Stores",
            description: "Oldest first, unless asked for otherwise; whose work is limited to stores sees those.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Stores>(
        Permission::CabinetRead,
        "/api/v1/admin/stores/export",
        "exportStores",
        Tag::Cabinets,
        "Stores as a workbook",
        &[],
    )
}

pub(crate) fn show() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stores/{store_id}",
            id: "showStore",
            tag: Tag::Cabinets,
            summary: "One store",
            description: "As in the list.",
            codes: &[Code::NotFound],
        },
        handle_one,
    )
}

/// Stores, as the list shows them.
enum Stores {}

impl Listed for Stores {
    type Path = Nothing;
    type Query = StoreFileQuery;
    type Row = StoreAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &StoreFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<StoreAnswer>>, Failure> {
        let filter = &StoreFilter {
            query: query.query.as_ref().map_or_else(String::new, |part| part.as_str().to_owned()),
            kind: query.store_type,
            property: query.store_property,
        };
        let read =
            |page: Page| async move { listed(queries::stores(app.store(), filter, &page).await, caller.language) };
        let found = list::sift(page, |store| reads_in(caller, store.id), read).await?;
        Ok(found.into_iter().map(|placed| placed.map(StoreAnswer::from)).collect())
    }
}

impl Filed for Stores {
    const NAMES: (&'static str, &'static str) = ("门店", "stores");
    const COLUMNS: &'static [FileColumn<StoreAnswer>] = &[
        FileColumn::new("门店ID", 18, |row| Cell::Integer(row.store_id.get())),
        FileColumn::new("门店编号", 16, |row| Cell::text(row.store_code.as_str())),
        FileColumn::new("门店", 20, |row| Cell::text(row.store_name.as_str())),
        FileColumn::new("类型", 10, |row| Cell::text(texts::store_kind(row.store_type, Language::Chinese))),
        FileColumn::new("性质", 10, |row| Cell::text(texts::store_property(row.store_property, Language::Chinese))),
        FileColumn::new("地址", 30, |row| Cell::text(row.address.as_str())),
        FileColumn::new("电话", 16, |row| Cell::text(row.phone.as_str())),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("更新时间", 20, |row| Cell::Moment(row.updated_at)),
    ];
}

async fn handle_list(app: App, caller: Caller, input: Input<Nothing, StoreQuery>) -> Result<Reply<StorePage>, Failure> {
    let (stores, page_info) = list::read::<Stores>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(StorePage { stores, page_info }))
}

async fn handle_one(app: App, caller: Caller, input: Input<StorePath>) -> Result<Reply<StoreAnswer>, Failure> {
    must_see(&caller, input.path.store_id)?;
    let found = queries::store(app.store(), input.path.store_id).await?;
    let store = found.ok_or(Refusal::NotFound { noun: Noun::Store })?;
    Ok(Reply::ok(store.into()))
}
