//! Meals booked until told otherwise.

use http_api::Limits;
use kernel::{AddMember, Command, CreateDepartment, MemberStatus, NewGrant, Outcome, Payer, Role, SetMemberStatus};
use serde_json::{Value, json};
use service::BookSubscriptions;

use crate::lists::sheet;
use crate::support::{Home, Person, Server, on_both_engines};

const NEW: &str = "POST /api/v1/subscriptions";
/// A Monday.
const TODAY: &str = "2026-01-05";
const WORKDAYS: [u8; 5] = [1, 2, 3, 4, 5];

async fn with_job(home: Home) -> Server {
    // Once at the start, where there is nothing to book; then by hand.
    let job = || BookSubscriptions { every_ms: 86_400_000 };
    Server::start_with(home, Limits::default(), |settings| settings.jobs = vec![Box::new(job())]).await
}

/// What a run of the job counted.
async fn book(server: &Server, admin: &Person) -> Value {
    let run = server.ask("POST /api/v1/admin/jobs/book-subscriptions/run").by(admin).send().await;
    assert_eq!(run.data()["status"], "succeeded", "{}", run.text);
    run.data()["counts"].clone()
}

async fn meal(server: &Server, admin: &Person, date: &str, slot: &str, capacity: i64, publish: bool) -> i64 {
    let meal = json!({
        "date": date, "slot": slot, "base_price_cents": 1000, "capacity": capacity,
        "status": if publish { "published" } else { "draft" }, "pickup_windows": ["11:30-12:00"],
    });
    server.ask("POST /api/v1/meals").by(admin).json(&meal).await.data()["meal_id"].as_i64().expect("an id")
}

async fn subscribe(server: &Server, by: &Person, body: Value) -> i64 {
    server.ask(NEW).by(by).json(&body).await.data()["subscription_id"].as_i64().expect("an id")
}

/// A meal, and for each member the order or why there is none.
async fn runs(server: &Server, by: &Person, id: i64) -> Vec<(i64, Vec<Value>)> {
    let page = server.ask(&format!("GET /api/v1/subscriptions/{id}/runs")).by(by).send().await;
    let runs = page.data()["runs"].as_array().expect("runs").iter();
    let result = |result: &Value| match &result["order_id"] {
        Value::Null => json!([result["nickname"], result["error_code"], result["message"]]),
        _ => json!([result["nickname"]]),
    };
    let row = |run: &Value| {
        let results = run["results"].as_array().expect("results").iter().map(result).collect();
        (run["meal_id"].as_i64().expect("an id"), results)
    };
    runs.map(row).collect()
}

async fn orders(server: &Server, by: &Person) -> Vec<Value> {
    let history = server.ask("GET /api/v1/users/orders/history").by(by).send().await;
    history.data()["orders"].as_array().expect("rows").clone()
}

