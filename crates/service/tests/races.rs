//! Many callers at once: whatever the order in which they come, the books are right afterwards.

#![cfg(test)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{
    ADMINISTRATOR, Obstacle, Place, both_engines, change_role, code, create_meal, eventually, keyed, meals, number,
    order_of, place_order, queued, request, settings, sign_up_all, start, tamper,
};
use futures_util::future::{join, join_all};
use kernel::{
    CancelOrder, Code, Command, Currency, Grant, MealId, MealPatch, MealStep, MemberId, ModifyOrder, OrderAction,
    OrderId, OrderStatus, Outcome, Owner, ProcessOrders, Quantity, Refusal, RepairBalance, RepairOrderStates,
    RepairPool, RepostMeal, Step,
};
use service::{Failure, Request};
use store::Value;

const PORTIONS: usize = 1000;
const OVER: &str = "SELECT COUNT(*) FROM meal_orders WHERE status NOT IN ('active', 'locked')";

fn step(meal: MealId, step: Step) -> Request {
    Request::by_house(Command::MealStep(MealStep { meal, step }))
}

fn modify(member: MemberId, order: OrderId, meal: MealId, quantity: i64) -> Request {
    let command = ModifyOrder {
        order,
        meal,
        quantity: Some(Quantity::try_from(quantity).expect("a quantity")),
        options: None,
        notes: None,
        pickup_window: None,
    };
    request(member, Command::ModifyOrder(command))
}

fn cancel(member: MemberId, order: OrderId, meal: MealId) -> Request {
    request(member, Command::CancelOrder(CancelOrder { order, meal }))
}

fn process(orders: BTreeMap<OrderId, MealId>, action: OrderAction) -> Request {
    let reason = "a race".to_owned().try_into().expect("a note");
    Request::by_house(Command::ProcessOrders(ProcessOrders { orders, action, reason }))
}

async fn step_all(place: &Place, meals: &[MealId], to: Step) {
    for &meal in meals {
        place.service.run(step(meal, to)).await.expect("stepped");
    }
}

/// One order each, all placed.
async fn orders(place: &Place, members: &[MemberId], meal: MealId) -> Vec<OrderId> {
    let asked = members.iter().map(|&member| place.order(member, meal, 1));
    join_all(asked).await.into_iter().map(|order| order.expect("placed").order.id).collect()
}

