//! The second factor, seen from outside: codes are computed here as an authenticator app computes them.

use std::collections::BTreeSet;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use futures_util::future::join_all;
use http_api::{Limits, Rate, Rates};
use kernel::Role;
use serde_json::{Value, json};
use service::{Entered, Failure, KeyRing, Service};

use crate::support::{Answer, Home, Person, Server, on_both_engines, ring};

const PASSWORD: &str = "correct horse";

const TRIES: u32 = 20;

async fn start(home: Home) -> Server {
    let rates = Rates { account_failures: Rate { burst: TRIES, per_minute: 1 }, ..Rates::default() };
    let limits = Limits { rates, ..Limits::default() };
    Server::start_with(home, limits, |settings| settings.keys = ring(&[1])).await
}

async fn start_demanding(home: Home) -> Server {
    let demanding = |settings: &mut service::Settings| {
        settings.keys = ring(&[1]);
        settings.demand_second_factor = true;
    };
    Server::start_with(home, Limits::default(), demanding).await
}

async fn staff(server: &Server, account: &str, role: Role) -> Person {
    let hash = service::hash_password(server.service.ambient(), PASSWORD.to_owned()).await;
    let add = |add: &mut kernel::AddMember| {
        add.account = Some(account.to_owned().try_into().expect("a name"));
        add.password_hash = Some(hash);
    };
    server.person_with(role, add).await
}

/// What an app has after scanning.
struct App(Vec<u8>);

impl App {
    fn of(offer: &Value) -> Self {
        let text = offer["secret"].as_str().expect("a secret");
        let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
        for letter in text.bytes() {
            let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
            (bits, held) = (bits << 5 | u32::from(value), held + 5);
            if held >= 8 {
                held -= 8;
                bytes.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
            }
        }
        assert_eq!(bytes.len(), 20, "{text}");
        Self(bytes)
    }

    /// The code of now, or of so many steps away.
    fn code(&self, server: &Server, away: i64) -> String {
        let step = server.clock.now_ms() / 30_000 + away;
        let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0), &step.to_be_bytes());
        let from = usize::from(tag.as_ref()[19] & 15);
        let four = tag.as_ref()[from..from + 4].try_into().expect("four bytes");
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }

    /// One that is not right at any step near now.
    fn wrong(&self, server: &Server) -> String {
        let near: BTreeSet<_> = (-2..=2).map(|away| self.code(server, away)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).expect("a code")
    }
}

async fn by(server: &Server, person: &Person, what: &str, body: Value) -> Answer {
    server.ask(what).by(person).in_english().json(&body).await
}

async fn sign_in(server: &Server, account: &str) -> Answer {
    let body = json!({"account": account, "password": PASSWORD});
    server.ask("POST /api/v1/auth/password").in_english().json(&body).await
}

/// The ticket that the right password is answered with.
async fn ticket(server: &Server, account: &str, step: &str) -> String {
    let answer = sign_in(server, account).await;
    let details = answer.failed(401, "SECOND_FACTOR_REQUIRED");
    assert_eq!((&details["step"], &details["expires_in"]), (&json!(step), &json!(600)));
    details["token"].as_str().expect("a token").to_owned()
}

async fn enter(server: &Server, ticket: &str, code: &str) -> Answer {
    let body = json!({"token": ticket, "code": code});
    server.ask("POST /api/v1/auth/password/code").in_english().json(&body).await
}

/// Turns it on with the code of a step ago, so that those of now and of the next step are left.
async fn turn_on(server: &Server, person: &Person) -> (App, Vec<String>) {
    let offer = by(server, person, "POST /api/v1/auth/second-factor/offer", json!({"password": PASSWORD})).await;
    let app = App::of(offer.data());
    let body = json!({"code": app.code(server, -1)});
    let on = by(server, person, "POST /api/v1/auth/second-factor/confirm", body).await;
    (app, codes(on.data()))
}

