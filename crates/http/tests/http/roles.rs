//! Roles, as administrators see and change them, and as they bind those who hold them.

use kernel::{Permission, Role, RoleCode};
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, on_both_engines};

const ROLES: &str = "/api/v1/admin/roles";

async fn ask(server: &Server, by: &Person, what: &str, body: Value) -> Answer {
    let (method, path) = what.split_once(' ').expect("a method and a path");
    server.ask(&format!("{method} {ROLES}{path}")).by(by).json(&body).await
}

async fn read(server: &Server, by: &Person, path: &str) -> Value {
    server.ask(&format!("GET {ROLES}{path}")).by(by).send().await.data().clone()
}

fn cook(permissions: &[&str]) -> Value {
    json!({"code": "cook", "name_zh": "厨师", "name_en": "Cook", "scope": "house", "permissions": permissions})
}

fn changed(role: &Value, permissions: &[&str]) -> Value {
    json!({"version": role["version"], "name_zh": role["name_zh"], "name_en": role["name_en"], "permissions": permissions})
}

async fn give(server: &Server, by: &Person, to: &Person, role: &str) -> Answer {
    server.ask(&format!("PUT /api/v1/admin/members/{}/roles/{role}", to.id)).by(by).send().await
}

async fn permissions(server: &Server, of: &Person) -> Value {
    server.ask("GET /api/v1/auth/me").by(of).send().await.data()["permissions"].clone()
}

