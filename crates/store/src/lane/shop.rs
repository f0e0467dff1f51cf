//! The shop's part of what a lane reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Claim, Claims, Delivery, Facts, Fulfilment, Hold, Instant, MemberId, OrderId, PoolId, Product, ProductId, Quantity,
    Round, RoundId, RoundState, ShopNeeds, ShopOrder, ShopOrderState, StockMovement, StuckOrder, Title,
};

use super::load::{Plan, typed};
use crate::rows::{self, FromRow};
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Error, Lock, Row, SetStatement, Value};

const MOVEMENT: &[crate::Column] = &[
    ("product_id", Int),
    ("number", Int),
    ("delta", Int),
    ("reason", Text),
    ("moved_by", Int),
    ("moved_at", Int),
    ("total_after", Int),
];

statements! {
    PRODUCTS = SetStatement::select("products", &rows::PRODUCT[..1], rows::PRODUCT, "", Lock::None);
    PRODUCTS_NAMED = SetStatement::query(&[("name_zh", Text)], NAMED, Lock::None);
    ROUNDS = SetStatement::select("rounds", &rows::ROUND[..1], rows::ROUND, "", Lock::None);
    ORDERS = SetStatement::select("shop_orders", &rows::SHOP_ORDER[..1], rows::SHOP_ORDER, "", Lock::None);
    STUCK = SetStatement::select("stuck_orders", &rows::STUCK[..1], rows::STUCK, "", Lock::None);
    ROUND_ORDERS = SetStatement::select("shop_orders", &[("round_id", Int)], rows::SHOP_ORDER, WITH_SHARES, Lock::None);
    ROUND_HOLDS = SetStatement::query(&[("round_id", Int)], HOLDS_OF_ROUND, Lock::None);
    BOUGHT = SetStatement::query(&[("pool_id", Int), ("member_id", Int)], STANDING, Lock::None);
    UNPAID = SetStatement::query(&[("member_id", Int)], UNPAID_OF_MEMBER, Lock::None);

    INSERT_PRODUCTS = SetStatement::insert("products", rows::PRODUCT);
    UPDATE_PRODUCTS = SetStatement::update("products", &rows::PRODUCT[..1], &rows::PRODUCT[1..12]);
    INSERT_MOVEMENTS = SetStatement::insert("stock_movements", MOVEMENT);
    INSERT_ROUNDS = SetStatement::insert("rounds", rows::ROUND);
    UPDATE_ROUNDS = SetStatement::update("rounds", &rows::ROUND[..1], &rows::ROUND[10..19]);
    INSERT_ORDERS = SetStatement::insert("shop_orders", rows::SHOP_ORDER);
    UPDATE_ORDERS = SetStatement::update("shop_orders", &rows::SHOP_ORDER[..1], &[
        ("share_price_cents", Int), ("total_cents", Int), ("notes", Text), ("share_numbers", Text), ("status", Text),
        ("fulfilment", Text), ("expires_at", Int), ("paid_at", Int), ("ended_at", Int), ("updated_at", Int),
    ]);
    INSERT_STUCK = SetStatement::insert("stuck_orders", rows::STUCK);
    UPDATE_STUCK = SetStatement::update("stuck_orders", &rows::STUCK[..1], &rows::STUCK[1..4]);
}

const NAMED: &str = "SELECT t.name_zh, t.product_id FROM products AS t WHERE t.name_zh = {name_zh}";

const WITH_SHARES: &str = "t.status IN ('paid', 'completed') AND t.share_numbers <> '[]'";

const HOLDS_OF_ROUND: &str = "SELECT h.order_id, h.pool_id, h.quantity, h.state, h.expires_at, h.version \
     FROM shop_orders AS t JOIN holds AS h ON h.order_id = t.order_id AND h.pool_id = t.round_id \
     WHERE t.round_id = {round_id} AND t.status IN ('paid', 'completed') AND t.share_numbers <> '[]'";

const STANDING: &str = "SELECT {pool_id} AS pool_id, t.member_id, t.order_id, t.quantity, t.expires_at FROM shop_orders AS t \
     WHERE t.member_id = {member_id} AND (t.product_id = {pool_id} OR t.round_id = {pool_id}) AND t.kind <> 'prize' \
     AND t.status IN ('pending', 'paid', 'completed')";

