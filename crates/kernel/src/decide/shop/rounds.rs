use std::collections::{BTreeSet, HashMap};

use crate::draft::{Draft, Written};
use crate::shop::draw as draw_number;
use crate::{
    Account, CancelRound, Cents, Change, CloseRound, Context, CreateRound, Currency, Decision, DrawRound, EntryKind,
    Facts, Fulfilment, Goods, HoldState, Needs, Notes, OrderId, Outcome, Owner, PayWith, Pool, Product, ProductId,
    Quantity, Refusal, Round, RoundId, RoundOutcome, RoundState, RoundStatus, ShareOwner, ShopOrder, ShopOrderState,
};

use super::orders::trace as order_trace;
use super::{existing_product, existing_round, must_have_left, round_needs, wallet};
use crate::order::order_no;

pub(super) fn create(
    facts: &Facts,
    command: &CreateRound,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    if command.share_price.cents().is_negative() {
        return Err(Refusal::NegativePrice);
    }
    if !(1..=Round::MOST_SHARES).contains(&command.shares) {
        return Err(Refusal::SharesOutOfRange { most: Round::MOST_SHARES });
    }
    if command.closes_at <= command.opens_at.max(context.now) {
        return Err(Refusal::RoundTimes);
    }
    let (product, stock) = existing_product(facts, command.product)?;
    must_have_left(facts, stock.id, 1, context.now)?;

    // After this point it must succeed.
    let numbered = Product { rounds: product.rounds + 1, updated_at: context.now, ..product.clone() };
    let round = Round {
        id: RoundId::new(draft.next_id()),
        product: product.id,
        number: numbered.rounds,
        share_price: command.share_price.cents(),
        member_limit: command.member_limit,
        opens_at: command.opens_at,
        closes_at: command.closes_at,
        prize: OrderId::new(draft.next_id()),
        secret: command.secret.clone(),
        commitment: command.secret.commitment(),
        next_number: 1,
        free_numbers: BTreeSet::new(),
        state: RoundState::Open,
        created_at: context.now,
        updated_at: context.now,
    };
    let pool = Pool { id: round.pool(), capacity: command.shares, taken: 0, issued: 0 };
    draft.hold(round.prize, product.pool(), 1);
    draft.push(Change::Account(Account::open(Owner::Round(round.id), Currency::Cny)));
    draft.push(Change::Pool(pool));
    draft.push(Change::Product(numbered));
    let number = serde_json::json!({ "round_id": round.id, "number": round.number });
    draft.audit("product.round", ("product", product.id.get()), Written::after(&number));
    draft.audit("round.create", ("round", round.id.get()), Written::after(&trace(&round, &pool)));
    draft.push(Change::Round(round.clone()));
    Ok(draft.finish(answer(round, pool, 0, Cents::ZERO)))
}

pub(super) fn draw_needs(command: &DrawRound, facts: &Facts, needs: &mut Needs) {
    wide_needs(command.round, facts, needs);
    prize_needs(command.round, command.product, facts, needs);
}

/// The claim that is kept for the winner.
fn prize_needs(round: RoundId, product: ProductId, facts: &Facts, needs: &mut Needs) {
    needs.pools.insert(product.into());
    needs.room.insert(product.into());
    if facts.shop.rounds.knows(&round)
        && let Some(round) = facts.shop.rounds.get(&round)
    {
        needs.holds.insert((round.prize, product.into()));
    }
}

/// The round with all its shares.
fn wide_needs(round: RoundId, facts: &Facts, needs: &mut Needs) {
    round_needs(round, needs);
    // The orders are read after the pool's lock is held: nobody can pay for one in between.
    if facts.shop.rounds.knows(&round) {
        needs.shop.round_orders.insert(round);
    }
}

