//! Both engines have the same schema: what one has and the other lacks is a fault that no other test would see.

#![cfg(test)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::Home;
use flate2::read::GzDecoder;
use store::{Engine, Writer};

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// In order: name, type, whether it may be null.
    columns: Vec<(String, String, bool)>,
    primary_key: Vec<String>,
    /// By name: whether it is unique, its columns, and which rows it holds.
    indexes: BTreeMap<String, (bool, Vec<String>, String)>,
    checks: BTreeSet<String>,
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let (sqlite, postgres) = (Home::new(Engine::Sqlite).await, Home::new(Engine::Postgres).await);
    let sqlite = sqlite_schema(&mut sqlite.migrated().await).await;
    let postgres = postgres_schema(&mut postgres.migrated().await).await;
    assert!(sqlite.len() >= 15, "{:?}", sqlite.keys());
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (name, table) in &sqlite {
        assert!(!table.primary_key.is_empty(), "{name} has no primary key");
        assert_eq!(table, &postgres[name], "{name}: SQLite's on the left, PostgreSQL's on the right");
    }
    let pools = &sqlite["pools"];
    assert_eq!(pools.columns[1], ("capacity".to_owned(), "integer".to_owned(), false));
    assert!(pools.checks.contains("taken<=capacity"), "{:?}", pools.checks);
    let (is_unique, columns, _) = &sqlite["meal_orders"].indexes["meal_orders_member"];
    assert!(is_unique);
    assert_eq!(columns[..2], ["member_id", "meal_id"]);
    assert!(columns[2].starts_with("casewhenstatus"), "{columns:?}");
}

/// What a program of before kept by `backup`, brought forward, is what this program makes anew.
#[tokio::test]
async fn a_kept_database_comes_to_the_same_schema() {
    let (sqlite, postgres) = (Home::new(Engine::Sqlite).await, Home::new(Engine::Postgres).await);
    let made_on_sqlite = sqlite_schema(&mut sqlite.migrated().await).await;
    let made_on_postgres = postgres_schema(&mut postgres.migrated().await).await;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept");
    for step in ["0013", "0023", "0027"] {
        let home = Home::new(Engine::Sqlite).await;
        let Home::Sqlite(folder) = &home else { unreachable!("it was asked for") };
        let unpacked = folder.join("kept.db");
        let packed = fs::File::open(kept.join(format!("{step}.sqlite.gz"))).expect("kept");
        std::io::copy(&mut GzDecoder::new(packed), &mut fs::File::create(&unpacked).expect("made")).expect("unpacked");
        home.store().restore(&unpacked).await.expect("restored");
        let mut writer = home.migrated().await;
        assert_eq!(sqlite_schema(&mut writer).await, made_on_sqlite, "{step}");

        let database = Arc::new(testing::postgres::fresh_database());
        let home = Home::Postgres { url: database.url().to_owned(), _database: database };
        home.store().restore(&kept.join(format!("{step}.postgres"))).await.expect("restored");
        let mut writer = home.migrated().await;
        assert_eq!(postgres_schema(&mut writer).await, made_on_postgres, "{step}");
    }
}

/// The columns of an index, and the expressions among them.
fn split(columns: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = columns.split(|character| {
        depth += i32::from(character == '(') - i32::from(character == ')');
        character == ',' && depth == 0
    });
    parts.map(plain).collect()
}

/// Two texts of one condition become the same text.
fn plain(condition: &str) -> String {
    let mut text = condition.to_lowercase();
    for noise in ["::text", "::bigint", "= any", "array", " in ", "(", ")", "[", "]", "'", " ", "\n"] {
        let instead = if noise == "= any" || noise == " in " { "in" } else { "" };
        text = text.replace(noise, instead);
    }
    text
}

async fn rows(writer: &mut Writer, sql: &str) -> Vec<store::Cells> {
    let rows = writer.query(sql, &[]).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.into_iter().map(store::Row::cells).collect()
}

