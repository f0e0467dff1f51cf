//! Figures about the lanes, cheap enough to be counted always.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts values into fixed buckets.
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    buckets: [AtomicU64; N],
    sum: AtomicU64,
    count: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    /// `bounds` are the inclusive upper ends, rising.
    #[must_use]
    pub const fn new(bounds: [u64; N]) -> Self {
        Self { bounds, buckets: [const { AtomicU64::new(0) }; N], sum: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    pub fn record(&self, value: u64) {
        if let Some(at) = self.bounds.iter().position(|&bound| value <= bound) {
            self.buckets[at].fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
        self.count.fetch_add(1, Relaxed);
    }

    /// Each bound with how many values were at most that, then the sum and the count of all.
    #[must_use]
    pub fn read(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut below = 0;
        let buckets = self.bounds.iter().zip(&self.buckets).map(|(&bound, bucket)| {
            below += bucket.load(Relaxed);
            (bound, below)
        });
        (buckets.collect(), self.sum.load(Relaxed), self.count.load(Relaxed))
    }
}

pub struct Metrics {
    pub commands: AtomicU64,
    pub refusals: AtomicU64,
    pub batches: AtomicU64,
    pub retries: AtomicU64,
    pub unknown_outcomes: AtomicU64,
    pub overloaded: AtomicU64,
    pub queued: AtomicU64,
    pub orders_released: AtomicU64,
    pub release_failures: AtomicU64,
    pub release_rollbacks: AtomicU64,
    /// What releasing took in all, in microseconds.
    pub release_micros: AtomicU64,
    pub batch_commands: Histogram<9>,
    /// From the start of a batch to the end of its commit, in microseconds.
    pub batch_micros: Histogram<12>,
    /// The commit alone, in microseconds.
    pub commit_micros: Histogram<12>,
    /// Runs of the compensation job, in microseconds, and what became of the orders that it looked at.
    pub compensation_micros: Histogram<9>,
    pub compensation_success: AtomicU64,
    pub compensation_failed: AtomicU64,
    pub compensation_skipped: AtomicU64,
}

const MICROS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            commands: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            unknown_outcomes: AtomicU64::new(0),
            overloaded: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            orders_released: AtomicU64::new(0),
            release_failures: AtomicU64::new(0),
            release_rollbacks: AtomicU64::new(0),
            release_micros: AtomicU64::new(0),
            batch_commands: Histogram::new([1, 2, 5, 10, 25, 50, 100, 250, 1_000]),
            batch_micros: Histogram::new(MICROS),
            commit_micros: Histogram::new(MICROS),
            compensation_micros: Histogram::default(),
            compensation_success: AtomicU64::new(0),
            compensation_failed: AtomicU64::new(0),
            compensation_skipped: AtomicU64::new(0),
        }
    }
}

/// A stopwatch for figures; no rule may depend on it.
pub(crate) struct Watch(std::time::Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let histogram = Histogram::new([10, 100]);
        [3, 10, 11, 1000].into_iter().for_each(|value| histogram.record(value));
        assert_eq!(histogram.read(), (vec![(10, 2), (100, 3)], 1024, 4));
    }
}
