//! The shop's jobs: giving back what unpaid orders held, and ending rounds.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::StreamExt;
use kernel::{
    CloseRound, Command, Counts, DrawRound, ExpireShopOrders, Goods, NoteStuckOrder, OrderId, Outcome, RoundStatus,
    ShopCommand,
};
use store::queries::shop::{self as queries, ExpiredOrder};

use crate::jobs::counts;
use crate::metrics::Watch;
use crate::shop_pay::ask_first;
use crate::{Failure, Job, Ran, Request, Schedule, Service};

/// How many orders one transaction releases, and how many such commands are under way at a time. Between two of them a lane serves
/// whoever waits.
const BATCH: usize = 500;
const AT_ONCE: usize = 2;
/// How many orders are read at a time. The more they are, the fewer products each transaction has to do with.
const PAGE: usize = 16 * BATCH;
const PAUSE: Duration = Duration::from_millis(20);
/// Where others use the lanes meanwhile, they have them alone after each transaction for as long as it took, or for this at most.
const LONGEST_REST_MS: i64 = 500;

/// Tidies up after the orders that were not paid in time. What they held counts for nothing from their deadline on, whether this
/// runs or not.
pub struct ReleaseExpiredOrders {
    pub every_ms: i64,
}

impl Job for ReleaseExpiredOrders {
    fn name(&self) -> &'static str {
        "release-expired-orders"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: self.every_ms }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(release(service))
    }
}

#[derive(Debug, Default)]
struct Tally {
    released: i64,
    failed: i64,
    rolled_back: i64,
    micros: u64,
}

/// Releases what is past its deadline as the run begins. Orders that others release meanwhile are passed over; where a payment was begun
/// at WeChat, it is asked about and closed first.
async fn release(service: &Service) -> Result<Counts, String> {
    let begun_at = service.now();
    let asked = ask_first(service, begun_at).await?;
    let (mut after, mut tally) = (None, Tally::default());
    while !service.is_stopping() {
        let page = queries::expired(service.store(), begun_at, after, PAGE as i64).await;
        let mut page = page.map_err(|error| error.to_string())?;
        after = page.last().copied();
        if page.is_empty() {
            break;
        }
        // Those of one product together, so that each transaction locks few.
        page.sort_unstable_by_key(|order| order.goods);
        let parts: Vec<_> = page.chunks(BATCH).map(|orders| release_some(service, orders)).collect();
        let mut parts = futures_util::stream::iter(parts).buffer_unordered(AT_ONCE);
        while let Some(part) = parts.next().await {
            let part = part?;
            tally.released += part.released;
            tally.failed += part.failed;
            tally.rolled_back += part.rolled_back;
            tally.micros += part.micros;
        }
    }
    let parked = queries::parked(service.store()).await.map_err(|error| error.to_string())?;
    let average_micros = i64::try_from(tally.micros).unwrap_or(i64::MAX) / tally.released.max(1);
    Ok(counts([
        ("released", tally.released),
        ("failed", tally.failed),
        ("rolled_back", tally.rolled_back),
        ("average_micros", average_micros),
        ("parked", parked),
        ("settled", asked.settled),
        ("unanswered", asked.unanswered),
    ]))
}

