use axum::http::Method;
use kernel::{CabinetCommand, Code, Noun, Permission, Price, Reason, RefundComplaint, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::{cabinets, complaints};

use super::change;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::CabinetOrderAnswer;
use crate::endpoints::complaints::{ComplaintAnswer, ComplaintPath};
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

/// How much, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Concession {
    amount_cents: Price,
    reason: Reason,
}

/// The complaint, and the order that gives back.
#[derive(Serialize, JsonSchema)]
struct Conceded {
    complaint: ComplaintAnswer,
    surcharge: Option<CabinetOrderAnswer>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetCorrect,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/complaints/{complaint_id}/refund",
            id: "refundComplaint",
            tag: Tag::Cabinets,
            summary: "Give back a part of what was paid",
            description: "In tickets, or at WeChat where pay score has collected it, by an order that is linked to the one complained about. Never more than is kept of what was paid, \
                nor more for one order than the house allows one person: beyond that, correct the order, which somebody else agrees to.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ComplaintPath, DryRun, Concession>,
) -> Result<Reply<Conceded>, Failure> {
    let found = complaints::one(app.store(), input.path.complaint_id).await?;
    let complaint = found.ok_or(Refusal::NotFound { noun: Noun::Complaint })?;
    let order = cabinets::order(app.store(), complaint.order).await?;
    let order = order.ok_or(Refusal::NotFound { noun: Noun::Order })?;
    let Concession { amount_cents: amount, reason } = input.body;
    let command = CabinetCommand::RefundComplaint(RefundComplaint {
        complaint: complaint.id,
        order: order.id,
        device: order.device,
        member: order.member,
        amount,
        reason,
    });
    let dry_run = input.query.dry_run;
    let (complaint, surcharge) = change(&app, |command| caller.tries(dry_run, command), command).await?;
    let message = if dry_run { texts::DRY_RUN } else { texts::COMPLAINT_REFUNDED };
    let surcharge = CabinetOrderAnswer::any(&app, surcharge).await?;
    Ok(Reply::saying(message, Conceded { complaint: complaint.into(), surcharge }))
}
