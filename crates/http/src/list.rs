//! What all lists of the administration share: their order and where a page of them begins, as a request says it, and the
//! workbook of what a list finds.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Instant, Permission};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sheets::{Cell, Column};
use store::Value;
use store::lists::{MOST_SORTED, Order, Page, Place, Placed, Sorting, Unlisted};
use tokio::runtime::Handle;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Turn, Workbook};
use crate::input::Limit;
use crate::reply::CursorInfo;
use crate::texts::{Language, say};

/// By what a list is sorted: a word of the list, downwards with `-` before it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SortBy<S: Sorting>(Order, PhantomData<S>);

impl<S: Sorting> SortBy<S> {
    pub(crate) fn order(&self) -> Order {
        self.0
    }
}

/// A request that says by what it wants a list sorted.
pub(crate) trait Asked: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    type Sorting: Sorting;

    fn order(&self) -> Order;
}

type Sorted<L> = <<L as Listed>::Query as Asked>::Sorting;

impl<S: Sorting> Default for SortBy<S> {
    fn default() -> Self {
        Self(Order::usual::<S>(), PhantomData)
    }
}

impl<S: Sorting> TryFrom<String> for SortBy<S> {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        Order::named::<S>(&word).map(|order| Self(order, PhantomData)).ok_or("no order of this list")
    }
}

impl<S: Sorting> JsonSchema for SortBy<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("SortBy{}", std::any::type_name::<S>()).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = Order::all::<S>().map(Order::word::<S>).collect();
        json_schema!({"type": "string", "enum": words})
    }
}

/// Where a page begins: the text that the page before gave, with the order that it was in. To its reader it means nothing.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mark {
    sort: String,
    place: Place,
}

/// What a mark is made of.
#[derive(Serialize, Deserialize)]
struct Written<'a>(Cow<'a, str>, WrittenValue<'a>, i64);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenValue<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

impl TryFrom<String> for Mark {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let Written(sort, value, id) = serde_json::from_slice(&bytes).ok()?;
            let value = match value {
                WrittenValue::Int(value) => Value::Int(value),
                // PostgreSQL's text has no place for a zero.
                WrittenValue::Text(text) if text.contains('\0') => return None,
                WrittenValue::Text(text) => Value::from(text.into_owned()),
            };
            Some(Self { sort: sort.into_owned(), place: Place { value, id } })
        };
        read().ok_or("not a cursor of ours")
    }
}

impl JsonSchema for Mark {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Mark".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 2048})
    }
}

/// The mark after a row.
fn mark<S: Sorting>(order: Order, place: &Place) -> Result<String, Failure> {
    let value = match &place.value {
        Value::Int(value) => WrittenValue::Int(*value),
        Value::Text(text) => WrittenValue::Text(Cow::Borrowed(text)),
        Value::Null | Value::Blob(_) => return Err(Failure::fault("a list is sorted by what no mark can hold")),
    };
    let written = serde_json::to_vec(&Written(order.word::<S>().into(), value, place.id));
    written.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|_| Failure::fault("a mark cannot be written"))
}

/// A page of a list.
pub(crate) async fn read<L: Listed>(
    app: &App,
    caller: &Caller,
    path: &L::Path,
    (query, limit, cursor): (L::Query, Limit, Option<Mark>),
) -> Result<(Vec<L::Row>, CursorInfo), Failure> {
    let order = query.order();
    let after = match cursor {
        Some(mark) if mark.sort == order.word::<Sorted<L>>() && order.takes::<Sorted<L>>(&mark.place.value) => {
            Some(mark.place)
        }
        Some(_) => {
            let problem = say!(caller.language, "属于另一种排序的列表", "belongs to a list that is sorted otherwise");
            return Err(Failure::invalid("cursor", problem));
        }
        None => None,
    };
    // One row more than the page, to see whether another follows.
    let mut found = L::find(app, caller, path, &query, &Page { order, after, limit: limit.and_one() }).await?;
    let length = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let has_more = found.len() > length;
    found.truncate(length);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|last| mark::<Sorted<L>>(order, &last.place)).transpose()?;
    Ok((found.into_iter().map(|placed| placed.row).collect(), CursorInfo::new(limit, has_more, next)))
}

/// What a query found, or the words for that it would be too much.
pub(crate) fn listed<T>(found: Result<T, Unlisted>, language: Language) -> Result<T, Failure> {
    found.map_err(|unlisted| match unlisted {
        Unlisted::Failed(error) => error.into(),
        Unlisted::TooMany => {
            let problem = say!(
                language,
                "超过 {MOST_SORTED} 条，不能这样排序，请先缩小筛选范围",
                "more than {MOST_SORTED} rows are not sorted like this: ask for fewer"
            );
            Failure::invalid("sort", problem)
        }
    })
}

