//! Lists that people sort. A list names its ways of sorting once; its statement is written once with places in braces, and every
//! text that an order, a direction and a page can ask for is made of it and prepared by a test.
//!
//! A page begins after the row that the page before ended with: after its value and its id, so that rows that are added while
//! somebody turns pages neither repeat nor hide another.

use std::cmp::Ordering;

use crate::sql::Kind;
use crate::{Cells, Error, Row, Store, Value};

/// So many rows are sorted by something else than their ids, whose order an index has.
pub const MOST_SORTED: i64 = 100_000;

/// One way of sorting a list.
#[derive(Debug)]
pub struct Way {
    /// What the list's rows call it.
    pub word: &'static str,
    /// What the database compares; nothing where that is the id. It is never null.
    expression: Option<&'static str>,
    kind: Kind,
}

impl Way {
    /// By when rows were made, which is the order of their ids.
    pub(crate) const fn by_id(word: &'static str) -> Self {
        Self { word, expression: None, kind: Kind::Int }
    }

    pub(crate) const fn by_number(word: &'static str, expression: &'static str) -> Self {
        Self { word, expression: Some(expression), kind: Kind::Int }
    }

    pub(crate) const fn by_text(word: &'static str, expression: &'static str) -> Self {
        Self { word, expression: Some(expression), kind: Kind::Text }
    }
}

/// Names a list's ways of sorting; the first one, in the direction said, is the one it has where nothing is asked for.
pub trait Sorting: Send + Sync + 'static {
    const WAYS: &'static [Way];
    const NEWEST_FIRST: bool = true;
}

/// In which order a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    way: usize,
    descending: bool,
}

impl Order {
    #[must_use]
    pub fn usual<S: Sorting>() -> Self {
        Self { way: 0, descending: S::NEWEST_FIRST }
    }

    /// All orders of a list, by the words that stand for them.
    pub fn all<S: Sorting>() -> impl Iterator<Item = Self> {
        (0..S::WAYS.len()).flat_map(|way| [false, true].map(|descending| Self { way, descending }))
    }

    /// A word of the list, downwards with `-` before it.
    #[must_use]
    pub fn named<S: Sorting>(word: &str) -> Option<Self> {
        Self::all::<S>().find(|order| order.word::<S>() == word)
    }

    #[must_use]
    pub fn word<S: Sorting>(self) -> String {
        let word = S::WAYS.get(self.way).map_or("", |way| way.word);
        format!("{}{word}", if self.descending { "-" } else { "" })
    }

    /// Whether a row can have such a value.
    #[must_use]
    pub fn takes<S: Sorting>(self, value: &Value<'_>) -> bool {
        let kind = S::WAYS.get(self.way).map(|way| way.kind);
        matches!((kind, value), (Some(Kind::Int), Value::Int(_)) | (Some(Kind::Text), Value::Text(_)))
    }

    /// Which of two rows of several lists comes first, where numbers or ids are compared.
    #[must_use]
    pub fn compare(self, one: &Place, other: &Place) -> Ordering {
        let number = |place: &Place| if let Value::Int(value) = place.value { value } else { 0 };
        let upwards = number(one).cmp(&number(other)).then(one.id.cmp(&other.id));
        if self.descending { upwards.reverse() } else { upwards }
    }
}

/// Where a row stands in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub value: Value<'static>,
    pub id: i64,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub order: Order,
    /// The last row of the page before.
    pub after: Option<Place>,
    pub limit: i64,
}

impl Page {
    /// In the usual order, from the row after this id on.
    #[must_use]
    pub fn after_id<S: Sorting>(id: Option<i64>, limit: i64) -> Self {
        let after = id.map(|id| Place { value: id.into(), id });
        Self { order: Order::usual::<S>(), after, limit }
    }
}

/// A row, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    pub place: Place,
    pub row: T,
}

