//! Scheduled work: due by the clock, on one server at a time, by hand, and after a server that went away.

#![cfg(test)]

mod common;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::{Clock, Place, both_engines, eventually, number, settings};
use futures_util::future::join_all;
use kernel::{Actor, Command, Counts, JobRun, MemberId, Outcome, Refusal, RunState, RunStatus, StartJob, Trigger};
use service::{Ambient, Failure, IdempotencyKey, Job, Request, Schedule, Service};
use store::{AnswerKey, Store};
use tokio::sync::Notify;

const EVERY_MS: i64 = 10_000;
const RUNS: &str = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";

type Work = Pin<Box<dyn Future<Output = Result<Counts, String>> + Send>>;

/// Does whatever a test wants done.
struct Does {
    schedule: Schedule,
    work: Box<dyn Fn(Service) -> Work + Send + Sync>,
}

impl Does {
    fn boxed<F: Future<Output = Result<Counts, String>> + Send + 'static>(
        schedule: Schedule,
        work: impl Fn(Service) -> F + Send + Sync + 'static,
    ) -> Box<dyn Job> {
        Box::new(Self { schedule, work: Box::new(move |service| Box::pin(work(service))) })
    }
}

impl Job for Does {
    fn name(&self) -> &'static str {
        "test"
    }

    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn run<'a>(&'a self, service: &'a Service) -> Pin<Box<dyn Future<Output = Result<Counts, String>> + Send + 'a>> {
        (self.work)(service.clone())
    }
}

fn counted(name: &str, count: i64) -> Counts {
    Counts::from([(name.to_owned(), count)])
}

async fn start(url: &str, clock: &Arc<Clock>, job: Box<dyn Job>) -> Service {
    let mut settings = settings();
    settings.jobs = vec![job];
    let store = Store::new(url).expect("an address");
    Service::start(store, Arc::clone(clock) as Arc<dyn Ambient>, settings).await.expect("started")
}

/// The runs of the one job, oldest first.
async fn runs(service: &Service) -> Vec<JobRun> {
    let runs = store::queries::jobs::runs(service.store(), "test", 100).await.expect("read");
    runs.into_iter().rev().map(|shown| shown.run).collect()
}

fn starts(claim: i64, trigger: Trigger) -> Request {
    let start = StartJob { job: "test".to_owned(), node: 0, claim, lease_ms: 60_000, trigger };
    Request::by_house(Command::StartJob(start))
}

