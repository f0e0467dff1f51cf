//! What a database has to do to be ours: the same list for every engine.

#![cfg(test)]

mod cabinets;
mod common;
mod lists;
mod payments;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc;

use cabinets::{
    an_event_is_kept_once, cabinets_come_back_as_written, pay_score_orders_come_back_as_written,
    what_the_erp_was_told_comes_back_as_written,
};
use common::{
    Home, NOW, TEXTS, account, assert_says, at, count, department, entry, execute, grants, hold, insert, meal, member,
    openid, options, order, pool, read, session, try_insert, try_write, window,
};
use kernel::{
    AccountId, ActiveFactor, AuditRecord, Cents, Change, Claim, Currency, Delivery, Department, DepartmentId,
    DrawSecret, Entry, EntryKind, FactorOffer, Facts, Fulfilment, Goods, Grants, GroupOrder, GroupOrderId, Hold,
    HoldState, HouseRole, Instant, Job, JobRun, LedgerSum, Meal, MealId, MealOrder, MealStatus, Member, MemberId,
    MemberStatus, Needs, OrderId, OrderStatus, OutboxMessage, Owner, PayWith, Payer, PaymentId, Permission,
    Permissions, Picture, PictureKind, PoolId, Product, ProductId, Quantity, RefundId, Rights, Role, RoleCode,
    RoleGrant, RoleId, RoleScope, Round, RoundId, RoundState, RunId, RunState, Scope, Sealed, SecondFactor, Session,
    ShopOrder, ShopOrderState, SignInTicket, Slot, StockMovement, StuckOrder, Subscriber, Subscription, SubscriptionId,
    SubscriptionResult, SubscriptionRun, SubscriptionStatus, SystemAccount, TicketPurpose, TransferId,
};
use lists::{
    lists_of_a_house_are_walked_in_every_order, lists_of_cabinets_are_walked_in_every_order,
    members_are_walked_in_every_order, orders_are_walked_in_every_order, other_lists_are_walked_in_every_order,
    what_is_too_much_to_sort_is_refused,
};
use payments::{
    callbacks_and_bills_are_kept, exceptions_are_found, payments_are_found, payments_come_back_as_written,
    the_keys_of_payments_are_unique,
};
use store::{Answer, AnswerKey, Cause, Engine, Error, Migrated, NODES, Row, StoredAnswer, Value, expected_schema};

macro_rules! conformance {
    ($engine:ident) => {
        conformance!($engine:
            members_come_back_as_written, departments_come_back_as_written, sessions_come_back_as_written,
            second_factors_come_back_as_written,
            meals_come_back_as_written, orders_come_back_as_written, subscriptions_come_back_as_written, pools_and_holds_come_back_as_written,
            accounts_come_back_as_written, jobs_and_runs_come_back_as_written, entries_audits_and_messages_come_back_as_written,
            payments_come_back_as_written, the_keys_of_payments_are_unique, payments_are_found, callbacks_and_bills_are_kept,
            exceptions_are_found, members_are_walked_in_every_order, other_lists_are_walked_in_every_order,
            lists_of_cabinets_are_walked_in_every_order, lists_of_a_house_are_walked_in_every_order,
            orders_are_walked_in_every_order, what_is_too_much_to_sort_is_refused, answers_come_back_as_written, the_shop_comes_back_as_written, cabinets_come_back_as_written,
            pay_score_orders_come_back_as_written,
            an_event_is_kept_once, what_the_erp_was_told_comes_back_as_written, what_is_not_there_is_known_to_be_absent, open_orders_come_with_their_holds,
            completed_orders_and_claims_come_as_they_are, a_ledger_is_added_up_entry_by_entry,
            lapsed_holds_are_found, who_holds_a_role_is_found, roles_are_kept_and_bind_who_holds_them, an_update_finds_the_row_and_changes_it,
            a_stale_update_fails_the_whole_write, a_stale_update_of_any_table_is_seen, one_meal_for_a_date_and_slot,
            one_standing_order_for_a_member_and_meal, natural_keys_are_unique, rows_out_of_range_are_refused,
            a_text_where_an_integer_belongs_is_refused, rows_that_fit_no_state_are_inconsistent,
            migrating_twice_changes_nothing, eight_migrate_at_once, a_newer_database_is_refused,
            a_half_failed_migration_leaves_nothing, a_rollback_leaves_nothing, an_error_spoils_no_connection,
            two_claimers_get_two_numbers, a_number_is_free_when_its_lease_has_ended, all_numbers_can_be_taken,
            a_lost_number_cannot_be_renewed, eight_claim_at_once, two_workers_never_get_the_same_message,
            a_claim_ends_with_its_lease, a_message_waits_for_its_time, a_delivered_message_is_never_claimed_again,
            a_parked_message_is_left_alone, who_is_late_settles_nothing, ids_are_never_allowed_twice,
            a_number_can_be_given_back, who_migrates_waits_for_the_first, a_scan_sees_one_moment, a_scan_that_fails_spoils_no_connection,
            a_stream_is_whole_and_in_order, a_stream_sees_one_moment, a_stream_that_fails_says_so,
            a_stream_that_is_dropped_gives_its_connection_back, a_query_cannot_write, many_queries_at_once_all_answer,
        );
    };
    ($engine:ident: $($name:ident,)+) => {
        mod $engine {
            use super::*;

            const ENGINE: Engine = super::engine(stringify!($engine));

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&Home::new(ENGINE).await).await;
            })+
        }
    };
}

const fn engine(name: &str) -> Engine {
    match name.as_bytes() {
        b"sqlite" => Engine::Sqlite,
        b"postgres" => Engine::Postgres,
        _ => panic!("no such engine"),
    }
}

conformance!(sqlite);
conformance!(postgres);

// What is written is what is read.