async fn sqlite_schema(writer: &mut Writer) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for mut row in
        rows(writer, "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").await
    {
        let (name, sql) = (row.text().unwrap(), row.text().unwrap());
        assert!(sql.contains("STRICT"), "{name} is not strict");
        let mut table = Table { checks: checks(&sql), ..Table::default() };
        let mut key = BTreeMap::new();
        let columns =
            format!("SELECT name, lower(type), \"notnull\", pk FROM pragma_table_info('{name}') ORDER BY cid");
        for mut row in rows(writer, &columns).await {
            let (column, kind) = (row.text().unwrap(), row.text().unwrap());
            let (is_required, key_at) = (row.int().unwrap() == 1, row.int().unwrap());
            if key_at > 0 {
                key.insert(key_at, column.clone());
            }
            table.columns.push((column, kind, !is_required));
        }
        table.primary_key = key.into_values().collect();
        let indexes = format!(
            "SELECT i.name, i.\"unique\", (SELECT sql FROM sqlite_master WHERE name = i.name) \
             FROM pragma_index_list('{name}') AS i WHERE i.origin = 'c'"
        );
        for mut row in rows(writer, &indexes).await {
            let (index, is_unique, sql) = (row.text().unwrap(), row.int().unwrap() == 1, row.text().unwrap());
            let (definition, held) = sql.split_once(" WHERE ").unwrap_or((&sql, ""));
            let (_, columns) = definition.split_once('(').expect("columns");
            let columns = split(columns.trim_end().strip_suffix(')').expect("the brackets close"));
            let held = plain(held);
            table.indexes.insert(index, (is_unique, columns, held));
        }
        tables.insert(name, table);
    }
    tables
}

/// The conditions of all `CHECK`s in a table's text.
fn checks(sql: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in sql.split("CHECK (").skip(1) {
        let mut depth = 1;
        let end = part.find(|character| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            depth == 0
        });
        found.insert(plain(&part[..end.expect("the brackets close")]));
    }
    found
}

async fn postgres_schema(writer: &mut Writer) -> BTreeMap<String, Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let columns = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
                   CASE WHEN a.attnotnull THEN 'required' ELSE 'optional' END FROM pg_class AS c \
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                   WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname, a.attnum";
    for mut row in rows(writer, columns).await {
        let table = tables.entry(row.text().unwrap()).or_default();
        let (column, kind) = (row.text().unwrap(), row.text().unwrap());
        let kind = match kind.as_str() {
            "bigint" => "integer",
            "bytea" => "blob",
            kind => kind,
        };
        table.columns.push((column, kind.to_owned(), row.text().unwrap() == "optional"));
    }
    let indexes = "SELECT t.relname::text, i.relname::text, CASE WHEN x.indisunique THEN 1 ELSE 0 END, \
                   CASE WHEN x.indisprimary THEN 1 ELSE 0 END, COALESCE(pg_get_expr(x.indpred, x.indrelid), ''), \
                   (SELECT string_agg(pg_get_indexdef(x.indexrelid, k.at, true), ',' ORDER BY k.at) \
                   FROM generate_series(1, x.indnatts) AS k(at)) \
                   FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid \
                   WHERE t.relnamespace = current_schema()::regnamespace";
    for mut row in rows(writer, indexes).await {
        let table = tables.get_mut(&row.text().unwrap()).expect("an index belongs to a table");
        let (index, is_unique, is_primary) = (row.text().unwrap(), row.int().unwrap() == 1, row.int().unwrap() == 1);
        let (held, columns) = (plain(&row.text().unwrap()), split(&row.text().unwrap()));
        if is_primary {
            table.primary_key = columns;
        } else {
            table.indexes.insert(index, (is_unique, columns, held));
        }
    }
    let checks = "SELECT t.relname::text, pg_get_expr(c.conbin, c.conrelid) FROM pg_constraint AS c \
                  JOIN pg_class AS t ON t.oid = c.conrelid \
                  WHERE c.contype = 'c' AND t.relnamespace = current_schema()::regnamespace";
    for mut row in rows(writer, checks).await {
        let table = tables.get_mut(&row.text().unwrap()).expect("a check belongs to a table");
        table.checks.insert(plain(&row.text().unwrap()));
    }
    tables
}
