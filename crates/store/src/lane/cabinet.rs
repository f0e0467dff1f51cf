//! The cabinets' part of loading and writing.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Busy, CabinetNeeds, CabinetOrder, CabinetOrderState, Complaint, ComplaintId, Correction, CorrectionId,
    CorrectionState, Device, DeviceCode, DeviceId, DoorSession, DoorSessionId, Facts, Instant, MemberId, OrderId,
    OrderPart, ScoreOrder, ScoreState, StoreCode, StoreId,
};

use super::load::{Plan, typed};
use crate::rows;
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Cells, Error, Lock, Row, SetStatement, Value};

statements! {
    STORES = SetStatement::select("stores", &rows::STORE[..1], rows::STORE, "", Lock::None);
    DEVICES = SetStatement::select("devices", &rows::DEVICE[..1], rows::DEVICE, "", Lock::None);
    SESSIONS = SetStatement::select("door_sessions", &rows::DOOR_SESSION[..1], rows::DOOR_SESSION, "", Lock::None);
    SCORES = SetStatement::select("score_orders", &rows::SCORE_ORDER[..1], rows::SCORE_ORDER, "", Lock::None);
    SCORE_BY_TRANSACTION = SetStatement::select(
        "score_orders", &[("transaction_id", Text)], &[("transaction_id", Text), ("session_id", Int)], "", Lock::None,
    );
    ORDERS = SetStatement::select("cabinet_orders", &rows::CABINET_ORDER[..1], rows::CABINET_ORDER, "", Lock::None);
    CORRECTIONS = SetStatement::select("cabinet_corrections", &rows::CORRECTION[..1], rows::CORRECTION, "", Lock::None);
    COMPLAINTS = SetStatement::select("complaints", &rows::COMPLAINT[..1], rows::COMPLAINT, "", Lock::None);
    OPEN_COMPLAINT = SetStatement::select(
        "complaints", &[("order_id", Int)], &[("order_id", Int), ("complaint_id", Int)], "t.status <> 'closed'", Lock::None,
    );
    STORE_BY_CODE =
        SetStatement::select("stores", &[("code", Text)], &[("code", Text), ("store_id", Int)], "", Lock::None);
    DEVICE_BY_CODE =
        SetStatement::select("devices", &[("code", Text)], &[("code", Text), ("device_id", Int)], "", Lock::None);
    SESSION_BY_VENDOR_NO = SetStatement::select(
        "door_sessions", &[("vendor_order_no", Text)], &[("vendor_order_no", Text), ("session_id", Int)], "", Lock::None,
    );
    BUSY = SetStatement::query(&[("member_id", Int)], BUSY_WITH, Lock::None);

    INSERT_STORES = SetStatement::insert("stores", rows::STORE);
    UPDATE_STORES = SetStatement::update("stores", &rows::STORE[..1], &rows::STORE[2..9]);
    INSERT_DEVICES = SetStatement::insert("devices", rows::DEVICE);
    UPDATE_DEVICES = SetStatement::update("devices", &rows::DEVICE[..1], &rows::DEVICE[2..11]);
    INSERT_SESSIONS = SetStatement::insert("door_sessions", rows::DOOR_SESSION);
    UPDATE_SESSIONS = SetStatement::update("door_sessions", &rows::DOOR_SESSION[..1], &rows::DOOR_SESSION[5..14]);
    INSERT_SCORES = SetStatement::insert("score_orders", rows::SCORE_ORDER);
    UPDATE_SCORES = SetStatement::update("score_orders", &rows::SCORE_ORDER[..1], &[
        ("status", Text), ("order_id", Int), ("total_cents", Int), ("from_cents", Int), ("ended_at", Int), ("transaction_id", Text), ("paid_at", Int),
        ("source", Text), ("refunded_cents", Int), ("ending", Text), ("next_check_at", Int), ("checks", Int), ("updated_at", Int),
    ]);
    INSERT_ORDERS = SetStatement::insert("cabinet_orders", rows::CABINET_ORDER);
    UPDATE_ORDERS = SetStatement::update("cabinet_orders", &rows::CABINET_ORDER[..1], &[
        ("pay", Text), ("status", Text), ("reason", Text), ("paid_at", Int), ("withdrawn_at", Int), ("attempts", Text), ("order_type", Text),
        ("standing", Text), ("kept_tickets", Int), ("updated_at", Int),
    ]);
    INSERT_LINES = SetStatement::insert("cabinet_lines", rows::CABINET_LINE);
    INSERT_CORRECTIONS = SetStatement::insert("cabinet_corrections", rows::CORRECTION);
    INSERT_COMPLAINTS = SetStatement::insert("complaints", rows::COMPLAINT);
    UPDATE_COMPLAINTS = SetStatement::update("complaints", &rows::COMPLAINT[..1], &[
        ("status", Text), ("owner_id", Int), ("replies", Text), ("refunded_cents", Int), ("answered_at", Int),
        ("closed_at", Int), ("updated_at", Int),
    ]);
    UPDATE_CORRECTIONS = SetStatement::update("cabinet_corrections", &rows::CORRECTION[..1], &[
        ("status", Text), ("decided_by", Int), ("decided_at", Int), ("note", Text), ("surcharge_id", Int), ("updated_at", Int),
    ]);
}

