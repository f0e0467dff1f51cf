//! Many orders in one request.

use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, on_both_engines};

async fn orders(server: &Server, meal: i64, count: usize) -> Vec<(Person, Value)> {
    let mut placed = Vec::new();
    for _ in 0..count {
        let person = server.person(Role::Member).await;
        let order = server.ask("POST /api/v1/orders").by(&person).json(&json!({"meal_id": meal})).await;
        placed.push((person, order.data()["order_id"].clone()));
    }
    placed
}

/// Each row's status, or the code it failed with.
#[track_caller]
fn rows(answer: &Answer) -> Vec<(Value, String)> {
    let data = answer.data();
    let details = data["details"].as_array().expect("rows");
    let failed = details.iter().filter(|row| row["status"] == json!("failed")).count();
    assert_eq!((&data["success_count"], &data["failed_count"]), (&json!(details.len() - failed), &json!(failed)));
    let row = |row: &Value| {
        assert_eq!(row["status"] == json!("success"), row.get("error_code").is_none());
        assert!(row["message"].as_str().is_some_and(|message| !message.is_empty()));
        let said = row.get("error_code").unwrap_or(&row["status"]);
        (row["order_id"].clone(), said.as_str().expect("a word").to_owned())
    };
    details.iter().map(row).collect()
}

