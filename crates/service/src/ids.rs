//! Ids in the order of time, without a central sequence: milliseconds since 2025, the node's number, a counter.
//!
//! 40 + 5 + 8 bits: below 2⁵³ until 2059, so that a JavaScript client reads them exactly.

use std::sync::{Mutex, PoisonError};

use kernel::{IdSource, Instant};

const EPOCH_MS: i64 = 1_735_689_600_000;
const NODE_BITS: u32 = 5;
const COUNTER_BITS: u32 = 8;

/// Makes the ids of one process. Busier than 256 ids a millisecond, it runs ahead of the clock by a little.
pub struct IdGenerator {
    state: Mutex<State>,
}

struct State {
    node: i64,
    /// Milliseconds since the epoch, then the counter.
    last: i64,
    /// No id may carry a time from here on: the node's number is ours only so long.
    until: i64,
    /// How often a number was claimed anew.
    claims: u64,
}

impl IdGenerator {
    /// `from_ms` is when ids of this node's number may begin, `until_ms` when they have to end.
    #[must_use]
    pub fn new(node: i64, from_ms: i64, until_ms: i64) -> Self {
        Self { state: Mutex::new(State { node, last: ticks(from_ms), until: ticks(until_ms), claims: 0 }) }
    }

    /// The lease was renewed.
    pub fn extend(&self, until_ms: i64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.until = state.until.max(ticks(until_ms));
    }

    /// The lease was lost and another one claimed.
    pub fn restart(&self, node: i64, from_ms: i64, until_ms: i64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { node, last: ticks(from_ms), until: ticks(until_ms), claims: state.claims + 1 };
    }

    /// The time that the newest id carries, or the clock's where that is later than any id.
    #[must_use]
    pub fn reached_ms(&self, now_ms: i64) -> i64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (EPOCH_MS + (state.last >> COUNTER_BITS)).max(now_ms)
    }

    /// The number of this node.
    #[must_use]
    pub fn node(&self) -> i64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).node
    }

    /// Ids for one batch, as long as the lease holds for `most` of them. A batch that draws more asks [`Ids::are_leased`].
    #[must_use]
    pub fn source(&self, now: Instant, most: i64) -> Option<Ids<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = state.last.max(ticks(now.as_millis()));
        (state.last + most < state.until).then_some(Ids { generator: self, claims: state.claims, last: state.last })
    }
}

fn ticks(ms: i64) -> i64 {
    (ms - EPOCH_MS).max(0) << COUNTER_BITS
}

/// No id made at `at` or later is smaller. Ids made earlier may be larger: they run ahead of the clock under load, and wherever the
/// clock was set back.
#[must_use]
pub fn first_id_at(at: Instant) -> i64 {
    ticks(at.as_millis()) << NODE_BITS
}

/// The time that an id carries.
pub(crate) fn made_at_ms(id: i64) -> i64 {
    EPOCH_MS + (id >> (NODE_BITS + COUNTER_BITS))
}

pub struct Ids<'a> {
    generator: &'a IdGenerator,
    /// Whose lease the ids were begun under.
    claims: u64,
    last: i64,
}

impl Ids<'_> {
    /// Whether every id drawn so far carries a time in which the node's number is ours. None may be written otherwise.
    #[must_use]
    pub fn are_leased(&self) -> bool {
        let state = self.generator.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.claims == state.claims && self.last < state.until
    }
}

impl IdSource for Ids<'_> {
    fn next_id(&mut self) -> i64 {
        let mut state = self.generator.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last += 1;
        self.last = state.last;
        let (ms, counter) = (state.last >> COUNTER_BITS, state.last & ((1 << COUNTER_BITS) - 1));
        (ms << (NODE_BITS + COUNTER_BITS)) | (state.node << COUNTER_BITS) | counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_780_000_000_000;

    #[test]
    fn ids_grow_and_never_meet_another_nodes() {
        let (ours, theirs) =
            (IdGenerator::new(1, NOW_MS, NOW_MS + 60_000), IdGenerator::new(2, NOW_MS, NOW_MS + 60_000));
        let now = Instant::from_millis(NOW_MS);
        let (mut ours, mut theirs) =
            (ours.source(now, 1000).expect("leased"), theirs.source(now, 1000).expect("leased"));
        let ours: Vec<_> = (0..1000).map(|_| ours.next_id()).collect();
        let theirs: std::collections::BTreeSet<_> = (0..1000).map(|_| theirs.next_id()).collect();
        assert!(ours.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ours.iter().all(|id| !theirs.contains(id) && *id < 1 << 53));
    }

    #[test]
    fn a_time_is_a_range_of_ids() {
        let ids = IdGenerator::new(31, NOW_MS, NOW_MS + 60_000);
        let now = Instant::from_millis(NOW_MS);
        let id = ids.source(now, 1).expect("leased").next_id();
        assert!(first_id_at(now) <= id && id < first_id_at(now.plus_millis(1)));
        assert_eq!(made_at_ms(id), NOW_MS);
        assert_eq!(first_id_at(Instant::from_millis(i64::MIN)), 0);
        assert!(first_id_at(Instant::from_millis(i64::MAX)) > id);
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_old_ids() {
        let ids = IdGenerator::new(0, NOW_MS, NOW_MS + 60_000);
        let first = ids.source(Instant::from_millis(NOW_MS + 5000), 1).expect("leased").next_id();
        let second = ids.source(Instant::from_millis(NOW_MS - 5000), 1).expect("leased").next_id();
        assert!(second > first);
    }

    #[test]
    fn a_clock_that_stays_back_does_not_end_the_ids() {
        const LEASE_MS: i64 = 15_000;
        let ids = IdGenerator::new(0, NOW_MS, NOW_MS + LEASE_MS);
        let back_ms = NOW_MS - 3_600_000;
        let mut last = 0;
        // More than the lease at hand holds: a beat of the heart now and then has to allow more.
        for batch in 0..6000 {
            if batch % 1000 == 0 {
                ids.extend(ids.reached_ms(back_ms) + LEASE_MS);
            }
            let mut source = ids.source(Instant::from_millis(back_ms), 1000).expect("leased");
            for _ in 0..1000 {
                let next = source.next_id();
                assert!(next > last);
                last = next;
            }
        }
    }

    #[test]
    fn a_batch_that_draws_past_its_lease_knows_it() {
        let now = Instant::from_millis(NOW_MS);
        let ids = IdGenerator::new(1, NOW_MS, NOW_MS + 10);
        let mut source = ids.source(now, 1).expect("leased");
        for _ in 0..(10 << COUNTER_BITS) - 1 {
            source.next_id();
            assert!(source.are_leased());
        }
        source.next_id();
        assert!(!source.are_leased());
        // The next beat of the heart makes up for it, another claim does not: those ids bear a number that was lost.
        ids.extend(NOW_MS + 60_000);
        assert!(source.are_leased());
        ids.restart(2, NOW_MS, NOW_MS + 120_000);
        assert!(!source.are_leased());
    }

    #[test]
    fn no_ids_beyond_the_lease() {
        let ids = IdGenerator::new(0, NOW_MS, NOW_MS + 10);
        assert!(ids.source(Instant::from_millis(NOW_MS + 11), 1).is_none());
        ids.extend(NOW_MS + 1000);
        assert!(ids.source(Instant::from_millis(NOW_MS + 11), 1).is_some());
    }
}
