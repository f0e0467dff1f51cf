//! Who asks too much is told when to come back.

use http_api::{Limits, Rate, Rates};
use kernel::Role;
use partner::signature::{self, PartnerKey};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::protocol::{Listening, read_answer};
use crate::support::{Answer, Home, Server};

#[track_caller]
fn limited(answer: &Answer, seconds: &str) {
    answer.failed(429, "RATE_LIMITED");
    assert_eq!(answer.header("retry-after"), Some(seconds));
}

async fn boss(server: &Server, name: &str) {
    let hash = service::hash_password(server.service.ambient(), "correct horse".to_owned()).await;
    server
        .person_with(Role::Admin, |add| {
            add.account = Some(name.to_owned().try_into().expect("a name"));
            add.password_hash = Some(hash);
        })
        .await;
}

#[tokio::test]
async fn passwords_are_not_guessed_one_after_the_other() {
    let rates = Rates { account_failures: Rate { burst: 10, per_minute: 6 }, ..Rates::default() };
    let server = Server::start_with(Home::sqlite(), Limits { rates, ..Limits::default() }, |_| {}).await;
    boss(&server, "boss").await;
    let sign_in = async |account: &str, password: &str| {
        let body = json!({"account": account, "password": password});
        server.ask("POST /api/v1/auth/password").json(&body).await
    };
    for _ in 0..30 {
        // Who knows the password is not counted.
        sign_in("boss", "correct horse").await.data();
    }
    for account in ["boss", "BOSS", "boss", "boss", "boss", "boss", "boss", "boss", "boss", "boss"] {
        sign_in(account, "wrong").await.failed(401, "INVALID_TOKEN");
    }
    limited(&sign_in("boss", "wrong").await, "10");
    limited(&sign_in("boss", "correct horse").await, "10");
    // An account that nobody has is answered in the same way, and no other account suffers.
    for _ in 0..10 {
        sign_in("nobody", "wrong").await.failed(401, "INVALID_TOKEN");
    }
    limited(&sign_in("nobody", "wrong").await, "10");
    server.clock.advance_ms(10_000);
    sign_in("boss", "correct horse").await.data();
    sign_in("boss", "wrong").await.failed(401, "INVALID_TOKEN");
    limited(&sign_in("boss", "correct horse").await, "10");
}

#[tokio::test]
async fn many_guesses_at_once_are_as_many_as_they_are() {
    let server = Server::start(Home::sqlite()).await;
    boss(&server, "boss").await;
    let asks = (0..40).map(|at| {
        // The last one is right, and comes too late.
        let password = if at == 39 { "correct horse".to_owned() } else { format!("wrong {at}") };
        let body = json!({"account": "boss", "password": password});
        let ask = server.ask("POST /api/v1/auth/password");
        async move { ask.json(&body).await.status.as_u16() }
    });
    let answers = futures_util::future::join_all(asks).await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(429)), (10, 30));
}

#[tokio::test]
async fn a_member_has_a_limit_of_their_own() {
    let rates = Rates { member: Rate { burst: 5, per_minute: 30 }, ..Rates::default() };
    let server = Server::start_with(Home::sqlite(), Limits { rates, ..Limits::default() }, |_| {}).await;
    let (one, other) = (server.person(Role::Member).await, server.person(Role::Member).await);
    for _ in 0..5 {
        server.ask("GET /api/v1/auth/me").by(&one).send().await.data();
    }
    limited(&server.ask("GET /api/v1/auth/me").by(&one).send().await, "2");
    let english = server.ask("POST /api/v1/orders").by(&one).in_english().json(&json!({})).await;
    assert_eq!(english.message(), "Too many requests, please come back later");
    server.ask("GET /api/v1/auth/me").by(&other).send().await.data();
    server.clock.advance_ms(2000);
    server.ask("GET /api/v1/auth/me").by(&one).send().await.data();
    limited(&server.ask("GET /api/v1/auth/me").by(&one).send().await, "2");
}

