//! Anything scarce is a pool, an order's claim on it is a hold.

use serde::{Deserialize, Serialize};

use crate::{Instant, OrderId, PoolId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub id: PoolId,
    pub capacity: i64,
    /// What all held and consumed holds add up to, expired ones included until somebody releases them.
    pub taken: i64,
    /// How many orders have ever claimed from it, where its orders are numbered.
    #[serde(default)]
    pub issued: i64,
}

impl Pool {
    /// More than any house serves at one meal; a larger figure is a slip of the hand.
    pub const MAX_CAPACITY: i64 = 1_000_000;

    #[must_use]
    pub fn available(&self) -> i64 {
        (self.capacity - self.taken).max(0)
    }
}

/// held → consumed, released; both final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    Held,
    Consumed,
    Released,
}

impl HoldState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Consumed => "consumed",
            Self::Released => "released",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub order: OrderId,
    pub pool: PoolId,
    pub quantity: i64,
    pub state: HoldState,
    pub expires_at: Option<Instant>,
}

impl Hold {
    /// What of it is in the pool's `taken`, deadline or not.
    #[must_use]
    pub fn taken(&self) -> i64 {
        match self.state {
            HoldState::Held | HoldState::Consumed => self.quantity,
            HoldState::Released => 0,
        }
    }

    /// Whether this claim still counts. It stops counting at its deadline, whether or not anything has run since.
    #[must_use]
    pub fn counts_at(&self, now: Instant) -> bool {
        match self.state {
            HoldState::Consumed => true,
            HoldState::Held => self.expires_at.is_none_or(|deadline| now < deadline),
            HoldState::Released => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(state: HoldState, expires_at: Option<i64>) -> Hold {
        Hold {
            order: OrderId::new(1),
            pool: PoolId::new(2),
            quantity: 3,
            state,
            expires_at: expires_at.map(Instant::from_millis),
        }
    }

    #[test]
    fn a_hold_stops_counting_at_its_deadline() {
        let (before, at) = (Instant::from_millis(999), Instant::from_millis(1000));
        assert!(hold(HoldState::Held, Some(1000)).counts_at(before));
        assert!(!hold(HoldState::Held, Some(1000)).counts_at(at));
        assert!(hold(HoldState::Held, None).counts_at(at));
        assert!(hold(HoldState::Consumed, Some(1000)).counts_at(at));
        assert!(!hold(HoldState::Released, None).counts_at(before));
    }
}
