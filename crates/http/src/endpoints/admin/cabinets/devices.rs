use axum::http::Method;
use kernel::{Code, Device, Noun, Permission, Refusal, StoreId};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::cabinets::{self as queries, DeviceSorting};

use super::{DeviceAnswer, DevicePath, DeviceState, must_see};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::reads_in;
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::Language;

list_query!(DeviceQuery, DeviceFileQuery, DeviceSorting, {
    store_id: Option<StoreId>,
    /// A part of the code or of the name.
    query: Option<Search>,
    state: Option<DeviceState>,
});

/// A page of cabinets.
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
            description: "Oldest first, unless asked for otherwise, each with what is in it; whose work is limited to stores sees theirs.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Devices>(
        Permission::CabinetRead,
        "/api/v1/admin/devices/export",
        "exportDevices",
        Tag::Cabinets,
        "Cabinets as a workbook",
        &[],
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

/// Cabinets, as the list shows them.
enum Devices {}

impl Listed for Devices {
    type Path = Nothing;
    type Query = DeviceFileQuery;
    type Row = DeviceAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &DeviceFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<DeviceAnswer>>, Failure> {
        query.store_id.map_or(Ok(()), |store| must_see(caller, store))?;
        let part = query.query.as_ref().map_or("", Search::as_str);
        let read = |page: Page| async move {
            listed(queries::devices(app.store(), query.store_id, part, &page).await, caller.language)
        };
        let wanted = |device: &Device| {
            reads_in(caller, device.store) && query.state.is_none_or(|state| state == DeviceState::of(device))
        };
        let (places, devices): (Vec<_>, Vec<_>) =
            list::sift(page, wanted, read).await?.into_iter().map(|Placed { place, row }| (place, row)).unzip();
        let answers = DeviceAnswer::list(app, devices).await?;
        Ok(places.into_iter().zip(answers).map(|(place, row)| Placed { place, row }).collect())
    }
}

impl Filed for Devices {
    const NAMES: (&'static str, &'static str) = ("柜机", "devices");
    const COLUMNS: &'static [FileColumn<DeviceAnswer>] = &[
        FileColumn::new("柜机ID", 18, |row| Cell::Integer(row.device_id.get())),
        FileColumn::new("柜机编号", 16, |row| Cell::text(row.device_code.as_str())),
        FileColumn::new("柜机", 20, |row| Cell::text(row.name.as_str())),
        FileColumn::new("门店ID", 18, |row| Cell::Integer(row.store_id.get())),
        FileColumn::new("状态", 10, |row| Cell::text(row.state.in_language(Language::Chinese))),
        FileColumn::new("商品种数", 10, |row| Cell::Integer(row.kinds())),
        FileColumn::new("售空种数", 10, |row| Cell::Integer(row.kinds_sold_out())),
        FileColumn::new("厂商上次报告", 20, |row| Cell::or_nothing(row.heard_at, Cell::Moment)),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
    ];
}

async fn handle_list(
    app: App,
    caller: Caller,
    input: Input<Nothing, DeviceQuery>,
) -> Result<Reply<DevicePage>, Failure> {
    let (devices, page_info) = list::read::<Devices>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(DevicePage { devices, page_info }))
}

async fn handle_one(app: App, caller: Caller, input: Input<DevicePath>) -> Result<Reply<DeviceAnswer>, Failure> {
    let found = queries::device(app.store(), input.path.device_id).await?;
    let device = found.ok_or(Refusal::NotFound { noun: Noun::Device })?;
    must_see(&caller, device.store)?;
    Ok(Reply::ok(DeviceAnswer::of(&app, device).await?))
}