async fn members_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    // Every combination of what may be absent.
    let mut members: Vec<Member> = (0..32)
        .map(|bits: i64| {
            let has = |bit: i64| bits & (1 << bit) != 0;
            Member {
                openid: has(0).then(|| openid(&format!("openid-{bits}"))),
                account: has(1).then(|| format!("小李.{bits}").try_into().expect("an account")),
                avatar_url: has(2).then(|| TEXTS[usize::try_from(bits).expect("small") % 6].to_owned()),
                department: has(3).then(|| DepartmentId::new(i64::MAX - bits)),
                overdraft_limit: has(4).then(|| {
                    let limit = [0, 1, 5000, (1_i64 << 53) - 1][usize::from(has(0)) + 2 * usize::from(has(1))];
                    limit.try_into().expect("a limit")
                }),
                status: if has(0) { MemberStatus::Disabled } else { MemberStatus::Active },
                grants: if has(1) { grants() } else { Grants::default() },
                nickname: TEXTS[usize::try_from(bits).expect("small") % 6].to_owned(),
                ..member(1 + bits)
            }
        })
        .collect();
    members.push(Member { created_at: at(i64::MIN), ..member(i64::MAX) });
    members.push(Member { created_at: at(i64::MAX), ..member(i64::MIN) });
    insert(&mut writer, members.iter().cloned().map(Change::Member).collect()).await;

    let needs = Needs {
        members: members.iter().map(|member| member.id).collect(),
        openids: members.iter().filter_map(|member| member.openid.as_ref().map(|openid| openid.index)).collect(),
        account_names: members.iter().filter_map(|member| member.account.clone()).collect(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    for member in &members {
        assert_eq!(facts.members.get(&member.id), Some(member));
        if let Some(openid) = &member.openid {
            assert_eq!(facts.member_by_openid.get(&openid.index), Some(&member.id));
        }
        if let Some(account) = &member.account {
            assert_eq!(facts.member_by_account.get(account), Some(&member.id));
        }
    }
    let hash = "$argon2id$v=19$…";
    insert(&mut writer, vec![Change::PasswordHash(MemberId::new(4), hash.to_owned())]).await;
    let (store, account) = (home.store(), |at: usize| members[at].account.clone().expect("bit 1"));
    let found = store::queries::members::credential(&store, &account(3)).await.expect("read");
    assert_eq!(found, Some((MemberId::new(4), hash.to_owned())));
    insert(&mut writer, vec![Change::PasswordHash(MemberId::new(4), "another".to_owned())]).await;
    let found = store::queries::members::credential(&store, &account(3)).await.expect("read");
    assert_eq!(found, Some((MemberId::new(4), "another".to_owned())), "a new password takes the old one's place");
    let found = store::queries::members::credential(&store, &account(2)).await.expect("read");
    assert_eq!(found, None, "member 3 has an account and no password");
}

async fn departments_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let departments = [
        Department {
            pays: Payer::Member,
            members_may_cancel: false,
            ..department(1, "R&D".replace('&', "_").as_str())
        },
        Department { overdraft_limit: Some(5000_u32.into()), ..department(2, "two") },
        Department { name: "市场部 'A'".to_owned().try_into().expect("a name"), ..department(i64::MAX, "市场") },
    ];
    insert(&mut writer, departments.iter().cloned().map(Change::Department).collect()).await;
    let needs = Needs {
        departments: departments.iter().map(|department| department.id).collect(),
        department_codes: departments.iter().map(|department| department.code.clone()).collect(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    for department in &departments {
        assert_eq!(facts.departments.get(&department.id), Some(department));
        assert_eq!(facts.department_by_code.get(&department.code), Some(&department.id));
    }
}

async fn sessions_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let sessions = [
        session(0),
        Session { revoked_at: Some(at(0)), ..session(1) },
        Session { token_hash: [0; 32], ..session(2) },
        Session { token_hash: [0xff; 32], member: MemberId::new(2), revoked_at: Some(at(i64::MAX)), ..session(3) },
    ];
    let mut changes: Vec<_> = sessions.iter().cloned().map(Change::Session).collect();
    changes.push(Change::Member(member(1)));
    changes.push(Change::Member(Member { status: MemberStatus::Disabled, grants: grants(), ..member(2) }));
    insert(&mut writer, changes).await;
    let needs = Needs { sessions: sessions.iter().map(|session| session.token_hash).collect(), ..Needs::default() };
    let facts = read(&mut writer, &needs).await;
    for session in &sessions {
        assert_eq!(facts.sessions.get(&session.token_hash), Some(session));
    }

    let hashes = [[0xff; 32], [0; 32], [7; 32]];
    let found = store::queries::sessions::by_tokens(&home.store(), &hashes).await.expect("read");
    let found: BTreeMap<_, _> = found.into_iter().map(|row| (row.token_hash, row)).collect();
    assert_eq!(found.len(), 2);
    let row = &found[&[0xff; 32]];
    assert_eq!((row.member, row.is_revoked, row.status), (MemberId::new(2), true, MemberStatus::Disabled));
    let first = |code: RoleCode| code.built_in().map(|role| Permissions::of(role.permissions()));
    assert_eq!((&row.rights, row.expires_at), (&Rights::new(&grants(), first), sessions[3].expires_at));
    let row = &found[&[0; 32]];
    assert_eq!((row.member, row.is_revoked, row.status), (MemberId::new(1), false, MemberStatus::Active));
}

async fn meals_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let dates = ["2000-01-01", "2024-02-29", "2030-12-31", "2199-12-31"];
    let mut meals = Vec::new();
    for (at_date, date) in dates.iter().enumerate() {
        for (at_slot, slot) in Slot::ALL.into_iter().enumerate() {
            let number = at_date * 3 + at_slot;
            let text = TEXTS[number % 6];
            meals.push(Meal {
                title: text.to_owned().try_into().ok(),
                description: text.to_owned().try_into().expect("a note"),
                base_price: Cents::new(if number == 0 { i64::MAX } else { 0 }),
                options: if number % 2 == 0 { options() } else { Vec::new() },
                status: MealStatus::ALL[number % 5],
                orders_close_at: (number % 3 == 0).then(|| at(NOW)),
                pickup_windows: vec![window("11:30-12:00"); number % 3],
                ..meal(i64::try_from(number).expect("small") + 1, date, slot)
            });
        }
    }
    insert(&mut writer, meals.iter().cloned().map(Change::Meal).collect()).await;
    let needs = Needs {
        meals: meals.iter().map(|meal| meal.id).collect(),
        meals_at: meals.iter().map(|meal| (meal.date, meal.slot)).collect(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    for meal in &meals {
        assert_eq!(facts.meals.get(&meal.id), Some(meal));
        let current = (meal.status != MealStatus::Canceled).then_some(&meal.id);
        assert_eq!(facts.meal_at.get(&(meal.date, meal.slot)), current);
    }
}

fn code(number: usize) -> kernel::PickupCode {
    let number = i64::try_from(number).expect("small");
    kernel::PickupCode::of(MealId::new(1), Slot::Lunch, number).expect("a code")
}

async fn orders_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let mut orders: Vec<MealOrder> = OrderStatus::ALL
        .into_iter()
        .enumerate()
        .map(|(number, status)| {
            let id = i64::try_from(number).expect("small") + 1;
            MealOrder {
                status,
                quantity: Quantity::try_from(id * 200).expect("a quantity"),
                options: if number % 2 == 0 { options() } else { Vec::new() },
                notes: TEXTS[number].to_owned().try_into().expect("a note"),
                placed_by: (number % 2 == 1).then(|| MemberId::new(i64::MAX)),
                group_order: (number % 2 == 0).then(|| GroupOrderId::new(i64::MAX)),
                redeemed_at: (number == 2).then(|| at(NOW)),
                redeemed_by: (number == 2).then(|| MemberId::new(i64::MAX)),
                pickup_code: (number > 0).then(|| code(number)),
                pickup_window: (number == 3).then(|| window("00:00-24:00")),
                total: Cents::new(if number == 0 { 0 } else { i64::MAX }),
                ..order(id, 7, id)
            }
        })
        .collect();
    orders.push(order(i64::MAX, i64::MAX, i64::MAX));
    let group_orders = [Some(MemberId::new(3)), None].map(|placed_by| GroupOrder {
        id: GroupOrderId::new(placed_by.map_or(i64::MAX, MemberId::get)),
        department: DepartmentId::new(i64::MAX),
        meal: MealId::new(7),
        placed_by,
        remark: TEXTS[1].to_owned().try_into().expect("a remark"),
        created_at: at(NOW),
    });
    let mut changes: Vec<_> = orders.iter().cloned().map(Change::Order).collect();
    changes.extend(group_orders.iter().cloned().map(Change::GroupOrder));
    insert(&mut writer, changes).await;
    let needs = Needs {
        orders: orders.iter().map(|order| order.id).collect(),
        group_orders: group_orders.iter().map(|group_order| group_order.id).collect(),
        standing_orders: orders.iter().map(|order| (order.meal, order.member)).collect(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    for group_order in &group_orders {
        assert_eq!(facts.group_orders.get(&group_order.id), Some(group_order));
    }
    for order in &orders {
        assert_eq!(facts.orders.get(&order.id), Some(order));
        let standing = order.status.stands().then_some(&order.id);
        assert_eq!(facts.standing_order.get(&(order.meal, order.member)), standing);
    }
}

async fn subscriptions_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let subscription = |id: i64, owner, status| Subscription {
        id: SubscriptionId::new(id),
        owner,
        members: vec![MemberId::new(7), MemberId::new(i64::MAX)],
        slot: Slot::Dinner,
        weekdays: vec![1, 7].try_into().expect("days"),
        first_date: "2030-01-01".parse().expect("a date"),
        last_date: (id == 1).then(|| "2199-12-31".parse().expect("a date")),
        notes: TEXTS[2].to_owned().try_into().expect("a note"),
        pickup_window: (id == 1).then(|| window("11:30-12:00")),
        status,
        created_by: (id == 2).then(|| MemberId::new(8)),
        created_at: at(NOW),
        updated_at: at(NOW),
    };
    let own = subscription(1, Subscriber::Member(MemberId::new(7)), SubscriptionStatus::Active);
    let department = subscription(2, Subscriber::Department(DepartmentId::new(7)), SubscriptionStatus::Paused);
    let refused = SubscriptionResult {
        member: MemberId::new(7),
        order: None,
        refusal: Some(kernel::Refusal::CapacityExceeded { asked: 1, left: 0 }),
    };
    let booked = SubscriptionResult { member: MemberId::new(8), order: Some(OrderId::new(9)), refusal: None };
    let run = SubscriptionRun {
        subscription: own.id,
        meal: MealId::new(3),
        results: vec![refused, booked],
        group_order: Some(GroupOrderId::new(4)),
        ran_at: at(NOW),
    };
    let changes = vec![
        Change::Subscription(own.clone()),
        Change::Subscription(department.clone()),
        Change::SubscriptionRun(run.clone()),
        Change::Order(MealOrder { status: OrderStatus::Canceled, ..order(5, 7, 3) }),
        Change::Order(MealOrder { status: OrderStatus::Refunded, ..order(6, 8, 3) }),
    ];
    insert(&mut writer, changes).await;
    let ended = Subscription { status: SubscriptionStatus::Ended, updated_at: at(NOW + 1), ..department };
    let needs = Needs {
        subscriptions: [own.id, ended.id].into(),
        subscription_runs: [(own.id, run.meal), (ended.id, run.meal)].into(),
        canceled_orders: [(run.meal, MemberId::new(7)), (run.meal, MemberId::new(8))].into(),
        ..Needs::default()
    };
    let mut facts = read(&mut writer, &needs).await;
    facts.apply(vec![Change::Subscription(ended.clone())]);
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    assert_eq!(facts.subscriptions.get(&own.id), Some(&own));
    assert_eq!(facts.subscriptions.get(&ended.id), Some(&ended));
    assert_eq!(facts.subscription_runs.get(&(own.id, run.meal)), Some(&run));
    assert_eq!(facts.subscription_runs.get(&(ended.id, run.meal)), None);
    assert_eq!(facts.canceled_order.get(&(run.meal, MemberId::new(7))), Some(&OrderId::new(5)));
    assert_eq!(facts.canceled_order.get(&(run.meal, MemberId::new(8))), None, "refunded is not called off");
    must_break(home, vec![Change::SubscriptionRun(run)], "the same meal twice").await;
}

async fn pools_and_holds_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let pools = [pool(1, 0, 0), pool(2, i64::MAX, i64::MAX), pool(i64::MAX, 5, 3)];
    let holds = [
        hold(1, 1),
        Hold { state: HoldState::Consumed, quantity: i64::MAX, ..hold(1, 2) },
        Hold { state: HoldState::Released, expires_at: Some(at(i64::MIN)), ..hold(2, 1) },
        Hold { expires_at: Some(at(i64::MAX)), ..hold(i64::MAX, i64::MAX) },
    ];
    let mut changes: Vec<_> = pools.iter().copied().map(Change::Pool).collect();
    changes.extend(holds.iter().copied().map(Change::Hold));
    insert(&mut writer, changes).await;
    let needs = Needs {
        meals: [1, 2, i64::MAX].into_iter().map(MealId::new).collect(),
        holds: holds.iter().map(|hold| (hold.order, hold.pool)).collect(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    for pool in &pools {
        assert_eq!(facts.pools.get(&pool.id), Some(pool));
    }
    for hold in &holds {
        assert_eq!(facts.holds.get(&(hold.order, hold.pool)), Some(hold));
    }
}

async fn accounts_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let accounts = [
        account(Owner::Member(MemberId::new(50)), Currency::Cny, i64::MIN, 0),
        account(Owner::Member(MemberId::new(50)), Currency::Ticket, i64::MAX, i64::MAX),
        account(Owner::Department(DepartmentId::new(51)), Currency::Cny, -1, 1),
        account(Owner::Meal(MealId::new(i64::MAX / 2)), Currency::Cny, 0, 2),
    ];
    insert(&mut writer, accounts.iter().cloned().map(Change::Account).collect()).await;
    let house = Owner::System(SystemAccount::Grants).account(Currency::Cny);
    let mut needs = Needs { accounts: accounts.iter().map(|account| account.id).collect(), ..Needs::default() };
    needs.accounts.insert(house);
    let facts = read(&mut writer, &needs).await;
    for account in &accounts {
        assert_eq!(facts.accounts.get(&account.id), Some(account));
    }
    let expected = account(Owner::System(SystemAccount::Grants), Currency::Cny, 0, 0);
    assert_eq!(facts.accounts.get(&house), Some(&expected), "the migration opens the house's account");
}

async fn entries_audits_and_messages_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let last = Entry {
        order: Some(OrderId::new(i64::MAX)),
        amount: Cents::new(i64::MIN),
        balance_after: Cents::new(i64::MAX),
        transfer: TransferId::new(i64::MAX),
        kind: EntryKind::OrderRefund,
        ..entry(i64::MAX, i64::MAX)
    };
    let mut changes = vec![Change::Entry(entry(1, 1)), Change::Entry(last)];
    let audit = |id: i64, some: bool| AuditRecord {
        id,
        at: at(NOW),
        actor: some.then(|| MemberId::new(9)),
        action: "order.place",
        object_kind: "order",
        object_id: i64::MIN,
        before: some.then(|| TEXTS[1].to_owned()),
        after: some.then(|| TEXTS[0].to_owned()),
        reason: some.then(|| TEXTS[2].to_owned()),
    };
    changes.extend([Change::Audit(audit(1, false)), Change::Audit(audit(2, true))]);
    changes.push(Change::Outbox(OutboxMessage {
        id: 3,
        topic: "door",
        body: TEXTS[1].to_owned(),
        due_at: at(NOW + 5),
    }));
    insert(&mut writer, changes).await;

    let store = home.store();
    let sql = "SELECT account_id, number, transfer_id, kind, order_id, amount, balance_after, created_at \
               FROM entries ORDER BY account_id";
    let mut rows = store.query(sql, vec![]).await.expect("read").into_iter().map(Row::cells);
    let mut row = rows.next().expect("a row");
    assert_eq!((row.int().unwrap(), row.int().unwrap(), row.int().unwrap()), (1, 1, 77));
    assert_eq!((row.text().unwrap().as_str(), row.opt_int().unwrap()), ("grant", None));
    assert_eq!((row.int().unwrap(), row.int().unwrap(), row.int().unwrap()), (1, 1, NOW));
    let mut row = rows.next().expect("a row");
    assert_eq!((row.int().unwrap(), row.int().unwrap(), row.int().unwrap()), (i64::MAX, i64::MAX, i64::MAX));
    assert_eq!((row.text().unwrap().as_str(), row.opt_int().unwrap()), ("order_refund", Some(i64::MAX)));
    assert_eq!((row.int().unwrap(), row.int().unwrap(), row.int().unwrap()), (i64::MIN, i64::MAX, NOW));

    let sql = "SELECT actor_id, action, object_kind, object_id, value_before, value_after, reason, at FROM audits \
               ORDER BY audit_id";
    for (row, some) in store.query(sql, vec![]).await.expect("read").into_iter().zip([false, true]) {
        let mut row = row.cells();
        assert_eq!(row.opt_int().unwrap(), some.then_some(9));
        assert_eq!((row.text().unwrap().as_str(), row.text().unwrap().as_str()), ("order.place", "order"));
        assert_eq!(row.int().unwrap(), i64::MIN);
        for text in [TEXTS[1], TEXTS[0], TEXTS[2]] {
            assert_eq!(row.opt_text().unwrap().as_deref(), some.then_some(text));
        }
        assert_eq!(row.int().unwrap(), NOW);
    }

    let sql = "SELECT topic, body, state, due_at, attempts, leased_until, last_error, created_at FROM outbox";
    let mut row = store.query(sql, vec![]).await.expect("read").remove(0).cells();
    assert_eq!((row.text().unwrap().as_str(), row.text().unwrap().as_str()), ("door", TEXTS[1]));
    assert_eq!((row.text().unwrap().as_str(), row.int().unwrap()), ("waiting", NOW + 5));
    assert_eq!((row.int().unwrap(), row.int().unwrap(), row.opt_text().unwrap()), (0, 0, None));
    assert_eq!(row.int().unwrap(), NOW);
}

fn answer(caller: i64, key: &str, hash: u8, answer: &str) -> Answer {
    Answer {
        key: AnswerKey { caller: MemberId::new(caller), key: key.to_owned() },
        stored: StoredAnswer { request_hash: [hash; 32], answer: answer.to_owned() },
    }
}

async fn answers_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let mut answers: Vec<_> = TEXTS.iter().map(|text| answer(1, text, 0xff, text)).collect();
    answers.push(answer(i64::MAX, "k", 0, "{\"一\": 1}"));
    answers.push(answer(i64::MIN, "k", 1, ""));
    try_write(&mut writer, &Facts::default(), &answers).await.expect("written");

    let absent = AnswerKey { caller: MemberId::new(2), key: "k".to_owned() };
    let keys: BTreeSet<_> = answers.iter().map(|answer| &answer.key).chain([&absent]).collect();
    writer.begin().await.expect("begun");
    let mut found = store::load_answers(&mut writer, &keys).await.expect("read");
    assert!(store::load_answers(&mut writer, &BTreeSet::new()).await.expect("read").is_empty());
    writer.rollback().await;
    found.sort_by(|one, other| one.key.cmp(&other.key));
    answers.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(found, answers);

    let again = try_write(&mut writer, &Facts::default(), &[answer(1, TEXTS[0], 2, "another")]).await;
    assert_eq!(again.expect_err("the key is taken").cause, Cause::Constraint);
}

