//! Where somebody is signed in.

pub(in crate::endpoints) mod close;
pub(in crate::endpoints) mod close_others;
pub(in crate::endpoints) mod list;

use std::fmt::Write;

use futures_util::future::try_join_all;
use kernel::{Actor, CloseSession, Command, Instant, MemberId};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;
use store::queries::sessions::OpenSession;

use crate::App;
use crate::failure::Failure;

/// A session's name: made from its token, which nobody can make from it.
fn session_id(session: &OpenSession) -> String {
    session.token_hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Somebody's open sessions, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionList {
    sessions: Vec<SessionRow>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct SessionRow {
    session_id: String,
    created_at: Instant,
    expires_at: Instant,
    /// Whether this very request came in it.
    current: bool,
}

impl SessionList {
    pub(crate) fn new(sessions: Vec<OpenSession>, current: &[u8; 32]) -> Self {
        let row = |session: OpenSession| SessionRow {
            session_id: session_id(&session),
            created_at: session.created_at,
            expires_at: session.expires_at,
            current: session.token_hash == *current,
        };
        Self { sessions: sessions.into_iter().map(row).collect() }
    }
}

/// How many sessions were closed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClosedSessions {
    closed: usize,
}

/// Closes all sessions that a member has now, but for one. To close them again does nothing, so no key is needed.
pub(crate) async fn close_all(
    app: &App,
    actor: &Actor,
    member: MemberId,
    but: Option<[u8; 32]>,
) -> Result<ClosedSessions, Failure> {
    let mut open = queries::sessions::open(app.store(), member, app.service().now()).await?;
    open.retain(|session| Some(session.token_hash) != but);
    let close = open.iter().map(|session| {
        let command = Command::CloseSession(CloseSession { member, token_hash: session.token_hash });
        app.service().run(service::Request { command, actor: actor.clone(), key: None, dry_run: false })
    });
    let closed = try_join_all(close).await?.len();
    Ok(ClosedSessions { closed })
}
