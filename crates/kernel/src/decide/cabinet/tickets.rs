use serde_json::json;

use super::{tickets_of, wallet};
use crate::decide::orders::must_be_in_use;
use crate::draft::{Draft, Written};
use crate::{
    Account, AccountId, AdjustTickets, Cents, Currency, Decision, EntryKind, Facts, Needs, Noun, Outcome, Owner,
    Refusal, SystemAccount,
};

/// The most that one person gives or takes at a time: a larger figure is a slip of the hand.
const MOST: i64 = 100_000_000;

pub(super) fn adjust_needs(command: &AdjustTickets, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.accounts.extend([wallet(command.member), tickets_of(command.member), source()]);
}

pub(super) fn adjust(facts: &Facts, command: &AdjustTickets, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    if command.amount == 0 {
        return Err(Refusal::AmountZero);
    }
    if !(-MOST..=MOST).contains(&command.amount) {
        return Err(Refusal::AmountOutOfRange);
    }
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    if command.amount > 0 {
        must_be_in_use(facts, member)?;
    }
    let owner = Owner::Member(command.member);
    let account = facts.accounts.get(&tickets_of(command.member));
    let opened = account.cloned().unwrap_or_else(|| Account::open(owner, Currency::Ticket));
    let source_account = facts.accounts.get(&source()).ok_or(Refusal::NotFound { noun: Noun::Account })?;
    let amount = Cents::new(command.amount);
    let before = opened.balance.get();
    if amount.is_negative() && before + command.amount < 0 {
        return Err(Refusal::InsufficientTickets { tickets: before, needed: -command.amount });
    }
    for (account, amount) in [(&opened, amount), (source_account, -amount)] {
        account.after(amount, None).map_err(|_| Refusal::AmountOutOfRange)?;
    }

    // After this point it must succeed.
    if account.is_none() {
        draft.open(opened);
    }
    let kind = if amount.is_negative() { EntryKind::Adjustment } else { EntryKind::Grant };
    draft.transfer(kind, None, source(), tickets_of(command.member), amount);
    let tickets = before + command.amount;
    let trace = |tickets: i64| json!({ "tickets": tickets });
    let written = Written::change(&trace(before), &trace(tickets)).because(command.reason.as_str());
    draft.audit("tickets.adjust", ("member", command.member.get()), written);
    Ok(draft.finish(Outcome::Tickets { member: command.member, tickets }))
}

fn source() -> AccountId {
    Owner::System(SystemAccount::Grants).account(Currency::Ticket)
}
