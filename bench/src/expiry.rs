//! Unpaid orders past their deadline, released by the job on both engines: alone, and while others buy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use kernel::{Actor, Command, Delivery, Goods, MemberId, PayWith, PlaceShopOrder, ProductId, Quantity, ShopCommand};
use service::{IdempotencyKey, Job, ReleaseExpiredOrders, Request, Service, System};
use store::{AnswerKey, Engine, Store};
use tokio::task::JoinSet;

use crate::history::fill;
use crate::process::peak_mb;
use crate::report::{Section, Table, whole};

const PRICE: i64 = 1500;
const MEMBERS: i64 = 1000;
/// Products that have stock for whoever buys while others are released.
const FOR_BUYERS: i64 = 100;
const FIRST_PRODUCT: i64 = 5_001;
const FIRST_MEMBER: i64 = 1_000_000;
const FIRST_ORDER: i64 = 1_000_000_000;
/// How long buying alone is measured.
const ALONE: Duration = Duration::from_secs(5);

/// `arguments`: how many expired orders (1,000,000), over how many products (1,000), how many buyers at a time (256).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let number = |at: usize, otherwise: i64| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (orders, products, buyers) = (number(0, 1_000_000)?, number(1, 1_000)?, number(2, 256)?);
    let mut table =
        Table::new(["engine", "released/s", "grown MB", "bought/s", "and released/s", "bought/s beside", "kept"]);
    for (engine, name) in [(Engine::Sqlite, "SQLite"), (Engine::Postgres, "PostgreSQL")] {
        let alone = House::open(engine, orders, products).await?;
        let before = peak_mb();
        let released = alone.release(orders).await?;
        let grown = difference(peak_mb(), before);
        alone.close().await?;

        let shared = House::open(engine, orders, products).await?;
        let bought = shared.buy(buyers, ALONE).await?;
        let (beside, released_beside) = shared.buy_beside(buyers, orders).await?;
        shared.close().await?;
        table.push([
            name.to_owned(),
            whole(released),
            whole(grown),
            whole(bought),
            whole(released_beside),
            whole(beside),
            format!("{} %", whole(percent(beside, bought))),
        ]);
    }
    Ok(Section {
        title: "Letting unpaid orders go",
        about: format!(
            "{} expired unpaid orders over {} products, released by the job: alone, and while {buyers} closed-loop buyers place orders \
             for other products. *Kept* is what they get beside the job, of what they got alone just before; *grown* is how much the peak \
             memory grew while all were released. The books are checked at the end.",
            whole(orders as f64),
            whole(products as f64)
        ),
        table,
        charts: Vec::new(),
    })
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn difference(a: f64, b: f64) -> f64 {
    a - b
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn percent(part: f64, whole: f64) -> f64 {
    part * 100.0 / whole
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn rate(count: i64, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}

struct House {
    service: Service,
    products: i64,
    _folder: testing::TempDir,
    _database: Option<testing::postgres::Database>,
}

impl House {
    async fn open(engine: Engine, orders: i64, products: i64) -> Result<Self, String> {
        let folder = testing::TempDir::new();
        let database = (engine == Engine::Postgres).then(testing::postgres::fresh_database);
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        load(&url, orders, products).await?;
        let store = Store::new(&url).map_err(|error| error.to_string())?;
        let settings = crate::settings(jiff::tz::TimeZone::UTC)?;
        let service = Service::start(store, Arc::new(System), settings).await.map_err(|error| error.to_string())?;
        Ok(Self { service, products, _folder: folder, _database: database })
    }

    async fn close(self) -> Result<(), String> {
        let report = self.service.check().await.map_err(|failure| format!("{failure:?}"))?;
        self.service.stop().await;
        if report.passes() { Ok(()) } else { Err(format!("the books are wrong: {:?}", report.counts())) }
    }

    /// How many orders a second the job releases.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn release(&self, orders: i64) -> Result<f64, String> {
        let started = Instant::now();
        let counts = ReleaseExpiredOrders { every_ms: i64::MAX }.run(&self.service).await?;
        if counts["released"] == orders {
            Ok(rate(orders, started))
        } else {
            Err(format!("the run came to {counts:?}"))
        }
    }

    /// How many orders a second are placed and paid in so long.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn buy(&self, buyers: i64, so_long: Duration) -> Result<f64, String> {
        let (stop, started) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let buying = tokio::spawn(buy_until(self.service.clone(), self.products, buyers, Arc::clone(&stop), "alone"));
        tokio::time::sleep(so_long).await;
        stop.store(true, Relaxed);
        let bought = buying.await.map_err(|error| error.to_string())??;
        Ok(rate(bought, started))
    }

    /// The same while the job runs; and how many the job releases meanwhile.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn buy_beside(&self, buyers: i64, orders: i64) -> Result<(f64, f64), String> {
        let (stop, started) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let buying = tokio::spawn(buy_until(self.service.clone(), self.products, buyers, Arc::clone(&stop), "beside"));
        let released = self.release(orders).await?;
        stop.store(true, Relaxed);
        let bought = buying.await.map_err(|error| error.to_string())??;
        Ok((rate(bought, started), released))
    }
}

