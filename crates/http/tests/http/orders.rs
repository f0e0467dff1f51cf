use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Home, Server, on_both_engines};

on_both_engines! {
    async fn an_order_is_placed_changed_and_canceled(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.recharge(&admin, &member, 5000).await;

        let body = json!({"meal_id": meal, "quantity": 2, "selected_options": [{"id": 1}], "notes": "少辣"});
        let placed = server.ask("POST /api/v1/orders").by(&member).json(&body).await;
        let (id, number) = (placed.data()["order_id"].clone(), placed.data()["order_no"].clone());
        let order = json!({
            "order_id": id, "order_no": number, "user_id": member.id, "meal_id": meal, "quantity": 2,
            "selected_options": [{"id": 1, "name": "鸡腿", "price_cents": 300}], "total_price_cents": 3600, "notes": "少辣",
            "status": "active", "created_at": "2026-01-05T02:00:00.000Z", "updated_at": "2026-01-05T02:00:00.000Z",
            "balance_cents": 1400, "pickup_code": placed.data()["pickup_code"],
            "pickup_qr": format!("FANPIAO:PICKUP:{}", number.as_str().unwrap_or_default()),
        });
        assert!(order["pickup_code"].as_str().is_some_and(|code| code.len() == 4), "{order}");
        assert_eq!(*placed.data(), order);
        assert_eq!(placed.message(), "订餐成功");
        assert!(number.as_str().is_some_and(|number| number.starts_with("MEAL20260105")));

        let path = format!("/api/v1/orders/{id}");
        assert_eq!(*server.ask(&format!("GET {path}")).by(&member).send().await.data(), order);
        let shown = server.ask(&format!("GET /api/v1/meals/{meal}")).by(&member).send().await;
        assert_eq!((&shown.data()["ordered_quantity"], &shown.data()["available_capacity"]), (&json!(2), &json!(8)));
        assert_eq!(shown.data()["my_order"]["order_id"], id);
        assert_eq!(shown.data()["my_order"]["total_price_cents"], json!(3600));

        server.clock.advance_ms(5_000);
        let edit = json!({"quantity": 3, "selected_options": [{"id": 1}, {"id": 2}]});
        let changed = server.ask(&format!("PUT {path}")).by(&member).json(&edit).await;
        let data = changed.data();
        assert_eq!((&data["total_price_cents"], &data["price_difference_cents"]), (&json!(4800), &json!(1200)));
        assert_eq!((&data["balance_cents"], &data["notes"]), (&json!(200), &json!("少辣")));
        assert_eq!(data["updated_at"], json!("2026-01-05T02:00:05.000Z"));

        let canceled = server.ask(&format!("DELETE {path}")).by(&member).send().await;
        let data = canceled.data();
        assert_eq!((&data["status"], &data["balance_cents"]), (&json!("canceled"), &json!(5000)));
        assert_eq!(data["price_difference_cents"], json!(-4800));
        let again = server.ask(&format!("DELETE {path}")).by(&member).in_english().send().await;
        assert_eq!(*again.failed(400, "INVALID_STATUS_TRANSITION"), json!({"refusal": "order_not_active", "status": "canceled"}));
        assert_eq!(again.message(), "The order is canceled and can no longer be changed");
        server.books_are_right().await;
    }

    async fn a_dry_run_says_the_same_and_changes_nothing(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 4).await;
        let body = json!({"meal_id": meal, "quantity": 3});
        let same = |mut data: Value| {
            // A new order's number is made anew each time.
            for field in ["order_id", "order_no", "pickup_qr"] {
                data[field] = json!(null);
            }
            data
        };
        let dry = server.ask("POST /api/v1/orders?dry_run=true").by(&member).json(&body).await;
        assert_eq!(dry.data()["warning"], json!("negative_balance"));
        let wet = server.ask("POST /api/v1/orders").by(&member).json(&body).await;
        assert_eq!(same(dry.data().clone()), same(wet.data().clone()));

        let path = format!("/api/v1/orders/{}", wet.data()["order_id"]);
        for edit in [json!({"quantity": 5}), json!({"quantity": 4})] {
            let dry = server.ask(&format!("PUT {path}?dry_run=true")).by(&member).json(&edit).await;
            let wet = server.ask(&format!("PUT {path}")).by(&member).json(&edit).await;
            assert_eq!(dry.status, wet.status);
            assert_eq!((&dry.json["data"], &dry.json["details"]), (&wet.json["data"], &wet.json["details"]));
        }
        let dry = server.ask(&format!("DELETE {path}?dry_run=true")).by(&member).send().await;
        assert_eq!(dry.data()["status"], json!("canceled"));
        let shown = server.ask(&format!("GET {path}")).by(&member).send().await;
        assert_eq!((&shown.data()["status"], &shown.data()["quantity"]), (&json!("active"), &json!(4)));
        server.books_are_right().await;
    }

    async fn refusals_name_their_figures(server: Server) {
        let (admin, member, other) = (server.person(Role::Admin).await, server.person(Role::Member).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 3).await;
        let place = |body: Value| { let ask = server.ask("POST /api/v1/orders").by(&member); async move { ask.json(&body).await } };

        let many = place(json!({"meal_id": meal, "quantity": 5})).await;
        assert_eq!(*many.failed(400, "CAPACITY_EXCEEDED"), json!({"refusal": "capacity_exceeded", "asked": 5, "left": 3}));
        assert_eq!(many.message(), "只剩 3 份，您要 5 份");
        let unknown = place(json!({"meal_id": meal, "selected_options": [{"id": 9}]})).await;
        assert_eq!(unknown.wrong_fields(), ["selected_options"]);
        assert_eq!(unknown.json["details"]["option"], json!(9));
        assert_eq!(place(json!({"meal_id": meal, "selected_options": [{"id": 1}, {"id": 1}]})).await.wrong_fields(), ["selected_options"]);
        place(json!({"meal_id": 12345})).await.failed(404, "NOT_FOUND");

        let placed = place(json!({"meal_id": meal})).await;
        let id = placed.data()["order_id"].clone();
        assert_eq!(place(json!({"meal_id": meal})).await.failed(400, "DUPLICATE_ORDER")["order_id"], id);

        for what in ["GET", "PUT", "DELETE"] {
            let answer = server.ask(&format!("{what} /api/v1/orders/{id}")).by(&other).text("{}").await;
            answer.failed(403, "PERMISSION_DENIED");
            server.ask(&format!("{what} /api/v1/orders/12345")).by(&other).text("{}").await.failed(404, "NOT_FOUND");
        }
        server.ask(&format!("GET /api/v1/orders/{id}")).by(&admin).send().await.data();

        server.ask(&format!("POST /api/v1/meals/{meal}/lock")).by(&admin).send().await.data();
        let locked = server.ask(&format!("DELETE /api/v1/orders/{id}")).by(&member).send().await;
        locked.failed(400, "ORDER_LOCKED");
        let closed = server.ask("POST /api/v1/orders").by(&other).json(&json!({"meal_id": meal})).await;
        assert_eq!(*closed.failed(400, "MEAL_NOT_OPEN"), json!({"refusal": "meal_not_open", "status": "locked"}));
        server.books_are_right().await;
    }

    async fn orders_stop_at_the_deadline(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = json!({
            "date": "2026-01-05", "slot": "lunch", "base_price_cents": 1000, "capacity": 5, "status": "published",
            "orders_close_at": "2026-01-05T10:00:05+08:00",
        });
        let made = server.ask("POST /api/v1/meals").by(&admin).json(&meal).await;
        let body = json!({"meal_id": made.data()["meal_id"]});
        server.clock.advance_ms(4_999);
        server.ask("POST /api/v1/orders?dry_run=true").by(&member).json(&body).await.data();
        server.clock.advance_ms(1);
        let late = server.ask("POST /api/v1/orders").by(&member).json(&body).await;
        assert_eq!(*late.failed(400, "MEAL_NOT_OPEN"), json!({"refusal": "orders_closed", "since": "2026-01-05T02:00:05.000Z"}));
        assert_eq!(late.message(), "订餐已于 2026-01-05 10:00 截止");
    }

    async fn a_key_does_a_thing_once(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let meal = server.meal(&admin, "2026-01-06", 5).await;
        let body = json!({"meal_id": meal, "quantity": 2});
        let place = |body: &Value| { let ask = server.ask("POST /api/v1/orders").by(&member).key("phone-1"); let body = body.clone(); async move { ask.json(&body).await } };
        let first = place(&body).await;
        let again = place(&body).await;
        assert_eq!(first.data(), again.data());
        place(&json!({"meal_id": meal, "quantity": 3})).await.failed(409, "IDEMPOTENCY_CONFLICT");
        let elsewhere = server.ask(&format!("DELETE /api/v1/orders/{}", first.data()["order_id"])).by(&member).key("phone-1");
        elsewhere.send().await.failed(409, "IDEMPOTENCY_CONFLICT");
        // Another caller's key is another key.
        let other = server.person(Role::Member).await;
        let theirs = server.ask("POST /api/v1/orders").by(&other).key("phone-1").json(&body).await;
        assert_ne!(theirs.data()["order_id"], first.data()["order_id"]);

        // A refusal is an answer too.
        let full = server.person(Role::Member).await;
        let ask = || server.ask("POST /api/v1/orders").by(&full).key("k").json(&body);
        ask().await.failed(400, "CAPACITY_EXCEEDED");
        server.ask(&format!("DELETE /api/v1/orders/{}", first.data()["order_id"])).by(&member).send().await.data();
        ask().await.failed(400, "CAPACITY_EXCEEDED");

        for key in ["", "two words", &"x".repeat(65)] {
            let answer = server.ask("POST /api/v1/orders").by(&member).header("idempotency-key", key).json(&body).await;
            assert_eq!(answer.wrong_fields(), ["Idempotency-Key"]);
        }
        server.books_are_right().await;
    }

    async fn the_last_portion_goes_to_one(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 1).await;
        let mut people = Vec::new();
        for _ in 0..20 {
            people.push(server.person(Role::Member).await);
        }
        let body = json!({"meal_id": meal});
        let asks = people.iter().map(|person| server.ask("POST /api/v1/orders").by(person).json(&body));
        let answers = futures_util::future::join_all(asks).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
        assert_eq!(won.len(), 1);
        for answer in lost {
            assert_eq!(answer.failed(400, "CAPACITY_EXCEEDED")["left"], json!(0));
        }
        server.books_are_right().await;
    }
}

#[tokio::test]
async fn a_floor_is_a_floor() {
    let server = Server::start_with(Home::sqlite(), http_api::Limits::default(), |settings| {
        settings.overdraft_limit = Some(kernel::Overdraft::NONE);
    })
    .await;
    let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
    let meal = server.meal(&admin, "2026-01-06", 5).await;
    server.recharge(&admin, &member, 1000).await;
    let body = json!({"meal_id": meal});
    let poor = server.ask("POST /api/v1/orders").by(&member).json(&body).await;
    let expected = json!({
        "refusal": "insufficient_balance", "balance_cents": 1000, "needed_cents": 1500, "floor_cents": 0,
    });
    assert_eq!(*poor.failed(400, "INSUFFICIENT_BALANCE"), expected);
    assert_eq!(poor.message(), "余额不足：余额 10.00 元，需要 15.00 元");
    server.recharge(&admin, &member, 500).await;
    let placed = server.ask("POST /api/v1/orders").by(&member).json(&body).await;
    assert_eq!((&placed.data()["balance_cents"], placed.data().get("warning")), (&json!(0), None));
}
