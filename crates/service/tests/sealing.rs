//! Who people are, at rest: sealed by the first start that finds it in clear, found again, sealed anew, and in no file.

#![cfg(test)]

mod common;

use std::sync::Arc;

use common::{Home, everything, holds, number, ring, settings, sign_in, start, tamper};
use kernel::{MemberId, Outcome};
use service::{KeyRing, Service, System};
use store::Store;

/// More than two portions.
const MEMBERS: i64 = 1100;
const PLANTED: &str = "PLANTED";

async fn member_of(service: &Service, name: &str) -> MemberId {
    match service.run(sign_in(service, name)).await {
        Ok(Outcome::Session(session)) => session.member.id,
        other => panic!("{other:?}"),
    }
}

/// As a database was that an earlier program has written.
async fn in_clear(home: &Home) {
    start(&home.url(), settings()).await.stop().await;
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MEMBERS})");
    let members = format!(
        "{numbers} INSERT INTO members SELECT i, 'uid-' || i, 'openid-{PLANTED}-' || i, NULL, 'm' || i, NULL, NULL, \
         'active', NULL, '[]', 0, 0, NULL, NULL FROM n"
    );
    let orders = format!(
        "{numbers} INSERT INTO shop_orders SELECT i, 'SHOP' || i, i, 'pieces', 1, NULL, 1, 100, 0, 100, 'balance', \
         '{PLANTED} street ' || i, '', '[]', 'cancelled', NULL, NULL, NULL, 1, 0, 0, 0, NULL FROM n"
    );
    let answer = r#"{"done":{"member":{"member":{"id":7,"openid":"openid-PLANTED-7"}}}}"#;
    let answers = "INSERT INTO answers (caller_id, key, request_hash, answer, created_at) VALUES (7, 'key', $1, $2, 0)";
    let bills = "INSERT INTO bills (date, sha1, body, fetched_at, payments, paid_cents, refunds, refunded_cents, credited, exceptions) \
                 VALUES ('2026-01-05', 's', $1, 0, 0, 0, 0, 0, 0, 0)";
    tamper(home, &members, &[]).await;
    tamper(home, &orders, &[]).await;
    tamper(home, answers, &[vec![0].into(), answer.into()]).await;
    tamper(home, bills, &[PLANTED.as_bytes().into()]).await;
    tamper(home, "DELETE FROM sealing", &[]).await;
}

async fn what_was_in_clear_is_sealed(home: Home) {
    in_clear(&home).await;
    assert!(holds(&everything(&home), PLANTED), "the search finds it");
    let service = start(&home.url(), settings()).await;
    for clear in [
        "SELECT COUNT(*) FROM members WHERE openid_clear IS NOT NULL OR openid_sealed IS NULL",
        "SELECT COUNT(*) FROM shop_orders WHERE address_clear IS NOT NULL OR address_sealed IS NULL",
        "SELECT COUNT(*) FROM answers WHERE answer LIKE '%\"openid\":\"%'",
    ] {
        assert_eq!(number(&service, clear).await, 0, "{clear}");
    }
    for id in [1, 500, 501, MEMBERS] {
        assert_eq!(member_of(&service, &format!("PLANTED-{id}")).await.get(), id, "found again");
        let order = store::queries::shop::one(service.store(), kernel::OrderId::new(id)).await.expect("read");
        let order = order.expect("an order");
        let kernel::Delivery::To(address) = order.delivery else { panic!("no address") };
        let address = service.vault().address(order.member, &address).expect("opened");
        assert_eq!(address.as_str(), format!("PLANTED street {id}"));
    }
    let stranger = member_of(&service, "stranger").await;
    assert!(stranger.get() > MEMBERS);
    assert_eq!(
        member_of(&service, "stranger").await,
        stranger,
        "who is new is found by what was sealed for the first time"
    );
    service.stop().await;
    let kept = everything(&home);
    assert!(!holds(&kept, PLANTED) && !holds(&kept, "openid-stranger"));
}

async fn a_ring_is_turned(home: Home) {
    in_clear(&home).await;
    let with = |keys: KeyRing| {
        let mut settings = settings();
        settings.keys = keys;
        settings
    };
    start(&home.url(), with(ring(&[1]))).await.stop().await;
    let both = start(&home.url(), with(ring(&[1, 2]))).await;
    let late = member_of(&both, "late").await;
    assert_eq!(
        both.reseal().await,
        Ok(usize::try_from(2 * MEMBERS + 2).expect("small")),
        "and a bill, and the index's key"
    );
    assert_eq!(both.reseal().await, Ok(0), "nothing is left to do");
    both.stop().await;
    let new = start(&home.url(), with(ring(&[2]))).await;
    assert_eq!(member_of(&new, "PLANTED-700").await.get(), 700);
    assert_eq!(member_of(&new, "late").await, late);
    new.stop().await;

    for (keys, said) in [(ring(&[1]), "sealed under other keys"), (KeyRing::default(), "security.data_keys is needed")]
    {
        let store = Store::new(&home.url()).expect("an address");
        let refused = Service::start(store, Arc::new(System), with(keys)).await;
        let error = refused.err().expect("refused").to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Without keys nothing is sealed, and nothing is taken that would have to be.
async fn nothing_stays_in_clear_for_want_of_a_key(home: Home) {
    in_clear(&home).await;
    let mut keyless = settings();
    keyless.keys = KeyRing::default();
    let store = Store::new(&home.url()).expect("an address");
    let refused = Service::start(store, Arc::new(System), keyless).await;
    let error = refused.err().expect("refused").to_string();
    assert!(error.contains("security.data_keys is needed"), "{error}");
}

macro_rules! on_both_engines {
    ($($name:ident,)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Home::Sqlite(testing::TempDir::new())).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Home::Postgres(testing::postgres::fresh_database())).await;
            })+
        }
    };
}

on_both_engines!(what_was_in_clear_is_sealed, a_ring_is_turned, nothing_stays_in_clear_for_want_of_a_key,);
