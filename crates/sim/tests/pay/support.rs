use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use sim::{APPID, Clock, Config, Settings, World, pay};
use wechat::UnixTime;
use wechat::pay::{Config as MerchantConfig, Fen, Merchant, Notification, NotifyError, Order, PublicKey};

/// 2026-01-15 12:00:00 in Beijing.
pub(crate) const NOON: i64 = 1_768_449_600;

/// A person's browser.
#[expect(clippy::disallowed_methods, reason = "a test plays the person outside")]
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Looks, ten milliseconds apart, before a test gives up; a busy machine takes its time.
const LONGEST_WAIT: u32 = 3_000;

/// A world on a clock that the test moves, shared by both sides.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) time: Time,
    http: reqwest::Client,
}

#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn pass(&self, secs: i64) {
        self.0.fetch_add(secs * 1000, Ordering::SeqCst);
    }

    pub(crate) fn secs(&self) -> i64 {
        self.0.load(Ordering::SeqCst) / 1000
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::set_with(Settings::default()).await
    }

    pub(crate) async fn set_with(settings: Settings) -> Self {
        let time = Time(Arc::new(AtomicI64::new(NOON * 1000)));
        let clock = Clock::from_source({
            let time = time.clone();
            move || time.0.load(Ordering::SeqCst)
        });
        let config = Config { clock, settings, ..Config::default() };
        let world = World::start_with(SocketAddr::from(([127, 0, 0, 1], 0)), config).await.expect("starts");
        Self { world, time, http: http() }
    }

    pub(crate) fn config(&self) -> MerchantConfig {
        let time = self.time.clone();
        MerchantConfig {
            base_url: self.world.base_url().to_owned(),
            mchid: pay::MCHID.to_owned(),
            certificate_serial: pay::MERCHANT_SERIAL.to_owned(),
            private_key_pem: pay::MERCHANT_PRIVATE_KEY_PEM.into(),
            apiv3_key: pay::APIV3_KEY.into(),
            apiv2_key: Some(pay::APIV2_KEY.into()),
            public_keys: vec![PublicKey { id: pay::PUBLIC_KEY_ID.to_owned(), pem: pay::PUBLIC_KEY_PEM.to_owned() }],
            certificates: vec![pay::PLATFORM_CERTIFICATE_PEM.to_owned()],
            transport: wechat::TransportConfig::default(),
            clock: Arc::new(move || UnixTime::from_secs(time.secs())),
        }
    }

    pub(crate) fn merchant(&self) -> Merchant {
        Merchant::new(self.config()).expect("a merchant")
    }

    /// Something that a person does to the world; the answer must be a success.
    pub(crate) async fn act(&self, path: &str, body: Value) -> Value {
        let answer =
            self.http.post(format!("{}{path}", self.world.base_url())).json(&body).send().await.expect("answers");
        let status = answer.status();
        let value = answer.json().await.unwrap_or_default();
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub(crate) async fn look(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.world.base_url())).send().await.expect("answers");
        answer.json().await.expect("JSON")
    }

    /// Waits until something is so; the world works on its own tasks.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..LONGEST_WAIT {
            let seen = self.look(path).await;
            if is_so(&seen) {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never so: {}", self.look(path).await);
    }
}

pub(crate) fn order(out_trade_no: &str, total: i64, notify_url: &str) -> Order {
    Order {
        appid: APPID.to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        description: "食堂充值".to_owned(),
        total: Fen(total),
        time_expire: None,
        attach: Some("uid=42, a|b".to_owned()),
        notify_url: notify_url.to_owned(),
    }
}

pub(crate) const NOWHERE: &str = "https://pay.example.com/notify";

/// A receiver of notifications that opens them with the client.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Result<Notification, NotifyError>>>>,
}

#[derive(Clone)]
struct Door {
    merchant: Arc<Merchant>,
    seen: Arc<Mutex<Vec<Result<Notification, NotifyError>>>>,
    refuse_first: Arc<AtomicI64>,
}

impl Receiver {
    /// Refuses so many at first, whatever they are.
    pub(crate) async fn open(merchant: Merchant, refuse_first: i64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/notify", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let door = Door {
            merchant: Arc::new(merchant),
            seen: Arc::clone(&seen),
            refuse_first: Arc::new(AtomicI64::new(refuse_first)),
        };
        let router = Router::new().route("/notify", post(receive)).with_state(door);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Result<Notification, NotifyError>> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Result<Notification, NotifyError>> {
        for _ in 0..LONGEST_WAIT {
            if self.seen().len() >= count {
                return self.seen();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("only {:?}", self.seen());
    }
}

async fn receive(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if door.refuse_first.fetch_sub(1, Ordering::SeqCst) > 0 {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let single: HashMap<&str, &str> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let opened = door.merchant.open_notification(|name| single.get(name.to_lowercase().as_str()).copied(), &body);
    let status = if opened.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    door.seen.lock().expect("not poisoned").push(opened);
    status
}