on_both_engines! {
    async fn the_house_begins_with_the_roles_it_has_always_had(server: Server) {
        let admin = server.person(Role::Admin).await;
        let listed = read(&server, &admin, "").await["roles"].clone();
        let listed = listed.as_array().expect("roles");
        assert_eq!(listed.len(), Role::ALL.len());
        for (role, shown) in Role::ALL.into_iter().zip(listed) {
            let [zh, en] = role.names();
            let mut permissions = role.permissions().to_vec();
            permissions.sort_unstable();
            let expected = json!({
                "code": role.as_str(), "name_zh": zh, "name_en": en, "scope": role.scope(), "permissions": permissions,
                "built_in": true, "fixed": role == Role::Admin, "version": 1,
                "holders": if matches!(role, Role::Member | Role::Admin) { 1 } else { 0 },
            });
            assert_eq!(*shown, expected);
            assert_eq!(read(&server, &admin, &format!("/{}", role.as_str())).await, expected);
        }
        server.ask(&format!("GET {ROLES}/king")).by(&admin).send().await.failed(404, "NOT_FOUND");
    }

    async fn a_role_binds_from_the_next_request_on_at_every_server(server: Server) {
        let (admin, person) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let beside = server.beside().await;
        let made = ask(&server, &admin, "POST ", cook(&["wallet:read", "meal:write"])).await.data().clone();
        assert_eq!((&made["permissions"], &made["built_in"], &made["holders"]), (&json!(["meal:write", "wallet:read"]), &json!(false), &json!(0)));
        let totals = || server.ask("GET /api/v1/admin/wallets/totals").by(&person).send();
        totals().await.failed(403, "PERMISSION_DENIED");
        give(&server, &admin, &person, "cook").await.data();
        totals().await.data();
        let may = async || beside.authenticate(&person.token).await.expect("known").rights.allow(Permission::WalletRead);
        assert!(may().await);

        let less = ask(&server, &admin, "PUT /cook", changed(&made, &["meal:write"])).await.data().clone();
        assert_eq!((&less["version"], &less["holders"]), (&json!(2), &json!(1)));
        totals().await.failed(403, "PERMISSION_DENIED");
        assert!(!may().await);
        let mine = permissions(&server, &person).await;
        assert!(mine.as_array().is_some_and(|mine| mine.contains(&json!("meal:write")) && !mine.contains(&json!("wallet:read"))));

        // What it is from now on, sign-in says as well; the list finds who holds it.
        let found = server.ask("GET /api/v1/admin/members?role=cook").by(&admin).send().await;
        assert_eq!(found.data()["members"][0]["user_id"], json!(person.id));
        let held = ask(&server, &admin, "DELETE /cook?version=2", json!({})).await;
        assert_eq!(held.failed(400, "BUSINESS_RULE_ERROR")["holders"], json!(1));
        server.ask(&format!("DELETE /api/v1/admin/members/{}/roles/cook", person.id)).by(&admin).send().await.data();
        let late = ask(&server, &admin, "DELETE /cook?version=1", json!({})).await;
        assert_eq!(late.failed(409, "CONCURRENCY_ERROR")["version"], json!(2));
        ask(&server, &admin, "DELETE /cook?version=2", json!({})).await.data();
        give(&server, &admin, &person, "cook").await.failed(404, "NOT_FOUND");
        ask(&server, &admin, "PUT /cook", changed(&less, &[])).await.failed(404, "NOT_FOUND");
        assert_eq!(read(&server, &admin, "").await["roles"].as_array().map(Vec::len), Some(Role::ALL.len()));
        let anew = ask(&server, &admin, "POST ", cook(&[])).await.data().clone();
        assert_eq!(anew["version"], json!(4));
        beside.stop().await;
    }

    async fn what_is_wrong_is_said_by_field(server: Server) {
        let admin = server.person(Role::Admin).await;
        let with = |field: &str, value: Value| { let mut body = cook(&["meal:read"]); body[field] = value; body };
        for (field, value) in [
            ("code", json!("Cook")), ("code", json!("c")), ("code", json!("x".repeat(33))), ("name_zh", json!("")),
            ("name_en", json!("x".repeat(101))), ("scope", json!("kitchen")), ("color", json!("red")),
        ] {
            let answer = ask(&server, &admin, "POST ", with(field, value.clone())).await;
            assert_eq!(answer.wrong_fields(), [field], "{value}");
        }
        let unknown = ask(&server, &admin, "POST ", cook(&["meal:eat"])).await;
        assert!(unknown.wrong_fields()[0].starts_with("permissions"), "{}", unknown.text);
        let mut limited = cook(&["wallet:write", "meal:read"]);
        limited["scope"] = json!("store");
        let answer = ask(&server, &admin, "POST ", limited).await;
        assert_eq!(answer.wrong_fields(), ["permissions"]);
        assert!(answer.text.contains("wallet:write") && !answer.text.contains("meal:read"), "{}", answer.text);
        let taken = ask(&server, &admin, "POST ", with("code", json!("finance"))).await;
        assert_eq!(taken.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("role_taken"));
    }

    async fn the_administrators_role_stays_and_no_other_that_every_house_has_goes(server: Server) {
        let admin = server.person(Role::Admin).await;
        let own = read(&server, &admin, "/admin").await;
        let emptied = ask(&server, &admin, "PUT /admin", changed(&own, &[])).await;
        assert_eq!(emptied.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("role_fixed"));
        for role in Role::ALL {
            let gone = ask(&server, &admin, &format!("DELETE /{}?version=1", role.as_str()), json!({})).await;
            assert_eq!(gone.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("role_built_in"));
        }
        let support = read(&server, &admin, "/support").await;
        let clerk = server.person(Role::Support).await;
        server.ask("GET /api/v1/admin/exceptions").by(&clerk).send().await.data();
        ask(&server, &admin, "PUT /support", changed(&support, &["member:read"])).await.data();
        server.ask("GET /api/v1/admin/exceptions").by(&clerk).send().await.failed(403, "PERMISSION_DENIED");
    }

    async fn nobody_climbs(server: Server) {
        let admin = server.person(Role::Admin).await;
        let mut clerk = cook(&["member:read", "member:write", "role:write"]);
        clerk["code"] = json!("clerk");
        let made = ask(&server, &admin, "POST ", clerk).await.data().clone();
        let chief = server.person("clerk".parse::<RoleCode>().expect("a code")).await;

        let beyond = |answer: &Answer| {
            let details = answer.failed(403, "PERMISSION_DENIED");
            assert_eq!(details["refusal"], json!("beyond_yours"), "{}", answer.text);
            details["permissions"].clone()
        };
        let answer = ask(&server, &chief, "PUT /clerk", changed(&made, &["role:write", "job:run"])).await;
        assert_eq!(beyond(&answer), json!(["job:run"]));
        let answer = ask(&server, &chief, "POST ", cook(&["member:read", "audit:read"])).await;
        assert_eq!(beyond(&answer), json!(["audit:read"]));
        for role in ["admin", "finance"] {
            beyond(&give(&server, &chief, &chief, role).await);
        }
        let path = format!("/api/v1/admin/members/{}", admin.id);
        let taken = server.ask(&format!("DELETE {path}/roles/admin")).by(&chief).send().await;
        beyond(&taken);
        let boss = server.person_with(Role::Admin, |add| add.account = Some("boss".to_owned().try_into().expect("an account"))).await;
        let password = json!({"new_password": "a long enough one"});
        let path = format!("PUT /api/v1/admin/members/{}/password", boss.id);
        beyond(&server.ask(&path).by(&chief).json(&password).await);
        server.ask(&path).by(&admin).json(&password).await.data();

        ask(&server, &chief, "POST ", cook(&["member:read"])).await.data();
        let member = server.person(Role::Member).await;
        give(&server, &chief, &member, "cook").await.data();
    }

    async fn the_catalogue_says_what_there_is_and_what_one_may_give(server: Server) {
        let (admin, support) = (server.person(Role::Admin).await, server.person(Role::Support).await);
        for (person, role) in [(&admin, Role::Admin), (&support, Role::Support)] {
            let answer = server.ask("GET /api/v1/admin/permissions").by(person).send().await;
            let listed = answer.data()["permissions"].as_array().expect("permissions").clone();
            assert_eq!(listed.len(), Permission::ALL.len());
            for (shown, permission) in listed.iter().zip(Permission::ALL) {
                assert_eq!(shown["permission"], json!(permission));
                assert_eq!(shown["description_en"], json!(permission.doc()));
                assert!(shown["description_zh"].as_str().is_some_and(|text| !text.is_ascii()), "{shown}");
                assert_eq!(shown["scopes"], json!(permission.scopes()));
                assert_eq!(shown["may_give"], json!(role.permissions().contains(permission)), "{shown}");
            }
        }
    }

    async fn what_is_done_to_roles_is_on_record(server: Server) {
        let admin = server.person(Role::Admin).await;
        let made = ask(&server, &admin, "POST ", cook(&["meal:read"])).await.data().clone();
        ask(&server, &admin, "PUT /cook", changed(&made, &["meal:read", "meal:write"])).await.data();
        ask(&server, &admin, "DELETE /cook?version=2", json!({})).await.data();
        for (action, before, after) in [
            ("role.create", Value::Null, json!(["meal:read"])),
            ("role.edit", json!(["meal:read"]), json!(["meal:read", "meal:write"])),
            ("role.delete", json!(["meal:read", "meal:write"]), Value::Null),
        ] {
            let trail = server.ask(&format!("GET /api/v1/admin/audit?action={action}")).by(&admin).send().await;
            let record = trail.data()["records"][0].clone();
            assert_eq!(record["actor_id"], json!(admin.id));
            assert_eq!((&record["before"]["permissions"], &record["after"]["permissions"]), (&before, &after), "{record}");
        }
    }
}
