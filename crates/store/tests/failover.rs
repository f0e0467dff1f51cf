//! A database on two servers, of which one writes: it is found, whatever its place in the address, and followed.

#![cfg(test)]

mod common;

use common::{NOW, assert_says};
use store::{Cause, Store, Writer};
use testing::postgres::{Cluster, Database, fresh_database_on, run_sql};

/// A primary with a standby, and a database on both.
struct Pair {
    /// First, so that it is dropped while its server is still there.
    database: Database,
    primary: Cluster,
    standby: Cluster,
}

impl Pair {
    fn start() -> Self {
        let primary = Cluster::start().expect("a server");
        let database = fresh_database_on(&primary.url());
        let standby = Cluster::start_standby_of(&primary).expect("a standby");
        Self { database, primary, standby }
    }

    /// The standby stands first.
    fn url(&self) -> String {
        both(self.database.url(), &self.primary, &self.standby.address())
    }

    fn store(&self) -> Store {
        Store::new(&self.url()).expect("an address")
    }

    /// Waits until the standby has what was written last.
    fn is_followed(&self, number: i64) {
        let url = self.database.url().replace(&self.primary.address(), &self.standby.address());
        for _ in 0..600 {
            if run_sql(&url, "SELECT MAX(number) FROM written").is_ok_and(|found| found == number.to_string()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the standby does not follow");
    }
}

fn both(url: &str, primary: &Cluster, first: &str) -> String {
    let own = primary.address();
    assert!(url.contains(&own), "{url}");
    url.replace(&own, &format!("{first},{own}"))
}

async fn write(writer: &mut Writer, number: i64) -> Result<(), store::Error> {
    common::execute(writer, &format!("INSERT INTO written (number) VALUES ({number})"), &[]).await
}

async fn read(store: &Store) -> Vec<i64> {
    let rows = store.query("SELECT number FROM written ORDER BY number", vec![]).await.expect("read");
    rows.into_iter().map(|row| row.cells().int().expect("a number")).collect()
}

/// Where a reader's connection leads.
async fn reads_from(store: &Store) -> String {
    let rows = store.query("SELECT current_setting('port')", vec![]).await.expect("read");
    rows.into_iter().next().expect("a row").cells().text().expect("a text")
}

fn port(cluster: &Cluster) -> String {
    cluster.address().split_once(':').expect("a port").1.to_owned()
}

#[tokio::test]
async fn the_server_that_writes_is_found_and_followed() {
    let mut pair = Pair::start();
    let store = pair.store();
    let mut writer = store.writer().await.expect("the primary");
    writer.migrate(NOW).await.expect("migrated");
    writer.script("CREATE TABLE written (number BIGINT PRIMARY KEY)").await.expect("created");
    write(&mut writer, 1).await.expect("written");
    pair.is_followed(1);
    assert_eq!((read(&store).await, reads_from(&store).await), (vec![1], port(&pair.primary)));

    // Whoever names the standby alone reads there, and is told at once where it cannot write.
    let alone = pair.database.url().replace(&pair.primary.address(), &pair.standby.address());
    let mut wrong = Store::new(&alone).expect("an address").writer().await.expect("a connection");
    let refused = write(&mut wrong, 2).await.expect_err("it is a standby");
    assert_eq!(refused.cause, Cause::Lost, "{refused}");
    assert!(wrong.is_closed(), "nobody goes on there");
    let finding = format!("{alone}?target_session_attrs=read-write");
    let refused = Store::new(&finding).expect("an address").writer().await.err().expect("refused");
    assert_says(&refused, "does not allow writes");

    pair.primary.crash().expect("stopped");
    let refused = write(&mut writer, 2).await.expect_err("it is gone");
    assert_eq!(refused.cause, Cause::Lost, "{refused}");
    assert!(writer.is_closed());
    let nobody = store.writer().await.err().expect("nobody writes");
    assert_eq!(nobody.cause, Cause::Lost, "{nobody}");
    for server in [&pair.primary, &pair.standby] {
        assert_says(&nobody, &server.address());
    }

    pair.standby.promote().expect("promoted");
    let mut writer = store.writer().await.expect("the one that was a standby");
    write(&mut writer, 2).await.expect("written");
    assert_eq!((read(&store).await, reads_from(&store).await), (vec![1, 2], port(&pair.standby)));
    // Its database is dropped with it.
    std::mem::forget(pair.database);
}

/// A primary that another has taken over from and that is still there, told to write nothing.
#[tokio::test]
async fn a_server_that_writes_no_more_is_left_at_once() {
    let mut pair = Pair::start();
    let store = Store::new(&both(pair.database.url(), &pair.primary, &pair.standby.address())).expect("an address");
    let mut writer = store.writer().await.expect("the primary");
    writer.migrate(NOW).await.expect("migrated");
    writer.script("CREATE TABLE written (number BIGINT PRIMARY KEY)").await.expect("created");
    write(&mut writer, 1).await.expect("written");
    pair.is_followed(1);
    assert_eq!(reads_from(&store).await, port(&pair.primary));

    pair.standby.promote().expect("promoted");
    run_sql(&pair.primary.url(), "ALTER SYSTEM SET default_transaction_read_only = on").expect("told");
    run_sql(&pair.primary.url(), "SELECT pg_reload_conf()").expect("read again");
    let refused = loop {
        // Until the connection's own process has read the settings again.
        match common::execute(&mut writer, "UPDATE written SET number = number", &[]).await {
            Ok(()) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Err(refused) => break refused,
        }
    };
    assert_says(&refused, "25006");
    assert!(writer.is_closed(), "nobody goes on there");
    // An open connection of a reader still leads there; it is not used once the other is known.
    let mut writer = store.writer().await.expect("the other");
    write(&mut writer, 2).await.expect("written");
    assert_eq!((read(&store).await, reads_from(&store).await), (vec![1, 2], port(&pair.standby)));
    std::mem::forget(pair.database);
}

#[tokio::test]
async fn backups_go_to_the_server_that_writes() {
    let pair = Pair::start();
    let store = pair.store();
    let mut writer = store.writer().await.expect("the primary");
    writer.migrate(NOW).await.expect("migrated");
    writer.script("CREATE TABLE written (number BIGINT PRIMARY KEY)").await.expect("created");
    write(&mut writer, 1).await.expect("written");
    let folder = testing::TempDir::new();
    let file = folder.join("backup");
    store.backup(&file).await.expect("written");
    store.examine(&file).await.expect("whole");

    // What cannot be done on a standby at all.
    let other = fresh_database_on(&pair.primary.url());
    let store = Store::new(&both(other.url(), &pair.primary, &pair.standby.address())).expect("an address");
    store.restore(&file).await.expect("restored");
    assert_eq!((read(&store).await, reads_from(&store).await), (vec![1], port(&pair.primary)));
}
