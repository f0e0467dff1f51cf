//! How many refused messages of partners are written down. Anybody can send them, so their number must not fill the audit trail.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kernel::Instant;

const MINUTE_MS: i64 = 60_000;
/// So many of a minute get a record each; after that one at every doubling, which says how many there have been.
const EACH: i64 = 10;

/// Counts for each partner and minute; each server counts for itself.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, Minute>>);

#[derive(Default)]
struct Minute {
    number: i64,
    refused: i64,
}

impl Refusals {
    /// The how-manieth of its minute this one is, where that is to be written down. `partner` is one that there is: whoever only says
    /// that they are somebody must not get a count of their own by it.
    pub(crate) fn count(&self, partner: &str, now: Instant) -> Option<i64> {
        let number = now.as_millis().div_euclid(MINUTE_MS);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = minutes.entry(partner.to_owned()).or_default();
        if minute.number != number {
            *minute = Minute { number, refused: 0 };
        }
        minute.refused += 1;
        let is_doubling = minute.refused % EACH == 0 && (minute.refused / EACH).count_ones() == 1;
        (minute.refused <= EACH || is_doubling).then_some(minute.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_a_few_records() {
        let refusals = Refusals::default();
        let at = |ms: i64| Instant::from_millis(1_780_000_000_000 + ms);
        let written: Vec<_> = (0..100_000).filter_map(|_| refusals.count("v", at(0))).collect();
        assert_eq!(written[..13], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 40, 80]);
        assert_eq!((written.len(), written.last()), (23, Some(&81_920)));
        assert_eq!(refusals.count("w", at(0)), Some(1), "another partner has a count of its own");
        assert_eq!(refusals.count("v", at(60_000)), Some(1), "and every minute");
    }
}
