//! Lists in every order that people can ask for, walked page by page while rows are added.

use std::cell::Cell;
use std::collections::BTreeSet;

use kernel::{
    Account, CabinetPay, Cents, Change, Counts, Currency, Delivery, Device, DeviceId, DoorSession, DoorSessionId,
    DoorStatus, DrawSecret, Exception, ExceptionAction, ExceptionKind, ExceptionState, Goods, JobRun, Meal, MealOrder,
    Member, MemberId, OrderId, Owner, PayClient, PayWith, PoolId, Product, ProductId, Quantity, Round, RoundId,
    RoundState, RoundStatus, RunId, RunState, ShopOrder, ShopOrderState, Slot, StockMovement, StoreId, StoreKind,
    StoreProperty, Subscriber, Subscription, SubscriptionId, SubscriptionStatus, Topup, TopupState,
};
use store::lists::{MOST_SORTED, Order, Page, Place, Placed, Sorting, Unlisted};
use store::queries::cabinets::{self, DeviceSorting, OpeningFilter, OpeningSorting, StoreFilter, StoreSorting};
use store::queries::departments::{self, DepartmentSorting};
use store::queries::exceptions::{self, ExceptionSorting};
use store::queries::jobs::{self, RunSorting};
use store::queries::members::{self, MemberSorting};
use store::queries::order_search::{self, OrderSorting};
use store::queries::payments::{self, TopupFilter, TopupSorting};
use store::queries::shop::{self, MovementSorting, Of, ProductSorting, RoundSorting, ShopOrderSorting};
use store::queries::subscriptions::{self, SubscriptionSorting};
use store::queries::topups::{self, BillSorting};
use store::{Store, Value, Writer};

use crate::common::{Home, at, execute, insert, meal, member, order, pool};

/// Few enough that most pages end among rows of the same value.
const LIMIT: i64 = 4;

fn places<T>(found: Result<Vec<Placed<T>>, Unlisted>) -> Vec<Place> {
    found.expect("listed").into_iter().map(|placed| placed.place).collect()
}

fn ids(found: &[Place]) -> BTreeSet<i64> {
    found.iter().map(|place| place.id).collect()
}

/// What databases compare, as they do.
fn key(place: &Place) -> (i64, String, i64) {
    match &place.value {
        Value::Int(value) => (*value, String::new(), place.id),
        Value::Text(text) => (0, text.clone().into_owned(), place.id),
        other => panic!("nothing is sorted by {other:?}"),
    }
}

async fn walk<S: Sorting>(find: impl AsyncFn(Page) -> Vec<Place>, mut add: impl AsyncFnMut()) {
    for order in Order::all::<S>() {
        let word = order.word::<S>();
        let all = || Page { order, after: None, limit: 10_000 };
        let there = ids(&find(all()).await);
        assert!(there.len() >= 20, "{word}: only {} rows", there.len());
        let mut seen = Vec::new();
        let mut page = Page { limit: LIMIT, ..all() };
        loop {
            let found = find(page.clone()).await;
            page.after = found.last().cloned();
            let is_last = found.len() < usize::try_from(LIMIT).expect("small");
            seen.extend(found);
            if is_last {
                break;
            }
            // Not with every page, or each walk would leave half as many again to the next.
            if seen.len() <= 5 * usize::try_from(LIMIT).expect("small") {
                add().await;
            }
        }
        assert_eq!(ids(&seen).len(), seen.len(), "{word}: no row comes twice");
        assert!(there.is_subset(&ids(&seen)), "{word}: no row is left out");
        let steps = seen.windows(2).map(|pair| (key(&pair[0]), key(&pair[1])));
        let wrong: Vec<_> =
            steps.filter(|(one, next)| if word.starts_with('-') { one <= next } else { one >= next }).collect();
        assert!(wrong.is_empty(), "{word}: {wrong:?}");
        assert_eq!(Order::named::<S>(&word), Some(order));
    }
}

