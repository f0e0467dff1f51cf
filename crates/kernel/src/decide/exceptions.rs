use serde_json::{Value, json};

use super::{cabinet, topups};
use crate::draft::{Draft, Written};
use crate::order::order_no;
use crate::{
    AssignException, Cents, Change, Context, Currency, Decision, DeviceId, DoorSessionId, Exception, ExceptionAction,
    ExceptionKind, ExceptionState, Facts, Instant, MemberId, Moved, Needs, Noun, OrderId, Outcome, Owner, PayClient,
    PaymentSource, RaiseException, Receipt, RefundId, RefundOf, RefundState, Refusal, ResolveException, Topup,
    TopupState,
};

/// How long a person has for an exception.
const DUE_MS: i64 = 24 * 3_600_000;

pub(super) struct Finding<'a> {
    pub(super) kind: ExceptionKind,
    pub(super) subject: &'a str,
    /// JSON.
    pub(super) evidence: String,
    pub(super) proposed: ExceptionAction,
}

/// Opens an exception, unless one of its kind is open for the same subject, or a person has said that there is nothing in it.
pub(super) fn raise(facts: &Facts, finding: &Finding<'_>, context: &Context<'_>, draft: &mut Draft<'_>) -> bool {
    let is_open = facts.open_exception.get(&(finding.kind, finding.subject.to_owned())).is_some();
    if is_open || is_dismissed(facts, finding) {
        return false;
    }
    let exception = Exception {
        id: draft.next_id(),
        kind: finding.kind,
        subject: finding.subject.to_owned(),
        evidence: finding.evidence.clone(),
        proposed: finding.proposed,
        state: ExceptionState::Open,
        owner: None,
        due_at: context.now.plus_millis(DUE_MS),
        created_at: context.now,
        updated_at: context.now,
    };
    let after = json!({ "kind": finding.kind, "subject": finding.subject });
    draft.audit("exception.raise", ("exception", exception.id), Written::after(&after));
    draft.push(Change::Exception(exception));
    true
}

/// WeChat tells of the same thing again and again, in callbacks, answers and bills. What it says anew about another payment is no
/// repetition.
pub(super) fn is_dismissed(facts: &Facts, finding: &Finding<'_>) -> bool {
    let comes_again = match finding.kind {
        ExceptionKind::AmountMismatch
        | ExceptionKind::UnknownOrder
        | ExceptionKind::PaidTwice
        | ExceptionKind::TransactionReused
        | ExceptionKind::UnknownRefund
        | ExceptionKind::RefundMismatch
        | ExceptionKind::NotInBill
        | ExceptionKind::PayScoreMismatch => true,
        ExceptionKind::RefundAbnormal
        | ExceptionKind::DeliveryFailed
        | ExceptionKind::UnknownGoods
        | ExceptionKind::PriceMismatch
        | ExceptionKind::AmountOverLimit
        | ExceptionKind::SettlementMissing
        | ExceptionKind::SettlementConflict
        | ExceptionKind::CallbackMismatch
        | ExceptionKind::CabinetAlarm
        | ExceptionKind::StockNegative => false,
    };
    if !comes_again {
        return false;
    }
    let payment = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default()["transaction_id"].take();
    let dismissed = facts.dismissed_exceptions.get(&(finding.kind, finding.subject.to_owned()));
    let mut dismissed = dismissed.into_iter().flatten().filter_map(|id| facts.exceptions.get(id));
    dismissed.any(|exception| payment(&exception.evidence) == payment(&finding.evidence))
}

pub(super) fn raise_needs(command: &RaiseException, needs: &mut Needs) {
    finding_needs(command.kind, &command.subject, needs);
}

pub(super) fn finding_needs(kind: ExceptionKind, subject: &str, needs: &mut Needs) {
    needs.open_exceptions.insert((kind, subject.to_owned()));
    needs.dismissed_exceptions.insert((kind, subject.to_owned()));
}

pub(super) fn raise_one(
    facts: &Facts,
    command: &RaiseException,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let RaiseException { kind, subject, evidence, proposed } = command;
    let finding = Finding { kind: *kind, subject, evidence: evidence.clone(), proposed: *proposed };
    let raised = raise(facts, &finding, context, &mut draft);
    Ok(draft.finish(Outcome::Raised { raised }))
}

