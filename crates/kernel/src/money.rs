//! Money and amounts. Arithmetic is checked: a sum that leaves the range is an error, never a wrong figure.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount left the range that every reader of ours, JavaScript included, can hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the amount is out of range")
    }
}

impl std::error::Error for OutOfRange {}

/// 2⁵³ − 1: beyond it a JavaScript number is no longer exact.
const EXACT_MAX: i64 = 9_007_199_254_740_991;

fn exact(value: Option<i64>) -> Result<i64, OutOfRange> {
    value.filter(|value| (-EXACT_MAX..=EXACT_MAX).contains(value)).ok_or(OutOfRange)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Chinese yuan, counted in cents (分).
    Cny,
    /// Gift tickets (礼票), counted in units.
    Ticket,
}

impl Currency {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
            Self::Ticket => "TICKET",
        }
    }
}

/// Chinese cents. May be negative: a balance, a difference, an option that makes a meal cheaper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Cents(i64);

impl Cents {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        exact(self.0.checked_add(other.0)).map(Self)
    }

    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        exact(self.0.checked_sub(other.0)).map(Self)
    }

    pub fn times(self, quantity: Quantity) -> Result<Self, OutOfRange> {
        exact(self.0.checked_mul(quantity.get())).map(Self)
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Five tickets to the cent: a yuan is 500 tickets.
    pub fn in_tickets(self) -> Result<Tickets, OutOfRange> {
        exact(self.0.checked_mul(5)).map(Tickets)
    }
}

impl std::ops::Neg for Cents {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

/// Gift tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tickets(i64);

impl Tickets {
    #[must_use]
    pub const fn new(tickets: i64) -> Self {
        Self(tickets)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// A price or an amount that a person types: at most a million yuan either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Price(i64);

impl JsonSchema for Price {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": -100000000, "maximum": 100000000})
    }
}

impl Price {
    pub const MAX: i64 = 100_000_000;

    #[must_use]
    pub fn cents(self) -> Cents {
        Cents(self.0)
    }
}

impl TryFrom<i64> for Price {
    type Error = OutOfRange;

    fn try_from(value: i64) -> Result<Self, OutOfRange> {
        if (-Self::MAX..=Self::MAX).contains(&value) { Ok(Self(value)) } else { Err(OutOfRange) }
    }
}

impl From<Price> for i64 {
    fn from(price: Price) -> Self {
        price.0
    }
}

/// How far below zero a wallet may go: nothing, or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Overdraft(i64);

impl JsonSchema for Overdraft {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Overdraft".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": EXACT_MAX})
    }
}

impl Overdraft {
    /// Prepaid only.
    pub const NONE: Self = Self(0);

    #[must_use]
    pub fn cents(self) -> Cents {
        Cents(self.0)
    }

    /// The lowest balance that it allows.
    #[must_use]
    pub fn floor(self) -> Cents {
        Cents(-self.0)
    }
}

impl TryFrom<i64> for Overdraft {
    type Error = OutOfRange;

    fn try_from(value: i64) -> Result<Self, OutOfRange> {
        if (0..=EXACT_MAX).contains(&value) { Ok(Self(value)) } else { Err(OutOfRange) }
    }
}

impl From<u32> for Overdraft {
    fn from(cents: u32) -> Self {
        Self(cents.into())
    }
}

impl From<Overdraft> for i64 {
    fn from(overdraft: Overdraft) -> Self {
        overdraft.0
    }
}

/// How many of something one order asks for: 1 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(i64);

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": 1000})
    }
}

impl Quantity {
    pub const ONE: Self = Self(1);
    pub const MAX: i64 = 1000;

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<i64> for Quantity {
    type Error = OutOfRange;

    fn try_from(value: i64) -> Result<Self, OutOfRange> {
        if (1..=Self::MAX).contains(&value) { Ok(Self(value)) } else { Err(OutOfRange) }
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_exact_range() {
        let most = Cents::new(EXACT_MAX);
        assert_eq!(most.plus(Cents::new(1)), Err(OutOfRange));
        assert_eq!((-most).minus(Cents::new(1)), Err(OutOfRange));
        assert_eq!(Cents::new(i64::MAX).times(Quantity(2)), Err(OutOfRange));
        assert_eq!(Cents::new(EXACT_MAX / 4).in_tickets(), Err(OutOfRange));
        assert_eq!(Cents::new(1).in_tickets(), Ok(Tickets(5)));
    }

    #[test]
    fn an_overdraft_is_never_below_zero() {
        assert_eq!(Overdraft::try_from(-1_i64), Err(OutOfRange));
        assert_eq!(Overdraft::try_from(0_i64), Ok(Overdraft::NONE));
        assert_eq!(Overdraft::try_from(500_i64).map(Overdraft::floor), Ok(Cents(-500)));
        assert!(serde_json::from_str::<Overdraft>("-1").is_err());
        assert_eq!(Overdraft::try_from(i64::MAX), Err(OutOfRange));
    }

    #[test]
    fn cents_read_as_yuan() {
        assert_eq!(Cents::new(-5).to_string(), "-0.05");
        assert_eq!(Cents::new(81_200).to_string(), "812.00");
    }
}
