//! Reports: what belongs to a day, when they are made, that each is made and told once, and what a group reads.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use common::{Place, both_engines, eventually, number, tamper};
use futures_util::future::join_all;
use kernel::{
    AlertChannel, Cents, Date, ExceptionAction, ExceptionKind, Figures, Instant, RaisedExceptions, RefundFigures,
    ReportKind, SettledExceptions, Slot, Tickets,
};
use reqwest::Client;
use serde_json::{Value as Json, json};
use service::{Alerts, Ambient, Channel, Failure, MakeReports, ReportDelivery, Service, System, first_id_at};
use sim::World;
use sim::robots::{ROBOT_SECRET, webhook_url, wecom_url};
use store::queries::reports::one;
use store::{Store, Value};
use wechat::Secret;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const REPORTS: &str = "SELECT COUNT(*) FROM reports";
const MESSAGES: &str = "SELECT COUNT(*) FROM outbox WHERE topic = 'reports'";
const DELIVERED: &str = "SELECT COUNT(*) FROM outbox WHERE topic = 'reports' AND state = 'delivered'";
const AT_MINUTE: u16 = 7 * 60 + 30;

/// Stands still until a test moves it.
struct Clock(AtomicI64);

impl Clock {
    fn now() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(System.now().as_millis())))
    }

    /// Noon of today by the house's clocks.
    fn at_noon() -> Arc<Self> {
        let zone = common::settings().zone;
        Arc::new(Self(AtomicI64::new(System.now().date_in(&zone).at_in(12 * 60, &zone).as_millis())))
    }

    fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, SeqCst);
    }

    /// The day that is yesterday, and when it began.
    fn yesterday(&self) -> (Date, Instant) {
        let zone = common::settings().zone;
        let date = self.now().date_in(&zone).plus_days(-1);
        (date, date.start_in(&zone))
    }
}

impl Ambient for Clock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        System.fill(bytes);
    }
}

fn all() -> BTreeSet<ReportKind> {
    ReportKind::ALL.iter().copied().collect()
}

async fn start(url: &str, clock: &Arc<Clock>, channels: Vec<Channel>, by_itself: bool) -> Service {
    let mut settings = common::settings();
    settings.alerts =
        Alerts { channels, console_url: Some("https://fanpiao.example.com/admin".to_owned()), ..Alerts::default() };
    settings.deliveries = vec![Box::new(ReportDelivery)];
    if by_itself {
        settings.jobs = vec![Box::new(MakeReports { minute: AT_MINUTE, kinds: all() })];
    }
    let store = Store::new(url).expect("an address");
    Service::start(store, Arc::clone(clock) as Arc<dyn Ambient>, settings).await.expect("started")
}

async fn world() -> World {
    World::start("127.0.0.1:0".parse().expect("an address")).await.expect("a world")
}

fn wecom(world: &World) -> Channel {
    Channel::new(AlertChannel::Wecom, &wecom_url(world.base_url()), None).expect("a channel")
}

/// It believes nobody whose clock is off.
fn webhook(world: &World) -> Channel {
    let secret = Some(Secret::new(ROBOT_SECRET));
    Channel::new(AlertChannel::Webhook, &webhook_url(world.base_url()), secret).expect("a channel")
}

#[expect(clippy::disallowed_methods, reason = "a client of the simulated world")]
fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

async fn taken(world: &World) -> Json {
    let answer = client().get(format!("{}/sim/robots", world.base_url())).send().await.expect("the world stands");
    answer.json().await.expect("JSON")
}

/// A clock that has jumped takes the server's number with it until the next heartbeat.
async fn make(service: &Service) -> i64 {
    let mut made = None;
    eventually("the reports", async || {
        made = match service.make_reports(&all()).await {
            Ok(count) => Some(count),
            Err(Failure::Unavailable { .. }) => None,
            Err(failure) => panic!("{failure:?}"),
        };
        made.is_some()
    })
    .await;
    made.expect("made")
}

async fn figures(service: &Service, kind: ReportKind, date: Date) -> Figures {
    one(service.store(), kind, date).await.expect("read").expect("made").figures
}

