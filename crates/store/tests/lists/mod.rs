//! Lists in every order that people can ask for, walked page by page while rows are added.

use std::cell::Cell;
use std::collections::BTreeSet;

use kernel::{
    Account, Cents, Change, Currency, Delivery, Exception, ExceptionAction, ExceptionKind, ExceptionState, Goods, Meal,
    MealOrder, Member, MemberId, OrderId, Owner, PayClient, PayWith, PoolId, Product, ProductId, Quantity, ShopOrder,
    ShopOrderState, Slot, Topup, TopupState,
};
use store::lists::{MOST_SORTED, Order, Page, Place, Placed, Sorting, Unlisted};
use store::queries::departments::{self, DepartmentSorting};
use store::queries::exceptions::{self, ExceptionSorting};
use store::queries::members::{self, MemberSorting};
use store::queries::order_search::{self, OrderSorting};
use store::queries::payments::{self, TopupFilter, TopupSorting};
use store::queries::shop::{self, Of, ProductSorting, ShopOrderSorting};
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
