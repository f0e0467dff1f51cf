//! Top-ups against the simulated WeChat, over real sockets: whatever is lost, late, doubled or forged, the member's balance, WeChat's
//! books and ours agree to the cent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http_api::Limits;
use kernel::{
    Cents, Command, CreateTopup, ExceptionAction, ExceptionKind, Instant, Outcome, PayClient, PaymentSource,
    RaiseException, Role, SettlePayment, Settled, TopupState,
};
use serde_json::{Value, json};
use service::{Compensation, Pay, Recharge, RefundDelivery, ReleaseExpiredOrders};
use sim::{APPID, Config, World, pay};
use store::queries::topups;
use wechat::UnixTime;
use wechat::pay::{Config as MerchantConfig, Fen, Merchant, PublicKey, RefundOf, RefundRequest};

use crate::lists::sheet;
use crate::support::{Clock, Home, Person, START, Server, on_both_engines};

const MINUTE_MS: i64 = 60_000;
const PLATFORM_SERIAL: &str = "51A0000000000000000000000000000000000A01";
const NEXT_PLATFORM_SERIAL: &str = "51A0000000000000000000000000000000000A02";
const RUN: &str = "POST /api/v1/admin/jobs/order-compensation/run";

/// A house with a till at WeChat.
pub(crate) struct Till {
    pub(crate) server: Server,
    pay: Arc<Pay>,
    pub(crate) world: World,
    http: reqwest::Client,
    pub(crate) admin: Person,
    pub(crate) member: Person,
}

/// What the house knows of WeChat's keys when it opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    PublicKey,
    /// Certificates have to be downloaded.
    Nothing,
}

impl Till {
    pub(crate) async fn open(home: Home) -> Self {
        Self::open_with(home, START, Known::PublicKey).await
    }

    async fn open_with(home: Home, start: &str, known: Known) -> Self {
        Self::open_over(home, start, known, wechat::TransportConfig::default()).await
    }

