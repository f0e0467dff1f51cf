//! Why a command was refused. Each carries what a person needs to understand it; the texts are made at the edge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AccountName, BookingRefused, Cents, Code, ComplaintId, CorrectionId, Danger, Date, DepartmentCode, DeviceCode,
    ExceptionAction, ExceptionKind, Fulfilment, Instant, MealId, MealStatus, MemberId, OpenEnd, OptionId, OrderId,
    OrderStatus, OutOfRange, Permissions, PickupWindow, ProductCode, RoleCode, RoleScope, RoundStatus, RunId,
    ShopStatus, Slot, StoreCode, SubscriptionStatus, TopupStatus,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    Member,
    Department,
    Meal,
    Order,
    Account,
    GroupOrder,
    Session,
    Job,
    JobRun,
    Topup,
    Refund,
    Exception,
    Product,
    Round,
    Subscription,
    Store,
    Device,
    DoorSession,
    ScoreOrder,
    Correction,
    Complaint,
    Silence,
    Report,
    Role,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    // shape
    AmountNotPositive,
    AmountZero,
    NegativePrice,
    /// What nobody can be limited to a department or a store in.
    PermissionScope {
        permissions: Permissions,
        scope: RoleScope,
    },
    /// What somebody may not do themselves, they can neither allow to others nor take from them.
    BeyondYours {
        permissions: Permissions,
    },
    /// A top-up must be worth its while, and no more than the house takes at once.
    TopupOutOfLimits {
        least: Cents,
        most: Cents,
    },
    /// A capacity below zero or above what any house could serve.
    CapacityOutOfRange {
        most: i64,
    },
    OptionIdTwice {
        option: OptionId,
    },
    /// Named twice in one group order.
    MemberTwice,
    PastDate {
        date: Date,
    },
    /// A silence that would be over before it begins.
    SilencePast,
    /// More pieces, in one movement or in all, than any shop has.
    StockOutOfRange {
        most: i64,
    },
    SharesOutOfRange {
        most: i64,
    },
    TooManyPictures {
        most: i64,
    },
    /// More lines than a planogram has, or more pieces than a cabinet holds.
    PlanogramTooLarge {
        most: i64,
    },
    /// Twice in one planogram.
    ProductTwice {
        code: ProductCode,
    },
    /// A round that closes before it opens, or has closed already.
    RoundTimes,
    /// A row of a file is about the same as an earlier one.
    RowTwice {
        row: i64,
    },
    /// Somebody new has to have it.
    ValueMissing {
        field: String,
    },
    // existence
    NotFound {
        noun: Noun,
    },
    NotYours,
    /// Nobody locks themselves out.
    Yourself,
    /// There is always somebody who can let others in.
    LastAdministrator,
    /// Everybody is a member.
    RoleOfAll,
    /// A department is administered by itself, everything else is the same everywhere.
    RoleScope {
        role: RoleCode,
        scope: RoleScope,
    },
    /// Without an account name nobody signs in with a password.
    NoAccount,
    NotInDepartment,
    MemberDisabled,
    /// Not somebody who may see to complaints.
    HandlesNoComplaints,
    AccountTaken {
        account: AccountName,
    },
    OpenidTaken,
    DepartmentTaken {
        code: DepartmentCode,
    },
    StoreTaken {
        code: StoreCode,
    },
    DeviceTaken {
        code: DeviceCode,
    },
    DateTaken {
        date: Date,
        slot: Slot,
        meal: MealId,
    },
    UnknownOption {
        option: OptionId,
    },
    OptionChosenTwice {
        option: OptionId,
    },
    /// Not one of the times at which the meal's orders are fetched.
    UnknownWindow {
        window: PickupWindow,
    },
    // state
    MealNotOpen {
        status: MealStatus,
    },
    OrdersClosed {
        since: Instant,
    },
    OrderLocked,
    /// It has been handed out.
    AlreadyRedeemed {
        at: Instant,
        #[serde(default)]
        by: Option<MemberId>,
    },
    /// It is handed out on its day, not before.
    NotServedYet {
        date: Date,
    },
    /// A department keeps changes of what it booked to itself.
    DepartmentDecides,
    OrderNotActive {
        status: OrderStatus,
    },
    OrderStep {
        from: OrderStatus,
        to: OrderStatus,
    },
    DuplicateOrder {
        order: OrderId,
    },
    /// The member has canceled an order for this meal.
    CalledOff,
    SubscriptionNotActive {
        status: SubscriptionStatus,
    },
    /// Like a duplicate order, where the other one may only just be in the making.
    AlreadyBooked,
    MealStep {
        from: MealStatus,
        to: MealStatus,
    },
    MealFinal {
        status: MealStatus,
    },
    /// Some of its orders have been completed one by one, and what is completed stays so.
    OrdersCompleted {
        count: i64,
    },
    JobRunning {
        run: RunId,
        since: Instant,
    },
    /// Paused, or somebody else has begun it or taken it over.
    JobNotDue,
    /// Somebody whom WeChat does not know cannot pay inside WeChat.
    NoOpenid,
    TopupNotPayable {
        status: TopupStatus,
    },
    TopupNotRefundable {
        status: TopupStatus,
    },
    ExceptionResolved,
    ExceptionAction {
        kind: ExceptionKind,
        action: ExceptionAction,
    },
    DangerousEdit {
        dangers: Vec<Danger>,
    },
    /// A batch that was to be carried out as a whole or not at all.
    BatchRefused {
        refused: Vec<BookingRefused>,
    },
    /// Rows of a file are wrong, so that none is imported.
    ImportRefused {
        rows: usize,
    },
    /// What the file comes to now is not what was agreed to.
    ImportChanged,
    NotOnSale,
    RoundNotOpen {
        status: RoundStatus,
    },
    RoundNotBegun {
        opens_at: Instant,
    },
    RoundOver {
        since: Instant,
    },
    RoundStillOpen {
        closes_at: Instant,
    },
    RoundStep {
        from: RoundStatus,
        to: RoundStatus,
    },
    /// It is neither to be paid any more nor paid.
    ShopOrderOver {
        status: ShopStatus,
    },
    PaymentTooLate {
        since: Instant,
    },
    /// Without `to`, it was to be canceled.
    FulfilmentStep {
        from: Fulfilment,
        to: Option<Fulfilment>,
    },
    /// Shares that are paid for stay with their buyer.
    SharesKept,
    /// What one member may have of it.
    LimitReached {
        limit: i64,
        bought: i64,
        asked: i64,
    },
    TooManyUnpaid {
        most: i64,
    },
    /// Pay score is not there to be used.
    PayScoreMissing,
    /// The member has not allowed pay score for the cabinets.
    PayScoreNotAllowed,
    DeviceOffline,
    DeviceBusy,
    /// An earlier opening is not settled yet.
    DoorUnsettled,
    UnpaidCabinetOrder {
        order: OrderId,
    },
    CabinetOrderPaid,
    /// WeChat is collecting it, or is being told what it comes to.
    PayScoreCollecting,
    /// It is a part of another order, which is the one to correct.
    CabinetOrderPart {
        whole: OrderId,
    },
    /// Somebody else has changed the planogram meanwhile, or something was sold.
    PlanogramChanged {
        version: i64,
    },
    /// Somebody else has corrected the order meanwhile.
    OrderCorrected {
        corrections: i64,
    },
    /// An earlier correction of the order waits for a second person.
    CorrectionWaiting {
        correction: CorrectionId,
    },
    CorrectionDecided,
    /// Nobody agrees to, or refuses, what they asked for themselves.
    SecondPersonNeeded,
    /// The order says so already.
    NothingToCorrect,
    /// More than one person may give back for an order; a correction can, once somebody else agrees.
    ConcededTooMuch {
        left: Cents,
    },
    /// Another complaint about the order is not closed yet.
    ComplaintOpen {
        complaint: ComplaintId,
    },
    ComplaintClosed,
    /// No second factor is on.
    FactorOff,
    /// The house has no key to keep secrets under.
    FactorMissing,
    /// The house demands a second factor of everybody who works here.
    FactorDemanded,
    /// What was shown to set a second factor up does not count any more.
    OfferOver,
    /// A sign-in begun with a password is over: too late, done, or the password is another one.
    TicketOver,
    CodeWrong,
    /// A code opens once, and then it and all earlier ones are worth nothing.
    CodeUsed,
    /// Somebody who was erased does not come back.
    MemberErased,
    /// What has to be seen to before somebody can be erased, and how much of it there is.
    OpenEnds {
        open: BTreeMap<OpenEnd, i64>,
    },
    RoleTaken {
        code: RoleCode,
    },
    /// The program itself gives this role.
    RoleBuiltIn,
    /// The administrator's role allows everything for good.
    RoleFixed,
    /// Members hold it, those included who cannot sign in.
    RoleHeld {
        holders: usize,
    },
    /// Somebody else has changed the role meanwhile.
    RoleChanged {
        version: i64,
    },
    // scarcity
    OutOfStock {
        asked: i64,
        left: i64,
    },
    CapacityExceeded {
        asked: i64,
        left: i64,
    },
    /// A repair cannot bring what must not be touched below the capacity.
    OverCapacity {
        ordered: i64,
        capacity: i64,
    },
    // money
    InsufficientBalance {
        balance: Cents,
        needed: Cents,
        floor: Cents,
    },
    InsufficientTickets {
        tickets: i64,
        needed: i64,
    },
    AmountOutOfRange,
    RefundTooLarge {
        left: Cents,
    },
    /// An account's entries have gaps in their numbers: what they add up to proves nothing.
    EntriesMissing {
        count: i64,
        last: i64,
    },
}

