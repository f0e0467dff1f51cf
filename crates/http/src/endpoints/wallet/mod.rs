pub(super) mod export;
pub(super) mod history;
pub(super) mod recharge;

use kernel::{Cents, Instant, MemberId, OrderId, TransferId, WalletOutcome};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries::ledger::Line;

use crate::texts::{self, Language};

/// A wallet after a change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WalletChange {
    ledger_id: TransferId,
    user_id: MemberId,
    /// Positive where money came in.
    amount_cents: Cents,
    balance_cents: Cents,
}

impl From<WalletOutcome> for WalletChange {
    fn from(outcome: WalletOutcome) -> Self {
        Self {
            ledger_id: outcome.transfer,
            user_id: outcome.member,
            amount_cents: outcome.amount,
            balance_cents: outcome.balance,
        }
    }
}

/// One movement of money.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LedgerLine {
    ledger_id: TransferId,
    user_id: MemberId,
    /// Positive where money came in.
    amount_cents: Cents,
    description: &'static str,
    related_order_id: Option<OrderId>,
    created_at: Instant,
    balance_after_cents: Cents,
}

impl LedgerLine {
    pub(super) fn list(member: MemberId, lines: Vec<Line>, language: Language) -> Vec<Self> {
        let line = |line: Line| Self {
            ledger_id: line.transfer,
            user_id: member,
            amount_cents: line.amount,
            description: texts::entry(line.kind).in_language(language),
            related_order_id: line.order,
            created_at: line.created_at,
            balance_after_cents: line.balance_after,
        };
        lines.into_iter().map(line).collect()
    }
}
