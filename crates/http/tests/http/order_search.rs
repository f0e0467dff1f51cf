//! Meal orders of all meals, found by what a member tells.

use std::io::Cursor;

use calamine::{Reader, Xlsx, open_workbook_from_rs};
use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Home, Person, Server, on_both_engines};

/// Three members, one of a department that pays, two meals, and what was ordered, oldest first.
struct Canteen {
    server: Server,
    admin: Person,
    support: Person,
    members: Vec<Person>,
    department: i64,
    meals: Vec<i64>,
    orders: Vec<Value>,
}

impl Canteen {
    async fn start(home: Home) -> Self {
        let server = Server::start(home).await;
        let (admin, support) = (server.person(Role::Admin).await, server.person(Role::Support).await);
        let department = json!({"code": "RD", "name": "研发部", "pays": "department"});
        let made = server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await;
        let department = made.data()["department_id"].as_i64().expect("an id");
        let mut members = Vec::new();
        for (nickname, account) in [("小明", "ming"), ("100%_大王", "wang"), ("小红", "hong")] {
            let change = |add: &mut kernel::AddMember| {
                add.profile.nickname = nickname.to_owned();
                add.account = Some(account.to_owned().try_into().expect("an account"));
                if nickname == "小红" {
                    add.department = Some("RD".to_owned().try_into().expect("a code"));
                }
            };
            members.push(server.person_with(Role::Member, change).await);
        }
        let meals = vec![server.meal(&admin, "2026-01-06", 10).await, server.meal(&admin, "2026-01-07", 10).await];
        let mut orders = Vec::new();
        for meal in &meals {
            for member in &members {
                let body = json!({"meal_id": meal, "notes": "少饭"});
                orders.push(server.ask("POST /api/v1/orders").by(member).json(&body).await.data().clone());
            }
        }
        Self { server, admin, support, members, department, meals, orders }
    }

    async fn ask(&self, query: &str) -> Value {
        let asked = format!("GET /api/v1/admin/orders{query}");
        self.server.ask(&asked).by(&self.support).send().await.data().clone()
    }

    /// Which of the orders are found, by their places.
    async fn found(&self, query: &str) -> Vec<usize> {
        let page = self.ask(query).await;
        let place = |found: &Value| {
            let same = |order: &Value| order["order_id"] == found["order_id"];
            self.orders.iter().position(same).expect("one of ours")
        };
        page["orders"].as_array().expect("orders").iter().map(place).collect()
    }
}

