use serde::{Deserialize, Serialize};

use crate::{Cents, CorrectionId, Instant, MemberId, OrderId, ProductCode, Reason};

/// Quantities of an order that a person has said anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub id: CorrectionId,
    /// A whole one.
    pub order: OrderId,
    pub items: Vec<Corrected>,
    pub reason: Reason,
    /// What the order costs more by it than before.
    pub difference: Cents,
    pub asked_by: Option<MemberId>,
    pub state: CorrectionState,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// How many of a product it were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    pub code: ProductCode,
    pub quantity: i64,
}

/// waiting → done, refused; a small one is done at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CorrectionState {
    /// For somebody else than who asked for it.
    Waiting,
    Done {
        /// The second person, where one was needed.
        agreed_by: Option<MemberId>,
        at: Instant,
        /// What charged the difference or gave it back; absent where no goods and no money had to move.
        surcharge: Option<OrderId>,
    },
    Refused {
        by: MemberId,
        at: Instant,
        note: Reason,
    },
}

impl CorrectionState {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done { .. } => "done",
            Self::Refused { .. } => "refused",
        }
    }
}