both_engines! {
    async fn the_last_portion_is_sold_once_a_thousand_times_over(place: Place) {
        let buyers = sign_up_all(&place.service, 2).await;
        let meals = meals(&place.service, 0, PORTIONS, 1500, 1).await;
        for some in meals.chunks(100) {
            let both = some.iter().map(|&meal| join(place.order(buyers[0], meal, 1), place.order(buyers[1], meal, 1)));
            for (one, other) in join_all(both).await {
                let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
                assert!(winner.is_ok(), "nobody got it: {winner:?}");
                assert_eq!(code(&loser.expect_err("both got it")), Code::CapacityExceeded);
            }
        }
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM meal_orders").await, PORTIONS as i64);
        place.books_are_right().await;
    }

    async fn two_administrators_end_each_others_administration(place: Place) {
        let service = &place.service;
        let people = sign_up_all(service, 2).await;
        for _ in 0..100 {
            for &person in &people {
                service.run(change_role(person, ADMINISTRATOR, true)).await.expect("given");
            }
            let taken = people.iter().map(|&person| service.run(change_role(person, ADMINISTRATOR, false)));
            let (taken, kept): (Vec<_>, Vec<_>) = join_all(taken).await.into_iter().partition(Result::is_ok);
            assert_eq!((taken.len(), kept.len()), (1, 1), "{taken:?} {kept:?}");
            for refusal in kept {
                assert_eq!(refusal.expect_err("refused"), Failure::Refused(Refusal::LastAdministrator));
            }
        }
    }

    async fn three_hundred_want_the_last_portions(place: Place) {
        let members = sign_up_all(&place.service, 300).await;
        let meals = meals(&place.service, 0, 2, 1500, 121).await;
        for (&meal, quantity) in meals.iter().zip([1, 2]) {
            let asked = members.iter().map(|&member| place.order(member, meal, quantity));
            let (placed, refused): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(Result::is_ok);
            assert_eq!(placed.len() as i64, 121 / quantity);
            for refusal in refused {
                assert_eq!(code(&refusal.expect_err("refused")), Code::CapacityExceeded);
            }
        }
        place.books_are_right().await;
    }

    async fn ordering_against_locking(place: Place) {
        let members = sign_up_all(&place.service, 24).await;
        for meal in meals(&place.service, 0, 12, 1500, 100).await {
            let (early, late) = members.split_at(12);
            let early = join_all(early.iter().map(|&member| place.order(member, meal, 1)));
            let late = join_all(late.iter().map(|&member| place.order(member, meal, 1)));
            let (early, (locked, late)) = join(early, join(place.service.run(step(meal, Step::Lock)), late)).await;
            let mut placed = 0;
            for order in early.into_iter().chain(late) {
                match order {
                    Ok(_) => placed += 1,
                    Err(failure) => assert_eq!(code(&failure), Code::MealNotOpen),
                }
            }
            let Outcome::Meal(locked) = locked.expect("locked") else { panic!("a meal") };
            assert_eq!(locked.orders_changed, placed, "every order that was placed is locked");
        }
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM meal_orders WHERE status <> 'locked'").await, 0);
        place.books_are_right().await;
    }

    async fn modifying_against_completing(place: Place) {
        let service = &place.service;
        let members = sign_up_all(service, 12).await;
        for meal in meals(&place.service, 0, 12, 1500, 100).await {
            let orders = orders(&place, &members, meal).await;
            let changes = |quantity| {
                let changes = members.iter().zip(&orders).map(move |(&member, &order)| {
                    service.run(modify(member, order, meal, quantity))
                });
                join_all(changes)
            };
            let steps = async {
                let (locked, completed) = join(
                    service.run(step(meal, Step::Lock)),
                    service.run(step(meal, Step::Complete)),
                ).await;
                locked.expect("locked");
                completed.expect("completed");
            };
            let (first, ((), second)) = join(changes(2), join(steps, changes(3))).await;
            for change in first.into_iter().chain(second) {
                if let Err(failure) = change {
                    let code = code(&failure);
                    assert!(matches!(code, Code::OrderLocked | Code::InvalidStatusTransition), "{code:?}");
                }
            }
        }
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM meal_orders WHERE status <> 'completed'").await, 0);
        place.books_are_right().await;
    }

    async fn reposting_against_modifying_and_canceling(place: Place) {
        let service = &place.service;
        let members = sign_up_all(service, 12).await;
        for meal in meals(&place.service, 0, 12, 1500, 40).await {
            let orders = orders(&place, &members, meal).await;
            let each = |command: fn(MemberId, OrderId, MealId) -> Request| {
                let asked = members.iter().zip(&orders).map(move |(&member, &order)| {
                    service.run(command(member, order, meal))
                });
                join_all(asked)
            };
            let repost = RepostMeal {
                meal,
                patch: MealPatch { base_price: Some(900.try_into().unwrap()), capacity: Some(15), ..MealPatch::default() },
                reason: String::new().try_into().unwrap(),
            };
            let repost = service.run(Request::by_house(Command::RepostMeal(repost)));
            let modified = each(|member, order, meal| modify(member, order, meal, 3));
            let (modified, (reposted, canceled)) = join(modified, join(repost, each(cancel))).await;
            let Outcome::Meal(reposted) = reposted.expect("reposted") else { panic!("a meal") };
            assert_eq!((reposted.pool.capacity, reposted.pool.taken), (15, 0), "everybody was refunded");
            for outcome in modified.into_iter().chain(canceled) {
                match outcome {
                    Ok(_) => {}
                    Err(failure) => {
                        let code = code(&failure);
                        assert!(matches!(code, Code::InvalidStatusTransition | Code::CapacityExceeded), "{code:?}");
                    }
                }
            }
            let again = join_all(members.iter().map(|&member| place.order(member, meal, 1))).await;
            assert!(again.into_iter().all(|order| order.expect("placed").order.total.get() == 900));
        }
        place.books_are_right().await;
    }

    // A batch is of several meals, and two batches name them the other way round: whoever locks has to do it in one order.
    async fn processing_against_locking_and_canceling(place: Place) {
        let service = &place.service;
        let members = sign_up_all(service, 16).await;
        let meals = meals(service, 0, 8, 1500, 100).await;
        for pair in meals.chunks(2) {
            let over = number(service, OVER).await;
            let (one, other) = (orders(&place, &members, pair[0]).await, orders(&place, &members, pair[1]).await);
            let mixed = |first: MealId, of_first: &[OrderId], second: MealId, of_second: &[OrderId]| {
                let first = of_first.iter().map(move |&order| (order, first));
                first.chain(of_second.iter().map(move |&order| (order, second))).collect()
            };
            let batches = [
                process(mixed(pair[0], &one[..12], pair[1], &other[4..]), OrderAction::Cancel),
                process(mixed(pair[1], &other[..12], pair[0], &one[4..]), OrderAction::Refund),
                process(mixed(pair[1], &other, pair[0], &one), OrderAction::Complete),
            ];
            let batches = join_all(batches.into_iter().map(|batch| service.run(batch)));
            let own = members.iter().zip(&one).map(|(&member, &order)| service.run(cancel(member, order, pair[0])));
            let locks = async {
                join_all(pair.iter().map(|&meal| service.run(step(meal, Step::Lock)))).await;
            };
            let (batches, (own, ())) = join(batches, join(join_all(own), locks)).await;
            let mut ended = own.iter().filter(|done| done.is_ok()).count();
            for batch in batches {
                let Outcome::Orders { orders } = batch.expect("answered") else { panic!("orders") };
                for done in orders {
                    match done.refunded {
                        Ok(_) => ended += 1,
                        Err(refusal) => assert_eq!(refusal.code(), Code::InvalidStatusTransition, "{refusal:?}"),
                    }
                }
            }
            assert_eq!(number(service, OVER).await, over + ended as i64, "an order has ended twice");
            step_all(&place, pair, Step::Complete).await;
        }
        let records = number(service, "SELECT COUNT(*) FROM audits WHERE action IN ('order.cancel', 'order.refund')").await;
        let refunds = number(service, "SELECT COUNT(*) FROM entries WHERE kind = 'order_refund' AND amount > 0").await;
        let sql = "SELECT COUNT(*) FROM meal_orders WHERE status IN ('canceled', 'refunded')";
        assert_eq!((records, refunds), (number(service, sql).await, number(service, sql).await), "each was refunded once");
        place.books_are_right().await;
    }

    async fn repairing_against_ordering(place: Place) {
        let service = &place.service;
        let members = sign_up_all(service, 24).await;
        let (early, late) = members.split_at(12);
        for meal in meals(service, 0, 6, 1500, 20).await {
            let placed = orders(&place, early, meal).await;
            let id = Value::Int(meal.get());
            tamper(&place.home, "UPDATE pools SET taken = 17 WHERE pool_id = $1", &[id]).await;
            tamper(&place.home, "DELETE FROM holds WHERE order_id = $1", &[Value::Int(placed[0].get())]).await;
            let wallet = Owner::Member(early[1]).account(Currency::Cny);
            let sql = "UPDATE accounts SET entry_count = entry_count + 3 WHERE account_id = $1";
            tamper(&place.home, sql, &[Value::Int(wallet.get())]).await;
            let late = join_all(late.iter().map(|&member| place.order(member, meal, 1)));
            let changes = early[2..].iter().zip(&placed[2..]);
            let changes = join_all(changes.map(|(&member, &order)| service.run(modify(member, order, meal, 2))));
            let repairs = [
                Command::RepairBalance(RepairBalance { account: wallet }),
                Command::RepairPool(RepairPool { meal }),
                Command::RepairOrderStates(RepairOrderStates { meal }),
            ];
            let repairs = join_all(repairs.map(|repair| service.run(Request::by_house(repair))));
            let (late, (repairs, changes)) = join(late, join(repairs, changes)).await;
            assert!(repairs.iter().all(Result::is_ok), "{repairs:?}");
            for refused in late.iter().filter_map(|order| order.as_ref().err()) {
                assert_eq!(code(refused), Code::CapacityExceeded);
            }
            for refused in changes.iter().filter_map(|change| change.as_ref().err()) {
                assert_eq!(code(refused), Code::CapacityExceeded);
            }
            place.books_are_right().await;
        }
    }

    async fn one_member_on_two_phones(place: Place) {
        let members = sign_up_all(&place.service, 40).await;
        let meal = meals(&place.service, 0, 1, 1500, 1000).await[0];
        let (same, different) = members.split_at(20);
        let ask = |member, key: &'static str| place.service.run(keyed(member, key, place_order(member, meal, 1)));

        let twice = same.iter().map(|&member| join(ask(member, "one"), ask(member, "one")));
        for (one, other) in join_all(twice).await {
            assert_eq!(one.expect("placed"), other.expect("answered"));
        }
        let twice = different.iter().map(|&member| join(ask(member, "one"), ask(member, "two")));
        for (one, other) in join_all(twice).await {
            let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
            order_of(winner.expect("one of them is placed"));
            assert_eq!(code(&loser.expect_err("both were placed")), Code::DuplicateOrder);
        }
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM meal_orders").await, 40);
        place.books_are_right().await;
    }

    async fn a_key_stands_for_its_answer_across_a_restart(place: Place) {
        let members = sign_up_all(&place.service, 2).await;
        let meal = meals(&place.service, 0, 1, 1500, 1).await[0];
        let (buyer, late) = (members[0], members[1]);
        let bought = place.service.run(keyed(buyer, "k", place_order(buyer, meal, 1))).await.expect("placed");
        let refused = place.service.run(keyed(late, "k", place_order(late, meal, 1))).await.expect_err("sold out");
        assert_eq!(code(&refused), Code::CapacityExceeded);
        let other = place.service.run(keyed(buyer, "k", place_order(buyer, meal, 2))).await;
        assert_eq!(other, Err(Failure::KeyReused));

        place.service.stop().await;
        let again = start(&place.home.url(), settings()).await;
        assert_eq!(again.run(keyed(buyer, "k", place_order(buyer, meal, 1))).await.expect("kept"), bought);
        assert_eq!(again.run(keyed(buyer, "k", place_order(buyer, meal, 2))).await, Err(Failure::KeyReused));
        // The same key of somebody else is another key, and the answer under it stays although there is room now.
        again.run(cancel(buyer, order_of(bought).order.id, meal)).await.expect("canceled");
        assert_eq!(again.run(keyed(late, "k", place_order(late, meal, 1))).await, Err(refused));
        again.run(keyed(late, "another", place_order(late, meal, 1))).await.expect("there is room");
        common::books_are_right(&again).await;
        again.stop().await;
    }

    async fn a_dry_run_keeps_no_answer(place: Place) {
        let member = place.sign_up("li").await;
        let meal = meals(&place.service, 0, 1, 1500, 1).await[0];
        let rehearsal = Request { dry_run: true, ..keyed(member, "k", place_order(member, meal, 1)) };
        place.service.run(rehearsal).await.expect("possible");
        assert_eq!(number(&place.service, "SELECT COUNT(*) FROM answers").await, 0);
        place.service.run(keyed(member, "k", place_order(member, meal, 1))).await.expect("placed");
        place.books_are_right().await;
    }

    async fn a_command_that_breaks_spoils_no_other(place: Place) {
        // All commands have to come into one batch, and so into one lane.
        place.service.stop().await;
        let mut one_lane = settings();
        one_lane.lanes.postgres_lanes = 1;
        let service = start(&place.home.url(), one_lane).await;
        let members = sign_up_all(&service, 20).await;
        let meals = meals(&service, 0, 2, 1500, 100).await;
        let (meal, broken_meal) = (meals[0], meals[1]);
        let order = |member| service.run(request(member, place_order(member, meal, 1)));
        let broken_order = order_of(order(members[0]).await.expect("placed")).order.id;
        // Rows that contradict each other: canceling this order makes its rule panic.
        tamper(&place.home, "DELETE FROM holds WHERE order_id = $1", &[Value::Int(broken_order.get())]).await;
        // A row that fits no state: it cannot even be read.
        tamper(&place.home, "UPDATE meals SET options = 'no list' WHERE meal_id = $1", &[Value::Int(broken_meal.get())]).await;

        let spoilers = [cancel(members[0], broken_order, meal), request(members[19], place_order(members[19], broken_meal, 1))];
        for (at, spoiler) in spoilers.into_iter().enumerate() {
            let who = &members[1 + at * 7..8 + at * 7];
            let obstacle = Obstacle::before(&place.home, meal).await;
            let others = async {
                eventually("the first is taken", async || queued(&service) == 0).await;
                let release = async {
                    eventually("the others wait", async || queued(&service) == 7).await;
                    obstacle.remove().await;
                };
                let (before, after) = who[1..].split_at(3);
                let before = join_all(before.iter().map(|&member| order(member)));
                let after = join_all(after.iter().map(|&member| order(member)));
                join(join(before, join(service.run(spoiler), after)), release).await.0
            };
            let (first, (before, (spoiled, after))) = join(order(who[0]), others).await;
            for outcome in [first].into_iter().chain(before).chain(after) {
                outcome.expect("not its fault");
            }
            let failure = spoiled.expect_err("it cannot be done");
            assert!(matches!(failure, Failure::Internal { .. }), "{failure:?}");
        }
        assert_eq!(number(&service, "SELECT COUNT(*) FROM meal_orders").await, 1 + 2 * 7);
        // What was broken was left as it was: the pool's sum is wrong, and one order holds nothing.
        let report = service.check().await.expect("checked");
        assert_eq!(report.checks.holds.count, 2, "{report:#?}");
        service.stop().await;
    }

    async fn a_broken_command_does_not_break_a_batch_into_pieces(place: Place) {
        place.service.stop().await;
        let mut one_lane = settings();
        one_lane.lanes.postgres_lanes = 1;
        let service = start(&place.home.url(), one_lane).await;
        let members = sign_up_all(&service, 64).await;
        let meals = meals(&service, 0, 2, 1500, 100).await;
        tamper(&place.home, "UPDATE meals SET options = 'no list' WHERE meal_id = $1", &[Value::Int(meals[1].get())]).await;
        let batches = || service.metrics().batches.load(std::sync::atomic::Ordering::Relaxed);
        let before = batches();
        let obstacle = Obstacle::before(&place.home, meals[0]).await;
        let order = |at: usize, meal| service.run(request(members[at], place_order(members[at], meal, 1)));
        let others = async {
            eventually("the first is taken", async || queued(&service) == 0).await;
            let release = async {
                eventually("the others wait", async || queued(&service) == 64).await;
                obstacle.remove().await;
            };
            let (before, after) = (join_all((1..30).map(|at| order(at, meals[0]))), join_all((30..64).map(|at| order(at, meals[0]))));
            join(join(before, join(order(0, meals[1]), after)), release).await.0
        };
        let (first, (before_it, (broken, after_it))) = join(order(0, meals[0]), others).await;
        assert!(matches!(broken, Err(Failure::Internal { .. })), "{broken:?}");
        assert!([first].into_iter().chain(before_it).chain(after_it).all(|order| order.is_ok()));
        // The first one, and of 64 others six parts at most beside the broken one.
        assert!(batches() - before <= 7, "{} batches", batches() - before);
        common::books_are_right(&service).await;
        service.stop().await;
    }

    async fn a_full_queue_turns_away_and_loses_nothing(place: Place) {
        // The harness's service keeps a long queue; this one a short one.
        place.service.stop().await;
        let mut short = settings();
        short.lanes.queue = 4;
        short.lanes.postgres_lanes = 1;
        let service = start(&place.home.url(), short).await;
        let members = sign_up_all_slowly(&service, 16).await;
        let meal = meals(&service, 0, 1, 1500, 100).await[0];
        let obstacle = Obstacle::before(&place.home, meal).await;
        let ask = |at: usize| service.run(keyed(members[at], "k", place_order(members[at], meal, 1)));
        let (plug, rest) = join(ask(0), async {
            eventually("the plug is taken", async || queued(&service) == 0).await;
            let release = async {
                eventually("the queue is full", async || service.metrics().overloaded.load(std::sync::atomic::Ordering::Relaxed) > 0).await;
                obstacle.remove().await;
            };
            join(join_all((1..16).map(&ask)), release).await.0
        })
        .await;
        plug.expect("placed");
        let turned_away: Vec<usize> = (1..16).zip(&rest).filter(|(_, done)| **done == Err(Failure::Overloaded)).map(|(at, _)| at).collect();
        assert!((11..15).contains(&turned_away.len()), "{turned_away:?}");
        assert_eq!(rest.iter().filter(|done| done.is_ok()).count(), 15 - turned_away.len());
        let placed = 16 - turned_away.len() as i64;
        assert_eq!(number(&service, "SELECT COUNT(*) FROM meal_orders").await, placed, "nothing was done for those turned away");
        for at in turned_away {
            ask(at).await.expect("there is room now");
        }
        common::books_are_right(&service).await;
        service.stop().await;
    }

    async fn stopping_answers_all_that_was_accepted(place: Place) {
        let members = sign_up_all(&place.service, 51).await;
        let meal = meals(&place.service, 0, 1, 1500, 100).await[0];
        let obstacle = Obstacle::before(&place.home, meal).await;
        let asked = join_all(members[..50].iter().map(|&member| place.order(member, meal, 1)));
        let stop = async {
            eventually("they wait", async || queued(&place.service) > 0).await;
            let stopping = place.service.stop();
            let release = async {
                tokio::task::yield_now().await;
                obstacle.remove().await;
            };
            join(stopping, release).await
        };
        let (orders, _) = join(asked, stop).await;
        for order in orders {
            order.expect("accepted before the stop");
        }
        let late = place.order(members[50], meal, 1).await.expect_err("it has stopped");
        assert!(matches!(late, Failure::Unavailable { .. }), "{late:?}");
        let again = start(&place.home.url(), settings()).await;
        assert_eq!(number(&again, "SELECT COUNT(*) FROM meal_orders").await, 50);
        common::books_are_right(&again).await;
        again.stop().await;
    }

    async fn money_comes_and_goes_at_once(place: Place) {
        let members = sign_up_all(&place.service, 30).await;
        let meals = meals(&place.service, 0, 10, 700, 1000).await;
        let grants = members.iter().cycle().take(120).map(|&member| {
            let grant = Grant { member, amount: 1000.try_into().unwrap(), reason: String::new().try_into().unwrap() };
            place.service.run(Request::by_house(Command::Grant(grant)))
        });
        let orders = members.iter().flat_map(|&member| meals.iter().map(move |&meal| (member, meal)));
        let orders = join_all(orders.map(|(member, meal)| place.order(member, meal, 1)));
        let (granted, orders) = join(join_all(grants), orders).await;
        assert!(granted.iter().all(Result::is_ok));
        let orders: Vec<_> = orders.into_iter().map(|order| order.expect("placed").order).collect();
        let cancels = orders.iter().map(|order| place.service.run(cancel(order.member, order.id, order.meal)));
        for canceled in join_all(cancels).await {
            assert_eq!(order_of(canceled.expect("canceled")).order.status, OrderStatus::Canceled);
        }
        let balances = "SELECT CAST(SUM(balance) AS BIGINT) FROM accounts WHERE owner_kind = 'member'";
        assert_eq!(number(&place.service, balances).await, 120 * 1000);
        place.books_are_right().await;
    }

    async fn a_caller_who_goes_away_leaves_no_trace(place: Place) {
        let members = sign_up_all(&place.service, 50).await;
        let meal = meals(&place.service, 0, 1, 1500, 100).await[0];
        for &member in &members {
            // The command is in the lane; nobody waits for its answer.
            drop(tokio::time::timeout(std::time::Duration::ZERO, place.order(member, meal, 1)).await);
        }
        eventually("all are placed", async || number(&place.service, "SELECT COUNT(*) FROM meal_orders").await == 50).await;
        let again = place.order(members[0], meal, 1).await.expect_err("placed already");
        assert_eq!(code(&again), Code::DuplicateOrder);
        place.books_are_right().await;
    }

    async fn two_make_the_same_meal(place: Place) {
        let asked = (0..20).flat_map(|at| [at, at]).map(|at| place.service.run(Request::by_house(create_meal(at, 1, 1))));
        let (made, refused): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (20, 20));
        let ids: BTreeSet<_> = made.into_iter().map(|made| match made {
            Ok(Outcome::Meal(meal)) => meal.meal.id,
            other => panic!("{other:?}"),
        }).collect();
        assert_eq!(ids.len(), 20);
    }
}

async fn sign_up_all_slowly(service: &service::Service, count: usize) -> Vec<MemberId> {
    let mut members = Vec::new();
    for number in 0..count {
        match service.run(common::sign_in(service, &format!("slow-{number}"))).await {
            Ok(Outcome::Session(session)) => members.push(session.member.id),
            other => panic!("{other:?}"),
        }
    }
    members
}
