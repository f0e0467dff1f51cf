//! Top-ups through the lanes, without HTTP: begun, and settled as WeChat's news of a payment settles them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use kernel::{
    Cents, Command, CreateTopup, MemberId, OrderId, Outcome, PayClient, PaymentSource, Price, SettlePayment, Settled,
};
use service::{Request, Service, System};
use store::Store;
use tokio::task::JoinSet;

use crate::lanes;
use crate::report::{Section, Table, decimal, ratio, whole};

const MEMBERS: usize = 5_000;
const PRICE: i64 = 5_000;

/// `arguments`: how many top-ups (25,000), how many callers (256).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse::<usize>());
    let topups = number(0, 25_000).map_err(|error| error.to_string())?;
    let callers = number(1, 256).map_err(|error| error.to_string())?;
    let mut table = Table::new(["engine", "begun/s", "p99 ms", "settled/s", "p99 ms "]);
    let folder = testing::TempDir::new();
    let sqlite = format!("sqlite:{}", folder.join("bench.db").display());
    let database = testing::postgres::fresh_database();
    for (engine, url) in [("SQLite", sqlite.as_str()), ("PostgreSQL", database.url())] {
        let [begun, settled] = measure(url, topups, callers).await?;
        table.push([engine.to_owned(), whole(begun.0), decimal(begun.1, 1), whole(settled.0), decimal(settled.1, 1)]);
    }
    Ok(Section {
        title: "Topping up",
        about: format!(
            "{topups} top-ups of {MEMBERS} members begun and then settled by {callers} callers, through the lanes without HTTP: \
             what a notification of WeChat's does after its signature is checked. Each is credited once; the books are checked."
        ),
        table,
        charts: Vec::new(),
    })
}

/// A second, and the 99th percentile in milliseconds.
type Figures = (f64, f64);

async fn measure(url: &str, topups: usize, callers: usize) -> Result<[Figures; 2], String> {
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let settings = crate::settings(jiff::tz::TimeZone::UTC)?;
    let service = Service::start(store, Arc::new(System), settings).await.map_err(|error| error.to_string())?;
    let members = lanes::members(&service, MEMBERS, None).await?;
    let create = (0..topups).map(|at| begin(&service, at, members[at % MEMBERS])).collect::<Result<_, String>>()?;
    let (begun, outcomes) = drive(&service, callers, create).await?;
    let settle = outcomes.into_iter().map(|(at, outcome)| match outcome {
        Outcome::Topup { topup, .. } => Ok(settle(&service, at, topup.id)),
        other => Err(format!("{other:?}")),
    });
    let (settled, outcomes) = drive(&service, callers, settle.collect::<Result<_, String>>()?).await?;
    for (_, outcome) in outcomes {
        let Outcome::Settled { settled: Settled::Credited, .. } = outcome else { return Err(format!("{outcome:?}")) };
    }
    let report = service.check().await.map_err(|failure| format!("{failure:?}"))?;
    service.stop().await;
    if report.passes() { Ok([begun, settled]) } else { Err(format!("the books are wrong: {:?}", report.counts())) }
}

fn begin(service: &Service, at: usize, member: MemberId) -> Result<Command, String> {
    let now = service.now();
    let later = now.plus_millis(3_600_000);
    let amount = Price::try_from(PRICE).map_err(|error| error.to_string())?;
    let (order_no, client) = (number(at), PayClient::Jsapi);
    Ok(Command::CreateTopup(CreateTopup { order_no, member, amount, client, expires_at: later, first_check_at: later }))
}

fn settle(service: &Service, at: usize, topup: OrderId) -> Command {
    Command::SettlePayment(SettlePayment {
        order_no: number(at),
        topup: Some(topup),
        transaction_id: format!("42000000000000{at:014}"),
        total: Cents::new(PRICE),
        currency: "CNY".to_owned(),
        paid_at: service.now(),
        source: PaymentSource::Callback,
        pays_for: None,
    })
}

fn number(at: usize) -> String {
    format!("RECH{at:016}")
}

#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "a measurement")]
async fn drive(
    service: &Service,
    callers: usize,
    commands: Vec<Command>,
) -> Result<(Figures, Vec<(usize, Outcome)>), String> {
    let (count, commands) = (commands.len(), Arc::new(commands));
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (service, commands, next) = (service.clone(), Arc::clone(&commands), Arc::clone(&next));
        running.spawn(async move {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Relaxed);
                let Some(command) = commands.get(at) else { return Ok::<_, String>(done) };
                let asked = Instant::now();
                let outcome = service.run(Request::by_house(command.clone())).await;
                done.push((asked.elapsed(), at, outcome.map_err(|failure| format!("{failure:?}"))?));
            }
        });
    }
    let (mut latencies, mut outcomes) = (Vec::with_capacity(count), Vec::with_capacity(count));
    while let Some(ended) = running.join_next().await {
        for (latency, at, outcome) in ended.map_err(|error| error.to_string())?? {
            latencies.push(latency.as_secs_f64() * 1000.0);
            outcomes.push((at, outcome));
        }
    }
    let rate = ratio(count as f64, started.elapsed().as_secs_f64());
    latencies.sort_unstable_by(f64::total_cmp);
    outcomes.sort_unstable_by_key(|(at, _)| *at);
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    Ok(((rate, p99), outcomes))
}
