//! Corrections of one order and refunds from complaints about it at once: no more goes back than came in.

#![cfg(test)]

mod common;

use common::{Place, both_engines, settings, sign_up_all, start};
use futures_util::future::join;
use kernel::{
    AdjustTickets, CabinetCommand, CabinetOrder, CabinetPay, Cents, Command, Complaint, CorrectCabinetOrder, Corrected,
    CreateDevice, CreateProduct, CreateStore, DeviceId, FileComplaint, MemberId, NoteDevice, OpenDoor, Outcome,
    RefundComplaint, Refusal, SetPlanogram, SettleDoor, Settlement, Shelf, ShopCommand, StoreKind, StoreProperty,
    Taken,
};
use service::{CheckReport, Failure, Request, Service};
use store::queries::cabinets;
use testing::postgres::fresh_database;
use testing::proxy::Proxy;

const NO_VERSION: (&str, &str) = ("t.version = v.version", "v.version = v.version");
const ROUNDS: i64 = 30;
const PIECES: i64 = 10;
const COST: i64 = 300 * PIECES;
const TICKETS: i64 = 1_000_000;

fn text<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("well-formed")
}

async fn must(service: &Service, command: CabinetCommand) -> Outcome {
    service.run(Request::by_house(Command::Cabinet(command))).await.expect("not refused")
}

/// A device with COLA for 3.00, and a member with tickets for a long time.
async fn furnish(service: &Service) -> (DeviceId, MemberId) {
    let store = CabinetCommand::CreateStore(CreateStore {
        code: text("S1"),
        name: text("南山店"),
        kind: StoreKind::Arcade,
        property: StoreProperty::Own,
        address: text(""),
        phone: text(""),
    });
    let Outcome::Store { store } = must(service, store).await else { panic!("no store") };
    let product = ShopCommand::CreateProduct(CreateProduct {
        name_zh: text("可乐"),
        name_en: None,
        description: text(""),
        price: 300.try_into().expect("a price"),
        member_limit: None,
        on_sale: true,
        stock: 0,
    });
    let product = service.run(Request::by_house(Command::Shop(product))).await;
    let Ok(Outcome::Product(product)) = product else { panic!("no product") };
    let create = CreateDevice { code: text("D1"), name: text("一号柜"), store: store.id };
    let Outcome::Device { device } = must(service, CabinetCommand::CreateDevice(create)).await else {
        panic!("no device")
    };
    let (price, stock) = (300.try_into().expect("a price"), 10_000);
    let shelves = vec![Shelf { code: text("COLA"), product: product.product.id, price, stock: Some(stock) }];
    must(
        service,
        CabinetCommand::SetPlanogram(SetPlanogram { device: device.id, shelves, seen: device.planogram_version }),
    )
    .await;
    let (device, at) = (device.id, service.now());
    must(service, CabinetCommand::NoteDevice(NoteDevice { device, is_online: true, at })).await;
    let member = sign_up_all(service, 1).await[0];
    let give = AdjustTickets { member, amount: TICKETS, reason: text("because") };
    must(service, CabinetCommand::AdjustTickets(give)).await;
    (device, member)
}

/// Ten pieces, paid, and a complaint about them.
async fn bought(service: &Service, device: DeviceId, member: MemberId, round: i64) -> (CabinetOrder, Complaint) {
    let open = CabinetCommand::OpenDoor(OpenDoor { member, device, pay: CabinetPay::Ticket });
    let Outcome::DoorSession { session } = must(service, open).await else { panic!("no door") };
    let goods = vec![Taken { code: "COLA".to_owned(), quantity: PIECES, price: None }];
    let settlement = Settlement { vendor_order_no: format!("V{round}"), amount: Cents::new(COST), goods };
    must(service, CabinetCommand::SettleDoor(SettleDoor { session: session.id, device, member, settlement })).await;
    let order = cabinets::order_of_session(service.store(), session.id).await.expect("read").expect("an order");
    assert!(order.is_paid());
    let file = FileComplaint { member, order: order.id, text: text("it was warm"), pictures: Vec::new() };
    match must(service, CabinetCommand::FileComplaint(file)).await {
        Outcome::Complaint(made) => (order, made.complaint),
        other => panic!("{other:?}"),
    }
}

