use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{Cents, ComplaintId, ComplaintText, Instant, MemberId, OrderId, Picture, Reason};

words! {
    /// open → answered, closed; answered → closed.
    ComplaintStatus {
        /// Nobody has answered yet.
        Open = "open",
        Answered = "answered",
        Closed = "closed",
    }
}

/// What a member has to say about an order, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    pub id: ComplaintId,
    pub member: MemberId,
    /// A whole one.
    pub order: OrderId,
    pub order_no: String,
    pub text: ComplaintText,
    pub pictures: Vec<Picture>,
    /// Who sees to it.
    pub owner: Option<MemberId>,
    pub replies: Vec<ComplaintReply>,
    /// What it has given back.
    pub refunded: Cents,
    /// When the first reply was.
    pub answered_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What the house says to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintReply {
    pub by: Option<MemberId>,
    pub at: Instant,
    pub text: Reason,
}

impl Complaint {
    pub const MOST_PICTURES: usize = 4;

    #[must_use]
    pub fn status(&self) -> ComplaintStatus {
        match (self.answered_at, self.closed_at) {
            (_, Some(_)) => ComplaintStatus::Closed,
            (Some(_), None) => ComplaintStatus::Answered,
            (None, None) => ComplaintStatus::Open,
        }
    }
}
