//! Pay score orders: what is owed to WeChat for an opening, and what follows from what WeChat says.

use serde_json::json;

use super::super::exceptions::{Finding, finding_needs, raise};
use super::super::topups::{self, LATEST_ARRIVAL_MS, WECHAT, Wanted, must_move, owe_refund, wait_ms};
use super::doors::{ask_for_door, occupy, trace};
use super::orders::attempt;
use super::{door_needs, existing_device, existing_session, wallet};
use crate::draft::{Draft, Written};
use crate::{
    AccountId, CabinetOrder, CabinetOrderState, CabinetPay, Cents, Change, Context, Currency, Decision, Device,
    DeviceId, DoorSession, DoorSessionId, DoorStatus, EntryKind, ExceptionAction, ExceptionKind, Facts, Needs,
    NoteScore, Noun, OrderId, OrderPart, OutboxMessage, Outcome, Owner, Receipt, Refund, RefundOf, RefundSeen,
    RefundState, Refusal, ScoreCharge, ScoreEnd, ScoreOrder, ScoreSeen, ScoreState, Standing, UnpaidReason,
};

/// A pay score order is asked about after a minute at first.
const WAIT_MS: i64 = 60_000;
/// How often WeChat refuses to hear what an order comes to before that is believed: its clock may be behind ours, say.
const MOST_REFUSALS: i64 = 3;

/// Where an opening is paid by pay score, that order.
pub(super) fn opening_needs(session: DoorSessionId, facts: &Facts, needs: &mut Needs) {
    if facts.cabinet.sessions.found(&session).is_some_and(|session| session.pay == CabinetPay::Wechat) {
        needs.cabinet.scores.insert(session);
    }
}

