use std::collections::BTreeSet;

use axum::http::Method;
use kernel::{AlertArea, AlertChannel, AlertRule, AlertUnit, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::SilenceRow;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// What is watched, and who is told.
#[derive(Serialize, JsonSchema)]
struct AlertRules {
    rules: Vec<AlertRuleRow>,
    /// What is configured; whoever it is, alerts are listed here.
    channels: BTreeSet<AlertChannel>,
}

#[derive(Serialize, JsonSchema)]
struct AlertRuleRow {
    rule: AlertRule,
    area: AlertArea,
    unit: AlertUnit,
    /// From where on it fires; absent where it is turned off.
    threshold: Option<i64>,
    /// Absent where it may be told.
    silence: Option<SilenceRow>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AlertRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/alerts/rules",
            id: "listAlertRules",
            tag: Tag::Operation,
            summary: "The alert rules, their thresholds and silences",
            description: "Thresholds and channels are set in the configuration.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input) -> Result<Reply<AlertRules>, Failure> {
    let mut silences = queries::alerts::silences(app.store(), app.service().now()).await?;
    let alerts = app.service().alerts();
    let rules = AlertRule::ALL.iter().map(|&rule| {
        let at = silences.iter().position(|shown| shown.silence.rule == rule);
        let silence = at.map(|at| silences.swap_remove(at));
        AlertRuleRow {
            rule,
            area: rule.area(),
            unit: rule.unit(),
            threshold: alerts.threshold(rule),
            silence: silence.map(|shown| SilenceRow::new(shown.silence, shown.nickname)),
        }
    });
    Ok(Reply::ok(AlertRules { rules: rules.collect(), channels: alerts.channel_names() }))
}