both_engines! {
    /// Of everything there is one at the first moment of the day, one at the last, and one on either side of it.
    async fn a_day_is_the_houses_own(place: Place) {
        let (clock, home) = (Clock::now(), &place.home);
        let service = start(&home.url(), &clock, Vec::new(), false).await;
        let (date, from) = clock.yesterday();
        let until = date.plus_days(1).start_in(service.zone());
        let ids = [from.plus_millis(-1), from, until.plus_millis(-1), until].map(|at| (first_id_at(at), at.as_millis()));
        for (number, &(id, at)) in ids.iter().enumerate() {
            let (id, at, no) = (Value::Int(id), Value::Int(at), Value::from(format!("N{number}")));
            let order = "INSERT INTO shop_orders (order_id, order_no, member_id, kind, quantity, piece_price_cents, share_price_cents, \
                         total_cents, pay_with, notes, share_numbers, status, fulfilment, paid_at, created_at, updated_at, version) \
                         VALUES ($1, $2, 1, 'pieces', 1, 700, 0, 700, 'balance', '', '[]', 'paid', 'pending', $3, $3, $3, 0)";
            tamper(home, order, &[id.clone(), no.clone(), at.clone()]).await;
            let session = "INSERT INTO door_sessions (session_id, session_no, member_id, device_id, pay, status, created_at, updated_at, \
                           version) VALUES ($1, $2, 1, 1, 'ticket', 'settled', $3, $3, 0)";
            tamper(home, session, &[id.clone(), no.clone(), at.clone()]).await;
            let topup = "INSERT INTO topups (topup_id, order_no, member_id, amount_cents, client, status, expires_at, next_check_at, \
                         checks, created_at, updated_at, version) VALUES ($1, $2, 1, 100, 'jsapi', $4, 0, 0, 0, $3, $3, 0)";
            let status = if number == 1 { "expired" } else { "paid" };
            tamper(home, topup, &[id.clone(), no.clone(), at.clone(), status.into()]).await;
            let refund = "INSERT INTO refunds (refund_id, refund_no, topup_id, amount_cents, reason, state, next_check_at, checks, \
                          created_at, updated_at, version) VALUES ($1, $2, 1, 30, 'x', 'succeeded', 0, 0, $3, $3, 0)";
            tamper(home, refund, &[id.clone(), no.clone(), at.clone()]).await;
            let exception = "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, resolved_at, action, due_at, \
                             created_at, updated_at, version) \
                             VALUES ($1, 'cabinet_alarm', $2, '{}', 'dismiss', 'resolved', $3, 'dismiss', 0, $3, $3, 0)";
            tamper(home, exception, &[id.clone(), no.clone(), at.clone()]).await;
            let run = "INSERT INTO job_runs (run_id, job, node, claim, started_at, state, ended_at, counts, version) \
                       VALUES ($1, 'seal-audit', 0, 0, $2, $3, $2, '{}', 0)";
            let state = if number == 2 { "failed" } else { "succeeded" };
            tamper(home, run, &[id, at, state.into()]).await;
        }
        let waiting = "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, due_at, created_at, updated_at, \
                       version) VALUES (5, 'paid_twice', 'R1', '{}', 'dismiss', 'open', 0, 0, 0, 0)";
        tamper(home, waiting, &[]).await;
        let meal = "INSERT INTO meals (meal_id, date, slot, description, base_price_cents, options, status, pickup_windows, created_at, \
                    updated_at, version) VALUES ($1, $2, $3, '', 100, '[]', $4, '[]', 0, 0, 0)";
        let meals = [(1, date, "lunch", "completed"), (2, date, "breakfast", "locked"), (3, date.plus_days(1), "lunch", "completed"),
                     (4, date, "lunch", "canceled")];
        for (id, date, slot, status) in meals {
            tamper(home, meal, &[Value::Int(id), date.to_string().into(), slot.into(), status.into()]).await;
            let order = "INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, \
                         notes, status, redeemed_at, created_at, updated_at, version) \
                         VALUES ($1, $2, $3, $4, 1, 2, '[]', 300, '', $5, $6, 0, 0, 0)";
            for (member, status, redeemed) in [(1, "completed", Some(1)), (2, "completed", None), (3, "canceled", None)] {
                let order_id = id * 10 + member;
                let redeemed: Value<'_> = redeemed.into();
                let values = [Value::Int(order_id), format!("M{order_id}").into(), Value::Int(member), Value::Int(id), status.into(), redeemed];
                tamper(home, order, &values).await;
            }
        }
        let account = "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) \
                       VALUES ($1, $2, $1, $3, $4, 0, 0)";
        for (id, kind, currency, balance) in
            [(100, "member", "CNY", 900), (102, "member", "CNY", -50), (103, "member", "TICKET", 70), (104, "department", "CNY", 33)]
        {
            tamper(home, account, &[Value::Int(id), kind.into(), currency.into(), Value::Int(balance)]).await;
        }
        assert_eq!(make(&service).await, 3);

        let Figures::Daily(daily) = figures(&service, ReportKind::Daily, date).await else { panic!("another kind") };
        let meals: Vec<_> = daily.meals.iter().map(|meal| (meal.slot, meal.orders, meal.portions, meal.revenue_cents.get(), meal.no_shows)).collect();
        assert_eq!(meals, [(Slot::Breakfast, 2, 4, 600, None), (Slot::Lunch, 2, 4, 600, Some(1))]);
        assert_eq!((daily.shop.orders, daily.shop.paid, daily.shop.revenue_cents), (2, 2, Cents::new(1400)));
        assert_eq!((daily.cabinets.openings, daily.cabinets.exceptions), (2, 2));
        assert_eq!((daily.topups.paid, daily.topups.paid_cents, daily.topups.unpaid), (1, Cents::new(100), 1));
        assert_eq!(daily.topups.success_percent, Some(50));
        assert_eq!(daily.refunds, RefundFigures { count: 2, amount_cents: Cents::new(60) });
        let wallets = &daily.wallets;
        assert_eq!((wallets.members_cents, wallets.overdrawn_cents, wallets.overdrawn_members), (Cents::new(900), Cents::new(-50), 1));
        assert_eq!((wallets.departments_cents, wallets.tickets), (Cents::new(33), Tickets::new(70)));

        let Figures::Exceptions(exceptions) = figures(&service, ReportKind::Exceptions, date).await else { panic!("another kind") };
        assert_eq!((exceptions.open, exceptions.overdue, exceptions.waiting.len()), (1, 1, 1));
        assert_eq!((exceptions.waiting[0].subject.as_str(), exceptions.waiting[0].owner_id), ("R1", None));
        let exception_kind = ExceptionKind::CabinetAlarm;
        assert_eq!(exceptions.raised, [RaisedExceptions { exception_kind, count: 2 }]);
        assert_eq!(exceptions.settled, [SettledExceptions { exception_kind, action: ExceptionAction::Dismiss, count: 2 }]);

        let Figures::Health(health) = figures(&service, ReportKind::Health, date).await else { panic!("another kind") };
        let jobs: Vec<_> = health.jobs.iter().map(|job| (job.job.as_str(), job.runs, job.failed)).collect();
        assert_eq!(jobs, [("seal-audit", 2, 1)]);
        assert_eq!((health.waiting, health.waiting_since, health.backup_at), (0, None, None));

        tamper(home, "UPDATE shop_orders SET total_cents = 1", &[]).await;
        assert_eq!(make(&service).await, 0, "what was told is not told otherwise");
        let Figures::Daily(again) = figures(&service, ReportKind::Daily, date).await else { panic!("another kind") };
        assert_eq!(again, daily);
        service.stop().await;
    }

    async fn they_are_made_in_the_morning_and_made_up_for(place: Place) {
        let clock = Clock::at_noon();
        let service = start(&place.home.url(), &clock, Vec::new(), true).await;
        eventually("those of yesterday at the first start", async || number(&service, REPORTS).await == 3).await;
        let runs = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";
        eventually("the run ends", async || number(&service, runs).await == 1).await;
        let due = async || {
            let job = service.jobs().await.expect("read").into_iter().next().expect("the job");
            job.next_run_at.expect("a time")
        };
        let tomorrow = clock.yesterday().0.plus_days(2).at_in(AT_MINUTE, service.zone());
        assert_eq!(due().await, tomorrow, "half past seven by the house's clocks");
        clock.advance_ms(19 * HOUR_MS + 30 * MINUTE_MS);
        eventually("today's, tomorrow", async || number(&service, REPORTS).await == 6).await;
        service.stop().await;

        // Nobody was there for three days.
        clock.advance_ms(3 * 24 * HOUR_MS);
        let service = start(&place.home.url(), &clock, Vec::new(), true).await;
        eventually("those of three more days", async || number(&service, REPORTS).await == 15).await;
        service.stop().await;
        clock.advance_ms(30 * 24 * HOUR_MS);
        let service = start(&place.home.url(), &clock, Vec::new(), true).await;
        eventually("those of a week, and no more", async || number(&service, REPORTS).await == 36).await;
        service.stop().await;
    }

    async fn of_two_servers_one_makes_a_report(place: Place) {
        let (clock, world) = (Clock::at_noon(), world().await);
        let url = place.home.url();
        let (first, second) = (start(&url, &clock, vec![wecom(&world)], true).await, start(&url, &clock, vec![wecom(&world)], true).await);
        for day in 1..=3 {
            eventually("a day's", async || number(&first, REPORTS).await == 3 * day).await;
            clock.advance_ms(24 * HOUR_MS);
        }
        eventually("the last day's", async || number(&first, DELIVERED).await == 12).await;
        first.stop().await;
        second.stop().await;
        let told = taken(&world).await;
        assert_eq!(told["wecom"].as_array().map(Vec::len), Some(12));

        // Even where the lease does not hold, two that make them at once make one of each.
        let (first, second) = (start(&url, &clock, vec![wecom(&world)], false).await, start(&url, &clock, vec![wecom(&world)], false).await);
        for round in 0..10 {
            tamper(&place.home, "DELETE FROM reports", &[]).await;
            tamper(&place.home, "DELETE FROM outbox", &[]).await;
            let kinds = all();
            drop(join_all([first.make_reports(&kinds), second.make_reports(&kinds)]).await);
            make(&first).await;
            assert_eq!(number(&first, REPORTS).await, 3, "round {round}");
            assert_eq!(number(&first, MESSAGES).await, 3, "round {round}");
        }
        first.stop().await;
        second.stop().await;

        // It is the index that sees to that: without it the same row can be there twice.
        let twice = "INSERT INTO reports (report_id, kind, date, figures, made_at, version) \
                     SELECT report_id + 1, kind, date, figures, made_at, version FROM reports WHERE kind = 'daily'";
        let mut outsider = place.home.outsider().await;
        outsider.begin().await.expect("begun");
        outsider.query(twice, &[]).await.expect_err("two of them");
        outsider.rollback().await;
        tamper(&place.home, "DROP INDEX reports_kind", &[]).await;
        tamper(&place.home, twice, &[]).await;
        world.stop().await;
    }

    async fn a_group_reads_a_few_lines(place: Place) {
        let (clock, world) = (Clock::now(), world().await);
        let service = start(&place.home.url(), &clock, vec![wecom(&world), webhook(&world)], false).await;
        let fault = json!({"kind": "drop_after", "path": "robots/webhook", "times": 1});
        let sent = client().post(format!("{}/sim/faults", world.base_url())).json(&fault).send().await;
        assert!(sent.expect("the world stands").status().is_success());
        assert_eq!(make(&service).await, 3);
        eventually("the messages are delivered", async || {
            clock.advance_ms(1_000);
            number(&service, DELIVERED).await == 6
        })
        .await;
        let (date, _) = clock.yesterday();
        let told = taken(&world).await;
        let texts: Vec<_> = told["wecom"].as_array().expect("texts").iter().filter_map(Json::as_str).collect();
        assert_eq!(texts.len(), 3, "{told}");
        let daily = texts.iter().find(|text| text.starts_with(&format!("饭票日报 {date}\n餐次：0 单 0 份"))).expect("the daily one");
        assert!(daily.ends_with(&format!("\nhttps://fanpiao.example.com/admin/reports/daily/{date}")), "{daily}");
        let bodies = told["webhook"].as_array().expect("bodies");
        assert_eq!(bodies.len(), 4, "one that may have been taken comes again");
        for body in bodies {
            let same = bodies.iter().find(|other| other["message_id"] == body["message_id"]);
            assert_eq!(same, Some(body), "as it was");
            assert_eq!(body["report"]["date"], date.to_string());
        }
        service.stop().await;
        world.stop().await;
    }
}
