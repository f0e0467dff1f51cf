//! Members, departments and products out of a file. What a file comes to is looked at first; the token of that look, sent with the same
//! file, does exactly what was seen or nothing at all.

pub(in crate::endpoints) mod departments;
pub(in crate::endpoints) mod members;
pub(in crate::endpoints) mod products;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Command, ImportOutcome, ImportedRow, Noun, Outcome, Refusal, RowAction};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sheets::read::{Row, Table, Unreadable, Value};
use sheets::{Column, letters};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::Input;
use crate::failure::Failure;
use crate::file::{Turn, Workbook};
use crate::input::{self, DryRun, Nothing, Problem, Shape};
use crate::reply::Reply;
use crate::texts::{self, Language, say};

/// How people write whether something is so.
const YES_OR_NO: &[(&str, &str)] =
    &[("是", "true"), ("否", "false"), ("yes", "true"), ("no", "false"), ("true", "true"), ("false", "false")];

/// A file, and what was seen of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportFile {
    /// Its bytes in Base64: an .xlsx file or CSV (UTF-8 or GBK) of at most 720 KiB, 2000 rows and 32 columns. The first sheet is
    /// read; formulas are not evaluated.
    content: String,
    /// The `token` of the preview; not needed with `dry_run`.
    token: Option<String>,
}

/// What a file comes to.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImportAnswer {
    rows: Vec<ImportRow>,
    create_count: usize,
    change_count: usize,
    nothing_count: usize,
    wrong_count: usize,
    /// Sent with the same file, it imports what stands here; absent where a row is wrong.
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ImportAction {
    Create,
    Change,
    Nothing,
    Wrong,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ImportRow {
    /// As a spreadsheet program counts: the heading is row 1.
    row: i64,
    action: ImportAction,
    changes: Vec<ImportChange>,
    problems: Vec<ImportProblem>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ImportChange {
    field: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ImportProblem {
    /// The letter of the column, where it is about one that the file has.
    column: Option<String>,
    field: Option<String>,
    problem: String,
}

/// A column that a file may have.
pub(super) struct ImportColumn {
    field: &'static str,
    /// The headings that mean it; the first is the template's.
    headings: &'static [&'static str],
    /// What people write in it, and what that means; empty where anything may stand in it.
    words: &'static [(&'static str, &'static str)],
}

/// What a kind of file is about.
pub(super) trait Kind: 'static {
    /// A row's cells by the names of the fields.
    type Cells: DeserializeOwned + JsonSchema + Send;
    type Line: Send;
    const COLUMNS: &'static [ImportColumn];
    /// The field that says what a row is about.
    const KEY: &'static str;

    /// # Errors
    /// What is wrong with the key.
    fn line(app: &App, number: i64, cells: Self::Cells, language: Language) -> Result<Self::Line, String>;

    fn command(lines: Vec<Self::Line>, agreed: Option<String>) -> Command;
}

pub(super) async fn import<K: Kind>(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, ImportFile>,
) -> Result<Reply<ImportAnswer>, Failure> {
    let language = caller.language;
    let (ImportFile { content, token }, dry_run) = (input.body, input.query.dry_run);
    if token.is_none() && !dry_run {
        let problem = say!(language, "请先预览，再带上预览给出的 token", "take it from the preview, which comes first");
        return Err(Failure::invalid("token", problem));
    }
    let table = tokio::task::spawn_blocking(move || read(&content)).await;
    let table = table.map_err(|error| Failure::fault(format!("a file could not be read: {error}")))?;
    let table = table.map_err(|why| Failure::invalid("content", unreadable(why, language)))?;
    let (headings, rows) = headed::<K>(table, language)?;

    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    let shape = shape::<K::Cells>();
    for row in rows {
        let number = i64::from(row.number);
        match cells::<K>(&headings, row, &shape, language) {
            Ok(cells) => match K::line(&app, number, cells, language) {
                Ok(line) => lines.push(line),
                Err(problem) => wrong.push((number, vec![Problem::new(K::KEY, problem)])),
            },
            Err(problems) => wrong.push((number, problems)),
        }
    }
    if !dry_run && !wrong.is_empty() {
        let named = |(number, problems): (i64, Vec<Problem>)| {
            problems
                .into_iter()
                .map(move |Problem { field, problem }| Problem::new(format!("rows[{number}].{field}"), problem))
        };
        return Err(Failure::Invalid(wrong.into_iter().flat_map(named).collect()));
    }
    let command = K::command(lines, token.filter(|_| !dry_run));
    let Outcome::Import(outcome) = app.service().run(caller.tries(dry_run, command)).await? else {
        return Err(Failure::fault("an import answered something else"));
    };
    let answer = answer::<K>(&app, outcome, wrong, &headings, language);
    Ok(Reply::saying(if dry_run { texts::PREVIEW } else { texts::IMPORTED }, answer))
}

/// A file with the headings and nothing else.
pub(super) async fn template<K: Kind>(app: App, name: &str, plain_name: &str) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let zone = app.zone().clone();
    let title = name.to_owned();
    Workbook::new(&app, turn, name, plain_name, move |out| {
        let columns: Vec<_> = K::COLUMNS.iter().map(|column| Column::new(column.headings[0], 20)).collect();
        let mut book = sheets::Workbook::new(out, zone, &[&title])?;
        book.sheet(0, &columns)?.end()?;
        Ok(book.finish()?.end()?)
    })
}

