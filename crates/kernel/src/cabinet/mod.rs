//! Smart cabinets: the stores that they stand in, the devices with what they offer, openings of their doors, and what was taken.

mod command;
mod device;
mod door;
mod facts;
mod order;
mod store;

pub use command::{
    AdjustTickets, CabinetCommand, CabinetRules, CreateDevice, CreateStore, DevicePatch, EditDevice, EditStore,
    LapseDoor, NoteDevice, NoteDoor, OpenDoor, PayCabinetOrder, RefuseCallback, SetPlanogram, SettleDoor, Shelf,
    StorePatch,
};
pub use device::{Device, Shelved};
pub use door::{DoorSeen, DoorSession, DoorStatus, Settlement, Taken};
pub use facts::{Busy, CabinetFacts, CabinetNeeds};
pub use order::{Bought, CabinetOrder, CabinetOrderState, CabinetPay, UnpaidReason};
pub use store::{Store, StoreKind, StoreProperty};