// Both in one look, so that an opening that becomes an order is seen as one of them.
const BUSY_WITH: &str = "SELECT t.member_id, t.session_id, NULL AS order_id FROM door_sessions AS t \
     WHERE t.member_id = {member_id} AND t.status IN ('opening', 'opened', 'closed', 'held') \
     UNION ALL SELECT o.member_id, NULL AS session_id, o.order_id FROM cabinet_orders AS o \
     WHERE o.member_id = {member_id} AND o.status = 'unpaid'";

pub(super) fn plan<'a>(plan: &mut Plan<'a>, needs: &'a CabinetNeeds) {
    let keys = needs.stores.iter().copied();
    plan.rows(&STORES, |facts| &mut facts.cabinet.stores, keys, |id| [id.get().into()], |store| store.id);
    let keys = needs.devices.iter().copied();
    plan.rows(&DEVICES, |facts| &mut facts.cabinet.devices, keys, |id| [id.get().into()], |device| device.id);
    let keys = needs.sessions.iter().copied();
    plan.rows(&SESSIONS, |facts| &mut facts.cabinet.sessions, keys, |id| [id.get().into()], |session| session.id);
    let keys = needs.scores.iter().copied();
    plan.rows(&SCORES, |facts| &mut facts.cabinet.scores, keys, |id| [id.get().into()], |score| score.session);
    let keys = needs.orders.iter().copied();
    plan.rows(&ORDERS, |facts| &mut facts.cabinet.orders, keys, |id| [id.get().into()], |order| order.id);
    let keys = needs.corrections.iter().copied();
    let id = |id: CorrectionId| [id.get().into()];
    plan.rows(&CORRECTIONS, |facts| &mut facts.cabinet.corrections, keys, id, |correction| correction.id);
    let keys = needs.complaints.iter().copied();
    let id = |id: ComplaintId| [id.get().into()];
    plan.rows(&COMPLAINTS, |facts| &mut facts.cabinet.complaints, keys, id, |complaint| complaint.id);

    let key = |code: &StoreCode| [code.as_str().to_owned().into()];
    let (code, store) = (|cells: &mut Cells| typed(cells.text()?), |cells: &mut Cells| cells.int().map(StoreId::new));
    plan.look_up(&STORE_BY_CODE, &needs.store_codes, key, code, store, |facts| &mut facts.cabinet.store_by_code);
    let key = |code: &DeviceCode| [code.as_str().to_owned().into()];
    let (code, device) = (|cells: &mut Cells| typed(cells.text()?), |cells: &mut Cells| cells.int().map(DeviceId::new));
    plan.look_up(&DEVICE_BY_CODE, &needs.device_codes, key, code, device, |facts| &mut facts.cabinet.device_by_code);
    let key = |number: &String| [number.clone().into()];
    let session = |cells: &mut Cells| cells.int().map(DoorSessionId::new);
    plan.look_up(&SESSION_BY_VENDOR_NO, &needs.vendor_nos, key, Cells::text, session, |facts| {
        &mut facts.cabinet.session_by_vendor_no
    });
    plan.look_up(&SCORE_BY_TRANSACTION, &needs.score_transactions, key, Cells::text, session, |facts| {
        &mut facts.cabinet.score_by_transaction
    });
}

