//! Products, rounds and their orders.

use std::collections::HashSet;

use kernel::{
    Goods, Instant, MemberId, OrderId, Picture, Pool, Product, ProductId, Reason, Round, RoundId, RoundStatus,
    ShareOwner, ShopOrder, ShopStatus, StockMovement, StuckOrder,
};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::{self, FromRow};
use crate::{Cells, Error, Row, Store, Value};

/// A product or a round, its pool, and how much of what is taken there is past its deadline.
pub struct Offered<T> {
    pub what: T,
    pub pool: Pool,
    pub lapsed: i64,
}

impl<T> Offered<T> {
    /// What can be bought now.
    #[must_use]
    pub fn left(&self) -> i64 {
        (self.pool.capacity - self.pool.taken + self.lapsed).max(0)
    }
}

const PRODUCT: &str = "SELECT t.product_id, t.name_zh, t.name_en, t.description, t.price_cents, t.member_limit, t.on_sale, \
     t.pictures, t.movements, t.rounds, t.created_at, t.updated_at, p.pool_id, p.capacity, p.taken, p.issued, \
     (SELECT CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM holds AS h WHERE h.pool_id = t.product_id \
     AND h.state = 'held' AND h.expires_at IS NOT NULL AND h.expires_at <= $2) \
     FROM products AS t JOIN pools AS p ON p.pool_id = t.product_id WHERE t.product_id = $1";
const PRODUCTS: &str = "SELECT t.product_id, t.name_zh, t.name_en, t.description, t.price_cents, t.member_limit, t.on_sale, \
     t.pictures, t.movements, t.rounds, t.created_at, t.updated_at, p.pool_id, p.capacity, p.taken, p.issued, \
     (SELECT CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM holds AS h WHERE h.pool_id = t.product_id \
     AND h.state = 'held' AND h.expires_at IS NOT NULL AND h.expires_at <= $1) \
     FROM products AS t JOIN pools AS p ON p.pool_id = t.product_id \
     WHERE (t.on_sale = 1 OR $2 = 'all') ORDER BY t.product_id DESC LIMIT $3 OFFSET $4";
const LISTED_PRODUCTS: &str = "SELECT {place}, t.product_id, t.name_zh, t.name_en, t.description, t.price_cents, t.member_limit, t.on_sale, \
     t.pictures, t.movements, t.rounds, t.created_at, t.updated_at, p.pool_id, p.capacity, p.taken, p.issued, \
     (SELECT CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM holds AS h WHERE h.pool_id = t.product_id \
     AND h.state = 'held' AND h.expires_at IS NOT NULL AND h.expires_at <= $1) \
     FROM products AS t JOIN pools AS p ON p.pool_id = t.product_id \
     WHERE {after}";
const COUNT_PRODUCTS: &str = "SELECT COUNT(*) FROM products AS t WHERE t.on_sale = 1 OR $1 = 'all'";
const LISTED_MOVEMENTS: &str = "SELECT {place}, product_id, number, delta, reason, moved_by, moved_at, total_after FROM stock_movements \
     WHERE {after} AND product_id = $1";
const ROUND: &str = "SELECT t.round_id, t.product_id, t.number, t.share_price_cents, t.member_limit, t.opens_at, t.closes_at, \
     t.prize_order_id, t.secret, t.commitment, t.next_number, t.free_numbers, t.status, t.ended_at, t.winning_number, \
     t.winning_order_id, t.winner_id, t.created_at, t.updated_at, p.pool_id, p.capacity, p.taken, p.issued, \
     (SELECT CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM holds AS h WHERE h.pool_id = t.round_id \
     AND h.state = 'held' AND h.expires_at IS NOT NULL AND h.expires_at <= $2) \
     FROM rounds AS t JOIN pools AS p ON p.pool_id = t.round_id WHERE t.round_id = $1";
