//! Doors that are raced for through two servers on one PostgreSQL, and through all of one server's callers on SQLite: whoever asks, one
//! member has one door at a time, a cabinet serves one member, what was taken is one order, and what WeChat collects for it comes in once,
//! however many tell of it. The same races with the protections taken away show that they are what holds it.

#![cfg(test)]

mod common;

use common::{Home, books_are_right, number, settings, sign_up_all, start};
use futures_util::future::{join, join_all};
use kernel::{
    AdjustTickets, CabinetCommand, CabinetPay, Cents, Code, Command, CreateDevice, CreateProduct, CreateStore,
    DeviceId, MemberId, NoteDevice, NoteScore, OpenDoor, Outcome, PaymentSource, Refusal, ScoreSeen, SetPlanogram,
    SettleDoor, Settlement, Shelf, ShopCommand, StoreKind, StoreProperty, Taken,
};
use partner::signature::{PartnerKey, Request as Signed, sign};
use serde_json::json;
use service::{EventKind, Failure, Request, Service, Vendor};
use testing::postgres::fresh_database;
use testing::proxy::Proxy;

const ROUNDS: usize = 30;
const NO_LOCK: (&str, &str) = (" FOR UPDATE", "           ");
const NO_VERSION: (&str, &str) = ("t.version = v.version", "v.version = v.version");
const SECRET: &str = "a-secret-for-these-tests";
const WAITING: &str = "SELECT COUNT(*) FROM partner_events WHERE processed_at IS NULL";
const ORDERS: &str = "/api/v1/callbacks/cabinet/orders";

fn text<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    text.to_owned().try_into().expect("a text")
}

async fn house(service: &Service, command: Command) -> Outcome {
    service.run(Request::by_house(command)).await.expect("not refused")
}

/// Two servers, or two ways into the same one, and cabinets with something in them.
struct Street {
    one: Service,
    other: Service,
    devices: Vec<DeviceId>,
    members: Vec<MemberId>,
}

impl Street {
    async fn postgres(url: &str) -> Self {
        let (one, other) = join(open(url), open(url)).await;
        Self::furnish(one, other).await
    }

    async fn sqlite(url: &str) -> Self {
        let one = open(url).await;
        Self::furnish(one.clone(), one).await
    }

    async fn furnish(one: Service, other: Service) -> Self {
        let store = CreateStore {
            code: text("S1"),
            name: text("南山店"),
            kind: StoreKind::Arcade,
            property: StoreProperty::Own,
            address: text("南山路 1 号"),
            phone: text(""),
        };
        let store = house(&one, Command::Cabinet(CabinetCommand::CreateStore(store))).await;
        let Outcome::Store { store } = store else { panic!("{store:?}") };
        let product = CreateProduct {
            name_zh: text("可乐"),
            name_en: None,
            description: text(""),
            price: 300.try_into().expect("a price"),
            member_limit: None,
            on_sale: true,
            stock: 0,
        };
        let product = house(&one, Command::Shop(ShopCommand::CreateProduct(product))).await;
        let Outcome::Product(product) = product else { panic!("{product:?}") };
        let device = async |number: usize| {
            let code = text(&format!("D{number}"));
            let create = CreateDevice { code, name: text("柜"), store: store.id };
            let made = house(&one, Command::Cabinet(CabinetCommand::CreateDevice(create))).await;
            let Outcome::Device { device } = made else { panic!("{made:?}") };
            let price = 300.try_into().expect("a price");
            let shelf = Shelf { code: text("COLA"), product: product.product.id, price, stock: Some(1000) };
            let planogram = SetPlanogram { device: device.id, shelves: vec![shelf], seen: device.planogram_version };
            house(&one, Command::Cabinet(CabinetCommand::SetPlanogram(planogram))).await;
            let online = NoteDevice { device: device.id, is_online: true, at: one.now() };
            house(&one, Command::Cabinet(CabinetCommand::NoteDevice(online))).await;
            device.id
        };
        let devices = join_all((0..2 * ROUNDS).map(device)).await;
        let members = sign_up_all(&one, 2 * ROUNDS).await;
        join_all(members.iter().map(|&member| {
            let tickets = AdjustTickets { member, amount: 100_000, reason: text("活动") };
            house(&one, Command::Cabinet(CabinetCommand::AdjustTickets(tickets)))
        }))
        .await;
        Self { one, other, devices, members }
    }

    /// How many of two askers get a door, at most, in any round.
    async fn most_doors(&self, askers: impl Fn(usize) -> [(MemberId, DeviceId); 2]) -> usize {
        let mut most = 0;
        for round in 0..ROUNDS {
            let [first, second] = askers(round);
            let asked = join(ask(&self.one, first), ask(&self.other, second)).await;
            let doors = [asked.0, asked.1].into_iter().filter(is_open).count();
            assert!(doors >= 1, "somebody gets a door");
            most = most.max(doors);
        }
        most
    }

