//! Fetching a meal: the short code of an order, what its QR shows, and the times at which orders are fetched.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{MealId, OrderId, Slot, numbered_order};

/// Letters that nobody takes for another letter or for a digit: no I, L or O. Their number is a prime, so that the check letter finds
/// every wrong letter and every two that changed places.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKMNPQRSTUVWXYZ";
const BASE: i64 = 23;
const SLOTS: i64 = 3;
/// Letters without the check letter. Three serve four thousand orders of a meal; the orders behind them get a letter more.
const LEAST: u32 = 3;
const MOST: u32 = 9;
/// A prime that divides none of the numbers of codes, so that orders made one after the other get codes far apart.
const STRIDE: i64 = 1_000_003;

/// What is read out at the counter. No two orders of a meal have the same, nor have two of a day's meals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PickupCode(String);

impl PickupCode {
    /// The code of a meal's order with this number, from 0. Absent only where no meal could have so many.
    #[must_use]
    pub fn of(meal: MealId, slot: Slot, number: i64) -> Option<Self> {
        let mut number = number;
        for length in LEAST..=MOST {
            let codes = BASE.pow(length) / SLOTS;
            if number < codes {
                let place = (i128::from(number) * i128::from(STRIDE) + i128::from(meal.get())) % i128::from(codes);
                let slot = match slot {
                    Slot::Breakfast => 0,
                    Slot::Lunch => 1,
                    Slot::Dinner => 2,
                };
                return Some(Self::written(i64::try_from(place).ok()? * SLOTS + slot, length));
            }
            number -= codes;
        }
        None
    }

    fn written(mut value: i64, length: u32) -> Self {
        let mut digits = vec![0; length as usize];
        for digit in digits.iter_mut().rev() {
            *digit = value % BASE;
            value /= BASE;
        }
        digits.push(check(&digits));
        Self(digits.into_iter().filter_map(letter).collect())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The weights of neighbours differ, and none of them is zero.
fn check(digits: &[i64]) -> i64 {
    digits.iter().zip(2..).map(|(digit, weight)| digit * weight).sum::<i64>() % BASE
}

fn letter(digit: i64) -> Option<char> {
    usize::try_from(digit).ok().and_then(|at| LETTERS.get(at)).map(|&letter| letter.into())
}

impl TryFrom<String> for PickupCode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |byte: u8| LETTERS.iter().position(|letter| *letter == byte).and_then(|at| i64::try_from(at).ok());
        let digits: Option<Vec<i64>> = text.bytes().map(|byte| digit(byte.to_ascii_uppercase())).collect();
        let length = LEAST as usize + 1..=MOST as usize + 1;
        match digits.as_deref() {
            Some([data @ .., last]) if length.contains(&text.len()) && check(data) == *last => {
                Ok(Self(text.to_ascii_uppercase()))
            }
            _ => Err("not a pick-up code"),
        }
    }
}

impl From<PickupCode> for String {
    fn from(code: PickupCode) -> Self {
        code.0
    }
}

impl fmt::Display for PickupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for PickupCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PickupCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-HJ-KM-NP-Z]{4,10}$"})
    }
}

const QR: &str = "FANPIAO:PICKUP:";

/// What an order's QR code says. Capitals, digits and colons only: they make the smallest codes.
#[must_use]
pub fn pickup_qr(order_no: &str) -> String {
    format!("{QR}{order_no}")
}

/// What somebody shows at the counter, whichever of the three it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Order(OrderId),
    Code(PickupCode),
}

impl Shown {
    /// Reads a code, a QR code's text or an order number, in capitals or not, with or without blanks.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let text = text.to_ascii_uppercase();
        let number = text.strip_prefix(QR).unwrap_or(&text);
        if let Some(order) = numbered_order("MEAL", number) {
            return Some(Self::Order(order));
        }
        PickupCode::try_from(text).ok().map(Self::Code)
    }
}

const MINUTES: u16 = 24 * 60;

/// When orders are fetched, on the meal's day in the configured zone: `11:30-12:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PickupWindow {
    from: u16,
    to: u16,
}

