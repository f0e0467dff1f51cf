//! The OpenAPI document as a page that a person reads. Made once; no script, nothing from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

pub(crate) const STYLE: &str = include_str!("docs_page.css");

/// Lets the page have its one style sheet and nothing else.
pub(crate) fn content_security_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'");
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    POLICY.clone()
}

pub(crate) fn render(document: &Value) -> String {
    let mut page = String::with_capacity(128 * 1024);
    // Writing into a String cannot fail.
    let _ = write_page(&mut page, document);
    page
}

type Written = std::fmt::Result;

fn write_page(page: &mut String, document: &Value) -> Written {
    let title = text_of(&document["info"]["title"]);
    let version = text_of(&document["info"]["version"]);
    let introduction = text_of(&document["info"]["description"]);
    let tags: Vec<_> = items(&document["tags"]).map(|tag| raw(&tag["name"])).collect();

    write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <style>{STYLE}</style></head><body><header><h1>{title} <small>API {version}</small></h1><p>{introduction}</p>\
         <p><a href=\"/openapi.json\">openapi.json</a></p></header><nav aria-label=\"Contents\">"
    )?;
    for (at, tag) in tags.iter().enumerate() {
        write!(page, "<a href=\"#tag-{at}\">{}</a>", escape(tag))?;
    }
    page.push_str("<a href=\"#schemas\">Schemas</a></nav><main>");
    for (at, tag) in tags.iter().enumerate() {
        write!(page, "<section><h2 id=\"tag-{at}\">{}</h2>", escape(tag))?;
        for (path, methods) in fields(&document["paths"]) {
            for (method, operation) in fields(methods) {
                if items(&operation["tags"]).any(|own| own == tag) {
                    write_operation(page, document, path, method, operation)?;
                }
            }
        }
        page.push_str("</section>");
    }
    page.push_str("<section><h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in fields(&document["components"]["schemas"]) {
        let name = escape(name);
        write!(page, "<article id=\"schema-{name}\"><h3>{name}</h3>")?;
        write_schema(page, schema)?;
        page.push_str("</article>");
    }
    page.push_str("</section></main></body></html>");
    Ok(())
}

