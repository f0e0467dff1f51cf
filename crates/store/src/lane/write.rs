//! Everything that a batch has decided, one statement a table.

use kernel::{
    AccountName, Department, DepartmentId, Exception, ExceptionState, Facts, GroupOrderId, Hold, HoldState, HouseRole,
    Instant, JobRun, Meal, MealOrder, Member, MemberId, OrderId, PaymentState, PickupCode, Refund, RefundOf, RunId,
    RunState, SecondFactor, Topup, TopupState,
};

use super::Answer;
use super::statements::{
    INSERT_ACCOUNTS, INSERT_ANSWERS, INSERT_AUDITS, INSERT_DEPARTMENTS, INSERT_ENTRIES, INSERT_ERASURES,
    INSERT_EXCEPTIONS, INSERT_GROUP_ORDERS, INSERT_HOLDS, INSERT_JOB_RUNS, INSERT_JOBS, INSERT_MEALS, INSERT_MEMBERS,
    INSERT_ORDERS, INSERT_OUTBOX, INSERT_PAYMENTS, INSERT_POOLS, INSERT_REFUNDS, INSERT_REPORTS, INSERT_ROLES,
    INSERT_SECOND_FACTORS, INSERT_SESSIONS, INSERT_SIGN_IN_TICKETS, INSERT_SUBSCRIPTION_RUNS, INSERT_SUBSCRIPTIONS,
    INSERT_TOPUPS, PUT_CREDENTIALS, UPDATE_ACCOUNTS, UPDATE_DEPARTMENTS, UPDATE_EXCEPTIONS, UPDATE_HOLDS,
    UPDATE_JOB_RUNS, UPDATE_JOBS, UPDATE_MEALS, UPDATE_MEMBERS, UPDATE_ORDERS, UPDATE_PAYMENTS, UPDATE_POOLS,
    UPDATE_REFUNDS, UPDATE_ROLES, UPDATE_SECOND_FACTORS, UPDATE_SESSIONS, UPDATE_SIGN_IN_TICKETS, UPDATE_SUBSCRIPTIONS,
    UPDATE_TOPUPS,
};
use crate::{Batch, Error, Value, Writer};

