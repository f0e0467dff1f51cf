//! A backup taken under load is one moment of the house, and comes back as it was.

#![cfg(test)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Home, Process, ask, check, create_meal, fanpiao, must_add_admin, sign_in, sign_in_admin};

fn run(home: &Home, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = fanpiao(home).args(arguments).output().expect("ran");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn order(server: SocketAddr, token: &str, meal: i64) -> i64 {
    let bearer = format!("Bearer {token}");
    let body = format!(r#"{{"meal_id":{meal},"quantity":1}}"#);
    let (status, answer) =
        ask(server, "POST", "/api/v1/orders", &[("Authorization", &bearer)], &body).expect("answered");
    assert!((200..300).contains(&status), "{answer}");
    answer["data"]["order_id"].as_i64().expect("an id")
}

fn ordered(server: SocketAddr, token: &str, meal: i64) -> i64 {
    let bearer = format!("Bearer {token}");
    let path = format!("/api/v1/meals/{meal}");
    let (_, answer) = ask(server, "GET", &path, &[("Authorization", &bearer)], "").expect("answered");
    answer["data"]["ordered_quantity"].as_i64().expect("a number")
}

#[test]
fn a_backup_under_load_comes_back_whole() {
    for (home, other) in [(Home::sqlite(), Home::sqlite()), (Home::postgres(), Home::postgres())] {
        let folder = testing::TempDir::new();
        let file = folder.join("house.backup");
        let name = file.to_str().expect("text");
        let world = Process::world();
        must_add_admin(&home);
        let server = Process::serve(&home, world.address);
        let (address, admin) = (server.address, sign_in_admin(server.address));
        let meal = create_meal(address, &admin, "2030-01-01", 100_000);
        let tokens: Vec<_> = (0..4).map(|at| sign_in(address, &format!("guest{at}"))).collect();
        let meals: Vec<_> = (0..60)
            .map(|at| create_meal(address, &admin, &format!("2031-{:02}-{:02}", at / 28 + 1, at % 28 + 1), 100))
            .collect();
        let acknowledged: Vec<_> = tokens.iter().map(|token| order(address, token, meal)).collect();

        let (done, placed) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for token in &tokens {
                scope.spawn(|| {
                    let mut meals = meals.iter();
                    while !done.load(Ordering::Relaxed)
                        && let Some(&meal) = meals.next()
                    {
                        order(address, token, meal);
                        placed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while placed.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            let (made, said) = run(&home, &["backup", name]);
            done.store(true, Ordering::Relaxed);
            assert!(made && said.contains("holds the database"), "{said}");
        });
        let (again, said) = run(&home, &["backup", name]);
        assert!(!again && said.contains("is there already"), "{said}");

        let (restored, said) = run(&other, &["restore", name]);
        assert!(restored && said.contains("is restored") && !said.contains("FAIL"), "{said}");
        let second = Process::serve(&other, world.address);
        // The members' sessions are part of the house.
        assert_eq!(ordered(second.address, &admin, meal), acknowledged.len() as i64);
        order(second.address, &tokens[0], create_meal(second.address, &admin, "2032-01-01", 1));
        drop(second);
        assert!(check(&other).0);
        leaves_nothing_beside(&file);
    }
}

fn leaves_nothing_beside(file: &Path) {
    let folder = file.parent().expect("a folder");
    let names: Vec<_> =
        std::fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").file_name()).collect();
    assert_eq!(names, [file.file_name().expect("a name")]);
}

#[test]
fn nothing_is_lost_by_restoring() {
    for home in [Home::sqlite(), Home::postgres()] {
        let folder = testing::TempDir::new();
        let (file, broken) = (folder.join("house.backup"), folder.join("broken"));
        let (name, broken_name) = (file.to_str().expect("text"), broken.to_str().expect("text"));
        let (made, said) = run(&home, &["backup", name]);
        assert!(!made && said.contains("no tables"), "{said}");

        let world = Process::world();
        must_add_admin(&home);
        let server = Process::serve(&home, world.address);
        let admin = sign_in_admin(server.address);
        assert!(run(&home, &["backup", name]).0);
        let meal = create_meal(server.address, &admin, "2030-01-01", 10);

        let (restored, said) = run(&home, &["restore", name]);
        assert!(!restored && said.contains("--replace"), "{said}");
        let (restored, said) = run(&home, &["restore", "--replace", name]);
        assert!(!restored && said.contains("runs on this database"), "{said}");
        server.signal("TERM");
        assert!(server.wait().success());

        let whole = std::fs::read(&file).expect("read");
        for bytes in [&b"not a backup"[..], &whole[..whole.len() / 2]] {
            std::fs::write(&broken, bytes).expect("written");
            let (restored, said) = run(&home, &["restore", "--replace", broken_name]);
            assert!(!restored && said.contains("nothing was restored"), "{said}");
        }
        let (restored, said) = run(&home, &["restore", "--replace", name]);
        assert!(restored && said.contains("what was there before is"), "{said}");
        let server = Process::serve(&home, world.address);
        let bearer = format!("Bearer {admin}");
        let path = format!("/api/v1/meals/{meal}");
        let (status, _) = ask(server.address, "GET", &path, &[("Authorization", &bearer)], "").expect("answered");
        assert_eq!(status, 404, "the meal came after the backup");
        assert!(check(&home).0);
    }
}
