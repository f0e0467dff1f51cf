//! One lane: take what is waiting, read all of it at once, decide in memory, write all of it at once, commit, answer.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::FutureExt;
use kernel::{
    CabinetRules, Command, Context, Facts, IdSource, Instant, Needs, Outcome, Overdraft, Refusal, ShopRules, decide,
};
use serde::{Deserialize, Serialize};
use store::{Answer, AnswerKey, Cause, Store, StoredAnswer, Writer};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Watch;
use crate::tallies::Tallies;
use crate::{Ambient, Failure, IdGenerator, Metrics, Request, crash};

const MOST_COMMANDS: usize = 1024;
const MOST_TRIES: u32 = 6;
/// How often a whole batch is tried that a constraint has refused.
const MOST_TOGETHER: u32 = 2;
/// A command that names new rows after so many reads would go on for ever.
const MOST_READS: usize = 8;

pub(crate) type Reply = oneshot::Sender<Result<Outcome, Failure>>;

/// Housekeeping that wants the lane's connection for itself.
pub(crate) type Chore = Box<dyn for<'w> FnOnce(&'w mut Writer) -> Pin<Box<dyn Future<Output = ()> + Send + 'w>> + Send>;

pub(crate) enum Job {
    Command(Box<Request>, Reply),
    Chore(Chore),
}

/// What all lanes of a process share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) ids: IdGenerator,
    pub(crate) overdraft_limit: Option<Overdraft>,
    pub(crate) shop: ShopRules,
    pub(crate) cabinet: CabinetRules,
    pub(crate) metrics: Metrics,
    pub(crate) tallies: Tallies,
    /// Why the last write failed, while none has succeeded since.
    pub(crate) trouble: tokio::sync::watch::Sender<Option<String>>,
}

pub(crate) struct Lane {
    shared: Arc<Shared>,
    writer: Option<Writer>,
}

type Pending = (Box<Request>, Reply);

/// What an idempotency key stands for from now on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Done(Box<Outcome>),
    Refused(Refusal),
}

