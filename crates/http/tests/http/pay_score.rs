//! Openings that WeChat's pay score collects for, against a simulated WeChat and a simulated vendor over real sockets: whatever is lost, late
//! or broken, a door opens on an order that runs, and what was taken is collected once.

use std::sync::Arc;
use std::time::Duration;

use kernel::{CabinetRules, Cents};
use serde_json::{Value, json};
use service::{OpenDelivery, Pay, Recharge, RefundDelivery, ScoreDelivery};
use sim::mini::openid_of;
use sim::{APPID, World, pay};
use wechat::UnixTime;
use wechat::pay::{Config as MerchantConfig, Fen, Merchant, PublicKey};
use wechat::payscore::{Completion, NewServiceOrder, PaymentRow, RiskFund, Service, Start};

use crate::cabinets::{Corner, moves};
use crate::support::{Answer, Clock, Home, on_both_engines};

const START: &str = "/v3/payscore/serviceorder";
const JOB: &str = "score-compensation";
const REFUNDS: &str = "refund-compensation";
const BILLS: &str = "reconciliation";
/// Longer than WeChat takes to collect, shorter than a door waits.
const COLLECTED_MS: i64 = 5_000;

struct Score {
    corner: Corner,
}

fn merchant(world: &World, clock: &Arc<Clock>) -> Merchant {
    let time = Arc::clone(clock);
    let merchant = Merchant::new(MerchantConfig {
        base_url: world.base_url().to_owned(),
        mchid: pay::MCHID.to_owned(),
        certificate_serial: pay::MERCHANT_SERIAL.to_owned(),
        private_key_pem: pay::MERCHANT_PRIVATE_KEY_PEM.into(),
        apiv3_key: pay::APIV3_KEY.into(),
        apiv2_key: None,
        public_keys: vec![PublicKey { id: pay::PUBLIC_KEY_ID.to_owned(), pem: pay::PUBLIC_KEY_PEM.to_owned() }],
        certificates: Vec::new(),
        transport: wechat::TransportConfig::default(),
        clock: Arc::new(move || UnixTime::from_secs(time.now_ms() / 1000)),
    });
    merchant.expect("a merchant")
}

fn score_service() -> Service {
    Service { appid: APPID.to_owned(), service_id: pay::SERVICE_ID.to_owned() }
}

impl Score {
    async fn open(home: Home) -> Self {
        let corner = Corner::open_fitted(home, |world, clock, notify_url, settings| {
            settings.pay = Some(Arc::new(Pay {
                merchant: merchant(world, clock),
                appid: APPID.to_owned(),
                notify_url: notify_url.to_owned(),
                description: "饭票充值".to_owned(),
                score: Some(score_service()),
            }));
            settings.cabinet = CabinetRules { score_most: Some(Cents::new(15_000)), ..CabinetRules::default() };
            settings.jobs.extend(service::pay_jobs(&Recharge::default()));
            settings.deliveries = vec![Box::new(OpenDelivery), Box::new(ScoreDelivery), Box::new(RefundDelivery)];
        });
        let score = Self { corner: corner.await };
        // Tests run these jobs when they want them.
        for job in [JOB, REFUNDS, BILLS, "lapse-doors"] {
            score.pause(job).await;
        }
        score
    }

    async fn allowed(home: Home) -> Self {
        let score = Self::open(home).await;
        score.allow().await;
        score
    }

    async fn pause(&self, job: &str) {
        let what = format!("POST /api/v1/admin/jobs/{job}/pause");
        self.corner.server.ask(&what).by(&self.corner.admin).send().await.data();
    }

    /// The member allows it on WeChat's page.
    async fn allow(&self) {
        let asked = self.corner.server.ask("POST /api/v1/cabinet/pay-score").by(&self.corner.member).send().await;
        assert!(asked.data()["apply_permissions_token"].is_string(), "{}", asked.text);
        let code = self.state().await["permissions"][0]["authorization_code"].as_str().expect("a code").to_owned();
        self.corner.act(&format!("/sim/permissions/{code}/open"), json!({"openid": openid_of("li")})).await;
    }