fn correct(order: &CabinetOrder, quantity: i64, seen: Option<i64>) -> Request {
    let (id, device, member) = (order.id, order.device, order.member);
    let (items, reason) = (vec![Corrected { code: text("COLA"), quantity }], text("counted again"));
    let command = CorrectCabinetOrder { order: id, device, member, items, reason, seen };
    Request::by_house(Command::Cabinet(CabinetCommand::Correct(command)))
}

fn give_back(order: &CabinetOrder, complaint: &Complaint, amount: i64) -> Request {
    let command = RefundComplaint {
        complaint: complaint.id,
        order: order.id,
        device: order.device,
        member: order.member,
        amount: amount.try_into().expect("an amount"),
        reason: text("it was warm"),
    };
    Request::by_house(Command::Cabinet(CabinetCommand::RefundComplaint(command)))
}

/// Whether both were carried out. What was not was refused because of the other.
fn both(outcomes: (Result<Outcome, Failure>, Result<Outcome, Failure>)) -> bool {
    let (one, other) = outcomes;
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    for outcome in [&one, &other] {
        match outcome {
            Ok(_)
            | Err(Failure::Contended)
            | Err(Failure::Refused(Refusal::RefundTooLarge { .. } | Refusal::OrderCorrected { .. })) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }
    one.is_ok() && other.is_ok()
}

/// All of an order's price goes back by a correction through one service, and by a complaint through the other.
async fn race(one: &Service, other: &Service) -> (i64, CheckReport) {
    let (device, member) = furnish(one).await;
    let mut twice = 0;
    for round in 0..ROUNDS {
        let (order, complaint) = bought(one, device, member, round).await;
        let outcomes = join(one.run(correct(&order, 0, None)), other.run(give_back(&order, &complaint, COST))).await;
        twice += i64::from(both(outcomes));
    }
    let tickets = cabinets::tickets(one.store(), member).await.expect("read");
    assert_eq!(tickets - TICKETS, twice * COST * 5, "what went back and had never come in");
    (twice, one.check().await.expect("checked"))
}

both_engines! {
    async fn a_correction_beside_a_refund_gives_back_once(place: Place) {
        let (twice, report) = race(&place.service, &place.service).await;
        assert_eq!(twice, 0);
        assert!(report.passes(), "{report:#?}");
    }

    async fn of_two_corrections_that_saw_the_same_one_is_made(place: Place) {
        let service = &place.service;
        let (device, member) = furnish(service).await;
        for round in 0..ROUNDS {
            let (order, _) = bought(service, device, member, round).await;
            let corrections = (service.run(correct(&order, 4, Some(0))), service.run(correct(&order, 6, Some(0))));
            assert!(!both(join(corrections.0, corrections.1).await));
            let order = cabinets::order(service.store(), order.id).await.expect("read").expect("there");
            let pieces = order.standing().expect("whole").items[0].quantity;
            assert_eq!(order.kept.get(), pieces * 1_500);
        }
        place.books_are_right().await;
    }
}

async fn between_two_servers(rewrites: &[(&str, &str)]) -> (i64, CheckReport) {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), rewrites);
    let (one, other) = (start(proxy.url(), settings()).await, start(proxy.url(), settings()).await);
    let seen = race(&one, &other).await;
    one.stop().await;
    other.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_give_back_once_because_of_the_versions() {
    let (twice, report) = between_two_servers(&[]).await;
    assert_eq!(twice, 0);
    assert!(report.passes(), "{report:#?}");

    let (twice, report) = between_two_servers(&[NO_VERSION]).await;
    assert!(twice > 0, "the race never came to a collision, so it proves nothing");
    assert!(report.checks.ledger.count > 0, "{report:#?}");
}