/// Owes WeChat a new one; the door is asked for when it runs.
pub(super) fn begin(session: &DoorSession, most: Cents, context: &Context<'_>, draft: &mut Draft<'_>) {
    let score = ScoreOrder {
        session: session.id,
        most,
        state: ScoreState::Starting,
        next_check_at: context.now.plus_millis(WAIT_MS),
        checks: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    owe(&score, 0, context, draft);
    draft.push(Change::ScoreOrder(score));
}

/// Owes WeChat the word that nothing is to be collected, after a while in which the door may turn out to be open.
pub(super) fn let_go(
    facts: &Facts,
    session: &DoorSession,
    after_ms: i64,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    if let Some(score) = of(facts, session)
        && matches!(score.state, ScoreState::Starting | ScoreState::Running)
    {
        let after = changed(score, ScoreState::Cancelling, None, context, draft);
        let next_check_at = context.now.plus_millis(after_ms + WAIT_MS);
        owe(&after, after_ms, context, draft);
        draft.push(Change::ScoreOrder(ScoreOrder { next_check_at, ..after }));
    }
}

/// The door opened after all.
pub(super) fn go_on(facts: &Facts, session: &DoorSession, context: &Context<'_>, draft: &mut Draft<'_>) {
    if let Some(score) = of(facts, session)
        && score.state == ScoreState::Cancelling
    {
        let after = changed(score, ScoreState::Running, None, context, draft);
        draft.push(Change::ScoreOrder(after));
    }
}

/// Up to how much WeChat collects for an opening, where it does.
pub(super) fn most(facts: &Facts, session: &DoorSession) -> Option<Cents> {
    of(facts, session).map(|score| score.most)
}

/// How an order stands that WeChat is to collect.
pub(super) fn order_state(
    facts: &Facts,
    session: &DoorSession,
    total: Cents,
    context: &Context<'_>,
) -> CabinetOrderState {
    if total == Cents::ZERO {
        return CabinetOrderState::Paid { paid_at: context.now };
    }
    let collects = of(facts, session).is_some_and(|score| !score.state.is_over() && total <= score.most);
    let reason = if collects { UnpaidReason::PayScoreCollecting } else { UnpaidReason::PayScoreEnded };
    CabinetOrderState::Unpaid { reason }
}

/// Owes WeChat the word of what an opening comes to. What WeChat cannot collect is paid for in another way.
pub(super) fn complete(
    facts: &Facts,
    session: &DoorSession,
    (order, total): (Option<OrderId>, Cents),
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    let Some(score) = of(facts, session).filter(|score| !score.state.is_over()) else { return };
    if total > score.most {
        return let_go(facts, session, 0, context, draft);
    }
    let order = order.filter(|_| total.is_positive());
    let charge = ScoreCharge { order, total, ended_at: context.now };
    let after = changed(score, ScoreState::Completing(charge), None, context, draft);
    owe(&after, 0, context, draft);
    draft.push(Change::ScoreOrder(after));
}

/// What changing an order takes that WeChat collects, or has collected.
pub(super) fn settled_needs(session: DoorSessionId, device: DeviceId, facts: &Facts, needs: &mut Needs) {
    needs.cabinet.scores.insert(session);
    if let Some(score) = facts.cabinet.scores.found(&session) {
        needs.cabinet.orders.extend(score.state.charge().and_then(|charge| charge.order));
        needs.accounts.extend([WECHAT.account(Currency::Cny), takings(device)]);
    }
}

/// The order that WeChat is collecting for an opening; refused while WeChat is being told about it.
pub(super) fn collecting(facts: &Facts, session: DoorSessionId) -> Result<Option<&CabinetOrder>, Refusal> {
    let Some(score) = facts.cabinet.scores.get(&session) else { return Ok(None) };
    match &score.state {
        ScoreState::Collecting(charge) => Ok(charged_order(facts, charge)),
        ScoreState::Completing(_) | ScoreState::Lowering { .. } => Err(Refusal::PayScoreCollecting),
        ScoreState::Starting
        | ScoreState::Running
        | ScoreState::Paid { .. }
        | ScoreState::Cancelling
        | ScoreState::Over { .. } => Ok(None),
    }
}

/// Owes WeChat the word that it is to collect less, for another order, or nothing any more.
pub(super) fn lower(
    facts: &Facts,
    session: DoorSessionId,
    made: Option<&CabinetOrder>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    if let Some(score) = facts.cabinet.scores.get(&session)
        && let ScoreState::Collecting(before) = &score.state
    {
        let order = made.map(|made| made.id).or(before.order);
        let total = made.map_or(Cents::ZERO, |made| made.total);
        let state = ScoreState::Lowering { charge: ScoreCharge { order, total, ..*before }, from: before.total };
        let after = changed(score, state, None, context, draft);
        owe(&after, 0, context, draft);
        draft.push(Change::ScoreOrder(after));
    }
}

/// How much of what WeChat has collected for an opening has not gone back.
pub(super) fn left(facts: &Facts, session: DoorSessionId) -> Cents {
    match facts.cabinet.scores.get(&session).map(|score| &score.state) {
        Some(ScoreState::Paid { charge, receipt }) => Cents::new(charge.total.get() - receipt.refunded.get()),
        _ => Cents::ZERO,
    }
}

/// Gives back at WeChat what a linked order takes off.
pub(super) fn give_back(
    facts: &Facts,
    made: &CabinetOrder,
    reason: &str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    if let Some(score) = facts.cabinet.scores.get(&made.session)
        && let ScoreState::Paid { charge, receipt } = &score.state
    {
        let amount = -made.total;
        refund(made, amount, reason, context, draft);
        let receipt = Receipt { refunded: Cents::new(receipt.refunded.get() + amount.get()), ..receipt.clone() };
        let state = ScoreState::Paid { charge: *charge, receipt };
        let written = Written::change(&score.state, &state).because(reason);
        draft.audit("pay_score.refund", ("score_order", score.session.get()), written);
        draft.push(Change::ScoreOrder(ScoreOrder { state, updated_at: context.now, ..score.clone() }));
    }
}

/// The number of an order is that of its refund.
fn refund(order: &CabinetOrder, amount: Cents, reason: &str, context: &Context<'_>, draft: &mut Draft<'_>) {
    let wechat = WECHAT.account(Currency::Cny);
    draft.transfer(EntryKind::OrderRefund, Some(order.id), takings(order.device), wechat, amount);
    let of = RefundOf::Score { session: order.session, order: order.id };
    let wanted = Wanted { amount, refund_no: &order.order_no, reason };
    owe_refund(of, &wanted, context, draft);
}

fn takings(device: DeviceId) -> AccountId {
    Owner::Device(device).account(Currency::Cny)
}

fn of<'a>(facts: &'a Facts, session: &DoorSession) -> Option<&'a ScoreOrder> {
    match session.pay {
        CabinetPay::Wechat => facts.cabinet.scores.get(&session.id),
        CabinetPay::Ticket => None,
    }
}

