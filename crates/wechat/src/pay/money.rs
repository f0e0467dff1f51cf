use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in fen, the hundredth of a yuan: what WeChat Pay's calls count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub i64);

impl Fen {
    /// Reads yuan as a bill writes them, `12.30`: exact, or nothing.
    pub fn parse_yuan(text: &str) -> Option<Self> {
        parse_decimal(text, 2).map(Self)
    }

    /// The sum, unless it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Fen {
    /// In yuan, with both decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", amount / 100, amount % 100)
    }
}

/// A decimal text as an integer of its `places`-th part. More places than that are taken only where they are zeros.
pub(crate) fn parse_decimal(text: &str, places: usize) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let (kept, dropped) = fraction.split_at(fraction.len().min(places));
    if dropped.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let mut sum: i64 = 0;
    for byte in whole.bytes().chain(kept.bytes()).chain(std::iter::repeat_n(b'0', places - kept.len())) {
        sum = sum.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
    }
    Some(if negative { -sum } else { sum })
}

#[cfg(test)]
mod tests {
    use super::{Fen, parse_decimal};

    #[test]
    fn yuan_texts() {
        for (text, fen) in [("0.00", 0), ("12.30", 1230), ("-0.27", -27), ("7", 700), ("0.5", 50), ("1.000", 100)] {
            assert_eq!(Fen::parse_yuan(text), Some(Fen(fen)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "1,000.00", "1e3", "0.001", "--1", "+1", "９", "99999999999999999999"] {
            assert_eq!(Fen::parse_yuan(text), None, "{text}");
        }
        assert_eq!(parse_decimal("-0.06000", 5), Some(-6000));
        assert_eq!(Fen(-5).to_string(), "-0.05");
        assert_eq!(Fen(i64::MIN).to_string(), "-92233720368547758.08");
    }
}