pub(super) fn draw(
    facts: &Facts,
    command: &DrawRound,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (round, pool) = existing(facts, command.round, command.product)?;
    if round.status() != RoundStatus::SoldOut {
        return Err(Refusal::RoundStep { from: round.status(), to: RoundStatus::Drawn });
    }
    let mut owners: Vec<(ShareOwner, &ShopOrder)> = Vec::new();
    for order in share_orders(facts, round.id) {
        let owner = |&number: &i64| (ShareOwner { number, order_no: order.order_no.clone() }, order);
        owners.extend(order.share_numbers.iter().map(owner));
    }
    owners.sort_unstable_by_key(|(share, _)| share.number);
    let numbers = owners.iter().map(|(share, _)| share.number);
    assert!(
        numbers.eq(1..=pool.capacity),
        "round {} is sold out, but its shares are not 1 to {}",
        round.id,
        pool.capacity
    );
    let (shares, orders): (Vec<ShareOwner>, Vec<&ShopOrder>) = owners.into_iter().unzip();

    // After this point it must succeed.
    let winning_number = draw_number(&round.secret, &shares);
    let winner = orders[usize::try_from(winning_number - 1).unwrap_or_default()];
    let state = RoundState::Drawn { drawn_at: context.now, winning_number, order: winner.id, member: winner.member };
    let drawn = Round { state, updated_at: context.now, ..round.clone() };
    let notes = format!("[系统] 第 {} 期中奖号码 {winning_number}，奖品订单", round.number);
    let id = OrderId::new(draft.next_id());
    draft.change_hold(round.prize, round.product.into(), 1, HoldState::Released);
    draft.hold(id, round.product.into(), 1);
    let prize = ShopOrder {
        id,
        order_no: order_no("SHOP", context.today, id),
        member: winner.member,
        goods: Goods::Prize { product: round.product, round: round.id },
        quantity: Quantity::ONE,
        piece_price: Cents::ZERO,
        share_price: Cents::ZERO,
        total: Cents::ZERO,
        pay_with: PayWith::Balance,
        delivery: winner.delivery.clone(),
        notes: Notes::default().and_line(&notes),
        share_numbers: Vec::new(),
        state: ShopOrderState::Paid { paid_at: context.now, fulfilment: Fulfilment::Pending },
        created_at: context.now,
        updated_at: context.now,
    };
    draft.audit("shop_order.prize", ("order", prize.id.get()), Written::after(&order_trace(&prize)));
    let after = serde_json::json!({
        "status": drawn.status(),
        "winning_number": winning_number,
        "order_no": winner.order_no,
        "user_id": winner.member,
        "secret": round.secret.hex(),
        "prize_order_no": prize.order_no,
    });
    let before = serde_json::json!({ "status": round.status() });
    draft.audit("round.draw", ("round", round.id.get()), Written::change(&before, &after));
    draft.push(Change::ShopOrder(prize));
    draft.push(Change::Round(drawn.clone()));
    Ok(draft.finish(answer(drawn, *pool, 0, Cents::ZERO)))
}

pub(super) fn fail_needs(round: RoundId, product: ProductId, facts: &Facts, needs: &mut Needs) {
    wide_needs(round, facts, needs);
    prize_needs(round, product, facts, needs);
    needs.accounts.insert(Owner::Round(round).account(Currency::Cny));
    if facts.shop.round_orders.knows(&round) {
        needs.accounts.extend(share_orders(facts, round).map(ShopOrder::payer));
    }
}

pub(super) fn close(
    facts: &Facts,
    command: &CloseRound,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (round, _) = must_be_open(facts, command.round, command.product)?;
    if context.now < round.closes_at {
        return Err(Refusal::RoundStillOpen { closes_at: round.closes_at });
    }
    fail(facts, round, context, draft, ("round.close", "未在截止前售罄"))
}

pub(super) fn cancel(
    facts: &Facts,
    command: &CancelRound,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (round, _) = must_be_open(facts, command.round, command.product)?;
    fail(facts, round, context, draft, ("round.cancel", command.reason.as_str()))
}

