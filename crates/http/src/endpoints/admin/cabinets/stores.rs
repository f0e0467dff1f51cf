use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal, StoreId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::{StoreAnswer, StorePath, must_see};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StoreQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// A page of stores, oldest first.
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
            description: "Oldest first; whose work is limited to stores sees those.",
            codes: &[],
        },
        handle_list,
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

async fn handle_list(app: App, caller: Caller, input: Input<Nothing, StoreQuery>) -> Result<Reply<StorePage>, Failure> {
    let query = input.query;
    let after = StoreId::new(query.cursor.get());
    let found = match caller.identity.rights.stores_with(Permission::CabinetRead) {
        None => queries::stores(app.store(), after, query.limit.and_one()).await?,
        Some(own) => {
            let mut found = Vec::new();
            for store in own.into_iter().filter(|store| *store > after) {
                found.extend(queries::store(app.store(), store).await?);
            }
            found
        }
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |store| store.id.get());
    Ok(Reply::ok(StorePage { stores: found.into_iter().map(StoreAnswer::from).collect(), page_info }))
}

async fn handle_one(app: App, caller: Caller, input: Input<StorePath>) -> Result<Reply<StoreAnswer>, Failure> {
    must_see(&caller, input.path.store_id)?;
    let found = queries::store(app.store(), input.path.store_id).await?;
    let store = found.ok_or(Refusal::NotFound { noun: Noun::Store })?;
    Ok(Reply::ok(store.into()))
}