const LISTED_ROUNDS: &str = "SELECT {place}, t.round_id, t.product_id, t.number, t.share_price_cents, t.member_limit, t.opens_at, t.closes_at, \
     t.prize_order_id, t.secret, t.commitment, t.next_number, t.free_numbers, t.status, t.ended_at, t.winning_number, \
     t.winning_order_id, t.winner_id, t.created_at, t.updated_at, p.pool_id, p.capacity, p.taken, p.issued, \
     (SELECT CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM holds AS h WHERE h.pool_id = t.round_id \
     AND h.state = 'held' AND h.expires_at IS NOT NULL AND h.expires_at <= $1) \
     FROM rounds AS t JOIN pools AS p ON p.pool_id = t.round_id \
     WHERE {after} AND (t.status = $2 OR $2 = 'any') AND (t.product_id = $3 OR $3 = 0)";
const SHOWN_PICTURES: &str = "SELECT pictures FROM products WHERE pictures <> '[]' \
     UNION ALL SELECT pictures FROM complaints WHERE pictures <> '[]'";
const UNFINISHED: &str = "SELECT round_id, product_id, status FROM rounds \
     WHERE status IN ('open', 'sold_out') AND (status = 'sold_out' OR closes_at <= $1) ORDER BY closes_at, round_id LIMIT $2";
const GOODS: &str = "SELECT kind, product_id, round_id, order_no FROM shop_orders WHERE order_id = $1";
const ORDER: &str = "SELECT order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE order_id = $1";
const OF_MEMBER: &str = "SELECT order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE member_id = $1 AND (status = $2 OR $2 = 'any') \
     ORDER BY order_id DESC LIMIT $3 OFFSET $4";
const COUNT_OF_MEMBER: &str = "SELECT COUNT(*) FROM shop_orders WHERE member_id = $1 AND (status = $2 OR $2 = 'any')";
const LISTED: &str = "SELECT {place}, order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE {after} AND (status = $1 OR $1 = 'any') \
     AND (fulfilment = $2 OR $2 = 'any')";
const LISTED_OF_MEMBER: &str = "SELECT {place}, order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE {after} AND (status = $1 OR $1 = 'any') \
     AND (fulfilment = $2 OR $2 = 'any') AND member_id = $3";
const LISTED_OF_PRODUCT: &str = "SELECT {place}, order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE {after} AND (status = $1 OR $1 = 'any') \
     AND (fulfilment = $2 OR $2 = 'any') AND product_id = $3";
const LISTED_OF_ROUND: &str = "SELECT {place}, order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
     share_price_cents, total_cents, pay_with, address_sealed, notes, share_numbers, status, fulfilment, expires_at, paid_at, \
     ended_at, created_at, updated_at FROM shop_orders WHERE {after} AND (status = $1 OR $1 = 'any') \
     AND (fulfilment = $2 OR $2 = 'any') AND round_id = $3";
const SHARES: &str = "SELECT order_no, share_numbers FROM shop_orders WHERE round_id = $1 AND share_numbers <> '[]'";
// One that is stuck waits for its time, one that is parked for a person, one that may have been paid for what WeChat says.
const EXPIRED: &str = "SELECT o.expires_at, o.order_id, o.kind, o.product_id, o.round_id FROM shop_orders AS o \
     LEFT JOIN stuck_orders AS s ON s.order_id = o.order_id \
     WHERE o.status = 'pending' AND o.expires_at <= $1 AND (o.expires_at, o.order_id) > ($2, $3) \
     AND (s.order_id IS NULL OR s.retry_at <= $1) \
     AND NOT EXISTS (SELECT 1 FROM topups AS t WHERE t.pays_for = o.order_id AND t.status = 'pending') \
     ORDER BY o.expires_at, o.order_id LIMIT $4";
const PARKED: &str = "SELECT COUNT(*) FROM stuck_orders AS s JOIN shop_orders AS o ON o.order_id = s.order_id \
     WHERE s.retry_at IS NULL AND o.status = 'pending'";