fn read(content: &str) -> Result<Table, Unreadable> {
    let bytes = STANDARD.decode(content).map_err(|_| Unreadable::Damaged)?;
    Table::read(&bytes)
}

fn unreadable(why: Unreadable, language: Language) -> String {
    let (rows, columns) = (Table::MOST_ROWS - 1, Table::MOST_COLUMNS);
    match why {
        Unreadable::Damaged => {
            say!(language, "不是完好的 xlsx 或 CSV 文件（Base64 编码）", "is no sound .xlsx file or CSV in Base64")
        }
        Unreadable::OldFormat => {
            say!(language, "请另存为无密码的 xlsx 文件", "is of the old format or has a password: save it as .xlsx")
        }
        Unreadable::TooLarge => say!(language, "文件解开后过大", "unpacks to too much"),
        Unreadable::TooManyRows => say!(language, "不能超过 {rows} 行", "must not have more than {rows} rows"),
        Unreadable::TooManyColumns => {
            say!(language, "不能超过 {columns} 列", "must not have more than {columns} columns")
        }
    }
}

/// Which of our columns each column of the file is, and the rows below the heading.
fn headed<K: Kind>(table: Table, language: Language) -> Result<(Vec<Option<usize>>, Vec<Row>), Failure> {
    let mut rows = table.rows.into_iter();
    let heading = rows.next().map(|row| row.cells).unwrap_or_default();
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    for (at, cell) in heading.iter().enumerate() {
        let letter = letters(at);
        let Value::Text(text) = cell else {
            columns.push(None);
            continue;
        };
        let means =
            |column: &ImportColumn| column.headings.iter().any(|heading| heading.to_lowercase() == text.to_lowercase());
        let column = K::COLUMNS.iter().position(means);
        if column.is_none() {
            let known: Vec<_> = K::COLUMNS.iter().map(|column| column.headings[0]).collect();
            let known = known.join(", ");
            let problem = say!(
                language,
                "{letter} 列的标题“{text}”无法识别，可用：{known}",
                "column {letter} has the heading {text:?}; known are {known}",
            );
            problems.push(Problem::new("content", problem));
        } else if columns.contains(&column) {
            let problem = say!(language, "{letter} 列“{text}”重复", "column {letter}, {text:?}, stands there twice");
            problems.push(Problem::new("content", problem));
        }
        columns.push(column);
    }
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::new("content", say!(language, "没有数据行", "has no rows below its heading")));
    }
    if problems.is_empty() { Ok((columns, rows)) } else { Err(Failure::Invalid(problems)) }
}

fn shape<T: JsonSchema>() -> Shape {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut generator: SchemaGenerator = settings.into_generator();
    Shape::new(generator.subschema_for::<T>().to_value(), Arc::default())
}

