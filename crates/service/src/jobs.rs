//! Scheduled work. Every server looks every second which jobs are due; a command with a lease decides which of them does one.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::FutureExt;
use kernel::{
    Command, Counts, EndRun, Instant, JobRun, Noun, Outcome, PauseJob, Refusal, RenewRun, RunState, StartJob, Trigger,
};
use store::queries::jobs::{self as queries, Shown};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metrics::Watch;
use crate::{Failure, Histogram, Request, Service};

const TICK: Duration = Duration::from_secs(1);
const LEASE_MS: i64 = 60_000;
const RENEWAL: Duration = Duration::from_secs(20);
/// A run that failed is tried again after this long, or at its usual time where that is sooner.
const RETRY_MS: i64 = 300_000;
/// How long a run may take to notice that the service stops. Shorter than what a last heartbeat leaves for making ids.
const DRAIN: Duration = Duration::from_secs(10);
/// How often, and how many times, somebody who asked for a run looks whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
const MOST_LOOKS: u32 = 300;

/// When a job runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// As the service starts, and so long after each beginning.
    Every { ms: i64 },
    /// At so many minutes after midnight in the configured zone.
    Daily { minute: u16 },
    /// Never.
    ByHand,
}

/// What a run counted, or why it failed.
pub type Ran<'a> = Pin<Box<dyn Future<Output = Result<Counts, String>> + Send + 'a>>;

/// Work that is done again and again. A run may be cut off at any point and the next one goes on, so each of its steps is a command
/// of its own; and it ends soon after [`Service::is_stopping`].
pub trait Job: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn schedule(&self) -> Schedule;

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a>;

    /// Called once, when no run of it can come any more.
    fn stopped(&self) {}

    /// How long after a run that came to `counts` it is due again, where that is sooner than the schedule says.
    fn again_after_ms(&self, counts: &Counts) -> Option<i64> {
        let _ = counts;
        None
    }
}

/// What a run came to, as it is written down.
pub(crate) fn counts<const N: usize>(counts: [(&str, i64); N]) -> Counts {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    pub name: &'static str,
    pub schedule: Schedule,
    pub paused: bool,
    /// When it is due, paused or not.
    pub next_run_at: Option<Instant>,
    pub last_run: Option<Shown>,
}

#[derive(Default)]
pub struct JobMetrics {
    pub succeeded: AtomicU64,
    pub failed: AtomicU64,
    pub running: AtomicI64,
    pub micros: Histogram<9>,
}

impl Default for Histogram<9> {
    fn default() -> Self {
        Self::new([10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 15_000_000, 60_000_000, 300_000_000])
    }
}

/// The jobs of a service, and the way to its scheduler.
pub(crate) struct Jobs {
    all: Vec<(Box<dyn Job>, JobMetrics)>,
    begun_at: Instant,
    started: mpsc::UnboundedSender<(usize, JobRun)>,
}

pub(crate) type Started = mpsc::UnboundedReceiver<(usize, JobRun)>;

impl Jobs {
    pub(crate) fn new(all: Vec<Box<dyn Job>>, begun_at: Instant) -> (Self, Started) {
        let (started, receiver) = mpsc::unbounded_channel();
        (Self { all: all.into_iter().map(|job| (job, JobMetrics::default())).collect(), begun_at, started }, receiver)
    }

    fn find(&self, name: &str) -> Result<usize, Failure> {
        let found = self.all.iter().position(|(job, _)| job.name() == name);
        found.ok_or(Failure::Refused(Refusal::NotFound { noun: Noun::Job }))
    }
}

impl Service {
    pub async fn jobs(&self) -> Result<Vec<JobView>, Failure> {
        let stored = queries::all(self.store()).await?;
        let view = |(job, _): &(Box<dyn Job>, JobMetrics)| {
            let (paused, last_run) = match stored.iter().find(|(stored, _)| stored.name == job.name()) {
                Some((stored, run)) => (stored.paused, run.clone()),
                None => (false, None),
            };
            let last = last_run.as_ref().map(|shown| &shown.run);
            let usual = next_run_at(job.schedule(), last, self.jobs_of().begun_at, self.now(), self.zone());
            let again = last.and_then(|last| match &last.state {
                RunState::Succeeded { ended_at, counts } => Some(ended_at.plus_millis(job.again_after_ms(counts)?)),
                _ => None,
            });
            let next_run_at = usual.map(|usual| again.map_or(usual, |again| usual.min(again)));
            JobView { name: job.name(), schedule: job.schedule(), paused, next_run_at, last_run }
        };
        Ok(self.jobs_of().all.iter().map(view).collect())
    }

    /// # Errors
    /// Where there is no such job.
    pub fn must_have_job(&self, name: &str) -> Result<(), Failure> {
        self.jobs_of().find(name).map(|_| ())
    }