on_both_engines! {
    async fn each_order_is_processed_by_itself(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let placed = orders(&server, meal, 4).await;
        let id = |at: usize| placed[at].1.clone();
        let batch = |body: Value| { let ask = server.ask("POST /api/v1/orders/batch").by(&admin); async move { ask.json(&body).await } };

        // An active order is still its owner's to change.
        let early = batch(json!({"order_ids": [id(0)], "action": "complete"})).await;
        assert_eq!(rows(&early), [(id(0), "INVALID_STATUS_TRANSITION".to_owned())]);
        server.ask(&format!("POST /api/v1/meals/{meal}/lock")).by(&admin).send().await.data();
        let answer = batch(json!({"order_ids": [id(1), 12345, id(3), id(1)], "action": "complete"})).await;
        let done = [(id(1), "success"), (json!(12345), "NOT_FOUND"), (id(3), "success"), (id(1), "VALIDATION_ERROR")];
        assert_eq!(rows(&answer), done.map(|(id, said)| (id, said.to_owned())));
        let messages: Vec<_> = answer.data()["details"].as_array().expect("rows").iter().map(|row| row["message"].clone()).collect();
        assert_eq!(messages, ["订单已完成", "没有这个订单", "订单已完成", "该订单在本次请求中重复出现"]);
        assert_eq!(answer.message(), "批量处理完成，部分订单未能处理");

        let refund = json!({"order_ids": [id(0), id(2)], "action": "refund", "reason": "菜品有误"});
        let english = server.ask("POST /api/v1/orders/batch").by(&admin).in_english().json(&refund).await;
        assert_eq!(english.data()["failed_count"], json!(0));
        assert_eq!(english.data()["details"][0], json!({"order_id": id(0), "status": "success", "message": "The order was refunded"}));
        let again = batch(refund).await;
        assert!(rows(&again).iter().all(|(_, said)| said == "INVALID_STATUS_TRANSITION"));
        let own = server.ask("GET /api/v1/users/balance/history").by(&placed[2].0).send().await;
        assert_eq!(own.data()["history"][0]["balance_after_cents"], json!(0));
        let path = format!("GET /api/v1/admin/audit?object_id={}&action=order.refund", id(2));
        let trail = server.ask(&path).by(&admin).send().await;
        let record = &trail.data()["records"][0];
        assert_eq!((&record["actor_id"], &record["reason"]), (&json!(admin.id), &json!("菜品有误")));
        // One for the batch as well, and none for a batch that did nothing.
        let trail = server.ask("GET /api/v1/admin/audit?action=order.batch").by(&admin).send().await;
        let records = trail.data()["records"].as_array().expect("records").clone();
        assert_eq!(records.len(), 2);
        let refunded = json!({"action": "refund", "orders": [id(0), id(2)], "refused": 0, "refunded_cents": 3000});
        assert_eq!((&records[0]["after"], &records[0]["reason"]), (&refunded, &json!("菜品有误")));
        assert_eq!(records[1]["after"], json!({"action": "complete", "orders": [id(1), id(3)], "refused": 1, "refunded_cents": 0}));
        assert_eq!((&records[1]["object_kind"], &records[1]["actor_id"]), (&json!("batch"), &json!(admin.id)));
        server.books_are_right().await;
    }

    async fn a_batch_is_checked_before_anything_is_done(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let placed = orders(&server, meal, 1).await;
        let batch = |body: Value| { let ask = server.ask("POST /api/v1/orders/batch").by(&admin); async move { ask.json(&body).await } };
        assert_eq!(batch(json!({"order_ids": [], "action": "refund", "reason": " "})).await.wrong_fields(), ["order_ids", "reason"]);
        assert_eq!(batch(json!({"order_ids": [placed[0].1], "action": "refund"})).await.wrong_fields(), ["reason"]);
        assert_eq!(batch(json!({"order_ids": [placed[0].1], "action": "eat"})).await.wrong_fields(), ["action"]);
        let mut many = vec![placed[0].1.clone()];
        many.extend((1..=200).map(|id| json!(id)));
        batch(json!({"order_ids": many, "action": "cancel"})).await.failed(413, "PAYLOAD_TOO_LARGE");
        let shown = server.ask(&format!("GET /api/v1/orders/{}", placed[0].1)).by(&admin).send().await;
        assert_eq!(shown.data()["status"], json!("active"));
        many.pop();
        let answer = batch(json!({"order_ids": many, "action": "cancel"})).await;
        assert_eq!((&answer.data()["success_count"], &answer.data()["failed_count"]), (&json!(1), &json!(199)));
        server.books_are_right().await;
    }

    async fn a_batch_says_beforehand_what_it_would_do(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let placed = orders(&server, meal, 3).await;
        let ids: Vec<_> = placed.iter().map(|(_, id)| id.clone()).collect();
        let ask = |query: &str, body: Value| {
            let ask = server.ask(&format!("POST /api/v1/orders/batch{query}")).by(&admin).key("once");
            async move { ask.json(&body).await }
        };
        let cancel = json!({"order_ids": [ids[0]], "action": "cancel"});
        server.ask("POST /api/v1/orders/batch").by(&admin).json(&cancel).await.data();
        let standing = || async {
            let meal = server.ask(&format!("GET /api/v1/meals/{meal}/orders?include_canceled=true")).by(&admin).send().await;
            let trail = server.ask("GET /api/v1/admin/audit?limit=100").by(&admin).send().await;
            let mut seen = vec![meal.data().clone(), trail.data()["records"].clone()];
            for (person, _) in &placed {
                seen.push(server.ask("GET /api/v1/users/balance/history").by(person).send().await.data().clone());
            }
            seen
        };
        let before = standing().await;
        let refund = json!({"order_ids": [ids[0], ids[1], 777, ids[2]], "action": "refund", "reason": "菜品有误"});
        let tried = ask("?dry_run=true", refund.clone()).await;
        assert_eq!(tried.message(), "试算完成，未作任何更改");
        let said = [
            (ids[0].clone(), "INVALID_STATUS_TRANSITION"), (ids[1].clone(), "success"), (json!(777), "NOT_FOUND"), (ids[2].clone(), "success"),
        ];
        assert_eq!(rows(&tried), said.map(|(id, said)| (id, said.to_owned())));
        assert_eq!(tried.data()["refunded_cents"], json!(3000));
        ask("?dry_run=true", json!({"order_ids": ids, "action": "refund"})).await.failed(422, "VALIDATION_ERROR");
        assert_eq!(standing().await, before, "only tried");
        // The key is still free, and what is done is what was said.
        let done = ask("", refund).await;
        assert_eq!(done.data(), tried.data());
        assert_ne!(standing().await, before);
        let again = ask("?dry_run=true", json!({"order_ids": ids, "action": "refund", "reason": "菜品有误"})).await;
        assert_eq!((&again.data()["success_count"], &again.data()["refunded_cents"]), (&json!(0), &json!(0)));
        server.books_are_right().await;
    }

    async fn the_same_batch_again_gives_the_same_rows(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 100).await;
        let placed = orders(&server, meal, 20).await;
        let ids: Vec<_> = placed.iter().map(|(_, id)| id.clone()).collect();
        let key = "k".repeat(64);
        let ask = |body: Value| { let ask = server.ask("POST /api/v1/orders/batch").by(&admin).key(&key); async move { ask.json(&body).await } };
        let mut asked = ids[..12].to_vec();
        asked.insert(3, json!(777));
        asked.push(ids[0].clone());
        let body = json!({"order_ids": asked, "action": "cancel", "reason": "停餐"});
        let first = ask(body.clone()).await;
        assert_eq!(first.data()["success_count"], json!(12));
        assert_eq!(ask(body.clone()).await.data(), first.data());

        // Another request, even about other orders, does nothing at all under this key.
        let other = ask(json!({"order_ids": ids[12..], "action": "cancel"})).await;
        other.failed(409, "IDEMPOTENCY_CONFLICT");
        let shown = server.ask(&format!("GET /api/v1/meals/{meal}")).by(&admin).send().await;
        assert_eq!(shown.data()["ordered_quantity"], json!(8));
        let path = format!("GET /api/v1/admin/audit?actor_id={}&action=order.cancel&limit=100", admin.id);
        let trail = server.ask(&path).by(&admin).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(12));
        let trail = server.ask("GET /api/v1/admin/audit?action=order.batch").by(&admin).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(1));
        server.books_are_right().await;
    }
}
