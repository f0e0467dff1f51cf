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

/// Why a message was not taken. The text is for the log and the person who may have to look, and names no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// Something is broken that may be well again soon.
    Soon(String),
    /// The other side wants to be asked again, but not at once.
    Later(String),
    /// The other side will not take it, whenever it is asked.
    Never(String),
}

impl Undelivered {
    pub(crate) fn why(self) -> String {
        match self {
            Self::Soon(why) | Self::Later(why) | Self::Never(why) => why,
        }
    }
}

impl From<String> for Undelivered {
    fn from(why: String) -> Self {
        Self::Soon(why)
    }
}

pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>>;

/// Something that can deliver messages of one topic. It is called again after a failure or a crash, so it must carry the
/// message's id to the other side as the request's own.
pub trait Delivery: Send + Sync + 'static {
    fn topic(&self) -> &'static str;

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a>;
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
                biased;
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
                    .unwrap_or_else(|_| Err("the delivery panicked".to_owned().into())),
                None => Err(format!("nobody delivers {:?}", message.topic).into()),
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
async fn settle(service: &Service, message: OutboxRow, delivered: Result<(), Undelivered>) {
    let now_ms = service.now().as_millis();
    let (id, tried) = (message.id, message.attempts);
    let (error, wait) = match delivered {
        Ok(()) => (None, None),
        Err(Undelivered::Soon(why)) => {
            (Some(why), usize::try_from(tried - 1).ok().and_then(|at| WAITS_MS.get(at)).copied())
        }
        Err(Undelivered::Later(why)) => (Some(why), (tried < MOST_LATER).then_some(LATER_MS)),
        Err(Undelivered::Never(why)) => (Some(why), None),
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
