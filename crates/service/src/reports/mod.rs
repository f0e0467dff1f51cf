//! Reports: a job counts what a day came to, the kernel keeps it once, and the outbox carries a short text of it to the alerts' channels.

mod words;

use std::collections::BTreeSet;

use kernel::{
    Cents, Command, DailyFigures, Date, ExceptionFigures, Figures, HealthFigures, Instant, KeepReport, Outcome,
    ReportKind, ReportMessage, TopupFigures, TopupStatus, WalletFigures,
};
use serde_json::json;
use store::OutboxRow;
use store::queries::cabinet_stats::IdSpan;
use store::queries::ledger::{self, Total};
use store::queries::{payments, reports as queries};

use crate::backups::BackUp;
use crate::jobs::counts;
use crate::tallies::MINUTE_MS;
use crate::{
    ConsistencyCheck, Delivering, Delivery, Failure, Job, Ran, Request, Schedule, Service, Undelivered, crash,
    first_id_at,
};

/// Days without a report that are made up for, where no server was there to make one.
const MOST_DAYS: i32 = 7;
/// Exceptions that a report names. Who has more reads the queue.
const MOST_WAITING: i64 = 200;

/// From the beginning of a day to that of the next one, by the house's clocks.
struct Day {
    date: Date,
    from: Instant,
    until: Instant,
    ids: IdSpan,
}

impl Service {
    /// Makes the reports that are missing up to yesterday: how many.
    pub async fn make_reports(&self, kinds: &BTreeSet<ReportKind>) -> Result<i64, Failure> {
        let today = self.now().date_in(self.zone());
        let mut made = 0;
        for &kind in kinds {
            let latest = queries::latest(self.store(), kind).await?;
            let missing = latest.map_or(today.plus_days(-1), |date| date.plus_days(1));
            let mut date = missing.max(today.plus_days(-MOST_DAYS));
            while date < today && !self.is_stopping() {
                made += i64::from(self.make_report(kind, date).await?);
                date = date.plus_days(1);
            }
        }
        Ok(made)
    }

    async fn make_report(&self, kind: ReportKind, date: Date) -> Result<bool, Failure> {
        let (from, until) = (date.start_in(self.zone()), date.plus_days(1).start_in(self.zone()));
        let ids = IdSpan { from: first_id_at(from), until: first_id_at(until) };
        let day = Day { date, from, until, ids };
        let figures = match kind {
            ReportKind::Daily => Figures::Daily(self.daily_figures(&day).await?),
            ReportKind::Exceptions => Figures::Exceptions(self.exception_figures(&day).await?),
            ReportKind::Health => Figures::Health(self.health_figures(&day).await?),
        };
        let command = KeepReport { date, figures, channels: self.alerts().channel_names() };
        let kept = self.run(Request::by_house(Command::KeepReport(command))).await?;
        crash::at("report-kept");
        match kept {
            Outcome::ReportKept { is_new } => Ok(is_new),
            _ => Err(Failure::Internal { reason: "a report answered something else".to_owned() }),
        }
    }

    async fn daily_figures(&self, day: &Day) -> Result<DailyFigures, Failure> {
        let store = self.store();
        Ok(DailyFigures {
            meals: queries::meals(store, day.date).await?,
            shop: queries::shop(store, day.ids).await?,
            cabinets: queries::cabinets(store, day.ids).await?,
            topups: self.topup_figures(day).await?,
            refunds: queries::refunds(store, day.ids).await?,
            wallets: self.wallet_figures().await?,
        })
    }

