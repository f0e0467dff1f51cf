use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{
    Cents, DeviceId, DoorSessionId, Instant, MemberId, OrderId, ProductCode, ProductId, StoreId, Tickets, Title,
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
    pub items: Vec<Bought>,
    pub total: Cents,
    /// What the total is in tickets.
    pub tickets: Tickets,
    pub pay: CabinetPay,
    pub state: CabinetOrderState,
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

/// unpaid → paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CabinetOrderState {
    Unpaid { reason: UnpaidReason },
    Paid { paid_at: Instant },
}

impl CabinetOrder {
    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        matches!(self.state, CabinetOrderState::Unpaid { .. })
    }
}
