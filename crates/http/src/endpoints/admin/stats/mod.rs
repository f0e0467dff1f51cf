//! Figures about cabinets for a span of days.

pub(crate) mod devices;
pub(crate) mod payments;
pub(crate) mod sales;
pub(crate) mod settling;

use kernel::{Date, Instant};
use store::queries::cabinet_stats::IdSpan;

use crate::App;
use crate::failure::Failure;
use crate::texts::{Language, say};

const MOST_DAYS: i32 = 92;

/// Whole days in the configured zone.
struct Days {
    from: Instant,
    until: Instant,
}

impl Days {
    fn new(app: &App, from: Date, to: Date, language: Language) -> Result<Self, Failure> {
        if from > to {
            return Err(Failure::ends_before_it_begins("date_from", "date_to", language));
        }
        if from.plus_days(MOST_DAYS) <= to {
            let problem = say!(language, "最多 {MOST_DAYS} 天", "can be at most {MOST_DAYS} days from `date_from`");
            return Err(Failure::invalid("date_to", problem));
        }
        let zone = app.service().zone();
        Ok(Self { from: from.start_in(zone), until: to.plus_days(1).start_in(zone) })
    }

    fn ids(&self) -> IdSpan {
        IdSpan { from: service::first_id_at(self.from), until: service::first_id_at(self.until) }
    }
}

/// None where there is nothing to divide.
fn mean(sum: i64, count: i64) -> Option<i64> {
    sum.checked_div(count)
}
