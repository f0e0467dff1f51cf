use serde_json::json;

use super::super::exceptions::{Finding, raise};
use super::doors::{evidence, occupied, trace};
use super::{
    charge_needs, door_needs, existing_device, existing_order, existing_session, scores, tickets_left, tickets_of,
};
use crate::draft::{Draft, Written};
use crate::order::order_no;
use crate::{
    Bought, CabinetOrder, CabinetOrderState, CabinetPay, Cents, Change, Context, Currency, Decision, Device, DeviceId,
    DoorSession, DoorSessionId, DoorStatus, EntryKind, ExceptionAction, ExceptionKind, Facts, MemberId, Moved, Needs,
    Noun, OrderId, OrderPart, Outcome, Owner, PayAttempt, PayCabinetOrder, Refusal, SettleDoor, Settlement, Shelved,
    Standing, Tickets, UnpaidReason,
};

pub(super) fn settle_needs(command: &SettleDoor, facts: &Facts, needs: &mut Needs) {
    held_needs(command.session, command.device, command.member, facts, needs);
    needs.cabinet.vendor_nos.insert(command.settlement.vendor_order_no.clone());
    let device = facts.cabinet.devices.knows(&command.device).then(|| facts.cabinet.devices.get(&command.device));
    if let Some(device) = device.flatten() {
        taken_needs(device, &command.settlement, needs);
    }
    let session = facts.cabinet.sessions.knows(&command.session).then(|| facts.cabinet.sessions.get(&command.session));
    if let Some(session) = session.flatten() {
        let kinds = [
            ExceptionKind::UnknownGoods,
            ExceptionKind::PriceMismatch,
            ExceptionKind::AmountOverLimit,
            ExceptionKind::SettlementConflict,
        ];
        needs.open_exceptions.extend(kinds.map(|kind| (kind, session.session_no.clone())));
    }
}

/// What charging an opening takes whose settlement is known already.
pub(in crate::decide) fn held_needs(
    session: DoorSessionId,
    device: DeviceId,
    member: MemberId,
    facts: &Facts,
    needs: &mut Needs,
) {
    door_needs(session, device, needs);
    scores::opening_needs(session, facts, needs);
    charge_needs(device, member, needs);
    if facts.cabinet.devices.knows(&device)
        && facts.cabinet.sessions.knows(&session)
        && let Some(device) = facts.cabinet.devices.get(&device)
        && let Some(session) = facts.cabinet.sessions.get(&session)
        && let Some(settlement) = &session.settlement
    {
        taken_needs(device, settlement, needs);
    }
}

fn taken_needs(device: &Device, settlement: &Settlement, needs: &mut Needs) {
    settlement.quantities().into_keys().for_each(|code| goods_needs(device, code, needs));
}

/// What the goods of a device are called, and whether somebody looks into how many there are.
pub(super) fn goods_needs(device: &Device, code: &str, needs: &mut Needs) {
    needs.shop.products.extend(device.shelved(code).map(|shelved| shelved.product));
    needs.open_exceptions.insert((ExceptionKind::StockNegative, stock_subject(device, code)));
}

pub(super) fn stock_subject(device: &Device, code: &str) -> String {
    format!("{} {code}", device.code.as_str())
}

