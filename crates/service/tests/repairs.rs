//! Damage done straight to the database, found by the checks, repaired through the lanes, and not found again.

#![cfg(test)]

mod common;

use common::{Place, both_engines, sign_up_all, tamper};
use futures_util::future::join_all;
use kernel::{
    AccountId, AdjustWallet, BalanceRepair, CapacityRepair, CapacityStrategy, Cents, Code, Command, Currency, Grant,
    MealId, MealStep, MemberId, MemberStatus, OrderAction, OrderCut, OrderOutcome, Outcome, Owner, PoolRepair,
    ProcessOrders, Refusal, RepairBalance, RepairCapacity, RepairOrderStates, RepairPool, SetMemberStatus,
    SetOverdraft, StatesRepair, Step,
};
use service::{CheckReport, Failure, Request};
use store::Value;

async fn repair(place: &Place, command: Command) -> Result<Outcome, Failure> {
    place.service.run(Request::by_house(command)).await
}

fn wallet_of(member: MemberId) -> AccountId {
    Owner::Member(member).account(Currency::Cny)
}

async fn balance(place: &Place, member: MemberId) -> BalanceRepair {
    match repair(place, Command::RepairBalance(RepairBalance { account: wallet_of(member) })).await {
        Ok(Outcome::BalanceRepair(repair)) => repair,
        other => panic!("{other:?}"),
    }
}

async fn capacity(place: &Place, meal: MealId, strategy: CapacityStrategy) -> CapacityRepair {
    match repair(place, Command::RepairCapacity(RepairCapacity { meal, strategy })).await {
        Ok(Outcome::CapacityRepair(repair)) => repair,
        other => panic!("{other:?}"),
    }
}

async fn states(place: &Place, meal: MealId) -> StatesRepair {
    match repair(place, Command::RepairOrderStates(RepairOrderStates { meal })).await {
        Ok(Outcome::StatesRepair(repair)) => repair,
        other => panic!("{other:?}"),
    }
}

async fn pool(place: &Place, meal: MealId) -> PoolRepair {
    match repair(place, Command::RepairPool(RepairPool { meal })).await {
        Ok(Outcome::PoolRepair(repair)) => repair,
        other => panic!("{other:?}"),
    }
}

async fn step(place: &Place, meal: MealId, step: Step) {
    repair(place, Command::MealStep(MealStep { meal, step })).await.expect("stepped");
}

async fn process(place: &Place, order: &OrderOutcome, action: OrderAction) -> Result<Cents, Refusal> {
    let command = ProcessOrders {
        orders: [(order.order.id, order.order.meal)].into(),
        action,
        reason: "by hand".to_owned().try_into().expect("a note"),
    };
    match repair(place, Command::ProcessOrders(command)).await {
        Ok(Outcome::Orders { mut orders }) => orders.remove(0).refunded,
        other => panic!("{other:?}"),
    }
}

async fn found(place: &Place) -> CheckReport {
    let report = place.service.check().await.expect("checked");
    assert!(!report.passes(), "the damage is not found");
    report
}

async fn spoil(place: &Place, sql: String) {
    tamper(&place.home, &sql, &[]).await;
}

/// An order as it would be in the database, paid for and with its claim, if nobody had asked whether there was room. Only the
/// pool does not know: it cannot be told of more than it has.
async fn smuggle(place: &Place, number: i64, member: MemberId, meal: MealId, quantity: i64, cents: i64) {
    let (member, meal) = (member.get(), meal.get());
    spoil(
        place,
        format!(
            "INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, \
             status, placed_by, created_at, updated_at, version) VALUES ({number}, 'smuggled-{number}', {member}, {meal}, {}, {quantity}, '[]', {cents}, '', \
             'active', NULL, {number}, {number}, 0)",
            2 * member,
        ),
    )
    .await;
    spoil(place, format!("INSERT INTO holds VALUES ({number}, {meal}, {quantity}, 'held', NULL, 0)")).await;
    for (account, amount) in [(2 * member, -cents), (2 * meal, cents)] {
        spoil(
            place,
            format!(
                "INSERT INTO entries SELECT account_id, entry_count + 1, {number}, 'order_charge', {number}, {amount}, \
                 balance + {amount}, 0 FROM accounts WHERE account_id = {account}"
            ),
        )
        .await;
        spoil(
            place,
            format!(
                "UPDATE accounts SET balance = balance + {amount}, entry_count = entry_count + 1 WHERE account_id = {account}"
            ),
        )
        .await;
    }
}

