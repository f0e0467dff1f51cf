//! The rows of cabinets, and what their vendors tell.

use kernel::{
    Bought, Busy, CabinetNeeds, CabinetOrder, CabinetOrderState, CabinetPay, Cents, Change, Complaint, ComplaintId,
    ComplaintReply, Corrected, Correction, CorrectionId, CorrectionState, Date, Device, DeviceId, DoorSession,
    DoorSessionId, DoorStatus, ErpNeeds, ErpProduct, MemberId, Needs, OrderId, OrderPart, PayAttempt, PaymentSource,
    Picture, PictureKind, ProductId, Receipt, SalesDocument, ScoreCharge, ScoreEnd, ScoreOrder, ScoreState, Settlement,
    Shelved, Standing, Store, StoreId, StoreKind, StoreProperty, Taken, Tickets, UnpaidReason,
};
use store::queries::cabinets;
use store::{EventKept, SignedEvent};

use crate::common::{Home, at, insert, read, try_write};

fn text<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("well-formed")
}

fn shop() -> Store {
    Store {
        id: StoreId::new(1),
        code: text("S1"),
        name: text("南山店"),
        kind: StoreKind::Children,
        property: StoreProperty::Franchise,
        address: text("南山路 1 号"),
        phone: text("0755-1"),
        created_at: at(1),
        updated_at: at(2),
    }
}

fn cabinet() -> Device {
    Device {
        id: DeviceId::new(2),
        code: text("D1"),
        name: text("一号柜"),
        store: StoreId::new(1),
        is_online: true,
        heard_at: Some(at(3)),
        planogram: vec![Shelved { code: text("COLA"), product: ProductId::new(9), price: Cents::new(300), stock: -1 }],
        planogram_version: 7,
        session: Some(DoorSessionId::new(3)),
        created_at: at(1),
        updated_at: at(2),
    }
}

fn door(id: i64, status: DoorStatus, number: Option<&str>) -> DoorSession {
    let taken = || Taken { code: "COLA".to_owned(), quantity: 2, price: Some(Cents::new(300)) };
    let settlement =
        |number: &str| Settlement { vendor_order_no: number.to_owned(), amount: Cents::new(600), goods: vec![taken()] };
    DoorSession {
        id: DoorSessionId::new(id),
        session_no: format!("DOOR{id}"),
        member: MemberId::new(5),
        device: DeviceId::new(2),
        pay: CabinetPay::Ticket,
        status,
        failure: (status == DoorStatus::Failed).then(|| "jammed".to_owned()),
        opened_at: Some(at(4)),
        closed_at: None,
        settlement: number.map(settlement),
        due_at: number.is_none().then(|| at(9)),
        created_at: at(1),
        updated_at: at(2),
    }
}

fn score(session: i64, state: ScoreState) -> ScoreOrder {
    ScoreOrder {
        session: DoorSessionId::new(session),
        most: Cents::new(20_000),
        state,
        next_check_at: at(session),
        checks: 2,
        created_at: at(1),
        updated_at: at(2),
    }
}

fn receipt(transaction_id: &str) -> Receipt {
    let (transaction_id, source) = (transaction_id.to_owned(), PaymentSource::Compensation);
    Receipt { transaction_id, paid_at: at(7), source, refunded: Cents::ZERO }
}

fn taken(id: i64, session: i64, state: CabinetOrderState) -> CabinetOrder {
    CabinetOrder {
        id: OrderId::new(id),
        order_no: format!("CABO{id}"),
        member: MemberId::new(5),
        device: DeviceId::new(2),
        store: StoreId::new(1),
        session: DoorSessionId::new(session),
        vendor_order_no: format!("V{session}"),
        items: vec![Bought {
            code: text("COLA"),
            product: ProductId::new(9),
            name_zh: text("可乐"),
            name_en: Some(text("Cola")),
            quantity: 2,
            price: Cents::new(300),
        }],
        total: Cents::new(600),
        tickets: Tickets::new(3_000),
        pay: CabinetPay::Ticket,
        state,
        attempts: vec![PayAttempt {
            at: at(3),
            pay: CabinetPay::Ticket,
            failure: Some(UnpaidReason::InsufficientTickets),
        }],
        part: OrderPart::Whole(Standing { agreed: Cents::new(600), due: Some(OrderId::new(9)), ..Standing::default() }),
        kept: Tickets::new(1),
        created_at: at(1),
        updated_at: at(2),
    }
}

fn given_back() -> CabinetOrder {
    let part = OrderPart::Surcharge {
        order: OrderId::new(8),
        order_no: "CABO8".to_owned(),
        complaint: Some(ComplaintId::new(31)),
    };
    let (total, tickets) = (Cents::new(-300), Tickets::new(-1_500));
    let state = CabinetOrderState::Withdrawn { withdrawn_at: at(8) };
    CabinetOrder { part, total, tickets, kept: Tickets::default(), ..taken(9, 4, state) }
}

