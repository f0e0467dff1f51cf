//! Holds a request against its JSON Schema to say everything that is wrong with it. Knows the words that our own types use, no
//! more: it never decides whether a request is good, only why one that was refused is not.

use std::sync::Arc;

use kernel::{Date, Instant, RoleCode};
use serde_json::{Map, Value};

use super::{Month, Problem, TypedYuan};
use crate::texts::{Language, say};

/// The named schemas that others refer to.
pub(crate) type Components = Arc<Map<String, Value>>;

const REFERENCE: &str = "#/components/schemas/";

/// The schema of one part of a request.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    schema: Value,
    components: Components,
}

impl Shape {
    pub(crate) fn new(schema: Value, components: Components) -> Self {
        Self { schema, components }
    }

    /// Whether it has no fields at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.properties().is_none_or(Map::is_empty)
    }

    /// Whether some field may not be left out.
    pub(crate) fn requires_anything(&self) -> bool {
        let required = self.resolve(&self.schema).get("required").and_then(Value::as_array);
        required.is_some_and(|names| !names.is_empty())
    }

    pub(crate) fn properties(&self) -> Option<&Map<String, Value>> {
        self.resolve(&self.schema).get("properties")?.as_object()
    }

    /// A parameter's text as the JSON that its schema asks for; text where it cannot be.
    pub(crate) fn value_of(&self, name: &str, text: String) -> Value {
        let schema = self.properties().and_then(|properties| properties.get(name));
        let wants = |kind| schema.is_some_and(|schema| self.allows(schema, kind));
        if wants("integer")
            && let Ok(number) = text.parse::<i64>()
        {
            return number.into();
        }
        match text.as_str() {
            "true" if wants("boolean") => true.into(),
            "false" if wants("boolean") => false.into(),
            _ => text.into(),
        }
    }

    /// Everything wrong with `value`; `root` names the whole where no field can be named.
    pub(crate) fn problems(&self, value: &Value, root: &str, language: Language) -> Vec<Problem> {
        let mut walk = Walk { shape: self, language, root, path: String::new(), problems: Vec::new() };
        walk.value(&self.schema, value);
        walk.problems
    }

    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        // A chain of references is short; a circle of them would describe nothing.
        for _ in 0..8 {
            let target = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix(REFERENCE))
                .and_then(|name| self.components.get(name));
            match target {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn allows(&self, schema: &Value, kind: &str) -> bool {
        let schema = self.resolve(schema);
        match (schema.get("type"), alternatives(schema)) {
            (Some(Value::String(only)), _) => only == kind,
            (Some(Value::Array(kinds)), _) => kinds.iter().any(|one| one == kind),
            (None, Some(branches)) => branches.iter().any(|branch| self.allows(branch, kind)),
            _ => false,
        }
    }
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"].iter().find_map(|word| schema.get(*word).and_then(Value::as_array))
}

