//! The heartbeat: it keeps this process's node number, and by writing durably every few seconds it knows whether writing works.

use std::sync::Arc;
use std::time::Duration;

use store::{NodeLease, Writer};

use crate::ids::made_at_ms;
use crate::lane::Shared;
use crate::lanes::Lanes;
use crate::{Failure, tallies};

const BEAT: Duration = Duration::from_secs(2);
const LEASE_MS: i64 = 15_000;
/// So many beats may find the database locked before that is trouble.
const MOST_MISSED: u32 = 2;
/// Ids may run ahead of the clock by this much under load.
const AHEAD_MS: i64 = 60_000;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) holder: String,
    pub(crate) lease: NodeLease,
}

impl Node {
    pub(crate) async fn claim(writer: &mut Writer, holder: String, now_ms: i64) -> Result<Self, store::Error> {
        // With a clock that was set back, the next record would lie in a stretch of the trail that is sealed.
        let ids_from_ms = made_at_ms(writer.last_sealed().await?) + 1;
        let claimed = writer.claim_node(&holder, now_ms, now_ms + LEASE_MS, ids_from_ms).await?;
        let lease = claimed
            .ok_or_else(|| store::Error::lost("all node numbers are taken: too many servers share this database"))?;
        let ids_until = lease.ids_until_ms.max(now_ms) + LEASE_MS + AHEAD_MS;
        let node = Self { holder, lease };
        writer.renew_node(lease.number, &node.holder, now_ms + LEASE_MS, ids_until).await?;
        Ok(node)
    }

    /// Gives the number back, so that a quick restart finds it free and ids go on where these end.
    pub(crate) async fn release(self, shared: &Shared) {
        let ids_until_ms = shared.ids.reached_ms(0) + 1;
        let released = async {
            let mut writer = shared.store.writer().await?;
            writer.release_node(self.lease.number, &self.holder, ids_until_ms).await
        };
        if let Err(error) = released.await {
            tracing::debug!(%error, "the node number could not be given back");
        }
    }

    /// Until when ids of a freshly claimed number may go.
    pub(crate) fn ids_until_ms(&self, now_ms: i64) -> i64 {
        self.lease.ids_until_ms.max(now_ms) + LEASE_MS
    }
}

/// Beats until told to stop; then the number may be given back once nobody makes ids any more.
pub(crate) async fn beat(
    shared: Arc<Shared>,
    lanes: Arc<Lanes>,
    mut node: Node,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> Node {
    let mut missed = 0;
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep(BEAT) => {}
            _ = stop.changed() => return node,
        }
        let now_ms = shared.ambient.now().as_millis();
        // A clock that was set back must not bring the ids to an end that they reach before the clock does.
        let ids_ms = shared.ids.reached_ms(now_ms);
        let (number, holder) = (node.lease.number, node.holder.clone());
        let renewed = lanes
            .chore(move |writer| {
                Box::pin(async move {
                    if writer.renew_node(number, &holder, now_ms + LEASE_MS, ids_ms + LEASE_MS + AHEAD_MS).await? {
                        return Ok(None);
                    }
                    Node::claim(writer, holder, now_ms).await.map(Some)
                })
            })
            .await;
        match renewed {
            Ok(None) => shared.ids.extend(ids_ms + LEASE_MS),
            Ok(Some(claimed)) => {
                tracing::warn!(number, now = claimed.lease.number, "the node number was lost; a new one is claimed");
                shared.ids.restart(
                    claimed.lease.number,
                    claimed.lease.ids_until_ms.max(now_ms),
                    claimed.ids_until_ms(now_ms),
                );
                node = claimed;
            }
            // Somebody holds the lock for a moment. That is no trouble yet.
            Err(Failure::Contended) if missed < MOST_MISSED => {
                missed += 1;
                continue;
            }
            Err(failure) => {
                tracing::error!(?failure, "the heartbeat cannot be written");
                shared.trouble.send_replace(Some(format!("{failure:?}")));
                continue;
            }
        }
        missed = 0;
        shared.trouble.send_if_modified(|trouble| trouble.take().is_some());
        tallies::carry(&shared, &lanes).await;
    }
}