/// The first settlement of an opening counts. The same again changes nothing; another one is somebody's to look at.
pub(super) fn settle(
    facts: &Facts,
    command: &SettleDoor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let session = existing_session(facts, command.session, command.device)?;
    let device = existing_device(facts, command.device)?;
    let settlement = &command.settlement;
    let holder = facts.cabinet.session_by_vendor_no.get(&settlement.vendor_order_no);
    let is_known = session.settlement.as_ref().is_some_and(|known| known.agrees_with(settlement));
    if is_known && holder.is_none_or(|&holder| holder == session.id) {
        return Ok(draft.finish(Outcome::DoorSession { session: session.clone() }));
    }
    let is_free = session.settlement.is_none() && session.status != DoorStatus::Released;
    if !is_free || holder.is_some() {
        // After this point it must succeed.
        let mut evidence = evidence(session);
        evidence["second"] = json!(settlement);
        evidence["settled_by_this_number"] = json!(holder);
        let finding = Finding {
            kind: ExceptionKind::SettlementConflict,
            subject: &session.session_no,
            evidence: evidence.to_string(),
            proposed: ExceptionAction::Dismiss,
        };
        raise(facts, &finding, context, &mut draft);
        return Ok(draft.finish(Outcome::DoorSession { session: session.clone() }));
    }
    let told = DoorSession { settlement: Some(settlement.clone()), ..session.clone() };
    let most = scores::most(facts, session).map_or(context.cabinet.most, |most| most.min(context.cabinet.most));
    match doubt(facts, device, settlement, most)? {
        None => charge(facts, session, &told, device, context, &mut draft)
            .map(|(session, _)| draft.finish(Outcome::DoorSession { session })),
        Some((kind, found)) => {
            // After this point it must succeed.
            let held = DoorSession { status: DoorStatus::Held, due_at: None, updated_at: context.now, ..told };
            let mut evidence = evidence(&held);
            evidence["found"] = found;
            let subject = held.session_no.as_str();
            let proposed = ExceptionAction::Charge;
            raise(facts, &Finding { kind, subject, evidence: evidence.to_string(), proposed }, context, &mut draft);
            let written = Written::change(&trace(session), &trace(&held));
            draft.audit("door.hold", ("door_session", held.id.get()), written);
            let holder = occupied(device, &held);
            if holder != device.session {
                draft.push(Change::Device(Device { session: holder, updated_at: context.now, ..device.clone() }));
            }
            draft.push(Change::DoorSession(held.clone()));
            Ok(draft.finish(Outcome::DoorSession { session: held }))
        }
    }
}

/// Why a person has to look at a settlement before anything is charged.
fn doubt(
    facts: &Facts,
    device: &Device,
    settlement: &Settlement,
    most: Cents,
) -> Result<Option<(ExceptionKind, serde_json::Value)>, Refusal> {
    let unknown: Vec<_> =
        settlement.quantities().into_keys().filter(|code| device.shelved(code).is_none()).map(str::to_owned).collect();
    if !unknown.is_empty() {
        return Ok(Some((ExceptionKind::UnknownGoods, json!({ "unknown": unknown }))));
    }
    let total = worth(&priced(facts, device, settlement)?)?;
    let differs = |taken: &&crate::Taken| {
        let ours = device.shelved(&taken.code).map(|shelved| shelved.price);
        taken.price.is_some() && taken.price != ours
    };
    if settlement.amount != total || settlement.goods.iter().any(|taken| differs(&taken)) {
        let found = json!({ "ours_cents": total, "theirs_cents": settlement.amount });
        return Ok(Some((ExceptionKind::PriceMismatch, found)));
    }
    if total > most {
        return Ok(Some((ExceptionKind::AmountOverLimit, json!({ "total_cents": total, "most_cents": most }))));
    }
    Ok(None)
}

fn priced(facts: &Facts, device: &Device, settlement: &Settlement) -> Result<Vec<Bought>, Refusal> {
    let shelved = |(code, quantity)| Some(bought(facts, device.shelved(code)?, quantity));
    settlement.quantities().into_iter().filter_map(shelved).collect()
}

/// So many of what a device offers, as it is called by now.
pub(super) fn bought(facts: &Facts, shelved: &Shelved, quantity: i64) -> Result<Bought, Refusal> {
    let product = facts.shop.products.get(&shelved.product).ok_or(Refusal::NotFound { noun: Noun::Product })?;
    let (code, price) = (shelved.code.clone(), shelved.price);
    let (name_zh, name_en) = (product.name_zh.clone(), product.name_en.clone());
    Ok(Bought { code, product: product.id, name_zh, name_en, quantity, price })
}

pub(super) fn worth(items: &[Bought]) -> Result<Cents, Refusal> {
    items
        .iter()
        .try_fold(Cents::ZERO, |sum, item| Ok(sum.plus(Cents::new(item.price.get().saturating_mul(item.quantity)))?))
}

