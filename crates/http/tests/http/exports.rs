//! The files that people take home, read back by a reader that is not ours.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use kernel::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Home, Person, Server, on_both_engines};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

struct File(Xlsx<Cursor<Vec<u8>>>);

impl File {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(XLSX)), "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        Self(open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook"))
    }

    fn sheet(&mut self, name: &str) -> Vec<Vec<Data>> {
        let range = self.0.worksheet_range(name).expect("the sheet");
        range.rows().map(<[Data]>::to_vec).collect()
    }

    /// The values of the overview, and of every other row a list of texts.
    fn texts(&mut self, name: &str) -> Vec<Vec<String>> {
        let rows = self.sheet(name);
        rows.iter().map(|row| row.iter().map(shown).collect()).collect()
    }
}

/// With its type: a number is not what looks like one.
fn shown(data: &Data) -> String {
    match data {
        Data::String(text) => text.clone(),
        Data::Float(number) => format!("#{number}"),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            format!("@{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        Data::Empty => String::new(),
        other => format!("{other:?}"),
    }
}

async fn order(server: &Server, person: &Person, body: &Value) -> i64 {
    let placed = server.ask("POST /api/v1/orders").by(person).json(body).await;
    placed.data()["order_id"].as_i64().expect("an id")
}

async fn named(server: &Server, nickname: &str, openid: Option<&str>) -> Person {
    let change = |add: &mut kernel::AddMember| {
        add.profile.nickname = nickname.to_owned();
        add.openid = openid.map(|openid| server.openid(openid));
    };
    server.person_with(Role::Member, change).await
}

on_both_engines! {
    async fn a_meal_fills_four_sheets(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = json!({
            "date": "2026-01-06", "slot": "breakfast", "description": "+豆浆", "base_price_cents": 1500, "capacity": 100,
            "options": [{"id": 1, "name": "鸡腿", "price_cents": 300}, {"id": 2, "name": "不要饭", "price_cents": -200}],
            "status": "published",
        });
        let meal = server.ask("POST /api/v1/meals").by(&admin).json(&meal).await.data()["meal_id"].as_i64().expect("an id");
        let formula = named(&server, "=HYPERLINK(\"http://x\",\"y\")", Some("o_openid_of_a_formula")).await;
        let emoji = named(&server, "🍱小明🍗", Some("short")).await;
        let staff = named(&server, "", None).await;
        let gone = named(&server, "走了", None).await;
        let notes = "饭".repeat(500);
        let first = order(&server, &formula, &json!({"meal_id": meal, "quantity": 2, "selected_options": [{"id": 2}, {"id": 1}], "notes": "-1\n+2"})).await;
        let canceled = order(&server, &gone, &json!({"meal_id": meal, "quantity": 9, "selected_options": [{"id": 1}]})).await;
        server.clock.advance_ms(1999);
        let second = order(&server, &emoji, &json!({"meal_id": meal, "quantity": 3, "selected_options": [{"id": 1}], "notes": notes})).await;
        let third = order(&server, &staff, &json!({"meal_id": meal})).await;
        server.ask(&format!("DELETE /api/v1/orders/{canceled}")).by(&gone).send().await.data();
        // What is locked or completed still counts.
        server.ask(&format!("POST /api/v1/meals/{meal}/lock")).by(&admin).send().await.data();

        let support = server.person(Role::Support).await;
        let answer = server.ask(&format!("GET /api/v1/meals/{meal}/export")).by(&support).send().await;
        let disposition = answer.header("content-disposition").expect("a name").to_owned();
        assert_eq!(disposition, format!(
            "attachment; filename=\"meal_orders_2026-01-06_breakfast_{meal}.xlsx\"; \
             filename*=UTF-8''%E9%A4%90%E6%AC%A1%E8%AE%A2%E5%8D%95_2026-01-06_breakfast_{meal}.xlsx"
        ));
        let mut file = File::of(&answer);
        assert_eq!(file.0.sheet_names(), ["餐次概况", "订单详情", "选项统计", "用户统计"]);

        // 2 × 16 yuan, 3 × 18 yuan, 1 × 15 yuan.
        let meal_id = format!("#{meal}");
        let overview: Vec<[&str; 2]> = vec![
            ["项目", "数值"], ["餐次ID", &meal_id], ["日期", "@2026-01-06 00:00:00"], ["时段", "早餐"], ["描述", "+豆浆"],
            ["总订单数", "#3"], ["总份数", "#6"], ["总收入(元)", "#101"], ["平均单价(元)", "#33.67"], ["用户数量", "#3"],
            ["导出时间", "@2026-01-05 10:00:01"],
        ];
        assert_eq!(file.texts("餐次概况"), overview);

        let (first, second, third) = (format!("#{first}"), format!("#{second}"), format!("#{third}"));
        let orders: Vec<[&str; 11]> = vec![
            ["订单ID", "用户昵称", "用户ID", "订单数量", "总价(元)", "订单时间", "备注", "状态", "选择的选项", "选项总价(元)", "基础价格(元)"],
            [&first, "=HYPERLINK(\"http://x\",\"y\")", "_formula", "#2", "#32", "@2026-01-05 10:00:00", "-1\n+2", "已锁定", "不要饭, 鸡腿", "#2", "#30"],
            [&second, "🍱小明🍗", "short", "#3", "#54", "@2026-01-05 10:00:01", &notes, "已锁定", "鸡腿", "#9", "#45"],
            [&third, "未设置", "未绑定", "#1", "#15", "@2026-01-05 10:00:01", "", "已锁定", "无", "#0", "#15"],
        ];
        assert_eq!(file.texts("订单详情"), orders);

        let options: Vec<[&str; 6]> = vec![
            ["选项名称", "选择次数", "总份数", "总收入(元)", "平均单价(元)", "选择用户数"],
            ["鸡腿", "#2", "#5", "#15", "#3", "#2"],
            ["不要饭", "#1", "#2", "#-4", "#-2", "#1"],
        ];
        assert_eq!(file.texts("选项统计"), options);

        let members: Vec<[&str; 7]> = vec![
            ["用户昵称", "用户ID", "订单数量", "订餐总份数", "消费总额(元)", "首次订单时间", "最后订单时间"],
            ["🍱小明🍗", "short", "#1", "#3", "#54", "@2026-01-05 10:00:01", "@2026-01-05 10:00:01"],
            ["=HYPERLINK(\"http://x\",\"y\")", "_formula", "#1", "#2", "#32", "@2026-01-05 10:00:00", "@2026-01-05 10:00:00"],
            ["未设置", "未绑定", "#1", "#1", "#15", "@2026-01-05 10:00:01", "@2026-01-05 10:00:01"],
        ];
        assert_eq!(file.texts("用户统计"), members);

        server.ask(&format!("POST /api/v1/meals/{meal}/complete")).by(&admin).send().await.data();
        let answer = server.ask(&format!("GET /api/v1/meals/{meal}/export")).by(&support).send().await;
        let orders = File::of(&answer).texts("订单详情");
        assert_eq!((orders.len(), orders[1][7].as_str()), (4, "已完成"));
    }

    async fn a_departments_ledger_says_who_ate(server: Server) {
        let admin = server.person(Role::Admin).await;
        let department = json!({"code": "PAYS", "name": "后厨", "pays": "department"});
        let id = server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data()["department_id"].clone();
        let cook = server.person_with(Role::Member, |add| {
            add.department = Some("PAYS".to_owned().try_into().expect("a code"));
            add.profile.nickname = "=1+1".to_owned();
        }).await;
        let fund = json!({"amount_cents": 2005});
        server.ask(&format!("POST /api/v1/admin/departments/{id}/fund")).by(&admin).json(&fund).await.data();
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        order(&server, &cook, &json!({"meal_id": meal})).await;
        let answer = server.ask(&format!("GET /api/v1/admin/departments/{id}/ledger/export")).by(&admin).send().await;
        let named = format!("filename=\"department_ledger_{id}_2026-01-05.xlsx\"");
        assert!(answer.header("content-disposition").is_some_and(|name| name.contains(&named)));
        let rows = File::of(&answer).texts("部门流水");
        assert_eq!(rows[0], ["流水ID", "时间", "说明", "金额(元)", "余额(元)", "关联订单ID", "用餐人"]);
        assert_eq!(rows[1][2..5], ["订餐扣款", "#-15", "#5.05"]);
        assert_eq!((rows[1][6].as_str(), &rows[2][3..]), ("=1+1", &["#20.05", "#20.05", "", ""].map(str::to_owned)[..]));
    }

    async fn an_empty_meal_says_so(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let answer = server.ask(&format!("GET /api/v1/meals/{meal}/export")).by(&admin).send().await;
        let mut file = File::of(&answer);
        for (sheet, hint) in [("订单详情", "暂无订单数据"), ("选项统计", "暂无选项数据"), ("用户统计", "暂无用户数据")] {
            assert_eq!(file.texts(sheet), [["提示"], [hint]]);
        }
        let overview = file.texts("餐次概况");
        assert_eq!(overview[3], ["时段", "午餐"]);
        assert_eq!(overview[4], ["描述", "红烧肉"]);
        for row in &overview[5..10] {
            assert_eq!(row[1], "#0", "{}", row[0]);
        }

        let missing = server.ask("GET /api/v1/meals/7/export").by(&admin).send().await;
        assert_eq!(missing.failed(404, "NOT_FOUND")["noun"], json!("meal"));
        let wrong = server.ask("GET /api/v1/meals/x/export?format=csv").by(&admin).send().await;
        assert_eq!(wrong.wrong_fields(), ["meal_id", "format"]);
    }

    async fn ones_own_orders_and_ledger_are_files_too(server: Server) {
        let admin = server.person(Role::Admin).await;
        let (person, other) = (named(&server, "小明", None).await, named(&server, "别人", None).await);
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        server.recharge(&admin, &person, 5005).await;
        let first = order(&server, &person, &json!({"meal_id": meal, "selected_options": [{"id": 1}], "notes": "@home"})).await;
        order(&server, &other, &json!({"meal_id": meal})).await;
        server.ask(&format!("DELETE /api/v1/orders/{first}")).by(&person).send().await.data();
        server.clock.advance_ms(1000);
        let second = order(&server, &person, &json!({"meal_id": meal, "quantity": 2})).await;

        let answer = server.ask("GET /api/v1/users/orders/export").by(&person).send().await;
        assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"orders_2026-01-05.xlsx\"; filename*=UTF-8''%E8%AE%A2%E5%8D%95%E8%AE%B0%E5%BD%95_2026-01-05.xlsx"));
        let rows = File::of(&answer).texts("订单记录");
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], ["订单号", "日期", "时段", "餐次", "订单数量", "总价(元)", "选择的选项", "备注", "状态", "订单时间", "最后修改时间"]);
        assert_eq!(rows[1][1..], ["@2026-01-06 00:00:00", "午餐", "红烧肉", "#2", "#30", "无", "", "有效", "@2026-01-05 10:00:01", "@2026-01-05 10:00:01"]);
        assert_eq!(rows[2][1..9], ["@2026-01-06 00:00:00", "午餐", "红烧肉", "#1", "#18", "鸡腿", "@home", "已取消"]);

        let answer = server.ask("GET /api/v1/users/balance/export").by(&person).send().await;
        assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"ledger_2026-01-05.xlsx\"; filename*=UTF-8''%E4%BD%99%E9%A2%9D%E6%B5%81%E6%B0%B4_2026-01-05.xlsx"));
        let rows = File::of(&answer).texts("余额流水");
        assert_eq!(rows[0], ["流水ID", "时间", "说明", "金额(元)", "余额(元)", "关联订单ID"]);
        let (first, second) = (format!("#{first}"), format!("#{second}"));
        let expected: Vec<[&str; 5]> = vec![
            ["@2026-01-05 10:00:01", "订餐扣款", "#-30", "#20.05", &second],
            ["@2026-01-05 10:00:00", "订单退款", "#18", "#50.05", &first],
            ["@2026-01-05 10:00:00", "订餐扣款", "#-18", "#32.05", &first],
            ["@2026-01-05 10:00:00", "管理员充值", "#50.05", "#50.05", ""],
        ];
        let found: Vec<_> = rows[1..].iter().map(|row| &row[1..]).collect();
        assert_eq!(found, expected);
        assert!(rows[1..].iter().all(|row| row[0].starts_with('#')));

        // The same for an administrator, about anybody.
        let finance = server.person(Role::Finance).await;
        let path = format!("GET /api/v1/admin/members/{}/ledger/export", person.id);
        let answer = server.ask(&path).by(&finance).send().await;
        let name = format!("ledger_{}_2026-01-05.xlsx", person.id);
        assert!(answer.header("content-disposition").is_some_and(|said| said.contains(&name)), "{name}");
        assert_eq!(File::of(&answer).texts("余额流水"), rows);
        let missing = server.ask("GET /api/v1/admin/members/7/ledger/export").by(&finance).send().await;
        assert_eq!(missing.failed(404, "NOT_FOUND")["noun"], json!("member"));
        server.ask(&path).by(&person).send().await.failed(403, "PERMISSION_DENIED");

        let nobody = named(&server, "新人", None).await;
        for (path, sheet) in [("orders", "订单记录"), ("balance", "余额流水")] {
            let answer = server.ask(&format!("GET /api/v1/users/{path}/export")).by(&nobody).send().await;
            assert_eq!(File::of(&answer).texts(sheet).len(), 1);
        }
    }

    // More askers than files may be made at once, and half of them leave before the end.
    async fn many_files_at_once_all_arrive(server: Server) {
        let admin = server.person(Role::Admin).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        order(&server, &admin, &json!({"meal_id": meal})).await;
        let path = format!("/api/v1/meals/{meal}/export");
        let asks = (0..20).map(|number| {
            let method = if number % 2 == 0 { "GET" } else { "HEAD" };
            let ask = server.ask(&format!("{method} {path}")).by(&admin).send();
            async move {
                let answer = ask.await;
                assert_eq!((answer.status.as_u16(), answer.bytes.is_empty()), (200, number % 2 == 1));
                if number % 2 == 0 {
                    assert_eq!(File::of(&answer).texts("订单详情").len(), 2);
                }
            }
        });
        futures_util::future::join_all(asks).await;
    }
}

#[tokio::test]
async fn files_are_described() {
    let server = Server::start(Home::sqlite()).await;
    let document = server.ask("GET /openapi.json").send().await.json;
    for path in [
        "/api/v1/meals/{meal_id}/export",
        "/api/v1/users/orders/export",
        "/api/v1/users/balance/export",
        "/api/v1/admin/members/{user_id}/ledger/export",
    ] {
        let answers = &document["paths"][path]["get"]["responses"];
        let schema = &answers["200"]["content"][XLSX]["schema"];
        assert_eq!(*schema, json!({"type": "string", "format": "binary"}), "{path}");
        assert!(answers["401"].is_object() && answers["403"].is_object(), "{path}");
    }
    let page = server.ask("GET /docs").send().await.text;
    assert!(page.contains("Answers a file"));
}
