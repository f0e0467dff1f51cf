//! What is said to a PostgreSQL server cannot be read or answered by another.

#![cfg(test)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use common::assert_says;
use store::Store;
use testing::postgres::{Cluster, fresh_database_on};

/// A server on 127.0.0.1 that the first authority vouches for, and that takes nothing unencrypted.
struct House {
    cluster: Cluster,
    folder: testing::TempDir,
}

/// See tls/README.md for how they were made.
fn authority(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

impl House {
    async fn open() -> Self {
        let house = Self { cluster: Cluster::start().expect("a server"), folder: testing::TempDir::new() };
        let home = house.cluster.socket_folder();
        let owner = fs::metadata(home).expect("there");
        for name in ["server.crt", "server.key"] {
            let file = home.join(name);
            fs::copy(authority(name), &file).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("kept");
            chown(&file, Some(owner.uid()), Some(owner.gid())).expect("given");
        }
        let store = Store::new(&house.cluster.url()).expect("an address");
        let mut writer = store.writer().await.expect("not encrypted yet");
        for setting in ["ssl_cert_file = '../server.crt'", "ssl_key_file = '../server.key'", "ssl = on"] {
            writer.query(&format!("ALTER SYSTEM SET {setting}"), &[]).await.expect("set");
        }
        let rules = "local all all trust\nhostssl all all all trust\n";
        fs::write(home.join("data/pg_hba.conf"), rules).expect("written");
        writer.query("SELECT CAST(pg_reload_conf() AS INT)", &[]).await.expect("read again");
        for tries in 0.. {
            assert!(tries < 600, "the settings are not read");
            if store.writer().await.is_err() {
                return house;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        unreachable!("it is counted")
    }

    fn url(&self, parameters: &str) -> String {
        format!("{}?{parameters}", self.cluster.url())
    }

    fn trusting(&self, authority: &Path) -> String {
        self.url(&format!("sslmode=verify-full&sslrootcert={}", authority.display()))
    }
}

async fn refusal(url: &str) -> store::Error {
    Store::new(url).expect("an address").writer().await.err().expect("refused")
}

#[tokio::test]
async fn a_server_is_believed_for_its_certificate_only() {
    let house = House::open().await;
    let store = Store::new(&house.trusting(&authority("authority.crt"))).expect("an address");
    let mut writer = store.writer().await.expect("encrypted");
    let encrypted = "SELECT CAST(ssl AS INT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let found = writer.query(encrypted, &[]).await.expect("read").remove(0).cells().int();
    assert_eq!(found.expect("a number"), 1);
    assert_eq!(store.query(encrypted, vec![]).await.expect("read").remove(0).cells().int().expect("a number"), 1);

    assert_says(&refusal(&house.cluster.url()).await, "no encryption");
    assert_says(&refusal(&house.url("sslmode=require")).await, "certificate");
    assert_says(&refusal(&house.trusting(&authority("other.crt"))).await, "UnknownIssuer");
    let elsewhere = house.trusting(&authority("authority.crt")).replace("127.0.0.1", "localhost");
    assert_says(&refusal(&elsewhere).await, "not valid for name");
}

#[tokio::test]
async fn backups_are_encrypted_on_the_way() {
    let house = House::open().await;
    let database = fresh_database_on(&house.url("sslmode=require"));
    let url = database.url().replace("sslmode=require", "");
    let trusting = format!("{url}sslmode=verify-full&sslrootcert={}", authority("authority.crt").display());
    let store = Store::new(&trusting).expect("an address");
    store.writer().await.expect("encrypted").migrate(common::NOW).await.expect("migrated");
    let file = house.folder.join("backup");
    store.backup(&file).await.expect("written");
    store.examine(&file).await.expect("whole");

    let fooled = Store::new(&format!("{url}sslmode=verify-full&sslrootcert={}", authority("other.crt").display()))
        .expect("an address");
    let refused = fooled.backup(&house.folder.join("stolen")).await.expect_err("refused");
    assert_says(&refused, "certificate verify failed");
}

#[test]
fn an_address_says_what_is_wrong_with_it() {
    let folder = testing::TempDir::new();
    let empty = folder.join("empty.pem");
    fs::write(&empty, "").expect("written");
    let empty = format!("sslmode=verify-full&sslrootcert={}", empty.display());
    for (parameters, word) in [
        ("sslmode=prefer", "sslmode is disable, require or verify-full"),
        ("sslrootcert=ca.pem", "needs sslmode=verify-full"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"),
        (&empty, "holds no certificate"),
        ("host=/run/postgresql&sslmode=require", "the server's name"),
        ("colour=red", "cannot be read"),
    ] {
        let url = format!("postgres://fanpiao@/fanpiao?{parameters}");
        assert_says(&Store::new(&url).err().expect("refused"), word);
    }
    assert!(Store::new("postgres://fanpiao@db/fanpiao?sslmode=disable&connect_timeout=3").is_ok());
}
