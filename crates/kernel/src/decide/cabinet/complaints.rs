use serde_json::json;

use super::corrections::{Surcharge, kept_with, must_give_back, settle};
use super::orders::must_not_be_collecting;
use super::{existing_device, existing_order, roles, wallet};
use crate::draft::{Draft, Written};
use crate::{
    AnswerComplaint, AssignComplaint, CabinetOrder, Cents, Change, Complaint, ComplaintId, ComplaintOutcome,
    ComplaintReply, Context, Decision, Facts, FileComplaint, MemberStatus, Needs, Noun, OrderPart, Outcome, Permission,
    RefundComplaint, Refusal, Standing,
};

pub(super) fn file_needs(command: &FileComplaint, needs: &mut Needs) {
    needs.cabinet.orders.insert(command.order);
    needs.cabinet.open_complaints.insert(command.order);
    needs.accounts.insert(wallet(command.member));
}

pub(super) fn file(
    facts: &Facts,
    command: &FileComplaint,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    if command.pictures.len() > Complaint::MOST_PICTURES {
        return Err(Refusal::TooManyPictures { most: Complaint::MOST_PICTURES as i64 });
    }
    let order = facts.cabinet.orders.get(&command.order).ok_or(Refusal::NotFound { noun: Noun::Order })?;
    if order.member != command.member {
        return Err(Refusal::NotYours);
    }
    if let Some(&complaint) = facts.cabinet.open_complaint.get(&order.id) {
        return Err(Refusal::ComplaintOpen { complaint });
    }

    // After this point it must succeed.
    let complaint = Complaint {
        id: ComplaintId::new(draft.next_id()),
        member: command.member,
        order: order.id,
        order_no: order.order_no.clone(),
        text: command.text.clone(),
        pictures: command.pictures.clone(),
        owner: None,
        replies: Vec::new(),
        refunded: Cents::ZERO,
        answered_at: None,
        closed_at: None,
        created_at: context.now,
        updated_at: context.now,
    };
    let after = json!({ "order_no": complaint.order_no });
    Ok(written("complaint.file", Written::after(&after), complaint, None, draft))
}

pub(super) fn assign(
    facts: &Facts,
    command: &AssignComplaint,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing(facts, command.complaint)?;
    if let Some(owner) = command.owner {
        let owner = facts.members.get(&owner).ok_or(Refusal::NotFound { noun: Noun::Member })?;
        if owner.status == MemberStatus::Disabled {
            return Err(Refusal::MemberDisabled);
        }
        if !roles::rights(facts, &owner.grants).allow(Permission::ComplaintHandle) {
            return Err(Refusal::HandlesNoComplaints);
        }
    }
    must_be_open(before)?;

    // After this point it must succeed.
    let after = Complaint { owner: command.owner, updated_at: context.now, ..before.clone() };
    let trace = |complaint: &Complaint| json!({ "owner": complaint.owner });
    Ok(written("complaint.assign", Written::change(&trace(before), &trace(&after)), after, None, draft))
}

pub(super) fn answer(
    facts: &Facts,
    command: &AnswerComplaint,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing(facts, command.complaint)?;
    must_be_open(before)?;

    // After this point it must succeed.
    let mut after = Complaint { updated_at: context.now, ..before.clone() };
    after.replies.push(ComplaintReply { by: context.actor.member, at: context.now, text: command.text.clone() });
    after.answered_at = before.answered_at.or(Some(context.now));
    after.closed_at = command.closes.then_some(context.now);
    let action = if command.closes { "complaint.close" } else { "complaint.answer" };
    let change = Written::change(&before.status(), &after.status());
    Ok(written(action, change, after, None, draft))
}

/// Gives back no more than is kept of what was paid, and no more than one person may.
pub(super) fn refund(
    facts: &Facts,
    command: &RefundComplaint,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let amount = command.amount.cents();
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    let before = existing(facts, command.complaint)?;
    let order = existing_order(facts, command.order, command.device, command.member)?;
    let device = existing_device(facts, command.device)?;
    let OrderPart::Whole(standing) = &order.part else {
        return Err(Refusal::CabinetOrderPart { whole: order.whole() });
    };
    if before.order != order.id {
        return Err(Refusal::NotFound { noun: Noun::Order });
    }
    must_be_open(before)?;
    must_not_be_collecting(order)?;
    let conceded = standing.conceded.plus(amount)?;
    if conceded > context.cabinet.correction_limit {
        return Err(Refusal::ConcededTooMuch { left: context.cabinet.correction_limit.minus(standing.conceded)? });
    }
    let terms = must_give_back(facts, order, device, -amount)?;
    let surcharge = Surcharge { items: Vec::new(), total: -amount, terms, complaint: Some(before.id) };
    let refunded = before.refunded.plus(amount)?;

    // After this point it must succeed.
    let reason = command.reason.as_str();
    let surcharge = settle(facts, order, surcharge, reason, context, &mut draft);
    let settled = CabinetOrder {
        kept: kept_with(order, Some(&surcharge)),
        part: OrderPart::Whole(Standing { conceded, ..standing.clone() }),
        updated_at: context.now,
        ..order.clone()
    };
    let trace = |order: &CabinetOrder| json!({ "kept": order.kept });
    let change = Written::change(&trace(order), &trace(&settled)).because(reason);
    draft.audit("cabinet_order.refund", ("order", order.id.get()), change);
    draft.push(Change::CabinetOrder(settled));
    let after = Complaint { refunded, updated_at: context.now, ..before.clone() };
    let change = Written::change(&before.refunded, &after.refunded).because(reason);
    Ok(written("complaint.refund", change, after, Some(surcharge), draft))
}

fn existing(facts: &Facts, complaint: ComplaintId) -> Result<&Complaint, Refusal> {
    facts.cabinet.complaints.get(&complaint).ok_or(Refusal::NotFound { noun: Noun::Complaint })
}

fn must_be_open(complaint: &Complaint) -> Result<(), Refusal> {
    if complaint.closed_at.is_none() { Ok(()) } else { Err(Refusal::ComplaintClosed) }
}

fn written(
    action: &'static str,
    change: Written<'_>,
    complaint: Complaint,
    surcharge: Option<CabinetOrder>,
    mut draft: Draft<'_>,
) -> Decision {
    draft.audit(action, ("complaint", complaint.id.get()), change);
    draft.push(Change::Complaint(complaint.clone()));
    draft.finish(Outcome::Complaint(Box::new(ComplaintOutcome { complaint, surcharge })))
}
