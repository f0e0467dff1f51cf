//! Members, departments and products out of a file: all of its rows or none, and only what was agreed to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::draft::Draft;
use crate::{
    AccountName, Context, Decision, Department, DepartmentCode, DepartmentId, DepartmentLine, Facts, FieldChange,
    Grants, ImportDepartments, ImportMembers, ImportOutcome, ImportProducts, ImportedRow, Member, MemberId, MemberLine,
    MemberStatus, Needs, Outcome, Price, Product, ProductId, ProductLine, Refusal, Role, RoleGrant, RowAction, Scope,
    Title,
};

use super::{departments, members, shop};

pub(super) fn members_needs(command: &ImportMembers, facts: &Facts, needs: &mut Needs) {
    for line in &command.lines {
        needs.account_names.extend(line.account.clone());
        if let Some(code) = &line.department {
            members::department_needs(code, facts, needs);
        }
        needs.members.extend(line.member);
        needs.erasures.extend(line.member);
        let holder = line.account.as_ref().filter(|account| facts.member_by_account.knows(account));
        needs.members.extend(holder.and_then(|account| facts.member_by_account.get(account)));
        let known = line.member.or_else(|| holder.and_then(|account| facts.member_by_account.get(account)).copied());
        if let Some(member) = known.filter(|member| facts.members.knows(member)) {
            // Whose code the answer names.
            needs.departments.extend(facts.members.get(&member).and_then(|member| member.department));
        }
    }
}

pub(super) fn members(
    facts: &Facts,
    command: &ImportMembers,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let mut seen = Seen::default();
    let planned: Vec<_> =
        command.lines.iter().map(|line| (line.number, plan_member(facts, line, context, &mut seen))).collect();
    let (outcome, planned) = agree(planned, command.agreed.as_deref())?;

    // After this point it must succeed.
    for plan in planned {
        match plan.before {
            Some(before) => members::edited(before, plan.after, "", &mut draft),
            None => {
                let after = Member { id: MemberId::new(draft.next_id()), ..plan.after };
                members::add(after, &mut draft);
            }
        }
    }
    Ok(draft.finish(Outcome::Import(outcome)))
}

/// Which row of the file has said something of whom or what already.
#[derive(Default)]
struct Seen<'a> {
    members: BTreeMap<MemberId, i64>,
    accounts: BTreeMap<&'a AccountName, i64>,
    codes: BTreeMap<&'a DepartmentCode, i64>,
    products: BTreeMap<ProductId, i64>,
    new_products: BTreeMap<&'a Title, i64>,
}

fn once<K: Ord>(seen: &mut BTreeMap<K, i64>, key: K, number: i64) -> Result<(), Refusal> {
    match seen.insert(key, number) {
        Some(row) => Err(Refusal::RowTwice { row }),
        None => Ok(()),
    }
}

/// What a row comes to: the noun as it is and as it will be.
struct Plan<'a, T> {
    before: Option<&'a T>,
    after: T,
    changes: Vec<FieldChange>,
}

fn plan_member<'a>(
    facts: &'a Facts,
    line: &'a MemberLine,
    context: &Context<'_>,
    seen: &mut Seen<'a>,
) -> Result<Plan<'a, Member>, Refusal> {
    let holder = line.account.as_ref().and_then(|account| facts.member_by_account.get(account)).copied();
    let before = match line.member.or(holder) {
        Some(member) => Some(members::existing(facts, member)?),
        None => None,
    };
    // Who is known by an account was not erased: that is gone then.
    if let Some(member) = line.member {
        members::must_not_be_erased(facts, member)?;
    }
    let department = members::department(facts, line.department.as_ref())?;
    if let Some(account) = &line.account {
        if holder.is_some_and(|holder| before.is_none_or(|before| before.id != holder)) {
            return Err(Refusal::AccountTaken { account: account.clone() });
        }
        once(&mut seen.accounts, account, line.number)?;
    }
    if let Some(before) = before {
        once(&mut seen.members, before.id, line.number)?;
    }
    let nickname = match (&line.nickname, before) {
        (Some(nickname), _) => nickname.as_str().to_owned(),
        (None, Some(before)) => before.nickname.clone(),
        (None, None) => return Err(Refusal::ValueMissing { field: "nickname".to_owned() }),
    };
    let account = line.account.clone().or_else(|| before.and_then(|before| before.account.clone()));
    let department = department.or_else(|| before.and_then(|before| before.department));
    let after = match before {
        Some(before) => Member { nickname, account, department, ..before.clone() },
        None => Member {
            // Drawn when it is agreed to.
            id: MemberId::new(0),
            uid: line.uid.clone(),
            openid: None,
            account,
            nickname,
            avatar_url: None,
            department,
            status: MemberStatus::Active,
            overdraft_limit: None,
            grants: Grants::new(vec![RoleGrant { role: Role::Member.code(), scope: Scope::Everywhere }]),
            created_at: context.now,
        },
    };
    let code = |member: &Member| {
        member.department.and_then(|id| match line.department.as_ref() {
            Some(code) if facts.department_by_code.get(code) == Some(&id) => Some(code.as_str().to_owned()),
            _ => facts.departments.get(&id).map(|department| department.code.as_str().to_owned()),
        })
    };
    let fields = |member: &Member| {
        [
            ("nickname", Some(member.nickname.clone())),
            ("account", member.account.clone().map(String::from)),
            ("department", code(member)),
        ]
    };
    let changes = changes(before.map(fields), fields(&after));
    Ok(Plan { before, after, changes })
}

