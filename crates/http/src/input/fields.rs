//! Kinds of fields that several endpoints take.

use std::borrow::Cow;

use kernel::{Date, Pool, Price};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// For a part of a request that has to be empty.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Nothing {}

/// For a write that may be tried first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DryRun {
    /// Gives the same answer, or the same refusal, and changes nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// A whole number within bounds, with its schema.
macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($min:expr, $max:expr, $default:expr)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "i64")]
        pub(crate) struct $name(i64);

        impl $name {
            pub(crate) fn get(self) -> i64 {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl TryFrom<i64> for $name {
            type Error = &'static str;

            fn try_from(value: i64) -> Result<Self, Self::Error> {
                if ($min..=$max).contains(&value) {
                    Ok(Self(value))
                } else {
                    Err("out of range")
                }
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "integer", "minimum": $min, "maximum": $max})
            }
        }
    )+};
}

bounded! {
    /// How many portions a meal has.
    Capacity(0, Pool::MAX_CAPACITY, 0),
    /// How long a page is.
    Limit(1, 100, 50),
    /// Which page, by number.
    Page(1, 10_000_000, 1),
    /// How many rows come before a page.
    Offset(0, 1_000_000_000, 0),
    /// How wide a picture is.
    Dots(128, 2048, 512),
}

impl Dots {
    /// Its bounds fit into any integer.
    pub(crate) fn width(self) -> i32 {
        i32::try_from(self.get()).unwrap_or(i32::from(i16::MAX))
    }
}

impl Limit {
    /// One more than the page, to see whether another follows.
    pub(crate) fn and_one(self) -> i64 {
        self.0 + 1
    }
}

/// What is searched for: one to a hundred characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Search(String);

impl Search {
    const MOST: usize = 100;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_inner(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Search {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // PostgreSQL's text has no place for a zero.
        if (1..=Self::MOST).contains(&text.chars().count()) && !text.contains('\0') {
            Ok(Self(text))
        } else {
            Err("must have 1 to 100 characters")
        }
    }
}

impl JsonSchema for Search {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Search".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": Self::MOST})
    }
}

/// Where a page begins: the text that the page before gave. To its reader it means nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cursor(i64);

impl Cursor {
    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "not a cursor of ours")
    }
}

impl JsonSchema for Cursor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 64})
    }
}

/// At most `MOST` items.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<T>", bound = "T: Deserialize<'de>")]
pub(crate) struct List<T, const MOST: usize>(Vec<T>);

impl<T, const MOST: usize> List<T, MOST> {
    pub(crate) fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MOST: usize> TryFrom<Vec<T>> for List<T, MOST> {
    type Error = &'static str;

    fn try_from(items: Vec<T>) -> Result<Self, Self::Error> {
        if items.len() <= MOST { Ok(Self(items)) } else { Err("too many items") }
    }
}

impl<T: JsonSchema, const MOST: usize> JsonSchema for List<T, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": generator.subschema_for::<T>(), "maxItems": MOST})
    }
}

/// A calendar month, `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Month(Date);

impl Month {
    pub(crate) fn of(date: Date) -> Self {
        Self(date.first_of_month())
    }

    pub(crate) fn first(self) -> Date {
        self.0
    }

    pub(crate) fn last(self) -> Date {
        self.0.last_of_month()
    }
}

impl TryFrom<String> for Month {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match format!("{text}-01").parse() {
            Ok(first) => Ok(Self(first)),
            Err(_) => Err("not a month as YYYY-MM"),
        }
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.0.to_string().chars().take(7).collect()
    }
}

impl JsonSchema for Month {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Month".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "year-month", "description": "YYYY-MM"})
    }
}

/// An amount as people type it: yuan, not below zero, with up to two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TypedYuan(Price);

impl TypedYuan {
    pub(crate) fn price(self) -> Price {
        self.0
    }
}

impl TryFrom<String> for TypedYuan {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "not an amount in yuan";
        let (yuan, fen) = match text.split_once('.') {
            Some((yuan, fen)) if (1..=2).contains(&fen.len()) => (yuan, fen),
            Some(_) => return Err(WRONG),
            None => (text.as_str(), ""),
        };
        let is_number =
            (1..=9).contains(&yuan.len()) && yuan.bytes().chain(fen.bytes()).all(|byte| byte.is_ascii_digit());
        let cents: i64 = format!("{yuan}{fen:0<2}").parse().ok().filter(|_| is_number).ok_or(WRONG)?;
        Price::try_from(cents).map(Self).map_err(|_| WRONG)
    }
}

impl JsonSchema for TypedYuan {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TypedYuan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "yuan"})
    }
}

/// Tells a field that is null from one that is absent: `Some(None)` and `None`.
pub(crate) fn double_option<'de, T, D>(reader: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(reader).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_strict() {
        let cents = |text: &str| TypedYuan::try_from(text.to_owned()).map(|yuan| yuan.price().cents().get());
        for (text, expected) in [("0", 0), ("12", 1200), ("12.5", 1250), ("12.05", 1205), ("1000000", 100_000_000)] {
            assert_eq!(cents(text), Ok(expected), "{text}");
        }
        for wrong in
            ["", ".", ".5", "5.", "1.234", "-1", "+1", "1e3", "1,000", "1000000.01", "１２", "9999999999", "1.+"]
        {
            assert!(cents(wrong).is_err(), "{wrong} must be refused");
        }
    }

    #[test]
    fn months_are_strict() {
        let month = Month::try_from("2026-02".to_owned()).expect("a month");
        assert_eq!(
            (month.first().to_string(), month.last().to_string()),
            ("2026-02-01".to_owned(), "2026-02-28".to_owned())
        );
        assert_eq!(String::from(month), "2026-02");
        for wrong in ["2026-13", "2026-2", "2026-02-01", "202602", "", "-"] {
            assert!(Month::try_from(wrong.to_owned()).is_err(), "{wrong} must be refused");
        }
    }
}
