//! Members, their wallets and departments, as administrators see them.

use kernel::{MemberId, NewGrant, Role};
use serde_json::{Value, json};

use crate::support::{Person, Server, on_both_engines};

fn names(page: &Value) -> Vec<&str> {
    let members = page["members"].as_array().expect("members");
    members.iter().map(|member| member["nickname"].as_str().expect("a name")).collect()
}

on_both_engines! {
    async fn members_are_found(server: Server) {
        let admin = server.person(Role::Admin).await;
        let department = json!({"code": "KITCHEN", "name": "后厨", "pays": "member"});
        let made = server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await;
        let kitchen = made.data()["department_id"].clone();
        let code = || Some("KITCHEN".to_owned().try_into().expect("a code"));
        let cook = server.person_with(Role::Member, |add| {
            add.department = code();
            add.profile.nickname = "王小明".to_owned();
            add.openid = Some(server.openid("oWX-1234567890"));
            add.overdraft_limit = Some(2000_u32.into());
        }).await;
        let clerk = server.person_with(Role::Finance, |add| {
            add.department = code();
            add.profile.nickname = "100%_Real!".to_owned();
            add.account = Some("Clerk".to_owned().try_into().expect("an account"));
        }).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.ask("POST /api/v1/orders").by(&cook).json(&json!({"meal_id": meal})).await.data();
        let ask = |query: &str| server.ask(&format!("GET /api/v1/admin/members{query}")).by(&clerk).send();

        let all = ask("?count=true").await.data().clone();
        assert_eq!(names(&all), ["Person 1", "王小明", "100%_Real!"]);
        assert_eq!((&all["total_count"], &all["page_info"]), (&json!(3), &json!({"limit": 50, "has_more": false, "next_cursor": null})));
        let expected = json!({
            "user_id": cook.id, "uid": "00000000-0000-4000-8000-000000000002", "openid": "34567890", "account": null,
            "nickname": "王小明", "avatar_url": null,
            "department": {"department_id": kitchen, "code": "KITCHEN", "name": "后厨", "pays": "member"},
            "roles": ["member"], "grants": [{"role": "member", "department_id": null, "store_id": null}], "status": "active", "balance_cents": -1500, "overdraft_limit_cents": 2000,
            "created_at": "2026-01-05T02:00:00.000Z",
        });
        assert_eq!(all["members"][1], expected);
        let one = server.ask(&format!("GET /api/v1/admin/members/{}", cook.id)).by(&clerk).send().await;
        assert_eq!(*one.data(), expected);
        let nobody = server.ask("GET /api/v1/admin/members/5").by(&clerk).send().await;
        assert_eq!(nobody.failed(404, "NOT_FOUND")["noun"], json!("member"));

        let id = format!("?query={}", cook.id);
        for (query, expected) in [
            ("?query=%E5%B0%8F", vec!["王小明"]),
            ("?query=person", vec!["Person 1"]),
            ("?query=CLER", vec!["100%_Real!"]),
            ("?query=0%25_r", vec!["100%_Real!"]),
            ("?query=%25%25", vec![]),
            ("?query=_", vec!["100%_Real!"]),
            ("?query=!", vec!["100%_Real!"]),
            ("?query=00000000-0000-4000-8000-000000000002", vec!["王小明"]),
            (&id, vec!["王小明"]),
            ("?department=KITCHEN", vec!["王小明", "100%_Real!"]),
            ("?department=KITCHEN&query=real", vec!["100%_Real!"]),
            ("?department=NOWHERE", vec![]),
            ("?status=disabled", vec![]),
            ("?status=active&overdrawn=true", vec!["王小明"]),
            ("?department=KITCHEN&overdrawn=true", vec!["王小明"]),
            ("?overdrawn=false&limit=1", vec!["Person 1"]),
        ] {
            let found = ask(query).await.data().clone();
            assert_eq!(names(&found), expected, "{query}");
            let counted = ask(&format!("{query}&count=true")).await.data().clone();
            let more = usize::from(query.contains("limit")) * 2;
            assert_eq!(counted["total_count"], json!(expected.len() + more), "{query}");
            assert_eq!(found.get("total_count"), None);
        }
        let first = ask("?department=KITCHEN&limit=1").await.data().clone();
        let cursor = first["page_info"]["next_cursor"].as_str().expect("another page");
        let second = ask(&format!("?department=KITCHEN&limit=1&cursor={cursor}")).await.data().clone();
        assert_eq!((names(&first), names(&second)), (vec!["王小明"], vec!["100%_Real!"]));
        assert_eq!(second["page_info"]["has_more"], json!(false));
        assert_eq!(ask("?query=&overdrawn=perhaps&status=gone&limit=0").await.wrong_fields(), ["query", "overdrawn", "status", "limit"]);
        assert_eq!(ask("?query=%00").await.wrong_fields(), ["query"]);
    }

    async fn wallets_are_shown_one_by_one_and_together(server: Server) {
        let admin = server.person(Role::Admin).await;
        let department = json!({"code": "PAYS", "name": "后厨", "pays": "department"});
        server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data();
        let (rich, poor) = (server.person(Role::Member).await, server.person(Role::Member).await);
        let guest = server.person_with(Role::Member, |add| add.department = Some("PAYS".to_owned().try_into().expect("a code"))).await;
        let totals = || async { server.ask("GET /api/v1/admin/wallets/totals").by(&admin).send().await.data().clone() };
        let zero = json!({"positive_cents": 0, "negative_cents": 0, "negative_count": 0});
        assert_eq!(totals().await, json!({"member_count": 4, "members": zero, "departments": zero, "meals_cents": 0}));

        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.recharge(&admin, &rich, 5000).await;
        for person in [&rich, &poor, &guest] {
            server.ask("POST /api/v1/orders").by(person).json(&json!({"meal_id": meal})).await.data();
        }
        let expected = json!({
            "member_count": 4,
            "members": {"positive_cents": 3500, "negative_cents": -1500, "negative_count": 1},
            "departments": {"positive_cents": 0, "negative_cents": -1500, "negative_count": 1},
            "meals_cents": 4500,
        });
        assert_eq!(totals().await, expected);

        let ask = |query: &str| server.ask(&format!("GET /api/v1/admin/members/{}/ledger{query}", rich.id)).by(&admin).send();
        let ledger = ask("").await.data().clone();
        assert_eq!((&ledger["balance_cents"], &ledger["total_count"]), (&json!(3500), &json!(2)));
        // The same lines that the member sees.
        let own = server.ask("GET /api/v1/users/balance/history").by(&rich).send().await;
        assert_eq!(ledger["history"], own.data()["history"]);
        assert_eq!(ledger["page_info"], json!({"limit": 50, "has_more": false, "next_cursor": null}));
        let first = ask("?limit=1").await.data().clone();
        assert_eq!(first["history"], json!([ledger["history"][0]]));
        let cursor = first["page_info"]["next_cursor"].as_str().expect("another page");
        let second = ask(&format!("?limit=1&cursor={cursor}")).await.data().clone();
        assert_eq!((&second["history"], &second["page_info"]["has_more"]), (&json!([ledger["history"][1]]), &json!(false)));
        let nobody = server.ask("GET /api/v1/admin/members/5/ledger").by(&admin).send().await;
        nobody.failed(404, "NOT_FOUND");
        let nothing = server.ask(&format!("GET /api/v1/admin/members/{}/ledger", admin.id)).by(&admin).send().await;
        let empty = json!({"balance_cents": 0, "history": [], "total_count": 0, "page_info": {"limit": 50, "has_more": false, "next_cursor": null}});
        assert_eq!(*nothing.data(), empty);
    }

    async fn wallets_and_members_are_changed_with_a_reason(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let path = |what: &str| format!("/api/v1/admin/members/{}/{what}", member.id);
        let adjust = |body: Value| { let ask = server.ask(&format!("POST {}", path("adjust"))).by(&admin).key("adjusted"); async move { ask.json(&body).await } };
        let body = json!({"amount_cents": -700, "reason": "多退的餐费"});
        let tried = server.ask(&format!("POST {}?dry_run=true", path("adjust"))).by(&admin).json(&body).await;
        assert_eq!(tried.message(), "试算完成，未作任何更改");
        assert_eq!((&tried.data()["amount_cents"], &tried.data()["balance_cents"]), (&json!(-700), &json!(-700)));
        let lines = server.ask("GET /api/v1/users/balance/history").by(&member).send().await;
        assert_eq!(lines.data()["total_count"], json!(0), "only tried");
        let first = adjust(body.clone()).await;
        let data = first.data();
        assert_eq!((&data["user_id"], &data["amount_cents"], &data["balance_cents"]), (&json!(member.id), &json!(-700), &json!(-700)));
        assert_eq!(adjust(body).await.data(), first.data());
        adjust(json!({"amount_cents": 1, "reason": "x"})).await.failed(409, "IDEMPOTENCY_CONFLICT");
        let ask = |body: Value| { let ask = server.ask(&format!("POST {}", path("adjust"))).by(&admin); async move { ask.json(&body).await } };
        assert_eq!(ask(json!({"amount_cents": 0, "reason": "x"})).await.wrong_fields(), ["amount_cents"]);
        assert_eq!(ask(json!({"amount_cents": 5, "reason": ""})).await.wrong_fields(), ["reason"]);
        assert_eq!(ask(json!({"amount_cents": 700, "reason": "还原"})).await.data()["balance_cents"], json!(0));
        let lines = server.ask("GET /api/v1/users/balance/history").by(&member).send().await;
        assert_eq!((&lines.data()["total_count"], &lines.data()["history"][0]["description"]), (&json!(2), &json!("管理员调整")));

        let limit = |body: Value| { let ask = server.ask(&format!("PUT {}", path("overdraft"))).by(&admin); async move { ask.json(&body).await } };
        let set = limit(json!({"limit_cents": 1000, "reason": "信用"})).await;
        assert_eq!(*set.data(), json!({"user_id": member.id, "overdraft_limit_cents": 1000}));
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let poor = server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal})).await;
        assert_eq!(poor.failed(400, "INSUFFICIENT_BALANCE")["floor_cents"], json!(-1000));
        for (body, field) in [(json!({}), "limit_cents"), (json!({"limit_cents": -1}), "limit_cents"), (json!({"limit_cents": 1, "reason": 2}), "reason")] {
            assert_eq!(limit(body).await.wrong_fields(), [field]);
        }
        assert_eq!(limit(json!({"limit_cents": null})).await.data()["overdraft_limit_cents"], Value::Null);
        server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal})).await.data();

        let status = |body: Value| { let ask = server.ask(&format!("PUT {}", path("status"))).by(&admin); async move { ask.json(&body).await } };
        let disabled = status(json!({"status": "disabled", "reason": "离职"})).await;
        assert_eq!(*disabled.data(), json!({"user_id": member.id, "status": "disabled"}));
        server.ask("GET /api/v1/auth/me").by(&member).send().await.failed(401, "INVALID_TOKEN");
        status(json!({"status": "active"})).await.data();
        server.ask("GET /api/v1/auth/me").by(&member).send().await.data();
        assert_eq!(status(json!({"status": "gone"})).await.wrong_fields(), ["status"]);
        for (what, body) in [("POST adjust", json!({"amount_cents": 1, "reason": "x"})), ("PUT overdraft", json!({"limit_cents": 1})), ("PUT status", json!({"status": "active"}))] {
            let (method, what) = what.split_once(' ').expect("two words");
            let nobody = server.ask(&format!("{method} /api/v1/admin/members/5/{what}")).by(&admin).json(&body).await;
            assert_eq!(nobody.failed(404, "NOT_FOUND")["noun"], json!("member"));
        }

        let trail = server.ask(&format!("GET /api/v1/admin/audit?object_id={}&actor_id={}", member.id, admin.id)).by(&admin).send().await;
        let said: Vec<_> = trail.data()["records"].as_array().expect("records").iter().map(|record| (record["action"].as_str(), record["reason"].as_str())).collect();
        let expected = [
            (Some("member.enable"), None), (Some("member.disable"), Some("离职")),
            (Some("member.set_overdraft"), None), (Some("member.set_overdraft"), Some("信用")),
            (Some("wallet.adjust"), Some("还原")), (Some("wallet.adjust"), Some("多退的餐费")),
        ];
        assert_eq!(said, expected);
        server.books_are_right().await;
    }

    async fn departments_are_listed_with_their_members(server: Server) {
        let admin = server.person(Role::Admin).await;
        let ask = |query: &str| server.ask(&format!("GET /api/v1/admin/departments{query}")).by(&admin).send();
        assert_eq!(ask("").await.data()["departments"], json!([]));
        for code in ["ONE", "TWO"] {
            let department = json!({"code": code, "name": code, "pays": "department"});
            server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data();
        }
        server.person_with(Role::Member, |add| add.department = Some("TWO".to_owned().try_into().expect("a code"))).await;
        let all = ask("?count=true").await.data().clone();
        let rows = all["departments"].as_array().expect("departments");
        let brief: Vec<_> = rows.iter().map(|row| (row["code"].as_str(), row["member_count"].as_i64())).collect();
        assert_eq!(brief, [(Some("ONE"), Some(0)), (Some("TWO"), Some(1))]);
        assert_eq!((&all["total_count"], &rows[1]["pays"]), (&json!(2), &json!("department")));
        let first = ask("?limit=1").await.data().clone();
        let cursor = first["page_info"]["next_cursor"].as_str().expect("another page");
        let second = ask(&format!("?limit=1&cursor={cursor}")).await.data().clone();
        assert_eq!(second["departments"], json!([rows[1]]));
    }

    async fn a_member_is_added_edited_and_given_roles(server: Server) {
        let admin = server.person(Role::Admin).await;
        for code in ["KITCHEN", "OFFICE"] {
            let department = json!({"code": code, "name": code, "pays": "member"});
            server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data();
        }
        let add = |body: Value| { let ask = server.ask("POST /api/v1/admin/members").by(&admin).key("first"); async move { ask.json(&body).await } };
        let body = json!({"nickname": "李雷", "account": "lilei", "department": "KITCHEN"});
        let added = add(body.clone()).await.data().clone();
        assert_eq!((&added["nickname"], &added["account"], &added["status"]), (&json!("李雷"), &json!("lilei"), &json!("active")));
        assert_eq!(added["grants"], json!([{"role": "member", "department_id": null, "store_id": null}]));
        assert_eq!(*add(body).await.data(), added, "the key gives the first answer again");
        let id = added["user_id"].as_i64().expect("an id");
        let ask = |what: &str, body: Value| {
            let (method, rest) = what.split_once(' ').expect("two words");
            let ask = server.ask(&format!("{method} /api/v1/admin/members{rest}")).by(&admin);
            async move { ask.json(&body).await }
        };
        let plain = ask("POST ", json!({"nickname": "只由部门报餐"})).await.data().clone();
        assert_eq!((&plain["account"], &plain["department_id"]), (&Value::Null, &Value::Null));
        ask("POST ", json!({"nickname": "又一个", "account": "lilei"})).await.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(ask("POST ", json!({"nickname": "x", "department": "NOWHERE"})).await.failed(404, "NOT_FOUND")["noun"], json!("department"));
        assert_eq!(ask("POST ", json!({"nickname": "", "account": "a b", "password": "x"})).await.wrong_fields(), ["nickname", "password"]);

        // The password comes by a call of its own, whose body is kept nowhere.
        ask(&format!("PUT /{id}/password"), json!({"new_password": "a long enough one"})).await.data();
        let sign_in = json!({"account": "lilei", "password": "a long enough one"});
        let token = server.ask("POST /api/v1/auth/password").json(&sign_in).await.data()["token"].as_str().expect("a token").to_owned();
        let lilei = Person { id: MemberId::new(id), token };

        let path = format!("PUT /{id}");
        let edited = ask(&path, json!({"nickname": "李磊", "account": "li-lei", "department": "OFFICE", "reason": "改名"})).await.data().clone();
        assert_eq!((&edited["nickname"], &edited["account"]), (&json!("李磊"), &json!("li-lei")));
        assert_eq!(ask(&path, json!({})).await.data(), &edited);
        assert_eq!(ask(&path, json!({"department": null})).await.data()["department_id"], Value::Null);
        ask(&path, json!({"department": "NOWHERE"})).await.failed(404, "NOT_FOUND");
        ask("PUT /5", json!({"nickname": "x"})).await.failed(404, "NOT_FOUND");

        let office = server.ask("GET /api/v1/admin/departments?query=offi").by(&admin).send().await.data()["departments"][0]["department_id"].clone();
        let in_office = format!("/{id}/roles/dept_admin?department_id={office}");
        server.ask("GET /api/v1/admin/members").by(&lilei).send().await.failed(403, "PERMISSION_DENIED");
        ask(&format!("PUT /{id}/roles/support"), json!({})).await.data();
        server.ask("GET /api/v1/admin/members").by(&lilei).send().await.data();
        let both = ask(&format!("PUT {in_office}"), json!({})).await.data()["grants"].clone();
        assert_eq!(both, json!([{"role": "member", "department_id": null, "store_id": null}, {"role": "dept_admin", "department_id": office, "store_id": null}, {"role": "support", "department_id": null, "store_id": null}]));
        let found = |query: &str| { let ask = server.ask(&format!("GET /api/v1/admin/members?{query}")).by(&admin); async move { names(&ask.send().await.data().clone()).join(" ") } };
        assert_eq!(found("role=dept_admin").await, "李磊");
        assert_eq!(found("role=admin&count=true").await, "Person 1");
        assert_eq!(found("role=store_staff").await, "");
        let shown = server.ask(&format!("GET /api/v1/admin/departments/{office}")).by(&admin).send().await;
        assert_eq!(shown.data()["admins"], json!([{"user_id": id, "nickname": "李磊", "account": "li-lei", "status": "active"}]));
        assert_eq!(ask(&format!("PUT /{id}/roles/dept_admin"), json!({})).await.wrong_fields(), ["department_id"]);
        assert_eq!(ask(&format!("PUT /{id}/roles/admin?department_id={office}"), json!({})).await.wrong_fields(), ["department_id"]);
        assert_eq!(ask(&format!("DELETE /{id}/roles/member"), json!({})).await.wrong_fields(), ["role"]);
        assert_eq!(ask(&format!("PUT /{id}/roles/King"), json!({})).await.wrong_fields(), ["role"]);
        assert_eq!(ask(&format!("PUT /{id}/roles/king"), json!({})).await.failed(404, "NOT_FOUND")["noun"], json!("role"));
        assert_eq!(ask(&format!("PUT /{id}/roles/store_staff?department_id={office}"), json!({})).await.wrong_fields(), ["store_id"]);
        assert_eq!(ask(&format!("PUT /{id}/roles/support?department_id={office}&store_id=1"), json!({})).await.wrong_fields(), ["store_id"]);
        ask(&format!("PUT /{id}/roles/dept_admin?department_id=5"), json!({})).await.failed(404, "NOT_FOUND");
        ask(&format!("DELETE {in_office}"), json!({})).await.data();
        ask(&format!("DELETE /{id}/roles/support"), json!({})).await.data();
        server.ask("GET /api/v1/admin/members").by(&lilei).send().await.failed(403, "PERMISSION_DENIED");

        let last = ask(&format!("DELETE /{}/roles/admin", admin.id), json!({})).await;
        assert_eq!(last.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("last_administrator"));
        ask(&format!("PUT /{id}/roles/admin"), json!({})).await.data();
        ask(&format!("DELETE /{}/roles/admin", admin.id), json!({})).await.data();
        ask(&format!("PUT /{id}/roles/support"), json!({})).await.failed(403, "PERMISSION_DENIED");

        let trail = server.ask(&format!("GET /api/v1/admin/audit?object_kind=member&object_id={id}")).by(&lilei).send().await;
        let said: Vec<_> = trail.data()["records"].as_array().expect("records").iter().rev().map(|record| record["action"].as_str().expect("a word")).collect();
        let expected = [
            "member.add", "member.set_password", "member.edit", "member.edit", "member.grant_role", "member.grant_role",
            "member.take_role", "member.take_role", "member.grant_role",
        ];
        assert_eq!(said, expected);
        let first = &trail.data()["records"][8]["after"];
        assert_eq!((first.get("nickname"), first.get("account")), (None, None), "the trail names nobody");
        let renamed = &trail.data()["records"][6];
        let office = &renamed["after"]["department"];
        let expected = json!({"department": office, "nickname_changed": true, "account_changed": true});
        assert_eq!((&renamed["after"], &renamed["reason"]), (&expected, &json!("改名")));
    }

    async fn a_department_administrator_administers_no_members(server: Server) {
        let admin = server.person(Role::Admin).await;
        let department = json!({"code": "OWN", "name": "自己的", "pays": "department"});
        let own = server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data()["department_id"].clone();
        let code = || Some("OWN".to_owned().try_into().expect("a code"));
        let boss = server.person_with(Role::Member, |add| {
            add.department = code();
            add.grants = vec![NewGrant::InOwnDepartment(Role::DeptAdmin.code())];
        }).await;
        let colleague = server.person_with(Role::Member, |add| add.department = code()).await;
        for (what, body) in [
            ("POST /members".to_owned(), json!({"nickname": "x", "department": "OWN"})),
            (format!("PUT /members/{}", colleague.id), json!({"nickname": "x"})),
            (format!("PUT /members/{}", boss.id), json!({"nickname": "x"})),
            (format!("PUT /members/{}/roles/dept_admin?department_id={own}", colleague.id), json!({})),
            (format!("DELETE /members/{}/roles/dept_admin?department_id={own}", boss.id), json!({})),
            (format!("PUT /members/{}/roles/admin", boss.id), json!({})),
            (format!("PUT /members/{}/status", colleague.id), json!({"status": "disabled"})),
            (format!("PUT /departments/{own}"), json!({"pays": "member"})),
            (format!("PUT /departments/{own}/admins/{}", colleague.id), json!({})),
        ] {
            let (method, rest) = what.split_once(' ').expect("two words");
            let refused = server.ask(&format!("{method} /api/v1/admin{rest}")).by(&boss).json(&body).await;
            refused.failed(403, "PERMISSION_DENIED");
        }
        for what in [format!("/departments/{own}"), format!("/departments/{own}/ledger"), format!("/departments/{own}/ledger/export"), "/members".to_owned()] {
            server.ask(&format!("GET /api/v1/admin{what}")).by(&boss).send().await.failed(403, "PERMISSION_DENIED");
        }
    }

    async fn a_department_is_shown_with_its_settings_and_its_ledger(server: Server) {
        let admin = server.person(Role::Admin).await;
        let department = json!({"code": "PAYS", "name": "后厨", "pays": "department"});
        let made = server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data().clone();
        let id = made["department_id"].clone();
        let guest = server.person_with(Role::Member, |add| add.department = Some("PAYS".to_owned().try_into().expect("a code"))).await;
        let patch = json!({"overdraft_limit_cents": 5000, "members_may_cancel": false});
        let edited = server.ask(&format!("PUT /api/v1/admin/departments/{id}")).by(&admin).json(&patch).await.data().clone();
        assert_eq!((&edited["created_at"], &edited["overdraft_limit_cents"]), (&made["created_at"], &json!(5000)));
        let fund = json!({"amount_cents": 2000, "reason": "三月预付"});
        server.ask(&format!("POST /api/v1/admin/departments/{id}/fund")).by(&admin).json(&fund).await.data();
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let order = server.ask("POST /api/v1/orders").by(&guest).json(&json!({"meal_id": meal})).await.data()["order_id"].clone();

        let expected = json!({
            "department_id": id, "code": "PAYS", "name": "后厨", "pays": "department", "overdraft_limit_cents": 5000,
            "members_may_cancel": false, "created_at": "2026-01-05T02:00:00.000Z", "member_count": 1, "balance_cents": 500,
        });
        let all = server.ask("GET /api/v1/admin/departments").by(&admin).send().await.data().clone();
        assert_eq!(all["departments"], json!([expected]));
        let shown = server.ask(&format!("GET /api/v1/admin/departments/{id}")).by(&admin).send().await.data().clone();
        assert_eq!(shown["admins"], json!([]));
        for (field, value) in expected.as_object().expect("fields") {
            assert_eq!(shown[field], *value, "{field}");
        }
        for (query, found) in [("?query=pay", 1), ("?query=%E5%8E%A8&count=true", 1), ("?query=%25", 0), ("?query=x&count=true", 0)] {
            let page = server.ask(&format!("GET /api/v1/admin/departments{query}")).by(&admin).send().await.data().clone();
            assert_eq!(page["departments"].as_array().map(Vec::len), Some(found), "{query}");
            assert!(page.get("total_count").is_none_or(|count| *count == json!(found)), "{query}");
        }

        let ask = |query: &str| server.ask(&format!("GET /api/v1/admin/departments/{id}/ledger{query}")).by(&admin).send();
        let ledger = ask("").await.data().clone();
        assert_eq!((&ledger["balance_cents"], &ledger["total_count"]), (&json!(500), &json!(2)));
        let (charge, grant) = (&ledger["history"][0], &ledger["history"][1]);
        assert_eq!((&charge["amount_cents"], &charge["balance_after_cents"], &charge["related_order_id"]), (&json!(-1500), &json!(500), &order));
        assert_eq!(charge["member"], json!({"user_id": guest.id, "nickname": "Person 2"}));
        assert_eq!((&grant["amount_cents"], &grant["description"], &grant["member"]), (&json!(2000), &json!("管理员充值"), &Value::Null));
        let first = ask("?limit=1").await.data().clone();
        assert_eq!(first["history"], json!([charge]));
        let cursor = first["page_info"]["next_cursor"].as_str().expect("another page");
        let second = ask(&format!("?limit=1&cursor={cursor}")).await.data().clone();
        assert_eq!((&second["history"], &second["page_info"]["has_more"]), (&json!([grant]), &json!(false)));
        for what in ["", "/ledger", "/ledger/export"] {
            let nowhere = server.ask(&format!("GET /api/v1/admin/departments/5{what}")).by(&admin).send().await;
            assert_eq!(nowhere.failed(404, "NOT_FOUND")["noun"], json!("department"));
        }
        server.books_are_right().await;
    }
}
