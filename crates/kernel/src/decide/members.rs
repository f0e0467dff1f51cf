use crate::command::NewGrant;
use crate::draft::{Draft, Written};
use crate::{
    Account, AddMember, Change, ChangeRole, CloseSession, Context, Currency, Decision, DepartmentCode, DepartmentId,
    EditMember, Facts, Grants, Member, MemberId, MemberStatus, Needs, NewSession, Noun, OpenSession, Outcome, Owner,
    Refusal, Role, RoleGrant, Scope, Session, SessionOutcome, SetMemberStatus, SetOverdraft, SetPassword, SignIn,
    SignInTicket, SystemAccount, Title,
};

use super::{cabinet, departments, roles};

pub(super) fn sign_in_needs(command: &SignIn, facts: &Facts, needs: &mut Needs) {
    needs.openids.insert(command.openid.index);
    if facts.member_by_openid.knows(&command.openid.index) {
        needs.members.extend(facts.member_by_openid.get(&command.openid.index));
    }
}

pub(super) fn sign_in(
    facts: &Facts,
    command: &SignIn,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let known = facts.member_by_openid.get(&command.openid.index).and_then(|id| facts.members.get(id));
    if let Some(member) = known {
        return enter(member.clone(), &command.session, context, draft);
    }

    // After this point it must succeed.
    let member = Member {
        id: MemberId::new(draft.next_id()),
        uid: command.profile.uid.clone(),
        openid: Some(command.openid.clone()),
        account: None,
        nickname: command.profile.nickname.clone(),
        avatar_url: None,
        department: None,
        status: MemberStatus::Active,
        overdraft_limit: None,
        grants: Grants::new(vec![EVERYBODY]),
        created_at: context.now,
    };
    draft.push(Change::Account(Account::open(Owner::Member(member.id), Currency::Cny)));
    draft.push(Change::Member(member.clone()));
    draft.audit("member.sign_up", ("member", member.id.get()), Written::default());
    Ok(open(member, true, &command.session, context, draft))
}

pub(super) fn open_session(
    facts: &Facts,
    command: &OpenSession,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    enter(member.clone(), &command.session, context, draft)
}

fn enter(member: Member, session: &NewSession, context: &Context<'_>, draft: Draft<'_>) -> Result<Decision, Refusal> {
    if !member.is_active() {
        return Err(Refusal::MemberDisabled);
    }
    Ok(open(member, false, session, context, draft))
}

