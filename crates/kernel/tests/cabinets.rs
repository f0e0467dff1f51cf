//! Cabinets: doors, settlements in any order, tickets; what must hold of the books is checked after every command.

#![cfg(test)]

mod pay_score;
mod support;

use kernel::{
    AdjustTickets, AnswerComplaint, AssignComplaint, Bought, CabinetCommand, CabinetOrder, CabinetOrderType,
    CabinetPay, CabinetRules, Cents, ChangeRole, Code, Command, Complaint, ComplaintStatus, CorrectCabinetOrder,
    CorrectionOutcome, CorrectionState, CreateDevice, CreateProduct, CreateStore, Date, DecideCorrection, Device,
    DeviceId, DoorSeen, DoorSession, DoorStatus, EditProduct, ErpCommand, ExceptionAction, ExceptionKind,
    FileComplaint, Instant, LapseDoor, MemberId, MoveDeviceStock, NoteDevice, NoteDoor, Noun, OpenDoor, OrderId,
    Outcome, Overdraft, PayCabinetOrder, ProductId, ProductPatch, RefundComplaint, Refusal, RefuseCallback,
    ResolveException, Role, RoleGrant, Scope, SendSales, SetPlanogram, SettleDoor, Settlement, Shelf, ShopCommand,
    StoreId, StoreKind, StoreProperty, TakeProduct, Taken, UnpaidReason, Verdict,
};
use support::{Answer, Asked, Database, House, Ids, actor, check_books};

struct World {
    database: Database,
    ids: Ids,
    house: House,
    store: StoreId,
    product: ProductId,
    device: DeviceId,
}

fn text<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("well-formed")
}

fn taken(code: &str, quantity: i64) -> Taken {
    Taken { code: code.to_owned(), quantity, price: None }
}

fn world_start() -> Instant {
    "2026-03-02T01:00:00Z".parse().expect("an instant")
}

impl World {
    /// A store with a device, online, that has COLA for 3.00 and RICE for 50.00.
    fn new() -> Self {
        let mut world = Self {
            database: Database::new(),
            ids: Ids::default(),
            house: House {
                now: world_start(),
                overdraft_limit: Some(Overdraft::NONE),
                cabinet: CabinetRules::default(),
            },
            store: StoreId::new(1),
            product: ProductId::new(1),
            device: DeviceId::new(1),
        };
        let store = CabinetCommand::CreateStore(CreateStore {
            code: text("S1"),
            name: text("南山店"),
            kind: StoreKind::Arcade,
            property: StoreProperty::Own,
            address: text("南山路 1 号"),
            phone: text(""),
        });
        match world.house(store) {
            Ok(Outcome::Store { store }) => world.store = store.id,
            other => panic!("{other:?}"),
        }
        let product = ShopCommand::CreateProduct(CreateProduct {
            name_zh: text("可乐"),
            name_en: None,
            description: text(""),
            price: 300.try_into().expect("a price"),
            member_limit: None,
            on_sale: true,
            stock: 0,
        });
        match world.run(None, Command::Shop(product)) {
            Ok(Outcome::Product(made)) => world.product = made.product.id,
            other => panic!("{other:?}"),
        }
        world.device = world.add_device("D1");
        world
    }

    fn add_device(&mut self, code: &str) -> DeviceId {
        let create = CreateDevice { code: text(code), name: text("一号柜"), store: self.store };
        let device = match self.house(CabinetCommand::CreateDevice(create)) {
            Ok(Outcome::Device { device }) => device.id,
            other => panic!("{other:?}"),
        };
        self.shelve(device, &[("COLA", 300, 5), ("RICE", 5_000, 5)]).expect("shelved");
        self.online(device, true, 0);
        device
    }

    fn shelve(&mut self, device: DeviceId, shelves: &[(&str, i64, i64)]) -> Answer {
        let shelf = |&(code, price, stock): &(&str, i64, i64)| Shelf {
            code: text(code),
            product: self.product,
            price: price.try_into().expect("a price"),
            stock: Some(stock),
        };
        let shelves = shelves.iter().map(shelf).collect();
        let seen = self.database.devices[&device].0.planogram_version;
        self.house(CabinetCommand::SetPlanogram(SetPlanogram { device, shelves, seen }))
    }

    fn online(&mut self, device: DeviceId, is_online: bool, after_ms: i64) -> Device {
        let at = self.house.now.plus_millis(after_ms);
        match self.house(CabinetCommand::NoteDevice(NoteDevice { device, is_online, at })) {
            Ok(Outcome::Device { device }) => device,
            other => panic!("{other:?}"),
        }
    }

