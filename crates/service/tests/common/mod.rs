//! A service on an empty database of its own, and short words for what tests do with it.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use kernel::{
    Actor, CancelOrder, ChangeRole, Chosen, Code, Command, CreateMeal, Date, Instant, MealId, MemberId, NewSession,
    OrderId, OrderOutcome, Outcome, PlaceOrder, Profile, Quantity, Role, RoleGrant, Scope, SignIn, Slot,
};
use service::{Ambient, Failure, IdempotencyKey, KeyRing, LaneSettings, Request, Service, Settings, System};
use store::{AnswerKey, Engine, Store, Value, Writer};

pub(crate) enum Home {
    Sqlite(testing::TempDir),
    Postgres(testing::postgres::Database),
    /// By way of somebody who disturbs.
    Disturbed(testing::proxy::Proxy, testing::postgres::Database),
}

impl Home {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.join("fanpiao.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
            Self::Disturbed(proxy, _) => proxy.url().to_owned(),
        }
    }

    /// A connection from outside, past every lane and every disturbance.
    pub(crate) async fn outsider(&self) -> Writer {
        let url = match self {
            Self::Sqlite(_) | Self::Postgres(_) => self.url(),
            Self::Disturbed(_, database) => database.url().to_owned(),
        };
        Store::new(&url).expect("an address").writer().await.expect("a connection")
    }

    pub(crate) fn proxy(&self) -> &testing::proxy::Proxy {
        match self {
            Self::Disturbed(proxy, _) => proxy,
            _ => panic!("nobody disturbs this database"),
        }
    }
}

/// Everything that the engine keeps.
pub(crate) fn everything(home: &Home) -> Vec<u8> {
    match home {
        Home::Sqlite(folder) => {
            let files = std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("read").path());
            files.flat_map(|path| std::fs::read(path).expect("read")).collect()
        }
        _ => {
            let dump = std::process::Command::new("pg_dump").args(["--dbname", &home.url()]).output().expect("ran");
            assert!(dump.status.success() && dump.stdout.len() > 10_000, "{}", String::from_utf8_lossy(&dump.stderr));
            dump.stdout
        }
    }
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Stands still until a test moves it.
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub(crate) fn now() -> Arc<Self> {
        Self::at(System.now())
    }

    pub(crate) fn at(now: Instant) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now.as_millis())))
    }

    pub(crate) fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, SeqCst);
    }
}

impl Ambient for Clock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        System.fill(bytes);
    }
}

/// Keys that everybody knows, the newest last.
pub(crate) fn ring(fills: &[u8]) -> KeyRing {
    let line = |fill: &u8| format!("key-{fill}={}\n", STANDARD.encode([*fill; 32]));
    KeyRing::parse(&fills.iter().map(line).collect::<String>()).expect("a ring")
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::new(jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled"));
    settings.lanes = LaneSettings { postgres_lanes: 2, queue: 4096 };
    settings.keys = ring(&[1]);
    settings
}

pub(crate) async fn start(url: &str, settings: Settings) -> Service {
    let store = Store::new(url).expect("an address");
    Service::start(store, Arc::new(System), settings).await.expect("started")
}

pub(crate) fn request(member: MemberId, command: Command) -> Request {
    let actor = Actor { member: Some(member), ..Actor::house() };
    Request { command, actor, key: None, dry_run: false }
}

/// A request that can be asked again under its key.
pub(crate) fn keyed(member: MemberId, key: &str, command: Command) -> Request {
    let mut request_hash = [0_u8; 32];
    for (at, byte) in format!("{command:?}").bytes().enumerate() {
        request_hash[at % 32] = request_hash[at % 32].rotate_left(3) ^ byte;
    }
    let key = AnswerKey { caller: member, key: key.to_owned() };
    Request { key: Some(IdempotencyKey { key, request_hash }), ..request(member, command) }
}

pub(crate) fn place_order(member: MemberId, meal: MealId, quantity: i64) -> Command {
    Command::PlaceOrder(PlaceOrder {
        member,
        meal,
        quantity: Quantity::try_from(quantity).expect("a quantity"),
        options: Vec::<Chosen>::new(),
        notes: String::new().try_into().expect("a note"),
        pickup_window: None,
    })
}

pub(crate) fn order_of(outcome: Outcome) -> OrderOutcome {
    match outcome {
        Outcome::Order(order) => order,
        other => panic!("{other:?}"),
    }
}

pub(crate) const ADMINISTRATOR: RoleGrant = RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere };

pub(crate) fn change_role(member: MemberId, grant: RoleGrant, held: bool) -> Request {
    Request::by_house(Command::ChangeRole(ChangeRole { member, grant, held }))
}

pub(crate) fn sign_in(service: &Service, name: &str) -> Request {
    let mut token_hash = [0; 32];
    service.ambient().fill(&mut token_hash);
    let session = NewSession { token_hash, expires_at: service.now().plus_millis(3_600_000) };
    let profile = Profile { uid: service::uuid(service.ambient()), nickname: name.to_owned() };
    let openid = service.vault().seal_openid(&format!("openid-{name}")).expect("sealed");
    Request::by_house(Command::SignIn(SignIn { openid, profile, session }))
}

/// Many people at once.
pub(crate) async fn sign_up_all(service: &Service, count: usize) -> Vec<MemberId> {
    let asked = (0..count).map(|number| service.run(sign_in(service, &format!("member-{number}"))));
    let member = |outcome| match outcome {
        Ok(Outcome::Session(session)) => session.member.id,
        other => panic!("{other:?}"),
    };
    join_all(asked).await.into_iter().map(member).collect()
}