/// What anybody can write, a partner's name, costs the partner nothing.
#[tokio::test]
async fn a_partner_has_a_limit_that_forgeries_do_not_touch() {
    const PRODUCTS: &str = "/api/v1/partner/erp/products";
    const SECRET: &str = "a-secret-for-these-tests";
    let rates = Rates { partner: Rate { burst: 3, per_minute: 6 }, ..Rates::default() };
    let server = Server::start_with(Home::sqlite(), Limits { rates, ..Limits::default() }, |settings| {
        settings.erp = Some(service::Erp::new("erp".to_owned(), SECRET, None).expect("an ERP"));
    })
    .await;
    let push = async |secret: &str, nonce: usize| {
        let list = json!({"event_id": "one", "at": "2026-03-02T10:00:00+08:00", "products": []});
        let (key, body) = (PartnerKey::new(secret).expect("long enough"), list.to_string().into_bytes());
        let request = signature::Request { method: "POST", path_and_query: PRODUCTS, body: &body };
        let now_s = server.service.now().as_millis() / 1000;
        let nonce = format!("nonce-of-a-test-{nonce}");
        let mut ask = server.ask("POST /api/v1/partner/erp/products");
        for (name, value) in signature::sign(&key, "erp", &request, now_s, &nonce).expect("signs") {
            ask = ask.header(name, &value);
        }
        ask.json(&list).await
    };
    for forged in 0..9 {
        push("a-secret-of-somebody-else", forged).await.failed(401, "INVALID_SIGNATURE");
    }
    for genuine in 10..13 {
        push(SECRET, genuine).await.data();
    }
    limited(&push(SECRET, 13).await, "10");
    server.clock.advance_ms(10_000);
    // What was turned away was not remembered, and may come again as it is.
    push(SECRET, 13).await.data();
}

/// Our own proxy is on this machine, and says who asks; whoever else is on this machine is not limited.
#[tokio::test]
async fn an_address_has_a_limit_behind_a_proxy_too() {
    let rates = Rates { address: Rate { burst: 3, per_minute: 1 }, ..Rates::default() };
    let listening = Listening::start(Limits { rates, ..Limits::default() }).await;
    let mut stream = listening.connect().await;
    let mut ask = async |path: &str, client: Option<&str>| {
        let line = client.map_or_else(String::new, |client| format!("X-Forwarded-For: {client}\r\n"));
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{line}\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let (head, body) = read_answer(&mut stream).await;
        (head[9..12].to_owned(), head.to_ascii_lowercase().contains("retry-after: 60"), body["error_code"].clone())
    };
    let allowed = ("200".to_owned(), false, json!(null));
    for _ in 0..20 {
        assert_eq!(ask("/health/live", None).await, allowed);
    }
    for spoofed in ["198.51.100.7", "1.1.1.1, 198.51.100.7", "127.0.0.1, 198.51.100.7"] {
        assert_eq!(ask("/health/live", Some(spoofed)).await, allowed, "{spoofed}");
    }
    for path in ["/health/live", "/docs", "/api/v1/auth/me", "/nowhere"] {
        let refused = ("429".to_owned(), true, json!("RATE_LIMITED"));
        assert_eq!(ask(path, Some("2.2.2.2, 198.51.100.7")).await, refused, "{path}");
    }
    assert_eq!(ask("/health/live", Some("198.51.100.8")).await, allowed);
    drop(listening);
}

#[tokio::test]
async fn a_password_is_not_guessed_through_its_change() {
    let rates = Rates { account_failures: Rate { burst: 3, per_minute: 6 }, ..Rates::default() };
    let server = Server::start_with(Home::sqlite(), Limits { rates, ..Limits::default() }, |_| {}).await;
    boss(&server, "boss").await;
    let body = json!({"account": "boss", "password": "correct horse"});
    let entered = server.ask("POST /api/v1/auth/password").json(&body).await;
    let token = format!("Bearer {}", entered.data()["token"].as_str().expect("a token"));
    let change = async |current: &str| {
        let body = json!({"current_password": current, "new_password": "battery staple, and more"});
        server.ask("PUT /api/v1/auth/password").header("authorization", &token).json(&body).await
    };
    for guess in ["one", "two", "three"] {
        assert_eq!(change(guess).await.wrong_fields(), ["current_password"]);
    }
    limited(&change("correct horse").await, "10");
    server.clock.advance_ms(10_000);
    change("correct horse").await.data();
}