on_both_engines! {
    by Canteen::start;

    async fn an_order_is_found_by_whatever_is_known_of_it(canteen: Canteen) {
        let Canteen { server, admin, members, meals, orders, .. } = &canteen;
        assert_eq!(canteen.found("").await, [5, 4, 3, 2, 1, 0]);
        let number = orders[1]["order_no"].as_str().expect("a number");
        assert_eq!(canteen.found(&format!("?query={number}")).await, [1]);
        assert_eq!(canteen.found(&format!("?query=%20{}%20", number.to_lowercase())).await, [1]);
        assert_eq!(canteen.found(&format!("?query={number}&date_from=2026-01-07")).await, [0_usize; 0]);
        assert_eq!(canteen.found("?query=MEAL2026010500000000011").await, [0_usize; 0]);
        assert_eq!(canteen.found("?query=%E5%B0%8F%E6%98%8E").await, [3, 0]);
        assert_eq!(canteen.found("?query=WANG").await, [4, 1]);
        // What stands for other characters elsewhere stands for itself here.
        assert_eq!(canteen.found("?query=100%25_").await, [4, 1]);
        assert_eq!(canteen.found("?query=10_").await, [0_usize; 0]);
        assert_eq!(canteen.found(&format!("?query={}", members[2].id)).await, [5, 2]);
        assert_eq!(canteen.found("?department=RD").await, [5, 2]);
        assert_eq!(canteen.found("?department=RD&query=%E5%B0%8F%E6%98%8E").await, [0_usize; 0]);
        assert_eq!(canteen.found("?department=NONE").await, [0_usize; 0]);
        assert_eq!(canteen.found("?paid_by=department").await, [5, 2]);
        assert_eq!(canteen.found("?paid_by=member&query=%E5%B0%8F").await, [3, 0]);
        assert_eq!(canteen.found("?date_from=2026-01-07").await, [5, 4, 3]);
        assert_eq!(canteen.found("?date_to=2026-01-06&slot=lunch").await, [2, 1, 0]);
        assert_eq!(canteen.found("?slot=dinner").await, [0_usize; 0]);
        assert_eq!(canteen.found("?date_from=2026-02-01&date_to=2026-02-02").await, [0_usize; 0]);

        server.ask(&format!("DELETE /api/v1/orders/{}", orders[3]["order_id"])).by(&members[0]).send().await.data();
        for step in ["lock", "complete"] {
            server.ask(&format!("POST /api/v1/meals/{}/{step}", meals[0])).by(admin).send().await.data();
        }
        server.ask(&format!("POST /api/v1/meals/{}/lock", meals[1])).by(admin).send().await.data();
        assert_eq!(canteen.found("?status=canceled").await, [3]);
        assert_eq!(canteen.found("?status=completed").await, [2, 1, 0]);
        assert_eq!(canteen.found("?status=locked").await, [5, 4]);
        assert_eq!(canteen.found("?status=locked&paid_by=department").await, [5]);
        assert_eq!(canteen.found("?status=active").await, [0_usize; 0]);
        assert_eq!(canteen.found("?status=canceled&paid_by=department").await, [0_usize; 0]);
    }

    async fn an_order_is_shown_with_its_member_its_meal_and_who_paid(canteen: Canteen) {
        let page = canteen.ask("?paid_by=department&date_to=2026-01-06").await;
        let order = &canteen.orders[2];
        let expected = json!({
            "order_id": order["order_id"], "order_no": order["order_no"], "user_id": canteen.members[2].id, "nickname": "小红",
            "meal_id": canteen.meals[0], "quantity": 1, "selected_options": [], "total_price_cents": 1500, "notes": "少饭",
            "status": "active", "pickup_code": order["pickup_code"], "pickup_qr": order["pickup_qr"], "placed_by": null,
            "created_at": "2026-01-05T02:00:00.000Z", "updated_at": "2026-01-05T02:00:00.000Z",
            "meal_date": "2026-01-06", "meal_slot": "lunch", "meal_title": "红烧肉",
            "paid_by": {"department_id": canteen.department, "name": "研发部"},
        });
        assert_eq!(page["orders"], json!([expected]));
        assert_eq!(page["page_info"], json!({"limit": 50, "has_more": false, "next_cursor": null}));
        assert_eq!(canteen.ask("?query=%E5%B0%8F%E6%98%8E&limit=1").await["orders"][0]["paid_by"], Value::Null);
    }

    async fn every_order_is_on_one_page(canteen: Canteen) {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = canteen.ask(&format!("?limit=4{cursor}")).await;
            let ids = page["orders"].as_array().expect("orders").iter().map(|order| order["order_id"].clone());
            seen.extend(ids);
            match page["page_info"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let newest_first: Vec<_> = canteen.orders.iter().rev().map(|order| order["order_id"].clone()).collect();
        assert_eq!(seen, newest_first);
        let wrong = canteen.server.ask("GET /api/v1/admin/orders?date_from=2026-01-07&date_to=2026-01-06&limit=5");
        assert_eq!(wrong.by(&canteen.support).send().await.wrong_fields(), ["date_from"]);
        canteen.server.ask("GET /api/v1/admin/orders").by(&canteen.members[0]).send().await.failed(403, "PERMISSION_DENIED");
    }

    async fn what_is_found_is_taken_home(canteen: Canteen) {
        let asked = "GET /api/v1/admin/orders/export?query=%E5%B0%8F&date_to=2026-01-06";
        let answer = canteen.server.ask(asked).by(&canteen.support).send().await;
        let disposition = answer.header("content-disposition").expect("a name");
        assert!(disposition.starts_with("attachment; filename=\"all_orders_2026-01-05.xlsx\""), "{disposition}");
        let mut file: Xlsx<_> = open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook");
        let rows = file.worksheet_range("订单").expect("the sheet");
        let rows: Vec<Vec<String>> = rows.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let text = |at: usize| canteen.orders[at]["order_no"].as_str().expect("a number").to_owned();
        assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), ["订单号".to_owned(), text(2), text(0)]);
        assert_eq!((rows[1][5].as_str(), rows[1][8].as_str(), rows[2][8].as_str()), ("小红", "研发部", ""));
        assert_eq!((rows[1][7].as_str(), rows[1][11].as_str()), ("15", "有效"));
    }
}