/// Ids that go up and down: rows are added before, among and after those that were shown.
fn scattered(next: &Cell<i64>) -> i64 {
    let at = next.replace(next.get() + 1);
    // Small ids are the house's own accounts.
    (at * 7919) % 10_007 + 1_000
}

async fn people(writer: &mut Writer, ids: impl Iterator<Item = i64>) {
    let mut changes = Vec::new();
    for id in ids {
        let who = Owner::Member(MemberId::new(id));
        changes.push(Change::Member(Member { nickname: format!("王{}", id % 3), ..member(id) }));
        // A third of them have never had an account.
        if id % 3 != 0 {
            let balance = Cents::new(id % 5 - 2);
            changes.push(Change::Account(Account { balance, entries: 1, ..Account::open(who, Currency::Cny) }));
        }
    }
    insert(writer, changes).await;
}

pub(crate) async fn members_are_walked_in_every_order(home: &Home) {
    let mut writer = home.migrated().await;
    let (store, next) = (home.store(), Cell::new(0));
    people(&mut writer, (0..25).map(|_| scattered(&next))).await;
    let filter = members::Filter::default();
    let find = async |page: Page| places(members::list(&store, &filter, &page).await);
    walk::<MemberSorting>(find, async || people(&mut writer, std::iter::once(scattered(&next))).await).await;
}

fn exception(id: i64) -> Change {
    Change::Exception(Exception {
        id,
        kind: ExceptionKind::NotInBill,
        subject: format!("subject {id}"),
        evidence: "{}".to_owned(),
        proposed: ExceptionAction::Dismiss,
        state: ExceptionState::Open,
        owner: None,
        due_at: at(id % 4),
        created_at: at(5),
        updated_at: at(6),
    })
}

fn topup(id: i64) -> Change {
    Change::Topup(Topup {
        id: OrderId::new(id),
        order_no: format!("RECH{id}"),
        member: MemberId::new(id % 2 + 1),
        amount: Cents::new(1000 + id % 3),
        client: PayClient::Native,
        state: TopupState::Pending,
        pays_for: None,
        expires_at: at(50),
        next_check_at: at(100),
        checks: 0,
        created_at: at(1),
        updated_at: at(2),
    })
}

fn shop_order(id: i64) -> Change {
    Change::ShopOrder(ShopOrder {
        id: OrderId::new(id),
        order_no: format!("SHOP{id}"),
        member: MemberId::new(1),
        goods: Goods::Pieces { product: ProductId::new(1) },
        quantity: (id % 3 + 1).try_into().expect("a quantity"),
        piece_price: Cents::new(1),
        share_price: Cents::ZERO,
        total: Cents::new(id % 4),
        pay_with: PayWith::Balance,
        delivery: Delivery::PickUp,
        notes: String::new().try_into().expect("notes"),
        share_numbers: Vec::new(),
        state: ShopOrderState::Unpaid { expires_at: at(90) },
        created_at: at(17),
        updated_at: at(18),
    })
}

fn product(id: i64) -> Vec<Change> {
    let product = Product {
        id: ProductId::new(id),
        name_zh: format!("大米 {}", id % 3).try_into().expect("a name"),
        name_en: None,
        description: String::new().try_into().expect("a note"),
        price: Cents::new(id % 4),
        member_limit: None,
        on_sale: id % 2 == 0,
        pictures: Vec::new(),
        movements: 0,
        rounds: 0,
        created_at: at(1),
        updated_at: at(id % 5),
    };
    vec![Change::Product(product), Change::Pool(pool(id, 9, 0))]
}

