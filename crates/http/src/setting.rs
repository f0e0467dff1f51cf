//! What the house is configured to, as people who look after it see it.

use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As the configuration file has it: its section, a dot, its key.
    pub key: String,
    pub value: SettingValue,
    pub source: SettingSource,
}

/// What may be shown of a value: of a secret only whether there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    Absent,
    Text(String),
    Number(i64),
    Switch(bool),
    Secret { is_set: bool },
}

/// Where a value comes from, and so where it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    Default,
    File,
    Environment,
    /// The command that started the server.
    Command,
}