pub(super) fn resolve_needs(command: &ResolveException, facts: &Facts, needs: &mut Needs) {
    needs.exceptions.insert(command.exception);
    if !facts.exceptions.knows(&command.exception) {
        return;
    }
    let exception = facts.exceptions.get(&command.exception);
    let evidence = exception.map_or(Value::Null, evidence);
    if let Some((session, device, member)) = exception.and_then(|exception| opening(exception, &evidence)) {
        cabinet::orders::held_needs(session, device, member, facts, needs);
    }
    if let Some(topup) = evidence["topup_id"].as_i64().map(OrderId::new) {
        needs.topups.insert(topup);
        topups::wallet_needs(topup, facts, needs);
    }
    match command.action {
        ExceptionAction::Credit | ExceptionAction::RefundToOrigin => {
            needs.transactions.extend(evidence["transaction_id"].as_str().map(str::to_owned));
            needs.cabinet.score_transactions.extend(evidence["transaction_id"].as_str().map(str::to_owned));
            if let Some((session, payer)) = exception.and_then(|exception| collected(exception, &evidence)) {
                cabinet::scores::end_needs(session, facts, needs);
                topups::payer_needs(payer, needs);
            }
            if let Some(openid) = &command.payer_openid {
                needs.openids.insert(*openid);
                if facts.member_by_openid.knows(openid)
                    && let Some(&payer) = facts.member_by_openid.get(openid)
                {
                    topups::payer_needs(payer, needs);
                }
            }
        }
        ExceptionAction::ReturnToBalance | ExceptionAction::Retry => {
            if let Some(refund) = evidence["refund_id"].as_i64().map(RefundId::new) {
                topups::refund_needs(refund, facts, needs);
            }
        }
        ExceptionAction::Record | ExceptionAction::TakeBack | ExceptionAction::Charge | ExceptionAction::Dismiss => {}
    }
}

/// An order that WeChat knows and the books do not, as it was before it was paid: they were restored from a backup, say.
fn lost_topup((id, order_no): (OrderId, String), member: MemberId, amount: Cents, now: Instant) -> Topup {
    Topup {
        id,
        order_no,
        member,
        amount,
        pays_for: None,
        client: PayClient::Jsapi,
        state: TopupState::Pending,
        expires_at: now,
        next_check_at: now,
        checks: 0,
        created_at: now,
        updated_at: now,
    }
}

/// The opening for which WeChat was paid what does not fit, and who paid.
fn collected(exception: &Exception, evidence: &Value) -> Option<(DoorSessionId, MemberId)> {
    let id = |name: &str| evidence[name].as_i64().filter(|_| exception.kind == ExceptionKind::PayScoreMismatch);
    Some((DoorSessionId::new(id("session_id")?), MemberId::new(id("member_id")?)))
}

fn topup_of<'a>(facts: &'a Facts, evidence: &Value) -> Option<&'a Topup> {
    evidence["topup_id"].as_i64().and_then(|id| facts.topups.get(&OrderId::new(id)))
}

/// The opening of a cabinet that waits for this exception to be settled.
fn opening(exception: &Exception, evidence: &Value) -> Option<(DoorSessionId, DeviceId, MemberId)> {
    let waits = matches!(
        exception.kind,
        ExceptionKind::UnknownGoods
            | ExceptionKind::PriceMismatch
            | ExceptionKind::AmountOverLimit
            | ExceptionKind::SettlementMissing
    );
    let id = |name: &str| evidence[name].as_i64().filter(|_| waits);
    let (session, device, member) = (id("session_id")?, id("device_id")?, id("member_id")?);
    Some((DoorSessionId::new(session), DeviceId::new(device), MemberId::new(member)))
}

fn evidence(exception: &Exception) -> Value {
    serde_json::from_str(&exception.evidence).unwrap_or_default()
}

