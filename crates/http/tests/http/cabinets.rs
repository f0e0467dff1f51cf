//! Cabinets against a simulated vendor, over real sockets: whatever is forged, lost, late, doubled or contradicts itself, nobody is
//! charged twice, nothing is lost, and everything is seen.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use http_api::Limits;
use kernel::{Instant, Role};
use serde_json::{Value, json};
use service::{
    Erp, OpenDelivery, Pictures, PullErpProducts, SalesDelivery, SendErpSales, Settings, Vendor, cabinet_jobs,
};
use sim::cabinet::{VENDOR, VENDOR_SECRET};
use sim::erp::{ERP, ERP_SECRET};
use sim::mini::openid_of;
use sim::{Config, World};

use crate::lists::sheet;
use crate::shop::png;
use crate::support::{Answer, Clock, Events, Home, Person, START, Server, on_both_engines};

/// A house with a cabinet, D1, that has COLA for 3.00 and RICE for 50.00, and a member with 20,000 tickets.
pub(crate) struct Corner {
    pub(crate) server: Server,
    pub(crate) world: World,
    pub(crate) http: reqwest::Client,
    callbacks: String,
    protocol: &'static str,
    pub(crate) admin: Person,
    pub(crate) member: Person,
    _pictures: testing::TempDir,
}

impl Corner {
    async fn open(home: Home) -> Self {
        Self::open_fitted(home, |_, _, _, _| {}).await
    }

    /// With whatever else belongs into its settings.
    pub(crate) async fn open_fitted(home: Home, fit: impl FnOnce(&World, &Arc<Clock>, &str, &mut Settings)) -> Self {
        let vendor = |base_url: &str, callback_url: &str| {
            Vendor::signed(VENDOR.to_owned(), VENDOR_SECRET, base_url, callback_url).expect("a vendor")
        };
        Self::open_with(home, "signed", vendor, fit).await
    }

    /// With a vendor that can only sign with MD5.
    async fn open_by_md5(home: Home) -> Self {
        Self::open_with(
            home,
            "md5",
            |base_url, callback_url| {
                let addresses = "127.0.0.1".parse().expect("networks");
                Vendor::md5(VENDOR.to_owned(), VENDOR_SECRET, base_url, callback_url, addresses).expect("a vendor")
            },
            |_, _, _, _| {},
        )
        .await
    }

    async fn open_with(
        home: Home,
        protocol: &'static str,
        vendor: impl FnOnce(&str, &str) -> Vendor,
        fit: impl FnOnce(&World, &Arc<Clock>, &str, &mut Settings),
    ) -> Self {
        let start: Instant = START.parse().expect("an instant");
        let clock = Arc::new(Clock::at(start));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let source = Arc::clone(&clock);
        let config = Config { clock: sim::Clock::from_source(move || source.now_ms()), ..Config::default() };
        let world = World::start_with(SocketAddr::from(([127, 0, 0, 1], 0)), config).await.expect("a world");
        let base_url = format!("{}/vendor", world.base_url());
        let callback_url = format!("http://{address}/api/v1");
        let vendor = vendor(&base_url, &callback_url);
        let pictures = testing::TempDir::new();
        let erp = format!("{}/erp", world.base_url());
        let erp = Erp::new(ERP.to_owned(), ERP_SECRET, Some(&erp)).expect("an ERP");
        let time = Arc::clone(&clock);
        let server = Server::start_by(clock, home, Limits::default(), |settings| {
            settings.vendor = Some(vendor);
            settings.pictures = Some(Pictures::in_folder(pictures.join("pictures")));
            settings.jobs = cabinet_jobs();
            settings.jobs.push(Box::new(SendErpSales));
            settings.jobs.push(Box::new(PullErpProducts { every_minutes: 1440 }));
            settings.deliveries = vec![Box::new(OpenDelivery), Box::new(SalesDelivery)];
            settings.erp = Some(erp);
            fit(&world, &time, &callback_url, settings);
        })
        .await;
        tokio::spawn(http_api::serve(listener, server.app.clone(), std::future::pending()));
        let admin = server.person(Role::Admin).await;
        let member = server.person_with(Role::Member, |add| add.openid = Some(server.openid(&openid_of("li")))).await;
        #[expect(clippy::disallowed_methods, reason = "a test plays the person outside")]
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let callbacks = format!("{callback_url}/callbacks/cabinet");
        let corner = Self { server, world, http, callbacks, protocol, admin, member, _pictures: pictures };
        corner.furnish().await;
        corner
    }

    async fn furnish(&self) {
        let store = json!({
            "store_code": "S1", "store_name": "南山店", "store_type": "arcade", "store_property": "own", "address": "南山路 1 号",
        });
        let store = self.admin_asks("POST /api/v1/admin/stores", &store).await["store_id"].clone();
        let product = json!({"name_zh": "可乐", "price_cents": 300, "on_sale": true});
        let product = self.admin_asks("POST /api/v1/admin/products", &product).await["product_id"].clone();
        let device = json!({"device_code": "D1", "name": "一号柜", "store_id": store});
        let device = self.admin_asks("POST /api/v1/admin/devices", &device).await;
        assert_eq!(device["qr"], "fanpiao:cabinet:D1");
        let goods = [
            json!({"product_code": "COLA", "product_id": product, "price_cents": 300, "stock": 10}),
            json!({"product_code": "RICE", "product_id": product, "price_cents": 5000, "stock": 10}),
        ];
        let planogram = json!({"products": goods, "version": device["planogram_version"]});
        let place = format!("PUT /api/v1/admin/devices/{}/planogram", device["device_id"]);
        self.admin_asks(&place, &planogram).await;
        self.give(&self.member, 20_000).await;
        let online = match self.protocol {
            "md5" => json!({"deviceCode": "D1", "status": "ONLINE"}),
            _ => self.device("E-online", "online"),
        };
        assert_eq!(self.tell("devices", &online, "genuine").await, [200]);
    }

    async fn cabinets(&self, query: &str) -> Vec<Value> {
        let page = self.server.ask(&format!("GET /api/v1/admin/devices{query}")).by(&self.admin).send().await;
        page.data()["devices"].as_array().expect("cabinets").clone()
    }

    async fn admin_asks(&self, what: &str, body: &Value) -> Value {
        self.server.ask(what).by(&self.admin).json(body).await.data().clone()
    }

    pub(crate) async fn give(&self, person: &Person, tickets: i64) {
        let what = format!("POST /api/v1/admin/members/{}/tickets", person.id);
        self.admin_asks(&what, &json!({"tickets": tickets, "reason": "活动"})).await;
    }

    fn device(&self, event: &str, status: &str) -> Value {
        json!({"event_id": event, "device_code": "D1", "status": status, "at": self.server.service.now()})
    }

    pub(crate) fn door(&self, session: &str, door: &str) -> Value {
        let event = format!("E-{session}-{door}");
        let at = self.server.service.now();
        json!({"event_id": event, "request_id": session, "device_code": "D1", "door": door, "at": at})
    }

    /// What was taken, each for as much as our own list says.
    pub(crate) fn settled(session: &str, event: &str, goods: &[(&str, i64)]) -> Value {
        let price = |code: &str| if code == "RICE" { 5000 } else { 300 };
        let amount: i64 = goods.iter().map(|(code, quantity)| price(code) * quantity).sum();
        let item = |&(code, quantity): &(&str, i64)| json!({"product_code": code, "quantity": quantity, "unit_price_cents": price(code)});
        let items: Vec<_> = goods.iter().map(item).collect();
        json!({
            "event_id": event, "request_id": session, "device_code": "D1", "order_no": format!("V-{event}"),
            "amount_cents": amount, "items": items,
        })
    }

    /// Something that a person does to the world.
    pub(crate) async fn act(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.world.base_url());
        let answer = self.http.post(url).json(&body).send().await.expect("answers");
        let status = answer.status();
        let value = answer.json().await.unwrap_or_default();
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// The vendor tells something in a way, or in several with blanks in between; what it is answered.
    pub(crate) async fn tell(&self, kind: &str, event: &Value, ways: &str) -> Vec<i64> {
        let sent: Vec<_> = ways.split(' ').collect();
        let url = format!("{}/{kind}", self.callbacks);
        let told = self.act(
            "/sim/cabinets/events",
            json!({
                "url": url, "event": event, "sent": sent, "protocol": self.protocol,
            }),
        );
        let told = told.await;
        told["statuses"].as_array().expect("statuses").iter().map(|status| status.as_i64().unwrap_or(0)).collect()
    }

    /// The ERP pushes products in a way, or in several.
    async fn push(&self, event: &Value, ways: &str) -> Value {
        let sent: Vec<_> = ways.split(' ').collect();
        let url = self.callbacks.replace("callbacks/cabinet", "partner/erp/products");
        let told = json!({"url": url, "event": event, "sent": sent, "protocol": "erp"});
        self.act("/sim/cabinets/events", told).await["statuses"].clone()
    }

    /// The products by name, each with its price and whether it is on sale.
    async fn products(&self) -> Vec<(String, i64, bool)> {
        let found = self.server.ask("GET /api/v1/admin/products").by(&self.admin).send().await;
        let product = |product: &Value| {
            let name = product["name_zh"].as_str().expect("a name").to_owned();
            (name, product["price_cents"].as_i64().expect("a price"), product["on_sale"] == json!(true))
        };
        let mut products: Vec<_> = found.data()["products"].as_array().expect("products").iter().map(product).collect();
        products.sort();
        products
    }

