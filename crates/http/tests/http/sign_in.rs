use http_api::Limits;
use kernel::Role;
use serde_json::json;

use crate::support::{Home, Person, Server, on_both_engines};

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn a_mini_program_code_signs_in_once() {
    let server = Server::start_with_wechat(Home::sqlite()).await;
    let first = server.ask("POST /api/v1/auth/login").json(&json!({"code": "sim-alice-1"})).await;
    let data = first.data();
    assert_eq!(data["expires_in"], json!(30 * 24 * 3600));
    let info = &data["user_info"];
    assert_eq!(info["roles"], json!(["member"]));
    assert_eq!(
        info["permissions"],
        json!(["order:place", "meal:read", "wallet:own", "shop:read", "shop:buy", "cabinet:use"])
    );
    assert_eq!((&info["department"], &info["stores"]), (&json!(null), &json!([])));
    assert_eq!(info["uid"].as_str().map(str::len), Some(36));
    assert_eq!(info["time_zone"], json!("Asia/Shanghai"));

    let again = server.ask("POST /api/v1/auth/login").json(&json!({"code": "sim-alice-2"})).await;
    assert_eq!(again.data()["user_info"], *info);
    assert_ne!(again.data()["token"], data["token"]);

    let used = server.ask("POST /api/v1/auth/login").json(&json!({"code": "sim-alice-2"})).await;
    used.failed(401, "INVALID_TOKEN");

    let token = format!("Bearer {}", data["token"].as_str().expect("a token"));
    let me = server.ask("GET /api/v1/auth/me").header("authorization", &token).send().await;
    assert_eq!(me.data(), info);
}

#[tokio::test]
async fn without_wechat_nobody_signs_in_by_code() {
    let server = Server::start(Home::sqlite()).await;
    let answer = server.ask("POST /api/v1/auth/login").json(&json!({"code": "any"})).await;
    answer.failed(502, "PROVIDER_ERROR");
}

#[tokio::test]
async fn a_password_signs_in_and_a_wrong_one_says_no_more_than_a_wrong_account() {
    let server = Server::start(Home::sqlite()).await;
    let hash = service::hash_password(server.service.ambient(), "correct horse".to_owned()).await;
    server
        .person_with(Role::Admin, |add| {
            add.account = Some("boss".to_owned().try_into().expect("a name"));
            add.password_hash = Some(hash);
        })
        .await;
    let sign_in = |account: &str, password: &str| {
        let body = json!({"account": account, "password": password});
        let ask = server.ask("POST /api/v1/auth/password");
        async move { ask.json(&body).await }
    };
    let right = sign_in("boss", "correct horse").await;
    assert_eq!(right.data()["user_info"]["roles"], json!(["member", "admin"]));
    let wrong_password = sign_in("boss", "wrong").await;
    let wrong_account = sign_in("nobody", "correct horse").await;
    wrong_password.failed(401, "INVALID_TOKEN");
    wrong_account.failed(401, "INVALID_TOKEN");
    assert_eq!(wrong_password.message(), wrong_account.message());
    assert!(!wrong_password.text.contains("boss") && !wrong_password.text.contains("wrong"));
    assert_eq!(sign_in("", "x").await.wrong_fields(), ["account"]);
}

on_both_engines! {
    async fn a_token_ends_with_its_session(server: Server) {
        let (person, other) = (server.person(Role::Member).await, server.person(Role::Member).await);
        server.ask("GET /api/v1/auth/me").by(&person).send().await.data();
        let out = server.ask("POST /api/v1/auth/logout").by(&person).send().await;
        assert_eq!(*out.data(), json!(null));
        server.ask("GET /api/v1/auth/me").by(&person).send().await.failed(401, "INVALID_TOKEN");

        server.clock.advance_ms(30 * DAY_MS - 1);
        server.ask("GET /api/v1/auth/me").by(&other).send().await.data();
        server.clock.advance_ms(1);
        server.ask("GET /api/v1/auth/me").by(&other).send().await.failed(401, "INVALID_TOKEN");
    }

    async fn a_department_is_shown_with_its_member(server: Server) {
        let admin = server.person(Role::Admin).await;
        let body = json!({"code": "RD", "name": "研发部", "pays": "department"});
        let made = server.ask("POST /api/v1/admin/departments").by(&admin).json(&body).await;
        let department = made.data();
        assert_eq!((&department["code"], &department["pays"]), (&json!("RD"), &json!("department")));
        let again = server.ask("POST /api/v1/admin/departments").by(&admin).in_english().json(&body).await;
        assert_eq!(again.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("department_taken"));
        assert_eq!(again.message(), "The department code RD is taken");

        let person = server
            .person_with(Role::Member, |add| add.department = Some("RD".to_owned().try_into().expect("a code")))
            .await;
        let me = server.ask("GET /api/v1/auth/me").by(&person).send().await;
        let expected = json!({
            "department_id": department["department_id"], "code": "RD", "name": "研发部", "pays": "department",
        });
        assert_eq!(me.data()["department"], expected);
    }
}

