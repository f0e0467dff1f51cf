use axum::http::Method;
use kernel::{Alert, AlertArea, AlertId, AlertRule, AlertState, AlertUnit, Instant, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries;
use store::queries::alerts::AlertSorting;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(AlertQuery, AlertFileQuery, AlertSorting, {
    rule: Option<AlertRule>,
    /// The past ones instead of those that fire.
    #[serde(default)]
    resolved: bool,
});

/// A page of alerts.
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
            description: "Newest first, unless asked for otherwise. The rules are looked at once a minute. What fires again after it was resolved is another alert.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Alerts>(
        Permission::AlertRead,
        "/api/v1/admin/alerts/export",
        "exportAlerts",
        Tag::Operation,
        "Alerts as a workbook",
        &[],
    )
}

/// Alerts, as the list shows them.
enum Alerts {}

impl Listed for Alerts {
    type Path = Nothing;
    type Query = AlertFileQuery;
    type Row = AlertRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &AlertFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<AlertRow>>, Failure> {
        let found = queries::alerts::list(app.store(), !query.resolved, query.rule, page).await;
        Ok(listed(found, caller.language)?.into_iter().map(|placed| placed.map(AlertRow::from)).collect())
    }
}

impl Filed for Alerts {
    const NAMES: (&'static str, &'static str) = ("告警", "alerts");
    const COLUMNS: &'static [FileColumn<AlertRow>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.alert_id.get())),
        FileColumn::new("规则", 24, |row| Cell::text(row.rule.as_str())),
        FileColumn::new("对象", 20, |row| Cell::text(&row.subject)),
        FileColumn::new("数值", 10, |row| Cell::Integer(row.value)),
        FileColumn::new("阈值", 10, |row| Cell::Integer(row.threshold)),
        FileColumn::new("开始时间", 20, |row| Cell::Moment(row.since)),
        FileColumn::new("通知时间", 20, |row| Cell::or_nothing(row.told_at, Cell::Moment)),
        FileColumn::new("恢复时间", 20, |row| Cell::or_nothing(row.resolved_at, Cell::Moment)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, AlertQuery>) -> Result<Reply<AlertPage>, Failure> {
    let (alerts, page_info) = list::read::<Alerts>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(AlertPage { alerts, page_info }))
}
