//! Instants are UTC milliseconds, dates belong to the configured zone. Neither is ever read from a clock here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTime(&'static str);

impl fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidTime {}

/// A moment, in milliseconds since 1970 UTC; RFC 3339 in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant(i64);

impl Instant {
    /// 9999-12-30, the last day every zone can still express.
    const MAX_MILLIS: i64 = 253_402_207_199_999;

    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-Self::MAX_MILLIS, Self::MAX_MILLIS))
    }

    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The calendar date this moment falls on in `zone`.
    #[must_use]
    pub fn date_in(self, zone: &jiff::tz::TimeZone) -> Date {
        Date(zone.to_datetime(self.timestamp()).date())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl FromStr for Instant {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTime("not an RFC 3339 instant"))?;
        Ok(Self::from_millis(parsed.as_millisecond()))
    }
}

impl TryFrom<String> for Instant {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> Self {
        instant.to_string()
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "description": "RFC 3339, UTC"})
    }
}

/// A calendar date between 2000 and 2199, `YYYY-MM-DD` everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(jiff::civil::Date);

impl Date {
    const FIRST: jiff::civil::Date = jiff::civil::date(2000, 1, 1);
    const LAST: jiff::civil::Date = jiff::civil::date(2199, 12, 31);

    /// The date `days` later, or earlier where negative; the calendar's end where there is none.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        let end = if days < 0 { Self::FIRST } else { Self::LAST };
        let span = jiff::Span::new().try_days(days);
        let moved = span.and_then(|span| self.0.checked_add(span)).unwrap_or(end);
        Self(moved.clamp(Self::FIRST, Self::LAST))
    }

    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    #[must_use]
    pub fn last_of_month(self) -> Self {
        Self(self.0.last_of_month())
    }

    /// Monday is 1, Sunday is 7.
    #[must_use]
    pub fn weekday(self) -> i8 {
        self.0.weekday().to_monday_one_offset()
    }

    /// The moment `minute` minutes after midnight by the clocks of `zone`, or right after where they skip it.
    #[must_use]
    pub fn at_in(self, minute: u16, zone: &jiff::tz::TimeZone) -> Instant {
        let [hour, minute] = [minute / 60 % 24, minute % 60].map(|part| i8::try_from(part).unwrap_or(0));
        let at = self.0.at(hour, minute, 0, 0).to_zoned(zone.clone());
        Instant::from_millis(at.map_or(0, |zoned| zoned.timestamp().as_millisecond()))
    }

    /// The moment this date begins in `zone`.
    #[must_use]
    pub fn start_in(self, zone: &jiff::tz::TimeZone) -> Instant {
        let start = self.0.to_zoned(zone.clone()).map_or(0, |zoned| zoned.timestamp().as_millisecond());
        Instant::from_millis(start)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl FromStr for Date {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = InvalidTime("not a date as YYYY-MM-DD");
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(
                |(at, byte)| {
                    if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() }
                },
            );
        if !shaped {
            return Err(invalid);
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().map_err(|_| invalid);
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        if !(2000..=2199).contains(&year) {
            return Err(InvalidTime("a date must lie between 2000-01-01 and 2199-12-31"));
        }
        let small = |value: i16| i8::try_from(value).map_err(|_| invalid);
        jiff::civil::Date::new(year, small(month)?, small(day)?).map(Self).map_err(|_| InvalidTime("no such day"))
    }
}

impl TryFrom<String> for Date {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl JsonSchema for Date {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date", "description": "YYYY-MM-DD in the configured zone"})
    }
}

/// When a meal is eaten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    Breakfast,
    Lunch,
    Dinner,
}

impl Slot {
    pub const ALL: [Self; 3] = [Self::Breakfast, Self::Lunch, Self::Dinner];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breakfast => "breakfast",
            Self::Lunch => "lunch",
            Self::Dinner => "dinner",
        }
    }
}

impl FromStr for Slot {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        Self::ALL.into_iter().find(|slot| slot.as_str() == text).ok_or(InvalidTime("not breakfast, lunch or dinner"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_strict() {
        assert_eq!("2026-02-28".parse::<Date>().expect("a day").to_string(), "2026-02-28");
        for wrong in
            ["2026-02-29", "2026-2-01", "20260201", "1999-12-31", "2200-01-01", "２026-01-01", "2026-13-01", ""]
        {
            assert!(wrong.parse::<Date>().is_err(), "{wrong} must be refused");
        }
    }

    #[test]
    fn days_stop_at_the_ends_of_the_calendar() {
        let date = |text: &str| text.parse::<Date>().expect("a day");
        assert_eq!(date("2026-02-27").plus_days(2), date("2026-03-01"));
        assert_eq!(date("2026-03-01").plus_days(-1), date("2026-02-28"));
        assert_eq!(date("2199-12-30").plus_days(2), date("2199-12-31"));
        assert_eq!(date("2026-03-01").plus_days(i32::MAX), date("2199-12-31"));
        assert_eq!(date("2026-03-01").plus_days(i32::MIN), date("2000-01-01"));
    }

    #[test]
    fn a_moment_late_in_utc_is_the_next_day_in_shanghai() {
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled zone");
        let moment: Instant = "2026-01-31T16:00:00Z".parse().expect("an instant");
        assert_eq!(moment.date_in(&zone).to_string(), "2026-02-01");
        assert_eq!(moment.date_in(&zone).start_in(&zone), moment);
        assert_eq!(moment.to_string(), "2026-01-31T16:00:00.000Z");
    }
}
