//! Every statement of a lane. Each is one look-up or one change a row, see `SetStatement`.

use crate::rows;
use crate::sql::Kind::{Blob, Int, Text};
use crate::sql::statements;
use crate::{Column, Lock, SetStatement};

fn by_key(table: &str, columns: &[Column], lock: Lock) -> SetStatement {
    SetStatement::select(table, &columns[..1], columns, "", lock)
}

const ENTRY: &[Column] = &[
    ("account_id", Int),
    ("number", Int),
    ("transfer_id", Int),
    ("kind", Text),
    ("order_id", Int),
    ("amount", Int),
    ("balance_after", Int),
    ("created_at", Int),
];

const AUDIT: &[Column] = &[
    ("audit_id", Int),
    ("at", Int),
    ("actor_id", Int),
    ("action", Text),
    ("object_kind", Text),
    ("object_id", Int),
    ("value_before", Text),
    ("value_after", Text),
    ("reason", Text),
];

const OUTBOX: &[Column] = &[
    ("message_id", Int),
    ("topic", Text),
    ("body", Text),
    ("state", Text),
    ("due_at", Int),
    ("attempts", Int),
    ("leased_until", Int),
    ("created_at", Int),
];

const ANSWER: &[Column] =
    &[("caller_id", Int), ("key", Text), ("request_hash", Blob), ("answer", Text), ("created_at", Int)];

const OPEN: &str = "t.status IN ('active', 'locked')";
const COMPLETED: &str = "t.status = 'completed'";

/// By way of the orders, whose index knows their meal; claims have none by pool.
fn holds_of_orders(status: &str) -> String {
    let columns: Vec<_> = rows::HOLD.iter().map(|(name, _)| format!("h.{name}")).collect();
    format!(
        "SELECT {} FROM meal_orders AS t JOIN holds AS h ON h.order_id = t.order_id AND h.pool_id = t.meal_id \
         WHERE t.meal_id = {{meal_id}} AND {status}",
        columns.join(", ")
    )
}