    async fn most_doors_of_a_member(&self) -> usize {
        self.most_doors(|round| [0, 1].map(|at| (self.members[round], self.devices[2 * round + at]))).await
    }

    async fn most_doors_of_a_cabinet(&self) -> usize {
        self.most_doors(|round| [0, 1].map(|at| (self.members[2 * round + at], self.devices[round]))).await
    }

    /// The same event at both, each message signed anew as a vendor does that was not answered in time.
    async fn one_event_is_one_order(&self) {
        for round in 0..ROUNDS {
            let (member, device) = (self.members[round], self.devices[round]);
            let Ok(Outcome::DoorSession { session }) = ask(&self.one, (member, device)).await else {
                panic!("no door")
            };
            let event = json!({
                "event_id": format!("E{round}"), "request_id": session.session_no, "device_code": format!("D{round}"),
                "order_no": format!("V{round}"), "amount_cents": 300, "items": [{"product_code": "COLA", "quantity": 1}],
            });
            let body = event.to_string().into_bytes();
            let told = [&self.one, &self.other, &self.one, &self.other].into_iter().enumerate();
            let told = told.map(|(at, service)| tell(service, &body, format!("nonce-{round:08}-{at:08}")));
            assert!(join_all(told).await.iter().all(Result::is_ok));
            // Whatever found the database busy is kept, and has its effect when it is taken up again.
            for again in 4..100 {
                if number(&self.one, WAITING).await == 0 {
                    break;
                }
                tell(&self.one, &body, format!("nonce-{round:08}-{again:08}")).await.expect("believed");
            }
        }
        let rounds = i64::try_from(ROUNDS).expect("small");
        assert_eq!(number(&self.one, "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'paid'").await, rounds);
        assert_eq!(number(&self.one, WAITING).await, 0);
        assert_eq!(number(&self.one, "SELECT COUNT(*) FROM exceptions").await, 0);
        assert_eq!(number(&self.one, "SELECT -balance FROM accounts WHERE account_id = 3").await, 100_000 * 2 * rounds);
    }

    /// How often WeChat's money comes in where two notifications and two looks tell of it at once, in all rounds.
    async fn payments_collected(&self) -> i64 {
        for round in 0..ROUNDS {
            let (member, device) = (self.members[round], self.devices[round]);
            let opened = ask_by(&self.one, (member, device), CabinetPay::Wechat).await;
            let Ok(Outcome::DoorSession { session }) = opened else { panic!("{opened:?}") };
            let note = async |service: &Service, saw: ScoreSeen| {
                let note = NoteScore { session: session.id, device, member, saw };
                service.run(Request::by_house(Command::Cabinet(CabinetCommand::NoteScore(note)))).await
            };
            note(&self.one, ScoreSeen::Running).await.expect("noted");
            let cola = Taken { code: "COLA".to_owned(), quantity: 1, price: None };
            let amount = Cents::new(300);
            let settlement = Settlement { vendor_order_no: format!("V{round}"), amount, goods: vec![cola] };
            let settle = SettleDoor { session: session.id, device, member, settlement };
            house(&self.one, Command::Cabinet(CabinetCommand::SettleDoor(settle))).await;
            note(&self.one, ScoreSeen::Collecting { total: amount }).await.expect("noted");
            let tell = |service, source| {
                let transaction_id = format!("T{round}");
                note(service, ScoreSeen::Paid { total: amount, transaction_id, paid_at: session.created_at, source })
            };
            let told = [
                tell(&self.one, PaymentSource::Callback),
                tell(&self.other, PaymentSource::Callback),
                tell(&self.one, PaymentSource::Compensation),
                tell(&self.other, PaymentSource::Compensation),
            ];
            for told in join_all(told).await {
                assert!(matches!(told, Ok(_) | Err(Failure::Contended)), "{told:?}");
            }
        }
        number(&self.one, "SELECT COUNT(*) FROM entries WHERE account_id = 6").await
    }

    async fn stop(self) {
        self.one.stop().await;
        self.other.stop().await;
    }
}

async fn open(url: &str) -> Service {
    let mut settings = settings();
    let vendor = Vendor::signed("vendor".to_owned(), SECRET, "http://127.0.0.1:9", "http://127.0.0.1:9");
    settings.vendor = Some(vendor.expect("a vendor"));
    settings.cabinet.score_most = Some(Cents::new(15_000));
    start(url, settings).await
}

async fn ask(service: &Service, whose: (MemberId, DeviceId)) -> Result<Outcome, Failure> {
    ask_by(service, whose, CabinetPay::Ticket).await
}

async fn ask_by(
    service: &Service,
    (member, device): (MemberId, DeviceId),
    pay: CabinetPay,
) -> Result<Outcome, Failure> {
    let open = OpenDoor { member, device, pay };
    service.run(Request::by_house(Command::Cabinet(CabinetCommand::OpenDoor(open)))).await
}

