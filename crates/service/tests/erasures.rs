//! Somebody who is erased leaves the books as they were, and nothing else in the database.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;

use common::{
    Home, Place, both_engines, code, everything, holds, keyed, number, place_order, request, settings, sign_up_all,
    start, tamper,
};
use futures_util::future::join;
use kernel::{
    AdjustWallet, CancelOrder, Code, Command, Counts, EditMember, EraseMember, ErasureOutcome, MealId, MemberId,
    OpenEnd, Outcome, PlaceOrder, Refusal, RunState, Traces,
};
use service::{Failure, FinishErasures, Request, Service};
use store::Value;

const PLANTED: &str = "PLANTED";
const ADDRESS: &str = "INSERT INTO shop_orders (order_id, order_no, member_id, kind, product_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, notes, share_numbers, status, address_sealed, created_at, updated_at, version) \
     VALUES (7, 'SHOP7', $1, 'pieces', 1, 1, 0, 0, 0, 'balance', 'PLANTED bell', '[]', 'cancelled', $2, 0, 0, 0)";
const COMPLAINT: &str = "INSERT INTO complaints (complaint_id, member_id, order_id, order_no, text, pictures, status, replies, \
     refunded_cents, answered_at, closed_at, created_at, updated_at, version) \
     VALUES (7, $1, 7, 'CAB7', 'PLANTED soup', '[{\"PLANTED\":1}]', 'closed', '[\"PLANTED answer\"]', 0, 0, 0, 0, 0, 0)";
const STANDING_ORDER: &str = "INSERT INTO subscriptions (subscription_id, owner_kind, owner_id, members, slot, weekdays, first_date, \
     notes, status, created_at, updated_at, version) \
     VALUES (7, 'member', $1, '[]', 'lunch', 2, '2030-01-01', 'PLANTED dish', 'active', 0, 0, 0)";
const PASSWORD: &str = "INSERT INTO credentials (member_id, password_hash) VALUES ($1, 'PLANTED hash')";
const FACTOR: &str = "INSERT INTO second_factors (member_id, secret, last_step, recovery, since, updated_at, version) \
     VALUES ($1, $2, 1, $2, 1, 0, 0)";
const TICKET: &str = "INSERT INTO sign_in_tickets (token_hash, member_id, purpose, created_at, expires_at, version) \
     VALUES ($2, $1, 'code', 0, 9000000000000, 0)";

fn erase(member: MemberId) -> Request {
    let reason = "asked us to".to_owned().try_into().expect("a note");
    Request::by_house(Command::EraseMember(EraseMember { member, reason }))
}

fn tries(member: MemberId) -> Request {
    Request { dry_run: true, ..erase(member) }
}

fn with_note(member: MemberId, meal: MealId) -> Command {
    match place_order(member, meal, 1) {
        Command::PlaceOrder(order) => {
            Command::PlaceOrder(PlaceOrder { notes: "PLANTED salt".to_owned().try_into().expect("a note"), ..order })
        }
        other => other,
    }
}

async fn adjust(place: &Place, member: MemberId, amount: i64) {
    let (amount, reason) = (amount.try_into().expect("an amount"), "settled".to_owned().try_into().expect("a reason"));
    let command = Command::AdjustWallet(AdjustWallet { member, amount, reason });
    place.service.run(Request::by_house(command)).await.expect("adjusted");
}

