use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Cents, Currency, Instant, MemberId, Notes, OrderId, Owner, PoolId, ProductId, Quantity, RoundId, Sealed,
};

/// What an order is for. Never changes, so whoever sends a command about an order has looked it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "goods", rename_all = "snake_case")]
pub enum Goods {
    Pieces {
        product: ProductId,
    },
    Shares {
        round: RoundId,
    },
    /// As many pieces of the one as shares of the other.
    PiecesAndShares {
        product: ProductId,
        round: RoundId,
    },
    /// The piece that a round's winner gets.
    Prize {
        product: ProductId,
        round: RoundId,
    },
}

impl Goods {
    /// The product that pieces are taken from.
    #[must_use]
    pub fn pieces(self) -> Option<ProductId> {
        match self {
            Self::Pieces { product } | Self::PiecesAndShares { product, .. } | Self::Prize { product, .. } => {
                Some(product)
            }
            Self::Shares { .. } => None,
        }
    }

    /// The round that shares are taken from.
    #[must_use]
    pub fn shares(self) -> Option<RoundId> {
        match self {
            Self::Shares { round } | Self::PiecesAndShares { round, .. } => Some(round),
            Self::Pieces { .. } | Self::Prize { .. } => None,
        }
    }

    /// The round that it has to do with.
    #[must_use]
    pub fn round(self) -> Option<RoundId> {
        match self {
            Self::Prize { round, .. } => Some(round),
            other => other.shares(),
        }
    }

    pub fn pools(self) -> impl Iterator<Item = PoolId> {
        self.pieces().map(PoolId::from).into_iter().chain(self.shares().map(PoolId::from))
    }

    pub(crate) fn lane_key(self) -> i64 {
        self.pools().next().map_or(0, PoolId::get)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayWith {
    Balance,
    Wechat,
}

impl PayWith {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Wechat => "wechat",
        }
    }
}

/// How pieces reach their buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    PickUp,
    To(Sealed),
}

/// How far the pieces of a paid order have come. Always onwards, over any step; ready is for what is picked up, shipped for what is
/// delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fulfilment {
    /// Shares alone: there is nothing to hand over.
    NotNeeded,
    Pending,
    Preparing,
    Ready,
    Shipped,
    Completed,
}

impl Fulfilment {
    pub const ALL: [Self; 6] =
        [Self::NotNeeded, Self::Pending, Self::Preparing, Self::Ready, Self::Shipped, Self::Completed];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNeeded => "not_needed",
            Self::Pending => "pending",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Shipped => "shipped",
            Self::Completed => "completed",
        }
    }

    #[must_use]
    pub fn can_become(self, next: Self, delivery: &Delivery) -> bool {
        let fits = match next {
            Self::NotNeeded | Self::Pending => false,
            Self::Preparing | Self::Completed => true,
            Self::Ready => *delivery == Delivery::PickUp,
            Self::Shipped => *delivery != Delivery::PickUp,
        };
        fits && self != Self::NotNeeded && self < next
    }

    /// Whether the pieces have left the house.
    #[must_use]
    pub fn is_handed_over(self) -> bool {
        matches!(self, Self::Shipped | Self::Completed)
    }
}