    fn run(&mut self, by: Option<MemberId>, command: Command) -> Answer {
        let batch = [Asked { command, actor: actor(by) }];
        let mut answers = Vec::new();
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| {
            answers.push(answer.clone());
        });
        check_books(&self.database);
        answers.remove(0)
    }

    fn house(&mut self, command: CabinetCommand) -> Answer {
        self.run(None, Command::Cabinet(command))
    }

    fn member(&mut self, tickets: i64) -> MemberId {
        let id = self.ids.0;
        let add = Command::AddMember(kernel::AddMember {
            profile: kernel::Profile { uid: format!("uid-{id}"), nickname: format!("member {id}") },
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: Vec::new(),
        });
        let Ok(Outcome::Member { member }) = self.run(None, add) else { panic!("no member") };
        if tickets > 0 {
            self.give(member.id, tickets).expect("given");
        }
        member.id
    }

    fn grant(&mut self, member: MemberId, role: Role) {
        let grant = RoleGrant { role: role.code(), scope: Scope::Everywhere };
        self.run(None, Command::ChangeRole(ChangeRole { member, grant, held: true })).expect("granted");
    }

    fn assign(&mut self, complaint: &Complaint, owner: Option<MemberId>) -> Result<Complaint, Refusal> {
        let assign = AssignComplaint { complaint: complaint.id, owner };
        self.house(CabinetCommand::AssignComplaint(assign)).map(complaint_of)
    }

    fn give(&mut self, member: MemberId, amount: i64) -> Answer {
        self.house(CabinetCommand::AdjustTickets(AdjustTickets { member, amount, reason: text("because") }))
    }

    fn tickets(&self, member: MemberId) -> i64 {
        self.database.balance(kernel::Owner::Member(member).account(kernel::Currency::Ticket))
    }

    fn open(&mut self, member: MemberId, device: DeviceId) -> Result<DoorSession, Refusal> {
        let open = CabinetCommand::OpenDoor(OpenDoor { member, device, pay: CabinetPay::Ticket });
        self.run(Some(member), Command::Cabinet(open)).map(session_of)
    }

    fn see(&mut self, session: &DoorSession, saw: DoorSeen) -> DoorSession {
        let (id, device, member, at) = (session.id, session.device, session.member, self.house.now);
        let note = NoteDoor { session: id, device, member, saw, at };
        session_of(self.house(CabinetCommand::NoteDoor(note)).expect("noted"))
    }

    fn settle(&mut self, session: &DoorSession, number: &str, amount: i64, goods: Vec<Taken>) -> DoorSession {
        let (id, device, member) = (session.id, session.device, session.member);
        let settlement = Settlement { vendor_order_no: number.to_owned(), amount: Cents::new(amount), goods };
        let command = CabinetCommand::SettleDoor(SettleDoor { session: id, device, member, settlement });
        session_of(self.house(command).expect("settled"))
    }

    fn lapse(&mut self, session: &DoorSession) -> DoorSession {
        let (id, device, member) = (session.id, session.device, session.member);
        session_of(self.house(CabinetCommand::LapseDoor(LapseDoor { session: id, device, member })).expect("looked at"))
    }

    fn pay(&mut self, order: &CabinetOrder) -> Result<CabinetOrder, Refusal> {
        let (id, device, member) = (order.id, order.device, order.member);
        let pay = CabinetCommand::Pay(PayCabinetOrder { order: id, device, member });
        match self.run(Some(member), Command::Cabinet(pay))? {
            Outcome::CabinetOrder { order } => Ok(order),
            other => panic!("{other:?}"),
        }
    }

    fn correct(
        &mut self,
        by: MemberId,
        order: OrderId,
        items: &[(&str, i64)],
        seen: Option<i64>,
    ) -> Result<CorrectionOutcome, Refusal> {
        let (order, _) = &self.database.cabinet_orders[&order];
        let (order, device, member) = (order.id, order.device, order.member);
        let item = |&(code, quantity): &(&str, i64)| kernel::Corrected { code: text(code), quantity };
        let (items, reason) = (items.iter().map(item).collect(), text("counted again"));
        let command = CorrectCabinetOrder { order, device, member, items, reason, seen };
        self.run(Some(by), Command::Cabinet(CabinetCommand::Correct(command))).map(corrected_of)
    }

    fn decide(
        &mut self,
        by: MemberId,
        made: &CorrectionOutcome,
        verdict: Verdict,
    ) -> Result<CorrectionOutcome, Refusal> {
        let (order, device, member) = (made.order.id, made.order.device, made.order.member);
        let correction = made.correction.id;
        let command = DecideCorrection { correction, order, device, member, verdict };
        self.run(Some(by), Command::Cabinet(CabinetCommand::DecideCorrection(command))).map(corrected_of)
    }

    fn complain(&mut self, order: &CabinetOrder) -> Result<Complaint, Refusal> {
        let (member, order, pictures) = (order.member, order.whole(), Vec::new());
        let command = FileComplaint { member, order, text: text("it was warm"), pictures };
        self.run(Some(member), Command::Cabinet(CabinetCommand::FileComplaint(command))).map(complaint_of)
    }

    fn answer(&mut self, complaint: &Complaint, closes: bool) -> Result<Complaint, Refusal> {
        let command = AnswerComplaint { complaint: complaint.id, text: text("we are sorry"), closes };
        self.house(CabinetCommand::AnswerComplaint(command)).map(complaint_of)
    }

    fn give_back(&mut self, complaint: &Complaint, amount: i64) -> Result<Complaint, Refusal> {
        let (order, _) = &self.database.cabinet_orders[&complaint.order];
        let command = RefundComplaint {
            complaint: complaint.id,
            order: order.id,
            device: order.device,
            member: order.member,
            amount: amount.try_into().expect("an amount"),
            reason: text("it was warm"),
        };
        self.house(CabinetCommand::RefundComplaint(command)).map(complaint_of)
    }

    /// An order that a member with as many tickets has after an opening.
    fn bought(&mut self, tickets: i64, amount: i64, goods: &[(&str, i64)]) -> CabinetOrder {
        let member = self.member(tickets);
        let session = self.open(member, self.device).expect("asked");
        let number = format!("V{}", session.id);
        let goods = goods.iter().map(|&(code, quantity)| taken(code, quantity)).collect();
        self.settle(&session, &number, amount, goods);
        self.order().clone()
    }

    fn resolve(&mut self, kind: ExceptionKind, subject: &str, action: ExceptionAction) -> Answer {
        let exception = self.database.open_exception(kind, subject).expect("an open exception");
        let note = text("looked at");
        let command = ResolveException { exception, action, note, refund_no: "REFD1".to_owned(), payer_openid: None };
        self.run(None, Command::ResolveException(command))
    }

    fn order(&self) -> &CabinetOrder {
        let orders: Vec<_> = self.database.cabinet_orders.values().collect();
        assert_eq!(orders.len(), 1, "{orders:?}");
        &orders[0].0
    }

    fn stock(&self, code: &str) -> i64 {
        self.database.devices[&self.device].0.shelved(code).expect("shelved").stock
    }

    fn is_open(&self, kind: ExceptionKind, session: &DoorSession) -> bool {
        self.database.open_exception(kind, &session.session_no).is_some()
    }

    fn later(&mut self, ms: i64) {
        self.house.now = self.house.now.plus_millis(ms);
    }
}

