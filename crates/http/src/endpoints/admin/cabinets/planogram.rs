use axum::http::Method;
use kernel::{CabinetCommand, Code, Permission, Price, ProductCode, ProductId, SetPlanogram, Shelf};
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

/// What a cabinet offers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Planogram {
    products: Vec<ShelvedProduct>,
    /// The `planogram_version` that this was made from. Where it is not the last one any more, nothing is changed.
    version: i64,
}

/// A product, and how much of it is in there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShelvedProduct {
    /// As the vendor calls it; once in a cabinet.
    product_code: ProductCode,
    /// The shop's product that it is.
    product_id: ProductId,
    /// Not below zero.
    price_cents: Price,
    /// As it was counted, 0 to 10,000. Absent, what is in there stays as it is.
    stock: Option<i64>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/devices/{device_id}/planogram",
            id: "setPlanogram",
            tag: Tag::Cabinets,
            summary: "Say what a cabinet offers",
            description: "All of it, in place of what was said before. What is taken is charged at these prices, whatever the vendor \
                thinks of them. What comes and goes is better said by amount: `POST /admin/devices/{device_id}/stock`.",
            codes: &[Code::NotFound, Code::ConcurrencyError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<DevicePath, Nothing, Planogram>,
) -> Result<Reply<DeviceAnswer>, Failure> {
    let shelf = |product: ShelvedProduct| Shelf {
        code: product.product_code,
        product: product.product_id,
        price: product.price_cents,
        stock: product.stock,
    };
    let shelves = input.body.products.into_iter().map(shelf).collect();
    let command =
        CabinetCommand::SetPlanogram(SetPlanogram { device: input.path.device_id, shelves, seen: input.body.version });
    Ok(Reply::saying(texts::SAVED, change_device(&app, caller, command).await?))
}
