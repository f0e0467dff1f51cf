//! Alerts, as people see and silence them.

pub(crate) mod end_silence;
pub(crate) mod list;
pub(crate) mod rules;
pub(crate) mod silence;
pub(crate) mod try_channel;

use kernel::{AlertRule, Instant, Silence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct RulePath {
    rule: AlertRule,
}

/// Until when nobody is told of a rule's alerts, and why.
#[derive(Serialize, JsonSchema)]
struct SilenceRow {
    until: Instant,
    reason: String,
    /// Absent where nobody of the house did it.
    set_by_nickname: Option<String>,
}

impl SilenceRow {
    fn new(silence: Silence, set_by_nickname: Option<String>) -> Self {
        Self { until: silence.until, reason: silence.reason.into(), set_by_nickname }
    }
}