/// Writes everything that was decided since `facts` was loaded, and the answers to keep.
///
/// # Errors
/// What the database says; then the transaction has to be rolled back.
pub async fn write(writer: &mut Writer, facts: &Facts, answers: &[Answer], now: Instant) -> Result<(), Error> {
    let at = now.as_millis();
    let mut batches = Vec::with_capacity(16);

    let pools = facts.pools.dirty();
    batches.push(Batch::of(
        &INSERT_POOLS,
        pools.inserts.iter().map(|pool| {
            [pool.id.get().into(), pool.capacity.into(), pool.taken.into(), pool.issued.into(), Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_POOLS,
        pools.updates.iter().map(|(pool, version)| {
            [pool.id.get().into(), Value::Int(*version), pool.capacity.into(), pool.taken.into(), pool.issued.into()]
        }),
    ));

    let accounts = facts.accounts.dirty();
    batches.push(Batch::of(
        &INSERT_ACCOUNTS,
        accounts.inserts.iter().map(|account| {
            let owner = account.owner;
            [
                account.id.get().into(),
                owner.kind().into(),
                owner.id().into(),
                account.currency.as_str().into(),
                account.balance.get().into(),
                account.entries.into(),
                Value::Int(i64::from(account.is_closed)),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ACCOUNTS,
        accounts.updates.iter().map(|(account, version)| {
            let closed = Value::Int(i64::from(account.is_closed));
            [
                account.id.get().into(),
                Value::Int(*version),
                account.balance.get().into(),
                account.entries.into(),
                closed,
            ]
        }),
    ));
    batches.push(Batch::of(
        &INSERT_ENTRIES,
        facts.entries.iter().map(|entry| {
            [
                entry.account.get().into(),
                entry.number.into(),
                entry.transfer.get().into(),
                entry.kind.as_str().into(),
                entry.order.map(OrderId::get).into(),
                entry.amount.get().into(),
                entry.balance_after.get().into(),
                entry.created_at.as_millis().into(),
            ]
        }),
    ));

    write_people(facts, &mut batches);
    write_meals(facts, &mut batches);
    super::shop::write(facts, &mut batches);
    super::cabinet::write(facts, &mut batches);
    super::erp::write(facts, &mut batches);
    super::alerts::write(facts, &mut batches);
    write_jobs(facts, &mut batches);
    write_topups(facts, &mut batches);

    batches.push(Batch::of(
        &INSERT_AUDITS,
        facts.audits.iter().map(|audit| {
            [
                audit.id.into(),
                audit.at.as_millis().into(),
                audit.actor.map(MemberId::get).into(),
                audit.action.into(),
                audit.object_kind.into(),
                audit.object_id.into(),
                audit.before.as_deref().into(),
                audit.after.as_deref().into(),
                audit.reason.as_deref().into(),
            ]
        }),
    ));
    batches.push(Batch::of(
        &INSERT_OUTBOX,
        facts.outbox.iter().map(|message| {
            [
                message.id.into(),
                message.topic.into(),
                message.body.as_str().into(),
                "waiting".into(),
                message.due_at.as_millis().into(),
                Value::Int(0),
                Value::Int(0),
                at.into(),
            ]
        }),
    ));
    batches.push(Batch::of(
        &INSERT_ANSWERS,
        answers.iter().map(|Answer { key, stored }| {
            [
                key.caller.get().into(),
                key.key.as_str().into(),
                (&stored.request_hash).into(),
                stored.answer.as_str().into(),
                at.into(),
            ]
        }),
    ));
    batches.retain(|batch| !batch.is_empty());
    writer.write(&batches).await
}

fn write_people<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let departments = facts.departments.dirty();
    batches.push(Batch::of(
        &INSERT_DEPARTMENTS,
        departments.inserts.iter().map(|department| {
            let [name, pays, overdraft, may_cancel] = department_columns(department);
            let (id, code) = (department.id.get().into(), department.code.as_str().into());
            [id, code, name, pays, overdraft, may_cancel, department.created_at.as_millis().into(), Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_DEPARTMENTS,
        departments.updates.iter().map(|(department, version)| {
            let [name, pays, overdraft, may_cancel] = department_columns(department);
            [department.id.get().into(), Value::Int(*version), name, pays, overdraft, may_cancel]
        }),
    ));
    let roles = facts.roles.dirty();
    batches.push(Batch::of(
        &INSERT_ROLES,
        roles.inserts.iter().map(|role| {
            let [zh, en, scope, permissions, revision, deleted] = role_columns(role);
            [
                role.code.as_str().into(),
                role.id.get().into(),
                zh,
                en,
                scope,
                permissions,
                revision,
                deleted,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ROLES,
        roles.updates.iter().map(|(role, version)| {
            let [zh, en, scope, permissions, revision, deleted] = role_columns(role);
            [role.code.as_str().into(), Value::Int(*version), zh, en, scope, permissions, revision, deleted]
        }),
    ));
    let members = facts.members.dirty();
    batches.push(Batch::of(
        &INSERT_MEMBERS,
        members.inserts.iter().map(|member| {
            let [uid, index, openid, account, nickname, avatar, department, status, overdraft, grants, created] =
                columns(member);
            let (id, version) = (member.id.get().into(), Value::Int(0));
            [id, uid, index, openid, account, nickname, avatar, department, status, overdraft, grants, created, version]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_MEMBERS,
        members.updates.iter().map(|(member, version)| {
            let [uid, index, openid, account, nickname, avatar, department, status, overdraft, grants, created] =
                columns(member);
            let (id, version) = (member.id.get().into(), Value::Int(*version));
            [id, version, uid, index, openid, account, nickname, avatar, department, status, overdraft, grants, created]
        }),
    ));
    batches.push(Batch::of(
        &PUT_CREDENTIALS,
        facts.password_hashes.iter().map(|(member, hash)| [member.get().into(), hash.as_str().into()]),
    ));
    batches.push(Batch::of(
        &INSERT_ERASURES,
        facts
            .erasures
            .dirty()
            .inserts
            .iter()
            .map(|erasure| [erasure.member.get().into(), erasure.erased_at.as_millis().into(), Value::Int(0)]),
    ));
    let sessions = facts.sessions.dirty();
    batches.push(Batch::of(
        &INSERT_SESSIONS,
        sessions.inserts.iter().map(|session| {
            [
                (&session.token_hash).into(),
                session.member.get().into(),
                session.created_at.as_millis().into(),
                session.expires_at.as_millis().into(),
                session.revoked_at.map(Instant::as_millis).into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SESSIONS,
        sessions.updates.iter().map(|(session, version)| {
            [(&session.token_hash).into(), Value::Int(*version), session.revoked_at.map(Instant::as_millis).into()]
        }),
    ));
    write_second_factors(facts, batches);
}

fn write_second_factors<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let tickets = facts.tickets.dirty();
    batches.push(Batch::of(
        &INSERT_SIGN_IN_TICKETS,
        tickets.inserts.iter().map(|ticket| {
            [
                (&ticket.token_hash).into(),
                ticket.member.get().into(),
                ticket.purpose.as_str().into(),
                ticket.created_at.as_millis().into(),
                ticket.expires_at.as_millis().into(),
                ticket.ended_at.map(Instant::as_millis).into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SIGN_IN_TICKETS,
        tickets.updates.iter().map(|(ticket, version)| {
            [(&ticket.token_hash).into(), Value::Int(*version), ticket.ended_at.map(Instant::as_millis).into()]
        }),
    ));
    let factors = facts.second_factors.dirty();
    batches.push(Batch::of(
        &INSERT_SECOND_FACTORS,
        factors.inserts.iter().map(|factor| {
            let [offered, until, secret, last_step, recovery, since, updated] = factor_columns(factor);
            let id = factor.member.get().into();
            [id, offered, until, secret, last_step, recovery, since, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SECOND_FACTORS,
        factors.updates.iter().map(|(factor, version)| {
            let [offered, until, secret, last_step, recovery, since, updated] = factor_columns(factor);
            let id = factor.member.get().into();
            [id, Value::Int(*version), offered, until, secret, last_step, recovery, since, updated]
        }),
    ));
}

fn factor_columns(factor: &SecondFactor) -> [Value<'_>; 7] {
    let (offer, active) = (factor.offer.as_ref(), factor.active.as_ref());
    [
        offer.map(|offer| offer.secret.as_slice()).into(),
        offer.map(|offer| offer.until.as_millis()).into(),
        active.map(|active| active.secret.as_slice()).into(),
        active.map(|active| active.last_step).into(),
        active.map(|active| active.recovery.iter().flatten().copied().collect::<Vec<u8>>()).into(),
        active.map(|active| active.since.as_millis()).into(),
        factor.updated_at.as_millis().into(),
    ]
}

fn department_columns(department: &Department) -> [Value<'_>; 4] {
    [
        department.name.as_str().into(),
        department.pays.as_str().into(),
        department.overdraft_limit.map(i64::from).into(),
        Value::Int(i64::from(department.members_may_cancel)),
    ]
}

fn role_columns(role: &HouseRole) -> [Value<'_>; 6] {
    [
        role.name_zh.as_str().into(),
        role.name_en.as_str().into(),
        role.scope.as_str().into(),
        json(&role.permissions).into(),
        role.revision.into(),
        role.deleted_at.map(Instant::as_millis).into(),
    ]
}

fn columns(member: &Member) -> [Value<'_>; 11] {
    [
        member.uid.as_str().into(),
        member.openid.as_ref().map(|openid| &openid.index).into(),
        member.openid.as_ref().map(|openid| openid.sealed.as_bytes()).into(),
        member.account.as_ref().map(AccountName::as_str).into(),
        member.nickname.as_str().into(),
        member.avatar_url.as_deref().into(),
        member.department.map(DepartmentId::get).into(),
        member.status.as_str().into(),
        member.overdraft_limit.map(i64::from).into(),
        json(&member.grants).into(),
        member.created_at.as_millis().into(),
    ]
}

fn write_meals<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let meals = facts.meals.dirty();
    batches.push(Batch::of(
        &INSERT_MEALS,
        meals.inserts.iter().map(|meal| {
            let [title, description, price, options, status, close, windows, created, updated] = meal_columns(meal);
            let (id, date, slot) = (meal.id.get().into(), meal.date.to_string().into(), meal.slot.as_str().into());
            [
                id,
                date,
                slot,
                title,
                description,
                price,
                options,
                status,
                close,
                windows,
                created,
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_MEALS,
        meals.updates.iter().map(|(meal, version)| {
            let [title, description, price, options, status, close, windows, created, updated] = meal_columns(meal);
            let (id, version) = (meal.id.get().into(), Value::Int(*version));
            [id, version, title, description, price, options, status, close, windows, created, updated]
        }),
    ));
    let orders = facts.orders.dirty();
    batches.push(Batch::of(
        &INSERT_ORDERS,
        orders.inserts.iter().map(|order| {
            [
                order.id.get().into(),
                order.order_no.as_str().into(),
                order.member.get().into(),
                order.meal.get().into(),
                order.payer.get().into(),
                order.quantity.get().into(),
                options(&order.options),
                order.total.get().into(),
                order.notes.as_str().into(),
                order.status.as_str().into(),
                order.placed_by.map(MemberId::get).into(),
                order.group_order.map(GroupOrderId::get).into(),
                order.redeemed_at.map(Instant::as_millis).into(),
                order.redeemed_by.map(MemberId::get).into(),
                order.pickup_code.as_ref().map(PickupCode::as_str).into(),
                window(order),
                order.created_at.as_millis().into(),
                order.updated_at.as_millis().into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ORDERS,
        orders.updates.iter().map(|(order, version)| {
            [
                order.id.get().into(),
                Value::Int(*version),
                order.quantity.get().into(),
                options(&order.options),
                order.total.get().into(),
                order.notes.as_str().into(),
                order.status.as_str().into(),
                order.redeemed_at.map(Instant::as_millis).into(),
                order.redeemed_by.map(MemberId::get).into(),
                window(order),
                order.updated_at.as_millis().into(),
            ]
        }),
    ));
    let group_orders = facts.group_orders.dirty();
    batches.push(Batch::of(
        &INSERT_GROUP_ORDERS,
        group_orders.inserts.iter().map(|group_order| {
            [
                group_order.id.get().into(),
                group_order.department.get().into(),
                group_order.meal.get().into(),
                group_order.placed_by.map(MemberId::get).into(),
                group_order.remark.as_str().into(),
                group_order.created_at.as_millis().into(),
                Value::Int(0),
            ]
        }),
    ));
    let subscriptions = facts.subscriptions.dirty();
    batches.push(Batch::of(
        &INSERT_SUBSCRIPTIONS,
        subscriptions.inserts.iter().map(|subscription| {
            [
                subscription.id.get().into(),
                subscription.owner.kind().into(),
                subscription.owner.id().into(),
                json(&subscription.members).into(),
                subscription.slot.as_str().into(),
                subscription.weekdays.bits().into(),
                subscription.first_date.to_string().into(),
                subscription.last_date.map(|date| date.to_string()).into(),
                subscription.notes.as_str().into(),
                subscription.pickup_window.map(|window| window.to_string()).into(),
                subscription.status.as_str().into(),
                subscription.created_by.map(MemberId::get).into(),
                subscription.created_at.as_millis().into(),
                subscription.updated_at.as_millis().into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SUBSCRIPTIONS,
        subscriptions.updates.iter().map(|(subscription, version)| {
            let (status, updated) = (subscription.status.as_str(), subscription.updated_at.as_millis());
            [subscription.id.get().into(), Value::Int(*version), status.into(), updated.into()]
        }),
    ));
    batches.push(Batch::of(
        &INSERT_SUBSCRIPTION_RUNS,
        facts.subscription_runs.dirty().inserts.iter().map(|run| {
            [
                run.subscription.get().into(),
                run.meal.get().into(),
                json(&run.results).into(),
                run.group_order.map(GroupOrderId::get).into(),
                run.ran_at.as_millis().into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &INSERT_REPORTS,
        facts.reports.dirty().inserts.iter().map(|report| {
            let (kind, date) = (report.kind.as_str().into(), report.date.to_string().into());
            let (figures, made) = (json(&report.figures).into(), report.made_at.as_millis().into());
            [report.id.get().into(), kind, date, figures, made, Value::Int(0)]
        }),
    ));
    let holds = facts.holds.dirty();
    batches.push(Batch::of(
        &INSERT_HOLDS,
        holds.inserts.iter().map(|hold| {
            let [order, pool, quantity, state, expires] = hold_columns(hold);
            [order, pool, quantity, state, expires, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_HOLDS,
        holds.updates.iter().map(|(hold, version)| {
            let [order, pool, quantity, state, expires] = hold_columns(hold);
            [order, pool, Value::Int(*version), quantity, state, expires]
        }),
    ));
}

fn meal_columns(meal: &Meal) -> [Value<'_>; 9] {
    [
        meal.title.as_ref().map(kernel::Title::as_str).into(),
        meal.description.as_str().into(),
        meal.base_price.get().into(),
        options(&meal.options),
        meal.status.as_str().into(),
        meal.orders_close_at.map(Instant::as_millis).into(),
        json(&meal.pickup_windows).into(),
        meal.created_at.as_millis().into(),
        meal.updated_at.as_millis().into(),
    ]
}

fn window(order: &MealOrder) -> Value<'static> {
    order.pickup_window.map(|window| window.to_string()).into()
}

fn hold_columns(hold: &Hold) -> [Value<'static>; 5] {
    let state: &'static str = HoldState::as_str(hold.state);
    [
        hold.order.get().into(),
        hold.pool.get().into(),
        hold.quantity.into(),
        state.into(),
        hold.expires_at.map(Instant::as_millis).into(),
    ]
}

fn write_jobs<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let jobs = facts.jobs.dirty();
    batches.push(Batch::of(
        &INSERT_JOBS,
        jobs.inserts.iter().map(|job| {
            [job.name.as_str().into(), i64::from(job.paused).into(), job.last_run.map(RunId::get).into(), Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_JOBS,
        jobs.updates.iter().map(|(job, version)| {
            let (paused, last_run) = (i64::from(job.paused), job.last_run.map(RunId::get));
            [job.name.as_str().into(), Value::Int(*version), paused.into(), last_run.into()]
        }),
    ));
    let runs = facts.job_runs.dirty();
    batches.push(Batch::of(
        &INSERT_JOB_RUNS,
        runs.inserts.iter().map(|run| {
            let [state, lease_until, ended_at, counts, error] = run_columns(run);
            let (id, job, node, claim) =
                (run.id.get().into(), run.job.as_str().into(), run.node.into(), run.claim.into());
            let by = run.triggered_by.map(MemberId::get).into();
            let started = run.started_at.as_millis().into();
            [id, job, node, claim, by, started, state, lease_until, ended_at, counts, error, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_JOB_RUNS,
        runs.updates.iter().map(|(run, version)| {
            let [state, lease_until, ended_at, counts, error] = run_columns(run);
            [run.id.get().into(), Value::Int(*version), state, lease_until, ended_at, counts, error]
        }),
    ));
}

fn write_topups<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let topups = facts.topups.dirty();
    batches.push(Batch::of(
        &INSERT_TOPUPS,
        topups.inserts.iter().map(|topup| {
            let [
                amount,
                client,
                status,
                transaction,
                paid,
                source,
                refunded,
                refund,
                failure,
                expires,
                next,
                checks,
                created,
                updated,
            ] = topup_columns(topup);
            let (id, number, member) =
                (topup.id.get().into(), topup.order_no.as_str().into(), topup.member.get().into());
            [
                id,
                number,
                member,
                amount,
                client,
                status,
                transaction,
                paid,
                source,
                refunded,
                refund,
                failure,
                expires,
                next,
                checks,
                created,
                updated,
                topup.pays_for.map(OrderId::get).into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_TOPUPS,
        topups.updates.iter().map(|(topup, version)| {
            let [
                amount,
                client,
                status,
                transaction,
                paid,
                source,
                refunded,
                refund,
                failure,
                expires,
                next,
                checks,
                created,
                updated,
            ] = topup_columns(topup);
            [
                topup.id.get().into(),
                Value::Int(*version),
                amount,
                client,
                status,
                transaction,
                paid,
                source,
                refunded,
                refund,
                failure,
                expires,
                next,
                checks,
                created,
                updated,
            ]
        }),
    ));
    let payments = facts.payments.dirty();
    let error = |state: &'a PaymentState| match state {
        PaymentState::Refused { error } => error.as_str().into(),
        PaymentState::Asked | PaymentState::Accepted => Value::Null,
    };
    batches.push(Batch::of(
        &INSERT_PAYMENTS,
        payments.inserts.iter().map(|payment| {
            let (id, topup) = (payment.id.get().into(), payment.topup.get().into());
            let (created, state) = (payment.created_at.as_millis().into(), payment.state.as_str().into());
            [id, topup, created, state, error(&payment.state), Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_PAYMENTS,
        payments.updates.iter().map(|(payment, version)| {
            [payment.id.get().into(), Value::Int(*version), payment.state.as_str().into(), error(&payment.state)]
        }),
    ));
    let refunds = facts.refunds.dirty();
    batches.push(Batch::of(
        &INSERT_REFUNDS,
        refunds.inserts.iter().map(|refund| {
            let [reason, state, next, checks, created, updated] = refund_columns(refund);
            let (id, number) = (refund.id.get().into(), refund.refund_no.as_str().into());
            let (of, session) = match refund.of {
                RefundOf::Topup(topup) => (topup, None),
                RefundOf::Score { session, order } => (order, Some(session.get())),
            };
            let (of, session, amount) = (of.get().into(), session.into(), refund.amount.get().into());
            [id, number, of, session, amount, reason, state, next, checks, created, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_REFUNDS,
        refunds.updates.iter().map(|(refund, version)| {
            let [reason, state, next, checks, created, updated] = refund_columns(refund);
            [refund.id.get().into(), Value::Int(*version), reason, state, next, checks, created, updated]
        }),
    ));
    let exceptions = facts.exceptions.dirty();
    batches.push(Batch::of(
        &INSERT_EXCEPTIONS,
        exceptions.inserts.iter().map(|exception| {
            let [state, by, at, action, note, owner, due, created, updated] = exception_columns(exception);
            let (id, kind) = (exception.id.into(), exception.kind.as_str().into());
            let (subject, evidence) = (exception.subject.as_str().into(), exception.evidence.as_str().into());
            let proposed = exception.proposed.as_str().into();
            [
                id,
                kind,
                subject,
                evidence,
                proposed,
                state,
                by,
                at,
                action,
                note,
                owner,
                due,
                created,
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_EXCEPTIONS,
        exceptions.updates.iter().map(|(exception, version)| {
            let [state, by, at, action, note, owner, due, created, updated] = exception_columns(exception);
            [exception.id.into(), Value::Int(*version), state, by, at, action, note, owner, due, created, updated]
        }),
    ));
}

fn topup_columns(topup: &Topup) -> [Value<'_>; 14] {
    let [transaction, paid, source, refunded] = match topup.receipt() {
        Some(receipt) => [
            receipt.transaction_id.as_str().into(),
            receipt.paid_at.as_millis().into(),
            receipt.source.as_str().into(),
            receipt.refunded.get().into(),
        ],
        None => [Value::Null, Value::Null, Value::Null, Value::Null],
    };
    let [refund, failure] = match &topup.state {
        TopupState::Refunding { refund, .. } => [refund.get().into(), Value::Null],
        TopupState::Failed { reason } => [Value::Null, reason.as_str().into()],
        _ => [Value::Null, Value::Null],
    };
    [
        topup.amount.get().into(),
        topup.client.as_str().into(),
        topup.status().as_str().into(),
        transaction,
        paid,
        source,
        refunded,
        refund,
        failure,
        topup.expires_at.as_millis().into(),
        topup.next_check_at.as_millis().into(),
        topup.checks.into(),
        topup.created_at.as_millis().into(),
        topup.updated_at.as_millis().into(),
    ]
}

fn refund_columns(refund: &Refund) -> [Value<'_>; 6] {
    [
        refund.reason.as_str().into(),
        refund.state.as_str().into(),
        refund.next_check_at.as_millis().into(),
        refund.checks.into(),
        refund.created_at.as_millis().into(),
        refund.updated_at.as_millis().into(),
    ]
}

fn exception_columns(exception: &Exception) -> [Value<'_>; 9] {
    let [state, by, at, action, note] = match &exception.state {
        ExceptionState::Open => ["open".into(), Value::Null, Value::Null, Value::Null, Value::Null],
        ExceptionState::Resolved { by, at, action, note } => [
            "resolved".into(),
            by.map(MemberId::get).into(),
            at.as_millis().into(),
            action.as_str().into(),
            note.as_str().into(),
        ],
    };
    let (due, created, updated) = (exception.due_at, exception.created_at, exception.updated_at);
    let owner = exception.owner.map(MemberId::get).into();
    let [due, created, updated] = [due, created, updated].map(|at| at.as_millis().into());
    [state, by, at, action, note, owner, due, created, updated]
}

fn run_columns(run: &JobRun) -> [Value<'_>; 5] {
    let at = |instant: &Instant| Value::from(instant.as_millis());
    let [lease_until, ended_at, counts, error] = match &run.state {
        RunState::Running { lease_until } => [at(lease_until), Value::Null, Value::Null, Value::Null],
        RunState::Succeeded { ended_at, counts } => [Value::Null, at(ended_at), json(counts).into(), Value::Null],
        RunState::Failed { ended_at, error } => [Value::Null, at(ended_at), Value::Null, error.as_str().into()],
        RunState::Abandoned { ended_at } => [Value::Null, at(ended_at), Value::Null, Value::Null],
    };
    [run.status().as_str().into(), lease_until, ended_at, counts, error]
}

fn options(options: &[kernel::MealOption]) -> Value<'static> {
    if options.is_empty() { "[]".into() } else { json(&options).into() }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
