//! What a database can do wrong, sorted by what the caller has to do about it.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody else was faster: deadlock, serialization failure, busy. The same transaction may work at once.
    Contended,
    /// A constraint refused a row.
    Constraint,
    /// No space left.
    Full,
    /// The database cannot be reached, or went away.
    Lost,
    /// A stored row contradicts our own rules.
    Inconsistent,
    Other,
}

/// The text is for the log: it may name tables and constraints, never values of ours.
#[derive(Debug, Clone)]
pub struct Error {
    pub cause: Cause,
    text: String,
}

impl Error {
    pub(crate) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into() }
    }

    #[must_use]
    pub fn lost(text: impl Into<String>) -> Self {
        Self::new(Cause::Lost, text)
    }

    #[must_use]
    pub fn inconsistent(text: impl Into<String>) -> Self {
        Self::new(Cause::Inconsistent, format!("inconsistent row: {}", text.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let cause = match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Cause::Contended,
            Some(Code::ConstraintViolation) => Cause::Constraint,
            Some(Code::DiskFull) => Cause::Full,
            Some(Code::SystemIoFailure | Code::CannotOpen | Code::ReadOnly | Code::NotADatabase) => Cause::Lost,
            _ => Cause::Other,
        };
        Self::new(cause, format!("sqlite: {error}"))
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(failure) = error.as_db_error() else {
            let cause = if is_usage_error(&error) { Cause::Other } else { Cause::Lost };
            return Self::new(cause, format!("postgres: {}", chain(&error)));
        };
        let state = failure.code();
        let cause = of_state(state.code());
        let constraint = failure.constraint().unwrap_or("-");
        Self::new(cause, format!("postgres {}: {} (constraint {constraint})", state.code(), failure.message()))
    }
}

/// Sorts PostgreSQL's error codes.
fn of_state(code: &str) -> Cause {
    match code {
        // A deadlock, a serialization failure, a lock that did not come free in time.
        "40000" | "40001" | "40P01" | "55P03" => Cause::Contended,
        "53100" => Cause::Full,
        // This server has become a standby; a new connection may lead to the one that writes now. The other two end a
        // connection that was silent inside a transaction for too long.
        "25006" | "25P03" | "25P04" => Cause::Lost,
        // Whether a statement was carried out is not known.
        "40003" => Cause::Lost,
        // What we sent made no sense to it; the connection is as good as before.
        "08P01" => Cause::Other,
        _ => match code.get(..2) {
            Some("23") => Cause::Constraint,
            // The connection, an operator, no resources, the system below.
            Some("08" | "57" | "53" | "58") => Cause::Lost,
            _ => Cause::Other,
        },
    }
}

/// The driver refused to send it, or to read a column: wrong parameters, wrong types. The connection is as good as before.
fn is_usage_error(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing parameter")
        || text.starts_with("error deserializing column")
        || text.starts_with("expected ")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgres_says_is_sorted_by_what_to_do() {
        for (code, cause) in [
            ("40001", Cause::Contended),
            ("40P01", Cause::Contended),
            ("55P03", Cause::Contended),
            ("53100", Cause::Full),
            ("53300", Cause::Lost),
            ("57P01", Cause::Lost),
            ("57P03", Cause::Lost),
            ("25006", Cause::Lost),
            ("25P03", Cause::Lost),
            ("40003", Cause::Lost),
            ("08006", Cause::Lost),
            ("08P01", Cause::Other),
            ("58030", Cause::Lost),
            ("23505", Cause::Constraint),
            ("23514", Cause::Constraint),
            ("42P01", Cause::Other),
            ("25P02", Cause::Other),
            ("XX000", Cause::Other),
        ] {
            assert_eq!(of_state(code), cause, "{code}");
        }
    }
}
