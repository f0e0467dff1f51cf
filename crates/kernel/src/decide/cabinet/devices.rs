use std::collections::BTreeSet;

use serde_json::json;

use super::{existing_device, store_must_be_there};
use crate::draft::{Draft, Written};
use crate::{
    Account, Change, Context, CreateDevice, Currency, Decision, Device, DeviceId, EditDevice, Facts, NoteDevice, Noun,
    Outcome, Owner, Refusal, SetPlanogram, Shelf, Shelved,
};

pub(super) fn create(
    facts: &Facts,
    command: &CreateDevice,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    store_must_be_there(facts, command.store)?;
    if facts.cabinet.device_by_code.get(&command.code).is_some() {
        return Err(Refusal::DeviceTaken { code: command.code.clone() });
    }

    // After this point it must succeed.
    let device = Device {
        id: DeviceId::new(draft.next_id()),
        code: command.code.clone(),
        name: command.name.clone(),
        store: command.store,
        is_online: false,
        heard_at: None,
        planogram: Vec::new(),
        session: None,
        created_at: context.now,
        updated_at: context.now,
    };
    draft.push(Change::Account(Account::open(Owner::Device(device.id), Currency::Ticket)));
    draft.audit("device.create", ("device", device.id.get()), Written::after(&trace(&device)));
    draft.push(Change::Device(device.clone()));
    Ok(draft.finish(Outcome::Device { device }))
}

pub(super) fn edit(
    facts: &Facts,
    command: &EditDevice,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing_device(facts, command.device)?;
    if let Some(store) = command.patch.store {
        store_must_be_there(facts, store)?;
    }

    // After this point it must succeed.
    let device = Device {
        name: command.patch.name.clone().unwrap_or_else(|| before.name.clone()),
        store: command.patch.store.unwrap_or(before.store),
        updated_at: context.now,
        ..before.clone()
    };
    draft.audit("device.edit", ("device", device.id.get()), Written::change(&trace(before), &trace(&device)));
    draft.push(Change::Device(device.clone()));
    Ok(draft.finish(Outcome::Device { device }))
}

pub(super) fn set_planogram(
    facts: &Facts,
    command: &SetPlanogram,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let shelves = &command.shelves;
    if shelves.len() > Device::MOST_SHELVED {
        return Err(Refusal::PlanogramTooLarge { most: Device::MOST_SHELVED as i64 });
    }
    if shelves.iter().any(|shelf| !(0..=Device::MOST_STOCK).contains(&shelf.stock)) {
        return Err(Refusal::PlanogramTooLarge { most: Device::MOST_STOCK });
    }
    if shelves.iter().any(|shelf| shelf.price.cents().is_negative()) {
        return Err(Refusal::NegativePrice);
    }
    let mut codes = BTreeSet::new();
    if let Some(twice) = shelves.iter().find(|shelf| !codes.insert(&shelf.code)) {
        return Err(Refusal::ProductTwice { code: twice.code.clone() });
    }
    let before = existing_device(facts, command.device)?;
    let planogram: Option<Vec<_>> = shelves.iter().map(|shelf| shelved(facts, shelf)).collect();
    let planogram = planogram.ok_or(Refusal::NotFound { noun: Noun::Product })?;

    // After this point it must succeed.
    let device = Device { planogram, updated_at: context.now, ..before.clone() };
    let written = Written::change(&before.planogram, &device.planogram);
    draft.audit("device.planogram", ("device", device.id.get()), written);
    draft.push(Change::Device(device.clone()));
    Ok(draft.finish(Outcome::Device { device }))
}

/// Its trail of audit records is the history of its being online: what says nothing new is not written there.
pub(super) fn note(
    facts: &Facts,
    command: &NoteDevice,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = existing_device(facts, command.device)?;
    if before.heard_at.is_some_and(|heard_at| command.at < heard_at) {
        return Ok(draft.finish(Outcome::Device { device: before.clone() }));
    }

    // After this point it must succeed.
    let (is_online, heard_at) = (command.is_online, Some(command.at));
    let device = Device { is_online, heard_at, updated_at: context.now, ..before.clone() };
    if is_online != before.is_online {
        let action = if is_online { "device.online" } else { "device.offline" };
        draft.audit(action, ("device", device.id.get()), Written::after(&json!({ "at": command.at })));
    }
    draft.push(Change::Device(device.clone()));
    Ok(draft.finish(Outcome::Device { device }))
}

fn shelved(facts: &Facts, shelf: &Shelf) -> Option<Shelved> {
    let product = facts.shop.products.get(&shelf.product)?;
    Some(Shelved {
        code: shelf.code.clone(),
        product: product.id,
        name_zh: product.name_zh.clone(),
        name_en: product.name_en.clone(),
        price: shelf.price.cents(),
        stock: shelf.stock,
    })
}

fn trace(device: &Device) -> serde_json::Value {
    json!({ "code": device.code, "name": device.name, "store_id": device.store })
}
