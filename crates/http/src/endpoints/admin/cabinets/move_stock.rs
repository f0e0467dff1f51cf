use axum::http::Method;
use kernel::{CabinetCommand, Code, MoveDeviceStock, Permission, ProductCode, Reason};
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

/// What comes into a cabinet or goes out of it, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceMovement {
    product_code: ProductCode,
    /// Below zero for what goes. Not zero, and not beyond 10,000.
    delta: i64,
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/devices/{device_id}/stock",
            id: "moveDeviceStock",
            tag: Tag::Cabinets,
            summary: "Move a cabinet's stock",
            description: "By amount, so that what is sold meanwhile stays sold. The audit trail keeps each movement with its reason as \
                `device.stock`.",
            codes: &[Code::NotFound, Code::OutOfStock],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<DevicePath, Nothing, DeviceMovement>,
) -> Result<Reply<DeviceAnswer>, Failure> {
    let DeviceMovement { product_code: code, delta, reason } = input.body;
    let command = MoveDeviceStock { device: input.path.device_id, code, delta, reason };
    Ok(Reply::saying(texts::SAVED, change_device(&app, caller, CabinetCommand::MoveDeviceStock(command)).await?))
}
