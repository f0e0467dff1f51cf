//! Pay score orders: what is owed to WeChat for an opening, and what follows from what WeChat says.

use serde_json::json;

use super::super::exceptions::{Finding, finding_needs, raise};
use super::super::topups::{LATEST_ARRIVAL_MS, WECHAT, wait_ms};
use super::doors::{ask_for_door, occupy, trace};
use super::orders::attempt;
use super::{door_needs, existing_device, existing_session, wallet};
use crate::draft::{Draft, Written};
use crate::{
    CabinetOrder, CabinetOrderState, CabinetPay, Cents, Change, Context, Currency, Decision, Device, DoorSession,
    DoorSessionId, DoorStatus, EntryKind, ExceptionAction, ExceptionKind, Facts, Needs, NoteScore, Noun, OrderId,
    OutboxMessage, Outcome, Owner, Receipt, Refusal, ScoreCharge, ScoreEnd, ScoreOrder, ScoreSeen, ScoreState,
    UnpaidReason,
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
        let takings = Owner::Device(command.device).account(Currency::Cny);
        needs.accounts.extend([WECHAT.account(Currency::Cny), takings]);
        needs.cabinet.score_transactions.insert(transaction_id.clone());
    }
    if let Some(score) = facts.cabinet.scores.found(&command.session) {
        needs.cabinet.orders.extend(score.state.charge().and_then(|charge| charge.order));
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
    use ScoreState::{Cancelling, Collecting, Completing, Over, Paid, Running, Starting};
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

        (Completing(charge) | Collecting(charge), ScoreSeen::Paid { total, transaction_id, paid_at, source })
            if *total == charge.total && waits(facts, charge) && is_new(facts, transaction_id) =>
        {
            let receipt = Receipt {
                transaction_id: transaction_id.clone(),
                paid_at: *paid_at,
                source: *source,
                refunded: Cents::ZERO,
            };
            News::Step(Paid { charge: *charge, receipt })
        }
        (Completing(charge), ScoreSeen::Collecting { total }) if *total == charge.total => {
            News::Step(Collecting(*charge))
        }
        (Collecting(charge), ScoreSeen::Collecting { total }) if *total == charge.total => News::Later,
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
        (Running | Collecting(_), ScoreSeen::Ended(ScoreEnd::Missing)) => News::Misfit,
        (_, ScoreSeen::Ended(end)) => News::Step(Over { end: *end }),
    }
}

fn waits(facts: &Facts, charge: &ScoreCharge) -> bool {
    charged_order(facts, charge).is_some()
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
    if let (ScoreState::Paid { .. }, Some(order)) = (&state, order) {
        must_collect(facts, device, order.total)?;
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
        ScoreState::Paid { .. } => {
            if let Some(order) = order {
                collect(order, context, &mut draft);
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
        ScoreState::Starting | ScoreState::Completing(_) | ScoreState::Collecting(_) => {}
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
        proposed: ExceptionAction::Dismiss,
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

fn must_collect(facts: &Facts, device: &Device, total: Cents) -> Result<(), Refusal> {
    let takings = Owner::Device(device.id).account(Currency::Cny);
    for (account, amount) in [(WECHAT.account(Currency::Cny), -total), (takings, total)] {
        let account = facts.accounts.get(&account).ok_or(Refusal::NotFound { noun: Noun::Account })?;
        account.after(amount, None).map_err(|_| Refusal::AmountOutOfRange)?;
    }
    Ok(())
}

/// WeChat has the money for us.
fn collect(order: &CabinetOrder, context: &Context<'_>, draft: &mut Draft<'_>) {
    let takings = Owner::Device(order.device).account(Currency::Cny);
    draft.transfer(EntryKind::OrderCharge, Some(order.id), WECHAT.account(Currency::Cny), takings, order.total);
    try_to_pay(order, CabinetOrderState::Paid { paid_at: context.now }, "cabinet_order.pay", context, draft);
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
