//! Money on its way in through WeChat Pay, and out again.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cents, DoorSessionId, Instant, MemberId, OrderId, PaymentId, RefundId};

/// Where the payer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayClient {
    /// In the mini program, or in a page inside WeChat.
    Jsapi,
    /// By a QR code.
    Native,
    /// In another browser.
    H5,
}

impl PayClient {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "jsapi",
            Self::Native => "native",
            Self::H5 => "h5",
        }
    }
}

/// A top-up order. Its number is what WeChat knows it by, for as many attempts as it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topup {
    pub id: OrderId,
    pub order_no: String,
    pub member: MemberId,
    pub amount: Cents,
    /// The shop order that it pays for as it comes in; absent where it stays in the wallet.
    pub pays_for: Option<OrderId>,
    pub client: PayClient,
    pub state: TopupState,
    /// Until when it can be paid. WeChat is told the same moment, or an earlier one.
    pub expires_at: Instant,
    /// When WeChat is asked about it next, while it is pending.
    pub next_check_at: Instant,
    /// How often WeChat has been asked in vain.
    pub checks: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// | from | to |
/// |---|---|
/// | (nothing) | pending; paid or refunding, where a person enters what the books had lost |
/// | pending | paid, expired, failed |
/// | expired, failed | paid: the money came after all |
/// | paid | refunding; paid or refunded, where WeChat has sent money back that nobody asked for here; failed, where it never came |
/// | refunding | paid, where something is left of it or the refund came to nothing; refunded |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TopupState {
    Pending,
    Paid(Receipt),
    Expired,
    /// WeChat would not take the order, or a person has found that nothing of it is for the wallet.
    Failed {
        reason: String,
    },
    Refunding {
        receipt: Receipt,
        refund: RefundId,
    },
    Refunded(Receipt),
}

/// What came in, and what has gone back of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// WeChat's number. No two payments have the same one.
    pub transaction_id: String,
    pub paid_at: Instant,
    pub source: PaymentSource,
    pub refunded: Cents,
}

/// Who brought the news of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentSource {
    Callback,
    Query,
    Compensation,
    Bill,
    /// Somebody who settled an exception.
    Person,
}

impl PaymentSource {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Query => "query",
            Self::Compensation => "compensation",
            Self::Bill => "bill",
            Self::Person => "person",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopupStatus {
    Pending,
    Paid,
    Expired,
    Failed,
    Refunding,
    Refunded,
}

impl TopupStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
        }
    }
}

impl Topup {
    #[must_use]
    pub fn status(&self) -> TopupStatus {
        match self.state {
            TopupState::Pending => TopupStatus::Pending,
            TopupState::Paid(_) => TopupStatus::Paid,
            TopupState::Expired => TopupStatus::Expired,
            TopupState::Failed { .. } => TopupStatus::Failed,
            TopupState::Refunding { .. } => TopupStatus::Refunding,
            TopupState::Refunded(_) => TopupStatus::Refunded,
        }
    }

    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            TopupState::Paid(receipt) | TopupState::Refunding { receipt, .. } | TopupState::Refunded(receipt) => {
                Some(receipt)
            }
            TopupState::Pending | TopupState::Expired | TopupState::Failed { .. } => None,
        }
    }

    /// What of the payment has not gone back and is not on its way.
    #[must_use]
    pub fn left(&self) -> Cents {
        self.receipt().map_or(Cents::ZERO, |receipt| Cents::new(self.amount.get() - receipt.refunded.get()))
    }
}

/// One attempt to make an order payable, written down before WeChat is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: PaymentId,
    pub topup: OrderId,
    pub created_at: Instant,
    pub state: PaymentState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PaymentState {
    /// WeChat is being asked, or nobody knows what it said.
    Asked,
    /// WeChat has taken the order.
    Accepted,
    /// WeChat has certainly not taken it.
    Refused { error: String },
}

impl PaymentState {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Accepted => "accepted",
            Self::Refused { .. } => "refused",
        }
    }
}

/// What a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundOf {
    Topup(OrderId),
    /// What pay score collected for an opening, by the order for which it goes back.
    Score {
        session: DoorSessionId,
        order: OrderId,
    },
}