const STUCK: &str = "SELECT s.order_id, s.attempts, s.retry_at, s.last_error, o.order_no, o.expires_at FROM stuck_orders AS s \
     JOIN shop_orders AS o ON o.order_id = s.order_id WHERE o.status = 'pending' AND s.order_id < $1 \
     ORDER BY s.order_id DESC LIMIT $2";
const STUCK_ONE: &str = "SELECT order_id, attempts, retry_at, last_error FROM stuck_orders WHERE order_id = $1";

/// How lists of all products are sorted.
pub enum ProductSorting {}

impl Sorting for ProductSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_text("name_zh", "t.name_zh"),
        Way::by_number("price_cents", "t.price_cents"),
        Way::by_number("updated_at", "t.updated_at"),
    ];
}

/// How a product's stock movements are sorted.
pub enum MovementSorting {}

impl Sorting for MovementSorting {
    const WAYS: &'static [Way] =
        &[Way::by_id("moved_at"), Way::by_number("delta", "delta"), Way::by_number("total_after", "total_after")];
}

/// How lists of rounds are sorted.
pub enum RoundSorting {}

impl Sorting for RoundSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("share_price_cents", "t.share_price_cents"),
        Way::by_number("total_shares", "p.capacity"),
        Way::by_number("opens_at", "t.opens_at"),
        Way::by_number("closes_at", "t.closes_at"),
    ];
}

/// How lists of everybody's orders are sorted.
pub enum ShopOrderSorting {}

impl Sorting for ShopOrderSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("total_price_cents", "total_cents"),
        Way::by_number("quantity", "quantity"),
        // What was never paid comes before what was.
        Way::by_number("paid_at", "COALESCE(paid_at, 0)"),
    ];
}

lists! {
    ALL_PRODUCTS = ListStatement::new::<ProductSorting>("t.product_id", 1, LISTED_PRODUCTS);
    MOVEMENTS = ListStatement::new::<MovementSorting>("number", 1, LISTED_MOVEMENTS);
    ROUNDS = ListStatement::new::<RoundSorting>("t.round_id", 3, LISTED_ROUNDS);
    ALL = ListStatement::new::<ShopOrderSorting>("order_id", 2, LISTED);
    OF_ONE_MEMBER = ListStatement::new::<ShopOrderSorting>("order_id", 3, LISTED_OF_MEMBER);
    OF_PRODUCT = ListStatement::new::<ShopOrderSorting>("order_id", 3, LISTED_OF_PRODUCT);
    OF_ROUND = ListStatement::new::<ShopOrderSorting>("order_id", 3, LISTED_OF_ROUND);
}

/// Whether a list of products shows those that are off sale as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffSale {
    Shown,
    Hidden,
}

impl OffSale {
    fn word(self) -> &'static str {
        match self {
            Self::Shown => "all",
            Self::Hidden => "on_sale",
        }
    }
}

fn offered<T: FromRow>(row: Row) -> Result<Offered<T>, Error> {
    offered_in(&mut row.cells())
}

fn offered_in<T: FromRow>(cells: &mut Cells) -> Result<Offered<T>, Error> {
    Ok(Offered { what: T::from_cells(cells)?, pool: Pool::from_cells(cells)?, lapsed: cells.int()? })
}

pub async fn product(store: &Store, id: ProductId, now: Instant) -> Result<Option<Offered<Product>>, Error> {
    let rows = store.query(PRODUCT, vec![id.get().into(), now.as_millis().into()]).await?;
    rows.into_iter().next().map(offered).transpose()
}

/// All products, on sale and off.
pub async fn all_products(store: &Store, page: &Page, now: Instant) -> Result<Vec<Placed<Offered<Product>>>, Unlisted> {
    ALL_PRODUCTS.page(store, vec![now.as_millis().into()], page, offered_in).await
}

/// Newest first.
pub async fn products(
    store: &Store,
    off_sale: OffSale,
    limit: i64,
    offset: i64,
    now: Instant,
) -> Result<Vec<Offered<Product>>, Error> {
    let parameters = vec![now.as_millis().into(), off_sale.word().into(), limit.into(), offset.into()];
    store.query(PRODUCTS, parameters).await?.into_iter().map(offered).collect()
}

