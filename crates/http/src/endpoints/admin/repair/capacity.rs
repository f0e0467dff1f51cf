use axum::http::Method;
use kernel::{
    CapacityStrategy, Cents, Code, Command, CutOrder, MealId, MemberId, OrderCut, OrderId, Outcome, Permission,
    RepairCapacity,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::message;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;
use crate::texts;

/// Which meal, and who gives way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CapacityToRepair {
    meal_id: MealId,
    /// `cancel_latest` unless told otherwise: the newest orders go first, the last of them only shrinks. With
    /// `reduce_proportional` every order gives up its share.
    strategy: Option<CapacityStrategy>,
}

/// What was done to which orders.
#[derive(Serialize, JsonSchema)]
struct RepairedCapacity {
    success: bool,
    strategy: CapacityStrategy,
    /// In the order in which they were cut.
    processed_orders: Vec<ProcessedOrder>,
    /// How many portions there were too many.
    excess_resolved: i64,
    /// Where there was nothing to repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ProcessedOrder {
    order_id: OrderId,
    user_id: MemberId,
    /// What a canceled order had.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
    old_quantity: i64,
    new_quantity: i64,
    /// In cents.
    refund_amount: Cents,
    action: OrderCut,
}

impl From<CutOrder> for ProcessedOrder {
    fn from(cut: CutOrder) -> Self {
        Self {
            order_id: cut.order_id,
            user_id: cut.user_id,
            quantity: (cut.action == OrderCut::Canceled).then_some(cut.old_quantity),
            old_quantity: cut.old_quantity,
            new_quantity: cut.new_quantity,
            refund_amount: cut.refund_cents,
            action: cut.action,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ConsistencyRepair,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/consistency/repair/capacity",
            id: "repairCapacity",
            tag: Tag::Administration,
            summary: "Cut a meal's orders down to its capacity",
            description: "What an order loses is refunded, and no cent is lost. Refused where completed orders alone are more \
                          than the meal has.",
            codes: &[Code::NotFound, Code::CapacityExceeded, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, CapacityToRepair>,
) -> Result<Reply<RepairedCapacity>, Failure> {
    let (dry_run, language) = (input.query.dry_run, caller.language);
    let command = Command::RepairCapacity(RepairCapacity {
        meal: input.body.meal_id,
        strategy: input.body.strategy.unwrap_or(CapacityStrategy::CancelLatest),
    });
    let Outcome::CapacityRepair(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("a repair of a capacity answered something else"));
    };
    let repaired = outcome.excess_resolved > 0;
    let answer = RepairedCapacity {
        success: true,
        strategy: outcome.strategy,
        processed_orders: outcome.orders.into_iter().map(ProcessedOrder::from).collect(),
        excess_resolved: outcome.excess_resolved,
        message: (!repaired).then(|| texts::CAPACITY_IS_RIGHT.in_language(language)),
    };
    Ok(Reply::saying(message(dry_run, repaired), answer))
}