/// What is read under the accounts' locks.
pub(super) fn plan_under_accounts<'a>(plan: &mut Plan<'a>, needs: &'a CabinetNeeds) {
    let members = &needs.busy;
    let keys = members.iter().map(|member| [member.get().into()]);
    plan.ask(Batch::of(&BUSY, keys), move |facts, rows| load_busy(facts, rows, members));
    let (key, order) = (|order: &OrderId| [order.get().into()], |cells: &mut Cells| cells.int().map(OrderId::new));
    let complaint = |cells: &mut Cells| cells.int().map(ComplaintId::new);
    plan.look_up(&OPEN_COMPLAINT, &needs.open_complaints, key, order, complaint, |facts| {
        &mut facts.cabinet.open_complaint
    });
}

fn load_busy(facts: &mut Facts, rows: Vec<Row>, members: &BTreeSet<MemberId>) -> Result<(), Error> {
    let mut found: BTreeMap<MemberId, Busy> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let busy = found.entry(MemberId::new(cells.int()?)).or_default();
        busy.sessions.extend(cells.opt_int()?.map(DoorSessionId::new));
        busy.unpaid.extend(cells.opt_int()?.map(OrderId::new));
    }
    for &member in members {
        facts.cabinet.busy.load(member, Some(found.remove(&member).unwrap_or_default()));
    }
    Ok(())
}