/// Why a whole batch came to nothing.
struct Trouble {
    error: store::Error,
    at_commit: bool,
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self { error, at_commit: false }
    }
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, writer: Writer) -> Self {
        Self { shared, writer: Some(writer) }
    }

    /// Works until every sender is gone and the queue is empty.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(MOST_COMMANDS);
        while queue.recv_many(&mut waiting, MOST_COMMANDS).await > 0 {
            let mut batch = Vec::with_capacity(waiting.len());
            for job in waiting.drain(..) {
                match job {
                    Job::Command(request, reply) => {
                        self.shared.metrics.queued.fetch_sub(1, Relaxed);
                        if request.command.is_wide() {
                            self.process_guarded(std::mem::take(&mut batch)).await;
                            self.process_guarded(vec![(request, reply)]).await;
                        } else {
                            batch.push((request, reply));
                        }
                    }
                    Job::Chore(chore) => {
                        self.process_guarded(std::mem::take(&mut batch)).await;
                        self.do_chore(chore).await;
                    }
                }
            }
            self.process_guarded(batch).await;
        }
    }

    /// A panic costs its batch the answers, which then are unknown, and the lane its connection; the lane goes on.
    async fn process_guarded(&mut self, batch: Vec<Pending>) {
        if AssertUnwindSafe(self.process(batch)).catch_unwind().await.is_err() {
            tracing::error!("a batch panicked");
            self.writer = None;
        }
    }

    async fn do_chore(&mut self, chore: Chore) {
        // Dropping the chore tells its sender that it was not done.
        if let Ok(writer) = connected(&mut self.writer, &self.shared.store).await
            && AssertUnwindSafe(chore(writer)).catch_unwind().await.is_err()
        {
            tracing::error!("a chore panicked");
            self.writer = None;
        }
    }

    async fn process(&mut self, batch: Vec<Pending>) {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let Err((mut part, error)) = self.try_batch(part).await else {
                continue;
            };
            if part.len() > 1 {
                // One of them breaks it: half and half again, until only the broken one fails.
                let later = part.split_off(part.len() / 2);
                parts.push(later);
                parts.push(part);
            } else {
                tracing::error!(%error, "a command cannot be written");
                let reason = error.to_string();
                answer_all(part, &Failure::Internal { reason });
            }
        }
    }

    /// Answers the batch, or gives it back where one of its commands may be what breaks it.
    async fn try_batch(&mut self, batch: Vec<Pending>) -> Result<(), (Vec<Pending>, store::Error)> {
        let shared = Arc::clone(&self.shared);
        let metrics = &shared.metrics;
        let mut tries = 0;
        loop {
            tries += 1;
            let watch = Watch::start();
            let Trouble { error, at_commit } = match self.attempt(&batch).await {
                Ok(results) => {
                    metrics.batches.fetch_add(1, Relaxed);
                    metrics.commands.fetch_add(batch.len() as u64, Relaxed);
                    metrics.batch_commands.record(batch.len() as u64);
                    metrics.batch_micros.record(watch.micros());
                    for ((_, reply), result) in batch.into_iter().zip(results) {
                        if matches!(result, Err(Failure::Refused(_))) {
                            metrics.refusals.fetch_add(1, Relaxed);
                        }
                        // A caller that has gone away does not want its answer.
                        drop(reply.send(result));
                    }
                    return Ok(());
                }
                Err(trouble) => trouble,
            };
            // A commit has certainly failed only where the database itself has said so, in words that leave no doubt.
            let is_unknown = at_commit && !matches!(error.cause, Cause::Contended | Cause::Constraint | Cause::Full);
            if error.cause == Cause::Lost || is_unknown {
                self.writer = None;
            } else if let Some(writer) = &mut self.writer {
                writer.rollback().await;
            }
            match error.cause {
                _ if is_unknown => {
                    metrics.unknown_outcomes.fetch_add(1, Relaxed);
                    tracing::error!(%error, commands = batch.len(), "the outcome of a commit is unknown");
                    self.shared.trouble.send_replace(Some(error.to_string()));
                    answer_all(batch, &Failure::OutcomeUnknown);
                    return Ok(());
                }
                Cause::Full | Cause::Lost if tries >= 2 || error.cause == Cause::Full => {
                    tracing::error!(%error, commands = batch.len(), "nothing can be written");
                    self.shared.trouble.send_replace(Some(error.to_string()));
                    answer_all(batch, &Failure::from(error));
                    return Ok(());
                }
                Cause::Contended if tries >= MOST_TRIES => {
                    tracing::warn!(%error, commands = batch.len(), "gave up after {tries} tries");
                    answer_all(batch, &Failure::Contended);
                    return Ok(());
                }
                // Mostly another process was faster with the same key. Read again, all of them see that; a command that breaks
                // a rule of the database by itself is found by splitting.
                Cause::Constraint if tries < MOST_TOGETHER || batch.len() == 1 && tries < MOST_TRIES => {}
                Cause::Constraint | Cause::Inconsistent | Cause::Other => return Err((batch, error)),
                Cause::Contended | Cause::Lost | Cause::Full => {}
            }
            metrics.retries.fetch_add(1, Relaxed);
            tracing::debug!(%error, tries, "trying a batch again");
            tokio::time::sleep(Duration::from_millis(u64::from(tries * tries))).await;
        }
    }

    async fn attempt(&mut self, batch: &[Pending]) -> Result<Vec<Result<Outcome, Failure>>, Trouble> {
        let shared = Arc::clone(&self.shared);
        let writer = connected(&mut self.writer, &shared.store).await?;
        let now = shared.ambient.now();
        let most_ids = 64 + 16 * batch.len() as i64;
        let Some(mut ids) = shared.ids.source(now, most_ids) else {
            return Err(store::Error::lost("this process has lost its node number").into());
        };

        writer.begin().await?;
        let mut answers = Answers::load(writer, batch).await?;
        let mut facts = Facts::default();
        load_all(writer, batch, &answers, now, &mut facts).await?;
        if batch.len() > 1 && facts.lapsed_are_cut() {
            // Enough for one of them, which then leaves the next one fewer.
            return Err(store::Error::inconsistent("more claims have lapsed than a batch can look at").into());
        }

        let today = now.date_in(&shared.zone);
        let results = batch
            .iter()
            .map(|(request, _)| {
                let (actor, overdraft_limit) = (&request.actor, shared.overdraft_limit);
                let (shop, cabinet) = (shared.shop, shared.cabinet);
                let context = Context { now, today, actor, overdraft_limit, shop, cabinet };
                decide_one(&mut facts, request, &context, &mut ids, &mut answers)
            })
            .collect();

        if facts.is_unchanged() && answers.new.is_empty() {
            writer.rollback().await;
            return Ok(results);
        }
        if !ids.are_leased() {
            return Err(store::Error::lost("the batch drew more ids than this process's node number allows").into());
        }
        store::write(writer, &facts, &answers.new, now).await?;
        let books = batch.iter().any(|(request, _)| matches!(request.command, Command::BookMeals(_)));
        if books {
            crash::at("booking-written");
        }
        let watch = Watch::start();
        writer.commit().await.map_err(|error| Trouble { error, at_commit: true })?;
        if books {
            crash::at("booking-committed");
        }
        shared.metrics.commit_micros.record(watch.micros());
        shared.trouble.send_if_modified(|trouble| trouble.take().is_some());
        Ok(results)
    }
}