fn corrected_of(outcome: Outcome) -> CorrectionOutcome {
    match outcome {
        Outcome::Correction(made) => *made,
        other => panic!("{other:?}"),
    }
}

fn complaint_of(outcome: Outcome) -> Complaint {
    match outcome {
        Outcome::Complaint(made) => made.complaint,
        other => panic!("{other:?}"),
    }
}

fn session_of(outcome: Outcome) -> DoorSession {
    match outcome {
        Outcome::DoorSession { session } => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_opening_is_charged_at_our_prices_when_it_is_settled() {
    let mut world = World::new();
    let member = world.member(10_000);
    let session = world.open(member, world.device).expect("asked");
    assert_eq!(session.status, DoorStatus::Opening);
    assert_eq!(world.database.outbox.last().map(|message| message.topic), Some("cabinet-open"));
    assert_eq!(world.see(&session, DoorSeen::Opened).status, DoorStatus::Opened);
    assert_eq!(world.see(&session, DoorSeen::Closed).status, DoorStatus::Closed);
    assert_eq!(world.settle(&session, "V1", 600, vec![taken("COLA", 2)]).status, DoorStatus::Settled);
    let order = world.order();
    assert!(!order.is_unpaid());
    assert_eq!((order.total.get(), order.tickets.get()), (600, 3_000));
    assert_eq!((world.tickets(member), world.stock("COLA")), (7_000, 3));
}

#[test]
fn events_come_in_any_order_and_more_than_once() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut world = World::new();
        let member = world.member(10_000);
        let session = world.open(member, world.device).expect("asked");
        for _ in 0..2 {
            for event in order {
                match event {
                    0 => drop(world.see(&session, DoorSeen::Opened)),
                    1 => drop(world.see(&session, DoorSeen::Closed)),
                    _ => drop(world.settle(&session, "V1", 300, vec![taken("COLA", 1)])),
                }
            }
        }
        let (session, _) = &world.database.door_sessions[&session.id];
        assert_eq!(session.status, DoorStatus::Settled, "{order:?}");
        assert!(session.opened_at.is_some() && session.closed_at.is_some(), "{order:?}");
        assert_eq!((world.tickets(member), world.stock("COLA")), (8_500, 4), "{order:?}");
        assert!(world.database.exceptions.is_empty(), "{order:?}");
        world.open(member, world.device).expect("the cabinet is free again");
    }
}

#[test]
fn nothing_taken_costs_nothing() {
    let mut world = World::new();
    let member = world.member(10_000);
    let session = world.open(member, world.device).expect("asked");
    assert_eq!(world.settle(&session, "V1", 0, Vec::new()).status, DoorStatus::Settled);
    assert!(world.database.cabinet_orders.is_empty());
    assert_eq!(world.tickets(member), 10_000);
}

#[test]
fn too_few_tickets_leave_an_unpaid_order_and_take_none() {
    let mut world = World::new();
    let member = world.member(3_000);
    let session = world.open(member, world.device).expect("asked");
    world.settle(&session, "V1", 5_000, vec![taken("RICE", 1)]);
    let order = world.order().clone();
    let reason = UnpaidReason::InsufficientTickets;
    assert_eq!(order.state, kernel::CabinetOrderState::Unpaid { reason });
    assert_eq!(world.tickets(member), 3_000);
    assert_eq!(world.open(member, world.device).err(), Some(Refusal::UnpaidCabinetOrder { order: order.id }));
    assert!(world.pay(&order).expect("written down").is_unpaid());
    assert_eq!(world.tickets(member), 3_000);
    world.give(member, 22_000).expect("given");
    let paid = world.pay(&order).expect("paid");
    assert_eq!((paid.is_paid(), paid.kept.get()), (true, 25_000));
    let failures: Vec<_> = paid.attempts.iter().map(|attempt| attempt.failure).collect();
    assert_eq!(failures, [Some(reason), Some(reason), None]);
    assert_eq!(world.tickets(member), 0);
    assert_eq!(world.pay(&order).err(), Some(Refusal::CabinetOrderPaid));
}

#[test]
fn a_device_that_says_the_same_again_is_heard_and_not_audited() {
    let mut world = World::new();
    let said = |world: &World| {
        let actions = world.database.audits.iter().map(|audit| audit.action);
        actions.filter(|action| ["device.online", "device.offline"].contains(action)).collect::<Vec<_>>()
    };
    assert_eq!(said(&world), ["device.online"]);
    let again = world.online(world.device, true, 5);
    assert_eq!(again.heard_at, Some(world.house.now.plus_millis(5)));
    assert_eq!(said(&world), ["device.online"]);
    world.online(world.device, false, 4);
    assert_eq!(said(&world), ["device.online"], "that word was older");
    for after_ms in [6, 7] {
        world.online(world.device, false, after_ms);
    }
    assert_eq!(said(&world), ["device.online", "device.offline"]);
}

