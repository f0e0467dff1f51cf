use serde_json::json;

use super::super::exceptions::{Finding, raise};
use super::{door_needs, existing_device, existing_session, scores, tickets_left};
use crate::decide::orders::must_be_in_use;
use crate::draft::{Draft, Written};
use crate::order::order_no;
use crate::{
    CabinetPay, Change, Context, Decision, Device, DoorSeen, DoorSession, DoorSessionId, DoorStatus, ExceptionAction,
    ExceptionKind, Facts, LapseDoor, MemberStatus, Needs, NoteDoor, Noun, OpenDoor, OrderId, OutboxMessage, Outcome,
    Refusal,
};

pub(super) fn open(
    facts: &Facts,
    command: &OpenDoor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    let device = existing_device(facts, command.device)?;
    if member.status == MemberStatus::Disabled {
        return Err(Refusal::MemberDisabled);
    }
    must_be_in_use(facts, member)?;
    let score_most = match command.pay {
        CabinetPay::Wechat => Some(context.cabinet.score_most.ok_or(Refusal::PayScoreMissing)?),
        CabinetPay::Ticket => None,
    };
    if score_most.is_some() && member.openid.is_none() {
        return Err(Refusal::NoOpenid);
    }
    let busy = facts.cabinet.busy.get(&command.member).cloned().unwrap_or_default();
    if let Some(&order) = busy.unpaid.first() {
        return Err(Refusal::UnpaidCabinetOrder { order });
    }
    if !busy.sessions.is_empty() {
        return Err(Refusal::DoorUnsettled);
    }
    if !device.is_online {
        return Err(Refusal::DeviceOffline);
    }
    if device.session.is_some() {
        return Err(Refusal::DeviceBusy);
    }
    let (tickets, needed) = (tickets_left(facts, command.member), context.cabinet.least_tickets);
    if score_most.is_none() && tickets < needed {
        return Err(Refusal::InsufficientTickets { tickets, needed });
    }

    // After this point it must succeed.
    let id = DoorSessionId::new(draft.next_id());
    let session = DoorSession {
        id,
        session_no: order_no("DOOR", context.today, OrderId::new(id.get())),
        member: command.member,
        device: command.device,
        pay: command.pay,
        status: DoorStatus::Opening,
        failure: None,
        opened_at: None,
        closed_at: None,
        settlement: None,
        due_at: Some(context.now.plus_millis(context.cabinet.open_within_ms)),
        created_at: context.now,
        updated_at: context.now,
    };
    match score_most {
        Some(most) => scores::begin(&session, most, context, &mut draft),
        None => ask_for_door(id, context, &mut draft),
    }
    let after = json!({ "session_no": session.session_no, "device_id": device.id, "pay": session.pay });
    draft.audit("door.open", ("door_session", id.get()), Written::after(&after));
    draft.push(Change::Device(Device { session: Some(id), updated_at: context.now, ..device.clone() }));
    draft.push(Change::DoorSession(session.clone()));
    Ok(draft.finish(Outcome::DoorSession { session }))
}

/// Owes the vendor the wish for an open door.
pub(super) fn ask_for_door(session: DoorSessionId, context: &Context<'_>, draft: &mut Draft<'_>) {
    let (id, body) = (draft.next_id(), json!({ "session_id": session }).to_string());
    draft.push(Change::Outbox(OutboxMessage { id, topic: "cabinet-open", body, due_at: context.now }));
}

pub(super) fn note_needs(command: &NoteDoor, facts: &Facts, needs: &mut Needs) {
    door_needs(command.session, command.device, needs);
    scores::opening_needs(command.session, facts, needs);
}

/// Whatever comes late says no less than what came in time, but takes nothing back.
pub(super) fn note(
    facts: &Facts,
    command: &NoteDoor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing_session(facts, command.session, command.device)?;
    let device = existing_device(facts, command.device)?;
    let after = seen(before, command, context);
    if after == *before {
        return Ok(draft.finish(Outcome::DoorSession { session: after }));
    }

    // After this point it must succeed.
    let after = DoorSession { updated_at: context.now, ..after };
    let action = match command.saw {
        DoorSeen::Opened => "door.opened",
        DoorSeen::Closed => "door.closed",
        DoorSeen::Failed { .. } => "door.fail",
    };
    draft.audit(action, ("door_session", after.id.get()), Written::change(&trace(before), &trace(&after)));
    occupy(device, &after, context, &mut draft);
    match after.status {
        DoorStatus::Failed => scores::let_go(facts, &after, 0, context, &mut draft),
        DoorStatus::Opened | DoorStatus::Closed => scores::go_on(facts, &after, context, &mut draft),
        _ => {}
    }
    draft.push(Change::DoorSession(after.clone()));
    Ok(draft.finish(Outcome::DoorSession { session: after }))
}