pub(super) fn departments_needs(command: &ImportDepartments, facts: &Facts, needs: &mut Needs) {
    for line in &command.lines {
        members::department_needs(&line.code, facts, needs);
    }
}

pub(super) fn departments(
    facts: &Facts,
    command: &ImportDepartments,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let mut seen = Seen::default();
    let planned: Vec<_> =
        command.lines.iter().map(|line| (line.number, plan_department(facts, line, context, &mut seen))).collect();
    let (outcome, planned) = agree(planned, command.agreed.as_deref())?;

    // After this point it must succeed.
    for plan in planned {
        match plan.before {
            Some(before) => departments::change(before, plan.after, "", &mut draft),
            None => {
                let after = Department { id: DepartmentId::new(draft.next_id()), ..plan.after };
                departments::add(after, &mut draft);
            }
        }
    }
    Ok(draft.finish(Outcome::Import(outcome)))
}

fn plan_department<'a>(
    facts: &'a Facts,
    line: &'a DepartmentLine,
    context: &Context<'_>,
    seen: &mut Seen<'a>,
) -> Result<Plan<'a, Department>, Refusal> {
    once(&mut seen.codes, &line.code, line.number)?;
    let before = facts.department_by_code.get(&line.code).and_then(|id| facts.departments.get(id));
    let missing = |field: &str| Refusal::ValueMissing { field: field.to_owned() };
    let after = match before {
        Some(before) => Department {
            name: line.name.clone().unwrap_or_else(|| before.name.clone()),
            pays: line.pays.unwrap_or(before.pays),
            members_may_cancel: line.members_may_cancel.unwrap_or(before.members_may_cancel),
            ..before.clone()
        },
        None => Department {
            id: DepartmentId::new(0),
            code: line.code.clone(),
            name: line.name.clone().ok_or_else(|| missing("name"))?,
            pays: line.pays.ok_or_else(|| missing("pays"))?,
            overdraft_limit: None,
            members_may_cancel: line.members_may_cancel.unwrap_or(true),
            created_at: context.now,
        },
    };
    let fields = |department: &Department| {
        [
            ("code", Some(department.code.as_str().to_owned())),
            ("name", Some(department.name.as_str().to_owned())),
            ("pays", Some(department.pays.as_str().to_owned())),
            ("members_may_cancel", Some(department.members_may_cancel.to_string())),
        ]
    };
    let changes = changes(before.map(fields), fields(&after));
    Ok(Plan { before, after, changes })
}

pub(super) fn products_needs(command: &ImportProducts, facts: &Facts, needs: &mut Needs) {
    let names = || command.lines.iter().filter_map(name_for_id);
    needs.shop.product_names.extend(names().cloned());
    // Until all are known none is read: whoever locks pools locks them together, in one order.
    if names().all(|name| facts.shop.products_by_name.knows(name)) {
        for product in command.lines.iter().flat_map(|line| meant(facts, line)) {
            needs.shop.products.insert(product);
            needs.pools.insert(product.into());
        }
    }
}

/// The name by which a line says which product it means.
fn name_for_id(line: &ProductLine) -> Option<&Title> {
    line.name_zh.as_ref().filter(|_| line.product.is_none())
}

fn meant<'a>(facts: &'a Facts, line: &ProductLine) -> impl Iterator<Item = ProductId> + use<'a> {
    let named = name_for_id(line).and_then(|name| facts.shop.products_by_name.get(name));
    line.product.into_iter().chain(named.into_iter().flatten().copied())
}

pub(super) fn products(
    facts: &Facts,
    command: &ImportProducts,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let mut seen = Seen::default();
    let planned: Vec<_> =
        command.lines.iter().map(|line| (line.number, plan_product(facts, line, context, &mut seen))).collect();
    let (outcome, planned) = agree(planned, command.agreed.as_deref())?;

    // After this point it must succeed.
    for (plan, line) in planned.into_iter().zip(&command.lines) {
        match plan.before {
            Some(_) if plan.changes.is_empty() => {}
            Some(before) => {
                let pool = facts.pools.get(&before.pool()).copied().unwrap_or_else(|| unreachable!("it was planned"));
                shop::products::change(before, plan.after, &pool, &mut draft);
            }
            None => {
                let product = Product { id: ProductId::new(draft.next_id()), ..plan.after };
                shop::products::add(product, line.stock.unwrap_or(0), context, &mut draft);
            }
        }
    }
    Ok(draft.finish(Outcome::Import(outcome)))
}

