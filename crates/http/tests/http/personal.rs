//! Openids and addresses show whole to the person, and to whoever may look, which is written down.

use std::collections::BTreeSet;
use std::io::Cursor;

use axum::http::Method;
use calamine::{Reader, Xlsx, open_workbook_from_rs};
use http_api::Access;
use kernel::{Permission, Role};
use serde_json::{Value, json};

use crate::support::{Answer, Home, Person, Server, on_both_engines};

const OPENID: &str = "oWX-planted-openid-1234567890";
const ADDRESS: &str = "王小明，13812345678，上海市浦东新区世纪大道100号";
/// None of it may be read by others.
const CLEAR: [&str; 4] = [OPENID, "王小明", "13812345678", "浦东新区世纪大道"];
/// Whoever holds one of them sees some of it whole at the endpoints that ask for it.
const WHOLE: [Permission; 3] = [Permission::PersonalOpenid, Permission::PersonalAddress, Permission::MemberExport];

/// Somebody about whom there is something, and what they have bought.
struct Known {
    member: Person,
    order_no: String,
    product: i64,
    meal: i64,
    meal_order: i64,
    department: i64,
}

async fn known(server: &Server, admin: &Person) -> Known {
    let department = json!({"code": "KITCHEN", "name": "Kitchen", "pays": "member"});
    let department = server.ask("POST /api/v1/admin/departments").by(admin).json(&department).await;
    let department = department.data()["department_id"].as_i64().expect("an id");
    let change = |add: &mut kernel::AddMember| {
        add.openid = Some(server.openid(OPENID));
        add.department = Some("KITCHEN".to_owned().try_into().expect("a code"));
    };
    let member = server.person_with(Role::Member, change).await;
    server.recharge(admin, &member, 5000).await;
    let meal = server.meal(admin, "2026-01-06", 10).await;
    let placed = server.ask("POST /api/v1/orders").by(&member).json(&json!({"meal_id": meal})).await;
    let meal_order = placed.data()["order_id"].as_i64().expect("an id");
    let product = json!({"name_zh": "米", "price_cents": 100, "on_sale": true, "stock": 9});
    let product = server.ask("POST /api/v1/admin/products").by(admin).json(&product).await;
    let product = product.data()["product_id"].as_i64().expect("an id");
    let order = json!({"product_id": product, "quantity": 1, "pay_with": "balance", "address": ADDRESS});
    let placed = server.ask("POST /api/v1/shop/orders").by(&member).json(&order).await;
    assert_eq!(placed.data()["address"], json!(ADDRESS));
    let order_no = placed.data()["order_no"].as_str().expect("a number").to_owned();
    Known { member, order_no, product, meal, meal_order, department }
}

impl Known {
    /// What stands for a part of a path. A number that is nothing's stands for what is not about persons, or not made here.
    fn name(&self, part: &str, path: &str) -> String {
        match part {
            "user_id" => self.member.id.to_string(),
            "order_no" if path.contains("/shop/") => self.order_no.clone(),
            "product_id" => self.product.to_string(),
            "meal_id" => self.meal.to_string(),
            "order_id" => self.meal_order.to_string(),
            "department_id" => self.department.to_string(),
            "kind" => "daily".to_owned(),
            "role" => "member".to_owned(),
            "date" => "2026-01-06".to_owned(),
            "order_no" | "store_id" | "complaint_id" | "device_code" | "subscription_id" | "session_no" | "name"
            | "round_id" | "device_id" => "7".to_owned(),
            part => panic!("say what {{{part}}} of {path} is"),
        }
    }

