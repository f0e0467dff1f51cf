//! The second factor's commands. What a code proves is read off the row that the decision changes: of two requests with one code
//! the second sees it used, and where they run on two servers the row's version lets one of them through.

use serde_json::json;

use super::{members, roles};
use crate::draft::{Draft, Written};
use crate::{
    ActiveFactor, Change, Context, Decision, EnterWithFactor, FactorCommand, FactorOffer, FactorProof, Facts, MemberId,
    Needs, OfferFactor, OpenTicket, Outcome, ProofKind, Refusal, RenewRecovery, ResealFactor, ResetFactor,
    SecondFactor, SignInTicket, TicketPurpose, TurnOffFactor, TurnOnFactor,
};

pub(super) fn needs(command: &FactorCommand, facts: &Facts, needs: &mut Needs) {
    needs.members.insert(command.member());
    needs.second_factors.insert(command.member());
    match command {
        FactorCommand::EnterWithFactor(command) => drop(needs.tickets.insert(command.ticket)),
        FactorCommand::TurnOnFactor(command) => {
            needs.sessions.extend(&command.close);
            needs.tickets.extend(command.entry.as_ref().map(|(ticket, _)| *ticket));
        }
        FactorCommand::ResetFactor(command) => roles::needs_of_member(command.member, facts, needs),
        _ => {}
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &FactorCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        FactorCommand::OpenTicket(command) => open_ticket(facts, command, context, draft),
        FactorCommand::EnterWithFactor(command) => enter(facts, command, context, draft),
        FactorCommand::OfferFactor(command) => offer(facts, command, context, draft),
        FactorCommand::TurnOnFactor(command) => turn_on(facts, command, context, draft),
        FactorCommand::TurnOffFactor(command) => turn_off(facts, command, context, draft),
        FactorCommand::RenewRecovery(command) => renew_recovery(facts, command, context, draft),
        FactorCommand::ResetFactor(command) => reset(facts, command, context, draft),
        FactorCommand::ResealFactor(command) => reseal(facts, command, context, draft),
    }
}

