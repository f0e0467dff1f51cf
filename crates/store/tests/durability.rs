//! What is acknowledged is on disk, whatever the database was told before.

#![cfg(test)]

mod common;

use common::{Home, execute};
use store::{Engine, Store, Writer};

async fn setting(writer: &mut Writer, sql: &str) -> String {
    let mut row = writer.query(sql, &[]).await.expect("read").remove(0).cells();
    row.text().expect("a text")
}

#[tokio::test]
async fn sqlite_syncs_every_commit() {
    let home = Home::new(Engine::Sqlite).await;
    let mut writer = home.migrated().await;
    assert_eq!(setting(&mut writer, "PRAGMA journal_mode").await, "wal");
    let level = writer.query("PRAGMA synchronous", &[]).await.expect("read").remove(0);
    assert_eq!(level.cells().int().expect("a level"), 2, "FULL");
    // Another program may have changed the journal's kind while nobody was here.
    drop(writer);
    let mut other = home.store().writer().await.expect("a connection");
    other.query("PRAGMA journal_mode = DELETE", &[]).await.expect("changed");
    drop(other);
    let mut writer = home.store().writer().await.expect("a connection");
    assert_eq!(setting(&mut writer, "PRAGMA journal_mode").await, "wal");
}

#[tokio::test]
async fn postgres_syncs_every_commit() {
    let database = testing::postgres::fresh_database();
    let store = Store::new(database.url()).expect("an address");
    for (told, has) in [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let mut writer = store.writer().await.expect("a connection");
        let name = database.url().rsplit('/').next().expect("a name");
        let name = name.split('?').next().expect("a name");
        let tell = format!("ALTER DATABASE {name} SET synchronous_commit = {told}");
        execute(&mut writer, &tell, &[]).await.expect("told");
        let mut writer = store.writer().await.expect("a connection");
        assert_eq!(setting(&mut writer, "SHOW synchronous_commit").await, has, "{told}");
    }
}
