//! Quantities of an order that a person says anew, and what follows for tickets and stock.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::orders::{attempt, bought, goods_needs, move_tickets, must_move, state, take_out, worth};
use super::{changed_needs, existing_device, existing_order, scores, tickets_left, tickets_of};
use crate::draft::{Draft, Written};
use crate::order::order_no;
use crate::{
    Account, Bought, CabinetOrder, CabinetOrderState, CabinetPay, Cents, Change, ComplaintId, Context,
    CorrectCabinetOrder, Corrected, Correction, CorrectionId, CorrectionOutcome, CorrectionState, Currency,
    DecideCorrection, Decision, Device, DeviceId, Facts, Needs, Noun, OrderId, OrderPart, Outcome, Owner, ProductCode,
    Quantity, Refusal, Standing, Tickets, UnpaidReason, Verdict,
};

pub(super) fn correct_needs(command: &CorrectCabinetOrder, facts: &Facts, needs: &mut Needs) {
    changed_needs(command.order, command.device, command.member, facts, needs);
    stock_needs(command.device, &command.items, facts, needs);
}

pub(super) fn decide_needs(command: &DecideCorrection, facts: &Facts, needs: &mut Needs) {
    changed_needs(command.order, command.device, command.member, facts, needs);
    needs.cabinet.corrections.insert(command.correction);
    if let Some(correction) = facts.cabinet.corrections.found(&command.correction) {
        stock_needs(command.device, &correction.items, facts, needs);
    }
}

fn stock_needs(device: DeviceId, items: &[Corrected], facts: &Facts, needs: &mut Needs) {
    if let Some(device) = facts.cabinet.devices.found(&device) {
        items.iter().for_each(|item| goods_needs(device, item.code.as_str(), needs));
    }
}

/// A small correction is carried out at once; one that moves what the order costs further than one person may waits for another.
pub(super) fn correct(
    facts: &Facts,
    command: &CorrectCabinetOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_be_quantities(&command.items)?;
    let order = existing_order(facts, command.order, command.device, command.member)?;
    let device = existing_device(facts, command.device)?;
    let standing = order.standing().ok_or_else(|| Refusal::CabinetOrderPart { whole: order.whole() })?;
    if command.seen.is_some_and(|seen| seen != standing.corrections) {
        return Err(Refusal::OrderCorrected { corrections: standing.corrections });
    }
    if let Some(correction) = standing.waiting {
        return Err(Refusal::CorrectionWaiting { correction });
    }
    let wanted = wanted(facts, (order, standing, device), &command.items)?;
    if wanted == standing.items {
        return Err(Refusal::NothingToCorrect);
    }
    let costs = worth(&wanted)?;
    let difference = costs.minus(worth(&standing.items)?)?;
    let moved = costs.minus(standing.agreed)?.get().abs();
    let is_small = moved <= context.cabinet.correction_limit.get();
    let step = if is_small { Some(step(facts, (order, standing, device), wanted)?) } else { None };

    // After this point it must succeed.
    let mut correction = Correction {
        id: CorrectionId::new(draft.next_id()),
        order: order.id,
        items: command.items.clone(),
        reason: command.reason.clone(),
        difference,
        asked_by: context.actor.member,
        state: CorrectionState::Waiting,
        created_at: context.now,
        updated_at: context.now,
    };
    let reason = command.reason.as_str();
    let (after, surcharge) = if let Some(step) = step {
        let (after, surcharge) = take_step(facts, (order, standing, device), step, reason, context, &mut draft);
        let made = surcharge.as_ref().map(|made| made.id);
        correction.state = CorrectionState::Done { agreed_by: None, at: context.now, surcharge: made };
        (after, surcharge)
    } else {
        let part = OrderPart::Whole(Standing { waiting: Some(correction.id), ..standing.clone() });
        let after = CabinetOrder { part, updated_at: context.now, ..order.clone() };
        let trace = json!({ "correction_id": correction.id, "items": correction.items, "difference": difference });
        draft.audit("cabinet_order.ask_correction", ("order", after.id.get()), Written::after(&trace).because(reason));
        draft.push(Change::CabinetOrder(after.clone()));
        (after, None)
    };
    draft.push(Change::Correction(correction.clone()));
    let outcome = CorrectionOutcome { correction, order: after, surcharge };
    Ok(draft.finish(Outcome::Correction(Box::new(outcome))))
}

