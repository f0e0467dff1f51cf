//! Bad input: the pinned codes, every wrong field by name, and nothing changed.

use axum::body::{Body, Bytes};
use kernel::Role;
use serde_json::json;

use crate::support::{Home, Server};

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let body = json!({
        "date": "2026-02-30", "slot": "tea", "title": "", "base_price_cents": 1.5, "capacity": -1, "colour": "red",
        "options": [{"name": "x", "price_cents": 1}, {"id": [], "price": 3}],
    });
    let answer = server.ask("POST /api/v1/meals?page=2").by(&admin).in_english().json(&body).await;
    let expected = [
        ("page", "is not a field of this request"),
        ("date", "must be a date as YYYY-MM-DD, in the years 2000 to 2199"),
        ("slot", "must be one of: breakfast, lunch, dinner"),
        ("title", "must have 1 to 100 characters"),
        ("base_price_cents", "must be an integer"),
        ("capacity", "must be 0 to 1000000"),
        ("colour", "is not a field of this request"),
        ("options[1].name", "is required"),
        ("options[1].price_cents", "is required"),
        ("options[1].id", "must be an integer or a text"),
        ("options[1].price", "is not a field of this request"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(field, problem)| json!({"field": field, "problem": problem})).collect();
    assert_eq!(*answer.failed(422, "VALIDATION_ERROR"), json!({"fields": expected}));

    let answer = server.ask("POST /api/v1/orders").by(&admin).json(&json!({"quantity": 0})).await;
    let expected = json!({"fields": [
        {"field": "meal_id", "problem": "必填"}, {"field": "quantity", "problem": "须在 1 到 1000 之间"},
    ]});
    assert_eq!(*answer.failed(422, "VALIDATION_ERROR"), expected);
}

#[tokio::test]
async fn what_the_client_says_of_prices_is_refused() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let meal = server.meal(&admin, "2026-01-06", 5).await;
    let body = json!({"meal_id": meal, "total_price_cents": 1, "selected_options": [{"id": 1, "price_cents": 0}]});
    let answer = server.ask("POST /api/v1/orders").by(&admin).json(&body).await;
    assert_eq!(answer.wrong_fields(), ["total_price_cents", "selected_options[0].price_cents"]);
}

#[tokio::test]
async fn no_body_is_too_strange() {
    let server = Server::start(Home::sqlite()).await;
    let member = server.person(Role::Member).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_field = format!("{{\"meal_id\":{deep}}}");
    let bodies: [(&[u8], &str); 19] = [
        (b"{", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b"\"text\"", "body"),
        (b"7", "body"),
        (b"{}{}", "body"),
        (b"{\"meal_id\":1}x", "body"),
        (b"{\"meal_id\":1,\"meal_id\":2}", "meal_id"),
        (b"{\"meal_id\":NaN}", "body"),
        (b"{\"meal_id\":1e400}", "body"),
        (b"{\"meal_id\":1e20}", "meal_id"),
        (b"{\"meal_id\":9223372036854775808}", "meal_id"),
        (b"{\"meal_id\":-0.0}", "meal_id"),
        (b"{\"meal_id\":true}", "meal_id"),
        (b"{\"meal_id\":1,\"notes\":\"\xff\"}", "body"),
        (b"{\"meal_id\":1,\"notes\":\"\\u0000\"}", "notes"),
        (b"{\"meal_id\":1,\"notes\":\"\\ud800\"}", "body"),
        (deep.as_bytes(), "body"),
        (deep_field.as_bytes(), "body"),
    ];
    for (body, field) in bodies {
        let answer = server.ask("POST /api/v1/orders").by(&member).bytes(body.to_vec()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let first = answer.wrong_fields();
        assert!(first.contains(&field) || first.iter().all(|name| name.starts_with(field)), "{shown}: {}", answer.text);
    }
}

#[tokio::test]
async fn ids_and_queries_are_typed() {
    let server = Server::start(Home::sqlite()).await;
    let member = server.person(Role::Member).await;
    let ask = |what: &str| server.ask(what).by(&member).send();
    assert_eq!(ask("GET /api/v1/orders/abc").await.wrong_fields(), ["order_id"]);
    assert_eq!(ask("GET /api/v1/orders/1.5").await.wrong_fields(), ["order_id"]);
    assert_eq!(ask("GET /api/v1/orders/99999999999999999999").await.wrong_fields(), ["order_id"]);
    ask("GET /api/v1/orders/-1").await.failed(404, "NOT_FOUND");
    ask("GET /api/v1/orders/%ff").await.failed(404, "NOT_FOUND");
    assert_eq!(ask("GET /api/v1/meals/x?y=1").await.wrong_fields(), ["meal_id", "y"]);
    assert_eq!(ask("GET /api/v1/meals?limit=5&limit=6").await.wrong_fields(), ["limit"]);
    assert_eq!(ask("POST /api/v1/orders?dry_run=yes").await.wrong_fields(), ["dry_run", "meal_id"]);
    assert_eq!(ask("GET /api/v1/meals?%ff=1").await.wrong_fields().len(), 1);
    ask("GET /api/v1/meals?").await.data();
}

#[tokio::test]
async fn a_number_beyond_all_ids_is_nobodys() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    for number in [i64::MAX, 1 << 62, i64::MIN, i64::MIN + 21] {
        let read = server.ask(&format!("GET /api/v1/admin/members/{number}/ledger")).by(&admin).send().await;
        read.failed(404, "NOT_FOUND");
        let change = server.ask(&format!("POST /api/v1/meals/{number}/cancel")).by(&admin).send().await;
        change.failed(404, "NOT_FOUND");
        let body = json!({"product_id": number, "quantity": 1, "pay_with": "balance"});
        let buy = server.ask("POST /api/v1/shop/orders").by(&admin).json(&body).await;
        buy.failed(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn bodies_are_json_and_small() {
    let server = Server::start(Home::sqlite()).await;
    let member = server.person(Role::Member).await;
    let ask = || server.ask("POST /api/v1/orders").by(&member);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let answer = ask().header("content-type", kind).raw(Body::from("{}")).await;
        answer.failed(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    ask().raw(Body::from("{}")).await.failed(415, "UNSUPPORTED_MEDIA_TYPE");
    let kind = "Application/JSON; charset=utf-8";
    assert_eq!(ask().header("content-type", kind).raw(Body::from("{}")).await.wrong_fields(), ["meal_id"]);

    let most = 1 << 20;
    let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    assert_eq!(ask().text(&padded(most)).await.wrong_fields(), ["meal_id"]);
    ask().text(&padded(most + 1)).await.failed(413, "PAYLOAD_TOO_LARGE");
    // Chunks that never say how many will come, nor would ever end.
    let chunk = Bytes::from(vec![b' '; 64 * 1024]);
    let endless = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    ask().raw(Body::from_stream(endless)).await.failed(413, "PAYLOAD_TOO_LARGE");
    // Many pieces make one body.
    let pieces = ["{\"meal_id\"", ":\"", "x\"}"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(ask().header("content-type", "application/json").raw(body).await.wrong_fields(), ["meal_id"]);
    // A body that breaks off.
    let pieces = [Ok(Bytes::from("{")), Err(std::io::Error::other("gone"))];
    ask().raw(Body::from_stream(futures_util::stream::iter(pieces))).await.failed(408, "REQUEST_TIMEOUT");
}