pub async fn count_products(store: &Store, off_sale: OffSale) -> Result<i64, Error> {
    super::number(store.query(COUNT_PRODUCTS, vec![off_sale.word().into()]).await?)
}

/// A product's stock movements.
pub async fn movements(store: &Store, product: ProductId, page: &Page) -> Result<Vec<Placed<StockMovement>>, Unlisted> {
    let movement = |cells: &mut Cells| {
        Ok(StockMovement {
            product: ProductId::new(cells.int()?),
            number: cells.int()?,
            delta: cells.int()?,
            reason: cells.checked::<Reason>("reason")?,
            moved_by: cells.opt_int()?.map(MemberId::new),
            moved_at: Instant::from_millis(cells.int()?),
            total_after: cells.int()?,
        })
    };
    MOVEMENTS.page(store, vec![product.get().into()], page, movement).await
}

/// The hashes of the pictures that products and complaints have.
pub async fn shown_pictures(store: &Store) -> Result<HashSet<String>, Error> {
    let mut shown = HashSet::new();
    for row in store.query(SHOWN_PICTURES, Vec::new()).await? {
        let pictures: Vec<Picture> = row.cells().json("pictures")?;
        shown.extend(pictures.into_iter().map(|picture| picture.hash));
    }
    Ok(shown)
}

pub async fn round(store: &Store, id: RoundId, now: Instant) -> Result<Option<Offered<Round>>, Error> {
    let rows = store.query(ROUND, vec![id.get().into(), now.as_millis().into()]).await?;
    rows.into_iter().next().map(offered).transpose()
}

pub async fn rounds(
    store: &Store,
    status: Option<RoundStatus>,
    product: Option<ProductId>,
    page: &Page,
    now: Instant,
) -> Result<Vec<Placed<Offered<Round>>>, Unlisted> {
    let parameters = vec![
        now.as_millis().into(),
        status.map_or("any", RoundStatus::as_str).into(),
        product.map_or(0, ProductId::get).into(),
    ];
    ROUNDS.page(store, parameters, page, offered_in).await
}

/// The rounds that are to be drawn or closed now.
pub async fn unfinished_rounds(
    store: &Store,
    now: Instant,
    limit: i64,
) -> Result<Vec<(RoundId, ProductId, RoundStatus)>, Error> {
    let round = |row: Row| {
        let mut cells = row.cells();
        Ok((RoundId::new(cells.int()?), ProductId::new(cells.int()?), cells.word("round status")?))
    };
    let rows = store.query(UNFINISHED, vec![now.as_millis().into(), limit.into()]).await?;
    rows.into_iter().map(round).collect()
}

/// What an order is for, which never changes, and its number.
pub async fn goods(store: &Store, id: OrderId) -> Result<Option<(Goods, String)>, Error> {
    let rows = store.query(GOODS, vec![id.get().into()]).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((rows::goods(&mut cells)?, cells.text()?))
    };
    rows.into_iter().next().map(row).transpose()
}

fn order(row: Row) -> Result<ShopOrder, Error> {
    ShopOrder::from_cells(&mut row.cells())
}

pub async fn one(store: &Store, id: OrderId) -> Result<Option<ShopOrder>, Error> {
    store.query(ORDER, vec![id.get().into()]).await?.into_iter().next().map(order).transpose()
}

/// A member's orders, newest first.
pub async fn of_member(
    store: &Store,
    member: MemberId,
    status: Option<ShopStatus>,
    limit: i64,
    offset: i64,
) -> Result<Vec<ShopOrder>, Error> {
    let status = status.map_or("any", ShopStatus::as_str);
    let parameters = vec![member.get().into(), status.into(), limit.into(), offset.into()];
    store.query(OF_MEMBER, parameters).await?.into_iter().map(order).collect()
}