async fn audits(place: &Place, action: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM audits WHERE action = $1";
    let rows = place.service.store().query(sql, vec![Value::from(action.to_owned())]).await;
    rows.expect("read").remove(0).cells().int().expect("a number")
}

async fn give(place: &Place, member: MemberId, cents: i64) {
    let grant =
        Grant { member, amount: cents.try_into().expect("a price"), reason: String::new().try_into().expect("a note") };
    repair(place, Command::Grant(grant)).await.expect("granted");
}

both_engines! {
    async fn a_balance_that_is_not_the_sum_of_its_entries(place: Place) {
        let member = place.sign_up("li").await;
        give(&place, member, 10_000).await;
        let meal = place.meal(member, 1500, 9).await;
        place.order(member, meal, 2).await.expect("placed");
        assert!(!balance(&place, member).await.repaired);

        let wallet = 2 * member.get();
        for damage in ["balance = balance + 500", "entry_count = entry_count + 3", "balance = 0, entry_count = 0"] {
            spoil(&place, format!("UPDATE accounts SET {damage} WHERE account_id = {wallet}")).await;
            assert_eq!(found(&place).await.checks.balance.count, 1);
            let repaired = balance(&place, member).await;
            assert!(repaired.repaired);
            assert_eq!((repaired.new_balance, repaired.new_entries), (Cents::new(7000), 2));
            assert_eq!(repaired.difference.get(), 7000 - repaired.old_balance.get());
            place.books_are_right().await;
            assert!(!balance(&place, member).await.repaired);
        }
        assert_eq!(audits(&place, "repair.balance").await, 3);

        spoil(&place, format!("DELETE FROM entries WHERE account_id = {wallet} AND number = 1")).await;
        let refused = repair(&place, Command::RepairBalance(RepairBalance { account: wallet_of(member) })).await;
        assert_eq!(common::code(&refused.expect_err("nothing to go by")), Code::BusinessRule);
    }

    async fn a_balance_repair_among_many_movements_changes_none(place: Place) {
        let member = place.sign_up("li").await;
        give(&place, member, 1).await;
        let commands = (0..60).map(|number| {
            let grant = Grant { member, amount: 100.try_into().unwrap(), reason: String::new().try_into().unwrap() };
            let command = if number % 3 == 0 {
                Command::RepairBalance(RepairBalance { account: wallet_of(member) })
            } else {
                Command::Grant(grant)
            };
            repair(&place, command)
        });
        for outcome in join_all(commands).await {
            match outcome.expect("done") {
                Outcome::BalanceRepair(repair) => assert!(!repair.repaired, "{repair:?}"),
                Outcome::Wallet(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(balance(&place, member).await.new_balance, Cents::new(4001));
        place.books_are_right().await;
    }

    async fn orders_over_the_capacity_give_way_from_the_newest(place: Place) {
        let members = sign_up_all(&place.service, 3).await;
        let meal = place.meal(members[0], 1000, 5).await;
        place.order(members[0], meal, 4).await.expect("placed");
        // Both are older than the one that was placed in earnest, to go by their times.
        smuggle(&place, 101, members[1], meal, 3, 3001).await;
        smuggle(&place, 102, members[2], meal, 2, 2000).await;
        assert_eq!(found(&place).await.checks.capacity.count, 1);

        let repaired = capacity(&place, meal, CapacityStrategy::CancelLatest).await;
        let cuts: Vec<_> = repaired.orders.iter().map(|cut| (cut.user_id, cut.new_quantity, cut.action)).collect();
        assert_eq!(cuts, [(members[0], 0, OrderCut::Canceled)]);
        assert_eq!((repaired.excess_resolved, repaired.orders[0].refund_cents), (4, Cents::new(4000)));
        place.books_are_right().await;
        let again = capacity(&place, meal, CapacityStrategy::CancelLatest).await;
        assert_eq!((again.orders, again.excess_resolved), (Vec::new(), 0));

        // A capacity that somebody made smaller, and a price that does not divide.
        let sql = format!("UPDATE pools SET capacity = 3, taken = 3 WHERE pool_id = {}", meal.get());
        spoil(&place, sql).await;
        assert!(found(&place).await.checks.holds.count > 0);
        let repaired = capacity(&place, meal, CapacityStrategy::CancelLatest).await;
        let cuts: Vec<_> = repaired.orders.iter().map(|cut| (cut.new_quantity, cut.refund_cents.get())).collect();
        assert_eq!(cuts, [(0, 2000)]);
        place.books_are_right().await;
        let sql = format!("UPDATE pools SET capacity = 2, taken = 2 WHERE pool_id = {}", meal.get());
        spoil(&place, sql).await;
        let repaired = capacity(&place, meal, CapacityStrategy::CancelLatest).await;
        // Two thirds of 3001 are 2000⅔.
        assert_eq!((repaired.orders[0].new_quantity, repaired.orders[0].refund_cents), (2, Cents::new(1000)));
        place.books_are_right().await;
        assert_eq!((audits(&place, "repair.capacity").await, audits(&place, "order.reduce").await), (3, 1));
    }

    async fn orders_over_the_capacity_share_what_there_is(place: Place) {
        let members = sign_up_all(&place.service, 4).await;
        let meal = place.meal(members[0], 1000, 5).await;
        place.order(members[0], meal, 5).await.expect("placed");
        smuggle(&place, 101, members[1], meal, 3, 3000).await;
        smuggle(&place, 102, members[2], meal, 1, 1000).await;
        smuggle(&place, 103, members[3], meal, 1, 1000).await;
        step(&place, meal, Step::Lock).await;
        assert_eq!(found(&place).await.checks.capacity.count, 1);

        let repaired = capacity(&place, meal, CapacityStrategy::ReduceProportional).await;
        let cuts: Vec<_> = repaired.orders.iter().map(|cut| (cut.user_id, cut.old_quantity, cut.new_quantity)).collect();
        // From the oldest on 1½, ½, ½ and 2½ of five portions: the two left over go to the two oldest.
        assert_eq!(cuts, [(members[1], 3, 2), (members[3], 1, 0), (members[0], 5, 2)]);
        assert_eq!(repaired.excess_resolved, 5);
        place.books_are_right().await;
        let again = capacity(&place, meal, CapacityStrategy::ReduceProportional).await;
        assert_eq!((again.orders, again.excess_resolved), (Vec::new(), 0));
        step(&place, meal, Step::Complete).await;
        place.books_are_right().await;
    }

    async fn orders_that_their_meal_has_left_behind(place: Place) {
        let members = sign_up_all(&place.service, 2).await;
        for (number, member) in members.iter().enumerate() {
            give(&place, *member, 10_000 + number as i64).await;
        }
        let set_meal = |meal: MealId, status| format!("UPDATE meals SET status = '{status}' WHERE meal_id = {}", meal.get());
        let set_orders = |meal: MealId, status| {
            format!("UPDATE meal_orders SET status = '{status}' WHERE meal_id = {}", meal.get())
        };
        let mut meals = Vec::new();
        for _ in 0..4 {
            let meal = place.meal(members[0], 1000, 5).await;
            for &member in &members {
                place.order(member, meal, 1).await.expect("placed");
            }
            meals.push(meal);
        }

        spoil(&place, set_meal(meals[0], "canceled")).await;
        assert_eq!(found(&place).await.checks.order_status.count, 2);
        let repaired = states(&place, meals[0]).await;
        assert_eq!((repaired.orders.len(), repaired.refunded), (2, Cents::new(2000)));
        place.books_are_right().await;

        spoil(&place, set_orders(meals[1], "locked")).await;
        assert_eq!(found(&place).await.checks.order_status.count, 2);
        assert_eq!(states(&place, meals[1]).await.refunded, Cents::ZERO);
        place.books_are_right().await;

        step(&place, meals[2], Step::Lock).await;
        spoil(&place, set_orders(meals[2], "active")).await;
        assert_eq!(found(&place).await.checks.order_status.count, 2);
        states(&place, meals[2]).await;
        place.books_are_right().await;
        step(&place, meals[2], Step::Complete).await;
        spoil(&place, set_orders(meals[2], "active")).await;
        assert_eq!(states(&place, meals[2]).await.orders.len(), 2);
        place.books_are_right().await;

        spoil(&place, set_meal(meals[3], "canceled")).await;
        spoil(&place, set_orders(meals[3], "completed")).await;
        assert_eq!(found(&place).await.checks.order_status.count, 2);
        assert_eq!(states(&place, meals[3]).await.refunded, Cents::new(2000));
        place.books_are_right().await;

        for meal in meals {
            assert_eq!(states(&place, meal).await.orders, Vec::new());
        }
        assert_eq!(audits(&place, "repair.order_states").await, 5);
        assert_eq!(balance(&place, members[1]).await.new_balance, Cents::new(8001));
    }

    async fn what_goes_back_is_what_was_paid(place: Place) {
        let members = sign_up_all(&place.service, 2).await;
        let meal = place.meal(members[0], 1000, 9).await;
        let order = place.order(members[0], meal, 2).await.expect("placed").order.id;
        place.order(members[1], meal, 1).await.expect("placed");
        spoil(&place, format!("UPDATE meal_orders SET total_cents = 9900 WHERE order_id = {order}")).await;
        spoil(&place, format!("UPDATE meals SET status = 'canceled' WHERE meal_id = {meal}")).await;
        let report = found(&place).await;
        assert_eq!((report.checks.order_status.count, report.checks.ledger.count), (2, 1));
        assert_eq!(states(&place, meal).await.refunded, Cents::new(3000));
        assert_eq!(balance(&place, members[0]).await.new_balance, Cents::ZERO);
        place.books_are_right().await;
        assert_eq!(states(&place, meal).await.orders, Vec::new());
    }

    async fn a_meal_that_nobody_has_closed(place: Place) {
        let members = sign_up_all(&place.service, 2).await;
        let meal = place.meal(members[0], 1000, 9).await;
        let order = place.order(members[0], meal, 2).await.expect("placed").order.id;
        let yesterday = place.service.now().date_in(place.service.zone()).plus_days(-1);
        spoil(&place, format!("UPDATE meals SET date = '{yesterday}' WHERE meal_id = {meal}")).await;
        place.books_are_right().await;
        assert_eq!(states(&place, meal).await.orders, Vec::new());
        spoil(&place, format!("UPDATE meals SET date = '{}' WHERE meal_id = {meal}", yesterday.plus_days(-1))).await;
        assert_eq!(found(&place).await.checks.order_status.details[0].inconsistency_type, "EXPIRED_ORDER");
        assert_eq!(states(&place, meal).await.orders, [order]);
        place.books_are_right().await;
        assert_eq!(states(&place, meal).await.orders, Vec::new());
        assert_eq!(balance(&place, members[0]).await.new_balance, Cents::new(-2000));
        let late = place.order(members[1], meal, 1).await.expect_err("it is over");
        assert_eq!(common::code(&late), Code::MealNotOpen);
    }

    async fn a_pool_and_claims_that_are_not_what_was_ordered(place: Place) {
        let members = sign_up_all(&place.service, 2).await;
        let meal = place.meal(members[0], 1000, 9).await;
        let order = place.order(members[0], meal, 2).await.expect("placed").order.id.get();
        let canceled = place.order(members[1], meal, 3).await.expect("placed");
        process(&place, &canceled, OrderAction::Cancel).await.expect("canceled");
        let canceled = canceled.order.id.get();
        assert!(!pool(&place, meal).await.repaired());

        let id = meal.get();
        let damages = [
            format!("UPDATE pools SET taken = 7 WHERE pool_id = {id}"),
            format!("DELETE FROM holds WHERE order_id = {order}"),
            format!("UPDATE holds SET quantity = 1 WHERE order_id = {order}"),
            format!("UPDATE holds SET state = 'released' WHERE order_id = {order}"),
            format!("UPDATE holds SET state = 'held' WHERE order_id = {canceled}"),
            format!("INSERT INTO holds VALUES (77, {id}, 4, 'held', NULL, 0)"),
        ];
        let repairs = damages.len() as i64;
        for damage in damages {
            spoil(&place, damage).await;
            assert!(found(&place).await.checks.holds.count > 0);
            let repaired = pool(&place, meal).await;
            assert!(repaired.repaired());
            assert_eq!(repaired.new_taken, 2);
            place.books_are_right().await;
            assert!(!pool(&place, meal).await.repaired());
        }
        assert_eq!(audits(&place, "repair.pool").await, repairs);

        // What the database itself does not let happen.
        let mut outsider = place.home.outsider().await;
        outsider.begin().await.expect("begun");
        let sql = format!("UPDATE pools SET taken = capacity + 1 WHERE pool_id = {id}");
        assert!(outsider.query(&sql, &[]).await.is_err());
        outsider.rollback().await;
        drop(outsider);

        spoil(&place, format!("UPDATE pools SET taken = 1, capacity = 1 WHERE pool_id = {id}")).await;
        let refused = repair(&place, Command::RepairPool(RepairPool { meal })).await.expect_err("no room");
        assert_eq!(common::code(&refused), Code::CapacityExceeded);
        capacity(&place, meal, CapacityStrategy::ReduceProportional).await;
        place.books_are_right().await;
    }

    async fn single_orders_and_wallets_in_an_administrators_hands(place: Place) {
        let member = place.sign_up("li").await;
        let meal = place.meal(member, 1000, 9).await;
        let order = place.order(member, meal, 2).await.expect("placed");
        let refused = process(&place, &order, OrderAction::Complete).await.expect_err("not locked");
        assert_eq!(refused.code(), Code::InvalidStatusTransition);
        let refunded = process(&place, &order, OrderAction::Refund).await.expect("refunded");
        assert_eq!(refunded, Cents::new(2000));
        let order = place.order(member, meal, 1).await.expect("placed");
        step(&place, meal, Step::Lock).await;
        let completed = process(&place, &order, OrderAction::Complete).await.expect("completed");
        assert_eq!(completed, Cents::ZERO);
        let refused = repair(
            &place,
            Command::CancelMeal(kernel::CancelMeal { meal, reason: String::new().try_into().unwrap() }),
        );
        assert_eq!(common::code(&refused.await.expect_err("one is completed")), Code::InvalidStatusTransition);
        place.books_are_right().await;

        let adjust = AdjustWallet {
            member,
            amount: (-500).try_into().unwrap(),
            reason: "paid twice".to_owned().try_into().unwrap(),
        };
        let Ok(Outcome::Wallet(wallet)) = repair(&place, Command::AdjustWallet(adjust)).await else { panic!("adjusted") };
        assert_eq!(wallet.balance, Cents::new(-1500));
        let reason = || String::new().try_into().unwrap();
        let limit = SetOverdraft { member, limit: Some(2000_u32.into()), reason: reason() };
        repair(&place, Command::SetOverdraft(limit)).await.expect("set");
        let dinner = place.meal(member, 1000, 9).await;
        let refused = place.order(member, dinner, 1).await.expect_err("too deep");
        assert_eq!(common::code(&refused), Code::InsufficientBalance);
        let limit = SetOverdraft { member, limit: None, reason: reason() };
        repair(&place, Command::SetOverdraft(limit)).await.expect("taken away");
        place.order(member, dinner, 1).await.expect("no floor");
        let disable = SetMemberStatus { member, status: MemberStatus::Disabled, reason: reason() };
        repair(&place, Command::SetMemberStatus(disable)).await.expect("disabled");
        assert!(place.order(member, dinner, 1).await.is_err());
        place.books_are_right().await;
    }
}