const UNPAID_OF_MEMBER: &str = "SELECT t.member_id, t.order_id, t.quantity, t.expires_at FROM shop_orders AS t \
     WHERE t.member_id = {member_id} AND t.status = 'pending'";

/// What is read under the pools' locks.
pub(super) fn plan<'a>(plan: &mut Plan<'a>, needs: &'a ShopNeeds) {
    let keys = needs.products.iter().copied();
    plan.rows(&PRODUCTS, |facts| &mut facts.shop.products, keys, |id| [id.get().into()], |product| product.id);
    let names = &needs.product_names;
    let keys = names.iter().map(|name| [name.as_str().into()]);
    plan.ask(Batch::of(&PRODUCTS_NAMED, keys), move |facts, rows| load_named(facts, rows, names));
    let keys = needs.rounds.iter().copied();
    plan.rows(&ROUNDS, |facts| &mut facts.shop.rounds, keys, |id| [id.get().into()], |round| round.id);
    let keys = needs.orders.iter().copied();
    plan.rows(&ORDERS, |facts| &mut facts.shop.orders, keys, |id| [id.get().into()], |order| order.id);
    let keys = needs.stuck.iter().copied();
    plan.rows(&STUCK, |facts| &mut facts.shop.stuck, keys, |id| [id.get().into()], |stuck| stuck.order);

    let rounds = &needs.round_orders;
    let of_rounds = |statement| Batch::of(statement, rounds.iter().map(|id| [id.get().into()]));
    plan.ask(of_rounds(&ROUND_ORDERS), move |facts, rows| load_round_orders(facts, rows, rounds));
    plan.ask(of_rounds(&ROUND_HOLDS), load_holds);
    let bought = &needs.bought;
    let keys = bought.iter().map(|(pool, member)| [pool.get().into(), member.get().into()]);
    plan.ask(Batch::of(&BOUGHT, keys), move |facts, rows| load_bought(facts, rows, bought));
}

/// What is read under the accounts' locks.
pub(super) fn plan_under_accounts<'a>(plan: &mut Plan<'a>, needs: &'a ShopNeeds) {
    let members = &needs.unpaid;
    let keys = members.iter().map(|member| [member.get().into()]);
    plan.ask(Batch::of(&UNPAID, keys), move |facts, rows| load_unpaid(facts, rows, members));
}

fn load_named(facts: &mut Facts, rows: Vec<Row>, names: &BTreeSet<Title>) -> Result<(), Error> {
    let mut named: BTreeMap<Title, BTreeSet<ProductId>> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let name = typed(cells.text()?)?;
        named.entry(name).or_default().insert(ProductId::new(cells.int()?));
    }
    for name in names {
        facts.shop.products_by_name.load(name.clone(), Some(named.remove(name).unwrap_or_default()));
    }
    Ok(())
}

fn load_round_orders(facts: &mut Facts, rows: Vec<Row>, rounds: &BTreeSet<RoundId>) -> Result<(), Error> {
    let mut by_round: BTreeMap<RoundId, BTreeSet<OrderId>> = BTreeMap::new();
    for row in rows {
        let (order, version) = ShopOrder::versioned(row)?;
        let round = order.goods.shares().ok_or_else(|| Error::inconsistent("shares without a round"))?;
        by_round.entry(round).or_default().insert(order.id);
        facts.shop.orders.load(order.id, Some((order, version)));
    }
    for &round in rounds {
        facts.shop.round_orders.load(round, Some(by_round.remove(&round).unwrap_or_default()));
    }
    Ok(())
}

fn load_holds(facts: &mut Facts, rows: Vec<Row>) -> Result<(), Error> {
    for row in rows {
        let (hold, version) = Hold::versioned(row)?;
        facts.holds.load((hold.order, hold.pool), Some((hold, version)));
    }
    Ok(())
}

fn load_bought(facts: &mut Facts, rows: Vec<Row>, keys: &BTreeSet<(PoolId, MemberId)>) -> Result<(), Error> {
    let mut claims: BTreeMap<(PoolId, MemberId), Claims> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let key = (PoolId::new(cells.int()?), MemberId::new(cells.int()?));
        let (order, claim) = claim(&mut cells)?;
        claims.entry(key).or_default().insert(order, claim);
    }
    for &key in keys {
        facts.shop.bought.load(key, Some(claims.remove(&key).unwrap_or_default()));
    }
    Ok(())
}

