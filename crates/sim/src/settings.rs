use serde::{Deserialize, Serialize};

/// How the simulated WeChat behaves where it has a choice. `POST /sim/settings` changes the fields that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which key signs notifications.
    pub notify_with: NotifyWith,
    /// Seal notifications without associated data, which is allowed.
    pub empty_associated_data: bool,
    /// Notifications are made but never sent, until somebody presses "send".
    pub lose_notifications: bool,
    pub notification_delay_s: u32,
    /// How often each notification is sent at once.
    pub notification_copies: u32,
    /// Sign with the second platform certificate, and list it.
    pub rotated: bool,
    /// Refuse a nonce that was used before.
    pub strict_nonces: bool,
    /// Orders pay themselves after so many seconds: for demonstrations.
    pub auto_pay_after_s: Option<u32>,
    pub refund_after_s: u32,
    pub refund_outcome: RefundOutcome,
    /// Shortest time between two refunds of one payment.
    pub refund_interval_s: u32,
    /// The merchant's account is empty: refunds are refused with NOT_ENOUGH.
    pub merchant_is_broke: bool,
    pub deduct_after_s: u32,
    /// Pay score deductions fail until somebody presses "pay".
    pub deduction_fails: bool,
    /// Whether a completed pay score order may be cancelled while it is unpaid; sources disagree about the real side.
    pub cancel_after_complete: bool,
    /// Pay score starts are refused for this person's assessment.
    pub refuse_assessment: bool,
    /// Subscribe messages are refused with 43101: the person did not agree.
    pub refuse_messages: bool,
    /// Give out a day's bill without waiting for the next morning.
    pub bills_at_once: bool,
    pub bill_bom: bool,
    pub bill_crlf: bool,
    /// Cabinets whose door was asked for are opened, emptied of the basket and closed, with so many seconds in between.
    pub cabinet_trip_after_s: Option<u32>,
    pub cabinet_basket: Vec<Basket>,
}

/// What is taken from a cabinet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basket {
    pub product_code: String,
    pub quantity: i64,
    pub unit_price_cents: i64,
}

/// Which key signs notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyWith {
    Certificate,
    PublicKey,
    /// In turn, as during a migration.
    Mixed,
}

/// How refunds end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundOutcome {
    Success,
    Abnormal,
    Closed,
}

impl RefundOutcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Abnormal => "ABNORMAL",
            Self::Closed => "CLOSED",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notify_with: NotifyWith::PublicKey,
            empty_associated_data: false,
            lose_notifications: false,
            notification_delay_s: 0,
            notification_copies: 1,
            rotated: false,
            strict_nonces: true,
            auto_pay_after_s: None,
            refund_after_s: 2,
            refund_outcome: RefundOutcome::Success,
            refund_interval_s: 60,
            merchant_is_broke: false,
            deduct_after_s: 2,
            deduction_fails: false,
            cancel_after_complete: false,
            refuse_assessment: false,
            refuse_messages: false,
            bills_at_once: false,
            bill_bom: true,
            bill_crlf: true,
            cabinet_trip_after_s: None,
            cabinet_basket: Vec::new(),
        }
    }
}

impl Settings {
    /// The settings with some fields changed; `None` where a field or a value is unknown.
    pub(crate) fn with(&self, changes: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
        let mut all = serde_json::to_value(self).ok()?;
        all.as_object_mut()?.extend(changes.clone());
        serde_json::from_value(all).ok()
    }
}