async fn jobs_and_runs_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let jobs =
        [Job::new("never-ran"), Job { name: TEXTS[1].to_owned(), paused: true, last_run: Some(RunId::new(i64::MAX)) }];
    let states = [
        RunState::Running { lease_until: at(7) },
        RunState::Succeeded { ended_at: at(i64::MIN), counts: [(TEXTS[1].to_owned(), i64::MIN)].into() },
        RunState::Failed { ended_at: at(8), error: TEXTS[2].to_owned() },
        RunState::Abandoned { ended_at: at(9) },
    ];
    let run = |(id, state): (i64, &RunState)| JobRun {
        id: RunId::new(id),
        job: TEXTS[1].to_owned(),
        node: 31,
        claim: i64::MIN,
        triggered_by: (id == 2).then_some(MemberId::new(4)),
        started_at: at(5),
        state: state.clone(),
    };
    let mut runs: Vec<_> = (1..).zip(&states).map(run).collect();
    let changes = jobs.iter().cloned().map(Change::Job).chain(runs.iter().cloned().map(Change::JobRun));
    insert(&mut writer, changes.collect()).await;
    let needs = Needs {
        jobs: jobs.iter().map(|job| job.name.clone()).collect(),
        job_runs: runs.iter().map(|run| run.id).collect(),
        ..Needs::default()
    };
    let mut facts = read(&mut writer, &needs).await;
    // Each becomes another one.
    runs.iter_mut().zip(states.iter().cycle().skip(1)).for_each(|(run, state)| run.state = state.clone());
    facts.apply(runs.iter().cloned().map(Change::JobRun).collect());
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    jobs.iter().for_each(|job| assert_eq!(facts.jobs.get(&job.name), Some(job)));
    runs.iter().for_each(|run| assert_eq!(facts.job_runs.get(&run.id), Some(run)));
}

async fn the_shop_comes_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let (product, round, member) = (ProductId::new(5), RoundId::new(6), MemberId::new(7));
    let sold = Product {
        id: product,
        name_zh: "大米".to_owned().try_into().expect("a name"),
        name_en: Some("Rice".to_owned().try_into().expect("a name")),
        description: TEXTS[1].to_owned().try_into().expect("a note"),
        price: Cents::new(i64::MAX),
        member_limit: Some(3.try_into().expect("a quantity")),
        on_sale: true,
        pictures: vec![Picture { hash: "00".to_owned(), kind: PictureKind::Webp, width: 1, height: 2 }],
        movements: 1,
        rounds: 2,
        created_at: at(1),
        updated_at: at(2),
    };
    let rounds = [
        RoundState::Open,
        RoundState::SoldOut { since: at(3) },
        RoundState::Drawn { drawn_at: at(4), winning_number: 5, order: OrderId::new(1), member },
        RoundState::Failed { failed_at: at(5) },
    ];
    let rounds: Vec<Round> = (0..)
        .zip(rounds)
        .map(|(more, state)| Round {
            id: RoundId::new(round.get() + 100 * more),
            product,
            number: 1 + more,
            share_price: Cents::new(7),
            member_limit: None,
            opens_at: at(6),
            closes_at: at(7),
            prize: OrderId::new(9),
            secret: DrawSecret([8; 32]),
            commitment: "c".to_owned(),
            next_number: 4,
            free_numbers: [1, 3].into(),
            state,
            created_at: at(8),
            updated_at: at(9),
        })
        .collect();
    let goods = [
        (Goods::Pieces { product }, ShopOrderState::Unpaid { expires_at: at(10) }),
        (Goods::Shares { round }, ShopOrderState::Paid { paid_at: at(11), fulfilment: Fulfilment::NotNeeded }),
        (
            Goods::PiecesAndShares { product, round },
            ShopOrderState::Refunded { paid_at: at(12), ended_at: at(13), fulfilment: Fulfilment::Shipped },
        ),
        (Goods::Prize { product, round }, ShopOrderState::Paid { paid_at: at(14), fulfilment: Fulfilment::Completed }),
        (Goods::Pieces { product }, ShopOrderState::Cancelled { ended_at: at(15) }),
        (Goods::Pieces { product }, ShopOrderState::Expired { ended_at: at(16) }),
    ];
    let mut orders: Vec<ShopOrder> = (20..)
        .zip(goods)
        .map(|(id, (goods, state))| ShopOrder {
            id: OrderId::new(id),
            order_no: format!("SHOP{id}"),
            member,
            goods,
            quantity: 2.try_into().expect("a quantity"),
            piece_price: Cents::new(1),
            share_price: Cents::new(2),
            total: Cents::new(6),
            pay_with: if id == 20 { PayWith::Wechat } else { PayWith::Balance },
            delivery: if id == 21 { Delivery::PickUp } else { Delivery::To(Sealed::new(vec![1, 0, 255])) },
            notes: TEXTS[2].to_owned().try_into().expect("notes"),
            share_numbers: if id == 21 { vec![1, 2] } else { Vec::new() },
            state,
            created_at: at(17),
            updated_at: at(18),
        })
        .collect();
    let stuck = StuckOrder { order: OrderId::new(20), attempts: 1, retry_at: Some(at(19)), last_error: "e".to_owned() };
    let mut changes = vec![Change::Product(sold.clone()), Change::StuckOrder(stuck.clone())];
    changes.extend(rounds.iter().cloned().map(Change::Round));
    changes.extend(orders.iter().cloned().map(Change::ShopOrder));
    changes.push(Change::StockMovement(StockMovement {
        product,
        number: 1,
        delta: -1,
        reason: "盘点".to_owned().try_into().expect("a reason"),
        moved_by: None,
        moved_at: at(1),
        total_after: 0,
    }));
    insert(&mut writer, changes).await;
    let shop = || kernel::ShopNeeds {
        products: [product].into(),
        product_names: [sold.name_zh.clone()].into(),
        rounds: rounds.iter().map(|round| round.id).collect(),
        orders: (20..26).map(OrderId::new).collect(),
        stuck: [stuck.order].into(),
        round_orders: [round].into(),
        bought: [(product.into(), member), (round.into(), member)].into(),
        unpaid: [member].into(),
    };
    let needs = Needs { shop: shop(), ..Needs::default() };
    let mut facts = read(&mut writer, &needs).await;
    assert_eq!(facts.shop.products.get(&product), Some(&sold));
    assert_eq!(facts.shop.products_by_name.get(&sold.name_zh), Some(&[product].into()));
    rounds.iter().for_each(|round| assert_eq!(facts.shop.rounds.get(&round.id), Some(round)));
    orders.iter().for_each(|order| assert_eq!(facts.shop.orders.get(&order.id), Some(order)));
    assert_eq!(facts.shop.stuck.get(&stuck.order), Some(&stuck));
    assert_eq!(facts.shop.round_orders.get(&round), Some(&[OrderId::new(21)].into()));
    let claim = |expires_at| Claim { quantity: 2, expires_at };
    let bought = facts.shop.bought.get(&(product.into(), member));
    assert_eq!(bought, Some(&[(OrderId::new(20), claim(Some(at(10))))].into()));
    assert_eq!(facts.shop.bought.get(&(round.into(), member)), Some(&[(OrderId::new(21), claim(None))].into()));
    assert_eq!(facts.shop.unpaid.get(&member), Some(&[(OrderId::new(20), claim(Some(at(10))))].into()));

    // Each order becomes another one, and the rest as well.
    let states: Vec<_> = orders.iter().map(|order| order.state.clone()).collect();
    orders.iter_mut().zip(states.iter().cycle().skip(1)).for_each(|(order, state)| order.state = state.clone());
    let sold = Product { on_sale: false, name_en: None, movements: 2, ..sold };
    let parked = StuckOrder { retry_at: None, attempts: 2, ..stuck };
    let ended = Round { state: RoundState::Failed { failed_at: at(20) }, next_number: 5, ..rounds[0].clone() };
    let mut changes =
        vec![Change::Product(sold.clone()), Change::StuckOrder(parked.clone()), Change::Round(ended.clone())];
    changes.extend(orders.iter().cloned().map(Change::ShopOrder));
    facts.apply(changes);
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    assert_eq!(facts.shop.products.get(&product), Some(&sold));
    assert_eq!(facts.shop.rounds.get(&round), Some(&ended));
    orders.iter().for_each(|order| assert_eq!(facts.shop.orders.get(&order.id), Some(order)));
    assert_eq!(facts.shop.stuck.get(&parked.order), Some(&parked));
}

