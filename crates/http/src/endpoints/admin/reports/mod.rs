//! Reports, as people read and take them home.

pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod show;

use kernel::{Date, ReportKind};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct ReportPath {
    kind: ReportKind,
    date: Date,
}
