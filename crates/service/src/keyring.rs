//! The keys that secrets at rest are sealed under: AES-256-GCM, with a key that is not in the database. A ring holds the keys that
//! were; the newest seals, all of them open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Ambient, Failure};

/// How what is sealed is laid out: this number, the length of the key's id, the id, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;

#[derive(Default)]
pub struct KeyRing {
    /// The newest is the last.
    keys: Vec<DataKey>,
}

struct DataKey {
    id: String,
    key: LessSafeKey,
}

impl KeyRing {
    /// Reads `ID=BASE64` of 32 bytes each, the newest last, with space or lines between. What follows a `#` is not read.
    ///
    /// # Errors
    /// With what is wrong, and never with a key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<DataKey> = Vec::new();
        let words = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
        for (at, word) in (1..).zip(words) {
            let (id, key) = word.split_once('=').ok_or_else(|| format!("key {at} is not written as ID=BASE64"))?;
            let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if !(1..=32).contains(&id.len()) || !id.bytes().all(well_formed) {
                return Err(format!("the id of key {at} must be 1 to 32 of letters, digits and -_."));
            }
            if keys.iter().any(|known| known.id == id) {
                return Err(format!("two keys are called {id}"));
            }
            let bytes = STANDARD.decode(key).map_err(|_| format!("key {id} is not base64"))?;
            let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| format!("key {id} does not have 32 bytes"))?;
            keys.push(DataKey { id: id.to_owned(), key: LessSafeKey::new(key) });
        }
        Ok(Self { keys })
    }

    /// A new key, as a line of a ring.
    #[must_use]
    pub fn new_line(id: &str, ambient: &dyn Ambient) -> String {
        let mut key = [0; 32];
        ambient.fill(&mut key);
        format!("{id}={}", STANDARD.encode(key))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Seals under the newest key. `about` names whose it is and what for: it can be opened under that name only, so that nobody who
    /// writes to the database can move it to another row.
    pub(crate) fn seal(&self, ambient: &dyn Ambient, about: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let newest = self.keys.last().ok_or_else(|| internal("there is no data key"))?;
        let mut nonce = [0; NONCE_LEN];
        ambient.fill(&mut nonce);
        let id_length = u8::try_from(newest.id.len()).map_err(|_| internal("the id of a data key is too long"))?;
        let mut sealed = [&[FORM, id_length], newest.id.as_bytes(), &nonce].concat();
        let mut text = plain.to_vec();
        let aad = Aad::from(about.as_bytes());
        let done = newest.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text);
        done.map_err(|_| internal("a secret cannot be sealed"))?;
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(crate) fn open(&self, about: &str, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        let (id, rest) = parts(sealed).ok_or_else(|| internal("what was sealed is not whole"))?;
        let key = self.keys.iter().find(|key| key.id.as_bytes() == id);
        let key = key.ok_or_else(|| internal(format!("no data key is called {}", String::from_utf8_lossy(id))))?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(|| internal("what was sealed is not whole"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| internal("what was sealed has no nonce"))?;
        let mut text = text.to_vec();
        let opened = key.key.open_in_place(nonce, Aad::from(about.as_bytes()), &mut text);
        let length =
            opened.map_err(|_| internal(format!("what was sealed as {about} is another, or was changed")))?.len();
        text.truncate(length);
        Ok(text)
    }

    pub(crate) fn is_under_newest(&self, sealed: &[u8]) -> bool {
        let newest = self.keys.last().map(|key| key.id.as_bytes());
        newest.is_some() && newest == parts(sealed).map(|(id, _)| id)
    }
}

/// The key's id, and what follows it.
fn parts(sealed: &[u8]) -> Option<(&[u8], &[u8])> {
    match sealed {
        [FORM, length, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

fn internal(reason: impl Into<String>) -> Failure {
    Failure::Internal { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    fn key(fill: u8) -> String {
        STANDARD.encode([fill; 32])
    }

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).expect("a ring")
    }

    #[test]
    fn what_is_sealed_is_opened_under_its_own_name_only() {
        let (a, b) = (key(1), key(2));
        let old = ring(&format!("2025={a}"));
        let both = ring(&format!("# the first\n2025={a}\n2026={b}"));
        let sealed = old.seal(&System, "factor:7", b"secret").expect("sealed");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, old.seal(&System, "factor:7", b"secret").expect("sealed"), "never twice the same");
        for ring in [&old, &both] {
            assert_eq!(ring.open("factor:7", &sealed).expect("opened"), b"secret");
            assert!(ring.open("factor:8", &sealed).is_err(), "moved to another row");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(both.open("factor:7", &changed).is_err(), "byte {at} was changed");
            assert!(both.open("factor:7", &sealed[..at]).is_err(), "cut at {at}");
        }
        let renewed = both.seal(&System, "factor:7", b"secret").expect("sealed");
        assert_eq!([&sealed, &renewed].map(|sealed| both.is_under_newest(sealed)), [false, true]);
        assert!(old.open("factor:7", &renewed).is_err(), "the old ring does not know the new key");
        assert!(KeyRing::default().seal(&System, "", b"").is_err());
    }

    #[test]
    fn a_ring_that_cannot_be_read_says_what_is_wrong_and_no_key() {
        let (good, short) = (key(7), STANDARD.encode([7; 31]));
        for (text, expected) in [
            (good.clone(), "the id of key 1"),
            ("2025".to_owned(), "key 1 is not written"),
            (format!("={good}"), "the id of key 1"),
            (format!("a={good} b={short}"), "key b does not have 32 bytes"),
            (format!("a={good} a={good}"), "two keys are called a"),
            ("a=***".to_owned(), "key a is not base64"),
        ] {
            let problem = KeyRing::parse(&text).err().expect("refused");
            assert!(problem.contains(expected) && !problem.contains(&good), "{problem}");
        }
        assert!(!ring(&KeyRing::new_line("2026-1", &System)).is_empty());
        assert!(KeyRing::parse(" \n# none\n").expect("a ring").is_empty());
    }
}
