//! The house's clock and chance: virtual time that goes on from one life of the service to the next, and jumps when told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::Instant;
use service::Ambient;

use crate::random::Random;

pub(crate) struct Clock(Mutex<State>);

struct State {
    /// What the clock says at `since`.
    base_ms: i64,
    /// When this life began by the runtime's time; absent between two lives.
    since: Option<tokio::time::Instant>,
    random: Random,
}

/// A quiet Monday morning.
const FIRST_MS: i64 = 1_772_413_200_000;

impl Clock {
    pub(crate) fn new(random: Random) -> Self {
        Self(Mutex::new(State { base_ms: FIRST_MS, since: None, random }))
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
        let now = self.now();
        let mut state = self.state();
        state.base_ms = now.as_millis();
        state.since = None;
    }

    pub(crate) fn jump(&self, by_ms: i64) {
        self.state().base_ms += by_ms;
    }
}

impl Ambient for Clock {
    fn now(&self) -> Instant {
        let state = self.state();
        let gone = state.since.map_or(0, |since| since.elapsed().as_millis());
        Instant::from_millis(state.base_ms + i64::try_from(gone).unwrap_or(0))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state();
        for part in bytes.chunks_mut(8) {
            let drawn = state.random.next().to_le_bytes();
            part.copy_from_slice(&drawn[..part.len()]);
        }
    }
}
