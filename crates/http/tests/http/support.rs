//! A server on an empty database of its own, and short words for what tests ask of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_api::{App, Limits};
use http_body_util::BodyExt;
use kernel::{
    AddMember, Command, Instant, MemberId, NewGrant, NewSession, OpenSession, Outcome, Profile, RoleCode, RoleGrant,
    Scope,
};
use serde_json::{Value, json};
use service::{Ambient, KeyRing, Service, Settings, System};
use store::Store;
use tower::ServiceExt;

pub(crate) enum Home {
    Sqlite(testing::TempDir),
    Postgres(testing::postgres::Database),
    /// With something in between that changes statements.
    Rewritten {
        proxy: testing::proxy::Proxy,
        _database: testing::postgres::Database,
    },
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(testing::TempDir::new())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(testing::postgres::fresh_database())
    }

    /// Each first text in a statement replaced by the second, of the same length.
    pub(crate) fn rewritten(rewrites: &[(&str, &str)]) -> Self {
        let database = testing::postgres::fresh_database();
        let proxy = testing::proxy::Proxy::rewriting(database.url(), rewrites);
        Self::Rewritten { proxy, _database: database }
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("fanpiao.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
            Self::Rewritten { proxy, .. } => proxy.url().to_owned(),
        }
    }
}

/// Keys that everybody knows, the newest last.
pub(crate) fn ring(fills: &[u8]) -> KeyRing {
    let line = |fill: &u8| format!("key-{fill}={}\n", STANDARD.encode([*fill; 32]));
    KeyRing::parse(&fills.iter().map(line).collect::<String>()).expect("a ring")
}

fn settings() -> Settings {
    let mut settings = Settings::new(jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled"));
    settings.keys = ring(&[1]);
    settings
}

/// Each test twice: on SQLite, and on PostgreSQL.
macro_rules! on_both_engines {
    ($(async fn $name:ident($server:ident: Server) $body:block)+) => {
        $crate::support::on_both_engines! { by Server::start; $(async fn $name($server: Server) $body)+ }
    };
    (by $start:path; $($(#[$doc:meta])* async fn $name:ident($house:ident: $kind:ty) $body:block)+) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn run($house: $kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run($start(crate::support::Home::sqlite()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run($start(crate::support::Home::postgres()).await).await;
            }
        }
    )+};
}
pub(crate) use on_both_engines;

/// Time stands still until a test moves it; chance is the machine's.
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub(crate) fn at(start: Instant) -> Self {
        Self(AtomicI64::new(start.as_millis()))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// By less than the fifteen seconds that a lease on ids lasts, or nothing can be written until the next heartbeat.
    pub(crate) fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

struct Frozen(Arc<Clock>);

impl Ambient for Frozen {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.0.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        System.fill(bytes);
    }
}

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) app: App,
    pub(crate) service: Service,
    pub(crate) clock: Arc<Clock>,
    people: AtomicU64,
    phones: AtomicU64,
    _world: Option<sim::World>,
    home: Home,
}

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: MemberId,
    pub(crate) token: String,
}

/// 2026-01-05 10:00 in Shanghai, a Monday.
pub(crate) const START: &str = "2026-01-05T02:00:00Z";

impl Server {
    pub(crate) async fn start(home: Home) -> Self {
        Self::start_with(home, Limits::default(), |_| {}).await
    }

    /// With a simulated WeChat beside it.
    pub(crate) async fn start_with_wechat(home: Home) -> Self {
        let world = sim::World::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a world");
        let mut config = wechat::mini::Config::new(sim::APPID, sim::APP_SECRET);
        config.base_url = world.base_url().to_owned();
        let mini = wechat::mini::MiniProgram::new(config).expect("a client");
        let mut server = Self::start_with(home, Limits::default(), |settings| settings.mini_program = Some(mini)).await;
        server._world = Some(world);
        server
    }

    pub(crate) async fn start_with(home: Home, limits: Limits, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_at(START, home, limits, change).await
    }