pub(crate) async fn other_lists_are_walked_in_every_order(home: &Home) {
    let mut writer = home.migrated().await;
    let (store, next) = (home.store(), Cell::new(0));
    insert(&mut writer, [1, 2].map(|id| Change::Member(member(id))).to_vec()).await;

    insert(&mut writer, (0..25).map(|_| exception(scattered(&next))).collect()).await;
    let find = async |page: Page| places(exceptions::list(&store, true, None, &page).await);
    walk::<ExceptionSorting>(find, async || insert(&mut writer, vec![exception(scattered(&next))]).await).await;

    for member in [None, Some(MemberId::new(1))] {
        let filter = TopupFilter { member, ..TopupFilter::default() };
        let find = async |page: Page| places(payments::topups(&store, &filter, &page).await);
        insert(&mut writer, (0..25).map(|_| topup(scattered(&next))).collect()).await;
        walk::<TopupSorting>(find, async || insert(&mut writer, vec![topup(scattered(&next))]).await).await;
    }

    insert(&mut writer, (0..25).map(|_| shop_order(scattered(&next))).collect()).await;
    for of in [Of::All, Of::Member(MemberId::new(1)), Of::Product(ProductId::new(1))] {
        let find = async |page: Page| places(shop::orders(&store, of, None, None, &page).await);
        walk::<ShopOrderSorting>(find, async || insert(&mut writer, vec![shop_order(scattered(&next))]).await).await;
    }

    insert(&mut writer, (0..25).flat_map(|_| product(scattered(&next))).collect()).await;
    let find = async |page: Page| places(shop::all_products(&store, &page, at(1)).await);
    walk::<ProductSorting>(find, async || insert(&mut writer, product(scattered(&next))).await).await;
}

fn store(id: i64) -> Change {
    Change::Store(kernel::Store {
        id: StoreId::new(id),
        code: format!("S{id}").try_into().expect("a code"),
        name: format!("店 {}", id % 3).try_into().expect("a name"),
        kind: StoreKind::Sports,
        property: StoreProperty::Own,
        address: String::new().try_into().expect("a note"),
        phone: String::new().try_into().expect("a note"),
        created_at: at(1),
        updated_at: at(id % 4),
    })
}

fn device(id: i64, of: i64) -> Change {
    Change::Device(Device {
        id: DeviceId::new(id),
        code: format!("D{id}").try_into().expect("a code"),
        name: format!("柜 {}", id % 3).try_into().expect("a name"),
        store: StoreId::new(of),
        is_online: false,
        heard_at: (id % 3 != 0).then(|| at(id % 4)),
        planogram: Vec::new(),
        planogram_version: 1,
        session: None,
        created_at: at(1),
        updated_at: at(1),
    })
}

fn opening(id: i64) -> Change {
    Change::DoorSession(DoorSession {
        id: DoorSessionId::new(id),
        session_no: format!("DOOR{id}"),
        member: MemberId::new(id % 2 + 1),
        device: DeviceId::new(2),
        pay: CabinetPay::Ticket,
        status: DoorStatus::Released,
        failure: None,
        opened_at: (id % 3 != 0).then(|| at(id % 4)),
        closed_at: (id % 4 != 0).then(|| at(id % 5)),
        settlement: None,
        due_at: None,
        created_at: at(id % 2),
        updated_at: at(1),
    })
}

pub(crate) async fn lists_of_cabinets_are_walked_in_every_order(home: &Home) {
    let mut writer = home.migrated().await;
    let (list, next) = (home.store(), Cell::new(0));
    insert(&mut writer, (0..25).map(|_| store(scattered(&next))).chain([store(1)]).collect()).await;
    let filter = StoreFilter { query: "店".to_owned(), ..StoreFilter::default() };
    let find = async |page: Page| places(cabinets::stores(&list, &filter, &page).await);
    walk::<StoreSorting>(find, async || insert(&mut writer, vec![store(scattered(&next))]).await).await;
    insert(&mut writer, vec![device(2, 1)]).await;
    for (store, part) in [(None, "柜"), (Some(StoreId::new(1)), "")] {
        insert(&mut writer, (0..25).map(|_| device(scattered(&next), 1)).collect()).await;
        let find = async |page: Page| places(cabinets::devices(&list, store, part, &page).await);
        walk::<DeviceSorting>(find, async || insert(&mut writer, vec![device(scattered(&next), 1)]).await).await;
    }
    insert(&mut writer, (0..60).map(|_| opening(scattered(&next))).collect()).await;
    let any = || OpeningFilter { member: None, status: None, from: None, to: None, ids: (0, i64::MAX) };
    let (member, status, device) = (Some(MemberId::new(1)), Some(DoorStatus::Released), Some(DeviceId::new(2)));
    for (of, filter) in [
        (None, any()),
        (None, OpeningFilter { from: Some(at(1)), to: Some(at(2)), ..any() }),
        (None, OpeningFilter { status, ..any() }),
        (None, OpeningFilter { member, ..any() }),
        (device, OpeningFilter { member, status, ..any() }),
    ] {
        let find = async |page: Page| places(cabinets::openings(&list, of, &filter, &page).await);
        walk::<OpeningSorting>(find, async || insert(&mut writer, vec![opening(scattered(&next))]).await).await;
    }
}

