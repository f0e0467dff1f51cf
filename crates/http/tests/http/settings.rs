//! What the house runs with, and whether those outside can be reached.

use std::net::SocketAddr;
use std::time::Duration;

use http_api::Limits;
use kernel::{AlertChannel, Role};
use serde_json::{Value, json};
use service::{AlertDelivery, Channel, WatchAlerts};
use sim::World;
use sim::robots::wecom_url;

use crate::support::{Home, Person, Server};

const SETTINGS: &str = "GET /api/v1/admin/settings";

async fn connection(server: &Server, admin: &Person, partner: &str) -> Value {
    let settings = server.ask(SETTINGS).by(admin).send().await.data().clone();
    let connections = settings["connections"].as_array().expect("connections").clone();
    connections.into_iter().find(|connection| connection["partner"] == partner).expect("the partner")
}

async fn a_partner_that_fails_is_named(home: Home) {
    let world = World::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a world");
    let wecom = Channel::new(AlertChannel::Wecom, &wecom_url(world.base_url()), None).expect("a channel");
    let feishu = Channel::new(AlertChannel::Feishu, "http://127.0.0.1:1/key-of-a-robot", None).expect("a channel");
    let server = Server::start_with(home, Limits::default(), |settings| {
        settings.alerts.channels = vec![wecom, feishu];
        settings.deliveries = vec![Box::new(AlertDelivery)];
        settings.jobs = vec![Box::new(WatchAlerts)];
    })
    .await;
    let admin = server.person(Role::Admin).await;
    let fresh = json!({
        "partner": "wecom", "is_configured": true, "heard_at": null, "delivered": 0, "failing": 0, "error": null,
    });
    assert_eq!(connection(&server, &admin, "wecom").await, fresh);
    assert_eq!(connection(&server, &admin, "erp").await["is_configured"], false);
    server
        .tamper(
            "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, due_at, created_at, updated_at, version) \
             VALUES (1, 'paid_twice', 'x', '{}', 'dismiss', 'open', 0, 0, 0, 0)",
        )
        .await;
    server.ask("POST /api/v1/admin/jobs/watch-alerts/run").by(&admin).send().await.data();
    let settled = async |partner: &str, how: &str| {
        for _ in 0..600 {
            let connection = connection(&server, &admin, partner).await;
            if connection[how] == 1 {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{partner} is told nothing")
    };
    assert_eq!(settled("wecom", "delivered").await["error"], Value::Null);
    let failing = settled("feishu", "failing").await;
    let error = failing["error"].as_str().expect("why");
    assert!(!error.contains("key-of-a-robot"), "{error}");

    let shown = server.ask(SETTINGS).by(&admin).send().await.data().clone();
    assert_eq!((&shown["time_zone"], &shown["version"]), (&json!("Asia/Shanghai"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(shown["schema"], store::expected_schema());
    let finance = server.person(Role::Finance).await;
    server.ask(SETTINGS).by(&finance).send().await.failed(403, "PERMISSION_DENIED");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_fails_is_named_on_sqlite() {
    a_partner_that_fails_is_named(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_fails_is_named_on_postgres() {
    a_partner_that_fails_is_named(Home::postgres()).await;
}
