//! A meal order: one member, one meal; and what groups several of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Cents, Chosen, Date, DepartmentId, GroupOrderId, Instant, MealId, MealOption, MemberId, Note, OrderId,
    PickupCode, PickupWindow, Quantity,
};

/// active → locked, canceled, refunded; locked → active, completed, refunded; the rest is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Active,
    Locked,
    Completed,
    Canceled,
    Refunded,
}

impl OrderStatus {
    pub const ALL: [Self; 5] = [Self::Active, Self::Locked, Self::Completed, Self::Canceled, Self::Refunded];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::Refunded => "refunded",
        }
    }

    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        use OrderStatus::{Active, Canceled, Completed, Locked, Refunded};
        matches!((self, next), (Active, Locked | Canceled | Refunded) | (Locked, Active | Completed | Refunded))
    }

    /// Whether the order still takes its meal's capacity and stands against a second order by the same member.
    #[must_use]
    pub fn stands(self) -> bool {
        matches!(self, Self::Active | Self::Locked | Self::Completed)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MealOrder {
    pub id: OrderId,
    pub order_no: String,
    pub member: MemberId,
    pub meal: MealId,
    /// The account that paid; refunds go back to it even if the member has changed departments since.
    pub payer: AccountId,
    pub quantity: Quantity,
    pub options: Vec<MealOption>,
    pub total: Cents,
    pub notes: Note,
    pub status: OrderStatus,
    /// Who placed it, where that was not the member.
    pub placed_by: Option<MemberId>,
    /// What it was booked with, where somebody booked for several.
    #[serde(default)]
    pub group_order: Option<GroupOrderId>,
    /// When it was handed out.
    #[serde(default)]
    pub redeemed_at: Option<Instant>,
    /// By whom.
    #[serde(default)]
    pub redeemed_by: Option<MemberId>,
    /// Absent on orders from before there were codes.
    #[serde(default)]
    pub pickup_code: Option<PickupCode>,
    /// When it will be fetched, where its buyer said so.
    #[serde(default)]
    pub pickup_window: Option<PickupWindow>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What was booked for members of a department, for one meal, in one go. It never changes: its state is what its members' orders
/// say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOrder {
    pub id: GroupOrderId,
    pub department: DepartmentId,
    pub meal: MealId,
    /// Absent for the house.
    pub placed_by: Option<MemberId>,
    pub remark: Note,
    pub created_at: Instant,
}

impl GroupOrder {
    /// Without what a person has written: as the audit trail keeps it.
    pub(crate) fn unremarked(&self) -> Self {
        Self { remark: Note::default(), ..self.clone() }
    }
}

impl MealOrder {
    /// Its options as its buyer picked them.
    #[must_use]
    pub fn chosen(&self) -> Vec<Chosen> {
        let chosen = |option: &MealOption| Chosen { id: option.id.clone() };
        self.options.iter().map(chosen).collect()
    }
}

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TAIL: usize = 11;

/// The kind, the day, and the id in Crockford's base 32: unique because the id is, which eleven digits hold with two bits to spare.
pub(crate) fn order_no(kind: &str, today: Date, id: OrderId) -> String {
    let mut tail = [b'0'; TAIL];
    let mut rest = id.get().unsigned_abs();
    for place in tail.iter_mut().rev() {
        *place = DIGITS[(rest % 32) as usize];
        rest /= 32;
    }
    let day = today.to_string().replace('-', "");
    format!("{kind}{day}{}", String::from_utf8_lossy(&tail))
}

/// The id that an order number of this kind holds; none where it is no number of ours.
#[must_use]
pub fn numbered_order(kind: &str, number: &str) -> Option<OrderId> {
    let tail = number.strip_prefix(kind)?.get(8..).filter(|tail| tail.len() == TAIL)?;
    let place = |byte: u8| DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
    let mut digits = tail.bytes().map(|byte| place(byte).and_then(|place| i64::try_from(place).ok()));
    digits.try_fold(0_i64, |id, digit| id.checked_mul(32)?.checked_add(digit?)).map(OrderId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_holds_the_whole_id() {
        let today = "2026-03-02".parse().expect("a date");
        for (id, expected) in [
            (33, "MEAL2026030200000000011"),
            ((1 << 53) - 1, "MEAL202603027ZZZZZZZZZZ"),
            (1 << 52, "MEAL2026030240000000000"),
        ] {
            assert_eq!(order_no("MEAL", today, OrderId::new(id)), expected);
            assert_eq!(numbered_order("MEAL", expected), Some(OrderId::new(id)));
        }
        for wrong in [
            "",
            "MEAL20260302",
            "MEAL20260302000000000111",
            "MEAL202603020000000000U",
            "MEAL二",
            "SHOP2026030200000000011",
        ] {
            assert_eq!(numbered_order("MEAL", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_order_stands_until_it_is_canceled_or_refunded() {
        let standing = OrderStatus::ALL.into_iter().filter(|status| status.stands());
        let expected = [OrderStatus::Active, OrderStatus::Locked, OrderStatus::Completed];
        assert_eq!(standing.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_state_table_is_exactly_this() {
        use OrderStatus::{Active, Canceled, Completed, Locked, Refunded};
        let edges = [
            (Active, Locked),
            (Active, Canceled),
            (Active, Refunded),
            (Locked, Active),
            (Locked, Completed),
            (Locked, Refunded),
        ];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(from.can_become(to), edges.contains(&(from, to)), "{from:?} to {to:?}");
            }
        }
    }
}
