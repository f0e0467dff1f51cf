use axum::http::Method;
use kernel::{CabinetCommand, Code, CreateDevice, DeviceCode, Permission, StoreId, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeviceAnswer, change_device};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// A cabinet to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    /// As its vendor calls it.
    device_code: DeviceCode,
    name: Title,
    store_id: StoreId,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/devices",
            id: "createDevice",
            tag: Tag::Cabinets,
            summary: "Add a cabinet",
            description: "Empty, and offline until its vendor says something else. Its code is its own and stays.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewDevice>,
) -> Result<Reply<DeviceAnswer>, Failure> {
    let NewDevice { device_code: code, name, store_id: store } = input.body;
    let command = CabinetCommand::CreateDevice(CreateDevice { code, name, store });
    Ok(Reply::saying(texts::CREATED, change_device(&app, caller, command).await?))
}
