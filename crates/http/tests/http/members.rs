//! Members, their wallets and departments, as administrators see them.

use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Server, on_both_engines};

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
            add.openid = Some("oWX-1234567890".to_owned());
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
            "roles": ["member"], "status": "active", "balance_cents": -1500, "overdraft_limit_cents": 2000,
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
}