fn correction() -> Correction {
    Correction {
        id: CorrectionId::new(21),
        order: OrderId::new(8),
        items: vec![Corrected { code: text("COLA"), quantity: 0 }],
        reason: text("counted again"),
        difference: Cents::new(-600),
        asked_by: Some(MemberId::new(6)),
        state: CorrectionState::Waiting,
        created_at: at(1),
        updated_at: at(2),
    }
}

fn complaint() -> Complaint {
    Complaint {
        id: ComplaintId::new(31),
        member: MemberId::new(5),
        order: OrderId::new(8),
        order_no: "CABO8".to_owned(),
        text: text("it was warm"),
        pictures: vec![Picture { hash: "0".repeat(64), kind: PictureKind::Png, width: 3, height: 2 }],
        owner: None,
        replies: Vec::new(),
        refunded: Cents::ZERO,
        answered_at: None,
        closed_at: None,
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(crate) async fn cabinets_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let (store, device) = (shop(), cabinet());
    let doors = [
        door(3, DoorStatus::Opening, None),
        door(4, DoorStatus::Failed, None),
        door(5, DoorStatus::Settled, Some("V5")),
        door(6, DoorStatus::Held, Some("V6")),
    ];
    let unpaid = CabinetOrderState::Unpaid { reason: UnpaidReason::InsufficientTickets };
    let orders = [taken(7, 5, unpaid), taken(8, 4, CabinetOrderState::Paid { paid_at: at(7) }), given_back()];
    let (correction, complaint) = (correction(), complaint());
    let mut changes = vec![Change::Store(store.clone()), Change::Device(device.clone())];
    changes.extend(doors.iter().cloned().map(Change::DoorSession));
    changes.extend(orders.iter().cloned().map(Change::CabinetOrder));
    changes.extend([Change::Correction(correction.clone()), Change::Complaint(complaint.clone())]);
    insert(&mut writer, changes).await;
    let cabinet = || CabinetNeeds {
        stores: [store.id].into(),
        devices: [device.id].into(),
        sessions: doors.iter().map(|door| door.id).collect(),
        orders: orders.iter().map(|order| order.id).collect(),
        store_codes: [text("S1"), text("S2")].into(),
        device_codes: [text("D1"), text("D2")].into(),
        vendor_nos: ["V6".to_owned(), "V7".to_owned()].into(),
        busy: [MemberId::new(5), MemberId::new(6)].into(),
        corrections: [correction.id].into(),
        complaints: [complaint.id].into(),
        open_complaints: [OrderId::new(7), OrderId::new(8)].into(),
        ..CabinetNeeds::default()
    };
    let needs = Needs { cabinet: cabinet(), ..Needs::default() };
    let mut facts = read(&mut writer, &needs).await;
    assert_eq!(facts.cabinet.stores.get(&store.id), Some(&store));
    assert_eq!(facts.cabinet.devices.get(&device.id), Some(&device));
    doors.iter().for_each(|door| assert_eq!(facts.cabinet.sessions.get(&door.id), Some(door)));
    orders.iter().for_each(|order| assert_eq!(facts.cabinet.orders.get(&order.id), Some(order)));
    assert_eq!(facts.cabinet.store_by_code.get(&text("S1")), Some(&store.id));
    assert_eq!(facts.cabinet.store_by_code.get(&text("S2")), None);
    assert_eq!(facts.cabinet.device_by_code.get(&text("D1")), Some(&device.id));
    assert_eq!(facts.cabinet.session_by_vendor_no.get(&"V6".to_owned()), Some(&DoorSessionId::new(6)));
    assert_eq!(facts.cabinet.session_by_vendor_no.get(&"V7".to_owned()), None);
    let busy = Busy { sessions: [3, 6].map(DoorSessionId::new).into(), unpaid: [OrderId::new(7)].into() };
    assert_eq!(facts.cabinet.busy.get(&MemberId::new(5)), Some(&busy));
    assert_eq!(facts.cabinet.busy.get(&MemberId::new(6)), Some(&Busy::default()));
    assert_eq!(facts.cabinet.corrections.get(&correction.id), Some(&correction));
    assert_eq!(facts.cabinet.complaints.get(&complaint.id), Some(&complaint));
    assert_eq!(facts.cabinet.open_complaint.get(&OrderId::new(8)), Some(&complaint.id));
    assert_eq!(facts.cabinet.open_complaint.get(&OrderId::new(7)), None);

    let store = Store { kind: StoreKind::Sports, address: text(""), updated_at: at(20), ..store };
    let planogram = Vec::new();
    let device =
        Device { is_online: false, session: None, planogram, planogram_version: 8, updated_at: at(20), ..device };
    let door = DoorSession { closed_at: Some(at(19)), ..door(3, DoorStatus::Settled, Some("V3")) };
    let (pay, paid) = (CabinetPay::Wechat, CabinetOrderState::Paid { paid_at: at(20) });
    let mut order = CabinetOrder { pay, state: paid, ..orders[0].clone() };
    (order.kept, order.part) =
        (Tickets::new(3_000), OrderPart::Whole(Standing { corrections: 1, ..Standing::default() }));
    order.attempts.push(PayAttempt { at: at(20), pay: CabinetPay::Ticket, failure: None });
    let by = MemberId::new(7);
    let state = CorrectionState::Refused { by, at: at(20), note: text("not so") };
    let correction = Correction { state, updated_at: at(20), ..correction };
    let replies = vec![ComplaintReply { by: Some(by), at: at(20), text: text("we are sorry") }];
    let (answered_at, closed_at, refunded) = (Some(at(20)), Some(at(21)), Cents::new(300));
    let complaint = Complaint { owner: Some(by), replies, answered_at, closed_at, refunded, ..complaint };
    facts.apply(vec![
        Change::Store(store.clone()),
        Change::Device(device.clone()),
        Change::DoorSession(door.clone()),
        Change::CabinetOrder(order.clone()),
        Change::Correction(correction.clone()),
        Change::Complaint(complaint.clone()),
    ]);
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    assert_eq!(facts.cabinet.stores.get(&store.id), Some(&store));
    assert_eq!(facts.cabinet.devices.get(&device.id), Some(&device));
    assert_eq!(facts.cabinet.sessions.get(&door.id), Some(&door));
    assert_eq!(facts.cabinet.orders.get(&order.id), Some(&order));
    assert_eq!(facts.cabinet.corrections.get(&correction.id), Some(&correction));
    assert_eq!(facts.cabinet.complaints.get(&complaint.id), Some(&complaint));
    assert_eq!(facts.cabinet.open_complaint.get(&OrderId::new(8)), None);
    let surcharges = cabinets::surcharges(&home.store(), OrderId::new(8)).await.expect("read");
    assert_eq!(surcharges, [given_back()]);
    let busy = Busy { sessions: [DoorSessionId::new(6)].into(), ..Busy::default() };
    assert_eq!(facts.cabinet.busy.get(&MemberId::new(5)), Some(&busy));
}

pub(crate) async fn pay_score_orders_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let charge = |order: Option<i64>| ScoreCharge {
        order: order.map(OrderId::new),
        total: Cents::new(order.map_or(0, |_| 600)),
        ended_at: at(6),
    };
    let scores = [
        score(1, ScoreState::Starting),
        score(2, ScoreState::Running),
        score(3, ScoreState::Completing(charge(None))),
        score(4, ScoreState::Collecting(charge(Some(9)))),
        score(5, ScoreState::Paid { charge: charge(Some(8)), receipt: receipt("T5") }),
        score(6, ScoreState::Cancelling),
        score(7, ScoreState::Over { end: ScoreEnd::Revoked }),
        score(8, ScoreState::Lowering { charge: charge(Some(10)), from: Cents::new(900) }),
    ];
    insert(&mut writer, scores.iter().cloned().map(Change::ScoreOrder).collect()).await;
    let cabinet = CabinetNeeds {
        scores: (1..=9).map(DoorSessionId::new).collect(),
        score_transactions: ["T4".to_owned(), "T5".to_owned()].into(),
        ..CabinetNeeds::default()
    };
    let needs = Needs { cabinet, ..Needs::default() };
    let mut facts = read(&mut writer, &needs).await;
    scores.iter().for_each(|score| assert_eq!(facts.cabinet.scores.get(&score.session), Some(score)));
    assert_eq!(facts.cabinet.scores.get(&DoorSessionId::new(9)), None);
    assert_eq!(facts.cabinet.score_by_transaction.get(&"T5".to_owned()), Some(&DoorSessionId::new(5)));
    assert_eq!(facts.cabinet.score_by_transaction.get(&"T4".to_owned()), None);
    let (store, due) = (home.store(), |scores: Vec<ScoreOrder>| scores.iter().map(|one| one.session.get()).collect());
    let found: Vec<i64> = due(cabinets::scores_due(&store, at(6), 9).await.expect("read"));
    assert_eq!(found, [1, 2, 3, 4, 6]);
    let found: Vec<i64> = due(cabinets::scores_due(&store, at(5), 2).await.expect("read"));
    assert_eq!(found, [1, 2]);

    let collected = ScoreState::Paid { charge: charge(Some(9)), receipt: receipt("T4") };
    let after = [
        ScoreOrder { checks: 0, next_check_at: at(30), updated_at: at(20), ..score(1, ScoreState::Running) },
        ScoreOrder { updated_at: at(20), ..score(4, collected) },
        ScoreOrder { updated_at: at(20), ..score(7, ScoreState::Cancelling) },
    ];
    facts.apply(after.iter().cloned().map(Change::ScoreOrder).collect());
    try_write(&mut writer, &facts, &[]).await.expect("written");
    for score in after {
        assert_eq!(cabinets::score(&store, score.session).await.expect("read"), Some(score));
    }

    // No payment is collected for two openings, even where nobody has looked it up.
    let twice = ScoreState::Paid { charge: charge(Some(10)), receipt: receipt("T5") };
    let mut facts = kernel::Facts::default();
    facts.apply(vec![Change::ScoreOrder(score(9, twice))]);
    assert!(try_write(&mut writer, &facts, &[]).await.is_err());
}

