//! The alerts' commands.

use std::collections::BTreeSet;

use serde_json::json;

use crate::draft::{Draft, Written};
use crate::{
    Alert, AlertCommand, AlertId, AlertKey, AlertMessage, AlertNews, AlertState, Change, Context, Decision, EndSilence,
    Facts, Needs, NoteRound, Noun, OutboxMessage, Outcome, Refusal, Silence, SilenceRule, TryChannel,
};

pub(super) fn needs(command: &AlertCommand, facts: &Facts, needs: &mut Needs) {
    match command {
        AlertCommand::NoteRound(command) => {
            for key in keys(command) {
                needs.alerts.silences.insert(key.0);
                if facts.alerts.firing.knows(key) {
                    needs.alerts.alerts.extend(facts.alerts.firing.get(key));
                }
                needs.alerts.firing_of.insert(key.clone());
            }
        }
        AlertCommand::SilenceRule(command) => drop(needs.alerts.silences.insert(command.rule)),
        AlertCommand::EndSilence(command) => drop(needs.alerts.silences.insert(command.rule)),
        AlertCommand::TryChannel(_) => {}
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &AlertCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        AlertCommand::NoteRound(command) => Ok(note_round(facts, command, context, draft)),
        AlertCommand::SilenceRule(command) => silence(facts, command, context, draft),
        AlertCommand::EndSilence(command) => end_silence(facts, command, context, draft),
        AlertCommand::TryChannel(command) => Ok(try_channel(command, draft)),
    }
}

fn keys(command: &NoteRound) -> BTreeSet<&AlertKey> {
    command.over.keys().chain(&command.firing).collect()
}

fn note_round(facts: &Facts, command: &NoteRound, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let now = context.now;
    let mut told = Vec::new();
    let (mut fired, mut resolved) = (0, 0);
    for key in keys(command) {
        let silence = facts.alerts.silences.get(&key.0);
        let is_silent = silence.is_some_and(|silence| silence.holds_at(now));
        let before = facts.alerts.firing.get(key).and_then(|id| facts.alerts.alerts.get(id));
        let over =
            command.over.get(key).map(|&value| (value, command.thresholds.get(&key.0).copied().unwrap_or(value)));
        let (mut after, news) = match (before, over) {
            (None, None) => continue,
            (None, Some((value, threshold))) => {
                fired += 1;
                let alert = Alert {
                    id: AlertId::new(draft.next_id()),
                    rule: key.0,
                    subject: key.1.clone(),
                    value,
                    threshold,
                    since: now,
                    told_at: None,
                    state: AlertState::Firing,
                    updated_at: now,
                };
                (alert, Some(AlertNews::Fires))
            }
            (Some(before), Some((value, threshold))) => {
                let news = match before.told_at {
                    None => Some(AlertNews::Fires),
                    Some(told_at) if told_at.plus_millis(command.repeat_ms) <= now => Some(AlertNews::StillFires),
                    Some(_) => None,
                };
                (Alert { value, threshold, ..before.clone() }, news)
            }
            (Some(before), None) => {
                resolved += 1;
                // Whoever has not heard of it need not hear that it is over.
                let news = before.told_at.map(|_| AlertNews::Resolved);
                (Alert { state: AlertState::Resolved { at: now }, ..before.clone() }, news)
            }
        };
        if let Some(news) = news.filter(|_| !is_silent && !command.channels.is_empty()) {
            after.told_at = Some(now);
            told.push(after.told(news));
        }
        if before != Some(&after) {
            draft.push(Change::Alert(Alert { updated_at: now, ..after }));
        }
    }
    if !told.is_empty() {
        for &channel in &command.channels {
            let message = AlertMessage { channel, at: now, alerts: told.clone() };
            let body = crate::audit::json(&message);
            let id = draft.next_id();
            draft.push(Change::Outbox(OutboxMessage { id, topic: "alerts", body, due_at: now }));
        }
    }
    let told = i64::try_from(told.len()).unwrap_or(i64::MAX);
    draft.finish(Outcome::AlertRound { fired, resolved, told })
}

fn silence(
    facts: &Facts,
    command: &SilenceRule,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let SilenceRule { rule, until, reason } = command.clone();
    if until <= context.now {
        return Err(Refusal::SilencePast);
    }
    let before = facts.alerts.silences.get(&rule);

    // After this point it must succeed.
    let silence = Silence { rule, until, reason, set_by: context.actor.member, updated_at: context.now };
    let before = before.filter(|before| before.holds_at(context.now)).map(|before| before.until);
    let (before, after) = (json!({ "rule": rule, "until": before }), json!({ "rule": rule, "until": until }));
    draft.audit("alert.silence", ("alert_rule", 0), Written::change(&before, &after).because(silence.reason.as_str()));
    draft.push(Change::Silence(silence.clone()));
    Ok(draft.finish(Outcome::Silence { silence }))
}

fn end_silence(
    facts: &Facts,
    command: &EndSilence,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = facts.alerts.silences.get(&command.rule).filter(|silence| silence.holds_at(context.now));
    let before = before.ok_or(Refusal::NotFound { noun: Noun::Silence })?;

    // After this point it must succeed.
    let silence = Silence { until: context.now, updated_at: context.now, ..before.clone() };
    let trace = |silence: &Silence| json!({ "rule": silence.rule, "until": silence.until });
    draft.audit("alert.end_silence", ("alert_rule", 0), Written::change(&trace(before), &trace(&silence)));
    draft.push(Change::Silence(silence.clone()));
    Ok(draft.finish(Outcome::Silence { silence }))
}

fn try_channel(command: &TryChannel, mut draft: Draft<'_>) -> Decision {
    draft.audit("alert.try_channel", ("alert_channel", 0), Written::after(&json!({ "channel": command.channel })));
    draft.finish(Outcome::Noted)
}
