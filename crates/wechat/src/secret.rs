use std::fmt;

/// Text that must not reach a log: a key, a token, an openid, a phone number.
///
/// `Debug` shows only that something is there. There is no `Display`: whoever needs the text says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Takes the text out of sight.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire or for a column in the database.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Gives the text away; from here on the caller keeps it out of logs.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(empty)" } else { "Secret(…)" })
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Blanks every one of `secrets` in a text that comes from outside, bounds its length and drops control characters, so that it can be logged.
pub(crate) fn scrub(text: &str, secrets: &[&str]) -> String {
    const LONGEST: usize = 300;
    let mut clean = text.to_owned();
    for secret in secrets {
        // Shorter texts would match by accident and tell nothing.
        if secret.len() >= 4 {
            clean = clean.replace(secret, "…");
        }
    }
    clean.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::{Secret, scrub};

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("a-very-secret-thing");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", Some(Secret::new(""))), "Some(Secret(empty))");
    }

    #[test]
    fn scrub_blanks_bounds_and_flattens() {
        assert_eq!(scrub("bad code 0a1b2c\nrid: 1", &["0a1b2c"]), "bad code … rid: 1");
        assert_eq!(scrub(&"x".repeat(1000), &[]).len(), 300);
        assert_eq!(scrub("a b", &["", "a"]), "a b");
    }
}
