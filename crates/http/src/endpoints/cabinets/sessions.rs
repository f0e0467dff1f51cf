use axum::http::Method;
use kernel::{Code, DoorSession, DoorSessionId, Noun, Permission, Refusal, numbered_order};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use super::{DoorSessionAnswer, reads_in};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

#[derive(Deserialize, JsonSchema)]
pub(super) struct SessionPath {
    pub(super) session_no: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SessionQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of one's own openings.
#[derive(Serialize, JsonSchema)]
struct SessionPage {
    sessions: Vec<DoorSessionAnswer>,
    total_count: i64,
    page_info: PageInfo,
}

pub(crate) fn list() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/sessions",
            id: "listDoorSessions",
            tag: Tag::Cabinets,
            summary: "One's own openings",
            description: "Newest first.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn show() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/sessions/{session_no}",
            id: "showDoorSession",
            tag: Tag::Cabinets,
            summary: "How an opening goes",
            description: "`opening` becomes `opened`, `failed` or `timed_out`; then `closed`, and `settled` with its order, or `held` \
                while a person looks at it. `released` by a person, it costs nothing.",
            codes: &[Code::NotFound],
        },
        handle_one,
    )
}

async fn handle_list(
    app: App,
    caller: Caller,
    input: Input<Nothing, SessionQuery>,
) -> Result<Reply<SessionPage>, Failure> {
    let (SessionQuery { limit, offset }, member) = (input.query, caller.identity.member);
    let found = queries::sessions_of_member(app.store(), member, limit.get(), offset.get()).await?;
    let total_count = queries::count_sessions(app.store(), member).await?;
    let page_info = PageInfo::new(limit, offset, found.len(), total_count);
    let mut sessions = Vec::with_capacity(found.len());
    for session in found {
        sessions.push(DoorSessionAnswer::of(&app, session).await?);
    }
    Ok(Reply::ok(SessionPage { sessions, total_count, page_info }))
}

async fn handle_one(app: App, caller: Caller, input: Input<SessionPath>) -> Result<Reply<DoorSessionAnswer>, Failure> {
    let session = find(&app, &input.path.session_no).await?;
    if session.member != caller.identity.member {
        let device = queries::device(app.store(), session.device).await?;
        let device = device.ok_or(Refusal::NotFound { noun: Noun::Device })?;
        if !reads_in(&caller, device.store) {
            return Err(Refusal::NotYours.into());
        }
    }
    Ok(Reply::ok(DoorSessionAnswer::of(&app, session).await?))
}

pub(super) async fn find(app: &App, number: &str) -> Result<DoorSession, Failure> {
    let session = match numbered_order("DOOR", number) {
        Some(id) => queries::session(app.store(), DoorSessionId::new(id.get())).await?,
        None => None,
    };
    let session = session.filter(|session| session.session_no == number);
    session.ok_or(Refusal::NotFound { noun: Noun::DoorSession }.into())
}