    /// With what a query cannot be without.
    fn place(&self, path: &str, operation: &Value) -> String {
        let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => self.name(name, path),
            None => part.to_owned(),
        };
        let place = path.split('/').map(part).collect::<Vec<_>>().join("/");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let asked = parameters.filter(|parameter| parameter["in"] == "query").filter_map(|parameter| {
            match parameter["name"].as_str().expect("a name") {
                name @ ("departmentId" | "department_id") => Some(format!("{name}={}", self.department)),
                _ if parameter["required"] != true => None,
                name @ ("date" | "startDate" | "date_from") => Some(format!("{name}=2026-01-01")),
                name @ ("endDate" | "date_to") => Some(format!("{name}=2026-01-31")),
                "mealType" => Some("mealType=lunch".to_owned()),
                "by" => Some("by=store".to_owned()),
                name => panic!("say what {name} of {path} may be"),
            }
        });
        format!("GET {place}?{}", asked.collect::<Vec<_>>().join("&"))
    }
}

/// Whatever can be read in it, cells of workbooks too.
fn text(answer: &Answer) -> String {
    if answer.header("content-type").is_none_or(|kind| !kind.contains("spreadsheet")) {
        return String::from_utf8_lossy(&answer.bytes).into_owned();
    }
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(answer.bytes.clone())).expect("a workbook");
    let sheets = book.worksheets();
    let cells = sheets.iter().flat_map(|(_, range)| range.rows().flatten().map(ToString::to_string));
    cells.collect::<Vec<_>>().join("\n")
}

fn shows(answer: &Answer) -> bool {
    let text = text(answer);
    CLEAR.iter().any(|clear| text.contains(clear))
}

on_both_engines! {
    async fn every_endpoint_that_reads_is_searched(server: Server) {
        let admin = server.person(Role::Admin).await;
        let known = known(&server, &admin).await;
        let document = server.ask("GET /openapi.json").send().await.json;
        let mut readers: Vec<_> = [(None, known.member.clone())].into();
        for role in Role::ALL {
            readers.push((Some(role), server.person(role).await));
        }
        for (role, reader) in readers {
            let (mut found, mut expected) = (BTreeSet::new(), BTreeSet::new());
            let (mut answered, mut wrong) = (0, Vec::new());
            for endpoint in http_api::endpoints() {
                let operation = &document["paths"][endpoint.path()]["get"];
                let is_stream = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
                // A stream is of one's own opening, and never ends.
                if endpoint.method() != Method::GET || is_stream {
                    continue;
                }
                let place = known.place(endpoint.path(), operation);
                let answer = server.ask(&place).by(&reader).send().await;
                if matches!(answer.status.as_u16(), 422 | 429 | 500) {
                    wrong.push(format!("{place}: {}", answer.text));
                }
                answered += usize::from(answer.status.is_success());
                if shows(&answer) {
                    found.insert(endpoint.path());
                }
                if let (Access::Needs(permission), Some(role)) = (endpoint.access(), role)
                    && WHOLE.contains(&permission) && role.permissions().contains(&permission)
                {
                    expected.insert(endpoint.path());
                }
            }
            assert_eq!(wrong, Vec::<String>::new(), "{role:?}");
            if role.is_none() {
                // What is found at all is found here.
                expected.extend(["/api/v1/users/profile", "/api/v1/users/data/export", "/api/v1/shop/orders", "/api/v1/shop/orders/{order_no}"]);
            }
            assert_eq!(found, expected, "{role:?}");
            assert!(role != Some(Role::Admin) || answered > 60, "{answered}");
        }
    }

    async fn staff_bring_an_order_on_without_reading_where_to(server: Server) {
        let admin = server.person(Role::Admin).await;
        let known = known(&server, &admin).await;
        let masked = json!("王**，138****5678，上海市**");
        let place = |what: &str| format!("{what} /api/v1/admin/shop/orders/{}", known.order_no);
        let step = server.ask(&format!("{}/step", place("POST"))).by(&admin).json(&json!({"to": "preparing"})).await;
        let refund = server.ask(&format!("{}/refund", place("POST"))).by(&admin).json(&json!({"reason": "broken"})).await;
        let query = server.ask(&format!("POST /api/v1/shop/orders/{}/query", known.order_no)).by(&admin).json(&json!({})).await;
        for answer in [step, refund, query] {
            assert_eq!(answer.data()["address"], masked);
            assert!(!shows(&answer), "{}", answer.text);
        }
    }

    async fn a_look_is_written_down(server: Server) {
        let (admin, clerk) = (server.person(Role::Admin).await, server.person(Role::StoreStaff).await);
        let known = known(&server, &admin).await;
        let address = format!("GET /api/v1/admin/shop/orders/{}/address", known.order_no);
        let openid = format!("GET /api/v1/admin/members/{}/openid", known.member.id);
        assert_eq!(server.ask(&address).by(&clerk).send().await.data()["address"], json!(ADDRESS));
        assert_eq!(server.ask(&openid).by(&admin).send().await.data()["openid"], json!(OPENID));
        server.ask(&openid).by(&clerk).send().await.failed(403, "PERMISSION_DENIED");
        server.ask("GET /api/v1/admin/members/5/openid").by(&admin).send().await.failed(404, "NOT_FOUND");
        let trail = server.ask(&format!("GET /api/v1/admin/audit?object_kind=member&object_id={}", known.member.id)).by(&admin).send().await;
        let looks = trail.data()["records"].as_array().expect("records").iter();
        let looks: Vec<_> = looks.filter(|record| record["action"].as_str().is_some_and(|action| action.starts_with("member.see_"))).collect();
        let said: Vec<_> = looks.iter().map(|record| (record["action"].clone(), record["actor_id"].clone())).collect();
        assert_eq!(said, [(json!("member.see_openid"), json!(admin.id)), (json!("member.see_address"), json!(clerk.id))]);
        let shown = server.ask(&format!("GET /api/v1/shop/orders/{}", known.order_no)).by(&known.member).send().await;
        assert_eq!(looks[1]["after"], json!({"order": shown.data()["order_id"]}));

        // Nothing to see is no look.
        let nobody = format!("GET /api/v1/admin/members/{}/openid", clerk.id);
        assert_eq!(server.ask(&nobody).by(&admin).send().await.data()["openid"], Value::Null);
        let trail = server.ask("GET /api/v1/admin/audit?action=member.see_openid").by(&admin).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(1));
    }
}

