//! What crosses the boundary to a database: integers, text, bytes and null. Nothing else does.

use std::borrow::Cow;

use crate::Error;

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(bytes))
    }
}

impl<'a> From<&'a [u8; 32]> for Value<'a> {
    fn from(bytes: &'a [u8; 32]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer.
#[derive(Debug, Clone)]
pub struct Row(Vec<Value<'static>>);

impl Row {
    pub(crate) fn new(values: Vec<Value<'static>>) -> Self {
        Self(values)
    }

    /// Reads the row from its first column to its last.
    #[must_use]
    pub fn cells(self) -> Cells {
        Cells(self.0.into_iter())
    }
}

/// The cells of a row in the order of the statement's columns. A cell of another kind than asked for makes the row inconsistent.
pub struct Cells(std::vec::IntoIter<Value<'static>>);

impl Cells {
    pub fn int(&mut self) -> Result<i64, Error> {
        self.opt_int()?.ok_or_else(|| Error::inconsistent("an integer is missing"))
    }

    /// A cell that is there, whatever its kind.
    pub fn value(&mut self) -> Result<Value<'static>, Error> {
        match self.0.next() {
            Some(Value::Null) | None => Err(Error::inconsistent("a value is missing")),
            Some(value) => Ok(value),
        }
    }

    pub fn text(&mut self) -> Result<String, Error> {
        self.opt_text()?.ok_or_else(|| Error::inconsistent("a text is missing"))
    }

    pub fn blob(&mut self) -> Result<Vec<u8>, Error> {
        match self.0.next() {
            Some(Value::Blob(bytes)) => Ok(bytes.into_owned()),
            other => Err(Error::inconsistent(format!("bytes expected, found {other:?}"))),
        }
    }

    pub fn opt_blob(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.0.next() {
            Some(Value::Blob(bytes)) => Ok(Some(bytes.into_owned())),
            Some(Value::Null) => Ok(None),
            other => Err(Error::inconsistent(format!("bytes expected, found {other:?}"))),
        }
    }

    pub fn opt_int(&mut self) -> Result<Option<i64>, Error> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(Error::inconsistent(format!("an integer expected, found {other:?}"))),
        }
    }

    pub fn opt_text(&mut self) -> Result<Option<String>, Error> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text.into_owned())),
            Some(Value::Null) => Ok(None),
            other => Err(Error::inconsistent(format!("a text expected, found {other:?}"))),
        }
    }

    /// A text that stands for one value of an enum or a checked type.
    pub fn parse<T: std::str::FromStr>(&mut self, what: &'static str) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| Error::inconsistent(format!("{text:?} is no {what}")))
    }

    /// A text that a type takes only where it is well-formed.
    pub fn checked<T: TryFrom<String>>(&mut self, what: &'static str) -> Result<T, Error> {
        T::try_from(self.text()?).map_err(|_| Error::inconsistent(format!("out of range: {what}")))
    }

    /// A text that serde reads as a plain string.
    pub fn word<T: serde::de::DeserializeOwned>(&mut self, what: &'static str) -> Result<T, Error> {
        let text = self.text()?;
        serde_json::from_value(serde_json::Value::String(text.clone()))
            .map_err(|_| Error::inconsistent(format!("{text:?} is no {what}")))
    }

    pub fn json<T: serde::de::DeserializeOwned>(&mut self, what: &'static str) -> Result<T, Error> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| Error::inconsistent(format!("not {what}: {error}")))
    }
}
