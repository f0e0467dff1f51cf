use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where "now" comes from. Anything `Fn() -> UnixTime` is one.
pub trait Clock: Send + Sync {
    /// The instant by which requests are dated and answers are judged.
    fn now(&self) -> UnixTime;
}

impl<F: Fn() -> UnixTime + Send + Sync> Clock for F {
    fn now(&self) -> UnixTime {
        self()
    }
}

/// An instant in whole seconds since 1970, which is as fine as WeChat's instants are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

/// WeChat lives in Beijing time, which has had no daylight saving since 1991.
const BEIJING_OFFSET_S: i64 = 8 * 3600;
const DAY_S: i64 = 86_400;

impl UnixTime {
    /// Takes seconds since 1970.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970.
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// Seconds between two instants, whichever comes first. Unsigned, because one of them may be anything a stranger wrote.
    pub fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Later by so many seconds, or earlier for a negative number; the ends of time stay the ends.
    pub fn saturating_add_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Reads `2026-01-01T08:00:05+08:00`, also with `Z`, a fraction (dropped) or a space for the `T`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
        if bytes.len() < 20 || !text.is_ascii() || separators.iter().any(|(at, mark)| bytes[*at] != mark[0]) {
            return None;
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') {
            return None;
        }
        let local = civil(
            digits(&bytes[0..4])?,
            digits(&bytes[5..7])?,
            digits(&bytes[8..10])?,
            digits(&bytes[11..13])?,
            digits(&bytes[14..16])?,
            digits(&bytes[17..19])?,
        )?;
        let mut zone = &bytes[19..];
        if let Some(fraction) = zone.strip_prefix(b".") {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            zone = &fraction[length..];
        }
        let offset = match zone {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if hours.len() == 2 => {
                let (hours, minutes) = (digits(hours)?, digits(&[*m1, *m2])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = hours * 3600 + minutes * 60;
                if *sign == b'-' { -seconds } else { seconds }
            }
            _ => return None,
        };
        Self::writable(local - offset)
    }

    /// Reads `yyyyMMddHHmmss` in Beijing time, as pay score writes.
    pub fn parse_compact(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 14 {
            return None;
        }
        let local = civil(
            digits(&bytes[0..4])?,
            digits(&bytes[4..6])?,
            digits(&bytes[6..8])?,
            digits(&bytes[8..10])?,
            digits(&bytes[10..12])?,
            digits(&bytes[12..14])?,
        )?;
        Self::writable(local - BEIJING_OFFSET_S)
    }

    /// What is read can be written again, wherever on earth it is written.
    fn writable(secs: i64) -> Option<Self> {
        (EARLIEST..=LATEST).contains(&secs).then_some(Self(secs))
    }

    /// Reads `yyyy-MM-dd HH:mm:ss` in Beijing time, as bills write.
    pub fn parse_bill(text: &str) -> Option<Self> {
        Self::parse_rfc3339(&format!("{text}+08:00")).filter(|_| text.len() == 19)
    }

    /// `2026-01-01T08:00:05+08:00`.
    pub fn to_rfc3339(self) -> String {
        let (year, month, day, hour, minute, second) = self.beijing();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+08:00")
    }

    /// `20260101080005` in Beijing time.
    pub fn to_compact(self) -> String {
        let (year, month, day, hour, minute, second) = self.beijing();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// The calendar day in Beijing, `2026-01-01`: the day of a bill.
    pub fn beijing_day(self) -> String {
        let (year, month, day, ..) = self.beijing();
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn beijing(self) -> (i64, i64, i64, i64, i64, i64) {
        // Clamped to years that four digits can write.
        let local = self.0.clamp(EARLIEST, LATEST) + BEIJING_OFFSET_S;
        let (day, second) = (local.div_euclid(DAY_S), local.rem_euclid(DAY_S));
        let (year, month, day_of_month) = date_of(day);
        (year, month, day_of_month, second / 3600, second / 60 % 60, second % 60)
    }
}

/// 0000-01-02 and 9999-12-30: an offset on top stays within four-digit years.
const EARLIEST: i64 = -62_167_132_800;
const LATEST: i64 = 253_402_128_000;

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Seconds from 1970 to a date and a time of day. A leap second counts as the second after it.
fn civil(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    valid.then(|| day_number(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. The year is taken to begin in March, so that the leap day is its last.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (cycle, in_cycle) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (year * 365 + year / 4 - year / 100);
    let march_month = (in_year * 5 + 2) / 153;
    let day_of_month = in_year - (march_month * 153 + 2) / 5 + 1;
    let (year, month) = if march_month < 10 {
        (cycle * 400 + year, march_month + 3)
    } else {
        (cycle * 400 + year + 1, march_month - 9)
    };
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::{UnixTime, date_of, day_number};

    #[test]
    fn rfc3339_in_its_forms() {
        let expected = Some(UnixTime(1_767_225_605));
        for text in ["2026-01-01T08:00:05+08:00", "2026-01-01T00:00:05Z", "2025-12-31 19:00:05.123-05:00"] {
            assert_eq!(UnixTime::parse_rfc3339(text), expected, "{text}");
        }
        assert_eq!(UnixTime(1_767_225_605).to_rfc3339(), "2026-01-01T08:00:05+08:00");
        assert_eq!(UnixTime(1_767_225_605).to_compact(), "20260101080005");
        assert_eq!(UnixTime(1_767_225_605).beijing_day(), "2026-01-01");
        assert_eq!(UnixTime::parse_compact("20260101080005"), expected);
        assert_eq!(UnixTime::parse_bill("2026-01-01 08:00:05"), expected);
    }

    #[test]
    fn nonsense_is_none_and_extremes_do_not_panic() {
        for text in [
            "",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0800",
            "2026-01-01T00:00:00+24:00",
            "２026-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
        ] {
            assert_eq!(UnixTime::parse_rfc3339(text), None, "{text}");
        }
        assert_eq!(UnixTime::parse_compact("2026010108000"), None);
        assert_eq!(UnixTime::parse_bill("2026-01-01 08:00:05+08"), None);
        // A year of four digits, and none of those who write it elsewhere.
        assert_eq!(UnixTime::parse_compact("00000101022624"), None);
        assert_eq!(UnixTime::parse_rfc3339("9999-12-31T23:59:59-12:00"), None);
        for secs in [i64::MIN, i64::MAX, 0, -1] {
            assert_eq!(UnixTime(secs).to_rfc3339().len(), 25);
        }
        assert_eq!(UnixTime(i64::MIN).distance(UnixTime(i64::MAX)), u64::MAX);
    }

    #[test]
    fn every_day_of_eight_centuries_goes_there_and_back() {
        let mut expected = day_number(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=super::days_in(year, month) {
                    assert_eq!(day_number(year, month, day), expected);
                    assert_eq!(date_of(expected), (year, month, day));
                    expected += 1;
                }
            }
        }
    }
}
