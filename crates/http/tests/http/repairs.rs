//! Damage done straight to the database, repaired by an administrator.

use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, on_both_engines};

async fn repair(server: &Server, admin: &Person, what: &str, body: Value) -> Answer {
    let path = format!("POST /api/v1/admin/consistency/repair/{what}");
    server.ask(&path).by(admin).json(&body).await
}

async fn order(server: &Server, person: &Person, meal: i64, quantity: i64) -> Value {
    let body = json!({"meal_id": meal, "quantity": quantity});
    server.ask("POST /api/v1/orders").by(person).json(&body).await.data()["order_id"].clone()
}

async fn repairs_in_the_trail(server: &Server, admin: &Person, action: &str) -> usize {
    let path = format!("GET /api/v1/admin/audit?actor_id={}&action={action}", admin.id);
    let trail = server.ask(&path).by(admin).send().await;
    trail.data()["records"].as_array().expect("records").len()
}

on_both_engines! {
    async fn a_balance_is_repaired_once(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        server.recharge(&admin, &member, 2000).await;
        server.recharge(&admin, &member, 3000).await;
        let body = json!({"user_id": member.id});
        let right = repair(&server, &admin, "balance", body.clone()).await;
        assert_eq!(*right.data(), json!({"success": true, "old_balance": 5000, "new_balance": 5000, "difference": 0}));
        assert_eq!(right.message(), "数据正常，无需修复");

        server.tamper(&format!("UPDATE accounts SET balance = balance + 300 WHERE account_id = {}", 2 * member.id.get())).await;
        let expected = json!({"success": true, "old_balance": 5300, "new_balance": 5000, "difference": -300});
        let dry = repair(&server, &admin, "balance?dry_run=true", body.clone()).await;
        assert_eq!(*dry.data(), expected);
        assert_eq!(repairs_in_the_trail(&server, &admin, "repair.balance").await, 0);
        let again = || { let ask = server.ask("POST /api/v1/admin/consistency/repair/balance").by(&admin).key("once"); ask.json(&body) };
        assert_eq!(*again().await.data(), expected);
        assert_eq!(*again().await.data(), expected);
        assert_eq!(repairs_in_the_trail(&server, &admin, "repair.balance").await, 1);
        assert_eq!(repair(&server, &admin, "balance", body.clone()).await.data()["difference"], json!(0));
        repair(&server, &admin, "balance", json!({"user_id": 5})).await.failed(404, "NOT_FOUND");
        server.books_are_right().await;

        // Where an entry is missing, the others prove nothing.
        server.tamper(&format!("DELETE FROM entries WHERE amount = 2000 AND account_id = {}", 2 * member.id.get())).await;
        let missing = repair(&server, &admin, "balance", body).await;
        assert_eq!(missing.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("entries_missing"));
    }

    async fn too_many_portions_are_cut(server: Server) {
        let admin = server.person(Role::Admin).await;
        let people = [server.person(Role::Member).await, server.person(Role::Member).await];
        let mut meals = Vec::new();
        for date in ["2026-01-06", "2026-01-07"] {
            let meal = server.meal(&admin, date, 10).await;
            let mut orders = Vec::new();
            for person in &people {
                orders.push(order(&server, person, meal, 4).await);
                server.clock.advance_ms(1_000);
            }
            meals.push((meal, orders));
        }
        let (meal, orders) = &meals[0];
        let right = repair(&server, &admin, "capacity", json!({"meal_id": meal})).await;
        let nothing = json!({
            "success": true, "strategy": "cancel_latest", "processed_orders": [], "excess_resolved": 0,
            "message": "餐次容量正常，无需修复",
        });
        assert_eq!(*right.data(), nothing);

        // The pool cannot say that more is taken than there is.
        for (meal, _) in &meals {
            server.tamper(&format!("UPDATE pools SET capacity = 3, taken = 3 WHERE pool_id = {meal}")).await;
        }
        let body = json!({"meal_id": meal, "strategy": "cancel_latest"});
        let expected = json!({
            "success": true, "strategy": "cancel_latest", "excess_resolved": 5, "processed_orders": [
                {"order_id": orders[1], "user_id": people[1].id, "quantity": 4, "old_quantity": 4, "new_quantity": 0, "refund_amount": 6000, "action": "canceled"},
                {"order_id": orders[0], "user_id": people[0].id, "old_quantity": 4, "new_quantity": 3, "refund_amount": 1500, "action": "reduced"},
            ],
        });
        for path in ["capacity?dry_run=true", "capacity"] {
            assert_eq!(*repair(&server, &admin, path, body.clone()).await.data(), expected);
        }
        let body = json!({"meal_id": meals[1].0, "strategy": "reduce_proportional"});
        let shared = repair(&server, &admin, "capacity", body.clone()).await;
        let left: Vec<_> = shared.data()["processed_orders"].as_array().expect("orders").iter().map(|order| order["new_quantity"].clone()).collect();
        assert_eq!(left, [2, 1]);
        assert_eq!(repair(&server, &admin, "capacity", body).await.data()["excess_resolved"], json!(0));
        assert_eq!(repairs_in_the_trail(&server, &admin, "repair.capacity").await, 2);
        assert_eq!(repair(&server, &admin, "capacity", json!({"meal_id": meal, "strategy": "eat"})).await.wrong_fields(), ["strategy"]);
        repair(&server, &admin, "capacity", json!({"meal_id": 5})).await.failed(404, "NOT_FOUND");
        server.books_are_right().await;
    }

    async fn pools_and_states_follow(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let id = order(&server, &member, meal, 2).await;
        let body = json!({"meal_id": meal});
        server.tamper(&format!("UPDATE pools SET taken = 7 WHERE pool_id = {meal}")).await;
        let expected = json!({"success": true, "old_taken": 7, "new_taken": 2, "holds_changed": 0});
        for path in ["pool?dry_run=true", "pool"] {
            assert_eq!(*repair(&server, &admin, path, body.clone()).await.data(), expected);
        }
        assert_eq!(repair(&server, &admin, "pool", body.clone()).await.message(), "数据正常，无需修复");
        server.books_are_right().await;

        server.tamper(&format!("UPDATE meals SET status = 'canceled' WHERE meal_id = {meal}")).await;
        let expected = json!({"success": true, "processed_orders": [id], "refunded_cents": 3000});
        for path in ["order-states?dry_run=true", "order-states"] {
            assert_eq!(*repair(&server, &admin, path, body.clone()).await.data(), expected);
        }
        let nothing = repair(&server, &admin, "order-states", body).await;
        assert_eq!(*nothing.data(), json!({"success": true, "processed_orders": [], "refunded_cents": 0}));
        for what in ["pool", "order-states"] {
            repair(&server, &admin, what, json!({"meal_id": 5})).await.failed(404, "NOT_FOUND");
        }
        let shown = server.ask(&format!("GET /api/v1/orders/{id}")).by(&admin).send().await;
        assert_eq!(shown.data()["status"], json!("refunded"));
        server.books_are_right().await;
    }
}