    /// At another moment than usual.
    pub(crate) async fn start_at(start: &str, home: Home, limits: Limits, change: impl FnOnce(&mut Settings)) -> Self {
        let start: Instant = start.parse().expect("an instant");
        Self::start_by(Arc::new(Clock::at(start)), home, limits, change).await
    }

    /// By a clock that others go by as well.
    pub(crate) async fn start_by(
        clock: Arc<Clock>,
        home: Home,
        limits: Limits,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let store = Store::new(&home.url()).expect("an address");
        let ambient = Arc::new(Frozen(Arc::clone(&clock)));
        let service = Service::start(store, ambient, settings).await.expect("started");
        let app = App::new(service.clone(), limits, Vec::new());
        Self {
            router: app.router(),
            app,
            service,
            clock,
            people: AtomicU64::new(1),
            phones: AtomicU64::new(1),
            _world: None,
            home,
        }
    }

    /// Another server on the same database.
    pub(crate) async fn beside(&self) -> Service {
        self.beside_with(|_| {}).await
    }

    pub(crate) async fn beside_with(&self, change: impl FnOnce(&mut Settings)) -> Service {
        let mut settings = settings();
        change(&mut settings);
        let store = Store::new(&self.home.url()).expect("an address");
        Service::start(store, Arc::new(Frozen(Arc::clone(&self.clock))), settings).await.expect("started")
    }

    pub(crate) async fn person(&self, role: impl Into<RoleCode>) -> Person {
        self.person_with(role, |_| {}).await
    }

    pub(crate) async fn person_with(&self, role: impl Into<RoleCode>, change: impl FnOnce(&mut AddMember)) -> Person {
        let role = role.into();
        let number = self.people.fetch_add(1, Ordering::SeqCst);
        let mut add = AddMember {
            profile: Profile {
                uid: format!("00000000-0000-4000-8000-{number:012}"),
                nickname: format!("Person {number}"),
            },
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: vec![NewGrant::As(RoleGrant { role, scope: Scope::Everywhere })],
        };
        change(&mut add);
        let Outcome::Member { member } = self.house(Command::AddMember(add)).await else { panic!("no member") };
        self.sign_in_as(member.id).await
    }

    /// As WeChat would have told it.
    pub(crate) fn openid(&self, openid: &str) -> kernel::Openid {
        self.service.vault().seal_openid(openid).expect("sealed")
    }

    /// Somebody on another phone.
    pub(crate) async fn sign_in(&self, person: &Person) -> Person {
        self.sign_in_as(person.id).await
    }

    async fn sign_in_as(&self, member: MemberId) -> Person {
        let token = format!("token-{}", self.phones.fetch_add(1, Ordering::SeqCst));
        let mut token_hash = [0; 32];
        token_hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let session = NewSession { token_hash, expires_at: self.service.now().plus_millis(30 * 24 * 3_600_000) };
        self.house(Command::OpenSession(OpenSession { member, session })).await;
        Person { id: member, token }
    }

    pub(crate) async fn house(&self, command: Command) -> Outcome {
        let request = service::Request::by_house(command);
        self.service.run(request).await.expect("the house may")
    }

    /// `"POST /api/v1/orders"`, for nobody in particular.
    pub(crate) fn ask<'a>(&'a self, what: &str) -> Ask<'a> {
        let (method, path) = what.split_once(' ').expect("a method and a path");
        Ask {
            server: self,
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Body::empty(),
        }
    }

    /// A published meal: 15 yuan, with 鸡腿 for 3 more and 不要饭 for 2 less.
    pub(crate) async fn meal(&self, admin: &Person, date: &str, capacity: i64) -> i64 {
        let meal = json!({
            "date": date, "slot": "lunch", "title": "红烧肉", "base_price_cents": 1500, "capacity": capacity,
            "options": [{"id": 1, "name": "鸡腿", "price_cents": 300}, {"id": 2, "name": "不要饭", "price_cents": -200}],
            "status": "published",
        });
        let made = self.ask("POST /api/v1/meals").by(admin).json(&meal).await;
        made.data()["meal_id"].as_i64().expect("an id")
    }

    pub(crate) async fn recharge(&self, admin: &Person, person: &Person, amount_cents: i64) {
        let body = json!({"user_id": person.id, "amount_cents": amount_cents});
        self.ask("POST /api/v1/users/balance/recharge").by(admin).json(&body).await.data();
    }

    /// Changes stored rows behind everybody's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        let store = Store::new(&self.home.url()).expect("an address");
        let mut writer = store.writer().await.expect("a connection");
        writer.begin().await.expect("begun");
        writer.query(sql, &[]).await.expect("changed");
        writer.commit().await.expect("committed");
    }

    pub(crate) async fn books_are_right(&self) {
        let report = self.service.check().await.expect("checked");
        assert!(report.passes(), "{report:#?}");
    }
}