#[test]
fn who_may_not_open_a_door_is_told_why() {
    let mut world = World::new();
    let (rich, poor) = (world.member(10_000), world.member(0));
    let other = world.add_device("D2");
    let needed = CabinetRules::default().least_tickets;
    assert_eq!(world.open(poor, world.device).err(), Some(Refusal::InsufficientTickets { tickets: 0, needed }));
    world.online(world.device, false, 1);
    assert_eq!(world.open(rich, world.device).err(), Some(Refusal::DeviceOffline));
    world.online(world.device, true, 0);
    assert_eq!(world.open(rich, world.device).err(), Some(Refusal::DeviceOffline), "that word was older");
    world.online(world.device, true, 2);
    let wechat = OpenDoor { member: rich, device: world.device, pay: CabinetPay::Wechat };
    assert_eq!(world.house(CabinetCommand::OpenDoor(wechat)).err(), Some(Refusal::PayScoreMissing));

    let session = world.open(rich, world.device).expect("asked");
    assert_eq!(world.open(rich, other).err(), Some(Refusal::DoorUnsettled));
    let second = world.member(10_000);
    assert_eq!(world.open(second, world.device).err(), Some(Refusal::DeviceBusy));
    world.see(&session, DoorSeen::Failed { reason: "jammed".to_owned() });
    world.open(second, world.device).expect("free again");
    world.open(rich, other).expect("nothing is left to settle");
}

#[test]
fn two_at_once_open_one_door() {
    let mut world = World::new();
    let members = [world.member(10_000), world.member(10_000)];
    let device = world.device;
    let open = |member| Asked {
        command: Command::Cabinet(CabinetCommand::OpenDoor(OpenDoor { member, device, pay: CabinetPay::Ticket })),
        actor: actor(Some(member)),
    };
    let batch = members.map(open);
    let mut opened = 0;
    support::run(&mut world.database, &mut world.ids, &world.house, &batch, |_, answer, _| {
        opened += i64::from(answer.is_ok());
    });
    check_books(&world.database);
    assert_eq!(opened, 1);
}

#[test]
fn what_the_list_does_not_have_is_held_until_it_does() {
    let mut world = World::new();
    let member = world.member(10_000);
    let session = world.open(member, world.device).expect("asked");
    assert_eq!(world.settle(&session, "V1", 450, vec![taken("TEA", 1)]).status, DoorStatus::Held);
    assert!(world.database.cabinet_orders.is_empty());
    assert_eq!(world.open(member, world.device).err(), Some(Refusal::DoorUnsettled));
    let kind = ExceptionKind::UnknownGoods;
    let refused = world.resolve(kind, &session.session_no, ExceptionAction::Charge);
    assert_eq!(refused.err().map(|refusal| refusal.code()), Some(Code::NotFound));
    world.shelve(world.device, &[("TEA", 400, 9)]).expect("shelved");
    world.resolve(kind, &session.session_no, ExceptionAction::Charge).expect("charged");
    assert_eq!((world.order().total.get(), world.tickets(member)), (400, 8_000));
}

#[test]
fn our_price_decides_once_a_person_has_looked() {
    for (amount, price) in [(500, None), (300, Some(Cents::new(200)))] {
        let mut world = World::new();
        let member = world.member(10_000);
        let session = world.open(member, world.device).expect("asked");
        let goods = vec![Taken { price, ..taken("COLA", 1) }];
        assert_eq!(world.settle(&session, "V1", amount, goods).status, DoorStatus::Held);
        assert_eq!(world.tickets(member), 10_000);
        world.resolve(ExceptionKind::PriceMismatch, &session.session_no, ExceptionAction::Charge).expect("charged");
        assert_eq!(world.tickets(member), 8_500);
    }
}

#[test]
fn a_dear_order_waits_for_a_person_who_may_let_it_go() {
    let mut world = World::new();
    let member = world.member(1_000_000);
    let session = world.open(member, world.device).expect("asked");
    let goods = vec![taken("RICE", 5)];
    assert_eq!(world.settle(&session, "V1", 25_000, goods.clone()).status, DoorStatus::Held);
    world.resolve(ExceptionKind::AmountOverLimit, &session.session_no, ExceptionAction::Dismiss).expect("let go");
    assert_eq!(world.database.door_sessions[&session.id].0.status, DoorStatus::Released);
    assert_eq!(world.tickets(member), 1_000_000);
    // It comes again, and is charged no more than before.
    world.settle(&session, "V1", 25_000, goods);
    assert!(world.database.cabinet_orders.is_empty());
    world.open(member, world.device).expect("free");
}

#[test]
fn a_second_settlement_that_says_otherwise_is_never_charged() {
    let mut world = World::new();
    let member = world.member(10_000);
    let session = world.open(member, world.device).expect("asked");
    world.settle(&session, "V1", 300, vec![taken("COLA", 1)]);
    world.settle(&session, "V1", 600, vec![taken("COLA", 2)]);
    world.settle(&session, "V2", 0, Vec::new());
    assert_eq!(world.tickets(member), 8_500);
    assert!(world.is_open(ExceptionKind::SettlementConflict, &session));
    world.resolve(ExceptionKind::SettlementConflict, &session.session_no, ExceptionAction::Dismiss).expect("seen");
    assert_eq!(world.database.door_sessions[&session.id].0.status, DoorStatus::Settled);
}

#[test]
fn a_vendors_number_settles_one_opening() {
    let mut world = World::new();
    let (first, second) = (world.member(10_000), world.member(10_000));
    let other = world.add_device("D2");
    let one = world.open(first, world.device).expect("asked");
    let two = world.open(second, other).expect("asked");
    world.settle(&one, "V1", 300, vec![taken("COLA", 1)]);
    world.settle(&two, "V1", 300, vec![taken("COLA", 1)]);
    assert_eq!((world.tickets(first), world.tickets(second)), (8_500, 10_000));
    assert!(world.is_open(ExceptionKind::SettlementConflict, &two));
    world.settle(&two, "V2", 300, vec![taken("COLA", 1)]);
    assert_eq!(world.tickets(second), 8_500);
}