on_both_engines! {
    by with_job;

    async fn every_workday_lunch_is_booked_once(server: Server) {
        let admin = server.person(Role::Admin).await;
        let li = server.person_with(Role::Member, |add| add.profile.nickname = "李雷".to_owned()).await;
        let poor = server.person_with(Role::Member, |add| {
            add.profile.nickname = "吴明".to_owned();
            add.overdraft_limit = Some(0_u32.into());
        }).await;
        let lunch = meal(&server, &admin, TODAY, "lunch", 9, true).await;
        meal(&server, &admin, TODAY, "dinner", 9, true).await;
        meal(&server, &admin, "2026-01-10", "lunch", 9, true).await;
        let draft = meal(&server, &admin, "2026-01-06", "lunch", 9, false).await;
        let body = json!({"slot": "lunch", "weekdays": WORKDAYS, "notes": "少辣", "pickup_window": "11:30-12:00"});
        let id = subscribe(&server, &li, body.clone()).await;
        let other = subscribe(&server, &poor, body.clone()).await;
        assert_eq!(book(&server, &admin).await, json!({"booked": 1, "failed": 0, "refused": 1}));
        assert_eq!(book(&server, &admin).await, json!({"booked": 0, "failed": 0, "refused": 0}), "once");
        assert_eq!(runs(&server, &li, id).await, [(lunch, vec![json!(["李雷"])])]);
        let [(_, refused)] = &runs(&server, &poor, other).await[..] else { panic!("one meal") };
        assert_eq!((&refused[0][0], &refused[0][1]), (&json!("吴明"), &json!("INSUFFICIENT_BALANCE")));
        let booked = orders(&server, &li).await;
        assert_eq!((booked.len(), &booked[0]["meal_id"]), (1, &json!(lunch)), "no dinner, no Saturday, no draft");
        let shown = server.ask(&format!("GET /api/v1/orders/{}", booked[0]["order_id"])).by(&li).send().await;
        assert_eq!((&shown.data()["notes"], &shown.data()["pickup_window"]), (&json!("少辣"), &json!("11:30-12:00")));

        // Whoever calls a meal off is not booked again, whether the job had booked it or the member had.
        server.ask(&format!("DELETE /api/v1/orders/{}", booked[0]["order_id"])).by(&li).send().await.data();
        server.ask(&format!("POST /api/v1/meals/{draft}/publish")).by(&admin).send().await.data();
        let placed = server.ask("POST /api/v1/orders").by(&li).json(&json!({"meal_id": draft})).await;
        server.ask(&format!("DELETE /api/v1/orders/{}", placed.data()["order_id"])).by(&li).send().await.data();
        server.ask(&format!("POST /api/v1/subscriptions/{other}/pause")).by(&poor).send().await.data();
        assert_eq!(book(&server, &admin).await, json!({"booked": 0, "failed": 0, "refused": 1}));
        assert_eq!(runs(&server, &li, id).await[0], (draft, vec![json!(["李雷", "BUSINESS_RULE_ERROR", "已取消本餐"])]));
        assert!(orders(&server, &li).await.iter().all(|row| row["order_status"] == "canceled"));

        // What was paused goes on where it is resumed; what is over stays over.
        server.recharge(&admin, &poor, 5000).await;
        let resume = format!("POST /api/v1/subscriptions/{other}/resume");
        assert_eq!(server.ask(&resume).by(&poor).send().await.data()["status"], "active");
        assert_eq!(book(&server, &admin).await, json!({"booked": 1, "failed": 0, "refused": 0}));
        assert_eq!(runs(&server, &poor, other).await[0], (draft, vec![json!(["吴明"])]));
        let ended = server.ask(&format!("POST /api/v1/subscriptions/{other}/end")).by(&poor).send().await;
        assert_eq!(ended.data()["status"], "ended");
        server.ask(&resume).by(&poor).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        let late = meal(&server, &admin, "2026-01-07", "lunch", 9, true).await;
        assert_eq!(book(&server, &admin).await, json!({"booked": 1, "failed": 0, "refused": 0}));
        assert_eq!(runs(&server, &li, id).await[0].0, late);

        // It is its owner's alone.
        for what in ["pause", "resume", "end"] {
            server.ask(&format!("POST /api/v1/subscriptions/{id}/{what}")).by(&poor).send().await.failed(403, "PERMISSION_DENIED");
        }
        server.ask(&format!("GET /api/v1/subscriptions/{id}/runs")).by(&admin).send().await.failed(403, "PERMISSION_DENIED");
        let listed = server.ask("GET /api/v1/subscriptions").by(&poor).send().await;
        assert_eq!(listed.data()["subscriptions"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed.data()["subscriptions"][0]["weekdays"], json!(WORKDAYS));
        for (wrong, field) in [
            (json!({"slot": "lunch", "weekdays": []}), "weekdays"),
            (json!({"slot": "lunch", "weekdays": [8]}), "weekdays[0]"),
            (json!({"slot": "tea", "weekdays": [1]}), "slot"),
            (json!({"slot": "lunch", "weekdays": [1], "members": ["x"]}), "members"),
        ] {
            assert_eq!(server.ask(NEW).by(&li).json(&wrong).await.wrong_fields(), [field], "{wrong}");
        }
        let past = json!({"slot": "lunch", "weekdays": [1], "last_date": "2026-01-04"});
        assert_eq!(server.ask(NEW).by(&li).json(&past).await.status.as_u16(), 400);
        for _ in 1..20 {
            subscribe(&server, &li, json!({"slot": "breakfast", "weekdays": [7]})).await;
        }
        let more = server.ask(NEW).by(&li).json(&json!({"slot": "breakfast", "weekdays": [7]})).await;
        more.failed(400, "BUSINESS_RULE_ERROR");
        server.books_are_right().await;
    }

    async fn a_department_books_for_its_members(server: Server) {
        let admin = server.person(Role::Admin).await;
        for code in ["kitchen", "office"] {
            let (code, name) = (code.to_owned().try_into().expect("a code"), code.to_owned().try_into().expect("a name"));
            server.house(Command::CreateDepartment(CreateDepartment { code, name, pays: Payer::Department })).await;
        }
        let within = |add: &mut AddMember, code: &str| add.department = Some(code.to_owned().try_into().expect("a code"));
        let as_boss = |add: &mut AddMember, code: &str| {
            within(add, code);
            add.grants = vec![NewGrant::InOwnDepartment(Role::DeptAdmin.code())];
        };
        let boss = server.person_with(Role::Member, |add| as_boss(add, "kitchen")).await;
        let stranger = server.person_with(Role::Member, |add| as_boss(add, "office")).await;
        let mut people = Vec::new();
        for (nickname, code) in [("一", "kitchen"), ("二", "kitchen"), ("三", "kitchen"), ("四", "office")] {
            let mut uid = String::new();
            let person = server.person_with(Role::Member, |add| {
                within(add, code);
                add.profile.nickname = nickname.to_owned();
                uid.clone_from(&add.profile.uid);
            }).await;
            people.push((person, uid));
        }
        let departments = server.ask("GET /api/v1/admin/departments").by(&admin).send().await;
        let kitchen = departments.data()["departments"][0]["department_id"].clone();
        let of = |which: &[usize]| {
            let members: Vec<_> = which.iter().map(|&at| people[at].1.clone()).collect();
            json!({"slot": "lunch", "weekdays": WORKDAYS, "department_id": kitchen, "members": members})
        };
        server.ask(NEW).by(&stranger).json(&of(&[0])).await.failed(403, "PERMISSION_DENIED");
        server.ask(NEW).by(&people[0].0).json(&of(&[0])).await.failed(403, "PERMISSION_DENIED");
        server.ask(NEW).by(&boss).json(&of(&[0, 3])).await.failed(403, "PERMISSION_DENIED");
        server.ask(NEW).by(&boss).json(&of(&[0, 0])).await.failed(422, "VALIDATION_ERROR");
        assert_eq!(server.ask(NEW).by(&boss).json(&of(&[])).await.wrong_fields(), ["members"]);
        let id = subscribe(&server, &boss, of(&[0, 1, 2])).await;
        let disable = SetMemberStatus {
            member: people[1].0.id, status: MemberStatus::Disabled, reason: String::new().try_into().expect("a note"),
        };
        let Outcome::Member { .. } = server.house(Command::SetMemberStatus(disable)).await else { panic!() };
        // One portion is left for two.
        let lunch = meal(&server, &admin, TODAY, "lunch", 1, true).await;
        assert_eq!(book(&server, &admin).await, json!({"booked": 1, "failed": 0, "refused": 2}));
        let [(meal_id, results)] = &runs(&server, &boss, id).await[..] else { panic!("one meal") };
        assert_eq!((*meal_id, &results[0]), (lunch, &json!(["一"])));
        assert_eq!((&results[1][0], &results[2][0], &results[2][1]), (&json!("二"), &json!("三"), &json!("CAPACITY_EXCEEDED")));
        // It is a group order like any other, paid by the department, and the member finds it.
        let listed = server.ask("GET /api/dining/enhanced/department-orders").by(&boss).send().await;
        assert_eq!((&listed.data()["total"], &listed.data()["orders"][0]["memberCount"]), (&json!(1), &json!(1)));
        assert_eq!(orders(&server, &people[0].0).await[0]["paid_by"]["department_id"], kitchen);
        for what in ["pause", "resume", "end"] {
            server.ask(&format!("POST /api/v1/subscriptions/{id}/{what}")).by(&stranger).send().await.failed(403, "PERMISSION_DENIED");
        }
        server.ask(&format!("GET /api/v1/subscriptions?department_id={kitchen}")).by(&stranger).send().await.failed(403, "PERMISSION_DENIED");
        server.ask(&format!("GET /api/v1/subscriptions/{id}/runs")).by(&stranger).send().await.failed(403, "PERMISSION_DENIED");
        let listed = server.ask(&format!("GET /api/v1/subscriptions?department_id={kitchen}")).by(&admin).send().await;
        assert_eq!(listed.data()["subscriptions"][0]["members"][1]["nickname"], "二");
        let file = format!("GET /api/v1/subscriptions/export?department_id={kitchen}&sort=first_date");
        server.ask(&file).by(&stranger).send().await.failed(403, "PERMISSION_DENIED");
        let [_, filed] = sheet(&server.ask(&file).by(&admin).send().await).try_into().expect("one");
        assert_eq!((filed[1].as_str(), filed[3].as_str()), ("午餐", "3"));
        server.books_are_right().await;
    }
}
