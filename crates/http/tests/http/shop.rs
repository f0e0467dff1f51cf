//! Products, rounds and their orders, as a shopper and as staff see them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_api::Limits;
use kernel::{DrawSecret, Role, ShareOwner, draw};
use serde_json::{Value, json};
use service::{EndRounds, Pictures, ReleaseExpiredOrders};

use crate::lists::sheet;
use crate::support::{Answer, Home, Person, Server, on_both_engines};

async fn open(home: Home) -> Server {
    Server::start_with(home, Limits::default(), |settings| {
        settings.shop.pay_within_ms = 10_000;
        settings.jobs.push(Box::new(ReleaseExpiredOrders { every_ms: 3_600_000 }));
        settings.jobs.push(Box::new(EndRounds { every_ms: 3_600_000 }));
    })
    .await
}

async fn product(server: &Server, admin: &Person, stock: i64) -> i64 {
    let body = json!({"name_zh": "大米", "name_en": "Rice", "price_cents": 1500, "on_sale": true, "stock": stock});
    let made = server.ask("POST /api/v1/admin/products").by(admin).json(&body).await;
    made.data()["product_id"].as_i64().expect("an id")
}

async fn round(server: &Server, admin: &Person, product: i64, shares: i64) -> i64 {
    let body = json!({
        "product_id": product, "total_shares": shares, "share_price_cents": 100, "closes_at": "2026-01-06T02:00:00Z",
    });
    let made = server.ask("POST /api/v1/admin/rounds").by(admin).json(&body).await;
    made.data()["round_id"].as_i64().expect("an id")
}

async fn order(server: &Server, person: &Person, body: &Value) -> Value {
    server.ask("POST /api/v1/shop/orders").by(person).json(body).await.data().clone()
}