#[test]
fn what_nobody_hears_of_is_given_up_or_somebodys() {
    let rules = CabinetRules::default();
    let mut world = World::new();
    let member = world.member(10_000);
    let session = world.open(member, world.device).expect("asked");
    assert_eq!(world.lapse(&session).status, DoorStatus::Opening, "not yet");
    world.later(rules.open_within_ms);
    assert_eq!(world.lapse(&session).status, DoorStatus::TimedOut);
    let again = world.open(member, world.device).expect("the door can be tried again");

    // The first one opened after all, and takes nobody's place.
    assert_eq!(world.see(&session, DoorSeen::Opened).status, DoorStatus::Opened);
    assert_eq!(world.database.devices[&world.device].0.session, Some(again.id));
    world.see(&again, DoorSeen::Failed { reason: "jammed".to_owned() });
    world.see(&session, DoorSeen::Closed);
    world.later(rules.settle_within_ms);
    assert_eq!(world.lapse(&session).status, DoorStatus::Closed);
    assert!(world.is_open(ExceptionKind::SettlementMissing, &session));
    assert_eq!(world.open(member, world.device).err(), Some(Refusal::DoorUnsettled));
    world.settle(&session, "V1", 300, vec![taken("COLA", 1)]);
    assert_eq!(world.tickets(member), 8_500, "late is not lost");
    world.resolve(ExceptionKind::SettlementMissing, &session.session_no, ExceptionAction::Dismiss).expect("seen");
    assert_eq!(world.database.door_sessions[&session.id].0.status, DoorStatus::Settled);
}

#[test]
fn more_taken_than_put_in_is_charged_and_seen() {
    let mut world = World::new();
    let member = world.member(100_000);
    let session = world.open(member, world.device).expect("asked");
    world.settle(&session, "V1", 2_100, vec![taken("COLA", 7)]);
    assert_eq!((world.stock("COLA"), world.tickets(member)), (-2, 89_500));
    assert!(world.database.open_exception(ExceptionKind::StockNegative, "D1 COLA").is_some());
}

#[test]
fn tickets_are_given_and_taken_back_but_never_below_none() {
    let mut world = World::new();
    let member = world.member(0);
    assert_eq!(world.give(member, 0).err(), Some(Refusal::AmountZero));
    assert_eq!(world.give(member, -1).err(), Some(Refusal::InsufficientTickets { tickets: 0, needed: 1 }));
    assert_eq!(world.give(member, 100_000_001).err(), Some(Refusal::AmountOutOfRange));
    world.give(member, 500).expect("given");
    world.give(member, -500).expect("taken back");
    assert_eq!(world.tickets(member), 0);
}

#[test]
fn a_planogram_names_each_product_once_and_only_what_is_there() {
    let mut world = World::new();
    let device = world.device;
    let twice = world.shelve(device, &[("A", 1, 1), ("A", 2, 1)]);
    assert_eq!(twice.err(), Some(Refusal::ProductTwice { code: text("A") }));
    assert_eq!(world.shelve(device, &[("A", -1, 1)]).err(), Some(Refusal::NegativePrice));
    let most = Device::MOST_STOCK;
    let full = world.shelve(device, &[("A", 1, most + 1)]);
    assert_eq!(full.err(), Some(Refusal::PlanogramTooLarge { most }));
    world.product = ProductId::new(7);
    assert_eq!(world.shelve(device, &[("A", 1, 1)]).err().map(|refusal| refusal.code()), Some(Code::NotFound));
    let create = CreateDevice { code: text("D1"), name: text("又一个"), store: world.store };
    let code = text("D1");
    assert_eq!(world.house(CabinetCommand::CreateDevice(create)).err(), Some(Refusal::DeviceTaken { code }));
}