    async fn topup_figures(&self, day: &Day) -> Result<TopupFigures, Failure> {
        let totals = payments::totals(self.store(), day.ids.from, day.from, day.until).await?;
        let of = |wanted: &[TopupStatus]| {
            let ours = totals.iter().filter(|total| wanted.contains(&total.status));
            ours.fold((0, 0), |(count, cents), total| (count + total.count, cents + total.amount_cents))
        };
        let (paid, paid_cents) = of(&[TopupStatus::Paid, TopupStatus::Refunding, TopupStatus::Refunded]);
        let (unpaid, _) = of(&[TopupStatus::Expired, TopupStatus::Failed]);
        let (pending, _) = of(&[TopupStatus::Pending]);
        let ended = paid + unpaid;
        let success_percent = (ended > 0).then(|| paid * 100 / ended);
        Ok(TopupFigures { paid, paid_cents: Cents::new(paid_cents), unpaid, pending, success_percent })
    }

    async fn wallet_figures(&self) -> Result<WalletFigures, Failure> {
        let totals = ledger::totals(self.store()).await?;
        let none = Total::default();
        let of = |kind: &str| totals.iter().find(|total| total.owner_kind == kind).unwrap_or(&none);
        let (members, departments) = (of("member"), of("department"));
        Ok(WalletFigures {
            members_cents: members.credit,
            overdrawn_cents: members.debt,
            overdrawn_members: members.overdrawn,
            departments_cents: Cents::new(departments.credit.get() + departments.debt.get()),
            tickets: queries::tickets(self.store()).await?,
        })
    }

    async fn exception_figures(&self, day: &Day) -> Result<ExceptionFigures, Failure> {
        let store = self.store();
        let (open, overdue) = queries::open_exceptions(store, self.now()).await?;
        Ok(ExceptionFigures {
            open,
            overdue,
            waiting: queries::waiting_exceptions(store, MOST_WAITING).await?,
            raised: queries::raised_exceptions(store, day.ids).await?,
            settled: queries::settled_exceptions(store, (day.from, day.until)).await?,
        })
    }

    async fn health_figures(&self, day: &Day) -> Result<HealthFigures, Failure> {
        let store = self.store();
        let (waiting, waiting_since) = queries::outbox(store, self.now().plus_millis(-MINUTE_MS)).await?;
        let (backup, books) =
            (self.last_success(BackUp::NAME).await?, self.last_success(ConsistencyCheck::NAME).await?);
        Ok(HealthFigures {
            jobs: queries::jobs(store, day.ids).await?,
            waiting,
            waiting_since,
            servers: queries::servers(store, self.now()).await?,
            counted: queries::counted(store, (day.from, day.until)).await?,
            alerts: queries::alerts(store, day.ids).await?,
            backup_at: backup.map(|(at, _)| at),
            books_at: books.as_ref().map(|&(at, _)| at),
            findings: books.map_or(0, |(_, counts)| counts.values().sum()),
        })
    }

    async fn tell_report(&self, message: &OutboxRow) -> Result<(), Undelivered> {
        let told: ReportMessage = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
        let channel = self.alerts().channel(told.channel)?;
        let report = queries::one(self.store(), told.kind, told.date).await.map_err(|error| error.to_string())?;
        let report = report.ok_or_else(|| "the report is not kept any more".to_owned())?;
        let text = words::text(&report, self.alerts(), self.zone());
        let details =
            json!({ "report": { "date": report.date, "made_at": report.made_at, "figures": report.figures } });
        channel.send(self, Some(message.id), details, &text).await?;
        crash::at("report-told");
        Ok(())
    }
}

/// Carries a report's text to one channel.
pub struct ReportDelivery;

impl Delivery for ReportDelivery {
    fn topic(&self) -> &'static str {
        "reports"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move { service.tell_report(message).await })
    }
}

/// Makes yesterday's reports, once a day.
pub struct MakeReports {
    /// After midnight in the configured zone.
    pub minute: u16,
    pub kinds: BTreeSet<ReportKind>,
}

impl Job for MakeReports {
    fn name(&self) -> &'static str {
        "make-reports"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: self.minute }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let made = service.make_reports(&self.kinds).await.map_err(|failure| format!("{failure:?}"))?;
            Ok(counts([("made", made)]))
        })
    }
}