fn owe(score: &ScoreOrder, after_ms: i64, context: &Context<'_>, draft: &mut Draft<'_>) {
    let (id, due_at) = (draft.next_id(), context.now.plus_millis(after_ms));
    let body = json!({ "session_id": score.session, "state": score.state.as_str() }).to_string();
    draft.push(Change::Outbox(OutboxMessage { id, topic: "pay-score", body, due_at }));
}

fn changed(
    before: &ScoreOrder,
    state: ScoreState,
    reason: Option<&str>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> ScoreOrder {
    let action = match state {
        ScoreState::Starting | ScoreState::Running => "pay_score.run",
        ScoreState::Completing(_) => "pay_score.complete",
        ScoreState::Collecting(_) => "pay_score.collect",
        ScoreState::Lowering { .. } => "pay_score.lower",
        ScoreState::Paid { .. } => "pay_score.pay",
        ScoreState::Cancelling => "pay_score.cancel",
        ScoreState::Over { .. } => "pay_score.end",
    };
    let written = Written::change(&before.state, &state).because(reason.unwrap_or_default());
    draft.audit(action, ("score_order", before.session.get()), written);
    let next_check_at = context.now.plus_millis(WAIT_MS);
    ScoreOrder { state, next_check_at, checks: 0, updated_at: context.now, ..before.clone() }
}

pub(super) fn note_needs(command: &NoteScore, facts: &Facts, needs: &mut Needs) {
    door_needs(command.session, command.device, needs);
    needs.cabinet.scores.insert(command.session);
    needs.accounts.insert(wallet(command.member));
    if let ScoreSeen::Paid { transaction_id, .. } = &command.saw {
        needs.accounts.extend([WECHAT.account(Currency::Cny), takings(command.device)]);
        needs.cabinet.score_transactions.insert(transaction_id.clone());
        needs.transactions.insert(transaction_id.clone());
    }
    if let Some(score) = facts.cabinet.scores.found(&command.session)
        && let Some(order) = score.state.charge().and_then(|charge| charge.order)
    {
        needs.cabinet.orders.insert(order);
        needs.cabinet.orders.extend(facts.cabinet.orders.found(&order).map(CabinetOrder::whole));
    }
    if let Some(session) = facts.cabinet.sessions.found(&command.session) {
        finding_needs(ExceptionKind::PayScoreMismatch, &session.session_no, needs);
    }
}

/// How what WeChat says fits the books.
enum News {
    /// It says nothing new.
    Known,
    /// What is wanted of it has not come about yet.
    Later,
    Step(ScoreState),
    Misfit,
}

fn news(facts: &Facts, score: &ScoreOrder, saw: &ScoreSeen, context: &Context<'_>) -> News {
    use ScoreState::{Cancelling, Collecting, Completing, Lowering, Over, Paid, Running, Starting};
    if let ScoreSeen::Paid { transaction_id, .. } = saw
        && facts.topup_by_transaction.get(transaction_id).is_some()
    {
        // A person has seen to it.
        return News::Known;
    }
    let is_old = context.now >= score.created_at.plus_millis(LATEST_ARRIVAL_MS);
    match (&score.state, saw) {
        (Paid { receipt, .. }, ScoreSeen::Paid { transaction_id, .. }) if *transaction_id != receipt.transaction_id => {
            News::Misfit
        }
        (Paid { .. }, _) => News::Known,
        (Over { .. }, ScoreSeen::Running | ScoreSeen::Unconfirmed) => News::Step(Cancelling),
        (Over { .. }, ScoreSeen::Ended(_) | ScoreSeen::Refused { .. } | ScoreSeen::Unknown) => News::Known,
        (_, ScoreSeen::Odd { .. }) => News::Misfit,
        (_, ScoreSeen::Unknown) => News::Later,

        (
            Completing(charge) | Collecting(charge) | Lowering { charge, .. },
            ScoreSeen::Paid { total, transaction_id, paid_at, source },
        ) if may_have_collected(facts, &score.state, *total) && is_new(facts, transaction_id) => {
            let receipt = Receipt {
                transaction_id: transaction_id.clone(),
                paid_at: *paid_at,
                source: *source,
                // What WeChat has collected too much goes back at once.
                refunded: Cents::new(total.get() - charge.total.get()),
            };
            News::Step(Paid { charge: ScoreCharge { total: *total, ..*charge }, receipt })
        }
        (Completing(charge) | Lowering { charge, .. }, ScoreSeen::Collecting { total }) if *total == charge.total => {
            News::Step(Collecting(*charge))
        }
        (Collecting(charge), ScoreSeen::Collecting { total }) if *total == charge.total => News::Later,
        (Lowering { from, .. }, ScoreSeen::Collecting { total }) if total == from => News::Later,
        (_, ScoreSeen::Paid { .. } | ScoreSeen::Collecting { .. }) => News::Misfit,

        (Starting, ScoreSeen::Running) => News::Step(Running),
        (Starting, ScoreSeen::Unconfirmed) => News::Step(Cancelling),
        (_, ScoreSeen::Running | ScoreSeen::Unconfirmed) => News::Later,

        (Starting, ScoreSeen::Refused { .. }) => News::Step(Over { end: ScoreEnd::Refused }),
        (Completing(_), ScoreSeen::Refused { .. }) if score.checks >= MOST_REFUSALS => News::Step(Cancelling),
        (_, ScoreSeen::Refused { .. }) => News::Later,

        // The request may still be on its way.
        (Starting | Completing(_) | Cancelling, ScoreSeen::Ended(ScoreEnd::Missing)) if !is_old => News::Later,
        // It was there.
        (Running | Collecting(_) | Lowering { .. }, ScoreSeen::Ended(ScoreEnd::Missing)) => News::Misfit,
        (_, ScoreSeen::Ended(end)) => News::Step(Over { end: *end }),
    }
}

/// Whether WeChat may have been told to collect so much, and an order waits for it.
fn may_have_collected(facts: &Facts, state: &ScoreState, total: Cents) -> bool {
    let waits = |charge: &ScoreCharge| charged_order(facts, charge).is_some();
    match state {
        ScoreState::Completing(charge) | ScoreState::Collecting(charge) => total == charge.total && waits(charge),
        ScoreState::Lowering { charge, from } => {
            total == *from && charge.total == Cents::ZERO || (total == *from || total == charge.total) && waits(charge)
        }
        _ => false,
    }
}

fn is_new(facts: &Facts, transaction_id: &String) -> bool {
    facts.cabinet.score_by_transaction.get(transaction_id).is_none()
}

/// The order that waits for the charge to be collected.
fn charged_order<'a>(facts: &'a Facts, charge: &ScoreCharge) -> Option<&'a CabinetOrder> {
    let order = charge.order.and_then(|order| facts.cabinet.orders.get(&order));
    let collecting = CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreCollecting };
    order.filter(|order| order.state == collecting)
}

