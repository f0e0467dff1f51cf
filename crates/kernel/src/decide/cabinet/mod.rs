//! The cabinets' commands.

mod complaints;
mod corrections;
mod devices;
mod doors;
pub(super) mod orders;
pub(super) mod scores;
mod stores;
mod tickets;

use super::roles;
use crate::draft::{Draft, Written};
use crate::{
    AccountId, CabinetCommand, CabinetOrder, Context, Currency, Decision, Device, DeviceId, DoorSession, DoorSessionId,
    Facts, MemberId, Needs, Noun, OrderId, Outcome, Owner, Refusal, RefuseCallback, StoreId,
};

pub(super) fn needs(command: &CabinetCommand, facts: &Facts, needs: &mut Needs) {
    match command {
        CabinetCommand::CreateStore(command) => drop(needs.cabinet.store_codes.insert(command.code.clone())),
        CabinetCommand::EditStore(command) => drop(needs.cabinet.stores.insert(command.store)),
        CabinetCommand::CreateDevice(command) => {
            needs.cabinet.stores.insert(command.store);
            needs.cabinet.device_codes.insert(command.code.clone());
        }
        CabinetCommand::EditDevice(command) => {
            needs.cabinet.devices.insert(command.device);
            needs.cabinet.stores.extend(command.patch.store);
        }
        CabinetCommand::SetPlanogram(command) => {
            needs.cabinet.devices.insert(command.device);
            needs.shop.products.extend(command.shelves.iter().map(|shelf| shelf.product));
        }
        CabinetCommand::MoveDeviceStock(command) => drop(needs.cabinet.devices.insert(command.device)),
        CabinetCommand::NoteDevice(command) => drop(needs.cabinet.devices.insert(command.device)),
        CabinetCommand::OpenDoor(command) => {
            needs.members.insert(command.member);
            needs.cabinet.devices.insert(command.device);
            needs.cabinet.busy.insert(command.member);
            needs.accounts.extend([wallet(command.member), tickets_of(command.member)]);
        }
        CabinetCommand::NoteDoor(command) => doors::note_needs(command, facts, needs),
        CabinetCommand::LapseDoor(command) => doors::lapse_needs(command, facts, needs),
        CabinetCommand::NoteScore(command) => scores::note_needs(command, facts, needs),
        CabinetCommand::SettleDoor(command) => orders::settle_needs(command, facts, needs),
        CabinetCommand::Pay(command) => {
            settled_needs(command.order, command.device, command.member, facts, needs);
        }
        CabinetCommand::Correct(command) => corrections::correct_needs(command, facts, needs),
        CabinetCommand::DecideCorrection(command) => corrections::decide_needs(command, facts, needs),
        CabinetCommand::FileComplaint(command) => complaints::file_needs(command, needs),
        CabinetCommand::AssignComplaint(command) => {
            needs.cabinet.complaints.insert(command.complaint);
            if let Some(owner) = command.owner {
                roles::needs_of_member(owner, facts, needs);
            }
        }
        CabinetCommand::AnswerComplaint(command) => drop(needs.cabinet.complaints.insert(command.complaint)),
        CabinetCommand::RefundComplaint(command) => {
            needs.cabinet.complaints.insert(command.complaint);
            changed_needs(command.order, command.device, command.member, facts, needs);
        }
        CabinetCommand::AdjustTickets(command) => tickets::adjust_needs(command, needs),
        CabinetCommand::RefuseCallback(_) => {}
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &CabinetCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        CabinetCommand::CreateStore(command) => stores::create(facts, command, context, draft),
        CabinetCommand::EditStore(command) => stores::edit(facts, command, context, draft),
        CabinetCommand::CreateDevice(command) => devices::create(facts, command, context, draft),
        CabinetCommand::EditDevice(command) => devices::edit(facts, command, context, draft),
        CabinetCommand::SetPlanogram(command) => devices::set_planogram(facts, command, context, draft),
        CabinetCommand::MoveDeviceStock(command) => devices::move_stock(facts, command, context, draft),
        CabinetCommand::NoteDevice(command) => devices::note(facts, command, context, draft),
        CabinetCommand::OpenDoor(command) => doors::open(facts, command, context, draft),
        CabinetCommand::NoteDoor(command) => doors::note(facts, command, context, draft),
        CabinetCommand::LapseDoor(command) => doors::lapse(facts, command, context, draft),
        CabinetCommand::NoteScore(command) => scores::note(facts, command, context, draft),
        CabinetCommand::SettleDoor(command) => orders::settle(facts, command, context, draft),
        CabinetCommand::Pay(command) => orders::pay(facts, command, context, draft),
        CabinetCommand::Correct(command) => corrections::correct(facts, command, context, draft),
        CabinetCommand::DecideCorrection(command) => corrections::decide(facts, command, context, draft),
        CabinetCommand::FileComplaint(command) => complaints::file(facts, command, context, draft),
        CabinetCommand::AssignComplaint(command) => complaints::assign(facts, command, context, draft),
        CabinetCommand::AnswerComplaint(command) => complaints::answer(facts, command, context, draft),
        CabinetCommand::RefundComplaint(command) => complaints::refund(facts, command, context, draft),
        CabinetCommand::AdjustTickets(command) => tickets::adjust(facts, command, draft),
        CabinetCommand::RefuseCallback(command) => Ok(refuse_callback(command, draft)),
    }
}