async fn what_is_not_there_is_known_to_be_absent(home: &Home) {
    let mut writer = home.migrated().await;
    let meal_id = MealId::new(1);
    let day = ("2030-01-01".parse().expect("a date"), Slot::Lunch);
    let needs = Needs {
        members: [MemberId::new(1)].into(),
        departments: [DepartmentId::new(1)].into(),
        sessions: [[1; 32]].into(),
        tickets: [[1; 32]].into(),
        second_factors: [MemberId::new(1)].into(),
        erasures: [MemberId::new(1)].into(),
        holdings: [MemberId::new(1)].into(),
        meals: [meal_id].into(),
        orders: [OrderId::new(1)].into(),
        group_orders: [GroupOrderId::new(1)].into(),
        holds: [(OrderId::new(1), PoolId::new(1))].into(),
        accounts: [Owner::Member(MemberId::new(1)).account(Currency::Ticket)].into(),
        openids: [[1; 32]].into(),
        account_names: ["xx".to_owned().try_into().expect("a name")].into(),
        department_codes: ["x".to_owned().try_into().expect("a code")].into(),
        meals_at: [day].into(),
        standing_orders: [(meal_id, MemberId::new(1))].into(),
        canceled_orders: [(meal_id, MemberId::new(1))].into(),
        open_orders: [meal_id].into(),
        completed_orders: [meal_id].into(),
        pool_holds: [meal_id.into()].into(),
        room: [PoolId::new(8)].into(),
        subscriptions: [SubscriptionId::new(1)].into(),
        subscription_runs: [(SubscriptionId::new(1), meal_id)].into(),
        ledgers: [Owner::Member(MemberId::new(1)).account(Currency::Cny)].into(),
        jobs: ["x".to_owned()].into(),
        job_runs: [RunId::new(1)].into(),
        topups: [OrderId::new(1)].into(),
        payments: [PaymentId::new(1)].into(),
        refunds: [RefundId::new(1)].into(),
        exceptions: [1].into(),
        reports: [(kernel::ReportKind::Daily, day.0)].into(),
        transactions: ["x".to_owned()].into(),
        open_exceptions: [(kernel::ExceptionKind::PaidTwice, "x".to_owned())].into(),
        dismissed_exceptions: [(kernel::ExceptionKind::PaidTwice, "x".to_owned())].into(),
        order_sums: [Owner::Meal(meal_id).account(Currency::Cny)].into(),
        holders_of: [Role::Admin.code()].into(),
        holders_anywhere_of: [Role::Admin.code()].into(),
        roles: ["nobody".parse().expect("a code")].into(),
        pools: [PoolId::new(9)].into(),
        shop: kernel::ShopNeeds {
            products: [ProductId::new(1)].into(),
            product_names: ["x".to_owned().try_into().expect("a name")].into(),
            rounds: [RoundId::new(1)].into(),
            orders: [OrderId::new(1)].into(),
            stuck: [OrderId::new(1)].into(),
            round_orders: [RoundId::new(1)].into(),
            bought: [(PoolId::new(1), MemberId::new(1))].into(),
            unpaid: [MemberId::new(1)].into(),
        },
        erp: kernel::ErpNeeds {
            products: ["x".to_owned().try_into().expect("a code")].into(),
            sales: [("2030-01-01".parse().expect("a date"), kernel::StoreId::new(1))].into(),
        },
        alerts: kernel::AlertNeeds {
            alerts: [kernel::AlertId::new(1)].into(),
            silences: [kernel::AlertRule::Forged].into(),
            firing_of: [(kernel::AlertRule::JobFails, "x".to_owned())].into(),
        },
        cabinet: kernel::CabinetNeeds {
            stores: [kernel::StoreId::new(1)].into(),
            devices: [kernel::DeviceId::new(1)].into(),
            sessions: [kernel::DoorSessionId::new(1)].into(),
            orders: [OrderId::new(1)].into(),
            store_codes: ["x".to_owned().try_into().expect("a code")].into(),
            device_codes: ["x".to_owned().try_into().expect("a code")].into(),
            vendor_nos: ["x".to_owned()].into(),
            scores: [kernel::DoorSessionId::new(1)].into(),
            score_transactions: ["x".to_owned()].into(),
            busy: [MemberId::new(1)].into(),
            corrections: [kernel::CorrectionId::new(1)].into(),
            complaints: [kernel::ComplaintId::new(1)].into(),
            open_complaints: [OrderId::new(1)].into(),
        },
    };
    let facts = read(&mut writer, &needs).await;
    let mut left = Needs { members: [MemberId::new(1), MemberId::new(2)].into(), ..needs };
    left.drop_known(&facts);
    assert_eq!(left, Needs { members: [MemberId::new(2)].into(), ..Needs::default() });
    assert!(facts.meals.get(&meal_id).is_none() && facts.pools.get(&meal_id.into()).is_none());
    assert!(facts.meal_at.get(&day).is_none());
    assert_eq!(facts.open_orders.get(&meal_id), Some(&BTreeSet::new()));
    assert_eq!(facts.completed_orders.get(&meal_id), Some(&BTreeSet::new()));
    assert_eq!(facts.pool_holds.get(&meal_id.into()), Some(&BTreeSet::new()));
    let ledger = Owner::Member(MemberId::new(1)).account(Currency::Cny);
    assert_eq!(facts.ledgers.get(&ledger), Some(&LedgerSum::default()));
    assert_eq!(facts.order_sums.get(&Owner::Meal(meal_id).account(Currency::Cny)), Some(&BTreeMap::new()));
    assert_eq!(facts.holders.get(&Role::Admin.code()), Some(&BTreeSet::new()));
    assert!(facts.is_unchanged());
}

