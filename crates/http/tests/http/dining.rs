//! Batch booking.

use kernel::{
    AddMember, Command, CreateDepartment, DepartmentId, EditDepartment, MemberStatus, NewGrant, Outcome, Payer, Role,
    SetMemberStatus,
};
use serde_json::{Value, json};

use crate::lists::sheet;
use crate::support::{Home, Person, Server, on_both_engines};

const BATCH: &str = "POST /api/dining/enhanced/batch-orders";
const QUICK: &str = "POST /api/dining/enhanced/quick-batch-orders";
const TODAY: &str = "2026-01-05";

/// A department, its administrator and some members, each with a public id.
struct Team {
    id: DepartmentId,
    boss: Person,
    members: Vec<(Person, String)>,
}

async fn team(server: &Server, code: &str, pays: Payer, size: usize) -> Team {
    let create = CreateDepartment {
        code: code.to_owned().try_into().expect("a code"),
        name: code.to_owned().try_into().expect("a name"),
        pays,
    };
    let Outcome::Department { department } = server.house(Command::CreateDepartment(create)).await else { panic!() };
    let within = |add: &mut AddMember| add.department = Some(code.to_owned().try_into().expect("a code"));
    let boss = server
        .person_with(Role::Member, |add| {
            within(add);
            add.grants = vec![NewGrant::InOwnDepartment(Role::DeptAdmin.code())];
        })
        .await;
    let mut members = Vec::new();
    for number in 0..size {
        let mut uid = String::new();
        let person = server
            .person_with(Role::Member, |add| {
                within(add);
                add.profile.nickname = format!("{code}{number}");
                uid.clone_from(&add.profile.uid);
            })
            .await;
        members.push((person, uid));
    }
    Team { id: department.id, boss, members }
}

impl Team {
    fn named(&self, which: &[usize]) -> Value {
        which.iter().map(|&at| json!({ "userId": self.members[at].1 })).collect::<Vec<_>>().into()
    }
}

async fn meal(server: &Server, admin: &Person, date: &str, slot: &str, cents: i64, capacity: i64) -> i64 {
    let meal = json!({
        "date": date, "slot": slot, "base_price_cents": cents, "capacity": capacity, "status": "published",
    });
    server.ask("POST /api/v1/meals").by(admin).json(&meal).await.data()["meal_id"].as_i64().expect("an id")
}

