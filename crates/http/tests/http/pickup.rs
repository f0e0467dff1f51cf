//! Fetching a meal: codes, the counter, the list to print, and the kitchen's page.

use std::collections::BTreeSet;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use http_api::Limits;
use kernel::{Command, CreateDepartment, Outcome, Payer, Role};
use serde_json::{Value, json};

use crate::support::{Answer, Home, Person, Server, on_both_engines};

const REDEEM: &str = "POST /api/v1/orders/redeem";
const TODAY: &str = "2026-01-05";

async fn meal(server: &Server, admin: &Person, date: &str, slot: &str) -> i64 {
    let meal = json!({
        "date": date, "slot": slot, "base_price_cents": 1500, "capacity": 50, "status": "published",
        "options": [{"id": 1, "name": "鸡腿", "price_cents": 300}, {"id": 2, "name": "少饭", "price_cents": 0}],
        "pickup_windows": ["12:00-12:30", "11:30-12:00", "12:00-12:30"],
    });
    let meal = server.ask("POST /api/v1/meals").by(admin).json(&meal).await;
    assert_eq!(meal.data()["pickup_windows"], json!(["11:30-12:00", "12:00-12:30"]), "in order, each once");
    meal.data()["meal_id"].as_i64().expect("an id")
}

async fn order(server: &Server, person: &Person, body: Value) -> Value {
    server.ask("POST /api/v1/orders").by(person).json(&body).await.data().clone()
}

async fn named(server: &Server, nickname: &str, department: Option<&str>) -> Person {
    let change = |add: &mut kernel::AddMember| {
        add.profile.nickname = nickname.to_owned();
        add.department = department.map(|code| code.to_owned().try_into().expect("a code"));
    };
    server.person_with(Role::Member, change).await
}

async fn department(server: &Server, code: &str, name: &str) {
    let create = CreateDepartment {
        code: code.to_owned().try_into().expect("a code"),
        name: name.to_owned().try_into().expect("a name"),
        pays: Payer::Member,
    };
    let Outcome::Department { .. } = server.house(Command::CreateDepartment(create)).await else { panic!() };
}

/// A sheet's cells as texts.
#[track_caller]
fn sheet(answer: &Answer, name: &str) -> Vec<Vec<String>> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook");
    let shown = |cell: &Data| match cell {
        Data::DateTime(_) => "a moment".to_owned(),
        other => other.to_string(),
    };
    let rows = book.worksheet_range(name).expect("the sheet");
    rows.rows().map(|row| row.iter().map(shown).collect()).collect()
}

