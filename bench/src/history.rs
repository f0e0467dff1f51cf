//! A member's history over HTTP, in a small database and in one with a thousand times as many orders, on both engines.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_api::{App, Limits};
use kernel::{AddMember, Command, MemberId, NewGrant, Outcome, Profile, Role, RoleGrant, Scope, Slot};
use service::{Ambient, Request, Service, System, hash_password, uuid};
use store::{Engine, Store, Value, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const PASSWORD: &str = "only for this run";
/// How many orders each member has, in either database.
const PER_MEMBER: i64 = 200;
/// How many rows one statement writes: it has to be done before a connection is given up as silent.
const CHUNK: i64 = 100_000;
const FIRST_MEAL: i64 = 5_001;
const FIRST_MEMBER: i64 = 1_000_000;
const FIRST_ORDER: i64 = 1_000_000_000;

/// What is asked for; the dates are those of five of the two hundred orders.
fn questions() -> [(&'static str, String); 6] {
    let today = System.now().date_in(&jiff::tz::TimeZone::UTC);
    let (from, to) = (today.plus_days(-12), today.plus_days(-11));
    [
        ("orders, first page", "/api/v1/users/orders/history?limit=20".to_owned()),
        ("orders, last page", "/api/v1/users/orders/history?limit=20&offset=180".to_owned()),
        ("orders of two days", format!("/api/v1/users/orders/history?limit=20&start_date={from}&end_date={to}")),
        ("balance, first page", "/api/v1/users/balance/history?limit=20".to_owned()),
        ("profile", "/api/v1/users/profile".to_owned()),
        ("audit of a person", "/api/v1/admin/audit?limit=20&actor_id=1000001".to_owned()),
    ]
}

/// `arguments`: how many orders there are in the small database (2,000) and in the large one (2,000,000), how many requests a
/// figure (400).
pub(crate) async fn run(arguments: &[String]) -> Result<(), String> {
    let number = |at: usize, otherwise: i64| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (small, large, requests) = (number(0, 2_000)?, number(1, 2_000_000)?, number(2, 400)?);
    println!("medians of {requests} requests by a member with {PER_MEMBER} orders, in µs");
    println!(
        "{:<10} {:<22} {:>14} {:>14} {:>7}",
        "engine",
        "question",
        format!("{small} orders"),
        format!("{large} orders"),
        "ratio"
    );
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut small = House::build(engine, small).await?;
        let mut large = House::build(engine, large).await?;
        for (name, path) in questions() {
            let mut figures = [Vec::new(), Vec::new()];
            // In turn, so that whatever else the machine does meets both.
            for at in 0..requests + requests / 4 {
                for (house, figures) in [&mut small, &mut large].into_iter().zip(&mut figures) {
                    let micros = house.client.time(&path).await?;
                    // The first ones only warm up.
                    if at >= requests / 4 {
                        figures.push(micros);
                    }
                }
            }
            let [small, large] = figures.map(median);
            println!(
                "{:<10} {name:<22} {small:>14} {large:>14} {:>6.2}×",
                format!("{engine:?}").to_lowercase(),
                ratio(large, small)
            );
        }
        small.close().await;
        large.close().await;
    }
    Ok(())
}

fn median(mut micros: Vec<u64>) -> u64 {
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// A database with its server and a caller who is signed in.
struct House {
    client: Client,
    service: Service,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
    _folder: testing::TempDir,
    _database: Option<testing::postgres::Database>,
}

impl House {
    async fn build(engine: Engine, orders: i64) -> Result<Self, String> {
        let folder = testing::TempDir::new();
        let database = (engine == Engine::Postgres).then(testing::postgres::fresh_database);
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        // Nobody else writes while the orders are loaded.
        let service = start(&url).await?;
        let member = add_member(&service).await?;
        service.stop().await;
        load(&url, orders, member).await?;

        let service = start(&url).await?;
        let listener =
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        // The small house waits for as long as the large one takes to be filled.
        let limits = Limits { header: Duration::from_secs(3600), ..crate::one_by_one::unlimited() };
        let app = App::new(service.clone(), limits, Vec::new());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            http_api::serve(listener, app, async {
                drop(stopped.await);
            })
            .await;
        });
        Ok(Self {
            client: Client::sign_in(address).await?,
            service,
            stop,
            serving,
            _folder: folder,
            _database: database,
        })
    }

    async fn close(self) {
        drop(self.client);
        drop(self.stop);
        drop(self.serving.await);
        self.service.stop().await;
    }
}

