use std::cmp::Reverse;

use axum::http::Method;
use kernel::{
    CabinetPay, Code, DeviceCode, DeviceId, DoorSessionId, DoorStatus, Instant, MemberId, Noun, Permission, Refusal,
    StoreCode, StoreId, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets::{self as queries, Opening};

use super::must_see;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OpeningQuery {
    status: Option<DoorStatus>,
    device_id: Option<DeviceId>,
    /// Where the cabinet stands now. Means nothing beside `device_id`.
    store_id: Option<StoreId>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of openings, newest first.
#[derive(Serialize, JsonSchema)]
struct OpeningPage {
    sessions: Vec<OpeningAnswer>,
    page_info: CursorInfo,
}

/// One opening of a door, as staff see it.
#[derive(Serialize, JsonSchema)]
struct OpeningAnswer {
    session_no: String,
    status: DoorStatus,
    user_id: MemberId,
    device_id: DeviceId,
    device_code: DeviceCode,
    device_name: Title,
    store_id: StoreId,
    store_code: StoreCode,
    store_name: Title,
    payment_type: CabinetPay,
    /// Why the door did not open, in the vendor's words.
    failure: Option<String>,
    opened_at: Option<Instant>,
    closed_at: Option<Instant>,
    /// The order that it came to.
    order_no: Option<String>,
    /// What the vendor knows that by.
    vendor_order_no: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl From<Opening> for OpeningAnswer {
    fn from(opening: Opening) -> Self {
        let Opening { session, place, store, order_no } = opening;
        Self {
            session_no: session.session_no,
            status: session.status,
            user_id: session.member,
            device_id: session.device,
            device_code: place.device_code,
            device_name: place.device_name,
            store_id: store,
            store_code: place.store_code,
            store_name: place.store_name,
            payment_type: session.pay,
            failure: session.failure,
            opened_at: session.opened_at,
            closed_at: session.closed_at,
            order_no,
            vendor_order_no: session.settlement.map(|settlement| settlement.vendor_order_no),
            created_at: session.created_at,
            updated_at: session.updated_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/cabinet/sessions",
            id: "listAllDoorSessions",
            tag: Tag::Cabinets,
            summary: "Everybody's openings",
            description: "Newest first; whose work is limited to stores sees theirs.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, OpeningQuery>) -> Result<Reply<OpeningPage>, Failure> {
    let OpeningQuery { status, device_id, store_id, limit, cursor } = input.query;
    let before = DoorSessionId::new(cursor.map_or(i64::MAX, Cursor::get));
    let found = match devices(&app, &caller, device_id, store_id).await? {
        None => queries::openings(app.store(), None, status, before, limit.and_one()).await?,
        Some(devices) => {
            let mut found = Vec::new();
            for device in devices {
                found.extend(queries::openings(app.store(), Some(device), status, before, limit.and_one()).await?);
            }
            found.sort_unstable_by_key(|opening| Reverse(opening.session.id));
            found
        }
    };
    let (found, page_info) = CursorInfo::cut(found, limit, |opening| opening.session.id.get());
    Ok(Reply::ok(OpeningPage { sessions: found.into_iter().map(OpeningAnswer::from).collect(), page_info }))
}

/// Whose openings are asked for; absent for all.
async fn devices(
    app: &App,
    caller: &Caller,
    device: Option<DeviceId>,
    store: Option<StoreId>,
) -> Result<Option<Vec<DeviceId>>, Failure> {
    if let Some(device) = device {
        let found = queries::device(app.store(), device).await?.ok_or(Refusal::NotFound { noun: Noun::Device })?;
        must_see(caller, found.store)?;
        return Ok(Some(vec![device]));
    }
    let stores = match store {
        Some(store) => {
            must_see(caller, store)?;
            Some(vec![store])
        }
        None => caller.identity.rights.stores_with(Permission::CabinetRead),
    };
    let Some(stores) = stores else { return Ok(None) };
    let mut devices = Vec::new();
    for store in stores {
        devices.extend(queries::devices_in_store(app.store(), store).await?);
    }
    Ok(Some(devices))
}
