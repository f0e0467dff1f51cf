//! What the house's roles allow. A role is read under its own lock by whoever changes it and by whoever gives it: so nobody is given what
//! is deleted at the same time, or more than they were seen to be given.

use serde_json::json;

use crate::draft::{Draft, Written};
use crate::{
    Change, Context, CreateRole, Decision, DeleteRole, EditRole, Facts, Grants, HouseRole, Member, MemberId, Needs,
    Noun, Outcome, Permissions, Refusal, Rights, RoleCode, RoleCommand, RoleGrant, RoleId, RoleScope, Scope,
};

pub(super) fn needs(command: &RoleCommand, needs: &mut Needs) {
    needs.roles.insert(command.code());
    if let RoleCommand::Delete(DeleteRole { code, .. }) = command
        && code.built_in().is_none()
    {
        needs.holders_anywhere_of.insert(*code);
    }
}

/// The member, and what the member's roles allow.
pub(super) fn needs_of_member(member: MemberId, facts: &Facts, needs: &mut Needs) {
    needs.members.insert(member);
    if facts.members.knows(&member) {
        needs.roles.extend(facts.members.get(&member).into_iter().flat_map(|member| member.grants.roles()));
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &RoleCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        RoleCommand::Create(command) => create(facts, command, context, draft),
        RoleCommand::Edit(command) => edit(facts, command, context, draft),
        RoleCommand::Delete(command) => delete(facts, command, context, draft),
    }
}

fn create(
    facts: &Facts,
    command: &CreateRole,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_suit(command.permissions, command.scope)?;
    let earlier = facts.roles.get(&command.code);
    if earlier.is_some_and(|earlier| earlier.deleted_at.is_none()) {
        return Err(Refusal::RoleTaken { code: command.code });
    }
    must_be_held(command.permissions, context)?;

    // After this point it must succeed.
    let role = HouseRole {
        id: earlier.map_or_else(|| RoleId::new(draft.next_id()), |earlier| earlier.id),
        code: command.code,
        name_zh: command.name_zh.clone(),
        name_en: command.name_en.clone(),
        scope: command.scope,
        permissions: command.permissions,
        revision: earlier.map_or(1, |earlier| earlier.revision + 1),
        deleted_at: None,
    };
    Ok(written("role.create", Written::after(&trace(&role)), role, draft))
}

fn edit(facts: &Facts, command: &EditRole, context: &Context<'_>, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = existing(facts, command.code)?;
    if before.is_fixed() {
        return Err(Refusal::RoleFixed);
    }
    must_suit(command.permissions, before.scope)?;
    must_be_as_seen(before, command.seen)?;
    must_be_held(command.permissions.without(before.permissions), context)?;

    // After this point it must succeed.
    let after = HouseRole {
        name_zh: command.name_zh.clone(),
        name_en: command.name_en.clone(),
        permissions: command.permissions,
        ..before.clone()
    };
    if after == *before {
        return Ok(draft.finish(Outcome::Role { role: after }));
    }
    let after = HouseRole { revision: before.revision + 1, ..after };
    let change = Written::change(&trace(before), &trace(&after));
    Ok(written("role.edit", change, after, draft))
}

fn delete(facts: &Facts, command: &DeleteRole, context: &Context<'_>, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = existing(facts, command.code)?;
    if before.code.built_in().is_some() {
        return Err(Refusal::RoleBuiltIn);
    }
    must_be_as_seen(before, command.seen)?;
    let holders = facts.holders_anywhere.get(&before.code).map_or(0, |holders| holders.len());
    if holders > 0 {
        return Err(Refusal::RoleHeld { holders });
    }

    // After this point it must succeed.
    let after = HouseRole { revision: before.revision + 1, deleted_at: Some(context.now), ..before.clone() };
    Ok(written("role.delete", Written::before(&trace(before)), after, draft))
}

fn written(action: &'static str, change: Written<'_>, role: HouseRole, mut draft: Draft<'_>) -> Decision {
    draft.audit(action, ("role", role.id.get()), change);
    draft.push(Change::Role(role.clone()));
    draft.finish(Outcome::Role { role })
}

fn trace(role: &HouseRole) -> serde_json::Value {
    json!({
        "code": role.code, "name_zh": role.name_zh, "name_en": role.name_en, "scope": role.scope,
        "permissions": role.permissions,
    })
}

fn found(facts: &Facts, code: RoleCode) -> Option<&HouseRole> {
    facts.roles.get(&code).filter(|role| role.deleted_at.is_none())
}

fn existing(facts: &Facts, code: RoleCode) -> Result<&HouseRole, Refusal> {
    found(facts, code).ok_or(Refusal::NotFound { noun: Noun::Role })
}

fn must_suit(permissions: Permissions, scope: RoleScope) -> Result<(), Refusal> {
    let beyond: Vec<_> = permissions.iter().filter(|permission| !permission.scopes().contains(&scope)).collect();
    if beyond.is_empty() { Ok(()) } else { Err(Refusal::PermissionScope { permissions: beyond.into(), scope }) }
}

fn must_be_as_seen(role: &HouseRole, seen: i64) -> Result<(), Refusal> {
    if role.revision == seen { Ok(()) } else { Err(Refusal::RoleChanged { version: role.revision }) }
}

/// Nobody puts into a role what they may not do in the whole house.
fn must_be_held(permissions: Permissions, context: &Context<'_>) -> Result<(), Refusal> {
    let beyond = permissions.without(context.actor.rights.within(Scope::Everywhere));
    if beyond.is_empty() { Ok(()) } else { Err(Refusal::BeyondYours { permissions: beyond }) }
}

pub(super) fn must_be_there(facts: &Facts, code: RoleCode) -> Result<(), Refusal> {
    existing(facts, code).map(drop)
}

/// The role is there, and can be held in this scope.
pub(super) fn must_fit(facts: &Facts, grant: RoleGrant) -> Result<(), Refusal> {
    let scope = existing(facts, grant.role)?.scope;
    if scope.fits(grant.scope) { Ok(()) } else { Err(Refusal::RoleScope { role: grant.role, scope }) }
}

/// What the role allows in its scope, the actor may do there as well. A role that is not there allows nothing.
pub(super) fn must_be_yours(facts: &Facts, grant: RoleGrant, context: &Context<'_>) -> Result<(), Refusal> {
    must_cover(&rights(facts, &Grants::new(vec![grant])), context)
}

/// Whoever gives somebody a way in could take it: nobody does so to who may do more than they.
pub(super) fn must_not_be_above(facts: &Facts, member: &Member, context: &Context<'_>) -> Result<(), Refusal> {
    if context.actor.member == Some(member.id) {
        return Ok(());
    }
    must_cover(&rights(facts, &member.grants), context)
}

fn must_cover(rights: &Rights, context: &Context<'_>) -> Result<(), Refusal> {
    let beyond = rights.beyond(&context.actor.rights);
    if beyond.is_empty() { Ok(()) } else { Err(Refusal::BeyondYours { permissions: beyond }) }
}

/// What grants come to.
pub(super) fn rights(facts: &Facts, grants: &Grants) -> Rights {
    Rights::new(grants, |code| found(facts, code).map(|role| role.permissions))
}