/// Makes the order of what was taken, at the prices of the planogram, and takes the tickets for it. Where there are too few of them it
/// takes none, and the order waits to be paid.
fn charge(
    facts: &Facts,
    before: &DoorSession,
    told: &DoorSession,
    device: &Device,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<(DoorSession, Option<CabinetOrder>), Refusal> {
    let Some(settlement) = &told.settlement else { return Err(Refusal::NotFound { noun: Noun::Order }) };
    let items = priced(facts, device, settlement)?;
    let total = worth(&items)?;
    let tickets = total.in_tickets()?;
    let pays = told.pay == CabinetPay::Ticket && tickets_left(facts, told.member) >= tickets.get();
    if pays {
        must_move(facts, device, tickets)?;
    }
    let state = match told.pay {
        CabinetPay::Ticket => state(pays, context),
        CabinetPay::Wechat => scores::order_state(facts, told, total, context),
    };

    // After this point it must succeed.
    let session = DoorSession { status: DoorStatus::Settled, due_at: None, updated_at: context.now, ..told.clone() };
    let mut device = Device { session: occupied(device, &session), updated_at: context.now, ..device.clone() };
    draft.audit("door.settle", ("door_session", session.id.get()), Written::change(&trace(before), &trace(&session)));
    take_out(facts, &mut device, &items, &session.session_no, context, draft);
    let id = (!items.is_empty()).then(|| OrderId::new(draft.next_id()));
    scores::complete(facts, &session, (id, total), context, draft);
    let order = id.map(|id| {
        let is_tried = state != CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreCollecting };
        let order = CabinetOrder {
            id,
            order_no: order_no("CABO", context.today, id),
            member: session.member,
            device: device.id,
            store: device.store,
            session: session.id,
            vendor_order_no: settlement.vendor_order_no.clone(),
            part: OrderPart::Whole(Standing { items: items.clone(), agreed: total, ..Standing::default() }),
            items,
            total,
            tickets,
            pay: session.pay,
            state,
            attempts: is_tried.then(|| attempt(session.pay, state, context)).into_iter().collect(),
            kept: if pays { tickets } else { Tickets::default() },
            created_at: context.now,
            updated_at: context.now,
        };
        if pays {
            move_tickets(&order, draft);
        }
        draft.audit("cabinet_order.place", ("order", id.get()), Written::after(&order));
        draft.push(Change::CabinetOrder(order.clone()));
        order
    });
    draft.push(Change::Device(device));
    draft.push(Change::DoorSession(session.clone()));
    Ok((session, order))
}