    async fn is_allowed(&self) -> Value {
        self.corner.server.ask("GET /api/v1/cabinet/pay-score").by(&self.corner.member).send().await.data().clone()
    }

    async fn ask(&self) -> Answer {
        let body = json!({"device_code": "D1", "payment_type": "wechat"});
        self.corner.server.ask("POST /api/v1/cabinet/sessions").by(&self.corner.member).json(&body).await
    }

    async fn ask_for_door(&self) -> String {
        self.ask().await.data()["session_no"].as_str().expect("a number").to_owned()
    }

    /// An opening whose door the vendor has been asked for.
    async fn opened(&self) -> String {
        let session = self.ask_for_door().await;
        self.until("the vendor is asked", async || self.is_asked_for(&session).await).await;
        session
    }

    async fn is_asked_for(&self, session: &str) -> bool {
        self.get("/sim/cabinets/doors").await.get(session).is_some()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.corner.world.base_url());
        self.corner.http.get(url).send().await.expect("answers").json().await.expect("JSON")
    }

    async fn state(&self) -> Value {
        self.get("/sim/state").await
    }

    /// How WeChat sees an opening.
    async fn at_wechat(&self, session: &str) -> String {
        let state = self.state().await;
        let orders = state["service_orders"].as_array().expect("orders");
        let order = orders.iter().find(|order| order["out_order_no"] == session);
        order.map_or("none".to_owned(), |order| {
            format!("{} {}", order["state"], order["state_description"]).replace('"', "")
        })
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..400 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what}: never");
    }

    async fn becomes_at_wechat(&self, session: &str, state: &str) {
        self.until(state, async || self.at_wechat(session).await.starts_with(state)).await;
    }

    /// Whether the order is paid, and why not.
    async fn order(&self) -> (String, Value) {
        let [order] = self.corner.orders().await.try_into().expect("one order");
        (order["payment_status"].as_str().expect("a status").to_owned(), order["unpaid_reason"].clone())
    }

    async fn is_paid(&self) -> bool {
        self.order().await.0 == "paid"
    }

    /// Time goes by, until something can be written again: a lease on ids does not outlast every jump.
    async fn pass(&self, ms: i64) {
        self.corner.server.clock.advance_ms(ms);
        self.until("something can be written", async || {
            let change = async |step: &str| {
                let what = format!("POST /api/v1/admin/jobs/pull-erp-products/{step}");
                self.corner.server.ask(&what).by(&self.corner.admin).send().await.status == 200
            };
            change("pause").await && change("resume").await
        })
        .await;
    }

    async fn fault(&self, kind: &str, path: &str) {
        self.corner.act("/sim/faults", json!({"kind": kind, "path": path, "method": "POST", "times": 1})).await;
    }

    async fn set(&self, settings: Value) {
        self.corner.act("/sim/settings", settings).await;
    }

    /// A trip whose goods WeChat is collecting.
    async fn collecting(&self, goods: &[(&str, i64)]) -> String {
        let session = self.opened().await;
        self.corner.trip(&session, goods).await;
        self.becomes_at_wechat(&session, "DOING MCH_COMPLETE").await;
        let sql = "SELECT COUNT(*) FROM score_orders WHERE status = 'collecting'";
        self.until("it is noted", async || self.number(sql).await == 1).await;
        session
    }

    /// A trip that WeChat has collected.
    async fn collected(&self, goods: &[(&str, i64)]) -> String {
        let session = self.collecting(goods).await;
        self.pass(COLLECTED_MS).await;
        let sql = "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'unpaid'";
        self.until("paid", async || self.number(sql).await == 0).await;
        session
    }

    async fn number(&self, sql: &str) -> i64 {
        self.corner.number(sql).await
    }

    /// The order of an opening, as it was made.
    async fn whole(&self) -> Value {
        let orders = self.corner.orders().await;
        orders.into_iter().find(|order| order["order_type"] != "surcharge").expect("an order")
    }

    async fn linked(&self) -> Value {
        let orders = self.corner.orders().await;
        orders.into_iter().find(|order| order["order_type"] == "surcharge").expect("a linked order")
    }

    /// A person says how many colas it were.
    async fn correct(&self, quantity: i64) -> Answer {
        let number = self.whole().await["order_no"].as_str().expect("a number").to_owned();
        let body = json!({"items": [{"product_code": "COLA", "quantity": quantity}], "reason": "点错了"});
        let what = format!("POST /api/v1/admin/cabinet/orders/{number}/correct");
        self.corner.server.ask(&what).by(&self.corner.admin).json(&body).await
    }

    async fn refund_ends(&self) {
        let sql = "SELECT COUNT(*) FROM refunds WHERE state IN ('abnormal', 'succeeded', 'returned')";
        self.until("the refund ends", async || self.number(sql).await == 1).await;
    }

    async fn refund_becomes(&self, state: &str) {
        self.refund_ends().await;
        assert_eq!(self.linked().await["refund_state"], state);
    }

    /// The member pays what is not paid in tickets.
    async fn pay_in_tickets(&self) {
        let what =
            format!("POST /api/v1/cabinet/orders/{}/pay", self.whole().await["order_no"].as_str().expect("a number"));
        let paid = self.corner.server.ask(&what).by(&self.corner.member).send().await;
        assert_eq!((&paid.data()["payment_status"], &paid.data()["payment_type"]), (&json!("paid"), &json!("ticket")));
    }

    /// The person pays on the order's page, but not what is asked for.
    async fn pay_wrongly(&self, session: &str, cents: i64) {
        self.corner.act(&format!("/sim/service-orders/{session}/pay"), json!({"total": cents})).await;
    }

    /// The bill of the day is there on the next one.
    async fn next_days_bill(&self) {
        self.set(json!({"bills_at_once": true})).await;
        self.pass(24 * 3_600_000).await;
    }

    /// How many payments, refunds, payments made up for and exceptions the bill comes to.
    async fn compare(&self) -> [i64; 4] {
        let found = self.corner.run_job(BILLS).await;
        ["payments", "refunds", "credited", "exceptions"].map(|name| found[name].as_i64().expect("a number"))
    }

    /// What is known of the one exception.
    async fn evidence(&self) -> Value {
        assert_eq!(self.corner.kinds().await, ["pay_score_mismatch"]);
        self.corner.exceptions().await[0]["evidence"].clone()
    }

    async fn resolve(&self, action: &str) -> Answer {
        let what =
            format!("POST /api/v1/admin/exceptions/{}/resolve", self.corner.exceptions().await[0]["exception_id"]);
        let body = json!({"action": action, "note": "看过了"});
        let before = self.corner.written().await;
        let tried = self.corner.server.ask(&format!("{what}?dry_run=true")).by(&self.corner.admin).json(&body).await;
        assert_eq!(self.corner.written().await, before, "{action} was only tried");
        let done = self.corner.server.ask(&what).by(&self.corner.admin).json(&body).await;
        assert_eq!(tried.status, done.status);
        if done.status == 200 {
            assert_eq!(moves(done.data()), moves(tried.data()));
        }
        done
    }

    fn moves(&self, to: &str, amount_cents: i64, balance_cents: i64) -> Value {
        let user = self.corner.member.id;
        json!({"to": to, "user_id": user, "amount_cents": amount_cents, "balance_cents": balance_cents})
    }

    /// WeChat collects for something under a number of which this house knows nothing.
    async fn collect_elsewhere(&self, number: &str, cents: i64) {
        let (world, clock) = (&self.corner.world, &self.corner.server.clock);
        let (merchant, service) = (merchant(world, clock), score_service());
        let order = NewServiceOrder {
            out_order_no: number.to_owned(),
            introduction: "别处的柜子".to_owned(),
            start: Start::Permitted(openid_of("li").into()),
            risk_fund: RiskFund { name: "ESTIMATE_ORDER_COST".to_owned(), amount: Fen(15_000) },
            start_location: None,
            device: None,
            notify_url: "http://127.0.0.1:9/callbacks".to_owned(),
            attach: None,
        };
        merchant.start_service_order(&service, &order).await.expect("started");
        let payments = vec![PaymentRow::goods("茶", Fen(cents), 1)];
        let end_time = UnixTime::from_secs(clock.now_ms() / 1000);
        let completion = Completion { payments, discounts: Vec::new(), end_time };
        merchant.complete_service_order(&service, number, &completion).await.expect("completed");
        self.pass(COLLECTED_MS).await;
        self.becomes_at_wechat(number, "DONE").await;
    }

    /// Nothing is left over, and what the cabinets took in yuan is this much.
    async fn agrees(&self, cents: i64) {
        assert_eq!(self.corner.kinds().await, Vec::<String>::new());
        self.corner.server.books_are_right().await;
        let sql = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM accounts WHERE owner_kind = 'device' AND currency = 'CNY'";
        assert_eq!(self.number(sql).await, cents);
        assert_eq!(self.corner.tickets().await, 20_000, "no tickets move");
    }
}