pub(super) fn open(
    member: Member,
    created: bool,
    session: &NewSession,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Decision {
    draft.push(Change::Session(Session {
        token_hash: session.token_hash,
        member: member.id,
        created_at: context.now,
        expires_at: session.expires_at,
        revoked_at: None,
    }));
    draft.finish(Outcome::Session(SessionOutcome { member, created, expires_at: session.expires_at }))
}

/// Closing what is closed already, or was never open, is no failure; what is somebody else's was never open.
pub(super) fn close_session(
    facts: &Facts,
    command: &CloseSession,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let open = |session: &&Session| session.member == command.member && session.revoked_at.is_none();
    if let Some(session) = facts.sessions.get(&command.token_hash).filter(open) {
        // Who signs out needs no record of it.
        if context.actor.member != Some(session.member) {
            let written = Written::after(&serde_json::json!({ "created_at": session.created_at }));
            draft.audit("member.close_session", ("member", session.member.get()), written);
        }
        draft.push(Change::Session(Session { revoked_at: Some(context.now), ..session.clone() }));
    }
    Ok(draft.finish(Outcome::SessionClosed))
}

pub(super) fn add_member_needs(command: &AddMember, facts: &Facts, needs: &mut Needs) {
    needs.account_names.extend(command.account.clone());
    needs.openids.extend(command.openid.as_ref().map(|openid| openid.index));
    needs.roles.extend(command.grants.iter().map(|grant| match grant {
        NewGrant::As(RoleGrant { role, .. }) | NewGrant::InOwnDepartment(role) => *role,
    }));
    if let Some(code) = &command.department {
        department_needs(code, facts, needs);
    }
}

pub(super) fn department_needs(code: &DepartmentCode, facts: &Facts, needs: &mut Needs) {
    needs.department_codes.insert(code.clone());
    if facts.department_by_code.knows(code) {
        needs.departments.extend(facts.department_by_code.get(code));
    }
}

pub(super) fn department(facts: &Facts, code: Option<&DepartmentCode>) -> Result<Option<DepartmentId>, Refusal> {
    match code.map(|code| facts.department_by_code.get(code)) {
        None => Ok(None),
        Some(Some(&id)) => Ok(Some(id)),
        Some(None) => Err(Refusal::NotFound { noun: Noun::Department }),
    }
}

pub(super) fn add_member(
    facts: &Facts,
    command: &AddMember,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let department = department(facts, command.department.as_ref())?;
    if let Some(account) = command.account.as_ref().filter(|account| facts.member_by_account.get(account).is_some()) {
        return Err(Refusal::AccountTaken { account: account.clone() });
    }
    if command.openid.as_ref().is_some_and(|openid| facts.member_by_openid.get(&openid.index).is_some()) {
        return Err(Refusal::OpenidTaken);
    }
    let grants = grants(facts, &command.grants, department, context)?;

    // After this point it must succeed.
    let member = Member {
        id: MemberId::new(draft.next_id()),
        uid: command.profile.uid.clone(),
        openid: command.openid.clone(),
        account: command.account.clone(),
        nickname: command.profile.nickname.clone(),
        avatar_url: None,
        department,
        status: MemberStatus::Active,
        overdraft_limit: command.overdraft_limit,
        grants,
        created_at: context.now,
    };
    add(member.clone(), &mut draft);
    if let Some(hash) = &command.password_hash {
        draft.push(Change::PasswordHash(member.id, hash.clone()));
    }
    Ok(draft.finish(Outcome::Member { member }))
}

pub(super) fn add(member: Member, draft: &mut Draft<'_>) {
    draft.push(Change::Account(Account::open(Owner::Member(member.id), Currency::Cny)));
    let written = serde_json::json!({
        "department": member.department,
        "grants": member.grants,
    });
    draft.audit("member.add", ("member", member.id.get()), Written::after(&written));
    draft.push(Change::Member(member));
}

fn grants(
    facts: &Facts,
    asked: &[NewGrant],
    department: Option<DepartmentId>,
    context: &Context<'_>,
) -> Result<Grants, Refusal> {
    let mut grants = vec![EVERYBODY];
    for grant in asked {
        let grant = match *grant {
            NewGrant::As(grant) => grant,
            NewGrant::InOwnDepartment(role) => {
                let own = department.ok_or(Refusal::NotFound { noun: Noun::Department })?;
                RoleGrant { role, scope: Scope::Department(own) }
            }
        };
        if grant != EVERYBODY {
            roles::must_be_there(facts, grant.role)?;
            roles::must_be_yours(facts, grant, context)?;
            grants.push(grant);
        }
    }
    Ok(Grants::new(grants))
}

pub(super) fn edit_needs(command: &EditMember, facts: &Facts, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.erasures.insert(command.member);
    needs.account_names.extend(command.account.clone());
    if let Some(Some(code)) = &command.department {
        department_needs(code, facts, needs);
    }
}

pub(super) fn edit(facts: &Facts, command: &EditMember, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = existing(facts, command.member)?;
    must_not_be_erased(facts, before.id)?;
    let department = match &command.department {
        Some(code) => department(facts, code.as_ref())?,
        None => before.department,
    };
    if let Some(account) = &command.account
        && facts.member_by_account.get(account).is_some_and(|holder| *holder != before.id)
    {
        return Err(Refusal::AccountTaken { account: account.clone() });
    }

    // After this point it must succeed.
    let nickname = command.nickname.as_ref().map_or(before.nickname.as_str(), Title::as_str);
    let account = command.account.clone().or_else(|| before.account.clone());
    let after = Member { nickname: nickname.to_owned(), account, department, ..before.clone() };
    edited(before, after.clone(), command.reason.as_str(), &mut draft);
    Ok(draft.finish(Outcome::Member { member: after }))
}

pub(super) fn edited(before: &Member, after: Member, reason: &str, draft: &mut Draft<'_>) {
    // What the names were and are is no business of a record that stays for good.
    let named = before.nickname != after.nickname;
    let account = before.account != after.account;
    let written = Written::change(
        &serde_json::json!({ "department": before.department }),
        &serde_json::json!({ "department": after.department, "nickname_changed": named, "account_changed": account }),
    );
    let written = written.because(reason);
    change(before, after, "member.edit", written, draft);
}

pub(super) fn change_role_needs(command: &ChangeRole, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.roles.insert(command.grant.role);
    match command.grant.scope {
        Scope::Everywhere => {}
        Scope::Department(department) => drop(needs.departments.insert(department)),
        Scope::Store(store) => drop(needs.cabinet.stores.insert(store)),
    }
    if !command.held && command.grant == ADMINISTRATOR {
        administrator_needs(needs);
    }
}

pub(super) fn change_role(
    facts: &Facts,
    command: &ChangeRole,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let RoleGrant { role, scope } = command.grant;
    if role == Role::Member.code() {
        return Err(Refusal::RoleOfAll);
    }
    if command.held {
        roles::must_fit(facts, command.grant)?;
    }
    let before = existing(facts, command.member)?;
    match scope {
        Scope::Everywhere => {}
        Scope::Department(department) => drop(departments::existing(facts, department)?),
        Scope::Store(store) => cabinet::store_must_be_there(facts, store)?,
    }
    roles::must_be_yours(facts, command.grant, context)?;
    if !command.held && command.grant == ADMINISTRATOR && is_last_administrator(facts, before) {
        return Err(Refusal::LastAdministrator);
    }

    // After this point it must succeed.
    let mut grants = before.grants.as_slice().to_vec();
    grants.retain(|held| *held != command.grant);
    let action = if command.held {
        grants.push(command.grant);
        "member.grant_role"
    } else {
        "member.take_role"
    };
    let after = Member { grants: Grants::new(grants), ..before.clone() };
    let written = Written::change(&before.grants, &after.grants);
    Ok(changed(before, after, action, written, draft))
}

pub(super) const EVERYBODY: RoleGrant = RoleGrant { role: Role::Member.code(), scope: Scope::Everywhere };
const ADMINISTRATOR: RoleGrant = RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere };

/// Who the administrators are is read under the lock of an account that is always there: two of them who end each other's
/// administration at once come one after the other.
pub(super) fn administrator_needs(needs: &mut Needs) {
    needs.holders_of.insert(Role::Admin.code());
    needs.accounts.insert(Owner::System(SystemAccount::Grants).account(Currency::Cny));
}

pub(super) fn is_last_administrator(facts: &Facts, member: &Member) -> bool {
    facts.holders.get(&Role::Admin.code()).is_some_and(|holders| holders.iter().eq([&member.id]))
}

pub(super) fn set_overdraft_needs(command: &SetOverdraft, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.erasures.insert(command.member);
}

pub(super) fn set_overdraft(facts: &Facts, command: &SetOverdraft, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = existing(facts, command.member)?;
    must_not_be_erased(facts, before.id)?;

    // After this point it must succeed.
    let after = Member { overdraft_limit: command.limit, ..before.clone() };
    let trace = |member: &Member| serde_json::json!({ "overdraft_limit_cents": member.overdraft_limit });
    let written = Written::change(&trace(before), &trace(&after)).because(command.reason.as_str());
    Ok(changed(before, after, "member.set_overdraft", written, draft))
}

pub(super) fn set_status_needs(command: &SetMemberStatus, needs: &mut Needs) {
    needs.members.insert(command.member);
    needs.erasures.insert(command.member);
    if command.status == MemberStatus::Disabled {
        administrator_needs(needs);
    }
}

pub(super) fn set_status(
    facts: &Facts,
    command: &SetMemberStatus,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing(facts, command.member)?;
    must_not_be_erased(facts, before.id)?;
    if command.status == MemberStatus::Disabled && context.actor.member == Some(before.id) {
        return Err(Refusal::Yourself);
    }
    if command.status == MemberStatus::Disabled && is_last_administrator(facts, before) {
        return Err(Refusal::LastAdministrator);
    }

    // After this point it must succeed.
    let after = Member { status: command.status, ..before.clone() };
    let action = match command.status {
        MemberStatus::Active => "member.enable",
        MemberStatus::Disabled => "member.disable",
    };
    let written = Written::change(&before.status, &after.status).because(command.reason.as_str());
    Ok(changed(before, after, action, written, draft))
}

pub(super) fn set_password(
    facts: &Facts,
    command: &SetPassword,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let member = existing(facts, command.member)?;
    if member.account.is_none() {
        return Err(Refusal::NoAccount);
    }
    roles::must_not_be_above(facts, member, context)?;

    // After this point it must succeed.
    let ended = ended_sessions(facts, member.id, &command.close, context);
    let tickets = command.close.iter().filter_map(|token| facts.tickets.get(token));
    for ticket in tickets.filter(|ticket| ticket.member == member.id && ticket.is_good_at(context.now)) {
        draft.push(Change::SignInTicket(SignInTicket { ended_at: Some(context.now), ..ticket.clone() }));
    }
    let written = serde_json::json!({ "sessions_ended": ended.len() });
    draft.audit("member.set_password", ("member", member.id.get()), Written::after(&written));
    draft.push(Change::PasswordHash(member.id, command.password_hash.clone()));
    ended.into_iter().for_each(|session| draft.push(Change::Session(session)));
    Ok(draft.finish(Outcome::Member { member: member.clone() }))
}

/// Those of the named sessions that are the member's and open, as they are afterwards.
pub(super) fn ended_sessions(
    facts: &Facts,
    member: MemberId,
    named: &[[u8; 32]],
    context: &Context<'_>,
) -> Vec<Session> {
    let sessions = named.iter().filter_map(|token| facts.sessions.get(token));
    let open = sessions.filter(|session| session.member == member && session.revoked_at.is_none());
    open.map(|session| Session { revoked_at: Some(context.now), ..session.clone() }).collect()
}

pub(super) fn existing(facts: &Facts, member: MemberId) -> Result<&Member, Refusal> {
    let member = facts.members.get(&member);
    member.ok_or(Refusal::NotFound { noun: Noun::Member })
}

pub(super) fn must_not_be_erased(facts: &Facts, member: MemberId) -> Result<(), Refusal> {
    if facts.erasures.get(&member).is_some() { Err(Refusal::MemberErased) } else { Ok(()) }
}

fn changed(
    before: &Member,
    after: Member,
    action: &'static str,
    written: Written<'_>,
    mut draft: Draft<'_>,
) -> Decision {
    change(before, after.clone(), action, written, &mut draft);
    draft.finish(Outcome::Member { member: after })
}

/// What is so already is not written down again.
fn change(before: &Member, after: Member, action: &'static str, written: Written<'_>, draft: &mut Draft<'_>) {
    if after != *before {
        draft.audit(action, ("member", after.id.get()), written);
        draft.push(Change::Member(after));
    }
}
