//! Scheduled workers and their runs. A run holds its job while its lease lasts, so that of several servers one at a time does it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Instant, MemberId, RunId};

/// What is kept of a job between its runs. One without a row has never run and never been paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub name: String,
    pub paused: bool,
    pub last_run: Option<RunId>,
}

impl Job {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), paused: false, last_run: None }
    }
}

/// What a run has to say for itself, by name.
pub type Counts = BTreeMap<String, i64>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    pub id: RunId,
    pub job: String,
    /// The number of the server that does it.
    pub node: i64,
    /// Tells this run's own worker from anybody who asks about the run.
    pub claim: i64,
    /// Absent where the schedule did it.
    pub triggered_by: Option<MemberId>,
    pub started_at: Instant,
    pub state: RunState,
}

/// Running becomes one of the others, which are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Until the lease is over; whoever comes then may take the job.
    Running {
        lease_until: Instant,
    },
    Succeeded {
        ended_at: Instant,
        counts: Counts,
    },
    Failed {
        ended_at: Instant,
        error: String,
    },
    /// Its server went away; the next run found its lease over.
    Abandoned {
        ended_at: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Succeeded,
    Failed,
    Abandoned,
}

impl RunStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl JobRun {
    #[must_use]
    pub fn status(&self) -> RunStatus {
        match self.state {
            RunState::Running { .. } => RunStatus::Running,
            RunState::Succeeded { .. } => RunStatus::Succeeded,
            RunState::Failed { .. } => RunStatus::Failed,
            RunState::Abandoned { .. } => RunStatus::Abandoned,
        }
    }

    /// Whether it still holds its job.
    #[must_use]
    pub fn holds_at(&self, now: Instant) -> bool {
        matches!(self.state, RunState::Running { lease_until } if now < lease_until)
    }
}
