use axum::http::Method;
use kernel::{ExceptionKind, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::ExceptionRow;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExceptionQuery {
    kind: Option<ExceptionKind>,
    /// The resolved ones instead of the open ones.
    #[serde(default)]
    resolved: bool,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of exceptions, newest first.
#[derive(Serialize, JsonSchema)]
struct ExceptionPage {
    exceptions: Vec<ExceptionRow>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ExceptionRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/exceptions",
            id: "listExceptions",
            tag: Tag::Administration,
            summary: "What a person has to settle",
            description: "Each with what was found and what to do about it.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, ExceptionQuery>) -> Result<Reply<ExceptionPage>, Failure> {
    let query = input.query;
    let before = query.cursor.map_or(i64::MAX, Cursor::get);
    let kind = query.kind.map(ExceptionKind::as_str);
    let found = queries::exceptions::list(app.store(), !query.resolved, kind, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown| shown.exception.id);
    let row = |shown: queries::exceptions::Shown| {
        ExceptionRow::new(shown.exception, shown.owner.map(|(_, nickname)| nickname))
    };
    Ok(Reply::ok(ExceptionPage { exceptions: found.into_iter().map(row).collect(), page_info }))
}