    /// What the ERP has booked, once it has received something so many times.
    async fn booked(&self, received: i64) -> Value {
        for _ in 0..400 {
            let url = format!("{}/sim/erp/sales", self.world.base_url());
            let booked: Value = self.http.get(url).send().await.expect("answers").json().await.expect("JSON");
            if booked["received"] == json!(received) {
                return booked["documents"].clone();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the ERP does not receive {received} documents");
    }

    async fn ask_to_open(&self, person: &Person) -> Answer {
        let body = json!({"device_code": "D1", "payment_type": "ticket"});
        self.server.ask("POST /api/v1/cabinet/sessions").by(person).json(&body).await
    }

    async fn open_door(&self) -> String {
        let asked = self.ask_to_open(&self.member).await;
        asked.data()["session_no"].as_str().expect("a number").to_owned()
    }

    pub(crate) async fn session(&self, session: &str) -> Value {
        let what = format!("GET /api/v1/cabinet/sessions/{session}");
        self.server.ask(&what).by(&self.member).send().await.data().clone()
    }

    async fn status(&self, session: &str) -> String {
        self.session(session).await["status"].as_str().expect("a status").to_owned()
    }

    async fn follow(&self, session: &str, person: &Person) -> Events {
        let what = format!("GET /api/v1/cabinet/sessions/{session}/events");
        self.server.ask(&what).by(person).events().await
    }

    /// Waits for what the courier has on its way.
    pub(crate) async fn becomes(&self, session: &str, status: &str) {
        for _ in 0..400 {
            if self.status(session).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{session} is {}, not {status}", self.status(session).await);
    }

    pub(crate) async fn scan(&self) -> Value {
        let body = json!({"qr": "fanpiao:cabinet:D1"});
        self.server.ask("POST /api/v1/cabinet/scan").by(&self.member).json(&body).await.data().clone()
    }

    pub(crate) async fn tickets(&self) -> i64 {
        self.scan().await["tickets"].as_i64().expect("a number")
    }

    pub(crate) async fn orders(&self) -> Vec<Value> {
        let orders = self.server.ask("GET /api/v1/cabinet/orders").by(&self.member).send().await;
        orders.data()["orders"].as_array().expect("orders").clone()
    }

    /// The kinds of the open exceptions, in order.
    pub(crate) async fn exceptions(&self) -> Vec<Value> {
        let found = self.server.ask("GET /api/v1/admin/exceptions").by(&self.admin).send().await;
        found.data()["exceptions"].as_array().expect("exceptions").clone()
    }

    pub(crate) async fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<_> =
            self.exceptions().await.iter().map(|one| one["kind"].as_str().expect("a kind").to_owned()).collect();
        kinds.sort();
        kinds
    }

    /// Tries it, which changes nothing, and then does it: what it says that moves is the same both times.
    pub(crate) async fn resolve(&self, kind: &str, action: &str) -> Value {
        let exceptions = self.exceptions().await;
        let exception = exceptions.iter().find(|one| one["kind"] == kind).expect("an exception");
        let what = format!("POST /api/v1/admin/exceptions/{}/resolve", exception["exception_id"]);
        let body = json!({"action": action, "note": "看过了"});
        let before = self.written().await;
        let tried = self.server.ask(&format!("{what}?dry_run=true")).by(&self.admin).json(&body).await;
        assert_eq!(self.written().await, before, "{action} was only tried");
        let done = self.server.ask(&what).by(&self.admin).json(&body).await;
        assert_eq!(moves(done.data()), moves(tried.data()));
        assert_ne!(self.written().await, before);
        moves(done.data())
    }

    /// How much of everything there is that settling an exception may write.
    pub(crate) async fn written(&self) -> Vec<i64> {
        let sqls = [
            "SELECT COUNT(*) FROM entries",
            "SELECT COUNT(*) FROM audits WHERE action = 'exception.resolve'",
            "SELECT COUNT(*) FROM topups",
            "SELECT COUNT(*) FROM refunds",
            "SELECT COUNT(*) FROM outbox",
            "SELECT COUNT(*) FROM outbox WHERE state = 'parked'",
            "SELECT COUNT(*) FROM cabinet_orders",
            "SELECT COUNT(*) FROM door_sessions WHERE status = 'settled'",
            "SELECT COUNT(*) FROM exceptions WHERE state = 'open'",
        ];
        let mut counts = Vec::new();
        for sql in sqls {
            counts.push(self.number(sql).await);
        }
        counts
    }

    /// The vendor's word about an opening, from the door's opening on.
    pub(crate) async fn trip(&self, session: &str, goods: &[(&str, i64)]) {
        for door in ["opened", "closed"] {
            assert_eq!(self.tell("doors", &self.door(session, door), "genuine").await, [200]);
        }
        let settled = Self::settled(session, &format!("E-{session}"), goods);
        assert_eq!(self.tell("orders", &settled, "genuine").await, [200]);
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let rows = self.server.service.store().query(sql, Vec::new()).await.expect("read");
        rows.into_iter().next().expect("a row").cells().int().expect("a number")
    }

    pub(crate) async fn run_job(&self, name: &str) -> Value {
        let what = format!("POST /api/v1/admin/jobs/{name}/run");
        let run = self.server.ask(&what).by(&self.admin).send().await;
        assert_eq!(run.data()["status"], json!("succeeded"), "{}", run.text);
        run.data()["counts"].clone()
    }
}

/// What settling an exception moves; of an order, what is no number of its own.
pub(crate) fn moves(settled: &Value) -> Value {
    let moved = &settled["moved"];
    match &moved["order"] {
        Value::Null => moved.clone(),
        order => {
            let told = ["total_cents", "tickets", "payment_type", "payment_status", "unpaid_reason"];
            json!([told.map(|field| order[field].clone()), moved["tickets_left"]])
        }
    }
}

on_both_engines! {
    by Corner::open;

    async fn from_scan_to_paid_order(corner: Corner) {
        let seen = corner.scan().await;
        assert_eq!((&seen["blocked_by"], &seen["pay_with"]), (&Value::Null, &json!(["ticket"])));
        assert_eq!((&seen["device"]["store_name"], &seen["device"]["is_online"]), (&json!("南山店"), &json!(true)));
        let cola = json!({
            "product_code": "COLA", "name_zh": "可乐", "name_en": null, "price_cents": 300, "tickets": 1500, "in_stock": true,
        });
        assert_eq!((&seen["device"]["goods"][0], &seen["device"]["goods"][1]["product_code"]), (&cola, &json!("RICE")));
        let session = corner.open_door().await;
        assert_eq!(corner.status(&session).await, "opening");
        assert_eq!(corner.scan().await["blocked_by"], json!({"reason": "unsettled_session", "session_no": session}));
        corner.trip(&session, &[("COLA", 2)]).await;
        let settled = corner.session(&session).await;
        assert_eq!((&settled["status"], &settled["order"]["payment_status"]), (&json!("settled"), &json!("paid")));
        let [order] = corner.orders().await.try_into().expect("one order");
        assert_eq!((&order["total_cents"], &order["tickets"]), (&json!(600), &json!(3000)));
        let place = ["device_code", "device_name", "store_code", "store_name"].map(|field| order[field].as_str());
        assert_eq!(place, [Some("D1"), Some("一号柜"), Some("S1"), Some("南山店")]);
        assert_eq!((&order["items"][0]["product_code"], &order["items"][0]["quantity"]), (&json!("COLA"), &json!(2)));
        assert_eq!(corner.tickets().await, 17_000);
        let device = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
        assert_eq!(device.data()["devices"][0]["planogram"][0]["stock"], 8);
        corner.server.books_are_right().await;
    }

    async fn a_qr_code_for_printing_says_what_is_scanned(corner: Corner) {
        let print = async |query: &str| {
            let what = format!("GET /api/v1/admin/cabinet/devices/D1/qr{query}");
            corner.server.ask(&what).by(&corner.admin).send().await
        };
        let picture = print("?format=png&size=300").await;
        assert_eq!(picture.header("content-type"), Some("image/png"));
        assert_eq!(read_png(&picture.bytes), "fanpiao:cabinet:D1");
        let svg = print("").await;
        assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
        let svg = String::from_utf8(svg.bytes).expect("UTF-8");
        assert!(svg.contains(">D1</text>") && svg.contains(">南山店</text>") && svg.contains("width=\"512\""), "{svg}");
        assert_eq!(print("?size=127").await.wrong_fields(), ["size"]);
        corner.server.ask("GET /api/v1/admin/cabinet/devices/D9/qr").by(&corner.admin).send().await.failed(404, "NOT_FOUND");
    }

    async fn staff_find_cabinets_by_their_state(corner: Corner) {
        let [first] = corner.cabinets("").await.try_into().expect("one cabinet");
        for number in 2..=5 {
            let body = json!({"device_code": format!("D{number}"), "name": format!("柜 {}", number % 2), "store_id": first["store_id"]});
            corner.admin_asks("POST /api/v1/admin/devices", &body).await;
        }
        let codes = async |query: &str| {
            let found = corner.cabinets(query).await;
            found.iter().map(|device| device["device_code"].as_str().expect("a code").to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(codes("").await, "D1 D2 D3 D4 D5");
        assert_eq!(codes("?sort=-device_code&state=offline").await, "D5 D4 D3 D2");
        assert_eq!(codes("?sort=name&query=%E6%9F%9C").await, "D1 D2 D4 D3 D5");
        assert_eq!((codes("?state=ready").await.as_str(), codes("?state=busy").await.as_str()), ("D1", ""));
        let fill = async |goods: Value| {
            let [device] = corner.cabinets("?query=D1").await.try_into().expect("one cabinet");
            let planogram = json!({"products": goods, "version": device["planogram_version"]});
            corner.admin_asks(&format!("PUT /api/v1/admin/devices/{}/planogram", device["device_id"]), &planogram).await
        };
        let cola = |stock: i64| json!([{"product_code": "COLA", "product_id": first["planogram"][0]["product_id"], "price_cents": 300, "stock": stock}]);
        assert_eq!(fill(json!([])).await["state"], "empty");
        assert_eq!((codes("?state=empty").await.as_str(), fill(cola(0)).await["state"].as_str()), ("D1", Some("sold_out")));
        assert_eq!((codes("?state=sold_out").await.as_str(), fill(cola(1)).await["state"].as_str()), ("D1", Some("ready")));
        corner.open_door().await;
        assert_eq!((codes("?state=ready").await.as_str(), codes("?state=busy").await.as_str()), ("", "D1"));
        // A page is full although most rows that were read for it are not wanted.
        let page = corner.server.ask("GET /api/v1/admin/devices?state=offline&limit=3").by(&corner.admin).send().await;
        let cursor = page.data()["page_info"]["next_cursor"].as_str().expect("another page").to_owned();
        assert_eq!(page.data()["devices"].as_array().map(Vec::len), Some(3));
        assert_eq!(codes(&format!("?state=offline&limit=3&cursor={cursor}")).await, "D5");
        let file = corner.server.ask("GET /api/v1/admin/devices/export?sort=-device_code").by(&corner.admin).send().await;
        let filed: Vec<_> = sheet(&file)[1..].iter().map(|row| [1, 4, 5].map(|at| row[at].clone()).join(" ")).collect();
        assert_eq!(filed, ["D5 离线 0", "D4 离线 0", "D3 离线 0", "D2 离线 0", "D1 服务中 1"]);
    }

    async fn who_works_in_one_store_sees_that_one(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        let order = corner.orders().await[0]["order_no"].as_str().expect("a number").to_owned();
        let other = json!({
            "store_code": "S2", "store_name": "福田店", "store_type": "sports", "store_property": "franchise", "address": "福田路 1 号",
        });
        let other = corner.admin_asks("POST /api/v1/admin/stores", &other).await["store_id"].as_i64().expect("an id");
        let devices = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
        let (device, own) = (&devices.data()["devices"][0]["device_id"], &devices.data()["devices"][0]["store_id"]);
        let (inside, outside) = (corner.server.person(Role::Member).await, corner.server.person(Role::Member).await);
        for (person, store) in [(&inside, own.as_i64().expect("an id")), (&outside, other)] {
            let role = format!("PUT /api/v1/admin/members/{}/roles/store_staff?store_id={store}", person.id);
            let given = corner.server.ask(&role).by(&corner.admin).send().await;
            assert_eq!(given.data()["grants"][1]["store_id"], store);
        }
        let me = corner.server.ask("GET /api/v1/auth/me").by(&outside).send().await;
        assert_eq!(me.data()["stores"], json!([{"store_id": other, "code": "S2", "name": "福田店"}]));
        let seen = [
            (format!("GET /api/v1/admin/stores/{own}"), "store_id"),
            (format!("GET /api/v1/admin/devices/{device}"), "device_id"),
            (format!("GET /api/v1/admin/devices?store_id={own}"), "devices"),
            (format!("GET /api/v1/admin/cabinet/orders?device_id={device}"), "orders"),
            (format!("GET /api/v1/admin/cabinet/sessions?device_id={device}"), "sessions"),
            (format!("GET /api/v1/admin/cabinet/sessions?store_id={own}"), "sessions"),
            (format!("GET /api/v1/cabinet/orders/{order}"), "order_no"),
            (format!("GET /api/v1/cabinet/sessions/{session}"), "session_no"),
        ];
        for (what, field) in &seen {
            assert!(!corner.server.ask(what).by(&inside).send().await.data()[field].is_null(), "{what}");
            corner.server.ask(what).by(&outside).send().await.failed(403, "PERMISSION_DENIED");
        }
        for (list, field) in
            [("stores", "stores"), ("devices", "devices"), ("cabinet/orders", "orders"), ("cabinet/sessions", "sessions")]
        {
            let what = format!("GET /api/v1/admin/{list}");
            let file = corner.server.ask(&format!("{what}/export")).by(&outside).send().await;
            assert_eq!(sheet(&file).len(), if list == "stores" { 2 } else { 1 }, "{what}");
            let counts = [&inside, &outside].map(async |person| {
                corner.server.ask(&what).by(person).send().await.data()[field].as_array().expect("a list").len()
            });
            let [inside, outside] = counts;
            let expected = if list == "stores" { 1 } else { 0 };
            assert_eq!((inside.await, outside.await), (1, expected), "{what}");
        }
        let role = format!("PUT /api/v1/admin/members/{}/roles/support?store_id={other}", outside.id);
        corner.server.ask(&role).by(&corner.admin).send().await.failed(422, "VALIDATION_ERROR");
    }

    async fn who_says_what_a_cabinet_offers_undoes_nobodys_change_and_no_sale(corner: Corner) {
        let device = async || {
            let devices = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
            devices.data()["devices"][0].clone()
        };
        let before = device().await;
        let (place, product) = (format!("/api/v1/admin/devices/{}", before["device_id"]), &before["planogram"][0]["product_id"]);
        let planogram = |version: &Value| json!({
            "products": [{"product_code": "COLA", "product_id": product, "price_cents": 350}], "version": version,
        });
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        let set = format!("PUT {place}/planogram");
        let stale = corner.server.ask(&set).by(&corner.admin).json(&planogram(&before["planogram_version"])).await;
        stale.failed(409, "CONCURRENCY_ERROR");
        let blind = json!({"products": []});
        corner.server.ask(&set).by(&corner.admin).json(&blind).await.failed(422, "VALIDATION_ERROR");
        let after = corner.admin_asks(&set, &planogram(&device().await["planogram_version"])).await;
        let cola = &after["planogram"][0];
        assert_eq!((&cola["price_cents"], &cola["stock"]), (&json!(350), &json!(9)), "what was sold stays sold");
        assert!(after["planogram_version"].as_i64() > before["planogram_version"].as_i64());

        let stock = format!("POST {place}/stock");
        let body = |code: &str, delta: i64| json!({"product_code": code, "delta": delta, "reason": "补货"});
        assert_eq!(corner.admin_asks(&stock, &body("COLA", 11)).await["planogram"][0]["stock"], 20);
        for (code, delta, status, error) in
            [("COLA", -21, 400, "OUT_OF_STOCK"), ("COLA", 0, 422, "VALIDATION_ERROR"), ("RICE", 1, 404, "NOT_FOUND")]
        {
            corner.server.ask(&stock).by(&corner.admin).json(&body(code, delta)).await.failed(status, error);
        }
        let trail = corner.server.ask("GET /api/v1/admin/audit?action=device.stock").by(&corner.admin).send().await;
        let moved = &trail.data()["records"][0];
        assert_eq!((&moved["reason"], &moved["before"]["stock"], &moved["after"]["stock"]), (&json!("补货"), &json!(9), &json!(20)));
    }

    async fn tickets_are_told_to_their_member_and_to_staff(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 2)]).await;
        let order = corner.orders().await[0]["order_no"].clone();
        let own = async |query: &str| {
            let what = format!("GET /api/v1/cabinet/tickets{query}");
            corner.server.ask(&what).by(&corner.member).header("accept-language", "en").send().await.data().clone()
        };
        let seen = own("?limit=1").await;
        let bought = &seen["history"][0];
        assert_eq!((&seen["tickets"], &seen["total_count"], &bought["order_no"]), (&json!(17_000), &json!(2), &order));
        assert_eq!((&bought["tickets"], &bought["tickets_after"]), (&json!(-3_000), &json!(17_000)));
        assert_eq!(bought["description"], "Bought from a cabinet");
        let cursor = seen["page_info"]["next_cursor"].as_str().expect("another page");
        let first = own(&format!("?limit=1&cursor={cursor}")).await;
        let given = &first["history"][0];
        assert_eq!((&given["tickets"], &given["order_no"], &given["tickets_after"]), (&json!(20_000), &Value::Null, &json!(20_000)));
        assert_eq!(first["page_info"]["has_more"], false);

        let staff = format!("GET /api/v1/admin/members/{}/tickets", corner.member.id);
        let finance = corner.server.person(Role::Finance).await;
        let seen = corner.server.ask(&staff).by(&finance).send().await;
        assert_eq!((&seen.data()["tickets"], &seen.data()["history"][1]["description"]), (&json!(17_000), &json!("管理员发放")));
        let nothing = corner.server.ask("GET /api/v1/cabinet/tickets").by(&finance).send().await;
        assert_eq!((&nothing.data()["tickets"], &nothing.data()["history"]), (&json!(0), &json!([])));
        let nobody = "GET /api/v1/admin/members/7/tickets";
        corner.server.ask(nobody).by(&finance).send().await.failed(404, "NOT_FOUND");
    }

    async fn staff_find_openings_by_state_cabinet_and_store(corner: Corner) {
        for goods in [&[("COLA", 1)][..], &[]] {
            let session = corner.open_door().await;
            corner.trip(&session, goods).await;
        }
        let open = corner.open_door().await;
        let list = async |query: &str| {
            let what = format!("GET /api/v1/admin/cabinet/sessions{query}");
            corner.server.ask(&what).by(&corner.admin).send().await.data().clone()
        };
        let all = list("").await;
        let sessions = all["sessions"].as_array().expect("sessions");
        assert_eq!((sessions.len(), &sessions[0]["session_no"]), (3, &json!(open)));
        assert_eq!((&sessions[1]["order_no"], &sessions[2]["order_no"]), (&Value::Null, &corner.orders().await[0]["order_no"]));
        let place = ["device_code", "device_name", "store_code", "store_name"].map(|field| sessions[0][field].as_str());
        assert_eq!(place, [Some("D1"), Some("一号柜"), Some("S1"), Some("南山店")]);
        let (device, store) = (&sessions[0]["device_id"], &sessions[0]["store_id"]);
        for (query, count) in [
            ("?status=opening".to_owned(), 1),
            ("?status=settled".to_owned(), 2),
            (format!("?device_id={device}"), 3),
            (format!("?device_id={device}&status=settled"), 2),
            (format!("?store_id={store}&status=held"), 0),
            (format!("?store_id={store}"), 3),
            (format!("?user_id={}", corner.member.id), 3),
            (format!("?user_id={}&device_id={device}&status=opening", corner.member.id), 1),
            (format!("?user_id={}", corner.admin.id), 0),
            (format!("?from={}", sessions[1]["created_at"].as_str().expect("a moment")), 3),
            (format!("?to={}", sessions[2]["created_at"].as_str().expect("a moment")), 0),
            ("?from=2026-01-05T00:00:00Z&to=2026-01-06T00:00:00Z&status=settled".to_owned(), 2),
            ("?from=2026-01-06T00:00:00Z".to_owned(), 0),
        ] {
            assert_eq!(list(&query).await["sessions"].as_array().map(Vec::len), Some(count), "{query}");
        }
        let backwards = "GET /api/v1/admin/cabinet/sessions?from=2026-01-06T00:00:00Z&to=2026-01-05T00:00:00Z";
        assert_eq!(corner.server.ask(backwards).by(&corner.admin).send().await.wrong_fields(), ["from"]);
        assert_eq!((&sessions[1]["total_cents"], &sessions[2]["total_cents"]), (&Value::Null, &json!(300)));
        let file = format!("GET /api/v1/admin/cabinet/sessions/export?user_id={}&sort=created_at", corner.member.id);
        let rows = sheet(&corner.server.ask(&file).by(&corner.admin).send().await);
        let filed: Vec<_> = rows[1..].iter().map(|row| json!(row[0])).collect();
        assert_eq!(filed, sessions.iter().rev().map(|row| row["session_no"].clone()).collect::<Vec<_>>());
        for query in ["?limit=2".to_owned(), format!("?limit=2&store_id={store}")] {
            let first = list(&query).await;
            let cursor = first["page_info"]["next_cursor"].as_str().expect("another page");
            let second = list(&format!("{query}&cursor={cursor}")).await;
            let numbers = |page: &Value| page["sessions"].as_array().expect("sessions").clone();
            assert_eq!([numbers(&first), numbers(&second)].concat(), *sessions, "{query}");
            assert_eq!(second["page_info"]["has_more"], false);
        }
    }

    async fn products_that_the_erp_pushes(corner: Corner) {
        let row = |code: &str, name: &str, cents: i64| json!({"code": code, "name_zh": name, "price_cents": cents});
        let event = |id: &str, at: &str, rows: &[Value]| json!({"event_id": id, "at": at, "products": rows});
        let (early, late) = ("2026-01-05T01:00:00Z", "2026-01-05T01:30:00Z");
        let rows = [row("TEA", "茶", 500), row("", "无码", 1), json!({"code": "CUT"}), row("BUN", "包子", 200)];
        let first = event("P1", late, &rows);
        let ways = "unsigned wrong_key stale ahead tampered half";
        assert_eq!(corner.push(&first, ways).await, json!([401, 401, 401, 401, 401, 401]));
        assert_eq!(corner.products().await.len(), 1);
        assert_eq!(corner.push(&first, "genuine genuine replayed").await, json!([200, 200, 401]));
        let cola = ("可乐".to_owned(), 300, true);
        let now = [("包子".to_owned(), 200, false), cola.clone(), ("茶".to_owned(), 500, false)];
        assert_eq!(corner.products().await, now);
        assert_eq!(corner.kinds().await, ["callback_mismatch"; 2], "a row that cannot be taken is seen once");
        // An older word comes late, and then a newer one.
        assert_eq!(corner.push(&event("P2", early, &[row("TEA", "旧茶", 400)]), "genuine").await, json!([200]));
        assert_eq!(corner.products().await, now);
        let newer = "2026-01-05T01:45:00Z";
        assert_eq!(corner.push(&event("P3", newer, &[row("TEA", "新茶", 600)]), "genuine").await, json!([200]));
        assert_eq!(corner.products().await[2], ("新茶".to_owned(), 600, false));
        assert_eq!(corner.push(&json!({"event_id": "P4"}), "genuine").await, json!([200]), "nobody can read it");
        assert_eq!(corner.kinds().await, ["callback_mismatch"; 3]);
        // What a cabinet has under the code is that product, and no second one.
        assert_eq!(corner.push(&event("P5", newer, &[row("COLA", "可口可乐", 350)]), "genuine").await, json!([200]));
        let products = corner.products().await;
        assert_eq!((products.len(), &products[1]), (3, &("可口可乐".to_owned(), 350, true)));
        let devices = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
        assert_eq!(devices.data()["devices"][0]["planogram"][0]["price_cents"], 300, "a planogram has its own prices");
    }

    async fn what_the_erp_renames_is_called_so_from_then_on(corner: Corner) {
        // As planograms were written that had names of their own.
        let named = "UPDATE devices SET planogram = REPLACE(planogram, '\"price\":', '\"name_zh\":\"旧名\",\"name_en\":null,\"price\":')";
        corner.server.tamper(named).await;
        assert_eq!(corner.scan().await["device"]["goods"][0]["name_zh"], "可乐");
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        let row = json!({"code": "COLA", "name_zh": "可口可乐", "name_en": "Coke", "price_cents": 300});
        let event = json!({"event_id": "P1", "at": "2026-01-05T01:00:00Z", "products": [row]});
        assert_eq!(corner.push(&event, "genuine").await, json!([200]));

        let name = |of: &Value| [of["name_zh"].clone(), of["name_en"].clone()];
        let now = [json!("可口可乐"), json!("Coke")];
        let devices = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
        let device = &devices.data()["devices"][0];
        assert_eq!(name(&device["planogram"][0]), now);
        let one = format!("GET /api/v1/admin/devices/{}", device["device_id"]);
        let one = corner.server.ask(&one).by(&corner.admin).send().await;
        assert_eq!(name(&one.data()["planogram"][0]), now);
        let stock = format!("POST /api/v1/admin/devices/{}/stock", device["device_id"]);
        let refill = json!({"product_code": "COLA", "delta": 1, "reason": "补货"});
        assert_eq!(name(&corner.admin_asks(&stock, &refill).await["planogram"][0]), now);
        assert_eq!(name(&corner.scan().await["device"]["goods"][0]), now);

        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        let [second, first] = corner.orders().await.try_into().expect("two orders");
        assert_eq!(name(&second["items"][0]), now);
        assert_eq!(name(&first["items"][0]), [json!("可乐"), Value::Null], "what was sold keeps its name");
    }

    async fn products_that_are_pulled_from_the_erp(corner: Corner) {
        let row = |code: &str, cents: i64| json!({"code": code, "name_zh": code, "price_cents": cents});
        let rows = [row("A", 100), row("B", 200), json!("half a r"), row("C", 300), row("D", -1)];
        corner.act("/sim/erp/products", json!({"at": "2026-01-05T01:00:00Z", "products": rows})).await;
        assert_eq!(corner.run_job("pull-erp-products").await, json!({"products": 3, "odd_rows": 2}));
        assert_eq!(corner.products().await.len(), 4);
        assert_eq!(corner.run_job("pull-erp-products").await, json!({"products": 3, "odd_rows": 2}));
        assert_eq!((corner.products().await.len(), corner.kinds().await.len()), (4, 2), "nothing twice");
    }

    async fn a_days_sales_reach_the_erp_once_under_one_number(corner: Corner) {
        for quantity in [1, 2] {
            let session = corner.open_door().await;
            corner.trip(&session, &[("COLA", quantity)]).await;
        }
        // One less, and something given back for no goods.
        let orders = corner.orders().await;
        let place = format!("POST /api/v1/admin/cabinet/orders/{}/correct", orders[0]["order_no"].as_str().expect("a number"));
        corner.admin_asks(&place, &json!({"items": [{"product_code": "COLA", "quantity": 1}], "reason": "点错了"})).await;
        let complaint = json!({"order_no": orders[1]["order_no"], "text": "温的"});
        let filed = corner.server.ask("POST /api/v1/complaints").by(&corner.member).json(&complaint).await;
        let refund = format!("POST /api/v1/admin/complaints/{}/refund", filed.data()["complaint_id"]);
        corner.admin_asks(&refund, &json!({"amount_cents": 100, "reason": "补偿"})).await;
        let resend = "POST /api/v1/admin/erp/sales/2026-01-05/resend";
        corner.server.ask(resend).by(&corner.admin).send().await.failed(422, "VALIDATION_ERROR");
        // The ERP fails at first, after it has booked.
        let fault = json!({"path": "/erp/sales", "kind": "drop_after", "times": 1});
        corner.act("/sim/faults", fault).await;
        // The job runs by itself as the day is over.
        corner.server.clock.advance_ms(24 * 3_600_000);
        corner.renewed().await;
        let booked = corner.booked(1).await;
        let document = &booked["SALE20260105-S1"];
        assert_eq!((&document["total_cents"], &document["total_tickets"], &document["orders"]), (&json!(500), &json!(2500), &json!(4)));
        assert_eq!(document["lines"], json!([{"product_code": "COLA", "quantity": 2, "amount_cents": 600}]));
        assert_eq!(document["conceded_cents"], 100);
        assert_eq!(corner.run_job("send-erp-sales").await["documents"], 1);
        let resent = corner.server.ask(resend).by(&corner.admin).send().await;
        let resent = &resent.data()["documents"][0];
        assert_eq!((&resent["sends"], &resent["ledger_tickets"]), (&json!(2), &json!(2500)));
        let booked = corner.booked(2).await;
        assert_eq!((booked.as_object().map(serde_json::Map::len), &booked["SALE20260105-S1"]["sends"]), (Some(1), &json!(2)));
        // And where it asks for itself it is told the same.
        let url = corner.callbacks.replace("callbacks/cabinet", "partner/erp/sales?date=2026-01-05");
        let asked = corner.act("/sim/erp/ask", json!({"url": url})).await;
        assert_eq!((&asked["status"], &asked["answer"]["data"]["documents"][0]), (&json!(200), &booked["SALE20260105-S1"]));
        let url = url.replace("2026-01-05", "2026-01-06");
        assert_eq!(corner.act("/sim/erp/ask", json!({"url": url})).await["status"], 422, "that day is not over");
        let forged = corner.server.ask("GET /api/v1/partner/erp/sales?date=2026-01-05").send().await;
        forged.failed(401, "INVALID_SIGNATURE");
    }

    async fn sales_that_the_ledger_does_not_know_are_not_told(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        corner.server.tamper("UPDATE cabinet_orders SET tickets = 1505").await;
        corner.server.clock.advance_ms(24 * 3_600_000);
        corner.renewed().await;
        let shown = corner.server.ask("GET /api/v1/admin/erp/sales/2026-01-05").by(&corner.admin).send().await;
        let shown = &shown.data()["documents"][0];
        assert_eq!((&shown["total_tickets"], &shown["ledger_tickets"]), (&json!(1505), &json!(1500)));
        let url = corner.callbacks.replace("callbacks/cabinet", "partner/erp/sales?date=2026-01-05");
        assert_eq!(corner.act("/sim/erp/ask", json!({"url": url})).await["status"], 503);
        for _ in 0..400 {
            let sql = "SELECT COUNT(*) FROM outbox WHERE topic = 'erp-sales' AND last_error LIKE '%the ledger has 1500%'";
            if corner.number(sql).await == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nobody compares");
    }

    async fn an_opening_is_told_as_it_goes(corner: Corner) {
        let session = corner.open_door().await;
        let mut events = corner.follow(&session, &corner.member).await;
        let (mut last, now) = events.next().await.expect("how it is now");
        assert_eq!((&now["session_no"], &now["status"]), (&json!(session), &json!("opening")));
        for status in ["opened", "closed"] {
            assert_eq!(corner.tell("doors", &corner.door(&session, status), "genuine").await, [200]);
            let (id, now) = events.next().await.expect("a change");
            assert_eq!((id > last, &now["status"]), (true, &json!(status)));
            last = id;
        }
        assert_eq!(corner.tell("orders", &Corner::settled(&session, "E1", &[("COLA", 1)]), "genuine").await, [200]);
        let (id, now) = events.next().await.expect("a change");
        assert_eq!((id > last, &now["order"]["total_cents"]), (true, &json!(300)));
        assert_eq!(events.next().await, None, "there is nothing more to tell");
        let mut again = corner.follow(&session, &corner.member).await;
        assert_eq!(again.next().await.map(|(id, now)| (id, now["status"].clone())), Some((id, json!("settled"))));
        assert_eq!(again.next().await, None);
    }

    async fn an_opening_is_told_to_its_member_alone_and_not_too_often(corner: Corner) {
        let session = corner.open_door().await;
        let what = format!("GET /api/v1/cabinet/sessions/{session}/events");
        corner.server.ask(&what).by(&corner.admin).send().await.failed(403, "PERMISSION_DENIED");
        corner.server.ask("GET /api/v1/cabinet/sessions/DOOR1/events").by(&corner.member).send().await.failed(404, "NOT_FOUND");
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(corner.follow(&session, &corner.member).await);
        }
        corner.server.ask(&what).by(&corner.member).send().await.failed(429, "RATE_LIMITED");
        streams.pop();
        corner.follow(&session, &corner.member).await.next().await.expect("the seat of who has gone");
    }

    async fn a_server_that_stops_ends_what_it_tells(corner: Corner) {
        let session = corner.open_door().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(http_api::serve(listener, corner.server.app.clone(), async { drop(stopped.await) }));
        let url = format!("http://{address}/api/v1/cabinet/sessions/{session}/events");
        let asked = corner.http.get(url).header("authorization", format!("Bearer {}", corner.member.token));
        let mut answer = asked.send().await.expect("answers");
        answer.chunk().await.expect("unbroken").expect("how it is now");
        stop.send(()).expect("it listens");
        tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends before the drain does").expect("no panic");
        assert_eq!(answer.chunk().await.expect("unbroken"), None);
    }

    async fn messages_that_cannot_be_believed_change_nothing(corner: Corner) {
        let session = corner.open_door().await;
        let settled = Corner::settled(&session, "E1", &[("COLA", 1)]);
        let ways = "unsigned wrong_key stale ahead tampered half";
        assert_eq!(corner.tell("orders", &settled, ways).await, [401; 6]);
        assert!(corner.orders().await.is_empty() && corner.exceptions().await.is_empty());
        let trail = corner.server.ask("GET /api/v1/admin/audit?action=callback.refuse").by(&corner.admin).send().await;
        assert_eq!(trail.data()["records"].as_array().map(Vec::len), Some(6), "{}", trail.text);
        assert_eq!(corner.tell("orders", &settled, "replayed").await, [401], "the second of the two");
        assert_eq!((corner.orders().await.len(), corner.tickets().await), (1, 18_500));
    }

    async fn a_flood_of_forgeries_leaves_a_few_records(corner: Corner) {
        let ways = ["unsigned"; 45].join(" ");
        assert_eq!(corner.tell("orders", &json!({}), &ways).await, [401; 45]);
        let trail = corner.server.ask("GET /api/v1/admin/audit?action=callback.refuse&limit=100").by(&corner.admin).send().await;
        let records = trail.data()["records"].as_array().expect("records");
        assert_eq!((records.len(), &records[0]["after"]["count"]), (12, &json!(40)), "{}", trail.text);
    }

    async fn the_same_event_is_answered_like_the_first_and_done_once(corner: Corner) {
        let session = corner.open_door().await;
        let settled = Corner::settled(&session, "E1", &[("COLA", 1)]);
        assert_eq!(corner.tell("orders", &settled, "genuine genuine genuine").await, [200; 3]);
        // Told again as another event.
        let again = Corner::settled(&session, "E2", &[("COLA", 1)]);
        assert_eq!(corner.tell("orders", &again, "genuine").await, [200]);
        assert_eq!((corner.orders().await.len(), corner.tickets().await), (1, 18_500));
        assert!(corner.exceptions().await.is_empty());
        // Another event under an id that was used.
        let other = Corner::settled(&session, "E1", &[("COLA", 5)]);
        assert_eq!(corner.tell("orders", &other, "genuine").await, [200]);
        assert_eq!(corner.kinds().await, ["callback_mismatch"]);
        assert_eq!(corner.tickets().await, 18_500);
        corner.server.books_are_right().await;
    }

    async fn a_second_settlement_that_says_otherwise_is_seen_and_not_charged(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        let other = Corner::settled(&session, "E2", &[("COLA", 3)]);
        assert_eq!(corner.tell("orders", &other, "genuine").await, [200]);
        assert_eq!(corner.kinds().await, ["settlement_conflict"]);
        assert_eq!((corner.orders().await.len(), corner.tickets().await), (1, 18_500));
        corner.resolve("settlement_conflict", "dismiss").await;
        assert_eq!(corner.status(&session).await, "settled");
    }

    async fn what_does_not_fit_our_list_waits_for_a_person(corner: Corner) {
        let session = corner.open_door().await;
        let unknown = Corner::settled(&session, "E1", &[("TEA", 1)]);
        assert_eq!(corner.tell("orders", &unknown, "genuine").await, [200]);
        assert_eq!((corner.status(&session).await.as_str(), corner.tickets().await), ("held", 20_000));
        assert_eq!(corner.kinds().await, ["unknown_goods"]);
        corner.ask_to_open(&corner.member).await.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(corner.resolve("unknown_goods", "dismiss").await, Value::Null);
        assert_eq!(corner.status(&session).await, "released");

        let session = corner.open_door().await;
        let mut dearer = Corner::settled(&session, "E2", &[("COLA", 1)]);
        dearer["amount_cents"] = json!(350);
        assert_eq!(corner.tell("orders", &dearer, "genuine").await, [200]);
        assert_eq!(corner.kinds().await, ["price_mismatch"]);
        let charged = json!([[300, 1500, "ticket", "paid", null], 18_500]);
        assert_eq!(corner.resolve("price_mismatch", "charge").await, charged);
        assert_eq!((corner.status(&session).await.as_str(), corner.tickets().await), ("settled", 18_500));

        let session = corner.open_door().await;
        let dear = Corner::settled(&session, "E3", &[("RICE", 5)]);
        assert_eq!(corner.tell("orders", &dear, "genuine").await, [200]);
        assert_eq!(corner.kinds().await, ["amount_over_limit"]);
        assert_eq!(corner.tickets().await, 18_500);
        let owed = json!([[25_000, 125_000, "ticket", "unpaid", "insufficient_tickets"], 18_500]);
        assert_eq!(corner.resolve("amount_over_limit", "charge").await, owed);
        assert_eq!((corner.status(&session).await.as_str(), corner.tickets().await), ("settled", 18_500));
        corner.server.books_are_right().await;
    }

    async fn an_unpaid_order_keeps_the_next_door_shut(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("RICE", 1)]).await;
        let [order] = corner.orders().await.try_into().expect("one order");
        assert_eq!((&order["payment_status"], &order["unpaid_reason"]), (&json!("unpaid"), &json!("insufficient_tickets")));
        assert_eq!(corner.tickets().await, 20_000, "no ticket is taken");
        let number = order["order_no"].as_str().expect("a number");
        let unpaid = json!({"reason": "unpaid_order", "order_no": number, "is_collecting": false});
        assert_eq!(corner.scan().await["blocked_by"], unpaid);
        corner.ask_to_open(&corner.member).await.failed(400, "UNPAID_ORDER_EXISTS");
        let pay = format!("POST /api/v1/cabinet/orders/{number}/pay");
        corner.server.ask(&pay).by(&corner.member).send().await.failed(400, "INSUFFICIENT_TICKETS");
        let stranger = corner.server.person(Role::Member).await;
        corner.server.ask(&pay).by(&stranger).send().await.failed(403, "PERMISSION_DENIED");
        corner.give(&corner.member, 5_000).await;
        let paid = corner.server.ask(&pay).by(&corner.member).send().await;
        assert_eq!(paid.data()["payment_status"], "paid");
        corner.server.ask(&pay).by(&corner.member).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!(corner.tickets().await, 0);
        corner.server.books_are_right().await;
    }

    async fn a_correction_is_tried_made_and_seen_by_both_sides(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 2)]).await;
        let [order] = corner.orders().await.try_into().expect("one order");
        assert_eq!((&order["order_type"], &order["ticket_payment_amount"]), (&json!("normal"), &json!(3000)));
        assert_eq!(order["payment_attempts"][0]["paid"], true);
        let number = order["order_no"].as_str().expect("a number").to_owned();
        let place = format!("POST /api/v1/admin/cabinet/orders/{number}/correct");
        let body = json!({"items": [{"product_code": "COLA", "quantity": 1}], "reason": "点错了", "corrections": 0});

        let finance = corner.server.person(Role::Finance).await;
        corner.server.ask(&place).by(&corner.member).json(&body).await.failed(403, "PERMISSION_DENIED");
        let tried = corner.server.ask(&format!("{place}?dry_run=true")).by(&finance).json(&body).await;
        assert_eq!(tried.data()["surcharge"]["total_cents"], -300);
        assert_eq!(corner.tickets().await, 17_000, "nothing was changed");
        let made = corner.server.ask(&place).by(&finance).json(&body).await;
        assert_eq!((&made.data()["correction"]["status"], &made.data()["order"]["order_type"]), (&json!("done"), &json!("corrected")));
        assert_eq!(corner.tickets().await, 18_500);
        corner.server.ask(&place).by(&finance).json(&body).await.failed(409, "CONCURRENCY_ERROR");

        let [surcharge, corrected] = corner.orders().await.try_into().expect("two orders");
        assert_eq!((&surcharge["order_type"], &surcharge["related_order_no"]), (&json!("surcharge"), &json!(number)));
        assert_eq!(surcharge["items"][0]["quantity"], -1);
        assert_eq!((&corrected["items"][0]["quantity"], &corrected["corrected_items"][0]["quantity"]), (&json!(2), &json!(1)));
        let shown = corner.server.ask(&format!("GET /api/v1/cabinet/orders/{number}")).by(&corner.member).send().await;
        assert_eq!(shown.data()["surcharges"][0]["order_no"], surcharge["order_no"]);
        assert_eq!(shown.data()["correction_history"][0]["reason"], "点错了");
        let devices = corner.server.ask("GET /api/v1/admin/devices").by(&corner.admin).send().await;
        assert_eq!(devices.data()["devices"][0]["planogram"][0]["stock"], 9);
        corner.server.books_are_right().await;
    }

    async fn a_large_correction_takes_two(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 2)]).await;
        let [order] = corner.orders().await.try_into().expect("one order");
        let place = format!("POST /api/v1/admin/cabinet/orders/{}/correct", order["order_no"].as_str().expect("a number"));
        let (one, other) = (corner.server.person(Role::Finance).await, corner.server.person(Role::Finance).await);
        let ask = async |quantity: i64| {
            let body = json!({"items": [{"product_code": "RICE", "quantity": quantity}], "reason": "少算了"});
            corner.server.ask(&place).by(&one).json(&body).await.data()["correction"].clone()
        };
        let correction = ask(2).await;
        assert_eq!((&correction["status"], &correction["difference_cents"]), (&json!("waiting"), &json!(10_000)));
        let waiting = corner.server.ask("GET /api/v1/admin/cabinet/corrections").by(&other).send().await;
        assert_eq!(waiting.data()["corrections"][0]["order_no"], order["order_no"]);
        let file = corner.server.ask("GET /api/v1/admin/cabinet/corrections/export?sort=-difference_cents").by(&other).send().await;
        let [_, filed] = sheet(&file).try_into().expect("one correction");
        assert_eq!(filed[1..4], ["RICE × 2", "100", "少算了"]);
        let refuse = format!("POST /api/v1/admin/cabinet/corrections/{}/refuse", correction["correction_id"]);
        corner.server.ask(&refuse).by(&one).json(&json!({"reason": "?"})).await.failed(400, "BUSINESS_RULE_ERROR");
        let refused = corner.server.ask(&refuse).by(&other).json(&json!({"reason": "没有证据"})).await;
        assert_eq!(refused.data()["correction"]["status"], "refused");

        let correction = ask(2).await;
        let agree = format!("POST /api/v1/admin/cabinet/corrections/{}/agree", correction["correction_id"]);
        let agreed = corner.server.ask(&agree).by(&other).send().await;
        // There are 17,000 tickets, and it takes 50,000.
        assert_eq!(agreed.data()["surcharge"]["payment_status"], "unpaid");
        corner.server.ask(&agree).by(&other).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!(corner.scan().await["blocked_by"]["reason"], "unpaid_order");
        corner.give(&corner.member, 33_000).await;
        let due = agreed.data()["surcharge"]["order_no"].as_str().expect("a number");
        let paid = corner.server.ask(&format!("POST /api/v1/cabinet/orders/{due}/pay")).by(&corner.member).send().await;
        assert_eq!(paid.data()["payment_status"], "paid");
        assert_eq!(corner.tickets().await, 0);
        corner.server.books_are_right().await;
    }

    async fn a_complaint_goes_from_its_picture_to_its_end(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 2)]).await;
        let [order] = corner.orders().await.try_into().expect("one order");
        let support = corner.server.person(Role::Support).await;
        let picture = json!({"content": STANDARD.encode(png(320, 240))});
        let kept = corner.server.ask("POST /api/v1/complaints/pictures").by(&corner.member).json(&picture).await;
        let body = json!({"order_no": order["order_no"], "text": "饮料是温的", "pictures": [kept.data()["name"]]});
        corner.server.ask("POST /api/v1/complaints").by(&support).json(&body).await.failed(403, "PERMISSION_DENIED");
        let filed = corner.server.ask("POST /api/v1/complaints").by(&corner.member).json(&body).await;
        assert_eq!((&filed.data()["status"], &filed.data()["order_no"]), (&json!("open"), &order["order_no"]));
        corner.server.ask("POST /api/v1/complaints").by(&corner.member).json(&body).await.failed(400, "BUSINESS_RULE_ERROR");
        let unknown = json!({"order_no": order["order_no"], "text": "图", "pictures": ["x.png"]});
        corner.server.ask("POST /api/v1/complaints").by(&corner.member).json(&unknown).await.failed(422, "VALIDATION_ERROR");

        assert_eq!(filed.data()["pictures"], json!([kept.data()]));
        let place = format!("/api/v1/admin/complaints/{}", filed.data()["complaint_id"]);
        let steps = [
            ("assign", json!({"user_id": support.id})),
            ("answer", json!({"text": "抱歉，已通知维修"})),
        ];
        for (step, body) in steps {
            corner.server.ask(&format!("POST {place}/{step}")).by(&support).json(&body).await.data();
        }
        let finance = corner.server.person(Role::Finance).await;
        for owner in [json!(finance.id), json!(null), json!(support.id)] {
            let given = corner.server.ask(&format!("POST {place}/assign")).by(&support).json(&json!({"user_id": owner})).await;
            assert_eq!(given.data()["owner_id"], owner);
        }
        let asked = "GET /api/v1/admin/audit?action=complaint.assign&limit=3";
        let trail = corner.server.ask(asked).by(&finance).send().await.data()["records"].clone();
        let steps: Vec<_> = trail.as_array().expect("records").iter().map(|record| json!([record["actor_id"], record["before"]["owner"], record["after"]["owner"]])).collect();
        let expected = [
            json!([support.id, null, support.id]), json!([support.id, finance.id, null]), json!([support.id, support.id, finance.id]),
        ];
        assert_eq!(steps, expected);
        let staff = corner.server.person(Role::StoreStaff).await;
        let give = async |body: Value| corner.server.ask(&format!("POST {place}/assign")).by(&support).json(&body).await;
        let refused = give(json!({"user_id": staff.id})).await;
        assert_eq!(refused.failed(400, "BUSINESS_RULE_ERROR")["fields"][0]["field"], "user_id");
        give(json!({"user_id": corner.member.id})).await.failed(400, "BUSINESS_RULE_ERROR");
        give(json!({"user_id": 1})).await.failed(404, "NOT_FOUND");
        corner.admin_asks(&format!("PUT /api/v1/admin/members/{}/status", finance.id), &json!({"status": "disabled", "reason": "离职"})).await;
        give(json!({"user_id": finance.id})).await.failed(400, "BUSINESS_RULE_ERROR");

        let refund = json!({"amount_cents": 250, "reason": "补偿"});
        corner.server.ask(&format!("POST {place}/refund")).by(&support).json(&refund).await.failed(403, "PERMISSION_DENIED");
        let finance = corner.server.person(Role::Finance).await;
        let tried = corner.server.ask(&format!("POST {place}/refund?dry_run=true")).by(&finance).json(&refund).await;
        assert_eq!(tried.data()["surcharge"]["tickets"], -1_250);
        corner.server.ask(&format!("POST {place}/refund")).by(&finance).json(&refund).await.data();
        assert_eq!(corner.tickets().await, 18_250);
        let all = json!({"amount_cents": 351, "reason": "补偿"});
        corner.server.ask(&format!("POST {place}/refund")).by(&finance).json(&all).await.failed(400, "BUSINESS_RULE_ERROR");
        corner.server.ask(&format!("POST {place}/close")).by(&support).json(&json!({"text": "已处理"})).await.data();

        let own = corner.server.ask("GET /api/v1/complaints").by(&corner.member).send().await;
        let seen = &own.data()["complaints"][0];
        assert_eq!((&seen["status"], &seen["refunded_cents"]), (&json!("closed"), &json!(250)));
        assert_eq!((&seen["answers"][0]["text"], &seen["owner_id"]), (&json!("抱歉，已通知维修"), &json!(support.id)));
        let open = corner.server.ask("GET /api/v1/admin/complaints?status=open").by(&support).send().await;
        assert_eq!(open.data()["complaints"], json!([]));
        let closed = corner.server.ask("GET /api/v1/admin/complaints?status=closed").by(&support).send().await;
        assert_eq!(closed.data()["complaints"].as_array().map(Vec::len), Some(1));
        corner.server.books_are_right().await;
    }

    async fn figures_follow_what_was_sold_corrected_and_complained_of(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 2)]).await;
        let [order] = corner.orders().await.try_into().expect("one order");
        let place = format!("POST /api/v1/admin/cabinet/orders/{}/correct", order["order_no"].as_str().expect("a number"));
        let body = json!({"items": [{"product_code": "COLA", "quantity": 1}], "reason": "点错了"});
        corner.admin_asks(&place, &body).await;
        let complaint = json!({"order_no": order["order_no"], "text": "温的"});
        let filed = corner.server.ask("POST /api/v1/complaints").by(&corner.member).json(&complaint).await;
        let filed = filed.data()["complaint_id"].clone();
        let refund = format!("POST /api/v1/admin/complaints/{filed}/refund");
        corner.admin_asks(&refund, &json!({"amount_cents": 100, "reason": "补偿"})).await;
        corner.server.clock.advance_ms(2_000);
        corner.admin_asks(&format!("POST /api/v1/admin/complaints/{filed}/answer"), &json!({"text": "抱歉"})).await;

        let days = "date_from=2026-01-05&date_to=2026-01-05";
        let ask = async |what: &str| {
            let what = format!("GET /api/v1/admin/stats/{what}&{days}");
            corner.server.ask(&what).by(&corner.admin).send().await.data().clone()
        };
        for (by, name, count, total) in
            [("store", "南山店", 1, 200), ("device", "D1", 1, 200), ("product", "可乐", 1, 300), ("hour", "10:00", 1, 200)]
        {
            let sales = ask(&format!("cabinet-sales?by={by}")).await;
            let sale = &sales["sales"][0];
            let seen = (&sale["name"], &sale["count"], &sale["total_cents"], &sale["paid_cents"]);
            assert_eq!(seen, (&json!(name), &json!(count), &json!(total), &json!(total)), "by {by}");
            assert_eq!(sales["sales"].as_array().map(Vec::len), Some(1), "by {by}");
        }
        let payments = ask("cabinet-payments?").await;
        assert_eq!((&payments["orders"], &payments["paid_at_once"]), (&json!(1), &json!(1)));
        let devices = ask("cabinet-devices?").await;
        let device = &devices["devices"][0];
        assert_eq!((&device["device_code"], &device["online_ms"], &device["outages"]), (&json!("D1"), &json!(2_000), &json!(0)));
        assert_eq!(device["span_ms"], 2_000, "before it was set up nobody expects it to be online");
        let settling = ask("settling?").await;
        assert_eq!(settling["exceptions"], json!([]));
        let complaints = &settling["complaints"];
        assert_eq!((&complaints["answered"], &complaints["mean_answer_ms"]), (&json!(1), &json!(2_000)));
        assert_eq!(complaints["refunded_cents"], 100);
        let long = "GET /api/v1/admin/stats/settling?date_from=2026-01-05&date_to=2026-04-07";
        assert_eq!(corner.server.ask(long).by(&corner.admin).send().await.wrong_fields(), ["date_to"]);
    }

    async fn a_cabinet_serves_one_person_at_a_time_and_none_while_it_is_offline(corner: Corner) {
        let second = corner.server.person(Role::Member).await;
        corner.ask_to_open(&second).await.failed(400, "INSUFFICIENT_TICKETS");
        corner.give(&second, 5_000).await;
        let session = corner.open_door().await;
        corner.ask_to_open(&second).await.failed(400, "DEVICE_BUSY");
        corner.trip(&session, &[]).await;
        assert!(corner.orders().await.is_empty(), "nothing was taken");
        corner.server.clock.advance_ms(1_000);
        assert_eq!(corner.tell("devices", &corner.device("E-offline", "offline"), "genuine").await, [200]);
        corner.ask_to_open(&second).await.failed(400, "DEVICE_OFFLINE");
        assert_eq!(corner.scan().await["blocked_by"], json!({"reason": "device_offline"}));
    }

    async fn a_door_that_the_vendor_refuses_stays_shut_and_says_why(corner: Corner) {
        corner.act("/sim/cabinets/devices", json!({"device_code": "D1", "online": false})).await;
        let session = corner.open_door().await;
        corner.becomes(&session, "failed").await;
        assert_eq!(corner.session(&session).await["failure"], "offline");
        corner.act("/sim/cabinets/devices", json!({"device_code": "D1", "online": true})).await;
        corner.open_door().await;
    }

    async fn a_door_that_stays_shut_is_told_as_it_is(corner: Corner) {
        corner.act("/sim/cabinets/devices", json!({"device_code": "D1", "online": false})).await;
        let session = corner.open_door().await;
        let mut events = corner.follow(&session, &corner.member).await;
        assert_eq!(corner.last_told(&mut events).await, ("failed".to_owned(), json!("offline")));
        corner.act("/sim/cabinets/devices", json!({"device_code": "D1", "online": true})).await;

        // The vendor has taken the wish, and nothing more is heard.
        let session = corner.open_door().await;
        let mut events = corner.follow(&session, &corner.member).await;
        corner.long_after(61_000).await;
        corner.run_job("lapse-doors").await;
        assert_eq!(corner.last_told(&mut events).await.0, "timed_out");
        assert!(corner.exceptions().await.is_empty() && corner.orders().await.is_empty());
        corner.open_door().await;
    }

    async fn a_door_that_cannot_be_asked_for_is_somebodys(corner: Corner) {
        corner.act("/sim/faults", json!({"path": "/vendor/doors/open", "kind": "system_error", "times": 3})).await;
        let session = corner.open_door().await;
        for (tries, wait) in (1..).zip([15_000, 30_000, 60_000]) {
            corner.has_tried(tries).await;
            assert!(corner.kinds().await.is_empty());
            corner.long_after(wait).await;
        }
        // By now it must not open any more: nobody stands before it. Who could not say so at that moment says it a minute later.
        for _ in 0..2400 {
            if corner.number("SELECT COUNT(*) FROM exceptions").await == 1 {
                break;
            }
            // So slowly that the heartbeat keeps up, and it can be written down at any moment.
            corner.server.clock.advance_ms(100);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        corner.renewed().await;
        assert_eq!(corner.kinds().await, ["delivery_failed"]);
        corner.run_job("lapse-doors").await;
        assert_eq!((corner.status(&session).await.as_str(), corner.tickets().await), ("timed_out", 20_000));
        corner.resolve("delivery_failed", "dismiss").await;
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 1)]).await;
        assert_eq!(corner.tickets().await, 18_500);
    }

    async fn more_taken_than_was_put_in_is_charged_and_seen(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 11)]).await;
        assert_eq!((corner.kinds().await, corner.tickets().await), (vec!["stock_negative".to_owned()], 3_500));
        let shown = &corner.exceptions().await[0];
        assert_eq!((&shown["subject"], &shown["evidence"]["source"]), (&json!("D1 COLA"), &json!(session)));
        corner.server.books_are_right().await;
    }

    async fn figures_tell_how_long_a_cabinet_was_away_and_a_person_took(corner: Corner) {
        let session = corner.open_door().await;
        corner.trip(&session, &[("COLA", 11)]).await;
        let mut event = 0;
        for (status, stays_ms) in [("offline", 3_000), ("online", 5_000), ("offline", 1_000), ("online", 500)] {
            event += 1;
            assert_eq!(corner.tell("devices", &corner.device(&format!("E{event}"), status), "genuine").await, [200]);
            corner.server.clock.advance_ms(stays_ms);
        }
        corner.resolve("stock_negative", "dismiss").await;
        let ask = async |what: &str| {
            let what = format!("GET /api/v1/admin/stats/{what}?date_from=2026-01-05&date_to=2026-01-05");
            corner.server.ask(&what).by(&corner.admin).send().await.data().clone()
        };
        let devices = ask("cabinet-devices").await;
        let seen = ["span_ms", "online_ms", "outages"].map(|name| devices["devices"][0][name].as_i64());
        assert_eq!(seen, [Some(9_500), Some(5_500), Some(2)]);
        let settling = ask("settling").await;
        let expected = json!([{"kind": "stock_negative", "raised": 1, "settled": 1, "overdue": 0, "mean_ms": 9_500}]);
        assert_eq!(settling["exceptions"], expected);
    }

    async fn what_nobody_understands_goes_before_a_person(corner: Corner) {
        let session = corner.open_door().await;
        let mut nobodys = Corner::settled("DOOR2026010500000000001", "E1", &[("COLA", 1)]);
        assert_eq!(corner.tell("orders", &nobodys, "genuine").await, [200]);
        nobodys = Corner::settled(&session, "E2", &[("COLA", -1)]);
        assert_eq!(corner.tell("orders", &nobodys, "genuine").await, [200]);
        assert_eq!(corner.tell("doors", &json!({"event_id": "E3"}), "genuine").await, [200]);
        assert_eq!(corner.tell("devices", &json!("what?"), "genuine").await, [200]);
        assert_eq!(corner.kinds().await, ["callback_mismatch"; 4]);
        let alarm = json!({"event_id": "E4", "device_code": "D1", "reason": "door_open_too_long", "minutes": 12});
        assert_eq!(corner.tell("exceptions", &alarm, "genuine").await, [200]);
        assert_eq!(corner.kinds().await, [&["cabinet_alarm"][..], &["callback_mismatch"; 4]].concat());
        assert_eq!(corner.tickets().await, 20_000);
    }

    async fn a_settlement_that_never_comes_is_somebodys(corner: Corner) {
        let session = corner.open_door().await;
        for door in ["opened", "closed"] {
            assert_eq!(corner.tell("doors", &corner.door(&session, door), "genuine").await, [200]);
        }
        assert_eq!(corner.run_job("lapse-doors").await["settlement_missing"], 0);
        corner.long_after(120_000).await;
        assert_eq!(corner.run_job("lapse-doors").await["settlement_missing"], 1);
        assert_eq!(corner.kinds().await, ["settlement_missing"]);
        // Late is not lost.
        assert_eq!(corner.tell("orders", &Corner::settled(&session, "E1", &[("COLA", 1)]), "genuine").await, [200]);
        assert_eq!((corner.status(&session).await.as_str(), corner.tickets().await), ("settled", 18_500));
    }
}