impl<T> Placed<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { place: self.place, row: change(self.row) }
    }

    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Placed<U>, E> {
        Ok(Placed { place: self.place, row: change(self.row)? })
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum Unlisted {
    /// More than [`MOST_SORTED`] rows would have to be sorted.
    TooMany,
    Failed(Error),
}

impl From<Error> for Unlisted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A list's statement in all of its orders.
pub struct ListStatement {
    /// For each way the first page and a later one, upwards and downwards.
    texts: Vec<[[String; 2]; 2]>,
    /// How many rows there are, up to a limit.
    count: String,
    ways: &'static [Way],
    parameters: usize,
}

impl ListStatement {
    /// The text selects `{place}` before its columns and holds `{after}` as a condition; order and limit follow it. `id` is what the
    /// rows' ids are in it, and `parameters` how many the text itself has.
    pub(crate) fn new<S: Sorting>(id: &str, parameters: usize, text: &str) -> Self {
        let limit = parameters + 1;
        let made = |way: &Way, descending: bool, is_first: bool| {
            let (sign, direction) = if descending { ("<", " DESC") } else { (">", "") };
            let value = way.expression.unwrap_or(id);
            let after = match way.expression {
                _ if is_first => "1 = 1".to_owned(),
                None => format!("{id} {sign} ${}", limit + 1),
                Some(value) => format!("({value}, {id}) {sign} (${}, ${})", limit + 1, limit + 2),
            };
            let order = match way.expression {
                None => format!("{id}{direction}"),
                Some(value) => format!("{value}{direction}, {id}{direction}"),
            };
            let text = text.replace("{place}", &format!("{value}, {id}")).replace("{after}", &after);
            format!("{text} ORDER BY {order} LIMIT ${limit}")
        };
        let texts = S::WAYS
            .iter()
            .map(|way| [false, true].map(|descending| [true, false].map(|is_first| made(way, descending, is_first))));
        let all = text.replace("{place}", id).replace("{after}", "1 = 1");
        let count = format!("SELECT COUNT(*) FROM ({all} LIMIT ${limit}) AS found");
        Self { texts: texts.collect(), count, ways: S::WAYS, parameters }
    }

    #[cfg(test)]
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flatten().flatten().chain([&self.count]).map(String::as_str)
    }

    /// The text that gives a page, and what it is given.
    pub(crate) fn question(&self, mut given: Vec<Value<'static>>, page: &Page) -> (&str, Vec<Value<'static>>) {
        debug_assert_eq!(given.len(), self.parameters, "a list is given what its text names");
        given.push(page.limit.into());
        let [first, later] = &self.texts[page.order.way][usize::from(page.order.descending)];
        let Some(place) = &page.after else {
            return (first, given);
        };
        if !self.is_by_id(page.order) {
            given.push(place.value.clone());
        }
        given.push(place.id.into());
        (later, given)
    }

    pub(crate) fn is_by_id(&self, order: Order) -> bool {
        self.ways[order.way].expression.is_none()
    }

    /// One page, or the refusal to sort so many rows. Who has the first page gets the others.
    pub(crate) async fn page<T>(
        &self,
        store: &Store,
        given: Vec<Value<'static>>,
        page: &Page,
        read: impl Fn(&mut Cells) -> Result<T, Error>,
    ) -> Result<Vec<Placed<T>>, Unlisted> {
        if page.after.is_none() && !self.is_by_id(page.order) {
            let mut counted = given.clone();
            counted.push((MOST_SORTED + 1).into());
            if crate::queries::number(store.query(&self.count, counted).await?)? > MOST_SORTED {
                return Err(Unlisted::TooMany);
            }
        }
        self.read(store, given, page, read).await
    }

    /// The same, where somebody else has seen that there are not too many.
    pub(crate) async fn read<T>(
        &self,
        store: &Store,
        given: Vec<Value<'static>>,
        page: &Page,
        read: impl Fn(&mut Cells) -> Result<T, Error>,
    ) -> Result<Vec<Placed<T>>, Unlisted> {
        let (text, given) = self.question(given, page);
        let rows = store.query(text, given).await?;
        Ok(rows.into_iter().map(|row| placed(row, &read)).collect::<Result<_, _>>()?)
    }
}

pub(crate) fn placed<T>(row: Row, read: &impl Fn(&mut Cells) -> Result<T, Error>) -> Result<Placed<T>, Error> {
    let mut cells = row.cells();
    let place = Place { value: cells.value()?, id: cells.int()? };
    Ok(Placed { place, row: read(&mut cells)? })
}

/// Names the sortable lists of a module. They are built once, and a test prepares all of their texts on both engines.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident = $build:expr;)+) => {
        $($(#[$doc])* static $name: std::sync::LazyLock<$crate::lists::ListStatement> = std::sync::LazyLock::new(|| $build);)+

        #[cfg(test)]
        pub(crate) fn all_lists() -> Vec<&'static $crate::lists::ListStatement> {
            vec![$(&*$name),+]
        }
    };
}

pub(crate) use lists;
