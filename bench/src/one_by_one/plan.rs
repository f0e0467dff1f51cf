//! What both engines do for one order: the statements, and the arithmetic between them.

use kernel::{MealId, Quantity};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(super) struct Wanted {
    pub(super) meal_id: MealId,
    #[serde(default)]
    pub(super) quantity: Quantity,
}

#[derive(Clone)]
pub(super) struct Order {
    pub(super) member: i64,
    pub(super) meal: i64,
    pub(super) quantity: i64,
    pub(super) key: String,
    pub(super) id: i64,
    pub(super) transfer: i64,
    pub(super) audit: i64,
    pub(super) now: i64,
}

pub(super) const ANSWER: &str = "SELECT answer FROM answers WHERE caller_id = $1 AND key = $2";
pub(super) const MEMBER: &str = "SELECT status FROM members WHERE member_id = $1";
pub(super) const STANDING: &str = "SELECT order_id FROM meal_orders WHERE meal_id = $1 AND member_id = $2 \
                                   AND status IN ('active', 'locked', 'completed')";
pub(super) const POOL: &str = "SELECT capacity, taken FROM pools WHERE pool_id = $1";
pub(super) const MEAL: &str = "SELECT status, base_price_cents FROM meals WHERE meal_id = $1";
pub(super) const ACCOUNT: &str = "SELECT balance, entry_count FROM accounts WHERE account_id = $1";
pub(super) const TAKE: &str = "UPDATE pools SET taken = taken + $1, version = version + 1 WHERE pool_id = $2";
pub(super) const PAY: &str =
    "UPDATE accounts SET balance = $1, entry_count = $2, version = version + 1 WHERE account_id = $3";
pub(super) const ENTRY: &str = "INSERT INTO entries (account_id, number, transfer_id, kind, order_id, amount, balance_after, \
                                created_at) VALUES ($1, $2, $3, 'order_charge', $4, $5, $6, $7)";
pub(super) const ORDER: &str = "INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, \
                                options, total_cents, notes, status, placed_by, created_at, updated_at, version) \
                                VALUES ($1, $2, $3, $4, $5, $6, '[]', $7, '', 'active', NULL, $8, $8, 0)";
pub(super) const HOLD: &str = "INSERT INTO holds (order_id, pool_id, quantity, state, expires_at, version) \
                               VALUES ($1, $2, $3, 'held', NULL, 0)";
pub(super) const AUDIT: &str = "INSERT INTO audits (audit_id, at, actor_id, action, object_kind, object_id, value_before, \
                                value_after, reason) VALUES ($1, $2, $3, 'order.place', 'order', $4, NULL, $5, NULL)";
pub(super) const KEEP: &str =
    "INSERT INTO answers (caller_id, key, request_hash, answer, created_at) VALUES ($1, $2, $3, $4, $5)";

/// What the reads found.
pub(super) struct Found {
    pub(super) member_status: String,
    pub(super) has_order: bool,
    pub(super) capacity: i64,
    pub(super) taken: i64,
    pub(super) meal_status: String,
    pub(super) price: i64,
    pub(super) wallet: (i64, i64),
    pub(super) takings: (i64, i64),
}

impl Order {
    pub(super) fn wallet(&self) -> i64 {
        self.member * 2
    }

    pub(super) fn takings(&self) -> i64 {
        self.meal * 2
    }

    pub(super) fn order_no(&self) -> String {
        format!("MEAL{}", self.id)
    }

    pub(super) fn trace(&self, total: i64) -> String {
        json!({"quantity": self.quantity, "options": [], "total_cents": total, "status": "active"}).to_string()
    }

    pub(super) fn check(&self, found: &Found) -> Result<Placed, String> {
        if found.member_status != "active" || found.meal_status != "published" {
            return Err("not open".to_owned());
        }
        if found.has_order {
            return Err("ordered already".to_owned());
        }
        if found.capacity - found.taken < self.quantity {
            return Err("sold out".to_owned());
        }
        let total = found.price * self.quantity;
        Ok(Placed {
            order: self.clone(),
            total,
            wallet: (found.wallet.0 - total, found.wallet.1 + 1),
            takings: (found.takings.0 + total, found.takings.1 + 1),
        })
    }
}

/// Balance and number of entries of both accounts, after it.
pub(super) struct Placed {
    pub(super) order: Order,
    pub(super) total: i64,
    pub(super) wallet: (i64, i64),
    pub(super) takings: (i64, i64),
}

impl Placed {
    pub(super) fn answer(&self) -> String {
        let Self { order, total, wallet, .. } = self;
        json!({"success": true, "message": "ok", "data": {
            "order_id": order.id, "order_no": order.order_no(), "user_id": order.member, "meal_id": order.meal,
            "quantity": order.quantity, "selected_options": [], "total_price_cents": total, "notes": "",
            "status": "active", "created_at": order.now, "updated_at": order.now, "balance_cents": wallet.0,
        }})
        .to_string()
    }
}
