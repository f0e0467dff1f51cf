use axum::http::Method;
use kernel::{Instant, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use service::{Connection, Partner};
use store::Engine;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::setting::{Setting, SettingSource, SettingValue};

/// What the house runs with.
#[derive(Serialize, JsonSchema)]
struct HouseSettings {
    version: &'static str,
    engine: DatabaseEngine,
    /// The number of the database's schema.
    schema: i64,
    /// The zone that decides which day it is.
    time_zone: String,
    connections: Vec<ConnectionRow>,
    /// In the order of the configuration's sections.
    settings: Vec<SettingRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DatabaseEngine {
    Sqlite,
    Postgres,
}

impl From<Engine> for DatabaseEngine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite,
            Engine::Postgres => Self::Postgres,
        }
    }
}

/// Whom the house talks with, and how that has gone in the last 24 hours.
#[derive(Serialize, JsonSchema)]
struct ConnectionRow {
    partner: Partner,
    is_configured: bool,
    /// When it told something last, however long ago.
    heard_at: Option<Instant>,
    /// How many messages it took.
    delivered: i64,
    /// How many were tried and have not arrived.
    failing: i64,
    /// Why the newest of these has not.
    error: Option<String>,
}

impl From<Connection> for ConnectionRow {
    fn from(connection: Connection) -> Self {
        let Connection { partner, is_configured, heard_at, delivered, failing, error } = connection;
        Self { partner, is_configured, heard_at, delivered, failing, error }
    }
}

#[derive(Serialize, JsonSchema)]
struct SettingRow {
    /// As the configuration file has it: its section, a dot, its key.
    key: String,
    /// Absent where it is not set, and for every secret.
    value: Option<Shown>,
    /// A secret is never shown.
    is_secret: bool,
    is_set: bool,
    source: SettingSource,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Shown {
    Text(String),
    Number(i64),
    Switch(bool),
}

impl From<Setting> for SettingRow {
    fn from(Setting { key, value, source }: Setting) -> Self {
        let (value, is_secret, is_set) = match value {
            SettingValue::Absent => (None, false, false),
            SettingValue::Text(text) => (Some(Shown::Text(text)), false, true),
            SettingValue::Number(number) => (Some(Shown::Number(number)), false, true),
            SettingValue::Switch(is_on) => (Some(Shown::Switch(is_on)), false, true),
            SettingValue::Secret { is_set } => (None, true, is_set),
        };
        Self { key, value, is_secret, is_set, source }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::SettingsRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/settings",
            id: "showSettings",
            tag: Tag::Operation,
            summary: "What the house runs with",
            description: "Settings are changed in the configuration and hold from the next start on. A partner works where \
                          nothing fails.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input) -> Result<Reply<HouseSettings>, Failure> {
    let connections = app.service().connections().await?;
    Ok(Reply::ok(HouseSettings {
        version: env!("CARGO_PKG_VERSION"),
        engine: app.store().engine().into(),
        schema: app.service().health().await.schema,
        time_zone: app.zone().iana_name().unwrap_or("UTC").to_owned(),
        connections: connections.into_iter().map(ConnectionRow::from).collect(),
        settings: app.settings().iter().cloned().map(SettingRow::from).collect(),
    }))
}