async fn completed_orders_and_claims_come_as_they_are(home: &Home) {
    let mut writer = home.migrated().await;
    let mut changes = Vec::new();
    for (number, status) in OrderStatus::ALL.into_iter().enumerate() {
        let id = i64::try_from(number).expect("small") + 1;
        changes.push(Change::Order(MealOrder { status, ..order(id, id, 1) }));
    }
    let states = [(3, HoldState::Consumed), (4, HoldState::Released), (50, HoldState::Held)];
    for (id, state) in states {
        changes.push(Change::Hold(Hold { state, ..hold(id, 1) }));
    }
    changes.push(Change::Hold(hold(60, 2)));
    insert(&mut writer, changes).await;
    let needs = Needs {
        open_orders: [MealId::new(1)].into(),
        completed_orders: [MealId::new(1)].into(),
        pool_holds: [PoolId::new(1)].into(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    let ids = |ids: &[i64]| ids.iter().map(|&id| OrderId::new(id)).collect::<BTreeSet<_>>();
    assert_eq!(facts.completed_orders.get(&MealId::new(1)), Some(&ids(&[3])));
    assert_eq!(facts.pool_holds.get(&PoolId::new(1)), Some(&ids(&[3, 50])));
    let state = |id| facts.holds.get(&(OrderId::new(id), PoolId::new(1))).map(|hold| hold.state);
    assert_eq!(state(3), Some(HoldState::Consumed));
    assert_eq!(state(50), Some(HoldState::Held));
    // An order that stands without a claim is damage, but known.
    assert_eq!((state(1), state(2)), (None, None));
}

async fn a_ledger_is_added_up_entry_by_entry(home: &Home) {
    let mut writer = home.migrated().await;
    let line = |account, number, amount| {
        Change::Entry(Entry {
            account: AccountId::new(account),
            number,
            transfer: TransferId::new(number),
            kind: EntryKind::Adjustment,
            order: (number < 3).then(|| OrderId::new(1 + account % 2)),
            amount: Cents::new(amount),
            balance_after: Cents::ZERO,
            created_at: at(NOW),
        })
    };
    let most = (1 << 53) - 1;
    let lines = vec![line(20, 1, most), line(20, 2, -1), line(20, 4, 3), line(21, 1, 9), line(21, 2, -4)];
    insert(&mut writer, lines).await;
    let needs = Needs {
        ledgers: [AccountId::new(20), AccountId::new(22)].into(),
        order_sums: [AccountId::new(20), AccountId::new(21), AccountId::new(22)].into(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    let (sum, count, last) = (most + 2, 3, 4);
    assert_eq!(facts.ledgers.get(&AccountId::new(20)), Some(&LedgerSum { sum, count, last }));
    assert_eq!(facts.ledgers.get(&AccountId::new(22)), Some(&LedgerSum::default()));
    let sums = |account| facts.order_sums.get(&AccountId::new(account)).cloned().expect("added up");
    assert_eq!(sums(20), BTreeMap::from([(OrderId::new(1), Cents::new(most - 1))]));
    assert_eq!(sums(21), BTreeMap::from([(OrderId::new(2), Cents::new(5))]));
    assert_eq!(sums(22), BTreeMap::new());
}

async fn open_orders_come_with_their_holds(home: &Home) {
    let mut writer = home.migrated().await;
    let mut changes = Vec::new();
    for (number, status) in OrderStatus::ALL.into_iter().enumerate() {
        let id = i64::try_from(number).expect("small") + 1;
        changes.push(Change::Order(MealOrder { status, ..order(id, id, 1) }));
        let state = if status.stands() { HoldState::Held } else { HoldState::Released };
        changes.push(Change::Hold(Hold { state, ..hold(id, 1) }));
    }
    changes.push(Change::Order(order(100, 1, 2)));
    insert(&mut writer, changes).await;
    let needs = Needs { open_orders: [MealId::new(1), MealId::new(3)].into(), ..Needs::default() };
    let facts = read(&mut writer, &needs).await;
    let open: BTreeSet<_> = [OrderId::new(1), OrderId::new(2)].into();
    assert_eq!(facts.open_orders.get(&MealId::new(1)), Some(&open));
    assert_eq!(facts.open_orders.get(&MealId::new(3)), Some(&BTreeSet::new()));
    for id in open {
        assert_eq!(facts.orders.get(&id).map(|order| order.id), Some(id));
        assert!(facts.holds.get(&(id, PoolId::new(1))).is_some());
    }
}

async fn lapsed_holds_are_found(home: &Home) {
    let mut writer = home.migrated().await;
    let ends = |ms: i64, order: i64, state| Change::Hold(Hold { expires_at: Some(at(ms)), state, ..hold(order, 1) });
    let changes = vec![
        ends(NOW - 1, 1, HoldState::Held),
        ends(NOW, 2, HoldState::Held),
        ends(NOW + 1, 3, HoldState::Held),
        ends(NOW - 1, 4, HoldState::Released),
        ends(NOW - 1, 5, HoldState::Consumed),
        Change::Hold(hold(6, 1)),
        Change::Hold(Hold { expires_at: Some(at(0)), ..hold(7, 2) }),
        Change::Pool(pool(1, 10, 6)),
    ];
    insert(&mut writer, changes).await;
    let facts = read(&mut writer, &Needs { meals: [MealId::new(1)].into(), ..Needs::default() }).await;
    let mut lapsed = facts.lapsed_holds.get(&PoolId::new(1)).expect("some").clone();
    lapsed.sort_unstable();
    assert_eq!(lapsed, [OrderId::new(1), OrderId::new(2)]);
    let (room, pools) = ([PoolId::new(1)].into(), [PoolId::new(2)].into());
    let facts = read(&mut writer, &Needs { room, pools, ..Needs::default() }).await;
    assert_eq!(facts.lapsed_holds.get(&PoolId::new(1)).map(Vec::len), Some(2));
    assert!(!facts.lapsed_holds.knows(&PoolId::new(2)), "only where something may be taken");
    assert!(facts.pools.get(&PoolId::new(1)).is_some() && facts.pools.get(&PoolId::new(2)).is_none());
}

// Versions.

/// Rows of every table that is ever updated, and how each changes.
fn ticket(purpose: TicketPurpose) -> SignInTicket {
    SignInTicket {
        token_hash: [7; 32],
        member: MemberId::new(1),
        purpose,
        created_at: at(NOW),
        expires_at: at(NOW + 9),
        ended_at: None,
    }
}

fn offer() -> FactorOffer {
    FactorOffer { secret: vec![0, 255, 7], until: at(NOW + 9) }
}

/// With so many recovery codes.
fn active(codes: u8) -> ActiveFactor {
    let recovery = (0..codes).map(|code| [code; 32]).collect();
    ActiveFactor { secret: vec![1, 0, 2], last_step: -3, recovery, since: at(NOW) }
}

fn second_factor(offer: Option<FactorOffer>, active: Option<ActiveFactor>) -> SecondFactor {
    SecondFactor { member: MemberId::new(1), offer, active, updated_at: at(NOW + 1) }
}

async fn second_factors_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let factors = [
        second_factor(None, None),
        SecondFactor { member: MemberId::new(2), ..second_factor(Some(offer()), Some(active(2))) },
        SecondFactor { member: MemberId::new(3), ..second_factor(None, Some(active(0))) },
    ];
    let tickets = [ticket(TicketPurpose::Code), SignInTicket { token_hash: [8; 32], ..ticket(TicketPurpose::SetUp) }];
    let mut changes: Vec<_> = factors.iter().cloned().map(Change::SecondFactor).collect();
    changes.extend(tickets.iter().cloned().map(Change::SignInTicket));
    insert(&mut writer, changes).await;
    let needs = Needs {
        second_factors: (1..5).map(MemberId::new).collect(),
        tickets: [[7; 32], [8; 32], [9; 32]].into(),
        ..Needs::default()
    };
    let facts = read(&mut writer, &needs).await;
    let store = home.store();
    for factor in &factors {
        assert_eq!(facts.second_factors.get(&factor.member), Some(factor));
        let found = store::queries::second_factors::one(&store, factor.member).await.expect("read");
        assert_eq!(found.as_ref(), Some(factor));
    }
    assert_eq!(facts.second_factors.get(&MemberId::new(4)), None);
    let on = store::queries::second_factors::active(&store, MemberId::new(0), 100).await.expect("read");
    assert_eq!(on, factors[1..]);
    for ticket in &tickets {
        assert_eq!(facts.tickets.get(&ticket.token_hash), Some(ticket));
        let found = store::queries::second_factors::ticket(&store, &ticket.token_hash).await.expect("read");
        assert_eq!(found.as_ref(), Some(ticket));
    }
    assert_eq!(facts.tickets.get(&[9; 32]), None);
    let open = |now| store::queries::second_factors::open_tickets(&store, MemberId::new(1), at(now));
    assert_eq!(open(NOW).await.expect("read").len(), 2);
    assert!(open(NOW + 9).await.expect("read").is_empty());
}

fn changing() -> Vec<(Change, Change)> {
    let (one_member, one_meal, one_order) = (member(1), meal(2, "2030-01-01", Slot::Dinner), order(3, 1, 2));
    let (one_hold, one_session) = (hold(3, 2), session(1));
    let wallet = account(Owner::Member(MemberId::new(21)), Currency::Cny, 10, 1);
    vec![
        (
            Change::Member(one_member.clone()),
            Change::Member(Member {
                uid: "新".to_owned(),
                openid: Some(openid("o")),
                account: Some("ac".to_owned().try_into().expect("an account")),
                nickname: TEXTS[1].to_owned(),
                avatar_url: Some(TEXTS[2].to_owned()),
                department: Some(DepartmentId::new(5)),
                status: MemberStatus::Disabled,
                overdraft_limit: Some(7_u32.into()),
                grants: grants(),
                ..one_member
            }),
        ),
        (
            Change::Role(a_role("cook")),
            Change::Role(HouseRole {
                name_zh: "厨师".to_owned().try_into().expect("a name"),
                name_en: "Cook".to_owned().try_into().expect("a name"),
                scope: RoleScope::Store,
                permissions: Permissions::NONE,
                revision: 7,
                deleted_at: Some(at(NOW)),
                ..a_role("cook")
            }),
        ),
        (Change::Session(one_session.clone()), Change::Session(Session { revoked_at: Some(at(NOW)), ..one_session })),
        (
            Change::SignInTicket(ticket(TicketPurpose::Code)),
            Change::SignInTicket(SignInTicket { ended_at: Some(at(NOW)), ..ticket(TicketPurpose::Code) }),
        ),
        (
            Change::SecondFactor(second_factor(Some(offer()), None)),
            Change::SecondFactor(second_factor(None, Some(active(10)))),
        ),
        (
            Change::Meal(one_meal.clone()),
            Change::Meal(Meal {
                title: Some("新".to_owned().try_into().expect("a title")),
                description: TEXTS[4].to_owned().try_into().expect("a note"),
                base_price: Cents::new(0),
                options: options(),
                status: MealStatus::Locked,
                orders_close_at: Some(at(NOW + 9)),
                pickup_windows: vec![window("11:30-12:00")],
                updated_at: at(NOW + 10),
                ..one_meal
            }),
        ),
        (
            Change::Department(department(31, "one")),
            Change::Department(Department {
                name: "新".to_owned().try_into().expect("a name"),
                pays: Payer::Member,
                overdraft_limit: Some(0_u32.into()),
                members_may_cancel: false,
                ..department(31, "one")
            }),
        ),
        (Change::Pool(pool(2, 5, 1)), Change::Pool(kernel::Pool { issued: 9, ..pool(2, 7, 7) })),
        (
            Change::Order(one_order.clone()),
            Change::Order(MealOrder {
                quantity: Quantity::try_from(1000).expect("a quantity"),
                options: options(),
                total: Cents::new(9),
                notes: TEXTS[0].to_owned().try_into().expect("a note"),
                status: OrderStatus::Locked,
                redeemed_at: Some(at(NOW + 10)),
                redeemed_by: Some(MemberId::new(5)),
                pickup_window: Some(window("11:30-12:00")),
                updated_at: at(NOW + 10),
                ..one_order
            }),
        ),
        (
            Change::Hold(one_hold),
            Change::Hold(Hold { quantity: 9, state: HoldState::Consumed, expires_at: Some(at(1)), ..one_hold }),
        ),
        (
            Change::Account(wallet.clone()),
            Change::Account(kernel::Account { balance: Cents::new(-5), entries: 2, is_closed: true, ..wallet }),
        ),
    ]
}

fn all_of_them() -> Needs {
    Needs {
        members: [MemberId::new(1)].into(),
        departments: [DepartmentId::new(31)].into(),
        sessions: [session(1).token_hash].into(),
        tickets: [[7; 32]].into(),
        second_factors: [MemberId::new(1)].into(),
        meals: [MealId::new(2)].into(),
        orders: [OrderId::new(3)].into(),
        holds: [(OrderId::new(3), PoolId::new(2))].into(),
        accounts: [Owner::Member(MemberId::new(21)).account(Currency::Cny)].into(),
        roles: [a_role("cook").code].into(),
        ..Needs::default()
    }
}

fn assert_has(facts: &Facts, change: &Change) {
    match change {
        Change::Member(row) => assert_eq!(facts.members.get(&row.id), Some(row)),
        Change::Department(row) => assert_eq!(facts.departments.get(&row.id), Some(row)),
        Change::Session(row) => assert_eq!(facts.sessions.get(&row.token_hash), Some(row)),
        Change::SignInTicket(row) => assert_eq!(facts.tickets.get(&row.token_hash), Some(row)),
        Change::SecondFactor(row) => assert_eq!(facts.second_factors.get(&row.member), Some(row)),
        Change::Role(row) => assert_eq!(facts.roles.get(&row.code), Some(row)),
        Change::Meal(row) => assert_eq!(facts.meals.get(&row.id), Some(row)),
        Change::Pool(row) => assert_eq!(facts.pools.get(&row.id), Some(row)),
        Change::Order(row) => assert_eq!(facts.orders.get(&row.id), Some(row)),
        Change::Hold(row) => assert_eq!(facts.holds.get(&(row.order, row.pool)), Some(row)),
        Change::Account(row) => assert_eq!(facts.accounts.get(&row.id), Some(row)),
        other => panic!("{other:?} is never updated"),
    }
}

async fn an_update_finds_the_row_and_changes_it(home: &Home) {
    let mut writer = home.migrated().await;
    let (before, after): (Vec<_>, Vec<_>) = changing().into_iter().unzip();
    insert(&mut writer, before.clone()).await;
    for (from, to) in [(&before, &after), (&after, &before)] {
        let mut facts = read(&mut writer, &all_of_them()).await;
        from.iter().for_each(|change| assert_has(&facts, change));
        // Neither a member's nor an order's first days are ever rewritten, so going back changes the rest only.
        facts.apply(to.clone());
        try_write(&mut writer, &facts, &[]).await.expect("written");
    }
    let facts = read(&mut writer, &all_of_them()).await;
    before.iter().for_each(|change| assert_has(&facts, change));
    assert_eq!(facts.pools.dirty().updates.len(), 0);
}

async fn a_stale_update_fails_the_whole_write(home: &Home) {
    let mut writer = home.migrated().await;
    let (before, after): (Vec<_>, Vec<_>) = changing().into_iter().unzip();
    insert(&mut writer, before.clone()).await;
    let mut stale = read(&mut writer, &all_of_them()).await;
    let mut fresh = read(&mut writer, &all_of_them()).await;
    fresh.apply(vec![Change::Pool(pool(2, 5, 2))]);
    try_write(&mut writer, &fresh, &[]).await.expect("written");

    stale.apply(after);
    stale.apply(vec![Change::Entry(entry(1, 1)), Change::Member(member(99))]);
    let error = try_write(&mut writer, &stale, &[answer(1, "k", 1, "{}")]).await.expect_err("stale");
    assert_eq!(error.cause, Cause::Contended);
    assert_says(&error, "pools");
    for table in ["entries", "answers"] {
        assert_eq!(count(&mut writer, table).await, 0, "{table}");
    }
    assert_eq!(count(&mut writer, "members").await, 1);
    let facts = read(&mut writer, &all_of_them()).await;
    for change in before {
        match change {
            Change::Pool(_) => assert_has(&facts, &Change::Pool(pool(2, 5, 2))),
            change => assert_has(&facts, &change),
        }
    }
}

async fn a_stale_update_of_any_table_is_seen(home: &Home) {
    let mut writer = home.migrated().await;
    let (before, _): (Vec<_>, Vec<_>) = changing().into_iter().unzip();
    insert(&mut writer, before).await;
    for (_, after) in changing() {
        let mut facts = read(&mut writer, &all_of_them()).await;
        facts.apply(vec![after.clone()]);
        try_write(&mut writer, &facts, &[]).await.expect("the first time it is fresh");
        let error = try_write(&mut writer, &facts, &[]).await.expect_err("the second time it is stale");
        assert_eq!(error.cause, Cause::Contended, "{after:?}: {error}");
    }
}

// Constraints.

async fn must_break(home: &Home, changes: Vec<Change>, named: &str) {
    let mut writer = home.store().writer().await.expect("a connection");
    let error = try_insert(&mut writer, changes).await.expect_err(named);
    assert_eq!(error.cause, Cause::Constraint, "{named}: {error}");
}

async fn one_meal_for_a_date_and_slot(home: &Home) {
    let mut writer = home.migrated().await;
    let first = meal(1, "2030-01-01", Slot::Lunch);
    insert(&mut writer, vec![Change::Meal(first.clone())]).await;
    for status in [MealStatus::Draft, MealStatus::Published, MealStatus::Locked, MealStatus::Completed] {
        let second = Meal { status, ..meal(2, "2030-01-01", Slot::Lunch) };
        must_break(home, vec![Change::Meal(second)], status.as_str()).await;
    }
    let other_slot = meal(3, "2030-01-01", Slot::Dinner);
    let other_date = meal(4, "2030-01-02", Slot::Lunch);
    let canceled = Meal { status: MealStatus::Canceled, ..meal(5, "2030-01-01", Slot::Lunch) };
    insert(&mut writer, vec![Change::Meal(other_slot), Change::Meal(other_date), Change::Meal(canceled)]).await;

    let mut facts = read(&mut writer, &Needs { meals: [first.id].into(), ..Needs::default() }).await;
    facts.apply(vec![Change::Meal(Meal { status: MealStatus::Canceled, ..first })]);
    try_write(&mut writer, &facts, &[]).await.expect("canceled");
    insert(&mut writer, vec![Change::Meal(meal(6, "2030-01-01", Slot::Lunch))]).await;
}

async fn one_standing_order_for_a_member_and_meal(home: &Home) {
    let mut writer = home.migrated().await;
    let first = order(1, 1, 1);
    insert(
        &mut writer,
        vec![Change::Order(first.clone()), Change::Order(order(2, 2, 1)), Change::Order(order(3, 1, 2))],
    )
    .await;
    for status in [OrderStatus::Active, OrderStatus::Locked, OrderStatus::Completed] {
        must_break(home, vec![Change::Order(MealOrder { status, ..order(9, 1, 1) })], status.as_str()).await;
    }
    for (id, status) in [(4, OrderStatus::Canceled), (5, OrderStatus::Refunded)] {
        insert(&mut writer, vec![Change::Order(MealOrder { status, ..order(id, 1, 1) })]).await;
    }
    let mut facts = read(&mut writer, &Needs { orders: [first.id].into(), ..Needs::default() }).await;
    facts.apply(vec![Change::Order(MealOrder { status: OrderStatus::Canceled, ..first })]);
    try_write(&mut writer, &facts, &[]).await.expect("canceled");
    insert(&mut writer, vec![Change::Order(order(6, 1, 1))]).await;
}

async fn who_holds_a_role_is_found(home: &Home) {
    let mut writer = home.migrated().await;
    let everywhere = |role: Role| RoleGrant { role: role.code(), scope: Scope::Everywhere };
    let in_department = |role: Role| RoleGrant { role: role.code(), scope: Scope::Department(DepartmentId::new(7)) };
    let holder =
        |id, status, grants: &[RoleGrant]| Member { status, grants: Grants::new(grants.to_vec()), ..member(id) };
    let members = [
        holder(1, MemberStatus::Active, &[everywhere(Role::Admin)]),
        holder(
            2,
            MemberStatus::Active,
            &[everywhere(Role::Member), everywhere(Role::Admin), everywhere(Role::Finance)],
        ),
        holder(3, MemberStatus::Disabled, &[everywhere(Role::Admin)]),
        holder(4, MemberStatus::Active, &[in_department(Role::Admin)]),
        holder(5, MemberStatus::Active, &[in_department(Role::DeptAdmin), everywhere(Role::Finance)]),
    ];
    insert(&mut writer, members.map(Change::Member).to_vec()).await;
    let needs =
        Needs { holders_of: [Role::Admin, Role::Finance, Role::DeptAdmin].map(Role::code).into(), ..Needs::default() };
    let facts = read(&mut writer, &needs).await;
    for (role, ids) in [(Role::Admin, vec![1, 2]), (Role::Finance, vec![2, 5]), (Role::DeptAdmin, vec![])] {
        assert_eq!(facts.holders.get(&role.code()), Some(&ids.into_iter().map(MemberId::new).collect()), "{role:?}");
    }
    let roles = [Role::Admin, Role::DeptAdmin, Role::Support];
    let needs = Needs { holders_anywhere_of: roles.map(Role::code).into(), ..Needs::default() };
    let facts = read(&mut writer, &needs).await;
    for (role, ids) in roles.into_iter().zip([vec![1, 2, 3, 4], vec![5], vec![]]) {
        let holders = facts.holders_anywhere.get(&role.code());
        assert_eq!(holders, Some(&ids.into_iter().map(MemberId::new).collect()), "{role:?}");
    }
}

fn a_role(code: &str) -> HouseRole {
    HouseRole {
        id: RoleId::new(100 + i64::try_from(code.len()).expect("small")),
        code: code.parse().expect("a code"),
        permissions: Permissions::of(&[Permission::WalletRead]),
        ..HouseRole::first_ones().remove(0)
    }
}

async fn roles_are_kept_and_bind_who_holds_them(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    // The migration's rows are those that the code knows.
    assert_eq!(store::queries::roles::all(&store).await.expect("read"), HouseRole::first_ones());

    // An underscore is no pattern.
    let one = a_role("a_guard");
    let other = HouseRole { id: RoleId::new(99), permissions: Permissions::ALL, ..a_role("abguard") };
    insert(&mut writer, vec![Change::Role(one.clone()), Change::Role(other.clone())]).await;
    let held = |code: RoleCode, scope| RoleGrant { role: code, scope };
    let holder =
        |id, grants: &[RoleGrant]| Change::Member(Member { grants: Grants::new(grants.to_vec()), ..member(id) });
    let here = Scope::Store(kernel::StoreId::new(7));
    let members =
        vec![holder(1, &[held(one.code, here), held(Role::Member.code(), Scope::Everywhere)]), holder(2, &[])];
    insert(&mut writer, members).await;
    let session = |id: u8| Session { token_hash: [id; 32], member: MemberId::new(id.into()), ..session(id) };
    insert(&mut writer, vec![Change::Session(session(1)), Change::Session(session(2))]).await;

    let rights = async || {
        let rows = store::queries::sessions::by_tokens(&store, &[[1; 32], [2; 32], [3; 32]]).await.expect("read");
        rows.into_iter().map(|row| (row.member.get(), row.rights)).collect::<BTreeMap<_, _>>()
    };
    let known = rights().await;
    assert_eq!(known.len(), 2);
    assert_eq!(known[&1].stores_with(Permission::WalletRead), Some(vec![kernel::StoreId::new(7)]));
    assert!(known[&1].allow(Permission::OrderPlace) && !known[&1].allow(Permission::JobRun));
    assert_eq!(known[&2], Rights::default());
    let shown = store::queries::roles::list(&store).await.expect("read");
    let holders = |code| shown.iter().find(|shown| shown.role.code == code).map(|shown| shown.holders);
    assert_eq!((holders(one.code), holders(other.code), holders(Role::Member.code())), (Some(1), Some(0), Some(1)));

    let needs = Needs { roles: [one.code, "nobody".parse().expect("a code")].into(), ..Needs::default() };
    let mut facts = read(&mut writer, &needs).await;
    assert_eq!(facts.roles.get(&one.code), Some(&one));
    let after = HouseRole {
        permissions: Permissions::of(&[Permission::JobRun]),
        revision: 2,
        name_zh: "看门人".to_owned().try_into().expect("a name"),
        ..one.clone()
    };
    facts.apply(vec![Change::Role(after.clone())]);
    try_write(&mut writer, &facts, &[]).await.expect("changed");
    assert_eq!(
        store::queries::roles::one(&store, one.code).await.expect("read").map(|shown| shown.role),
        Some(after.clone())
    );
    assert!(rights().await[&1].allow(Permission::JobRun) && !rights().await[&1].allow(Permission::WalletRead));

    let mut facts = read(&mut writer, &needs).await;
    facts.apply(vec![Change::Role(HouseRole { deleted_at: Some(Instant::from_millis(5)), ..after })]);
    try_write(&mut writer, &facts, &[]).await.expect("deleted");
    assert!(!rights().await[&1].allow(Permission::JobRun));
    assert_eq!(store::queries::roles::one(&store, one.code).await.expect("read"), None);
    assert_eq!(
        read(&mut writer, &needs).await.roles.get(&one.code).and_then(|role| role.deleted_at),
        Some(Instant::from_millis(5))
    );
}

async fn natural_keys_are_unique(home: &Home) {
    let mut writer = home.migrated().await;
    let known = |id: i64| Member {
        openid: Some(openid("o")),
        account: Some("someone".to_owned().try_into().expect("an account")),
        ..member(id)
    };
    let changes = vec![
        Change::Member(known(1)),
        Change::Department(department(1, "A")),
        Change::Session(session(1)),
        Change::Pool(pool(1, 1, 0)),
        Change::Hold(hold(1, 1)),
        Change::Entry(entry(1, 1)),
        Change::Account(account(Owner::Member(MemberId::new(21)), Currency::Cny, 0, 0)),
    ];
    insert(&mut writer, changes.clone()).await;
    for change in changes {
        let named = format!("{change:?}");
        must_break(home, vec![change], &named).await;
    }
    must_break(home, vec![Change::Member(Member { account: None, ..known(2) })], "the same openid").await;
    must_break(home, vec![Change::Member(Member { openid: None, ..known(2) })], "the same account").await;
    must_break(home, vec![Change::Member(Member { uid: "uid-1".to_owned(), ..member(2) })], "the same uid").await;
    must_break(home, vec![Change::Department(department(2, "A"))], "the same code").await;
    // Case counts, and so does the form in which a letter is written.
    let other =
        Member { account: Some("Someone".to_owned().try_into().expect("an account")), openid: None, ..known(3) };
    insert(&mut writer, vec![Change::Member(other), Change::Department(department(3, "a"))]).await;
    assert_eq!(count(&mut writer, "members").await, 2);
}

async fn rows_out_of_range_are_refused(home: &Home) {
    let mut writer = home.migrated().await;
    let bad = [
        ("more taken than there is", Change::Pool(pool(1, 5, 6))),
        ("less than nothing taken", Change::Pool(pool(1, 5, -1))),
        ("a capacity below zero", Change::Pool(pool(1, -1, 0))),
        ("a hold of nothing", Change::Hold(Hold { quantity: 0, ..hold(1, 1) })),
        ("a hold of less", Change::Hold(Hold { quantity: -1, ..hold(1, 1) })),
        ("a price below zero", Change::Meal(Meal { base_price: Cents::new(-1), ..meal(1, "2030-01-01", Slot::Lunch) })),
        ("a total below zero", Change::Order(MealOrder { total: Cents::new(-1), ..order(1, 1, 1) })),
        ("an entry of nothing", Change::Entry(Entry { amount: Cents::ZERO, ..entry(1, 1) })),
        ("an entry numbered zero", Change::Entry(entry(1, 0))),
        ("fewer entries than none", Change::Account(account(Owner::Member(MemberId::new(1)), Currency::Cny, 0, -1))),
    ];
    for (named, change) in bad {
        must_break(home, vec![change], named).await;
    }
    insert(&mut writer, vec![Change::Pool(pool(1, 5, 5))]).await;
    let words = [
        "UPDATE pools SET taken = 6 WHERE pool_id = 1",
        "INSERT INTO departments VALUES (1, 'c', 'n', 'nobody', 0, 0, NULL, 1)",
        "INSERT INTO members VALUES (1, 'u', NULL, NULL, 'n', NULL, NULL, 'gone', NULL, '[]', 0, 0, NULL, NULL)",
        "INSERT INTO members VALUES (1, 'u', NULL, NULL, NULL, NULL, NULL, 'active', NULL, '[]', 0, 0, NULL, NULL)",
        "INSERT INTO holds VALUES (1, 1, 1, 'kept', NULL, 0)",
        "INSERT INTO accounts VALUES (9, 'member', 4, 'USD', 0, 0, 0, 0)",
        "INSERT INTO meals VALUES (1, '2030-01-01', 'tea', NULL, '', 0, '[]', 'draft', NULL, 0, 0, 0, '[]')",
        "INSERT INTO meals VALUES (1, '2030-01-01', 'lunch', NULL, '', 0, '[]', 'open', NULL, 0, 0, 0, '[]')",
        "INSERT INTO meal_orders VALUES (1, 'n', 1, 1, 2, 0, '[]', 0, '', 'active', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO meal_orders VALUES (1, 'n', 1, 1, 2, 1, '[]', 0, '', 'paid', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO outbox VALUES (1, 't', 'b', 'lost', 0, 0, 0, NULL, 0)",
    ];
    for sql in words {
        let error = execute(&mut writer, sql, &[]).await.expect_err(sql);
        assert_eq!(error.cause, Cause::Constraint, "{sql}: {error}");
    }
}

async fn a_text_where_an_integer_belongs_is_refused(home: &Home) {
    let mut writer = home.migrated().await;
    // A sum that overflows must be an error and not a number with a point.
    insert(
        &mut writer,
        vec![Change::Account(account(Owner::Member(MemberId::new(10)), Currency::Ticket, i64::MAX, 0))],
    )
    .await;
    let overflow = "UPDATE accounts SET balance = balance + 1 WHERE account_id = 21";
    execute(&mut writer, overflow, &[]).await.expect_err("an overflow");
    let text = "UPDATE accounts SET balance = $1 WHERE account_id = 21";
    execute(&mut writer, text, &["many".into()]).await.expect_err("a text");
    let facts = read(&mut writer, &Needs { accounts: [AccountId::new(21)].into(), ..Needs::default() }).await;
    let kept = facts.accounts.get(&AccountId::new(21)).expect("there");
    assert_eq!(kept.balance, Cents::new(i64::MAX));
}

async fn rows_that_fit_no_state_are_inconsistent(home: &Home) {
    let mut writer = home.migrated().await;
    let (before, _): (Vec<_>, Vec<_>) = changing().into_iter().unzip();
    insert(&mut writer, before).await;
    let spoiled = [
        ("members", "grants", "no list"),
        ("members", "account", "a b"),
        ("meals", "date", "2030-02-30"),
        ("meals", "options", "[{}]"),
        ("meals", "title", ""),
        ("meal_orders", "options", "null"),
        ("meal_orders", "notes", "\u{7}"),
        ("accounts", "owner_kind", "nobody"),
    ];
    for (table, column, value) in spoiled {
        let old = format!("SELECT {column} FROM {table} WHERE version >= 0");
        let old = writer.query(&old, &[]).await.expect("read").remove(0).cells().opt_text().expect("a text");
        let set = format!("UPDATE {table} SET {column} = $1");
        execute(&mut writer, &set, &[value.into()]).await.expect("spoiled");
        writer.begin().await.expect("begun");
        let mut facts = Facts::default();
        let error = store::load(&mut writer, &all_of_them(), at(NOW), &mut facts).await.expect_err(column);
        writer.rollback().await;
        assert_eq!(error.cause, Cause::Inconsistent, "{table}.{column}: {error}");
        assert_says(&error, "inconsistent row");
        let old: Value<'_> = if table == "accounts" { "member".into() } else { old.into() };
        execute(&mut writer, &set, &[old]).await.expect("repaired");
    }
    execute(&mut writer, "UPDATE meal_orders SET quantity = 1001", &[]).await.expect("spoiled");
    writer.begin().await.expect("begun");
    let error = store::load(&mut writer, &all_of_them(), at(NOW), &mut Facts::default()).await.expect_err("quantity");
    assert_eq!(error.cause, Cause::Inconsistent, "{error}");
    writer.rollback().await;
}

// Migrations.

async fn migrating_twice_changes_nothing(home: &Home) {
    let mut writer = home.store().writer().await.expect("a connection");
    let to = expected_schema();
    assert_eq!(writer.migrate(NOW).await.expect("migrated"), Migrated { from: 0, to });
    insert(&mut writer, vec![Change::Member(member(1))]).await;
    assert_eq!(writer.migrate(NOW + 1).await.expect("nothing to do"), Migrated { from: to, to });
    let mut other = home.store().writer().await.expect("a connection");
    assert_eq!(other.migrate(NOW + 2).await.expect("nothing to do"), Migrated { from: to, to });
    assert_eq!(count(&mut writer, "members").await, 1);
    let rows =
        writer.query("SELECT number, applied_at FROM schema_migrations ORDER BY number", &[]).await.expect("read");
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let mut row = row.cells();
            (row.int().unwrap(), row.int().unwrap())
        })
        .collect();
    assert!(rows.iter().all(|&(_, at)| at == NOW), "{rows:?}");
    // Each once; a number may have been left out.
    assert_eq!((rows.first(), rows.last()), (Some(&(1, NOW)), Some(&(to, NOW))));
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "{rows:?}");
}