/// A field of any answer, of endpoints that write too, that has such a name is one of these.
#[tokio::test]
async fn every_field_that_could_be_personal_is_known() {
    let server = Server::start(Home::sqlite()).await;
    let document = server.ask("GET /openapi.json").send().await.json;
    let mut found = BTreeSet::new();
    for endpoint in http_api::endpoints() {
        let responses = &document["paths"][endpoint.path()][endpoint.method().as_str().to_lowercase()]["responses"];
        named(&document, responses, "", &mut BTreeSet::new(), &mut found);
    }
    let expected = [
        // Whole: one's own, and those that need a permission of their own.
        "AddressAnswer.address",
        "OpenidAnswer.openid",
        "Profile.openid",
        // Masked, or one's own.
        "MemberRow.openid",
        "ShopOrderAnswer.address",
        // The house's.
        "StoreAnswer.address",
        "StoreAnswer.phone",
    ];
    assert_eq!(found, BTreeSet::from(expected.map(str::to_owned)));
}

/// Each with the schema that it stands in.
fn named<'a>(
    document: &'a Value,
    value: &'a Value,
    schema: &str,
    seen: &mut BTreeSet<&'a str>,
    found: &mut BTreeSet<String>,
) {
    match value {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'))
                && seen.insert(target)
            {
                let name = target.rsplit('/').next().unwrap_or(target);
                named(document, document.pointer(target).expect("there"), name, seen, found);
            }
            for field in
                fields.get("properties").and_then(Value::as_object).into_iter().flat_map(|fields| fields.keys())
            {
                if ["openid", "address", "phone", "mobile", "recipient"]
                    .iter()
                    .any(|word| field.split('_').any(|part| part == *word))
                {
                    found.insert(format!("{schema}.{field}"));
                }
            }
            fields.values().for_each(|field| named(document, field, schema, seen, found));
        }
        Value::Array(items) => items.iter().for_each(|item| named(document, item, schema, seen, found)),
        _ => {}
    }
}
