use axum::http::Method;
use kernel::{CabinetPay, Code, DeviceCode, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries::cabinets as queries;

use super::DoorSessionAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// Which door, and how what is taken is paid for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDoorSession {
    device_code: DeviceCode,
    payment_type: CabinetPay,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/cabinet/sessions",
            id: "openCabinet",
            tag: Tag::Cabinets,
            summary: "Open a cabinet's door",
            description: "The vendor is asked under the session's number; `GET` it to see how that goes. One door at a time: the next \
                one opens when this one is settled and paid. What is taken is charged when the door is closed.",
            codes: &[
                Code::NotFound,
                Code::BusinessRule,
                Code::DeviceOffline,
                Code::DeviceBusy,
                Code::UnpaidOrderExists,
                Code::InsufficientTickets,
                Code::ProviderError,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewDoorSession>,
) -> Result<Reply<DoorSessionAnswer>, Failure> {
    let NewDoorSession { device_code, payment_type } = input.body;
    let device = queries::device_by_code(app.store(), &device_code).await?;
    let device = device.ok_or(Refusal::NotFound { noun: Noun::Device })?;
    let member = caller.identity.member;
    let opened = app.service().open_door(member, device.id, payment_type, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::DOOR_ASKED, DoorSessionAnswer::of(&app, opened).await?))
}