fn codes(data: &Value) -> Vec<String> {
    let codes = data["recovery_codes"].as_array().expect("codes");
    codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

on_both_engines! { by start;
    async fn it_is_turned_on_asked_for_and_turned_off(server: Server) {
        let boss = staff(&server, "boss", Role::Admin).await;
        let elsewhere = server.sign_in(&boss).await;
        let shown = server.ask("GET /api/v1/auth/second-factor").by(&boss).send().await;
        let off = json!({"on": false, "since": null, "recovery_codes_left": 0, "available": true, "demanded": false});
        assert_eq!(*shown.data(), off);

        let offer = "POST /api/v1/auth/second-factor/offer";
        assert_eq!(by(&server, &boss, offer, json!({"password": "wrong"})).await.wrong_fields(), ["password"]);
        let first = by(&server, &boss, offer, json!({"password": PASSWORD})).await.data().clone();
        let offered = by(&server, &boss, offer, json!({"password": PASSWORD})).await.data().clone();
        assert_ne!(first["secret"], offered["secret"]);
        let uri = format!("otpauth://totp/Fanpiao:boss?secret={}&issuer=Fanpiao", offered["secret"].as_str().expect("text"));
        assert_eq!(offered["uri"], json!(uri));
        assert!(offered["qr"].as_str().is_some_and(|svg| svg.starts_with("<svg ")));
        let (stale, app) = (App::of(&first), App::of(&offered));
        let confirm = "POST /api/v1/auth/second-factor/confirm";
        let refused = by(&server, &boss, confirm, json!({"code": stale.code(&server, 0)})).await;
        assert_eq!(refused.wrong_fields(), ["code"], "the later offer counts");
        assert_eq!(sign_in(&server, "boss").await.status, 200, "nothing counts before it is confirmed");
        let on = by(&server, &boss, confirm, json!({"code": app.code(&server, -1)})).await;
        let recovery = codes(on.data());
        assert_eq!(recovery.iter().collect::<BTreeSet<_>>().len(), 10);
        server.ask("GET /api/v1/auth/me").by(&boss).send().await.data();
        server.ask("GET /api/v1/auth/me").by(&elsewhere).send().await.failed(401, "INVALID_TOKEN");

        let held = ticket(&server, "boss", "code").await;
        let not_a_session = Person { id: boss.id, token: held.clone() };
        server.ask("GET /api/v1/auth/me").by(&not_a_session).send().await.failed(401, "INVALID_TOKEN");
        assert_eq!(enter(&server, &held, &app.wrong(&server)).await.wrong_fields(), ["code"]);
        assert_eq!(enter(&server, &held, "word").await.wrong_fields(), ["code"]);
        let used = enter(&server, &held, &app.code(&server, -1)).await;
        assert_eq!(used.failed(422, "VALIDATION_ERROR")["refusal"], json!("code_used"), "it turned the factor on");
        assert_eq!(enter(&server, &held, &app.code(&server, -2)).await.failed(422, "VALIDATION_ERROR")["refusal"], json!("code_wrong"));
        let entered = enter(&server, &held, &app.code(&server, 0)).await;
        assert_eq!(entered.data()["user_info"]["roles"], json!(["member", "admin"]));
        assert_eq!(entered.data()["expires_in"], json!(30 * 24 * 3600));
        enter(&server, &held, &app.code(&server, 1)).await.failed(401, "INVALID_TOKEN");
        let held = ticket(&server, "boss", "code").await;
        assert_eq!(enter(&server, &held, &app.code(&server, 0)).await.wrong_fields(), ["code"], "once");
        let typed = recovery[0].to_lowercase().replace('-', " ");
        enter(&server, &held, &typed).await.data();
        let held = ticket(&server, "boss", "code").await;
        assert_eq!(enter(&server, &held, &recovery[0]).await.wrong_fields(), ["code"], "once");

        let renew = "POST /api/v1/auth/second-factor/recovery-codes";
        let asked = |password: &str, code: &str| json!({"password": password, "code": code});
        assert_eq!(by(&server, &boss, renew, asked("wrong", &recovery[1])).await.wrong_fields(), ["password"]);
        assert_eq!(by(&server, &boss, renew, asked(PASSWORD, &recovery[0])).await.wrong_fields(), ["code"]);
        let renewed = codes(by(&server, &boss, renew, asked(PASSWORD, &app.code(&server, 1))).await.data());
        let shown = server.ask("GET /api/v1/auth/second-factor").by(&boss).send().await;
        assert_eq!((&shown.data()["on"], &shown.data()["recovery_codes_left"]), (&json!(true), &json!(10)));

        // Another phone takes a code of the one before.
        assert_eq!(by(&server, &boss, offer, json!({"password": PASSWORD})).await.wrong_fields(), ["code"]);
        let next = by(&server, &boss, offer, asked(PASSWORD, &renewed[0])).await;
        let next = App::of(next.data());
        let last = codes(by(&server, &boss, confirm, json!({"code": next.code(&server, 0)})).await.data());

        let off = "POST /api/v1/auth/second-factor/turn-off";
        assert_eq!(by(&server, &boss, off, asked("wrong", &last[0])).await.wrong_fields(), ["password"]);
        assert_eq!(by(&server, &boss, off, asked(PASSWORD, &renewed[1])).await.wrong_fields(), ["code"]);
        by(&server, &boss, off, asked(PASSWORD, &next.code(&server, 1))).await.data();
        by(&server, &boss, off, asked(PASSWORD, &last[0])).await.failed(400, "INVALID_STATUS_TRANSITION");
        assert_eq!(sign_in(&server, "boss").await.status, 200);

        let trail = server.ask("GET /api/v1/admin/audit").by(&boss).send().await;
        let records = trail.data()["records"].as_array().expect("records").clone();
        let about = |record: &Value| {
            assert_eq!((&record["actor_id"], &record["object_id"]), (&json!(boss.id), &json!(boss.id)));
            record["action"].as_str().expect("a word").to_owned()
        };
        let actions: Vec<_> = records.iter().filter(|record| record["action"] != json!("member.add")).map(about).collect();
        assert_eq!(actions, [
            "member.turn_off_second_factor", "member.turn_on_second_factor", "member.renew_recovery_codes",
            "member.use_recovery_code", "member.turn_on_second_factor",
        ]);
    }

    async fn what_is_kept_can_be_read_by_nobody(server: Server) {
        let boss = staff(&server, "boss", Role::Admin).await;
        let offer = by(&server, &boss, "POST /api/v1/auth/second-factor/offer", json!({"password": PASSWORD})).await;
        let app = App::of(offer.data());
        let hides = |kept: &[u8]| !kept.windows(8).any(|part| app.0.windows(8).any(|secret| secret == part));
        let row = async || store::queries::second_factors::one(server.service.store(), boss.id).await.expect("read").expect("a row");
        assert!(hides(&row().await.offer.expect("an offer").secret));
        by(&server, &boss, "POST /api/v1/auth/second-factor/confirm", json!({"code": app.code(&server, 0)})).await.data();
        let active = row().await.active.expect("on");
        assert!(hides(&active.secret) && active.recovery.len() == 10);
    }

    async fn a_ticket_and_an_offer_are_over_after_ten_minutes_and_with_the_password(server: Server) {
        let boss = staff(&server, "boss", Role::Admin).await;
        let (app, _) = turn_on(&server, &boss).await;
        let held = ticket(&server, "boss", "code").await;
        let other = server.person(Role::Admin).await;
        let path = format!("PUT /api/v1/admin/members/{}/password", boss.id);
        by(&server, &other, &path, json!({"new_password": PASSWORD})).await.data();
        enter(&server, &held, &app.code(&server, 0)).await.failed(401, "INVALID_TOKEN");

        let held = ticket(&server, "boss", "code").await;
        server.clock.advance_ms(600_000);
        let over = enter(&server, &held, &app.code(&server, 0)).await;
        assert_eq!(over.failed(401, "INVALID_TOKEN")["refusal"], json!("ticket_over"));
        enter(&server, "no such ticket", "123456").await.failed(401, "INVALID_TOKEN");
    }

    async fn wrong_codes_are_counted_as_failed_sign_ins(server: Server) {
        let boss = staff(&server, "boss", Role::Admin).await;
        let (app, _) = turn_on(&server, &boss).await;
        let held = ticket(&server, "boss", "code").await;
        for _ in 0..TRIES {
            assert_eq!(enter(&server, &held, &app.wrong(&server)).await.wrong_fields(), ["code"]);
        }
        enter(&server, &held, &app.code(&server, 0)).await.failed(429, "RATE_LIMITED");
        sign_in(&server, "boss").await.failed(429, "RATE_LIMITED");
    }

    async fn somebody_else_takes_it_from_who_has_lost_it(server: Server) {
        let (boss, other) = (staff(&server, "boss", Role::Admin).await, server.person(Role::Admin).await);
        let support = server.person(Role::Support).await;
        let path = format!("/api/v1/admin/members/{}/second-factor", boss.id);
        let reset = format!("POST {path}/reset");
        let lost = || json!({"reason": "phone lost"});
        by(&server, &other, &reset, lost()).await.failed(400, "INVALID_STATUS_TRANSITION");
        let _ = turn_on(&server, &boss).await;
        let seen = server.ask(&format!("GET {path}")).by(&support).send().await;
        assert_eq!((&seen.data()["on"], &seen.data()["recovery_codes_left"]), (&json!(true), &json!(10)));
        by(&server, &support, &reset, lost()).await.failed(403, "PERMISSION_DENIED");
        assert_eq!(by(&server, &boss, &reset, lost()).await.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("yourself"));
        by(&server, &other, &reset, lost()).await.data();
        assert_eq!(sign_in(&server, "boss").await.status, 200);
        let trail = server.ask("GET /api/v1/admin/audit?action=member.reset_second_factor").by(&other).send().await;
        let record = &trail.data()["records"][0];
        assert_eq!((&record["actor_id"], &record["reason"]), (&json!(other.id), &json!("phone lost")));
        let nobody = "POST /api/v1/admin/members/7/second-factor/reset";
        by(&server, &other, nobody, lost()).await.failed(404, "NOT_FOUND");
    }

    async fn a_new_key_takes_the_place_of_the_old_one(server: Server) {
        let boss = staff(&server, "boss", Role::Admin).await;
        let (app, _) = turn_on(&server, &boss).await;
        let both = server.beside_with(|settings| settings.keys = ring(&[1, 2])).await;
        assert_eq!(both.reseal().await, Ok(2), "the secret, and the key of the index");
        assert_eq!(both.reseal().await, Ok(0), "nothing is left to do");
        let new = server.beside_with(|settings| settings.keys = ring(&[2])).await;
        let token = ticket(&server, "boss", "code").await;
        let old = enter(&server, &token, &app.code(&server, 0)).await;
        old.failed(500, "INTERNAL_ERROR");
        new.enter_with_factor(&token, &app.code(&server, 0)).await.expect("in");
        both.stop().await;
        new.stop().await;
    }
}

on_both_engines! { by start_demanding;
    async fn who_works_here_is_led_to_it_and_can_do_nothing_before(server: Server) {
        let (_, guest) = (staff(&server, "clerk", Role::StoreStaff).await, staff(&server, "guest", Role::Member).await);
        assert_eq!(sign_in(&server, "guest").await.status, 200, "guests need none");
        let held = ticket(&server, "clerk", "set_up").await;
        enter(&server, &held, "123456").await.failed(401, "INVALID_TOKEN");
        let not_a_session = Person { id: guest.id, token: held.clone() };
        server.ask("GET /api/v1/auth/me").by(&not_a_session).send().await.failed(401, "INVALID_TOKEN");

        let ask = async |what: &str, body: Value| server.ask(what).in_english().json(&body).await;
        ask("POST /api/v1/auth/password/offer", json!({"token": "none"})).await.failed(401, "INVALID_TOKEN");
        let offer = ask("POST /api/v1/auth/password/offer", json!({"token": held})).await;
        let app = App::of(offer.data());
        let confirm = async |code: &str| ask("POST /api/v1/auth/password/confirm", json!({"token": held, "code": code})).await;
        assert_eq!(confirm(&app.wrong(&server)).await.wrong_fields(), ["code"]);
        let done = confirm(&app.code(&server, -1)).await;
        assert_eq!(codes(done.data()).len(), 10);
        let signed_in = &done.data()["signed_in"];
        assert_eq!(signed_in["user_info"]["roles"], json!(["member", "store_staff"]));
        let clerk = Person { id: guest.id, token: signed_in["token"].as_str().expect("a token").to_owned() };
        confirm(&app.code(&server, 0)).await.failed(401, "INVALID_TOKEN");

        let shown = server.ask("GET /api/v1/auth/second-factor").by(&clerk).send().await;
        assert_eq!((&shown.data()["on"], &shown.data()["demanded"]), (&json!(true), &json!(true)));
        let off = json!({"password": PASSWORD, "code": app.code(&server, 0)});
        let refused = by(&server, &clerk, "POST /api/v1/auth/second-factor/turn-off", off).await;
        assert_eq!(refused.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("factor_demanded"));
        let held = ticket(&server, "clerk", "code").await;
        ask("POST /api/v1/auth/password/offer", json!({"token": held})).await.failed(401, "INVALID_TOKEN");
        enter(&server, &held, &app.code(&server, 0)).await.data();
    }
}

#[tokio::test]
async fn without_a_key_there_is_none() {
    let keyless = |settings: &mut service::Settings| settings.keys = KeyRing::default();
    let server = Server::start_with(Home::sqlite(), Limits::default(), keyless).await;
    let boss = staff(&server, "boss", Role::Admin).await;
    let shown = server.ask("GET /api/v1/auth/second-factor").by(&boss).send().await;
    assert_eq!(shown.data()["available"], json!(false));
    let refused = by(&server, &boss, "POST /api/v1/auth/second-factor/offer", json!({"password": PASSWORD})).await;
    assert_eq!(refused.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("factor_missing"));
    let member = server.person(Role::Member).await;
    let refused = by(&server, &member, "POST /api/v1/auth/second-factor/offer", json!({"password": PASSWORD})).await;
    assert_eq!(refused.failed(400, "BUSINESS_RULE_ERROR")["refusal"], json!("no_account"));
}

const PAIRS: usize = 12;

/// One code of each of several people at two servers at once: how often both let it in.
async fn let_in_twice(server: &Server) -> usize {
    let other = server.beside_with(|settings| settings.keys = ring(&[1])).await;
    let mut twice = 0;
    for at in 0..PAIRS {
        let account = format!("person-{at}");
        let person = staff(server, &account, Role::Support).await;
        let (app, _) = turn_on(server, &person).await;
        let open = async |service: &Service| match service.sign_in_password(&account, PASSWORD).await {
            Ok(Entered::Half(ticket)) => ticket.token,
            other => panic!("{other:?}"),
        };
        let tickets = [open(&server.service).await, open(&other).await];
        let code = app.code(server, 0);
        let both = [(&server.service, &tickets[0]), (&other, &tickets[1])];
        let entered = join_all(both.map(|(service, ticket)| service.enter_with_factor(ticket, &code))).await;
        let is_refused = |failure: &Failure| matches!(failure, Failure::Refused(kernel::Refusal::CodeUsed));
        assert!(entered.iter().filter_map(|entered| entered.as_ref().err()).all(is_refused), "{entered:?}");
        let entered = entered.iter().filter(|entered| entered.is_ok()).count();
        assert!(entered > 0, "one of them gets in");
        twice += usize::from(entered == 2);
    }
    other.stop().await;
    twice
}

on_both_engines! { by start;
    async fn a_code_that_comes_twice_at_once_opens_once(server: Server) {
        assert_eq!(let_in_twice(&server).await, 0);
    }
}

/// Both servers see the code unused; only the version of the row tells one of them that it is used by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_rows_version_a_code_opens_twice() {
    let server = start(Home::rewritten(&[("t.version = v.version", "t.version >=v.version")])).await;
    assert!(let_in_twice(&server).await > 0);
}
