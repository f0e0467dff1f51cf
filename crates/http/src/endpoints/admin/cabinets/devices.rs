use axum::http::Method;
use kernel::{Code, DeviceId, Noun, Permission, Refusal, StoreId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::{DeviceAnswer, DevicePath, must_see};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceQuery {
    store_id: Option<StoreId>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// A page of cabinets, oldest first.
#[derive(Serialize, JsonSchema)]
struct DevicePage {
    devices: Vec<DeviceAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn list() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/devices",
            id: "listDevices",
            tag: Tag::Cabinets,
            summary: "Cabinets",
            description: "Oldest first, each with what is in it; whose work is limited to stores sees theirs.",
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
            path: "/api/v1/admin/devices/{device_id}",
            id: "showDevice",
            tag: Tag::Cabinets,
            summary: "One cabinet",
            description: "As in the list. When it was online stands in the audit trail: `device.online`, `device.offline`.",
            codes: &[Code::NotFound],
        },
        handle_one,
    )
}

async fn handle_list(
    app: App,
    caller: Caller,
    input: Input<Nothing, DeviceQuery>,
) -> Result<Reply<DevicePage>, Failure> {
    let query = input.query;
    let after = DeviceId::new(query.cursor.get());
    let limit = query.limit.and_one();
    let found = match (query.store_id, caller.identity.rights.stores_with(Permission::CabinetRead)) {
        (None, Some(own)) => {
            let mut found = Vec::new();
            for store in own {
                found.extend(queries::devices(app.store(), Some(store), after, limit).await?);
            }
            found.sort_unstable_by_key(|device| device.id);
            found
        }
        (store, _) => {
            store.map_or(Ok(()), |store| must_see(&caller, store))?;
            queries::devices(app.store(), store, after, limit).await?
        }
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |device| device.id.get());
    Ok(Reply::ok(DevicePage { devices: DeviceAnswer::list(&app, found).await?, page_info }))
}

async fn handle_one(app: App, caller: Caller, input: Input<DevicePath>) -> Result<Reply<DeviceAnswer>, Failure> {
    let found = queries::device(app.store(), input.path.device_id).await?;
    let device = found.ok_or(Refusal::NotFound { noun: Noun::Device })?;
    must_see(&caller, device.store)?;
    Ok(Reply::ok(DeviceAnswer::of(&app, device).await?))
}
