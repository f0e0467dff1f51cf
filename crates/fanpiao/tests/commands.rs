//! The subcommands, as a person at a terminal meets them.

#![cfg(test)]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{
    BINARY, DATA_KEY, Home, PASSWORD, Process, add_admin, ask, check, create_meal, fanpiao, must_add_admin, sign_in,
    sign_in_admin,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_unknown_setting_stops_the_start_by_its_name() {
    let home = Home::sqlite();
    let output = fanpiao(&home).arg("serve").env("FANPIAO_SERVER__LISTN", "x").output().expect("ran");
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("server.listn: unknown field") && said.contains("`listen`"), "{said}");
    let output = fanpiao(&home).args(["config", "check"]).output().expect("ran");
    assert!(output.status.success() && !text(&output.stdout).contains(sim::APP_SECRET), "{}", text(&output.stdout));
}

#[test]
fn the_packaged_settings_are_understood() {
    let packaged = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/fanpiao.toml");
    let output = Command::new(BINARY).args(["config", "check", "--config", packaged]).output().expect("ran");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_busy_port_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let output = fanpiao(&Home::sqlite()).args(["serve", "--listen", &address]).output().expect("ran");
    assert!(!output.status.success() && text(&output.stderr).contains("--listen"), "{}", text(&output.stderr));
}

#[test]
fn a_database_that_is_away_is_named() {
    let output = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--database", "postgres://nobody@127.0.0.1:1/none"])
        .output()
        .expect("ran");
    assert!(!output.status.success() && text(&output.stderr).contains("database"), "{}", text(&output.stderr));
}

