//! Repairs of what the checks found. Each is posted and audited, and finds nothing to do the second time.

pub(in crate::endpoints) mod balance;
pub(in crate::endpoints) mod capacity;
pub(in crate::endpoints) mod order_states;
pub(in crate::endpoints) mod pool;

use kernel::MealId;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::texts::{self, Text};

/// Which meal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MealToRepair {
    meal_id: MealId,
}

fn message(dry_run: bool, repaired: bool) -> Text {
    match (dry_run, repaired) {
        (true, _) => texts::DRY_RUN,
        (false, true) => texts::REPAIRED,
        (false, false) => texts::NOTHING_TO_REPAIR,
    }
}
