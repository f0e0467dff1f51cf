use axum::http::Method;
use kernel::{Cents, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;
use store::queries::ledger::Total;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// All the money at once.
#[derive(Serialize, JsonSchema)]
struct WalletTotals {
    member_count: i64,
    members: BalanceTotal,
    departments: BalanceTotal,
    /// What the meals took in, less what was paid back.
    meals_cents: Cents,
}

/// Balances above and below zero, apart: one member's credit does not pay another one's debt.
#[derive(Serialize, JsonSchema)]
struct BalanceTotal {
    positive_cents: Cents,
    /// Zero or less.
    negative_cents: Cents,
    negative_count: i64,
}

impl From<&Total> for BalanceTotal {
    fn from(total: &Total) -> Self {
        Self { positive_cents: total.credit, negative_cents: total.debt, negative_count: total.overdrawn }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/wallets/totals",
            id: "walletTotals",
            tag: Tag::Administration,
            summary: "All balances added up",
            description: "Added up now. It looks at every account, so its cost grows with them.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, _: Input) -> Result<Reply<WalletTotals>, Failure> {
    let totals = queries::ledger::totals(app.store()).await?;
    let none = Total::default();
    let of = |kind: &str| totals.iter().find(|total| total.owner_kind == kind).unwrap_or(&none);
    let meals = of("meal");
    Ok(Reply::ok(WalletTotals {
        member_count: queries::members::count_all(app.store()).await?,
        members: of("member").into(),
        departments: of("department").into(),
        meals_cents: Cents::new(meals.credit.get() + meals.debt.get()),
    }))
}