#[test]
fn the_first_administrator_comes_from_the_command_line() {
    for home in [Home::sqlite(), Home::postgres()] {
        let migrated = fanpiao(&home).arg("migrate").output().expect("ran");
        assert!(text(&migrated.stdout).contains("the schema went from 0 to"), "{}", text(&migrated.stdout));
        must_add_admin(&home);
        let again = add_admin(&home);
        assert!(!again.status.success() && text(&again.stderr).contains("exists already"), "{}", text(&again.stderr));
        let world = Process::world();
        let server = Process::serve(&home, world.address);
        sign_in_admin(server.address);
        let wrong = format!(r#"{{"account":"admin","password":"{PASSWORD}!"}}"#);
        let (status, answer) = ask(server.address, "POST", "/api/v1/auth/password", &[], &wrong).expect("answered");
        assert_eq!((status, answer["error_code"].as_str()), (401, Some("INVALID_TOKEN")), "{answer}");
        assert!(check(&home).0);
    }
}

#[test]
fn somebody_is_added_with_any_role_of_the_house() {
    for home in [Home::sqlite(), Home::postgres()] {
        must_add_admin(&home);
        let world = Process::world();
        let server = Process::serve(&home, world.address);
        let bearer = format!("Bearer {}", sign_in_admin(server.address));
        let role = r#"{"code":"cook","name_zh":"厨师","name_en":"Cook","scope":"department","permissions":[]}"#;
        let made = ask(server.address, "POST", "/api/v1/admin/roles", &[("Authorization", &bearer)], role);
        assert_eq!(made.expect("answered").0, 200);
        let add = |role: &str, more: &[&str]| {
            let mut command = fanpiao(&home);
            command.args(["user", "add", "--account", role, "--role", role, "--password-stdin"]).args(more);
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
            child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("written");
            let output = child.wait_with_output().expect("ended");
            (output.status.success(), text(&output.stderr))
        };
        for (role, more, problem) in [
            (
                "king",
                &[][..],
                "no role king; the roles are member, dept_admin, store_staff, support, finance, admin, cook",
            ),
            ("cook", &[], "cook is held in a department, so it needs --department"),
            ("cook", &["--department", "NOWHERE"], "there is no department with this code"),
        ] {
            let (is_added, said) = add(role, more);
            assert!(!is_added && said.contains(problem), "{said}");
        }
        let department = r#"{"code":"KITCHEN","name":"后厨","pays":"member"}"#;
        let made = ask(server.address, "POST", "/api/v1/admin/departments", &[("Authorization", &bearer)], department);
        assert_eq!(made.expect("answered").0, 200);
        let (is_added, said) = add("cook", &["--department", "KITCHEN"]);
        assert!(is_added, "{said}");
    }
}

#[test]
fn data_keys_and_second_factors_are_seen_to_from_the_command_line() {
    let line = |id: &str| {
        let made = Command::new(BINARY).args(["keys", "new", id]).output().expect("ran");
        assert!(made.status.success(), "{}", text(&made.stderr));
        text(&made.stdout).trim().to_owned()
    };
    let (old, new) = (line("2026"), line("2027"));
    assert!(old.starts_with("2026=") && old.len() == "2026=".len() + 44 && old[5..] != new[5..]);
    let wrong = Command::new(BINARY).args(["keys", "new", "no space"]).output().expect("ran");
    assert!(!wrong.status.success());
    for home in [Home::sqlite(), Home::postgres()] {
        must_add_admin(&home);
        let ring = format!("{DATA_KEY} {old} {new}");
        let with_ring = |arguments: &[&str]| {
            fanpiao(&home).args(arguments).env("FANPIAO_SECURITY__DATA_KEYS", &ring).output().expect("ran")
        };
        let rotated = with_ring(&["keys", "rotate"]);
        assert!(
            rotated.status.success() && text(&rotated.stdout).starts_with("1 secrets"),
            "{}",
            text(&rotated.stderr)
        );
        for (account, said) in [("admin", "no second factor is on"), ("nobody", "nobody signs in with this account")] {
            let reset = ["user", "reset-second-factor", "--account", account, "--reason", "phone lost"];
            let output = with_ring(&reset);
            assert!(!output.status.success() && text(&output.stderr).contains(said), "{}", text(&output.stderr));
        }
    }
}

#[test]
fn a_short_password_is_refused() {
    let home = Home::sqlite();
    let mut command = fanpiao(&home);
    command.args(["user", "add", "--account", "a1", "--role", "admin", "--password-stdin"]);
    let output = command.stdin(Stdio::null()).output().expect("ran");
    assert!(
        !output.status.success() && text(&output.stderr).contains("12 to 256 characters"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_leaked_password_is_refused_and_a_list_that_is_none_is_told() {
    let (home, folder) = (Home::sqlite(), testing::TempDir::new());
    let list = folder.join("leaked");
    let add = || {
        let mut command = fanpiao(&home);
        command.args(["user", "add", "--account", "a1", "--role", "admin", "--password-stdin"]);
        command.env("FANPIAO_SECURITY__LEAKED_PASSWORDS", &list);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        // Where the list is none, nobody reads it.
        drop(child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()));
        let output = child.wait_with_output().expect("ended");
        (output.status.success(), text(&output.stderr))
    };
    for (lines, problem) in [
        // Of `correct horse battery`.
        ("98decc62ece399a22ed30d490ef333be7fde7385\n", "on the list of leaked ones"),
        ("password\n", "leaked: at byte 0: no line that begins with a SHA-1 hash"),
    ] {
        std::fs::write(&list, lines).expect("written");
        let (is_added, said) = add();
        assert!(!is_added && said.contains(problem), "{said}");
    }
}

/// Damage of every kind, done to the database behind everybody's back.
fn damage(home: &Home, statements: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut writer = store::Store::new(&home.url()).expect("an address").writer().await.expect("a connection");
        writer.begin().await.expect("begun");
        for sql in statements {
            writer.query(sql, &[]).await.expect("changed");
        }
        writer.commit().await.expect("committed");
    });
}

#[test]
fn books_are_repaired_from_the_command_line() {
    for home in [Home::sqlite(), Home::postgres()] {
        let world = Process::world();
        must_add_admin(&home);
        let server = Process::serve(&home, world.address);
        let admin = sign_in_admin(server.address);
        let bearer = format!("Bearer {admin}");
        let path = "/api/v1/admin/jobs/consistency-check/runs";
        let (status, runs) = ask(server.address, "GET", path, &[("Authorization", &bearer)], "").expect("answered");
        assert_eq!(status, 200, "{runs}");
        let first = create_meal(server.address, &admin, "2030-01-01", 10);
        let second = create_meal(server.address, &admin, "2030-01-02", 10);
        for name in ["li", "wang"] {
            let bearer = format!("Bearer {}", sign_in(server.address, name));
            for meal in [first, second] {
                let body = format!(r#"{{"meal_id":{meal},"quantity":2}}"#);
                let answer = ask(server.address, "POST", "/api/v1/orders", &[("Authorization", &bearer)], &body);
                assert!(answer.is_ok_and(|(status, _)| (200..300).contains(&status)));
            }
        }
        server.signal("TERM");
        assert!(server.wait().success());
        let repair = |arguments: &[&str]| {
            let output = fanpiao(&home).arg("repair").args(arguments).output().expect("ran");
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let lines = |said: &str, begin: &str| said.lines().filter(|line| line.starts_with(begin)).count();

        let (code, said, _) = repair(&[]);
        assert_eq!((code, lines(&said, "ok   ")), (Some(0), said.lines().count()), "{said}");
        assert!(said.contains("ok   balance"), "{said}");

        damage(
            &home,
            &[
                &format!("UPDATE pools SET capacity = 3, taken = 3 WHERE pool_id = {first}"),
                &format!("UPDATE meals SET status = 'canceled' WHERE meal_id = {second}"),
                "UPDATE accounts SET balance = balance + 777 WHERE owner_kind = 'member' AND entry_count = 2",
            ],
        );
        let (code, shown, _) = repair(&["--capacity", "cancel_latest"]);
        assert_eq!(code, Some(1), "{shown}");
        assert_eq!((lines(&shown, "would repair "), lines(&shown, "cannot repair ")), (4, 0), "{shown}");
        assert!(
            shown.contains(&format!(
                "would repair capacity of meal {first}: 1 portions too many, 1 orders cut, 15.00 refunded"
            )),
            "{shown}"
        );
        assert!(shown.contains("-52.23 → -60.00, 2 entries → 2") && shown.contains("nothing was changed"), "{shown}");
        assert_eq!(repair(&["--capacity", "cancel_latest"]).1, shown, "showing changes nothing");
        assert!(!check(&home).0);

        // Nobody's order is cut unless somebody has said whose.
        let (code, said, _) = repair(&["--apply"]);
        assert_eq!((code, lines(&said, "FAIL ")), (Some(1), 2), "{said}");
        assert!(
            said.contains(&format!(
                "cannot repair capacity of meal {first}: 4 ordered of 3; say who gives way with --capacity"
            )),
            "{said}"
        );
        assert!(
            said.contains(&format!("cannot repair pool of meal {first}: over_capacity, ordered 4, capacity 3")),
            "{said}"
        );
        let (code, said, _) = repair(&["--apply", "--capacity", "reduce_proportional"]);
        assert_eq!((code, lines(&said, "repaired "), lines(&said, "FAIL ")), (Some(0), 1, 0), "{said}");
        assert!(check(&home).0);
        assert_eq!(lines(&repair(&["--apply"]).1, "repaired "), 0);

        // What proves nothing is left alone.
        damage(
            &home,
            &[
                "DELETE FROM entries WHERE number = 1 AND account_id IN (SELECT MAX(account_id) FROM accounts WHERE owner_kind = 'member' AND entry_count > 1)",
            ],
        );
        let (code, said, _) = repair(&["--apply"]);
        assert_eq!((code, lines(&said, "repaired ")), (Some(1), 0), "{said}");
        assert!(
            said.contains("entries_missing, count 2, last 3") || said.contains("entries_missing, count 3, last 4"),
            "{said}"
        );
        let (code, _, said) = repair(&["--capacity", "somebody"]);
        assert!(code == Some(2) && said.contains("cancel_latest and reduce_proportional"), "{said}");
    }
}

#[test]
fn stopping_answers_what_was_asked_and_ends_well() {
    let home = Home::sqlite();
    let world = Process::world();
    must_add_admin(&home);
    let server = Process::serve(&home, world.address);
    let address = server.address;
    let admin = sign_in_admin(address);
    let meal = create_meal(address, &admin, "2030-01-01", 100);
    let tokens: Vec<_> = (0..8).map(|at| sign_in(address, &format!("m{at}"))).collect();
    let placed: usize = std::thread::scope(|scope| {
        let place = |token: &String| {
            let bearer = format!("Bearer {token}");
            let body = format!(r#"{{"meal_id":{meal},"quantity":1}}"#);
            let answer = ask(address, "POST", "/api/v1/orders", &[("Authorization", &bearer)], &body);
            usize::from(answer.is_ok_and(|(status, _)| (200..300).contains(&status)))
        };
        let running: Vec<_> = tokens.iter().map(|token| scope.spawn(move || place(token))).collect();
        server.signal("TERM");
        running.into_iter().map(|caller| caller.join().expect("ended")).sum()
    });
    assert!(server.wait().success());
    let server = Process::serve(&home, world.address);
    let bearer = format!("Bearer {admin}");
    let path = format!("/api/v1/meals/{meal}");
    let (_, answer) = ask(server.address, "GET", &path, &[("Authorization", &bearer)], "").expect("answered");
    assert_eq!(answer["data"]["ordered_quantity"], placed);
    assert!(check(&home).0);
}

#[test]
fn the_demo_starts_twice_on_the_same_folder() {
    let folder = testing::TempDir::new();
    let at = folder.join("demo");
    let start = || {
        let mut command = Command::new(BINARY);
        command.args(["demo", "--listen", "127.0.0.1:0", "--folder"]).arg(&at).env("FANPIAO_LOG__FILTER", "warn");
        Process::start(&mut command)
    };
    let first = start();
    let password = |process: &Process| {
        let line = process.printed.iter().find(|line| line.contains("  administrator")).expect("printed").clone();
        line.split_whitespace().last().expect("a password").to_owned()
    };
    let made = password(&first);
    let body = format!(r#"{{"account":"admin","password":"{made}"}}"#);
    let (status, answer) = ask(first.address, "POST", "/api/v1/auth/password", &[], &body).expect("answered");
    assert_eq!(status, 200, "{answer}");
    let token = sign_in(first.address, "zhangwei-1");
    let bearer = format!("Bearer {token}");
    let path = "/api/v1/meals?status=published";
    let (_, answer) = ask(first.address, "GET", path, &[("Authorization", &bearer)], "").expect("answered");
    assert!(answer["data"]["total_count"].as_i64().is_some_and(|count| count > 20), "{answer}");
    first.kill();
    let second = start();
    assert_eq!(password(&second), made);
}

#[test]
fn the_demo_keeps_to_loopback() {
    let folder = testing::TempDir::new();
    let output = Command::new(BINARY)
        .args(["demo", "--listen", "0.0.0.0:0", "--folder"])
        .arg(folder.join("demo"))
        .output()
        .expect("ran");
    assert!(!output.status.success() && text(&output.stderr).contains("loopback"), "{}", text(&output.stderr));
}
