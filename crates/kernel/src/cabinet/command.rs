use super::{CabinetPay, Corrected, DoorSeen, ScoreSeen, Settlement, StoreKind, StoreProperty};
use crate::{
    Cents, ComplaintId, ComplaintText, CorrectionId, DeviceCode, DeviceId, DoorSessionId, Instant, MemberId, Note,
    OrderId, Picture, Price, ProductCode, ProductId, Reason, StoreCode, StoreId, Title,
};

/// The rules of the house for cabinets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CabinetRules {
    /// A dearer order waits for a person before it is charged.
    pub most: Cents,
    /// How far one person may move what an order costs; beyond it somebody else has to agree.
    pub correction_limit: Cents,
    /// Who has fewer tickets opens no door.
    pub least_tickets: i64,
    /// Up to how much WeChat's pay score is told that an opening will cost; absent where it cannot be used.
    pub score_most: Option<Cents>,
    /// For how long a door may be opened after it was asked for.
    pub open_within_ms: i64,
    /// For how long it may stand open before somebody asks why.
    pub close_within_ms: i64,
    /// How long the vendor has to say what was taken.
    pub settle_within_ms: i64,
}

impl Default for CabinetRules {
    fn default() -> Self {
        Self {
            most: Cents::new(20_000),
            correction_limit: Cents::new(5_000),
            least_tickets: 2_500,
            score_most: None,
            open_within_ms: 60_000,
            close_within_ms: 10 * 60_000,
            settle_within_ms: 2 * 60_000,
        }
    }
}

/// What can be asked of cabinets. Whatever is about an opening or an order names its device and member, which its sender has looked up:
/// they never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CabinetCommand {
    CreateStore(CreateStore),
    EditStore(EditStore),
    CreateDevice(CreateDevice),
    EditDevice(EditDevice),
    SetPlanogram(SetPlanogram),
    MoveDeviceStock(MoveDeviceStock),
    NoteDevice(NoteDevice),
    OpenDoor(OpenDoor),
    NoteDoor(NoteDoor),
    LapseDoor(LapseDoor),
    NoteScore(NoteScore),
    SettleDoor(SettleDoor),
    Pay(PayCabinetOrder),
    Correct(CorrectCabinetOrder),
    DecideCorrection(DecideCorrection),
    FileComplaint(FileComplaint),
    AssignComplaint(AssignComplaint),
    AnswerComplaint(AnswerComplaint),
    RefundComplaint(RefundComplaint),
    AdjustTickets(AdjustTickets),
    RefuseCallback(RefuseCallback),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStore {
    pub code: StoreCode,
    pub name: Title,
    pub kind: StoreKind,
    pub property: StoreProperty,
    pub address: Note,
    pub phone: Note,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorePatch {
    pub name: Option<Title>,
    pub kind: Option<StoreKind>,
    pub property: Option<StoreProperty>,
    pub address: Option<Note>,
    pub phone: Option<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditStore {
    pub store: StoreId,
    pub patch: StorePatch,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDevice {
    pub code: DeviceCode,
    pub name: Title,
    pub store: StoreId,
}

/// Absent fields stay as they are. Its code stands on its door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevicePatch {
    pub name: Option<Title>,
    pub store: Option<StoreId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditDevice {
    pub device: DeviceId,
    pub patch: DevicePatch,
}

/// Says anew what a device offers. Orders keep the prices at which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPlanogram {
    pub device: DeviceId,
    pub shelves: Vec<Shelf>,
    /// The version of the planogram that its sender knows.
    pub seen: i64,
}

/// A product that is put into a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    pub code: ProductCode,
    pub product: ProductId,
    pub price: Price,
    /// As somebody has counted it. Absent, what is in there stays as it is, and there is none of what was not.
    pub stock: Option<i64>,
}

/// Puts more of a product into a device, or takes some out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveDeviceStock {
    pub device: DeviceId,
    pub code: ProductCode,
    /// Below zero for what goes. Not zero.
    pub delta: i64,
    pub reason: Reason,
}

/// The vendor's word about a device. An older one than is known changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteDevice {
    pub device: DeviceId,
    pub is_online: bool,
    pub at: Instant,
}

/// Asks for a device's door to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDoor {
    pub member: MemberId,
    pub device: DeviceId,
    pub pay: CabinetPay,
}

