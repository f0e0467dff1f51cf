use std::collections::BTreeMap;

use super::members;
use crate::draft::{Draft, Written};
use crate::{
    Account, Cents, Change, Context, Currency, Decision, EraseMember, Erasure, ErasureOutcome, Facts, Look, MemberId,
    Needs, NoteExport, NoteLook, OpenEnd, Outcome, Owner, Refusal,
};

const CURRENCIES: [Currency; 2] = [Currency::Cny, Currency::Ticket];

pub(super) fn needs(command: &EraseMember, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.erasures.insert(command.member);
    needs.holdings.insert(command.member);
    needs.accounts.extend(CURRENCIES.map(|currency| Owner::Member(command.member).account(currency)));
    members::administrator_needs(needs);
}

pub(super) fn erase(
    facts: &Facts,
    command: &EraseMember,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = members::existing(facts, command.member)?;
    let holdings = facts.holdings.get(&command.member).cloned().unwrap_or_default();
    if let Some(erasure) = facts.erasures.get(&command.member) {
        let outcome = ErasureOutcome { member: before.id, erased_at: erasure.erased_at, traces: holdings.traces };
        return Ok(draft.finish(Outcome::Erasure(outcome)));
    }
    if members::is_last_administrator(facts, before) {
        return Err(Refusal::LastAdministrator);
    }
    let mut open = holdings.open;
    open.extend(money(facts, before.id));
    if !open.is_empty() {
        return Err(Refusal::OpenEnds { open });
    }

    // After this point it must succeed.
    for account in accounts(facts, before.id) {
        draft.push(Change::Account(Account { is_closed: true, ..account.clone() }));
    }
    let erasure = Erasure { member: before.id, erased_at: context.now };
    draft.push(Change::Member(before.erased()));
    draft.push(Change::Erasure(erasure));
    let written = Written::after(&holdings.traces).because(command.reason.as_str());
    draft.audit("member.erase", ("member", before.id.get()), written);
    let outcome = ErasureOutcome { member: before.id, erased_at: context.now, traces: holdings.traces };
    Ok(draft.finish(Outcome::Erasure(outcome)))
}

pub(super) fn note_export(facts: &Facts, command: &NoteExport, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;

    // After this point it must succeed.
    draft.audit("member.export", ("member", member.id.get()), Written::default());
    Ok(draft.finish(Outcome::Noted))
}

pub(super) fn note_look(facts: &Facts, command: &NoteLook, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;

    // After this point it must succeed.
    let (action, written) = match command.at {
        Look::Openid => ("member.see_openid", Written::default()),
        Look::Address(order) => ("member.see_address", Written::after(&serde_json::json!({ "order": order }))),
    };
    draft.audit(action, ("member", member.id.get()), written);
    Ok(draft.finish(Outcome::Noted))
}

fn accounts(facts: &Facts, member: MemberId) -> impl Iterator<Item = &Account> {
    CURRENCIES.into_iter().filter_map(move |currency| facts.accounts.get(&Owner::Member(member).account(currency)))
}

fn money(facts: &Facts, member: MemberId) -> BTreeMap<OpenEnd, i64> {
    let left = accounts(facts, member).filter(|account| account.balance != Cents::ZERO);
    let end = |account: &Account| match account.currency {
        Currency::Ticket => OpenEnd::Tickets,
        Currency::Cny if account.balance.is_negative() => OpenEnd::Debt,
        Currency::Cny => OpenEnd::Balance,
    };
    left.map(|account| (end(account), account.balance.get())).collect()
}
