//! Who did what.

use kernel::Role;
use serde_json::{Value, json};

use crate::lists::sheet;
use crate::support::{Server, on_both_engines};

fn column(page: &Value, field: &str) -> Vec<Value> {
    let records = page["records"].as_array().expect("records");
    records.iter().map(|record| record[field].clone()).collect()
}

on_both_engines! {
    async fn the_trail_is_found_by_person_thing_action_and_time(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        server.recharge(&admin, &member, 5000).await;
        server.clock.advance_ms(2_000);
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.clock.advance_ms(2_000);
        let placed = server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal})).await;
        let order = placed.data()["order_id"].clone();
        server.clock.advance_ms(2_000);
        server.ask(&format!("DELETE /api/v1/orders/{order}")).by(&member).send().await.data();
        let ask = |query: String| server.ask(&format!("GET /api/v1/admin/audit{query}")).by(&admin).send();

        let all = ask(String::new()).await.data().clone();
        let expected = ["order.cancel", "order.place", "meal.create", "wallet.grant", "member.add", "member.add"];
        assert_eq!(column(&all, "action"), expected);
        let cancel = &all["records"][0];
        let mut fields: Vec<_> = cancel.as_object().expect("a record").keys().map(String::as_str).collect();
        fields.sort_unstable();
        let named = ["action", "actor_id", "actor_nickname", "after", "at", "audit_id", "before", "object_id", "object_kind", "reason"];
        assert_eq!(fields, named);
        assert_eq!((&cancel["actor_id"], &cancel["actor_nickname"]), (&json!(member.id), &json!("Person 2")));
        assert_eq!((&cancel["object_kind"], &cancel["object_id"]), (&json!("order"), &order));
        assert_eq!((&cancel["before"]["status"], &cancel["after"]["status"]), (&json!("active"), &json!("canceled")));
        assert_eq!(cancel["at"], json!("2026-01-05T02:00:06.000Z"));
        assert_eq!((&all["records"][5]["actor_id"], &all["records"][5]["actor_nickname"]), (&Value::Null, &Value::Null));

        for (query, actions) in [
            (format!("?actor_id={}", member.id), vec!["order.cancel", "order.place"]),
            (format!("?actor_id={}", admin.id), vec!["meal.create", "wallet.grant"]),
            (format!("?actor_id={}&object_kind=meal", admin.id), vec!["meal.create"]),
            (format!("?object_id={order}"), vec!["order.cancel", "order.place"]),
            (format!("?object_id={order}&action=order.place&actor_id={}", member.id), vec!["order.place"]),
            (format!("?object_kind=member&object_id={}", member.id), vec!["wallet.grant", "member.add"]),
            ("?object_kind=order".to_owned(), vec!["order.cancel", "order.place"]),
            ("?object_kind=member".to_owned(), vec!["wallet.grant", "member.add", "member.add"]),
            ("?object_kind=order&action=order.cancel".to_owned(), vec!["order.cancel"]),
            ("?action=order.place".to_owned(), vec!["order.place"]),
            ("?action=meal.create".to_owned(), vec!["meal.create"]),
            ("?action=meal.create&object_kind=order".to_owned(), vec![]),
            ("?action=any".to_owned(), vec![]),
            ("?from=2026-01-05T02:00:04Z".to_owned(), vec!["order.cancel", "order.place"]),
            ("?from=2026-01-05T02:00:02Z&to=2026-01-05T02:00:06Z".to_owned(), vec!["order.place", "meal.create"]),
            ("?from=2026-01-05T02:00:02Z&to=2026-01-05T02:00:02Z".to_owned(), vec![]),
            ("?to=2026-01-05T02:00:02Z&action=member.add".to_owned(), vec!["member.add", "member.add"]),
        ] {
            let found = ask(query.clone()).await.data().clone();
            assert_eq!(column(&found, "action"), actions, "{query}");
            // Its file has the same records in the same order.
            let file = server.ask(&format!("GET /api/v1/admin/audit/export{query}")).by(&admin).send().await;
            let filed: Vec<_> = sheet(&file)[1..].iter().map(|row| row[4].clone()).collect();
            assert_eq!(filed, actions, "{query}");
            // However it is asked for, it comes the same in pages of one.
            let (mut pages, mut next) = (Vec::new(), Some(String::new()));
            while let Some(cursor) = next {
                let mark = if query.is_empty() { '?' } else { '&' };
                let page = ask(format!("{query}{mark}limit=1{cursor}")).await.data().clone();
                pages.extend(column(&page, "audit_id"));
                next = page["page_info"]["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
            }
            assert_eq!(pages, column(&found, "audit_id"), "{query}");
        }

        assert_eq!(ask("?from=2026-01-06T00:00:00Z&to=2026-01-05T00:00:00Z".to_owned()).await.wrong_fields(), ["from"]);
        assert_eq!(ask("?from=now&actor_id=me&limit=0&offset=1".to_owned()).await.wrong_fields(), ["from", "actor_id", "limit", "offset"]);
        ask("?cursor=x".to_owned()).await.failed(422, "VALIDATION_ERROR");
    }
}