statements! {
    MEMBERS = by_key("members", rows::MEMBER, Lock::None);
    DEPARTMENTS = by_key("departments", rows::DEPARTMENT, Lock::None);
    SESSIONS = by_key("sessions", rows::SESSION, Lock::None);
    SIGN_IN_TICKETS = by_key("sign_in_tickets", rows::SIGN_IN_TICKET, Lock::None);
    SECOND_FACTORS = by_key("second_factors", rows::SECOND_FACTOR, Lock::None);
    MEALS = by_key("meals", rows::MEAL, Lock::None);
    POOLS = by_key("pools", rows::POOL, Lock::ForUpdate);
    ORDERS = by_key("meal_orders", rows::ORDER, Lock::None);
    GROUP_ORDERS = by_key("group_orders", rows::GROUP_ORDER, Lock::None);
    SUBSCRIPTIONS = by_key("subscriptions", rows::SUBSCRIPTION, Lock::None);
    SUBSCRIPTION_RUNS = SetStatement::select(
        "subscription_runs", &rows::SUBSCRIPTION_RUN[..2], rows::SUBSCRIPTION_RUN, "", Lock::None,
    );
    REPORTS = SetStatement::select("reports", &rows::REPORT[1..3], rows::REPORT, "", Lock::None);
    HOLDS = SetStatement::select("holds", &rows::HOLD[..2], rows::HOLD, "", Lock::None);
    ACCOUNTS = by_key("accounts", rows::ACCOUNT, Lock::ForUpdate);
    MEMBER_BY_OPENID =
        SetStatement::select("members", &rows::MEMBER[2..3], &[("openid_index", Blob), ("member_id", Int)], "", Lock::None);
    MEMBER_BY_ACCOUNT =
        SetStatement::select("members", &[("account", Text)], &[("account", Text), ("member_id", Int)], "", Lock::None);
    DEPARTMENT_BY_CODE = SetStatement::select(
        "departments", &[("code", Text)], &[("code", Text), ("department_id", Int)], "", Lock::None,
    );
    MEAL_AT = SetStatement::select(
        "meals",
        &[("date", Text), ("slot", Text)],
        &[("date", Text), ("slot", Text), ("meal_id", Int)],
        "t.status <> 'canceled'",
        Lock::None,
    );
    // Both by all that the index of a member's orders knows, so that no other is chosen while the tables are too empty to tell.
    STANDING_ORDERS = SetStatement::select(
        "meal_orders",
        &[("meal_id", Int), ("member_id", Int)],
        &[("meal_id", Int), ("member_id", Int), ("order_id", Int)],
        "CASE WHEN t.status IN ('canceled', 'refunded') THEN t.order_id ELSE 0 END = 0",
        Lock::None,
    );
    CANCELED_ORDERS = SetStatement::select(
        "meal_orders",
        &[("meal_id", Int), ("member_id", Int)],
        &[("meal_id", Int), ("member_id", Int), ("order_id", Int)],
        "t.status = 'canceled' AND CASE WHEN t.status IN ('canceled', 'refunded') THEN t.order_id ELSE 0 END > 0",
        Lock::None,
    );
    OPEN_ORDERS = SetStatement::select("meal_orders", &[("meal_id", Int)], rows::ORDER, OPEN, Lock::None);
    OPEN_HOLDS = SetStatement::query(&[("meal_id", Int)], &holds_of_orders(OPEN), Lock::None);
    COMPLETED_ORDERS = SetStatement::select("meal_orders", &[("meal_id", Int)], rows::ORDER, COMPLETED, Lock::None);
    COMPLETED_HOLDS = SetStatement::query(&[("meal_id", Int)], &holds_of_orders(COMPLETED), Lock::None);
    POOL_HOLDS = SetStatement::select("holds", &[("pool_id", Int)], rows::HOLD, "t.state <> 'released'", Lock::None);
    LEDGERS = SetStatement::query(&[("account_id", Int)], LEDGER, Lock::None);
    ORDER_SUMS = SetStatement::query(&[("account_id", Int)], ORDER_SUM, Lock::None);
    ERASURES = by_key("erasures", rows::ERASURE, Lock::None);
    HOLDINGS = SetStatement::query(&[("member_id", Int)], HOLDINGS_OF, Lock::None);
    ROLES = by_key("roles", rows::ROLE, Lock::ForUpdate);
    HOLDERS = SetStatement::query(&[("role", Text)], HOLDERS_OF, Lock::None);
    HOLDERS_ANYWHERE = SetStatement::query(&[("role", Text)], HOLDERS_ANYWHERE_OF, Lock::None);
    LAPSED_HOLDS = SetStatement::query(&[("pool_id", Int), ("now", Int)], LAPSED, Lock::None);
    JOBS = by_key("jobs", rows::JOB, Lock::None);
    TOPUPS = by_key("topups", rows::TOPUP, Lock::None);
    PAYMENTS = by_key("payments", rows::PAYMENT, Lock::None);
    REFUNDS = by_key("refunds", rows::REFUND, Lock::None);
    EXCEPTIONS = by_key("exceptions", rows::EXCEPTION, Lock::None);
    TOPUP_BY_TRANSACTION = SetStatement::select(
        "topups", &[("transaction_id", Text)], &[("transaction_id", Text), ("topup_id", Int)], "", Lock::None,
    );
    OPEN_EXCEPTION = SetStatement::select(
        "exceptions",
        &[("kind", Text), ("subject", Text)],
        &[("kind", Text), ("subject", Text), ("exception_id", Int)],
        "t.state = 'open'",
        Lock::None,
    );
    DISMISSED_EXCEPTIONS = SetStatement::select(
        "exceptions",
        &[("kind", Text), ("subject", Text)],
        rows::EXCEPTION,
        "t.state = 'resolved' AND t.action = 'dismiss'",
        Lock::None,
    );
    JOB_RUNS = by_key("job_runs", rows::JOB_RUN, Lock::None);
    ANSWERS = SetStatement::select(
        "answers", &ANSWER[..2], &[("caller_id", Int), ("key", Text), ("request_hash", Blob), ("answer", Text)], "", Lock::None,
    );

    INSERT_MEMBERS = SetStatement::insert("members", rows::MEMBER);
    UPDATE_MEMBERS = SetStatement::update("members", &rows::MEMBER[..1], &rows::MEMBER[1..12]);
    PUT_CREDENTIALS = SetStatement::put("credentials", &[("member_id", Int)], &[("password_hash", Text)]);
    INSERT_DEPARTMENTS = SetStatement::insert("departments", rows::DEPARTMENT);
    UPDATE_DEPARTMENTS = SetStatement::update("departments", &rows::DEPARTMENT[..1], &rows::DEPARTMENT[2..6]);
    INSERT_ROLES = SetStatement::insert("roles", rows::ROLE);
    UPDATE_ROLES = SetStatement::update("roles", &rows::ROLE[..1], &rows::ROLE[2..8]);
    INSERT_SESSIONS = SetStatement::insert("sessions", rows::SESSION);
    UPDATE_SESSIONS = SetStatement::update("sessions", &rows::SESSION[..1], &rows::SESSION[4..5]);
    INSERT_SIGN_IN_TICKETS = SetStatement::insert("sign_in_tickets", rows::SIGN_IN_TICKET);
    UPDATE_SIGN_IN_TICKETS = SetStatement::update(
        "sign_in_tickets", &rows::SIGN_IN_TICKET[..1], &rows::SIGN_IN_TICKET[5..6],
    );
    INSERT_SECOND_FACTORS = SetStatement::insert("second_factors", rows::SECOND_FACTOR);
    UPDATE_SECOND_FACTORS = SetStatement::update(
        "second_factors", &rows::SECOND_FACTOR[..1], &rows::SECOND_FACTOR[1..8],
    );
    INSERT_ERASURES = SetStatement::insert("erasures", rows::ERASURE);
    INSERT_MEALS = SetStatement::insert("meals", rows::MEAL);
    UPDATE_MEALS = SetStatement::update("meals", &rows::MEAL[..1], &rows::MEAL[3..12]);
    INSERT_POOLS = SetStatement::insert("pools", rows::POOL);
    UPDATE_POOLS = SetStatement::update("pools", &rows::POOL[..1], &rows::POOL[1..4]);
    INSERT_ORDERS = SetStatement::insert("meal_orders", rows::ORDER);
    UPDATE_ORDERS = SetStatement::update("meal_orders", &rows::ORDER[..1], &[
        ("quantity", Int), ("options", Text), ("total_cents", Int), ("notes", Text), ("status", Text), ("redeemed_at", Int),
        ("redeemed_by", Int), ("pickup_window", Text), ("updated_at", Int),
    ]);
    INSERT_GROUP_ORDERS = SetStatement::insert("group_orders", rows::GROUP_ORDER);
    INSERT_SUBSCRIPTIONS = SetStatement::insert("subscriptions", rows::SUBSCRIPTION);
    UPDATE_SUBSCRIPTIONS = SetStatement::update(
        "subscriptions", &rows::SUBSCRIPTION[..1], &[("status", Text), ("updated_at", Int)],
    );
    INSERT_SUBSCRIPTION_RUNS = SetStatement::insert("subscription_runs", rows::SUBSCRIPTION_RUN);
    INSERT_REPORTS = SetStatement::insert("reports", rows::REPORT);
    INSERT_HOLDS = SetStatement::insert("holds", rows::HOLD);
    UPDATE_HOLDS = SetStatement::update("holds", &rows::HOLD[..2], &rows::HOLD[2..5]);
    INSERT_ACCOUNTS = SetStatement::insert("accounts", rows::ACCOUNT);
    UPDATE_ACCOUNTS = SetStatement::update("accounts", &rows::ACCOUNT[..1], &rows::ACCOUNT[4..7]);
    INSERT_ENTRIES = SetStatement::insert("entries", ENTRY);
    INSERT_AUDITS = SetStatement::insert("audits", AUDIT);
    INSERT_OUTBOX = SetStatement::insert("outbox", OUTBOX);
    INSERT_JOBS = SetStatement::insert("jobs", rows::JOB);
    UPDATE_JOBS = SetStatement::update("jobs", &rows::JOB[..1], &rows::JOB[1..3]);
    INSERT_JOB_RUNS = SetStatement::insert("job_runs", rows::JOB_RUN);
    UPDATE_JOB_RUNS = SetStatement::update("job_runs", &rows::JOB_RUN[..1], &rows::JOB_RUN[6..11]);
    INSERT_TOPUPS = SetStatement::insert("topups", rows::TOPUP);
    UPDATE_TOPUPS = SetStatement::update("topups", &rows::TOPUP[..1], &rows::TOPUP[3..17]);
    INSERT_PAYMENTS = SetStatement::insert("payments", rows::PAYMENT);
    UPDATE_PAYMENTS = SetStatement::update("payments", &rows::PAYMENT[..1], &rows::PAYMENT[3..5]);
    INSERT_REFUNDS = SetStatement::insert("refunds", rows::REFUND);
    UPDATE_REFUNDS = SetStatement::update("refunds", &rows::REFUND[..1], &rows::REFUND[5..11]);
    INSERT_EXCEPTIONS = SetStatement::insert("exceptions", rows::EXCEPTION);
    UPDATE_EXCEPTIONS = SetStatement::update("exceptions", &rows::EXCEPTION[..1], &rows::EXCEPTION[5..14]);
    INSERT_ANSWERS = SetStatement::insert("answers", ANSWER);
}

