//! Alerts: they fire once, are told together, again after a while and when they are over; a silence keeps them to the house.

#![cfg(test)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Alert, AlertChannel, AlertCommand, AlertKey, AlertMessage, AlertNews, AlertRule, AlertState, CabinetRules, Command,
    EndSilence, Instant, NoteRound, Outcome, Overdraft, Refusal, SilenceRule,
};
use support::{Answer, Asked, Database, House, Ids, actor};

const MINUTE_MS: i64 = 60_000;
const REPEAT_MS: i64 = 60 * MINUTE_MS;

struct World {
    database: Database,
    ids: Ids,
    house: House,
    channels: BTreeSet<AlertChannel>,
}

fn about(rule: AlertRule, subject: &str) -> AlertKey {
    (rule, subject.to_owned())
}

impl World {
    fn new() -> Self {
        let now: Instant = "2026-03-02T01:00:00Z".parse().expect("an instant");
        let house = House { now, overdraft_limit: Some(Overdraft::NONE), cabinet: CabinetRules::default() };
        let channels = BTreeSet::from([AlertChannel::Wecom, AlertChannel::Webhook]);
        Self { database: Database::new(), ids: Ids::default(), house, channels }
    }

    fn run(&mut self, command: AlertCommand) -> Answer {
        let batch = [Asked { command: Command::Alert(command), actor: actor(None) }];
        let mut answers = Vec::new();
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| {
            answers.push(answer.clone());
        });
        answers.remove(0)
    }

    fn pass(&mut self, minutes: i64) {
        self.house.now = self.house.now.plus_millis(minutes * MINUTE_MS);
    }

    /// A round; how many fired, were resolved, and were told.
    fn round(&mut self, over: &[(AlertKey, i64)]) -> (i64, i64, i64) {
        let command = NoteRound {
            over: over.iter().cloned().collect(),
            thresholds: AlertRule::ALL.iter().map(|&rule| (rule, rule.usual_threshold())).collect(),
            firing: self.firing().into_keys().collect(),
            repeat_ms: REPEAT_MS,
            channels: self.channels.clone(),
        };
        match self.run(AlertCommand::NoteRound(command)) {
            Ok(Outcome::AlertRound { fired, resolved, told }) => (fired, resolved, told),
            other => panic!("{other:?}"),
        }
    }

    fn firing(&self) -> BTreeMap<AlertKey, Alert> {
        let alerts = self.database.alerts.values().map(|(alert, _)| alert.clone());
        let firing = alerts.filter(|alert| alert.state == AlertState::Firing);
        firing.map(|alert| ((alert.rule, alert.subject.clone()), alert)).collect()
    }

    fn messages(&self) -> Vec<AlertMessage> {
        let told = self.database.outbox.iter().filter(|message| message.topic == "alerts");
        told.map(|message| serde_json::from_str(&message.body).expect("a message")).collect()
    }

    fn last_news(&self) -> Vec<(AlertNews, AlertKey)> {
        let last = self.messages().pop().expect("a message");
        last.alerts.into_iter().map(|told| (told.news, (told.rule, told.subject))).collect()
    }

    fn silence(&mut self, rule: AlertRule, minutes: i64) -> Answer {
        let until = self.house.now.plus_millis(minutes * MINUTE_MS);
        let reason = "换柜机".to_owned().try_into().expect("a reason");
        self.run(AlertCommand::SilenceRule(SilenceRule { rule, until, reason }))
    }
}

#[test]
fn a_round_is_one_message_a_channel() {
    let mut world = World::new();
    let (device, forged) = (about(AlertRule::DeviceOffline, "D1"), about(AlertRule::Forged, ""));
    assert_eq!(world.round(&[(device.clone(), 15), (forged.clone(), 7)]), (2, 0, 2));
    let messages = world.messages();
    let channels: Vec<_> = messages.iter().map(|message| message.channel).collect();
    assert_eq!(channels, [AlertChannel::Wecom, AlertChannel::Webhook]);
    assert_eq!(world.last_news(), [(AlertNews::Fires, device.clone()), (AlertNews::Fires, forged.clone())]);
    let told = &messages[0].alerts[0];
    assert_eq!((told.value, told.threshold, told.since), (15, 15, world.house.now));

    world.pass(1);
    assert_eq!(world.round(&[(device.clone(), 16), (forged.clone(), 7)]), (0, 0, 0), "told already");
    assert_eq!(world.firing()[&device].value, 16, "but what it comes to is known");
    assert_eq!(world.messages().len(), 2);
    world.pass(1);
    assert_eq!(world.round(&[(device.clone(), 17)]), (0, 1, 1));
    assert_eq!(world.last_news(), [(AlertNews::Resolved, forged)]);
    world.pass(58);
    assert_eq!(world.round(&[(device.clone(), 75)]), (0, 0, 1));
    assert_eq!(world.last_news(), [(AlertNews::StillFires, device.clone())]);
    world.pass(1);
    assert_eq!(world.round(&[(device.clone(), 76)]), (0, 0, 0), "an hour begins anew");
    world.pass(1);
    assert_eq!(world.round(&[]), (0, 1, 1));
    assert_eq!(world.round(&[(device, 15)]), (1, 0, 1), "what fires again is another alert");
    assert_eq!(world.database.alerts.len(), 3);
}

#[test]
fn a_silenced_rule_is_written_down_and_not_told() {
    let mut world = World::new();
    let (first, second) = (about(AlertRule::DeviceOffline, "D1"), about(AlertRule::DeviceOffline, "D2"));
    assert_eq!(world.silence(AlertRule::DeviceOffline, 0), Err(Refusal::SilencePast));
    world.silence(AlertRule::DeviceOffline, 30).expect("silenced");
    assert_eq!(world.round(&[(first.clone(), 20), (second.clone(), 20)]), (2, 0, 0));
    assert_eq!((world.firing().len(), world.messages().len()), (2, 0));
    world.pass(10);
    assert_eq!(world.round(&[(second.clone(), 30)]), (0, 1, 0), "it was never told, so its end is not");
    world.pass(20);
    assert_eq!(world.round(&[(second.clone(), 50)]), (0, 0, 1), "the silence is over and the cabinet is not back");
    assert_eq!(world.last_news(), [(AlertNews::Fires, second)]);

    world.silence(AlertRule::DeviceOffline, 30).expect("silenced");
    let end = || AlertCommand::EndSilence(EndSilence { rule: AlertRule::DeviceOffline });
    world.run(end()).expect("ended");
    assert!(matches!(world.run(end()), Err(Refusal::NotFound { .. })));
    assert_eq!(world.round(&[(first, 20)]), (1, 1, 2), "the other one is over");
    let actions: Vec<_> = world.database.audits.iter().map(|audit| audit.action).collect();
    assert_eq!(actions, ["alert.silence", "alert.silence", "alert.end_silence"]);
}

#[test]
fn where_nobody_is_to_be_told_nobody_was() {
    let mut world = World::new();
    let channels = std::mem::take(&mut world.channels);
    let device = about(AlertRule::DeviceOffline, "D1");
    assert_eq!(world.round(&[(device.clone(), 15)]), (1, 0, 0));
    assert_eq!((world.firing()[&device].told_at, world.messages().len()), (None, 0));
    world.channels = channels;
    world.pass(1);
    assert_eq!(world.round(&[(device.clone(), 16)]), (0, 0, 1), "what still fires is told as soon as it can be");
    assert_eq!(world.last_news(), [(AlertNews::Fires, device)]);
}
