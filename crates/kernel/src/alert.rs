//! Alerts: what a rule has found over its threshold, from then until it was not any more, and who was told.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::known;
use crate::topup::words;
use crate::{AlertId, Instant, MemberId, Reason};

words! {
    /// What is watched. A rule fires where its value reaches the threshold; a threshold of 0 turns it off.
    AlertRule {
        /// Commands that a full queue turned away in the last ten minutes.
        TurnsAway = "turns_away",
        /// Answers 500 and above in the last ten minutes.
        Faults = "faults",
        /// Runs of a job that failed one after the other.
        JobFails = "job_fails",
        /// Minutes since a job should have begun.
        JobLate = "job_late",
        /// Minutes that the oldest message waits in the outbox.
        OutboxOld = "outbox_old",
        /// What the last check of the books found.
        BooksWrong = "books_wrong",
        /// Hours since the books were last checked.
        BooksUnchecked = "books_unchecked",
        /// Hours since the last scheduled backup that was made, where backups are scheduled.
        BackupOld = "backup_old",
        /// Callbacks and events of partners that have had no effect for five minutes.
        CallbacksWait = "callbacks_wait",
        /// Open exceptions.
        ExceptionsWait = "exceptions_wait",
        /// Percent of the last two hours' top-ups that ended unpaid, where ten or more have ended.
        TopupsFail = "topups_fail",
        /// Openings of cabinets that wait for a person before anything is charged.
        OrdersHeld = "orders_held",
        /// Minutes that a cabinet has been offline.
        DeviceOffline = "device_offline",
        /// Unpaid shop orders that could not be released.
        ReleasesFail = "releases_fail",
        /// Sign-ins turned away after too many wrong passwords or codes, in the last ten minutes.
        Lockouts = "lockouts",
        /// Callbacks that were not believed in the last ten minutes.
        Forged = "forged",
        /// Requests refused for want of a permission in the last ten minutes.
        Refused = "refused",
    }

    AlertArea {
        System = "system",
        Business = "business",
        Security = "security",
    }

    /// What a value counts.
    AlertUnit {
        Count = "count",
        Percent = "percent",
        Minutes = "minutes",
        Hours = "hours",
    }

    /// Whom alerts are told.
    AlertChannel {
        Wecom = "wecom",
        Dingtalk = "dingtalk",
        Feishu = "feishu",
        Webhook = "webhook",
        Mail = "mail",
    }

    /// What a message says of an alert.
    AlertNews {
        Fires = "fires",
        /// It was told before, and long enough ago.
        StillFires = "still_fires",
        Resolved = "resolved",
    }
}

impl AlertRule {
    #[must_use]
    pub fn area(self) -> AlertArea {
        match self {
            Self::TurnsAway
            | Self::Faults
            | Self::JobFails
            | Self::JobLate
            | Self::OutboxOld
            | Self::BooksWrong
            | Self::BooksUnchecked
            | Self::BackupOld => AlertArea::System,
            Self::CallbacksWait
            | Self::ExceptionsWait
            | Self::TopupsFail
            | Self::OrdersHeld
            | Self::DeviceOffline
            | Self::ReleasesFail => AlertArea::Business,
            Self::Lockouts | Self::Forged | Self::Refused => AlertArea::Security,
        }
    }

    #[must_use]
    pub fn unit(self) -> AlertUnit {
        match self {
            Self::JobLate | Self::OutboxOld | Self::DeviceOffline => AlertUnit::Minutes,
            Self::BooksUnchecked | Self::BackupOld => AlertUnit::Hours,
            Self::TopupsFail => AlertUnit::Percent,
            _ => AlertUnit::Count,
        }
    }

    /// Where the configuration says nothing else.
    #[must_use]
    pub fn usual_threshold(self) -> i64 {
        match self {
            Self::TurnsAway
            | Self::BooksWrong
            | Self::CallbacksWait
            | Self::ExceptionsWait
            | Self::OrdersHeld
            | Self::ReleasesFail => 1,
            Self::JobFails => 2,
            Self::Lockouts | Self::Forged => 5,
            Self::Faults | Self::OutboxOld => 10,
            Self::JobLate | Self::DeviceOffline => 15,
            Self::Refused => 30,
            Self::BooksUnchecked | Self::BackupOld => 36,
            Self::TopupsFail => 50,
        }
    }
}

/// What an alert is about: its rule, and which job or cabinet; nothing where it is about the whole house.
pub type AlertKey = (AlertRule, String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    pub rule: AlertRule,
    pub subject: String,
    /// As last measured.
    pub value: i64,
    pub threshold: i64,
    pub since: Instant,
    /// When a message last spoke of it; absent while none has.
    pub told_at: Option<Instant>,
    pub state: AlertState,
    pub updated_at: Instant,
}

/// firing → resolved, and no way back: what fires again is another alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AlertState {
    Firing,
    Resolved { at: Instant },
}

/// Until then nobody is told of a rule's alerts. They are still written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub rule: AlertRule,
    pub until: Instant,
    pub reason: Reason,
    pub set_by: Option<MemberId>,
    pub updated_at: Instant,
}

impl Silence {
    #[must_use]
    pub fn holds_at(&self, now: Instant) -> bool {
        now < self.until
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertCommand {
    NoteRound(NoteRound),
    SilenceRule(SilenceRule),
    EndSilence(EndSilence),
    TryChannel(TryChannel),
}

/// What one round of measuring found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRound {
    /// Each value at or over its rule's threshold.
    pub over: BTreeMap<AlertKey, i64>,
    pub thresholds: BTreeMap<AlertRule, i64>,
    /// What fired before, as its sender has looked up: what is not over any more is resolved.
    pub firing: BTreeSet<AlertKey>,
    /// What goes on firing is told again after so long.
    pub repeat_ms: i64,
    pub channels: BTreeSet<AlertChannel>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRule {
    pub rule: AlertRule,
    pub until: Instant,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSilence {
    pub rule: AlertRule,
}

/// Somebody wants to see whether a channel works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryChannel {
    pub channel: AlertChannel,
}

/// What is owed to a channel: one message for everything that a round has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMessage {
    pub channel: AlertChannel,
    pub at: Instant,
    pub alerts: Vec<ToldAlert>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldAlert {
    pub alert_id: AlertId,
    pub news: AlertNews,
    pub area: AlertArea,
    pub rule: AlertRule,
    pub subject: String,
    pub value: i64,
    pub threshold: i64,
    pub unit: AlertUnit,
    pub since: Instant,
}

impl Alert {
    pub(crate) fn told(&self, news: AlertNews) -> ToldAlert {
        ToldAlert {
            alert_id: self.id,
            news,
            area: self.rule.area(),
            rule: self.rule,
            subject: self.subject.clone(),
            value: self.value,
            threshold: self.threshold,
            unit: self.rule.unit(),
            since: self.since,
        }
    }
}

known! {
    /// The alerts' part of what a batch depends on.
    AlertFacts,
    /// Which of the alerts' rows to read.
    AlertNeeds;

    tables {
        alerts: AlertId => Alert,
        silences: AlertRule => Silence,
    }
    look_ups {
        firing: AlertKey => AlertId, by firing_of,
    }
    last tables {}
    last look_ups {}
    parts {}
    besides {}
}

impl AlertFacts {
    pub(crate) fn apply(&mut self, alert: Alert) {
        let firing = (alert.state == AlertState::Firing).then_some(alert.id);
        self.firing.set((alert.rule, alert.subject.clone()), firing);
        self.alerts.set(alert.id, alert);
    }
}