impl Refusal {
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::NotFound,
            Self::NotYours | Self::NotInDepartment | Self::DepartmentDecides | Self::BeyondYours { .. } => {
                Code::PermissionDenied
            }
            Self::MemberTwice
            | Self::UnknownOption { .. }
            | Self::OptionChosenTwice { .. }
            | Self::UnknownWindow { .. }
            | Self::OptionIdTwice { .. }
            | Self::AmountNotPositive
            | Self::AmountZero
            | Self::NegativePrice
            | Self::RoleOfAll
            | Self::RowTwice { .. }
            | Self::ValueMissing { .. }
            | Self::ImportRefused { .. }
            | Self::RoleScope { .. }
            | Self::PermissionScope { .. }
            | Self::TopupOutOfLimits { .. }
            | Self::CapacityOutOfRange { .. }
            | Self::StockOutOfRange { .. }
            | Self::SharesOutOfRange { .. }
            | Self::TooManyPictures { .. }
            | Self::PlanogramTooLarge { .. }
            | Self::ProductTwice { .. }
            | Self::CodeWrong
            | Self::CodeUsed
            | Self::RoundTimes => Code::ValidationError,
            Self::TicketOver => Code::InvalidToken,
            Self::MealNotOpen { .. } | Self::OrdersClosed { .. } => Code::MealNotOpen,
            Self::OrderLocked => Code::OrderLocked,
            Self::DuplicateOrder { .. } | Self::AlreadyBooked => Code::DuplicateOrder,
            Self::CalledOff => Code::BusinessRule,
            Self::OrderNotActive { .. }
            | Self::AlreadyRedeemed { .. }
            | Self::SubscriptionNotActive { .. }
            | Self::OrderStep { .. }
            | Self::MealStep { .. }
            | Self::MealFinal { .. }
            | Self::JobRunning { .. }
            | Self::TopupNotPayable { .. }
            | Self::TopupNotRefundable { .. }
            | Self::ExceptionResolved
            | Self::OrdersCompleted { .. }
            | Self::RoundStep { .. }
            | Self::RoundStillOpen { .. }
            | Self::ShopOrderOver { .. }
            | Self::PaymentTooLate { .. }
            | Self::FulfilmentStep { .. }
            | Self::SharesKept
            | Self::CabinetOrderPaid
            | Self::PayScoreCollecting
            | Self::CorrectionWaiting { .. }
            | Self::CorrectionDecided
            | Self::FactorOff
            | Self::OfferOver
            | Self::ComplaintClosed => Code::InvalidStatusTransition,
            Self::OutOfStock { .. } => Code::OutOfStock,
            Self::TooManyUnpaid { .. } | Self::UnpaidCabinetOrder { .. } => Code::UnpaidOrderExists,
            Self::DeviceOffline => Code::DeviceOffline,
            Self::DeviceBusy => Code::DeviceBusy,
            Self::InsufficientTickets { .. } => Code::InsufficientTickets,
            Self::CapacityExceeded { .. } | Self::OverCapacity { .. } => Code::CapacityExceeded,
            Self::InsufficientBalance { .. } => Code::InsufficientBalance,
            Self::JobNotDue
            | Self::ImportChanged
            | Self::OrderCorrected { .. }
            | Self::PlanogramChanged { .. }
            | Self::RoleChanged { .. } => Code::ConcurrencyError,
            Self::MemberDisabled
            | Self::MemberErased
            | Self::OpenEnds { .. }
            | Self::HandlesNoComplaints
            | Self::Yourself
            | Self::LastAdministrator
            | Self::RoleTaken { .. }
            | Self::RoleBuiltIn
            | Self::RoleFixed
            | Self::RoleHeld { .. }
            | Self::NoAccount
            | Self::PastDate { .. }
            | Self::SilencePast
            | Self::NotServedYet { .. }
            | Self::BatchRefused { .. }
            | Self::AccountTaken { .. }
            | Self::OpenidTaken
            | Self::DepartmentTaken { .. }
            | Self::StoreTaken { .. }
            | Self::DeviceTaken { .. }
            | Self::PayScoreMissing
            | Self::PayScoreNotAllowed
            | Self::DoorUnsettled
            | Self::CabinetOrderPart { .. }
            | Self::SecondPersonNeeded
            | Self::NothingToCorrect
            | Self::ConcededTooMuch { .. }
            | Self::ComplaintOpen { .. }
            | Self::DateTaken { .. }
            | Self::DangerousEdit { .. }
            | Self::EntriesMissing { .. }
            | Self::ExceptionAction { .. }
            | Self::NoOpenid
            | Self::FactorMissing
            | Self::FactorDemanded
            | Self::RefundTooLarge { .. }
            | Self::NotOnSale
            | Self::RoundNotOpen { .. }
            | Self::RoundNotBegun { .. }
            | Self::RoundOver { .. }
            | Self::LimitReached { .. }
            | Self::AmountOutOfRange => Code::BusinessRule,
        }
    }
}

impl From<OutOfRange> for Refusal {
    fn from(OutOfRange: OutOfRange) -> Self {
        Self::AmountOutOfRange
    }
}