pub(super) fn write<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let stores = facts.cabinet.stores.dirty();
    batches.push(Batch::of(
        &INSERT_STORES,
        stores.inserts.iter().map(|store| {
            let [name, kind, property, address, phone, created, updated] = store_columns(store);
            let (id, code) = (store.id.get().into(), store.code.as_str().into());
            [id, code, name, kind, property, address, phone, created, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_STORES,
        stores.updates.iter().map(|(store, version)| {
            let [name, kind, property, address, phone, created, updated] = store_columns(store);
            [store.id.get().into(), Value::Int(*version), name, kind, property, address, phone, created, updated]
        }),
    ));
    let devices = facts.cabinet.devices.dirty();
    batches.push(Batch::of(
        &INSERT_DEVICES,
        devices.inserts.iter().map(|device| {
            let [name, store, online, heard, planogram, drawn, session, created, updated] = device_columns(device);
            let (id, code) = (device.id.get().into(), device.code.as_str().into());
            [id, code, name, store, online, heard, planogram, drawn, session, created, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_DEVICES,
        devices.updates.iter().map(|(device, version)| {
            let [name, store, online, heard, planogram, drawn, session, created, updated] = device_columns(device);
            let (id, version) = (device.id.get().into(), Value::Int(*version));
            [id, version, name, store, online, heard, planogram, drawn, session, created, updated]
        }),
    ));
    let sessions = facts.cabinet.sessions.dirty();
    batches.push(Batch::of(
        &INSERT_SESSIONS,
        sessions.inserts.iter().map(|session| {
            let [status, failure, opened, closed, vendor, settlement, due, created, updated] = session_columns(session);
            [
                session.id.get().into(),
                session.session_no.as_str().into(),
                session.member.get().into(),
                session.device.get().into(),
                session.pay.as_str().into(),
                status,
                failure,
                opened,
                closed,
                vendor,
                settlement,
                due,
                created,
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SESSIONS,
        sessions.updates.iter().map(|(session, version)| {
            let [status, failure, opened, closed, vendor, settlement, due, created, updated] = session_columns(session);
            let (id, version) = (session.id.get().into(), Value::Int(*version));
            [id, version, status, failure, opened, closed, vendor, settlement, due, created, updated]
        }),
    ));
    let scores = facts.cabinet.scores.dirty();
    batches.push(
        Batch::of(
            &INSERT_SCORES,
            scores.inserts.iter().map(|score| {
                let [
                    status,
                    order,
                    total,
                    from,
                    ended,
                    transaction,
                    paid,
                    source,
                    refunded,
                    ending,
                    next,
                    checks,
                    updated,
                ] = score_columns(score);
                let (id, most, created) =
                    (score.session.get().into(), score.most.get().into(), score.created_at.as_millis());
                [
                    id,
                    most,
                    status,
                    order,
                    total,
                    from,
                    ended,
                    transaction,
                    paid,
                    source,
                    refunded,
                    ending,
                    next,
                    checks,
                    created.into(),
                    updated,
                    Value::Int(0),
                ]
            }),
        ),
    );
    batches.push(
        Batch::of(
            &UPDATE_SCORES,
            scores.updates.iter().map(|(score, version)| {
                let [
                    status,
                    order,
                    total,
                    from,
                    ended,
                    transaction,
                    paid,
                    source,
                    refunded,
                    ending,
                    next,
                    checks,
                    updated,
                ] = score_columns(score);
                let (id, version) = (score.session.get().into(), Value::Int(*version));
                [
                    id,
                    version,
                    status,
                    order,
                    total,
                    from,
                    ended,
                    transaction,
                    paid,
                    source,
                    refunded,
                    ending,
                    next,
                    checks,
                    updated,
                ]
            }),
        ),
    );
    let orders = facts.cabinet.orders.dirty();
    batches.push(Batch::of(
        &INSERT_ORDERS,
        orders.inserts.iter().map(|order| {
            let [status, reason, paid, withdrawn, attempts, order_type, standing, kept, updated] = order_columns(order);
            let [related, related_no, complaint] = related_columns(order);
            [
                order.id.get().into(),
                order.order_no.as_str().into(),
                order.member.get().into(),
                order.device.get().into(),
                order.store.get().into(),
                order.session.get().into(),
                order.vendor_order_no.as_str().into(),
                json(&order.items).into(),
                order.total.get().into(),
                order.tickets.get().into(),
                order.pay.as_str().into(),
                status,
                reason,
                paid,
                withdrawn,
                attempts,
                order_type,
                related,
                related_no,
                complaint,
                standing,
                kept,
                order.created_at.as_millis().into(),
                updated,
                Value::Int(0),
            ]
        }),
    ));
    // What an order was made of never changes: a correction makes another order.
    let lines = orders.inserts.iter().flat_map(|order| {
        order.items.iter().zip(1_i64..).map(|(item, number)| {
            let total = item.price.get() * item.quantity;
            [order.id.get().into(), number.into(), item.product.get().into(), item.quantity.into(), total.into()]
        })
    });
    batches.push(Batch::of(&INSERT_LINES, lines));
    batches.push(Batch::of(
        &UPDATE_ORDERS,
        orders.updates.iter().map(|(order, version)| {
            let [status, reason, paid, withdrawn, attempts, order_type, standing, kept, updated] = order_columns(order);
            let (id, version) = (order.id.get().into(), Value::Int(*version));
            let pay = order.pay.as_str().into();
            [id, version, pay, status, reason, paid, withdrawn, attempts, order_type, standing, kept, updated]
        }),
    ));
    let corrections = facts.cabinet.corrections.dirty();
    batches.push(Batch::of(
        &INSERT_CORRECTIONS,
        corrections.inserts.iter().map(|correction| {
            let [status, by, at, note, surcharge, updated] = correction_columns(correction);
            [
                correction.id.get().into(),
                correction.order.get().into(),
                json(&correction.items).into(),
                correction.reason.as_str().into(),
                correction.difference.get().into(),
                correction.asked_by.map(MemberId::get).into(),
                status,
                by,
                at,
                note,
                surcharge,
                correction.created_at.as_millis().into(),
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_CORRECTIONS,
        corrections.updates.iter().map(|(correction, version)| {
            let [status, by, at, note, surcharge, updated] = correction_columns(correction);
            [correction.id.get().into(), Value::Int(*version), status, by, at, note, surcharge, updated]
        }),
    ));
    let complaints = facts.cabinet.complaints.dirty();
    batches.push(Batch::of(
        &INSERT_COMPLAINTS,
        complaints.inserts.iter().map(|complaint| {
            let [status, owner, replies, refunded, answered, closed, updated] = complaint_columns(complaint);
            [
                complaint.id.get().into(),
                complaint.member.get().into(),
                complaint.order.get().into(),
                complaint.order_no.as_str().into(),
                complaint.text.as_str().into(),
                json(&complaint.pictures).into(),
                status,
                owner,
                replies,
                refunded,
                answered,
                closed,
                complaint.created_at.as_millis().into(),
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_COMPLAINTS,
        complaints.updates.iter().map(|(complaint, version)| {
            let [status, owner, replies, refunded, answered, closed, updated] = complaint_columns(complaint);
            let (id, version) = (complaint.id.get().into(), Value::Int(*version));
            [id, version, status, owner, replies, refunded, answered, closed, updated]
        }),
    ));
}

fn store_columns(store: &kernel::Store) -> [Value<'_>; 7] {
    [
        store.name.as_str().into(),
        store.kind.as_str().into(),
        store.property.as_str().into(),
        store.address.as_str().into(),
        store.phone.as_str().into(),
        store.created_at.as_millis().into(),
        store.updated_at.as_millis().into(),
    ]
}

fn device_columns(device: &Device) -> [Value<'_>; 9] {
    [
        device.name.as_str().into(),
        device.store.get().into(),
        i64::from(device.is_online).into(),
        device.heard_at.map(Instant::as_millis).into(),
        json(&device.planogram).into(),
        device.planogram_version.into(),
        device.session.map(DoorSessionId::get).into(),
        device.created_at.as_millis().into(),
        device.updated_at.as_millis().into(),
    ]
}

fn session_columns(session: &DoorSession) -> [Value<'_>; 9] {
    [
        session.status.as_str().into(),
        session.failure.as_deref().into(),
        session.opened_at.map(Instant::as_millis).into(),
        session.closed_at.map(Instant::as_millis).into(),
        session.settlement.as_ref().map(|settlement| settlement.vendor_order_no.as_str()).into(),
        session.settlement.as_ref().map(json).into(),
        session.due_at.map(Instant::as_millis).into(),
        session.created_at.as_millis().into(),
        session.updated_at.as_millis().into(),
    ]
}

fn score_columns(score: &ScoreOrder) -> [Value<'_>; 13] {
    let (charge, receipt) = (score.state.charge(), score.state.receipt());
    let (from, end) = match &score.state {
        ScoreState::Lowering { from, .. } => (Some(from.get()), None),
        ScoreState::Over { end } => (None, Some(end.as_str())),
        _ => (None, None),
    };
    [
        score.state.as_str().into(),
        charge.and_then(|charge| charge.order).map(OrderId::get).into(),
        charge.map(|charge| charge.total.get()).into(),
        from.into(),
        charge.map(|charge| charge.ended_at.as_millis()).into(),
        receipt.map(|receipt| receipt.transaction_id.as_str()).into(),
        receipt.map(|receipt| receipt.paid_at.as_millis()).into(),
        receipt.map(|receipt| receipt.source.as_str()).into(),
        receipt.map(|receipt| receipt.refunded.get()).into(),
        end.into(),
        score.next_check_at.as_millis().into(),
        score.checks.into(),
        score.updated_at.as_millis().into(),
    ]
}

fn order_columns(order: &CabinetOrder) -> [Value<'static>; 9] {
    let (status, reason, paid, withdrawn): (_, Value<'static>, _, _) = match order.state {
        CabinetOrderState::Unpaid { reason } => ("unpaid", reason.as_str().into(), None, None),
        CabinetOrderState::Paid { paid_at } => ("paid", Value::Null, Some(paid_at), None),
        CabinetOrderState::Withdrawn { withdrawn_at } => ("withdrawn", Value::Null, None, Some(withdrawn_at)),
    };
    [
        status.into(),
        reason,
        paid.map(Instant::as_millis).into(),
        withdrawn.map(Instant::as_millis).into(),
        json(&order.attempts).into(),
        order.order_type().as_str().into(),
        order.standing().map(json).into(),
        order.kept.get().into(),
        order.updated_at.as_millis().into(),
    ]
}

fn related_columns(order: &CabinetOrder) -> [Value<'_>; 3] {
    match &order.part {
        OrderPart::Whole(_) => [Value::Null, Value::Null, Value::Null],
        OrderPart::Surcharge { order, order_no, complaint } => {
            [order.get().into(), order_no.as_str().into(), complaint.map(ComplaintId::get).into()]
        }
    }
}

fn complaint_columns(complaint: &Complaint) -> [Value<'static>; 7] {
    [
        complaint.status().as_str().into(),
        complaint.owner.map(MemberId::get).into(),
        json(&complaint.replies).into(),
        complaint.refunded.get().into(),
        complaint.answered_at.map(Instant::as_millis).into(),
        complaint.closed_at.map(Instant::as_millis).into(),
        complaint.updated_at.as_millis().into(),
    ]
}

fn correction_columns(correction: &Correction) -> [Value<'_>; 6] {
    let (by, at, note, surcharge) = match &correction.state {
        CorrectionState::Waiting => (None, None, None, None),
        CorrectionState::Done { agreed_by, at, surcharge } => (*agreed_by, Some(*at), None, *surcharge),
        CorrectionState::Refused { by, at, note } => (Some(*by), Some(*at), Some(note.as_str()), None),
    };
    [
        correction.state.as_str().into(),
        by.map(MemberId::get).into(),
        at.map(Instant::as_millis).into(),
        note.into(),
        surcharge.map(OrderId::get).into(),
        correction.updated_at.as_millis().into(),
    ]
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
