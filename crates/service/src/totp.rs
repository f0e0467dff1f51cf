//! Codes that change with the clock (RFC 6238, as authenticator apps make them: SHA-1, six digits, thirty seconds), and codes for
//! the day when the app is gone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use kernel::Instant;

use crate::Ambient;
use crate::sessions::hash_token;

pub(crate) const SECRET_BYTES: usize = 20;
pub(crate) const RECOVERY_CODES: usize = 10;
const STEP_MS: i64 = 30_000;
const DIGITS: usize = 6;
/// Eighty bits: nobody guesses one from its hash, so that a plain one is enough.
const RECOVERY_BYTES: usize = 10;

/// What somebody typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Code(String),
    Recovery([u8; 32]),
}

impl Typed {
    /// As people write them: with spaces and hyphens, in small letters.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
        if text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Code(text));
        }
        let text = text.to_ascii_uppercase();
        let is_recovery = text.len() == RECOVERY_BYTES * 8 / 5 && text.bytes().all(|byte| ALPHABET.contains(&byte));
        is_recovery.then(|| Self::Recovery(hash_token(&text)))
    }
}

pub(crate) fn step_at(now: Instant) -> i64 {
    now.as_millis().div_euclid(STEP_MS)
}

/// Which step of the clock has this code: this one, or one beside it, as clocks differ. All three are compared, whichever fits.
pub(crate) fn step_of(secret: &[u8], code: &str, now: Instant) -> Option<i64> {
    let step = step_at(now);
    let fits = |step| verify_slices_are_equal(code_at(secret, step).as_bytes(), code.as_bytes()).is_ok();
    [step - 1, step, step + 1].into_iter().fold(None, |found, step| if fits(step) { Some(step) } else { found })
}

pub(crate) fn code_at(secret: &[u8], step: i64) -> String {
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let from = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[from] & 0x7f, tag[from + 1], tag[from + 2], tag[from + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// As apps and people read secrets.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[..chunk.len()].copy_from_slice(chunk);
        let block = u64::from_be_bytes(block) >> 24;
        for letter in 0..(chunk.len() * 8).div_ceil(5) {
            text.push(char::from(ALPHABET[usize::try_from(block >> (35 - letter * 5) & 31).unwrap_or(0)]));
        }
    }
    text
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// New ones, as they are shown, each with its hash.
pub(crate) fn recovery_codes(ambient: &dyn Ambient) -> Vec<(String, [u8; 32])> {
    let one = || {
        let mut bytes = [0; RECOVERY_BYTES];
        ambient.fill(&mut bytes);
        let text = base32(&bytes);
        let shown = [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-");
        (shown, hash_token(&text))
    };
    std::iter::repeat_with(one).take(RECOVERY_CODES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    /// The last six digits of the examples of RFC 6238, appendix B.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = |seconds: i64| Instant::from_millis(seconds * 1000);
            let step = step_at(at(seconds));
            assert_eq!(code_at(secret, step), code, "at {seconds}");
            let seen = [-60, -30, 0, 30, 60].map(|off| step_of(secret, code, at(seconds + off)));
            assert_eq!(seen, [None, Some(step), Some(step), Some(step), None], "one step of tolerance");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn codes_are_read_as_people_write_them() {
        assert_eq!(Typed::read(" 123 456 "), Some(Typed::Code("123456".to_owned())));
        let codes = recovery_codes(&System);
        assert_eq!(codes.len(), RECOVERY_CODES);
        for (shown, hash) in &codes {
            assert_eq!(shown.len(), 19, "{shown}");
            assert_eq!(Typed::read(shown), Some(Typed::Recovery(*hash)));
            assert_eq!(Typed::read(&shown.to_lowercase().replace('-', " ")), Some(Typed::Recovery(*hash)));
        }
        for wrong in ["", "12345", "1234567", "12345a", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNOPA", "１２３４５６"]
        {
            assert_eq!(Typed::read(wrong), None, "{wrong}");
        }
    }
}
