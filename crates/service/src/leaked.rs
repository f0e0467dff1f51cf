//! A list of leaked passwords that the house brings along, as the free ones come: a SHA-1 hash in hexadecimal at the beginning of
//! each line, the lines in order. It may have a thousand million of them, so it stays on the disk and is searched by halves.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

const HASH_DIGITS: usize = 40;
/// A hash, how often it was seen, and the end of the line.
const LONGEST_LINE: usize = 100;
/// So many places are looked at before the list is believed.
const PROBES: u64 = 64;

#[derive(Debug)]
pub struct LeakedPasswords {
    file: File,
    bytes: u64,
}

/// One line, and where the next begins.
struct Line {
    hash: Vec<u8>,
    end: u64,
}

impl LeakedPasswords {
    /// # Errors
    /// Where it cannot be read, or is no such list as far as a few places show.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let list = Self { file, bytes };
        let mut before = Vec::new();
        for probe in 0..PROBES {
            let Some(line) = list.line_from(bytes / PROBES * probe)? else { break };
            if line.hash < before {
                return Err(io::Error::other("its lines are not in the order of their hashes"));
            }
            before = line.hash;
        }
        if before.is_empty() {
            return Err(io::Error::other("it is empty"));
        }
        Ok(list)
    }

    /// # Errors
    /// Where it cannot be read.
    pub fn holds(&self, password: &str) -> io::Result<bool> {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let wanted: String = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let (mut from, mut until) = (0, self.bytes);
        while from < until {
            let middle = from + (until - from) / 2;
            match self.line_from(middle)? {
                Some(line) => match line.hash.as_slice().cmp(wanted.as_bytes()) {
                    Ordering::Equal => return Ok(true),
                    Ordering::Less => from = line.end,
                    Ordering::Greater => until = middle,
                },
                None => until = middle,
            }
        }
        Ok(false)
    }

    /// The first line that begins at this place or after it.
    fn line_from(&self, place: u64) -> io::Result<Option<Line>> {
        // With the end of the line before, which shows whether one begins right here.
        let start = place.saturating_sub(1);
        let mut text = [0; 2 * LONGEST_LINE];
        let mut read = 0;
        while read < text.len() {
            match self.file.read_at(&mut text[read..], start + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        let text = &text[..read];
        let begins = match text.iter().position(|&byte| byte == b'\n') {
            _ if place == 0 => 0,
            Some(end) => end + 1,
            None => text.len(),
        };
        let rest = &text[begins..];
        if rest.is_empty() {
            return Ok(None);
        }
        let length = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
        let hash = rest[..length].get(..HASH_DIGITS).filter(|hash| hash.iter().all(u8::is_ascii_hexdigit));
        let hash = hash.filter(|_| length <= LONGEST_LINE).ok_or_else(|| {
            io::Error::other(format!("at byte {}: no line that begins with a SHA-1 hash", start + begins as u64))
        })?;
        Ok(Some(Line { hash: hash.to_ascii_uppercase(), end: start + (begins + length) as u64 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(password: &str) -> String {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn list(text: &str) -> io::Result<LeakedPasswords> {
        let folder = testing::TempDir::new();
        let path = folder.join("leaked");
        std::fs::write(&path, text)?;
        LeakedPasswords::open(&path)
    }

    #[test]
    fn each_is_found_and_no_other() {
        for count in [1, 2, 3, 10, 1_000] {
            for (end, ending) in [("\n", "\n"), (":17\r\n", ":17\r\n"), ("\n", ""), (":12345\n", ":1")] {
                let passwords: Vec<_> = (0..count).map(|at| format!("leaked-{at}")).collect();
                let mut hashes: Vec<_> = passwords.iter().map(|password| hash_of(password).to_uppercase()).collect();
                hashes.sort();
                let list = list(&(hashes.join(end) + ending)).unwrap();
                for password in &passwords {
                    assert!(list.holds(password).unwrap(), "{password} of {count}");
                }
                for at in 0..100 {
                    assert!(!list.holds(&format!("secret-{at}")).unwrap());
                }
            }
        }
    }

    #[test]
    fn small_letters_are_hashes_too() {
        assert!(list(&hash_of("leaked")).unwrap().holds("leaked").unwrap());
    }

    #[test]
    fn what_is_no_such_list_is_not_believed() {
        let lines = |hashes: &[&str]| hashes.iter().map(|hash| format!("{}\n", hash.repeat(20))).collect::<String>();
        for (text, problem) in [
            (String::new(), "it is empty"),
            ("password\n".to_owned(), "at byte 0: no line that begins with a SHA-1 hash"),
            (format!("{}\n", "0".repeat(39)), "at byte 0"),
            (format!("{}{}\n", "0".repeat(40), "1".repeat(100)), "at byte 0"),
            (lines(&["FF", "00"]), "not in the order"),
        ] {
            let said = list(&text).map(drop).unwrap_err().to_string();
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
}
