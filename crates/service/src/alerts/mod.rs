//! Alerts: a job measures what the rules watch, the kernel decides what is new, and the outbox carries it to the channels.

mod channels;
mod letter;
mod mail;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    AlertChannel, AlertCommand, AlertKey, AlertMessage, AlertRule, Command, Counts, Instant, NoteRound, Outcome,
    RunState, TryChannel,
};
use serde_json::json;
use store::OutboxRow;
use store::queries::{alerts as queries, jobs};

pub use self::channels::Channel;
pub use self::mail::{MailSecurity, MailSettings};
pub use self::words::AlertLanguage;
use crate::backups::BackUp;
use crate::jobs::counts;
use crate::tallies::MINUTE_MS;
use crate::{
    ConsistencyCheck, Delivering, Delivery, Failure, Job, Ran, Request, Schedule, Service, Undelivered, crash,
    first_id_at,
};

const HOUR_MS: i64 = 60 * MINUTE_MS;
/// What is counted is counted over so many minutes.
const WINDOW_MINUTES: i64 = 10;
/// So long a callback may take to have its effect.
const CALLBACK_MS: i64 = 5 * MINUTE_MS;
const TOPUPS_MS: i64 = 2 * HOUR_MS;
/// Fewer top-ups than this prove nothing.
const LEAST_TOPUPS: i64 = 10;
/// How far back the last run that ended well is looked for.
const MOST_RUNS: i64 = 20;

/// Which rules watch, and whom they tell.
pub struct Alerts {
    /// By rule; a rule without one, or with 0, watches nothing.
    pub thresholds: BTreeMap<AlertRule, i64>,
    /// What goes on firing is told again after so long.
    pub repeat_ms: i64,
    pub language: AlertLanguage,
    /// Where people reach the console, without a slash at the end.
    pub console_url: Option<String>,
    pub channels: Vec<Channel>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            thresholds: AlertRule::ALL.iter().map(|&rule| (rule, rule.usual_threshold())).collect(),
            repeat_ms: 4 * HOUR_MS,
            language: AlertLanguage::Chinese,
            console_url: None,
            channels: Vec::new(),
        }
    }
}

impl Alerts {
    /// Absent where the rule is off.
    #[must_use]
    pub fn threshold(&self, rule: AlertRule) -> Option<i64> {
        self.thresholds.get(&rule).copied().filter(|&threshold| threshold > 0)
    }

    /// Whom alerts are told.
    #[must_use]
    pub fn channel_names(&self) -> BTreeSet<AlertChannel> {
        self.channels.iter().map(Channel::name).collect()
    }

    /// # Errors
    /// Where it is not configured, or not any more.
    pub(crate) fn channel(&self, name: AlertChannel) -> Result<&Channel, String> {
        let channel = self.channels.iter().find(|channel| channel.name() == name);
        channel.ok_or_else(|| format!("no channel {} is configured", name.as_str()))
    }
}

/// What a round has measured, as far as it is at or over its threshold.
struct Round<'a> {
    alerts: &'a Alerts,
    over: BTreeMap<AlertKey, i64>,
}

/// The last run of a job that ended well.
struct Last {
    /// Where none has, since somebody has tried in vain; absent where it has never run, as in a new house.
    since: Option<Instant>,
    counts: Counts,
}

impl Round<'_> {
    fn watches(&self, rule: AlertRule) -> bool {
        self.alerts.threshold(rule).is_some()
    }

    fn note(&mut self, rule: AlertRule, subject: &str, value: i64) {
        if self.alerts.threshold(rule).is_some_and(|threshold| value >= threshold) {
            self.over.insert((rule, subject.to_owned()), value);
        }
    }
}

impl Service {
    /// Looks once at everything that the rules watch: how many alerts fired, how many were resolved, and how many messages speak of.
    pub async fn watch_alerts(&self) -> Result<(i64, i64, i64), Failure> {
        let over = self.measure().await?;
        let firing = queries::firing(self.store()).await?.into_iter().collect();
        let alerts = self.alerts();
        let command = NoteRound {
            over,
            thresholds: alerts.thresholds.clone(),
            firing,
            repeat_ms: alerts.repeat_ms,
            channels: alerts.channel_names(),
        };
        let noted = self.run(Request::by_house(Command::Alert(AlertCommand::NoteRound(command)))).await?;
        crash::at("alerts-noted");
        match noted {
            Outcome::AlertRound { fired, resolved, told } => Ok((fired, resolved, told)),
            _ => Err(Failure::Internal { reason: "a round of alerts answered something else".to_owned() }),
        }
    }

