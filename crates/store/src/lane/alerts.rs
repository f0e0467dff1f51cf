//! The alerts' part of loading and writing.

use kernel::{Alert, AlertId, AlertKey, AlertNeeds, AlertState, Facts, Instant, MemberId, Silence};

use super::load::Plan;
use crate::rows;
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Cells, Lock, SetStatement, Value};

statements! {
    ALERTS = SetStatement::select("alerts", &rows::ALERT[..1], rows::ALERT, "", Lock::None);
    SILENCES = SetStatement::select("silences", &rows::SILENCE[..1], rows::SILENCE, "", Lock::None);
    FIRING = SetStatement::select(
        "alerts",
        &[("rule", Text), ("subject", Text)],
        &[("rule", Text), ("subject", Text), ("alert_id", Int)],
        "t.state = 'firing'",
        Lock::None,
    );

    INSERT_ALERTS = SetStatement::insert("alerts", rows::ALERT);
    UPDATE_ALERTS = SetStatement::update("alerts", &rows::ALERT[..1], &rows::ALERT[3..10]);
    INSERT_SILENCES = SetStatement::insert("silences", rows::SILENCE);
    UPDATE_SILENCES = SetStatement::update("silences", &rows::SILENCE[..1], &rows::SILENCE[1..5]);
}

pub(super) fn plan<'a>(plan: &mut Plan<'a>, needs: &'a AlertNeeds) {
    let keys = needs.alerts.iter().copied();
    plan.rows(&ALERTS, |facts| &mut facts.alerts.alerts, keys, |id| [id.get().into()], |alert| alert.id);
    let keys = needs.silences.iter().copied();
    plan.rows(
        &SILENCES,
        |facts| &mut facts.alerts.silences,
        keys,
        |rule| [rule.as_str().into()],
        |silence| silence.rule,
    );
    let key = |(rule, subject): &AlertKey| [rule.as_str().into(), subject.clone().into()];
    let found = |cells: &mut Cells| Ok((cells.parse("alert rule")?, cells.text()?));
    let id = |cells: &mut Cells| cells.int().map(AlertId::new);
    plan.look_up(&FIRING, &needs.firing_of, key, found, id, |facts| &mut facts.alerts.firing);
}

pub(super) fn write<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let alerts = facts.alerts.alerts.dirty();
    batches.push(Batch::of(
        &INSERT_ALERTS,
        alerts.inserts.iter().map(|alert| {
            let [state, value, threshold, since, told, resolved, updated] = alert_columns(alert);
            let (id, rule, subject) =
                (alert.id.get().into(), alert.rule.as_str().into(), alert.subject.as_str().into());
            [id, rule, subject, state, value, threshold, since, told, resolved, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ALERTS,
        alerts.updates.iter().map(|(alert, version)| {
            let [state, value, threshold, since, told, resolved, updated] = alert_columns(alert);
            [alert.id.get().into(), Value::Int(*version), state, value, threshold, since, told, resolved, updated]
        }),
    ));
    let silences = facts.alerts.silences.dirty();
    batches.push(Batch::of(
        &INSERT_SILENCES,
        silences.inserts.iter().map(|silence| {
            let [until, reason, by, updated] = silence_columns(silence);
            [silence.rule.as_str().into(), until, reason, by, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SILENCES,
        silences.updates.iter().map(|(silence, version)| {
            let [until, reason, by, updated] = silence_columns(silence);
            [silence.rule.as_str().into(), Value::Int(*version), until, reason, by, updated]
        }),
    ));
}

fn alert_columns(alert: &Alert) -> [Value<'static>; 7] {
    let (state, resolved) = match alert.state {
        AlertState::Firing => ("firing", Value::Null),
        AlertState::Resolved { at } => ("resolved", at.as_millis().into()),
    };
    let (since, updated) = (alert.since.as_millis().into(), alert.updated_at.as_millis().into());
    let told = alert.told_at.map(Instant::as_millis).into();
    [state.into(), alert.value.into(), alert.threshold.into(), since, told, resolved, updated]
}

fn silence_columns(silence: &Silence) -> [Value<'_>; 4] {
    let (until, updated) = (silence.until.as_millis().into(), silence.updated_at.as_millis().into());
    [until, silence.reason.as_str().into(), silence.set_by.map(MemberId::get).into(), updated]
}
