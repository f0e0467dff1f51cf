//! What members complain of.

pub(crate) mod file;
pub(crate) mod list;
pub(crate) mod upload_picture;

use kernel::{
    Cents, Complaint, ComplaintId, ComplaintReply, ComplaintStatus, ComplaintText, Instant, MemberId, Reason,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoints::shop::PictureAnswer;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ComplaintPath {
    pub(crate) complaint_id: ComplaintId,
}

/// A complaint, and what became of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ComplaintAnswer {
    complaint_id: ComplaintId,
    status: ComplaintStatus,
    user_id: MemberId,
    order_no: String,
    text: ComplaintText,
    pictures: Vec<PictureAnswer>,
    /// Who sees to it.
    owner_id: Option<MemberId>,
    answers: Vec<ReplyAnswer>,
    /// What it has given back, in tickets at 500 to the yuan.
    refunded_cents: Cents,
    answered_at: Option<Instant>,
    closed_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
}

/// What the house says to it.
#[derive(Serialize, JsonSchema)]
struct ReplyAnswer {
    at: Instant,
    user_id: Option<MemberId>,
    text: Reason,
}

impl From<Complaint> for ComplaintAnswer {
    fn from(complaint: Complaint) -> Self {
        let reply = |ComplaintReply { by, at, text }| ReplyAnswer { at, user_id: by, text };
        Self {
            status: complaint.status(),
            complaint_id: complaint.id,
            user_id: complaint.member,
            order_no: complaint.order_no,
            text: complaint.text,
            pictures: complaint.pictures.iter().map(PictureAnswer::of).collect(),
            owner_id: complaint.owner,
            answers: complaint.replies.into_iter().map(reply).collect(),
            refunded_cents: complaint.refunded,
            answered_at: complaint.answered_at,
            closed_at: complaint.closed_at,
            created_at: complaint.created_at,
            updated_at: complaint.updated_at,
        }
    }
}
