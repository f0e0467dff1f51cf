use kernel::Role;
use serde_json::json;

use crate::support::{Server, on_both_engines};

on_both_engines! {
    async fn a_week_is_copied_into_another(server: Server) {
        let admin = server.person(Role::Admin).await;
        let closing = json!({
            "date": "2026-01-11", "slot": "dinner", "base_price_cents": 900, "capacity": 7, "status": "published",
            "orders_close_at": "2026-01-10T16:30:00Z",
        });
        server.ask("POST /api/v1/meals").by(&admin).json(&closing).await.data();
        for date in ["2026-01-04", "2026-01-05", "2026-01-06", "2026-01-12", "2026-01-20"] {
            server.meal(&admin, date, 5).await;
        }
        let gone = server.meal(&admin, "2026-01-07", 5).await;
        server.ask(&format!("POST /api/v1/meals/{gone}/cancel")).by(&admin).send().await.data();
        let ask = |to: &str| { let ask = server.ask("POST /api/v1/meals/copy-week").by(&admin).key("week"); let body = json!({"from": "2026-01-11", "to": to}); async move { ask.json(&body).await } };
        let first = ask("2026-01-21").await;
        let data = first.data();
        assert_eq!((&data["success_count"], &data["failed_count"]), (&json!(2), &json!(1)));
        let brief: Vec<_> = data["details"].as_array().expect("rows").iter().map(|row| (row["date"].as_str(), row["error_code"].as_str())).collect();
        assert_eq!(brief, [(Some("2026-01-19"), None), (Some("2026-01-20"), Some("BUSINESS_RULE_ERROR")), (Some("2026-01-25"), None)]);
        assert_eq!(ask("2026-01-21").await.data(), data);
        ask("2026-02-21").await.failed(409, "IDEMPOTENCY_CONFLICT");
        // Even where nothing is there to copy, or nothing was.
        let other = |from: &str, key: &str| { let ask = server.ask("POST /api/v1/meals/copy-week").by(&admin).key(key); let body = json!({"from": from, "to": "2026-03-01"}); async move { ask.json(&body).await } };
        other("2026-06-01", "week").await.failed(409, "IDEMPOTENCY_CONFLICT");
        assert_eq!(other("2026-06-01", "empty").await.data()["details"], json!([]));
        other("2026-01-11", "empty").await.failed(409, "IDEMPOTENCY_CONFLICT");
        let shown = server.ask(&format!("GET /api/v1/meals/{}", data["details"][2]["meal_id"])).by(&admin).send().await;
        let meal = shown.data();
        assert_eq!((&meal["status"], &meal["capacity"], &meal["slot"]), (&json!("draft"), &json!(7), &json!("dinner")));
        assert_eq!(meal["orders_close_at"], json!("2026-01-24T16:30:00.000Z"));
        let end = server.ask("POST /api/v1/meals/copy-week").by(&admin).json(&json!({"from": "2026-01-11", "to": "2199-12-31"})).await;
        assert_eq!(end.wrong_fields(), ["to"]);
    }

    async fn a_change_may_be_tried_first(server: Server) {
        // Whoever steers the meal has an order too, and sees what becomes of it.
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let draft = json!({"date": "2026-01-07", "slot": "lunch", "base_price_cents": 1500, "capacity": 5});
        let made = server.ask("POST /api/v1/meals").by(&admin).json(&draft).await;
        let meal = made.data()["meal_id"].clone();
        let same = async |method: &str, what: &str, body: serde_json::Value| {
            server.clock.advance_ms(500);
            let path = format!("{method} /api/v1/meals/{meal}{what}");
            let before = server.ask(&format!("GET /api/v1/meals/{meal}")).by(&admin).send().await;
            let dry = server.ask(&format!("{path}?dry_run=true")).by(&admin).json(&body).await;
            let after = server.ask(&format!("GET /api/v1/meals/{meal}")).by(&admin).send().await;
            assert_eq!(before.data(), after.data(), "{path}");
            let wet = server.ask(&path).by(&admin).json(&body).await;
            assert_eq!((dry.status, &dry.json["data"], &dry.json["details"]), (wet.status, &wet.json["data"], &wet.json["details"]), "{path}");
            if dry.status.is_success() {
                assert_eq!(dry.message(), "试算完成，未作任何更改");
            }
            let data = &wet.json["data"];
            (data["status"].clone(), data["my_order"]["status"].clone(), data["orders_changed"].clone(), data["refunded_cents"].clone())
        };
        let order = async || {
            for person in [&admin, &member] {
                server.ask("POST /api/v1/orders").by(person).json(&json!({"meal_id": meal})).await.data();
            }
        };
        let none = serde_json::Value::Null;
        assert_eq!(same("POST", "/publish", json!({})).await, (json!("published"), none.clone(), json!(0), json!(0)));
        order().await;
        assert_eq!(same("PUT", "", json!({"title": "面"})).await, (json!("published"), json!("active"), json!(0), json!(0)));
        assert_eq!(same("PUT", "", json!({"capacity": 1})).await.0, none);
        assert_eq!(same("POST", "/repost", json!({"base_price_cents": 1000})).await, (json!("published"), none.clone(), json!(2), json!(3000)));
        order().await;
        assert_eq!(same("POST", "/lock", json!({})).await, (json!("locked"), json!("locked"), json!(2), json!(0)));
        assert_eq!(same("POST", "/lock", json!({})).await.0, none);
        assert_eq!(same("POST", "/unlock", json!({})).await, (json!("published"), json!("active"), json!(2), json!(0)));
        assert_eq!(same("POST", "/cancel", json!({"reason": "停电"})).await, (json!("canceled"), none.clone(), json!(2), json!(2000)));

        let other = server.meal(&admin, "2026-01-08", 5).await;
        server.ask("POST /api/v1/orders").by(&admin).json(&json!({"meal_id": other})).await.data();
        server.ask(&format!("POST /api/v1/meals/{other}/lock")).by(&admin).send().await.data();
        let dry = server.ask(&format!("POST /api/v1/meals/{other}/complete?dry_run=true")).by(&admin).send().await;
        let wet = server.ask(&format!("POST /api/v1/meals/{other}/complete")).by(&admin).send().await;
        assert_eq!((dry.data(), &dry.data()["my_order"]["status"]), (wet.data(), &json!("completed")));
        server.books_are_right().await;
    }

    async fn a_meal_has_all_its_fields(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = json!({
            "date": "2026-01-06", "slot": "dinner", "description": "家常", "base_price_cents": 1200, "capacity": 40,
            "options": [{"name": "加蛋", "price_cents": 150}, {"id": "rice", "name": "不要饭", "price_cents": -100}],
            "orders_close_at": "2026-01-06T08:00:00Z",
        });
        let made = server.ask("POST /api/v1/meals").by(&admin).json(&meal).await;
        let id = made.data()["meal_id"].clone();
        let expected = json!({
            "meal_id": id, "date": "2026-01-06", "slot": "dinner", "title": null, "description": "家常",
            "base_price_cents": 1200, "capacity": 40, "ordered_quantity": 0, "available_capacity": 40, "status": "draft",
            "options": [{"id": 1, "name": "加蛋", "price_cents": 150}, {"id": "rice", "name": "不要饭", "price_cents": -100}],
            "orders_close_at": "2026-01-06T08:00:00.000Z", "pickup_windows": [], "my_order": null,
            "created_at": "2026-01-05T02:00:00.000Z", "updated_at": "2026-01-05T02:00:00.000Z",
        });
        let mut changed = expected.clone();
        changed["orders_changed"] = json!(0);
        changed["refunded_cents"] = json!(0);
        assert_eq!(*made.data(), changed);
        let shown = server.ask(&format!("GET /api/v1/meals/{id}")).by(&admin).send().await;
        assert_eq!(*shown.data(), expected);

        let again = server.ask("POST /api/v1/meals").by(&admin).in_english().json(&meal).await;
        let details = again.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(*details, json!({"refusal": "date_taken", "date": "2026-01-06", "slot": "dinner", "meal_id": id}));
        assert_eq!(again.message(), "There is a dinner on 2026-01-06 already");
    }

    async fn drafts_are_seen_by_their_authors_only(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = json!({"date": "2026-01-06", "slot": "lunch", "base_price_cents": 1000, "capacity": 5});
        let made = server.ask("POST /api/v1/meals").by(&admin).json(&meal).await;
        let id = made.data()["meal_id"].as_i64().expect("an id");
        for path in ["/api/v1/meals", "/api/v1/meals/calendar?month=2026-01"] {
            let seen = server.ask(&format!("GET {path}")).by(&member).send().await;
            assert_eq!(seen.data()["meals"], json!([]));
            let seen = server.ask(&format!("GET {path}")).by(&admin).send().await;
            assert_eq!(seen.data()["meals"][0]["meal_id"], json!(id));
        }
        let hidden = server.ask(&format!("GET /api/v1/meals/{id}")).by(&member).send().await;
        assert_eq!(hidden.failed(404, "NOT_FOUND")["noun"], json!("meal"));
        assert_eq!(hidden.message(), "没有这个餐次");

        let ask = |what: &str| server.ask(&format!("POST /api/v1/meals/{id}/{what}")).by(&admin).send();
        ask("lock").await.failed(400, "INVALID_STATUS_TRANSITION");
        ask("unlock").await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!(ask("publish").await.data()["status"], json!("published"));
        server.ask(&format!("GET /api/v1/meals/{id}")).by(&member).send().await.data();
        assert_eq!(ask("lock").await.data()["status"], json!("locked"));
        let refused = ask("publish").await;
        assert_eq!(*refused.failed(400, "INVALID_STATUS_TRANSITION"), json!({"refusal": "meal_step", "from": "locked", "to": "published"}));
        assert_eq!(refused.message(), "餐次已锁定，请改用解锁");
        assert_eq!(ask("unlock").await.data()["status"], json!("published"));
        ask("complete").await.failed(400, "INVALID_STATUS_TRANSITION");
        ask("lock").await.data();
        assert_eq!(ask("complete").await.data()["status"], json!("completed"));
        let refused = ask("cancel").await;
        assert_eq!(*refused.failed(400, "INVALID_STATUS_TRANSITION"), json!({"refusal": "meal_step", "from": "completed", "to": "canceled"}));
    }

    async fn lists_are_in_the_order_of_eating(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        for (date, slot) in [("2026-01-31", "dinner"), ("2026-01-31", "lunch"), ("2026-01-31", "breakfast"), ("2026-02-01", "lunch"), ("2026-01-01", "lunch")] {
            let meal = json!({"date": date, "slot": slot, "base_price_cents": 1000, "capacity": 5, "status": "published"});
            server.ask("POST /api/v1/meals").by(&admin).json(&meal).await.data();
        }
        let list = |query: &str| server.ask(&format!("GET /api/v1/meals{query}")).by(&member).send();
        let names = |answer: &crate::support::Answer| -> Vec<String> {
            let meals = answer.data()["meals"].as_array().expect("meals");
            meals.iter().map(|meal| format!("{} {}", meal["date"].as_str().unwrap_or(""), meal["slot"].as_str().unwrap_or(""))).collect()
        };
        let all = list("").await;
        assert_eq!(names(&all), ["2026-01-01 lunch", "2026-01-31 breakfast", "2026-01-31 lunch", "2026-01-31 dinner", "2026-02-01 lunch"]);
        assert_eq!(all.data()["page_info"], json!({"limit": 50, "offset": 0, "has_more": false}));
        let page = list("?date_from=2026-01-31&date_to=2026-01-31&limit=2").await;
        assert_eq!(names(&page), ["2026-01-31 breakfast", "2026-01-31 lunch"]);
        assert_eq!((&page.data()["total_count"], &page.data()["page_info"]["has_more"]), (&json!(3), &json!(true)));
        let rest = list("?date_from=2026-01-31&date_to=2026-01-31&limit=2&offset=2").await;
        assert_eq!(names(&rest), ["2026-01-31 dinner"]);
        assert_eq!(rest.data()["page_info"], json!({"limit": 2, "offset": 2, "has_more": false}));
        assert_eq!(names(&list("?status=canceled").await), [""; 0]);
        assert_eq!(list("?status=eaten&limit=101&offset=-1&page=2&date_from=01-01").await.wrong_fields(), ["status", "limit", "offset", "page", "date_from"]);

        let calendar = |query: &str| server.ask(&format!("GET /api/v1/meals/calendar{query}")).by(&member).send();
        let january = calendar("").await;
        assert_eq!(january.data()["month"], json!("2026-01"));
        assert_eq!(names(&january).len(), 4);
        assert_eq!(names(&calendar("?month=2026-02").await), ["2026-02-01 lunch"]);
        assert_eq!(calendar("?month=2026-13").await.wrong_fields(), ["month"]);
    }

    async fn a_dangerous_edit_needs_a_repost(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let order = json!({"meal_id": meal, "quantity": 3});
        server.ask("POST /api/v1/orders").by(&member).json(&order).await.data();

        let path = format!("/api/v1/meals/{meal}");
        let edit = |body: serde_json::Value| { let ask = server.ask(&format!("PUT {path}")).by(&admin); async move { ask.json(&body).await } };
        let safe = edit(json!({"title": "糖醋鱼", "capacity": 3, "orders_close_at": "2026-01-06T03:00:00Z"})).await;
        assert_eq!((&safe.data()["title"], &safe.data()["available_capacity"]), (&json!("糖醋鱼"), &json!(0)));
        assert_eq!(edit(json!({"orders_close_at": null})).await.data()["orders_close_at"], json!(null));
        assert_eq!(edit(json!({"title": null})).await.data()["title"], json!(null));

        let change = json!({
            "base_price_cents": 1600, "capacity": 2, "options": [{"id": 1, "name": "鸡腿", "price_cents": 350}],
        });
        let refused = edit(change.clone()).await;
        let expected = json!({"refusal": "dangerous_edit", "dangers": [
            {"field": "base_price_cents", "from": 1500, "to": 1600},
            {"field": "capacity", "to": 2, "ordered": 3},
            {"field": "option_price_cents", "id": 1, "name": "鸡腿", "from": 300, "to": 350},
            {"field": "option_removed", "id": 2, "name": "不要饭"},
        ]});
        assert_eq!(*refused.failed(400, "BUSINESS_RULE_ERROR"), expected);

        let reposted = server.ask(&format!("POST {path}/repost")).by(&admin).json(&change).await;
        let data = reposted.data();
        assert_eq!((&data["meal_id"], &data["status"]), (&json!(meal), &json!("published")));
        assert_eq!((&data["orders_changed"], &data["refunded_cents"]), (&json!(1), &json!(4500)));
        assert_eq!((&data["ordered_quantity"], &data["available_capacity"]), (&json!(0), &json!(2)));
        server.books_are_right().await;
    }

    async fn who_ordered_is_paged_by_cursor(server: Server) {
        let (admin, support) = (server.person(Role::Admin).await, server.person(Role::Support).await);
        let meal = server.meal(&admin, "2026-01-06", 100).await;
        let mut orders = Vec::new();
        for at in 0..5 {
            let person = server.person(Role::Member).await;
            let body = json!({"meal_id": meal, "quantity": at + 1});
            let placed = server.ask("POST /api/v1/orders").by(&person).json(&body).await;
            orders.push((person, placed.data()["order_id"].as_i64().expect("an id")));
        }
        let (person, canceled) = &orders[1];
        server.ask(&format!("DELETE /api/v1/orders/{canceled}")).by(person).send().await.data();

        let list = |query: &str| server.ask(&format!("GET /api/v1/meals/{meal}/orders{query}")).by(&support).send();
        let first = list("?limit=2&count=true").await;
        let ids = |answer: &crate::support::Answer| -> Vec<i64> {
            let orders = answer.data()["orders"].as_array().expect("orders");
            orders.iter().filter_map(|order| order["order_id"].as_i64()).collect()
        };
        assert_eq!(ids(&first), [orders[0].1, orders[2].1]);
        assert_eq!(first.data()["total_count"], json!(4));
        assert_eq!(first.data()["orders"][0]["user_id"], json!(orders[0].0.id));
        let cursor = first.data()["page_info"]["next_cursor"].as_str().expect("a cursor").to_owned();
        let second = list(&format!("?limit=2&cursor={cursor}")).await;
        assert_eq!(ids(&second), [orders[3].1, orders[4].1]);
        assert_eq!(second.data()["page_info"], json!({"limit": 2, "has_more": false, "next_cursor": null}));
        assert_eq!(second.data().get("total_count"), None);
        assert_eq!(ids(&list("?include_canceled=true").await).len(), 5);
        assert_eq!(list("?cursor=x&include_canceled=maybe").await.wrong_fields(), ["include_canceled"]);
        assert_eq!(list("?cursor=x").await.wrong_fields(), ["query"]);
        server.ask("GET /api/v1/meals/7/orders").by(&support).send().await.failed(404, "NOT_FOUND");
    }
}
