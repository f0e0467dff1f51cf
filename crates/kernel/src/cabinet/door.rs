use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CabinetPay;
use crate::topup::words;
use crate::{Cents, DeviceId, DoorSessionId, Instant, MemberId};

/// One opening of a device's door by one member. What the vendor tells of it may come in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorSession {
    pub id: DoorSessionId,
    /// What the vendor knows it by, however often it is asked to open the door.
    pub session_no: String,
    pub member: MemberId,
    pub device: DeviceId,
    pub pay: CabinetPay,
    pub status: DoorStatus,
    /// Why the door did not open.
    pub failure: Option<String>,
    pub opened_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    /// What the vendor first said was taken.
    pub settlement: Option<Settlement>,
    /// When somebody looks at it if nothing is heard before.
    pub due_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

words! {
    /// | from | to |
    /// |---|---|
    /// | opening | opened, closed, failed, timed_out, settled, held |
    /// | failed, timed_out | opened, closed, settled, held: it opened after all |
    /// | opened | closed, settled, held, released |
    /// | closed | settled, held, released |
    /// | held | settled, released |
    DoorStatus {
        /// The vendor has been asked, or is about to be.
        Opening = "opening",
        Opened = "opened",
        /// What was taken is not known yet.
        Closed = "closed",
        /// It is known, and the order made of it, if anything was taken.
        Settled = "settled",
        /// A person looks at what the vendor says before anything is charged.
        Held = "held",
        /// The door certainly did not open.
        Failed = "failed",
        /// Nobody has heard of the door in time.
        TimedOut = "timed_out",
        /// A person has ended it. Nothing was charged.
        Released = "released",
    }
}

impl DoorSession {
    /// Why a door stayed shut for which WeChat would not begin a pay score order.
    pub const NO_PAY_SCORE: &'static str = "pay_score_refused";
}

impl DoorStatus {
    /// Whether its member and what may be missing from the cabinet wait for something.
    #[must_use]
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Opening | Self::Opened | Self::Closed | Self::Held)
    }

    /// Whether the vendor has more to tell of it soon.
    #[must_use]
    pub fn awaits_vendor(self) -> bool {
        matches!(self, Self::Opening | Self::Opened | Self::Closed)
    }

    /// Whether the device can serve nobody else.
    #[must_use]
    pub fn occupies(self) -> bool {
        matches!(self, Self::Opening | Self::Opened)
    }
}

/// What the vendor tells of a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoorSeen {
    Opened,
    Closed,
    Failed { reason: String },
}

/// What the vendor says was taken; no goods where nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The vendor's number for it.
    pub vendor_order_no: String,
    /// What the vendor thinks that it costs.
    pub amount: Cents,
    pub goods: Vec<Taken>,
}

/// As many of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub code: String,
    /// At least one.
    pub quantity: i64,
    /// What the vendor thinks that one costs.
    pub price: Option<Cents>,
}

impl Settlement {
    /// How many of each product, in the order of their codes.
    #[must_use]
    pub fn quantities(&self) -> BTreeMap<&str, i64> {
        let mut quantities = BTreeMap::new();
        for taken in &self.goods {
            let quantity: &mut i64 = quantities.entry(taken.code.as_str()).or_default();
            *quantity = quantity.saturating_add(taken.quantity);
        }
        quantities
    }

    /// Whether both tell of the same goods at the same amount.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.amount == other.amount && self.quantities() == other.quantities()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(amount: i64, goods: &[(&str, i64)]) -> Settlement {
        let taken = |&(code, quantity): &(&str, i64)| Taken { code: code.to_owned(), quantity, price: None };
        Settlement {
            vendor_order_no: "V1".to_owned(),
            amount: Cents::new(amount),
            goods: goods.iter().map(taken).collect(),
        }
    }

    #[test]
    fn settlements_agree_however_their_goods_are_listed() {
        let one = settlement(900, &[("A", 1), ("B", 2)]);
        assert!(one.agrees_with(&settlement(900, &[("B", 1), ("A", 1), ("B", 1)])));
        assert!(!one.agrees_with(&settlement(900, &[("A", 1), ("B", 1)])));
        assert!(!one.agrees_with(&settlement(901, &[("A", 1), ("B", 2)])));
    }
}
