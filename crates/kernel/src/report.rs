//! Reports: what a day came to, kept as it was told.

use std::collections::BTreeSet;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{
    AlertChannel, AlertRule, Cents, Date, ExceptionAction, ExceptionKind, Instant, MemberId, ReportId, Slot, Tickets,
};

words! {
    ReportKind {
        /// What the house sold, took in and owes.
        Daily = "daily",
        /// What waits for a person, and what was settled.
        Exceptions = "exceptions",
        /// How jobs, messages, servers, backups and books were.
        Health = "health",
    }
}

/// One a kind and day: what was told is not told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: ReportId,
    pub kind: ReportKind,
    pub date: Date,
    pub figures: Figures,
    pub made_at: Instant,
}

/// What was counted. Sums of the past are of the day; what waits, fires or is owed is as it was when the report was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Figures {
    Daily(DailyFigures),
    Exceptions(ExceptionFigures),
    Health(HealthFigures),
}

impl Figures {
    #[must_use]
    pub fn kind(&self) -> ReportKind {
        match self {
            Self::Daily(_) => ReportKind::Daily,
            Self::Exceptions(_) => ReportKind::Exceptions,
            Self::Health(_) => ReportKind::Health,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DailyFigures {
    /// The day's meals, drafts and canceled ones left out.
    pub meals: Vec<MealFigures>,
    pub shop: ShopFigures,
    pub cabinets: CabinetFigures,
    pub topups: TopupFigures,
    pub refunds: RefundFigures,
    pub wallets: WalletFigures,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MealFigures {
    pub slot: Slot,
    /// Those that stand.
    pub orders: i64,
    pub portions: i64,
    pub revenue_cents: Cents,
    /// Orders that nobody has fetched; absent before the meal is completed.
    pub no_shows: Option<i64>,
}

/// Of the orders that were placed on the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShopFigures {
    pub orders: i64,
    pub paid: i64,
    pub revenue_cents: Cents,
    /// Never paid.
    pub expired: i64,
    pub cancelled: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CabinetFigures {
    pub openings: i64,
    /// Openings that wait for a person before anything is charged.
    pub held: i64,
    pub orders: i64,
    /// Withdrawn orders cost nothing, surcharges what they charged or gave back.
    pub sales_cents: Cents,
    /// What of it is paid.
    pub paid_cents: Cents,
    /// Exceptions about cabinets that were raised.
    pub exceptions: i64,
}

/// Of the top-ups that were begun on the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TopupFigures {
    pub paid: i64,
    pub paid_cents: Cents,
    /// Expired or failed.
    pub unpaid: i64,
    pub pending: i64,
    /// Percent of those that have ended; absent where none has.
    pub success_percent: Option<i64>,
}

/// Refunds that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundFigures {
    pub count: i64,
    pub amount_cents: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalletFigures {
    /// Of the members' balances, those above zero.
    pub members_cents: Cents,
    /// Those below zero.
    pub overdrawn_cents: Cents,
    pub overdrawn_members: i64,
    pub departments_cents: Cents,
    pub tickets: Tickets,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionFigures {
    pub open: i64,
    pub overdue: i64,
    /// The longest open ones first, a few hundred at most.
    pub waiting: Vec<WaitingException>,
    pub raised: Vec<RaisedExceptions>,
    pub settled: Vec<SettledExceptions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingException {
    pub exception_id: i64,
    pub exception_kind: ExceptionKind,
    pub subject: String,
    pub since: Instant,
    pub due_at: Instant,
    /// Absent while nobody sees to it.
    pub owner_id: Option<MemberId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RaisedExceptions {
    pub exception_kind: ExceptionKind,
    pub count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettledExceptions {
    pub exception_kind: ExceptionKind,
    pub action: ExceptionAction,
    pub count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthFigures {
    /// Those that have run.
    pub jobs: Vec<JobFigures>,
    /// Messages that have waited in the outbox for longer than a minute.
    pub waiting: i64,
    /// When the oldest of them was due.
    pub waiting_since: Option<Instant>,
    /// Servers that share the database.
    pub servers: i64,
    /// What rules count as it happens, commands turned away by full lanes among it.
    pub counted: Vec<CountedFigures>,
    pub alerts: Vec<AlertFigures>,
    /// The last scheduled backup.
    pub backup_at: Option<Instant>,
    /// The last check of the books.
    pub books_at: Option<Instant>,
    /// What it found.
    pub findings: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobFigures {
    pub job: String,
    pub runs: i64,
    pub failed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountedFigures {
    pub rule: AlertRule,
    pub count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertFigures {
    pub rule: AlertRule,
    pub fired: i64,
    /// How many still do.
    pub firing: i64,
}

/// Keeps a report unless there is one of that kind and day, and owes it to the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepReport {
    pub date: Date,
    pub figures: Figures,
    pub channels: BTreeSet<AlertChannel>,
}

/// What is owed to a channel. The figures are those that were kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMessage {
    pub channel: AlertChannel,
    pub kind: ReportKind,
    pub date: Date,
}