fn open_ticket(
    facts: &Facts,
    command: &OpenTicket,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    if !member.is_active() {
        return Err(Refusal::MemberDisabled);
    }

    // After this point it must succeed.
    draft.push(Change::SignInTicket(SignInTicket {
        token_hash: command.token_hash,
        member: command.member,
        purpose: command.purpose,
        created_at: context.now,
        expires_at: command.expires_at,
        ended_at: None,
    }));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

fn enter(
    facts: &Facts,
    command: &EnterWithFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    let ticket = used_up(facts, command.ticket, TicketPurpose::Code, command.member, context)?;
    let before = active(facts, command.member)?;
    if !member.is_active() {
        return Err(Refusal::MemberDisabled);
    }
    let after = proved(before, &command.proof)?;

    // After this point it must succeed.
    if let ProofKind::Recovery(_) = command.proof.kind {
        let written = Written::after(&json!({ "recovery_codes_left": after.recovery.len() }));
        draft.audit("member.use_recovery_code", ("member", member.id.get()), written);
    }
    draft.push(Change::SignInTicket(ticket));
    draft.push(Change::SecondFactor(with_active(command.member, Some(after), context)));
    Ok(members::open(member.clone(), false, &command.session, context, draft))
}

fn offer(
    facts: &Facts,
    command: &OfferFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    if member.account.is_none() {
        return Err(Refusal::NoAccount);
    }
    let active = match (active(facts, command.member), &command.proof) {
        (Ok(active), Some(proof)) => Some(proved(active, proof)?),
        (Ok(_), None) => return Err(Refusal::CodeWrong),
        (Err(_), _) => None,
    };

    // After this point it must succeed.
    let offer = FactorOffer { secret: command.secret.clone(), until: command.until };
    let factor = with_active(command.member, active, context);
    draft.push(Change::SecondFactor(SecondFactor { offer: Some(offer), ..factor }));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

fn turn_on(
    facts: &Facts,
    command: &TurnOnFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    let entry = match &command.entry {
        Some((ticket, session)) => {
            Some((used_up(facts, *ticket, TicketPurpose::SetUp, command.member, context)?, session))
        }
        None => None,
    };
    let factor = facts.second_factors.get(&command.member);
    let offer = factor.and_then(|factor| factor.offer.as_ref());
    if !offer.is_some_and(|offer| offer.secret == command.secret && context.now < offer.until) {
        return Err(Refusal::OfferOver);
    }
    if !member.is_active() {
        return Err(Refusal::MemberDisabled);
    }

    // After this point it must succeed.
    let active = ActiveFactor {
        secret: command.secret.clone(),
        last_step: command.step,
        recovery: command.recovery.clone(),
        since: context.now,
    };
    let ended = members::ended_sessions(facts, member.id, &command.close, context);
    let replaced = factor.is_some_and(|factor| factor.active.is_some());
    let written = json!({ "replaced": replaced, "sessions_ended": ended.len() });
    draft.audit("member.turn_on_second_factor", ("member", member.id.get()), Written::after(&written));
    draft.push(Change::SecondFactor(with_active(command.member, Some(active), context)));
    ended.into_iter().for_each(|session| draft.push(Change::Session(session)));
    match entry {
        Some((ticket, session)) => {
            draft.push(Change::SignInTicket(ticket));
            Ok(members::open(member.clone(), false, session, context, draft))
        }
        None => Ok(draft.finish(Outcome::Member { member: member.clone() })),
    }
}

fn turn_off(
    facts: &Facts,
    command: &TurnOffFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    proved(active(facts, command.member)?, &command.proof)?;

    // After this point it must succeed.
    draft.audit("member.turn_off_second_factor", ("member", member.id.get()), Written::default());
    draft.push(Change::SecondFactor(with_active(command.member, None, context)));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

fn renew_recovery(
    facts: &Facts,
    command: &RenewRecovery,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    let before = active(facts, command.member)?;
    let after = ActiveFactor { recovery: command.recovery.clone(), ..proved(before, &command.proof)? };

    // After this point it must succeed.
    let trace = |active: &ActiveFactor| json!({ "recovery_codes_left": active.recovery.len() });
    let written = Written::change(&trace(before), &trace(&after));
    draft.audit("member.renew_recovery_codes", ("member", member.id.get()), written);
    draft.push(Change::SecondFactor(with_active(command.member, Some(after), context)));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

fn reset(
    facts: &Facts,
    command: &ResetFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    if context.actor.member == Some(member.id) {
        return Err(Refusal::Yourself);
    }
    roles::must_not_be_above(facts, member, context)?;
    active(facts, command.member)?;

    // After this point it must succeed.
    let written = Written::default().because(command.reason.as_str());
    draft.audit("member.reset_second_factor", ("member", member.id.get()), written);
    draft.push(Change::SecondFactor(with_active(command.member, None, context)));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

/// Nothing of what it says changes. An offer is not worth it: it is over soon.
fn reseal(
    facts: &Facts,
    command: &ResealFactor,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = members::existing(facts, command.member)?;
    let before = active(facts, command.member)?;

    // After this point it must succeed.
    if before.secret == command.from {
        let after = ActiveFactor { secret: command.to.clone(), ..before.clone() };
        draft.push(Change::SecondFactor(with_active(command.member, Some(after), context)));
    }
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

fn active(facts: &Facts, member: MemberId) -> Result<&ActiveFactor, Refusal> {
    let factor = facts.second_factors.get(&member);
    factor.and_then(|factor| factor.active.as_ref()).ok_or(Refusal::FactorOff)
}

/// The factor with what proved it used up.
fn proved(active: &ActiveFactor, proof: &FactorProof) -> Result<ActiveFactor, Refusal> {
    let mut after = active.clone();
    match proof.kind {
        ProofKind::Step(_) if proof.secret != active.secret => return Err(Refusal::CodeWrong),
        ProofKind::Step(step) if step <= active.last_step => return Err(Refusal::CodeUsed),
        ProofKind::Step(step) => after.last_step = step,
        ProofKind::Recovery(hash) if after.recovery.remove(&hash) => {}
        ProofKind::Recovery(_) => return Err(Refusal::CodeWrong),
    }
    Ok(after)
}

fn used_up(
    facts: &Facts,
    ticket: [u8; 32],
    purpose: TicketPurpose,
    member: MemberId,
    context: &Context<'_>,
) -> Result<SignInTicket, Refusal> {
    let good =
        |ticket: &&SignInTicket| ticket.purpose == purpose && ticket.member == member && ticket.is_good_at(context.now);
    let ticket = facts.tickets.get(&ticket).filter(good).ok_or(Refusal::TicketOver)?;
    Ok(SignInTicket { ended_at: Some(context.now), ..ticket.clone() })
}

/// Whatever was offered before is over.
fn with_active(member: MemberId, active: Option<ActiveFactor>, context: &Context<'_>) -> SecondFactor {
    SecondFactor { member, offer: None, active, updated_at: context.now }
}
