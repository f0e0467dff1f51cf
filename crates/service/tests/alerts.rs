//! Alerts: what the rules measure, who hears of it, and that of several servers one tells.

#![cfg(test)]

mod common;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Clock, Place, both_engines, eventually, number, tamper};
use futures_util::future::join_all;
use kernel::{AlertChannel, AlertRule};
use reqwest::Client;
use serde_json::{Value, json};
use service::{
    AlertDelivery, Alerts, Ambient, Channel, Failure, MailSecurity, MailSettings, Request, Service, Tally, WatchAlerts,
    first_id_at,
};
use sim::World;
use sim::mail::{MAIL_ACCOUNT, MAIL_PASSWORD};
use sim::robots::{ROBOT_SECRET, dingtalk_url, feishu_url, webhook_url, wecom_url};
use store::Store;
use store::queries::alerts::firing;
use wechat::Secret;

const MINUTE_MS: i64 = 60_000;
const MESSAGES: &str = "SELECT COUNT(*) FROM outbox WHERE topic = 'alerts'";
const DELIVERED: &str = "SELECT COUNT(*) FROM outbox WHERE topic = 'alerts' AND state = 'delivered'";
const EXCEPTION: &str = "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, due_at, created_at, updated_at, \
                         version) VALUES (1, 'paid_twice', 'x', '{}', 'dismiss', 'open', 0, 0, 0, 0)";

fn channels(world: &World) -> Vec<Channel> {
    let secret = || Some(Secret::new(ROBOT_SECRET));
    let base = world.base_url();
    let channel = |name, url: String, secret| Channel::new(name, &url, secret).expect("a channel");
    vec![
        channel(AlertChannel::Wecom, wecom_url(base), None),
        channel(AlertChannel::Dingtalk, dingtalk_url(base), secret()),
        channel(AlertChannel::Feishu, feishu_url(base), secret()),
        channel(AlertChannel::Webhook, webhook_url(base), secret()),
    ]
}

async fn world() -> World {
    World::start("127.0.0.1:0".parse().expect("an address")).await.expect("a world")
}

async fn start(url: &str, clock: &Arc<Clock>, channels: Vec<Channel>, watches: bool) -> Service {
    let mut settings = common::settings();
    settings.alerts = Alerts { channels, ..Alerts::default() };
    settings.deliveries = vec![Box::new(AlertDelivery)];
    if watches {
        settings.jobs = vec![Box::new(WatchAlerts)];
    }
    let store = Store::new(url).expect("an address");
    Service::start(store, Arc::clone(clock) as Arc<dyn Ambient>, settings).await.expect("started")
}

async fn rules(service: &Service) -> Vec<(AlertRule, String)> {
    let mut firing = firing(service.store()).await.expect("read");
    firing.sort();
    firing
}

#[expect(clippy::disallowed_methods, reason = "a client of the simulated world")]
fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// What each robot has taken.
async fn taken(world: &World) -> Value {
    let answer = client().get(format!("{}/sim/robots", world.base_url())).send().await.expect("the world stands");
    answer.json().await.expect("JSON")
}

async fn fault(world: &World, kind: &str, path: &str) {
    let fault = json!({"kind": kind, "path": path, "times": 1});
    let sent = client().post(format!("{}/sim/faults", world.base_url())).json(&fault).send().await;
    assert!(sent.expect("the world stands").status().is_success());
}

async fn until_delivered(service: &Service, clock: &Clock, messages: i64) {
    eventually("the messages are delivered", async || {
        // What a channel refuses is tried again after a while.
        clock.advance_ms(1_000);
        number(service, DELIVERED).await == messages
    })
    .await;
}

/// What a server answers once it has its number: a clock that has jumped takes it away until the next heartbeat.
async fn numbered<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut answer = None;
    eventually("a number of its own", async || {
        answer = Some(ask().await);
        !matches!(answer, Some(Err(Failure::Unavailable { .. })))
    })
    .await;
    answer.expect("asked")
}

/// A round.
async fn look(service: &Service) -> (i64, i64, i64) {
    numbered(async || service.watch_alerts().await).await.expect("a round")
}

fn about(rule: AlertRule) -> (AlertRule, String) {
    (rule, String::new())
}

/// Letters to the simulated server, believing its authority.
struct Post {
    folder: testing::TempDir,
}

