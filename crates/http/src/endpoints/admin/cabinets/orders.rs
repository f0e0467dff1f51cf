use axum::http::Method;
use kernel::{Code, DeviceId, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::cabinets::{self as queries, CabinetOrderSorting};

use super::must_see;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::{CabinetOrderAnswer, CabinetPaymentStatus};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(CabinetOrderQuery, CabinetOrderFileQuery, CabinetOrderSorting, {
    device_id: Option<DeviceId>,
    payment_status: Option<CabinetPaymentStatus>,
});

/// A page of cabinet orders.
#[derive(Serialize, JsonSchema)]
struct CabinetOrderPage {
    orders: Vec<CabinetOrderAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/cabinet/orders",
            id: "listAllCabinetOrders",
            tag: Tag::Cabinets,
            summary: "Everybody's cabinet orders",
            description: "Newest first, unless asked for otherwise; whose work is limited to stores sees theirs.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Orders>(
        Permission::CabinetRead,
        "/api/v1/admin/cabinet/orders/export",
        "exportCabinetOrders",
        Tag::Cabinets,
        "Everybody's cabinet orders as a workbook",
        &[Code::NotFound],
    )
}

/// Cabinet orders, as the list shows them.
enum Orders {}

impl Listed for Orders {
    type Path = Nothing;
    type Query = CabinetOrderFileQuery;
    type Row = CabinetOrderAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &CabinetOrderFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<CabinetOrderAnswer>>, Failure> {
        let status = query.payment_status.map(CabinetPaymentStatus::as_str);
        let found = match (query.device_id, caller.identity.rights.stores_with(Permission::CabinetRead)) {
            (None, Some(own)) => {
                let mut found = Vec::new();
                for store in own {
                    let theirs = queries::orders_of_store(app.store(), store, status, page).await;
                    found.extend(listed(theirs, caller.language)?);
                }
                found.sort_unstable_by(|one, other| page.order.compare(&one.place, &other.place));
                found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
                found
            }
            (device, own) => {
                if let (Some(device), Some(_)) = (device, own) {
                    let device = queries::device(app.store(), device).await?;
                    must_see(caller, device.ok_or(Refusal::NotFound { noun: Noun::Device })?.store)?;
                }
                listed(queries::orders(app.store(), device, status, page).await, caller.language)?
            }
        };
        let (places, orders): (Vec<_>, Vec<_>) = found.into_iter().map(|placed| (placed.place, placed.row)).unzip();
        let answers = CabinetOrderAnswer::list(app, orders).await?;
        Ok(places.into_iter().zip(answers).map(|(place, row)| Placed { place, row }).collect())
    }
}

impl Filed for Orders {
    const NAMES: (&'static str, &'static str) = ("智能柜订单", "cabinet_orders");
    const COLUMNS: &'static [FileColumn<CabinetOrderAnswer>] = CabinetOrderAnswer::COLUMNS;
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, CabinetOrderQuery>,
) -> Result<Reply<CabinetOrderPage>, Failure> {
    let (orders, page_info) = list::read::<Orders>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(CabinetOrderPage { orders, page_info }))
}