/// Runs `work` on eight threads, each with a connection of its own.
fn eight_at_once<T: Send + 'static>(
    home: &Home,
    work: impl AsyncFn(store::Writer, i64) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let work = Arc::new(work);
    let together = Arc::new(std::sync::Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let (store, work, together) = (home.store(), Arc::clone(&work), Arc::clone(&together));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    together.wait();
                    let writer = store.writer().await.expect("a connection");
                    work(writer, number).await
                })
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
}

async fn eight_migrate_at_once(home: &Home) {
    let done = eight_at_once(home, async |mut writer, number| writer.migrate(NOW + number).await.expect("migrated"));
    let to = expected_schema();
    assert_eq!(done.iter().filter(|done| **done == Migrated { from: 0, to }).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == Migrated { from: to, to }).count(), 7, "{done:?}");
}

async fn a_newer_database_is_refused(home: &Home) {
    let mut writer = home.migrated().await;
    let newer = expected_schema() + 41;
    let sql = "INSERT INTO schema_migrations (number, name, applied_at) VALUES ($1, 'from the future', 0)";
    execute(&mut writer, sql, &[Value::Int(newer)]).await.expect("written");
    let error = writer.migrate(NOW).await.expect_err("too new");
    assert_says(&error, &newer.to_string());
    assert_says(&error, &expected_schema().to_string());
    insert(&mut writer, vec![Change::Member(member(1))]).await;
}

