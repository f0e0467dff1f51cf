//! What happens too often for a row each. Every server counts in memory and carries its counts to the database with its heartbeat; alert
//! rules see the sum of all servers.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use kernel::AlertRule;

use crate::lane::Shared;
use crate::lanes::Lanes;

pub(crate) const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// A full queue turned a command away.
    TurnedAway,
    /// A request was answered 500 or above.
    Fault,
    /// A sign-in was turned away after too many wrong ones.
    Lockout,
    /// A callback was not believed.
    Forgery,
    /// Somebody asked for what they may not do.
    Refusal,
}

impl Tally {
    const ALL: [Self; 5] = [Self::TurnedAway, Self::Fault, Self::Lockout, Self::Forgery, Self::Refusal];

    /// The rule that watches it, whose name the count has.
    fn rule(self) -> AlertRule {
        match self {
            Self::TurnedAway => AlertRule::TurnsAway,
            Self::Fault => AlertRule::Faults,
            Self::Lockout => AlertRule::Lockouts,
            Self::Forgery => AlertRule::Forged,
            Self::Refusal => AlertRule::Refused,
        }
    }
}

#[derive(Default)]
pub(crate) struct Tallies([AtomicI64; Tally::ALL.len()]);

impl Tallies {
    pub(crate) fn count(&self, tally: Tally) {
        self.0[tally as usize].fetch_add(1, Relaxed);
    }

    fn take(&self) -> Vec<(Tally, i64)> {
        let taken = Tally::ALL.map(|tally| (tally, self.0[tally as usize].swap(0, Relaxed)));
        taken.into_iter().filter(|&(_, count)| count > 0).collect()
    }
}

/// What cannot be written now is counted on.
pub(crate) async fn carry(shared: &Shared, lanes: &Lanes) {
    let taken = shared.tallies.take();
    if taken.is_empty() {
        return;
    }
    let minute = shared.ambient.now().as_millis().div_euclid(MINUTE_MS);
    let counts: Vec<_> = taken.iter().map(|&(tally, count)| (tally.rule().as_str(), count)).collect();
    let carried = lanes.chore(move |writer| Box::pin(async move { writer.add_tallies(minute, &counts).await })).await;
    if let Err(failure) = carried {
        tracing::debug!(?failure, "counts cannot be written yet");
        for (tally, count) in taken {
            shared.tallies.0[tally as usize].fetch_add(count, Relaxed);
        }
    }
}
