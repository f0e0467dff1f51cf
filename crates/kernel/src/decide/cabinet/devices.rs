use std::collections::BTreeSet;

use serde_json::json;

use super::{existing_device, store_must_be_there};
use crate::draft::{Draft, Written};
use crate::{
    Account, Change, Context, CreateDevice, Currency, Decision, Device, DeviceId, EditDevice, Facts, MoveDeviceStock,
    NoteDevice, Noun, Outcome, Owner, Refusal, SetPlanogram, Shelf, Shelved,
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
        planogram_version: 0,
        session: None,
        created_at: context.now,
        updated_at: context.now,
    };
    for currency in [Currency::Cny, Currency::Ticket] {
        draft.push(Change::Account(Account::open(Owner::Device(device.id), currency)));
    }
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
    if shelves.iter().filter_map(|shelf| shelf.stock).any(|stock| !(0..=Device::MOST_STOCK).contains(&stock)) {
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
    let planogram: Option<Vec<_>> = shelves.iter().map(|shelf| shelved(facts, before, shelf)).collect();
    let planogram = planogram.ok_or(Refusal::NotFound { noun: Noun::Product })?;
    if command.seen != before.planogram_version {
        return Err(Refusal::PlanogramChanged { version: before.planogram_version });
    }

    // After this point it must succeed.
    let planogram_version = before.planogram_version + 1;
    let device = Device { planogram, planogram_version, updated_at: context.now, ..before.clone() };
    let written = Written::change(&before.planogram, &device.planogram);
    draft.audit("device.planogram", ("device", device.id.get()), written);
    draft.push(Change::Device(device.clone()));
    Ok(draft.finish(Outcome::Device { device }))
}

/// What was sold meanwhile stays sold: only the amount that comes or goes is said.
pub(super) fn move_stock(
    facts: &Facts,
    command: &MoveDeviceStock,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (delta, most) = (command.delta, Device::MOST_STOCK);
    if delta == 0 {
        return Err(Refusal::AmountZero);
    }
    if !(-most..=most).contains(&delta) {
        return Err(Refusal::StockOutOfRange { most });
    }
    let before = existing_device(facts, command.device)?;
    let at = before.planogram.iter().position(|shelved| shelved.code == command.code);
    let at = at.ok_or(Refusal::NotFound { noun: Noun::Product })?;
    let left = before.planogram[at].stock;
    if delta < 0 && left + delta < 0 {
        return Err(Refusal::OutOfStock { asked: -delta, left });
    }
    if left + delta > most {
        return Err(Refusal::StockOutOfRange { most });
    }

    // After this point it must succeed.
    let planogram_version = before.planogram_version + 1;
    let mut device = Device { planogram_version, updated_at: context.now, ..before.clone() };
    device.planogram[at].stock += delta;
    let stock = |stock: i64| json!({ "product_code": command.code, "stock": stock });
    let written = Written::change(&stock(left), &stock(left + delta)).because(command.reason.as_str());
    draft.audit("device.stock", ("device", device.id.get()), written);
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

fn shelved(facts: &Facts, before: &Device, shelf: &Shelf) -> Option<Shelved> {
    let product = facts.shop.products.get(&shelf.product)?;
    Some(Shelved {
        code: shelf.code.clone(),
        product: product.id,
        price: shelf.price.cents(),
        stock: shelf.stock.unwrap_or_else(|| before.shelved(shelf.code.as_str()).map_or(0, |shelved| shelved.stock)),
    })
}

fn trace(device: &Device) -> serde_json::Value {
    json!({ "code": device.code, "name": device.name, "store_id": device.store })
}