/// The vendor's word about a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteDoor {
    pub session: DoorSessionId,
    pub device: DeviceId,
    pub member: MemberId,
    pub saw: DoorSeen,
    pub at: Instant,
}

/// Looks at an opening of which nothing was heard in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LapseDoor {
    pub session: DoorSessionId,
    pub device: DeviceId,
    pub member: MemberId,
}

/// WeChat's word about the pay score order of an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteScore {
    pub session: DoorSessionId,
    pub device: DeviceId,
    pub member: MemberId,
    pub saw: ScoreSeen,
}

/// The vendor's word about what was taken. Makes the order and charges it, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleDoor {
    pub session: DoorSessionId,
    pub device: DeviceId,
    pub member: MemberId,
    pub settlement: Settlement,
}

/// With tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayCabinetOrder {
    pub order: OrderId,
    pub device: DeviceId,
    pub member: MemberId,
}

/// Says how many of some products it were that somebody took. Products that it does not name stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectCabinetOrder {
    /// A whole one.
    pub order: OrderId,
    pub device: DeviceId,
    pub member: MemberId,
    pub items: Vec<Corrected>,
    pub reason: Reason,
    /// How many corrections of the order its sender knows of, where that has to be all.
    pub seen: Option<i64>,
}

/// What the second person says about a correction that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideCorrection {
    pub correction: CorrectionId,
    pub order: OrderId,
    pub device: DeviceId,
    pub member: MemberId,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Agree,
    Refuse { note: Reason },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileComplaint {
    pub member: MemberId,
    /// A whole one.
    pub order: OrderId,
    pub text: ComplaintText,
    pub pictures: Vec<Picture>,
}

/// Says who sees to a complaint; nobody where it is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignComplaint {
    pub complaint: ComplaintId,
    pub owner: Option<MemberId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerComplaint {
    pub complaint: ComplaintId,
    pub text: Reason,
    /// Whether that is the last word.
    pub closes: bool,
}

/// Gives a part of what an order cost back, because of a complaint about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundComplaint {
    pub complaint: ComplaintId,
    pub order: OrderId,
    pub device: DeviceId,
    pub member: MemberId,
    pub amount: Price,
    pub reason: Reason,
}

/// Gives tickets to a member, or takes some back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustTickets {
    pub member: MemberId,
    /// Below zero for what is taken back. Not zero.
    pub amount: i64,
    pub reason: Reason,
}

/// Writes down that a partner's message was not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefuseCallback {
    /// Who it says that it is from, if it says so.
    pub partner: String,
    pub path: String,
    pub why: String,
    /// The how-manieth of its minute it is: not all of them are written down.
    pub count: i64,
}

impl CabinetCommand {
    pub(crate) fn lane_key(&self) -> i64 {
        match self {
            Self::CreateStore(_) | Self::RefuseCallback(_) => 0,
            Self::EditStore(EditStore { store, .. }) | Self::CreateDevice(CreateDevice { store, .. }) => store.get(),
            Self::EditDevice(EditDevice { device, .. })
            | Self::SetPlanogram(SetPlanogram { device, .. })
            | Self::MoveDeviceStock(MoveDeviceStock { device, .. })
            | Self::NoteDevice(NoteDevice { device, .. })
            | Self::OpenDoor(OpenDoor { device, .. })
            | Self::NoteDoor(NoteDoor { device, .. })
            | Self::LapseDoor(LapseDoor { device, .. })
            | Self::NoteScore(NoteScore { device, .. })
            | Self::SettleDoor(SettleDoor { device, .. })
            | Self::Pay(PayCabinetOrder { device, .. })
            | Self::Correct(CorrectCabinetOrder { device, .. })
            | Self::DecideCorrection(DecideCorrection { device, .. })
            | Self::RefundComplaint(RefundComplaint { device, .. }) => device.get(),
            Self::FileComplaint(FileComplaint { order, .. }) => order.get(),
            Self::AssignComplaint(AssignComplaint { complaint, .. })
            | Self::AnswerComplaint(AnswerComplaint { complaint, .. }) => complaint.get(),
            Self::AdjustTickets(AdjustTickets { member, .. }) => member.get(),
        }
    }
}