fn load_unpaid(facts: &mut Facts, rows: Vec<Row>, members: &BTreeSet<MemberId>) -> Result<(), Error> {
    let mut claims: BTreeMap<MemberId, Claims> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let member = MemberId::new(cells.int()?);
        let (order, claim) = claim(&mut cells)?;
        claims.entry(member).or_default().insert(order, claim);
    }
    for &member in members {
        facts.shop.unpaid.load(member, Some(claims.remove(&member).unwrap_or_default()));
    }
    Ok(())
}

fn claim(cells: &mut crate::Cells) -> Result<(OrderId, Claim), Error> {
    let order = OrderId::new(cells.int()?);
    Ok((order, Claim { quantity: cells.int()?, expires_at: cells.opt_int()?.map(Instant::from_millis) }))
}

pub(super) fn write<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let products = facts.shop.products.dirty();
    batches.push(Batch::of(
        &INSERT_PRODUCTS,
        products.inserts.iter().map(|product| {
            let [zh, en, description, price, limit, sale, pictures, movements, rounds, created, updated] =
                product_columns(product);
            let (id, version) = (product.id.get().into(), Value::Int(0));
            [id, zh, en, description, price, limit, sale, pictures, movements, rounds, created, updated, version]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_PRODUCTS,
        products.updates.iter().map(|(product, version)| {
            let [zh, en, description, price, limit, sale, pictures, movements, rounds, created, updated] =
                product_columns(product);
            let (id, version) = (product.id.get().into(), Value::Int(*version));
            [id, version, zh, en, description, price, limit, sale, pictures, movements, rounds, created, updated]
        }),
    ));
    batches.push(Batch::of(&INSERT_MOVEMENTS, facts.shop.movements.iter().map(movement_columns)));
    let rounds = facts.shop.rounds.dirty();
    batches.push(Batch::of(
        &INSERT_ROUNDS,
        rounds.inserts.iter().map(|round| {
            let [next, free, status, ended, number, order, winner, created, updated] = round_columns(round);
            [
                round.id.get().into(),
                round.product.get().into(),
                round.number.into(),
                round.share_price.get().into(),
                round.member_limit.map(Quantity::get).into(),
                round.opens_at.as_millis().into(),
                round.closes_at.as_millis().into(),
                round.prize.get().into(),
                (&round.secret.0).into(),
                round.commitment.as_str().into(),
                next,
                free,
                status,
                ended,
                number,
                order,
                winner,
                created,
                updated,
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ROUNDS,
        rounds.updates.iter().map(|(round, version)| {
            let [next, free, status, ended, number, order, winner, created, updated] = round_columns(round);
            let (id, version) = (round.id.get().into(), Value::Int(*version));
            [id, version, next, free, status, ended, number, order, winner, created, updated]
        }),
    ));
    let orders = facts.shop.orders.dirty();
    batches.push(Batch::of(
        &INSERT_ORDERS,
        orders.inserts.iter().map(|order| {
            let [status, fulfilment, expires, paid, ended] = state_columns(order);
            [
                order.id.get().into(),
                order.order_no.as_str().into(),
                order.member.get().into(),
                rows::kind_of(order.goods).into(),
                order.goods.pieces().map(ProductId::get).into(),
                order.goods.round().map(RoundId::get).into(),
                order.quantity.get().into(),
                order.piece_price.get().into(),
                order.share_price.get().into(),
                order.total.get().into(),
                order.pay_with.as_str().into(),
                match &order.delivery {
                    Delivery::PickUp => None,
                    Delivery::To(address) => Some(address.as_bytes()),
                }
                .into(),
                order.notes.as_str().into(),
                list(&order.share_numbers),
                status,
                fulfilment,
                expires,
                paid,
                ended,
                order.created_at.as_millis().into(),
                order.updated_at.as_millis().into(),
                Value::Int(0),
            ]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_ORDERS,
        orders.updates.iter().map(|(order, version)| {
            let [status, fulfilment, expires, paid, ended] = state_columns(order);
            [
                order.id.get().into(),
                Value::Int(*version),
                order.share_price.get().into(),
                order.total.get().into(),
                order.notes.as_str().into(),
                list(&order.share_numbers),
                status,
                fulfilment,
                expires,
                paid,
                ended,
                order.updated_at.as_millis().into(),
            ]
        }),
    ));
    let stuck = facts.shop.stuck.dirty();
    batches.push(Batch::of(
        &INSERT_STUCK,
        stuck.inserts.iter().map(|stuck| {
            let [attempts, retry, error] = stuck_columns(stuck);
            [stuck.order.get().into(), attempts, retry, error, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_STUCK,
        stuck.updates.iter().map(|(stuck, version)| {
            let [attempts, retry, error] = stuck_columns(stuck);
            [stuck.order.get().into(), Value::Int(*version), attempts, retry, error]
        }),
    ));
}

fn product_columns(product: &Product) -> [Value<'_>; 11] {
    let pictures = serde_json::to_string(&product.pictures).unwrap_or_else(|_| "[]".to_owned());
    [
        product.name_zh.as_str().into(),
        product.name_en.as_ref().map(Title::as_str).into(),
        product.description.as_str().into(),
        product.price.get().into(),
        product.member_limit.map(Quantity::get).into(),
        i64::from(product.on_sale).into(),
        pictures.into(),
        product.movements.into(),
        product.rounds.into(),
        product.created_at.as_millis().into(),
        product.updated_at.as_millis().into(),
    ]
}

fn movement_columns(movement: &StockMovement) -> [Value<'_>; 7] {
    [
        movement.product.get().into(),
        movement.number.into(),
        movement.delta.into(),
        movement.reason.as_str().into(),
        movement.moved_by.map(MemberId::get).into(),
        movement.moved_at.as_millis().into(),
        movement.total_after.into(),
    ]
}

fn round_columns(round: &Round) -> [Value<'_>; 9] {
    let (ended, number, order, winner) = match round.state {
        RoundState::Open => (None, None, None, None),
        RoundState::SoldOut { since } => (Some(since), None, None, None),
        RoundState::Failed { failed_at } => (Some(failed_at), None, None, None),
        RoundState::Drawn { drawn_at, winning_number, order, member } => {
            (Some(drawn_at), Some(winning_number), Some(order.get()), Some(member.get()))
        }
    };
    let free: Vec<i64> = round.free_numbers.iter().copied().collect();
    [
        round.next_number.into(),
        list(&free),
        round.status().as_str().into(),
        ended.map(Instant::as_millis).into(),
        number.into(),
        order.into(),
        winner.into(),
        round.created_at.as_millis().into(),
        round.updated_at.as_millis().into(),
    ]
}

/// Status, fulfilment, deadline, when it was paid, when it ended.
fn state_columns(order: &ShopOrder) -> [Value<'static>; 5] {
    let (fulfilment, expires, paid, ended) = match order.state {
        ShopOrderState::Unpaid { expires_at } => (None, Some(expires_at), None, None),
        ShopOrderState::Paid { paid_at, fulfilment } => (Some(fulfilment), None, Some(paid_at), None),
        ShopOrderState::Cancelled { ended_at } | ShopOrderState::Expired { ended_at } => {
            (None, None, None, Some(ended_at))
        }
        ShopOrderState::Refunded { paid_at, ended_at, fulfilment } => {
            (Some(fulfilment), None, Some(paid_at), Some(ended_at))
        }
    };
    [
        order.status().as_str().into(),
        fulfilment.map(Fulfilment::as_str).into(),
        expires.map(Instant::as_millis).into(),
        paid.map(Instant::as_millis).into(),
        ended.map(Instant::as_millis).into(),
    ]
}

fn stuck_columns(stuck: &StuckOrder) -> [Value<'_>; 3] {
    [stuck.attempts.into(), stuck.retry_at.map(Instant::as_millis).into(), stuck.last_error.as_str().into()]
}

fn list(numbers: &[i64]) -> Value<'static> {
    if numbers.is_empty() {
        "[]".into()
    } else {
        serde_json::to_string(numbers).unwrap_or_else(|_| "[]".to_owned()).into()
    }
}
