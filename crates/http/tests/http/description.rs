//! The server's description of itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Home, Server};

async fn document(server: &Server) -> Value {
    server.ask("GET /openapi.json").send().await.json
}

#[tokio::test]
async fn the_description_is_complete() {
    let server = Server::start(Home::sqlite()).await;
    let document = document(&server).await;
    assert_eq!(document["openapi"], json!("3.1.0"));
    let mut ids = BTreeSet::new();
    for endpoint in http_api::endpoints() {
        let operation = &document["paths"][endpoint.path()][endpoint.method().as_str().to_lowercase()];
        let name = format!("{} {}", endpoint.method(), endpoint.path());
        assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{name}");
        for text in ["summary", "description"] {
            assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{name}: {text}");
        }
        let in_path: Vec<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let expected: Vec<_> =
            endpoint.path().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(in_path, expected, "{name}");
        let described = |status: &str| operation["responses"][status].is_object();
        assert!(described("200") || described("204"), "{name}");
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (name.as_str(), field) {
                        ("$ref", Value::String(target)) => drop(found.insert(target)),
                        _ => references(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let server = Server::start(Home::sqlite()).await;
    let document = document(&server).await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for name in schemas.keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(found.contains(reference.as_str()), "nobody refers to {name}");
        assert!(name.chars().all(|character| character.is_ascii_alphanumeric()), "{name} is no name for a type");
        assert!(!name.ends_with(char::is_numeric), "two types are called {name}");
    }
}

#[tokio::test]
async fn the_first_call_of_a_client_is_described_to_the_last_field() {
    let server = Server::start(Home::sqlite()).await;
    let document = document(&server).await;
    let operation = &document["paths"]["/api/v1/orders"]["post"];
    assert_eq!(operation["x-permission"], json!("order:place"));
    assert_eq!(operation["security"], json!([{"bearer": []}]));
    let parameters = operation["parameters"].as_array().expect("parameters");
    assert_eq!(parameters[0]["name"], json!("dry_run"));
    assert_eq!(parameters[1], json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    assert_eq!(
        operation["requestBody"]["content"]["application/json"]["schema"],
        json!({"$ref": "#/components/schemas/NewOrder"})
    );
    assert_eq!(operation["requestBody"]["required"], json!(true));
    let cancel = &document["paths"]["/api/v1/meals/{meal_id}/cancel"]["post"];
    assert_eq!(cancel["requestBody"]["required"], json!(false));
    let lock = &document["paths"]["/api/v1/meals/{meal_id}/lock"]["post"];
    assert_eq!(lock.get("requestBody"), None);
    let body = &document["components"]["schemas"]["NewOrder"];
    assert_eq!((&body["required"], &body["additionalProperties"]), (&json!(["meal_id"]), &json!(false)));
    assert_eq!(body["properties"]["quantity"], json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 1}));
    let data = &operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"];
    assert_eq!(*data, json!({"$ref": "#/components/schemas/OrderAnswer"}));
    let codes =
        &operation["responses"]["400"]["content"]["application/json"]["schema"]["allOf"][1]["properties"]["error_code"];
    let expected = json!({"enum": ["BUSINESS_RULE_ERROR", "CAPACITY_EXCEEDED", "MEAL_NOT_OPEN", "DUPLICATE_ORDER", "INSUFFICIENT_BALANCE"]});
    assert_eq!(*codes, expected);
    let statuses: Vec<_> = operation["responses"].as_object().expect("responses").keys().map(String::as_str).collect();
    assert_eq!(statuses, ["200", "400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "500", "503"]);
}

#[tokio::test]
async fn who_has_it_is_told_so() {
    let server = Server::start(Home::sqlite()).await;
    for path in ["/openapi.json", "/docs"] {
        let first = server.ask(&format!("GET {path}")).send().await;
        let tag = first.header("etag").expect("a tag");
        for have in [tag, "*", &format!("\"other\", W/{tag}")] {
            let again = server.ask(&format!("GET {path}")).header("if-none-match", have).send().await;
            assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        }
        let other = server.ask(&format!("GET {path}")).header("if-none-match", "\"other\"").send().await;
        assert_eq!(other.text, first.text);
    }
}

#[tokio::test]
async fn the_page_names_every_endpoint_and_runs_nothing() {
    let server = Server::start(Home::sqlite()).await;
    let page = server.ask("GET /docs").send().await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for endpoint in http_api::endpoints() {
        assert!(page.text.contains(endpoint.path()), "{}", endpoint.path());
    }
    for forbidden in ["<script", "http://", "https://", "src=", "style=\""] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
}
