use axum::http::Method;
use kernel::{Code, Permission, Refusal};

use super::{CabinetOrderDetails, CabinetOrderPath, find, reads_in};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/orders/{order_no}",
            id: "showCabinetOrder",
            tag: Tag::Cabinets,
            summary: "One cabinet order",
            description: "One's own, or anybody's for who holds `cabinet:read`; with its corrections and what they charged or gave back.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<CabinetOrderPath>,
) -> Result<Reply<CabinetOrderDetails>, Failure> {
    let order = find(&app, &input.path.order_no).await?;
    if order.member != caller.identity.member && !reads_in(&caller, order.store) {
        return Err(Refusal::NotYours.into());
    }
    Ok(Reply::ok(CabinetOrderDetails::of(&app, order).await?))
}