/// Somebody with something everywhere, and somebody who has seen it.
async fn planted(place: &Place) -> (MemberId, MemberId) {
    let (member, other) = (place.sign_up("PLANTED").await, place.sign_up("other").await);
    let meal = place.meal(other, 1200, 10).await;
    let order = place.service.run(keyed(member, "PLANTED key", with_note(member, meal))).await.expect("placed");
    let order = common::order_of(order).order.id;
    let rename = EditMember {
        member,
        nickname: Some("PLANTED name".to_owned().try_into().expect("a name")),
        account: Some("PLANTED-account".to_owned().try_into().expect("an account")),
        department: None,
        reason: String::new().try_into().expect("a note"),
    };
    place.service.run(keyed(other, "an edit", Command::EditMember(rename))).await.expect("renamed");
    place.must(member, Command::CancelOrder(CancelOrder { order, meal })).await;
    let id = Value::Int(member.get());
    let address = place.service.vault().seal_address(member, "PLANTED street 7").expect("sealed");
    tamper(&place.home, ADDRESS, &[id.clone(), address.as_bytes().into()]).await;
    for sql in [COMPLAINT, STANDING_ORDER, PASSWORD] {
        tamper(&place.home, sql, std::slice::from_ref(&id)).await;
    }
    for sql in [FACTOR, TICKET] {
        tamper(&place.home, sql, &[id.clone(), PLANTED.repeat(5).as_bytes()[..32].into()]).await;
    }
    (member, other)
}

async fn age(home: &Home) {
    tamper(home, "UPDATE erasures SET erased_at = erased_at - 3600001", &[]).await;
}

/// A service beside, whose job runs when it is told to.
async fn finish(place: &Place) -> Counts {
    let mut settings = settings();
    settings.jobs = vec![Box::new(FinishErasures)];
    let service = start(&place.home.url(), settings).await;
    let ended = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";
    common::eventually("it runs at the start", async || number(&service, ended).await > 0).await;
    age(&place.home).await;
    let run = service.run_job("finish-erasures", Request::by_house).await.expect("it ran").run;
    service.stop().await;
    match run.state {
        RunState::Succeeded { counts, .. } => counts,
        other => panic!("{other:?}"),
    }
}

async fn sealed(service: &Service) {
    service.seal_audit(service.now().plus_millis(1000)).await.expect("sealed");
}

fn open_ends(answer: Result<ErasureOutcome, Failure>) -> BTreeMap<OpenEnd, i64> {
    match answer {
        Err(Failure::Refused(Refusal::OpenEnds { open })) => open,
        other => panic!("{other:?}"),
    }
}

