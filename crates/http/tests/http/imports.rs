//! Members, departments and products out of files: looked at first, then imported as seen.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use jiff::tz::TimeZone;
use kernel::{NewGrant, Role};
use serde_json::{Value, json};
use sheets::{Cell, Column};

use crate::support::{Answer, Person, Server, on_both_engines};

/// A workbook with these texts.
fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = sheets::Workbook::new(Vec::new(), TimeZone::UTC, &["一"]).expect("a book");
    let columns: Vec<_> = rows[0].iter().map(|title| Column::new(title, 10)).collect();
    let mut sheet = book.sheet(0, &columns).expect("a sheet");
    for row in &rows[1..] {
        let cells: Vec<_> =
            row.iter().map(|text| if text.is_empty() { Cell::Empty } else { Cell::Text(text) }).collect();
        sheet.row(&cells).expect("written");
    }
    sheet.end().expect("ended");
    book.finish().expect("finished")
}

async fn import(server: &Server, by: &Person, what: &str, file: &[u8], token: Option<&Value>) -> Answer {
    let content = STANDARD.encode(file);
    let (query, body) = match token {
        None => ("?dry_run=true", json!({"content": content})),
        Some(token) => ("", json!({"content": content, "token": token})),
    };
    server.ask(&format!("POST /api/v1/admin/{what}/import{query}")).by(by).json(&body).await
}

/// Row, action, and what is wrong where.
fn brief(data: &Value) -> Vec<(i64, &str, String)> {
    let rows = data["rows"].as_array().expect("rows");
    let problems = |row: &Value| {
        let problems = row["problems"].as_array().expect("problems").clone();
        let said = problems.iter().map(|problem| {
            format!("{} {}", problem["column"].as_str().unwrap_or("-"), problem["field"].as_str().unwrap_or("-"))
        });
        said.collect::<Vec<_>>().join("; ")
    };
    rows.iter()
        .map(|row| (row["row"].as_i64().expect("a row"), row["action"].as_str().expect("a word"), problems(row)))
        .collect()
}

fn counts(data: &Value) -> [i64; 4] {
    ["create_count", "change_count", "nothing_count", "wrong_count"].map(|count| data[count].as_i64().expect("a count"))
}

