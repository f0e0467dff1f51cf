use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Server, on_both_engines};

on_both_engines! {
    async fn the_ledger_shows_every_movement(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let history = |query: &str| server.ask(&format!("GET /api/v1/users/balance/history{query}")).by(&member).send();
        let empty = json!({"history": [], "total_count": 0, "page_info": {"limit": 50, "offset": 0, "has_more": false}});
        assert_eq!(*history("").await.data(), empty);

        let path = format!("/api/v1/users/balance/recharge?user_id={}&amount_cents=2000", member.id);
        let recharged = server.ask(&format!("POST {path}")).by(&admin).send().await;
        let data = recharged.data();
        assert_eq!((&data["user_id"], &data["amount_cents"], &data["balance_cents"]), (&json!(member.id), &json!(2000), &json!(2000)));

        let meal = server.meal(&admin, "2026-01-06", 5).await;
        let placed = server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal})).await;
        let order = placed.data()["order_id"].clone();
        server.ask(&format!("PUT /api/v1/orders/{order}")).by(&member).json(&json!({"quantity": 2})).await.data();
        server.ask(&format!("DELETE /api/v1/orders/{order}")).by(&member).send().await.data();

        let all = history("").await;
        let lines = all.data()["history"].as_array().expect("lines");
        let brief: Vec<_> = lines.iter().map(|line| {
            let number = |field: &str| line[field].as_i64();
            (number("amount_cents"), number("balance_after_cents"), line["related_order_id"].clone(), line["description"].as_str())
        }).collect();
        let expected = [
            (Some(3000), Some(2000), order.clone(), Some("订单退款")),
            (Some(-1500), Some(-1000), order.clone(), Some("订单变更差额")),
            (Some(-1500), Some(500), order.clone(), Some("订餐扣款")),
            (Some(2000), Some(2000), Value::Null, Some("管理员充值")),
        ];
        assert_eq!(brief, expected);
        let mut fields: Vec<_> = lines[0].as_object().expect("a line").keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["amount_cents", "balance_after_cents", "created_at", "description", "ledger_id", "related_order_id", "user_id"]);

        let page = history("?limit=2&offset=1").await;
        assert_eq!(page.data()["history"], json!(lines[1..3]));
        assert_eq!(page.data()["page_info"], json!({"limit": 2, "offset": 1, "has_more": true}));
        assert_eq!(history("?offset=4").await.data()["history"], json!([]));
        assert_eq!(history("?limit=0&offset=x").await.wrong_fields(), ["limit", "offset"]);
        server.books_are_right().await;
    }

    async fn a_recharge_may_be_tried_first(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let body = json!({"user_id": member.id, "amount_cents": 2000});
        // The ledger's id is made anew each time.
        let same = |mut data: Value| { data["ledger_id"] = Value::Null; data };
        let dry = server.ask("POST /api/v1/users/balance/recharge?dry_run=true").by(&admin).json(&body).await;
        assert_eq!(dry.message(), "试算完成，未作任何更改");
        let history = server.ask("GET /api/v1/users/balance/history").by(&member).send().await;
        assert_eq!(history.data()["total_count"], json!(0));
        let wet = server.ask("POST /api/v1/users/balance/recharge").by(&admin).json(&body).await;
        assert_eq!(same(dry.data().clone()), same(wet.data().clone()));
        let nothing = json!({"user_id": member.id, "amount_cents": 0});
        let refused = server.ask("POST /api/v1/users/balance/recharge?dry_run=true").by(&admin).json(&nothing).await;
        assert_eq!(refused.wrong_fields(), ["amount_cents"]);
    }

    async fn a_recharge_is_checked(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let recharge = |query: &str, body: Value| {
            let ask = server.ask(&format!("POST /api/v1/users/balance/recharge{query}")).by(&admin);
            async move { ask.json(&body).await }
        };
        assert_eq!(recharge("", json!({})).await.wrong_fields(), ["user_id", "amount_cents"]);
        assert_eq!(recharge("?amount_cents=1", json!({"user_id": member.id, "amount_cents": 2})).await.wrong_fields(), ["amount_cents"]);
        assert_eq!(recharge("", json!({"user_id": member.id, "amount_cents": 0})).await.wrong_fields(), ["amount_cents"]);
        assert_eq!(recharge("", json!({"user_id": member.id, "amount_cents": -5})).await.wrong_fields(), ["amount_cents"]);
        for absurd in [json!(100_000_001), json!(1.5), json!("5"), json!(null), json!(1e300)] {
            assert_eq!(recharge("", json!({"user_id": member.id, "amount_cents": absurd})).await.wrong_fields(), ["amount_cents"]);
        }
        assert_eq!(recharge("", json!({"user_id": 5, "amount_cents": 5})).await.failed(404, "NOT_FOUND")["noun"], json!("member"));
        let data = recharge("?user_id=0", json!({"amount_cents": 5})).await;
        data.failed(404, "NOT_FOUND");
        server.books_are_right().await;
    }

    async fn the_books_can_be_checked(server: Server) {
        let admin = server.person(Role::Admin).await;
        server.recharge(&admin, &admin, 100).await;
        let report = server.ask("GET /api/v1/admin/consistency").by(&admin).send().await;
        let data = report.data();
        assert_eq!(data["timestamp"], json!("2026-01-05T02:00:00.000Z"));
        assert_eq!(data["overall_status"], json!("pass"));
        let passed = |count: &str| json!({"status": "pass", count: 0, "details": []});
        for (check, count) in [
            ("balance", "inconsistent_count"), ("capacity", "over_capacity_count"), ("order_status", "inconsistent_count"),
            ("ledger", "missing_count"), ("running_balance", "inconsistent_count"), ("transfers", "inconsistent_count"),
            ("holds", "inconsistent_count"),
        ] {
            assert_eq!(data["checks"][check], passed(count), "{check}");
        }
    }
}
