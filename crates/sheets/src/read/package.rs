//! The zip archive that an .xlsx file is.

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::Unreadable;

/// More than any table within our limits unpacks to.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

pub(super) struct Package<'a> {
    bytes: &'a [u8],
    directory: &'a [u8],
}

impl<'a> Package<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        // The end record is the last thing in the file, but for a comment of at most 64 KiB.
        let from = bytes.len().saturating_sub(22 + usize::from(u16::MAX));
        let end = from + bytes[from..].windows(4).rposition(|mark| mark == b"PK\x05\x06")?;
        let directory = bytes.get(number(bytes, end + 16, 4)?..)?;
        Some(Self { bytes, directory })
    }

    /// A part's text, if there is such a part.
    pub(super) fn part(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some((method, packed)) = self.find(name) else { return Ok(None) };
        let mut text = String::new();
        let read = match method {
            0 => packed.take(MOST_BYTES + 1).read_to_string(&mut text),
            8 => DeflateDecoder::new(packed).take(MOST_BYTES + 1).read_to_string(&mut text),
            _ => return Err(Unreadable::Damaged),
        };
        match read {
            // Cut off within a character it is too large as well.
            _ if text.len() as u64 > MOST_BYTES => Err(Unreadable::TooLarge),
            Ok(_) => Ok(Some(text)),
            Err(_) => Err(Unreadable::Damaged),
        }
    }

    /// How it is packed, and its packed bytes.
    fn find(&self, name: &str) -> Option<(usize, &'a [u8])> {
        let mut at = 0;
        while self.directory.get(at..at + 4)? == b"PK\x01\x02" {
            let field = |offset, length| number(self.directory, at + offset, length);
            let (length, extra, comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
            if self.directory.get(at + 46..at + 46 + length)? == name.as_bytes() {
                let local = field(42, 4)?;
                let start = local + 30 + number(self.bytes, local + 26, 2)? + number(self.bytes, local + 28, 2)?;
                return Some((field(10, 2)?, self.bytes.get(start..start.checked_add(field(20, 4)?)?)?));
            }
            at += 46 + length + extra + comment;
        }
        None
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(digits.iter().rev().fold(0, |number, digit| number << 8 | usize::from(*digit)))
}
