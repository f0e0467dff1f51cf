//! Path and query parameters: text that has to become what the endpoint's type says.

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use kernel::Code;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Problem, Shape};
use crate::failure::Failure;
use crate::texts::{Language, say};

pub(crate) async fn path<P>(parts: &mut Parts, shape: &Shape, language: Language) -> Result<P, Failure>
where
    P: DeserializeOwned + Send,
{
    if shape.is_empty()
        && let Ok(nothing) = serde_json::from_str("{}")
    {
        return Ok(nothing);
    }
    if let Ok(Path(path)) = Path::<P>::from_request_parts(parts, &()).await {
        return Ok(path);
    }
    let texts = RawPathParams::from_request_parts(parts, &()).await;
    // A parameter that is no UTF-8 names nothing.
    let texts = texts.map_err(|_| Failure::Code(Code::NotFound))?;
    let texts = texts.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    Err(Failure::Invalid(faults(texts, shape, language)))
}

pub(crate) fn query<Q: DeserializeOwned>(text: &str, shape: &Shape, language: Language) -> Result<Q, Vec<Problem>> {
    serde_urlencoded::from_str(text).map_err(|error| {
        let texts: Vec<(String, String)> = serde_urlencoded::from_str(text).unwrap_or_default();
        let problems = faults(texts, shape, language);
        if problems.is_empty() {
            vec![Problem::found_by_reader("query", &error.to_string(), language)]
        } else {
            problems
        }
    })
}

#[cold]
fn faults(texts: Vec<(String, String)>, shape: &Shape, language: Language) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut object = Map::new();
    for (name, text) in texts {
        let value = shape.value_of(&name, text);
        if object.contains_key(&name) {
            problems.push(Problem::new(name, say!(language, "重复出现", "appears twice")));
        } else {
            object.insert(name, value);
        }
    }
    problems.extend(shape.problems(&Value::Object(object), "query", language));
    problems
}