fn write_operation(page: &mut String, document: &Value, path: &str, method: &str, operation: &Value) -> Written {
    let id = text_of(&operation["operationId"]);
    let summary = text_of(&operation["summary"]);
    let needs = match (operation["x-permission"].as_str(), items(&operation["security"]).next()) {
        (Some(permission), _) => format!("needs <code>{}</code>", escape(permission)),
        (None, Some(_)) => "signed in".to_owned(),
        (None, None) => "for anybody".to_owned(),
    };
    write!(
        page,
        "<details id=\"{id}\"><summary><span class=\"method {method}\">{}</span> <code>{}</code> <span>{summary}</span> \
         <span class=\"needs\">{needs}</span></summary><p>{}</p>",
        method.to_ascii_uppercase(),
        escape(path),
        text_of(&operation["description"]),
    )?;

    let parameters: Vec<_> = items(&operation["parameters"]).map(|parameter| followed(document, parameter)).collect();
    if !parameters.is_empty() {
        page.push_str("<h4>Parameters</h4><table><tbody>");
        for parameter in parameters {
            let required = if parameter["required"] == Value::Bool(true) { "" } else { "?" };
            write!(
                page,
                "<tr><th><code>{}{required}</code></th><td>{}</td><td>",
                text_of(&parameter["name"]),
                text_of(&parameter["in"])
            )?;
            write_schema(page, &parameter["schema"])?;
            write_note(page, parameter)?;
            page.push_str("</td></tr>");
        }
        page.push_str("</tbody></table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        page.push_str("<h4>Body</h4>");
        write_schema(page, followed(document, body))?;
    }
    let data = &operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"];
    if !data.is_null() {
        page.push_str("<h4>Answers <code>data</code></h4>");
        write_schema(page, followed(document, data))?;
    }
    let answer = &operation["responses"]["200"];
    if answer["headers"]["Content-Disposition"].is_object() {
        for (media_type, _) in fields(&answer["content"]) {
            write!(page, "<h4>Answers a file</h4><code>{}</code>", escape(media_type))?;
        }
    }
    page.push_str("<h4>Failures</h4><table class=\"failures\"><tbody>");
    for (status, response) in fields(&operation["responses"]).filter(|(status, _)| *status != "200") {
        for line in raw(&response["description"]).split("\n\n") {
            let (code, meaning) = line.split_once(": ").unwrap_or((line, ""));
            write!(
                page,
                "<tr><td>{status}</td><th><code>{}</code></th><td>{}</td></tr>",
                escape(code.trim_matches('`')),
                escape(meaning)
            )?;
        }
    }
    page.push_str("</tbody></table></details>");
    Ok(())
}

fn write_schema(page: &mut String, schema: &Value) -> Written {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let name = escape(name);
        return write!(page, "<a href=\"#schema-{name}\">{name}</a>");
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(branches) = schema[word].as_array() {
            write_note(page, schema)?;
            return write_joined(page, branches, if word == "allOf" { " with " } else { " or " });
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        write_note(page, schema)?;
        return write_fields(page, properties, schema);
    }
    write_kind(page, schema)?;
    if let Some(format) = schema.get("format") {
        write!(page, " <span class=\"bound\">{}</span>", text_of(format))?;
    }
    write_bounds(page, schema, ["minimum", "maximum"], "")?;
    write_bounds(page, schema, ["minLength", "maxLength"], " characters")?;
    write_bounds(page, schema, ["minItems", "maxItems"], " items")?;
    write_note(page, schema)
}

/// One of these values, or anything of these types.
fn write_kind(page: &mut String, schema: &Value) -> Written {
    let values: Vec<_> = schema.get("const").into_iter().chain(items(&schema["enum"])).collect();
    if !values.is_empty() {
        let values: Vec<_> = values.iter().map(|value| format!("<code>{}</code>", escape(&raw(value)))).collect();
        page.push_str(&values.join(" "));
        return Ok(());
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().collect(),
        kind => vec![kind],
    };
    for (at, kind) in kinds.into_iter().enumerate() {
        if at > 0 {
            page.push_str(" or ");
        }
        if kind == "array" {
            page.push_str("list of ");
            write_schema(page, &schema["items"])?;
        } else {
            page.push_str(&text_of(kind));
        }
    }
    Ok(())
}

fn write_bounds(page: &mut String, schema: &Value, [least, most]: [&str; 2], unit: &str) -> Written {
    let bound = |word| schema.get(word).map(raw);
    let bounds = match (bound(least), bound(most)) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => return Ok(()),
    };
    write!(page, " <span class=\"bound\">{bounds}{unit}</span>")
}

fn write_fields(page: &mut String, properties: &Map<String, Value>, schema: &Value) -> Written {
    page.push_str("<table><tbody>");
    for (name, field) in properties {
        let required = items(&schema["required"]).any(|required| required == name);
        let mark = if required { "" } else { "?" };
        write!(page, "<tr><th><code>{}{mark}</code></th><td>", escape(name))?;
        write_schema(page, field)?;
        page.push_str("</td></tr>");
    }
    page.push_str("</tbody></table>");
    Ok(())
}

fn write_joined(page: &mut String, branches: &[Value], joint: &str) -> Written {
    for (at, branch) in branches.iter().enumerate() {
        if at > 0 {
            page.push_str(joint);
        }
        write_schema(page, branch)?;
    }
    Ok(())
}

fn write_note(page: &mut String, schema: &Value) -> Written {
    match schema.get("description") {
        Some(description) => write!(page, " <span class=\"note\">{}</span> ", text_of(description)),
        None => Ok(()),
    }
}

fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?)).unwrap_or(value)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn raw(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text_of(value: &Value) -> String {
    prose(&raw(value))
}

/// A text for the page; what stands between back quotes is code.
pub(crate) fn prose(text: &str) -> String {
    let escaped = escape(text);
    let mut text = String::with_capacity(escaped.len());
    for (at, part) in escaped.split('`').enumerate() {
        match at % 2 {
            0 => text.push_str(part),
            _ => text.extend(["<code>", part, "</code>"]),
        }
    }
    text
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
