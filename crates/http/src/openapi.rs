//! The OpenAPI 3.1 document, made from the endpoints' declarations and the schemas of their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderValue;
use bytes::Bytes;
use kernel::Code;
use schemars::Schema;
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::caller::Access;
use crate::docs_page;
use crate::endpoint::{Answer, Endpoint, Route, Shapes, Tag};
use crate::input::{Components, Shape};
use crate::metrics::RouteIndex;

const JSON: &str = "application/json";

/// The schemas of every endpoint, in the order of the endpoints.
pub(crate) struct Schemas {
    endpoints: Vec<EndpointSchemas>,
    /// What requests refer to.
    components: Components,
    /// What answers refer to. Reading and writing a type may differ, so it has a book of its own.
    answer_components: Map<String, Value>,
}

struct EndpointSchemas {
    path: Value,
    query: Value,
    body: Value,
    answer: Option<Value>,
}

impl Schemas {
    pub(crate) fn of(endpoints: &[Endpoint]) -> Self {
        let mut requests = generator(Contract::Deserialize);
        let mut answers = generator(Contract::Serialize);
        let endpoints = endpoints
            .iter()
            .map(|endpoint| {
                let mut request = |schema: fn(&mut SchemaGenerator) -> Schema| schema(&mut requests).to_value();
                EndpointSchemas {
                    path: request(endpoint.path),
                    query: request(endpoint.query),
                    body: request(endpoint.body),
                    answer: match endpoint.answer {
                        Answer::Enveloped(schema) => Some(schema(&mut answers).to_value()),
                        Answer::File(_)
                        | Answer::Events(_)
                        | Answer::Page(_)
                        | Answer::Partner
                        | Answer::Notification => None,
                    },
                }
            })
            .collect();
        Self {
            endpoints,
            components: Arc::new(requests.take_definitions(true)),
            answer_components: answers.take_definitions(true),
        }
    }

    pub(crate) fn routes(&self, endpoints: &[Endpoint]) -> Vec<Route> {
        let shape = |schema: &Value| Shape::new(schema.clone(), self.components.clone());
        let both = endpoints.iter().zip(&self.endpoints).enumerate();
        both.map(|(at, (endpoint, schemas))| Route {
            index: RouteIndex::of_endpoint(at),
            access: endpoint.access,
            shapes: Arc::new(Shapes {
                path: shape(&schemas.path),
                query: shape(&schemas.query),
                body: shape(&schemas.body),
            }),
        })
        .collect()
    }

    /// The names under which reading and writing mean different things: there must be none.
    #[cfg(test)]
    pub(crate) fn conflicts(&self) -> Vec<&str> {
        self.answer_components
            .iter()
            .filter(|(name, schema)| self.components.get(*name).is_some_and(|other| other != *schema))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// The document and the page made of it, ready to send.
pub(crate) struct OpenApi {
    pub(crate) document: Bytes,
    pub(crate) document_tag: HeaderValue,
    pub(crate) page: Bytes,
    pub(crate) page_tag: HeaderValue,
}

impl OpenApi {
    pub(crate) fn of(endpoints: &[Endpoint], schemas: &Schemas) -> Self {
        let value = document(endpoints, schemas);
        let page = Bytes::from(docs_page::render(&value));
        let document = Bytes::from(value.to_string());
        Self { document_tag: tag(&document), document, page_tag: tag(&page), page }
    }
}

pub(crate) fn tag(bytes: &[u8]) -> HeaderValue {
    let hash = digest(&SHA256, bytes);
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

pub(crate) fn document(endpoints: &[Endpoint], schemas: &Schemas) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (endpoint, own) in endpoints.iter().zip(&schemas.endpoints) {
        let path = paths.entry(endpoint.path()).or_insert_with(|| json!({}));
        path[endpoint.method().as_str().to_ascii_lowercase()] = operation(endpoint, own, &schemas.components);
    }
    let mut components: BTreeMap<&str, &Value> = BTreeMap::new();
    for (name, schema) in schemas.components.iter().chain(&schemas.answer_components) {
        components.insert(name, schema);
    }
    let failure = failure();
    components.insert("Failure", &failure);
    let tags: Vec<_> = Tag::ALL.iter().map(|tag| json!({ "name": tag.title() })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fanpiao 饭票",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": INTRODUCTION,
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": { "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Made by the client once for each thing that a person wants done, and sent again with every \
                    repetition of the same request: the first answer is then given again and nothing is done twice. Kept for \
                    at least 24 hours; belongs to the caller.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$" },
            }},
            "headers": { "RequestId": {
                "description": "Leads to this request in the log. The sender's own, if it sent one of 1 to 64 letters, digits, \
                    dots, dashes and underscores.",
                "schema": { "type": "string" },
            }},
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token that signing in answers.",
            }},
        },
    })
}

const INTRODUCTION: &str = "Meals, orders and wallets. Every answer is an envelope: `success`, a `message` for the person \
    (Chinese, or English with `Accept-Language: en`), and `data`; or, where it failed, a stable `error_code` with `details`. \
    Money is counted in integer cents, instants are RFC 3339 in UTC, dates are `YYYY-MM-DD` in the zone of the house. Unknown \
    fields are refused by name.";