on_both_engines! {
    async fn a_house_is_filled_from_two_files(server: Server) {
        let admin = server.person(Role::Admin).await;
        let departments = workbook(&[
            &["部门编号", "部门名称", "付款方", "成员可取消"],
            &["KITCHEN", "后厨", "部门", "否"],
            &["OFFICE", "办公室", "member", ""],
        ]);
        let seen = import(&server, &admin, "departments", &departments, None).await;
        assert_eq!(seen.message(), "预览完成，尚未导入");
        let seen = seen.data().clone();
        assert_eq!(counts(&seen), [2, 0, 0, 0]);
        let first = json!([
            {"field": "code", "from": null, "to": "KITCHEN"}, {"field": "name", "from": null, "to": "后厨"},
            {"field": "pays", "from": null, "to": "department"}, {"field": "members_may_cancel", "from": null, "to": "false"},
        ]);
        assert_eq!((&seen["rows"][0]["row"], &seen["rows"][0]["changes"]), (&json!(2), &first));
        let list = || async { server.ask("GET /api/v1/admin/departments").by(&admin).send().await.data()["departments"].clone() };
        assert_eq!(list().await, json!([]), "nothing is written until it is confirmed");
        let done = import(&server, &admin, "departments", &departments, Some(&seen["token"])).await;
        assert_eq!((done.message(), &done.data()["rows"]), ("已导入", &seen["rows"]));
        let made = list().await;
        assert_eq!((&made[0]["pays"], &made[0]["members_may_cancel"], &made[1]["pays"]), (&json!("department"), &json!(false), &json!("member")));

        let wechat = server.person_with(Role::Member, |add| add.profile.nickname = "微信用户".to_owned()).await;
        let text = format!("account,name,department,user_id\r\nlilei,李雷,KITCHEN,\r\n\"han\",\"韩, 梅梅\",OFFICE,\r\n,,OFFICE,{}\r\n", wechat.id);
        let (gbk, _, _) = encoding_rs::GB18030.encode(&text);
        let seen = import(&server, &admin, "members", &gbk, None).await.data().clone();
        assert_eq!(brief(&seen), [(2, "create", String::new()), (3, "create", String::new()), (4, "change", String::new())]);
        assert_eq!(seen["rows"][2]["changes"], json!([{"field": "department", "from": null, "to": "OFFICE"}]));
        // The same table in another dress comes to the same.
        let utf8 = format!("\u{feff}{text}");
        let again = import(&server, &admin, "members", utf8.as_bytes(), None).await.data().clone();
        assert_eq!(again, seen);
        import(&server, &admin, "members", utf8.as_bytes(), Some(&seen["token"])).await.data();
        let found = server.ask("GET /api/v1/admin/members?department=OFFICE").by(&admin).send().await;
        let names: Vec<_> = found.data()["members"].as_array().expect("members").iter().map(|member| member["nickname"].clone()).collect();
        assert_eq!(names, ["微信用户", "韩, 梅梅"]);

        // Sent once more it comes to nothing, and the old token to a refusal.
        let later = import(&server, &admin, "members", &gbk, None).await.data().clone();
        assert_eq!(counts(&later), [0, 0, 3, 0]);
        import(&server, &admin, "members", &gbk, Some(&seen["token"])).await.failed(409, "CONCURRENCY_ERROR");
        import(&server, &admin, "members", &gbk, Some(&later["token"])).await.data();
        let trail = server.ask(&format!("GET /api/v1/admin/audit?actor_id={}&action=member.add", admin.id)).by(&admin).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(2));
        server.books_are_right().await;
    }

    async fn what_is_wrong_is_said_by_row_and_column_and_nothing_is_done(server: Server) {
        let admin = server.person(Role::Admin).await;
        let departments = b"code,name,pays\nA,Alpha,member\n,nameless,member\nB,,\nC C,x,nobody\nA,again,member\n";
        let seen = import(&server, &admin, "departments", departments, None).await.data().clone();
        let expected = [
            (2, "create", String::new()), (3, "wrong", "A code".to_owned()), (4, "wrong", "B name".to_owned()),
            (5, "wrong", "C pays; A code".to_owned()), (6, "wrong", "A code".to_owned()),
        ];
        assert_eq!(brief(&seen), expected);
        assert_eq!(counts(&seen), [1, 0, 0, 4]);
        assert_eq!(seen["token"], Value::Null);
        assert_eq!(seen["rows"][4]["problems"][0]["problem"], json!("与第 2 行重复"));
        assert_eq!(seen["rows"][3]["problems"][0]["problem"], json!("须为其中之一：成员, 部门, member, department"));
        let refused = import(&server, &admin, "departments", departments, Some(&json!("0".repeat(64)))).await;
        assert_eq!(refused.wrong_fields(), ["rows[3].code", "rows[5].pays", "rows[5].code"]);

        let openpyxl = include_bytes!("../../../sheets/tests/files/openpyxl.xlsx");
        let seen = import(&server, &admin, "members", openpyxl, None).await.data().clone();
        let expected = [
            (2, "wrong", "E user_id".to_owned()), (3, "wrong", "E user_id".to_owned()),
            (6, "wrong", "A account; C department; E user_id".to_owned()), (7, "wrong", "B nickname".to_owned()),
        ];
        assert_eq!(brief(&seen), expected);
        assert_eq!(seen["rows"][2]["problems"][0]["problem"], json!("公式不会被计算，请改为值"));
        let members = b"account,name\nlilei,Li Lei\n,Nobody\nhan,\n";
        let seen = import(&server, &admin, "members", members, None).await.data().clone();
        assert_eq!(brief(&seen), [(2, "create", String::new()), (3, "wrong", "A account".to_owned()), (4, "wrong", "B nickname".to_owned())]);
        let count = server.ask("GET /api/v1/admin/members?count=true").by(&admin).send().await;
        assert_eq!(count.data()["total_count"], json!(1), "the administrator alone");

        for (file, problem) in [
            (&b"account,nmae\nlilei,x\n"[..], "B 列的标题“nmae”无法识别，可用：账号, 昵称, 部门编号, 用户ID"),
            (b"account,name,\xe8\xb4\xa6\xe5\x8f\xb7\nlilei,x\n", "C 列“账号”重复"),
            (b"account,name\n", "没有数据行"),
            (b"", "没有数据行"),
            (b"PK\x03\x04 nonsense", "不是完好的 xlsx 或 CSV 文件（Base64 编码）"),
            (b"\xd0\xcf\x11\xe0 old", "请另存为无密码的 xlsx 文件"),
            ("account\nx\n".repeat(1001).as_bytes(), "不能超过 2000 行"),
        ] {
            let answer = import(&server, &admin, "members", file, None).await;
            assert_eq!(answer.failed(422, "VALIDATION_ERROR")["fields"][0], json!({"field": "content", "problem": problem}));
        }
        let ask = |body: Value| { let ask = server.ask("POST /api/v1/admin/members/import").by(&admin); async move { ask.json(&body).await } };
        assert_eq!(ask(json!({"content": "x"})).await.wrong_fields(), ["token"]);
        assert_eq!(ask(json!({"content": "?", "token": "x"})).await.wrong_fields(), ["content"]);
    }

    async fn a_change_in_between_stops_an_import(server: Server) {
        let admin = server.person(Role::Admin).await;
        let member = json!({"nickname": "李雷", "account": "lilei"});
        let id = server.ask("POST /api/v1/admin/members").by(&admin).json(&member).await.data()["user_id"].clone();
        let file = b"account,name\nlilei,Li Lei\nhan,Han Meimei\n";
        let seen = import(&server, &admin, "members", file, None).await.data().clone();
        assert_eq!(counts(&seen), [1, 1, 0, 0]);
        let rename = json!({"nickname": "李磊"});
        server.ask(&format!("PUT /api/v1/admin/members/{id}")).by(&admin).json(&rename).await.data();
        import(&server, &admin, "members", file, Some(&seen["token"])).await.failed(409, "CONCURRENCY_ERROR");
        // The token is of one file.
        let seen = import(&server, &admin, "members", file, None).await.data().clone();
        let other = b"account,name\nlilei,Li Lei\nhan,Han\n";
        import(&server, &admin, "members", other, Some(&seen["token"])).await.failed(409, "CONCURRENCY_ERROR");
        let keyed = || {
            let body = json!({"content": STANDARD.encode(file), "token": seen["token"]});
            let ask = server.ask("POST /api/v1/admin/members/import").by(&admin).key("import");
            async move { ask.json(&body).await }
        };
        let first = keyed().await;
        assert_eq!(counts(first.data()), [1, 1, 0, 0]);
        assert_eq!(keyed().await.data(), first.data(), "the same key gives the first answer again");
    }

    async fn a_shop_is_filled_from_a_file(server: Server) {
        let admin = server.person(Role::Admin).await;
        let file = workbook(&[
            &["名称", "英文名称", "说明", "价格(元)", "每人限购", "在售", "初始库存"],
            &["大米", "Rice", "五公斤", "35.5", "", "是", "20"],
            &["食用油", "", "", "59.90", "2", "", ""],
        ]);
        let seen = import(&server, &admin, "products", &file, None).await;
        assert_eq!(seen.message(), "预览完成，尚未导入");
        let seen = seen.data().clone();
        assert_eq!(counts(&seen), [2, 0, 0, 0]);
        assert_eq!(seen["rows"][1]["changes"], json!([
            {"field": "name_zh", "from": null, "to": "食用油"}, {"field": "price", "from": null, "to": "59.90"},
            {"field": "limit_per_member", "from": null, "to": "2"}, {"field": "on_sale", "from": null, "to": "false"},
            {"field": "stock", "from": null, "to": "0"},
        ]));
        let list = || async { server.ask("GET /api/v1/admin/products?sort=created_at").by(&admin).send().await.data()["products"].clone() };
        assert_eq!(list().await, json!([]), "nothing is written until it is confirmed");
        let done = import(&server, &admin, "products", &file, Some(&seen["token"])).await;
        assert_eq!((done.message(), &done.data()["rows"]), ("已导入", &seen["rows"]));
        let made = list().await;
        let made = made.as_array().expect("products");
        let rice = made.iter().find(|product| product["name_en"] == json!("Rice")).expect("rice").clone();
        assert_eq!((made.len(), &rice["price_cents"], &rice["stock"], &rice["on_sale"]), (2, &json!(3550), &json!(20), &json!(true)));
        let id = &rice["product_id"];
        let moved = server.ask(&format!("GET /api/v1/admin/products/{id}/stock")).by(&admin).send().await;
        let first = &moved.data()["movements"][0];
        assert_eq!((&first["delta"], &first["reason"]), (&json!(20), &json!("起始库存")));

        // Once more it comes to nothing: the name says which it is.
        let again = import(&server, &admin, "products", &file, None).await.data().clone();
        assert_eq!(counts(&again), [0, 0, 2, 0]);
        import(&server, &admin, "products", &file, Some(&seen["token"])).await.failed(409, "CONCURRENCY_ERROR");
        let change = format!("product_id,name,price,stock\n{id},五常大米,40,\n,食用油,55,99\n");
        let seen = import(&server, &admin, "products", change.as_bytes(), None).await.data().clone();
        assert_eq!(seen["rows"][0]["changes"], json!([
            {"field": "name_zh", "from": "大米", "to": "五常大米"}, {"field": "price", "from": "35.50", "to": "40.00"},
        ]));
        assert_eq!(seen["rows"][1]["changes"], json!([{"field": "price", "from": "59.90", "to": "55.00"}]), "stock moves otherwise");
        let off = json!({"on_sale": false});
        server.ask(&format!("PUT /api/v1/admin/products/{id}")).by(&admin).json(&off).await.data();
        // What the file does not speak of may change meanwhile; what it does, may not.
        let dearer = json!({"price_cents": 3600});
        server.ask(&format!("PUT /api/v1/admin/products/{id}")).by(&admin).json(&dearer).await.data();
        import(&server, &admin, "products", change.as_bytes(), Some(&seen["token"])).await.failed(409, "CONCURRENCY_ERROR");
        let seen = import(&server, &admin, "products", change.as_bytes(), None).await.data().clone();
        import(&server, &admin, "products", change.as_bytes(), Some(&seen["token"])).await.data();
        let shown = server.ask(&format!("GET /api/v1/admin/audit?object_kind=product&object_id={id}&limit=100")).by(&admin).send().await;
        let actions: Vec<_> = shown.data()["records"].as_array().expect("records").iter().map(|record| record["action"].clone()).collect();
        assert_eq!(actions, ["product.edit", "product.edit", "product.edit", "product.create"]);
        server.books_are_right().await;
    }

    async fn what_is_wrong_with_products_is_said_by_row(server: Server) {
        let admin = server.person(Role::Admin).await;
        for _ in 0..2 {
            let twin = json!({"name_zh": "茶", "price_cents": 100});
            server.ask("POST /api/v1/admin/products").by(&admin).json(&twin).await.data();
        }
        let file = "name,price,limit_per_member,on_sale,stock,product_id\n\
                    盐,2.5,,,,\n盐,3,,,,\n糖,2.555,,,,\n醋,,,,,\n,5,,,,\n酱,5,0,也许,-1,\n茶,5,,,,\n面,5,,,1000001,\n米,5,,,,404\n";
        let seen = import(&server, &admin, "products", file.as_bytes(), None).await.data().clone();
        let expected = [
            (2, "create", ""), (3, "wrong", "A name_zh"), (4, "wrong", "B price"), (5, "wrong", "B price"), (6, "wrong", "A name_zh"),
            (7, "wrong", "D on_sale; C limit_per_member"), (8, "wrong", "F product_id"), (9, "wrong", "E stock"), (10, "wrong", "F product_id"),
        ];
        assert_eq!(brief(&seen), expected.map(|(row, action, problems)| (row, action, problems.to_owned())));
        assert_eq!(seen["token"], Value::Null);
        assert_eq!(seen["rows"][2]["problems"][0]["problem"], json!("须为 0 到 1000000 元、最多两位小数的金额"));
        import(&server, &admin, "products", file.as_bytes(), Some(&json!("0".repeat(64)))).await.failed(422, "VALIDATION_ERROR");
        let products = server.ask("GET /api/v1/admin/products").by(&admin).send().await;
        assert_eq!(products.data()["products"].as_array().map(Vec::len), Some(2), "the two that were there");
        let long = format!("name,price\n{}", "x,1\n".repeat(2001));
        let refused = import(&server, &admin, "products", long.as_bytes(), None).await;
        assert_eq!(refused.failed(422, "VALIDATION_ERROR")["fields"][0]["problem"], json!("不能超过 2000 行"));
        server.books_are_right().await;
    }

    async fn templates_have_the_headings_and_only_administrators_import(server: Server) {
        let admin = server.person(Role::Admin).await;
        for (what, headings) in [
            ("members", vec!["账号", "昵称", "部门编号", "用户ID"]),
            ("departments", vec!["部门编号", "部门名称", "付款方", "成员可取消"]),
            ("products", vec!["名称", "英文名称", "说明", "价格(元)", "每人限购", "在售", "初始库存", "商品ID"]),
        ] {
            let answer = server.ask(&format!("GET /api/v1/admin/{what}/import/template")).by(&admin).send().await;
            let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook");
            let range = book.worksheet_range_at(0).expect("a sheet").expect("read");
            let found: Vec<_> = range.rows().map(<[Data]>::to_vec).collect();
            assert_eq!(found, [headings.iter().map(|heading| Data::String((*heading).to_owned())).collect::<Vec<_>>()]);
            assert_eq!(import(&server, &admin, what, &answer.bytes, None).await.wrong_fields(), ["content"], "it has no rows");
        }
        let department = json!({"code": "OWN", "name": "自己的", "pays": "department"});
        server.ask("POST /api/v1/admin/departments").by(&admin).json(&department).await.data();
        let boss = server.person_with(Role::Member, |add| {
            add.department = Some("OWN".to_owned().try_into().expect("a code"));
            add.grants = vec![NewGrant::InOwnDepartment(Role::DeptAdmin.code())];
        }).await;
        for what in ["members", "departments", "products"] {
            import(&server, &boss, what, b"account,name\nx,x\n", None).await.failed(403, "PERMISSION_DENIED");
        }
    }
}
