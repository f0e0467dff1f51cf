//! How WeChat writes instants, and how an address writes texts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

/// Beijing has one offset all year.
fn beijing() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

fn show(at_ms: i64, format: &str) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(beijing()).strftime(format).to_string()
}

/// `2026-01-01T08:00:05+08:00`
pub(crate) fn rfc3339(at_ms: i64) -> String {
    show(at_ms, "%Y-%m-%dT%H:%M:%S+08:00")
}

/// `20260101080005`
pub(crate) fn compact(at_ms: i64) -> String {
    show(at_ms, "%Y%m%d%H%M%S")
}

/// `2026-01-01 08:00:05`, the form of bills.
pub(crate) fn spaced(at_ms: i64) -> String {
    show(at_ms, "%Y-%m-%d %H:%M:%S")
}

pub(crate) fn read_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

pub(crate) fn read_compact(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    at.to_zoned(beijing()).ok().map(|at| at.timestamp().as_millisecond())
}

/// First instant of a Beijing day and first instant of the next one.
pub(crate) fn day(text: &str) -> Option<(i64, i64)> {
    let date: Date = if text.len() == 10 {
        text.parse().ok()?
    } else {
        return None;
    };
    let start = |date: Date| date.to_zoned(beijing()).ok().map(|at| at.timestamp().as_millisecond());
    Some((start(date)?, start(date.tomorrow().ok()?)?))
}

/// Undoes the percent encoding of a path segment or a query value.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &after[2..];
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The value of one name in a query.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    pair.and_then(|(_, value)| decode(value))
}

#[cfg(test)]
mod tests {
    use super::{compact, day, decode, query_value, read_compact, read_rfc3339, rfc3339, spaced};

    #[test]
    fn instants() {
        let at = 1_767_225_605_000;
        assert_eq!(rfc3339(at), "2026-01-01T08:00:05+08:00");
        assert_eq!(compact(at), "20260101080005");
        assert_eq!(spaced(at), "2026-01-01 08:00:05");
        assert_eq!(read_rfc3339("2026-01-01T08:00:05+08:00"), Some(at));
        assert_eq!(read_compact("20260101080005"), Some(at));
        assert_eq!(day("2026-01-01"), Some((1_767_196_800_000, 1_767_283_200_000)));
        for text in ["", "2026-1-1", "2026-02-30", "20260101"] {
            assert_eq!(day(text), None);
        }
    }

    #[test]
    fn percents() {
        assert_eq!(decode("A%7CB*C+d").as_deref(), Some("A|B*C d"));
        assert_eq!(decode("%E9%A5%AD").as_deref(), Some("饭"));
        for text in ["%", "%1", "%zz", "%ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(query_value("a=1&bb=2%26", "bb").as_deref(), Some("2&"));
        assert_eq!(query_value("a=1", "b"), None);
    }
}