/// All values that a schema names one by one, be it in branches of their own, as words with a description have them.
fn words(schema: &Value) -> Option<Vec<&Value>> {
    if let Some(word) = schema.get("const") {
        return Some(vec![word]);
    }
    if let Some(Value::Array(allowed)) = schema.get("enum") {
        return Some(allowed.iter().collect());
    }
    let branches: Option<Vec<_>> = alternatives(schema)?.iter().map(words).collect();
    Some(branches?.concat())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

struct Walk<'a> {
    shape: &'a Shape,
    language: Language,
    root: &'a str,
    path: String,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value) {
        let schema = self.shape.resolve(schema);
        if let Some(allowed) = words(schema) {
            return self.one_of(&allowed, value);
        }
        if let Some(branches) = alternatives(schema) {
            return self.any_of(branches, value);
        }
        let kind = kind_of(value);
        let is_kind = |wanted: &str| wanted == kind || (wanted == "number" && kind == "integer");
        match schema.get("type") {
            Some(Value::String(wanted)) if !is_kind(wanted) => return self.wrong_kind(&[wanted]),
            Some(Value::Array(wanted)) => {
                let wanted: Vec<_> = wanted.iter().filter_map(Value::as_str).collect();
                if !wanted.iter().any(|wanted| is_kind(wanted)) {
                    return self.wrong_kind(&wanted);
                }
            }
            _ => {}
        }
        match value {
            Value::Number(number) => self.number(schema, number),
            Value::String(text) => self.text(schema, text),
            Value::Array(items) => self.array(schema, items),
            Value::Object(fields) => self.object(schema, fields),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn number(&mut self, schema: &Value, number: &serde_json::Number) {
        let bound = |word| schema.get(word).and_then(Value::as_i64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        // Beyond 64 bits a number is beyond every maximum that is one of ours.
        let fits = match number.as_i64() {
            Some(number) => least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most),
            None => false,
        };
        if fits {
            return;
        }
        let problem = match (least, most) {
            (Some(least), Some(most)) => {
                say!(self.language, "须在 {least} 到 {most} 之间", "must be {least} to {most}")
            }
            (Some(least), None) => say!(self.language, "不得小于 {least}", "must be at least {least}"),
            (None, Some(most)) => say!(self.language, "不得大于 {most}", "must be at most {most}"),
            (None, None) => say!(self.language, "超出范围", "is out of range"),
        };
        self.report(problem);
    }

    fn text(&mut self, schema: &Value, text: &str) {
        let bound = |word| schema.get(word).and_then(Value::as_u64);
        let least = bound("minLength").unwrap_or(0);
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if let Some(most) = bound("maxLength") {
            if length < least || length > most {
                let problem =
                    say!(self.language, "长度须为 {least} 到 {most} 个字符", "must have {least} to {most} characters");
                return self.report(problem);
            }
        } else if length < least {
            let problem = say!(self.language, "至少 {least} 个字符", "must have at least {least} characters");
            return self.report(problem);
        }
        let problem = match schema.get("format").and_then(Value::as_str) {
            Some("date") if text.parse::<Date>().is_err() => say!(
                self.language,
                "须为 2000 到 2199 年间 YYYY-MM-DD 格式的日期",
                "must be a date as YYYY-MM-DD, in the years 2000 to 2199",
            ),
            Some("date-time") if text.parse::<Instant>().is_err() => say!(
                self.language,
                "须为 RFC 3339 格式的时间，如 2026-01-31T04:00:00Z",
                "must be an instant as RFC 3339 writes it, like 2026-01-31T04:00:00Z",
            ),
            Some("role-code") if text.parse::<RoleCode>().is_err() => say!(
                self.language,
                "须为 2 到 32 个小写字母、数字或下划线，以字母开头",
                "must be 2 to 32 lower-case letters, digits and underscores, a letter first",
            ),
            Some("year-month") if Month::try_from(text.to_owned()).is_err() => {
                say!(self.language, "须为 YYYY-MM 格式的月份", "must be a month as YYYY-MM")
            }
            Some("yuan") if TypedYuan::try_from(text.to_owned()).is_err() => say!(
                self.language,
                "须为 0 到 1000000 元、最多两位小数的金额",
                "must be an amount in yuan from 0 to 1000000, with at most two decimals",
            ),
            _ => return,
        };
        self.report(problem);
    }

    fn array(&mut self, schema: &'a Value, items: &[Value]) {
        let bound = |word| schema.get(word).and_then(Value::as_u64);
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        if let Some(least) = bound("minItems").filter(|&least| length < least) {
            self.report(say!(self.language, "至少 {least} 项", "must have at least {least} items"));
        }
        if let Some(most) = bound("maxItems").filter(|&most| length > most) {
            return self.report(say!(self.language, "至多 {most} 项", "must have at most {most} items"));
        }
        if let Some(item_schema) = schema.get("items") {
            for (at, item) in items.iter().enumerate() {
                self.below(&format!("[{at}]"), |walk| walk.value(item_schema, item));
            }
        }
    }

    fn object(&mut self, schema: &'a Value, fields: &Map<String, Value>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.below(name, |walk| walk.report(say!(walk.language, "必填", "is required")));
            }
        }
        for (name, value) in fields {
            match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => self.below(name, |walk| walk.value(schema, value)),
                None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                    self.below(name, |walk| {
                        walk.report(say!(walk.language, "没有这个字段", "is not a field of this request"))
                    });
                }
                None => {}
            }
        }
    }

    /// Good if any branch is; otherwise the complaints of the branch that comes closest.
    fn any_of(&mut self, branches: &'a [Value], value: &Value) {
        let before = self.problems.len();
        let mut closest: Option<Vec<Problem>> = None;
        let mut right_kind = false;
        for branch in branches {
            self.value(branch, value);
            let found = self.problems.split_off(before);
            if found.is_empty() {
                return;
            }
            let is_right_kind = self.shape.allows(branch, kind_of(value));
            let better = (is_right_kind && !right_kind)
                || (is_right_kind == right_kind && closest.as_ref().is_none_or(|closest| found.len() < closest.len()));
            if better {
                right_kind = is_right_kind;
                closest = Some(found);
            }
        }
        if right_kind {
            self.problems.extend(closest.unwrap_or_default());
        } else {
            let kinds: Vec<_> = ["integer", "number", "string", "boolean", "array", "object"]
                .into_iter()
                .filter(|kind| branches.iter().any(|branch| self.shape.allows(branch, kind)))
                .collect();
            self.wrong_kind(&kinds);
        }
    }

    fn one_of(&mut self, allowed: &[&Value], value: &Value) {
        if allowed.contains(&value) {
            return;
        }
        let words: Vec<_> = allowed
            .iter()
            .filter(|one| !one.is_null())
            .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
            .collect();
        let words = words.join(", ");
        self.report(say!(self.language, "须为其中之一：{words}", "must be one of: {words}"));
    }

    fn wrong_kind(&mut self, wanted: &[&str]) {
        let words: Vec<_> = wanted
            .iter()
            .filter(|wanted| **wanted != "null" || wanted.len() == 1)
            .map(|kind| kind_text(kind, self.language))
            .collect();
        let words = words.join(match self.language {
            Language::Chinese => "或",
            Language::English => " or ",
        });
        self.report(say!(self.language, "须为{words}", "must be {words}"));
    }

    fn below(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        look(self);
        self.path.truncate(length);
    }

    fn report(&mut self, problem: String) {
        let field = if self.path.is_empty() { self.root } else { &self.path };
        self.problems.push(Problem::new(field, problem));
    }
}

