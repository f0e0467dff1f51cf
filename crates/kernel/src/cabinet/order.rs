use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{
    Cents, ComplaintId, CorrectionId, DeviceId, DoorSessionId, Instant, MemberId, OrderId, ProductCode, ProductId,
    StoreId, Tickets, Title,
};

words! {
    /// How a cabinet's goods are paid for.
    CabinetPay {
        /// By WeChat's pay score.
        Wechat = "wechat",
        /// By gift tickets, 500 to the yuan.
        Ticket = "ticket",
    }

    /// Why an order is not paid.
    UnpaidReason {
        InsufficientTickets = "insufficient_tickets",
        /// WeChat knows what it comes to, or is being told, and has not said yet that it has the money.
        PayScoreCollecting = "pay_score_collecting",
        /// WeChat will not collect it.
        PayScoreEnded = "pay_score_ended",
    }

    /// What an order is to the opening that it came from.
    CabinetOrderType {
        /// 正常: as it was settled.
        Normal = "normal",
        /// 已修正: a person has changed its quantities since.
        Corrected = "corrected",
        /// 补扣: what was charged or given back later for another order.
        Surcharge = "surcharge",
    }
}

/// What somebody took from a cabinet, at the prices of its planogram then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CabinetOrder {
    pub id: OrderId,
    pub order_no: String,
    pub member: MemberId,
    pub device: DeviceId,
    /// Where the device stood then.
    pub store: StoreId,
    pub session: DoorSessionId,
    pub vendor_order_no: String,
    /// As it was made. In a surcharge, what is more or less than was settled before.
    pub items: Vec<Bought>,
    /// Below zero where a surcharge gives tickets back.
    pub total: Cents,
    /// What the total is in tickets.
    pub tickets: Tickets,
    pub pay: CabinetPay,
    pub state: CabinetOrderState,
    #[serde(default)]
    pub attempts: Vec<PayAttempt>,
    #[serde(default)]
    pub part: OrderPart,
    /// What the house has of the member's tickets for a whole order, with what its surcharges took and gave back. Never below zero: no more
    /// goes back than came in.
    #[serde(default)]
    pub kept: Tickets,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    pub code: ProductCode,
    pub product: ProductId,
    pub name_zh: Title,
    pub name_en: Option<Title>,
    pub quantity: i64,
    pub price: Cents,
}

/// unpaid → paid, withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CabinetOrderState {
    Unpaid {
        reason: UnpaidReason,
    },
    Paid {
        paid_at: Instant,
    },
    /// A correction has put another order in its place. Nothing was taken for it.
    Withdrawn {
        withdrawn_at: Instant,
    },
}

/// When somebody tried to pay, how, and why that failed if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayAttempt {
    pub at: Instant,
    pub pay: CabinetPay,
    pub failure: Option<UnpaidReason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum OrderPart {
    /// The order of an opening. All that is done about it later meets on its row.
    Whole(Standing),
    /// What was charged or given back later for another order.
    Surcharge {
        order: OrderId,
        order_no: String,
        /// The complaint from which it gives back.
        complaint: Option<ComplaintId>,
    },
}

impl Default for OrderPart {
    fn default() -> Self {
        Self::Whole(Standing::default())
    }
}

/// How a whole order stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is charged for, in the order of the codes.
    pub items: Vec<Bought>,
    /// What it cost when its settlement, or two people, last agreed about it.
    pub agreed: Cents,
    /// What complaints have given back.
    pub conceded: Cents,
    pub corrections: i64,
    /// The correction that waits for a second person.
    pub waiting: Option<CorrectionId>,
    /// The surcharge that is not paid.
    pub due: Option<OrderId>,
}

impl CabinetOrder {
    /// The failed attempts that are written down; whoever goes on is refused.
    pub const MOST_ATTEMPTS: usize = 100;

    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        matches!(self.state, CabinetOrderState::Unpaid { .. })
    }

    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self.state, CabinetOrderState::Paid { .. })
    }

    #[must_use]
    pub fn order_type(&self) -> CabinetOrderType {
        match &self.part {
            OrderPart::Whole(standing) if standing.corrections > 0 => CabinetOrderType::Corrected,
            OrderPart::Whole(_) => CabinetOrderType::Normal,
            OrderPart::Surcharge { .. } => CabinetOrderType::Surcharge,
        }
    }

    /// The whole order that it is, or is a part of.
    #[must_use]
    pub fn whole(&self) -> OrderId {
        match &self.part {
            OrderPart::Whole(_) => self.id,
            OrderPart::Surcharge { order, .. } => *order,
        }
    }

    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        match &self.part {
            OrderPart::Whole(standing) => Some(standing),
            OrderPart::Surcharge { .. } => None,
        }
    }
}
