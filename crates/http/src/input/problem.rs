//! What is wrong with one field of a request.

use serde::Serialize;

use crate::texts::{Language, say};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// As a program would write it: `selected_options[0].id`; the name of a query parameter or of a header; `body`.
    pub(crate) field: String,
    pub(crate) problem: String,
}

impl Problem {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// A fault that only the reader of the JSON found, in its words.
    pub(crate) fn found_by_reader(field: &str, error: &str, language: Language) -> Self {
        // The reader adds where it stood; the field says that better.
        let error = error.split(" at line ").next().unwrap_or(error);
        let field = if field == "." { "" } else { field };
        if let Some(name) = error.strip_prefix("duplicate field ") {
            let name = name.trim_matches('`');
            let dot = if field.is_empty() { "" } else { "." };
            return Self::new(format!("{field}{dot}{name}"), say!(language, "重复出现", "appears twice"));
        }
        let field = if field.is_empty() { "body" } else { field };
        let problem = say!(language, "不合规范：{error}", "is not valid: {error}");
        Self::new(field, problem)
    }
}