/// A page of the rows that are `wanted`, where no statement can tell; it reads on until there are as many.
pub(crate) async fn sift<T, F>(
    page: &Page,
    wanted: impl Fn(&T) -> bool,
    read: impl Fn(Page) -> F,
) -> Result<Vec<Placed<T>>, Failure>
where
    F: Future<Output = Result<Vec<Placed<T>>, Failure>>,
{
    let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (mut found, mut part) = (Vec::new(), page.clone());
    loop {
        let rows = read(part.clone()).await?;
        let is_last = rows.len() < most;
        part.after = rows.last().map(|last| last.place.clone());
        found.extend(rows.into_iter().filter(|placed| wanted(&placed.row)));
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

/// Makes a list's two requests of what it can be asked: for a page, and for its workbook.
macro_rules! list_query {
    ($page:ident, $file:ident, $sorting:ty, { $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)? } $({ $($(#[$more_meta:meta])* $more:ident: $more_kind:ty),* $(,)? })?) => {
        #[derive(serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $page {
            $($(#[$meta])* $field: $kind,)*
            /// By what, downwards with `-` before it.
            #[serde(default)]
            sort: $crate::list::SortBy<$sorting>,
            #[serde(default)]
            limit: $crate::input::Limit,
            /// `page_info.next_cursor` of the page before, in the same order.
            cursor: Option<$crate::list::Mark>,
            $($($(#[$more_meta])* $more: $more_kind,)*)?
        }

        #[derive(serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $file {
            $($(#[$meta])* $field: $kind,)*
            /// By what, downwards with `-` before it.
            #[serde(default)]
            sort: $crate::list::SortBy<$sorting>,
        }

        impl $page {
            /// What is wanted, and which page of it.
            fn split(self) -> ($file, $crate::input::Limit, Option<$crate::list::Mark>) {
                ($file { $($field: self.$field,)* sort: self.sort }, self.limit, self.cursor)
            }
        }

        impl $crate::list::Asked for $file {
            type Sorting = $sorting;

            fn order(&self) -> store::lists::Order {
                self.sort.order()
            }
        }
    };
}

pub(crate) use list_query;

/// A cell of a workbook's row.
pub(crate) enum Shown<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Cents(kernel::Cents),
    Moment(Instant),
    Nothing,
}

impl<'a> Shown<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn or_nothing<T>(value: Option<T>, shown: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Nothing, shown)
    }
}

/// A column of a workbook: what it is called, how wide it is, and what a row has there.
pub(crate) struct FileColumn<R> {
    title: &'static str,
    width: u16,
    cell: fn(&R) -> Shown<'_>,
}

impl<R> FileColumn<R> {
    pub(crate) const fn new(title: &'static str, width: u16, cell: fn(&R) -> Shown<'_>) -> Self {
        Self { title, width, cell }
    }
}

/// A list that is sorted, and had page by page.
pub(crate) trait Listed: Send + Sync + 'static {
    type Path: DeserializeOwned + JsonSchema + Send + Sync + 'static;
    type Query: Asked;
    /// A row as the list answers it.
    type Row: Send + 'static;

    fn find(
        app: &App,
        caller: &Caller,
        path: &Self::Path,
        query: &Self::Query,
        page: &Page,
    ) -> impl Future<Output = Result<Vec<Placed<Self::Row>>, Failure>> + Send;
}

/// A list whose workbook can be had: whatever it finds, in the same order and as it shows it.
pub(crate) trait Filed: Listed {
    /// What the sheet is called, and the file in letters that every program knows.
    const NAMES: (&'static str, &'static str);
    const COLUMNS: &'static [FileColumn<Self::Row>];
}

/// A sheet has room for few more.
const MOST_ROWS: usize = 1_000_000;
/// So many rows are read at a time. No snapshot is held between them: each row that is there all along is in the file once.
const ROWS_AT_ONCE: i64 = 5_000;

/// The workbook of a list.
pub(crate) fn file<L: Filed>(
    permission: Permission,
    path: &'static str,
    id: &'static str,
    tag: Tag,
    summary: &'static str,
    codes: &'static [kernel::Code],
) -> Endpoint {
    Endpoint::needs(
        permission,
        Declaration {
            method: Method::GET,
            path,
            id,
            tag,
            summary,
            description: "What the list finds, in its order and as it shows it; at most a million rows.",
            codes,
        },
        answer::<L>,
    )
}

async fn answer<L: Filed>(app: App, caller: Caller, input: Input<L::Path, L::Query>) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let Input { path, query, .. } = input;
    let mut page = Page { order: query.order(), after: None, limit: ROWS_AT_ONCE };
    // What keeps the list from being had at all is known before anything is sent.
    let mut found = L::find(&app, &caller, &path, &query, &page).await?;
    let (zone, today) = (app.zone().clone(), app.service().now().date_in(app.zone()));
    let (name, plain_name) = L::NAMES;
    let (reader, runtime) = (app.clone(), Handle::current());
    Workbook::new(&app, turn, &format!("{name}_{today}"), &format!("{plain_name}_{today}"), move |out| {
        let mut book = sheets::Workbook::new(out, zone, &[name])?;
        let columns: Vec<_> = L::COLUMNS.iter().map(|column| Column::new(column.title, column.width)).collect();
        let mut sheet = book.sheet(0, &columns)?;
        let mut rows = 0;
        loop {
            let is_last = found.len() < usize::try_from(ROWS_AT_ONCE)?;
            page.after = found.last().map(|last| last.place.clone());
            for Placed { row, .. } in found {
                let shown: Vec<_> = L::COLUMNS.iter().map(|column| (column.cell)(&row)).collect();
                sheet.row(&shown.iter().map(cell).collect::<Vec<_>>())?;
            }
            rows += usize::try_from(ROWS_AT_ONCE)?;
            if is_last || rows >= MOST_ROWS {
                break;
            }
            let next = runtime.block_on(L::find(&reader, &caller, &path, &query, &page));
            found = next.map_err(|failure| format!("a part of a list cannot be read: {failure:?}"))?;
        }
        sheet.end()?;
        Ok(book.finish()?.end()?)
    })
}

fn cell<'a>(shown: &'a Shown<'_>) -> Cell<'a> {
    match shown {
        Shown::Text(text) => Cell::Text(text),
        Shown::Integer(value) => Cell::Integer(*value),
        Shown::Cents(value) => Cell::Cents(value.get()),
        Shown::Moment(at) => Cell::Moment(at.as_millis()),
        Shown::Nothing => Cell::Empty,
    }
}