impl TryFrom<String> for PickupWindow {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let (hour, minute): (u16, u16) =
                (two(hour).then(|| hour.parse().ok())??, two(minute).then(|| minute.parse().ok())??);
            (minute < 60).then_some(hour * 60 + minute)
        };
        let times = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match times {
            Some((from, to)) if from < to && to <= MINUTES => Ok(Self { from, to }),
            _ => Err("not a time of the day from and to, such as 11:30-12:00"),
        }
    }
}

impl fmt::Display for PickupWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl From<PickupWindow> for String {
    fn from(window: PickupWindow) -> Self {
        window.to_string()
    }
}

impl JsonSchema for PickupWindow {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PickupWindow".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
            "description": "From and to, such as 11:30-12:00, in the configured zone",
        })
    }
}

/// In the order of the day, each once.
pub(crate) fn windows_in_order(windows: &[PickupWindow]) -> Vec<PickupWindow> {
    let mut windows = windows.to_vec();
    windows.sort_unstable();
    windows.dedup();
    windows
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SLOTS: [Slot; 3] = [Slot::Breakfast, Slot::Lunch, Slot::Dinner];

    fn code(text: &str) -> Result<PickupCode, &'static str> {
        PickupCode::try_from(text.to_owned())
    }

    #[test]
    fn a_days_codes_all_differ() {
        // Twice what three letters hold, so that longer ones are among them.
        let mut seen = HashSet::new();
        for (slot, meal) in SLOTS.into_iter().zip([8_007_199_254_740_991_i64 / 2, 12, 1 << 52]) {
            for number in 0..9_000 {
                let code = PickupCode::of(MealId::new(meal), slot, number).expect("a code");
                assert_eq!(code.as_str().len(), if number < 4055 { 4 } else { 5 });
                assert_eq!(PickupCode::try_from(code.as_str().to_lowercase()), Ok(code.clone()));
                assert!(seen.insert(code), "{number}");
            }
        }
    }

    #[test]
    fn no_number_of_codes_is_a_multiple_of_the_stride() {
        for length in LEAST..=MOST {
            assert_ne!((BASE.pow(length) / super::SLOTS) % STRIDE, 0, "{length}");
        }
    }

    #[test]
    fn a_slip_of_the_tongue_is_noticed() {
        let right = PickupCode::of(MealId::new(77), Slot::Lunch, 5).expect("a code");
        let letters: Vec<char> = right.as_str().chars().collect();
        for at in 0..letters.len() {
            for other in LETTERS.iter().map(|&letter| char::from(letter)).filter(|other| *other != letters[at]) {
                let mut wrong = letters.clone();
                wrong[at] = other;
                assert!(code(&wrong.iter().collect::<String>()).is_err(), "{wrong:?}");
            }
        }
        for at in 1..letters.len() {
            let mut wrong = letters.clone();
            wrong.swap(at - 1, at);
            assert!(wrong == letters || code(&wrong.iter().collect::<String>()).is_err(), "{wrong:?}");
        }
        for wrong in ["", "A", "AAA", "IIII", "LLLL", "OOOO", "1234", "AAAAAAAAAAA", "饭饭饭饭"] {
            assert!(code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whatever_is_shown_is_read() {
        let of_order = Some(Shown::Order(OrderId::new(33)));
        for text in ["MEAL2026030200000000011", " meal2026030200000000011\n", "FANPIAO:PICKUP:MEAL2026030200000000011"]
        {
            assert_eq!(Shown::read(text), of_order, "{text}");
        }
        let code = PickupCode::of(MealId::new(77), Slot::Dinner, 0).expect("a code");
        let (first, last) = code.as_str().split_at(2);
        assert_eq!(Shown::read(&format!("{} {last}", first.to_lowercase())), Some(Shown::Code(code.clone())));
        assert_eq!(Shown::read(&format!("FANPIAO:PICKUP:{code}")), None);
        assert_eq!(Shown::read("SHOP2026030200000000011"), None);
    }

    #[test]
    fn windows_are_strict() {
        for text in ["00:00-24:00", "11:30-12:00"] {
            let window = PickupWindow::try_from(text.to_owned()).expect("a window");
            assert_eq!(window.to_string(), text);
        }
        for wrong in
            ["", "11:30", "12:00-11:30", "11:30-11:30", "1:30-2:00", "11:60-12:00", "23:00-24:01", "+1:30-12:00"]
        {
            assert!(PickupWindow::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