/// What WeChat said about a pay score order, whoever brings the news. What is over stays as it is; what does not fit is parked.
pub(super) fn note(
    facts: &Facts,
    command: &NoteScore,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let session = existing_session(facts, command.session, command.device)?;
    let device = existing_device(facts, command.device)?;
    let before = facts.cabinet.scores.get(&command.session).ok_or(Refusal::NotFound { noun: Noun::ScoreOrder })?;
    let state = match news(facts, before, &command.saw, context) {
        News::Known => return Ok(draft.finish(Outcome::ScoreOrder { score: before.clone() })),
        News::Later => return Ok(look_later(before, context, draft)),
        News::Misfit => {
            raise(facts, &misfit(session, before, &command.saw), context, &mut draft);
            return Ok(look_later(before, context, draft));
        }
        News::Step(state) => state,
    };
    let order = before.state.charge().and_then(|charge| charged_order(facts, charge));
    if let ScoreState::Paid { charge, .. } = &state {
        must_collect(facts, device, charge.total)?;
    }

    // After this point it must succeed.
    let why = match &command.saw {
        ScoreSeen::Refused { error } => Some(error.as_str()),
        _ => None,
    };
    let after = changed(before, state, why, context, &mut draft);
    match &after.state {
        ScoreState::Running => {
            let is_awaited = session.due_at.is_some_and(|due_at| context.now < due_at);
            if session.status == DoorStatus::Opening && is_awaited {
                ask_for_door(session.id, context, &mut draft);
            }
        }
        ScoreState::Paid { charge, receipt } => {
            let charged = charge.order.and_then(|order| facts.cabinet.orders.get(&order));
            if let Some(charged) = charged {
                collect(charged, (charge.total, receipt.refunded), context, &mut draft);
            }
            if let Some(order) = order {
                let state = CabinetOrderState::Paid { paid_at: context.now };
                try_to_pay(order, state, "cabinet_order.pay", context, &mut draft);
                nothing_is_due(facts, order, context, &mut draft);
            }
        }
        ScoreState::Cancelling | ScoreState::Over { .. } => {
            if before.state == ScoreState::Starting && session.status == DoorStatus::Opening {
                keep_shut(session, device, context, &mut draft);
            }
            if let Some(order) = order {
                lose(order, context, &mut draft);
            }
            if after.state == ScoreState::Cancelling {
                owe(&after, 0, context, &mut draft);
            }
        }
        ScoreState::Starting | ScoreState::Completing(_) | ScoreState::Collecting(_) | ScoreState::Lowering { .. } => {}
    }
    draft.push(Change::ScoreOrder(after.clone()));
    Ok(draft.finish(Outcome::ScoreOrder { score: after }))
}

