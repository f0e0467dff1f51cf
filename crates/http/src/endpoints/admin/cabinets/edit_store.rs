use axum::http::Method;
use kernel::{CabinetCommand, Code, EditStore, Note, Permission, StoreKind, StorePatch, StoreProperty, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{StoreAnswer, StorePath, change_store};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// What may change about a store. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StoreEdit {
    store_name: Option<Title>,
    store_type: Option<StoreKind>,
    store_property: Option<StoreProperty>,
    address: Option<Note>,
    phone: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/stores/{store_id}",
            id: "editStore",
            tag: Tag::Cabinets,
            summary: "Change a store",
            description: "An absent field stays as it is.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<StorePath, Nothing, StoreEdit>,
) -> Result<Reply<StoreAnswer>, Failure> {
    let edit = input.body;
    let patch = StorePatch {
        name: edit.store_name,
        kind: edit.store_type,
        property: edit.store_property,
        address: edit.address,
        phone: edit.phone,
    };
    let command = CabinetCommand::EditStore(EditStore { store: input.path.store_id, patch });
    Ok(Reply::saying(texts::SAVED, change_store(&app, caller, command).await?))
}
