//! Meals booked until told otherwise: a member's own, or a department's for some of its members.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    Date, DepartmentId, GroupOrderId, Instant, MealId, MemberId, Note, OrderId, PickupWindow, Refusal, Slot,
    SubscriptionId,
};

/// Days of the week, at least one: 1 is Monday, 7 is Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Weekdays(u8);

impl Weekdays {
    #[must_use]
    pub fn contains(self, date: Date) -> bool {
        u32::try_from(date.weekday()).is_ok_and(|day| self.0 & (1 << day) != 0)
    }

    /// One bit a day, as it is stored.
    #[must_use]
    pub fn bits(self) -> i64 {
        self.0.into()
    }
}

impl TryFrom<i64> for Weekdays {
    type Error = &'static str;

    fn try_from(bits: i64) -> Result<Self, Self::Error> {
        match u8::try_from(bits) {
            Ok(bits) if bits != 0 && bits & 1 == 0 => Ok(Self(bits)),
            _ => Err("no days of the week"),
        }
    }
}

impl TryFrom<Vec<u8>> for Weekdays {
    type Error = &'static str;

    fn try_from(days: Vec<u8>) -> Result<Self, Self::Error> {
        let each = |bits: u8, day: u8| (1..=7).contains(&day).then(|| bits | 1 << day);
        match days.into_iter().try_fold(0, each) {
            Some(bits) if bits != 0 => Ok(Self(bits)),
            _ => Err("say at least one day, 1 for Monday to 7 for Sunday"),
        }
    }
}

impl From<Weekdays> for Vec<u8> {
    fn from(days: Weekdays) -> Self {
        (1..=7).filter(|day| days.0 & (1 << day) != 0).collect()
    }
}

impl JsonSchema for Weekdays {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Weekdays".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 7}, "minItems": 1, "maxItems": 7,
            "description": "1 is Monday, 7 is Sunday",
        })
    }
}

/// active → paused, ended; paused → active, ended; ended is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    Active,
    Paused,
    Ended,
}

impl SubscriptionStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscriber {
    Member(MemberId),
    Department(DepartmentId),
}

impl Subscriber {
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::Department(_) => "department",
        }
    }

    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Member(id) => id.get(),
            Self::Department(id) => id.get(),
        }
    }
}

/// "Every weekday lunch", for as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub owner: Subscriber,
    /// Whom it books for; a member's own books for that member.
    pub members: Vec<MemberId>,
    pub slot: Slot,
    pub weekdays: Weekdays,
    pub first_date: Date,
    /// Without an end where absent.
    pub last_date: Option<Date>,
    pub notes: Note,
    /// Taken where the meal offers it.
    pub pickup_window: Option<PickupWindow>,
    pub status: SubscriptionStatus,
    pub created_by: Option<MemberId>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Subscription {
    #[must_use]
    pub fn covers(&self, date: Date, slot: Slot) -> bool {
        let ends = self.last_date.is_some_and(|last| date > last);
        self.slot == slot && self.weekdays.contains(date) && date >= self.first_date && !ends
    }
}

/// What a subscription did for one meal. It is written once and never changes: that is what makes a subscription book a meal once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRun {
    pub subscription: SubscriptionId,
    pub meal: MealId,
    pub results: Vec<SubscriptionResult>,
    /// What a department's orders are grouped by.
    pub group_order: Option<GroupOrderId>,
    pub ran_at: Instant,
}

/// What became of one member: an order, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionResult {
    pub member: MemberId,
    pub order: Option<OrderId>,
    pub refusal: Option<Refusal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week_are_kept_as_bits() {
        let days = Weekdays::try_from(vec![5, 1, 1]).expect("days");
        assert_eq!((days.bits(), Vec::from(days)), (0b10_0010, vec![1, 5]));
        assert_eq!(Weekdays::try_from(days.bits()), Ok(days));
        let monday: Date = "2026-01-05".parse().expect("a date");
        assert!(days.contains(monday) && !days.contains(monday.plus_days(1)) && days.contains(monday.plus_days(4)));
        for wrong in [vec![], vec![0], vec![8], vec![1, 9]] {
            assert!(Weekdays::try_from(wrong.clone()).is_err(), "{wrong:?}");
        }
        for wrong in [0, 1, 3, 256, -2] {
            assert!(Weekdays::try_from(wrong).is_err(), "{wrong}");
        }
    }
}