pub(super) fn resolve(
    facts: &Facts,
    command: &ResolveException,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let exception = open(facts, command.exception)?;
    let evidence = evidence(exception);
    let cannot = Refusal::ExceptionAction { kind: exception.kind, action: command.action };
    let moved = match (exception.kind, command.action) {
        (ExceptionKind::AmountMismatch, ExceptionAction::Dismiss) => {
            // Nobody is to ask WeChat about it any more.
            if let Some(topup) = topup_of(facts, &evidence).filter(|topup| topup.state == TopupState::Pending) {
                topups::give_up(topup, command.note.as_str(), context, &mut draft);
            }
            None
        }
        (ExceptionKind::UnknownRefund, ExceptionAction::Record) => {
            let refund_no = evidence["refund_no"].as_str();
            let made = (topup_of(facts, &evidence), refund_no, evidence["amount_cents"].as_i64());
            let (Some(topup), Some(refund_no), Some(amount @ 1..)) = made else { return Err(cannot) };
            let wanted = topups::Wanted { amount: Cents::new(amount), refund_no, reason: command.note.as_str() };
            topups::record_refund(facts, topup, &wanted, context, &mut draft)?;
            Some(balance_moved(topup.member, -wanted.amount, &mut draft))
        }
        (ExceptionKind::NotInBill, ExceptionAction::TakeBack) => {
            let topup = topup_of(facts, &evidence).ok_or_else(|| cannot.clone())?;
            let receipt = topups::must_have_left(topup, topup.amount)?;
            if evidence["transaction_id"] != receipt.transaction_id.as_str() {
                return Err(cannot);
            }
            topups::take_back(facts, topup, command.note.as_str(), context, &mut draft)?;
            Some(balance_moved(topup.member, -topup.amount, &mut draft))
        }
        (
            ExceptionKind::UnknownGoods | ExceptionKind::PriceMismatch | ExceptionKind::AmountOverLimit,
            ExceptionAction::Charge,
        ) => {
            let (session, device, _) = opening(exception, &evidence).ok_or(cannot)?;
            cabinet::orders::charge_held(facts, (session, device), context, &mut draft)?
        }
        (_, ExceptionAction::Dismiss) => {
            if let Some((session, device, _)) = opening(exception, &evidence) {
                cabinet::orders::release(facts, (session, device), context, &mut draft);
            }
            None
        }
        (
            ExceptionKind::AmountMismatch | ExceptionKind::UnknownOrder | ExceptionKind::PayScoreMismatch,
            ExceptionAction::Credit | ExceptionAction::RefundToOrigin,
        ) => {
            let transaction_id = evidence["transaction_id"].as_str();
            let paid = (transaction_id, evidence["paid_cents"].as_i64(), topups::paid_at(&evidence));
            let (Some(transaction_id), Some(total @ 1..), Some(paid_at)) = paid else { return Err(cannot) };
            let transaction = transaction_id.to_owned();
            let taken = facts.topup_by_transaction.get(&transaction).is_some()
                || facts.cabinet.score_by_transaction.get(&transaction).is_some();
            // Only ours can be added up.
            if taken || evidence["currency"] != "CNY" {
                return Err(cannot);
            }
            let amount = Cents::new(total);
            let topup = match exception.kind {
                ExceptionKind::UnknownOrder => {
                    let payer = command.payer_openid.as_ref();
                    let payer = payer.and_then(|openid| facts.member_by_openid.get(openid));
                    let payer = *payer.ok_or(Refusal::NotFound { noun: Noun::Member })?;
                    topups::must_move(facts, payer, amount)?;
                    let id = OrderId::new(draft.next_id());
                    lost_topup((id, exception.subject.clone()), payer, amount, context.now)
                }
                ExceptionKind::PayScoreMismatch => {
                    let (session, payer) = collected(exception, &evidence).ok_or(cannot)?;
                    topups::must_move(facts, payer, amount)?;
                    cabinet::scores::end(facts, session, context, &mut draft);
                    let id = OrderId::new(draft.next_id());
                    lost_topup((id, order_no("SCOR", context.today, id)), payer, amount, context.now)
                }
                _ => {
                    let topup = topup_of(facts, &evidence).filter(|topup| topup.receipt().is_none());
                    Topup { amount, ..topup.ok_or(cannot)?.clone() }
                }
            };
            let receipt = Receipt {
                transaction_id: transaction_id.to_owned(),
                paid_at,
                source: PaymentSource::Person,
                refunded: Cents::ZERO,
            };
            if command.action == ExceptionAction::Credit {
                topups::credit(facts, &topup, receipt, context, &mut draft)?;
                Some(balance_moved(topup.member, amount, &mut draft))
            } else {
                let reason = command.note.as_str();
                let wanted = topups::Wanted { amount: topup.amount, refund_no: &command.refund_no, reason };
                topups::credit_and_refund(facts, &topup, &receipt, &wanted, context, &mut draft)?;
                let (member, balance) = (topup.member, balance_of(topup.member, &mut draft));
                Some(Moved::Wechat { member, amount, balance })
            }
        }
        (ExceptionKind::RefundAbnormal, ExceptionAction::ReturnToBalance) => {
            let refund = evidence["refund_id"].as_i64().and_then(|id| facts.refunds.get(&RefundId::new(id)));
            let Some(refund) = refund.filter(|refund| refund.state == RefundState::Abnormal) else {
                return Err(cannot);
            };
            let member = match refund.of {
                RefundOf::Topup(topup) => {
                    let topup = facts.topups.get(&topup);
                    let topup = topup.filter(|topup| matches!(topup.state, TopupState::Refunding { .. }));
                    let topup = topup.ok_or(cannot)?;
                    topups::return_refund(refund, topup, None, context, &mut draft);
                    topup.member
                }
                RefundOf::Score { order, .. } => {
                    let order = facts.cabinet.orders.get(&order).ok_or(cannot)?;
                    cabinet::scores::return_refund(facts, (refund, order), context, &mut draft)?;
                    order.member
                }
            };
            Some(balance_moved(member, refund.amount, &mut draft))
        }
        (ExceptionKind::RefundAbnormal, ExceptionAction::Retry) => {
            let refund = evidence["refund_id"].as_i64().and_then(|id| facts.refunds.get(&RefundId::new(id)));
            let Some(refund) = refund.filter(|refund| refund.state == RefundState::Abnormal) else {
                return Err(cannot);
            };
            topups::ask_again(refund, context, &mut draft);
            None
        }
        // The message itself is its courier's.
        (ExceptionKind::DeliveryFailed, ExceptionAction::Retry) => None,
        _ => return Err(cannot),
    };

    // After this point it must succeed.
    let state = ExceptionState::Resolved {
        by: context.actor.member,
        at: context.now,
        action: command.action,
        note: command.note.as_str().to_owned(),
    };
    let after = Exception { state, updated_at: context.now, ..exception.clone() };
    let written = Written::after(&json!({ "action": command.action })).because(command.note.as_str());
    draft.audit("exception.resolve", ("exception", after.id), written);
    draft.push(Change::Exception(after.clone()));
    Ok(draft.finish(Outcome::Exception { exception: after, moved }))
}

