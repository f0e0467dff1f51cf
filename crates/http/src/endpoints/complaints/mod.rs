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
use crate::list::{FileColumn, Shown as Cell};
use crate::texts::{self, Language};

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

impl ComplaintAnswer {
    pub(crate) const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.complaint_id.get())),
        FileColumn::new("订单号", 32, |row| Cell::text(&row.order_no)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("内容", 40, |row| Cell::text(row.text.as_str())),
        FileColumn::new("状态", 10, |row| Cell::text(texts::complaint_status(row.status, Language::Chinese))),
        FileColumn::new("回复", 40, |row| {
            let answers: Vec<_> = row.answers.iter().map(|answer| answer.text.as_str()).collect();
            Cell::text(answers.join("\n"))
        }),
        FileColumn::new("已退礼票(元)", 14, |row| Cell::Cents(row.refunded_cents)),
        FileColumn::new("提交时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("回复时间", 20, |row| Cell::or_nothing(row.answered_at, Cell::Moment)),
        FileColumn::new("结束时间", 20, |row| Cell::or_nothing(row.closed_at, Cell::Moment)),
    ];
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