/// unpaid → paid, cancelled, expired; paid → refunded. Money that comes late makes of an unpaid or expired order a paid one where there
/// is something left, and a refunded one where there is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ShopOrderState {
    /// It can be paid until the deadline, whether or not a job has run since.
    Unpaid {
        expires_at: Instant,
    },
    Paid {
        paid_at: Instant,
        fulfilment: Fulfilment,
    },
    /// By its owner, before it was paid.
    Cancelled {
        ended_at: Instant,
    },
    Expired {
        ended_at: Instant,
    },
    Refunded {
        paid_at: Instant,
        ended_at: Instant,
        fulfilment: Fulfilment,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShopStatus {
    Pending,
    Paid,
    Completed,
    Cancelled,
    Expired,
    Refunded,
}

impl ShopStatus {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Paid, Self::Completed, Self::Cancelled, Self::Expired, Self::Refunded];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopOrder {
    pub id: OrderId,
    pub order_no: String,
    pub member: MemberId,
    pub goods: Goods,
    /// So many of each.
    pub quantity: Quantity,
    /// What a piece and a share cost when it was placed; nothing where it is not for one, or the round has given it back.
    pub piece_price: Cents,
    pub share_price: Cents,
    pub total: Cents,
    pub pay_with: PayWith,
    pub delivery: Delivery,
    pub notes: Notes,
    /// From payment on, rising.
    pub share_numbers: Vec<i64>,
    pub state: ShopOrderState,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl ShopOrder {
    /// The account that pays, and that gets back.
    #[must_use]
    pub fn payer(&self) -> AccountId {
        Owner::Member(self.member).account(Currency::Cny)
    }

    #[must_use]
    pub fn status(&self) -> ShopStatus {
        match self.state {
            ShopOrderState::Unpaid { .. } => ShopStatus::Pending,
            ShopOrderState::Paid { fulfilment: Fulfilment::Completed, .. } => ShopStatus::Completed,
            ShopOrderState::Paid { .. } => ShopStatus::Paid,
            ShopOrderState::Cancelled { .. } => ShopStatus::Cancelled,
            ShopOrderState::Expired { .. } => ShopStatus::Expired,
            ShopOrderState::Refunded { .. } => ShopStatus::Refunded,
        }
    }

    #[must_use]
    pub fn payment_status(&self) -> &'static str {
        match self.state {
            ShopOrderState::Unpaid { .. } => "pending",
            ShopOrderState::Paid { .. } => "paid",
            ShopOrderState::Cancelled { .. } | ShopOrderState::Expired { .. } => "cancelled",
            ShopOrderState::Refunded { .. } => "refunded",
        }
    }

    #[must_use]
    pub fn fulfilment_status(&self) -> &'static str {
        match self.state {
            ShopOrderState::Unpaid { .. } => Fulfilment::Pending.as_str(),
            ShopOrderState::Paid { fulfilment, .. } => fulfilment.as_str(),
            ShopOrderState::Refunded { fulfilment, .. } if fulfilment.is_handed_over() => fulfilment.as_str(),
            ShopOrderState::Cancelled { .. } | ShopOrderState::Expired { .. } | ShopOrderState::Refunded { .. } => {
                "cancelled"
            }
        }
    }

    #[must_use]
    pub fn expires_at(&self) -> Option<Instant> {
        match self.state {
            ShopOrderState::Unpaid { expires_at } => Some(expires_at),
            _ => None,
        }
    }

    /// Whether it counts against what one member may buy. Unpaid, it does until its deadline.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self.state, ShopOrderState::Unpaid { .. } | ShopOrderState::Paid { .. })
    }
}

/// The line in the notes that tells what became of an order.
#[must_use]
pub fn expiry_line(at: Instant) -> String {
    format!("[系统] 订单超时已过期 - {at}")
}

/// An order past its deadline that could not be released, so that it stops no other. It is tried again until it is parked; then a
/// person has to look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckOrder {
    pub order: OrderId,
    pub attempts: i64,
    /// Absent where it is parked.
    pub retry_at: Option<Instant>,
    pub last_error: String,
}

impl StuckOrder {
    /// How long after each failure it is tried again. After the last one it is parked.
    pub const RETRY_MS: [i64; 3] = [15_000, 30_000, 60_000];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fulfilment_table_is_exactly_this() {
        use Fulfilment::{Completed, Pending, Preparing, Ready, Shipped};
        let pick_up = [
            (Pending, Preparing),
            (Pending, Ready),
            (Pending, Completed),
            (Preparing, Ready),
            (Preparing, Completed),
            (Ready, Completed),
        ];
        let delivered = [
            (Pending, Preparing),
            (Pending, Shipped),
            (Pending, Completed),
            (Preparing, Shipped),
            (Preparing, Completed),
            (Shipped, Completed),
        ];
        let address = Delivery::To(Sealed::new(b"a street".to_vec()));
        for from in Fulfilment::ALL {
            for to in Fulfilment::ALL {
                // Of a state that only the other way has, nothing is asked.
                if from != Shipped {
                    let expected = pick_up.contains(&(from, to));
                    assert_eq!(from.can_become(to, &Delivery::PickUp), expected, "{from:?} {to:?}");
                }
                if from != Ready {
                    assert_eq!(from.can_become(to, &address), delivered.contains(&(from, to)), "{from:?} {to:?}");
                }
            }
        }
    }
}
