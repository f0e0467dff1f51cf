use crate::draft::{Draft, Written};
use crate::{
    Account, AppointAdmin, Change, Context, CreateDepartment, Currency, Decision, Department, DepartmentId,
    EditDepartment, Facts, Grants, Member, Needs, Noun, Outcome, Owner, Refusal, Role, RoleGrant, Scope,
};

use super::members;

pub(super) fn create(
    facts: &Facts,
    command: &CreateDepartment,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    if facts.department_by_code.get(&command.code).is_some() {
        return Err(Refusal::DepartmentTaken { code: command.code.clone() });
    }

    // After this point it must succeed.
    let department = Department {
        id: DepartmentId::new(draft.next_id()),
        code: command.code.clone(),
        name: command.name.clone(),
        pays: command.pays,
        overdraft_limit: None,
        members_may_cancel: true,
        created_at: context.now,
    };
    draft.push(Change::Account(Account::open(Owner::Department(department.id), Currency::Cny)));
    draft.push(Change::Department(department.clone()));
    draft.audit("department.create", ("department", department.id.get()), Written::after(command));
    Ok(draft.finish(Outcome::Department { department }))
}

pub(super) fn edit(facts: &Facts, command: &EditDepartment, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = existing(facts, command.department)?;

    // After this point it must succeed.
    let department = Department {
        name: command.name.clone().unwrap_or_else(|| before.name.clone()),
        pays: command.pays.unwrap_or(before.pays),
        overdraft_limit: command.overdraft_limit.unwrap_or(before.overdraft_limit),
        members_may_cancel: command.members_may_cancel.unwrap_or(before.members_may_cancel),
        ..before.clone()
    };
    if department != *before {
        let written = Written::change(&trace(before), &trace(&department)).because(command.reason.as_str());
        draft.audit("department.edit", ("department", department.id.get()), written);
        draft.push(Change::Department(department.clone()));
    }
    Ok(draft.finish(Outcome::Department { department }))
}

fn trace(department: &Department) -> serde_json::Value {
    serde_json::json!({
        "name": department.name,
        "pays": department.pays,
        "overdraft_limit_cents": department.overdraft_limit,
        "members_may_cancel": department.members_may_cancel,
    })
}

pub(super) fn appoint_needs(command: &AppointAdmin, needs: &mut Needs) {
    needs.departments.insert(command.department);
    needs.members.insert(command.member);
}

/// Who administers a department need not belong to it.
pub(super) fn appoint(facts: &Facts, command: &AppointAdmin, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let department = existing(facts, command.department)?;
    let before = members::existing(facts, command.member)?;

    // After this point it must succeed.
    let grant = RoleGrant { role: Role::DeptAdmin, scope: Scope::Department(department.id) };
    let mut grants = before.grants.as_slice().to_vec();
    grants.retain(|held| *held != grant);
    let action = if command.appointed {
        grants.push(grant);
        "department.appoint"
    } else {
        "department.dismiss"
    };
    let after = Member { grants: Grants::new(grants), ..before.clone() };
    let written = Written::change(&before.grants, &after.grants);
    Ok(members::changed(before, after, action, written, draft))
}

pub(super) fn existing(facts: &Facts, department: DepartmentId) -> Result<&Department, Refusal> {
    facts.departments.get(&department).ok_or(Refusal::NotFound { noun: Noun::Department })
}
