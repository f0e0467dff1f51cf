//! Every statement that the program can send is prepared on both engines. The texts are found in the sources, so that a new
//! one cannot be left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::lists::ListStatement;
use crate::{Engine, SetStatement, Store, lane, queries};

/// Every module with a list of set statements.
fn set_statements() -> BTreeMap<&'static str, Vec<&'static SetStatement>> {
    BTreeMap::from([
        ("lane/alerts.rs", lane::all_alert_statements()),
        ("lane/cabinet.rs", lane::all_cabinet_statements()),
        ("lane/erp.rs", lane::all_erp_statements()),
        ("lane/shop.rs", lane::all_shop_statements()),
        ("lane/statements.rs", lane::all_statements()),
        ("queries/cabinets.rs", queries::cabinets::all_statements()),
        ("queries/group_orders.rs", queries::group_orders::all_statements()),
        ("queries/orders.rs", queries::orders::all_statements()),
        ("queries/sessions.rs", queries::sessions::all_statements()),
        ("queries/subscriptions.rs", queries::subscriptions::all_statements()),
    ])
}

/// Every module with sortable lists.
fn lists() -> BTreeMap<&'static str, Vec<&'static ListStatement>> {
    BTreeMap::from([
        ("queries/alerts.rs", queries::alerts::all_lists()),
        ("queries/cabinets.rs", queries::cabinets::all_lists()),
        ("queries/complaints.rs", queries::complaints::all_lists()),
        ("queries/departments.rs", queries::departments::all_lists()),
        ("queries/exceptions.rs", queries::exceptions::all_lists()),
        ("queries/group_orders.rs", queries::group_orders::all_lists()),
        ("queries/jobs.rs", queries::jobs::all_lists()),
        ("queries/members.rs", queries::members::all_lists()),
        ("queries/order_search.rs", queries::order_search::all_lists()),
        ("queries/payments.rs", queries::payments::all_lists()),
        ("queries/shop.rs", queries::shop::all_lists()),
        ("queries/subscriptions.rs", queries::subscriptions::all_lists()),
        ("queries/topups.rs", queries::topups::all_lists()),
    ])
}

/// What only one engine understands says so by these words.
const POSTGRES_ONLY: [&str; 1] = ["pg_"];
const SQLITE_ONLY: [&str; 2] = ["sqlite_", "pragma_"];

fn is_for(sql: &str, engine: Engine) -> bool {
    let foreign: &[&str] = match engine {
        Engine::Sqlite => &POSTGRES_ONLY,
        Engine::Postgres => &SQLITE_ONLY,
    };
    !foreign.iter().any(|word| sql.contains(word))
}

#[tokio::test]
async fn every_statement_is_prepared_on_sqlite() {
    let folder = testing::TempDir::new();
    prepare_all(&format!("sqlite:{}", folder.join("fanpiao.db").display())).await;
}

#[tokio::test]
async fn every_statement_is_prepared_on_postgres() {
    let database = testing::postgres::fresh_database();
    prepare_all(database.url()).await;
}

