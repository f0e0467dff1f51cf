use axum::http::Method;
use kernel::{CabinetCommand, Code, CreateStore, Note, Permission, StoreCode, StoreKind, StoreProperty, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{StoreAnswer, change_store};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// A store to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStore {
    store_code: StoreCode,
    store_name: Title,
    store_type: StoreKind,
    store_property: StoreProperty,
    address: Option<Note>,
    phone: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/stores",
            id: "createStore",
            tag: Tag::Cabinets,
            summary: "Add a store",
            description: "Its code is its own and stays.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewStore>,
) -> Result<Reply<StoreAnswer>, Failure> {
    let store = input.body;
    let command = CabinetCommand::CreateStore(CreateStore {
        code: store.store_code,
        name: store.store_name,
        kind: store.store_type,
        property: store.store_property,
        address: store.address.unwrap_or_default(),
        phone: store.phone.unwrap_or_default(),
    });
    Ok(Reply::saying(texts::CREATED, change_store(&app, caller, command).await?))
}
