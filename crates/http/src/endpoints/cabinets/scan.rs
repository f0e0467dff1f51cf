use axum::http::Method;
use kernel::{CabinetOrderState, CabinetPay, Code, Device, DeviceCode, Noun, Permission, Refusal, UnpaidReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::CabinetAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

/// What was scanned.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Scan {
    qr: String,
}

/// The cabinet, and whether its door can be opened.
#[derive(Serialize, JsonSchema)]
struct ScanAnswer {
    device: CabinetAnswer,
    /// What the member may pay with.
    pay_with: Vec<CabinetPay>,
    tickets: i64,
    /// How many a door takes at least, where it is paid for in tickets.
    tickets_needed: i64,
    /// Absent where the door can be opened.
    blocked_by: Option<Block>,
}

/// Why the door cannot be opened now.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
enum Block {
    /// `POST /cabinet/orders/{order_no}/pay` pays it.
    UnpaidOrder {
        order_no: String,
        /// Whether WeChat is collecting it: then it is not to be paid in another way.
        is_collecting: bool,
    },
    /// An earlier opening is not settled.
    UnsettledSession {
        session_no: String,
    },
    DeviceOffline,
    DeviceBusy,
    InsufficientTickets {
        needed: i64,
    },
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/cabinet/scan",
            id: "scanCabinet",
            tag: Tag::Cabinets,
            summary: "What stands before me?",
            description: "Takes the text of a cabinet's QR code, and tells what is in there at which price. Opens nothing.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, Nothing, Scan>) -> Result<Reply<ScanAnswer>, Failure> {
    let missing = || Failure::from(Refusal::NotFound { noun: Noun::Device });
    let code = input.body.qr.trim().strip_prefix(Device::QR).ok_or_else(missing)?.to_owned();
    let code = DeviceCode::try_from(code).map_err(|_| missing())?;
    let device = queries::device_by_code(app.store(), &code).await?.ok_or_else(missing)?;
    let store = queries::store(app.store(), device.store).await?;
    let store = store.ok_or(Refusal::NotFound { noun: Noun::Store })?;
    let member = caller.identity.member;
    let tickets = queries::tickets(app.store(), member).await?;
    let rules = app.service().cabinet_rules();
    let (needed, collects) = (rules.least_tickets, rules.score_most.is_some());
    let suffices = tickets >= needed;
    // In the order in which opening the door would be refused.
    let blocked_by = if let Some(order) = queries::unpaid(app.store(), member).await? {
        let is_collecting = order.state == (CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreCollecting });
        Some(Block::UnpaidOrder { order_no: order.order_no, is_collecting })
    } else if let Some(session) = queries::unsettled(app.store(), member).await? {
        Some(Block::UnsettledSession { session_no: session.session_no })
    } else if !device.is_online {
        Some(Block::DeviceOffline)
    } else if device.session.is_some() {
        Some(Block::DeviceBusy)
    } else if !suffices && !collects {
        Some(Block::InsufficientTickets { needed })
    } else {
        None
    };
    let mut pay_with = Vec::new();
    pay_with.extend((suffices || !collects).then_some(CabinetPay::Ticket));
    pay_with.extend(collects.then_some(CabinetPay::Wechat));
    let device = CabinetAnswer::of(&app, device, store).await?;
    Ok(Reply::ok(ScanAnswer { device, pay_with, tickets, tickets_needed: needed, blocked_by }))
}