#[test]
fn the_erp_makes_a_product_once_and_its_last_word_counts() {
    let mut world = World::new();
    let at = |minute: i64| world_start().plus_millis(minute * 60_000);
    let tell = |world: &mut World, code: &str, shelved: Option<ProductId>, cents: i64, at: Instant| {
        let (name_zh, price) = (text("茶"), cents.try_into().expect("a price"));
        let command = TakeProduct { code: text(code), shelved, name_zh, name_en: None, price, at };
        match world.run(None, Command::Erp(ErpCommand::TakeProduct(command))) {
            Ok(Outcome::Product(told)) => Ok((told.product.id, told.product.price.get(), told.product.on_sale)),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    };
    let (tea, price, on_sale) = tell(&mut world, "TEA", None, 500, at(10)).expect("made");
    assert_eq!((price, on_sale), (500, false));
    let audits = world.database.audits.len();
    assert_eq!(tell(&mut world, "TEA", None, 500, at(10)), Ok((tea, 500, false)));
    assert_eq!(tell(&mut world, "TEA", None, 400, at(9)), Ok((tea, 500, false)), "an older word");
    assert_eq!(world.database.audits.len(), audits, "nothing was changed");
    assert_eq!(tell(&mut world, "TEA", None, 600, at(11)), Ok((tea, 600, false)));
    assert_eq!(tell(&mut world, "TEA", None, -1, at(12)), Err(Refusal::NegativePrice));
    let cola = world.product;
    assert_eq!(tell(&mut world, "COLA", Some(cola), 350, at(10)), Ok((cola, 350, true)), "what cabinets have");
    assert_eq!(tell(&mut world, "COLA", None, 360, at(11)), Ok((cola, 360, true)));
    let missing = tell(&mut world, "RICE", Some(ProductId::new(7)), 1, at(11));
    assert_eq!(missing.map_err(|refusal| refusal.code()), Err(Code::NotFound));
}

#[test]
fn a_days_sales_are_owed_once_and_again_only_when_asked() {
    let mut world = World::new();
    let (date, store): (Date, _) = ("2026-03-01".parse().expect("a date"), world.store);
    let send = |world: &mut World, stores: &[StoreId], again: bool| {
        let command = SendSales { date, stores: stores.iter().copied().collect(), again };
        match world.run(None, Command::Erp(ErpCommand::SendSales(command))) {
            Ok(Outcome::SalesDocuments { documents }) => {
                Ok(documents.iter().map(|document| (document.document_no.clone(), document.sends)).collect::<Vec<_>>())
            }
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    };
    let sent = |sends| Ok(vec![("SALE20260301-S1".to_owned(), sends)]);
    assert_eq!(send(&mut world, &[store], false), sent(1));
    assert_eq!(send(&mut world, &[store], false), sent(1));
    assert_eq!(send(&mut world, &[store], true), sent(2));
    let audits = world.database.audits.iter().filter(|audit| audit.action == "sales.send").count();
    assert_eq!(audits, 2);
    let missing = send(&mut world, &[store, StoreId::new(7)], true);
    assert_eq!(missing.map_err(|refusal| refusal.code()), Err(Code::NotFound));
}

#[test]
fn stock_moves_by_amount_within_what_a_cabinet_holds() {
    let mut world = World::new();
    let (device, most) = (world.device, Device::MOST_STOCK);
    let mut moves = |code: &str, delta: i64| {
        let command = MoveDeviceStock { device, code: text(code), delta, reason: text("counted") };
        let moved = world.house(CabinetCommand::MoveDeviceStock(command));
        moved.map(|_| world.stock("COLA"))
    };
    assert_eq!(moves("COLA", 3), Ok(8));
    assert_eq!(moves("COLA", -8), Ok(0));
    assert_eq!(moves("COLA", 0), Err(Refusal::AmountZero));
    assert_eq!(moves("COLA", -1), Err(Refusal::OutOfStock { asked: 1, left: 0 }));
    assert_eq!(moves("COLA", most + 1), Err(Refusal::StockOutOfRange { most }));
    assert_eq!(moves("COLA", most), Ok(most));
    assert_eq!(moves("COLA", 1), Err(Refusal::StockOutOfRange { most }));
    assert_eq!(moves("TEA", 1), Err(Refusal::NotFound { noun: Noun::Product }));

    let mut world = World::new();
    let member = world.member(100_000);
    let session = world.open(member, world.device).expect("asked");
    world.settle(&session, "V1", 2_100, vec![taken("COLA", 7)]);
    let command = MoveDeviceStock { device, code: text("COLA"), delta: 1, reason: text("one was found") };
    world.house(CabinetCommand::MoveDeviceStock(command)).expect("still below none");
    assert_eq!(world.stock("COLA"), -1);
}

#[test]
fn a_planogram_that_was_made_from_an_old_one_is_refused() {
    let mut world = World::new();
    let (device, product) = (world.device, world.product);
    let set = |world: &mut World, seen: i64| {
        let price = 400.try_into().expect("a price");
        let shelves = vec![Shelf { code: text("COLA"), product, price, stock: None }];
        match world.house(CabinetCommand::SetPlanogram(SetPlanogram { device, shelves, seen })) {
            Ok(Outcome::Device { device }) => Ok((device.planogram_version, device.planogram[0].stock)),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    };
    assert_eq!(set(&mut world, 0), Err(Refusal::PlanogramChanged { version: 1 }));
    assert_eq!(set(&mut world, 1), Ok((2, 5)), "what is in there stays");
    let member = world.member(100_000);
    let session = world.open(member, device).expect("asked");
    world.settle(&session, "V1", 800, vec![taken("COLA", 2)]);
    assert_eq!(set(&mut world, 2), Err(Refusal::PlanogramChanged { version: 3 }));
    assert_eq!(set(&mut world, 3), Ok((4, 3)));
}

#[test]
fn a_forged_message_is_written_down() {
    let mut world = World::new();
    let (partner, path, why) = ("x".to_owned(), "/y".to_owned(), "wrong signature".to_owned());
    let refuse = RefuseCallback { partner, path, why, count: 1 };
    world.house(CabinetCommand::RefuseCallback(refuse)).expect("noted");
    assert_eq!(world.database.audits.last().map(|audit| audit.action), Some("callback.refuse"));
}

/// Each line: the tickets before, what was taken, then what each correction says, what its surcharge costs (`*` where it waits to be paid,
/// nothing where there is none), and the member's tickets and the stock of COLA after it. COLA costs 3.00, RICE 50.00.
const CORRECTIONS: &str = "
    10000 | COLA 2        | COLA 1 -> -300 8500 4
    10000 | COLA 2        | COLA 0 -> -600 10000 5
    10000 | COLA 2        | COLA 3 -> 300 5500 2
    10000 | COLA 1        | COLA 2 -> 300 7000 3 | COLA 0 -> -600 10000 5 | COLA 1 -> 300 8500 4
    29000 | RICE 1        | COLA 1 -> 300 2500 4
    29000 | RICE 1        | COLA 3 -> 900* 4000 2 | COLA 1 -> 300 2500 4
    29000 | RICE 1        | COLA 3 -> 900* 4000 2 | COLA 0 -> 4000 5
    29000 | RICE 1        | COLA 3 -> 900* 4000 2 | RICE 0 -> -4100 24500 2
    3000  | RICE 1        | COLA 1 -> 5300* 3000 4 | RICE 0 -> 300 1500 4
    3000  | RICE 1        | RICE 0 -> 3000 5
    3000  | RICE 1        | RICE 0 -> 3000 5 | COLA 1 -> 300 1500 4
";

fn goods(text: &str) -> Vec<(&str, i64)> {
    text.split(',')
        .map(|good| {
            let (code, quantity) = good.trim().split_once(' ').expect("a code and a quantity");
            (code, quantity.trim().parse().expect("a quantity"))
        })
        .collect()
}

#[test]
fn a_correction_charges_the_difference_or_gives_it_back() {
    for line in CORRECTIONS.trim().lines() {
        let mut cells = line.split('|').map(str::trim);
        let mut world = World::new();
        let tickets = cells.next().and_then(|cell| cell.parse().ok()).expect("tickets");
        let taken = goods(cells.next().expect("goods"));
        let price = |code: &str| if code == "RICE" { 5_000 } else { 300 };
        let amount = taken.iter().map(|&(code, quantity)| price(code) * quantity).sum();
        let order = world.bought(tickets, amount, &taken);
        let clerk = world.member(0);
        for cell in cells {
            let (said, after) = cell.split_once(" -> ").expect("an arrow");
            let made =
                world.correct(clerk, order.id, &goods(said), None).unwrap_or_else(|why| panic!("{line}: {why:?}"));
            let (made, order) = (made.surcharge, made.order);
            assert_eq!(order.order_type(), CabinetOrderType::Corrected);
            let surcharge = made.map_or(String::new(), |made| {
                assert_eq!((made.order_type(), made.whole()), (CabinetOrderType::Surcharge, order.id));
                format!("{}{} ", made.total.get(), if made.is_unpaid() { "*" } else { "" })
            });
            let now = format!("{surcharge}{} {}", world.tickets(order.member), world.stock("COLA"));
            assert_eq!(now, after, "{line}");
        }
    }
}

#[test]
fn a_surcharge_that_is_due_keeps_doors_shut_until_it_is_paid() {
    let mut world = World::new();
    let order = world.bought(29_000, 5_000, &[("RICE", 1)]);
    let (clerk, member) = (world.member(0), order.member);
    let due = world.correct(clerk, order.id, &[("COLA", 3)], None).expect("corrected").surcharge.expect("a surcharge");
    assert_eq!(world.open(member, world.device).err(), Some(Refusal::UnpaidCabinetOrder { order: due.id }));
    let whole = order.id;
    let refused = world.correct(clerk, due.id, &[("COLA", 1)], None).err();
    assert_eq!(refused, Some(Refusal::CabinetOrderPart { whole }));
    world.give(member, 500).expect("given");
    assert!(world.pay(&due).expect("paid").is_paid());
    assert_eq!((world.tickets(member), world.database.cabinet_orders[&order.id].0.kept.get()), (0, 29_500));
    world.give(member, 2_500).expect("given");
    world.open(member, world.device).expect("free");
}

#[test]
fn the_same_correction_is_carried_out_once() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let clerk = world.member(0);
    world.correct(clerk, order.id, &[("COLA", 1)], Some(0)).expect("corrected");
    let again = |world: &mut World, seen| world.correct(clerk, order.id, &[("COLA", 1)], seen).err();
    assert_eq!(again(&mut world, None), Some(Refusal::NothingToCorrect));
    assert_eq!(again(&mut world, Some(0)), Some(Refusal::OrderCorrected { corrections: 1 }));
    assert_eq!(world.tickets(order.member), 8_500);
}

#[test]
fn beyond_the_limit_a_second_person_has_to_agree() {
    let limit = CabinetRules::default().correction_limit;
    assert_eq!(limit.get(), 5_000);
    let mut world = World::new();
    let order = world.bought(100_000, 10_300, &[("RICE", 2), ("COLA", 1)]);
    let (clerk, second) = (world.member(0), world.member(0));
    // In small steps no further than at once.
    let small = world.correct(clerk, order.id, &[("RICE", 1)], None).expect("corrected");
    assert!(matches!(small.correction.state, CorrectionState::Done { agreed_by: None, .. }));
    assert_eq!(world.tickets(order.member), 73_500);
    let asked = world.correct(clerk, order.id, &[("COLA", 0)], None).expect("asked for");
    assert_eq!((&asked.correction.state, asked.correction.difference.get()), (&CorrectionState::Waiting, -300));
    assert_eq!((world.tickets(order.member), world.stock("COLA")), (73_500, 4));

    let correction = asked.correction.id;
    let meanwhile = world.correct(second, order.id, &[("COLA", 2)], None).err();
    assert_eq!(meanwhile, Some(Refusal::CorrectionWaiting { correction }));
    assert_eq!(world.decide(clerk, &asked, Verdict::Agree).err(), Some(Refusal::SecondPersonNeeded));
    let agreed = world.decide(second, &asked, Verdict::Agree).expect("agreed");
    assert_eq!(agreed.surcharge.expect("a surcharge").total.get(), -300);
    assert_eq!((world.tickets(order.member), world.stock("COLA")), (75_000, 5));
    assert_eq!(world.decide(second, &asked, Verdict::Agree).err(), Some(Refusal::CorrectionDecided));

    // From what both agreed on, one person may go as far again.
    let refused = world.correct(clerk, order.id, &[("RICE", 3)], None).expect("asked for");
    let note: kernel::Reason = text("not so");
    let refused = world.decide(second, &refused, Verdict::Refuse { note }).expect("refused");
    assert!(matches!(refused.correction.state, CorrectionState::Refused { .. }) && refused.order.standing().is_some());
    assert_eq!(world.tickets(order.member), 75_000);
    world.correct(clerk, order.id, &[("RICE", 0)], None).expect("corrected");
    assert_eq!(world.tickets(order.member), 100_000);
}

#[test]
fn a_correction_that_makes_no_sense_is_refused() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let clerk = world.member(0);
    let mut refusal = |items: &[(&str, i64)]| world.correct(clerk, order.id, items, None).err();
    assert_eq!(refusal(&[("COLA", -1)]), Some(Refusal::PlanogramTooLarge { most: 1_000 }));
    assert_eq!(refusal(&[("COLA", 1_001)]), Some(Refusal::PlanogramTooLarge { most: 1_000 }));
    assert_eq!(refusal(&[("COLA", 1), ("COLA", 1)]), Some(Refusal::ProductTwice { code: text("COLA") }));
    assert_eq!(refusal(&[("TEA", 1)]).map(|refusal| refusal.code()), Some(Code::NotFound));
    assert_eq!(refusal(&[]), Some(Refusal::NothingToCorrect));
}

#[test]
fn what_an_order_has_had_keeps_its_price() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let clerk = world.member(0);
    world.shelve(world.device, &[("COLA", 900, 9), ("TEA", 400, 9)]).expect("shelved");
    world.correct(clerk, order.id, &[("COLA", 0)], None).expect("corrected");
    world.correct(clerk, order.id, &[("COLA", 1), ("TEA", 1)], None).expect("corrected");
    assert_eq!(world.tickets(order.member), 10_000 - 1_500 - 2_000);
}

