//! Smart cabinets: the stores that they stand in, the devices with what they offer, openings of their doors, and what was taken.

mod command;
mod complaint;
mod correction;
mod device;
mod door;
mod facts;
mod order;
mod score;
mod store;

pub use command::{
    AdjustTickets, AnswerComplaint, AssignComplaint, CabinetCommand, CabinetRules, CorrectCabinetOrder, CreateDevice,
    CreateStore, DecideCorrection, DevicePatch, EditDevice, EditStore, FileComplaint, LapseDoor, MoveDeviceStock,
    NoteDevice, NoteDoor, NoteScore, OpenDoor, PayCabinetOrder, RefundComplaint, RefuseCallback, SetPlanogram,
    SettleDoor, Shelf, StorePatch, Verdict,
};
pub use complaint::{Complaint, ComplaintReply, ComplaintStatus};
pub use correction::{Corrected, Correction, CorrectionState};
pub use device::{Device, Shelved};
pub use door::{DoorSeen, DoorSession, DoorStatus, Settlement, Taken};
pub use facts::{Busy, CabinetFacts, CabinetNeeds};
pub use order::{
    Bought, CabinetOrder, CabinetOrderState, CabinetOrderType, CabinetPay, OrderPart, PayAttempt, Standing,
    UnpaidReason,
};
pub use score::{ScoreCharge, ScoreEnd, ScoreOrder, ScoreSeen, ScoreState};
pub use store::{Store, StoreKind, StoreProperty};
