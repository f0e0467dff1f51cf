//! Scheduled work, as administrators see and steer it.

pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;

use kernel::{Counts, Instant, MemberId, RunId, RunState, RunStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::jobs::Shown;

#[derive(Deserialize, JsonSchema)]
struct JobPath {
    name: String,
}

/// One run of a job.
#[derive(Serialize, JsonSchema)]
struct JobRunRow {
    run_id: RunId,
    job: String,
    /// The number of the server that did it.
    node: i64,
    status: RunStatus,
    started_at: Instant,
    ended_at: Option<Instant>,
    duration_ms: Option<i64>,
    /// What it has to say for itself, by name.
    counts: Option<Counts>,
    error: Option<String>,
    /// Absent where the schedule did it.
    triggered_by: Option<TriggeredBy>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct TriggeredBy {
    user_id: MemberId,
    nickname: String,
}

impl From<Shown> for JobRunRow {
    fn from(shown: Shown) -> Self {
        let run = shown.run;
        let status = run.status();
        let (ended_at, counts, error) = match run.state {
            RunState::Running { .. } => (None, None, None),
            RunState::Succeeded { ended_at, counts } => (Some(ended_at), Some(counts), None),
            RunState::Failed { ended_at, error } => (Some(ended_at), None, Some(error)),
            RunState::Abandoned { ended_at } => (Some(ended_at), None, None),
        };
        Self {
            run_id: run.id,
            job: run.job,
            node: run.node,
            status,
            started_at: run.started_at,
            ended_at,
            duration_ms: ended_at.map(|ended_at| ended_at.as_millis() - run.started_at.as_millis()),
            counts,
            error,
            triggered_by: shown.triggered_by.map(|(user_id, nickname)| TriggeredBy { user_id, nickname }),
        }
    }
}