#[tokio::test]
async fn a_leaked_password_is_nobodys() {
    let folder = testing::TempDir::new();
    let list = folder.join("leaked");
    // Of `summer at the lake`.
    std::fs::write(&list, "44D45524B289AC6458A69FB0C6B7DC50A5C3C738:12\n").expect("written");
    let list = service::LeakedPasswords::open(&list).expect("a list");
    let with_list = |settings: &mut service::Settings| settings.leaked_passwords = Some(list);
    let server = Server::start_with(Home::sqlite(), Limits::default(), with_list).await;
    let hash = service::hash_password(server.service.ambient(), "correct horse".to_owned()).await;
    let boss = server.person_with(Role::Admin, |add| {
        add.account = Some("boss".to_owned().try_into().expect("a name"));
        add.password_hash = Some(hash);
    });
    let boss = boss.await;
    let own = json!({"current_password": "correct horse", "new_password": "summer at the lake"});
    let given = format!("PUT /api/v1/admin/members/{}/password", boss.id.get());
    for (path, body) in
        [("PUT /api/v1/auth/password", own), (given.as_str(), json!({"new_password": "summer at the lake"}))]
    {
        let refused = server.ask(path).by(&boss).in_english().json(&body).await;
        assert_eq!(refused.wrong_fields(), ["new_password"], "{path}");
        assert!(refused.text.contains("list of leaked passwords"), "{}", refused.text);
    }
    let good = json!({"current_password": "correct horse", "new_password": "summer at the lakes"});
    server.ask("PUT /api/v1/auth/password").by(&boss).json(&good).await.data();
}

on_both_engines! {
    async fn a_new_password_ends_what_the_old_one_opened(server: Server) {
        let (old, new) = ("correct horse", "battery staple, and more");
        let hash = service::hash_password(server.service.ambient(), old.to_owned()).await;
        let boss = server.person_with(Role::Admin, |add| {
            add.account = Some("boss".to_owned().try_into().expect("a name"));
            add.password_hash = Some(hash);
        });
        let (boss, member) = (boss.await, server.person(Role::Member).await);
        server.clock.advance_ms(1000);
        let elsewhere = server.sign_in(&boss).await;
        let change = async |by: &Person, current: &str, new: &str| {
            let body = json!({"current_password": current, "new_password": new});
            server.ask("PUT /api/v1/auth/password").by(by).in_english().json(&body).await
        };
        let opens = async |password: &str| {
            let body = json!({"account": "boss", "password": password});
            server.ask("POST /api/v1/auth/password").json(&body).await.status == 200
        };
        let is_in = async |by: &Person| server.ask("GET /api/v1/auth/me").by(by).send().await.status == 200;

        for weak in ["short", "aaaaaaaaaaaaaaaa", "bossbossboss123", "qwertyuiop123"] {
            assert_eq!(change(&boss, old, weak).await.wrong_fields(), ["new_password"], "{weak}");
        }
        assert_eq!(change(&boss, new, new).await.wrong_fields(), ["current_password"]);
        assert_eq!(change(&member, old, new).await.failed(400, "BUSINESS_RULE_ERROR")["refusal"], "no_account");
        assert!(opens(old).await && !opens(new).await && is_in(&elsewhere).await);

        let changed = change(&boss, old, new).await;
        assert_eq!(changed.message(), "The password is changed");
        assert!(opens(new).await && !opens(old).await);
        assert_eq!((is_in(&boss).await, is_in(&elsewhere).await), (true, false));

        // Forgotten: an administrator gives another one, and nobody is in any more.
        let other = server.person(Role::Admin).await;
        let path = format!("PUT /api/v1/admin/members/{}/password", boss.id.get());
        let body = json!({"new_password": "given by the desk"});
        server.ask(&path).by(&member).json(&body).await.failed(403, "PERMISSION_DENIED");
        server.ask(&path).by(&other).json(&body).await.data();
        assert!(opens("given by the desk").await && !opens(new).await && !is_in(&boss).await);
        let trail = server.ask("GET /api/v1/admin/audit?action=member.set_password").by(&other).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(2), "{}", trail.text);
        assert!(!trail.text.contains("argon2") && !trail.text.contains("desk"));
    }
}