async fn who_migrates_waits_for_the_first(home: &Home) {
    let mut first = home.store().writer().await.expect("a connection");
    first.begin().await.expect("begun");
    if first.engine() == Engine::Postgres {
        first.query("SELECT 1 FROM pg_advisory_xact_lock(4736251083)", &[]).await.expect("locked");
    }
    let store = home.store();
    let second = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { store.writer().await.expect("a connection").migrate(NOW).await })
    });
    // Longer than a lane waits for a lock.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert!(!second.is_finished(), "it waits");
    first.rollback().await;
    let to = expected_schema();
    assert_eq!(second.join().expect("no panic").expect("migrated"), Migrated { from: 0, to });
}

async fn tables(writer: &mut store::Writer) -> Vec<String> {
    let sql = match writer.engine() {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite%' ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1"
        }
    };
    let rows = writer.query(sql, &[]).await.expect("read");
    rows.into_iter().map(|row| row.cells().text().expect("a name")).collect()
}

async fn a_half_failed_migration_leaves_nothing(home: &Home) {
    let mut writer = home.store().writer().await.expect("a connection");
    // A table of that name in the way lets the first migration fail near its end.
    writer.script("CREATE TABLE nodes (mine TEXT)").await.expect("created");
    let error = writer.migrate(NOW).await.expect_err("in the way");
    assert_says(&error, "nodes");
    assert_eq!(tables(&mut writer).await, ["nodes"]);
    writer.script("DROP TABLE nodes").await.expect("dropped");
    let to = expected_schema();
    assert_eq!(writer.migrate(NOW).await.expect("migrated"), Migrated { from: 0, to });
}

async fn a_rollback_leaves_nothing(home: &Home) {
    let mut writer = home.migrated().await;
    let mut facts = Facts::default();
    facts.apply(vec![Change::Member(member(1)), Change::Pool(pool(1, 1, 1))]);
    writer.begin().await.expect("begun");
    store::write(&mut writer, &facts, &[answer(1, "k", 1, "{}")], at(NOW)).await.expect("written");
    writer.rollback().await;
    for table in ["members", "pools", "answers"] {
        assert_eq!(count(&mut writer, table).await, 0, "{table}");
    }
    // Neither without a beginning nor twice does it do harm.
    writer.rollback().await;
    writer.begin().await.expect("begun");
    writer.rollback().await;
    try_write(&mut writer, &facts, &[]).await.expect("written");
    assert_eq!(count(&mut writer, "members").await, 1);

    // A connection that is dropped inside a transaction takes it along.
    let mut other = home.store().writer().await.expect("a connection");
    other.begin().await.expect("begun");
    let mut facts = Facts::default();
    facts.apply(vec![Change::Member(member(2))]);
    store::write(&mut other, &facts, &[], at(NOW)).await.expect("written");
    drop(other);
    insert(&mut writer, vec![Change::Member(member(2))]).await;
}

async fn an_error_spoils_no_connection(home: &Home) {
    let mut writer = home.migrated().await;
    for _ in 0..3 {
        must_break_on(&mut writer, Change::Pool(pool(1, 1, 2))).await;
        writer.begin().await.expect("begun");
        writer.query("SELECT nothing FROM nowhere", &[]).await.expect_err("no such table");
        writer.rollback().await;
    }
    insert(&mut writer, vec![Change::Pool(pool(1, 1, 1))]).await;
    assert_eq!(count(&mut writer, "pools").await, 1);
}

async fn must_break_on(writer: &mut store::Writer, change: Change) {
    let error = try_insert(writer, vec![change]).await.expect_err("refused");
    assert_eq!(error.cause, Cause::Constraint, "{error}");
}

// Node numbers.

async fn two_claimers_get_two_numbers(home: &Home) {
    let mut writer = home.migrated().await;
    let one = writer.claim_node("one", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    let two = writer.claim_node("two", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    assert_ne!(one.number, two.number);
    assert!((0..NODES).contains(&one.number) && (0..NODES).contains(&two.number));
    assert!(one.ids_until_ms >= NOW && two.ids_until_ms >= NOW);
    assert!(writer.renew_node(one.number, "one", NOW + 20, NOW + 30).await.expect("asked"));
    assert!(!writer.renew_node(one.number, "two", NOW + 20, NOW + 30).await.expect("asked"));
}

async fn a_number_is_free_when_its_lease_has_ended(home: &Home) {
    let mut writer = home.migrated().await;
    let first = writer.claim_node("first", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    assert!(writer.renew_node(first.number, "first", NOW + 20, NOW + 500).await.expect("asked"));
    let early = writer.claim_node("early", NOW + 19, NOW + 40, 0).await.expect("asked").expect("free");
    assert_ne!(early.number, first.number);
    let next = writer.claim_node("next", NOW + 20, NOW + 40, 0).await.expect("asked").expect("free");
    assert_eq!(
        (next.number, next.ids_until_ms),
        (first.number, NOW + 500),
        "ids go on where the last holder's may end"
    );
}

async fn all_numbers_can_be_taken(home: &Home) {
    let mut writer = home.migrated().await;
    let mut numbers = BTreeSet::new();
    for holder in 0..NODES {
        let lease = writer.claim_node(&format!("{holder}"), NOW, NOW + 10, 0).await.expect("asked").expect("free");
        numbers.insert(lease.number);
    }
    assert_eq!(numbers, (0..NODES).collect());
    assert_eq!(writer.claim_node("late", NOW + 9, NOW + 20, 0).await.expect("asked"), None);
    assert!(writer.claim_node("later", NOW + 10, NOW + 20, 0).await.expect("asked").is_some());
}

async fn a_lost_number_cannot_be_renewed(home: &Home) {
    let mut writer = home.migrated().await;
    let mine = writer.claim_node("sleepy", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    // Late, but nobody else has come.
    assert!(writer.renew_node(mine.number, "sleepy", NOW + 30, NOW + 90).await.expect("asked"));
    let theirs = writer.claim_node("thief", NOW + 30, NOW + 60, 0).await.expect("asked").expect("free");
    assert_eq!(theirs.number, mine.number);
    assert!(!writer.renew_node(mine.number, "sleepy", NOW + 99, NOW + 999).await.expect("asked"));
    assert!(writer.renew_node(mine.number, "thief", NOW + 70, NOW + 100).await.expect("asked"));
    let again = writer.claim_node("sleepy", NOW + 31, NOW + 60, 0).await.expect("asked").expect("free");
    assert_ne!(again.number, mine.number);
}

async fn ids_are_never_allowed_twice(home: &Home) {
    let mut writer = home.migrated().await;
    let mine = writer.claim_node("one", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    assert!(writer.renew_node(mine.number, "one", NOW + 10, NOW + 900).await.expect("asked"));
    // The clock was set back, or the holder had begun ahead of it.
    assert!(writer.renew_node(mine.number, "one", NOW - 500, NOW - 400).await.expect("asked"));
    let next = writer.claim_node("two", NOW, NOW + 10, 0).await.expect("asked").expect("free");
    assert_eq!((next.number, next.ids_until_ms), (mine.number, NOW + 900));
}

async fn a_number_can_be_given_back(home: &Home) {
    let mut writer = home.migrated().await;
    let mine = writer.claim_node("one", NOW, NOW + 1000, 0).await.expect("asked").expect("free");
    assert!(writer.renew_node(mine.number, "one", NOW + 1000, NOW + 9000).await.expect("asked"));
    writer.release_node(mine.number, "somebody else", 0).await.expect("asked");
    writer.release_node(mine.number, "one", NOW + 7).await.expect("asked");
    let next = writer.claim_node("two", NOW + 1, NOW + 10, 0).await.expect("asked").expect("free");
    assert_eq!((next.number, next.ids_until_ms), (mine.number, NOW + 7));
}

async fn eight_claim_at_once(home: &Home) {
    drop(home.migrated().await);
    let leases = eight_at_once(home, async |mut writer, number| {
        writer.claim_node(&format!("{number}"), NOW, NOW + 10, 0).await.expect("asked").expect("free").number
    });
    assert_eq!(leases.iter().collect::<BTreeSet<_>>().len(), 8, "{leases:?}");
}

// The outbox.

fn message(id: i64, due_at: i64) -> Change {
    Change::Outbox(OutboxMessage { id, topic: "t", body: format!("{{\"n\":{id}}}"), due_at: at(due_at) })
}

async fn two_workers_never_get_the_same_message(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, (1..=200).map(|id| message(id, NOW)).collect()).await;
    let claimed = eight_at_once(home, async |mut writer, _| {
        let mut mine = Vec::new();
        let mut empty = 0;
        // Who comes second to the same messages gets none of them, so one empty hand is no proof that nothing is left.
        while empty < 8 {
            let claimed = writer.claim_outbox(NOW, 1000, 7).await.expect("claimed");
            assert!(claimed.len() <= 7);
            assert!(claimed.iter().all(|row| row.attempts == 1 && row.body == format!("{{\"n\":{}}}", row.id)));
            empty = if claimed.is_empty() { empty + 1 } else { 0 };
            mine.extend(claimed.into_iter().map(|row| row.id));
        }
        mine
    });
    let mut all: Vec<_> = claimed.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=200).collect::<Vec<_>>());
}

async fn a_claim_ends_with_its_lease(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, vec![message(1, NOW), message(2, NOW)]).await;
    assert_eq!(writer.claim_outbox(NOW, 100, 1).await.expect("claimed")[0].id, 1);
    assert_eq!(writer.claim_outbox(NOW + 99, 100, 9).await.expect("claimed").len(), 1, "only the second is free");
    let again = writer.claim_outbox(NOW + 100, 1000, 9).await.expect("claimed");
    assert_eq!((again.len(), again[0].id, again[0].attempts), (1, 1, 2));
}

async fn a_message_waits_for_its_time(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, vec![message(1, NOW + 50), message(2, NOW), message(3, NOW + 1)]).await;
    let due = |rows: Vec<store::OutboxRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(due(writer.claim_outbox(NOW - 1, 10, 9).await.expect("claimed")), [0; 0]);
    assert_eq!(due(writer.claim_outbox(NOW, 10, 9).await.expect("claimed")), [2]);
    // The one that has waited longest comes first.
    assert_eq!(due(writer.claim_outbox(NOW + 60, 10, 2).await.expect("claimed")), [2, 3]);
    assert_eq!(due(writer.claim_outbox(NOW + 60, 10, 2).await.expect("claimed")), [1]);
}

