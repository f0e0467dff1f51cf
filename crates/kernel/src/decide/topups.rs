use serde_json::json;

use super::cabinet::scores;
use super::exceptions::{Finding, finding_needs, is_dismissed, raise};
use super::shop::orders;
use crate::draft::{Draft, Written};
use crate::{
    AccountId, AskPayment, Cents, Change, CheckTopup, Context, CreateTopup, Currency, Decision, EndPayment, EntryKind,
    ExceptionAction, ExceptionKind, Facts, Instant, Member, MemberId, MemberStatus, Needs, NoteRefund, Noun, OrderId,
    OutboxMessage, Outcome, Overdraft, Owner, Payment, PaymentEnd, PaymentId, PaymentState, Receipt, Refund, RefundId,
    RefundOf, RefundSeen, RefundState, RefundTopup, Refusal, SettlePayment, Settled, SystemAccount, Topup, TopupSeen,
    TopupState,
};

/// What WeChat holds for us; below zero by as much as has come in.
pub(super) const WECHAT: Owner = Owner::System(SystemAccount::Wechat);

/// Each check in vain doubles the wait until the next one, up to this.
const LONGEST_WAIT_MS: i64 = 6 * 3_600_000;
/// An order that WeChat does not know may still be on its way there; so long after its end it is not.
pub(super) const LATEST_ARRIVAL_MS: i64 = 600_000;
/// A refund is asked about after a minute at first, as WeChat advises.
const REFUND_WAIT_MS: i64 = 60_000;

