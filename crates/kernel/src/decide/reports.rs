//! Keeping reports.

use crate::draft::Draft;
use crate::{Change, Context, Decision, Facts, KeepReport, OutboxMessage, Outcome, Report, ReportId, ReportMessage};

pub(super) fn keep(facts: &Facts, command: &KeepReport, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let KeepReport { date, figures, channels } = command.clone();
    let kind = figures.kind();
    if facts.reports.get(&(kind, date)).is_some() {
        return draft.finish(Outcome::ReportKept { is_new: false });
    }
    let report = Report { id: ReportId::new(draft.next_id()), kind, date, figures, made_at: context.now };
    draft.push(Change::Report(report));
    for channel in channels {
        let body = crate::audit::json(&ReportMessage { channel, kind, date });
        let id = draft.next_id();
        draft.push(Change::Outbox(OutboxMessage { id, topic: "reports", body, due_at: context.now }));
    }
    draft.finish(Outcome::ReportKept { is_new: true })
}