/// The second person's word about a correction that waits.
pub(super) fn decide(
    facts: &Facts,
    command: &DecideCorrection,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = existing_order(facts, command.order, command.device, command.member)?;
    let device = existing_device(facts, command.device)?;
    let correction = facts.cabinet.corrections.get(&command.correction);
    let correction = correction.filter(|correction| correction.order == order.id);
    let correction = correction.ok_or(Refusal::NotFound { noun: Noun::Correction })?;
    let standing = order.standing().ok_or_else(|| Refusal::CabinetOrderPart { whole: order.whole() })?;
    if correction.state != CorrectionState::Waiting || standing.waiting != Some(correction.id) {
        return Err(Refusal::CorrectionDecided);
    }
    let second = context.actor.member.filter(|&second| Some(second) != correction.asked_by);
    let second = second.ok_or(Refusal::SecondPersonNeeded)?;
    let step = match &command.verdict {
        Verdict::Agree => {
            let wanted = wanted(facts, (order, standing, device), &correction.items)?;
            Ok((worth(&wanted)?, step(facts, (order, standing, device), wanted)?))
        }
        Verdict::Refuse { note } => Err(note),
    };

    // After this point it must succeed.
    let mut decided = Correction { updated_at: context.now, ..correction.clone() };
    let (after, surcharge) = match step {
        Ok((agreed, step)) => {
            let agreed = Standing { agreed, ..standing.clone() };
            let reason = correction.reason.as_str();
            let (after, surcharge) = take_step(facts, (order, &agreed, device), step, reason, context, &mut draft);
            let made = surcharge.as_ref().map(|made| made.id);
            decided.state = CorrectionState::Done { agreed_by: Some(second), at: context.now, surcharge: made };
            (after, surcharge)
        }
        Err(note) => {
            decided.state = CorrectionState::Refused { by: second, at: context.now, note: note.clone() };
            let part = OrderPart::Whole(Standing { waiting: None, ..standing.clone() });
            let after = CabinetOrder { part, updated_at: context.now, ..order.clone() };
            let written = Written::after(&json!({ "correction_id": correction.id })).because(note.as_str());
            draft.audit("cabinet_order.refuse_correction", ("order", after.id.get()), written);
            draft.push(Change::CabinetOrder(after.clone()));
            (after, None)
        }
    };
    draft.push(Change::Correction(decided.clone()));
    let outcome = CorrectionOutcome { correction: decided, order: after, surcharge };
    Ok(draft.finish(Outcome::Correction(Box::new(outcome))))
}

fn must_be_quantities(items: &[Corrected]) -> Result<(), Refusal> {
    let most = Quantity::MAX;
    if items.len() > Device::MOST_SHELVED || items.iter().any(|item| !(0..=most).contains(&item.quantity)) {
        return Err(Refusal::PlanogramTooLarge { most });
    }
    let mut named = BTreeSet::new();
    match items.iter().find(|item| !named.insert(&item.code)) {
        Some(twice) => Err(Refusal::ProductTwice { code: twice.code.clone() }),
        None => Ok(()),
    }
}

/// What is charged for once the correction is done. Whatever the order has had keeps its price; what it has not had costs what the
/// planogram says.
fn wanted(
    facts: &Facts,
    (order, standing, device): (&CabinetOrder, &Standing, &Device),
    corrected: &[Corrected],
) -> Result<Vec<Bought>, Refusal> {
    let mut wanted: BTreeMap<_, _> = standing.items.iter().map(|item| (&item.code, item.clone())).collect();
    for Corrected { code, quantity } in corrected {
        let had = standing.items.iter().chain(&order.items).find(|item| item.code == *code).cloned();
        let known = match (had, device.shelved(code.as_str())) {
            (Some(had), _) => Bought { quantity: *quantity, ..had },
            (None, Some(shelved)) => bought(facts, shelved, *quantity)?,
            (None, None) => return Err(Refusal::NotFound { noun: Noun::Product }),
        };
        wanted.insert(code, known);
    }
    Ok(wanted.into_values().filter(|item| item.quantity != 0).collect())
}

/// What has to be added to `these` to have `those`.
fn difference(these: &[Bought], those: &[Bought]) -> Vec<Bought> {
    let mut differences: BTreeMap<&ProductCode, Bought> = BTreeMap::new();
    for (items, sign) in [(those, 1), (these, -1)] {
        for item in items {
            let entry = differences.entry(&item.code).or_insert_with(|| Bought { quantity: 0, ..item.clone() });
            entry.quantity += sign * item.quantity;
        }
    }
    differences.into_values().filter(|item| item.quantity != 0).collect()
}

