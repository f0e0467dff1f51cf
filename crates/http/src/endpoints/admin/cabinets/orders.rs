use std::cmp::Reverse;

use axum::http::Method;
use kernel::{Code, DeviceId, Noun, OrderId, Permission, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::must_see;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::{CabinetOrderAnswer, CabinetPaymentStatus};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CabinetOrderQuery {
    device_id: Option<DeviceId>,
    payment_status: Option<CabinetPaymentStatus>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of cabinet orders, newest first.
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
            description: "Newest first; whose work is limited to stores sees theirs.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, CabinetOrderQuery>,
) -> Result<Reply<CabinetOrderPage>, Failure> {
    let query = input.query;
    let before = OrderId::new(query.cursor.map_or(i64::MAX, Cursor::get));
    let status = query.payment_status.map(CabinetPaymentStatus::as_str);
    let limit = query.limit.and_one();
    let found = match (query.device_id, caller.identity.rights.stores_with(Permission::CabinetRead)) {
        (None, Some(own)) => {
            let mut found = Vec::new();
            for store in own {
                found.extend(queries::orders_of_store(app.store(), store, status, before, limit).await?);
            }
            found.sort_unstable_by_key(|order| Reverse(order.id));
            found
        }
        (device, own) => {
            if let (Some(device), Some(_)) = (device, own) {
                let device = queries::device(app.store(), device).await?;
                must_see(&caller, device.ok_or(Refusal::NotFound { noun: Noun::Device })?.store)?;
            }
            queries::orders(app.store(), device, status, before, limit).await?
        }
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |order| order.id.get());
    Ok(Reply::ok(CabinetOrderPage { orders: CabinetOrderAnswer::list(&app, found).await?, page_info }))
}