#[test]
fn what_is_sold_is_called_as_its_product_is_by_then() {
    let mut world = World::new();
    let order = world.bought(10_000, 300, &[("COLA", 1)]);
    let clerk = world.member(0);
    let patch = ProductPatch { name_zh: Some(text("可口可乐")), ..ProductPatch::default() };
    let rename = ShopCommand::EditProduct(EditProduct { product: world.product, patch });
    world.run(None, Command::Shop(rename)).expect("renamed");
    world.shelve(world.device, &[("COLA", 300, 9), ("TEA", 400, 9)]).expect("shelved");

    let names = |items: &[Bought]| items.iter().map(|item| item.name_zh.as_str().to_owned()).collect::<Vec<_>>();
    let corrected = world.correct(clerk, order.id, &[("COLA", 2), ("TEA", 1)], None).expect("corrected").order;
    assert_eq!(names(&corrected.standing().expect("a whole order").items), ["可乐", "可口可乐"]);
    assert_eq!(names(&corrected.items), ["可乐"]);
    let session = world.open(order.member, world.device).expect("asked");
    world.settle(&session, "V9", 300, vec![taken("COLA", 1)]);
    let orders = world.database.cabinet_orders.values();
    let next = orders.map(|(order, _)| order).find(|order| order.session == session.id).expect("an order");
    assert_eq!(names(&next.items), ["可口可乐"]);
}