    async fn measure(&self) -> Result<BTreeMap<AlertKey, i64>, Failure> {
        use AlertRule as Rule;
        let (store, now) = (self.store(), self.now());
        let mut round = Round { alerts: self.alerts(), over: BTreeMap::new() };
        let from_minute = now.as_millis().div_euclid(MINUTE_MS) - WINDOW_MINUTES;
        for (name, count) in queries::tallies(store, from_minute).await? {
            if let Ok(rule) = name.parse() {
                round.note(rule, "", count);
            }
        }
        if let Some(due_at) = queries::oldest_message(store).await? {
            round.note(Rule::OutboxOld, "", minutes_between(due_at, now));
        }
        round.note(Rule::CallbacksWait, "", queries::callbacks_waiting(store, now.plus_millis(-CALLBACK_MS)).await?);
        round.note(Rule::ExceptionsWait, "", queries::exceptions_open(store).await?);
        round.note(Rule::OrdersHeld, "", queries::openings_held(store).await?);
        round.note(Rule::ReleasesFail, "", queries::releases_parked(store).await?);
        let (ended, unpaid) = queries::topups_ended(store, first_id_at(now.plus_millis(-TOPUPS_MS))).await?;
        if ended >= LEAST_TOPUPS {
            round.note(Rule::TopupsFail, "", unpaid * 100 / ended);
        }
        if let Some(minutes) = round.alerts.threshold(Rule::DeviceOffline) {
            for (device, since) in queries::devices_offline(store, now.plus_millis(-minutes * MINUTE_MS)).await? {
                round.note(Rule::DeviceOffline, device.as_str(), minutes_between(since, now));
            }
        }
        self.measure_jobs(&mut round).await?;
        self.measure_books(&mut round).await?;
        Ok(round.over)
    }

    async fn measure_jobs(&self, round: &mut Round<'_>) -> Result<(), Failure> {
        for job in self.jobs().await? {
            if job.name == BackUp::NAME
                && let Last { since: Some(since), .. } = self.last(job.name).await?
            {
                round.note(AlertRule::BackupOld, "", minutes_between(since, self.now()) / 60);
            }
            if let Some(due_at) = job.next_run_at.filter(|_| !job.paused) {
                round.note(AlertRule::JobLate, job.name, minutes_between(due_at, self.now()));
            }
            let last = job.last_run.map(|shown| shown.run.state);
            if round.watches(AlertRule::JobFails) && !matches!(last, None | Some(RunState::Succeeded { .. })) {
                let failed = queries::runs_failed(self.store(), job.name).await?;
                round.note(AlertRule::JobFails, job.name, failed);
            }
        }
        Ok(())
    }

    async fn measure_books(&self, round: &mut Round<'_>) -> Result<(), Failure> {
        let Last { since, counts } = self.last(ConsistencyCheck::NAME).await?;
        round.note(AlertRule::BooksWrong, "", counts.values().sum());
        if let Some(since) = since {
            round.note(AlertRule::BooksUnchecked, "", minutes_between(since, self.now()) / 60);
        }
        Ok(())
    }

    async fn last(&self, job: &str) -> Result<Last, Failure> {
        if let Some((at, counts)) = self.last_success(job).await? {
            return Ok(Last { since: Some(at), counts });
        }
        let runs = jobs::runs(self.store(), job, MOST_RUNS).await?;
        Ok(Last { since: runs.last().map(|shown| shown.run.started_at), counts: Counts::new() })
    }

    /// When a job last ended well, and what that came to.
    pub(crate) async fn last_success(&self, job: &str) -> Result<Option<(Instant, Counts)>, Failure> {
        let runs = jobs::runs(self.store(), job, MOST_RUNS).await?;
        Ok(runs.into_iter().find_map(|shown| match shown.run.state {
            RunState::Succeeded { ended_at, counts } => Some((ended_at, counts)),
            _ => None,
        }))
    }

    /// Sends a channel a message that says it is only a test.
    pub async fn try_channel(&self, name: AlertChannel, asked: impl FnOnce(Command) -> Request) -> Result<(), Failure> {
        let alerts = self.alerts();
        let failed = |reason| Failure::Provider { reason };
        let channel = alerts.channel(name).map_err(failed)?;
        self.run(asked(Command::Alert(AlertCommand::TryChannel(TryChannel { channel: name })))).await?;
        let details = json!({ "at": self.now(), "alerts": [] });
        channel.send(self, None, details, alerts.language.trial()).await.map_err(|why| failed(why.why()))
    }

    async fn tell_alerts(&self, message: &OutboxRow) -> Result<(), Undelivered> {
        let told: AlertMessage = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
        let alerts = self.alerts();
        let channel = alerts.channel(told.channel)?;
        let text = alerts.language.text(&told, self.zone());
        let details = json!({ "at": told.at, "alerts": told.alerts });
        channel.send(self, Some(message.id), details, &text).await?;
        crash::at("alerts-told");
        Ok(())
    }
}

fn minutes_between(from: Instant, until: Instant) -> i64 {
    (until.as_millis() - from.as_millis()).div_euclid(MINUTE_MS)
}

/// Carries what a round has to say to one channel.
pub struct AlertDelivery;

impl Delivery for AlertDelivery {
    fn topic(&self) -> &'static str {
        "alerts"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move { service.tell_alerts(message).await })
    }
}

/// Looks every minute.
pub struct WatchAlerts;

impl Job for WatchAlerts {
    fn name(&self) -> &'static str {
        "watch-alerts"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let noted = service.watch_alerts().await.map_err(|failure| format!("{failure:?}"))?;
            let (fired, resolved, told) = noted;
            Ok(counts([("fired", fired), ("resolved", resolved), ("told", told)]))
        })
    }
}