/// Each look in vain doubles the wait until the next one, and none makes it come sooner than it was to. What is over is looked at no more.
fn look_later(before: &ScoreOrder, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let mut score = before.clone();
    if !before.state.is_over() {
        let next = context.now.plus_millis(wait_ms(WAIT_MS, before.checks));
        score.next_check_at = before.next_check_at.max(next);
        score.checks += 1;
        draft.push(Change::ScoreOrder(score.clone()));
    }
    draft.finish(Outcome::ScoreOrder { score })
}

fn misfit<'a>(session: &'a DoorSession, score: &ScoreOrder, saw: &ScoreSeen) -> Finding<'a> {
    let mut evidence = json!({
        "session_no": session.session_no,
        "session_id": session.id,
        "device_id": session.device,
        "member_id": session.member,
        "state": score.state,
    });
    match saw {
        ScoreSeen::Paid { total, transaction_id, paid_at, source } => {
            evidence["paid_cents"] = json!(total);
            evidence["transaction_id"] = json!(transaction_id);
            evidence["paid_at"] = json!(paid_at);
            evidence["currency"] = json!("CNY");
            evidence["source"] = json!(source);
        }
        ScoreSeen::Collecting { total } => evidence["collecting_cents"] = json!(total),
        ScoreSeen::Odd { said } => evidence["wechat"] = json!(said),
        ScoreSeen::Ended(end) => evidence["wechat"] = json!(end),
        ScoreSeen::Unconfirmed | ScoreSeen::Running | ScoreSeen::Refused { .. } | ScoreSeen::Unknown => {}
    }
    Finding {
        kind: ExceptionKind::PayScoreMismatch,
        subject: &session.session_no,
        evidence: evidence.to_string(),
        proposed: match saw {
            ScoreSeen::Paid { .. } => ExceptionAction::RefundToOrigin,
            _ => ExceptionAction::Dismiss,
        },
    }
}

/// The door is not asked for.
fn keep_shut(session: &DoorSession, device: &Device, context: &Context<'_>, draft: &mut Draft<'_>) {
    let after = DoorSession {
        status: DoorStatus::Failed,
        failure: Some(DoorSession::NO_PAY_SCORE.to_owned()),
        due_at: None,
        updated_at: context.now,
        ..session.clone()
    };
    draft.audit("door.fail", ("door_session", after.id.get()), Written::change(&trace(session), &trace(&after)));
    occupy(device, &after, context, draft);
    draft.push(Change::DoorSession(after));
}

pub(super) fn must_collect(facts: &Facts, device: &Device, total: Cents) -> Result<(), Refusal> {
    for (account, amount) in [(WECHAT.account(Currency::Cny), -total), (takings(device.id), total)] {
        let account = facts.accounts.get(&account).ok_or(Refusal::NotFound { noun: Noun::Account })?;
        account.after(amount, None).map_err(|_| Refusal::AmountOutOfRange)?;
    }
    Ok(())
}

/// WeChat has the money for us, and owes back what is too much of it.
fn collect(order: &CabinetOrder, (total, excess): (Cents, Cents), context: &Context<'_>, draft: &mut Draft<'_>) {
    let wechat = WECHAT.account(Currency::Cny);
    draft.transfer(EntryKind::OrderCharge, Some(order.id), wechat, takings(order.device), total);
    if excess.is_positive() {
        refund(order, excess, "", context, draft);
    }
}