pub async fn count_of_member(store: &Store, member: MemberId, status: Option<ShopStatus>) -> Result<i64, Error> {
    let status = status.map_or("any", ShopStatus::as_str);
    super::number(store.query(COUNT_OF_MEMBER, vec![member.get().into(), status.into()]).await?)
}

/// Whose orders, or of what, a list shows.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    All,
    Member(MemberId),
    Product(ProductId),
    Round(RoundId),
}

pub async fn orders(
    store: &Store,
    of: Of,
    status: Option<ShopStatus>,
    fulfilment: Option<kernel::Fulfilment>,
    page: &Page,
) -> Result<Vec<Placed<ShopOrder>>, Unlisted> {
    let mut parameters: Vec<Value<'static>> = vec![
        status.map_or("any", ShopStatus::as_str).into(),
        fulfilment.map_or("any", kernel::Fulfilment::as_str).into(),
    ];
    let (list, id) = match of {
        Of::All => (&ALL, None),
        Of::Member(id) => (&OF_ONE_MEMBER, Some(id.get())),
        Of::Product(id) => (&OF_PRODUCT, Some(id.get())),
        Of::Round(id) => (&OF_ROUND, Some(id.get())),
    };
    parameters.extend(id.map(Value::Int));
    list.page(store, parameters, page, ShopOrder::from_cells).await
}

/// A round's shares that are sold, by their numbers.
pub async fn shares(store: &Store, round: RoundId) -> Result<Vec<ShareOwner>, Error> {
    let mut shares = Vec::new();
    for row in store.query(SHARES, vec![round.get().into()]).await? {
        let mut cells = row.cells();
        let order_no = cells.text()?;
        let numbers: Vec<i64> = cells.json("share numbers")?;
        shares.extend(numbers.into_iter().map(|number| ShareOwner { number, order_no: order_no.clone() }));
    }
    shares.sort_unstable();
    Ok(shares)
}

/// An unpaid order whose deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredOrder {
    pub expires_at: Instant,
    pub id: OrderId,
    pub goods: Goods,
}

/// The earliest first, from after `after` on.
pub async fn expired(
    store: &Store,
    now: Instant,
    after: Option<ExpiredOrder>,
    limit: i64,
) -> Result<Vec<ExpiredOrder>, Error> {
    let (at, id) = after.map_or((i64::MIN, 0), |order| (order.expires_at.as_millis(), order.id.get()));
    let row = |row: Row| {
        let mut cells = row.cells();
        let (expires_at, id) = (Instant::from_millis(cells.int()?), OrderId::new(cells.int()?));
        Ok(ExpiredOrder { expires_at, id, goods: rows::goods(&mut cells)? })
    };
    let parameters = vec![now.as_millis().into(), at.into(), id.into(), limit.into()];
    store.query(EXPIRED, parameters).await?.into_iter().map(row).collect()
}

/// How many orders wait for a person, because they could not be released.
pub async fn parked(store: &Store) -> Result<i64, Error> {
    super::number(store.query(PARKED, Vec::new()).await?)
}

/// An order that could not be released, with its number and the deadline that it missed.
pub struct Stuck {
    pub stuck: StuckOrder,
    pub order_no: String,
    pub expired_at: Instant,
}

/// Those that nobody has released since, newest first, those before `before`.
pub async fn stuck(store: &Store, before: OrderId, limit: i64) -> Result<Vec<Stuck>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        let stuck = StuckOrder::from_cells(&mut cells)?;
        Ok(Stuck { stuck, order_no: cells.text()?, expired_at: Instant::from_millis(cells.int()?) })
    };
    store.query(STUCK, vec![before.get().into(), limit.into()]).await?.into_iter().map(row).collect()
}

pub async fn stuck_one(store: &Store, order: OrderId) -> Result<Option<StuckOrder>, Error> {
    let rows = store.query(STUCK_ONE, vec![order.get().into()]).await?;
    rows.into_iter().next().map(|row| StuckOrder::from_cells(&mut row.cells())).transpose()
}
