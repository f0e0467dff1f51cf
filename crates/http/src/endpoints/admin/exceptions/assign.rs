use axum::http::Method;
use kernel::{AssignException, Code, Command, Instant, MemberId, Outcome, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ExceptionPath, ExceptionRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// Who sees to it, and until when.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assignment {
    /// Nobody where it is absent.
    user_id: Option<MemberId>,
    /// As it was where it is absent.
    due_at: Option<Instant>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ExceptionSettle,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/exceptions/{exception_id}/assign",
            id: "assignException",
            tag: Tag::Administration,
            summary: "Say who sees to an exception",
            description: "Only while it is open.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ExceptionPath, Nothing, Assignment>,
) -> Result<Reply<ExceptionRow>, Failure> {
    let Assignment { user_id: owner, due_at } = input.body;
    let command = AssignException { exception: input.path.exception_id, owner, due_at };
    let Outcome::Exception { exception, .. } =
        app.service().run(caller.asks(Command::AssignException(command))).await?
    else {
        return Err(Failure::fault("an assignment answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, ExceptionRow::new(exception, None)))
}