fn refuse_callback(command: &RefuseCallback, mut draft: Draft<'_>) -> Decision {
    let after = serde_json::json!({ "partner": command.partner, "path": command.path, "count": command.count });
    draft.audit("callback.refuse", ("partner", 0), Written::after(&after).because(&command.why));
    draft.finish(Outcome::Noted)
}

/// The accounts between which tickets move, and the wallet whose lock says who may change what keeps its member busy.
fn charge_needs(device: DeviceId, member: MemberId, needs: &mut Needs) {
    let takings = Owner::Device(device).account(Currency::Ticket);
    needs.accounts.extend([wallet(member), tickets_of(member), takings]);
}

/// An order that was made, those that money has to move with, and where it moves.
fn settled_needs(order: OrderId, device: DeviceId, member: MemberId, facts: &Facts, needs: &mut Needs) {
    needs.cabinet.orders.insert(order);
    needs.cabinet.devices.insert(device);
    charge_needs(device, member, needs);
    if let Some(order) = facts.cabinet.orders.found(&order) {
        needs.cabinet.orders.insert(order.whole());
        needs.cabinet.orders.extend(order.standing().and_then(|standing| standing.due));
    }
}

/// The same, where it comes to more or less than before, and what WeChat has to do with that.
fn changed_needs(order: OrderId, device: DeviceId, member: MemberId, facts: &Facts, needs: &mut Needs) {
    settled_needs(order, device, member, facts, needs);
    if let Some(order) = facts.cabinet.orders.found(&order) {
        scores::settled_needs(order.session, device, facts, needs);
    }
}

fn door_needs(session: DoorSessionId, device: DeviceId, needs: &mut Needs) {
    needs.cabinet.sessions.insert(session);
    needs.cabinet.devices.insert(device);
}

fn wallet(member: MemberId) -> AccountId {
    Owner::Member(member).account(Currency::Cny)
}

fn tickets_of(member: MemberId) -> AccountId {
    Owner::Member(member).account(Currency::Ticket)
}

/// Nobody has any before the first were given to them.
fn tickets_left(facts: &Facts, member: MemberId) -> i64 {
    facts.accounts.get(&tickets_of(member)).map_or(0, |account| account.balance.get())
}

pub(super) fn store_must_be_there(facts: &Facts, store: StoreId) -> Result<(), Refusal> {
    facts.cabinet.stores.get(&store).map(drop).ok_or(Refusal::NotFound { noun: Noun::Store })
}

fn existing_device(facts: &Facts, device: DeviceId) -> Result<&Device, Refusal> {
    facts.cabinet.devices.get(&device).ok_or(Refusal::NotFound { noun: Noun::Device })
}

/// An order, if it is this member's and of this device, as its sender has looked up.
fn existing_order(facts: &Facts, order: OrderId, device: DeviceId, member: MemberId) -> Result<&CabinetOrder, Refusal> {
    let order = facts.cabinet.orders.get(&order);
    let order = order.filter(|order| order.device == device && order.member == member);
    order.ok_or(Refusal::NotFound { noun: Noun::Order })
}

fn existing_session(facts: &Facts, session: DoorSessionId, device: DeviceId) -> Result<&DoorSession, Refusal> {
    let session = facts.cabinet.sessions.get(&session).filter(|session| session.device == device);
    session.ok_or(Refusal::NotFound { noun: Noun::DoorSession })
}