/// All of these in one transaction; where that fails, half and half again, until only the broken ones are left.
async fn release_some(service: &Service, orders: &[ExpiredOrder]) -> Result<Tally, String> {
    let metrics = service.metrics();
    let (mut tally, mut parts) = (Tally::default(), vec![orders]);
    while let Some(part) = parts.pop() {
        let watch = Watch::start();
        let (begun_at, commands_before) = (service.now(), metrics.commands.load(Relaxed));
        let named: BTreeMap<OrderId, Goods> = part.iter().map(|order| (order.id, order.goods)).collect();
        let command = Command::Shop(ShopCommand::Expire(ExpireShopOrders { orders: named }));
        let failure = match service.run(Request::by_house(command)).await {
            Ok(Outcome::Expired { released }) => {
                let micros = watch.micros();
                metrics.orders_released.fetch_add(released.len() as u64, Relaxed);
                metrics.release_micros.fetch_add(micros, Relaxed);
                tally.micros += micros;
                tally.released += i64::try_from(released.len()).unwrap_or(i64::MAX);
                if metrics.commands.load(Relaxed).saturating_sub(commands_before) > AT_ONCE as u64 {
                    let took = service.now().as_millis() - begun_at.as_millis();
                    tokio::time::sleep(Duration::from_millis(took.clamp(0, LONGEST_REST_MS).unsigned_abs())).await;
                }
                continue;
            }
            Ok(other) => return Err(format!("releasing answered {other:?}")),
            Err(failure) => failure,
        };
        match failure {
            Failure::Overloaded => {
                tokio::time::sleep(PAUSE).await;
                parts.push(part);
            }
            // Whether it was carried out or not: the next run sees what is left.
            Failure::OutcomeUnknown | Failure::Unavailable { .. } | Failure::Contended => {
                return Err(format!("{} orders could not be released: {failure:?}", part.len()));
            }
            failure => {
                metrics.release_rollbacks.fetch_add(1, Relaxed);
                tally.rolled_back += 1;
                if let [order] = part {
                    metrics.release_failures.fetch_add(1, Relaxed);
                    tally.failed += 1;
                    let noted = service.note_stuck(order.id, &failure).await;
                    noted.map_err(|failure| format!("a failure could not be written down: {failure:?}"))?;
                } else {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
    }
    Ok(tally)
}

impl Service {
    /// Writes down that an order could not be released.
    pub async fn note_stuck(&self, order: OrderId, failure: &Failure) -> Result<(), Failure> {
        tracing::error!(%order, ?failure, "an expired order cannot be released");
        let note = NoteStuckOrder { order, error: format!("{failure:?}") };
        self.run(Request::by_house(Command::Shop(ShopCommand::NoteStuck(note)))).await.map(drop)
    }
}

/// Draws the rounds that are sold out and closes those whose time is over.
pub struct EndRounds {
    pub every_ms: i64,
}

impl Job for EndRounds {
    fn name(&self) -> &'static str {
        "end-rounds"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: self.every_ms }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(end_rounds(service))
    }
}

async fn end_rounds(service: &Service) -> Result<Counts, String> {
    const MOST: i64 = 1000;
    let (mut drawn, mut closed, mut failed) = (0, 0, 0);
    let rounds = queries::unfinished_rounds(service.store(), service.now(), MOST).await;
    for (round, product, status) in rounds.map_err(|error| error.to_string())? {
        if service.is_stopping() {
            break;
        }
        let (command, count) = match status {
            RoundStatus::SoldOut => (ShopCommand::DrawRound(DrawRound { round, product }), &mut drawn),
            _ => (ShopCommand::CloseRound(CloseRound { round, product }), &mut closed),
        };
        match service.run(Request::by_house(Command::Shop(command))).await {
            Ok(_) => *count += 1,
            // Somebody else was faster.
            Err(Failure::Refused(_)) => {}
            Err(failure) => {
                tracing::error!(%round, ?failure, "a round cannot be ended");
                failed += 1;
            }
        }
    }
    Ok(counts([("drawn", drawn), ("closed", closed), ("failed", failed)]))
}

/// Removes pictures that no product shows, a day after somebody last had them in hand.
pub struct TidyPictures;

impl TidyPictures {
    const IDLE_MS: i64 = 24 * 3_600_000;
}

impl Job for TidyPictures {
    fn name(&self) -> &'static str {
        "tidy-pictures"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: 4 * 60 }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let removed = tidy_pictures(service).await?;
            Ok([("removed".to_owned(), removed)].into())
        })
    }
}

async fn tidy_pictures(service: &Service) -> Result<i64, String> {
    let Some(pictures) = service.pictures() else { return Ok(0) };
    let now = service.now();
    let since = now.plus_millis(-TidyPictures::IDLE_MS);
    // In this order: what is put on a product meanwhile has been in somebody's hand.
    let idle = pictures.idle_since(since, now).await.map_err(|error| error.to_string())?;
    let shown = queries::shown_pictures(service.store()).await.map_err(|error| error.to_string())?;
    let mut removed = 0;
    for name in idle.iter().filter(|name| !shown.contains(name.hash())) {
        if service.is_stopping() {
            break;
        }
        removed +=
            i64::from(pictures.remove_idle(name, since, service.now()).await.map_err(|error| error.to_string())?);
    }
    Ok(removed)
}