pub(super) fn create(
    facts: &Facts,
    command: &CreateTopup,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let amount = command.amount.cents();
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    if member.status == MemberStatus::Disabled {
        return Err(Refusal::MemberDisabled);
    }

    // After this point it must succeed.
    let topup = Topup {
        id: OrderId::new(draft.next_id()),
        order_no: command.order_no.clone(),
        member: command.member,
        amount,
        pays_for: None,
        client: command.client,
        state: TopupState::Pending,
        expires_at: command.expires_at,
        next_check_at: command.first_check_at,
        checks: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(begin(topup, context, draft))
}

/// Writes a top-up down with its first attempt.
pub(super) fn begin(topup: Topup, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let mut after = json!({ "order_no": topup.order_no, "amount_cents": topup.amount });
    if let Some(order) = topup.pays_for {
        after["pays_for"] = json!(order);
    }
    draft.audit("topup.create", ("topup", topup.id.get()), Written::after(&after));
    draft.push(Change::Topup(topup.clone()));
    attempt(topup, context, draft)
}

/// The same order once more, under the same number.
pub(super) fn ask(
    facts: &Facts,
    command: &AskPayment,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let topup = existing(facts, command.topup)?;
    if context.actor.member.is_some_and(|member| member != topup.member) {
        return Err(Refusal::NotYours);
    }
    if topup.state != TopupState::Pending || context.now >= topup.expires_at {
        return Err(Refusal::TopupNotPayable { status: topup.status() });
    }

    // After this point it must succeed.
    Ok(attempt(topup.clone(), context, draft))
}

fn attempt(topup: Topup, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let id = PaymentId::new(draft.next_id());
    let payment = Payment { id, topup: topup.id, created_at: context.now, state: PaymentState::Asked };
    draft.push(Change::Payment(payment));
    draft.finish(Outcome::Topup { topup, payment: Some(id) })
}

pub(super) fn end_payment_needs(command: &EndPayment, needs: &mut Needs) {
    needs.payments.insert(command.payment);
    needs.topups.insert(command.topup);
}

pub(super) fn end_payment(
    facts: &Facts,
    command: &EndPayment,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let payment = facts.payments.get(&command.payment).ok_or(Refusal::NotFound { noun: Noun::Topup })?;
    let mut topup = existing(facts, command.topup)?.clone();

    // After this point it must succeed.
    let state = match &command.end {
        PaymentEnd::Accepted => PaymentState::Accepted,
        PaymentEnd::Refused { error, .. } => PaymentState::Refused { error: error.clone() },
    };
    draft.push(Change::Payment(Payment { state, ..payment.clone() }));
    // A later attempt may be refused because an earlier one was taken.
    let was_first = payment.created_at == topup.created_at;
    if let PaymentEnd::Refused { error, for_good: true } = &command.end
        && was_first
        && topup.state == TopupState::Pending
    {
        let state = TopupState::Failed { reason: error.clone() };
        topup = change(&topup, state, "topup.fail", None, context, &mut draft);
    }
    Ok(draft.finish(Outcome::Topup { topup, payment: None }))
}

/// What WeChat said about an order that it does not say is paid.
pub(super) fn check(
    facts: &Facts,
    command: &CheckTopup,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let topup = existing(facts, command.topup)?;
    if topup.state != TopupState::Pending {
        return Ok(draft.finish(Outcome::Topup { topup: topup.clone(), payment: None }));
    }

    // After this point it must succeed.
    let is_over = match command.saw {
        TopupSeen::Closed => true,
        TopupSeen::NotFound => context.now >= topup.expires_at.plus_millis(LATEST_ARRIVAL_MS),
        TopupSeen::Unpaid | TopupSeen::Unknown => false,
    };
    let topup = if is_over {
        change(topup, TopupState::Expired, "topup.expire", None, context, &mut draft)
    } else {
        let mut next = context.now.plus_millis(wait_ms(command.wait_ms, topup.checks));
        if context.now < topup.expires_at {
            next = next.min(topup.expires_at);
        }
        let topup = Topup { next_check_at: next, checks: topup.checks + 1, ..topup.clone() };
        draft.push(Change::Topup(topup.clone()));
        topup
    };
    Ok(draft.finish(Outcome::Topup { topup, payment: None }))
}

pub(super) fn wait_ms(first_ms: i64, checks: i64) -> i64 {
    let doubled = u32::try_from(checks).unwrap_or(u32::MAX).min(12);
    first_ms.saturating_mul(1 << doubled).clamp(1, LONGEST_WAIT_MS)
}

pub(super) fn settle_needs(command: &SettlePayment, facts: &Facts, needs: &mut Needs) {
    needs.transactions.insert(command.transaction_id.clone());
    if let Some(topup) = command.topup {
        needs.topups.insert(topup);
        wallet_needs(topup, facts, needs);
    }
    if let Some(paid) = &command.pays_for {
        orders::pay_needs(paid.order, paid.goods, facts, needs);
        orders::late_needs(paid, facts, needs);
    }
    let is_known = facts.topup_by_transaction.knows(&command.transaction_id)
        && command.topup.is_none_or(|topup| facts.topups.knows(&topup));
    if is_known && let News::Misfit { kind, .. } = news(facts, command) {
        finding_needs(kind, &command.order_no, needs);
    }
}

/// How the news of a payment fits the books.
enum News<'a> {
    Known(&'a Topup),
    Fits(&'a Topup),
    Misfit { topup: Option<&'a Topup>, kind: ExceptionKind, proposed: ExceptionAction },
}

fn news<'a>(facts: &'a Facts, command: &SettlePayment) -> News<'a> {
    let topup = command.topup.and_then(|topup| facts.topups.get(&topup));
    let is_taken = facts.topup_by_transaction.get(&command.transaction_id).is_some();
    let (kind, proposed) = match (topup, topup.and_then(Topup::receipt)) {
        (None, _) => (ExceptionKind::UnknownOrder, ExceptionAction::Dismiss),
        (Some(topup), Some(receipt)) if receipt.transaction_id == command.transaction_id => {
            return News::Known(topup);
        }
        (Some(_), Some(_)) => (ExceptionKind::PaidTwice, ExceptionAction::Dismiss),
        (Some(_), None) if is_taken => (ExceptionKind::TransactionReused, ExceptionAction::Dismiss),
        (Some(topup), None) if topup.amount == command.total && command.currency == "CNY" => {
            return News::Fits(topup);
        }
        (Some(_), None) => (ExceptionKind::AmountMismatch, ExceptionAction::Credit),
    };
    News::Misfit { topup, kind, proposed }
}

/// The accounts between which an order's money moves.
pub(super) fn wallet_needs(topup: OrderId, facts: &Facts, needs: &mut Needs) {
    if facts.topups.knows(&topup)
        && let Some(topup) = facts.topups.get(&topup)
    {
        payer_needs(topup.member, needs);
    }
}

pub(super) fn payer_needs(payer: MemberId, needs: &mut Needs) {
    needs.members.insert(payer);
    needs.accounts.insert(Owner::Member(payer).account(Currency::Cny));
    needs.accounts.insert(WECHAT.account(Currency::Cny));
}

/// Credits a payment once, whoever brings the news of it. What does not fit is parked, and nothing is credited.
pub(super) fn settle(
    facts: &Facts,
    command: &SettlePayment,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let evidence = |topup: Option<&Topup>| {
        json!({
            "order_no": command.order_no,
            "transaction_id": command.transaction_id,
            "paid_cents": command.total,
            "currency": command.currency,
            "paid_at": command.paid_at,
            "source": command.source,
            "topup_id": topup.map(|topup| topup.id),
            "pays_for": topup.and_then(|topup| topup.pays_for),
            "asked_cents": topup.map(|topup| topup.amount),
        })
    };
    let (topup, kind, proposed) = match news(facts, command) {
        News::Misfit { topup, kind, proposed } => (topup, kind, proposed),
        News::Known(topup) => {
            return Ok(draft.finish(Outcome::Settled { settled: Settled::Already, topup: Some(topup.clone()) }));
        }
        News::Fits(topup) => {
            let receipt = Receipt {
                transaction_id: command.transaction_id.clone(),
                paid_at: command.paid_at,
                source: command.source,
                refunded: Cents::ZERO,
            };
            let paid = command.pays_for.as_ref().filter(|paid| topup.pays_for == Some(paid.order));
            let topup = match paid {
                Some(paid) => {
                    must_move(facts, topup.member, topup.amount)?;
                    orders::must_take(facts, paid)?;
                    let topup = take_in(topup, receipt.clone(), &mut draft);
                    orders::take_payment(facts, (topup, &receipt), paid, context, &mut draft)
                }
                None => credit(facts, topup, receipt, context, &mut draft)?,
            };
            return Ok(draft.finish(Outcome::Settled { settled: Settled::Credited, topup: Some(topup) }));
        }
    };

    // After this point it must succeed.
    let finding = Finding { kind, subject: &command.order_no, evidence: evidence(topup).to_string(), proposed };
    let settled = if is_dismissed(facts, &finding) { Settled::Already } else { Settled::Parked };
    raise(facts, &finding, context, &mut draft);
    Ok(draft.finish(Outcome::Settled { settled, topup: topup.cloned() }))
}

/// Puts an order's amount into the wallet.
pub(super) fn credit(
    facts: &Facts,
    topup: &Topup,
    receipt: Receipt,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<Topup, Refusal> {
    must_move(facts, topup.member, topup.amount)?;

    // After this point it must succeed.
    let topup = take_in(topup, receipt, draft);
    Ok(keep(topup, context, draft))
}

/// The same, and sends it back at once, so that the books have both.
pub(super) fn credit_and_refund(
    facts: &Facts,
    topup: &Topup,
    receipt: &Receipt,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    must_move(facts, topup.member, topup.amount)?;

    // After this point it must succeed.
    let topup = take_in(topup, receipt.clone(), draft);
    begin_refund(&topup, receipt, wanted, context, draft);
    Ok(())
}

pub(super) fn take_in(topup: &Topup, receipt: Receipt, draft: &mut Draft<'_>) -> Topup {
    draft.transfer(EntryKind::TopUp, Some(topup.id), WECHAT.account(Currency::Cny), wallet(topup), topup.amount);
    let before = json!({ "status": topup.status() });
    let after = json!({
        "status": "paid", "amount_cents": topup.amount, "transaction_id": receipt.transaction_id, "source": receipt.source,
    });
    draft.audit("topup.settle", ("topup", topup.id.get()), Written::change(&before, &after));
    Topup { state: TopupState::Paid(receipt), ..topup.clone() }
}

pub(super) fn keep(topup: Topup, context: &Context<'_>, draft: &mut Draft<'_>) -> Topup {
    let topup = Topup { updated_at: context.now, ..topup };
    draft.push(Change::Topup(topup.clone()));
    topup
}

/// Whether both accounts can hold what they will; the member's floor is the caller's to ask for.
pub(super) fn must_move(facts: &Facts, member: MemberId, amount: Cents) -> Result<(), Refusal> {
    for (account, amount) in
        [(Owner::Member(member).account(Currency::Cny), amount), (WECHAT.account(Currency::Cny), -amount)]
    {
        let account = facts.accounts.get(&account).ok_or(Refusal::NotFound { noun: Noun::Member })?;
        account.after(amount, None).map_err(|_| Refusal::AmountOutOfRange)?;
    }
    Ok(())
}

fn wallet(topup: &Topup) -> AccountId {
    Owner::Member(topup.member).account(Currency::Cny)
}

fn existing(facts: &Facts, topup: OrderId) -> Result<&Topup, Refusal> {
    facts.topups.get(&topup).ok_or(Refusal::NotFound { noun: Noun::Topup })
}

fn change(
    before: &Topup,
    state: TopupState,
    action: &'static str,
    written: Option<Written<'_>>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Topup {
    let after = Topup { state, ..before.clone() };
    let trace = |topup: &Topup| json!({ "status": topup.status() });
    let written = written.unwrap_or_else(|| Written::change(&trace(before), &trace(&after)));
    draft.audit(action, ("topup", after.id.get()), written);
    keep(after, context, draft)
}

// Refunds.

/// Takes the amount out of the wallet and owes WeChat the request.
pub(super) fn refund(
    facts: &Facts,
    command: &RefundTopup,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let amount = command.amount.cents();
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    let topup = existing(facts, command.topup)?;
    let receipt = must_have_left(topup, amount)?;
    let account = facts.accounts.get(&wallet(topup)).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    let own = facts.members.get(&topup.member).and_then(|member: &Member| member.overdraft_limit);
    let floor = if account.is_closed { Some(Overdraft::NONE) } else { own.or(context.overdraft_limit) };
    if account.after(-amount, floor).is_err() {
        let floor = floor.map_or(Cents::ZERO, |limit| limit.floor());
        return Err(Refusal::InsufficientBalance { balance: account.balance, needed: amount, floor });
    }
    must_move(facts, topup.member, -amount)?;

    // After this point it must succeed.
    let wanted = Wanted { amount, refund_no: &command.refund_no, reason: command.reason.as_str() };
    let (refund, topup) = begin_refund(topup, receipt, &wanted, context, &mut draft);
    let balance = Some(draft.balance(wallet(&topup)));
    Ok(draft.finish(Outcome::Refund { refund, topup, balance }))
}

/// What has come in of a payment from which so much can still go back.
pub(super) fn must_have_left(topup: &Topup, amount: Cents) -> Result<&Receipt, Refusal> {
    let TopupState::Paid(receipt) = &topup.state else {
        return Err(Refusal::TopupNotRefundable { status: topup.status() });
    };
    let left = topup.left();
    if amount > left { Err(Refusal::RefundTooLarge { left }) } else { Ok(receipt) }
}

/// A refund to be.
pub(super) struct Wanted<'a> {
    pub(super) amount: Cents,
    pub(super) refund_no: &'a str,
    pub(super) reason: &'a str,
}

/// Charges the wallet, and owes WeChat the request.
pub(super) fn begin_refund(
    topup: &Topup,
    receipt: &Receipt,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> (Refund, Topup) {
    let refund = owe_refund(RefundOf::Topup(topup.id), wanted, context, draft);
    draft.transfer(EntryKind::TopUpRefund, Some(topup.id), wallet(topup), WECHAT.account(Currency::Cny), refund.amount);
    let after = json!({ "status": "refunding", "refund_no": refund.refund_no, "amount_cents": refund.amount });
    let written = Written::change(&json!({ "status": topup.status() }), &after).because(wanted.reason);
    let receipt = Receipt { refunded: Cents::new(receipt.refunded.get() + refund.amount.get()), ..receipt.clone() };
    let state = TopupState::Refunding { receipt, refund: refund.id };
    let topup = change(topup, state, "topup.refund", Some(written), context, draft);
    (refund, topup)
}

/// Owes WeChat the request for a refund.
pub(super) fn owe_refund(of: RefundOf, wanted: &Wanted<'_>, context: &Context<'_>, draft: &mut Draft<'_>) -> Refund {
    let refund = Refund {
        id: RefundId::new(draft.next_id()),
        refund_no: wanted.refund_no.to_owned(),
        of,
        amount: wanted.amount,
        reason: wanted.reason.to_owned(),
        state: RefundState::Asked,
        next_check_at: context.now.plus_millis(REFUND_WAIT_MS),
        checks: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    let id = draft.next_id();
    let body = json!({ "refund_id": refund.id }).to_string();
    draft.push(Change::Outbox(OutboxMessage { id, topic: "wechat-refund", body, due_at: context.now }));
    draft.push(Change::Refund(refund.clone()));
    refund
}

pub(super) fn note_refund_needs(command: &NoteRefund, facts: &Facts, needs: &mut Needs) {
    refund_needs(command.refund, facts, needs);
    if let Some(refund) = known_refund(command.refund, facts) {
        for kind in [ExceptionKind::RefundAbnormal, ExceptionKind::RefundMismatch] {
            finding_needs(kind, &refund.refund_no, needs);
        }
    }
}

pub(super) fn refund_needs(refund: RefundId, facts: &Facts, needs: &mut Needs) {
    needs.refunds.insert(refund);
    match known_refund(refund, facts).map(|refund| refund.of) {
        Some(RefundOf::Topup(topup)) => {
            needs.topups.insert(topup);
            wallet_needs(topup, facts, needs);
        }
        Some(RefundOf::Score { order, .. }) => scores::refund_needs(order, facts, needs),
        None => {}
    }
}

fn known_refund(refund: RefundId, facts: &Facts) -> Option<&Refund> {
    if facts.refunds.knows(&refund) { facts.refunds.get(&refund) } else { None }
}

/// What WeChat said about a refund. What is over stays as it is, whoever tells of it again.
pub(super) fn note_refund(
    facts: &Facts,
    command: &NoteRefund,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let refund = facts.refunds.get(&command.refund).ok_or(Refusal::NotFound { noun: Noun::Refund })?;
    let topup = match refund.of {
        RefundOf::Topup(topup) => existing(facts, topup)?,
        RefundOf::Score { order, .. } => {
            let order = facts.cabinet.orders.get(&order).ok_or(Refusal::NotFound { noun: Noun::Order })?;
            return Ok(scores::note_refund(facts, (refund, order), &command.saw, context, draft));
        }
    };
    if refund.state.is_over() {
        return Ok(draft.finish(Outcome::Refund { refund: refund.clone(), topup: topup.clone(), balance: None }));
    }

    // After this point it must succeed.
    let (refund, topup) = match &command.saw {
        RefundSeen::Succeeded => finish_refund(refund, topup, RefundState::Succeeded, context, &mut draft),
        RefundSeen::Failed { error } => return_refund(refund, topup, Some(error), context, &mut draft),
        saw => {
            let about = json!({ "order_no": topup.order_no, "topup_id": topup.id });
            (look_later(facts, refund, saw, about, context, &mut draft), topup.clone())
        }
    };
    Ok(draft.finish(Outcome::Refund { refund, topup, balance: None }))
}

/// A refund that is not over is asked about later; a person hears of what is wrong with it.
pub(super) fn look_later(
    facts: &Facts,
    refund: &Refund,
    saw: &RefundSeen,
    about: serde_json::Value,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Refund {
    let (abnormal, mismatch) = (ExceptionKind::RefundAbnormal, ExceptionKind::RefundMismatch);
    let (state, wrong) = match saw {
        RefundSeen::Abnormal => (RefundState::Abnormal, Some((abnormal, "ABNORMAL".to_owned()))),
        RefundSeen::Failed { error } => (RefundState::Abnormal, Some((abnormal, error.clone()))),
        RefundSeen::OtherAmount { amount } => (refund.state, Some((mismatch, amount.to_string()))),
        RefundSeen::Processing if refund.state == RefundState::Asked => (RefundState::Processing, None),
        RefundSeen::Processing | RefundSeen::Succeeded | RefundSeen::Unknown => (refund.state, None),
    };
    if let Some((kind, said)) = wrong {
        let mut evidence = about;
        evidence["refund_no"] = json!(refund.refund_no);
        evidence["refund_id"] = json!(refund.id);
        evidence["amount_cents"] = json!(refund.amount);
        evidence["wechat"] = json!(said);
        let subject = refund.refund_no.as_str();
        let proposed = if kind == abnormal { ExceptionAction::ReturnToBalance } else { ExceptionAction::Dismiss };
        raise(facts, &Finding { kind, subject, evidence: evidence.to_string(), proposed }, context, draft);
    }
    let next_check_at = context.now.plus_millis(wait_ms(REFUND_WAIT_MS, refund.checks));
    let checks = refund.checks + 1;
    let refund = Refund { state, next_check_at, checks, updated_at: context.now, ..refund.clone() };
    draft.push(Change::Refund(refund.clone()));
    refund
}

/// Ends an order for which WeChat was paid what is not for the wallet.
pub(super) fn give_up(topup: &Topup, why: &str, context: &Context<'_>, draft: &mut Draft<'_>) {
    change(topup, TopupState::Failed { reason: why.to_owned() }, "topup.fail", None, context, draft);
}

/// Takes out of the wallet what WeChat has never been paid.
pub(super) fn take_back(
    facts: &Facts,
    topup: &Topup,
    why: &str,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    must_move(facts, topup.member, -topup.amount)?;

    // After this point it must succeed.
    draft.transfer(EntryKind::TopUp, Some(topup.id), wallet(topup), WECHAT.account(Currency::Cny), topup.amount);
    let before = json!({ "status": topup.status(), "receipt": topup.receipt() });
    let after = json!({ "status": "failed", "amount_cents": topup.amount });
    let written = Some(Written::change(&before, &after).because(why));
    change(topup, TopupState::Failed { reason: why.to_owned() }, "topup.take_back", written, context, draft);
    Ok(())
}

/// Puts a refund into the books that WeChat has made without having been asked from here. The money is gone, so no limit of the
/// wallet stops it.
pub(super) fn record_refund(
    facts: &Facts,
    topup: &Topup,
    made: &Wanted<'_>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let receipt = must_have_left(topup, made.amount)?;
    must_move(facts, topup.member, -made.amount)?;

    // After this point it must succeed.
    let refund = Refund {
        id: RefundId::new(draft.next_id()),
        refund_no: made.refund_no.to_owned(),
        of: RefundOf::Topup(topup.id),
        amount: made.amount,
        reason: made.reason.to_owned(),
        state: RefundState::Succeeded,
        next_check_at: context.now,
        checks: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    draft.transfer(EntryKind::TopUpRefund, Some(topup.id), wallet(topup), WECHAT.account(Currency::Cny), refund.amount);
    let receipt = Receipt { refunded: Cents::new(receipt.refunded.get() + refund.amount.get()), ..receipt.clone() };
    let state =
        if receipt.refunded == topup.amount { TopupState::Refunded(receipt) } else { TopupState::Paid(receipt) };
    let after = json!({ "refund_no": refund.refund_no, "amount_cents": refund.amount });
    let written = Some(Written::after(&after).because(made.reason));
    draft.push(Change::Refund(refund));
    change(topup, state, "refund.record", written, context, draft);
    Ok(())
}

/// Has WeChat asked about a refund once more, now: what was wrong there may have been put right.
pub(super) fn ask_again(refund: &Refund, context: &Context<'_>, draft: &mut Draft<'_>) {
    let state = RefundState::Processing;
    let after = Refund { state, next_check_at: context.now, checks: 0, updated_at: context.now, ..refund.clone() };
    draft.push(Change::Refund(after));
}

/// Gives what did not reach the payer back to the wallet.
pub(super) fn return_refund(
    refund: &Refund,
    topup: &Topup,
    why: Option<&str>,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> (Refund, Topup) {
    draft.transfer(EntryKind::TopUpRefund, Some(topup.id), WECHAT.account(Currency::Cny), wallet(topup), refund.amount);
    let mut topup = topup.clone();
    if let TopupState::Refunding { receipt, .. } = &mut topup.state {
        receipt.refunded = Cents::new(receipt.refunded.get() - refund.amount.get());
    }
    let refund = Refund { reason: why.map_or(refund.reason.clone(), str::to_owned), ..refund.clone() };
    finish_refund(&refund, &topup, RefundState::Returned, context, draft)
}

fn finish_refund(
    refund: &Refund,
    topup: &Topup,
    state: RefundState,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> (Refund, Topup) {
    let refund = Refund { state, updated_at: context.now, ..refund.clone() };
    draft.push(Change::Refund(refund.clone()));
    let receipt = match &topup.state {
        TopupState::Refunding { receipt, .. } => receipt.clone(),
        _ => return (refund, topup.clone()),
    };
    let after =
        if receipt.refunded == topup.amount { TopupState::Refunded(receipt) } else { TopupState::Paid(receipt) };
    let action = if state == RefundState::Succeeded { "refund.succeed" } else { "refund.return" };
    let after_trace = json!({ "refund_no": refund.refund_no, "amount_cents": refund.amount, "state": state });
    let written = Written::after(&after_trace).because(&refund.reason);
    let topup = change(topup, after, action, Some(written), context, draft);
    (refund, topup)
}

/// When somebody was paid, in the words of an exception's evidence.
pub(super) fn paid_at(evidence: &serde_json::Value) -> Option<Instant> {
    evidence["paid_at"].as_str()?.parse().ok()
}
