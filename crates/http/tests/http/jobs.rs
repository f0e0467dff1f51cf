//! Jobs over the API.

use std::future::Future;
use std::pin::Pin;

use http_api::Limits;
use kernel::{Counts, Role};
use serde_json::json;
use service::{Job, Schedule, Service};

use crate::lists::sheet;
use crate::support::{Home, Server};

pub(crate) struct Sweep;

impl Job for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: 10 * 60 + 30 }
    }

    fn run<'a>(&'a self, _: &'a Service) -> Pin<Box<dyn Future<Output = Result<Counts, String>> + Send + 'a>> {
        Box::pin(async { Ok(Counts::from([("swept".to_owned(), 3)])) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_seen_run_paused_and_resumed() {
    let server =
        Server::start_with(Home::sqlite(), Limits::default(), |settings| settings.jobs = vec![Box::new(Sweep)]).await;
    let admin = server.person(Role::Admin).await;
    let run = server.ask("POST /api/v1/admin/jobs/sweep/run").by(&admin).key("once").send().await;
    assert_eq!(run.message(), "任务已完成");
    let run = run.data();
    assert_eq!((&run["status"], &run["counts"]), (&json!("succeeded"), &json!({"swept": 3})), "{run}");
    assert_eq!(run["triggered_by"]["user_id"], json!(admin.id));
    let again = server.ask("POST /api/v1/admin/jobs/sweep/run").by(&admin).key("once").send().await;
    assert_eq!(again.data(), run, "the same request is the same run");

    let paused = server.ask("POST /api/v1/admin/jobs/sweep/pause").by(&admin).in_english().send().await;
    paused.data();
    assert_eq!(paused.message(), "The job is paused");
    let jobs = server.ask("GET /api/v1/admin/jobs").by(&admin).send().await;
    let job = &jobs.data()["jobs"][0];
    assert_eq!(
        (&job["name"], &job["paused"], &job["daily_at"], &job["every_secs"], &job["next_run_at"]),
        (&json!("sweep"), &json!(true), &json!("10:30"), &json!(null), &json!(null)),
        "{job}"
    );
    server.ask("POST /api/v1/admin/jobs/sweep/resume").by(&admin).send().await.data();
    let jobs = server.ask("GET /api/v1/admin/jobs").by(&admin).send().await;
    assert_eq!(jobs.data()["jobs"][0]["next_run_at"], json!("2026-01-05T02:30:00.000Z"));

    let runs = server.ask("GET /api/v1/admin/jobs/sweep/runs?limit=1").by(&admin).send().await;
    assert_eq!(&runs.data()["runs"][0], run);
    let file = server.ask("GET /api/v1/admin/jobs/sweep/runs/export?sort=-duration_ms").by(&admin).send().await;
    let number = run["run_id"].to_string();
    let filed = sheet(&file).into_iter().find(|row| row[0] == number).expect("the run");
    assert_eq!((filed[1].as_str(), filed[5].as_str(), filed[6].as_str()), ("sweep", "succeeded", "swept 3"));
    let metrics = server.ask("GET /metrics").send().await;
    let told =
        metrics.text.lines().any(|line| line.starts_with("fanpiao_job_runs_total{job=\"sweep\",result=\"succeeded\"}"));
    assert!(told, "{}", metrics.text);

    for what in [
        "POST /api/v1/admin/jobs/nobody/run",
        "GET /api/v1/admin/jobs/nobody/runs",
        "GET /api/v1/admin/jobs/nobody/runs/export",
    ] {
        server.ask(what).by(&admin).send().await.failed(404, "NOT_FOUND");
    }
    server.service.stop().await;
}