#[test]
fn a_complaint_is_answered_and_closed_and_gives_back_what_is_left_at_most() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let (clerk, member) = (world.member(0), order.member);
    let complaint = world.complain(&order).expect("filed");
    let open = Refusal::ComplaintOpen { complaint: complaint.id };
    assert_eq!(world.complain(&order).err(), Some(open));
    world.grant(clerk, Role::Support);
    let assigned = world.assign(&complaint, Some(clerk)).expect("assigned");
    assert_eq!((assigned.owner, assigned.status()), (Some(clerk), ComplaintStatus::Open));
    assert_eq!(world.answer(&complaint, false).expect("answered").status(), ComplaintStatus::Answered);

    assert_eq!(world.give_back(&complaint, 0).err(), Some(Refusal::AmountNotPositive));
    assert_eq!(world.give_back(&complaint, 601).err(), Some(Refusal::RefundTooLarge { left: Cents::new(600) }));
    assert_eq!(world.give_back(&complaint, 200).expect("given back").refunded.get(), 200);
    assert_eq!(world.tickets(member), 8_000);
    // The goods' price may not go back a second time.
    let left = Cents::new(400);
    assert_eq!(world.correct(clerk, order.id, &[("COLA", 0)], None).err(), Some(Refusal::RefundTooLarge { left }));
    world.correct(clerk, order.id, &[("COLA", 1)], None).expect("corrected");
    assert_eq!(world.tickets(member), 9_500);
    let left = Cents::new(100);
    assert_eq!(world.give_back(&complaint, 101).err(), Some(Refusal::RefundTooLarge { left }));
    world.give_back(&complaint, 100).expect("given back");
    assert_eq!(world.tickets(member), 10_000);

    assert_eq!(world.answer(&complaint, true).expect("closed").status(), ComplaintStatus::Closed);
    assert_eq!(world.answer(&complaint, false).err(), Some(Refusal::ComplaintClosed));
    assert_eq!(world.give_back(&complaint, 1).err(), Some(Refusal::ComplaintClosed));
    world.complain(&order).expect("again");
}

#[test]
fn a_complaint_is_given_to_who_may_handle_it_and_let_go() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let complaint = world.complain(&order).expect("filed");
    let (clerk, cashier, stranger) = (world.member(0), world.member(0), world.member(0));
    for (member, role) in [(clerk, Role::Support), (cashier, Role::Finance), (stranger, Role::StoreStaff)] {
        world.grant(member, role);
    }
    assert_eq!(world.assign(&complaint, Some(stranger)).err(), Some(Refusal::HandlesNoComplaints));
    assert_eq!(world.assign(&complaint, Some(order.member)).err(), Some(Refusal::HandlesNoComplaints));
    for owner in [Some(clerk), Some(cashier), None, Some(clerk)] {
        assert_eq!(world.assign(&complaint, owner).expect("assigned").owner, owner);
    }
    world.answer(&complaint, true).expect("closed");
    assert_eq!(world.assign(&complaint, Some(cashier)).err(), Some(Refusal::ComplaintClosed));
}

#[test]
fn one_person_gives_back_no_more_than_one_may() {
    let limit = CabinetRules::default().correction_limit;
    let mut world = World::new();
    let order = world.bought(100_000, 10_000, &[("RICE", 2)]);
    let complaint = world.complain(&order).expect("filed");
    world.give_back(&complaint, limit.get() - 1).expect("given back");
    let left = Cents::new(1);
    assert_eq!(world.give_back(&complaint, 2).err(), Some(Refusal::ConcededTooMuch { left }));
    world.answer(&complaint, true).expect("closed");
    let another = world.complain(&order).expect("filed");
    assert_eq!(world.give_back(&another, 2).err(), Some(Refusal::ConcededTooMuch { left }));
}

#[test]
fn nobody_complains_about_anothers_order() {
    let mut world = World::new();
    let order = world.bought(10_000, 600, &[("COLA", 2)]);
    let stranger = world.member(0);
    let posing = CabinetOrder { member: stranger, ..order };
    assert_eq!(world.complain(&posing).err(), Some(Refusal::NotYours));
}
