use axum::http::Method;
use kernel::{
    CabinetPay, Cents, Code, DeviceCode, DeviceId, DoorStatus, Instant, MemberId, Noun, Permission, Refusal, StoreCode,
    StoreId, Title,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::cabinets::{self as queries, Opening, OpeningFilter, OpeningSorting};

use super::must_see;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::admin::audit::ids_between;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(OpeningQuery, OpeningFileQuery, OpeningSorting, {
    status: Option<DoorStatus>,
    device_id: Option<DeviceId>,
    /// Where the cabinet stands now. Means nothing beside `device_id`.
    store_id: Option<StoreId>,
    user_id: Option<MemberId>,
    /// Asked for at this moment or later.
    from: Option<Instant>,
    /// Up to, but not at, this moment.
    to: Option<Instant>,
});

/// A page of openings.
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
    /// What that costs.
    total_cents: Option<Cents>,
    /// What the vendor knows that by.
    vendor_order_no: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl From<Opening> for OpeningAnswer {
    fn from(opening: Opening) -> Self {
        let Opening { session, place, store, order } = opening;
        let (order_no, total_cents) = order.unzip();
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
            total_cents,
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
            description: "Newest first, unless asked for otherwise; whose work is limited to stores sees theirs.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Openings>(
        Permission::CabinetRead,
        "/api/v1/admin/cabinet/sessions/export",
        "exportDoorSessions",
        Tag::Cabinets,
        "Everybody's openings as a workbook",
        &[Code::NotFound],
    )
}

/// Openings, as the list shows them.
enum Openings {}

impl Listed for Openings {
    type Path = Nothing;
    type Query = OpeningFileQuery;
    type Row = OpeningAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &OpeningFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<OpeningAnswer>>, Failure> {
        if let (Some(from), Some(to)) = (query.from, query.to)
            && from > to
        {
            return Err(Failure::ends_before_it_begins("from", "to", caller.language));
        }
        let filter = OpeningFilter {
            member: query.user_id,
            status: query.status,
            from: query.from,
            to: query.to,
            ids: ids_between(query.from, query.to),
        };
        let found = match devices(app, caller, query.device_id, query.store_id).await? {
            None => listed(queries::openings(app.store(), None, &filter, page).await, caller.language)?,
            Some(devices) => {
                let mut found = Vec::new();
                for device in devices {
                    let theirs = queries::openings(app.store(), Some(device), &filter, page).await;
                    found.extend(listed(theirs, caller.language)?);
                }
                found.sort_unstable_by(|one, other| page.order.compare(&one.place, &other.place));
                found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
                found
            }
        };
        Ok(found.into_iter().map(|placed| placed.map(OpeningAnswer::from)).collect())
    }
}

impl Filed for Openings {
    const NAMES: (&'static str, &'static str) = ("开门记录", "openings");
    const COLUMNS: &'static [FileColumn<OpeningAnswer>] = &[
        FileColumn::new("开门编号", 32, |row| Cell::text(&row.session_no)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("柜机编号", 16, |row| Cell::text(row.device_code.as_str())),
        FileColumn::new("柜机", 16, |row| Cell::text(row.device_name.as_str())),
        FileColumn::new("门店编号", 12, |row| Cell::text(row.store_code.as_str())),
        FileColumn::new("门店", 16, |row| Cell::text(row.store_name.as_str())),
        FileColumn::new("状态", 10, |row| Cell::text(row.status.as_str())),
        FileColumn::new("失败原因", 24, |row| Cell::or_nothing(row.failure.as_deref(), Cell::text)),
        FileColumn::new("订单号", 32, |row| Cell::or_nothing(row.order_no.as_deref(), Cell::text)),
        FileColumn::new("订单金额(元)", 12, |row| Cell::or_nothing(row.total_cents, Cell::Cents)),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("开门时间", 20, |row| Cell::or_nothing(row.opened_at, Cell::Moment)),
        FileColumn::new("关门时间", 20, |row| Cell::or_nothing(row.closed_at, Cell::Moment)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, OpeningQuery>) -> Result<Reply<OpeningPage>, Failure> {
    let (sessions, page_info) = list::read::<Openings>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(OpeningPage { sessions, page_info }))
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