/// A part of a payment on its way back to where it came from. The wallet, or the cabinet, is charged as it begins, so that nobody spends it
/// meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    /// What WeChat knows it by; the same one however often WeChat is asked.
    pub refund_no: String,
    pub of: RefundOf,
    pub amount: Cents,
    pub reason: String,
    pub state: RefundState,
    /// When WeChat is asked about it next, while it is not over.
    pub next_check_at: Instant,
    pub checks: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Asked becomes processing or one of the last two, processing and abnormal become one of the last two, processing becomes abnormal, and
/// abnormal becomes processing where a person has it asked about once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Owed to WeChat, or nobody knows what it said.
    Asked,
    Processing,
    /// The payer's card or account takes nothing: a person has to settle it.
    Abnormal,
    Succeeded,
    /// It came to nothing, and the wallet has the money.
    Returned,
}

impl RefundState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Processing => "processing",
            Self::Abnormal => "abnormal",
            Self::Succeeded => "succeeded",
            Self::Returned => "returned",
        }
    }

    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Returned)
    }
}

/// Something that a machine could not settle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    pub id: i64,
    pub kind: ExceptionKind,
    /// What it is about: an order's number, a refund's, a day. One exception of a kind is open for it at a time.
    pub subject: String,
    /// JSON: what was found.
    pub evidence: String,
    pub proposed: ExceptionAction,
    pub state: ExceptionState,
    /// Who sees to it.
    pub owner: Option<MemberId>,
    pub due_at: Instant,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ExceptionState {
    Open,
    Resolved { by: Option<MemberId>, at: Instant, action: ExceptionAction, note: String },
}

impl Exception {
    #[must_use]
    pub fn is_dismissed(&self) -> bool {
        matches!(self.state, ExceptionState::Resolved { action: ExceptionAction::Dismiss, .. })
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(())
            }
        }
    )+};
}

pub(crate) use words;

words! {
    ExceptionKind {
        /// WeChat was paid another amount, or another currency, than was asked for. Nothing was credited.
        AmountMismatch = "amount_mismatch",
        /// WeChat was paid for an order that is not in our books.
        UnknownOrder = "unknown_order",
        /// One order was paid twice. The second payment was not credited.
        PaidTwice = "paid_twice",
        /// Two orders name the same payment. The second one was not credited.
        TransactionReused = "transaction_reused",
        /// A refund was made at WeChat that is not in our books.
        UnknownRefund = "unknown_refund",
        /// A refund does not reach the payer.
        RefundAbnormal = "refund_abnormal",
        /// A refund's amount differs at WeChat.
        RefundMismatch = "refund_mismatch",
        /// Our books have a payment or a refund that WeChat's bill does not have.
        NotInBill = "not_in_bill",
        /// What is owed to the outside could not be delivered, and is not tried any more.
        DeliveryFailed = "delivery_failed",
        /// Something was taken from a cabinet that its planogram does not have. Nothing was charged.
        UnknownGoods = "unknown_goods",
        /// A cabinet's vendor asks for another price than our list says. Nothing was charged.
        PriceMismatch = "price_mismatch",
        /// What was taken from a cabinet costs more than the house charges unseen. Nothing was charged.
        AmountOverLimit = "amount_over_limit",
        /// A cabinet's door was open, and nobody says what was taken.
        SettlementMissing = "settlement_missing",
        /// A cabinet's vendor says something else than it said before. What it said first stands.
        SettlementConflict = "settlement_conflict",
        /// A cabinet's vendor tells of something that is not in our books, or that nobody can read.
        CallbackMismatch = "callback_mismatch",
        /// A cabinet's vendor reports something that is wrong with it.
        CabinetAlarm = "cabinet_alarm",
        /// WeChat says of a pay score order what does not fit our books. Nothing was booked.
        PayScoreMismatch = "pay_score_mismatch",
        /// More was taken from a cabinet than anybody put in.
        StockNegative = "stock_negative",
    }

    ExceptionAction {
        /// Credit what WeChat was really paid.
        Credit = "credit",
        /// Send what WeChat was really paid back to where it came from.
        RefundToOrigin = "refund_to_origin",
        /// Give the refund's money back to the wallet.
        ReturnToBalance = "return_to_balance",
        /// Put a refund into the books that WeChat has made.
        Record = "record",
        /// Take out of the wallet what WeChat has never been paid.
        TakeBack = "take_back",
        /// Ask the outside once more.
        Retry = "retry",
        /// Charge what was taken at the prices that our list says now.
        Charge = "charge",
        /// Nothing is left to do here; the note says what was done.
        Dismiss = "dismiss",
    }
}