    /// Runs a job now, after the run that is going on if there is one. Answers with the run as it ended, or as it is where it
    /// takes longer than anybody waits.
    ///
    /// # Errors
    /// Where there is no such job, or others keep it busy.
    pub async fn run_job(&self, name: &str, asked: impl FnOnce(Command) -> Request) -> Result<Shown, Failure> {
        let job = self.jobs_of().find(name)?;
        for _ in 0..MOST_LOOKS {
            let last = queries::runs(self.store(), name, 1).await?;
            if last.iter().all(|shown| !shown.run.holds_at(self.now())) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let command = self.start_command(name, Trigger::Hand);
        let claim = command.claim;
        let run = run_of(self.run(asked(Command::StartJob(command))).await?)?;
        // Otherwise the request came again, and the run is that of the first time.
        if run.claim == claim {
            drop(self.jobs_of().started.send((job, run.clone())));
        }
        let mut looks = 0;
        loop {
            let shown = queries::run(self.store(), run.id).await?;
            let shown = shown.ok_or(Failure::Refused(Refusal::NotFound { noun: Noun::JobRun }))?;
            looks += 1;
            if looks > MOST_LOOKS || !matches!(shown.run.state, RunState::Running { .. }) {
                return Ok(shown);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// # Errors
    /// Where there is no such job.
    pub async fn pause_job(
        &self,
        name: &str,
        paused: bool,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(), Failure> {
        self.jobs_of().find(name)?;
        let command = Command::PauseJob(PauseJob { job: name.to_owned(), paused });
        self.run(asked(command)).await.map(drop)
    }

    /// Each job's figures.
    pub fn job_metrics(&self) -> impl Iterator<Item = (&'static str, &JobMetrics)> {
        self.jobs_of().all.iter().map(|(job, metrics)| (job.name(), metrics))
    }

    fn start_command(&self, name: &str, trigger: Trigger) -> StartJob {
        let mut claim = [0; 8];
        self.ambient().fill(&mut claim);
        let claim = i64::from_le_bytes(claim);
        StartJob { job: name.to_owned(), node: self.node_number(), claim, lease_ms: LEASE_MS, trigger }
    }
}

/// When a job is due next; a moment that has passed where it is due now.
fn next_run_at(
    schedule: Schedule,
    last: Option<&JobRun>,
    begun_at: Instant,
    now: Instant,
    zone: &jiff::tz::TimeZone,
) -> Option<Instant> {
    let usual = match (schedule, last) {
        (Schedule::ByHand, _) => return None,
        (_, None) => return Some(begun_at),
        (_, Some(JobRun { state: RunState::Running { lease_until }, .. })) => return Some(*lease_until),
        (Schedule::Every { .. }, Some(last)) if last.started_at < begun_at => begun_at,
        (Schedule::Every { ms }, Some(last)) => last.started_at.plus_millis(ms),
        (Schedule::Daily { minute }, Some(last)) => {
            let date = last.started_at.date_in(zone);
            let that_day = date.at_in(minute, zone);
            if last.started_at < that_day { that_day } else { date.plus_days(1).at_in(minute, zone) }
        }
    };
    Some(match last {
        Some(JobRun { state: RunState::Failed { ended_at, .. }, .. }) => usual.min(ended_at.plus_millis(RETRY_MS)),
        Some(JobRun { state: RunState::Abandoned { ended_at }, .. }) => usual.min(*ended_at),
        // The clock was set back: nobody knows how long ago that was.
        Some(last) if last.started_at > now => now,
        _ => usual,
    })
}

/// Starts what is due until the service stops, then waits for what runs.
pub(crate) async fn work(service: Service, mut started: Started, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    while !*stop.borrow() {
        match service.jobs().await {
            Ok(jobs) => {
                for (at, view) in jobs.iter().enumerate().filter(|(_, view)| is_due(view, service.now())) {
                    if let Some(run) = start(&service, view).await {
                        running.spawn(carry_out(service.clone(), at, run));
                    }
                }
            }
            Err(failure) => tracing::warn!(?failure, "the jobs cannot be read"),
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(TICK) => {}
            _ = stop.changed() => {}
            Some((at, run)) = started.recv() => drop(running.spawn(carry_out(service.clone(), at, run))),
            Some(_) = running.join_next() => {}
        }
    }
    started.close();
    while let Some((at, run)) = started.recv().await {
        running.spawn(carry_out(service.clone(), at, run));
    }
    let drained = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("a job does not end; its next run goes on where this one is cut off");
    }
    service.jobs_of().all.iter().for_each(|(job, _)| job.stopped());
}

fn is_due(view: &JobView, now: Instant) -> bool {
    !view.paused && view.next_run_at.is_some_and(|at| at <= now)
}

async fn start(service: &Service, view: &JobView) -> Option<JobRun> {
    let after = view.last_run.as_ref().map(|shown| shown.run.id);
    let command = service.start_command(view.name, Trigger::Schedule { after });
    match service.run(Request::by_house(Command::StartJob(command))).await.and_then(run_of) {
        Ok(run) => Some(run),
        // Another server was faster.
        Err(Failure::Refused(_)) => None,
        Err(failure) => {
            tracing::warn!(?failure, job = view.name, "a job cannot be started");
            None
        }
    }
}

fn run_of(outcome: Outcome) -> Result<JobRun, Failure> {
    match outcome {
        Outcome::JobRun { run } => Ok(run),
        _ => Err(Failure::Internal { reason: "a job's command answered something else".to_owned() }),
    }
}

/// Does the work and writes down how it ended, unless the lease is lost meanwhile.
async fn carry_out(service: Service, at: usize, run: JobRun) {
    let (job, metrics) = &service.jobs_of().all[at];
    let watch = Watch::start();
    metrics.running.fetch_add(1, Relaxed);
    let ended = tokio::select! {
        biased;
        result = AssertUnwindSafe(job.run(&service)).catch_unwind() => {
            Some(result.unwrap_or_else(|_| Err("the job panicked".to_owned())))
        }
        () = keep_lease(&service, &run) => None,
    };
    metrics.running.fetch_sub(1, Relaxed);
    metrics.micros.record(watch.micros());
    let counter = if matches!(ended, Some(Ok(_))) { &metrics.succeeded } else { &metrics.failed };
    counter.fetch_add(1, Relaxed);
    let Some(result) = ended else {
        tracing::warn!(job = job.name(), "somebody else has taken a job over");
        return;
    };
    if let Err(error) = &result {
        tracing::error!(job = job.name(), error, "a job failed");
    }
    let end = Command::EndRun(EndRun { run: run.id, claim: run.claim, result });
    if let Err(failure) = service.run(Request::by_house(end)).await {
        tracing::warn!(?failure, job = job.name(), "the end of a job cannot be written down");
    }
}

/// Ends where the lease is lost.
async fn keep_lease(service: &Service, run: &JobRun) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let renew = Command::RenewRun(RenewRun { run: run.id, claim: run.claim, lease_ms: LEASE_MS });
        match service.run(Request::by_house(renew)).await {
            Err(Failure::Refused(_)) => return,
            Err(failure) => tracing::warn!(?failure, job = run.job, "a job's lease cannot be renewed"),
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::RunId;

    use super::*;

    fn instant(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    fn next(schedule: Schedule, started_at: &str, state: RunState, now: &str) -> String {
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled zone");
        let last = JobRun {
            id: RunId::new(1),
            job: "a-job".to_owned(),
            node: 0,
            claim: 0,
            triggered_by: None,
            started_at: instant(started_at),
            state,
        };
        let begun_at = instant("2026-01-05T02:00:00Z");
        let next = next_run_at(schedule, Some(&last), begun_at, instant(now), &zone);
        next.map(|at| at.to_string()).unwrap_or_default()
    }

    fn done() -> RunState {
        RunState::Succeeded { ended_at: instant("2026-01-05T02:00:01Z"), counts: Counts::new() }
    }

    #[test]
    fn a_job_is_due_when_its_schedule_says() {
        const NOW: &str = "2026-01-05T03:00:00Z";
        let every = Schedule::Every { ms: 3_600_000 };
        let before_start = next(every, "2026-01-05T01:59:59Z", done(), NOW);
        assert_eq!(before_start, "2026-01-05T02:00:00.000Z", "as the service starts");
        assert_eq!(next(every, "2026-01-05T02:30:00Z", done(), NOW), "2026-01-05T03:30:00.000Z");
        assert_eq!(next(every, "2026-01-05T04:30:00Z", done(), NOW), "2026-01-05T03:00:00.000Z", "the clock went back");

        let daily = Schedule::Daily { minute: 10 * 60 + 30 };
        assert_eq!(next(daily, "2026-01-05T02:29:59Z", done(), NOW), "2026-01-05T02:30:00.000Z");
        assert_eq!(next(daily, "2026-01-05T02:30:00Z", done(), NOW), "2026-01-06T02:30:00.000Z");

        let failed = RunState::Failed { ended_at: instant("2026-01-05T02:31:00Z"), error: String::new() };
        assert_eq!(next(daily, "2026-01-05T02:30:00Z", failed, NOW), "2026-01-05T02:36:00.000Z");
        let running = RunState::Running { lease_until: instant("2026-01-05T02:31:00Z") };
        assert_eq!(next(daily, "2026-01-05T02:30:00Z", running, NOW), "2026-01-05T02:31:00.000Z");
        assert_eq!(next(Schedule::ByHand, "2026-01-05T02:30:00Z", done(), NOW), "");
    }
}
