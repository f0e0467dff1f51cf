//! Which lane a command takes, and the way in and out of the lanes.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::Outcome;
use store::{Engine, Writer};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::lane::{Chore, Job, Lane, Shared};
use crate::{Failure, Request, Tally};

#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// How many lanes write to PostgreSQL. SQLite has one writer, and so one lane.
    pub postgres_lanes: usize,
    /// How many commands may wait in one lane before more are turned away.
    pub queue: usize,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self { postgres_lanes: 2, queue: 4096 }
    }
}

pub(crate) struct Lanes {
    shared: Arc<Shared>,
    /// Emptied when the service stops; then nothing new comes in and the lanes drain.
    senders: Mutex<Arc<[mpsc::Sender<Job>]>>,
    running: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Lanes {
    /// `first` is the connection that start-up has used.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        first: Writer,
        settings: LaneSettings,
    ) -> Result<Self, store::Error> {
        let mut writers = vec![first];
        if shared.store.engine() == Engine::Postgres {
            for _ in 1..settings.postgres_lanes {
                writers.push(shared.store.writer().await?);
            }
        }
        let (mut senders, mut running) = (Vec::new(), Vec::new());
        for writer in writers {
            let (sender, queue) = mpsc::channel(settings.queue);
            let (ended, end) = oneshot::channel();
            let lane = Lane::new(Arc::clone(&shared), writer);
            let work = async move {
                lane.run(queue).await;
                drop(ended);
            };
            match shared.store.engine() {
                Engine::Sqlite if !shared.store.is_simulated() => {
                    // Its calls block, so it gets a thread to block.
                    let runtime = tokio::runtime::Handle::current();
                    let thread = std::thread::Builder::new().name("lane".to_owned());
                    let spawned = thread.spawn(move || runtime.block_on(work));
                    spawned.map_err(|error| store::Error::lost(format!("no thread for the lane: {error}")))?;
                }
                Engine::Sqlite | Engine::Postgres => drop(tokio::spawn(work)),
            }
            senders.push(sender);
            running.push(end);
        }
        Ok(Self { shared, senders: Mutex::new(senders.into()), running: Mutex::new(running) })
    }

    fn senders(&self) -> Arc<[mpsc::Sender<Job>]> {
        Arc::clone(&self.senders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn run(&self, request: Request) -> Result<Outcome, Failure> {
        let (reply, answer) = oneshot::channel();
        {
            let senders = self.senders();
            if senders.is_empty() {
                return Err(Failure::Unavailable { reason: "stopping".to_owned() });
            }
            let lane = lane_of(request.command.lane_key(), senders.len());
            self.shared.metrics.queued.fetch_add(1, Relaxed);
            if let Err(error) = senders[lane].try_send(Job::Command(Box::new(request), reply)) {
                self.shared.metrics.queued.fetch_sub(1, Relaxed);
                return Err(match error {
                    TrySendError::Full(_) => {
                        self.shared.metrics.overloaded.fetch_add(1, Relaxed);
                        self.shared.tallies.count(Tally::TurnedAway);
                        Failure::Overloaded
                    }
                    TrySendError::Closed(_) => Failure::Unavailable { reason: "the lane has ended".to_owned() },
                });
            }
        }
        // A lane that died took its connection with it: whether it had committed, nobody knows.
        answer.await.unwrap_or(Err(Failure::OutcomeUnknown))
    }

    /// Runs `work` on a lane's connection, between two batches.
    pub(crate) async fn chore<T: Send + 'static>(
        &self,
        work: impl for<'w> FnOnce(&'w mut Writer) -> Pin<Box<dyn Future<Output = Result<T, store::Error>> + Send + 'w>>
        + Send
        + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let chore: Chore = Box::new(move |writer| {
            Box::pin(async move {
                drop(reply.send(work(writer).await));
            })
        });
        let sender = self.senders().first().cloned();
        let Some(sender) = sender else {
            return Err(Failure::Unavailable { reason: "stopping".to_owned() });
        };
        if sender.send(Job::Chore(chore)).await.is_err() {
            return Err(Failure::Unavailable { reason: "the lane has ended".to_owned() });
        }
        drop(sender);
        match answer.await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Failure::Unavailable { reason: "the lane has no connection".to_owned() }),
        }
    }

    /// Lets nothing new in and waits for what is in.
    pub(crate) async fn drain(&self) {
        *self.senders.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new([]);
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for end in running {
            drop(end.await);
        }
    }
}

/// The lane of a key. Ids made at a quiet time all end in the same bits, so the key is stirred first.
fn lane_of(key: i64, lanes: usize) -> usize {
    let stirred = key.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(stirred).unwrap_or(0) % lanes
}

#[cfg(test)]
mod tests {
    use kernel::{IdSource, Instant};

    use super::*;

    #[test]
    fn meals_made_one_by_one_take_all_lanes() {
        let start = 1_780_000_000_000;
        let ids = crate::IdGenerator::new(0, start, start + 1_000_000);
        for lanes in 1..=4 {
            let mut commands = vec![0; lanes];
            for moment in 0..400 {
                let now = Instant::from_millis(start + moment * 37);
                let meal = ids.source(now, 1).expect("leased").next_id();
                commands[lane_of(meal, lanes)] += 1;
            }
            assert!(commands.iter().all(|&count| count > 300 / lanes), "{commands:?}");
        }
    }
}
