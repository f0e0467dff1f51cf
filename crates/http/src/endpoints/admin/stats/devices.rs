use axum::http::Method;
use kernel::{Date, DeviceId, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinet_stats as queries;

use super::Days;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AvailabilityQuery {
    date_from: Date,
    /// This day still counts, up to now; 92 days at most.
    date_to: Date,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// A page of cabinets.
#[derive(Serialize, JsonSchema)]
struct AvailabilityPage {
    devices: Vec<DeviceAvailability>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
struct DeviceAvailability {
    device_id: DeviceId,
    device_code: String,
    /// How long these days were, up to now and since the cabinet was set up.
    span_ms: i64,
    online_ms: i64,
    /// How often it went offline.
    outages: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stats/cabinet-devices",
            id: "cabinetAvailability",
            tag: Tag::Cabinets,
            summary: "How long cabinets were online",
            description: "As we heard of it; before the first word a cabinet counts as offline. Oldest cabinet first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AvailabilityQuery>,
) -> Result<Reply<AvailabilityPage>, Failure> {
    let AvailabilityQuery { date_from, date_to, limit, cursor } = input.query;
    let days = Days::new(&app, date_from, date_to, caller.language)?;
    let until = days.until.min(app.service().now()).max(days.from);
    let (span, after) = ((days.from, until), DeviceId::new(cursor.get()));
    let found = queries::availability(app.store(), span, days.ids(), after, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |found| found.device.get());
    let row = |found: queries::Availability| DeviceAvailability {
        device_id: found.device,
        device_code: found.code,
        span_ms: found.span_ms,
        online_ms: found.online_ms,
        outages: found.outages,
    };
    Ok(Reply::ok(AvailabilityPage { devices: found.into_iter().map(row).collect(), page_info }))
}
