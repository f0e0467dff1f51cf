use axum::http::Method;
use kernel::{Code, ExceptionAction, Permission, Reason};
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

/// What is done about it, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resolution {
    action: ExceptionAction,
    note: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ExceptionSettle,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/exceptions/{exception_id}/resolve",
            id: "resolveException",
            tag: Tag::Administration,
            summary: "Settle an exception",
            description: "`credit` puts what WeChat was really paid into the wallet, `refund_to_origin` sends it back to the payer (both \
                          for another amount than was asked for). `return_to_balance` gives an abnormal refund back to the wallet. \
                          `record` puts a refund into the books that WeChat says it has made, `take_back` takes out of the wallet what \
                          WeChat says it was never paid. `retry` asks WeChat about an abnormal refund once more, or delivers once more what was given up. `dismiss` \
                          moves no money, whatever the exception; the same is then not opened again, and a top-up that another amount \
                          was paid for is given up.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ExceptionPath, Nothing, Resolution>,
) -> Result<Reply<ExceptionRow>, Failure> {
    let Resolution { action, note } = input.body;
    let asked = |command| caller.asks(command);
    let exception = app.service().resolve_exception(input.path.exception_id, action, note, asked).await?;
    Ok(Reply::saying(texts::EXCEPTION_RESOLVED, ExceptionRow::new(exception, None)))
}