pub(crate) async fn what_the_erp_was_told_comes_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let (date, store): (Date, _) = ("2026-01-05".parse().expect("a date"), StoreId::new(1));
    let known = ErpProduct { code: text("COLA"), product: ProductId::new(9), told_at: at(3) };
    let document_no = SalesDocument::number(date, &text("S1"));
    let document = SalesDocument { date, store, document_no, sends: 1, created_at: at(4), updated_at: at(4) };
    insert(&mut writer, vec![Change::ErpProduct(known.clone()), Change::SalesDocument(document.clone())]).await;
    let missing = (date, StoreId::new(2));
    let erp = ErpNeeds { products: [text("COLA"), text("RICE")].into(), sales: [(date, store), missing].into() };
    let needs = Needs { erp, ..Needs::default() };
    let mut facts = read(&mut writer, &needs).await;
    assert_eq!(facts.erp.products.get(&known.code), Some(&known));
    assert_eq!(facts.erp.products.get(&text("RICE")), None);
    assert_eq!(facts.erp.sales.get(&(date, store)), Some(&document));
    assert_eq!(facts.erp.sales.get(&missing), None);

    let known = ErpProduct { told_at: at(5), ..known };
    let document = SalesDocument { sends: 2, updated_at: at(6), ..document };
    facts.apply(vec![Change::ErpProduct(known.clone()), Change::SalesDocument(document.clone())]);
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    assert_eq!(facts.erp.products.get(&known.code), Some(&known));
    assert_eq!(facts.erp.sales.get(&(date, store)), Some(&document));
    let told = store::queries::erp::sales_document(&home.store(), date, store).await.expect("read");
    assert_eq!(told, Some(document));
}

