use axum::http::Method;
use kernel::{CabinetCommand, Code, DevicePatch, EditDevice, Permission, StoreId, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeviceAnswer, DevicePath, change_device};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// What may change about a cabinet. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceEdit {
    name: Option<Title>,
    store_id: Option<StoreId>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/devices/{device_id}",
            id: "editDevice",
            tag: Tag::Cabinets,
            summary: "Change a cabinet",
            description: "Renames it or moves it to another store. Orders keep the store in which they were made.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<DevicePath, Nothing, DeviceEdit>,
) -> Result<Reply<DeviceAnswer>, Failure> {
    let patch = DevicePatch { name: input.body.name, store: input.body.store_id };
    let command = CabinetCommand::EditDevice(EditDevice { device: input.path.device_id, patch });
    Ok(Reply::saying(texts::SAVED, change_device(&app, caller, command).await?))
}
