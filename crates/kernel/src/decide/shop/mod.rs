//! The shop's commands.

pub(super) mod orders;
pub(super) mod products;
mod rounds;

use super::imports;
use crate::draft::Draft;
use crate::{
    AccountId, Cents, Context, Decision, Facts, Instant, MemberId, Needs, Noun, OrderId, Owner, Pool, PoolId, Product,
    Refusal, Round, ShopCommand, ShopOrder,
};
use crate::{Currency, Goods};

pub(super) fn needs(command: &ShopCommand, facts: &Facts, needs: &mut Needs) {
    match command {
        ShopCommand::CreateProduct(_) => {}
        ShopCommand::ImportProducts(command) => imports::products_needs(command, facts, needs),
        ShopCommand::EditProduct(command) => product_needs(command.product, needs),
        ShopCommand::MoveStock(command) => product_needs(command.product, needs),
        ShopCommand::CreateRound(command) => product_needs(command.product, needs),
        ShopCommand::DrawRound(command) => rounds::draw_needs(command, facts, needs),
        ShopCommand::CloseRound(command) => rounds::fail_needs(command.round, command.product, facts, needs),
        ShopCommand::CancelRound(command) => rounds::fail_needs(command.round, command.product, facts, needs),
        ShopCommand::Place(command) => orders::place_needs(command, facts, needs),
        ShopCommand::Pay(command) => orders::pay_needs(command.order, command.goods, facts, needs),
        ShopCommand::BeginPayment(command) => orders::order_needs(command.order, command.goods, needs),
        ShopCommand::Cancel(command) => {
            orders::pay_needs(command.order, command.goods, facts, needs);
            orders::origin_needs(&command.back_to, needs);
        }
        ShopCommand::Step(command) => orders::order_needs(command.order, command.goods, needs),
        ShopCommand::Refund(command) => {
            orders::pay_needs(command.order, command.goods, facts, needs);
            orders::origin_needs(&command.back_to, needs);
        }
        ShopCommand::Expire(command) => {
            for (&order, &goods) in &command.orders {
                orders::claim_needs(order, goods, needs);
            }
        }
        ShopCommand::NoteStuck(command) => drop(needs.shop.stuck.insert(command.order)),
        ShopCommand::ResolveStuck(command) => {
            orders::claim_needs(command.order, command.goods, needs);
            needs.shop.stuck.insert(command.order);
        }
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &ShopCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        ShopCommand::CreateProduct(command) => products::create(command, context, draft),
        ShopCommand::ImportProducts(command) => imports::products(facts, command, context, draft),
        ShopCommand::EditProduct(command) => products::edit(facts, command, context, draft),
        ShopCommand::MoveStock(command) => products::move_stock(facts, command, context, draft),
        ShopCommand::CreateRound(command) => rounds::create(facts, command, context, draft),
        ShopCommand::DrawRound(command) => rounds::draw(facts, command, context, draft),
        ShopCommand::CloseRound(command) => rounds::close(facts, command, context, draft),
        ShopCommand::CancelRound(command) => rounds::cancel(facts, command, context, draft),
        ShopCommand::Place(command) => orders::place(facts, command, context, draft),
        ShopCommand::Pay(command) => orders::pay(facts, command, context, draft),
        ShopCommand::BeginPayment(command) => orders::begin_payment(facts, command, context, draft),
        ShopCommand::Cancel(command) => orders::cancel(facts, command, context, draft),
        ShopCommand::Step(command) => orders::step(facts, command, context, draft),
        ShopCommand::Refund(command) => orders::refund(facts, command, context, draft),
        ShopCommand::Expire(command) => Ok(orders::expire(facts, command, context, draft)),
        ShopCommand::NoteStuck(command) => Ok(orders::note_stuck(facts, command, context, draft)),
        ShopCommand::ResolveStuck(command) => orders::resolve_stuck(facts, command, context, draft),
    }
}

fn product_needs(product: crate::ProductId, needs: &mut Needs) {
    needs.shop.products.insert(product);
    needs.pools.insert(product.into());
    needs.room.insert(product.into());
}

fn round_needs(round: crate::RoundId, needs: &mut Needs) {
    needs.shop.rounds.insert(round);
    needs.pools.insert(round.into());
    needs.room.insert(round.into());
}

pub(super) fn existing_product(facts: &Facts, product: crate::ProductId) -> Result<(&Product, &Pool), Refusal> {
    let missing = Refusal::NotFound { noun: Noun::Product };
    let product = facts.shop.products.get(&product).ok_or_else(|| missing.clone())?;
    Ok((product, facts.pools.get(&product.pool()).ok_or(missing)?))
}

fn existing_round(facts: &Facts, round: crate::RoundId) -> Result<(&Round, &Pool), Refusal> {
    let missing = Refusal::NotFound { noun: Noun::Round };
    let round = facts.shop.rounds.get(&round).ok_or_else(|| missing.clone())?;
    Ok((round, facts.pools.get(&round.pool()).ok_or(missing)?))
}

fn existing_order(facts: &Facts, order: OrderId, goods: Goods) -> Result<&ShopOrder, Refusal> {
    let order = facts.shop.orders.get(&order).filter(|order| order.goods == goods);
    order.ok_or(Refusal::NotFound { noun: Noun::Order })
}

fn wallet(member: MemberId) -> AccountId {
    Owner::Member(member).account(Currency::Cny)
}

/// What of a pool can still be taken: claims past their deadline are no obstacle.
fn left(facts: &Facts, pool: PoolId, now: Instant) -> i64 {
    let lapsed: i64 = facts.lapsed(pool, now).map(|hold| hold.quantity).sum();
    facts.pools.get(&pool).map_or(0, |pool| (pool.capacity - pool.taken + lapsed).max(0))
}

fn must_have_left(facts: &Facts, pool: PoolId, asked: i64, now: Instant) -> Result<(), Refusal> {
    let left = left(facts, pool, now);
    if asked > left { Err(Refusal::OutOfStock { asked, left }) } else { Ok(()) }
}

/// What the pieces and the shares of an order cost.
fn parts(order: &ShopOrder) -> [(Option<AccountId>, Cents); 2] {
    let all = |price: Cents| Cents::new(price.get() * order.quantity.get());
    let pieces = order.goods.pieces().map(|product| Owner::Product(product).account(Currency::Cny));
    let shares = order.goods.shares().map(|round| Owner::Round(round).account(Currency::Cny));
    [(pieces, all(order.piece_price)), (shares, all(order.share_price))]
}
