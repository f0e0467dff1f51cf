//! Text that people type, with its limits in the type. Counted in characters, not bytes; control characters are refused.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidText(String);

impl InvalidText {
    pub(crate) fn new(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidText {}

fn check(text: String, min: usize, max: usize, allowed: fn(char) -> bool) -> Result<String, InvalidText> {
    let length = text.chars().count();
    if length < min || length > max {
        return Err(InvalidText(format!("must have {min} to {max} characters")));
    }
    if min > 0 && text.trim().is_empty() {
        return Err(InvalidText("must not be blank".to_owned()));
    }
    match text.chars().find(|&character| !allowed(character)) {
        Some(character) => Err(InvalidText(format!("must not contain {character:?}"))),
        None => Ok(text),
    }
}

fn printable(character: char) -> bool {
    !character.is_control() || character == '\n' || character == '\t'
}

fn one_line(character: char) -> bool {
    !character.is_control()
}

fn name_like(character: char) -> bool {
    character.is_alphanumeric() || "._-@+".contains(character)
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($min:literal, $max:literal, $allowed:ident)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "minLength": $min, "maxLength": $max})
            }
        }

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                check(text, $min, $max, $allowed).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+};
}

texts! {
    /// What something is called on one line.
    Title(1, 100, one_line),
    /// Free words: a remark on an order, a reason, a description.
    Note(0, 500, printable),
    /// Why somebody did something, where that must not be left out.
    Reason(1, 500, printable),
    /// What a person signs in with beside a password.
    AccountName(2, 64, name_like),
    DepartmentCode(1, 32, name_like),
    StoreCode(1, 32, name_like),
    /// What stands on a cabinet's door.
    DeviceCode(1, 64, name_like),
    /// What vendors and the ERP call a product.
    ProductCode(1, 64, name_like),
    /// Who gets a delivery, where, and how to reach them.
    Address(5, 300, printable),
    /// What somebody has to complain of.
    ComplaintText(1, 1000, printable),
    /// A buyer's remark and what the house has to add to it.
    Notes(0, 4000, printable),
}

impl Default for Note {
    /// No words at all.
    fn default() -> Self {
        Self(String::new())
    }
}

impl Default for Notes {
    /// No words at all.
    fn default() -> Self {
        Self(String::new())
    }
}

impl From<Note> for Notes {
    fn from(note: Note) -> Self {
        Self(note.0)
    }
}

impl Notes {
    /// With a line more, as long as there is room.
    #[must_use]
    pub fn and_line(&self, line: &str) -> Self {
        let joined = if self.0.is_empty() { line.to_owned() } else { format!("{}\n{line}", self.0) };
        Self::try_from(joined).unwrap_or_else(|_| self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_characters() {
        assert!(Note::try_from("饭".repeat(500)).is_ok());
        assert!(Note::try_from("饭".repeat(501)).is_err());
        assert!(Title::try_from("a\u{0}b".to_owned()).is_err());
        assert!(Title::try_from(String::new()).is_err());
        assert!(Reason::try_from(" \n".to_owned()).is_err());
        assert!(AccountName::try_from("li si".to_owned()).is_err());
    }
}
