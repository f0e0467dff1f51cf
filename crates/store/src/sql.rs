//! Statements over many rows, written once. SQLite runs them a row at a time through one prepared statement, PostgreSQL all at
//! once over arrays; here is the only place that knows the difference.

use crate::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Blob,
}

pub type Column = (&'static str, Kind);

/// Names the set statements of a module. They are built once, and a test prepares all of them on both engines.
macro_rules! statements {
    ($($name:ident = $build:expr;)+) => {
        $(pub(super) static $name: std::sync::LazyLock<$crate::SetStatement> = std::sync::LazyLock::new(|| $build);)+

        #[cfg(test)]
        pub(crate) fn all_statements() -> Vec<&'static $crate::SetStatement> {
            vec![$(&*$name),+]
        }
    };
}

pub(crate) use statements;

pub struct SetStatement {
    pub(crate) one: String,
    pub(crate) all: String,
    pub(crate) parameters: usize,
    /// Whether every row given must have changed exactly one row.
    pub(crate) guarded: bool,
}

fn join(parts: impl IntoIterator<Item = String>, separator: &str) -> String {
    parts.into_iter().collect::<Vec<_>>().join(separator)
}

fn names(columns: &[Column]) -> String {
    join(columns.iter().map(|(name, _)| (*name).to_owned()), ", ")
}

fn arrays(columns: &[Column]) -> String {
    let array = |(at, (_, kind)): (usize, &Column)| {
        let kind = match kind {
            Kind::Int => "bigint",
            Kind::Text => "text",
            Kind::Blob => "bytea",
        };
        format!("${}::{kind}[]", at + 1)
    };
    join(columns.iter().enumerate().map(array), ", ")
}

fn matched(columns: &[Column], on: &str) -> String {
    join(columns.iter().map(|(name, _)| format!("{on}.{name} = v.{name}")), " AND ")
}

impl SetStatement {
    #[must_use]
    pub fn insert(table: &str, columns: &[Column]) -> Self {
        let names = names(columns);
        let places = join((1..=columns.len()).map(|at| format!("?{at}")), ", ");
        Self {
            one: format!("INSERT INTO {table} ({names}) VALUES ({places})"),
            all: format!("INSERT INTO {table} ({names}) SELECT * FROM UNNEST({})", arrays(columns)),
            parameters: columns.len(),
            guarded: true,
        }
    }

    /// Inserts, or gives new values to what is there. No two rows may have the same key.
    #[must_use]
    pub fn put(table: &str, key: &[Column], set: &[Column]) -> Self {
        let insert = Self::insert(table, &[key, set].concat());
        let values = join(set.iter().map(|(name, _)| format!("{name} = excluded.{name}")), ", ");
        let put = |sql: &str| format!("{sql} ON CONFLICT ({}) DO UPDATE SET {values}", names(key));
        Self { one: put(&insert.one), all: put(&insert.all), ..insert }
    }

    /// Parameters: the key, the version the row must have, the new values. The version goes up by one.
    #[must_use]
    pub fn update(table: &str, key: &[Column], set: &[Column]) -> Self {
        let mut given = key.to_vec();
        given.push(("version", Kind::Int));
        let guards = given.len();
        let one_set =
            join(set.iter().enumerate().map(|(at, (name, _))| format!("{name} = ?{}", guards + at + 1)), ", ");
        let one_where = join(given.iter().enumerate().map(|(at, (name, _))| format!("{name} = ?{}", at + 1)), " AND ");
        let all_set = join(set.iter().map(|(name, _)| format!("{name} = v.{name}")), ", ");
        let all_where = matched(&given, "t");
        given.extend_from_slice(set);
        let one = format!("UPDATE {table} SET version = version + 1, {one_set} WHERE {one_where}");
        Self {
            one,
            all: format!(
                "UPDATE {table} AS t SET version = t.version + 1, {all_set} FROM UNNEST({}) AS v({}) \
                 WHERE {all_where} AND t.{} = ANY({})",
                arrays(&given),
                names(&given),
                key[0].0,
                // Says twice what the join says, so that the rows can only be reached through the key's index.
                arrays(&key[..1]),
            ),
            parameters: given.len(),
            guarded: true,
        }
    }

    /// A query for one row of parameters, which its text names in braces; run for each row given, in that order.
    ///
    /// On PostgreSQL it is a lateral subquery that may not be folded into the rest: the plan is always one look-up a row, however
    /// empty the tables were when it was made.
    #[must_use]
    pub fn query(given: &[Column], text: &str, lock: Lock) -> Self {
        let (mut one, mut inner) = (text.to_owned(), text.to_owned());
        for (at, (name, _)) in given.iter().enumerate() {
            let place = format!("{{{name}}}");
            one = one.replace(&place, &format!("?{}", at + 1));
            inner = inner.replace(&place, &format!("v.{name}"));
        }
        let lock = match lock {
            Lock::ForUpdate => "FOR UPDATE",
            Lock::None => "OFFSET 0",
        };
        let (arrays, names) = (arrays(given), names(given));
        Self {
            one,
            all: format!("SELECT r.* FROM UNNEST({arrays}) AS v({names}) CROSS JOIN LATERAL ({inner} {lock}) AS r"),
            parameters: given.len(),
            guarded: false,
        }
    }

    /// Rows by key. With a lock, nobody else can change them until the transaction ends; they are locked in the order given.
    #[must_use]
    pub fn select(table: &str, key: &[Column], columns: &[Column], and: &str, lock: Lock) -> Self {
        let keys = join(key.iter().map(|(name, _)| format!("t.{name} = {{{name}}}")), " AND ");
        let list = join(columns.iter().map(|(name, _)| format!("t.{name}")), ", ");
        let and = if and.is_empty() { String::new() } else { format!(" AND {and}") };
        Self::query(key, &format!("SELECT {list} FROM {table} AS t WHERE {keys}{and}"), lock)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    ForUpdate,
    None,
}

/// A statement and the rows to run it for.
pub struct Batch<'a> {
    pub(crate) statement: &'static SetStatement,
    pub(crate) columns: Vec<Vec<Value<'a>>>,
}

impl<'a> Batch<'a> {
    #[must_use]
    pub fn new(statement: &'static SetStatement) -> Self {
        Self { statement, columns: (0..statement.parameters).map(|_| Vec::new()).collect() }
    }

    /// # Panics
    /// Where the row has another number of values than the statement has parameters.
    pub fn push<const N: usize>(&mut self, row: [Value<'a>; N]) {
        assert_eq!(N, self.columns.len(), "{}", self.statement.one);
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    #[must_use]
    pub fn of<const N: usize>(
        statement: &'static SetStatement,
        rows: impl IntoIterator<Item = [Value<'a>; N]>,
    ) -> Self {
        let mut batch = Self::new(statement);
        rows.into_iter().for_each(|row| batch.push(row));
        batch
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }
}

/// SQLite takes `$1` for a name and numbers names as they appear; `?1` is a number there.
pub(crate) fn for_sqlite(sql: &str) -> String {
    sql.replace('$', "?")
}
