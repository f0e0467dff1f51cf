//! Who a token belongs to. Requests that arrive together are looked up together, so a token costs a fraction of a query, and a
//! session that was closed is closed for the very next request.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{Actor, MemberId, MemberStatus, Rights};
use store::queries::sessions::{SessionRow, by_tokens};
use store::{Cause, Store};
use tokio::sync::{mpsc, oneshot};

use crate::{Ambient, Failure};

const MOST_AT_ONCE: usize = 512;
const QUEUE: usize = 4096;

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    pub member: MemberId,
    /// As they were when the request came.
    pub rights: Arc<Rights>,
    pub token_hash: [u8; 32],
}

impl Caller {
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { member: Some(self.member), rights: Arc::clone(&self.rights) }
    }
}

type Answer = Result<Option<SessionRow>, store::Error>;

pub(crate) struct Sessions {
    asks: mpsc::Sender<([u8; 32], oneshot::Sender<Answer>)>,
    ambient: Arc<dyn Ambient>,
}

impl Sessions {
    pub(crate) fn start(store: Store, ambient: Arc<dyn Ambient>) -> Self {
        let (asks, queue) = mpsc::channel(QUEUE);
        tokio::spawn(serve(store, queue));
        Self { asks, ambient }
    }

    pub(crate) async fn find(&self, token: &str) -> Result<Caller, Failure> {
        let hash = hash_token(token);
        let (reply, answer) = oneshot::channel();
        self.asks.try_send((hash, reply)).map_err(|_| Failure::Overloaded)?;
        let found = answer.await.map_err(|_| Failure::Unavailable { reason: "stopping".to_owned() })??;
        let now = self.ambient.now();
        match found {
            Some(row) if !row.is_revoked && now < row.expires_at && row.status == MemberStatus::Active => {
                Ok(Caller { member: row.member, rights: Arc::new(row.rights), token_hash: hash })
            }
            _ => Err(Failure::InvalidToken),
        }
    }
}

/// Tokens are random and long, so a plain hash is enough to make a stolen table worthless; and comparing hashes tells nobody
/// anything about the token.
pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

async fn serve(store: Store, mut queue: mpsc::Receiver<([u8; 32], oneshot::Sender<Answer>)>) {
    let mut waiting = Vec::with_capacity(MOST_AT_ONCE);
    while queue.recv_many(&mut waiting, MOST_AT_ONCE).await > 0 {
        let mut hashes: Vec<_> = waiting.iter().map(|(hash, _)| *hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        match by_tokens(&store, &hashes).await {
            Ok(rows) => {
                let found: HashMap<_, _> = rows.into_iter().map(|row| (row.token_hash, row)).collect();
                for (hash, reply) in waiting.drain(..) {
                    drop(reply.send(Ok(found.get(&hash).cloned())));
                }
            }
            // One row that cannot be read is the trouble of its owner alone.
            Err(error) if error.cause == Cause::Inconsistent && hashes.len() > 1 => {
                for (hash, reply) in waiting.drain(..) {
                    let alone = by_tokens(&store, &[hash]).await;
                    drop(reply.send(alone.map(|rows| rows.into_iter().next())));
                }
            }
            Err(error) => {
                for (_, reply) in waiting.drain(..) {
                    drop(reply.send(Err(error.clone())));
                }
            }
        }
    }
}
