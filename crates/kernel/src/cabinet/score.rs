use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{Cents, DoorSessionId, Instant, OrderId, PaymentSource, Receipt};

/// The pay score order by which WeChat collects what one opening costs. WeChat knows it by the number of the opening, however often it is
/// asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreOrder {
    pub session: DoorSessionId,
    /// Up to how much WeChat was told that it will be.
    pub most: Cents,
    pub state: ScoreState,
    /// When WeChat is asked about it next, while it is not over.
    pub next_check_at: Instant,
    /// How often WeChat has been asked in vain.
    pub checks: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// | from | to |
/// |---|---|
/// | starting | running, completing, cancelling, over |
/// | running | completing, cancelling, over |
/// | completing | collecting, paid, cancelling, over |
/// | collecting | lowering, paid, over |
/// | lowering | collecting, paid, over |
/// | cancelling | running: the door opened after all; completing: something was taken after all; over |
/// | over | cancelling: WeChat runs it after all |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ScoreState {
    /// WeChat is being asked for it, or nobody knows what it said. The door stays shut.
    Starting,
    Running,
    /// WeChat is being told what it comes to, or nobody knows what it said.
    Completing(ScoreCharge),
    /// WeChat knows what it comes to, and collects it for as long as that takes.
    Collecting(ScoreCharge),
    /// WeChat is being told that it comes to less than `from`, or nobody knows what it said; it may have collected all of that.
    Lowering {
        charge: ScoreCharge,
        from: Cents,
    },
    /// The charge is what was collected, whatever has gone back since.
    Paid {
        charge: ScoreCharge,
        receipt: Receipt,
    },
    /// WeChat is being told that nothing is to be collected, or nobody knows what it said.
    Cancelling,
    /// Nothing was collected, and nothing will be.
    Over {
        end: ScoreEnd,
    },
}

/// What a pay score order comes to. WeChat hears the same however often it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreCharge {
    /// What it is for; absent where nothing was taken. Of what was lowered to nothing, what it was for.
    pub order: Option<OrderId>,
    pub total: Cents,
    pub ended_at: Instant,
}

words! {
    /// How a pay score order ended of which nothing was collected.
    ScoreEnd {
        /// It came to nothing.
        Free = "free",
        Revoked = "revoked",
        /// Nobody ended it in time.
        Expired = "expired",
        /// WeChat would not begin it.
        Refused = "refused",
        /// WeChat has never heard of it.
        Missing = "missing",
        /// A person has seen to what was paid for it.
        Settled = "settled",
    }
}

/// What WeChat says about a pay score order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScoreSeen {
    /// It waits for the member to confirm it, which no order of ours is meant to do.
    Unconfirmed,
    Running,
    Collecting {
        total: Cents,
    },
    Paid {
        total: Cents,
        transaction_id: String,
        paid_at: Instant,
        source: PaymentSource,
    },
    Ended(ScoreEnd),
    /// It will not do what it was asked for, and would say so again.
    Refused {
        error: String,
    },
    /// What nothing here has asked for: a payment in several parts, or outside WeChat.
    Odd {
        said: String,
    },
    Unknown,
}

impl ScoreOrder {
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        self.state.receipt()
    }
}

impl ScoreState {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Completing(_) => "completing",
            Self::Collecting(_) => "collecting",
            Self::Lowering { .. } => "lowering",
            Self::Paid { .. } => "paid",
            Self::Cancelling => "cancelling",
            Self::Over { .. } => "over",
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Paid { .. } | Self::Over { .. })
    }

    #[must_use]
    pub fn charge(&self) -> Option<&ScoreCharge> {
        match self {
            Self::Completing(charge)
            | Self::Collecting(charge)
            | Self::Lowering { charge, .. }
            | Self::Paid { charge, .. } => Some(charge),
            Self::Starting | Self::Running | Self::Cancelling | Self::Over { .. } => None,
        }
    }

    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Paid { receipt, .. } => Some(receipt),
            _ => None,
        }
    }
}