pub(crate) fn create_meal(number: usize, price: i64, capacity: i64) -> Command {
    let first: Date = "2030-01-01".parse().expect("a date");
    Command::CreateMeal(CreateMeal {
        date: first.plus_days(i32::try_from(number / 3).expect("small")),
        slot: Slot::ALL[number % 3],
        title: None,
        description: String::new().try_into().expect("a note"),
        base_price: price.try_into().expect("a price"),
        capacity,
        options: Vec::new(),
        orders_close_at: None,
        pickup_windows: Vec::new(),
        publish: true,
    })
}

/// Many published meals at once, on dates from `after` meals on.
pub(crate) async fn meals(service: &Service, after: usize, count: usize, price: i64, capacity: i64) -> Vec<MealId> {
    let asked =
        (after..after + count).map(|number| service.run(Request::by_house(create_meal(number, price, capacity))));
    let meal = |outcome| match outcome {
        Ok(Outcome::Meal(meal)) => meal.meal.id,
        other => panic!("{other:?}"),
    };
    join_all(asked).await.into_iter().map(meal).collect()
}

pub(crate) fn code(failure: &Failure) -> Code {
    match failure {
        Failure::Refused(refusal) => refusal.code(),
        other => panic!("refused by no rule: {other:?}"),
    }
}

/// Waits for what is sure to come, and fails with `what` where it does not.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never came: {what}");
}

/// Keeps a lane's commands waiting: it holds the one lock that they all need.
pub(crate) struct Obstacle(Writer);

impl Obstacle {
    pub(crate) async fn before(home: &Home, meal: MealId) -> Self {
        let mut writer = home.outsider().await;
        writer.begin().await.expect("begun");
        if writer.engine() == Engine::Postgres {
            let sql = "SELECT pool_id FROM pools WHERE pool_id = $1 FOR UPDATE";
            let locked = writer.query(sql, &[Value::Int(meal.get())]).await.expect("locked");
            assert_eq!(locked.len(), 1);
        }
        Self(writer)
    }

    pub(crate) async fn remove(mut self) {
        self.0.rollback().await;
    }
}

pub(crate) fn queued(service: &Service) -> u64 {
    service.metrics().queued.load(Relaxed)
}

pub(crate) fn retries(service: &Service) -> u64 {
    service.metrics().retries.load(Relaxed)
}

/// Changes stored rows behind everybody's back.
pub(crate) async fn tamper(home: &Home, sql: &str, parameters: &[Value<'_>]) {
    let mut writer = home.outsider().await;
    writer.begin().await.expect("begun");
    writer.query(sql, parameters).await.expect("changed");
    writer.commit().await.expect("committed");
}

pub(crate) async fn number(service: &Service, sql: &'static str) -> i64 {
    let rows = service.store().query(sql, Vec::new()).await.expect("read");
    rows.into_iter().next().expect("a row").cells().int().expect("a number")
}

pub(crate) async fn books_are_right(service: &Service) {
    let report = service.check().await.expect("checked");
    assert!(report.passes(), "{report:#?}");
}

pub(crate) struct Place {
    pub(crate) service: Service,
    pub(crate) home: Home,
}

impl Place {
    pub(crate) async fn open(home: Home) -> Self {
        Self::open_with(home, |_| {}).await
    }

    pub(crate) async fn open_with(home: Home, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let service = start(&home.url(), settings).await;
        Self { service, home }
    }

    pub(crate) fn actor(&self, member: MemberId) -> Actor {
        request(member, Command::CancelOrder(CancelOrder { order: OrderId::new(0), meal: MealId::new(0) })).actor
    }

    pub(crate) async fn run(&self, member: MemberId, command: Command) -> Result<Outcome, Failure> {
        self.service.run(request(member, command)).await
    }

    pub(crate) async fn must(&self, member: MemberId, command: Command) -> Outcome {
        self.run(member, command).await.expect("not refused")
    }

    pub(crate) async fn sign_up(&self, name: &str) -> MemberId {
        match self.service.run(sign_in(&self.service, name)).await.expect("signed up") {
            Outcome::Session(session) => session.member.id,
            other => panic!("{other:?}"),
        }
    }

    /// A published meal; each call takes the next free date.
    pub(crate) async fn meal(&self, admin: MemberId, price: i64, capacity: i64) -> MealId {
        for number in 0.. {
            match self.run(admin, create_meal(number, price, capacity)).await {
                Ok(Outcome::Meal(meal)) => return meal.meal.id,
                Err(Failure::Refused(kernel::Refusal::DateTaken { .. })) => {}
                other => panic!("{other:?}"),
            }
        }
        unreachable!("there are enough dates")
    }

    pub(crate) fn place_order(&self, member: MemberId, meal: MealId, quantity: i64) -> Command {
        place_order(member, meal, quantity)
    }

    pub(crate) async fn order(&self, member: MemberId, meal: MealId, quantity: i64) -> Result<OrderOutcome, Failure> {
        self.run(member, place_order(member, meal, quantity)).await.map(order_of)
    }

    pub(crate) async fn books_are_right(&self) {
        books_are_right(&self.service).await;
    }
}

/// Each test twice: on SQLite, and on PostgreSQL.
#[allow(unused_macros, reason = "every test file uses its own part")]
macro_rules! both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($place:ident: Place) $body:block)+) => {
        mod sqlite {
            use super::*;
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let home = common::Home::Sqlite(testing::TempDir::new());
                let $place = Place::open(home).await;
                { $body }
                $place.service.stop().await;
            })+
        }

        mod postgres {
            use super::*;
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let home = common::Home::Postgres(testing::postgres::fresh_database());
                let $place = Place::open(home).await;
                { $body }
                $place.service.stop().await;
            })+
        }
    };
}

#[allow(unused_imports, reason = "every test file uses its own part")]
pub(crate) use both_engines;