/// How an order comes to stand for what is wanted.
struct Step<'a> {
    wanted: Vec<Bought>,
    /// What is not paid yet and is withdrawn.
    withdrawn: Vec<&'a CabinetOrder>,
    /// Charges or gives back whatever then differs from what is settled.
    surcharge: Surcharge,
}

fn step<'a>(
    facts: &'a Facts,
    (order, standing, device): (&'a CabinetOrder, &Standing, &Device),
    wanted: Vec<Bought>,
) -> Result<Step<'a>, Refusal> {
    let due = standing.due.and_then(|due| facts.cabinet.orders.get(&due));
    let unpaid = || order.is_unpaid().then_some(order).into_iter().chain(due);
    let missing = |withdrawn: &[&CabinetOrder]| {
        let settled = withdrawn.iter().fold(standing.items.clone(), |settled, open| difference(&open.items, &settled));
        let items = difference(&settled, &wanted);
        Ok::<_, Refusal>((worth(&items)?, items))
    };
    let collecting = scores::collecting(facts, order.session)?;
    if let Some(collecting) = collecting {
        let others: Vec<_> = unpaid().filter(|open| open.id != collecting.id).collect();
        let (total, items) = missing(&others)?;
        if !total.is_negative() {
            // There is room for one order that is due.
            if collecting.id != order.id {
                return Err(Refusal::PayScoreCollecting);
            }
            let surcharge = Surcharge { items, total, terms: Terms::Later, complaint: None };
            return Ok(Step { wanted, withdrawn: others, surcharge });
        }
    }
    let withdrawn: Vec<_> = unpaid().collect();
    let (total, items) = missing(&withdrawn)?;
    let terms = if collecting.is_some() {
        Terms::Collected
    } else if total.is_negative() {
        must_give_back(facts, order, device, total)?
    } else if order.pay == CabinetPay::Wechat {
        Terms::Later
    } else {
        must_move_tickets(facts, order, device, total.in_tickets()?)?;
        Terms::Tickets
    };
    Ok(Step { wanted, withdrawn, surcharge: Surcharge { items, total, terms, complaint: None } })
}

fn take_step(
    facts: &Facts,
    (order, standing, device): (&CabinetOrder, &Standing, &Device),
    step: Step<'_>,
    reason: &str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> (CabinetOrder, Option<CabinetOrder>) {
    let Step { wanted, withdrawn, surcharge } = step;
    let state = CabinetOrderState::Withdrawn { withdrawn_at: context.now };
    for open in withdrawn.iter().filter(|open| open.id != order.id) {
        let written = Written::change(&open.state, &state).because(reason);
        draft.audit("cabinet_order.withdraw", ("order", open.id.get()), written);
        draft.push(Change::CabinetOrder(CabinetOrder { state, updated_at: context.now, ..(*open).clone() }));
    }
    let mut device = device.clone();
    device.updated_at = context.now;
    take_out(facts, &mut device, &difference(&standing.items, &wanted), &order.order_no, context, draft);
    draft.push(Change::Device(device));
    let is_lowered = surcharge.terms == Terms::Collected;
    let has_moved = !surcharge.items.is_empty();
    let surcharge = has_moved.then(|| settle(facts, order, surcharge, reason, context, draft));
    if is_lowered {
        scores::lower(facts, order.session, surcharge.as_ref(), context, draft);
    }
    let after = CabinetOrder {
        state: if withdrawn.iter().any(|open| open.id == order.id) { state } else { order.state },
        kept: kept_with(order, surcharge.as_ref()),
        part: OrderPart::Whole(Standing {
            items: wanted,
            corrections: standing.corrections + 1,
            waiting: None,
            due: surcharge.as_ref().filter(|made| made.is_unpaid()).map(|made| made.id),
            ..standing.clone()
        }),
        updated_at: context.now,
        ..order.clone()
    };
    let trace = |order: &CabinetOrder, items: &[Bought]| json!({ "items": items, "kept": order.kept });
    let items = after.standing().map_or(&[][..], |standing| &standing.items);
    let written = Written::change(&trace(order, &standing.items), &trace(&after, items)).because(reason);
    draft.audit("cabinet_order.correct", ("order", after.id.get()), written);
    draft.push(Change::CabinetOrder(after.clone()));
    (after, surcharge)
}

/// A linked order to be.
pub(super) struct Surcharge {
    pub(super) items: Vec<Bought>,
    pub(super) total: Cents,
    pub(super) terms: Terms,
    pub(super) complaint: Option<ComplaintId>,
}

/// How a linked order is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// In tickets; where the member has too few it waits to be paid.
    Tickets,
    /// By the member, who has not said yet that it may be taken in tickets.
    Later,
    /// WeChat collects it, and less than before.
    Collected,
    /// WeChat gives it back.
    Refunded,
}