impl Post {
    fn new() -> Self {
        let folder = testing::TempDir::new();
        std::fs::write(folder.join("authority.pem"), sim::mail::MAIL_AUTHORITY_PEM).expect("written");
        Self { folder }
    }

    fn settings(world: &World, security: MailSecurity) -> MailSettings {
        let address = match security {
            MailSecurity::Tls => world.mail_address(),
            MailSecurity::StartTls => world.start_tls_address(),
        };
        MailSettings {
            host: "localhost".to_owned(),
            port: address.port(),
            security,
            account: Some((MAIL_ACCOUNT.to_owned(), Secret::new(MAIL_PASSWORD))),
            from: MAIL_ACCOUNT.to_owned(),
            to: vec!["ops@example.com".to_owned(), "boss@example.com".to_owned()],
        }
    }

    fn channel(&self, settings: MailSettings) -> Channel {
        Channel::mail(settings, Some(&self.folder.join("authority.pem"))).expect("a channel")
    }
}

/// The letters that were taken: by which way their sender signed in, head and text.
async fn letters(world: &World) -> Vec<(String, String, String)> {
    let answer = client().get(format!("{}/sim/mail", world.base_url())).send().await.expect("the world stands");
    let answer: Value = answer.json().await.expect("JSON");
    let read = |letter: &Value| {
        assert_eq!(letter["to"], json!(["ops@example.com", "boss@example.com"]));
        let (head, body) = letter["letter"].as_str().expect("a letter").split_once("\r\n\r\n").expect("two parts");
        let text = STANDARD.decode(body.replace("\r\n", "")).expect("base64");
        let auth = letter["auth"].as_str().expect("a way").to_owned();
        (auth, head.to_owned(), String::from_utf8(text).expect("a text"))
    };
    answer["letters"].as_array().expect("letters").iter().map(read).collect()
}

fn message_id(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("a number")
}