fn kind_text(kind: &str, language: Language) -> String {
    match kind {
        "integer" => say!(language, "整数", "an integer"),
        "number" => say!(language, "数字", "a number"),
        "string" => say!(language, "文本", "a text"),
        "boolean" => say!(language, " true 或 false", "true or false"),
        "array" => say!(language, "列表", "a list"),
        "object" => say!(language, "对象", "an object"),
        _ => say!(language, " null", "null"),
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, generate::SchemaSettings};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn shape<T: JsonSchema>() -> Shape {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let mut generator = settings.into_generator();
        let schema = generator.subschema_for::<T>().to_value();
        Shape::new(schema, Arc::new(generator.take_definitions(true)))
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema counts")]
    struct Order {
        quantity: kernel::Quantity,
        #[serde(default)]
        options: Vec<kernel::Chosen>,
        date: Option<Date>,
        slot: Option<kernel::Slot>,
        notes: kernel::Note,
        at: Option<Instant>,
    }

    fn english(value: &Value) -> Vec<(String, String)> {
        let problems = shape::<Order>().problems(value, "body", Language::English);
        problems.into_iter().map(|Problem { field, problem }| (field, problem)).collect()
    }

    #[test]
    fn a_good_value_has_no_problems() {
        let good =
            json!({"quantity": 1, "options": [{"id": 1}, {"id": "soup"}], "date": null, "slot": "lunch", "notes": ""});
        assert_eq!(english(&good), []);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = json!({
            "quantity": 0,
            "options": [{"id": 1.5}, {"id": ""}, {}, 7, {"id": 1, "price_cents": 1}],
            "date": "2026-02-30",
            "slot": "tea",
            "at": "noon",
            "sum": 1,
        });
        let found = english(&wrong);
        let expected = [
            ("notes", "is required"),
            ("quantity", "must be 1 to 1000"),
            ("options[0].id", "must be an integer or a text"),
            ("options[1].id", "must have 1 to 100 characters"),
            ("options[2].id", "is required"),
            ("options[3]", "must be an object"),
            ("options[4].price_cents", "is not a field of this request"),
            ("date", "must be a date as YYYY-MM-DD, in the years 2000 to 2199"),
            ("slot", "must be one of: breakfast, lunch, dinner"),
            ("at", "must be an instant as RFC 3339 writes it, like 2026-01-31T04:00:00Z"),
            ("sum", "is not a field of this request"),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(field, problem)| (field.to_owned(), problem.to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_whole_has_a_name_too() {
        assert_eq!(english(&json!([])), [("body".to_owned(), "must be an object".to_owned())]);
        let huge: Value = serde_json::from_str(r#"{"quantity": 99999999999999999999, "notes": ""}"#).expect("JSON");
        assert_eq!(english(&huge), [("quantity".to_owned(), "must be an integer".to_owned())]);
    }

    #[test]
    fn text_becomes_what_the_schema_asks_for() {
        let shape = shape::<Order>();
        assert_eq!(shape.value_of("quantity", "7".to_owned()), json!(7));
        assert_eq!(shape.value_of("quantity", "x".to_owned()), json!("x"));
        assert_eq!(shape.value_of("date", "2026-01-01".to_owned()), json!("2026-01-01"));
    }
}
