//! The job that deletes what was kept for a while only.

use kernel::Counts;
use store::Forgettable;

use crate::{Job, Ran, Schedule, Service};

const DAY_MS: i64 = 86_400_000;

/// Every night: a database that only grows ends full. What moved money or says who did what is not kept for a while but for good.
pub struct ForgetOldRows {
    /// The same request under the same key gives the first answer for so long.
    pub answers_days: u32,
    /// So long after their end.
    pub sessions_days: u32,
    pub job_runs_days: u32,
    pub reports_days: u32,
}

impl Job for ForgetOldRows {
    fn name(&self) -> &'static str {
        "forget-old-rows"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: 4 * 60 + 15 }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async {
            let mut counts = Counts::new();
            for (name, what, days) in [
                ("answers", Forgettable::Answers, self.answers_days),
                ("sessions", Forgettable::Sessions, self.sessions_days),
                ("sign_in_tickets", Forgettable::SignInTickets, self.sessions_days),
                ("job_runs", Forgettable::JobRuns, self.job_runs_days),
                ("tallies", Forgettable::Tallies, self.job_runs_days),
                ("reports", Forgettable::Reports, self.reports_days),
            ] {
                let until_ms = service.now().plus_millis(-i64::from(days) * DAY_MS).as_millis();
                let mut forgotten = 0;
                while !service.is_stopping() {
                    match service.forget(what, until_ms).await {
                        Ok(0) => break,
                        Ok(rows) => forgotten += rows,
                        Err(failure) => return Err(format!("old {name} are not deleted: {failure:?}")),
                    }
                }
                counts.insert(name.to_owned(), forgotten);
            }
            Ok(counts)
        })
    }
}