fn plan_product<'a>(
    facts: &'a Facts,
    line: &'a ProductLine,
    context: &Context<'_>,
    seen: &mut Seen<'a>,
) -> Result<Plan<'a, Product>, Refusal> {
    shop::products::must_be_sound(line.price)?;
    let stock = line.stock.unwrap_or(0);
    shop::products::must_be_countable(stock)?;
    let missing = |field: &str| Refusal::ValueMissing { field: field.to_owned() };
    let mut same = meant(facts, line);
    let before = same.next().map(|product| shop::existing_product(facts, product)).transpose()?;
    let before = before.map(|(product, _)| product);
    // Of several with that name, which?
    if same.next().is_some() {
        return Err(missing("product_id"));
    }
    let after = match before {
        Some(before) => {
            once(&mut seen.products, before.id, line.number)?;
            Product {
                name_zh: line.name_zh.clone().unwrap_or_else(|| before.name_zh.clone()),
                name_en: line.name_en.clone().or_else(|| before.name_en.clone()),
                description: line.description.clone().unwrap_or_else(|| before.description.clone()),
                price: line.price.map_or(before.price, Price::cents),
                member_limit: line.member_limit.or(before.member_limit),
                on_sale: line.on_sale.unwrap_or(before.on_sale),
                updated_at: context.now,
                ..before.clone()
            }
        }
        None => {
            let name = line.name_zh.as_ref().ok_or_else(|| missing("name_zh"))?;
            once(&mut seen.new_products, name, line.number)?;
            Product {
                // Drawn when it is agreed to.
                id: ProductId::new(0),
                name_zh: name.clone(),
                name_en: line.name_en.clone(),
                description: line.description.clone().unwrap_or_default(),
                price: line.price.ok_or_else(|| missing("price"))?.cents(),
                member_limit: line.member_limit,
                on_sale: line.on_sale.unwrap_or(false),
                pictures: Vec::new(),
                movements: 0,
                rounds: 0,
                created_at: context.now,
                updated_at: context.now,
            }
        }
    };
    let fields = |product: &Product| {
        [
            ("name_zh", Some(product.name_zh.as_str().to_owned())),
            ("name_en", product.name_en.as_ref().map(|name| name.as_str().to_owned())),
            ("description", Some(product.description.as_str().to_owned()).filter(|text| !text.is_empty())),
            ("price", Some(product.price.to_string())),
            ("limit_per_member", product.member_limit.map(|limit| limit.get().to_string())),
            ("on_sale", Some(product.on_sale.to_string())),
            ("stock", before.is_none().then(|| stock.to_string())),
        ]
    };
    let changes = changes(before.map(fields), fields(&after));
    Ok(Plan { before, after, changes })
}

type Field = (&'static str, Option<String>);

fn changes<const N: usize>(before: Option<[Field; N]>, after: [Field; N]) -> Vec<FieldChange> {
    let before = before.unwrap_or_else(|| after.clone().map(|(field, _)| (field, None)));
    let pairs = before.into_iter().zip(after).filter(|(before, after)| before != after);
    pairs.map(|((field, from), (_, to))| FieldChange { field: field.to_owned(), from, to }).collect()
}

/// What the rows come to, and what of it is to be done: nothing where a row is refused.
///
/// # Errors
/// Where it is not what was agreed to, or cannot be.
fn agree<'a, T>(
    planned: Vec<(i64, Result<Plan<'a, T>, Refusal>)>,
    agreed: Option<&str>,
) -> Result<(ImportOutcome, Vec<Plan<'a, T>>), Refusal> {
    let rows: Vec<_> = planned
        .iter()
        .map(|(number, plan)| {
            let action = plan.as_ref().map_err(Clone::clone).map(|plan| match plan {
                Plan { before: None, .. } => RowAction::Create,
                Plan { changes, .. } if changes.is_empty() => RowAction::Nothing,
                _ => RowAction::Change,
            });
            let changes = plan.as_ref().map_or_else(|_| Vec::new(), |plan| plan.changes.clone());
            ImportedRow { number: *number, action, changes }
        })
        .collect();
    let digest = Sha256::digest(serde_json::to_vec(&rows).unwrap_or_default());
    let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if agreed.is_some_and(|agreed| agreed != token) {
        return Err(Refusal::ImportChanged);
    }
    let refused = rows.iter().filter(|row| row.action.is_err()).count();
    if agreed.is_some() && refused > 0 {
        return Err(Refusal::ImportRefused { rows: refused });
    }
    let doing = if refused > 0 { Vec::new() } else { planned.into_iter().flat_map(|(_, plan)| plan).collect() };
    Ok((ImportOutcome { rows, token }, doing))
}
