//! Lists in the orders that people ask for, and their files.

use std::io::Cursor;

use calamine::{Reader, Xlsx, open_workbook_from_rs};
use http_api::Limits;
use kernel::Role;
use serde_json::{Value, json};

use crate::jobs::Sweep;
use crate::support::{Answer, Home, Person, Server, on_both_engines};

/// Every list that can be sorted, and every file of one, with the words for its orders.
async fn lists(server: &Server) -> Vec<(String, Vec<String>)> {
    let description: Value = server.ask("GET /openapi.json").send().await.json;
    let mut found = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        let parameters = operations["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let sort = parameters.iter().find(|parameter| parameter["name"] == "sort");
        let Some(words) = sort.and_then(|sort| sort["schema"]["enum"].as_array()) else {
            continue;
        };
        let words = words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect();
        found.push((path.clone(), words));
    }
    found
}

/// The rows of a workbook of one sheet, its headings first.
pub(crate) fn sheet(answer: &Answer) -> Vec<Vec<String>> {
    let mut file: Xlsx<_> = open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook");
    let name = file.sheet_names()[0].clone();
    let rows = file.worksheet_range(&name).expect("the sheet");
    rows.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

/// Four members; two of them are called alike, and the last owes most.
async fn people(server: &Server) -> Person {
    let admin = server.person(Role::Admin).await;
    let meal = server.meal(&admin, "2026-01-06", 100).await;
    for (nickname, quantity) in [("小红", 1), ("小明", 3), ("小明", 2), ("大王", 4)] {
        let person = server.person_with(Role::Member, |add| add.profile.nickname = nickname.to_owned()).await;
        let body = json!({"meal_id": meal, "quantity": quantity});
        server.ask("POST /api/v1/orders").by(&person).json(&body).await.data();
    }
    admin
}

/// All rows of a list, page by page, by what `field` has.
async fn walk(server: &Server, admin: &Person, list: &str, rows: &str, field: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.ask(&format!("GET {list}&limit=2{cursor}")).by(admin).send().await.data().clone();
        seen.extend(page[rows].as_array().expect("rows").iter().map(|row| row[field].clone()));
        match page["page_info"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

/// A list of runs is about a job.
async fn with_a_job(home: Home) -> Server {
    Server::start_with(home, Limits::default(), |settings| settings.jobs = vec![Box::new(Sweep)]).await
}

on_both_engines! {
    by with_a_job;

    async fn a_list_comes_in_the_order_asked_for(server: Server) {
        let admin = people(&server).await;
        let members = "/api/v1/admin/members?query=";
        let of_all = "/api/v1/admin/members?";
        let balances = walk(&server, &admin, &format!("{of_all}sort=balance_cents"), "members", "balance_cents").await;
        assert_eq!(balances, [json!(-6000), json!(-4500), json!(-3000), json!(-1500), json!(0)]);
        let down = walk(&server, &admin, &format!("{of_all}sort=-balance_cents"), "members", "balance_cents").await;
        assert_eq!(down, [json!(0), json!(-1500), json!(-3000), json!(-4500), json!(-6000)]);
        let alike = walk(&server, &admin, &format!("{members}%E5%B0%8F&sort=-nickname"), "members", "balance_cents").await;
        assert_eq!(alike, [json!(-1500), json!(-3000), json!(-4500)], "who is called alike is sorted by when they came");
        let quantities = walk(&server, &admin, "/api/v1/admin/orders?sort=-total_price_cents", "orders", "quantity").await;
        assert_eq!(quantities, [json!(4), json!(3), json!(2), json!(1)]);
    }

    async fn a_lists_file_has_its_rows_in_its_order(server: Server) {
        let admin = people(&server).await;
        let file = server.ask("GET /api/v1/admin/members/export?query=%E5%B0%8F&sort=-balance_cents").by(&admin).send().await;
        let disposition = file.header("content-disposition").expect("a name");
        assert!(disposition.starts_with("attachment; filename=\"members_2026-01-05.xlsx\""), "{disposition}");
        let rows = sheet(&file);
        assert_eq!(rows[0][1..5], ["昵称", "账号", "部门", "余额(元)"]);
        let named: Vec<_> = rows[1..].iter().map(|row| (row[1].as_str(), row[4].as_str())).collect();
        assert_eq!(named, [("小红", "-15"), ("小明", "-30"), ("小明", "-45")]);
        let orders = sheet(&server.ask("GET /api/v1/admin/orders/export?sort=quantity").by(&admin).send().await);
        assert_eq!(orders[1..].iter().map(|row| row[6].as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
        let refused = server.ask("GET /api/v1/admin/members/export?limit=5").by(&admin).send().await;
        assert_eq!(refused.wrong_fields(), ["limit"], "a file has no pages");
    }

    async fn stores_come_in_order_and_as_a_file(server: Server) {
        let admin = server.person(Role::Admin).await;
        for (code, name, kind) in [("S3", "福田店", "sports"), ("S1", "南山店", "arcade"), ("S2", "宝安店", "sports")] {
            let store = json!({"store_code": code, "store_name": name, "store_type": kind, "store_property": "own", "address": "路 1 号"});
            server.ask("POST /api/v1/admin/stores").by(&admin).json(&store).await.data();
        }
        let codes = async |query: &str| walk(&server, &admin, &format!("/api/v1/admin/stores?{query}"), "stores", "store_code").await;
        assert_eq!(codes("").await, [json!("S3"), json!("S1"), json!("S2")], "oldest first");
        assert_eq!(codes("sort=-store_code").await, [json!("S3"), json!("S2"), json!("S1")]);
        assert_eq!(codes("store_type=sports&sort=store_code").await, [json!("S2"), json!("S3")]);
        assert_eq!(codes("query=s1&store_property=own").await, [json!("S1")]);
        let file = server.ask("GET /api/v1/admin/stores/export?store_type=sports&sort=store_code").by(&admin).send().await;
        let filed: Vec<_> = sheet(&file)[1..].iter().map(|row| [1, 2, 3].map(|at| row[at].clone()).join(" ")).collect();
        assert_eq!(filed, ["S2 宝安店 运动馆", "S3 福田店 运动馆"]);
    }

    async fn every_list_knows_its_orders_and_no_others(server: Server) {
        people(&server).await;
        let lists = lists(&server).await;
        assert!(lists.len() >= 42, "only {} lists and files can be sorted", lists.len());
        let kitchen = json!({"code": "kitchen", "name": "厨房", "pays": "member"});
        let admin = server.person(Role::Admin).await;
        let kitchen = server.ask("POST /api/v1/admin/departments").by(&admin).json(&kitchen).await.data()["department_id"].clone();
        for (path, words) in lists {
            let of = if path.starts_with("/api/dining/") { format!("departmentId={kitchen}&") } else { String::new() };
            let path = path.replace("{name}", "sweep").replace("{product_id}", "1");
            // Nobody may ask for all of them within a minute.
            let admin = server.person(Role::Admin).await;
            for word in &words {
                let answer = server.ask(&format!("GET {path}?{of}sort={word}")).by(&admin).send().await;
                assert!(answer.status.is_success(), "{path} {word}: {}", answer.text);
            }
            let wrong = server.ask(&format!("GET {path}?{of}sort=colour")).by(&admin).send().await;
            let fields = wrong.failed(422, "VALIDATION_ERROR")["fields"].clone();
            assert_eq!(fields[0]["field"], json!("sort"), "{path}");
            let problem = fields[0]["problem"].as_str().expect("a text");
            assert!(words.iter().all(|word| problem.contains(word.as_str())), "{path}: {problem}");
        }
    }

    async fn a_page_follows_only_a_page_of_the_same_order(server: Server) {
        let admin = people(&server).await;
        let members = "GET /api/v1/admin/members?limit=2";
        let first = server.ask(&format!("{members}&sort=nickname")).by(&admin).send().await;
        let next = first.data()["page_info"]["next_cursor"].as_str().expect("another page").to_owned();
        for other in ["", "&sort=-nickname", "&sort=balance_cents"] {
            let answer = server.ask(&format!("{members}{other}&cursor={next}")).by(&admin).send().await;
            assert_eq!(answer.wrong_fields(), ["cursor"], "{other}");
        }
        server.ask(&format!("{members}&sort=nickname&cursor={next}")).by(&admin).send().await.data();
        // An order's word with a value that it cannot have: ["nickname",7,7], and no cursor at all.
        for forged in ["WyJuaWNrbmFtZSIsNyw3XQ", "170000000", "%00", "WyJuaWNrbmFtZSIsbnVsbCw3XQ"] {
            let answer = server.ask(&format!("{members}&sort=nickname&cursor={forged}")).by(&admin).send().await;
            answer.failed(422, "VALIDATION_ERROR");
        }
    }
}