pub(crate) async fn an_event_is_kept_once(home: &Home) {
    let mut writer = home.migrated().await;
    let signed = |nonce: &'static str, event: &'static str, body: &'static [u8]| SignedEvent {
        partner: "vendor",
        nonce,
        remember_until: 100,
        event,
        kind: "doors",
        body,
    };
    let known = |is_same, is_processed| EventKept::Known { is_same, is_processed };
    assert_eq!(writer.keep_event(&signed("n1", "E1", b"a"), 1_000).await.expect("kept"), EventKept::New);
    assert_eq!(writer.keep_event(&signed("n1", "E2", b"b"), 1_000).await.expect("kept"), EventKept::Replayed);
    assert_eq!(writer.keep_event(&signed("n2", "E2", b"b"), 1_000).await.expect("kept"), EventKept::New);
    assert_eq!(writer.keep_event(&signed("n3", "E1", b"a"), 1_000).await.expect("kept"), known(true, false));
    assert_eq!(writer.keep_event(&signed("n4", "E1", b"c"), 1_000).await.expect("kept"), known(false, false));
    writer.event_processed("vendor/E1", 2_000).await.expect("marked");
    assert_eq!(writer.keep_event(&signed("n5", "E1", b"a"), 1_000).await.expect("kept"), known(true, true));
    // In its last second a nonce is still known; after it nobody would believe the message any more.
    assert_eq!(writer.keep_event(&signed("n1", "E3", b"d"), 100_999).await.expect("kept"), EventKept::Replayed);
    assert_eq!(writer.keep_event(&signed("n1", "E3", b"d"), 101_000).await.expect("kept"), EventKept::New);
    let mut remember = async |nonce| writer.remember_nonce("vendor", nonce, 200, 101_000).await.expect("remembered");
    assert_eq!((remember("n6").await, remember("n6").await), (true, false));
    let waiting = cabinets::waiting_events(&home.store(), at(2_000), 9).await.expect("read");
    assert_eq!(waiting.iter().map(|event| event.key.as_str()).collect::<Vec<_>>(), ["vendor/E2"]);
}
