//! The worker that delivers what is owed to the outside world: claimed with a lease, delivered outside any transaction, settled.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use kernel::{ExceptionAction, ExceptionKind};
use store::OutboxRow;

use crate::Service;
use crate::lane::Shared;
use crate::lanes::Lanes;

const IDLE: Duration = Duration::from_millis(500);
const LEASE_MS: i64 = 60_000;
const MOST_AT_ONCE: i64 = 50;
/// After these waits a person has to look at it.
const WAITS_MS: [i64; 3] = [15_000, 30_000, 60_000];
/// Who wants to be asked later is asked so often, and after so long each.
const MOST_LATER: i64 = 12;
const LATER_MS: i64 = 300_000;

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    Done,
    /// Not now; the text is for the log and the person who may have to look.
    Failed(String),
    /// The other side wants to be asked again, but not at once.
    Later(String),
    /// The other side will never take it: only a person can help.
    Refused(String),
}

/// Something that can deliver messages of one topic. It is called again after a failure or a crash, so it must carry the
/// message's id to the other side as the request's own.
pub trait Delivery: Send + Sync + 'static {
    fn topic(&self) -> &'static str;

    fn deliver<'a>(
        &'a self,
        service: &'a Service,
        message: &'a OutboxRow,
    ) -> Pin<Box<dyn Future<Output = Delivered> + Send + 'a>>;
}

pub(crate) async fn work(
    service: Service,
    deliveries: Arc<[Box<dyn Delivery>]>,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    let (shared, lanes) = (service.shared(), service.lanes());
    loop {
        let leased_until_ms = shared.ambient.now().as_millis() + LEASE_MS;
        let claimed = if *stop.borrow() {
            return;
        } else {
            claim(shared, lanes).await
        };
        if claimed.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(IDLE) => continue,
                _ = stop.changed() => return,
            }
        }
        for message in claimed {
            // What is left is somebody else's when the lease has run out. The message at hand is always brought to its end.
            if shared.ambient.now().as_millis() >= leased_until_ms || *stop.borrow() {
                break;
            }
            let delivery = deliveries.iter().find(|delivery| delivery.topic() == message.topic);
            let delivered = match delivery {
                Some(delivery) => AssertUnwindSafe(delivery.deliver(&service, &message))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Delivered::Failed("the delivery panicked".to_owned())),
                None => Delivered::Failed(format!("nobody delivers {:?}", message.topic)),
            };
            settle(&service, message, delivered).await;
        }
    }
}

async fn claim(shared: &Shared, lanes: &Lanes) -> Vec<OutboxRow> {
    let now_ms = shared.ambient.now().as_millis();
    let claimed = lanes
        .chore(move |writer| Box::pin(async move { writer.claim_outbox(now_ms, LEASE_MS, MOST_AT_ONCE).await }))
        .await;
    claimed.unwrap_or_else(|failure| {
        tracing::warn!(?failure, "the outbox cannot be read");
        Vec::new()
    })
}

/// Where settling fails, the lease runs out and the message is delivered again.
async fn settle(service: &Service, message: OutboxRow, delivered: Delivered) {
    let now_ms = service.now().as_millis();
    let (id, tried) = (message.id, message.attempts);
    let (error, wait) = match delivered {
        Delivered::Done => (None, None),
        Delivered::Failed(error) => {
            (Some(error), usize::try_from(tried - 1).ok().and_then(|at| WAITS_MS.get(at)).copied())
        }
        Delivered::Later(error) => (Some(error), (tried < MOST_LATER).then_some(LATER_MS)),
        Delivered::Refused(error) => (Some(error), None),
    };
    if let (Some(error), None) = (&error, wait) {
        // A person hears of it before it is given up, or it would lie there unseen should this process die in between.
        let subject = format!("{} {id}", message.topic);
        let evidence =
            serde_json::json!({ "message_id": id, "topic": message.topic, "attempts": tried, "error": error });
        let kind = ExceptionKind::DeliveryFailed;
        if let Err(failure) = service.raise(kind, &subject, &evidence, ExceptionAction::Retry).await {
            tracing::warn!(?failure, id, "a delivery that failed for good cannot be reported");
            return;
        }
        tracing::error!(id, topic = message.topic, error, "a delivery is given up; an exception is open");
    }
    let settled = service
        .lanes()
        .chore(move |writer| {
            Box::pin(async move {
                match (error, wait) {
                    (None, _) => writer.outbox_delivered(id).await.map(|()| true),
                    (Some(error), Some(wait)) => writer.outbox_retry(id, tried, now_ms + wait, &error).await,
                    (Some(error), None) => writer.outbox_park(id, tried, &error).await,
                }
            })
        })
        .await;
    if let Err(failure) = settled {
        tracing::warn!(?failure, id, "a delivery could not be settled");
    }
}