async fn start(url: &str) -> Result<Service, String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let zone = jiff::tz::TimeZone::UTC;
    Service::start(store, Arc::new(System), crate::settings(zone)?).await.map_err(|error| error.to_string())
}

async fn add_member(service: &Service) -> Result<MemberId, String> {
    let hash = hash_password(service.ambient(), PASSWORD.to_owned()).await;
    let command = Command::AddMember(AddMember {
        profile: Profile { uid: uuid(service.ambient()), nickname: "m0".to_owned() },
        account: Some("measured".to_owned().try_into().map_err(|error: kernel::InvalidText| error.to_string())?),
        password_hash: Some(hash),
        openid: None,
        department: None,
        overdraft_limit: None,
        grants: vec![NewGrant::As(RoleGrant { role: Role::Finance.code(), scope: Scope::Everywhere })],
    });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Member { member }) => Ok(member.id),
        other => Err(format!("{other:?}")),
    }
}

/// Every member orders once in each of two hundred rounds; the rounds follow each other, so a member's orders lie far apart.
async fn load(url: &str, orders: i64, measured: MemberId) -> Result<(), String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let mut writer = store.writer().await.map_err(|error| error.to_string())?;
    let (members, meals) = (orders / PER_MEMBER, (orders / 1000).max(PER_MEMBER));
    let measured = measured.get();
    load_meals(&mut writer, meals).await?;
    let person = format!("CASE WHEN m = 0 THEN {measured} ELSE {FIRST_MEMBER} + m END");
    let meal = format!("{FIRST_MEAL} + (m * 7 + k) % {meals}");
    let by_round = format!("SELECT i / {members} AS k, i % {members} AS m FROM n");
    let by_member = format!("SELECT i % {PER_MEMBER} AS k, i / {PER_MEMBER} AS m FROM n");

    writer
        .script(&format!("DELETE FROM accounts WHERE account_id = {measured} * 2"))
        .await
        .map_err(|error| error.to_string())?;
    let rows = format!(
        "INSERT INTO members SELECT {FIRST_MEMBER} + i, 'uid-' || i, NULL, NULL, 'm' || i, NULL, NULL, 'active', NULL, '[]', 0, 0, NULL, NULL \
         FROM n WHERE i > 0"
    );
    fill(&mut writer, members, &rows).await?;
    let rows = format!(
        "INSERT INTO accounts SELECT ({person}) * 2, 'member', {person}, 'CNY', -1500 * {PER_MEMBER}, {PER_MEMBER}, 0 \
         FROM (SELECT i AS m FROM n) AS x"
    );
    fill(&mut writer, members, &rows).await?;
    let rows = format!(
        "INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, \
                 status, placed_by, created_at, updated_at, version) \
                 SELECT {FIRST_ORDER} + k * {members} + m, 'MEAL' || k || '-' || m, {person}, {meal}, \
         ({person}) * 2, 1, '[]', 1500, '', 'active', NULL, k, k, 0 FROM ({by_round}) AS x"
    );
    fill(&mut writer, orders, &rows).await?;
    let rows = format!(
        "INSERT INTO audits SELECT {FIRST_ORDER} + k * {members} + m, k, {person}, 'order.place', 'order', \
         {FIRST_ORDER} + k * {members} + m, NULL, '{{\"quantity\":1}}', NULL FROM ({by_round}) AS x"
    );
    fill(&mut writer, orders, &rows).await?;
    let rows = format!(
        "INSERT INTO entries SELECT ({person}) * 2, k + 1, {FIRST_ORDER} + k * {members} + m, 'order_charge', \
         {FIRST_ORDER} + k * {members} + m, -1500, -1500 * (k + 1), k FROM ({by_member}) AS x"
    );
    fill(&mut writer, orders, &rows).await?;
    if writer.engine() == Engine::Postgres {
        writer.script("ANALYZE").await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Three a day, the first ones the newest.
async fn load_meals(writer: &mut Writer, meals: i64) -> Result<(), String> {
    let today = System.now().date_in(&jiff::tz::TimeZone::UTC);
    let written = async {
        writer.begin().await?;
        for at in 0..meals {
            let date = today.plus_days(-i32::try_from(at / 3).unwrap_or(i32::MAX)).to_string();
            let slot = Slot::ALL[usize::try_from(at % 3).unwrap_or_default()].as_str();
            let meal = "INSERT INTO meals (meal_id, date, slot, title, description, base_price_cents, options, status, \
                 orders_close_at, created_at, updated_at, version) VALUES ($1, $2, $3, NULL, '', 1500, '[]', 'published', NULL, 0, 0, 0)";
            let id = Value::Int(FIRST_MEAL + at);
            writer.query(meal, &[id.clone(), date.into(), slot.into()]).await?;
            let pool = "INSERT INTO pools (pool_id, capacity, taken, version) VALUES ($1, 1000000, 0, 0)";
            writer.query(pool, &[id]).await?;
        }
        writer.commit().await
    };
    written.await.map_err(|error: store::Error| error.to_string())
}

/// Runs `insert` over the numbers below `rows`, which it finds in `n` as `i`.
pub(crate) async fn fill(writer: &mut Writer, rows: i64, insert: &str) -> Result<(), String> {
    let (into, select) = insert.split_once(" SELECT ").ok_or("no rows are selected")?;
    for first in (0..rows).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        let end = (first + CHUNK).min(rows);
        let text = format!(
            "{into} WITH RECURSIVE n (i) AS (SELECT CAST({first} AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end}) \
                 SELECT {select}"
        );
        writer.script(&text).await.map_err(|error| format!("{error}: {text}"))?;
    }
    Ok(())
}