fn failure() -> Value {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "The answer to everything that was not done.",
        "required": ["success", "message", "error_code", "details", "request_id"],
        "properties": {
            "success": { "type": "boolean", "const": false },
            "message": { "type": "string", "description": "For the person." },
            "error_code": { "type": "string", "enum": codes, "description": "For the program: keeps its meaning for ever." },
            "details": {
                "type": "object",
                "description": "The figures behind the message; `refusal` names the exact reason where a code has several.",
                "properties": { "fields": {
                    "type": "array",
                    "description": "What is wrong with the request, field by field.",
                    "items": {
                        "type": "object",
                        "required": ["field", "problem"],
                        "properties": { "field": { "type": "string" }, "problem": { "type": "string" } },
                    },
                }},
            },
            "request_id": { "type": "string" },
        },
    })
}

fn operation(endpoint: &Endpoint, schemas: &EndpointSchemas, components: &Components) -> Value {
    let declared = &endpoint.declared;
    let mut operation = json!({
        "operationId": declared.id,
        "tags": [declared.tag.title()],
        "summary": declared.summary,
        "description": declared.description,
        "security": match endpoint.access {
            Access::Public => json!([]),
            Access::SignedIn | Access::Needs(_) => json!([{ "bearer": [] }]),
        },
    });
    if let Access::Needs(permission) = endpoint.access {
        operation["x-permission"] = permission.as_str().into();
    }

    let mut parameters = parameters("path", &schemas.path);
    parameters.extend(self::parameters("query", &schemas.query));
    if endpoint.is_write() && endpoint.access != Access::Public {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    let body = Shape::new(schemas.body.clone(), components.clone());
    if !body.is_empty() {
        operation["requestBody"] = json!({
            "required": body.requires_anything(),
            "content": { JSON: { "schema": schemas.body } },
        });
    }
    operation["responses"] = responses(endpoint, schemas.answer.as_ref());
    operation
}

fn parameters(place: &str, schema: &Value) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = json!({ "name": name, "in": place, "required": is_required(name), "schema": schema });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        parameter
    };
    properties.into_iter().flatten().map(parameter).collect()
}

fn responses(endpoint: &Endpoint, answer: Option<&Value>) -> Value {
    let headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    let mut responses = Map::new();
    let success = match (&endpoint.answer, answer) {
        (Answer::Page(media_type), _) => json!({
            "description": "The page.", "headers": headers, "content": { *media_type: {} },
        }),
        (Answer::Events(media_type), _) => json!({
            "description": "The events, as they happen.", "headers": headers,
            "content": { *media_type: { "schema": { "type": "string" } } },
        }),
        (Answer::File(media_type), _) => json!({
            "description": "The file.",
            "headers": {
                "X-Request-Id": { "$ref": "#/components/headers/RequestId" },
                "Content-Disposition": {
                    "description": "The file's name, as RFC 6266 writes it.",
                    "schema": { "type": "string" },
                },
            },
            "content": { *media_type: { "schema": file_schema(media_type) } },
        }),
        (Answer::Enveloped(_), answer) => done(&headers, answer),
        (Answer::Partner, _) => done(&headers, Some(&json!({ "type": "object" }))),
        (Answer::Notification, _) => json!({ "description": "It is on disk.", "headers": headers }),
    };
    let status = if matches!(endpoint.answer, Answer::Notification) { "204" } else { "200" };
    responses.insert(status.to_owned(), success);

    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in endpoint.codes() {
        by_status.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.doc())).collect();
        let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
        let answer = json!({
            "description": lines.join("\n\n"),
            "headers": headers,
            "content": { JSON: { "schema": { "allOf": [
                { "$ref": "#/components/schemas/Failure" },
                { "properties": { "error_code": { "enum": names } } },
            ]}}},
        });
        responses.insert(status.to_string(), answer);
    }
    let mut responses = Value::Object(responses);
    if matches!(endpoint.answer, Answer::Notification) {
        let theirs = json!({
            "type": "object",
            "required": ["code", "message"],
            "properties": { "code": { "const": "FAIL" }, "message": { "type": "string" } },
        });
        responses["401"] = json!({
            "description": "`FAIL`: the signature, the serial or the time does not hold",
            "headers": headers,
            "content": { JSON: { "schema": &theirs } },
        });
        let schema = &mut responses["500"]["content"][JSON]["schema"];
        *schema = json!({ "anyOf": [theirs, schema.take()] });
    }
    responses
}

/// Bytes, but for a text that whoever reads the description can read as well.
fn file_schema(media_type: &str) -> Value {
    match media_type {
        JSON => json!({ "type": "object" }),
        _ => json!({ "type": "string", "format": "binary" }),
    }
}

fn done(headers: &Value, data: Option<&Value>) -> Value {
    json!({
        "description": "Done.",
        "headers": headers,
        "content": { JSON: { "schema": {
            "type": "object",
            "required": ["success", "message", "data"],
            "properties": {
                "success": { "type": "boolean", "const": true },
                "message": { "type": "string" },
                "data": data,
            },
        }}},
    })
}