/// A linked order is paid.
fn nothing_is_due(facts: &Facts, order: &CabinetOrder, context: &Context<'_>, draft: &mut Draft<'_>) {
    let whole = facts.cabinet.orders.get(&order.whole()).filter(|whole| whole.id != order.id);
    if let Some((whole, standing)) = whole.and_then(|whole| Some((whole, whole.standing()?))) {
        let part = OrderPart::Whole(Standing { due: None, ..standing.clone() });
        let written = Written::change(&json!({ "due": standing.due }), &json!({ "due": null }));
        draft.audit("cabinet_order.pay", ("order", whole.id.get()), written);
        draft.push(Change::CabinetOrder(CabinetOrder { part, updated_at: context.now, ..whole.clone() }));
    }
}

/// WeChat will not collect it: it is to be paid in another way.
fn lose(order: &CabinetOrder, context: &Context<'_>, draft: &mut Draft<'_>) {
    let state = CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreEnded };
    try_to_pay(order, state, "cabinet_order.pay_fail", context, draft);
}

fn try_to_pay(
    order: &CabinetOrder,
    state: CabinetOrderState,
    action: &'static str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) {
    let mut after = CabinetOrder { state, updated_at: context.now, ..order.clone() };
    after.attempts.push(attempt(CabinetPay::Wechat, state, context));
    draft.audit(action, ("order", after.id.get()), Written::change(&order.state, &after.state));
    draft.push(Change::CabinetOrder(after));
}

pub(in crate::decide) fn end_needs(session: DoorSessionId, facts: &Facts, needs: &mut Needs) {
    needs.cabinet.scores.insert(session);
    if let Some(score) = facts.cabinet.scores.found(&session) {
        needs.cabinet.orders.extend(score.state.charge().and_then(|charge| charge.order));
    }
}

/// Ends what WeChat was paid for in a way that fits no order: the order is to be paid in another way.
pub(in crate::decide) fn end(facts: &Facts, session: DoorSessionId, context: &Context<'_>, draft: &mut Draft<'_>) {
    let score = facts.cabinet.scores.get(&session).filter(|score| !score.state.is_over());
    if let Some(score) = score {
        let after = changed(score, ScoreState::Over { end: ScoreEnd::Settled }, None, context, draft);
        if let Some(order) = score.state.charge().and_then(|charge| charged_order(facts, charge)) {
            lose(order, context, draft);
        }
        draft.push(Change::ScoreOrder(after));
    }
}

// Refunds.

pub(in crate::decide) fn refund_needs(order: OrderId, facts: &Facts, needs: &mut Needs) {
    needs.cabinet.orders.insert(order);
    if let Some(order) = facts.cabinet.orders.found(&order) {
        needs.accounts.extend([wallet(order.member), WECHAT.account(Currency::Cny)]);
    }
}

/// What WeChat said about a refund of what it had collected. One that it will not make waits for a person.
pub(in crate::decide) fn note_refund(
    facts: &Facts,
    (refund, order): (&Refund, &CabinetOrder),
    saw: &RefundSeen,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Decision {
    if refund.state.is_over() {
        return draft.finish(Outcome::ScoreRefund { refund: refund.clone() });
    }

    // After this point it must succeed.
    let refund = match saw {
        RefundSeen::Succeeded => end_refund((refund, order), RefundState::Succeeded, context, &mut draft),
        saw => {
            let about = json!({ "cabinet_order_no": order.order_no, "order_id": order.id, "member_id": order.member });
            topups::look_later(facts, refund, saw, about, context, &mut draft)
        }
    };
    draft.finish(Outcome::ScoreRefund { refund })
}

/// Gives what did not reach the payer to the member's wallet.
pub(in crate::decide) fn return_refund(
    facts: &Facts,
    (refund, order): (&Refund, &CabinetOrder),
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    must_move(facts, order.member, refund.amount)?;

    // After this point it must succeed.
    let wechat = WECHAT.account(Currency::Cny);
    draft.transfer(EntryKind::OrderRefund, Some(order.id), wechat, wallet(order.member), refund.amount);
    end_refund((refund, order), RefundState::Returned, context, draft);
    Ok(())
}

fn end_refund(
    (refund, order): (&Refund, &CabinetOrder),
    state: RefundState,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Refund {
    let refund = Refund { state, updated_at: context.now, ..refund.clone() };
    let action = if state == RefundState::Succeeded { "refund.succeed" } else { "refund.return" };
    let after = json!({ "refund_no": refund.refund_no, "amount_cents": refund.amount, "state": state });
    draft.audit(action, ("order", order.id.get()), Written::after(&after).because(&refund.reason));
    draft.push(Change::Refund(refund.clone()));
    refund
}