on_both_engines! {
    by Corner::open_by_md5;

    async fn a_vendor_that_signs_with_md5(corner: Corner) {
        let session = corner.open_door().await;
        let door = |status: &str| json!({"eventId": session, "deviceCode": "D1", "status": status, "doorIsOpen": "Y"});
        let ways = "unsigned wrong_key stale ahead tampered half";
        assert_eq!(corner.tell("doors", &door("SUCCESS"), ways).await, [401; 6]);
        assert_eq!(corner.status(&session).await, "opening");
        assert_eq!(corner.tell("doors", &door("SUCCESS"), "replayed").await, [401], "the second of the two");
        assert_eq!(corner.status(&session).await, "opened");
        assert_eq!(corner.tell("doors", &door("CLOSED"), "genuine genuine").await, [200; 2]);
        let cola = |quantity: i64| json!({
            "eventId": session, "deviceCode": "D1", "orderNo": "V1", "amount": 300 * quantity,
            "detail": [{"goodsId": "COLA", "goodsName": "可乐", "quantity": quantity, "unitPrice": 300}],
        });
        assert_eq!(corner.tell("orders", &cola(2), "genuine genuine").await, [200; 2]);
        assert_eq!((corner.orders().await.len(), corner.tickets().await), (1, 17_000));
        assert!(corner.exceptions().await.is_empty(), "sent again it is the same event, under another nonce");
        assert_eq!(corner.tell("orders", &cola(3), "genuine").await, [200]);
        assert_eq!((corner.kinds().await, corner.tickets().await), (vec!["settlement_conflict".to_owned()], 17_000));
        corner.server.books_are_right().await;
    }

    async fn a_whole_trip_by_md5(corner: Corner) {
        let basket = json!([{"product_code": "COLA", "quantity": 1, "unit_price_cents": 300}]);
        corner.act("/sim/settings", json!({"cabinet_trip_after_s": 0, "cabinet_basket": basket})).await;
        let session = corner.open_door().await;
        corner.becomes(&session, "settled").await;
        assert_eq!(corner.tickets().await, 18_500);
        corner.act("/sim/cabinets/devices", json!({"device_code": "D1", "online": false})).await;
        let session = corner.open_door().await;
        corner.becomes(&session, "failed").await;
        assert_eq!(corner.session(&session).await["failure"], "offline");
    }
}

