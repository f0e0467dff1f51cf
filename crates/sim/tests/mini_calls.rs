//! The calls that need an access token, over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sim::{APP_SECRET, APPID, Clock, Config, World};
use wechat::UnixTime;
use wechat::mini::{self, Message, MiniEdition, MiniProgram, QrCode};

#[expect(clippy::disallowed_methods, reason = "a test plays the person outside")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

const NOON: i64 = 1_768_449_600;

struct Stage {
    world: World,
    client: MiniProgram,
    time: Arc<AtomicI64>,
}

impl Stage {
    async fn set() -> Self {
        let time = Arc::new(AtomicI64::new(NOON * 1000));
        let clock = Clock::from_source({
            let time = Arc::clone(&time);
            move || time.load(Ordering::SeqCst)
        });
        let config = Config { clock, ..Config::default() };
        let world = World::start_with(SocketAddr::from(([127, 0, 0, 1], 0)), config).await.expect("starts");
        let mut config = mini::Config::new(APPID, APP_SECRET);
        config.base_url = world.base_url().to_owned();
        Self { client: MiniProgram::new(config).expect("a client"), world, time }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.time.load(Ordering::SeqCst) / 1000)
    }

    async fn look(&self, path: &str) -> serde_json::Value {
        let answer = http().get(format!("{}{path}", self.world.base_url())).send().await.expect("answers");
        answer.json().await.expect("JSON")
    }
}

fn message(text: &str) -> Message {
    Message {
        to: "oSomebody".into(),
        template_id: "T1".to_owned(),
        page: Some("pages/order".to_owned()),
        data: [("thing1".to_owned(), text.to_owned())].into(),
        edition: MiniEdition::Release,
    }
}

#[tokio::test]
async fn messages_arrive_even_when_too_long_and_across_the_life_of_a_token() {
    let stage = Stage::set().await;
    stage.client.send_message(&message("午餐已取消"), stage.now()).await.expect("sent");
    stage.client.send_message(&message(&"很长".repeat(20)), stage.now()).await.expect("cut and sent");
    stage.time.fetch_add(7_300_000, Ordering::SeqCst);
    stage.client.send_message(&message("第二天"), stage.now()).await.expect("sent with another token");
    // A clock that stands still does not see that the token has ended; the refusal tells.
    let then = stage.now();
    stage.time.fetch_add(7_300_000, Ordering::SeqCst);
    stage.client.send_message(&message("第三天"), then).await.expect("sent after a refusal");
    let sent = stage.look("/sim/messages").await;
    assert_eq!(sent.as_array().map(Vec::len), Some(4));
    assert_eq!(sent[1]["data"]["thing1"]["value"].as_str().map(|text| text.chars().count()), Some(20));
}

#[tokio::test]
async fn many_at_once_share_one_token() {
    let stage = Arc::new(Stage::set().await);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.client.send_message(&message("一起"), stage.now()).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("ends").expect("sent");
    }
    assert_eq!(stage.look("/sim/messages").await.as_array().map(Vec::len), Some(32));
    assert_eq!(stage.look("/sim/calls").await.as_array().map(Vec::len), Some(1), "fetched once for all");
}

#[tokio::test]
async fn a_code_is_a_picture_and_a_phone_number_is_handed_over_once() {
    let stage = Stage::set().await;
    let code = QrCode {
        scene: "d=CAB0001".to_owned(),
        page: Some("pages/scan".to_owned()),
        check_page: true,
        edition: MiniEdition::Release,
        width: 430,
    };
    assert!(stage.client.qr_code(&code, stage.now()).await.expect("a picture").starts_with(b"\x89PNG"));
    let phone = stage.client.phone_number("sim-phone-13800000000-1", stage.now()).await.expect("a number");
    assert_eq!((phone.number.expose(), phone.country_code.as_str()), ("13800000000", "86"));
    let again = stage.client.phone_number("sim-phone-13800000000-1", stage.now()).await.expect_err("used");
    assert_eq!(again.errcode(), Some(40029));
    assert!(!format!("{again} {again:?}").contains("13800000000"));
}
