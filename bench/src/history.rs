//! Pages of lists over HTTP, in small databases and in large ones, on both engines.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_api::{App, Limits};
use kernel::{AddMember, Command, MemberId, NewGrant, Outcome, Profile, Role, RoleGrant, Scope, Slot};
use service::{Ambient, Request, Service, System, hash_password, uuid};
use store::{Engine, Store, Value, Writer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::chart::{Chart, Kind};
use crate::client::Client;
use crate::report::{Section, Table, decimal, median, ratio, whole};

const PASSWORD: &str = "only for this run";
/// How many orders each member has, in either database.
const PER_MEMBER: i64 = 200;
/// How many rows one statement writes: it has to be done before a connection is given up as silent.
const CHUNK: i64 = 100_000;
const FIRST_MEAL: i64 = 5_001;
const FIRST_MEMBER: i64 = 1_000_000;
const FIRST_ORDER: i64 = 1_000_000_000;

/// What is asked for; the dates are those of five of the two hundred orders.
fn questions() -> [(&'static str, String); 10] {
    let today = System.now().date_in(&jiff::tz::TimeZone::UTC);
    let (from, to) = (today.plus_days(-12), today.plus_days(-11));
    [
        ("own orders, first page", "/api/v1/users/orders/history?limit=20".to_owned()),
        ("own orders, last page", "/api/v1/users/orders/history?limit=20&offset=180".to_owned()),
        ("own orders of two days", format!("/api/v1/users/orders/history?limit=20&start_date={from}&end_date={to}")),
        ("own balance, first page", "/api/v1/users/balance/history?limit=20".to_owned()),
        ("own profile", "/api/v1/users/profile".to_owned()),
        ("staff: all orders", "/api/v1/admin/orders?limit=20".to_owned()),
        ("staff: a meal's orders", format!("/api/v1/meals/{FIRST_MEAL}/orders?limit=20")),
        ("staff: members", "/api/v1/admin/members?limit=20".to_owned()),
        ("staff: a person's ledger", "/api/v1/admin/members/1000001/ledger?limit=20".to_owned()),
        ("staff: a person's audit", "/api/v1/admin/audit?limit=20&actor_id=1000001".to_owned()),
    ]
}

/// `arguments`: how many requests a figure (400), how many orders there are in each database (1,000 100,000 10,000,000).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let numbers = arguments.iter().map(|text| text.parse::<i64>().map_err(|error| format!("{text}: {error}")));
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let requests = numbers.first().copied().unwrap_or(400);
    let sizes = if numbers.len() > 1 { &numbers[1..] } else { &[1_000, 100_000, 10_000_000] };
    let mut table = Table::listing(
        ["question".to_owned()]
            .into_iter()
            .chain(sizes.iter().map(|&size| whole(size as f64)))
            .chain(["ratio".to_owned()]),
    );
    let mut charts = Vec::new();
    for (engine, name) in [(Engine::Sqlite, "SQLite"), (Engine::Postgres, "PostgreSQL")] {
        let mut houses = Vec::new();
        for &size in sizes {
            houses.push(House::build(engine, size).await?);
        }
        let mut groups = Vec::new();
        for (question, path) in questions() {
            let mut figures = vec![Vec::new(); houses.len()];
            // In turn, so that whatever else the machine does meets all of them.
            for at in 0..requests + requests / 4 {
                for (house, figures) in houses.iter_mut().zip(&mut figures) {
                    let micros = house.client.time(&path).await?;
                    // The first ones only warm up.
                    if at >= requests / 4 {
                        figures.push(micros as f64);
                    }
                }
            }
            let medians: Vec<f64> = figures.into_iter().map(median).collect();
            let spread = medians.last().zip(medians.first()).map_or(f64::NAN, |(last, first)| ratio(*last, *first));
            let cells = medians.iter().copied().map(whole);
            table.list([format!("{name}, {question}")].into_iter().chain(cells).chain([decimal(spread, 2)]));
            let bars = sizes.iter().zip(&medians).map(|(&size, &micros)| (whole(size as f64), micros)).collect();
            groups.push((question.to_owned(), bars));
        }
        for house in houses {
            house.close().await;
        }
        charts.push(Chart {
            name: format!("pages-{}", name.to_lowercase()),
            title: format!("Microseconds a page on {name}, by orders in the database"),
            kind: Kind::Bars(groups),
        });
    }
    Ok(Section {
        title: "Pages of lists",
        about: format!(
            "Medians of {requests} requests over one connection with a token, in microseconds, in databases with so many orders; *ratio* is \
             that of the largest to the smallest. Members have {PER_MEMBER} orders each, placed in rounds, so that one member's lie far \
             apart; a page of one's own orders carries their statistics."
        ),
        table,
        charts,
    })
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
            client: Client::sign_in(address, "measured", PASSWORD).await?,
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
        grants: vec![NewGrant::As(RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere })],
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
        "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({person}) * 2, 'member', {person}, 'CNY', -1500 * {PER_MEMBER}, {PER_MEMBER}, 0 \
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
