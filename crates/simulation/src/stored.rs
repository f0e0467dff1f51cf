//! What the database says, read past the service.

use std::collections::{BTreeMap, BTreeSet};

use store::{Cells, Error, Row, Store};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredAccount {
    pub(crate) balance: i64,
    pub(crate) entries: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOrder {
    pub(crate) member: i64,
    pub(crate) meal: i64,
    pub(crate) payer: i64,
    pub(crate) quantity: i64,
    pub(crate) total: i64,
    pub(crate) status: String,
    pub(crate) is_redeemed: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredMeal {
    pub(crate) status: String,
    pub(crate) base_price: i64,
    pub(crate) capacity: i64,
    pub(crate) taken: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredHold {
    pub(crate) quantity: i64,
    pub(crate) state: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTopup {
    pub(crate) order_no: String,
    pub(crate) member: i64,
    pub(crate) amount: i64,
    pub(crate) status: String,
    pub(crate) transaction: Option<String>,
    pub(crate) refunded: Option<i64>,
    pub(crate) pays_for: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRefund {
    pub(crate) refund_no: String,
    pub(crate) topup: i64,
    pub(crate) amount: i64,
    pub(crate) state: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredProduct {
    pub(crate) price: i64,
    pub(crate) limit: Option<i64>,
    pub(crate) on_sale: bool,
    pub(crate) capacity: i64,
    pub(crate) taken: i64,
    /// What all movements come to.
    pub(crate) moved: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredRound {
    pub(crate) product: i64,
    pub(crate) commitment: String,
    pub(crate) status: String,
    pub(crate) ended_at: Option<i64>,
    pub(crate) winning_number: Option<i64>,
    pub(crate) winning_order: Option<i64>,
    pub(crate) winner: Option<i64>,
    pub(crate) capacity: i64,
    pub(crate) taken: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredShopOrder {
    pub(crate) order_no: String,
    pub(crate) member: i64,
    pub(crate) kind: String,
    pub(crate) product: Option<i64>,
    pub(crate) round: Option<i64>,
    pub(crate) quantity: i64,
    pub(crate) piece_price: i64,
    pub(crate) share_price: i64,
    pub(crate) total: i64,
    pub(crate) share_numbers: Vec<i64>,
    pub(crate) status: String,
    pub(crate) fulfilment: Option<String>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) accounts: BTreeMap<i64, StoredAccount>,
    /// What the entries of each account come to.
    pub(crate) ledger: BTreeMap<i64, StoredAccount>,
    /// Transfers that do not sum to zero.
    pub(crate) unbalanced: Vec<i64>,
    pub(crate) meals: BTreeMap<i64, StoredMeal>,
    pub(crate) orders: BTreeMap<i64, StoredOrder>,
    pub(crate) holds: BTreeMap<(i64, i64), StoredHold>,
    pub(crate) members: BTreeMap<i64, String>,
    pub(crate) departments: BTreeMap<i64, String>,
    pub(crate) topups: BTreeMap<i64, StoredTopup>,
    pub(crate) refunds: BTreeMap<i64, StoredRefund>,
    pub(crate) products: BTreeMap<i64, StoredProduct>,
    pub(crate) rounds: BTreeMap<i64, StoredRound>,
    pub(crate) shop_orders: BTreeMap<i64, StoredShopOrder>,
    /// What a person has to settle: its kind, and what it is about.
    pub(crate) exceptions: BTreeMap<(String, String), ()>,
}

const ACCOUNTS: &str = "SELECT account_id, balance, entry_count FROM accounts ORDER BY account_id";
const LEDGER: &str = "SELECT account_id, SUM(amount), COUNT(*) FROM entries GROUP BY account_id ORDER BY account_id";
const UNBALANCED: &str =
    "SELECT transfer_id FROM entries GROUP BY transfer_id HAVING SUM(amount) <> 0 ORDER BY transfer_id";
const MEALS: &str = "SELECT m.meal_id, m.status, m.base_price_cents, p.capacity, p.taken \
                     FROM meals m JOIN pools p ON p.pool_id = m.meal_id ORDER BY m.meal_id";
const ORDERS: &str = "SELECT order_id, member_id, meal_id, payer_account_id, quantity, total_cents, status, redeemed_at \
                      FROM meal_orders ORDER BY order_id";
const HOLDS: &str = "SELECT order_id, pool_id, quantity, state FROM holds ORDER BY order_id, pool_id";
const MEMBERS: &str = "SELECT member_id, status FROM members ORDER BY member_id";
const DEPARTMENTS: &str = "SELECT department_id, pays FROM departments ORDER BY department_id";
const TOPUPS: &str = "SELECT topup_id, order_no, member_id, amount_cents, status, transaction_id, refunded_cents, \
                      pays_for FROM topups ORDER BY topup_id";
const REFUNDS: &str = "SELECT refund_id, refund_no, topup_id, amount_cents, state FROM refunds ORDER BY refund_id";
const PRODUCTS: &str = "SELECT t.product_id, t.price_cents, t.member_limit, t.on_sale, p.capacity, p.taken, \
                        (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m WHERE m.product_id = t.product_id) \
                        FROM products t JOIN pools p ON p.pool_id = t.product_id ORDER BY t.product_id";
const ROUNDS: &str = "SELECT t.round_id, t.product_id, t.commitment, t.status, t.ended_at, t.winning_number, \
                      t.winning_order_id, t.winner_id, p.capacity, p.taken \
                      FROM rounds t JOIN pools p ON p.pool_id = t.round_id ORDER BY t.round_id";
const SHOP_ORDERS: &str = "SELECT order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, \
                           share_price_cents, total_cents, share_numbers, status, fulfilment, expires_at, ended_at \
                           FROM shop_orders ORDER BY order_id";
const EXCEPTIONS: &str = "SELECT kind, subject FROM exceptions";
const BALANCES: &str = "SELECT account_id, balance_after FROM entries ORDER BY account_id, number";

impl Stored {
    /// What each account has ever held.
    pub(crate) async fn balances(store: &Store) -> Result<BTreeSet<(i64, i64)>, Error> {
        let found = store.query(BALANCES, Vec::new()).await?;
        found.into_iter().map(Row::cells).map(|mut cells| Ok((cells.int()?, cells.int()?))).collect()
    }

    pub(crate) async fn read(store: &Store) -> Result<Self, Error> {
        Ok(Self {
            accounts: rows(store, ACCOUNTS, account).await?,
            ledger: rows(store, LEDGER, account).await?,
            unbalanced: rows(store, UNBALANCED, |cells| Ok((cells.int()?, ()))).await?.into_keys().collect(),
            meals: rows(store, MEALS, meal).await?,
            orders: rows(store, ORDERS, order).await?,
            holds: rows(store, HOLDS, hold).await?,
            members: rows(store, MEMBERS, |cells| Ok((cells.int()?, cells.text()?))).await?,
            departments: rows(store, DEPARTMENTS, |cells| Ok((cells.int()?, cells.text()?))).await?,
            topups: rows(store, TOPUPS, topup).await?,
            refunds: rows(store, REFUNDS, refund).await?,
            products: rows(store, PRODUCTS, product).await?,
            rounds: rows(store, ROUNDS, round).await?,
            shop_orders: rows(store, SHOP_ORDERS, shop_order).await?,
            exceptions: rows(store, EXCEPTIONS, |cells| Ok(((cells.text()?, cells.text()?), ()))).await?,
        })
    }
}

async fn rows<K: Ord, V>(
    store: &Store,
    sql: &'static str,
    read: impl Fn(&mut Cells) -> Result<(K, V), Error>,
) -> Result<BTreeMap<K, V>, Error> {
    let found = store.query(sql, Vec::new()).await?;
    found.into_iter().map(Row::cells).map(|mut cells| read(&mut cells)).collect()
}

fn account(cells: &mut Cells) -> Result<(i64, StoredAccount), Error> {
    Ok((cells.int()?, StoredAccount { balance: cells.int()?, entries: cells.int()? }))
}

fn meal(cells: &mut Cells) -> Result<(i64, StoredMeal), Error> {
    let id = cells.int()?;
    let (status, base_price) = (cells.text()?, cells.int()?);
    Ok((id, StoredMeal { status, base_price, capacity: cells.int()?, taken: cells.int()? }))
}

fn order(cells: &mut Cells) -> Result<(i64, StoredOrder), Error> {
    let id = cells.int()?;
    let (member, meal, payer) = (cells.int()?, cells.int()?, cells.int()?);
    let (quantity, total, status) = (cells.int()?, cells.int()?, cells.text()?);
    let is_redeemed = cells.opt_int()?.is_some();
    Ok((id, StoredOrder { member, meal, payer, quantity, total, status, is_redeemed }))
}

fn hold(cells: &mut Cells) -> Result<((i64, i64), StoredHold), Error> {
    Ok(((cells.int()?, cells.int()?), StoredHold { quantity: cells.int()?, state: cells.text()? }))
}

fn topup(cells: &mut Cells) -> Result<(i64, StoredTopup), Error> {
    let id = cells.int()?;
    let (order_no, member, amount) = (cells.text()?, cells.int()?, cells.int()?);
    let (status, transaction) = (cells.text()?, cells.opt_text()?);
    let refunded = cells.opt_int()?;
    Ok((id, StoredTopup { order_no, member, amount, status, transaction, refunded, pays_for: cells.opt_int()? }))
}

fn refund(cells: &mut Cells) -> Result<(i64, StoredRefund), Error> {
    let id = cells.int()?;
    let (refund_no, topup) = (cells.text()?, cells.int()?);
    Ok((id, StoredRefund { refund_no, topup, amount: cells.int()?, state: cells.text()? }))
}

fn product(cells: &mut Cells) -> Result<(i64, StoredProduct), Error> {
    let (id, price, limit, on_sale) = (cells.int()?, cells.int()?, cells.opt_int()?, cells.int()? != 0);
    let (capacity, taken, moved) = (cells.int()?, cells.int()?, cells.int()?);
    Ok((id, StoredProduct { price, limit, on_sale, capacity, taken, moved }))
}

fn round(cells: &mut Cells) -> Result<(i64, StoredRound), Error> {
    let id = cells.int()?;
    let (product, commitment, status) = (cells.int()?, cells.text()?, cells.text()?);
    let (ended_at, winning_number) = (cells.opt_int()?, cells.opt_int()?);
    let (winning_order, winner) = (cells.opt_int()?, cells.opt_int()?);
    let (capacity, taken) = (cells.int()?, cells.int()?);
    let round =
        StoredRound { product, commitment, status, ended_at, winning_number, winning_order, winner, capacity, taken };
    Ok((id, round))
}

fn shop_order(cells: &mut Cells) -> Result<(i64, StoredShopOrder), Error> {
    let id = cells.int()?;
    let (order_no, member, kind) = (cells.text()?, cells.int()?, cells.text()?);
    let (product, round, quantity) = (cells.opt_int()?, cells.opt_int()?, cells.int()?);
    let (piece_price, share_price, total) = (cells.int()?, cells.int()?, cells.int()?);
    let share_numbers = cells.json("share numbers")?;
    let (status, fulfilment) = (cells.text()?, cells.opt_text()?);
    let (expires_at, ended_at) = (cells.opt_int()?, cells.opt_int()?);
    let order = StoredShopOrder {
        order_no,
        member,
        kind,
        product,
        round,
        quantity,
        piece_price,
        share_price,
        total,
        share_numbers,
        status,
        fulfilment,
        expires_at,
        ended_at,
    };
    Ok((id, order))
}
