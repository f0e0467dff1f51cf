//! Reports: one a kind and day, and one message for each channel.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use kernel::{
    AlertChannel, CabinetRules, Command, ExceptionFigures, Figures, Instant, KeepReport, Outcome, ReportMessage,
};
use support::{Asked, Database, House, Ids, actor};

fn exceptions(open: i64) -> Figures {
    Figures::Exceptions(ExceptionFigures {
        open,
        overdue: 0,
        waiting: Vec::new(),
        raised: Vec::new(),
        settled: Vec::new(),
    })
}

fn keep(date: &str, open: i64) -> Asked {
    let command = KeepReport {
        date: date.parse().expect("a date"),
        figures: exceptions(open),
        channels: BTreeSet::from([AlertChannel::Wecom, AlertChannel::Webhook]),
    };
    Asked { command: Command::KeepReport(command), actor: actor(None) }
}

#[test]
fn what_was_told_is_not_told_otherwise() {
    let now: Instant = "2026-03-02T01:00:00Z".parse().expect("an instant");
    let house = House { now, overdraft_limit: None, cabinet: CabinetRules::default() };
    let (mut database, mut ids) = (Database::new(), Ids::default());
    let mut kept = Vec::new();
    // In one batch as in two.
    for batch in
        [vec![keep("2026-03-01", 1), keep("2026-03-01", 2), keep("2026-03-02", 3)], vec![keep("2026-03-01", 4)]]
    {
        support::run(&mut database, &mut ids, &house, &batch, |_, answer, _| match answer {
            Ok(Outcome::ReportKept { is_new }) => kept.push(*is_new),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kept, [true, false, true, false]);
    let figures: Vec<_> = database.reports.values().map(|(report, _)| report.figures.clone()).collect();
    assert_eq!(figures, [exceptions(1), exceptions(3)]);
    let told = database.outbox.iter().map(|message| serde_json::from_str(&message.body).expect("a message"));
    let told: Vec<_> = told.map(|message: ReportMessage| (message.date.to_string(), message.channel)).collect();
    let told: Vec<_> = told.iter().map(|(date, channel)| (date.as_str(), *channel)).collect();
    assert_eq!(
        told,
        [
            ("2026-03-01", AlertChannel::Wecom),
            ("2026-03-01", AlertChannel::Webhook),
            ("2026-03-02", AlertChannel::Wecom),
            ("2026-03-02", AlertChannel::Webhook),
        ]
    );
}
