//! What a command that was carried out answers. Stored beside its idempotency key, so these shapes only ever grow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, CabinetOrder, CapacityStrategy, Cents, Complaint, Correction, Date, Department, DepartmentId, Device,
    DoorSession, Exception, GroupOrderId, HouseRole, Instant, JobRun, Meal, MealId, MealOrder, Member, MemberId,
    OrderId, PayWith, PaymentId, Pool, Product, Refund, Refusal, Round, SalesDocument, ScoreOrder, ShopOrder, Silence,
    Slot, StockMovement, Store, StuckOrder, Subscription, SubscriptionRun, Topup, Traces, TransferId,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Session(SessionOutcome),
    SessionClosed,
    Member {
        member: Member,
    },
    Department {
        department: Department,
    },
    Role {
        role: HouseRole,
    },
    Erasure(ErasureOutcome),
    Import(ImportOutcome),
    Wallet(WalletOutcome),
    DepartmentAccount(DepartmentAccountOutcome),
    Meal(MealOutcome),
    Meals {
        copies: Vec<CopiedMeal>,
    },
    Order(OrderOutcome),
    Orders {
        orders: Vec<ProcessedOrder>,
    },
    Booking(BookingOutcome),
    GroupCancel(GroupCancelOutcome),
    Subscription {
        subscription: Subscription,
    },
    SubscriptionRun {
        run: SubscriptionRun,
    },
    BalanceRepair(BalanceRepair),
    CapacityRepair(CapacityRepair),
    StatesRepair(StatesRepair),
    PoolRepair(PoolRepair),
    JobRun {
        run: JobRun,
    },
    JobPaused {
        paused: bool,
    },
    /// `payment` is the attempt that has just begun.
    Topup {
        topup: Topup,
        payment: Option<PaymentId>,
    },
    Settled {
        settled: Settled,
        topup: Option<Topup>,
    },
    /// `balance` is the payer's after it, where it has just begun.
    Refund {
        refund: Refund,
        topup: Topup,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        balance: Option<Cents>,
    },
    ScoreRefund {
        refund: Refund,
    },
    Raised {
        raised: bool,
    },
    Exception {
        exception: Exception,
        /// By settling it, where that moves money.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        moved: Option<Moved>,
    },
    Product(ProductOutcome),
    Round(RoundOutcome),
    ShopOrder(ShopOrderOutcome),
    /// Those of the orders asked for that were past their deadline.
    Expired {
        released: Vec<OrderId>,
    },
    Stuck {
        stuck: StuckOrder,
    },
    Store {
        store: Store,
    },
    Device {
        device: Device,
    },
    DoorSession {
        session: DoorSession,
    },
    ScoreOrder {
        score: ScoreOrder,
    },
    CabinetOrder {
        order: CabinetOrder,
    },
    Correction(Box<CorrectionOutcome>),
    Complaint(Box<ComplaintOutcome>),
    SalesDocuments {
        documents: Vec<SalesDocument>,
    },
    AlertRound {
        fired: i64,
        resolved: i64,
        /// How many of them a message speaks of.
        told: i64,
    },
    Silence {
        silence: Silence,
    },
    ReportKept {
        is_new: bool,
    },
    Tickets {
        member: MemberId,
        tickets: i64,
    },
    /// Something was written down.
    Noted,
}

/// `traces` is what there was to take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureOutcome {
    pub member: MemberId,
    pub erased_at: Instant,
    pub traces: Traces,
}