fn is_open(asked: &Result<Outcome, Failure>) -> bool {
    match asked {
        Ok(_) => true,
        Err(Failure::Refused(Refusal::DoorUnsettled)) => false,
        Err(Failure::Refused(refusal)) => {
            assert_eq!(refusal.code(), Code::DeviceBusy);
            false
        }
        Err(Failure::Contended) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn tell(service: &Service, body: &[u8], nonce: String) -> Result<(), service::EventRefused> {
    let key = PartnerKey::new(SECRET).expect("long enough");
    let request = Signed { method: "POST", path_and_query: ORDERS, body };
    let headers = sign(&key, "vendor", &request, service.now().as_millis() / 1000, &nonce).expect("signs");
    let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let sender = std::net::Ipv4Addr::LOCALHOST.into();
    let believed = service.believe_cabinet_event(EventKind::Orders, ORDERS, &header, body, sender).await?;
    service.take_cabinet_event(believed, EventKind::Orders, ORDERS, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_door_and_one_order_through_two_servers() {
    let database = fresh_database();
    let street = Street::postgres(database.url()).await;
    assert_eq!(street.most_doors_of_a_member().await, 1);
    books_are_right(&street.one).await;
    street.stop().await;

    let database = fresh_database();
    let street = Street::postgres(database.url()).await;
    assert_eq!(street.most_doors_of_a_cabinet().await, 1);
    street.stop().await;

    let database = fresh_database();
    let street = Street::postgres(database.url()).await;
    street.one_event_is_one_order().await;
    books_are_right(&street.one).await;
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_door_and_one_order_on_sqlite() {
    let home = Home::Sqlite(testing::TempDir::new());
    let street = Street::sqlite(&home.url()).await;
    assert_eq!(street.most_doors_of_a_member().await, 1);
    street.stop().await;

    let home = Home::Sqlite(testing::TempDir::new());
    let street = Street::sqlite(&home.url()).await;
    assert_eq!(street.most_doors_of_a_cabinet().await, 1);
    street.stop().await;

    let home = Home::Sqlite(testing::TempDir::new());
    let street = Street::sqlite(&home.url()).await;
    street.one_event_is_one_order().await;
    books_are_right(&street.one).await;
    street.stop().await;
}

/// Nothing else holds a member back: no row that both openings change is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_a_member_gets_two_doors() {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), &[NO_LOCK]);
    let street = Street::postgres(proxy.url()).await;
    assert_eq!(street.most_doors_of_a_member().await, 2, "the race never came to a collision, so it proves nothing");
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_through_two_servers_and_on_sqlite() {
    let rounds = i64::try_from(ROUNDS).expect("small");
    let (database, home) = (fresh_database(), Home::Sqlite(testing::TempDir::new()));
    let streets = [
        (Street::postgres(database.url()).await, database.url().to_owned()),
        (Street::sqlite(&home.url()).await, home.url()),
    ];
    for (street, url) in streets {
        assert_eq!(street.payments_collected().await, rounds);
        let are_paid = "SELECT COUNT(*) FROM cabinet_orders WHERE status = 'paid' AND pay = 'wechat'";
        assert_eq!(number(&street.one, are_paid).await, rounds);
        assert_eq!(number(&street.one, "SELECT COUNT(*) FROM exceptions").await, 0);
        books_are_right(&street.one).await;

        // As if something had gone back of which nobody knows.
        let mut outsider = store::Store::new(&url).expect("an address").writer().await.expect("a connection");
        outsider.begin().await.expect("begun");
        let sql = "UPDATE score_orders SET refunded_cents = 1 WHERE transaction_id = 'T0'";
        outsider.query(sql, &[]).await.expect("changed");
        outsider.commit().await.expect("committed");
        let found = street.one.check().await.expect("checked").checks.ledger;
        assert_eq!(found.count, 2, "against its orders and against its refunds: {found:#?}");
        street.stop().await;
    }
}

/// Who waits for the accounts has read the order before they were locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_versions_a_payment_is_collected_twice() {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), &[NO_VERSION]);
    let street = Street::postgres(proxy.url()).await;
    let collected = street.payments_collected().await;
    let rounds = i64::try_from(ROUNDS).expect("small");
    assert!(collected > rounds, "the race never came to a collision, so it proves nothing");
    assert!(!street.one.check().await.expect("checked").passes());
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_versions_a_cabinet_serves_two() {
    let database = fresh_database();
    let proxy = Proxy::rewriting(database.url(), &[NO_LOCK, NO_VERSION]);
    let street = Street::postgres(proxy.url()).await;
    assert_eq!(street.most_doors_of_a_cabinet().await, 2, "the race never came to a collision, so it proves nothing");
    street.stop().await;
}