both_engines! {
    async fn nothing_is_left_of_somebody_who_was_erased(place: Place) {
        let (member, other) = planted(&place).await;
        sealed(&place.service).await;
        let entries = number(&place.service, "SELECT COUNT(*) FROM entries").await;
        let traces = Traces { notes: 2, addresses: 1, complaints: 1, standing_orders: 1, sessions: 1, answers: 1 };
        let tried = place.service.erase(tries(member)).await.expect("tried");
        assert_eq!((tried.member, &tried.traces), (member, &traces));
        assert!(holds(&everything(&place.home), PLANTED), "the search finds it");

        let erased = place.service.erase(erase(member)).await.expect("erased");
        assert_eq!(erased.traces, traces);
        let again = place.service.erase(erase(member)).await.expect("erased already");
        assert_eq!((again.erased_at, again.traces), (erased.erased_at, Traces::default()));
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM audits WHERE action = 'member.erase'").await, 1);
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM entries").await, entries);
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM answers").await, 1, "what others were answered stays");

        assert_ne!(place.sign_up("PLANTED-again").await, member);
        tamper(&place.home, "UPDATE members SET nickname = 'again' WHERE nickname = 'PLANTED-again'", &[]).await;
        sealed(&place.service).await;
        place.books_are_right().await;
        assert_eq!(finish(&place).await, [("members".to_owned(), 1)].into());
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM erasures WHERE wiped_at IS NOT NULL").await, 1);
        let kept = everything(&place.home);
        assert!(!holds(&kept, PLANTED));
        assert!(holds(&kept, "asked us to"), "that it was done stays");
        assert!(place.order(other, place.meal(other, 100, 1).await, 1).await.is_ok());
    }

    async fn who_signs_in_again_is_somebody_new(place: Place) {
        let member = place.sign_up("li").await;
        place.service.erase(erase(member)).await.expect("erased");
        assert_ne!(place.sign_up("li").await, member);
        let nobody = place.service.erase(erase(MemberId::new(5))).await.expect_err("refused");
        assert_eq!(code(&nobody), Code::NotFound);
    }

    async fn what_is_open_is_seen_to_first(place: Place) {
        let (member, other) = (place.sign_up("li").await, place.sign_up("other").await);
        let meal = place.meal(other, 1200, 10).await;
        let order = place.order(member, meal, 1).await.expect("placed").order.id;
        let open = open_ends(place.service.erase(erase(member)).await);
        assert_eq!(open, [(OpenEnd::Debt, -1200), (OpenEnd::MealOrders, 1)].into());
        assert_eq!(open_ends(place.service.erase(tries(member)).await), open, "a dry run is refused alike");
        place.must(member, Command::CancelOrder(CancelOrder { order, meal })).await;
        adjust(&place, member, 5).await;
        assert_eq!(open_ends(place.service.erase(erase(member)).await), [(OpenEnd::Balance, 5)].into());
        adjust(&place, member, -5).await;
        for (plant, end) in [
            ("UPDATE shop_orders SET status = 'paid', paid_at = 1", OpenEnd::ShopOrders),
            ("UPDATE complaints SET status = 'open', closed_at = NULL, answered_at = NULL", OpenEnd::Complaints),
        ] {
            let address = place.service.vault().seal_address(member, "a street 7").expect("sealed");
            tamper(&place.home, "DELETE FROM shop_orders", &[]).await;
            tamper(&place.home, ADDRESS, &[Value::Int(member.get()), address.as_bytes().into()]).await;
            tamper(&place.home, "DELETE FROM complaints", &[]).await;
            tamper(&place.home, COMPLAINT, &[Value::Int(member.get())]).await;
            tamper(&place.home, plant, &[]).await;
            assert_eq!(open_ends(place.service.erase(erase(member)).await), [(end, 1)].into());
        }
    }

    /// Killed after the decision, the job does the rest.
    async fn the_job_takes_away_what_is_left(place: Place) {
        let (member, _) = planted(&place).await;
        place.service.run(erase(member)).await.expect("decided");
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM meal_orders WHERE notes <> ''").await, 1);
        assert_eq!(finish(&place).await, [("members".to_owned(), 1)].into());
        assert!(!holds(&everything(&place.home), PLANTED));
        assert_eq!(finish(&place).await, [("members".to_owned(), 0)].into());
    }

    async fn nobody_orders_and_is_erased(place: Place) {
        let members = sign_up_all(&place.service, 40).await;
        let meal = place.meal(members[0], 1200, 100).await;
        for &member in &members[1..] {
            let order = place.service.run(request(member, place_order(member, meal, 1)));
            let (ordered, erased) = join(order, place.service.erase(erase(member))).await;
            match (ordered, erased) {
                (Ok(_), Err(_)) => {}
                (Err(failure), Ok(_)) => assert_eq!(code(&failure), Code::BusinessRule),
                other => panic!("{other:?}"),
            }
        }
        let gone = members[0];
        place.service.erase(erase(gone)).await.expect("erased");
        // As whoever sees the member's row that was there before.
        tamper(&place.home, "UPDATE members SET status = 'active'", &[]).await;
        let refused = place.order(gone, meal, 1).await.expect_err("refused");
        assert_eq!(refused, Failure::Refused(Refusal::MemberErased));
        tamper(&place.home, "UPDATE accounts SET is_closed = 0", &[]).await;
        assert!(place.order(gone, meal, 1).await.is_ok(), "it is the closed wallet that refuses");
    }

    async fn an_erased_member_is_nobody_to_others(place: Place) {
        let (member, _) = planted(&place).await;
        place.service.erase(erase(member)).await.expect("erased");
        let found = store::queries::members::one(place.service.store(), member).await.expect("read").expect("a row");
        let Outcome::Erasure(_) = place.service.run(tries(member)).await.expect("tried") else { panic!() };
        assert_eq!((found.nickname, found.account, found.openid), (format!("已注销 {member}"), None, None));
    }
}
