//! One order from sign-up to refund, through the real lanes.

#![cfg(test)]

mod common;

use common::{Place, both_engines};
use kernel::{Cents, Code, Command, Grant, MealStep, ModifyOrder, Outcome, Quantity, Step};
use service::{Failure, Request};

both_engines! {
    async fn an_order_is_placed_changed_and_canceled(place: Place) {
        let member = place.sign_up("li").await;
        let admin = place.sign_up("admin").await;
        let grant = Grant { member, amount: 10_000.try_into().unwrap(), reason: String::new().try_into().unwrap() };
        place.must(admin, Command::Grant(grant)).await;
        let meal = place.meal(admin, 1500, 3).await;

        let order = place.order(member, meal, 2).await.expect("placed");
        assert_eq!((order.order.total, order.balance), (Cents::new(3000), Cents::new(7000)));
        let changed = ModifyOrder {
            order: order.order.id,
            meal,
            quantity: Some(Quantity::try_from(3).unwrap()),
            options: None,
            notes: None,
            pickup_window: None,
        };
        let Outcome::Order(changed) = place.must(member, Command::ModifyOrder(changed)).await else { panic!("an order") };
        assert_eq!((changed.price_difference, changed.balance), (Cents::new(1500), Cents::new(5500)));

        let other = place.sign_up("wang").await;
        let refused = place.order(other, meal, 1).await.expect_err("sold out");
        assert!(matches!(refused, Failure::Refused(refusal) if refusal.code() == Code::CapacityExceeded));

        place.must(admin, Command::MealStep(MealStep { meal, step: Step::Lock })).await;
        let cancel = kernel::CancelOrder { order: order.order.id, meal };
        let refused = place.run(member, Command::CancelOrder(cancel.clone())).await.expect_err("locked");
        assert!(matches!(refused, Failure::Refused(refusal) if refusal.code() == Code::OrderLocked));
        place.must(admin, Command::MealStep(MealStep { meal, step: Step::Unlock })).await;
        let Outcome::Order(canceled) = place.must(member, Command::CancelOrder(cancel)).await else { panic!("an order") };
        assert_eq!(canceled.balance, Cents::new(10_000));
        place.books_are_right().await;
    }

    async fn a_dry_run_answers_like_the_commit_and_changes_nothing(place: Place) {
        let member = place.sign_up("li").await;
        let meal = place.meal(member, 1500, 1).await;
        let request = |dry_run| Request {
            command: place.place_order(member, meal, 1),
            actor: place.actor(member),
            key: None,
            dry_run,
        };
        let rehearsed = place.service.run(request(true)).await.expect("possible");
        let again = place.service.run(request(true)).await.expect("still possible");
        let done = place.service.run(request(false)).await.expect("placed");
        for outcome in [rehearsed, again, done] {
            let Outcome::Order(order) = outcome else { panic!("an order") };
            assert_eq!((order.order.total, order.balance), (Cents::new(1500), Cents::new(-1500)));
        }
        assert!(place.service.run(request(true)).await.is_err());
        place.books_are_right().await;
    }
}