async fn a_delivered_message_is_never_claimed_again(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, vec![message(1, NOW)]).await;
    assert_eq!(writer.claim_outbox(NOW, 10, 9).await.expect("claimed").len(), 1);
    writer.outbox_delivered(1).await.expect("settled");
    assert!(writer.claim_outbox(NOW + 1_000_000, 10, 9).await.expect("claimed").is_empty());
    // Only what was given up is taken up again.
    writer.outbox_again(1, NOW + 2_000_000).await.expect("asked");
    assert!(writer.claim_outbox(NOW + 2_000_000, 10, 9).await.expect("claimed").is_empty());
}

async fn state_of(writer: &mut store::Writer, id: i64) -> (String, Option<String>) {
    let sql = "SELECT state, last_error FROM outbox WHERE message_id = $1";
    let mut row = writer.query(sql, &[Value::Int(id)]).await.expect("read").remove(0).cells();
    (row.text().expect("a state"), row.opt_text().expect("an error"))
}

async fn a_parked_message_is_left_alone(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, vec![message(1, NOW)]).await;
    let claimed = writer.claim_outbox(NOW, 1000, 9).await.expect("claimed").remove(0);
    writer.outbox_retry(claimed.id, 1, NOW + 5, "门 was closed").await.expect("settled");
    assert_eq!(state_of(&mut writer, 1).await, ("waiting".to_owned(), Some("门 was closed".to_owned())));
    assert!(writer.claim_outbox(NOW + 4, 10, 9).await.expect("claimed").is_empty());
    let claimed = writer.claim_outbox(NOW + 5, 1000, 9).await.expect("claimed").remove(0);
    assert_eq!(claimed.attempts, 2);
    // What is not given up is left as it is: it still counts as the second attempt.
    writer.outbox_again(claimed.id, 5).await.expect("asked");
    writer.outbox_park(claimed.id, 2, "gone").await.expect("settled");
    assert_eq!(state_of(&mut writer, 1).await, ("parked".to_owned(), Some("gone".to_owned())));
    assert!(writer.claim_outbox(NOW + 1_000_000, 10, 9).await.expect("claimed").is_empty());
}

async fn who_is_late_settles_nothing(home: &Home) {
    let mut writer = home.migrated().await;
    insert(&mut writer, vec![message(1, NOW), message(2, NOW)]).await;
    let first = writer.claim_outbox(NOW, 10, 9).await.expect("claimed");
    let second = writer.claim_outbox(NOW + 10, 1000, 9).await.expect("claimed");
    assert_eq!((first.len(), second.len()), (2, 2));
    let late = &first[0];
    assert!(!writer.outbox_retry(late.id, late.attempts, NOW + 10, "late").await.expect("asked"));
    assert!(!writer.outbox_park(late.id, late.attempts, "late").await.expect("asked"));
    assert_eq!(state_of(&mut writer, 1).await, ("waiting".to_owned(), None));
    assert!(writer.claim_outbox(NOW + 11, 10, 9).await.expect("claimed").is_empty(), "the lease still holds");

    // A delivery that arrived has arrived, and stays so.
    writer.outbox_delivered(1).await.expect("settled");
    assert!(!writer.outbox_park(1, second[0].attempts, "late").await.expect("asked"));
    assert_eq!(state_of(&mut writer, 1).await, ("delivered".to_owned(), None));
    assert!(writer.outbox_park(2, second[1].attempts, "no").await.expect("asked"));
    writer.outbox_delivered(2).await.expect("settled");
    assert_eq!(state_of(&mut writer, 2).await, ("delivered".to_owned(), None));
}

// Reading beside the writers.

struct Seen {
    counts: Vec<i64>,
    first_read: mpsc::Sender<()>,
    written: mpsc::Receiver<()>,
}

async fn a_scan_sees_one_moment(home: &Home) {
    drop(home.migrated().await);
    let (first_read, started) = mpsc::channel();
    let (done, written) = mpsc::channel();
    let store = home.store();
    // Between the scan's first statement and its second somebody writes.
    let writing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            started.recv().expect("the scan has begun");
            let mut writer = store.writer().await.expect("a connection");
            insert(&mut writer, vec![Change::Member(member(1)), Change::Pool(pool(1, 1, 0))]).await;
            done.send(()).expect("the scan waits");
        });
    });
    let take = |seen: &mut Seen, at: usize, row: Row| {
        seen.counts.push(row.cells().int()?);
        if at == 0 {
            seen.first_read.send(()).expect("the writer waits");
            seen.written.recv().expect("the writer writes");
        }
        Ok::<(), Error>(())
    };
    let statements = vec![
        ("SELECT COUNT(*) FROM members", vec![]),
        ("SELECT COUNT(*) FROM pools", vec![]),
        ("SELECT COUNT(*) FROM members", vec![]),
    ];
    let seen = Seen { counts: Vec::new(), first_read, written };
    let seen = home.store().scan(statements, seen, take).await.expect("scanned");
    assert_eq!(seen.counts, [0, 0, 0]);
    writing.join().expect("written");
    let rows = home.store().query("SELECT COUNT(*) FROM pools", vec![]).await.expect("read");
    assert_eq!(rows.into_iter().next().expect("a row").cells().int().expect("a number"), 1);
}

async fn a_scan_that_fails_spoils_no_connection(home: &Home) {
    drop(home.migrated().await);
    let store = home.store();
    for _ in 0..20 {
        let statements = vec![("SELECT number FROM schema_migrations WHERE number = 1", vec![])];
        let refused: Result<(), Error> =
            store.scan(statements, (), |(), _, _| Err(Error::inconsistent("enough"))).await;
        assert_eq!(refused.expect_err("refused").cause, Cause::Inconsistent);
        store.query("SELECT nothing FROM nowhere", vec![]).await.expect_err("no such table");
    }
    assert_eq!(
        store.query("SELECT number FROM schema_migrations WHERE number = 1", vec![]).await.expect("read").len(),
        1
    );
}

const MANY: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) SELECT n FROM numbers";

async fn a_stream_is_whole_and_in_order(home: &Home) {
    drop(home.migrated().await);
    let statements = vec![
        (MANY, vec![]),
        ("SELECT member_id FROM members", vec![]),
        ("SELECT CAST($1 AS BIGINT)", vec![Value::Int(7)]),
    ];
    let mut rows = home.store().stream(statements);
    for number in 1..=20_000 {
        let (at, row) = rows.next().await.expect("read").expect("a row");
        assert_eq!((at, row.cells().int().expect("a number")), (0, number));
    }
    let (at, row) = rows.next().await.expect("read").expect("a row");
    assert_eq!((at, row.cells().int().expect("a number")), (2, 7));
    for _ in 0..2 {
        assert!(rows.next().await.expect("read").is_none());
    }
}

async fn a_stream_sees_one_moment(home: &Home) {
    let mut writer = home.migrated().await;
    let members = || ("SELECT COUNT(*) FROM members", vec![]);
    let mut rows = home.store().stream(vec![members(), (MANY, vec![]), members()]);
    rows.next().await.expect("read").expect("a row");
    // Far more rows wait than are under way, so the last statement has not begun.
    insert(&mut writer, vec![Change::Member(member(1))]).await;
    assert_eq!(count(&mut writer, "members").await, 1);
    let mut last = None;
    while let Some(next) = rows.next().await.expect("read") {
        last = Some(next);
    }
    let (at, row) = last.expect("rows");
    assert_eq!((at, row.cells().int().expect("a number")), (2, 0));
}

async fn a_stream_that_fails_says_so(home: &Home) {
    drop(home.migrated().await);
    let mut rows = home.store().stream(vec![("SELECT nothing FROM nowhere", vec![])]);
    assert!(rows.next().await.is_err());
    // What came before it has arrived all the same.
    let statements = vec![(MANY, vec![]), ("SELECT nothing FROM nowhere", vec![])];
    let mut rows = home.store().stream(statements);
    let mut seen = 0;
    let ended = loop {
        match rows.next().await {
            Ok(Some(_)) => seen += 1,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert_eq!((seen, ended.is_err()), (20_000, true));
}

/// There are fewer connections than streams here: each has to come back, or be replaced, and none inside a transaction.
async fn a_stream_that_is_dropped_gives_its_connection_back(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    for _ in 0..30 {
        let mut rows = store.stream(vec![(MANY, vec![])]);
        rows.next().await.expect("read").expect("a row");
    }
    // Whoever still stood in an old snapshot would not see this.
    insert(&mut writer, vec![Change::Member(member(1))]).await;
    let reads: Vec<_> = (0..30)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let found = store.query("SELECT COUNT(*) FROM members", vec![]).await.expect("read");
                found.into_iter().next().expect("a row").cells().int().expect("a number")
            })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.expect("no panic"), 1);
    }
}

async fn a_query_cannot_write(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    let sql = "INSERT INTO pools (pool_id, capacity, taken, version) VALUES (1, 1, 0, 0) RETURNING pool_id";
    store.query(sql, vec![]).await.expect_err("it only reads");
    assert_eq!(count(&mut writer, "pools").await, 0);
}

async fn many_queries_at_once_all_answer(home: &Home) {
    drop(home.migrated().await);
    let store = home.store();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let sql = "SELECT CAST($1 AS BIGINT) + COUNT(*) FROM members";
                let asked = store.query(sql, vec![Value::Int(number)]);
                if number % 3 == 0 {
                    // The caller goes away in the middle.
                    drop(tokio::time::timeout(std::time::Duration::ZERO, asked).await);
                    return;
                }
                let row = asked.await.expect("read").into_iter().next().expect("a row");
                assert_eq!(row.cells().int().expect("a number"), number);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}