async fn buy_until(
    service: Service,
    products: i64,
    buyers: i64,
    stop: Arc<AtomicBool>,
    phase: &'static str,
) -> Result<i64, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for buyer in 0..buyers {
        let (service, stop, next) = (service.clone(), Arc::clone(&stop), Arc::clone(&next));
        let member = MemberId::new(FIRST_MEMBER + buyer % MEMBERS);
        running.spawn(async move {
            let mut bought = 0;
            while !stop.load(Relaxed) {
                let at = next.fetch_add(1, Relaxed);
                let product = ProductId::new(FIRST_PRODUCT + products + at as i64 % FOR_BUYERS);
                let command = Command::Shop(ShopCommand::Place(PlaceShopOrder {
                    member,
                    goods: Goods::Pieces { product },
                    quantity: Quantity::ONE,
                    pay_with: PayWith::Balance,
                    delivery: Delivery::PickUp,
                    notes: kernel::Note::default(),
                }));
                let key = AnswerKey { caller: member, key: format!("{phase}-{at}") };
                let request = Request {
                    command,
                    actor: Actor { member: Some(member), ..Actor::house() },
                    key: Some(IdempotencyKey { key, request_hash: [7; 32] }),
                    dry_run: false,
                };
                service.run(request).await.map_err(|failure| format!("{failure:?}"))?;
                bought += 1;
            }
            Ok::<i64, String>(bought)
        });
    }
    let mut bought = 0;
    while let Some(ended) = running.join_next().await {
        bought += ended.map_err(|error| error.to_string())??;
    }
    Ok(bought)
}

/// Every order holds a piece; those that lapsed together are of all products.
async fn load(url: &str, orders: i64, products: i64) -> Result<(), String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let mut writer = store.writer().await.map_err(|error| error.to_string())?;
    writer.migrate(0).await.map_err(|error| error.to_string())?;
    let all = products + FOR_BUYERS;
    let stock = 1_000_000_000_i64;
    let product = format!("{FIRST_PRODUCT} + i % {products}");
    let order = format!("{FIRST_ORDER} + i");
    let member = format!("{FIRST_MEMBER} + i / {products} % {MEMBERS}");
    // As many orders of each product as there are numbers below `orders` with its remainder.
    let taken = format!("CASE WHEN i < {products} THEN ({orders} - i + {products} - 1) / {products} ELSE 0 END");
    for (rows, insert) in [
        (
            all,
            format!(
                "INSERT INTO products SELECT {FIRST_PRODUCT} + i, 'p' || i, NULL, '', {PRICE}, NULL, 1, '[]', 1, 0, 0, 0, 0 FROM n"
            ),
        ),
        (
            all,
            format!("INSERT INTO stock_movements SELECT {FIRST_PRODUCT} + i, 1, {stock}, 'r', NULL, 0, {stock} FROM n"),
        ),
        (all, format!("INSERT INTO pools SELECT {FIRST_PRODUCT} + i, {stock}, {taken}, 0, 0 FROM n")),
        (
            all,
            format!(
                "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({FIRST_PRODUCT} + i) * 2, 'product', {FIRST_PRODUCT} + i, 'CNY', 0, 0, 0 FROM n"
            ),
        ),
        (
            MEMBERS,
            format!(
                "INSERT INTO members SELECT {FIRST_MEMBER} + i, 'uid-' || i, NULL, NULL, 'm' || i, NULL, NULL, 'active', \
                 NULL, '[]', 0, 0, NULL, NULL FROM n"
            ),
        ),
        (
            MEMBERS,
            format!(
                "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) SELECT ({FIRST_MEMBER} + i) * 2, 'member', {FIRST_MEMBER} + i, 'CNY', 0, 0, 0 FROM n"
            ),
        ),
        (
            orders,
            format!(
                "INSERT INTO shop_orders SELECT {order}, 'SHOP' || i, {member}, 'pieces', {product}, NULL, 1, {PRICE}, 0, {PRICE}, \
                 'wechat', NULL, '', '[]', 'pending', NULL, i + 1, NULL, NULL, 0, 0, 0, NULL FROM n"
            ),
        ),
        (orders, format!("INSERT INTO holds SELECT {order}, {product}, 1, 'held', i + 1, 0 FROM n")),
    ] {
        fill(&mut writer, rows, &insert).await?;
    }
    if writer.engine() == Engine::Postgres {
        // The server may be at it already, and takes its time.
        writer.script("SET lock_timeout = 0; ANALYZE").await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