/// Charges what is held at the prices of the planogram as it is now, whatever the vendor thinks of them and however much it is.
pub(in crate::decide) fn charge_held(
    facts: &Facts,
    (session, device): (DoorSessionId, DeviceId),
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<Option<Moved>, Refusal> {
    let session = held(facts, session, device)?;
    let device = existing_device(facts, device)?;
    let settlement = session.settlement.iter().flat_map(Settlement::quantities);
    if settlement.into_iter().any(|(code, _)| device.shelved(code).is_none()) {
        return Err(Refusal::NotFound { noun: Noun::Product });
    }
    let (_, order) = charge(facts, session, session, device, context, draft)?;
    Ok(order.map(|order| {
        let tickets_left = draft.seen(tickets_of(order.member)).map_or(0, |account| account.balance.get());
        Moved::Cabinet { order: Box::new(order), tickets_left }
    }))
}

/// Lets a member go whose opening nobody can settle.
pub(in crate::decide) fn release(
    facts: &Facts,
    (session, device): (DoorSessionId, DeviceId),
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    // Settled meanwhile, there is nothing left to end.
    let Some(before) = facts.cabinet.sessions.get(&session).filter(|session| session.status.is_unsettled()) else {
        return;
    };
    let after = DoorSession { status: DoorStatus::Released, due_at: None, updated_at: context.now, ..before.clone() };
    draft.audit("door.release", ("door_session", after.id.get()), Written::change(&trace(before), &trace(&after)));
    if let Some(device) = facts.cabinet.devices.get(&device)
        && occupied(device, &after) != device.session
    {
        draft.push(Change::Device(Device { session: None, updated_at: context.now, ..device.clone() }));
    }
    scores::let_go(facts, &after, 0, context, draft);
    draft.push(Change::DoorSession(after));
}

fn held(facts: &Facts, session: DoorSessionId, device: DeviceId) -> Result<&DoorSession, Refusal> {
    let session = existing_session(facts, session, device)?;
    if session.status == DoorStatus::Held { Ok(session) } else { Err(Refusal::ExceptionResolved) }
}

/// Where there are too few tickets none is taken, and the attempt is written down.
pub(super) fn pay(
    facts: &Facts,
    command: &PayCabinetOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = existing_order(facts, command.order, command.device, command.member)?;
    let device = existing_device(facts, command.device)?;
    if context.actor.member.is_some_and(|member| member != order.member) {
        return Err(Refusal::NotYours);
    }
    if !order.is_unpaid() {
        return Err(Refusal::CabinetOrderPaid);
    }
    must_not_be_collecting(order)?;
    let (tickets, needed) = (tickets_left(facts, order.member), order.tickets.get());
    let pays = tickets >= needed;
    if pays {
        must_move(facts, device, order.tickets)?;
    } else if order.attempts.len() >= CabinetOrder::MOST_ATTEMPTS {
        return Err(Refusal::InsufficientTickets { tickets, needed });
    }

    // After this point it must succeed.
    let (pay, state) = (CabinetPay::Ticket, state(pays, context));
    let mut after = CabinetOrder { pay, state, updated_at: context.now, ..order.clone() };
    after.attempts.push(attempt(pay, state, context));
    if pays {
        move_tickets(&after, &mut draft);
        let whole = facts.cabinet.orders.get(&order.whole()).filter(|whole| whole.id != order.id);
        if let Some((whole, OrderPart::Whole(standing))) = whole.map(|whole| (whole, &whole.part)) {
            let kept = Tickets::new(whole.kept.get() + needed);
            let part = OrderPart::Whole(Standing { due: None, ..standing.clone() });
            let settled = CabinetOrder { kept, part, updated_at: context.now, ..whole.clone() };
            let written = Written::change(&json!({ "kept": whole.kept }), &json!({ "kept": kept }));
            draft.audit("cabinet_order.pay", ("order", settled.id.get()), written);
            draft.push(Change::CabinetOrder(settled));
        } else {
            after.kept = after.tickets;
        }
    }
    let action = if pays { "cabinet_order.pay" } else { "cabinet_order.pay_fail" };
    draft.audit(action, ("order", after.id.get()), Written::change(&order.state, &after.state));
    draft.push(Change::CabinetOrder(after.clone()));
    Ok(draft.finish(Outcome::CabinetOrder { order: after }))
}

pub(super) fn state(pays: bool, context: &Context<'_>) -> CabinetOrderState {
    if pays {
        CabinetOrderState::Paid { paid_at: context.now }
    } else {
        CabinetOrderState::Unpaid { reason: UnpaidReason::InsufficientTickets }
    }
}

pub(super) fn attempt(pay: CabinetPay, state: CabinetOrderState, context: &Context<'_>) -> PayAttempt {
    let failure = match state {
        CabinetOrderState::Unpaid { reason } => Some(reason),
        CabinetOrderState::Paid { .. } | CabinetOrderState::Withdrawn { .. } => None,
    };
    PayAttempt { at: context.now, pay, failure }
}

/// What WeChat is collecting is not paid in another way, and nothing of it can go back yet.
pub(super) fn must_not_be_collecting(order: &CabinetOrder) -> Result<(), Refusal> {
    match order.state {
        CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreCollecting } => Err(Refusal::PayScoreCollecting),
        _ => Ok(()),
    }
}

pub(super) fn must_move(facts: &Facts, device: &Device, tickets: Tickets) -> Result<(), Refusal> {
    let takings = facts.accounts.get(&device.takings()).ok_or(Refusal::NotFound { noun: Noun::Account })?;
    takings.after(Cents::new(tickets.get()), None).map(drop).map_err(|_| Refusal::AmountOutOfRange)
}

/// From the member to the device, or back where the order gives back.
pub(super) fn move_tickets(order: &CabinetOrder, draft: &mut Draft<'_>) {
    let kind = if order.total.is_negative() { EntryKind::OrderRefund } else { EntryKind::OrderCharge };
    let (from, to) = (tickets_of(order.member), Owner::Device(order.device).account(Currency::Ticket));
    draft.transfer(kind, Some(order.id), from, to, Cents::new(order.tickets.get()));
}

/// Takes goods out of a device's books, or puts them back. Where more is taken than was put in, a person is told by what number.
pub(super) fn take_out(
    facts: &Facts,
    device: &mut Device,
    items: &[Bought],
    source: &str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    for item in items {
        let found = device.planogram.iter_mut().find(|shelved| shelved.code == item.code);
        let Some(shelved) = found else { continue };
        shelved.stock -= item.quantity;
        device.planogram_version += 1;
        if shelved.stock < 0 && item.quantity > 0 {
            let subject = stock_subject(device, item.code.as_str());
            let evidence = json!({
                "device_id": device.id, "product_code": item.code, "source": source, "quantity": item.quantity,
            });
            let finding = Finding {
                kind: ExceptionKind::StockNegative,
                subject: &subject,
                evidence: evidence.to_string(),
                proposed: ExceptionAction::Dismiss,
            };
            raise(facts, &finding, context, draft);
        }
    }
}