fn seen(before: &DoorSession, command: &NoteDoor, context: &Context<'_>) -> DoorSession {
    use DoorStatus::{Closed, Failed, Opened, Opening, TimedOut};
    let mut after = before.clone();
    let was_shut = matches!(before.status, Opening | Failed | TimedOut);
    match &command.saw {
        DoorSeen::Opened => {
            after.opened_at = before.opened_at.or(Some(command.at));
            if was_shut {
                after.status = Opened;
                after.failure = None;
                after.due_at = Some(context.now.plus_millis(context.cabinet.close_within_ms));
            }
        }
        DoorSeen::Closed => {
            after.closed_at = before.closed_at.or(Some(command.at));
            if was_shut || before.status == Opened {
                after.status = Closed;
                after.failure = None;
                after.due_at = Some(context.now.plus_millis(context.cabinet.settle_within_ms));
            }
        }
        DoorSeen::Failed { reason } => {
            if before.status == Opening {
                after.status = Failed;
                after.failure = Some(reason.clone());
                after.due_at = None;
            }
        }
    }
    after
}

pub(super) fn lapse_needs(command: &LapseDoor, facts: &Facts, needs: &mut Needs) {
    door_needs(command.session, command.device, needs);
    scores::opening_needs(command.session, facts, needs);
    if facts.cabinet.sessions.knows(&command.session)
        && let Some(session) = facts.cabinet.sessions.get(&command.session)
    {
        needs.open_exceptions.insert((ExceptionKind::SettlementMissing, session.session_no.clone()));
    }
}

/// A door that did not open in time is given up. One that did, and of which nothing more is heard, is somebody's to look after: nobody
/// guesses what was taken.
pub(super) fn lapse(
    facts: &Facts,
    command: &LapseDoor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing_session(facts, command.session, command.device)?;
    let device = existing_device(facts, command.device)?;
    if before.due_at.is_none_or(|due_at| context.now < due_at) {
        return Ok(draft.finish(Outcome::DoorSession { session: before.clone() }));
    }

    // After this point it must succeed.
    let mut after = DoorSession { due_at: None, updated_at: context.now, ..before.clone() };
    if before.status == DoorStatus::Opening {
        after.status = DoorStatus::TimedOut;
        // It may have opened all the same, and may stand open for so long.
        scores::let_go(facts, before, context.cabinet.close_within_ms, context, &mut draft);
    } else {
        let finding = Finding {
            kind: ExceptionKind::SettlementMissing,
            subject: &before.session_no,
            evidence: evidence(before).to_string(),
            proposed: ExceptionAction::Dismiss,
        };
        raise(facts, &finding, context, &mut draft);
    }
    draft.audit("door.lapse", ("door_session", after.id.get()), Written::change(&trace(before), &trace(&after)));
    occupy(device, &after, context, &mut draft);
    draft.push(Change::DoorSession(after.clone()));
    Ok(draft.finish(Outcome::DoorSession { session: after }))
}

/// What an exception about an opening has to know of it.
pub(super) fn evidence(session: &DoorSession) -> serde_json::Value {
    json!({
        "session_id": session.id,
        "session_no": session.session_no,
        "device_id": session.device,
        "member_id": session.member,
        "opened_at": session.opened_at,
        "closed_at": session.closed_at,
        "settlement": session.settlement,
    })
}

pub(super) fn trace(session: &DoorSession) -> serde_json::Value {
    json!({ "status": session.status, "failure": session.failure })
}

/// The device as it is once the session is as it will be.
pub(super) fn occupied(device: &Device, session: &DoorSession) -> Option<DoorSessionId> {
    match device.session {
        Some(holder) if holder == session.id && !session.status.occupies() => None,
        None if session.status.occupies() => Some(session.id),
        holder => holder,
    }
}

pub(super) fn occupy(device: &Device, session: &DoorSession, context: &Context<'_>, draft: &mut Draft<'_>) {
    let holder = occupied(device, session);
    if holder != device.session {
        draft.push(Change::Device(Device { session: holder, updated_at: context.now, ..device.clone() }));
    }
}