async fn prepare_all(url: &str) {
    let store = Store::new(url).expect("an address");
    let engine = store.engine();
    let mut writer = store.writer().await.expect("a connection");
    writer.migrate(0).await.expect("migrated");
    let mut texts: Vec<(String, &'static str)> = Vec::new();
    for (file, statements) in set_statements() {
        texts.extend(statements.into_iter().map(|statement| {
            let text = match engine {
                Engine::Sqlite => &statement.one,
                Engine::Postgres => &statement.all,
            };
            (file.to_owned(), text.as_str())
        }));
    }
    for (file, statements) in lists() {
        let text = |text: &'static str| (file.to_owned(), text);
        texts.extend(statements.into_iter().flat_map(ListStatement::texts).map(text));
    }
    let sets = texts.len();
    for (file, text) in texts_in_sources().into_iter().filter(|(_, text)| is_for(text, engine)) {
        texts.push((file, String::leak(text)));
    }
    assert!(sets > 30 && texts.len() > sets + 15, "only {sets} and {} texts were found", texts.len());
    for (file, text) in texts {
        if let Err(error) = store.prepare_all(vec![text]).await {
            panic!("{file}: {error}\n{text}");
        }
    }
}

/// A plan that was made for an empty table stays for a while. One that walks a meal's orders for each member takes a thousand times as
/// long on the first busy day.
#[tokio::test]
async fn a_members_order_is_looked_up_by_the_member_in_an_empty_database() {
    let database = testing::postgres::fresh_database();
    let mut writer = Store::new(database.url()).expect("an address").writer().await.expect("a connection");
    writer.migrate(0).await.expect("migrated");
    let by_member =
        |statement: &&SetStatement| statement.all.contains("t.meal_id = v.meal_id AND t.member_id = v.member_id");
    let asked: Vec<_> = lane::all_statements().into_iter().filter(by_member).collect();
    assert_eq!(asked.len(), 2);
    for statement in asked {
        let plan = format!(
            "SET plan_cache_mode = force_generic_plan; PREPARE q AS {}; EXPLAIN EXECUTE q('{{1}}', '{{1}}')",
            statement.all
        );
        let plan = testing::postgres::run_sql(database.url(), &plan).expect("explained");
        assert!(plan.contains("meal_orders_member"), "{plan}");
    }
}

#[test]
fn every_set_statement_stands_in_a_list() {
    let listed: Vec<_> = set_statements().into_keys().collect();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&sources) {
        let name = file.strip_prefix(&sources).expect("inside").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("read");
        if name != "sql.rs" && name != "statements.rs" && text.contains("SetStatement::") {
            assert!(text.contains("statements! {"), "{name}: name its set statements in `statements! {{ … }}`");
            assert!(listed.contains(&name.as_str()), "{name}: add it to `set_statements` in statements.rs");
        }
        if name != "lists.rs" && name != "statements.rs" && text.contains("ListStatement::") {
            assert!(text.contains("lists! {"), "{name}: name its lists in `lists! {{ … }}`");
            assert!(lists().contains_key(name.as_str()), "{name}: add it to `lists` in statements.rs");
        }
    }
}

/// All literals in the sources of all crates that begin as a statement does.
fn texts_in_sources() -> Vec<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for entry in fs::read_dir(crates).expect("the crates").flatten() {
        for file in rust_files(&entry.path().join("src")) {
            let name = file.to_string_lossy().into_owned();
            // It makes statements out of parts; what comes out is in the lists of `set_statements`.
            if name.ends_with("store/src/sql.rs")
                || name.ends_with("store/src/lists.rs")
                || name.contains("crates/testing/")
                || name.ends_with("statements.rs")
            {
                continue;
            }
            let text = fs::read_to_string(&file).expect("read");
            let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for literal in literals(shipped) {
                let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
                // With braces it is made into a set statement or a list, and so in one of those named above.
                let is_set = literal.contains('{')
                    && (shipped.contains("SetStatement::") || shipped.contains("ListStatement::"));
                if verbs.iter().any(|verb| literal.starts_with(verb)) && !is_set {
                    found.push((name.clone(), literal));
                }
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The string literals of a source text, as the compiler would read them.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        rest = match &rest[at..=at] {
            "/" if after.starts_with('/') => after.find('\n').map_or("", |end| &after[end..]),
            "\"" => {
                let hashes = before.len() - before.trim_end_matches('#').len();
                let is_raw = before.trim_end_matches('#').ends_with('r');
                let (literal, after) = if is_raw { raw(after, hashes) } else { plain(after) };
                found.push(literal);
                after
            }
            "'" if after.starts_with("\"'") || after.starts_with("\\\"'") => {
                after.split_once("\"'").map_or("", |(_, after)| after)
            }
            _ => after,
        };
    }
    found
}

fn raw(text: &str, hashes: usize) -> (String, &str) {
    let end = format!("\"{}", "#".repeat(hashes));
    let (literal, after) = text.split_once(&end).unwrap_or((text, ""));
    (literal.to_owned(), after)
}

fn plain(text: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (literal, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, '\n')) => while characters.next_if(|(_, next)| next.is_whitespace()).is_some() {},
                Some((_, 'n')) => literal.push('\n'),
                Some((_, escaped)) => literal.push(escaped),
                None => break,
            },
            _ => literal.push(character),
        }
    }
    (literal, "")
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let source = r##"
        // a "comment"
        const A: &str = "one \"two\" \
                         three"; let c = '"'; let r = r#"raw "text""#; fn f<'a>(x: &'a str) {} "last""##;
    assert_eq!(literals(source), ["one \"two\" three", "raw \"text\"", "last"]);
}