fn round(id: i64) -> Vec<Change> {
    let round = Round {
        id: RoundId::new(id),
        product: ProductId::new(1),
        number: id,
        share_price: Cents::new(id % 3),
        member_limit: None,
        opens_at: at(id % 4),
        closes_at: at(id % 5),
        prize: OrderId::new(id),
        secret: DrawSecret([7; 32]),
        commitment: "c".to_owned(),
        next_number: 1,
        free_numbers: BTreeSet::new(),
        state: RoundState::Open,
        created_at: at(1),
        updated_at: at(1),
    };
    vec![Change::Round(round), Change::Pool(pool(id, id % 7 + 9, 0))]
}

fn movement(number: i64) -> Change {
    Change::StockMovement(StockMovement {
        product: ProductId::new(1),
        number,
        delta: number % 3 + 1,
        reason: "盘点".to_owned().try_into().expect("a reason"),
        moved_by: None,
        moved_at: at(1),
        total_after: number % 4,
    })
}

fn run(id: i64) -> Change {
    let counts = Counts::new();
    Change::JobRun(JobRun {
        id: RunId::new(id),
        job: "test".to_owned(),
        node: 1,
        claim: 1,
        triggered_by: None,
        started_at: at(1),
        state: match id % 3 {
            0 => RunState::Running { lease_until: at(9) },
            length => RunState::Succeeded { ended_at: at(length), counts },
        },
    })
}

fn subscription(id: i64) -> Change {
    let day = |day: i64| format!("2030-01-0{}", day + 1).parse().expect("a date");
    Change::Subscription(Subscription {
        id: SubscriptionId::new(id),
        owner: Subscriber::Member(MemberId::new(1)),
        members: vec![MemberId::new(1)],
        slot: Slot::Lunch,
        weekdays: vec![1].try_into().expect("days"),
        first_date: day(id % 3),
        last_date: (id % 4 != 0).then(|| day(id % 4 + 3)),
        notes: String::new().try_into().expect("a note"),
        pickup_window: None,
        status: SubscriptionStatus::Paused,
        created_by: None,
        created_at: at(1),
        updated_at: at(id % 5),
    })
}

pub(crate) async fn lists_of_a_house_are_walked_in_every_order(home: &Home) {
    let mut writer = home.migrated().await;
    let (list, next) = (home.store(), Cell::new(0));
    let open = Some(RoundStatus::Open);
    for (status, product) in [(None, None), (open, Some(ProductId::new(1)))] {
        insert(&mut writer, (0..25).flat_map(|_| round(scattered(&next))).collect()).await;
        let find = async |page: Page| places(shop::rounds(&list, status, product, &page, at(1)).await);
        walk::<RoundSorting>(find, async || insert(&mut writer, round(scattered(&next))).await).await;
    }
    insert(&mut writer, (0..25).map(|_| movement(scattered(&next))).collect()).await;
    let find = async |page: Page| places(shop::movements(&list, ProductId::new(1), &page).await);
    walk::<MovementSorting>(find, async || insert(&mut writer, vec![movement(scattered(&next))]).await).await;
    insert(&mut writer, (0..25).map(|_| run(scattered(&next))).collect()).await;
    let find = async |page: Page| places(jobs::list(&list, "test", &page).await);
    walk::<RunSorting>(find, async || insert(&mut writer, vec![run(scattered(&next))]).await).await;
    insert(&mut writer, (0..25).map(|_| subscription(scattered(&next))).collect()).await;
    let owner = Subscriber::Member(MemberId::new(1));
    let find = async |page: Page| places(subscriptions::of_owner(&list, owner, &page).await);
    walk::<SubscriptionSorting>(find, async || insert(&mut writer, vec![subscription(scattered(&next))]).await).await;
    let keep = async |writer: &mut Writer| {
        let id = scattered(&next);
        // No two of them are the same.
        let date = format!("{}-{:02}-{:02}", 2030 + id / 336, id / 28 % 12 + 1, id % 28 + 1);
        writer.keep_bill(&date, "da39", b"bill", 70 + id % 3, [id % 4; 6]).await.expect("kept");
    };
    for _ in 0..25 {
        keep(&mut writer).await;
    }
    let find = async |page: Page| places(topups::listed_bills(&list, "9999", &page).await);
    walk::<BillSorting>(find, async || keep(&mut writer).await).await;
}