impl Corner {
    /// Time goes by in steps that a lease on ids outlasts.
    async fn long_after(&self, ms: i64) {
        for _ in 0..10 {
            self.server.clock.advance_ms(ms / 10);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.renewed().await;
    }

    /// How an opening stands and what its door's failure was, once there is nothing more to tell.
    async fn last_told(&self, events: &mut Events) -> (String, Value) {
        let mut last = Value::Null;
        while let Some((_, now)) = events.next().await {
            last = now;
        }
        (last["status"].as_str().expect("a status").to_owned(), last["failure"].clone())
    }

    /// The wish for a door has gone out so often in vain.
    async fn has_tried(&self, times: i64) {
        let sql = format!(
            "SELECT COUNT(*) FROM outbox WHERE last_error IS NOT NULL AND leased_until = 0 AND attempts = {times}"
        );
        for _ in 0..400 {
            if self.number(&sql).await == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it is not tried {times} times");
    }

    /// Waits until this server's number is renewed under the new time.
    async fn renewed(&self) {
        for _ in 0..400 {
            let what = "POST /api/v1/admin/jobs/lapse-doors/pause";
            if self.server.ask(what).by(&self.admin).send().await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the server's number is not renewed");
    }
}

/// What another server has done is told as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_is_told_by_a_server_that_has_no_part_in_it() {
    let corner = Corner::open(Home::postgres()).await;
    let session = corner.open_door().await;
    let mut events = corner.follow(&session, &corner.member).await;
    events.next().await.expect("how it is now");
    let found = kernel::numbered_order("DOOR", &session).expect("a number");
    let found =
        store::queries::cabinets::session(corner.server.service.store(), kernel::DoorSessionId::new(found.get())).await;
    let found = found.expect("read").expect("an opening");
    let other = corner.server.beside().await;
    let saw = kernel::DoorSeen::Opened;
    let (session, device, member, at) = (found.id, found.device, found.member, other.now());
    let note = kernel::CabinetCommand::NoteDoor(kernel::NoteDoor { session, device, member, saw, at });
    other.run(service::Request::by_house(kernel::Command::Cabinet(note))).await.expect("noted");
    assert_eq!(events.next().await.expect("a change").1["status"], "opened");
    other.stop().await;
}

/// Reads the code out of a picture, as a scanner does.
fn read_png(bytes: &[u8]) -> String {
    let (mut dots, mut size) = (Vec::new(), 0);
    let mut rest = &bytes[8..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (name, after) = after.split_at(4);
        let (data, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        match name {
            b"IHDR" => size = u32::from_be_bytes(data[..4].try_into().expect("four bytes")) as usize,
            b"IDAT" => drop(ZlibDecoder::new(data).read_to_end(&mut dots).expect("deflated")),
            _ => {}
        }
        rest = &after[4..];
    }
    let stride = size.div_ceil(8) + 1;
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(size, size, |x, y| {
        if dots[y * stride + 1 + x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 }
    });
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().expect("a code").1
}