both_engines! {
    async fn letters_come_under_tls_and_are_tried_as_the_server_asks(place: Place) {
        // Its outbox knows no letters, and would try again in seconds.
        place.service.stop().await;
        let (clock, world, post) = (Clock::now(), world().await, Post::new());
        let channel = post.channel(Post::settings(&world, MailSecurity::StartTls));
        let service = start(&place.home.url(), &clock, vec![channel], false).await;
        service.try_channel(AlertChannel::Mail, Request::by_house).await.expect("taken");
        fault(&world, "unsigned", "/mail/ways").await;
        service.try_channel(AlertChannel::Mail, Request::by_house).await.expect("taken");
        let tried = letters(&world).await;
        assert_eq!(tried.iter().map(|(auth, ..)| auth.as_str()).collect::<Vec<_>>(), ["PLAIN", "LOGIN"]);
        assert!(tried.iter().all(|(.., text)| text == "饭票告警：这是一条测试消息"));
        assert_ne!(message_id(&tried[0].1), message_id(&tried[1].1));

        tamper(&place.home, EXCEPTION, &[]).await;
        // Not now, once at signing in and once at the letter; then taken without a word; then cut off.
        for (kind, path) in
            [("rate_limit", "/mail/auth"), ("rate_limit", "/mail/letter"), ("drop_after", "/mail/letter"), ("drop_before", "/mail/letter")]
        {
            fault(&world, kind, path).await;
        }
        assert_eq!(look(&service).await, (1, 0, 1));
        let attempts = "SELECT MAX(attempts) FROM outbox WHERE topic = 'alerts'";
        let waits = "SELECT MAX(due_at) FROM outbox WHERE topic = 'alerts'";
        for tries in 1..=2 {
            // While it is under way it is due at the end of its lease, which is a minute.
            eventually("it is to come minutes later, not seconds", async || {
                number(&service, attempts).await == tries
                    && number(&service, waits).await > clock.now().as_millis() + 4 * MINUTE_MS
            })
            .await;
            clock.advance_ms(5 * MINUTE_MS);
        }
        until_delivered(&service, &clock, 1).await;
        let told = letters(&world).await.split_off(2);
        assert_eq!(told.len(), 2, "one that may have been taken comes again");
        assert_eq!(message_id(&told[0].1), message_id(&told[1].1), "under the same number");
        let (_, head, text) = &told[0];
        let subject = format!("Subject: =?UTF-8?B?{}?=", STANDARD.encode("饭票告警 1"));
        assert!(head.lines().any(|line| line == subject), "{head}");
        assert!(text.starts_with("饭票告警 1\r\n【触发】异常单待处理：1"), "{text}");

        fault(&world, "system_error", "/mail/letter").await;
        tamper(&place.home, "UPDATE exceptions SET state = 'resolved'", &[]).await;
        assert_eq!(look(&service).await, (0, 1, 1));
        eventually("it is given up at once", async || {
            number(&service, "SELECT COUNT(*) FROM outbox WHERE state = 'parked' AND attempts = 1").await == 1
        })
        .await;
        let given_up = "SELECT COUNT(*) FROM exceptions WHERE kind = 'delivery_failed' AND state = 'open'";
        assert_eq!(number(&service, given_up).await, 1, "a person hears of it");
        service.stop().await;
        world.stop().await;
    }

    async fn a_mail_server_that_is_not_believed_hears_nothing(place: Place) {
        let (clock, world, post) = (Clock::now(), world().await, Post::new());
        let believed = Post::settings(&world, MailSecurity::Tls);
        let wrong_password =
            MailSettings { account: Some((MAIL_ACCOUNT.to_owned(), Secret::new("another-password"))), ..believed.clone() };
        let cases = [
            (Channel::mail(believed.clone(), None).expect("a channel"), "certificate"),
            (Channel::mail(Post::settings(&world, MailSecurity::StartTls), None).expect("a channel"), "certificate"),
            (post.channel(MailSettings { host: "127.0.0.1".to_owned(), ..believed.clone() }), "certificate"),
            (post.channel(wrong_password), "mail answered AUTH with 535: 5.7.8 Authentication credentials invalid"),
            (post.channel(MailSettings { from: "other@example.com".to_owned(), ..believed.clone() }), "mail answered MAIL with 550"),
            (post.channel(MailSettings { to: vec!["who@example.org".to_owned()], ..believed.clone() }), "mail answered RCPT with 550"),
        ];
        for (channel, expected) in cases {
            let service = start(&place.home.url(), &clock, vec![channel], false).await;
            match service.try_channel(AlertChannel::Mail, Request::by_house).await {
                Err(Failure::Provider { reason }) => {
                    assert!(reason.contains(expected) && !reason.contains("password"), "{expected}: {reason}");
                }
                other => panic!("{expected}: {other:?}"),
            }
            service.stop().await;
        }
        assert_eq!(letters(&world).await, []);
        let service = start(&place.home.url(), &clock, vec![post.channel(believed)], false).await;
        service.try_channel(AlertChannel::Mail, Request::by_house).await.expect("who is believed hears it");
        service.stop().await;
        world.stop().await;
    }

    async fn thresholds_are_crossed_and_left(place: Place) {
        let (clock, home) = (Clock::now(), &place.home);
        let service = start(&home.url(), &clock, Vec::new(), false).await;
        assert_eq!(look(&service).await, (0, 0, 0), "a new house is well");
        let now_ms = clock.now().as_millis();
        let ago = |minutes: i64| store::Value::Int(now_ms - minutes * MINUTE_MS);

        tamper(home, EXCEPTION, &[]).await;
        let message = "INSERT INTO outbox (message_id, topic, body, state, due_at, attempts, leased_until, created_at) \
                       VALUES (1, 'nobody', '{}', 'waiting', $1, 0, $2, $1)";
        tamper(home, message, &[ago(10), ago(-60)]).await;
        let callback = "INSERT INTO callbacks (callback_id, source, body, received_at) VALUES (1, 'pay', $1, $2)";
        tamper(home, callback, &[b"{}".to_vec().into(), ago(6)]).await;
        let device = "INSERT INTO devices (device_id, code, name, store_id, is_online, heard_at, planogram, created_at, updated_at, \
                      version) VALUES ($1, $2, 'x', 1, 0, $3, '[]', 0, 0, 0)";
        tamper(home, device, &[1.into(), "D1".into(), ago(15)]).await;
        tamper(home, device, &[2.into(), "D2".into(), ago(14)]).await;
        let session = "INSERT INTO door_sessions (session_id, session_no, member_id, device_id, pay, status, created_at, updated_at, \
                       version) VALUES (1, 'S1', 1, 1, 'ticket', 'held', 0, 0, 0)";
        tamper(home, session, &[]).await;
        let topup = "INSERT INTO topups (topup_id, order_no, member_id, amount_cents, client, status, expires_at, next_check_at, checks, \
                     created_at, updated_at, version) VALUES ($1, $2, 1, 100, 'jsapi', 'expired', 0, 0, 0, 0, 0, 0)";
        let first = first_id_at(clock.now());
        for at in 0..9 {
            tamper(home, topup, &[(first + at).into(), format!("T{at}").into()]).await;
        }
        let run = "INSERT INTO job_runs (run_id, job, node, claim, started_at, state, ended_at, counts, version) \
                   VALUES (1, 'consistency-check', 0, 0, 0, 'succeeded', $1, '{\"holds\": 2}', 0)";
        tamper(home, run, &[ago(36 * 60)]).await;
        look(&service).await;
        let expected = [
            about(AlertRule::OutboxOld), about(AlertRule::BooksWrong), about(AlertRule::BooksUnchecked),
            about(AlertRule::CallbacksWait), about(AlertRule::ExceptionsWait), about(AlertRule::OrdersHeld),
            (AlertRule::DeviceOffline, "D1".to_owned()),
        ];
        assert_eq!(rules(&service).await, expected, "nine top-ups prove nothing");

        tamper(home, topup, &[(first + 9).into(), "T9".into()]).await;
        clock.advance_ms(MINUTE_MS);
        assert_eq!(look(&service).await, (2, 0, 0), "the tenth top-up and the other cabinet");
        tamper(home, "UPDATE topups SET status = 'paid' WHERE order_no IN ('T1', 'T2', 'T3', 'T4', 'T5', 'T6')", &[]).await;
        tamper(home, "UPDATE devices SET is_online = 1", &[]).await;
        tamper(home, "UPDATE exceptions SET state = 'resolved'", &[]).await;
        tamper(home, "UPDATE outbox SET state = 'delivered'", &[]).await;
        tamper(home, "UPDATE callbacks SET processed_at = 1", &[]).await;
        tamper(home, "UPDATE door_sessions SET status = 'released'", &[]).await;
        tamper(home, "UPDATE job_runs SET counts = '{}', ended_at = $1", &[ago(0)]).await;
        assert_eq!(look(&service).await, (0, 9, 0));
        assert_eq!(rules(&service).await, []);
        assert_eq!(number(&service, "SELECT COUNT(*) FROM alerts WHERE state = 'resolved' AND resolved_at > 0").await, 9);
        assert_eq!(number(&service, MESSAGES).await, 0, "with no channel nobody is told");
        service.stop().await;
    }

    async fn what_every_server_counts_is_added_up(place: Place) {
        let clock = Clock::now();
        let (first, second) =
            (start(&place.home.url(), &clock, Vec::new(), false).await, start(&place.home.url(), &clock, Vec::new(), false).await);
        for service in [&first, &second] {
            (0..3).for_each(|_| service.count(Tally::Forgery));
        }
        eventually("six forgeries of two servers", async || {
            look(&first).await;
            rules(&first).await == [about(AlertRule::Forged)]
        })
        .await;
        clock.advance_ms(11 * MINUTE_MS);
        assert_eq!(look(&second).await, (0, 1, 0), "that was a while ago");
        first.stop().await;
        second.stop().await;
    }

    async fn one_message_reaches_every_channel(place: Place) {
        let (clock, world) = (Clock::now(), world().await);
        let service = start(&place.home.url(), &clock, channels(&world), false).await;
        tamper(&place.home, EXCEPTION, &[]).await;
        // Each goes wrong once, in its own way: refused by the robot, by a gateway, cut off before and after it was taken.
        for (kind, path) in
            [("rate_limit", "wecom"), ("bad_gateway", "dingtalk"), ("drop_before", "feishu"), ("drop_after", "webhook")]
        {
            fault(&world, kind, path).await;
        }
        assert_eq!(look(&service).await, (1, 0, 1));
        until_delivered(&service, &clock, 4).await;
        let told = taken(&world).await;
        for robot in ["wecom", "dingtalk", "feishu"] {
            let texts = told[robot].as_array().expect("texts");
            assert_eq!(texts.len(), 1, "{robot}: {told}");
            assert!(texts[0].as_str().is_some_and(|text| text.starts_with("饭票告警 1\n【触发】异常单待处理：1（阈值 1），自 ")), "{told}");
        }
        let [once, again] = told["webhook"].as_array().expect("bodies").as_slice() else { panic!("{told}") };
        assert_eq!(once, again, "one that may have been taken comes again as it was");
        assert_eq!(once["alerts"][0]["news"], "fires");
        assert!(once["message_id"].is_i64());

        tamper(&place.home, "UPDATE exceptions SET state = 'resolved'", &[]).await;
        assert_eq!(look(&service).await, (0, 1, 1));
        until_delivered(&service, &clock, 8).await;
        assert!(taken(&world).await["feishu"][1].as_str().is_some_and(|text| text.contains("【恢复】")));

        let trial = async || service.try_channel(AlertChannel::Dingtalk, Request::by_house).await;
        numbered(trial).await.expect("taken");
        assert_eq!(taken(&world).await["dingtalk"][2], "饭票告警：这是一条测试消息");
        fault(&world, "rate_limit", "dingtalk").await;
        let refused = numbered(trial).await;
        assert_eq!(refused, Err(Failure::Provider { reason: "dingtalk answered 130101: send too fast".to_owned() }));
        service.stop().await;
        world.stop().await;
    }

    async fn a_wrong_secret_is_refused_and_shows_no_address(place: Place) {
        let (clock, world) = (Clock::now(), world().await);
        let wrong = || Some(Secret::new("SEC-another-secret"));
        let base = world.base_url();
        let channels = [
            (AlertChannel::Wecom, wecom_url(base).replace("key=", "key=not-")),
            (AlertChannel::Dingtalk, dingtalk_url(base)),
            (AlertChannel::Feishu, feishu_url(base)),
            (AlertChannel::Webhook, webhook_url(base)),
        ];
        let names: Vec<_> = channels.iter().map(|&(name, _)| name).collect();
        let channels = channels.map(|(name, url)| Channel::new(name, &url, wrong()).expect("a channel"));
        let service = start(&place.home.url(), &clock, channels.into(), false).await;
        for (name, code) in names.into_iter().zip(["93000", "310000", "19021", "401"]) {
            match service.try_channel(name, Request::by_house).await {
                Err(Failure::Provider { reason }) => assert!(reason.contains(code) && !reason.contains("http"), "{reason}"),
                other => panic!("{name:?}: {other:?}"),
            }
        }
        service.stop().await;
        world.stop().await;
    }

    async fn of_two_servers_one_tells(place: Place) {
        let (clock, world) = (Clock::now(), world().await);
        let url = place.home.url();
        let wecom = || vec![Channel::new(AlertChannel::Wecom, &wecom_url(world.base_url()), None).expect("a channel")];
        tamper(&place.home, EXCEPTION, &[]).await;
        let (first, second) = (start(&url, &clock, wecom(), true).await, start(&url, &clock, wecom(), true).await);
        for rounds in 1..=3 {
            eventually("a round", async || {
                number(&first, "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'").await == rounds
            })
            .await;
            clock.advance_ms(MINUTE_MS);
        }
        until_delivered(&first, &clock, 1).await;
        assert_eq!(taken(&world).await["wecom"].as_array().map(Vec::len), Some(1));
        first.stop().await;
        second.stop().await;

        // Even where the lease does not hold, two rounds at once make one alert.
        let (first, second) = (start(&url, &clock, wecom(), false).await, start(&url, &clock, wecom(), false).await);
        for round in 0..10 {
            tamper(&place.home, "DELETE FROM alerts", &[]).await;
            tamper(&place.home, "DELETE FROM outbox", &[]).await;
            let done = join_all([first.watch_alerts(), second.watch_alerts()]).await;
            assert!(done.iter().any(Result::is_ok), "round {round}: {done:?}");
            assert_eq!(number(&first, "SELECT COUNT(*) FROM alerts").await, 1, "round {round}");
            assert_eq!(number(&first, MESSAGES).await, 1, "round {round}");
        }
        first.stop().await;
        second.stop().await;

        // It is the index that sees to that: without it the same row can be there twice.
        let twice = "INSERT INTO alerts (alert_id, rule, subject, state, value, threshold, since, updated_at, version) \
                     SELECT alert_id + 1, rule, subject, state, value, threshold, since, updated_at, version FROM alerts";
        let mut outsider = place.home.outsider().await;
        outsider.begin().await.expect("begun");
        outsider.query(twice, &[]).await.expect_err("two of them");
        outsider.rollback().await;
        tamper(&place.home, "DROP INDEX alerts_firing", &[]).await;
        tamper(&place.home, twice, &[]).await;
        world.stop().await;
    }
}