#[must_use]
pub(crate) struct Ask<'a> {
    server: &'a Server,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn by(self, person: &Person) -> Self {
        let token = format!("Bearer {}", person.token);
        self.header(AUTHORIZATION.as_str(), &token)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn in_english(self) -> Self {
        self.header(ACCEPT_LANGUAGE.as_str(), "en")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: axum::http::HeaderName = name.parse().expect("a header name");
        self.headers.insert(name, value.parse().expect("a header value"));
        self
    }

    pub(crate) async fn json(self, body: &Value) -> Answer {
        self.text(&body.to_string()).await
    }

    /// What claims to be JSON.
    pub(crate) async fn text(self, body: &str) -> Answer {
        self.bytes(body.as_bytes().to_vec()).await
    }

    pub(crate) async fn bytes(self, body: Vec<u8>) -> Answer {
        let mut ask = self.header(CONTENT_TYPE.as_str(), "application/json");
        ask.body = body.into();
        ask.send().await
    }

    pub(crate) async fn raw(mut self, body: Body) -> Answer {
        self.body = body;
        self.send().await
    }

    async fn response(self) -> Response<Body> {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.headers_mut() = self.headers;
        self.server.router.clone().oneshot(request).await.expect("infallible")
    }

    /// Does not wait for the answer's end.
    pub(crate) async fn events(self) -> Events {
        let response = self.response().await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events(response.into_body())
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.response().await.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let is_picture = parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"image/"));
        let text = if is_picture || parts.headers.contains_key("content-disposition") {
            String::new()
        } else {
            String::from_utf8(bytes.to_vec()).expect("UTF-8")
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            text,
            bytes: bytes.to_vec(),
        }
    }
}

/// Server-sent events as they come.
pub(crate) struct Events(Body);

impl Events {
    /// The next event's number and what it carries; nothing where the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            let frame =
                tokio::time::timeout(Duration::from_secs(30), self.0.frame()).await.expect("an event in time")?;
            let bytes = frame.expect("unbroken").into_data().expect("data");
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            if text.starts_with(':') {
                continue;
            }
            let (id, rest) = text.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).expect("an id");
            let data = rest.strip_prefix("event: session\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
            let data = serde_json::from_str(data.expect("an event")).expect("JSON");
            return Some((id.parse().expect("a number"), data));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    /// Empty where it is a file.
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The data of an answer that went well.
    #[track_caller]
    pub(crate) fn data(&self) -> &Value {
        assert_eq!((self.status, &self.json["success"]), (StatusCode::OK, &json!(true)), "{}", self.text);
        &self.json["data"]
    }

    /// The details of an answer that went as badly as it should.
    #[track_caller]
    pub(crate) fn failed(&self, status: u16, code: &str) -> &Value {
        assert_eq!((self.status.as_u16(), self.json["error_code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.json["success"], json!(false));
        assert_eq!(self.json["request_id"].as_str(), self.header("x-request-id"));
        assert!(self.json["details"].is_object(), "{}", self.text);
        &self.json["details"]
    }

    /// The names of the fields that a 422 complains about.
    #[track_caller]
    pub(crate) fn wrong_fields(&self) -> Vec<&str> {
        let details = self.failed(422, "VALIDATION_ERROR");
        let fields = details["fields"].as_array().expect("fields");
        fields.iter().map(|field| field["field"].as_str().expect("a name")).collect()
    }

    pub(crate) fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