on_both_engines! {
    async fn sessions_are_seen_and_closed_by_whose_they_are(server: Server) {
        let (person, other) = (server.person(Role::Member).await, server.person(Role::Member).await);
        let mut phones = vec![person.clone()];
        for _ in 0..3 {
            server.clock.advance_ms(1000);
            phones.push(server.sign_in(&person).await);
        }
        let list = async |phone: &Person| server.ask("GET /api/v1/auth/sessions").by(phone).send().await.data()["sessions"].clone();
        let seen = list(&phones[1]).await;
        let sessions = seen.as_array().expect("sessions");
        let current: Vec<_> = sessions.iter().map(|session| session["current"] == json!(true)).collect();
        assert_eq!(current, [false, false, true, false], "newest first");
        let id = |at: usize| sessions[at]["session_id"].as_str().expect("an id").to_owned();

        let close = async |phone: &Person, id: &str| server.ask(&format!("DELETE /api/v1/auth/sessions/{id}")).by(phone).send().await;
        assert_eq!(close(&other, &id(0)).await.failed(404, "NOT_FOUND")["noun"], json!("session"));
        close(&phones[1], "7").await.failed(404, "NOT_FOUND");
        close(&phones[1], &id(0)).await.data();
        close(&phones[1], &id(0)).await.failed(404, "NOT_FOUND");
        server.ask("GET /api/v1/auth/me").by(&phones[3]).send().await.failed(401, "INVALID_TOKEN");
        let others = server.ask("DELETE /api/v1/auth/sessions").by(&phones[1]).send().await;
        assert_eq!(others.data()["closed"], json!(2));
        server.ask("GET /api/v1/auth/me").by(&phones[0]).send().await.failed(401, "INVALID_TOKEN");
        assert_eq!(list(&phones[1]).await.as_array().map(Vec::len), Some(1));
        assert_eq!(list(&other).await.as_array().map(Vec::len), Some(1), "nobody else is signed out");
    }

    async fn an_administrator_signs_somebody_out_everywhere(server: Server) {
        let (admin, support, person) = (server.person(Role::Admin).await, server.person(Role::Support).await, server.person(Role::Member).await);
        let phone = server.sign_in(&person).await;
        let path = format!("/api/v1/admin/members/{}/sessions", person.id);
        let seen = server.ask(&format!("GET {path}")).by(&support).send().await;
        assert_eq!(seen.data()["sessions"].as_array().map(Vec::len), Some(2));
        server.ask(&format!("DELETE {path}")).by(&support).send().await.failed(403, "PERMISSION_DENIED");
        assert_eq!(server.ask(&format!("DELETE {path}")).by(&admin).send().await.data()["closed"], json!(2));
        assert_eq!(server.ask(&format!("DELETE {path}")).by(&admin).send().await.data()["closed"], json!(0));
        for gone in [&person, &phone] {
            server.ask("GET /api/v1/auth/me").by(gone).send().await.failed(401, "INVALID_TOKEN");
        }
        let trail = server.ask("GET /api/v1/admin/audit?action=member.close_session").by(&admin).send().await;
        let records = trail.data()["records"].as_array().expect("records").clone();
        assert!(records.len() == 2 && records.iter().all(|record| record["actor_id"] == json!(admin.id) && record["object_id"] == json!(person.id)));
        server.ask("DELETE /api/v1/admin/members/7/sessions").by(&admin).send().await.failed(404, "NOT_FOUND");
        server.sign_in(&person).await;
    }
}