fn fail(
    facts: &Facts,
    round: &Round,
    context: &Context<'_>,
    mut draft: Draft<'_>,
    (action, reason): (&'static str, &str),
) -> Result<Decision, Refusal> {
    let mut balances = HashMap::new();
    for order in share_orders(facts, round.id) {
        let account = facts.accounts.get(&order.payer()).ok_or(Refusal::AmountOutOfRange)?;
        let balance = balances.entry(account.id).or_insert(account.balance);
        *balance = balance.plus(order.share_price.times(order.quantity)?)?;
    }

    // After this point it must succeed.
    let (mut count, mut refunded) = (0, 0);
    for order in share_orders(facts, round.id) {
        let back = Cents::new(order.share_price.get() * order.quantity.get());
        let line = format!("[系统] 第 {} 期未成团，份额已退款 {back} 元 - {}", round.number, context.now);
        let mut changed = ShopOrder {
            share_numbers: Vec::new(),
            notes: order.notes.and_line(&line),
            updated_at: context.now,
            ..order.clone()
        };
        match (order.goods, &order.state) {
            // Its pieces are another matter.
            (Goods::PiecesAndShares { .. }, _) => {
                changed.share_price = Cents::ZERO;
                changed.total = Cents::new(order.total.get() - back.get());
            }
            (_, &ShopOrderState::Paid { paid_at, fulfilment }) => {
                changed.state = ShopOrderState::Refunded { paid_at, ended_at: context.now, fulfilment };
            }
            (_, state) => unreachable!("an order with shares is paid, not {state:?}"),
        }
        draft.change_hold(order.id, round.pool(), order.quantity.get(), HoldState::Released);
        draft.transfer(EntryKind::OrderRefund, Some(order.id), round.takings(), wallet(order.member), back);
        let written = Written::change(&order_trace(order), &order_trace(&changed)).because(reason);
        draft.audit("shop_order.refund", ("order", order.id.get()), written);
        draft.push(Change::ShopOrder(changed));
        count += 1;
        refunded += back.get();
    }
    draft.change_hold(round.prize, round.product.into(), 1, HoldState::Released);
    let failed =
        Round { state: RoundState::Failed { failed_at: context.now }, updated_at: context.now, ..round.clone() };
    let pool = *draft.pool(round.pool());
    let before = serde_json::json!({ "status": round.status() });
    let after = serde_json::json!({ "status": failed.status(), "orders": count, "refunded_cents": refunded });
    draft.audit(action, ("round", round.id.get()), Written::change(&before, &after).because(reason));
    draft.push(Change::Round(failed.clone()));
    Ok(draft.finish(answer(failed, pool, count, Cents::new(refunded))))
}

fn existing(facts: &Facts, round: RoundId, product: ProductId) -> Result<(&Round, &Pool), Refusal> {
    let (round, pool) = existing_round(facts, round)?;
    if round.product == product { Ok((round, pool)) } else { Err(Refusal::NotFound { noun: crate::Noun::Round }) }
}

fn must_be_open(facts: &Facts, round: RoundId, product: ProductId) -> Result<(&Round, &Pool), Refusal> {
    let (round, pool) = existing(facts, round, product)?;
    match round.status() {
        RoundStatus::Open => Ok((round, pool)),
        from => Err(Refusal::RoundStep { from, to: RoundStatus::Failed }),
    }
}

fn share_orders(facts: &Facts, round: RoundId) -> impl Iterator<Item = &ShopOrder> {
    let orders = facts.shop.round_orders.get(&round).into_iter().flatten();
    orders.filter_map(|order| facts.shop.orders.get(order))
}

fn trace(round: &Round, pool: &Pool) -> serde_json::Value {
    serde_json::json!({
        "product_id": round.product,
        "number": round.number,
        "shares": pool.capacity,
        "share_price_cents": round.share_price,
        "member_limit": round.member_limit,
        "opens_at": round.opens_at,
        "closes_at": round.closes_at,
        "commitment": round.commitment,
    })
}

fn answer(round: Round, pool: Pool, orders_refunded: i64, refunded: Cents) -> Outcome {
    Outcome::Round(RoundOutcome { round, pool, orders_refunded, refunded })
}
