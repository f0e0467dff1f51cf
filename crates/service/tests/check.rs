//! Damage done straight to the database, each kind found by its check and by no other that has nothing to do with it.

#![cfg(test)]

mod common;

use common::{Place, both_engines};
use kernel::{MealStatus, MemberId, RunState};
use service::ConsistencyCheck;

both_engines! {
    async fn healthy_books_pass(place: Place) {
        busy(&place).await;
        assert_eq!(broken(&place).await, [""; 0]);
    }

    async fn a_changed_balance_is_found(place: Place) {
        let member = busy(&place).await;
        damage(&place, &format!("UPDATE accounts SET balance = balance + 1 WHERE owner_id = {}", member.get())).await;
        assert_eq!(broken(&place).await, ["balance"]);
        let found = &place.service.check().await.expect("checked").checks.balance.details[0];
        assert_eq!((found.user_id, found.difference, found.nickname.as_deref()), (Some(member), 1, Some("li")));
    }

    async fn the_nightly_job_counts_what_it_finds(place: Place) {
        let member = busy(&place).await;
        damage(&place, &format!("UPDATE accounts SET balance = balance + 1 WHERE owner_id = {}", member.get())).await;
        place.service.stop().await;
        let mut settings = common::settings();
        settings.jobs = vec![Box::new(ConsistencyCheck)];
        let service = common::start(&place.home.url(), settings).await;
        let runs = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";
        common::eventually("it runs at the first start", async || common::number(&service, runs).await == 1).await;
        let shown = store::queries::jobs::runs(service.store(), "consistency-check", 1).await.expect("read").remove(0);
        let RunState::Succeeded { counts, .. } = shown.run.state else { panic!("{shown:?}") };
        assert_eq!((counts.len(), counts["balance"], counts["running"]), (10, 1, 0));
        service.stop().await;
    }

    /// Whatever is done to a record, the seal over it and no other says so.
    async fn a_rewritten_audit_trail_is_found(place: Place) {
        busy(&place).await;
        let seal = async || place.service.seal_audit(place.service.now().plus_millis(60_000)).await.expect("sealed");
        let first = seal().await;
        assert!(first > 2, "{first}");
        assert_eq!(seal().await, 0, "nothing new, no seal");
        place.sign_up("zhao").await;
        assert!(seal().await > 0);
        let audits = async |sql: &'static str| common::number(&place.service, sql).await;
        assert_eq!(audits("SELECT COUNT(*) FROM audit_seals").await, 2);
        assert_eq!(broken(&place).await, [""; 0]);

        let until = audits("SELECT until_id FROM audit_seals WHERE seal_id = 1").await;
        let oldest = audits("SELECT MIN(audit_id) FROM audits").await;
        let broken_seals = async || {
            let audit = place.service.check().await.expect("checked").checks.audit;
            audit.details.iter().map(|found| (found.seal_id, found.calculated - found.recorded)).collect::<Vec<_>>()
        };
        for (harm, undo) in [
            ("UPDATE audits SET reason = 'x' WHERE audit_id = {}", "UPDATE audits SET reason = NULL WHERE audit_id = {}"),
            ("UPDATE audits SET at = at + 1 WHERE audit_id = {}", "UPDATE audits SET at = at - 1 WHERE audit_id = {}"),
            ("UPDATE audits SET action = action || '.' WHERE audit_id = {}",
             "UPDATE audits SET action = SUBSTR(action, 1, LENGTH(action) - 1) WHERE audit_id = {}"),
        ] {
            damage(&place, &harm.replace("{}", &oldest.to_string())).await;
            assert_eq!(broken_seals().await, [(1, 0)], "{harm}");
            damage(&place, &undo.replace("{}", &oldest.to_string())).await;
            assert_eq!(broken_seals().await, [], "{undo}");
        }
        damage(&place, &format!("DELETE FROM audits WHERE audit_id = {oldest}")).await;
        assert_eq!(broken_seals().await, [(1, -1)]);
        damage(&place, &format!("DELETE FROM audits WHERE audit_id <= {until}")).await;
        damage(&place, "DELETE FROM audit_seals WHERE seal_id = 1").await;
        assert_eq!(broken_seals().await, [(2, 0)], "the second seal holds the first one's hash");
    }

    async fn a_changed_entry_is_found(place: Place) {
        let member = busy(&place).await;
        let account = member.get() * 2;
        damage(&place, &format!("UPDATE entries SET amount = amount - 7 WHERE account_id = {account} AND number = 1")).await;
        assert_eq!(broken(&place).await, ["balance", "running", "transfers", "ledger"]);
    }

    async fn a_changed_balance_after_is_found(place: Place) {
        let member = busy(&place).await;
        let account = member.get() * 2;
        let sql = format!("UPDATE entries SET balance_after = balance_after - 7 WHERE account_id = {account} AND number = 1");
        damage(&place, &sql).await;
        assert_eq!(broken(&place).await, ["running"]);
    }

    async fn a_lost_entry_is_found(place: Place) {
        let member = busy(&place).await;
        damage(&place, &format!("DELETE FROM entries WHERE account_id = {}", member.get() * 2)).await;
        assert_eq!(broken(&place).await, ["balance", "transfers", "ledger"]);
    }

    async fn money_moved_between_transfers_is_found(place: Place) {
        let member = busy(&place).await;
        // Every balance and every running balance is still right.
        let sql = format!("UPDATE entries SET transfer_id = transfer_id + 1 WHERE account_id = {}", member.get() * 2);
        damage(&place, &sql).await;
        assert_eq!(broken(&place).await, ["transfers"]);
    }

    async fn a_pool_that_counts_wrong_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "UPDATE pools SET taken = taken - 1").await;
        assert_eq!(broken(&place).await, ["holds"]);
    }

    async fn a_lost_hold_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "DELETE FROM holds").await;
        assert_eq!(broken(&place).await, ["holds"]);
    }

    async fn a_hold_of_nobody_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "INSERT INTO holds (order_id, pool_id, quantity, state, version) SELECT 5, pool_id, 1, 'held', 0 FROM pools").await;
        assert_eq!(broken(&place).await, ["holds"]);
    }

    async fn more_ordered_than_there_is_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "UPDATE meal_orders SET quantity = 1000").await;
        assert_eq!(broken(&place).await, ["holds", "capacity"]);
    }

    async fn an_order_that_costs_other_than_was_paid_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "UPDATE meal_orders SET total_cents = total_cents + 1").await;
        assert_eq!(broken(&place).await, ["ledger"]);
    }

    async fn a_part_of_another_meals_group_order_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "INSERT INTO group_orders (group_order_id, department_id, meal_id, remark, created_at, version) \
            SELECT 5, 6, meal_id, '', 0, 0 FROM meals LIMIT 1").await;
        damage(&place, "UPDATE meal_orders SET group_order_id = 5 WHERE meal_id = (SELECT meal_id FROM group_orders)").await;
        assert_eq!(broken(&place).await, [""; 0], "they are of one meal");
        damage(&place, "UPDATE group_orders SET meal_id = meal_id + 1").await;
        assert_eq!(broken(&place).await, ["order_status"]);
        let found = &place.service.check().await.expect("checked").checks.order_status.details[0];
        assert_eq!(found.inconsistency_type, "GROUP_ORDER_OF_OTHER_MEAL");
        damage(&place, "DELETE FROM group_orders").await;
        assert_eq!(broken(&place).await, ["order_status"], "or of one that is not there");
    }

    async fn an_order_in_a_state_its_meal_rules_out_is_found(place: Place) {
        busy(&place).await;
        damage(&place, &format!("UPDATE meals SET status = '{}'", MealStatus::Canceled.as_str())).await;
        assert_eq!(broken(&place).await, ["order_status"]);
        let found = &place.service.check().await.expect("checked").checks.order_status.details[0];
        assert_eq!(found.inconsistency_type, "MEAL_CANCELED_ORDER_ACTIVE");
    }

    async fn an_order_of_a_meal_long_past_is_found(place: Place) {
        busy(&place).await;
        damage(&place, "UPDATE meals SET date = '2001-01-01'").await;
        let found = &place.service.check().await.expect("checked").checks.order_status.details[0];
        assert_eq!(found.inconsistency_type, "EXPIRED_ORDER");
    }
}

/// One meal, ordered twice; the first buyer.
async fn busy(place: &Place) -> MemberId {
    let (li, wang) = (place.sign_up("li").await, place.sign_up("wang").await);
    let meal = place.meal(li, 1500, 10).await;
    place.order(li, meal, 2).await.expect("placed");
    place.order(wang, meal, 1).await.expect("placed");
    li
}

async fn damage(place: &Place, sql: &str) {
    let mut writer = place.home.outsider().await;
    writer.script(sql).await.expect("damaged");
}

/// The checks that found something.
async fn broken(place: &Place) -> Vec<&'static str> {
    let report = place.service.check().await.expect("checked");
    report.counts().into_iter().filter(|&(_, count)| count > 0).map(|(name, _)| name).collect()
}