on_both_engines! {
    async fn a_batch_answers_as_its_interface_says(server: Server) {
        let admin = server.person(Role::Admin).await;
        let team = team(&server, "kitchen", Payer::Department, 3).await;
        meal(&server, &admin, TODAY, "lunch", 1250, 9).await;
        let dinner = meal(&server, &admin, TODAY, "dinner", 1500, 9).await;
        let batch = json!({"orders": [
            {"date": TODAY, "mealType": "lunch", "members": team.named(&[0, 1]), "remark": "今日午餐"},
            {"date": TODAY, "mealType": "dinner", "members": team.named(&[0, 2])},
            {"date": "2026-01-06", "mealType": "breakfast", "members": team.named(&[0])},
        ]});
        let tried = server.ask(&format!("{BATCH}?dry_run=true")).by(&team.boss).json(&batch).await;
        assert_eq!(tried.data()["successCount"], 2);
        let answer = server.ask(BATCH).by(&team.boss).key("once").json(&batch).await;
        let data = answer.data();
        let ids: Vec<String> =
            (0..2).map(|at| data["orders"][at]["orderId"].as_str().expect("text").to_owned()).collect();
        let expected = format!(
            r#"{{"success":true,"message":"批量报餐提交完成","data":{{"totalOrders":3,"successCount":2,"failedCount":1,"orders":[{{"orderId":"{}","date":"{TODAY}","mealType":"lunch","memberCount":2,"totalAmount":25.00,"status":"pending"}},{{"orderId":"{}","date":"{TODAY}","mealType":"dinner","memberCount":2,"totalAmount":30.00,"status":"pending"}}],"errors":[{{"orderIndex":3,"date":"2026-01-06","mealType":"breakfast","error":"订单 3: 菜单尚未发布"}}]}}}}"#,
            ids[0], ids[1],
        );
        assert_eq!(answer.text, expected);
        let again = server.ask(BATCH).by(&team.boss).key("once").json(&batch).await;
        assert_eq!(again.text, expected, "booked once, answered twice");
        let other = server.ask(BATCH).by(&team.boss).key("once").json(&json!({"orders": [{}]})).await;
        assert_eq!(other.status.as_u16(), 422, "nothing in it can be read, so nothing was asked");

        // The member sees the meal and who booked it, and it is the department's money.
        let (li, _) = &team.members[0];
        let history = server.ask("GET /api/v1/users/orders/history").by(li).send().await;
        let rows = history.data()["orders"].as_array().expect("rows").clone();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row["placed_by"] == json!(team.boss.id)), "{rows:?}");
        assert_eq!(rows[0]["paid_by"]["department_id"], json!(team.id));
        let overview = server.ask("GET /api/dining/enhanced/department-overview").by(&team.boss).send().await;
        assert!(overview.text.contains(r#""balance":-55.00,"date":"2026-01-05","memberCount":4"#), "{}", overview.text);

        // A member calls off the own part, the department one more, then the meal is locked.
        let own = rows.iter().find(|row| row["meal_id"] == json!(dinner)).expect("dinner")["order_id"].clone();
        server.ask(&format!("DELETE /api/v1/orders/{own}")).by(li).send().await.data();
        let part = format!("DELETE /api/dining/enhanced/department-orders/{}/members/{}", ids[0], team.members[1].1);
        assert_eq!(server.ask(&part).by(&team.boss).send().await.data()["canceledCount"], 1);
        server.ask(&part).by(&team.boss).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        server.ask(&format!("POST /api/v1/meals/{dinner}/lock")).by(&admin).send().await.data();
        let locked = server.ask(&format!("DELETE /api/dining/enhanced/department-orders/{}", ids[1])).by(&team.boss).send().await;
        locked.failed(400, "ORDER_LOCKED");

        let listed = server.ask(&format!("GET /api/dining/enhanced/department-orders?date={TODAY}")).by(&team.boss).send().await;
        let said: Vec<_> = listed.data()["orders"].as_array().expect("rows").iter()
            .map(|row| (row["mealType"].clone(), row["status"].clone(), row["memberCount"].clone())).collect();
        assert_eq!(said, [(json!("dinner"), json!("confirmed"), json!(1)), (json!("lunch"), json!("pending"), json!(1))]);
        assert_eq!(listed.data()["total"], 2);
        let whole = format!("DELETE /api/dining/enhanced/department-orders/{}", ids[0]);
        assert_eq!(server.ask(&whole).by(&team.boss).send().await.data()["canceledCount"], 1);
        server.ask(&format!("POST /api/v1/meals/{dinner}/complete")).by(&admin).send().await.data();
        let listed = server.ask("GET /api/dining/enhanced/department-orders?page=1&pageSize=1").by(&team.boss).send().await;
        assert_eq!(listed.data()["orders"][0]["status"], "completed");
        let listed = server.ask("GET /api/dining/enhanced/department-orders?page=2&pageSize=1").by(&team.boss).send().await;
        assert_eq!(listed.data()["orders"][0]["status"], "canceled");
        let place = "/api/dining/enhanced/department-orders";
        let first = server.ask(&format!("GET {place}?sort=createdAt&pageSize=1")).by(&team.boss).send().await.data().clone();
        assert_eq!((&first["orders"][0]["status"], &first["total"]), (&json!("canceled"), &json!(2)));
        let cursor = first["pageInfo"]["next_cursor"].as_str().expect("another page");
        let next = server.ask(&format!("GET {place}?sort=createdAt&pageSize=1&cursor={cursor}")).by(&team.boss).send().await;
        assert_eq!((&next.data()["orders"][0]["status"], &next.data()["pageInfo"]["has_more"]), (&json!("completed"), &json!(false)));
        for wrong in [format!("page=1&cursor={cursor}"), "page=1&sort=date".to_owned()] {
            assert_eq!(server.ask(&format!("GET {place}?{wrong}")).by(&team.boss).send().await.wrong_fields(), ["page"]);
        }
        let file = sheet(&server.ask(&format!("GET {place}/export?sort=createdAt")).by(&team.boss).send().await);
        assert_eq!([1, 2].map(|at| [2, 3, 4].map(|cell| file[at][cell].clone()).join(" ")), ["午餐 已取消 0", "晚餐 已完成 1"]);
        let stats = "GET /api/dining/enhanced/department-stats?startDate=2026-01-01&endDate=2026-01-31";
        let stats = server.ask(stats).by(&team.boss).send().await;
        assert_eq!((&stats.data()["totalOrders"], &stats.data()["totalMembers"]), (&json!(1), &json!(1)));
        assert!(stats.text.contains(r#""totalAmount":15.00"#), "{}", stats.text);
        server.books_are_right().await;
    }

    async fn a_quick_batch_is_one_order_for_each_meal(server: Server) {
        let admin = server.person(Role::Admin).await;
        let team = team(&server, "office", Payer::Member, 3).await;
        meal(&server, &admin, TODAY, "lunch", 1250, 9).await;
        meal(&server, &admin, "2026-01-06", "breakfast", 750, 2).await;
        let batch = json!({"members": team.named(&[0, 1, 2]), "meals": [
            {"date": TODAY, "mealType": "lunch"}, {"date": "2026-01-06", "mealType": "breakfast"}], "remark": "团队批量报餐"});
        let answer = server.ask(QUICK).by(&team.boss).json(&batch).await;
        let data = answer.data();
        assert_eq!((&data["successCount"], &data["failedCount"]), (&json!(1), &json!(1)));
        assert!(answer.text.contains(r#""message":"快速批量报餐提交完成""#));
        assert!(answer.text.contains(r#""totalAmount":37.50"#), "{}", answer.text);
        assert_eq!(data["errors"][0]["error"], "订单 2: 只剩 2 份，您要 3 份");
        server.books_are_right().await;
    }

    async fn several_departments_share_a_scarce_meal_to_the_last_portion(server: Server) {
        let admin = server.person(Role::Admin).await;
        let scarce = meal(&server, &admin, TODAY, "lunch", 1000, 7).await;
        meal(&server, &admin, TODAY, "dinner", 1000, 50).await;
        let mut teams = Vec::new();
        for code in ["aa", "bb", "cc", "dd", "ee", "ff"] {
            teams.push(team(&server, code, Payer::Department, 2).await);
        }
        // Half of them ask for the meals the other way round.
        let asks = teams.iter().enumerate().map(|(at, team)| {
            let mut slots = ["lunch", "dinner"];
            slots.rotate_left(at % 2);
            let orders: Vec<_> = slots.iter()
                .map(|slot| json!({"date": TODAY, "mealType": slot, "members": team.named(&[0, 1])})).collect();
            let server = &server;
            async move {
                let answer = server.ask(BATCH).by(&team.boss).json(&json!({"orders": orders})).await;
                answer.data()["successCount"].as_i64().expect("a count")
            }
        });
        let booked: i64 = futures_util::future::join_all(asks).await.into_iter().sum();
        assert_eq!(booked, 6 + 3, "dinner for everybody, lunch for three departments of two");
        let left = server.ask(&format!("GET /api/v1/meals/{scarce}")).by(&admin).send().await;
        assert_eq!(left.data()["available_capacity"], 1);
        server.books_are_right().await;
    }
}

#[tokio::test]
async fn every_kind_of_mistake_has_its_words() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let team = team(&server, "kitchen", Payer::Member, 3).await;
    let others = self::team(&server, "office", Payer::Member, 1).await;
    meal(&server, &admin, TODAY, "lunch", 1250, 9).await;
    let locked = meal(&server, &admin, TODAY, "dinner", 1250, 9).await;
    server.ask(&format!("POST /api/v1/meals/{locked}/lock")).by(&admin).send().await.data();
    let disabled = SetMemberStatus {
        member: team.members[2].0.id,
        status: MemberStatus::Disabled,
        reason: kernel::Note::default(),
    };
    server.house(Command::SetMemberStatus(disabled)).await;
    let lunch = |members: Value| json!({"date": TODAY, "mealType": "lunch", "members": members});
    let long = "饭".repeat(501);
    let orders = json!([
        lunch(team.named(&[0])),
        {"date": TODAY, "mealType": "lunch"},
        {"date": "2026/01/05", "mealType": "lunch", "members": team.named(&[1])},
        {"date": "2026-02-30", "mealType": "lunch", "members": team.named(&[1])},
        {"date": TODAY, "mealType": "tea", "members": team.named(&[1])},
        {"date": "2026-01-04", "mealType": "lunch", "members": team.named(&[1])},
        {"date": "2026-01-07", "mealType": "lunch", "members": team.named(&[1])},
        lunch(json!([{"userId": "nobody"}])),
        lunch(team.named(&[2])),
        lunch(others.named(&[0])),
        lunch(team.named(&[0])),
        lunch(team.named(&[1, 1])),
        {"date": TODAY, "mealType": "dinner", "members": team.named(&[1])},
        {"date": TODAY, "mealType": "lunch", "members": team.named(&[1]), "remark": long},
        lunch(json!([])),
        lunch(json!([{"name": "li"}])),
    ]);
    let answer = server.ask(BATCH).by(&team.boss).json(&json!({"orders": orders})).await;
    let said = |answer: &crate::support::Answer| -> Vec<(i64, String)> {
        let errors = answer.data()["errors"].as_array().expect("errors").clone();
        errors
            .iter()
            .map(|error| {
                (error["orderIndex"].as_i64().expect("a number"), error["error"].as_str().expect("text").to_owned())
            })
            .collect()
    };
    let chinese = [
        (2, "订单 2: 缺少必要参数"),
        (3, "订单 3: 日期格式不正确"),
        (4, "订单 4: 日期格式不正确"),
        (5, "订单 5: 餐次类型不正确"),
        (6, "订单 6: 不能为过去的日期报餐"),
        (7, "订单 7: 菜单尚未发布"),
        (8, "订单 8: 部分用户不存在或状态异常"),
        (9, "订单 9: 部分用户不存在或状态异常"),
        (10, "订单 10: 用户 office0 不属于本部门"),
        (11, "订单 11: 用户 kitchen0 已经报餐"),
        (12, "订单 12: 用户 kitchen1 重复出现"),
        (13, "订单 13: 餐次已锁定，不能订餐或改单"),
        (14, "订单 14: 备注须为不超过 500 个字符的文字"),
        (15, "订单 15: 缺少必要参数"),
        (16, "订单 16: 缺少必要参数"),
    ];
    assert_eq!(said(&answer), chinese.map(|(number, text)| (number, text.to_owned())));
    assert_eq!(answer.data()["successCount"], 1);
    let english = server.ask(BATCH).by(&team.boss).in_english().json(&json!({"orders": orders})).await;
    let english = said(&english);
    assert_eq!(english[0].1, "Order 1: member kitchen0 has an order for this meal already");
    assert!(
        english.iter().all(|(number, text)| text.starts_with(&format!("Order {number}: ")) && text.is_ascii()),
        "{english:?}"
    );

    // Nothing that can be read: the same list, and nothing else.
    let unreadable = json!({"orders": [{"date": TODAY, "mealType": "tea", "members": team.named(&[1])}, {}]});
    let answer = server.ask(BATCH).by(&team.boss).json(&unreadable).await;
    answer.failed(422, "VALIDATION_ERROR");
    let details = &answer.json["details"];
    assert_eq!((&details["failedCount"], &details["errors"][1]["error"]), (&json!(2), &json!("订单 2: 缺少必要参数")));
    // All or nothing.
    let both = json!({"atomic": true, "orders": [lunch(team.named(&[1])), {"date": TODAY, "mealType": "dinner", "members": team.named(&[1])}, {}]});
    let answer = server.ask(BATCH).by(&team.boss).json(&both).await;
    answer.failed(400, "BUSINESS_RULE_ERROR");
    assert_eq!(answer.json["details"]["errors"].as_array().map(Vec::len), Some(2));
    let one = json!({"date": TODAY, "mealType": "lunch", "members": others.named(&[0])});
    let answer = server.ask("POST /api/dining/enhanced/department-order").by(&team.boss).json(&one).await;
    answer.failed(400, "BUSINESS_RULE_ERROR");
    assert_eq!(answer.json["message"], "订单 1: 用户 office0 不属于本部门");
    let left = server.ask("GET /api/dining/enhanced/department-orders").by(&team.boss).send().await;
    assert_eq!(left.data()["total"], 1, "one order was booked in all of this");
    server.books_are_right().await;
}

#[tokio::test]
async fn a_batch_is_refused_whole_one_over_its_limits() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let team = team(&server, "kitchen", Payer::Department, 51).await;
    meal(&server, &admin, TODAY, "lunch", 100, 1000).await;
    let one = |at: usize| json!({"date": TODAY, "mealType": "lunch", "members": team.named(&[at])});
    let orders = |count: usize| json!({"orders": (0..count).map(one).collect::<Vec<_>>()});
    server.ask(BATCH).by(&team.boss).json(&orders(21)).await.failed(413, "PAYLOAD_TOO_LARGE");
    server.ask(BATCH).by(&team.boss).json(&json!({"orders": []})).await.failed(422, "VALIDATION_ERROR");
    let everybody: Vec<usize> = (0..51).collect();
    let crowd = json!({"orders": [{"date": TODAY, "mealType": "lunch", "members": team.named(&everybody)}]});
    server.ask(BATCH).by(&team.boss).json(&crowd).await.failed(413, "PAYLOAD_TOO_LARGE");
    let quick = |members: usize, meals: usize, remark: usize| {
        let meals: Vec<_> = (0..meals).map(|_| json!({"date": TODAY, "mealType": "lunch"})).collect();
        json!({"members": team.named(&everybody[..members]), "meals": meals, "remark": "饭".repeat(remark)})
    };
    for (body, status, code) in [
        (quick(51, 1, 0), 413, "PAYLOAD_TOO_LARGE"),
        (quick(1, 11, 0), 413, "PAYLOAD_TOO_LARGE"),
        (quick(1, 1, 501), 422, "VALIDATION_ERROR"),
        (quick(0, 1, 0), 422, "VALIDATION_ERROR"),
        (quick(1, 0, 0), 422, "VALIDATION_ERROR"),
    ] {
        server.ask(QUICK).by(&team.boss).json(&body).await.failed(status, code);
    }
    assert_eq!(server.ask("GET /api/dining/enhanced/department-orders").by(&team.boss).send().await.data()["total"], 0);
    assert_eq!(server.ask(BATCH).by(&team.boss).json(&orders(20)).await.data()["successCount"], 20);
    let rest = json!({"members": team.named(&everybody[20..]), "meals": [{"date": TODAY, "mealType": "lunch"}], "remark": "饭".repeat(500)});
    assert_eq!(server.ask(QUICK).by(&team.boss).json(&rest).await.data()["orders"][0]["memberCount"], 31);
    let ten = server.ask(QUICK).by(&team.boss).json(&quick(50, 10, 0)).await;
    assert_eq!(ten.data()["failedCount"], 10, "everybody is booked already");
    server.books_are_right().await;
}

/// A date is judged where the house is, at the moment of the request.
#[tokio::test]
async fn a_day_ends_at_midnight_in_the_zone() {
    let limits = http_api::Limits::default();
    let server = Server::start_at("2026-01-05T15:59:59.999Z", Home::sqlite(), limits, |_| {}).await;
    let admin = server.person(Role::Admin).await;
    let team = team(&server, "kitchen", Payer::Member, 2).await;
    meal(&server, &admin, TODAY, "dinner", 100, 10).await;
    let order = |at: usize| json!({"orders": [{"date": TODAY, "mealType": "dinner", "members": team.named(&[at])}]});
    assert_eq!(server.ask(BATCH).by(&team.boss).json(&order(0)).await.data()["successCount"], 1);
    server.clock.advance_ms(1);
    let late = server.ask(BATCH).by(&team.boss).json(&order(1)).await;
    assert_eq!(late.data()["errors"][0]["error"], "订单 1: 不能为过去的日期报餐");
}

#[tokio::test]
async fn a_department_administrator_stays_in_the_own_department() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let kitchen = team(&server, "kitchen", Payer::Member, 1).await;
    let office = team(&server, "office", Payer::Member, 1).await;
    meal(&server, &admin, TODAY, "lunch", 100, 10).await;
    meal(&server, &admin, TODAY, "dinner", 100, 10).await;
    let order = |team: &Team, slot: &str| json!({"date": TODAY, "mealType": slot, "members": team.named(&[0])});
    let booked = server.ask(BATCH).by(&office.boss).json(&json!({"orders": [order(&office, "lunch")]})).await;
    let theirs = booked.data()["orders"][0]["orderId"].as_str().expect("an id").to_owned();
    let (uid, id) = (&office.members[0].1, office.id.to_string());
    let with_id = |mut body: Value| {
        body["departmentId"] = json!(id);
        body
    };
    let quick = json!({"members": office.named(&[0]), "meals": [{"date": TODAY, "mealType": "dinner"}]});
    let paths = [
        (BATCH.to_owned(), Some(with_id(json!({"orders": [order(&office, "dinner")]})))),
        (QUICK.to_owned(), Some(with_id(quick.clone()))),
        ("POST /api/dining/enhanced/department-order".to_owned(), Some(with_id(order(&office, "dinner")))),
        (format!("GET /api/dining/enhanced/dept-members?departmentId={id}"), None),
        (format!("GET /api/dining/enhanced/department-orders?departmentId={id}"), None),
        (
            format!("GET /api/dining/enhanced/department-stats?startDate={TODAY}&endDate={TODAY}&departmentId={id}"),
            None,
        ),
        (format!("GET /api/dining/enhanced/department-overview?departmentId={id}"), None),
        (format!("DELETE /api/dining/enhanced/department-orders/{theirs}/members/{uid}"), None),
        (format!("DELETE /api/dining/enhanced/department-orders/{theirs}"), None),
    ];
    for by in [&kitchen.boss, &office.members[0].0] {
        for (path, body) in &paths {
            let ask = server.ask(path).by(by);
            let answer = match body {
                Some(body) => ask.json(body).await,
                None => ask.send().await,
            };
            answer.failed(403, "PERMISSION_DENIED");
        }
    }
    // Without naming a department it is the own one, and their members are strangers there.
    let answer = server.ask(QUICK).by(&kitchen.boss).json(&quick).await;
    assert_eq!(answer.data()["errors"][0]["error"], "订单 1: 用户 office0 不属于本部门");
    let listed = server.ask("GET /api/dining/enhanced/department-orders").by(&kitchen.boss).send().await;
    assert_eq!(listed.data()["total"], 0);
    let found = server.ask("GET /api/dining/enhanced/dept-members?keyword=0").by(&kitchen.boss).send().await;
    assert_eq!(found.data()["members"].as_array().map(Vec::len), Some(1), "{}", found.text);
    assert_eq!(found.data()["members"][0]["name"], "kitchen0");
    // An administrator of the house does all of it, and has to say for whom.
    server.ask(QUICK).by(&admin).json(&quick).await.failed(422, "VALIDATION_ERROR");
    for (path, body) in &paths {
        let ask = server.ask(path).by(&admin);
        let answer = match body {
            Some(body) => ask.json(body).await,
            None => ask.send().await,
        };
        let later = path.ends_with(&theirs) || path.starts_with("POST /api/dining/enhanced/department-order");
        assert!(answer.status.is_success() || later, "{path}: {}", answer.text);
    }
    let unknown = json!({"orders": [order(&office, "dinner")], "departmentId": "404"});
    server.ask(BATCH).by(&admin).json(&unknown).await.failed(404, "NOT_FOUND");
    server.books_are_right().await;
}

#[tokio::test]
async fn a_department_may_keep_what_it_booked() {
    let server = Server::start(Home::sqlite()).await;
    let admin = server.person(Role::Admin).await;
    let team = team(&server, "kitchen", Payer::Department, 1).await;
    meal(&server, &admin, TODAY, "lunch", 100, 10).await;
    let order = json!({"date": TODAY, "mealType": "lunch", "members": team.named(&[0])});
    server.ask("POST /api/dining/enhanced/department-order").by(&team.boss).json(&order).await.data();
    let keep = EditDepartment {
        department: team.id,
        name: None,
        pays: None,
        overdraft_limit: None,
        members_may_cancel: Some(false),
        reason: kernel::Note::default(),
    };
    server.house(Command::EditDepartment(keep)).await;
    let li: &Person = &team.members[0].0;
    let own =
        server.ask("GET /api/v1/users/orders/history").by(li).send().await.data()["orders"][0]["order_id"].clone();
    let answer = server.ask(&format!("DELETE /api/v1/orders/{own}")).by(li).send().await;
    answer.failed(403, "PERMISSION_DENIED");
    assert_eq!(answer.json["message"], "部门不允许自行修改或取消，请联系部门管理员");
    let shown = server.ask(&format!("GET /api/v1/orders/{own}")).by(li).send().await;
    assert_eq!(shown.data()["placed_by"], json!(team.boss.id));
}

on_both_engines! {
    async fn an_order_is_handed_out_once(server: Server) {
        let admin = server.person(Role::Admin).await;
        let staff = server.person(Role::StoreStaff).await;
        let li = server.person(Role::Member).await;
        let mut numbers = Vec::new();
        for date in [TODAY, "2026-01-06"] {
            let meal = meal(&server, &admin, date, "lunch", 100, 10).await;
            let order = server.ask("POST /api/v1/orders").by(&li).json(&json!({"meal_id": meal, "quantity": 1})).await;
            numbers.push((order.data()["order_no"].clone(), order.data()["order_id"].clone()));
        }
        let redeem = async |number: &Value| {
            server.ask("POST /api/v1/orders/redeem").by(&staff).json(&json!({"order_no": number})).await
        };
        assert_eq!(redeem(&numbers[0].0).await.data()["order_id"], numbers[0].1);
        redeem(&numbers[0].0).await.failed(400, "INVALID_STATUS_TRANSITION");
        redeem(&numbers[1].0).await.failed(400, "BUSINESS_RULE_ERROR");
        redeem(&json!("MEAL2026010500000000000")).await.failed(404, "NOT_FOUND");
        redeem(&json!("nothing")).await.failed(404, "NOT_FOUND");
        let late = server.ask(&format!("DELETE /api/v1/orders/{}", numbers[0].1)).by(&li).send().await;
        late.failed(400, "INVALID_STATUS_TRANSITION");
        server.books_are_right().await;
    }

    async fn a_department_is_set_up_and_pays(server: Server) {
        let admin = server.person(Role::Admin).await;
        let team = team(&server, "kitchen", Payer::Member, 2).await;
        let path = format!("/api/v1/admin/departments/{}", team.id);
        let settings = json!({"pays": "department", "overdraft_limit_cents": 0, "members_may_cancel": false});
        let saved = server.ask(&format!("PUT {path}")).by(&admin).json(&settings).await;
        assert_eq!(
            (&saved.data()["pays"], &saved.data()["overdraft_limit_cents"], &saved.data()["members_may_cancel"]),
            (&json!("department"), &json!(0), &json!(false)),
        );
        meal(&server, &admin, TODAY, "lunch", 1000, 10).await;
        let order = json!({"date": TODAY, "mealType": "lunch", "members": team.named(&[0, 1])});
        let poor = server.ask("POST /api/dining/enhanced/department-order").by(&team.boss).json(&order).await;
        poor.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(poor.message(), "订单 1: 部门账户余额不足：余额 0.00 元，需要 10.00 元");
        // What was only tried leaves nothing.
        for (way, body, after) in [
            ("fund?dry_run=true", json!({"amount_cents": 2500}), 2500),
            ("adjust?dry_run=true", json!({"amount_cents": -500, "reason": "-"}), -500),
            ("fund", json!({"amount_cents": 2500}), 2500),
        ] {
            let moved = server.ask(&format!("POST {path}/{way}")).by(&admin).json(&body).await;
            assert_eq!(moved.data()["balance_cents"], after, "{way}");
        }
        server.ask("POST /api/dining/enhanced/department-order").by(&team.boss).json(&order).await.data();
        let body = json!({"amount_cents": -500, "reason": "paid twice"});
        let adjusted = server.ask(&format!("POST {path}/adjust")).by(&admin).json(&body).await;
        assert_eq!(adjusted.data()["balance_cents"], 0);
        // Somebody else takes over.
        let li = &team.members[0].0;
        let list = "GET /api/dining/enhanced/department-orders";
        server.ask(list).by(li).send().await.failed(403, "PERMISSION_DENIED");
        server.ask(&format!("PUT {path}/admins/{}", li.id)).by(&admin).json(&json!({})).await.data();
        assert_eq!(server.ask(list).by(li).send().await.data()["total"], 1);
        server.ask(&format!("DELETE {path}/admins/{}", li.id)).by(&admin).send().await.data();
        server.ask(list).by(li).send().await.failed(403, "PERMISSION_DENIED");
        server.books_are_right().await;
    }
}