both_engines! {
    async fn of_two_servers_one_runs_a_job(place: Place) {
        let (clock, at_work, done) = (Clock::now(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let job = || {
            let (at_work, done) = (Arc::clone(&at_work), Arc::clone(&done));
            Does::boxed(Schedule::Every { ms: EVERY_MS }, move |_| {
                let (at_work, done) = (Arc::clone(&at_work), Arc::clone(&done));
                async move {
                    assert_eq!(at_work.fetch_add(1, SeqCst), 0, "somebody else is at it");
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    at_work.fetch_sub(1, SeqCst);
                    done.fetch_add(1, SeqCst);
                    Ok(counted("done", 1))
                }
            })
        };
        let url = place.home.url();
        let (first, second) = (start(&url, &clock, job()).await, start(&url, &clock, job()).await);
        eventually("it runs at the start", async || number(&first, RUNS).await == 1).await;
        for round in 2..5 {
            clock.advance_ms(EVERY_MS);
            eventually("it runs when it is due", async || number(&first, RUNS).await == round).await;
        }
        first.stop().await;
        second.stop().await;
        let runs = runs(&first).await;
        assert_eq!((runs.len(), done.load(SeqCst)), (4, 4), "{runs:?}");
        assert!(runs.iter().all(|run| run.triggered_by.is_none() && run.status() == RunStatus::Succeeded), "{runs:?}");
        let RunState::Succeeded { counts, .. } = &runs[0].state else { panic!("{runs:?}") };
        assert_eq!(*counts, counted("done", 1));
    }

    /// What two servers have both seen as due is begun once, together or one after the other.
    async fn a_run_is_begun_once(place: Place) {
        let other = common::start(&place.home.url(), settings()).await;
        let mut after = None;
        for round in 0..10 {
            let trigger = Trigger::Schedule { after };
            let both = [&place.service, &other].into_iter().zip([1, 2]);
            let begun = join_all(both.map(|(service, claim)| service.run(starts(claim, trigger)))).await;
            let begun: Vec<_> = begun.into_iter().filter_map(Result::ok).collect();
            let [Outcome::JobRun { run }] = begun.as_slice() else { panic!("round {round}: {begun:?}") };
            let end = kernel::EndRun { run: run.id, claim: run.claim, result: Ok(Counts::new()) };
            place.service.run(Request::by_house(Command::EndRun(end))).await.expect("ended");
            let late = other.run(starts(3, trigger)).await;
            assert_eq!(late, Err(Failure::Refused(Refusal::JobNotDue)), "round {round}");
            after = Some(run.id);
        }
        other.stop().await;
    }

    async fn a_killed_run_is_followed_by_the_next(place: Place) {
        let (clock, begun) = (Clock::now(), Arc::new(Notify::new()));
        let url = place.home.url();
        let killed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let hangs = {
            let begun = Arc::clone(&begun);
            Does::boxed(Schedule::Every { ms: EVERY_MS }, move |_| {
                begun.notify_one();
                pending()
            })
        };
        killed.spawn({
            let (url, clock) = (url.clone(), Arc::clone(&clock));
            async move { drop(start(&url, &clock, hangs).await) }
        });
        begun.notified().await;
        killed.shutdown_background();

        let service = start(&url, &clock, Does::boxed(Schedule::Every { ms: EVERY_MS }, |_| async { Ok(Counts::new()) })).await;
        clock.advance_ms(30_000);
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(runs(&service).await.len(), 1, "the lease is not over");
        clock.advance_ms(30_000);
        eventually("the next run goes on", async || number(&service, RUNS).await == 1).await;
        let runs = runs(&service).await;
        assert_eq!(runs.iter().map(JobRun::status).collect::<Vec<_>>(), [RunStatus::Abandoned, RunStatus::Succeeded]);
        service.stop().await;
    }

    /// Whose lease was taken cannot end the run, nor keep it.
    async fn a_lost_run_is_lost(place: Place) {
        let clock = Clock::now();
        let service = start(&place.home.url(), &clock, Does::boxed(Schedule::ByHand, |_| async { Ok(Counts::new()) })).await;
        let begin = async |claim| match service.run(starts(claim, Trigger::Hand)).await {
            Ok(Outcome::JobRun { run }) => Ok(run),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => Err(failure),
        };
        let first = begin(1).await.expect("begun");
        let busy = begin(2).await.expect_err("it runs");
        assert_eq!(busy, Failure::Refused(Refusal::JobRunning { run: first.id, since: first.started_at }));
        clock.advance_ms(60_000);
        let mut second = None;
        eventually("the number of the node is renewed", async || {
            second = begin(2).await.ok();
            second.is_some()
        })
        .await;
        let end = |run: &JobRun| {
            let end = kernel::EndRun { run: run.id, claim: run.claim, result: Ok(Counts::new()) };
            service.run(Request::by_house(Command::EndRun(end)))
        };
        let renew = kernel::RenewRun { run: first.id, claim: first.claim, lease_ms: 60_000 };
        let lost = Err(Failure::Refused(Refusal::JobNotDue));
        assert_eq!(service.run(Request::by_house(Command::RenewRun(renew))).await, lost);
        assert_eq!(end(&first).await, lost);
        end(&second.expect("begun")).await.expect("its own");
        service.stop().await;
    }

    async fn a_job_runs_by_hand_once_for_each_asking(place: Place) {
        let member = place.sign_up("admin").await;
        let service = start(&place.home.url(), &Clock::now(), Does::boxed(Schedule::ByHand, |_| async { Ok(counted("done", 7)) })).await;
        let asked = |key: &str| {
            let key = IdempotencyKey { key: AnswerKey { caller: member, key: key.to_owned() }, request_hash: [0; 32] };
            |command| Request { command, actor: by(member), key: Some(key), dry_run: false }
        };
        let first = service.run_job("test", asked("a")).await.expect("ran");
        assert_eq!(first.triggered_by, Some((member, "admin".to_owned())));
        let RunState::Succeeded { counts, .. } = &first.run.state else { panic!("{first:?}") };
        assert_eq!(*counts, counted("done", 7));
        assert_eq!(service.run_job("test", asked("a")).await.expect("ran"), first);
        assert_ne!(service.run_job("test", asked("b")).await.expect("ran").run.id, first.run.id);
        let nobody = service.run_job("nobody", asked("c")).await.expect_err("there is none");
        assert_eq!(common::code(&nobody), kernel::Code::NotFound);
        assert_eq!(number(&service, "SELECT COUNT(*) FROM audits WHERE action = 'job.run'").await, 2);
        service.stop().await;
    }

    async fn a_paused_job_waits_and_can_be_run_by_hand(place: Place) {
        let clock = Clock::now();
        let service = start(&place.home.url(), &clock, Does::boxed(Schedule::Every { ms: EVERY_MS }, |_| async { Ok(Counts::new()) })).await;
        eventually("it runs at the start", async || number(&service, RUNS).await == 1).await;
        service.pause_job("test", true, Request::by_house).await.expect("paused");
        clock.advance_ms(EVERY_MS);
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(number(&service, RUNS).await, 1);
        service.run_job("test", Request::by_house).await.expect("ran");
        assert_eq!(number(&service, RUNS).await, 2);
        clock.advance_ms(EVERY_MS);
        service.pause_job("test", false, Request::by_house).await.expect("resumed");
        eventually("the schedule goes on", async || number(&service, RUNS).await == 3).await;
        assert_eq!(number(&service, "SELECT COUNT(*) FROM audits WHERE action IN ('job.pause', 'job.resume')").await, 2);
        service.stop().await;
    }

    async fn a_run_that_fails_or_panics_says_so_and_is_tried_again(place: Place) {
        let (clock, tries) = (Clock::now(), Arc::new(AtomicUsize::new(0)));
        let job = Does::boxed(Schedule::Every { ms: EVERY_MS }, {
            let tries = Arc::clone(&tries);
            move |_| {
                let tried = tries.fetch_add(1, SeqCst);
                async move {
                    match tried {
                        0 => Err("not today".to_owned()),
                        1 => panic!("never"),
                        _ => Ok(Counts::new()),
                    }
                }
            }
        });
        let service = start(&place.home.url(), &clock, job).await;
        for ended in 1..4 {
            let sql = "SELECT COUNT(*) FROM job_runs WHERE state <> 'running'";
            eventually("it ends", async || number(&service, sql).await == ended).await;
            clock.advance_ms(EVERY_MS);
        }
        let runs = runs(&service).await;
        let error = |run: &JobRun| match &run.state {
            RunState::Failed { error, .. } => error.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([error(&runs[0]), error(&runs[1])], ["not today", "the job panicked"]);
        assert_eq!(runs[2].status(), RunStatus::Succeeded);
        service.stop().await;
    }

    async fn stopping_waits_for_what_runs(place: Place) {
        let begun = Arc::new(Notify::new());
        let job = Does::boxed(Schedule::Every { ms: EVERY_MS }, {
            let begun = Arc::clone(&begun);
            move |service: Service| {
                let begun = Arc::clone(&begun);
                async move {
                    begun.notify_one();
                    while !service.is_stopping() {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Ok(Counts::new())
                }
            }
        });
        let service = start(&place.home.url(), &Clock::now(), job).await;
        begun.notified().await;
        service.stop().await;
        assert_eq!(number(&place.service, RUNS).await, 1);
    }
}

fn by(member: MemberId) -> Actor {
    common::request(member, Command::PauseJob(kernel::PauseJob { job: String::new(), paused: false })).actor
}
