//! Databases of programs from before, as their own `backup` wrote them, come back, are brought forward and go on.

#![cfg(test)]

mod common;

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

use common::{Home, Process, ask, check, create_meal, fanpiao, sign_in, sign_in_admin};
use serde_json::json;

/// What somebody had when the database was kept.
struct Had {
    login: &'static str,
    nickname: &'static str,
    balance_cents: i64,
    spent_cents: i64,
}

fn profile(server: SocketAddr, token: &str) -> serde_json::Value {
    let bearer = format!("Bearer {token}");
    let (status, answer) =
        ask(server, "GET", "/api/v1/users/profile", &[("Authorization", &bearer)], "").expect("answered");
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

/// In the demo's house of every program so far.
const MEMBERS: [Had; 3] = [
    Had { login: "zhangwei", nickname: "张伟", balance_cents: 8_700, spent_cents: 45_200 },
    Had { login: "wangfang", nickname: "王芳", balance_cents: 66_300, spent_cents: 18_600 },
    Had { login: "zhuyan", nickname: "朱燕", balance_cents: 104_200, spent_cents: 18_200 },
];

fn brought_forward(step: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/kept");
    let scratch = testing::TempDir::new();
    let sqlite = scratch.join("kept.db");
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(folder.join(format!("{step}.sqlite.gz"))).expect("kept");
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("unpacked");
    std::fs::write(&sqlite, bytes).expect("written");
    let postgres = folder.join(format!("{step}.postgres"));

    for (home, file) in [(Home::sqlite(), sqlite), (Home::postgres(), postgres)] {
        let output = fanpiao(&home).arg("restore").arg(&file).output().expect("ran");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let from = step.trim_start_matches('0');
        assert!(output.status.success() && said.contains(&format!("the schema went from {from} to ")), "{said}");

        let world = Process::world();
        let server = Process::serve(&home, world.address);
        let address = server.address;
        let admin = sign_in_admin(address);
        let meal = create_meal(address, &admin, "2090-01-01", MEMBERS.len() as i64);
        for member in &MEMBERS {
            let token = sign_in(address, &format!("{}-1", member.login));
            let now = profile(address, &token);
            let seen = (&now["user_info"]["nickname"], &now["user_info"]["balance_cents"]);
            assert_eq!(seen, (&json!(member.nickname), &json!(member.balance_cents)), "{step} {}", file.display());
            assert_eq!(now["lifetime_stats"]["total_spent_cents"], json!(member.spent_cents), "{step}");

            let body = format!(r#"{{"meal_id":{meal},"quantity":1}}"#);
            let headers = [("Authorization", &*format!("Bearer {token}"))];
            let (status, answer) = ask(address, "POST", "/api/v1/orders", &headers, &body).expect("answered");
            assert!((200..300).contains(&status), "{answer}");
            assert_eq!(profile(address, &token)["lifetime_stats"]["total_spent_cents"], member.spent_cents + 1500);
        }
        server.signal("TERM");
        assert!(server.wait().success());
        let (passes, said) = check(&home);
        assert!(passes, "{said}");
    }
}

#[test]
fn from_before_the_cabinets() {
    brought_forward("0013");
}

#[test]
fn from_before_personal_data_was_sealed() {
    brought_forward("0023");
}

#[test]
fn from_before_roles_were_rows() {
    brought_forward("0027");
}