on_both_engines! {
    async fn an_order_is_handed_out_once_by_code_qr_or_number(server: Server) {
        let admin = server.person(Role::Admin).await;
        let staff = server.person_with(Role::StoreStaff, |add| add.profile.nickname = "王师傅".to_owned()).await;
        let lunch = meal(&server, &admin, TODAY, "lunch").await;
        let dinner = meal(&server, &admin, TODAY, "dinner").await;
        let tomorrow = meal(&server, &admin, "2026-01-06", "lunch").await;
        let people = [named(&server, "李雷", None).await, named(&server, "韩梅梅", None).await, named(&server, "吴明", None).await];
        let mut codes = BTreeSet::new();
        let mut orders = Vec::new();
        for person in &people {
            for meal in [lunch, dinner] {
                let placed = order(&server, person, json!({"meal_id": meal})).await;
                let code = placed["pickup_code"].as_str().expect("a code").to_owned();
                assert_eq!(placed["pickup_qr"], json!(format!("FANPIAO:PICKUP:{}", placed["order_no"].as_str().expect("a number"))));
                assert!(codes.insert(code), "a day's codes all differ");
                orders.push(placed);
            }
        }
        // The member finds the code again, in the meal and in the order.
        let of = |at: usize, field: &str| orders[at][field].as_str().expect("text").to_owned();
        let shown = server.ask(&format!("GET /api/v1/orders/{}", orders[0]["order_id"])).by(&people[0]).send().await;
        assert_eq!(shown.data()["pickup_code"], of(0, "pickup_code"));
        let shown = server.ask(&format!("GET /api/v1/meals/{lunch}")).by(&people[0]).send().await;
        assert_eq!(shown.data()["my_order"]["pickup_code"], of(0, "pickup_code"));

        // Looking first changes nothing; the code is taken as it is heard.
        let heard = format!(" {} ", of(0, "pickup_code").to_lowercase());
        let tried = server.ask(&format!("{REDEEM}?dry_run=true")).by(&staff).json(&json!({"code": heard})).await;
        assert_eq!(tried.data()["nickname"], "李雷");
        let first = server.ask(REDEEM).by(&staff).key("k").json(&json!({"code": heard})).await;
        assert_eq!((&first.data()["nickname"], &first.data()["order_id"]), (&json!("李雷"), &orders[0]["order_id"]));
        assert_eq!(first.data()["redeemed_at"], "2026-01-05T02:00:00.000Z");
        let replayed = server.ask(REDEEM).by(&staff).key("k").json(&json!({"code": heard})).await;
        assert_eq!(replayed.text, first.text, "the same request is the same answer");
        for shown in [of(0, "pickup_code"), of(0, "pickup_qr"), of(0, "order_no")] {
            let again = server.ask(REDEEM).by(&admin).json(&json!({"code": shown})).await;
            again.failed(400, "INVALID_STATUS_TRANSITION");
            assert_eq!(again.message(), "该订单已于 2026-01-05 10:00 由 王师傅 核销取餐");
            let told = server.ask(REDEEM).by(&admin).in_english().json(&json!({"code": shown})).await;
            assert_eq!(told.message(), "This order was handed out at 2026-01-05 10:00 by 王师傅");
        }
        let own = server.ask(&format!("DELETE /api/v1/orders/{}", orders[0]["order_id"])).by(&people[0]).send().await;
        assert_eq!(own.message(), "该订单已于 2026-01-05 10:00 取餐", "what is eaten is not canceled");
        server.ask(REDEEM).by(&staff).json(&json!({"qr": of(2, "pickup_qr")})).await.data();
        server.ask(REDEEM).by(&staff).json(&json!({"order_no": of(3, "order_no")})).await.data();

        // Not before its day, not by a wrong code, not for another meal, not by a member.
        let early = order(&server, &people[0], json!({"meal_id": tomorrow})).await;
        let code = json!({"code": early["pickup_code"]});
        server.ask(REDEEM).by(&staff).json(&code).await.failed(404, "NOT_FOUND");
        let code = json!({"code": early["pickup_code"], "meal_id": tomorrow});
        assert_eq!(server.ask(REDEEM).by(&staff).json(&code).await.message(), "2026-01-06 才能取餐");
        let other = json!({"code": of(4, "pickup_code"), "meal_id": dinner});
        server.ask(REDEEM).by(&staff).json(&other).await.failed(404, "NOT_FOUND");
        let other = json!({"order_no": of(4, "order_no"), "meal_id": dinner});
        server.ask(REDEEM).by(&staff).json(&other).await.failed(404, "NOT_FOUND");
        for wrong in ["OOOO", "QQQQQQQQQQQQ", "饭", "MEAL20260105"] {
            server.ask(REDEEM).by(&staff).json(&json!({"code": wrong})).await.failed(404, "NOT_FOUND");
        }
        for wrong in [json!({}), json!({"code": "A", "qr": "B"}), json!({"meal_id": lunch})] {
            let refused = server.ask(REDEEM).by(&staff).json(&wrong).await;
            assert_eq!(refused.wrong_fields(), ["code"], "{wrong}");
        }
        server.ask(REDEEM).by(&people[1]).json(&json!({"code": of(4, "pickup_code")})).await.failed(403, "PERMISSION_DENIED");

        // A canceled order has no code to show, and a later one never gets it again.
        server.ask(&format!("DELETE /api/v1/orders/{}", orders[4]["order_id"])).by(&people[2]).send().await.data();
        let gone = server.ask(&format!("GET /api/v1/orders/{}", orders[4]["order_id"])).by(&people[2]).send().await;
        assert_eq!((&gone.data()["pickup_code"], &gone.data()["pickup_qr"]), (&Value::Null, &Value::Null));
        let refused = server.ask(REDEEM).by(&staff).json(&json!({"code": of(4, "pickup_code")})).await;
        refused.failed(400, "INVALID_STATUS_TRANSITION");
        let anew = order(&server, &people[2], json!({"meal_id": lunch})).await;
        assert!(codes.insert(anew["pickup_code"].as_str().expect("a code").to_owned()));
        server.books_are_right().await;
    }

    async fn the_kitchen_sees_what_to_make(server: Server) {
        let admin = server.person(Role::Admin).await;
        let staff = server.person(Role::StoreStaff).await;
        department(&server, "b", "研发部").await;
        department(&server, "a", "财务部").await;
        let lunch = meal(&server, &admin, TODAY, "lunch").await;
        let at = |from: &str| json!({"meal_id": lunch, "pickup_window": from});
        let refused = server.ask("POST /api/v1/orders").by(&admin).json(&at("10:00-11:00")).await;
        assert_eq!(refused.wrong_fields(), ["pickup_window"]);
        let mut last = None;
        for (name, department, body) in [
            ("一", Some("b"), json!({"quantity": 2, "selected_options": [{"id": 1}, {"id": 2}], "notes": "少辣", "pickup_window": "12:00-12:30"})),
            ("二", Some("b"), json!({"notes": "少辣"})),
            ("三", Some("a"), json!({"selected_options": [{"id": 1}], "pickup_window": "11:30-12:00"})),
            ("四", None, json!({"notes": "不要香菜"})),
            ("五", None, json!({"quantity": 9})),
        ] {
            let person = named(&server, name, department).await;
            let mut body = body;
            body["meal_id"] = json!(lunch);
            last = Some((order(&server, &person, body).await["order_id"].clone(), person));
        }
        let (id, person) = last.expect("an order");
        // It may be fetched at another time, and at any; what a meal no longer offers stays with who has it.
        let edit = format!("PUT /api/v1/orders/{id}");
        let changed = server.ask(&edit).by(&person).json(&json!({"pickup_window": "11:30-12:00"})).await;
        assert_eq!((&changed.data()["pickup_window"], &changed.data()["price_difference_cents"]), (&json!("11:30-12:00"), &json!(0)));
        let fewer = server.ask(&format!("PUT /api/v1/meals/{lunch}")).by(&admin).json(&json!({"pickup_windows": ["12:00-12:30"]})).await;
        assert_eq!(fewer.data()["pickup_windows"], json!(["12:00-12:30"]));
        server.ask(&edit).by(&person).json(&json!({"pickup_window": "11:30-12:00", "quantity": 8})).await.data();
        let open = server.ask(&edit).by(&person).json(&json!({"pickup_window": null})).await;
        assert_eq!(open.data()["pickup_window"], Value::Null);
        assert_eq!(server.ask(&edit).by(&person).json(&json!({"pickup_window": "11:30-12:00"})).await.wrong_fields(), ["pickup_window"]);
        server.ask(&format!("DELETE /api/v1/orders/{id}")).by(&person).send().await.data();

        let view = server.ask(&format!("GET /api/v1/meals/{lunch}/kitchen")).by(&staff).send().await;
        let view = view.data();
        assert_eq!((&view["orders"], &view["portions"], &view["no_show_orders"]), (&json!(4), &json!(5), &Value::Null));
        let options = json!([{"id": 1, "name": "鸡腿", "portions": 3}, {"id": 2, "name": "少饭", "portions": 2}]);
        assert_eq!((&view["by_option"], &view["plain_portions"]), (&options, &json!(2)));
        assert_eq!(view["by_window"], json!([
            {"window": null, "orders": 2, "portions": 2},
            {"window": "11:30-12:00", "orders": 1, "portions": 1},
            {"window": "12:00-12:30", "orders": 1, "portions": 2},
        ]));
        assert_eq!(view["notes"], json!([{"notes": "少辣", "portions": 3}, {"notes": "不要香菜", "portions": 1}]));
        let departments: BTreeSet<_> = view["by_department"].as_array().expect("rows").iter()
            .map(|row| (row["name"].as_str().unwrap_or("").to_owned(), row["orders"].as_i64(), row["portions"].as_i64()))
            .collect();
        let expected = [("研发部", 2, 3), ("财务部", 1, 1), ("", 1, 1)];
        let expected = expected.map(|(name, orders, portions)| (name.to_owned(), Some(orders), Some(portions)));
        assert_eq!(departments, BTreeSet::from(expected));
        let book = server.ask(&format!("GET /api/v1/meals/{lunch}/kitchen/export")).by(&staff).send().await;
        let page = sheet(&book, "备餐单");
        assert_eq!(page[1], ["合计", "2026-01-05 午餐", "4", "5"]);
        assert!(page.contains(&["备注", "少辣", "", "3"].map(ToOwned::to_owned).to_vec()), "{page:?}");
        assert!(page.len() < 40, "it fits on one page: {} rows", page.len());
        let detail = sheet(&book, "部门明细");
        assert!(detail.contains(&["研发部", "12:00-12:30", "鸡腿, 少饭", "2"].map(ToOwned::to_owned).to_vec()), "{detail:?}");
        server.ask("GET /api/v1/meals/1/kitchen").by(&staff).send().await.failed(404, "NOT_FOUND");
        server.ask("GET /api/v1/meals/1/pickup-list").by(&staff).send().await.failed(404, "NOT_FOUND");
        server.ask("GET /api/v1/meals/1/pickup-list/export").by(&staff).send().await.failed(404, "NOT_FOUND");
    }
}

