//! What is kept for a while goes when that is over, and nothing else does.

#![cfg(test)]

mod common;

use common::{Place, both_engines, eventually, keyed, number, place_order, settings, start, tamper};
use kernel::{Counts, RunState};
use service::{ForgetOldRows, Request, Service};
use store::Value;

const ANSWERS: &str = "SELECT COUNT(*) FROM answers";
const AGE_ANSWER: &str = "UPDATE answers SET created_at = created_at - $1 WHERE key = 'old'";
const MORE_ANSWERS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500) \
                            INSERT INTO answers (caller_id, key, request_hash, answer, created_at) \
                            SELECT 999, CAST(n AS TEXT), request_hash, answer, created_at FROM answers, numbers \
                            WHERE key = 'old'";
const AGE_SESSIONS: &str = "UPDATE sessions SET expires_at = expires_at - $1 WHERE member_id = $2";
/// One a session, and as old.
const TICKETS: &str = "INSERT INTO sign_in_tickets (token_hash, member_id, purpose, created_at, expires_at, version) \
                       SELECT token_hash, member_id, 'code', created_at, expires_at, 0 FROM sessions";
const OLD_JOB: &str = "INSERT INTO jobs (name, paused, last_run, version) VALUES ('idle', 0, 5, 1)";
const OLD_RUNS: &str = "INSERT INTO job_runs (run_id, job, node, claim, started_at, state, ended_at, version) \
                        VALUES (4, 'idle', 1, 1, $1, 'succeeded', $1, 1), (5, 'idle', 1, 2, $1, 'succeeded', $1, 1)";

const TALLIES: &str = "INSERT INTO tallies (name, minute, count) VALUES ('forged', $1, 1), ('forged', $2, 1)";
const REPORTS: &str = "INSERT INTO reports (report_id, kind, date, figures, made_at, version) \
                       VALUES (1, 'daily', '2026-01-01', '{}', $1, 0), (2, 'daily', '2026-01-02', '{}', $2, 0)";

fn days(count: i64) -> Value<'static> {
    Value::Int(count * 86_400_000)
}

async fn forget(service: &Service) -> Counts {
    let run = service.run_job("forget-old-rows", Request::by_house).await.expect("it ran").run;
    match run.state {
        RunState::Succeeded { counts, .. } => counts,
        other => panic!("{other:?}"),
    }
}

fn counted(answers: i64, sessions: i64, tickets: i64, job_runs: i64, tallies: i64, reports: i64) -> Counts {
    [
        ("answers", answers),
        ("sessions", sessions),
        ("sign_in_tickets", tickets),
        ("job_runs", job_runs),
        ("tallies", tallies),
        ("reports", reports),
    ]
    .map(|(name, rows)| (name.to_owned(), rows))
    .into()
}

both_engines! {
    async fn old_rows_go_and_the_books_stay(place: Place) {
        let (one, other) = (place.sign_up("one").await, place.sign_up("other").await);
        let meal = place.meal(one, 1200, 10).await;
        let asks = |member, key: &'static str| keyed(member, key, place_order(member, meal, 1));
        for request in [asks(one, "old"), asks(other, "new")] {
            place.service.run(request).await.expect("placed");
        }
        let mut settings = settings();
        settings.jobs = vec![Box::new(ForgetOldRows { answers_days: 7, sessions_days: 30, job_runs_days: 90, reports_days: 400 })];
        let service = start(&place.home.url(), settings).await;
        let ended = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";
        eventually("it runs at the first start", async || number(&service, ended).await == 1).await;
        assert_eq!(forget(&service).await, counted(0, 0, 0, 0, 0, 0));

        tamper(&place.home, AGE_ANSWER, &[days(8)]).await;
        tamper(&place.home, MORE_ANSWERS, &[]).await;
        tamper(&place.home, AGE_SESSIONS, &[days(31), Value::Int(one.get())]).await;
        tamper(&place.home, TICKETS, &[]).await;
        tamper(&place.home, OLD_JOB, &[]).await;
        tamper(&place.home, OLD_RUNS, &[days(1)]).await;
        let this_minute = place.service.now().as_millis() / 60_000;
        tamper(&place.home, REPORTS, &[days(1), Value::Int(place.service.now().as_millis())]).await;
        tamper(&place.home, TALLIES, &[Value::Int(this_minute - 91 * 24 * 60), Value::Int(this_minute)]).await;
        assert_eq!(forget(&service).await, counted(2501, 1, 1, 1, 1, 1));
        assert_eq!(number(&service, ANSWERS).await, 1);
        assert_eq!(number(&service, "SELECT COUNT(*) FROM sessions").await, 1);
        assert_eq!(number(&service, "SELECT COUNT(*) FROM sign_in_tickets").await, 1);
        assert_eq!(number(&service, "SELECT report_id FROM reports").await, 2);
        assert_eq!(number(&service, "SELECT run_id FROM job_runs WHERE job = 'idle'").await, 5);
        assert_eq!(forget(&service).await, counted(0, 0, 0, 0, 0, 0));

        place.service.run(asks(other, "new")).await.expect("the first answer once more");
        place.service.run(asks(one, "old")).await.expect_err("a new order of the same meal");
        assert_eq!(number(&service, "SELECT COUNT(*) FROM meal_orders").await, 2);
        place.books_are_right().await;
        service.stop().await;
    }
}
