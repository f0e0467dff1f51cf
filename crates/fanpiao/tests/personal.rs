//! Who people are and where they live: in no file of the database, in no line of the log, in no answer to anybody else. And `kill -9` while
//! what an earlier program has written in clear is sealed.

#![cfg(test)]

mod common;

use std::fs::File;
use std::process::Command;

use common::{Home, Process, ask, check, fanpiao, must_add_admin, sign_in, sign_in_admin};
use serde_json::json;
use sim::mini::openid_of;

const MEMBERS: i64 = 1100;
const IN_CLEAR: &str = "SELECT COUNT(*) FROM members WHERE openid_clear IS NOT NULL";
const SEALED: &str = "SELECT COUNT(*) FROM members WHERE openid_sealed IS NOT NULL";
const DONE: &str = "SELECT COUNT(*) FROM sealing WHERE done_at IS NOT NULL";

fn run(home: &Home, sql: &str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut writer = store::Store::new(&home.url()).expect("an address").writer().await.expect("a connection");
        writer.begin().await.expect("begun");
        let rows = writer.query(sql, &[]).await.expect("run");
        writer.commit().await.expect("committed");
        rows.into_iter().next().map_or(0, |row| row.cells().int().expect("a number"))
    })
}

#[test]
fn a_server_killed_while_it_seals_goes_on_the_next_time() {
    for home in [Home::sqlite(), Home::postgres()] {
        must_add_admin(&home);
        run(
            &home,
            &format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MEMBERS}) \
                 INSERT INTO members SELECT i, 'uid-' || i, 'openid-' || i, NULL, 'm' || i, NULL, NULL, 'active', NULL, '[]', 0, 0, \
                 NULL, NULL FROM n"
            ),
        );
        run(&home, "DELETE FROM sealing");
        for left in [600, 100, 0] {
            let mut command = fanpiao(&home);
            command.args(["serve", "--listen", "127.0.0.1:0"]).env("FANPIAO_CRASH_AT", "portion-sealed");
            Process::doomed(&mut command).died_of_kill("portion-sealed");
            assert_eq!((run(&home, IN_CLEAR), run(&home, SEALED)), (left, MEMBERS - left));
            assert_eq!(run(&home, DONE), 0, "the files are not wiped yet");
        }
        let world = Process::world();
        let server = Process::serve(&home, world.address);
        assert_eq!((run(&home, IN_CLEAR), run(&home, SEALED), run(&home, DONE)), (0, MEMBERS, 1));
        server.kill();
        assert!(check(&home).0);
    }
}

const ADDRESS: &str = "Planted Person, 13800138000, Nowhere Road 7";
/// Parts of it, and what is worth as much.
const PLANTED: [&str; 3] = ["Planted Person", "13800138000", "Nowhere Road"];

/// Everything that the database's engine keeps.
fn everything(home: &Home) -> Vec<u8> {
    match home {
        Home::Sqlite(folder) => {
            let files = std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("read").path());
            files.flat_map(|path| std::fs::read(path).expect("read")).collect()
        }
        Home::Postgres(database) => {
            let dump = Command::new("pg_dump").args(["--dbname", database.url()]).output().expect("ran");
            assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
            dump.stdout
        }
        Home::Servers(url) => panic!("nobody asks for {url}"),
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn who_people_are_stands_nowhere_in_clear() {
    for home in [Home::sqlite(), Home::postgres()] {
        must_add_admin(&home);
        let (world, logs) = (Process::world(), testing::TempDir::new());
        let log = File::create(logs.join("log")).expect("a file");
        let mut command = fanpiao(&home);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("FANPIAO_WECHAT__BASE_URL", format!("http://{}", world.address));
        let ours = "info,fanpiao=trace,http_api=trace,service=trace,store=trace,wechat=trace";
        let server = Process::start(command.env("FANPIAO_LOG__FILTER", ours).stderr(log));
        let bearer = |token: String| format!("Bearer {token}");
        let (admin, buyer, other) = (
            bearer(sign_in_admin(server.address)),
            bearer(sign_in(server.address, "li")),
            bearer(sign_in(server.address, "wang")),
        );
        let buyer_again = bearer(sign_in(server.address, "li-2"));
        let by = |who: &str, what: &str, body: &str| {
            let (method, path) = what.split_once(' ').expect("a method and a path");
            let headers = [("Authorization", who), ("Idempotency-Key", "one-order")];
            ask(server.address, method, path, &headers[..if body.is_empty() { 1 } else { 2 }], body).expect("answered")
        };
        let product = json!({"name_zh": "米", "price_cents": 100, "on_sale": true, "stock": 9}).to_string();
        let (_, made) = by(&admin, "POST /api/v1/admin/products", &product);
        let order = json!({
            "product_id": made["data"]["product_id"], "quantity": 1, "pay_with": "balance", "address": ADDRESS,
        });
        for _ in 0..2 {
            let (status, placed) = by(&buyer, "POST /api/v1/shop/orders", &order.to_string());
            assert_eq!((status, placed["data"]["address"].as_str()), (200, Some(ADDRESS)), "{placed}");
        }
        let (_, own) = by(&buyer_again, "GET /api/v1/shop/orders", "");
        let order_no = own["data"]["orders"][0]["order_no"].as_str().expect("a number").to_owned();
        let (_, profile) = by(&buyer, "GET /api/v1/users/profile", "");
        let openid = openid_of("li");
        assert_eq!(profile["data"]["user_info"]["openid"].as_str(), Some(&*openid));

        let mut long = order.clone();
        long["address"] = json!(ADDRESS.repeat(20));
        let mut odd = order;
        odd["adress"] = json!(ADDRESS);
        for (who, what, body) in [
            (&buyer, "POST /api/v1/shop/orders".to_owned(), long.to_string()),
            (&buyer, "POST /api/v1/shop/orders".to_owned(), odd.to_string()),
            (&buyer, "POST /api/v1/shop/orders".to_owned(), format!("{{\"address\": \"{ADDRESS}\"")),
            (&other, format!("GET /api/v1/shop/orders/{order_no}"), String::new()),
            (&other, format!("GET /api/v1/shop/orders/{openid}"), String::new()),
            (&admin, format!("GET /api/v1/admin/members?query={}", &openid[1..]), String::new()),
            (&admin, "GET /api/v1/admin/members".to_owned(), String::new()),
            (&admin, "GET /api/v1/admin/audit".to_owned(), String::new()),
        ] {
            let (status, answer) = by(who, &what, &body);
            assert!(status < 500, "{answer}");
            for text in PLANTED.into_iter().chain([&*openid]) {
                assert!(!answer.to_string().contains(text), "{what}: {answer}");
            }
        }
        server.kill();
        let (kept, log) = (everything(&home), std::fs::read(logs.join("log")).expect("read"));
        assert!(holds(&kept, &order_no), "the search finds what is there");
        for text in PLANTED.into_iter().chain([&*openid]) {
            assert!(!holds(&kept, text), "{text} is in the database");
            assert!(!holds(&log, text), "{text} is in the log");
        }
    }
}