/// One connection that stays open.
struct Client {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
}

impl Client {
    async fn sign_in(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut client = Self { stream, token: String::new(), buffer: Vec::new() };
        let body = serde_json::json!({"account": "measured", "password": PASSWORD}).to_string();
        let answer = client.ask("POST", "/api/v1/auth/password", &body).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        client.token = answer["data"]["token"].as_str().ok_or("no token")?.to_owned();
        Ok(client)
    }

    /// How long one question takes, in microseconds.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn time(&mut self, path: &str) -> Result<u64, String> {
        let asked = Instant::now();
        self.ask("GET", path, "").await?;
        Ok(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Vec<u8>, String> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let sent = self.stream.write_all(head.as_bytes()).await;
        sent.map_err(|error| error.to_string())?;
        self.buffer.clear();
        loop {
            if let Some((start, end)) = whole(&self.buffer)
                && self.buffer.len() >= end
            {
                if !self.buffer.starts_with(b"HTTP/1.1 200") {
                    return Err(String::from_utf8_lossy(&self.buffer).into_owned());
                }
                return Ok(self.buffer[start..end].to_vec());
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.map_err(|error| error.to_string())? == 0 {
                return Err("the server hung up".to_owned());
            }
        }
    }
}

/// Where the body begins and where it ends, once the head is there.
fn whole(answer: &[u8]) -> Option<(usize, usize)> {
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..start]).ok()?.to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    Some((start, start + length))
}