on_both_engines! {
    by open;

    async fn a_product_is_sold_and_handed_over(server: Server) {
        let (admin, staff, li) =
            (server.person(Role::Admin).await, server.person(Role::StoreStaff).await, server.person(Role::Member).await);
        server.recharge(&admin, &li, 10_000).await;
        let rice = product(&server, &admin, 3).await;
        let shown = server.ask("GET /api/v1/products").by(&li).send().await;
        let listed = &shown.data()["products"][0];
        assert_eq!((&listed["product_id"], &listed["stock"], &listed["name_en"]), (&json!(rice), &json!(3), &json!("Rice")));
        let body = json!({"product_id": rice, "quantity": 2, "pay_with": "balance", "address": "李四，某某路 1 号", "notes": "轻放"});
        let tried = server.ask("POST /api/v1/shop/orders?dry_run=true").by(&li).json(&body).await;
        assert_eq!(tried.data()["total_price_cents"], json!(3000));
        let bought = order(&server, &li, &body).await;
        let no = bought["order_no"].as_str().expect("a number");
        assert!(no.starts_with("SHOP20260105"), "{no}");
        assert_eq!(
            [&bought["status"], &bought["payment_status"], &bought["fulfillment_status"], &bought["balance_cents"], &bought["expires_at"]],
            [&json!("paid"), &json!("paid"), &json!("pending"), &json!(7000), &json!(null)],
        );
        let short = server.ask("POST /api/v1/shop/orders").by(&li).in_english()
            .json(&json!({"product_id": rice, "quantity": 2, "pay_with": "balance"})).await;
        assert_eq!(short.failed(400, "OUT_OF_STOCK")["left"], json!(1));
        assert_eq!(short.message(), "Out of stock: 2 asked for, 1 left");

        let step = |to: &str| {
            let place = format!("POST /api/v1/admin/shop/orders/{no}/step");
            let (server, staff, body) = (&server, &staff, json!({"to": to}));
            async move { server.ask(&place).by(staff).json(&body).await }
        };
        step("ready").await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!(step("shipped").await.data()["fulfillment_status"], json!("shipped"));
        assert_eq!(step("completed").await.data()["status"], json!("completed"));
        let place = format!("POST /api/v1/admin/shop/orders/{no}/refund");
        let reason = json!({"reason": "破损"});
        let standing = || async {
            let order = server.ask(&format!("GET /api/v1/shop/orders/{no}")).by(&li).send().await;
            let goods = server.ask(&format!("GET /api/v1/products/{rice}")).by(&li).send().await;
            let trail = server.ask("GET /api/v1/admin/audit?limit=100").by(&admin).send().await;
            let money = server.ask("GET /api/v1/users/balance/history").by(&li).send().await;
            [order, goods, trail, money].map(|answer| answer.data().clone())
        };
        let before = standing().await;
        let tried = server.ask(&format!("{place}?dry_run=true")).by(&staff).key("once").json(&reason).await;
        assert_eq!(tried.message(), "试算完成，未作任何更改");
        let numbers = json!({"refunded_cents": 3000, "to": "balance", "pieces": 0, "shares": 0});
        assert_eq!((&tried.data()["given_back"], &tried.data()["balance_cents"]), (&numbers, &json!(10_000)));
        assert_eq!(standing().await, before, "only tried");
        let refund = server.ask(&place).by(&staff).key("once").json(&reason).await;
        assert_eq!((&refund.data()["status"], &refund.data()["payment_status"]), (&json!("refunded"), &json!("refunded")));
        assert_eq!(refund.data()["given_back"], numbers);
        server.ask(&format!("{place}?dry_run=true")).by(&staff).json(&reason).await.failed(400, "INVALID_STATUS_TRANSITION");
        let shown = server.ask(&format!("GET /api/v1/products/{rice}")).by(&li).send().await;
        assert_eq!(shown.data()["stock"], json!(1), "what was handed over does not come back");

        let own = server.ask("GET /api/v1/shop/orders").by(&li).send().await;
        assert_eq!((&own.data()["total_count"], &own.data()["orders"][0]["order_no"]), (&json!(1), &json!(no)));
        let wang = server.person(Role::Member).await;
        server.ask(&format!("GET /api/v1/shop/orders/{no}")).by(&wang).send().await.failed(403, "PERMISSION_DENIED");
        server.ask("GET /api/v1/shop/orders/SHOP1").by(&wang).send().await.failed(404, "NOT_FOUND");
        let all = server.ask(&format!("GET /api/v1/admin/shop/orders?product_id={rice}&status=refunded")).by(&staff).send().await;
        assert_eq!(all.data()["orders"].as_array().map(Vec::len), Some(1));
        server.books_are_right().await;
    }

    async fn stock_moves_only_with_a_reason(server: Server) {
        let admin = server.person(Role::Admin).await;
        let rice = product(&server, &admin, 3).await;
        let place = format!("POST /api/v1/admin/products/{rice}/stock");
        let missing = server.ask(&place).by(&admin).json(&json!({"delta": 2})).await;
        assert_eq!(missing.wrong_fields(), ["reason"]);
        let moved = server.ask(&place).by(&admin).json(&json!({"delta": -2, "reason": "盘点"})).await;
        assert_eq!(moved.data()["stock"], json!(1));
        server.ask(&place).by(&admin).json(&json!({"delta": -2, "reason": "盘点"})).await.failed(400, "OUT_OF_STOCK");
        let listed = server.ask(&format!("GET /api/v1/admin/products/{rice}/stock?limit=1")).by(&admin).send().await;
        let page = listed.data();
        assert_eq!((&page["movements"][0]["delta"], &page["page_info"]["has_more"]), (&json!(-2), &json!(true)));
        let next = page["page_info"]["next_cursor"].as_str().expect("a cursor");
        let first = server.ask(&format!("GET /api/v1/admin/products/{rice}/stock?cursor={next}")).by(&admin).send().await;
        assert_eq!((&first.data()["movements"][0]["delta"], &first.data()["movements"][0]["total_after"]), (&json!(3), &json!(3)));
        let file = server.ask(&format!("GET /api/v1/admin/products/{rice}/stock/export?sort=-delta")).by(&admin).send().await;
        let filed: Vec<_> = sheet(&file)[1..].iter().map(|row| [2, 3, 4].map(|at| row[at].clone()).join(" ")).collect();
        assert_eq!(filed, ["3 3 起始库存", "-2 1 盘点"]);
        let off = json!({"on_sale": false, "limit_per_member": 2});
        server.ask(&format!("PUT /api/v1/admin/products/{rice}")).by(&admin).json(&off).await.data();
        let shown = server.ask("GET /api/v1/products").by(&admin).send().await;
        assert_eq!(shown.data()["total_count"], json!(0));
        let all = server.ask("GET /api/v1/admin/products").by(&admin).send().await;
        assert_eq!(all.data()["products"][0]["limit_per_member"], json!(2));
        server.books_are_right().await;
    }

    async fn an_order_that_is_not_paid_in_time_expires(server: Server) {
        let (admin, li) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        server.recharge(&admin, &li, 10_000).await;
        let rice = product(&server, &admin, 2).await;
        let tea = round(&server, &admin, rice, 5).await;
        let body = json!({"product_id": rice, "round_id": tea, "quantity": 1, "pay_with": "wechat", "notes": "晚点付"});
        let held = order(&server, &li, &body).await;
        assert_eq!(
            [&held["status"], &held["payment_status"], &held["expires_at"], &held["total_price_cents"], &held["share_numbers"]],
            [&json!("pending"), &json!("pending"), &json!("2026-01-05T02:00:10.000Z"), &json!(1600), &json!([])],
        );
        let no = held["order_no"].as_str().expect("a number");
        server.clock.advance_ms(10_000);
        let late = server.ask(&format!("POST /api/v1/shop/orders/{no}/pay")).by(&li).send().await;
        late.failed(400, "INVALID_STATUS_TRANSITION");
        let shown = server.ask(&format!("GET /api/v1/products/{rice}")).by(&li).send().await;
        assert_eq!(shown.data()["stock"], json!(1), "free again before any job has run");
        let run = server.ask("POST /api/v1/admin/jobs/release-expired-orders/run").by(&admin).send().await;
        let counts = &run.data()["counts"];
        assert_eq!((&counts["released"], &counts["failed"], &counts["rolled_back"]), (&json!(1), &json!(0), &json!(0)), "{counts}");
        let expired = server.ask(&format!("GET /api/v1/shop/orders/{no}")).by(&li).send().await;
        let expired = expired.data();
        assert_eq!(
            [&expired["status"], &expired["payment_status"], &expired["fulfillment_status"], &expired["notes"]],
            [&json!("expired"), &json!("cancelled"), &json!("cancelled"),
             &json!("晚点付\n[系统] 订单超时已过期 - 2026-01-05T02:00:10.000Z")],
        );
        let metrics = server.ask("GET /metrics").send().await;
        assert!(metrics.text.contains("fanpiao_expired_orders_released_total 1"), "{}", metrics.text);
        server.books_are_right().await;
    }

    async fn a_parked_order_is_settled_by_a_person(server: Server) {
        let (admin, staff, li) =
            (server.person(Role::Admin).await, server.person(Role::StoreStaff).await, server.person(Role::Member).await);
        let rice = product(&server, &admin, 5).await;
        let body = json!({"product_id": rice, "quantity": 2, "pay_with": "wechat"});
        let held = order(&server, &li, &body).await;
        let no = held["order_no"].as_str().expect("a number");
        let place = |what: &str| format!("POST /api/v1/admin/shop/stuck-orders/{no}/{what}");
        server.ask(&place("retry")).by(&staff).send().await.failed(404, "NOT_FOUND");
        server.tamper("DELETE FROM holds WHERE expires_at IS NOT NULL").await;
        server.clock.advance_ms(10_000);
        for wait in [15_000, 30_000, 60_000, 0] {
            let run = able_to_run(&server, &admin).await;
            assert_eq!(run.data()["counts"]["failed"], json!(1), "{}", run.text);
            server.clock.advance_ms(wait);
        }
        let listed = server.ask("GET /api/v1/admin/shop/stuck-orders").by(&staff).send().await;
        let stuck = &listed.data()["orders"][0];
        assert_eq!((&stuck["order_no"], &stuck["parked"], &stuck["attempts"]), (&json!(no), &json!(true), &json!(4)));
        server.ask(&place("retry")).by(&staff).send().await.failed(500, "INTERNAL_ERROR");
        server.ask(&place("resolve")).by(&li).json(&json!({"reason": "x"})).await.failed(403, "PERMISSION_DENIED");
        let resolved = server.ask(&place("resolve")).by(&staff).json(&json!({"reason": "账目已核对"})).await;
        assert_eq!((&resolved.data()["status"], &resolved.data()["payment_status"]), (&json!("expired"), &json!("cancelled")));
        server.ask(&place("resolve")).by(&staff).json(&json!({"reason": "x"})).await.failed(400, "INVALID_STATUS_TRANSITION");
        let listed = server.ask("GET /api/v1/admin/shop/stuck-orders").by(&staff).send().await;
        assert_eq!(listed.data()["orders"], json!([]));
    }

    async fn a_round_is_drawn_and_anybody_can_check_it(server: Server) {
        let (admin, li, wang) =
            (server.person(Role::Admin).await, server.person(Role::Member).await, server.person(Role::Member).await);
        for person in [&li, &wang] {
            server.recharge(&admin, person, 10_000).await;
        }
        let rice = product(&server, &admin, 1).await;
        let tea = round(&server, &admin, rice, 5).await;
        let proof = format!("GET /api/v1/rounds/{tea}/proof");
        let before = server.ask(&proof).by(&li).send().await.data().clone();
        assert_eq!((&before["secret"], &before["winning_number"]), (&json!(null), &json!(null)));
        order(&server, &li, &json!({"round_id": tea, "quantity": 3, "pay_with": "balance"})).await;
        let place = format!("POST /api/v1/admin/rounds/{tea}/draw");
        server.ask(&place).by(&admin).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        let last = order(&server, &wang, &json!({"round_id": tea, "quantity": 2, "pay_with": "balance"})).await;
        assert_eq!(last["share_numbers"], json!([4, 5]));
        let drawn = server.ask(&place).by(&admin).key("draw").send().await.data().clone();
        assert_eq!(&drawn, server.ask(&place).by(&admin).key("draw").send().await.data(), "asked again, it is the same draw");

        let answer = server.ask(&proof).by(&li).send().await;
        let after = answer.data();
        assert_eq!(after["commitment"], before["commitment"]);
        let mut secret = DrawSecret::default();
        let hex = after["secret"].as_str().expect("a secret");
        for (at, byte) in secret.0.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
        }
        assert_eq!(json!(secret.commitment()), before["commitment"]);
        let owner = |share: &Value| ShareOwner {
            number: share["number"].as_i64().expect("a number"),
            order_no: share["order_no"].as_str().expect("a number").to_owned(),
        };
        let shares: Vec<ShareOwner> = after["shares"].as_array().expect("shares").iter().map(owner).collect();
        assert_eq!(json!(draw(&secret, &shares)), after["winning_number"]);
        assert_eq!(drawn["winning_number"], after["winning_number"]);
        the_documented_script_agrees(&answer.text);

        let winner = if drawn["winner_user_id"] == json!(li.id) { &li } else { &wang };
        let own = server.ask("GET /api/v1/shop/orders").by(winner).send().await;
        let prize = &own.data()["orders"][0];
        assert_eq!((&prize["is_prize"], &prize["total_price_cents"], &prize["product_id"]), (&json!(true), &json!(0), &json!(rice)));
        server.books_are_right().await;
    }

    async fn a_round_that_is_called_off_pays_back(server: Server) {
        let (admin, li) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        server.recharge(&admin, &li, 1000).await;
        let rice = product(&server, &admin, 1).await;
        let tea = round(&server, &admin, rice, 5).await;
        order(&server, &li, &json!({"round_id": tea, "quantity": 3, "pay_with": "balance"})).await;
        let place = format!("POST /api/v1/admin/rounds/{tea}/cancel");
        let standing = || async {
            let round = server.ask(&format!("GET /api/v1/rounds/{tea}")).by(&admin).send().await;
            let orders = server.ask("GET /api/v1/shop/orders").by(&li).send().await;
            let trail = server.ask("GET /api/v1/admin/audit?limit=100").by(&admin).send().await;
            let money = server.ask("GET /api/v1/users/balance/history").by(&li).send().await;
            [round, orders, trail, money].map(|answer| answer.data().clone())
        };
        let before = standing().await;
        let reason = json!({"reason": "缺货"});
        let tried = server.ask(&format!("{place}?dry_run=true")).by(&admin).key("once").json(&reason).await;
        assert_eq!(tried.message(), "试算完成，未作任何更改");
        let numbers = |answer: &Answer| ["status", "orders_refunded", "refunded_cents"].map(|field| answer.data()[field].clone());
        assert_eq!(numbers(&tried), [json!("failed"), json!(1), json!(300)]);
        assert_eq!(standing().await, before, "only tried");
        let called_off = server.ask(&place).by(&admin).key("once").json(&reason).await;
        assert_eq!(numbers(&called_off), numbers(&tried));
        server.ask(&format!("{place}?dry_run=true")).by(&admin).json(&reason).await.failed(400, "INVALID_STATUS_TRANSITION");
        let profile = server.ask("GET /api/v1/shop/orders").by(&li).send().await;
        assert_eq!(profile.data()["orders"][0]["status"], json!("refunded"));
        let listed = server.ask(&format!("GET /api/v1/rounds?status=failed&product_id={rice}")).by(&li).send().await;
        assert_eq!(listed.data()["rounds"][0]["sold_shares"], json!(0));
        let next = round(&server, &admin, rice, 7).await;
        let rounds = async |query: &str| {
            let page = server.ask(&format!("GET /api/v1/rounds{query}")).by(&li).send().await;
            let rows = page.data()["rounds"].as_array().expect("rounds").clone();
            rows.iter().map(|round| round["round_id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(rounds("").await, [json!(next), json!(tea)]);
        assert_eq!(rounds("?sort=total_shares").await, [json!(tea), json!(next)]);
        server.ask("GET /api/v1/admin/rounds/export").by(&li).send().await.failed(403, "PERMISSION_DENIED");
        let file = server.ask("GET /api/v1/admin/rounds/export?sort=total_shares").by(&admin).send().await;
        let filed: Vec<_> = sheet(&file)[1..].iter().map(|row| [2, 3, 4].map(|at| row[at].clone()).join(" ")).collect();
        assert_eq!(filed, ["1 未成团 5", "2 进行中 7"]);
        server.books_are_right().await;
    }
}

/// Where there is a Python to run it.
fn the_documented_script_agrees(proof: &str) {
    let page = include_str!("../../../../docs/draw.md");
    let script = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    let folder = testing::TempDir::new();
    let (script_file, proof_file) = (folder.join("check.py"), folder.join("proof.json"));
    std::fs::write(&script_file, script).expect("written");
    for (text, agrees) in [
        (proof.to_owned(), true),
        (proof.replace("\"winning_number\":", "\"winning_number\":1"), false),
        (proof.replace("{\"number\":1,", "{\"number\":9,"), false),
    ] {
        std::fs::write(&proof_file, text).expect("written");
        let Ok(run) = std::process::Command::new("python3").arg(&script_file).arg(&proof_file).output() else { return };
        assert_eq!(run.status.success(), agrees, "{}", String::from_utf8_lossy(&run.stderr));
    }
}

/// Waits until this server's number is renewed under a clock that was moved.
async fn able_to_run(server: &Server, admin: &Person) -> Answer {
    for _ in 0..400 {
        let run = server.ask("POST /api/v1/admin/jobs/release-expired-orders/run").by(admin).send().await;
        if run.status != 503 {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing can be written");
}

/// The least that is a PNG of so many points.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend(b"\x08\x02\0\0\0\0\0\0\0\0\0\0\0IEND\xaeB`\x82");
    bytes
}

#[tokio::test]
async fn pictures_are_kept_and_shown_for_ever() {
    let folder = testing::TempDir::new();
    let kept = folder.join("pictures");
    let server = Server::start_with(Home::sqlite(), Limits::default(), |settings| {
        settings.pictures = Some(Pictures::in_folder(kept.clone()));
    })
    .await;
    let (admin, li) = (server.person(Role::Admin).await, server.person(Role::Member).await);
    let upload = async |bytes: &[u8]| {
        let body = json!({"content": STANDARD.encode(bytes)});
        server.ask("POST /api/v1/admin/pictures").by(&admin).json(&body).await
    };
    for wrong in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"", &png(9000, 1)] {
        assert_eq!(upload(wrong).await.wrong_fields(), ["content"]);
    }
    let long = vec![0; Pictures::MOST_BYTES + 1];
    assert_eq!(upload(&long).await.wrong_fields(), ["content"]);
    let no_text = json!({"content": "*"});
    assert_eq!(server.ask("POST /api/v1/admin/pictures").by(&admin).json(&no_text).await.wrong_fields(), ["content"]);
    server.ask("POST /api/v1/admin/pictures").by(&li).json(&no_text).await.failed(403, "PERMISSION_DENIED");

    let bytes = png(320, 240);
    let first = upload(&bytes).await.data().clone();
    assert_eq!((&first["width"], &first["height"]), (&json!(320), &json!(240)));
    assert_eq!(&first, upload(&bytes).await.data(), "the same picture has the same name");
    let second = upload(&png(1, 1)).await.data().clone();
    let rice = product(&server, &admin, 1).await;
    let edit = format!("PUT /api/v1/admin/products/{rice}");
    let (one, other) = (first["name"].clone(), second["name"].clone());
    let names = json!({"pictures": [other, one]});
    let edited = server.ask(&edit).by(&admin).json(&names).await;
    assert_eq!(edited.data()["pictures"], json!([second, first]));
    let absent = format!("{}.png", "0".repeat(64));
    let names = json!({"pictures": [one, "../../fanpiao.db", absent, one]});
    let refused = server.ask(&edit).by(&admin).json(&names).await;
    assert_eq!(refused.wrong_fields(), ["pictures[1]", "pictures[2]", "pictures[3]"]);
    let shown = server.ask(&format!("GET /api/v1/products/{rice}")).by(&li).send().await;
    assert_eq!(shown.data()["pictures"][1]["url"], first["url"]);

    // Anybody may look, and keeps what was shown.
    let url = first["url"].as_str().expect("an address");
    let shown = server.ask(&format!("GET {url}")).send().await;
    assert_eq!((shown.status.as_u16(), &shown.bytes), (200, &bytes));
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(shown.header(name), Some(value), "{name}");
    }
    std::fs::write(folder.join("secret.png"), b"secret").expect("written");
    for name in ["..%2fsecret.png", "%2e%2e%2fsecret.png", "..", "secret.png", absent.as_str(), "%00", "a.png%00"] {
        let missing = server.ask(&format!("GET /api/v1/pictures/{name}")).send().await;
        assert_eq!(missing.status, 404, "{name}: {}", missing.text);
    }
}

#[tokio::test]
async fn without_a_folder_there_are_no_pictures() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let body = json!({"content": STANDARD.encode(png(1, 1))});
    let answer = server.ask("POST /api/v1/admin/pictures").by(&admin).json(&body).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
}

#[tokio::test]
async fn an_order_for_nothing_is_refused_by_name() {
    let server = Server::start(Home::sqlite()).await;
    let li = server.person(Role::Member).await;
    let nothing = server.ask("POST /api/v1/shop/orders").by(&li).json(&json!({"pay_with": "balance"})).await;
    assert_eq!(nothing.wrong_fields(), ["product_id"]);
}