on_both_engines! {
    by Score::open;

    async fn who_has_not_allowed_it_opens_no_door(score: Score) {
        let refused = score.ask().await;
        assert_eq!(refused.failed(400, "BUSINESS_RULE_ERROR")["refusal"], "pay_score_not_allowed");
        let scanned = score.corner.scan().await;
        assert_eq!((&scanned["pay_with"], &scanned["tickets_needed"]), (&json!(["ticket", "wechat"]), &json!(2_500)));
        assert_eq!(score.is_allowed().await, json!({"allowed": false}));
        score.allow().await;
        assert_eq!(score.is_allowed().await, json!({"allowed": true}));
        score.opened().await;
    }
}

on_both_engines! {
    by Score::allowed;

    async fn what_was_taken_is_collected(score: Score) {
        let session = score.opened().await;
        assert_eq!(score.at_wechat(&session).await, "DOING USER_CONFIRM");
        score.corner.trip(&session, &[("COLA", 2)]).await;
        assert_eq!(score.order().await, ("unpaid".to_owned(), json!("pay_score_collecting")));
        score.ask().await.failed(400, "UNPAID_ORDER_EXISTS");
        assert_eq!(score.corner.scan().await["blocked_by"]["is_collecting"], json!(true));
        score.becomes_at_wechat(&session, "DOING MCH_COMPLETE").await;
        score.pass(COLLECTED_MS).await;
        score.until("paid", async || score.is_paid().await).await;
        assert_eq!(score.at_wechat(&session).await.split(' ').next(), Some("DONE"));
        score.agrees(600).await;
        score.opened().await;
    }

    async fn a_lost_notification_is_made_up_for(score: Score) {
        score.set(json!({"lose_notifications": true})).await;
        let session = score.opened().await;
        score.corner.trip(&session, &[("COLA", 1)]).await;
        score.becomes_at_wechat(&session, "DOING MCH_COMPLETE").await;
        score.pass(COLLECTED_MS).await;
        score.becomes_at_wechat(&session, "DONE").await;
        assert!(!score.is_paid().await);
        score.pass(60_000).await;
        assert_eq!(score.corner.run_job(JOB).await, json!({"asked": 1, "over": 1, "failed": 0}));
        assert!(score.is_paid().await);
        assert_eq!(score.corner.run_job(JOB).await["asked"], 0);
        score.agrees(300).await;
    }

    async fn the_member_looks_before_the_job_does(score: Score) {
        score.set(json!({"lose_notifications": true, "deduction_fails": true})).await;
        let session = score.opened().await;
        score.corner.trip(&session, &[("COLA", 1)]).await;
        score.becomes_at_wechat(&session, "DOING MCH_COMPLETE").await;
        let [order] = score.corner.orders().await.try_into().expect("one order");
        let what = format!("POST /api/v1/cabinet/orders/{}/pay", order["order_no"].as_str().expect("a number"));
        let pay = async || score.corner.server.ask(&what).by(&score.corner.member).send().await;
        assert_eq!(pay().await.failed(400, "INVALID_STATUS_TRANSITION")["refusal"], "pay_score_collecting");
        score.corner.act(&format!("/sim/service-orders/{session}/pay"), json!({})).await;
        assert_eq!(pay().await.data()["payment_status"], "paid");
        score.agrees(300).await;
    }

    async fn nothing_taken_ends_it_without_a_charge(score: Score) {
        let session = score.opened().await;
        score.corner.trip(&session, &[]).await;
        score.becomes_at_wechat(&session, "DONE").await;
        score.agrees(0).await;
        score.opened().await;
    }

    async fn a_door_that_stayed_shut_ends_it(score: Score) {
        let session = score.opened().await;
        assert_eq!(score.corner.tell("doors", &score.corner.door(&session, "failed"), "genuine").await, [200]);
        score.becomes_at_wechat(&session, "REVOKED").await;
        score.agrees(0).await;
        score.opened().await;
    }

    async fn who_is_refused_by_wechat_stands_before_a_shut_door(score: Score) {
        score.set(json!({"refuse_assessment": true})).await;
        let session = score.ask_for_door().await;
        score.corner.becomes(&session, "failed").await;
        assert_eq!(score.corner.session(&session).await["failure"], "pay_score_refused");
        assert!(!score.is_asked_for(&session).await);
        score.set(json!({"refuse_assessment": false})).await;
        score.opened().await;
        score.agrees(0).await;
    }

    async fn a_start_of_which_nobody_knows_is_asked_for_again(score: Score) {
        for kind in ["drop_before", "drop_after", "system_error_after", "bad_gateway", "tampered"] {
            score.fault(kind, START).await;
            let session = score.ask_for_door().await;
            score.until("the fault has struck", async || score.get("/sim/faults").await == json!([])).await;
            score.until(kind, async || {
                score.pass(250).await;
                score.is_asked_for(&session).await
            }).await;
            score.corner.trip(&session, &[]).await;
            score.becomes_at_wechat(&session, "DONE").await;
        }
        let orders = score.state().await["service_orders"].as_array().expect("orders").len();
        assert_eq!(orders, 5, "one for each opening");
        score.agrees(0).await;
    }

    async fn a_completion_of_which_nobody_knows_is_made_up_for(score: Score) {
        let mut collected = 0;
        for kind in ["drop_before", "drop_after", "system_error", "bad_gateway_after", "stale"] {
            let session = score.opened().await;
            score.fault(kind, "/complete").await;
            score.corner.trip(&session, &[("COLA", 1)]).await;
            score.until("the fault has struck", async || score.get("/sim/faults").await == json!([])).await;
            score.pass(61_000).await;
            score.corner.run_job(JOB).await;
            score.pass(COLLECTED_MS).await;
            collected += 300;
            score.until(kind, async || score.corner.orders().await[0]["payment_status"] == "paid").await;
            score.agrees(collected).await;
        }
    }

    async fn what_was_collected_goes_back_through_wechat(score: Score) {
        score.collected(&[("COLA", 3)]).await;
        score.correct(2).await.data();
        let linked = score.linked().await;
        assert_eq!((&linked["payment_type"], &linked["wx_payment_amount"]), (&json!("wechat"), &json!(-300)));
        score.until("asked", async || score.get("/sim/books").await["refunded_total"] == 300).await;
        score.pass(COLLECTED_MS).await;
        score.refund_becomes("succeeded").await;
        score.agrees(600).await;
        let shown = score.corner.server.ask("GET /api/v1/admin/refunds").by(&score.corner.admin).send().await;
        assert_eq!(shown.data()["refunds"][0]["order_no"], score.whole().await["order_no"], "{}", shown.text);
    }

    async fn a_refund_that_nobody_tells_of_is_asked_about(score: Score) {
        score.collected(&[("COLA", 2)]).await;
        score.fault("drop_after", "/v3/refund/domestic/refunds").await;
        score.set(json!({"lose_notifications": true})).await;
        score.correct(0).await.data();
        score.until("the fault has struck", async || score.get("/sim/faults").await == json!([])).await;
        score.pass(61_000).await;
        score.corner.run_job(REFUNDS).await;
        score.refund_becomes("succeeded").await;
        let books = score.get("/sim/books").await;
        assert_eq!((&books["refunded_total"], &books["refunds"]), (&json!(600), &json!(1)));
        score.agrees(0).await;
    }

    async fn what_does_not_reach_the_payer_comes_into_the_wallet(score: Score) {
        score.set(json!({"refund_outcome": "ABNORMAL"})).await;
        score.collected(&[("COLA", 2)]).await;
        score.correct(1).await.data();
        score.until("asked", async || score.get("/sim/state").await["refunds"][0]["status"].is_string()).await;
        score.pass(COLLECTED_MS).await;
        score.refund_becomes("abnormal").await;
        assert_eq!(score.corner.kinds().await, ["refund_abnormal"]);
        let moved = score.corner.resolve("refund_abnormal", "return_to_balance").await;
        assert_eq!(moved, score.moves("balance", 300, 300));
        score.refund_becomes("returned").await;
        let sql = "SELECT CAST(SUM(balance) AS BIGINT) FROM accounts WHERE owner_kind = 'member' AND currency = 'CNY'";
        assert_eq!(score.number(sql).await, 300);
        score.agrees(300).await;
    }

    async fn what_is_being_collected_becomes_less(score: Score) {
        score.set(json!({"deduction_fails": true})).await;
        let session = score.collecting(&[("COLA", 3)]).await;
        score.correct(2).await.data();
        assert_eq!(score.whole().await["payment_status"], "withdrawn");
        assert_eq!(score.linked().await["unpaid_reason"], "pay_score_collecting");
        let sql = "SELECT COUNT(*) FROM score_orders WHERE status = 'collecting' AND total_cents = 600";
        score.until("WeChat knows", async || score.number(sql).await == 1).await;
        score.corner.act(&format!("/sim/service-orders/{session}/pay"), json!({})).await;
        let sql = "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'unpaid'";
        score.until("paid", async || score.number(sql).await == 0).await;
        assert_eq!(score.linked().await["payment_status"], "paid");
        assert_eq!(score.get("/sim/books").await["paid_total"], 600);
        score.agrees(600).await;
        score.set(json!({"deduction_fails": false})).await;
        score.opened().await;
    }

    async fn what_wechat_collected_before_it_heard_goes_back(score: Score) {
        score.set(json!({"deduction_fails": true, "lose_notifications": true})).await;
        let session = score.collecting(&[("COLA", 3)]).await;
        score.corner.act(&format!("/sim/service-orders/{session}/pay"), json!({})).await;
        score.correct(1).await.data();
        let sql = "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'unpaid'";
        score.until("paid", async || score.number(sql).await == 0).await;
        assert_eq!(score.linked().await["payment_status"], "paid");
        score.until("asked", async || score.get("/sim/books").await["refunded_total"] == 600).await;
        score.pass(61_000).await;
        score.corner.run_job(REFUNDS).await;
        score.refund_becomes("succeeded").await;
        score.agrees(300).await;
    }

    async fn what_is_added_waits_for_the_member(score: Score) {
        score.collected(&[("COLA", 1)]).await;
        score.correct(2).await.data();
        let linked = score.linked().await;
        assert_eq!((&linked["payment_status"], &linked["unpaid_reason"]), (&json!("unpaid"), &json!("pay_score_ended")));
        score.ask().await.failed(400, "UNPAID_ORDER_EXISTS");
        score.agrees(300).await;
        let what = format!("POST /api/v1/cabinet/orders/{}/pay", linked["order_no"].as_str().expect("a number"));
        let paid = score.corner.server.ask(&what).by(&score.corner.member).send().await;
        assert_eq!((&paid.data()["payment_status"], &paid.data()["payment_type"]), (&json!("paid"), &json!("ticket")));
        score.corner.server.books_are_right().await;
    }

    async fn the_days_bill_has_what_was_collected_and_tells_of_what_was_missed(score: Score) {
        score.collected(&[("COLA", 3)]).await;
        score.correct(2).await.data();
        score.until("asked", async || score.get("/sim/books").await["refunded_total"] == 300).await;
        score.pass(COLLECTED_MS).await;
        score.refund_becomes("succeeded").await;
        score.set(json!({"lose_notifications": true})).await;
        let session = score.opened().await;
        score.corner.trip(&session, &[("COLA", 1)]).await;
        score.becomes_at_wechat(&session, "DOING MCH_COMPLETE").await;
        score.pass(COLLECTED_MS).await;
        score.becomes_at_wechat(&session, "DONE").await;
        score.next_days_bill().await;
        assert_eq!(score.compare().await, [2, 1, 1, 0]);
        score.agrees(900).await;
        assert_eq!(score.compare().await, [2, 1, 0, 0]);
    }

    async fn what_was_not_asked_for_goes_back_and_the_order_is_paid_in_tickets(score: Score) {
        score.set(json!({"deduction_fails": true})).await;
        let session = score.collecting(&[("COLA", 2)]).await;
        score.pay_wrongly(&session, 500).await;
        score.until("it is seen", async || !score.corner.kinds().await.is_empty()).await;
        let evidence = score.evidence().await;
        assert_eq!((&evidence["paid_cents"], &evidence["source"]), (&json!(500), &json!("callback")));
        assert_eq!(score.order().await, ("unpaid".to_owned(), json!("pay_score_collecting")), "nothing is booked");
        score.corner.server.books_are_right().await;

        let moved = score.resolve("refund_to_origin").await.data()["moved"].clone();
        assert_eq!(moved, score.moves("wechat", 500, 0));
        assert_eq!(score.order().await, ("unpaid".to_owned(), json!("pay_score_ended")));
        score.until("asked", async || score.get("/sim/books").await["refunded_total"] == 500).await;
        score.pass(COLLECTED_MS).await;
        score.refund_ends().await;
        score.pay_in_tickets().await;
        // Whoever tells of it again, it has been seen to.
        score.next_days_bill().await;
        assert_eq!(score.compare().await, [1, 1, 0, 0]);
        score.corner.run_job(JOB).await;
        assert_eq!(score.corner.kinds().await, Vec::<String>::new());
        score.corner.server.books_are_right().await;
        let sql = "SELECT CAST(SUM(balance) AS BIGINT) FROM accounts WHERE owner_kind IN ('member', 'device') AND currency = 'CNY'";
        assert_eq!((score.corner.tickets().await, score.number(sql).await), (17_000, 0));
        let books = score.get("/sim/books").await;
        assert_eq!((&books["paid_total"], &books["refunded_total"], &books["refunds"]), (&json!(500), &json!(500), &json!(1)));
    }

    async fn what_the_bill_has_of_another_amount_is_booked_by_a_person(score: Score) {
        score.set(json!({"deduction_fails": true, "lose_notifications": true})).await;
        let session = score.collecting(&[("COLA", 2)]).await;
        score.pay_wrongly(&session, 700).await;
        score.next_days_bill().await;
        assert_eq!(score.compare().await, [1, 0, 0, 1]);
        let evidence = score.evidence().await;
        assert_eq!((&evidence["paid_cents"], &evidence["source"]), (&json!(700), &json!("bill")));
        assert_eq!(evidence["session_no"], json!(session));
        assert_eq!(score.resolve("credit").await.data()["moved"], score.moves("balance", 700, 700));
        score.pay_in_tickets().await;
        assert_eq!(score.compare().await, [1, 0, 0, 0], "a person has entered it");
        assert_eq!(score.corner.kinds().await, Vec::<String>::new());
        let sql = "SELECT CAST(SUM(balance) AS BIGINT) FROM accounts WHERE owner_kind = 'member' AND currency = 'CNY'";
        assert_eq!((score.corner.tickets().await, score.number(sql).await), (17_000, 700));
        score.corner.server.books_are_right().await;
    }

    async fn what_the_books_have_of_another_amount_than_the_bill_is_seen(score: Score) {
        score.collected(&[("COLA", 2)]).await;
        score.corner.server.tamper("UPDATE score_orders SET total_cents = 500").await;
        score.next_days_bill().await;
        assert_eq!(score.compare().await, [1, 0, 0, 1]);
        let evidence = score.evidence().await;
        assert_eq!((&evidence["paid_cents"], &evidence["books_cents"]), (&json!(600), &json!(500)));
        // It is in the books already.
        for action in ["credit", "refund_to_origin"] {
            score.resolve(action).await.failed(400, "BUSINESS_RULE_ERROR");
        }
        score.resolve("dismiss").await.data();
        score.compare().await;
        assert_eq!(score.corner.kinds().await, Vec::<String>::new(), "the same is not brought up again");
        assert!(!score.corner.server.service.check().await.expect("checked").passes());
    }

    async fn what_was_collected_for_an_opening_that_nobody_knows_is_seen(score: Score) {
        score.collected(&[("COLA", 1)]).await;
        // One number is none of ours, the other could be.
        for (number, cents) in [("KIOSK-7", 200), ("DOOR2026010500000000001", 400)] {
            score.collect_elsewhere(number, cents).await;
        }
        score.next_days_bill().await;
        assert_eq!(score.compare().await, [3, 0, 0, 2]);
        for (number, cents) in [("KIOSK-7", 200), ("DOOR2026010500000000001", 400)] {
            let exceptions = score.corner.exceptions().await;
            let found = exceptions.iter().find(|found| found["subject"] == number).expect("an exception");
            let (kind, evidence) = (&found["kind"], &found["evidence"]);
            assert_eq!((kind, &evidence["paid_cents"], &evidence["books_cents"]), (&json!("pay_score_mismatch"), &json!(cents), &Value::Null));
        }
        score.resolve("refund_to_origin").await.failed(400, "BUSINESS_RULE_ERROR");
        for _ in 0..2 {
            score.resolve("dismiss").await.data();
        }
        score.compare().await;
        score.agrees(300).await;
    }

    async fn who_ends_the_permission_opens_no_more_doors(score: Score) {
        score.opened().await;
        let code = score.state().await["permissions"][0]["authorization_code"].as_str().expect("a code").to_owned();
        score.corner.act(&format!("/sim/permissions/{code}/close"), json!({"openid": openid_of("li")})).await;
        let sql = "SELECT COUNT(*) FROM callbacks WHERE processed_at IS NULL";
        score.until("the notices are done with", async || score.number(sql).await == 0).await;
        assert_eq!(score.ask().await.failed(400, "BUSINESS_RULE_ERROR")["refusal"], "pay_score_not_allowed");
    }

    async fn asked_twice_at_once_under_one_key_wechat_begins_one_order(score: Score) {
        let body = json!({"device_code": "D1", "payment_type": "wechat"});
        let ask = || {
            let asked = score.corner.server.ask("POST /api/v1/cabinet/sessions").by(&score.corner.member);
            asked.key("one-scan").json(&body)
        };
        let (one, other) = tokio::join!(ask(), ask());
        assert_eq!(one.data()["session_no"], other.data()["session_no"]);
        let session = one.data()["session_no"].as_str().expect("a number").to_owned();
        score.until("the vendor is asked", async || score.is_asked_for(&session).await).await;
        let calls = score.get("/sim/calls").await;
        let begun = calls.as_array().expect("calls").iter();
        assert_eq!(begun.filter(|call| call["method"] == "POST" && call["path"] == START).count(), 1, "{calls}");
    }

    async fn a_door_of_which_nobody_heard_is_waited_for(score: Score) {
        let session = score.opened().await;
        score.pass(61_000).await;
        score.corner.run_job("lapse-doors").await;
        score.corner.becomes(&session, "timed_out").await;
        score.corner.run_job(JOB).await;
        assert_eq!(score.at_wechat(&session).await, "DOING USER_CONFIRM");
        score.pass(11 * 60_000).await;
        score.corner.run_job(JOB).await;
        score.becomes_at_wechat(&session, "REVOKED").await;

        // Goods after that are paid for in tickets.
        score.corner.trip(&session, &[("COLA", 1)]).await;
        assert_eq!(score.order().await, ("unpaid".to_owned(), json!("pay_score_ended")));
        let [order] = score.corner.orders().await.try_into().expect("one order");
        let what = format!("POST /api/v1/cabinet/orders/{}/pay", order["order_no"].as_str().expect("a number"));
        let paid = score.corner.server.ask(&what).by(&score.corner.member).send().await;
        assert_eq!((&paid.data()["payment_status"], &paid.data()["payment_type"]), (&json!("paid"), &json!("ticket")));
        score.corner.server.books_are_right().await;
    }
}
