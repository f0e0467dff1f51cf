use crate::draft::{Draft, Written};
use crate::{
    Account, Change, Context, CreateDepartment, Currency, Decision, Department, DepartmentId, EditDepartment, Facts,
    Noun, Outcome, Owner, Refusal,
};

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
    add(department.clone(), &mut draft);
    Ok(draft.finish(Outcome::Department { department }))
}

pub(super) fn add(department: Department, draft: &mut Draft<'_>) {
    draft.push(Change::Account(Account::open(Owner::Department(department.id), Currency::Cny)));
    let written = serde_json::json!({
        "code": department.code, "name": department.name, "pays": department.pays,
        "members_may_cancel": department.members_may_cancel,
    });
    draft.audit("department.create", ("department", department.id.get()), Written::after(&written));
    draft.push(Change::Department(department));
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
    change(before, department.clone(), command.reason.as_str(), &mut draft);
    Ok(draft.finish(Outcome::Department { department }))
}

/// What is so already is not written down again.
pub(super) fn change(before: &Department, after: Department, reason: &str, draft: &mut Draft<'_>) {
    if after != *before {
        let written = Written::change(&trace(before), &trace(&after)).because(reason);
        draft.audit("department.edit", ("department", after.id.get()), written);
        draft.push(Change::Department(after));
    }
}

fn trace(department: &Department) -> serde_json::Value {
    serde_json::json!({
        "name": department.name,
        "pays": department.pays,
        "overdraft_limit_cents": department.overdraft_limit,
        "members_may_cancel": department.members_may_cancel,
    })
}

pub(super) fn existing(facts: &Facts, department: DepartmentId) -> Result<&Department, Refusal> {
    facts.departments.get(&department).ok_or(Refusal::NotFound { noun: Noun::Department })
}
