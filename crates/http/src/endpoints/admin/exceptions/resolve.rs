use axum::http::Method;
use kernel::{Cents, Code, ExceptionAction, MemberId, Moved, Permission, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExceptionPath, ExceptionRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::CabinetOrderAnswer;
use crate::failure::Failure;
use crate::input::DryRun;
use crate::reply::Reply;
use crate::texts;

/// What is done about it, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resolution {
    action: ExceptionAction,
    note: Reason,
}

/// An exception that was settled, and what that moves.
#[derive(Serialize, JsonSchema)]
struct SettledException {
    #[serde(flatten)]
    exception: ExceptionRow,
    /// Absent where no money moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<MovedAnswer>,
}

/// Whose money moves, how much of it, and what is left then.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "to", rename_all = "snake_case")]
#[schemars(inline)]
enum MovedAnswer {
    Balance {
        user_id: MemberId,
        /// Below zero where it comes out of the wallet.
        amount_cents: Cents,
        balance_cents: Cents,
    },
    /// Back to who paid. The wallet stays as it is.
    Wechat { user_id: MemberId, amount_cents: Cents, balance_cents: Cents },
    /// For what was taken from a cabinet.
    Cabinet { order: Box<CabinetOrderAnswer>, tickets_left: i64 },
}

impl MovedAnswer {
    async fn of(app: &App, moved: Moved) -> Result<Self, Failure> {
        Ok(match moved {
            Moved::Balance { member, amount, balance } => {
                Self::Balance { user_id: member, amount_cents: amount, balance_cents: balance }
            }
            Moved::Wechat { member, amount, balance } => {
                Self::Wechat { user_id: member, amount_cents: amount, balance_cents: balance }
            }
            Moved::Cabinet { order, tickets_left } => {
                Self::Cabinet { order: Box::new(CabinetOrderAnswer::of(app, *order).await?), tickets_left }
            }
        })
    }
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
                          was paid for is given up. `moved` has the numbers; `dry_run=true` says them beforehand.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition, Code::ProviderError],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<ExceptionPath, DryRun, Resolution>,
) -> Result<Reply<SettledException>, Failure> {
    let dry_run = input.query.dry_run;
    let Resolution { action, note } = input.body;
    let asked = |command| caller.tries(dry_run, command);
    let (exception, moved) = app.service().resolve_exception(input.path.exception_id, action, note, asked).await?;
    let moved = match moved {
        Some(moved) => Some(MovedAnswer::of(&app, moved).await?),
        None => None,
    };
    let settled = SettledException { exception: ExceptionRow::new(exception, None), moved };
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::EXCEPTION_RESOLVED }, settled))
}
