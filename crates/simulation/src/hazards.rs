//! What goes wrong by itself: the process ends, the database is busy, full or away, the answer to a commit is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{Cause, Fate, Fates, Step};
use tokio::sync::Notify;

use crate::random::Random;
use crate::trace::Trace;

/// How often what happened.
pub(crate) type Counts = BTreeMap<String, u64>;

pub(crate) struct Hazards {
    state: Mutex<State>,
    crash: Notify,
}

struct State {
    random: Random,
    /// At one step in so many; never where it is zero.
    one_in: i64,
    is_calm: bool,
    has_crashed: bool,
    /// Whether the transaction at hand is a lane's and has written.
    has_written: bool,
    trace: Trace,
    counts: Counts,
}

/// Housekeeping goes on all the time, so that it would have most of the trouble.
const HOUSEKEEPING: i64 = 10;

impl Hazards {
    pub(crate) fn new(mut random: Random) -> Self {
        let one_in = random.pick(&[0, 400, 100, 30]).copied().unwrap_or(0);
        let state = State {
            random,
            one_in,
            is_calm: true,
            has_crashed: false,
            has_written: false,
            trace: Trace::default(),
            counts: Counts::new(),
        };
        Self { state: Mutex::new(state), crash: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fates(self: &Arc<Self>) -> Fates {
        let hazards = Arc::clone(self);
        Arc::new(move |step| hazards.fate(step))
    }

    /// Nothing goes wrong until told otherwise.
    pub(crate) fn calm(&self, is_calm: bool) {
        self.state().is_calm = is_calm;
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.state().is_calm
    }

    /// A new process starts.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        state.has_crashed = false;
        state.has_written = false;
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.state().has_crashed
    }

    /// Waits for the end of the process.
    pub(crate) async fn crashed(&self) {
        while !self.has_crashed() {
            self.crash.notified().await;
        }
    }

    pub(crate) fn taken(&self) -> (u64, Counts) {
        let state = self.state();
        (state.trace.value(), state.counts.clone())
    }

    fn fate(&self, step: Step) -> Fate {
        let mut state = self.state();
        if state.has_crashed {
            return Fate::Halts;
        }
        state.has_written = match step {
            Step::Begin => false,
            Step::Write => true,
            _ => state.has_written,
        };
        let is_housekeeping = !matches!(step, Step::Read | Step::Write) && !state.has_written;
        let fate = state.draw(step, is_housekeeping);
        state.trace.add(&(step, fate));
        if fate != Fate::GoesOn {
            *state.counts.entry(format!("{step:?} {fate:?}")).or_default() += 1;
        }
        if fate == Fate::Halts {
            state.has_crashed = true;
            self.crash.notify_one();
        }
        fate
    }
}

impl State {
    fn draw(&mut self, step: Step, is_housekeeping: bool) -> Fate {
        if self.is_calm || self.one_in == 0 {
            return Fate::GoesOn;
        }
        let one_in = if is_housekeeping { self.one_in * HOUSEKEEPING } else { self.one_in };
        if !self.random.once_in(one_in) {
            return Fate::GoesOn;
        }
        let fates: &[Fate] = match step {
            // Whoever has committed hears nothing of it: a database that says no has not committed.
            Step::Committed => &[Fate::Halts, Fate::Fails(Cause::Lost)],
            Step::Commit | Step::Write => {
                &[Fate::Halts, Fate::Fails(Cause::Contended), Fate::Fails(Cause::Lost), Fate::Fails(Cause::Full)]
            }
            Step::Begin | Step::Read | Step::Keep => {
                &[Fate::Halts, Fate::Fails(Cause::Contended), Fate::Fails(Cause::Lost)]
            }
        };
        self.random.pick(fates).copied().unwrap_or(Fate::GoesOn)
    }
}