const LEDGER: &str = "SELECT {account_id} AS account_id, CAST(COALESCE(SUM(t.amount), 0) AS BIGINT) AS total, \
                      COUNT(*) AS number, COALESCE(MAX(t.number), 0) AS last FROM entries AS t \
                      WHERE t.account_id = {account_id}";

const ORDER_SUM: &str = "SELECT t.account_id, t.order_id, CAST(SUM(t.amount) AS BIGINT) AS total FROM entries AS t \
                         WHERE t.account_id = {account_id} AND t.order_id IS NOT NULL GROUP BY t.account_id, t.order_id";

// What keeps a member from being erased, in the order of `load_holdings`, and then what an erasure takes away.
const HOLDINGS_OF: &str = "SELECT t.member_id, \
     (SELECT COUNT(*) FROM meal_orders AS o WHERE o.member_id = t.member_id AND o.status IN ('active', 'locked')), \
     (SELECT COUNT(*) FROM shop_orders AS o WHERE o.member_id = t.member_id AND o.status IN ('pending', 'paid')), \
     (SELECT COUNT(*) FROM door_sessions AS d LEFT JOIN score_orders AS s ON s.session_id = d.session_id \
      WHERE d.member_id = t.member_id \
      AND (d.status IN ('opening', 'opened', 'closed', 'held') OR s.status NOT IN ('paid', 'over'))), \
     (SELECT COUNT(*) FROM cabinet_orders AS o WHERE o.member_id = t.member_id AND o.status = 'unpaid'), \
     (SELECT COUNT(*) FROM topups AS o WHERE o.member_id = t.member_id AND o.status IN ('pending', 'refunding')), \
     (SELECT COUNT(*) FROM refunds AS r WHERE r.state IN ('asked', 'processing', 'abnormal') \
      AND (r.topup_id IN (SELECT o.topup_id FROM topups AS o WHERE o.member_id = t.member_id) \
           OR r.session_id IN (SELECT d.session_id FROM door_sessions AS d WHERE d.member_id = t.member_id))), \
     (SELECT COUNT(*) FROM complaints AS c WHERE c.member_id = t.member_id AND c.status <> 'closed'), \
     (SELECT COUNT(*) FROM meal_orders AS o WHERE o.member_id = t.member_id AND o.notes <> '') \
     + (SELECT COUNT(*) FROM shop_orders AS o WHERE o.member_id = t.member_id AND o.notes <> ''), \
     (SELECT COUNT(*) FROM shop_orders AS o WHERE o.member_id = t.member_id AND o.address_sealed IS NOT NULL), \
     (SELECT COUNT(*) FROM complaints AS c WHERE c.member_id = t.member_id AND (c.pictures <> '[]' OR c.text <> '-')), \
     (SELECT COUNT(*) FROM subscriptions AS s WHERE s.owner_id = t.member_id AND s.owner_kind = 'member'), \
     (SELECT COUNT(*) FROM sessions AS s WHERE s.member_id = t.member_id), \
     (SELECT COUNT(*) FROM answers AS a WHERE a.caller_id = t.member_id) \
     FROM members AS t WHERE t.member_id = {member_id}";

// Who holds it in a department only is told apart by the reader.
const HOLDERS_OF: &str = "SELECT {role} AS role, t.member_id, t.grants FROM members AS t \
                          WHERE t.status = 'active' AND t.grants LIKE '%\"role\":\"' || {role} || '\"%'";

// An underscore of the role's stands for any character here; the reader tells apart.
const HOLDERS_ANYWHERE_OF: &str = "SELECT {role} AS role, t.member_id, t.grants FROM members AS t \
                                   WHERE t.grants LIKE '%\"role\":\"' || {role} || '\"%'";

// `kernel::MOST_LAPSED` of them.
const LAPSED: &str = "SELECT t.order_id, t.pool_id, t.quantity, t.state, t.expires_at, t.version FROM holds AS t \
                      WHERE t.pool_id = {pool_id} AND t.state = 'held' AND t.expires_at IS NOT NULL \
                      AND t.expires_at <= {now} ORDER BY t.expires_at LIMIT 1000";
