//! Orders through the lanes without HTTP: what the lanes alone can do on each engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use kernel::{
    Actor, AddMember, Command, CreateMeal, Date, DepartmentCode, Meal, MealId, MemberId, Outcome, PlaceOrder, Profile,
    Quantity, Slot,
};
use service::{IdempotencyKey, Request, Service, System, uuid};
use store::{AnswerKey, Store};
use tokio::task::JoinSet;

use crate::report::{Section, Table, decimal, whole};

const MEALS: [usize; 2] = [1, 100];

pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse::<usize>());
    let orders = number(0, 50_000).map_err(|error| error.to_string())?;
    let callers = number(1, 256).map_err(|error| error.to_string())?;

    let folder = testing::TempDir::new();
    let sqlite = format!("sqlite:{}", folder.join("bench.db").display());
    let database = testing::postgres::fresh_database();
    let mut table = Table::new(["engine, meals", "orders/s", "p99 ms"]);
    for (engine, url) in [("SQLite", sqlite.as_str()), ("PostgreSQL", database.url())] {
        measure(engine, url, orders, callers, &mut table).await?;
    }
    Ok(Section {
        title: "Placing orders without HTTP",
        about: format!(
            "What the lanes alone can do: {orders} orders, {callers} callers, one database an engine for both."
        ),
        table,
        charts: Vec::new(),
    })
}

#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
async fn measure(engine: &str, url: &str, orders: usize, callers: usize, table: &mut Table) -> Result<(), String> {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").map_err(|error| error.to_string())?;
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let service =
        Service::start(store, Arc::new(System), crate::settings(zone)?).await.map_err(|error| error.to_string())?;
    let members = Arc::new(members(&service, orders, None).await?);
    for count in MEALS {
        let meals = Arc::new(meals(&service, count, orders as i64).await?);
        let next = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..callers {
            let (service, members, meals, next) = (service.clone(), members.clone(), meals.clone(), next.clone());
            running.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    let Some(&member) = members.get(at) else {
                        return Ok::<_, String>(latencies);
                    };
                    let asked = Instant::now();
                    let request = order(member, meals[at % meals.len()].id, &format!("{count}-{at}"))?;
                    service.run(request).await.map_err(|failure| format!("{failure:?}"))?;
                    latencies.push(asked.elapsed().as_micros());
                }
            });
        }
        let mut latencies = Vec::with_capacity(orders);
        while let Some(ended) = running.join_next().await {
            latencies.extend(ended.map_err(|error| error.to_string())??);
        }
        let rate = orders as f64 / started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let p99 = latencies[latencies.len() * 99 / 100] as f64 / 1000.0;
        table.push([format!("{engine}, {count}"), whole(rate), decimal(p99, 1)]);
    }
    let report = service.check().await.map_err(|failure| format!("{failure:?}"))?;
    service.stop().await;
    if report.passes() { Ok(()) } else { Err(format!("the books are wrong: {:?}", report.counts())) }
}

pub(crate) fn order(member: MemberId, meal: MealId, key: &str) -> Result<Request, String> {
    let notes = String::new().try_into().map_err(|error: kernel::InvalidText| error.to_string())?;
    Ok(Request {
        command: Command::PlaceOrder(PlaceOrder {
            member,
            meal,
            quantity: Quantity::ONE,
            options: Vec::new(),
            notes,
            pickup_window: None,
        }),
        actor: Actor { member: Some(member), ..Actor::house() },
        key: Some(IdempotencyKey { key: AnswerKey { caller: member, key: key.to_owned() }, request_hash: [7; 32] }),
        dry_run: false,
    })
}

pub(crate) async fn members(
    service: &Service,
    count: usize,
    department: Option<DepartmentCode>,
) -> Result<Vec<MemberId>, String> {
    let mut running = JoinSet::new();
    for caller in 0..256 {
        let (service, department) = (service.clone(), department.clone());
        running.spawn(async move {
            let mut ids = Vec::new();
            for at in (caller..count).step_by(256) {
                let openid = service.vault().seal_openid(&format!("openid-{at}"));
                let openid = openid.map_err(|failure| format!("{failure:?}"))?;
                let command = Command::AddMember(AddMember {
                    profile: Profile { uid: uuid(service.ambient()), nickname: format!("m{at}") },
                    account: None,
                    password_hash: None,
                    openid: Some(openid),
                    department: department.clone(),
                    overdraft_limit: None,
                    grants: Vec::new(),
                });
                match service.run(Request::by_house(command)).await {
                    Ok(Outcome::Member { member }) => ids.push(member.id),
                    other => return Err(format!("{other:?}")),
                }
            }
            Ok(ids)
        });
    }
    let mut ids = Vec::with_capacity(count);
    while let Some(ended) = running.join_next().await {
        ids.extend(ended.map_err(|error| error.to_string())??);
    }
    Ok(ids)
}

pub(crate) async fn meals(service: &Service, count: usize, capacity: i64) -> Result<Vec<Meal>, String> {
    let mut date: Date = "2150-01-01".parse().map_err(|error: kernel::InvalidTime| error.to_string())?;
    let mut meals = Vec::with_capacity(count);
    while meals.len() < count {
        let command = Command::CreateMeal(CreateMeal {
            date,
            slot: Slot::Lunch,
            title: None,
            description: String::new().try_into().map_err(|error: kernel::InvalidText| error.to_string())?,
            base_price: 1500.try_into().map_err(|error: kernel::OutOfRange| error.to_string())?,
            capacity,
            options: Vec::new(),
            orders_close_at: None,
            pickup_windows: Vec::new(),
            publish: true,
        });
        date = date.plus_days(1);
        if let Ok(Outcome::Meal(meal)) = service.run(Request::by_house(command)).await {
            meals.push(meal.meal);
        }
    }
    Ok(meals)
}
