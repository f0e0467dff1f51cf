use crate::draft::{Draft, Written};
use crate::{
    Change, Context, Decision, EndRun, Facts, Job, JobRun, Needs, Noun, Outcome, PauseJob, Refusal, RenewRun, RunId,
    RunState, StartJob, Trigger,
};

pub(super) fn start_needs(command: &StartJob, facts: &Facts, needs: &mut Needs) {
    needs.jobs.insert(command.job.clone());
    if facts.jobs.knows(&command.job) {
        needs.job_runs.extend(facts.jobs.get(&command.job).and_then(|job| job.last_run));
    }
}

pub(super) fn start(
    facts: &Facts,
    command: &StartJob,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let job = facts.jobs.get(&command.job).cloned().unwrap_or_else(|| Job::new(&command.job));
    let last = job.last_run.and_then(|run| facts.job_runs.get(&run));
    if let Some(last) = last.filter(|last| last.holds_at(context.now)) {
        return Err(Refusal::JobRunning { run: last.id, since: last.started_at });
    }
    if let Trigger::Schedule { after } = command.trigger
        && (job.paused || job.last_run != after)
    {
        return Err(Refusal::JobNotDue);
    }

    // After this point it must succeed.
    if let Some(last) = last.filter(|last| matches!(last.state, RunState::Running { .. })) {
        let state = RunState::Abandoned { ended_at: context.now };
        draft.push(Change::JobRun(JobRun { state, ..last.clone() }));
    }
    let run = JobRun {
        id: RunId::new(draft.next_id()),
        job: command.job.clone(),
        node: command.node,
        claim: command.claim,
        triggered_by: context.actor.member,
        started_at: context.now,
        state: RunState::Running { lease_until: context.now.plus_millis(command.lease_ms) },
    };
    if command.trigger == Trigger::Hand {
        let written = Written::after(&serde_json::json!({ "job": run.job }));
        draft.audit("job.run", ("job_run", run.id.get()), written);
    }
    draft.push(Change::Job(Job { last_run: Some(run.id), ..job }));
    draft.push(Change::JobRun(run.clone()));
    Ok(draft.finish(Outcome::JobRun { run }))
}

pub(super) fn renew(
    facts: &Facts,
    command: &RenewRun,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let lease_until = context.now.plus_millis(command.lease_ms);
    change(facts, command.run, command.claim, RunState::Running { lease_until }, draft)
}

pub(super) fn end(
    facts: &Facts,
    command: &EndRun,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let ended_at = context.now;
    let state = match &command.result {
        Ok(counts) => RunState::Succeeded { ended_at, counts: counts.clone() },
        Err(error) => RunState::Failed { ended_at, error: error.clone() },
    };
    change(facts, command.run, command.claim, state, draft)
}

/// A run whose lease is over stays its worker's until somebody else has come.
fn change(facts: &Facts, run: RunId, claim: i64, state: RunState, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let run = facts.job_runs.get(&run).ok_or(Refusal::NotFound { noun: Noun::JobRun })?;
    if run.claim != claim || !matches!(run.state, RunState::Running { .. }) {
        return Err(Refusal::JobNotDue);
    }

    // After this point it must succeed.
    let run = JobRun { state, ..run.clone() };
    draft.push(Change::JobRun(run.clone()));
    Ok(draft.finish(Outcome::JobRun { run }))
}

pub(super) fn pause(facts: &Facts, command: &PauseJob, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let before = facts.jobs.get(&command.job).cloned().unwrap_or_else(|| Job::new(&command.job));

    // After this point it must succeed.
    let after = Job { paused: command.paused, ..before.clone() };
    if after != before {
        let trace = |job: &Job| serde_json::json!({ "job": job.name, "paused": job.paused });
        let action = if command.paused { "job.pause" } else { "job.resume" };
        draft.audit(action, ("job", 0), Written::change(&trace(&before), &trace(&after)));
        draft.push(Change::Job(after));
    }
    Ok(draft.finish(Outcome::JobPaused { paused: command.paused }))
}
