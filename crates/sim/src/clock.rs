use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The simulator's two times.
///
/// [`Clock::now_ms`] is what the other side's clock shows too: signatures are dated with it. [`Clock::business_ms`] starts there, may run faster
/// and may be moved forward: orders, codes and repeated notifications grow old by it, so that a test need not wait a day.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> i64 + Send + Sync>,
    started_ms: i64,
    /// Business time passed when `speed` was last set, in ms since `started_ms`; and where the source was then.
    moved_ms: Arc<AtomicI64>,
    speed: Arc<AtomicU32>,
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self::from_source(|| {
            #[allow(clippy::disallowed_methods, reason = "the one place of the simulator that reads the wall clock")]
            let now = SystemTime::now();
            let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    /// Somebody else's clock, in milliseconds since 1970, as a test's.
    pub fn from_source(source: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let started_ms = source();
        Self {
            source: Arc::new(source),
            started_ms,
            moved_ms: Arc::new(AtomicI64::new(0)),
            speed: Arc::new(AtomicU32::new(1)),
        }
    }

    /// The time that both sides share, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.source)()
    }

    /// The time by which things grow old.
    pub fn business_ms(&self) -> i64 {
        let passed = self.now_ms().saturating_sub(self.started_ms);
        self.started_ms
            .saturating_add(passed.saturating_mul(i64::from(self.speed())))
            .saturating_add(self.moved_ms.load(Ordering::SeqCst))
    }

    /// How many business seconds pass in a second.
    pub fn speed(&self) -> u32 {
        self.speed.load(Ordering::SeqCst)
    }

    /// Moves business time forward.
    pub fn advance_s(&self, by: u32) {
        self.moved_ms.fetch_add(i64::from(by) * 1000, Ordering::SeqCst);
    }

    /// Changes the speed from now on; business time neither jumps nor goes back.
    pub fn set_speed(&self, speed: u32) {
        let before = self.business_ms();
        self.speed.store(speed.max(1), Ordering::SeqCst);
        self.moved_ms.fetch_add(before.saturating_sub(self.business_ms()), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::Clock;

    #[test]
    fn business_time_runs_faster_and_never_jumps_back() {
        let source = Arc::new(AtomicI64::new(1_000));
        let clock = Clock::from_source({
            let source = Arc::clone(&source);
            move || source.load(Ordering::SeqCst)
        });
        assert_eq!((clock.now_ms(), clock.business_ms()), (1_000, 1_000));
        source.store(2_000, Ordering::SeqCst);
        clock.set_speed(60);
        assert_eq!(clock.business_ms(), 2_000);
        source.store(3_000, Ordering::SeqCst);
        assert_eq!((clock.now_ms(), clock.business_ms()), (3_000, 62_000));
        clock.set_speed(1);
        assert_eq!(clock.business_ms(), 62_000);
        clock.advance_s(5);
        source.store(3_001, Ordering::SeqCst);
        assert_eq!((clock.now_ms(), clock.business_ms()), (3_001, 67_001));
    }
}