async fn connected<'w>(writer: &'w mut Option<Writer>, store: &Store) -> Result<&'w mut Writer, store::Error> {
    if writer.as_ref().is_some_and(Writer::is_closed) {
        *writer = None;
    }
    match writer {
        Some(writer) => Ok(writer),
        None => Ok(writer.insert(store.writer().await?)),
    }
}

fn answer_all(batch: Vec<Pending>, failure: &Failure) {
    for (_, reply) in batch {
        drop(reply.send(Err(failure.clone())));
    }
}

/// Reads until no command of the batch names anything new; accounts last, because they are locked.
async fn load_all(
    writer: &mut Writer,
    batch: &[Pending],
    answers: &Answers,
    now: Instant,
    facts: &mut Facts,
) -> Result<(), store::Error> {
    for _ in 0..MOST_READS {
        let mut needs = Needs::default();
        for (request, _) in batch.iter().filter(|(request, _)| !answers.has(request)) {
            request.command.needs(facts, &mut needs);
        }
        needs.drop_known(facts);
        if needs.is_empty() {
            return Ok(());
        }
        needs.without_last();
        store::load(writer, &needs, now, facts).await?;
    }
    Err(store::Error::inconsistent("a command never stops naming rows"))
}

fn decide_one(
    facts: &mut Facts,
    request: &Request,
    context: &Context<'_>,
    ids: &mut dyn IdSource,
    answers: &mut Answers,
) -> Result<Outcome, Failure> {
    if let Some(earlier) = answers.find(request) {
        return earlier;
    }
    let decided = catch_unwind(AssertUnwindSafe(|| decide(facts, &request.command, context, ids)));
    let decided = decided.map_err(|panic| {
        let reason = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a rule panicked".to_owned());
        tracing::error!(reason, "a rule panicked");
        Failure::Internal { reason }
    })?;
    if request.dry_run {
        return Ok(decided?.outcome);
    }
    match decided {
        Ok(decision) => {
            facts.apply(decision.changes);
            answers.keep(request, || Kept::Done(Box::new(decision.outcome.clone())));
            Ok(decision.outcome)
        }
        Err(refusal) => {
            answers.keep(request, || Kept::Refused(refusal.clone()));
            Err(refusal.into())
        }
    }
}

/// The answers given under the batch's idempotency keys, before and within it.
struct Answers {
    known: HashMap<AnswerKey, StoredAnswer>,
    new: Vec<Answer>,
}

impl Answers {
    async fn load(writer: &mut Writer, batch: &[Pending]) -> Result<Self, store::Error> {
        let keys: BTreeSet<_> =
            batch.iter().filter_map(|(request, _)| request.kept_key().map(|key| &key.key)).collect();
        let found = store::load_answers(writer, &keys).await?;
        Ok(Self { known: found.into_iter().map(|answer| (answer.key, answer.stored)).collect(), new: Vec::new() })
    }

    fn has(&self, request: &Request) -> bool {
        request.kept_key().is_some_and(|key| self.known.contains_key(&key.key))
    }

    fn find(&self, request: &Request) -> Option<Result<Outcome, Failure>> {
        let key = request.kept_key()?;
        let stored = self.known.get(&key.key)?;
        if stored.request_hash != key.request_hash {
            return Some(Err(Failure::KeyReused));
        }
        Some(match serde_json::from_str(&stored.answer) {
            Ok(Kept::Done(outcome)) => Ok(*outcome),
            Ok(Kept::Refused(refusal)) => Err(refusal.into()),
            Err(error) => Err(Failure::Internal { reason: format!("a kept answer cannot be read: {error}") }),
        })
    }

    fn keep(&mut self, request: &Request, kept: impl FnOnce() -> Kept) {
        if let Some(key) = request.kept_key() {
            let answer = serde_json::to_string(&kept()).unwrap_or_else(|_| "null".to_owned());
            let stored = StoredAnswer { request_hash: key.request_hash, answer };
            self.known.insert(key.key.clone(), stored.clone());
            self.new.push(Answer { key: key.key.clone(), stored });
        }
    }
}