/// Two seconds before midnight in Shanghai.
async fn late(home: Home) -> Server {
    Server::start_at("2026-01-05T15:59:58Z", home, Limits::default(), |_| {}).await
}

on_both_engines! {
    by late;
    async fn a_list_that_was_printed_is_entered_the_next_day(server: Server) {
        let admin = server.person(Role::Admin).await;
        let staff = server.person(Role::StoreStaff).await;
        department(&server, "b", "研发部").await;
        let lunch = meal(&server, &admin, TODAY, "lunch").await;
        let li = named(&server, "=李雷", Some("b")).await;
        let han = named(&server, "韩梅梅", None).await;
        let first = order(&server, &li, json!({
            "meal_id": lunch, "quantity": 2, "selected_options": [{"id": 1}], "notes": "少辣", "pickup_window": "11:30-12:00",
        })).await;
        let second = order(&server, &han, json!({"meal_id": lunch})).await;
        let list = format!("GET /api/v1/meals/{lunch}/pickup-list");
        let page = server.ask(&format!("{list}?limit=1")).by(&staff).send().await;
        let row = &page.data()["rows"][0];
        assert_eq!((&row["nickname"], &row["department"], &row["quantity"]), (&json!("=李雷"), &json!("研发部"), &json!(2)));
        assert_eq!((&row["pickup_code"], &row["pickup_window"]), (&first["pickup_code"], &json!("11:30-12:00")));
        let cursor = page.data()["page_info"]["next_cursor"].as_str().expect("another page").to_owned();
        let page = server.ask(&format!("{list}?cursor={cursor}")).by(&staff).send().await;
        assert_eq!(page.data()["rows"].as_array().map(Vec::len), Some(1));
        let printed = server.ask(&format!("{list}/export")).by(&staff).send().await;
        let rows = sheet(&printed, "取餐名单");
        assert_eq!(rows[0], ["部门", "姓名", "取餐码", "份数", "选项", "备注", "取餐时间", "订单编号", "已取"]);
        let code = |order: &Value| order["pickup_code"].as_str().expect("a code").to_owned();
        let number = |order: &Value| order["order_no"].as_str().expect("a number").to_owned();
        let is = |row: &[String], expected: [&str; 9]| assert_eq!(row, expected.map(ToOwned::to_owned).as_slice());
        is(&rows[1], ["", "韩梅梅", &code(&second), "1", "无", "", "", &number(&second), ""]);
        is(&rows[2], ["研发部", "=李雷", &code(&first), "2", "鸡腿", "少辣", "11:30-12:00", &number(&first), ""]);

        for step in ["lock", "complete"] {
            server.ask(&format!("POST /api/v1/meals/{lunch}/{step}")).by(&admin).send().await.data();
        }
        let kitchen = format!("GET /api/v1/meals/{lunch}/kitchen");
        assert_eq!(server.ask(&kitchen).by(&staff).send().await.data()["no_show_orders"], 2);
        server.clock.advance_ms(2000);
        server.ask(REDEEM).by(&staff).json(&json!({"code": first["pickup_code"]})).await.failed(404, "NOT_FOUND");
        server.ask(REDEEM).by(&staff).json(&json!({"code": first["pickup_code"], "meal_id": lunch})).await.data();
        let view = server.ask(&kitchen).by(&staff).send().await;
        assert_eq!((&view.data()["redeemed_orders"], &view.data()["no_show_orders"]), (&json!(1), &json!(1)));
        let waiting = server.ask(&format!("{list}?waiting=true")).by(&staff).send().await;
        assert_eq!((&waiting.data()["redeemed_orders"], &waiting.data()["rows"][0]["nickname"]), (&json!(1), &json!("韩梅梅")));
        let trail = server.ask("GET /api/v1/admin/audit?action=meal.complete").by(&admin).send().await;
        assert!(trail.text.contains(r#""no_shows":2"#), "{}", trail.text);
        server.books_are_right().await;
    }
}
