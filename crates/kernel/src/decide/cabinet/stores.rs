use crate::draft::{Draft, Written};
use crate::{Change, Context, CreateStore, Decision, EditStore, Facts, Noun, Outcome, Refusal, Store, StoreId};

pub(super) fn create(
    facts: &Facts,
    command: &CreateStore,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    if facts.cabinet.store_by_code.get(&command.code).is_some() {
        return Err(Refusal::StoreTaken { code: command.code.clone() });
    }

    // After this point it must succeed.
    let store = Store {
        id: StoreId::new(draft.next_id()),
        code: command.code.clone(),
        name: command.name.clone(),
        kind: command.kind,
        property: command.property,
        address: command.address.clone(),
        phone: command.phone.clone(),
        created_at: context.now,
        updated_at: context.now,
    };
    draft.audit("store.create", ("store", store.id.get()), Written::after(&store));
    draft.push(Change::Store(store.clone()));
    Ok(draft.finish(Outcome::Store { store }))
}

pub(super) fn edit(
    facts: &Facts,
    command: &EditStore,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = facts.cabinet.stores.get(&command.store).ok_or(Refusal::NotFound { noun: Noun::Store })?;

    // After this point it must succeed.
    let patch = command.patch.clone();
    let store = Store {
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        kind: patch.kind.unwrap_or(before.kind),
        property: patch.property.unwrap_or(before.property),
        address: patch.address.unwrap_or_else(|| before.address.clone()),
        phone: patch.phone.unwrap_or_else(|| before.phone.clone()),
        updated_at: context.now,
        ..before.clone()
    };
    draft.audit("store.edit", ("store", store.id.get()), Written::change(before, &store));
    draft.push(Change::Store(store.clone()));
    Ok(draft.finish(Outcome::Store { store }))
}
