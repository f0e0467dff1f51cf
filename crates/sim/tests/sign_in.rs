//! The mini program client against the simulated WeChat, over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sim::{APP_SECRET, APPID, Clock, Config, World};
use wechat::mini::{self, MiniProgram};
use wechat::{Kind, Outcome};

#[expect(clippy::disallowed_methods, reason = "a test plays the person outside")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn client(world: &World, appid: &str, secret: &str) -> MiniProgram {
    let mut config = mini::Config::new(appid, secret);
    config.base_url = world.base_url().to_owned();
    MiniProgram::new(config).expect("a client")
}

async fn fresh_code(world: &World, body: serde_json::Value) -> String {
    let answer = http().post(format!("{}/sim/codes", world.base_url())).json(&body).send().await;
    let answer: serde_json::Value = answer.expect("answers").json().await.expect("JSON");
    answer["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_code_works_once() {
    let world = World::start(loopback()).await.expect("starts");
    let client = client(&world, APPID, APP_SECRET);
    let code = fresh_code(&world, serde_json::json!({"openid": "oSomebody", "unionid": "u1"})).await;
    let session = client.code2session(&code).await.expect("a session");
    assert_eq!(session.openid.expose(), "oSomebody");
    assert_eq!(session.unionid.as_ref().map(|id| id.expose()), Some("u1"));
    assert_eq!(session.session_key.expose().len(), 24);
    assert!(!format!("{session:?}").contains("oSomebody"));
    let again = client.code2session(&code).await.expect_err("used");
    assert_eq!((again.errcode(), again.outcome()), (Some(40163), Outcome::Refused));
    world.stop().await;
}

#[tokio::test]
async fn self_describing_codes_lead_to_the_same_person() {
    let world = World::start(loopback()).await.expect("starts");
    let client = client(&world, APPID, APP_SECRET);
    for code in ["sim-alice", "sim-alice-1", "sim-alice-2"] {
        let session = client.code2session(code).await.expect("a session");
        assert_eq!(session.openid.expose(), sim::mini::openid_of("alice"));
        assert_eq!(client.code2session(code).await.expect_err("used").errcode(), Some(40163));
    }
    world.stop().await;
}

#[tokio::test]
async fn refusals() {
    let world = World::start(loopback()).await.expect("starts");
    for (appid, secret, code, errcode) in [
        ("wxsim_other", APP_SECRET, "sim-alice", 40013),
        (APPID, "wrong-secret", "sim-alice", 40125),
        (APPID, APP_SECRET, "nobody-made-this", 40029),
    ] {
        let error = client(&world, appid, secret).code2session(code).await.expect_err("refused");
        assert_eq!(error.errcode(), Some(errcode));
        assert!(error.is_definite() && !error.to_string().contains(secret));
    }
    for (query, errcode) in [
        ("", 41002),
        ("?appid=a", 41004),
        ("?appid=a&secret=s", 41008),
        (&format!("?appid={APPID}&secret={APP_SECRET}&js_code=sim-a&grant_type=x"), 40002),
    ] {
        let answer =
            http().get(format!("{}/sns/jscode2session{query}", world.base_url())).send().await.expect("answers");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        let body: serde_json::Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        assert_eq!(body["errcode"], errcode);
    }
    world.stop().await;
}

#[tokio::test]
async fn codes_expire_and_people_are_slowed_down_by_the_given_clock() {
    let time = Arc::new(AtomicI64::new(1_767_225_600_000));
    let clock = Clock::from_source({
        let time = Arc::clone(&time);
        move || time.load(Ordering::SeqCst)
    });
    let config = Config { clock, sign_ins_per_minute: 2, ..Config::default() };
    let world = World::start_with(loopback(), config).await.expect("starts");
    let client = client(&world, APPID, APP_SECRET);

    let young = fresh_code(&world, serde_json::json!({"openid": "oYoung"})).await;
    let old = fresh_code(&world, serde_json::json!({"openid": "oOld"})).await;
    time.fetch_add(299_999, Ordering::SeqCst);
    client.code2session(&young).await.expect("still good");
    time.fetch_add(1, Ordering::SeqCst);
    assert_eq!(client.code2session(&old).await.expect_err("expired").errcode(), Some(40029));

    for nonce in 0..2 {
        client.code2session(&format!("sim-busy-{nonce}")).await.expect("within the limit");
    }
    assert_eq!(client.code2session("sim-busy-2").await.expect_err("too many").errcode(), Some(45011));
    client.code2session("sim-other-1").await.expect("others are not slowed down");
    time.fetch_add(60_000, Ordering::SeqCst);
    client.code2session("sim-busy-2").await.expect("a new minute");
    world.stop().await;
}

#[tokio::test]
async fn nobody_there_is_a_definite_failure_without_the_secret() {
    let world = World::start(loopback()).await.expect("starts");
    let client = client(&world, APPID, APP_SECRET);
    world.stop().await;
    let error = client.code2session("sim-alice").await.expect_err("nobody listens");
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(matches!(error.kind(), Kind::Connect(_)));
    let text = format!("{error} {error:?}");
    assert!(!text.contains(APP_SECRET) && !text.contains("jscode2session"), "{text}");
}

#[tokio::test]
async fn silence_is_an_unknown_outcome_without_the_secret() {
    let listener = tokio::net::TcpListener::bind(loopback()).await.expect("binds");
    let mut config = mini::Config::new(APPID, APP_SECRET);
    config.base_url = format!("http://{}", listener.local_addr().expect("bound"));
    config.transport.total_timeout = std::time::Duration::from_millis(50);
    let client = MiniProgram::new(config).expect("a client");
    let error = client.code2session("sim-alice").await.expect_err("no answer");
    assert_eq!(error.outcome(), Outcome::Unknown);
    let text = format!("{error} {error:?}");
    assert!(!text.contains(APP_SECRET) && !text.contains("jscode2session"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(loopback()).await.expect("binds");
    let base_url = format!("http://{}", listener.local_addr().expect("bound"));
    let server = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("a caller");
        let mut seen = [0; 2048];
        let _ = peer.read(&mut seen).await;
        let _ = peer.write_all(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await;
        tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await.is_err()
    });
    let mut config = mini::Config::new(APPID, APP_SECRET);
    config.base_url = base_url;
    let error = MiniProgram::new(config).expect("a client").code2session("sim-alice").await.expect_err("no answer");
    assert!(matches!(error.kind(), Kind::Answer { status: 302, .. }), "{error}");
    assert!(server.await.expect("ends"), "nobody came for the second page");
}

#[tokio::test]
async fn busy_slow_broken_and_blocked() {
    let world = World::start(loopback()).await.expect("starts");
    let client = client(&world, APPID, APP_SECRET);
    let act = async |path: &str, body: serde_json::Value| {
        let answer = http().post(format!("{}{path}", world.base_url())).json(&body).send().await;
        assert_eq!(answer.expect("answers").status(), 200);
    };
    for (number, (kind, errcode, outcome, was_used)) in [
        ("system_error", Some(-1), Outcome::Unknown, false),
        ("system_error_after", Some(-1), Outcome::Unknown, true),
        ("rate_limit", Some(45011), Outcome::Refused, false),
        ("bad_gateway", None, Outcome::Unknown, false),
        ("bad_gateway_after", None, Outcome::Unknown, true),
        ("drop_before", None, Outcome::Unknown, false),
        ("drop_after", None, Outcome::Unknown, true),
    ]
    .into_iter()
    .enumerate()
    {
        act("/sim/faults", serde_json::json!({"kind": kind, "path": "/sns/", "times": 1})).await;
        let code = format!("sim-alice-{number}");
        let error = client.code2session(&code).await.expect_err(kind);
        assert_eq!((error.errcode(), error.outcome()), (errcode, outcome), "{kind}");
        assert!(!error.to_string().contains(&code), "{error}");
        assert_eq!(client.code2session(&code).await.is_err(), was_used, "{kind}");
    }
    act("/sim/people", serde_json::json!({"openid": sim::mini::openid_of("bob"), "blocked": true})).await;
    assert_eq!(client.code2session("sim-bob").await.expect_err("blocked").errcode(), Some(40226));
    act("/sim/people", serde_json::json!({"openid": sim::mini::openid_of("bob"), "blocked": false})).await;
    client.code2session("sim-bob").await.expect("blocked no more, and the code was not used up");
}
