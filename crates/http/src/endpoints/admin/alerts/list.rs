use axum::http::Method;
use kernel::{Alert, AlertArea, AlertId, AlertRule, AlertState, AlertUnit, Instant, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AlertQuery {
    rule: Option<AlertRule>,
    /// The past ones instead of those that fire.
    #[serde(default)]
    resolved: bool,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of alerts, newest first.
#[derive(Serialize, JsonSchema)]
struct AlertPage {
    alerts: Vec<AlertRow>,
    page_info: CursorInfo,
}

/// What a rule found over its threshold, where, and since when.
#[derive(Serialize, JsonSchema)]
struct AlertRow {
    alert_id: AlertId,
    area: AlertArea,
    rule: AlertRule,
    /// Which job or cabinet; empty where it is about the whole house.
    subject: String,
    /// As last measured.
    value: i64,
    threshold: i64,
    unit: AlertUnit,
    since: Instant,
    /// When the channels were last told; absent while they were not.
    told_at: Option<Instant>,
    resolved_at: Option<Instant>,
}

impl From<Alert> for AlertRow {
    fn from(alert: Alert) -> Self {
        Self {
            alert_id: alert.id,
            area: alert.rule.area(),
            rule: alert.rule,
            subject: alert.subject,
            value: alert.value,
            threshold: alert.threshold,
            unit: alert.rule.unit(),
            since: alert.since,
            told_at: alert.told_at,
            resolved_at: match alert.state {
                AlertState::Firing => None,
                AlertState::Resolved { at } => Some(at),
            },
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AlertRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/alerts",
            id: "listAlerts",
            tag: Tag::Operation,
            summary: "Alerts that fire, or that did",
            description: "The rules are looked at once a minute. What fires again after it was resolved is another alert.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, AlertQuery>) -> Result<Reply<AlertPage>, Failure> {
    let query = input.query;
    let before = query.cursor.map_or(i64::MAX, Cursor::get);
    let found = queries::alerts::list(app.store(), !query.resolved, query.rule, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |alert| alert.id.get());
    Ok(Reply::ok(AlertPage { alerts: found.into_iter().map(AlertRow::from).collect(), page_info }))
}