async fn place(writer: &mut Writer, orders: impl Iterator<Item = i64>) {
    let of_day = |id: i64| MealOrder {
        total: Cents::new(id % 3),
        quantity: Quantity::try_from(id % 2 + 1).expect("a quantity"),
        updated_at: at(id % 4),
        ..order(id, id, id % 2 + 1)
    };
    let changes = orders.flat_map(|id| [Change::Member(member(id)), Change::Order(of_day(id))]);
    insert(writer, changes.collect()).await;
}

pub(crate) async fn orders_are_walked_in_every_order(home: &Home) {
    let mut writer = home.migrated().await;
    let (store, next): (Store, _) = (home.store(), Cell::new(0));
    let day = |id: i64, date: &str| -> Meal { meal(id, date, Slot::Lunch) };
    let meals = [day(1, "2030-01-01"), day(2, "2030-01-02")].map(Change::Meal);
    let pools = [1, 2].map(|id| Change::Pool(kernel::Pool { id: PoolId::new(id), ..pool(id, 900, 0) }));
    insert(&mut writer, meals.into_iter().chain(pools).collect()).await;
    place(&mut writer, (0..25).map(|_| scattered(&next))).await;
    // All of them, and those of the members that a name leads to.
    for query in [None, Some("小明".to_owned())] {
        let filter = order_search::Filter { query, ..order_search::Filter::default() };
        let find = async |page: Page| places(order_search::list(&store, &filter, &page).await);
        walk::<OrderSorting>(find, async || place(&mut writer, std::iter::once(scattered(&next))).await).await;
    }
}

/// Ids have an index to be read along; anything else would be sorted for each page, so there is an end to it.
pub(crate) async fn what_is_too_much_to_sort_is_refused(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    let add = async |writer: &mut Writer, from: i64, to: i64| {
        let sql = "INSERT INTO departments (department_id, code, name, pays, created_at, version) \
                   WITH RECURSIVE numbers (number) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < CAST($2 AS BIGINT)) \
                   SELECT number, 'D' || number, 'of ' || (number % 7), 'member', 0, 1 FROM numbers";
        execute(writer, sql, &[from.into(), to.into()]).await.expect("added");
    };
    add(&mut writer, 1, MOST_SORTED).await;
    let ask = async |word: &str, part: &str, after: Option<Place>| {
        let order = Order::named::<DepartmentSorting>(word).expect("an order");
        departments::list(&store, part, &Page { order, after, limit: 3 }).await
    };
    let first = places(ask("name", "", None).await);
    add(&mut writer, MOST_SORTED + 1, MOST_SORTED + 1).await;
    assert!(matches!(ask("name", "", None).await, Err(Unlisted::TooMany)));
    assert_eq!(places(ask("name", "", first.last().cloned()).await).len(), 3, "who has the first page gets the others");
    assert_eq!(places(ask("name", "of 3", None).await).len(), 3, "fewer are sorted");
    assert_eq!(places(ask("-created_at", "", None).await)[0].id, MOST_SORTED + 1, "ids are not");
}