/// A row as the type that its fields have to fit.
fn cells<K: Kind>(
    headings: &[Option<usize>],
    row: Row,
    shape: &Shape,
    language: Language,
) -> Result<K::Cells, Vec<Problem>> {
    let (mut object, mut problems) = (Map::new(), Vec::new());
    for (at, cell) in row.cells.into_iter().enumerate() {
        let Some(column) = headings.get(at).copied().flatten().map(|column| &K::COLUMNS[column]) else {
            if cell != Value::Empty {
                let letter = letters(at);
                let problem = say!(language, "{letter} 列没有标题", "column {letter} has no heading");
                problems.push(Problem::new(letter.clone(), problem));
            }
            continue;
        };
        match cell {
            Value::Empty => {}
            Value::Text(text) => match word(column, text, language) {
                Ok(text) => drop(object.insert(column.field.to_owned(), shape.value_of(column.field, text))),
                Err(problem) => problems.push(Problem::new(column.field, problem)),
            },
            Value::Formula => {
                let problem = say!(language, "公式不会被计算，请改为值", "is a formula, which is not evaluated");
                problems.push(Problem::new(column.field, problem));
            }
            Value::Broken => {
                let problem = say!(
                    language,
                    "单元格出错，或数字过长已失真（请设为文本格式）",
                    "is an error, or a number that was rounded (format the cell as text)",
                );
                problems.push(Problem::new(column.field, problem));
            }
        }
    }
    let bytes = Json::Object(object).to_string();
    match input::json::<K::Cells>(bytes.as_bytes(), shape, language) {
        Ok(cells) if problems.is_empty() => Ok(cells),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

/// What is meant by what people write.
fn word(column: &ImportColumn, text: String, language: Language) -> Result<String, String> {
    if column.words.is_empty() {
        return Ok(text);
    }
    let lower = text.to_lowercase();
    match column.words.iter().find(|(word, _)| *word == lower) {
        Some((_, meaning)) => Ok((*meaning).to_owned()),
        None => {
            let words: Vec<_> = column.words.iter().map(|(word, _)| *word).collect();
            let words = words.join(", ");
            Err(say!(language, "须为其中之一：{words}", "must be one of: {words}"))
        }
    }
}

fn answer<K: Kind>(
    app: &App,
    outcome: ImportOutcome,
    wrong: Vec<(i64, Vec<Problem>)>,
    headings: &[Option<usize>],
    language: Language,
) -> ImportAnswer {
    let problem = |Problem { field, problem }: Problem| {
        let at = headings.iter().position(|column| column.is_some_and(|column| K::COLUMNS[column].field == field));
        ImportProblem { column: at.map(letters), field: Some(field), problem }
    };
    let refused = wrong.into_iter().map(|(row, problems)| ImportRow {
        row,
        action: ImportAction::Wrong,
        changes: Vec::new(),
        problems: problems.into_iter().map(problem).collect(),
    });
    let mut rows: Vec<_> = refused.collect();
    rows.extend(outcome.rows.into_iter().map(|ImportedRow { number, action, changes }| {
        let (action, problems) = match action {
            Ok(RowAction::Create) => (ImportAction::Create, Vec::new()),
            Ok(RowAction::Change) => (ImportAction::Change, Vec::new()),
            Ok(RowAction::Nothing) => (ImportAction::Nothing, Vec::new()),
            Err(refusal) => {
                let said = texts::refusal(&refusal, language, app.zone());
                (ImportAction::Wrong, vec![problem(Problem::new(field_of::<K>(refusal), said))])
            }
        };
        let change =
            |change: kernel::FieldChange| ImportChange { field: change.field, from: change.from, to: change.to };
        ImportRow { row: number, action, changes: changes.into_iter().map(change).collect(), problems }
    }));
    rows.sort_by_key(|row| row.row);
    let count = |action| rows.iter().filter(|row| row.action == action).count();
    let wrong_count = count(ImportAction::Wrong);
    ImportAnswer {
        create_count: count(ImportAction::Create),
        change_count: count(ImportAction::Change),
        nothing_count: count(ImportAction::Nothing),
        wrong_count,
        token: (wrong_count == 0).then_some(outcome.token),
        rows,
    }
}

/// Which field a refusal is about.
fn field_of<K: Kind>(refusal: Refusal) -> String {
    match refusal {
        Refusal::ValueMissing { field } => field,
        Refusal::AccountTaken { .. } => "account".to_owned(),
        Refusal::NotFound { noun: Noun::Department } => "department".to_owned(),
        Refusal::NotFound { noun: Noun::Member } => "user_id".to_owned(),
        Refusal::NotFound { noun: Noun::Product } => "product_id".to_owned(),
        Refusal::StockOutOfRange { .. } => "stock".to_owned(),
        _ => K::KEY.to_owned(),
    }
}