/// What became of the news of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    Credited,
    /// Somebody else had brought it before.
    Already,
    /// It does not fit our books: an exception is open.
    Parked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    NegativeBalance,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOutcome {
    pub member: Member,
    pub created: bool,
    pub expires_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletOutcome {
    pub member: MemberId,
    pub transfer: TransferId,
    pub amount: Cents,
    pub balance: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentAccountOutcome {
    pub department: DepartmentId,
    pub transfer: TransferId,
    pub amount: Cents,
    pub balance: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MealOutcome {
    pub meal: Meal,
    pub pool: Pool,
    /// How many orders changed their state with the meal, and what went back to their payers.
    pub orders_changed: i64,
    pub refunded: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderOutcome {
    pub order: MealOrder,
    /// The payer's balance after it.
    pub balance: Cents,
    /// What was charged more (or, negative, given back) than before.
    pub price_difference: Cents,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
}

/// What became of each part of a batch, in the batch's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingOutcome {
    pub booked: Vec<Booked>,
    pub refused: Vec<BookingRefused>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// As its sender counts.
    pub number: i64,
    pub group_order: GroupOrderId,
    pub meal: MealId,
    pub date: Date,
    pub slot: Slot,
    /// One for each member, in the order in which they were named.
    pub orders: Vec<OrderId>,
    pub total: Cents,
    /// Where somebody who pays has gone below zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingRefused {
    pub number: i64,
    pub date: Date,
    pub slot: Slot,
    pub refusal: Refusal,
    /// Whom it is about, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCancelOutcome {
    pub group_order: GroupOrderId,
    /// The orders that were canceled; those that were over already are left out.
    pub orders: Vec<OrderId>,
    pub refunded: Cents,
}

/// What each row of a file comes to. Where one is refused, nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    pub rows: Vec<ImportedRow>,
    /// Says the same of what would be done as the rows do: who sends it back agrees to exactly this.
    pub token: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedRow {
    /// As its sender counts.
    pub number: i64,
    pub action: Result<RowAction, Refusal>,
    pub changes: Vec<FieldChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowAction {
    Create,
    Change,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductOutcome {
    pub product: Product,
    pub pool: Pool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<StockMovement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundOutcome {
    pub round: Round,
    pub pool: Pool,
    pub orders_refunded: i64,
    pub refunded: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopOrderOutcome {
    pub order: ShopOrder,
    /// The buyer's balance after it, where money moved.
    pub balance: Option<Cents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
    /// Where it was paid and is given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_back: Option<GivenBack>,
}

/// What of an order that was paid goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenBack {
    pub amount: Cents,
    /// To the balance, or to WeChat.
    pub to: PayWith,
    /// How many pieces come back into the stock.
    pub pieces: i64,
    /// How many shares can be bought again.
    pub shares: i64,
}

/// Whose money settling an exception moves, how much of it, and what is left then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Moved {
    /// Into the wallet or, below zero, out of it.
    Balance { member: MemberId, amount: Cents, balance: Cents },
    /// Back to where it was paid. The wallet holds what it held.
    Wechat { member: MemberId, amount: Cents, balance: Cents },
    /// For what was taken from a cabinet.
    Cabinet { order: Box<CabinetOrder>, tickets_left: i64 },
}

/// The order as it is after it, and what charged the difference or gave it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionOutcome {
    pub correction: Correction,
    pub order: CabinetOrder,
    pub surcharge: Option<CabinetOrder>,
}

/// With what gave back, where something was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintOutcome {
    pub complaint: Complaint,
    pub surcharge: Option<CabinetOrder>,
}

/// What became of one meal of several that were to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedMeal {
    pub source: MealId,
    pub date: Date,
    pub slot: Slot,
    pub copy: Result<MealId, Refusal>,
}

/// What became of one order of several that were to be processed: what went back to its payer, or why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessedOrder {
    pub order: OrderId,
    pub refunded: Result<Cents, Refusal>,
}

/// An account's balance and what it was before; the same twice where nothing had to be repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceRepair {
    pub account: AccountId,
    pub old_balance: Cents,
    pub new_balance: Cents,
    /// The new balance less the old one.
    pub difference: Cents,
    pub old_entries: i64,
    pub new_entries: i64,
    pub repaired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderCut {
    Canceled,
    Reduced,
}

/// What a capacity repair did to one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutOrder {
    pub order_id: OrderId,
    pub user_id: MemberId,
    pub old_quantity: i64,
    pub new_quantity: i64,
    pub refund_cents: Cents,
    pub action: OrderCut,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityRepair {
    pub meal: MealId,
    pub strategy: CapacityStrategy,
    /// In the order in which they were cut. Empty where the meal was not over its capacity.
    pub orders: Vec<CutOrder>,
    /// How many portions there were too many.
    pub excess_resolved: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatesRepair {
    pub meal: MealId,
    /// The orders that were brought to another state.
    pub orders: Vec<OrderId>,
    pub refunded: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRepair {
    pub meal: MealId,
    pub old_taken: i64,
    pub new_taken: i64,
    /// How many claims were made, changed or ended.
    pub holds_changed: i64,
}

impl PoolRepair {
    #[must_use]
    pub fn repaired(&self) -> bool {
        self.old_taken != self.new_taken || self.holds_changed > 0
    }
}
