use axum::http::Method;
use kernel::{Cents, Code, Instant, Noun, Permission, Price, Reason, Refund, RefundState, Refusal, Topup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::topups::TopupAnswer;
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;
use crate::texts;

/// How much of which order goes back, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    order_no: String,
    /// Up to what is left of the payment.
    amount_cents: Price,
    /// The payer reads its beginning.
    reason: Reason,
}

/// A refund, and the order that it is of.
#[derive(Serialize, JsonSchema)]
struct RefundAnswer {
    refund_no: String,
    amount_cents: Cents,
    state: RefundState,
    created_at: Instant,
    /// What the payer has left in the wallet.
    balance_cents: Option<Cents>,
    /// What could still go back after it.
    left_cents: Cents,
    order: TopupAnswer,
}

impl From<(Refund, Topup, Option<Cents>)> for RefundAnswer {
    fn from((refund, topup, balance_cents): (Refund, Topup, Option<Cents>)) -> Self {
        Self {
            balance_cents,
            left_cents: topup.left(),
            refund_no: refund.refund_no,
            amount_cents: refund.amount,
            state: refund.state,
            created_at: refund.created_at,
            order: topup.into(),
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/refunds",
            id: "refundTopup",
            tag: Tag::Administration,
            summary: "Give a top-up back to where it came from",
            description: "The whole of it or a part, again and again up to what was paid, one at a time. The wallet is charged now; \
                          WeChat is asked right after. What WeChat cannot pay out goes back to the wallet. `dry_run=true` says beforehand what would be left of the wallet and of the \
                          payment.",
            codes: &[
                Code::NotFound,
                Code::BusinessRule,
                Code::InsufficientBalance,
                Code::InvalidStatusTransition,
                Code::ProviderError,
            ],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, NewRefund>,
) -> Result<Reply<RefundAnswer>, Failure> {
    let NewRefund { order_no, amount_cents, reason } = input.body;
    let dry_run = input.query.dry_run;
    let topup = queries::topups::by_number(app.store(), &order_no).await?;
    let topup = topup.ok_or(Refusal::NotFound { noun: Noun::Topup })?;
    let asked = |command| caller.tries(dry_run, command);
    let refunded = app.service().refund_topup(&topup, amount_cents, reason, asked).await?;
    Ok(Reply::saying(if dry_run { texts::DRY_RUN } else { texts::REFUND_BEGUN }, refunded.into()))
}
