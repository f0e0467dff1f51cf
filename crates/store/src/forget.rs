//! Rows that nobody asks for any more.

use crate::{Error, Value, Writer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgettable {
    /// What was answered under idempotency keys.
    Answers,
    /// Sessions that ended by themselves. One that was revoked ends no later than it would have.
    Sessions,
    /// What a password opened on the way to a session.
    SignInTickets,
    /// Runs of jobs, but for the last one of each.
    JobRuns,
    /// Counts by the minute.
    Tallies,
    Reports,
}

const ANSWERS: &str = "DELETE FROM answers WHERE (caller_id, key) IN \
                       (SELECT caller_id, key FROM answers WHERE created_at < $1 ORDER BY created_at LIMIT 1000) \
                       RETURNING created_at";
const SESSIONS: &str = "DELETE FROM sessions WHERE token_hash IN \
                        (SELECT token_hash FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT 1000) \
                        RETURNING expires_at";
const SIGN_IN_TICKETS: &str = "DELETE FROM sign_in_tickets WHERE token_hash IN \
                               (SELECT token_hash FROM sign_in_tickets WHERE expires_at < $1 ORDER BY expires_at LIMIT 1000) \
                               RETURNING expires_at";
const JOB_RUNS: &str = "DELETE FROM job_runs WHERE run_id IN \
                        (SELECT run_id FROM job_runs WHERE ended_at < $1 \
                         AND run_id NOT IN (SELECT last_run FROM jobs WHERE last_run IS NOT NULL) \
                         ORDER BY run_id LIMIT 1000) RETURNING run_id";
/// What the minutes are counted from and in.
const MINUTE_MS: i64 = 60_000;
const TALLIES: &str = "DELETE FROM tallies WHERE (name, minute) IN \
                       (SELECT name, minute FROM tallies WHERE minute < $1 ORDER BY minute LIMIT 1000) RETURNING minute";

const REPORTS: &str = "DELETE FROM reports WHERE report_id IN \
                       (SELECT report_id FROM reports WHERE made_at < $1 ORDER BY report_id LIMIT 1000) RETURNING report_id";

impl Writer {
    /// Deletes some of what ended before `until_ms`, the oldest first, and says how many rows: as many as one transaction should
    /// hold, or fewer where no more are left.
    pub async fn forget(&mut self, what: Forgettable, until_ms: i64) -> Result<usize, Error> {
        let sql = match what {
            Forgettable::Answers => ANSWERS,
            Forgettable::Sessions => SESSIONS,
            Forgettable::SignInTickets => SIGN_IN_TICKETS,
            Forgettable::JobRuns => JOB_RUNS,
            Forgettable::Tallies => TALLIES,
            Forgettable::Reports => REPORTS,
        };
        let until = if what == Forgettable::Tallies { until_ms.div_euclid(MINUTE_MS) } else { until_ms };
        Ok(self.in_transaction(sql, &[Value::Int(until)]).await?.len())
    }
}