    async fn open_over(home: Home, start: &str, known: Known, transport: wechat::TransportConfig) -> Self {
        let start: Instant = start.parse().expect("an instant");
        let clock = Arc::new(Clock::at(start));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let source = Arc::clone(&clock);
        let config = Config { clock: sim::Clock::from_source(move || source.now_ms()), ..Config::default() };
        let world = World::start_with(SocketAddr::from(([127, 0, 0, 1], 0)), config).await.expect("a world");
        let source = Arc::clone(&clock);
        let key = PublicKey { id: pay::PUBLIC_KEY_ID.to_owned(), pem: pay::PUBLIC_KEY_PEM.to_owned() };
        let merchant = Merchant::new(MerchantConfig {
            base_url: world.base_url().to_owned(),
            mchid: pay::MCHID.to_owned(),
            certificate_serial: pay::MERCHANT_SERIAL.to_owned(),
            private_key_pem: pay::MERCHANT_PRIVATE_KEY_PEM.into(),
            apiv3_key: pay::APIV3_KEY.into(),
            apiv2_key: None,
            public_keys: if known == Known::PublicKey { vec![key] } else { Vec::new() },
            certificates: Vec::new(),
            transport,
            clock: Arc::new(move || UnixTime::from_secs(source.now_ms() / 1000)),
        });
        let pay = Arc::new(Pay {
            merchant: merchant.expect("a merchant"),
            appid: APPID.to_owned(),
            notify_url: format!("http://{address}/api/v1"),
            description: "饭票充值".to_owned(),
            score: None,
        });
        // The job runs when a test says so.
        let compensation = Compensation { enabled: false, ..Compensation::default() };
        let recharge = Recharge { compensation, ..Recharge::default() };
        let keys = Arc::clone(&pay);
        let server = Server::start_by(clock, home, Limits::default(), |settings| {
            settings.pay = Some(keys);
            settings.jobs = service::pay_jobs(&recharge);
            settings.jobs.push(Box::new(ReleaseExpiredOrders { every_ms: 365 * 24 * 3_600_000 }));
            settings.recharge = recharge;
            settings.deliveries = vec![Box::new(RefundDelivery)];
        })
        .await;
        tokio::spawn(http_api::serve(listener, server.app.clone(), std::future::pending()));
        let admin = server.person(Role::Admin).await;
        let member = server.person_with(Role::Member, |add| add.openid = Some(server.openid("sim-openid-li"))).await;
        #[expect(clippy::disallowed_methods, reason = "a test plays the person outside")]
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { server, pay, world, http, admin, member }
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

    pub(crate) async fn fault(&self, fault: Value) {
        self.act("/sim/faults", fault).await;
    }

    pub(crate) async fn clear_faults(&self) {
        self.http.delete(format!("{}/sim/faults", self.world.base_url())).send().await.expect("answers");
    }

    pub(crate) async fn books(&self) -> Value {
        let url = format!("{}/sim/books", self.world.base_url());
        self.http.get(url).send().await.expect("answers").json().await.expect("JSON")
    }

    async fn create(&self, amount_cents: i64, client: &str) -> String {
        let body = json!({"amount_cents": amount_cents, "client": client});
        let made = self.server.ask("POST /api/v1/recharge/orders").by(&self.member).json(&body).await;
        made.data()["order_no"].as_str().expect("a number").to_owned()
    }

    /// All that WeChat knows.
    pub(crate) async fn state(&self) -> Value {
        let url = format!("{}/sim/state", self.world.base_url());
        self.http.get(url).send().await.expect("answers").json().await.expect("JSON")
    }

    pub(crate) async fn pay(&self, order_no: &str, paying: Value) {
        self.act(&format!("/sim/orders/{order_no}/pay"), paying).await;
    }

    async fn status(&self, order_no: &str) -> String {
        let what = format!("GET /api/v1/recharge/orders/{order_no}");
        let found = self.server.ask(&what).by(&self.member).send().await;
        found.data()["status"].as_str().expect("a status").to_owned()
    }

    async fn query(&self, order_no: &str) -> crate::support::Answer {
        let what = format!("POST /api/v1/recharge/orders/{order_no}/query");
        self.server.ask(&what).by(&self.member).send().await
    }

    pub(crate) async fn balance(&self) -> i64 {
        self.number("SELECT balance FROM accounts WHERE account_id = $1", vec![(self.member.id.get() * 2).into()]).await
    }

    pub(crate) async fn number(&self, sql: &'static str, parameters: Vec<store::Value<'static>>) -> i64 {
        let rows = self.server.service.store().query(sql, parameters).await.expect("read");
        rows.into_iter().next().expect("a row").cells().int().expect("a number")
    }

    pub(crate) async fn run_job(&self, name: &str) -> Value {
        let what = format!("POST /api/v1/admin/jobs/{name}/run");
        for _ in 0..600 {
            let run = self.server.ask(&what).by(&self.admin).send().await;
            // Where the clock has jumped past its time, it has begun by itself.
            if run.json["details"]["refusal"] == "job_running" {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let run = run.data();
            assert_eq!(run["status"], json!("succeeded"), "{run}");
            return run["counts"].clone();
        }
        panic!("{name} never ends");
    }

    /// Moves the time of everybody, and waits until this server's number is renewed under it.
    pub(crate) async fn pass(&self, ms: i64) {
        self.server.clock.advance_ms(ms);
        for _ in 0..400 {
            let what = "POST /api/v1/admin/jobs/process-callbacks/pause";
            let other = "POST /api/v1/admin/jobs/process-callbacks/resume";
            if self.server.ask(what).by(&self.admin).send().await.status == 200 {
                self.server.ask(other).by(&self.admin).send().await.data();
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing can be written");
    }

    /// Everybody's time goes on in small steps, and the real one with it: by that one, messages are looked for.
    async fn pass_until(&self, settled: impl AsyncFn() -> bool) {
        for _ in 0..200 {
            if settled().await {
                return;
            }
            self.pass(2_000).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("it is never settled");
    }

    async fn until(&self, order_no: &str, status: &str) {
        for _ in 0..600 {
            if self.status(order_no).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{order_no} is {}, not {status}", self.status(order_no).await);
    }

    /// Waits until WeChat has been asked for a refund.
    pub(crate) async fn see_refund(&self, refund_no: &str) {
        for _ in 0..600 {
            let url = format!("{}/sim/state", self.world.base_url());
            let state = self.http.get(url).send().await.expect("answers").text().await.expect("text");
            if state.contains(refund_no) {
                return;
            }
            // The courier tries again when the clock says so.
            self.server.clock.advance_ms(500);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("WeChat was never asked for {refund_no}");
    }

    /// The only open exception, as soon as it is there.
    async fn exception(&self) -> Value {
        for _ in 0..600 {
            if let [exception] = self.exceptions().await.as_slice() {
                return exception.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not one exception: {:?}", self.exceptions().await);
    }

    /// Tries it, which changes nothing, and then does it: what it says that moves is the same both times.
    async fn resolve(&self, exception: &Value, action: &str) -> Value {
        let path = format!("POST /api/v1/admin/exceptions/{}/resolve", exception["exception_id"]);
        let body = json!({"action": action, "note": "looked into it"});
        let before = self.written().await;
        let tried = self.server.ask(&format!("{path}?dry_run=true")).by(&self.admin).json(&body).await;
        assert_eq!((tried.message(), &tried.data()["resolved"]), ("试算完成，未作任何更改", &json!(true)));
        assert_eq!(self.written().await, before, "{action} was only tried");
        let done = self.server.ask(&path).by(&self.admin).json(&body).await;
        assert_eq!(done.data()["moved"], tried.data()["moved"]);
        assert_ne!(self.written().await, before);
        done.data()["moved"].clone()
    }

    /// How much of everything there is that settling an exception may write.
    async fn written(&self) -> Vec<i64> {
        let sqls = [
            "SELECT COUNT(*) FROM entries",
            "SELECT COUNT(*) FROM audits WHERE action = 'exception.resolve'",
            "SELECT COUNT(*) FROM topups",
            "SELECT COUNT(*) FROM topups WHERE status = 'pending'",
            "SELECT COUNT(*) FROM refunds",
            "SELECT COUNT(*) FROM refunds WHERE state = 'abnormal'",
            "SELECT COUNT(*) FROM outbox",
            "SELECT COUNT(*) FROM outbox WHERE state = 'parked'",
            "SELECT COUNT(*) FROM exceptions WHERE state = 'open'",
        ];
        let mut counts = Vec::new();
        for sql in sqls {
            counts.push(self.number(sql, Vec::new()).await);
        }
        counts
    }

    fn moves(&self, to: &str, amount_cents: i64, balance_cents: i64) -> Value {
        json!({"to": to, "user_id": self.member.id, "amount_cents": amount_cents, "balance_cents": balance_cents})
    }

    /// The serials of WeChat's keys that the house holds, in order.
    fn serials(&self) -> Vec<String> {
        let mut serials = self.pay.merchant.key_serials();
        serials.sort();
        serials
    }

    /// How often WeChat was asked for its certificates.
    async fn downloads(&self) -> usize {
        let url = format!("{}/sim/calls", self.world.base_url());
        let calls: Vec<Value> = self.http.get(url).send().await.expect("answers").json().await.expect("JSON");
        calls.iter().filter(|call| call.to_string().contains("/v3/certificates")).count()
    }

    async fn paid(&self, amount_cents: i64) -> String {
        let order_no = self.create(amount_cents, "native").await;
        self.pay(&order_no, json!({})).await;
        self.until(&order_no, "paid").await;
        order_no
    }

    async fn refund(&self, order_no: &str, amount_cents: i64) -> String {
        let body = json!({"order_no": order_no, "amount_cents": amount_cents, "reason": "wanted back"});
        let refund = self.server.ask("POST /api/v1/admin/refunds").by(&self.admin).json(&body).await;
        refund.data()["refund_no"].as_str().expect("a number").to_owned()
    }

    async fn pause(&self, job: &str) {
        let what = format!("POST /api/v1/admin/jobs/{job}/pause");
        self.server.ask(&what).by(&self.admin).send().await.data();
    }

    pub(crate) async fn exceptions(&self) -> Vec<Value> {
        let found = self.server.ask("GET /api/v1/admin/exceptions").by(&self.admin).send().await;
        found.data()["exceptions"].as_array().expect("a list").clone()
    }

    /// The member has `cents`, WeChat holds as much for us, and our books say the same of both.
    async fn agree(&self, cents: i64) {
        self.agree_but_for(cents, 0).await;
    }

    /// The same, where WeChat has so much more that an exception speaks of.
    async fn agree_but_for(&self, cents: i64, parked: i64) {
        assert_eq!(self.balance().await, cents);
        let books = self.books().await;
        let there = books["paid_total"].as_i64().expect("a sum") - books["refunded_total"].as_i64().expect("a sum");
        assert_eq!(there, cents + parked, "{books}");
        let ours = self.number("SELECT -balance FROM accounts WHERE account_id = 6", Vec::new()).await;
        assert_eq!(ours, cents);
        self.server.books_are_right().await;
    }
}

on_both_engines! {
    by Till::open;

    async fn a_person_tops_up_by_every_client(till: Till) {
        for (client, way) in [("jsapi", "pay_params"), ("native", "code_url"), ("h5", "h5_url")] {
            let body = json!({"amount_cents": 1000, "client": client});
            let made = till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key(client).json(&body).await;
            let order = made.data();
            assert!(!order[way].is_null(), "{order}");
            assert_eq!(order["status"], "pending");
            assert_eq!(order["expires_at"], "2026-01-05T02:30:00.000Z");
            let order_no = order["order_no"].as_str().expect("a number");
            assert!(order_no.starts_with("RECH20260105100000") && order_no.len() == 28, "{order_no}");
            assert!(order_no.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{order_no}");
            // The answer was lost: the same order, payable as before.
            let again = till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key(client).json(&body).await;
            assert_eq!(again.data()["order_no"], order["order_no"]);
            assert!(!again.data()[way].is_null());
            till.pay(order_no, json!({})).await;
            till.until(order_no, "paid").await;
            let again = till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key(client).json(&body).await;
            assert_eq!((&again.data()["status"], &again.data()[way]), (&json!("paid"), &Value::Null));
        }
        till.agree(3000).await;
        let list = till.server.ask("GET /api/v1/recharge/orders?limit=2").by(&till.member).send().await;
        assert_eq!((&list.data()["total_count"], &list.data()["page_info"]["has_more"]), (&json!(3), &json!(true)));
        assert_eq!(list.data()["limits"], json!({"min_cents": 100, "max_cents": 500_000}));
        let other = till.server.person(Role::Member).await;
        let order_no = list.data()["orders"][0]["order_no"].as_str().expect("a number").to_owned();
        let what = format!("GET /api/v1/recharge/orders/{order_no}");
        till.server.ask(&what).by(&other).send().await.failed(403, "PERMISSION_DENIED");
    }

    async fn the_limits_of_the_house_hold(till: Till) {
        for amount_cents in [-1, 0, 99, 500_001] {
            let body = json!({"amount_cents": amount_cents, "client": "native"});
            let made = till.server.ask("POST /api/v1/recharge/orders").by(&till.member).json(&body).await;
            assert_eq!(made.status, 422, "{}", made.text);
        }
        let body = json!({"amount_cents": 100, "client": "jsapi"});
        let made = till.server.ask("POST /api/v1/recharge/orders").by(&till.admin).json(&body).await;
        made.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(made.message(), "您的账号未绑定微信，请换一种方式支付");
    }

    async fn a_lost_callback_is_made_up_for(till: Till) {
        let (first, second) = (till.create(1000, "native").await, till.create(500, "native").await);
        for order_no in [&first, &second] {
            till.pay(order_no, json!({"notice": {"lose": true}})).await;
        }
        assert_eq!(till.query(&first).await.data()["status"], "paid");
        assert_eq!(till.run_job("order-compensation").await["total"], 0, "too young");
        till.pass(5 * MINUTE_MS).await;
        let counts = till.run_job("order-compensation").await;
        assert_eq!(counts, json!({"failed": 0, "skipped": 0, "success": 1, "total": 1}));
        assert_eq!(till.status(&second).await, "paid");
        till.agree(1500).await;
        let metrics = till.server.ask("GET /metrics").send().await.text;
        for line in [
            "recharge_compensation_orders_total{result=\"success\"} 1",
            "recharge_compensation_orders_total{result=\"failed\"} 0",
            "recharge_compensation_job_duration_seconds_count 2",
        ] {
            assert!(metrics.lines().any(|told| told == line), "{line} is missing in {metrics}");
        }
    }

    async fn a_hundred_callbacks_race_the_query_and_the_job(till: Till) {
        let order_no = till.create(700, "native").await;
        till.pass(5 * MINUTE_MS).await;
        till.pay(&order_no, json!({"notice": {"copies": 100}})).await;
        let queries = join_all((0..20).map(|_| till.query(&order_no)));
        let job = till.server.ask(RUN).by(&till.admin).send();
        let (queries, job) = tokio::join!(queries, job);
        job.data();
        assert!(queries.iter().all(|answer| answer.data()["status"] == "paid"));
        let callbacks = "SELECT COUNT(*) FROM callbacks WHERE processed_at IS NOT NULL";
        for _ in 0..600 {
            let rows = till.server.service.store().query(callbacks, Vec::new()).await.expect("read");
            if rows.into_iter().next().expect("a row").cells().int().expect("a number") >= 100 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        till.agree(700).await;
        assert!(till.exceptions().await.is_empty());
    }

    async fn a_wrong_amount_credits_nothing_until_somebody_decides(till: Till) {
        let order_no = till.create(1000, "native").await;
        till.pay(&order_no, json!({"total": 1, "notice": {"copies": 3}})).await;
        till.query(&order_no).await.data();
        let exceptions = till.exceptions().await;
        assert_eq!(exceptions.len(), 1, "{exceptions:?}");
        let exception = &exceptions[0];
        assert_eq!((&exception["kind"], &exception["proposed_action"]), (&json!("amount_mismatch"), &json!("credit")));
        assert_eq!((&exception["evidence"]["paid_cents"], &exception["evidence"]["asked_cents"]), (&json!(1), &json!(1000)));
        assert_eq!(till.status(&order_no).await, "pending");
        till.agree_but_for(0, 1).await;
        let path = format!("POST /api/v1/admin/exceptions/{}/", exception["exception_id"]);
        let assign = till.server.ask(&format!("{path}assign")).by(&till.admin).json(&json!({"user_id": till.admin.id})).await;
        assert_eq!(assign.data()["owner_id"], json!(till.admin.id));
        let wrong = json!({"action": "return_to_balance", "note": "x"});
        till.server.ask(&format!("{path}resolve")).by(&till.admin).json(&wrong).await.failed(400, "BUSINESS_RULE_ERROR");
        let tries = format!("{path}resolve?dry_run=true");
        till.server.ask(&tries).by(&till.admin).json(&wrong).await.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(till.resolve(exception, "credit").await, till.moves("balance", 1, 1));
        let right = json!({"action": "credit", "note": "called the member"});
        till.server.ask(&tries).by(&till.admin).json(&right).await.failed(400, "INVALID_STATUS_TRANSITION");
        till.server.ask(&format!("{path}resolve")).by(&till.admin).json(&right).await.failed(400, "INVALID_STATUS_TRANSITION");
        till.agree(1).await;
    }

    async fn forged_callbacks_are_refused_and_the_genuine_one_is_taken(till: Till) {
        // After each refusal WeChat waits longer, so no order has many.
        let forged = [["probe", "wrong_key"], ["unknown_serial", "stale"], ["tampered", "unsigned"], ["wrong_seal", "probe"]];
        for forge in forged {
            let order_no = till.create(1000, "native").await;
            till.pay(&order_no, json!({"notice": {"forge": forge}})).await;
            for _ in 0..400 {
                if till.status(&order_no).await == "paid" {
                    break;
                }
                // Slowly: the number of the node is renewed every two seconds for fifteen.
                till.server.clock.advance_ms(1000);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        till.agree(4000).await;
        let kept = till.number("SELECT COUNT(*) FROM callbacks", Vec::new()).await;
        assert_eq!(kept, 4, "only what is believed is kept");
        let stranger = till.server.ask("POST /api/v1/callbacks/wechat/pay").text("{}").await;
        assert_eq!((stranger.status.as_u16(), &stranger.json["code"]), (401, &json!("FAIL")));
    }

    /// The same number is asked for again, whatever became of the first try.
    async fn a_prepay_of_unknown_outcome_is_asked_for_again(till: Till) {
        let kinds = [
            "drop_before", "drop_after", "system_error", "system_error_after", "rate_limit", "bad_gateway",
            "bad_gateway_after", "unsigned", "stale", "tampered", "tampered_plain", "unknown_serial", "wrong_key", "probe",
        ];
        for kind in kinds {
            till.fault(json!({"kind": kind, "path": "/v3/pay/transactions/native", "times": 1})).await;
            let body = json!({"amount_cents": 100, "client": "native"});
            let ask = || till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key(kind).json(&body);
            ask().await.failed(502, "PROVIDER_ERROR");
            let second = ask().await;
            let order_no = second.data()["order_no"].as_str().unwrap_or_else(|| panic!("{kind}")).to_owned();
            assert!(second.data()["code_url"].is_string(), "{kind}");
            till.pay(&order_no, json!({})).await;
            till.until(&order_no, "paid").await;
        }
        let count = i64::try_from(kinds.len()).expect("few");
        till.agree(100 * count).await;
        let list = till.server.ask("GET /api/v1/recharge/orders").by(&till.member).send().await;
        assert_eq!(list.data()["total_count"], count);
    }

    async fn a_query_that_fails_decides_nothing(till: Till) {
        let pause = "POST /api/v1/admin/jobs/reconciliation/pause";
        till.server.ask(pause).by(&till.admin).send().await.data();
        let order_no = till.create(900, "native").await;
        till.pay(&order_no, json!({"notice": {"lose": true}})).await;
        let kinds = ["drop_before", "system_error", "rate_limit", "bad_gateway", "unsigned_not_found", "tampered", "stale", "wrong_key"];
        for kind in kinds {
            // Longer than any back-off.
            till.pass(361 * MINUTE_MS).await;
            till.fault(json!({"kind": kind, "path": "/out-trade-no/", "method": "GET"})).await;
            let counts = till.run_job("order-compensation").await;
            assert_eq!((&counts["failed"], &counts["success"]), (&json!(1), &json!(0)), "{kind}");
            assert_eq!(till.status(&order_no).await, "pending", "{kind}");
            till.query(&order_no).await.failed(502, "PROVIDER_ERROR");
            till.clear_faults().await;
        }
        till.pass(12 * 60 * MINUTE_MS).await;
        assert_eq!(till.run_job("order-compensation").await["success"], 1, "long past its end, and paid");
        till.agree(900).await;
    }

    async fn an_order_is_closed_at_wechat_before_it_expires(till: Till) {
        let order_no = till.create(900, "native").await;
        till.pass(30 * MINUTE_MS).await;
        till.fault(json!({"kind": "drop_before", "path": "/close", "times": 1})).await;
        till.run_job("order-compensation").await;
        assert_eq!(till.status(&order_no).await, "pending", "nobody knows whether it is closed");
        till.pass(10 * MINUTE_MS).await;
        till.run_job("order-compensation").await;
        assert_eq!(till.status(&order_no).await, "expired");
        let url = format!("{}/sim/orders/{order_no}/pay", till.world.base_url());
        assert_eq!(till.http.post(url).send().await.expect("answers").status(), 409, "nobody can pay it any more");
        let what = format!("POST /api/v1/recharge/orders/{order_no}/pay");
        till.server.ask(&what).by(&till.member).send().await.failed(400, "INVALID_STATUS_TRANSITION");
        till.agree(0).await;
    }

    async fn an_order_that_wechat_closed_expires(till: Till) {
        let order_no = till.create(900, "native").await;
        till.act(&format!("/sim/orders/{order_no}/close"), json!({})).await;
        till.pass(5 * MINUTE_MS).await;
        assert_eq!(till.run_job("order-compensation").await["skipped"], 1);
        assert_eq!(till.status(&order_no).await, "expired");
    }

    /// WeChat tells of the payment while our own call is still waiting for its answer.
    async fn a_callback_may_come_before_our_own_commit(till: Till) {
        till.act("/sim/settings", json!({"auto_pay_after_s": 0})).await;
        for client in ["native", "jsapi"] {
            till.fault(json!({"kind": "latency", "path": format!("/v3/pay/transactions/{client}"), "ms": 1500, "times": 1})).await;
            let body = json!({"amount_cents": 900, "client": client});
            let create = till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key(client).json(&body);
            let settled = async {
                let paid = "SELECT COUNT(*) FROM topups WHERE status = 'paid' AND client = $1";
                for _ in 0..600 {
                    if till.number(paid, vec![client.into()]).await == 1 {
                        let asked = "SELECT COUNT(*) FROM payments AS p JOIN topups AS t ON t.topup_id = p.topup_id \
                                     WHERE p.state = 'asked' AND t.client = $1";
                        return till.number(asked, vec![client.into()]).await;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                panic!("never paid");
            };
            let (made, unanswered) = tokio::join!(create, settled);
            assert_eq!(unanswered, 1, "it is paid, and our own call is not back yet");
            let order_no = made.data()["order_no"].as_str().expect("a number").to_owned();
            assert_eq!(till.status(&order_no).await, "paid");
        }
        till.agree(1800).await;
    }

    /// It is expired here, whatever WeChat thinks of it.
    async fn a_callback_for_an_expired_order_is_credited(till: Till) {
        let order_no = till.create(900, "native").await;
        till.server.tamper("UPDATE topups SET status = 'expired'").await;
        till.pay(&order_no, json!({"notice": {"copies": 3}})).await;
        till.until(&order_no, "paid").await;
        till.agree(900).await;
        let expired = till.create(500, "native").await;
        till.server.tamper("UPDATE topups SET status = 'expired' WHERE status = 'pending'").await;
        till.pay(&expired, json!({"notice": {"lose": true}})).await;
        assert_eq!(till.query(&expired).await.data()["status"], "paid", "and so where only the query finds it");
        till.agree(1400).await;
    }

    /// Money that comes after all is credited, once.
    async fn money_for_an_expired_order_is_credited(till: Till) {
        let order_no = till.create(900, "native").await;
        till.act(&format!("/sim/orders/{order_no}/close"), json!({})).await;
        assert_eq!(till.query(&order_no).await.data()["status"], "expired");
        let topup = topups::by_number(till.server.service.store(), &order_no).await.expect("read").expect("there");
        let settle = |transaction_id: &str| Command::SettlePayment(SettlePayment {
            order_no: order_no.clone(),
            topup: Some(topup.id),
            transaction_id: transaction_id.to_owned(),
            total: Cents::new(900),
            currency: "CNY".to_owned(),
            paid_at: till.server.service.now(),
            source: PaymentSource::Callback,
            pays_for: None,
        });
        let settled = async |transaction_id| match till.server.house(settle(transaction_id)).await {
            Outcome::Settled { settled, .. } => settled,
            other => panic!("{other:?}"),
        };
        assert_eq!(settled("4200000001").await, Settled::Credited);
        assert_eq!(settled("4200000001").await, Settled::Already);
        assert_eq!(settled("4200000002").await, Settled::Parked, "paid twice");
        assert_eq!(till.balance().await, 900);
        assert_eq!(till.exceptions().await[0]["kind"], "paid_twice");
        till.server.books_are_right().await;
    }

    /// The server died between writing the order down and asking WeChat.
    async fn an_order_that_wechat_never_saw_is_kept_while_it_is_young(till: Till) {
        let now = till.server.service.now();
        let create = Command::CreateTopup(CreateTopup {
            order_no: "RECH20260105100000AbCd1234Ef".to_owned(),
            member: till.member.id,
            amount: 900.try_into().expect("a price"),
            client: PayClient::Native,
            expires_at: now.plus_millis(30 * MINUTE_MS),
            first_check_at: now.plus_millis(5 * MINUTE_MS),
        });
        let Outcome::Topup { topup, .. } = till.server.house(create).await else { panic!("no order") };
        let state = async || {
            topups::one(till.server.service.store(), topup.id).await.expect("read").expect("there").state
        };
        for passed in [5, 6, 19, 9] {
            till.pass(passed * MINUTE_MS).await;
            assert_eq!(till.run_job("order-compensation").await["success"], 0);
            assert_eq!(state().await, TopupState::Pending, "an answer that there is no such order proves nothing yet");
        }
        till.pass(60 * MINUTE_MS).await;
        till.run_job("order-compensation").await;
        assert_eq!(state().await, TopupState::Expired);
        till.agree(0).await;
    }

    async fn two_hundred_dead_orders_starve_nobody(till: Till) {
        assert_eq!(runs_behind(&till, 200).await, Some(5), "four batches were older");
    }

    async fn refunds_go_back_in_parts_up_to_what_was_paid(till: Till) {
        let order_no = till.create(1000, "native").await;
        till.pay(&order_no, json!({})).await;
        till.until(&order_no, "paid").await;
        let refund = async |amount_cents: i64| {
            let body = json!({"order_no": order_no, "amount_cents": amount_cents, "reason": "ordered by mistake"});
            till.server.ask("POST /api/v1/admin/refunds").by(&till.admin).json(&body).await
        };
        refund(1001).await.failed(400, "BUSINESS_RULE_ERROR");
        // First only tried.
        let attempt = async |amount_cents: i64| {
            let body = json!({"order_no": order_no, "amount_cents": amount_cents, "reason": "-"});
            till.server.ask("POST /api/v1/admin/refunds?dry_run=true").by(&till.admin).json(&body).await
        };
        let refused = attempt(1001).await;
        refused.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(refused.message(), "最多还能退 10.00 元");
        let tried = attempt(300).await;
        assert_eq!(tried.message(), "试算完成，未作任何更改");
        assert_eq!(["amount_cents", "balance_cents", "left_cents"].map(|field| tried.data()[field].clone()), [json!(300), json!(700), json!(700)]);
        assert_eq!((till.balance().await, till.status(&order_no).await.as_str()), (1000, "paid"));
        for sql in ["SELECT COUNT(*) FROM refunds", "SELECT COUNT(*) FROM audits WHERE action = 'topup.refund'", "SELECT COUNT(*) FROM outbox WHERE topic = 'wechat-refund'"] {
            assert_eq!(till.number(sql, Vec::new()).await, 0, "{sql}");
        }
        // Everything is done there, and the answer is lost: the same number is asked for again.
        till.fault(json!({"kind": "drop_after", "path": "/v3/refund/domestic/refunds", "method": "POST", "times": 1})).await;
        let first = refund(300).await;
        assert_eq!(first.data()["order"]["status"], "refunding");
        assert_eq!((&first.data()["balance_cents"], &first.data()["left_cents"]), (&json!(700), &json!(700)));
        assert_eq!(till.balance().await, 700, "nobody spends it meanwhile");
        refund(100).await.failed(400, "INVALID_STATUS_TRANSITION");
        let refund_no = first.data()["refund_no"].as_str().expect("a number").to_owned();
        till.see_refund(&refund_no).await;
        till.act(&format!("/sim/refunds/{refund_no}/settle"), json!({"outcome": "SUCCESS"})).await;
        for _ in 0..10 {
            till.pass(6 * MINUTE_MS).await;
            till.run_job("refund-compensation").await;
            if till.status(&order_no).await == "paid" {
                break;
            }
        }
        till.until(&order_no, "paid").await;
        till.agree(700).await;
        let second = refund(700).await;
        let refund_no = second.data()["refund_no"].as_str().expect("a number").to_owned();
        till.see_refund(&refund_no).await;
        till.act(&format!("/sim/refunds/{refund_no}/settle"), json!({"outcome": "SUCCESS"})).await;
        till.until(&order_no, "refunded").await;
        till.agree(0).await;
        refund(1).await.failed(400, "INVALID_STATUS_TRANSITION");
    }

    async fn finance_finds_top_ups_and_refunds_and_sees_what_they_add_up_to(till: Till) {
        let (paid, open) = (till.create(1000, "native").await, till.create(500, "native").await);
        till.pay(&paid, json!({})).await;
        till.until(&paid, "paid").await;
        let list = async |query: &str| {
            let asked = format!("GET /api/v1/admin/topups?{query}");
            let page = till.server.ask(&asked).by(&till.admin).send().await.data().clone();
            let numbers: Vec<String> = page["orders"]
                .as_array()
                .expect("orders")
                .iter()
                .map(|order| order["order_no"].as_str().expect("a number").to_owned())
                .collect();
            (numbers, page["page_info"]["next_cursor"].clone())
        };
        assert_eq!(list("").await.0, [open.as_str(), paid.as_str()], "newest first");
        assert_eq!(list("status=paid").await.0, [paid.as_str()]);
        assert_eq!(list(&format!("query={}", paid.to_lowercase())).await.0, [paid.as_str()]);
        assert_eq!(list("query=%25").await.0, Vec::<String>::new(), "a sign of the pattern is a letter like others");
        let user_id = till.member.id.get();
        assert_eq!(list(&format!("user_id={user_id}&status=pending")).await.0, [open.as_str()]);
        assert_eq!(list("user_id=999999").await.0, Vec::<String>::new());
        assert_eq!(list("from=2026-01-04T00:00:00Z&to=2026-01-05T00:00:00Z").await.0, Vec::<String>::new());
        let (first, next) = list("limit=1").await;
        assert_eq!(first, [open.as_str()]);
        let rest = list(&format!("limit=1&cursor={}", next.as_str().expect("another page"))).await;
        assert_eq!(rest, (vec![paid.clone()], Value::Null));

        let body = json!({"order_no": paid, "amount_cents": 300, "reason": "ordered by mistake"});
        let refund = till.server.ask("POST /api/v1/admin/refunds").by(&till.admin).json(&body).await;
        let refund_no = refund.data()["refund_no"].as_str().expect("a number").to_owned();
        let refunds = async |query: &str| {
            let asked = format!("GET /api/v1/admin/refunds?{query}");
            till.server.ask(&asked).by(&till.admin).send().await.data()["refunds"].clone()
        };
        let all = refunds("").await;
        assert_eq!((&all[0]["refund_no"], &all[0]["amount_cents"], &all[1]), (&json!(refund_no), &json!(300), &Value::Null));
        assert_eq!((&all[0]["order_no"], &all[0]["user_id"]), (&json!(paid), &json!(user_id)));
        assert_eq!(refunds(&format!("order_no={paid}")).await, all);
        assert_eq!(refunds(&format!("order_no={open}")).await, json!([]));
        assert_eq!(refunds(&format!("query={refund_no}")).await, all);
        assert_eq!(refunds("state=abnormal").await, json!([]));

        let totals = till.server.ask("GET /api/v1/admin/topups/totals").by(&till.admin).send().await.data()["by_status"].clone();
        let of = |status: &str| totals.as_array().expect("totals").iter().find(|total| total["status"] == status).cloned();
        assert_eq!(of("pending").expect("one")["amount_cents"], 500);
        let given_back = of("refunding").or_else(|| of("paid")).expect("one");
        assert_eq!((&given_back["count"], &given_back["amount_cents"]), (&json!(1), &json!(1000)));
        let before = till.server.ask("GET /api/v1/admin/topups/totals?date=2026-01-01").by(&till.admin).send().await;
        assert_eq!(before.data()["by_status"], json!([]));
        till.server.ask("GET /api/v1/admin/topups").by(&till.member).send().await.failed(403, "PERMISSION_DENIED");
    }

    async fn a_refund_that_does_not_arrive_goes_back_to_the_wallet(till: Till) {
        for (outcome, amount) in [("ABNORMAL", 400), ("CLOSED", 300)] {
            let order_no = till.create(amount, "native").await;
            till.pay(&order_no, json!({})).await;
            till.until(&order_no, "paid").await;
            let body = json!({"order_no": order_no, "amount_cents": amount, "reason": "wanted back"});
            let refund = till.server.ask("POST /api/v1/admin/refunds").by(&till.admin).json(&body).await;
            let refund_no = refund.data()["refund_no"].as_str().expect("a number").to_owned();
            till.see_refund(&refund_no).await;
            till.act(&format!("/sim/refunds/{refund_no}/settle"), json!({"outcome": outcome})).await;
            if outcome == "ABNORMAL" {
                let mut exceptions = Vec::new();
                for _ in 0..600 {
                    exceptions = till.exceptions().await;
                    if !exceptions.is_empty() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!((&exceptions[0]["kind"], exceptions.len()), (&json!("refund_abnormal"), 1));
                let moved = till.resolve(&exceptions[0], "return_to_balance").await;
                assert_eq!(moved, till.moves("balance", 400, 400));
            }
            till.until(&order_no, "paid").await;
        }
        assert_eq!(till.balance().await, 700);
        till.server.books_are_right().await;
    }

    async fn the_daily_bill_finds_what_was_missed(till: Till) {
        let (told, missed) = (till.create(1000, "native").await, till.create(500, "native").await);
        till.pay(&told, json!({})).await;
        till.until(&told, "paid").await;
        till.pay(&missed, json!({"notice": {"lose": true}})).await;
        let wrong = till.create(800, "native").await;
        till.pay(&wrong, json!({"total": 8, "notice": {"lose": true}})).await;
        // The next day at eleven: WeChat has the bill.
        till.pass(25 * 60 * MINUTE_MS).await;
        till.run_job("reconciliation").await;
        let days = till.server.ask("GET /api/v1/admin/reconciliations").by(&till.admin).send().await;
        let day = &days.data()["days"][0];
        assert_eq!(day["date"], "2026-01-05", "{day}");
        assert_eq!((&day["bill"]["payments"], &day["bill"]["paid_cents"]), (&json!(3), &json!(1508)), "{day}");
        assert_eq!((&day["credited"], &day["exceptions"], &day["difference_cents"]), (&json!(1), &json!(1), &json!(8)), "{day}");
        assert_eq!((till.status(&missed).await.as_str(), till.exceptions().await.len()), ("paid", 1));
        let file = till.server.ask("GET /api/v1/admin/reconciliations/export?sort=-paid_cents").by(&till.admin).send().await;
        let filed = sheet(&file);
        let day: Vec<_> = [0, 1, 2, 9, 10, 11].map(|at| filed[1][at].as_str()).into();
        assert_eq!(day, ["2026-01-05", "3", "15.08", "0.08", "1", "1"]);
        till.agree_but_for(1500, 8).await;
        till.run_job("reconciliation").await;
        let days = till.server.ask("GET /api/v1/admin/reconciliations").by(&till.admin).send().await;
        let again = &days.data()["days"][0];
        assert_eq!((&again["credited"], &again["exceptions"]), (&json!(1), &json!(1)), "one bill, however often it is read");
        assert_eq!(till.exceptions().await.len(), 1);
        till.agree_but_for(1500, 8).await;
    }

    /// A callback that is on disk and had no effect when the server died.
    async fn a_kept_callback_has_its_effect_later(till: Till) {
        let order_no = till.create(900, "native").await;
        till.pay(&order_no, json!({})).await;
        till.until(&order_no, "paid").await;
        till.server.tamper("UPDATE callbacks SET processed_at = NULL").await;
        till.pass(MINUTE_MS).await;
        for _ in 0..200 {
            let rows = till.server.service.store().query("SELECT COUNT(*) FROM callbacks WHERE processed_at IS NULL", Vec::new());
            if rows.await.expect("read").into_iter().next().expect("a row").cells().int().expect("a number") == 0 {
                return till.agree(900).await;
            }
            till.run_job("process-callbacks").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never had an effect");
    }

    /// What the sender calls the bytes proves nothing about them, and neither does that there are none.
    async fn callbacks_are_verified_whatever_they_are_called(till: Till) {
        let (address, mut arrived) = listen().await;
        let now = till.server.service.now();
        let create = Command::CreateTopup(CreateTopup {
            order_no: "RECH20260105100000AbCd1234Ef".to_owned(),
            member: till.member.id,
            amount: 900.try_into().expect("a price"),
            client: PayClient::Native,
            expires_at: now.plus_millis(30 * MINUTE_MS),
            first_check_at: now.plus_millis(5 * MINUTE_MS),
        });
        let Outcome::Topup { topup, .. } = till.server.house(create).await else { panic!("no order") };
        let order = wechat::pay::Order {
            appid: APPID.to_owned(),
            out_trade_no: topup.order_no.clone(),
            description: "饭票充值".to_owned(),
            total: Fen(900),
            time_expire: None,
            attach: None,
            notify_url: format!("http://{address}/"),
        };
        till.pay.merchant.prepay_native(&order).await.expect("payable");
        till.pay(&topup.order_no, json!({})).await;
        let (headers, body) = arrived.recv().await.expect("the notification");
        let send = async |body: &[u8], content_type: Option<&str>| {
            let mut ask = till.server.ask("POST /api/v1/callbacks/wechat/pay");
            for name in ["wechatpay-serial", "wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature"] {
                ask = ask.header(name, headers[name].to_str().expect("text"));
            }
            if let Some(content_type) = content_type {
                ask = ask.header("content-type", content_type);
            }
            ask.raw(body.to_vec().into()).await
        };
        let digit = body.iter().rposition(u8::is_ascii_digit).expect("a digit");
        let mut changed = body.clone();
        changed[digit] = if changed[digit] == b'9' { b'1' } else { changed[digit] + 1 };
        let called = [None, Some("application/json"), Some("text/plain"), Some("application/octet-stream"), Some("no type at all")];
        for content_type in called {
            for forged in [&changed[..], b"", b"{}", &body[..body.len() - 1]] {
                let answer = send(forged, content_type).await;
                assert_eq!((answer.status.as_u16(), &answer.json["code"]), (401, &json!("FAIL")), "{content_type:?}");
            }
        }
        assert_eq!((till.balance().await, till.number("SELECT COUNT(*) FROM callbacks", Vec::new()).await), (0, 0));
        for content_type in called {
            assert_eq!(send(&body, content_type).await.status, 204, "{content_type:?}");
        }
        assert_eq!(till.number("SELECT COUNT(*) FROM callbacks", Vec::new()).await, 5);
        till.agree(900).await;
    }

    /// The bill of a day is made in the morning of the next: asking too early is no failure.
    async fn a_bill_that_is_not_ready_is_asked_for_again(till: Till) {
        till.pass((22 * 60 + 30) * MINUTE_MS).await;
        let counts = till.run_job("reconciliation").await;
        assert_eq!((&counts["waiting"], &counts["exceptions"]), (&json!(1), &json!(0)), "half past eight: {counts}");
        let kept = async || {
            let days = till.server.ask("GET /api/v1/admin/reconciliations").by(&till.admin).send().await;
            let days = days.data()["days"].as_array().expect("days").clone();
            days.iter().any(|day| day["date"] == "2026-01-05")
        };
        assert!(!kept().await);
        let jobs = till.server.ask("GET /api/v1/admin/jobs").by(&till.admin).send().await;
        let jobs = jobs.data()["jobs"].as_array().expect("jobs").clone();
        let job = jobs.iter().find(|job| job["name"] == "reconciliation").expect("the job");
        assert!(job["next_run_at"].as_str().expect("a time").starts_with("2026-01-06T00:45"), "{job}");
        till.pass(65 * MINUTE_MS).await;
        for tries in 0.. {
            assert!(tries < 600, "the job never came back to it");
            if kept().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let failed = "SELECT COUNT(*) FROM job_runs WHERE job = 'reconciliation' AND state = 'failed'";
        assert_eq!(till.number(failed, Vec::new()).await, 0);
    }

    async fn what_cannot_be_delivered_waits_for_a_person(till: Till) {
        till.pause("refund-compensation").await;
        let order_no = till.paid(1000).await;
        till.fault(json!({"kind": "system_error", "path": "/v3/refund/domestic/refunds"})).await;
        till.refund(&order_no, 400).await;
        for tries in 0.. {
            assert!(tries < 100, "it is never given up");
            if !till.exceptions().await.is_empty() {
                break;
            }
            // By so little that the number of the node stays good.
            till.pass(8_000).await;
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let exception = till.exception().await;
        assert_eq!((&exception["kind"], &exception["proposed_action"]), (&json!("delivery_failed"), &json!("retry")));
        assert_eq!(exception["evidence"]["topic"], "wechat-refund");
        // More of them where one took longer than its lease, by the clock that is moved here.
        let attempts = exception["evidence"]["attempts"].as_i64();
        assert!(attempts >= Some(4), "{attempts:?}");
        let path = format!("POST /api/v1/admin/exceptions/{}/", exception["exception_id"]);
        let assignment = json!({"user_id": till.admin.id, "due_at": "2026-01-05T09:00:00Z"});
        let assigned = till.server.ask(&format!("{path}assign")).by(&till.admin).json(&assignment).await;
        assert_eq!(assigned.data()["due_at"], "2026-01-05T09:00:00.000Z");
        assert_eq!(assigned.data()["owner_id"], json!(till.admin.id));
        let credit = json!({"action": "credit", "note": "x"});
        till.server.ask(&format!("{path}resolve")).by(&till.admin).json(&credit).await.failed(400, "BUSINESS_RULE_ERROR");
        till.clear_faults().await;
        assert_eq!(till.resolve(&exception, "retry").await, Value::Null);
        till.pass_until(async || {
            let waiting = till.number("SELECT COUNT(*) FROM outbox WHERE state <> 'delivered'", Vec::new()).await;
            waiting == 0 && till.status(&order_no).await == "paid"
        })
        .await;
        till.agree(600).await;
    }

    /// The payer's bank took it after all, once somebody had put that right; and another amount goes back to where it came from.
    async fn a_person_settles_exceptions_from_the_queue(till: Till) {
        till.act("/sim/settings", json!({"refund_after_s": 100_000})).await;
        let order_no = till.paid(1000).await;
        let refund_no = till.refund(&order_no, 400).await;
        till.see_refund(&refund_no).await;
        till.act(&format!("/sim/refunds/{refund_no}/settle"), json!({"outcome": "ABNORMAL"})).await;
        let exception = till.exception().await;
        assert_eq!(exception["kind"], "refund_abnormal");
        till.act("/sim/settings", json!({"lose_notifications": true})).await;
        till.act(&format!("/sim/refunds/{refund_no}/settle"), json!({"outcome": "SUCCESS"})).await;
        till.pass(60 * MINUTE_MS).await;
        till.run_job("refund-compensation").await;
        assert_eq!(till.status(&order_no).await, "refunding", "nobody asks about it by himself");
        assert_eq!(till.resolve(&exception, "retry").await, Value::Null);
        till.run_job("refund-compensation").await;
        assert_eq!(till.status(&order_no).await, "paid");
        till.agree(600).await;

        till.act("/sim/settings", json!({"refund_after_s": 0})).await;
        let wrong = till.create(800, "native").await;
        till.pay(&wrong, json!({"total": 8})).await;
        till.query(&wrong).await.data();
        let exception = till.exception().await;
        assert_eq!(exception["kind"], "amount_mismatch");
        till.agree_but_for(600, 8).await;
        assert_eq!(till.resolve(&exception, "refund_to_origin").await, till.moves("wechat", 8, 600));
        assert_eq!(till.status(&wrong).await, "refunding");
        for _ in 0..20 {
            if till.status(&wrong).await == "refunded" {
                break;
            }
            till.pass(6 * MINUTE_MS).await;
            till.run_job("refund-compensation").await;
        }
        till.until(&wrong, "refunded").await;
        till.agree(600).await;
        assert!(till.exceptions().await.is_empty());
    }

    /// What a person has said that there is nothing in is not brought up again, by callback, query, job or bill.
    async fn a_dismissed_payment_is_not_brought_up_again(till: Till) {
        let order_no = till.create(1000, "native").await;
        till.pay(&order_no, json!({"total": 1})).await;
        till.query(&order_no).await.data();
        let exception = till.exception().await;
        assert_eq!(till.resolve(&exception, "dismiss").await, Value::Null);
        assert_eq!(till.status(&order_no).await, "failed", "nobody waits for it any more");
        till.query(&order_no).await.data();
        till.pass(60 * MINUTE_MS).await;
        till.server.ask(RUN).by(&till.admin).send().await.data();
        till.pass(25 * 60 * MINUTE_MS).await;
        till.run_job("reconciliation").await;
        assert!(till.exceptions().await.is_empty(), "{:?}", till.exceptions().await);
        till.agree_but_for(0, 1).await;
    }

    /// Somebody at the house has paid a member back by hand, in WeChat's own console.
    async fn a_refund_that_nobody_asked_for_is_put_into_the_books(till: Till) {
        till.act("/sim/settings", json!({"refund_after_s": 0})).await;
        let order_no = till.paid(1000).await;
        let by_hand = |refund_no: &str, cents| RefundRequest {
            of: RefundOf::OutTradeNo(order_no.clone()),
            out_refund_no: refund_no.to_owned(),
            reason: None,
            notify_url: None,
            refund: Fen(cents),
            total: Fen(1000),
        };
        till.pay.merchant.refund(&by_hand("BYHAND1", 400)).await.expect("taken");
        till.pass(25 * 60 * MINUTE_MS).await;
        till.run_job("reconciliation").await;
        let exception = till.exception().await;
        assert_eq!((&exception["kind"], &exception["proposed_action"]), (&json!("unknown_refund"), &json!("record")));
        assert_eq!((&exception["subject"], &exception["evidence"]["amount_cents"]), (&json!("BYHAND1"), &json!(400)));
        let settled = format!("POST /api/v1/admin/exceptions/{}/resolve", exception["exception_id"]);
        let wrong = json!({"action": "take_back", "note": "x"});
        till.server.ask(&settled).by(&till.admin).json(&wrong).await.failed(400, "BUSINESS_RULE_ERROR");
        assert_eq!(till.resolve(&exception, "record").await, till.moves("balance", -400, 600));
        assert_eq!(till.status(&order_no).await, "paid", "a part of it");
        till.agree(600).await;
        till.run_job("reconciliation").await;
        assert!(till.exceptions().await.is_empty(), "it is in the books now");
        let rest = till.refund(&order_no, 600).await;
        till.see_refund(&rest).await;
        for _ in 0..20 {
            if till.status(&order_no).await == "refunded" {
                break;
            }
            till.pass(6 * MINUTE_MS).await;
            till.run_job("refund-compensation").await;
        }
        till.until(&order_no, "refunded").await;
        till.agree(0).await;
    }

    /// The books were restored from a backup, and WeChat was paid for an order since.
    async fn a_payment_for_an_order_that_was_lost_is_credited_to_who_paid(till: Till) {
        let lost = |out_trade_no: &str| wechat::pay::Order {
            appid: APPID.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            description: "饭票充值".to_owned(),
            total: Fen(1000),
            time_expire: None,
            attach: None,
            notify_url: format!("{}/callbacks/wechat/pay", till.pay.notify_url),
        };
        for (order_no, payer) in [("LOST01", "sim-openid-li"), ("LOST02", "sim-openid-nobody")] {
            till.pay.merchant.prepay_native(&lost(order_no)).await.expect("taken");
            till.pay(order_no, json!({"openid": payer, "notice": {"lose": true}})).await;
        }
        till.pass(25 * 60 * MINUTE_MS).await;
        till.run_job("reconciliation").await;
        let exceptions = till.exceptions().await;
        let about = |order_no: &str| {
            let found = exceptions.iter().find(|exception| exception["subject"] == order_no).expect("an exception");
            assert_eq!(found["kind"], "unknown_order");
            found.clone()
        };
        let (ours, stranger) = (about("LOST01"), about("LOST02"));
        let settle = format!("POST /api/v1/admin/exceptions/{}/resolve", stranger["exception_id"]);
        let credit = json!({"action": "credit", "note": "x"});
        till.server.ask(&settle).by(&till.admin).json(&credit).await.failed(404, "NOT_FOUND");
        till.resolve(&stranger, "dismiss").await;

        assert_eq!(till.resolve(&ours, "credit").await, till.moves("balance", 1000, 1000));
        assert_eq!(till.status("LOST01").await, "paid");
        assert_eq!(till.balance().await, 1000);
        till.run_job("reconciliation").await;
        assert!(till.exceptions().await.is_empty(), "one is in the books, the other one is nothing to them");
    }

    /// A payment is in the books that WeChat knows nothing of; and one that WeChat knows is not taken back.
    async fn what_wechat_was_never_paid_is_taken_back(till: Till) {
        let (real, never) = (till.paid(500).await, till.create(1000, "native").await);
        let topup = topups::by_number(till.server.service.store(), &never).await.expect("read").expect("an order");
        let invented = Command::SettlePayment(SettlePayment {
            order_no: never.clone(),
            topup: Some(topup.id),
            transaction_id: "4200000000000000000000000000".to_owned(),
            total: Cents::new(1000),
            currency: "CNY".to_owned(),
            paid_at: till.server.service.now(),
            source: PaymentSource::Callback,
            pays_for: None,
        });
        till.server.service.run(service::Request::by_house(invented)).await.expect("credited");
        assert_eq!(till.balance().await, 1500);
        till.pass(25 * 60 * MINUTE_MS).await;
        till.run_job("reconciliation").await;
        let exception = till.exception().await;
        assert_eq!((&exception["kind"], &exception["proposed_action"]), (&json!("not_in_bill"), &json!("take_back")));
        assert_eq!(exception["subject"], json!(never));
        assert_eq!(till.resolve(&exception, "take_back").await, till.moves("balance", -1000, 500));
        assert_eq!(till.status(&never).await, "failed");
        till.agree(500).await;
        till.run_job("reconciliation").await;
        assert!(till.exceptions().await.is_empty());

        let paid = topups::by_number(till.server.service.store(), &real).await.expect("read").expect("an order");
        let transaction = paid.receipt().expect("paid").transaction_id.clone();
        let evidence = json!({"topup_id": paid.id, "transaction_id": transaction, "amount_cents": 500}).to_string();
        let (kind, proposed) = (ExceptionKind::NotInBill, ExceptionAction::TakeBack);
        let raise = Command::RaiseException(RaiseException { kind, subject: real, evidence, proposed });
        till.server.service.run(service::Request::by_house(raise)).await.expect("raised");
        let settled = format!("POST /api/v1/admin/exceptions/{}/resolve", till.exception().await["exception_id"]);
        let wrong = json!({"action": "take_back", "note": "the bill has it not"});
        till.server.ask(&settled).by(&till.admin).json(&wrong).await.failed(400, "BUSINESS_RULE_ERROR");
        till.agree(500).await;
    }

    /// During a migration WeChat signs with both keys, and the house knows one of them.
    async fn both_of_wechats_keys_are_believed_during_a_migration(till: Till) {
        till.act("/sim/settings", json!({"notify_with": "mixed"})).await;
        for _ in 0..4 {
            till.paid(100).await;
        }
        till.agree(400).await;
        assert_eq!(till.serials(), [PLATFORM_SERIAL, pay::PUBLIC_KEY_ID]);
        // From one of them to the next certificate, in the middle of it.
        till.act("/sim/settings", json!({"rotated": true})).await;
        till.pass(6 * MINUTE_MS).await;
        for _ in 0..4 {
            till.paid(100).await;
        }
        till.agree(800).await;
        assert_eq!(till.serials(), [PLATFORM_SERIAL, NEXT_PLATFORM_SERIAL, pay::PUBLIC_KEY_ID]);
    }
}

/// Hears what WeChat sends to another address.
async fn listen() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<(axum::http::HeaderMap, Vec<u8>)>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let hear = move |headers: axum::http::HeaderMap, body: axum::body::Bytes| {
        let tell = tell.clone();
        async move {
            drop(tell.send((headers, body.to_vec())));
            axum::http::StatusCode::NO_CONTENT
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let app = axum::Router::new().route("/", axum::routing::post(hear));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, told)
}

/// WeChat has taken an order, a query, a close, a refund, and says nothing until nobody waits any more.
mod timeouts_after_wechat_has_accepted {
    use super::*;

    async fn run(home: Home) {
        let total_timeout = Duration::from_secs(3);
        let transport = wechat::TransportConfig { total_timeout, ..wechat::TransportConfig::default() };
        let till = Till::open_over(home, START, Known::PublicKey, transport).await;
        let silence = async |path: &str, method: &str| {
            till.fault(json!({"kind": "silence", "ms": 60_000, "path": path, "method": method, "times": 1})).await;
        };
        silence("/v3/pay/transactions/native", "POST").await;
        let body = json!({"amount_cents": 1000, "client": "native"});
        let ask = || till.server.ask("POST /api/v1/recharge/orders").by(&till.member).key("k").json(&body);
        ask().await.failed(502, "PROVIDER_ERROR");
        let order_no = ask().await.data()["order_no"].as_str().expect("a number").to_owned();
        till.pay(&order_no, json!({"notice": {"lose": true}})).await;
        silence("/out-trade-no/", "GET").await;
        till.query(&order_no).await.failed(502, "PROVIDER_ERROR");
        assert_eq!(till.status(&order_no).await, "pending");
        assert_eq!(till.query(&order_no).await.data()["status"], "paid");
        till.agree(1000).await;

        silence("/v3/refund/domestic/refunds", "POST").await;
        let refund_no = till.refund(&order_no, 400).await;
        till.see_refund(&refund_no).await;
        till.pass_until(async || till.status(&order_no).await == "paid").await;
        till.agree(600).await;

        let left = till.create(500, "native").await;
        till.pass(30 * MINUTE_MS).await;
        silence("/close", "POST").await;
        till.run_job("order-compensation").await;
        assert_eq!(till.status(&left).await, "pending", "nobody knows whether it is closed");
        till.pass(10 * MINUTE_MS).await;
        till.run_job("order-compensation").await;
        assert_eq!(till.status(&left).await, "expired");
        till.agree(600).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        run(Home::sqlite()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        run(Home::postgres()).await;
    }
}

/// Without a key of the public-key mode the house downloads WeChat's certificates, and follows when they change.
mod in_certificate_mode {
    use super::*;

    async fn run(home: Home) {
        let till = Till::open_with(home, START, Known::Nothing).await;
        till.act("/sim/settings", json!({"notify_with": "certificate"})).await;
        till.paid(100).await;
        assert_eq!(till.serials(), [PLATFORM_SERIAL]);
        till.refund(&till.paid(100).await, 100).await;

        // Rotated while an order waits for its payment: the news of it comes under a certificate that nobody has yet.
        let waiting = till.create(200, "native").await;
        till.act("/sim/settings", json!({"rotated": true})).await;
        till.pass(6 * MINUTE_MS).await;
        till.pay(&waiting, json!({})).await;
        till.until(&waiting, "paid").await;
        assert_eq!(till.serials(), [PLATFORM_SERIAL, NEXT_PLATFORM_SERIAL]);
        till.paid(400).await;

        // A key that WeChat does not list is still believed by nobody, and asks for the list once.
        let before = till.downloads().await;
        till.pass(6 * MINUTE_MS).await;
        let order_no = till.create(800, "native").await;
        till.pay(&order_no, json!({"notice": {"copies": 20, "forge": vec!["unknown_serial"; 20]}})).await;
        assert_eq!(till.query(&order_no).await.data()["status"], "paid");
        for _ in 0..100 {
            if till.downloads().await > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(till.downloads().await, before + 1);
        till.run_job("refund-compensation").await;
        let succeeded = "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'";
        till.pass_until(async || till.number(succeeded, Vec::new()).await == 1).await;
        till.agree(1500).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        run(Home::sqlite()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        run(Home::postgres()).await;
    }
}

/// How many runs it takes until a paid order is found behind `dead` ones that nobody can say anything about.
async fn runs_behind(till: &Till, dead: usize) -> Option<u32> {
    let create = json!({"amount_cents": 100, "client": "native"});
    for _ in 0..dead / 10 {
        let ten = (0..10).map(|_| till.server.ask("POST /api/v1/recharge/orders").by(&till.member).json(&create));
        join_all(ten).await.iter().for_each(|made| assert_eq!(made.status, 200));
    }
    // None of them is paid, and nobody can say so: each stays pending.
    till.fault(json!({"kind": "system_error", "path": "/out-trade-no/RECH20260105100000", "method": "GET"})).await;
    till.server.clock.advance_ms(1000);
    let order_no = till.create(100, "native").await;
    till.pay(&order_no, json!({"notice": {"lose": true}})).await;
    for runs in 1..=5 {
        till.pass(5 * MINUTE_MS).await;
        let counts = till.run_job("order-compensation").await;
        assert_eq!(counts["total"], 50, "a batch");
        if till.status(&order_no).await == "paid" {
            till.agree(100).await;
            return Some(runs);
        }
    }
    None
}

/// The same queue, looked at by age alone: then fifty dead orders starve everybody behind them, and the test above would see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_back_off_dead_orders_starve_the_others() {
    let by_age =
        [("t.next_check_at <= $1 ORDER BY t.next_check_at,", "t.created_at    <= $1 ORDER BY t.created_at   ,")];
    let till = Till::open(Home::rewritten(&by_age)).await;
    assert_eq!(runs_behind(&till, 60).await, None);
}
