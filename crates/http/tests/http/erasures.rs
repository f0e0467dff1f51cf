//! Having all of one's data handed out, and having oneself erased; and both by an administrator.

use kernel::{MemberId, Role};
use serde_json::{Value, json};

use crate::support::{Server, on_both_engines};

on_both_engines! {
    async fn a_member_has_themselves_erased(server: Server) {
        let admin = server.person(Role::Admin).await;
        let member = server.person_with(Role::Member, |add| {
            add.profile.nickname = "王小明".to_owned();
            add.openid = Some(server.openid("oWX-1234567890"));
        }).await;
        server.recharge(&admin, &member, 2000).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let order = json!({"meal_id": meal, "notes": "少辣"});
        let placed = server.ask("POST /api/v1/orders").by(&member).key("an-order").json(&order).await;
        let erase = "POST /api/v1/users/erase";
        let refused = server.ask(erase).by(&member).in_english().json(&json!({})).await;
        let details = refused.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!((&details["refusal"], &details["open"]), (&json!("open_ends"), &json!({"balance": 500, "meal_orders": 1})));
        assert_eq!(refused.message(), "First see to: the money in the wallet, open meal orders");
        let path = format!("DELETE /api/v1/orders/{}", placed.data()["order_id"]);
        server.ask(&path).by(&member).send().await.data();
        let spend = json!({"amount_cents": -2000, "reason": "paid out"});
        server.ask(&format!("POST /api/v1/admin/members/{}/adjust", member.id)).by(&admin).json(&spend).await.data();

        let tried = server.ask(&format!("{erase}?dry_run=true")).by(&member).json(&json!({})).await;
        let traces = json!({"notes": 1, "addresses": 0, "complaints": 0, "standing_orders": 0, "sessions": 1, "answers": 1});
        assert_eq!(tried.data()["traces"], traces);
        server.ask("GET /api/v1/auth/me").by(&member).send().await.data();
        let erased = server.ask(erase).by(&member).key("goodbye").json(&json!({"reason": "leaving"})).await;
        assert_eq!((&erased.data()["user_id"], &erased.data()["traces"]), (&json!(member.id), &traces));
        server.ask("GET /api/v1/auth/me").by(&member).send().await.failed(401, "INVALID_TOKEN");
        let shown = server.ask(&format!("GET /api/v1/admin/members/{}", member.id)).by(&admin).send().await;
        let nobody = format!("已注销 {}", member.id);
        assert_eq!((&shown.data()["nickname"], &shown.data()["openid"], &shown.data()["status"]), (&json!(nobody), &Value::Null, &json!("disabled")));
        let trail = server.ask("GET /api/v1/admin/audit?action=member.erase").by(&admin).send().await;
        let record = &trail.data()["records"][0];
        assert_eq!((&record["after"], &record["actor_nickname"], &record["reason"]), (&traces, &json!(nobody), &json!("leaving")));
        server.books_are_right().await;
    }

    async fn an_administrator_erases_others(server: Server) {
        let (admin, support) = (server.person(Role::Admin).await, server.person(Role::Support).await);
        let member = server.person(Role::Member).await;
        let erase = |id| format!("POST /api/v1/admin/members/{id}/erase");
        server.ask(&erase(member.id)).by(&support).json(&json!({})).await.failed(403, "PERMISSION_DENIED");
        let first = server.ask(&erase(member.id)).by(&admin).json(&json!({})).await.data().clone();
        let again = server.ask(&erase(member.id)).by(&admin).json(&json!({})).await.data().clone();
        assert_eq!(first["erased_at"], again["erased_at"]);
        let last = server.ask(&erase(admin.id)).by(&admin).json(&json!({})).await;
        assert_eq!(last.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("last_administrator"));
        server.ask(&erase(MemberId::new(5))).by(&admin).json(&json!({})).await.failed(404, "NOT_FOUND");
        let enable = json!({"status": "active"});
        let back = server.ask(&format!("PUT /api/v1/admin/members/{}/status", member.id)).by(&admin).json(&enable).await;
        assert_eq!(back.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("member_erased"));
    }

    async fn all_of_a_persons_data_is_handed_out(server: Server) {
        let (admin, support) = (server.person(Role::Admin).await, server.person(Role::Support).await);
        let member = server.person_with(Role::Member, |add| {
            add.profile.nickname = "王小明".to_owned();
            add.openid = Some(server.openid("oWX-1234567890"));
        }).await;
        server.recharge(&admin, &member, 5000).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal, "notes": "少辣"})).await.data();
        let product = json!({"name_zh": "米", "price_cents": 100, "on_sale": true, "stock": 9});
        let made = server.ask("POST /api/v1/admin/products").by(&admin).json(&product).await;
        let address = "王小明，某某路 1 号";
        let order = json!({"product_id": made.data()["product_id"], "quantity": 1, "pay_with": "balance", "address": address});
        server.ask("POST /api/v1/shop/orders").by(&member).json(&order).await.data();

        let own = server.ask("GET /api/v1/users/data/export").by(&member).send().await;
        assert_eq!((own.status.as_u16(), own.header("content-type")), (200, Some("application/json; charset=utf-8")));
        assert!(own.header("content-disposition").is_some_and(|name| name.contains(&format!("member_{}.json", member.id))));
        let names: Vec<_> = own.json.as_object().expect("an object").keys().map(String::as_str).collect();
        for name in [
            "profile", "meal_orders", "shop_orders", "openings", "cabinet_orders", "complaints", "ledger", "topups", "refunds",
            "standing_orders", "sessions",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let said = |place: &str| own.json.pointer(place).cloned().unwrap_or_default();
        for (place, expected) in [
            ("/profile/0/nickname", json!("王小明")),
            ("/profile/0/openid", json!("oWX-1234567890")),
            ("/meal_orders/0/notes", json!("少辣")),
            ("/shop_orders/0/address", json!(address)),
            ("/ledger/0/amount", json!(5000)),
            ("/ledger/2/balance_after", json!(3400)),
            ("/complaints", json!([])),
        ] {
            assert_eq!(said(place), expected, "{place}");
        }
        let path = format!("GET /api/v1/admin/members/{}/data/export", member.id);
        server.ask(&path).by(&support).send().await.failed(403, "PERMISSION_DENIED");
        assert_eq!(server.ask(&path).by(&admin).send().await.bytes, own.bytes);
        server.ask("GET /api/v1/admin/members/5/data/export").by(&admin).send().await.failed(404, "NOT_FOUND");
        let trail = server.ask("GET /api/v1/admin/audit?action=member.export").by(&admin).send().await;
        let actors: Vec<_> = trail.data()["records"].as_array().expect("records").iter().map(|record| record["actor_id"].clone()).collect();
        assert_eq!(actors, [json!(admin.id), json!(member.id)]);
    }
}