/// How something goes back: in one way, and never more than came in by it.
pub(super) fn must_give_back(
    facts: &Facts,
    order: &CabinetOrder,
    device: &Device,
    total: Cents,
) -> Result<Terms, Refusal> {
    let tickets = total.in_tickets()?;
    if order.kept.get() + tickets.get() >= 0 {
        must_move_tickets(facts, order, device, tickets)?;
        return Ok(Terms::Tickets);
    }
    let collected = scores::left(facts, order.session);
    if collected.get() + total.get() >= 0 {
        scores::must_collect(facts, device, total)?;
        return Ok(Terms::Refunded);
    }
    Err(Refusal::RefundTooLarge { left: collected.max(Cents::new(order.kept.get() / 5)) })
}

fn must_move_tickets(facts: &Facts, order: &CabinetOrder, device: &Device, tickets: Tickets) -> Result<(), Refusal> {
    must_move(facts, device, tickets)?;
    let has = facts.accounts.get(&tickets_of(order.member));
    let gets = has.map(|account| account.after(Cents::new(-tickets.get()), None));
    gets.transpose().map(drop).map_err(|_| Refusal::AmountOutOfRange)
}

/// What is kept of the member's tickets once a linked order is there.
pub(super) fn kept_with(order: &CabinetOrder, surcharge: Option<&CabinetOrder>) -> Tickets {
    let paid = surcharge.filter(|made| made.is_paid() && made.pay == CabinetPay::Ticket);
    Tickets::new(order.kept.get() + paid.map_or(0, |made| made.tickets.get()))
}

/// Makes a linked order and moves what it comes to, as far as that is to move now.
pub(super) fn settle(
    facts: &Facts,
    order: &CabinetOrder,
    surcharge: Surcharge,
    reason: &str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> CabinetOrder {
    let Surcharge { items, total, terms, complaint } = surcharge;
    let tickets = Tickets::new(total.get() * 5);
    let has_enough = tickets.get() <= 0 || tickets_left(facts, order.member) >= tickets.get();
    let waits = |reason| CabinetOrderState::Unpaid { reason };
    let (pay, state) = match terms {
        Terms::Later if total.is_positive() => (CabinetPay::Wechat, waits(UnpaidReason::PayScoreEnded)),
        Terms::Tickets | Terms::Later => (CabinetPay::Ticket, state(has_enough, context)),
        Terms::Collected => (CabinetPay::Wechat, waits(UnpaidReason::PayScoreCollecting)),
        Terms::Refunded => (CabinetPay::Wechat, CabinetOrderState::Paid { paid_at: context.now }),
    };
    let is_tried = matches!(terms, Terms::Tickets | Terms::Refunded);
    let id = OrderId::new(draft.next_id());
    let made = CabinetOrder {
        id,
        order_no: order_no("CABO", context.today, id),
        items,
        total,
        tickets,
        pay,
        state,
        attempts: is_tried.then(|| attempt(pay, state, context)).into_iter().collect(),
        part: OrderPart::Surcharge { order: order.id, order_no: order.order_no.clone(), complaint },
        kept: Tickets::default(),
        created_at: context.now,
        updated_at: context.now,
        ..order.clone()
    };
    if made.is_paid() && pay == CabinetPay::Ticket {
        if facts.accounts.get(&tickets_of(order.member)).is_none() {
            draft.open(Account::open(Owner::Member(order.member), Currency::Ticket));
        }
        move_tickets(&made, draft);
    }
    if terms == Terms::Refunded {
        scores::give_back(facts, &made, reason, context, draft);
    }
    draft.audit("cabinet_order.place", ("order", id.get()), Written::after(&made).because(reason));
    draft.push(Change::CabinetOrder(made.clone()));
    made
}
