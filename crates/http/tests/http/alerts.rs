//! Alerts over the API: listed, silenced, and what makes them.

use std::net::SocketAddr;
use std::time::Duration;

use http_api::{Limits, Rate, Rates};
use kernel::{AlertChannel, Role};
use serde_json::json;
use service::{AlertDelivery, Channel, WatchAlerts};
use sim::World;
use sim::robots::wecom_url;

use crate::support::{Home, Server};

const RULES: &str = "/api/v1/admin/alerts/rules";

async fn stands(home: Home) -> (Server, World) {
    let world = World::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a world");
    let channel = Channel::new(AlertChannel::Wecom, &wecom_url(world.base_url()), None).expect("a channel");
    let rates = Rates { account_failures: Rate { burst: 1, per_minute: 1 }, ..Rates::default() };
    let limits = Limits { rates, ..Limits::default() };
    let server = Server::start_with(home, limits, |settings| {
        settings.alerts.channels = vec![channel];
        settings.deliveries = vec![Box::new(AlertDelivery)];
        settings.jobs = vec![Box::new(WatchAlerts)];
    })
    .await;
    (server, world)
}

async fn an_exception_is_told(home: Home) {
    let (server, world) = stands(home).await;
    let (admin, finance) = (server.person(Role::Admin).await, server.person(Role::Finance).await);
    let rule = async |name: &str| {
        let rules = server.ask(&format!("GET {RULES}")).by(&finance).send().await.data().clone();
        let rules = rules["rules"].as_array().expect("rules").clone();
        rules.into_iter().find(|rule| rule["rule"] == name).expect("the rule")
    };
    let silence = format!("{RULES}/exceptions_wait/silence");
    let past = json!({"until": "2026-01-05T02:00:00Z", "reason": "x"});
    let refused = server.ask(&format!("PUT {silence}")).by(&admin).json(&past).await;
    refused.failed(400, "BUSINESS_RULE_ERROR");
    assert_eq!(refused.message(), "静默的结束时间须在将来");
    let until = json!({"until": "2026-01-05T03:00:00Z", "reason": "正在迁移"});
    server.ask(&format!("PUT {silence}")).by(&finance).json(&until).await.failed(403, "PERMISSION_DENIED");
    let told = server.ask(&format!("PUT {silence}")).by(&admin).json(&until).await;
    assert_eq!(told.data()["until"], "2026-01-05T03:00:00.000Z");
    assert_eq!(rule("exceptions_wait").await["silence"]["reason"], "正在迁移");
    assert_eq!(rule("device_offline").await["threshold"], 15);

    server
        .tamper(
            "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, due_at, created_at, updated_at, version) \
             VALUES (1, 'paid_twice', 'x', '{}', 'dismiss', 'open', 0, 0, 0, 0)",
        )
        .await;
    let run = server.ask("POST /api/v1/admin/jobs/watch-alerts/run").by(&admin).send().await;
    assert_eq!(run.data()["counts"], json!({"fired": 1, "resolved": 0, "told": 0}));
    let ended = server.ask(&format!("DELETE {silence}")).by(&admin).send().await;
    assert_eq!(ended.message(), "静默已结束");
    server.ask(&format!("DELETE {silence}")).by(&admin).send().await.failed(404, "NOT_FOUND");
    let run = server.ask("POST /api/v1/admin/jobs/watch-alerts/run").by(&admin).send().await;
    assert_eq!(run.data()["counts"], json!({"fired": 0, "resolved": 0, "told": 1}));

    let listed = server.ask("GET /api/v1/admin/alerts").by(&finance).send().await;
    let alert = &listed.data()["alerts"][0];
    assert_eq!(
        (&alert["rule"], &alert["area"], &alert["value"], &alert["unit"], &alert["since"], &alert["told_at"]),
        (
            &json!("exceptions_wait"),
            &json!("business"),
            &json!(1),
            &json!("count"),
            &json!("2026-01-05T02:00:00.000Z"),
            &json!("2026-01-05T02:00:00.000Z"),
        )
    );
    server.tamper("UPDATE exceptions SET state = 'resolved'").await;
    server.ask("POST /api/v1/admin/jobs/watch-alerts/run").by(&admin).send().await.data();
    let firing = server.ask("GET /api/v1/admin/alerts").by(&finance).send().await;
    assert_eq!(firing.data()["alerts"], json!([]));
    let past =
        server.ask("GET /api/v1/admin/alerts?resolved=true&rule=exceptions_wait&limit=1").by(&finance).send().await;
    assert_eq!(past.data()["alerts"][0]["resolved_at"], "2026-01-05T02:00:00.000Z");
    let other = server.ask("GET /api/v1/admin/alerts?resolved=true&rule=forged").by(&finance).send().await;
    assert_eq!(other.data()["alerts"], json!([]));

    let channel = "POST /api/v1/admin/alerts/channels";
    server.ask(&format!("{channel}/wecom/test")).by(&admin).send().await.data();
    server.ask(&format!("{channel}/feishu/test")).by(&admin).send().await.failed(502, "PROVIDER_ERROR");
    let trail = server.ask("GET /api/v1/admin/audit?object_kind=alert_rule").by(&admin).send().await;
    let actions = trail.data()["records"].as_array().expect("records").iter().map(|record| record["action"].clone());
    assert_eq!(actions.collect::<Vec<_>>(), ["alert.end_silence", "alert.silence"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_is_told_on_sqlite() {
    an_exception_is_told(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_is_told_on_postgres() {
    an_exception_is_told(Home::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_lockouts_and_forgeries_are_counted() {
    let (server, world) = stands(Home::sqlite()).await;
    let member = server.person(Role::Member).await;
    server.ask("GET /api/v1/admin/alerts").by(&member).send().await.failed(403, "PERMISSION_DENIED");
    let wrong = json!({"account": "nobody", "password": "wrong password"});
    server.ask("POST /api/v1/auth/password").json(&wrong).await;
    server.ask("POST /api/v1/auth/password").json(&wrong).await.failed(429, "RATE_LIMITED");
    server.ask("POST /api/v1/callbacks/cabinet/doors").json(&json!({})).await;
    let expected = ["forged", "lockouts", "refused"].map(|name| (name.to_owned(), 1));
    for _ in 0..200 {
        let mut counted = store::queries::alerts::tallies(server.service.store(), 0).await.expect("read");
        counted.sort();
        if counted == expected {
            world.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("they are never counted");
}