fn balance_moved(member: MemberId, amount: Cents, draft: &mut Draft<'_>) -> Moved {
    Moved::Balance { member, amount, balance: balance_of(member, draft) }
}

fn balance_of(member: MemberId, draft: &mut Draft<'_>) -> Cents {
    draft.balance(Owner::Member(member).account(Currency::Cny))
}

pub(super) fn assign(
    facts: &Facts,
    command: &AssignException,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = open(facts, command.exception)?;
    if let Some(owner) = command.owner
        && facts.members.get(&owner).is_none()
    {
        return Err(Refusal::NotFound { noun: Noun::Member });
    }

    // After this point it must succeed.
    let due_at = command.due_at.unwrap_or(before.due_at);
    let after = Exception { owner: command.owner, due_at, updated_at: context.now, ..before.clone() };
    let trace = |exception: &Exception| json!({ "owner": exception.owner, "due_at": exception.due_at });
    let written = Written::change(&trace(before), &trace(&after));
    draft.audit("exception.assign", ("exception", after.id), written);
    draft.push(Change::Exception(after.clone()));
    Ok(draft.finish(Outcome::Exception { exception: after, moved: None }))
}

fn open(facts: &Facts, exception: i64) -> Result<&Exception, Refusal> {
    let exception = facts.exceptions.get(&exception).ok_or(Refusal::NotFound { noun: Noun::Exception })?;
    if exception.state == ExceptionState::Open { Ok(exception) } else { Err(Refusal::ExceptionResolved) }
}
