//! The check as a job.

use crate::{Job, Ran, Schedule, Service};

/// Every night at half past three, when nobody eats.
pub struct ConsistencyCheck;

impl ConsistencyCheck {
    pub(crate) const NAME: &str = "consistency-check";
}

impl Job for ConsistencyCheck {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: 3 * 60 + 30 }
    }

    /// A run that finds something wrong has done its work: it counts what it found, and the log says so.
    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async {
            let report = service.check().await.map_err(|failure| format!("the books cannot be read: {failure:?}"))?;
            if !report.passes() {
                tracing::error!(findings = ?report.counts(), "the books are wrong");
            }
            let count = |(name, count): (&str, u64)| (name.to_owned(), i64::try_from(count).unwrap_or(i64::MAX));
            Ok(report.counts().map(count).into())
        })
    }
}
