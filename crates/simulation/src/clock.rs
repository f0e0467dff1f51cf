//! The house's clock and chance: virtual time that goes on from one life of the service to the next, and jumps when told. The
//! outside world's clock is right; the house's may lag behind it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::Instant;
use service::Ambient;

use crate::random::Random;

pub(crate) struct Clock(Mutex<State>);

struct State {
    /// What it was in truth at `since`.
    base_ms: i64,
    /// How far the house's clock is behind.
    lag_ms: i64,
    /// When this life began by the runtime's time; absent between two lives.
    since: Option<tokio::time::Instant>,
    random: Random,
}

/// A quiet Monday morning.
const FIRST_MS: i64 = 1_772_413_200_000;

impl Clock {
    pub(crate) fn new(random: Random) -> Self {
        Self(Mutex::new(State { base_ms: FIRST_MS, lag_ms: 0, since: None, random }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the time of the runtime at hand counts.
    #[expect(clippy::disallowed_methods, reason = "this is the injected clock, and the runtime's time is virtual")]
    pub(crate) fn begin(&self) {
        self.state().since = Some(tokio::time::Instant::now());
    }

    /// Stands still until the next life.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.base_ms = state.true_ms();
        state.since = None;
    }

    /// So much time passes in which nobody does anything.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.state().base_ms += by_ms;
    }

    /// The house's clock is set back.
    pub(crate) fn lag(&self, by_ms: i64) {
        self.state().lag_ms += by_ms;
    }

    /// The house's clock is set right.
    pub(crate) fn set_right(&self) {
        self.state().lag_ms = 0;
    }

    /// How far the house's clock is behind.
    pub(crate) fn lag_ms(&self) -> i64 {
        self.state().lag_ms
    }

    /// What everybody else's clock says.
    pub(crate) fn true_ms(&self) -> i64 {
        self.state().true_ms()
    }
}

impl State {
    fn true_ms(&self) -> i64 {
        let gone = self.since.map_or(0, |since| since.elapsed().as_millis());
        self.base_ms + i64::try_from(gone).unwrap_or(0)
    }
}

impl Ambient for Clock {
    fn now(&self) -> Instant {
        let state = self.state();
        Instant::from_millis(state.true_ms() - state.lag_ms)
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state();
        for part in bytes.chunks_mut(8) {
            let drawn = state.random.next().to_le_bytes();
            part.copy_from_slice(&drawn[..part.len()]);
        }
    }
}
