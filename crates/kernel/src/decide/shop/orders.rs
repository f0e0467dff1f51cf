use crate::decide::orders::{account, floor, must_be_in_use, must_fit, must_pay, warning};
use crate::decide::topups;
use crate::draft::{Draft, Written};
use crate::order::order_no;
use crate::shop::{expiry_line, total};
use crate::{
    BackTo, BeginShopPayment, CancelShopOrder, Cents, Change, Claims, Context, Currency, Decision, Delivery, EntryKind,
    ExpireShopOrders, Facts, Fulfilment, GivenBack, Goods, HoldState, Member, MemberStatus, Needs, NoteStuckOrder,
    Noun, OrderId, Outcome, Owner, PayShopOrder, PayWith, PaysFor, PlaceShopOrder, PoolId, Quantity, Receipt,
    RefundShopOrder, Refusal, ResolveStuckOrder, Round, RoundState, RoundStatus, ShopOrder, ShopOrderOutcome,
    ShopOrderState, StepShopOrder, StuckOrder, Topup, TopupState, Warning,
};

/// WeChat takes no order that can be paid for less than a minute.
const SHORTEST_PAYMENT_MS: i64 = 60_000;

use super::{
    existing_order, existing_product, existing_round, left, must_have_left, parts, product_needs, round_needs, wallet,
};

pub(super) fn place_needs(command: &PlaceShopOrder, facts: &Facts, needs: &mut Needs) {
    needs.members.insert(command.member);
    if let Some(product) = command.goods.pieces() {
        product_needs(product, needs);
    }
    if let Some(round) = command.goods.shares() {
        round_needs(round, needs);
    }
    for (pool, limit) in limits(facts, command.goods) {
        if limit.is_some() {
            needs.shop.bought.insert((pool, command.member));
        }
    }
    money_needs(command.goods, needs);
    needs.accounts.insert(wallet(command.member));
    if command.pay_with == PayWith::Wechat {
        needs.shop.unpaid.insert(command.member);
    }
}

fn money_needs(goods: Goods, needs: &mut Needs) {
    needs.accounts.extend(goods.pieces().map(|product| Owner::Product(product).account(Currency::Cny)));
    needs.accounts.extend(goods.shares().map(|round| Owner::Round(round).account(Currency::Cny)));
}

/// How much one member may have of what each pool gives, as far as `facts` knows.
fn limits(facts: &Facts, goods: Goods) -> impl Iterator<Item = (PoolId, Option<Quantity>)> {
    let product = goods.pieces().filter(|product| facts.shop.products.knows(product));
    let product = product.and_then(|product| facts.shop.products.get(&product));
    let round = goods.shares().filter(|round| facts.shop.rounds.knows(round));
    let round = round.and_then(|round| facts.shop.rounds.get(&round));
    let of_product = product.map(|product| (product.pool(), product.member_limit));
    of_product.into_iter().chain(round.map(|round| (round.pool(), round.member_limit)))
}

pub(super) fn place(
    facts: &Facts,
    command: &PlaceShopOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (goods, quantity, now) = (command.goods, command.quantity, context.now);
    let product = goods.pieces().map(|product| existing_product(facts, product)).transpose()?;
    let round = goods.shares().map(|round| existing_round(facts, round)).transpose()?;
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    if member.status == MemberStatus::Disabled {
        return Err(Refusal::MemberDisabled);
    }
    if let Some((product, _)) = product
        && !product.on_sale
    {
        return Err(Refusal::NotOnSale);
    }
    if let Some((round, _)) = round {
        must_sell(round, context)?;
    }
    for (pool, limit) in limits(facts, goods) {
        if let Some(limit) = limit {
            let bought = standing(facts.shop.bought.get(&(pool, member.id)), context);
            let bought: i64 = bought.map(|claim| claim.quantity).sum();
            if bought + quantity.get() > limit.get() {
                return Err(Refusal::LimitReached { limit: limit.get(), bought, asked: quantity.get() });
            }
        }
    }
    for pool in goods.pools() {
        must_have_left(facts, pool, quantity.get(), now)?;
    }
    let piece_price = product.map_or(Cents::ZERO, |(product, _)| product.price);
    let share_price = round.map_or(Cents::ZERO, |(round, _)| round.share_price);
    let total = total(piece_price, share_price, quantity)?;
    let pays_now = command.pay_with == PayWith::Balance || total == Cents::ZERO;
    if !pays_now {
        must_be_in_use(facts, member)?;
        let most = context.shop.most_unpaid;
        let unpaid = standing(facts.shop.unpaid.get(&member.id), context).count();
        if unpaid >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(Refusal::TooManyUnpaid { most });
        }
    }

    let deadline = now.plus_millis(context.shop.pay_within_ms);
    let expires_at = round.map_or(deadline, |(round, _)| deadline.min(round.closes_at));
    let order = ShopOrder {
        // Its own once nothing can be refused any more.
        id: OrderId::new(0),
        order_no: String::new(),
        member: member.id,
        goods,
        quantity,
        piece_price,
        share_price,
        total,
        pay_with: command.pay_with,
        delivery: command.delivery.clone(),
        notes: command.notes.clone().into(),
        share_numbers: Vec::new(),
        state: ShopOrderState::Unpaid { expires_at },
        created_at: now,
        updated_at: now,
    };
    let balance = if pays_now { Some(must_charge(facts, &order, member, context)?) } else { None };

    // After this point it must succeed.
    let id = OrderId::new(draft.next_id());
    let mut order = ShopOrder { id, order_no: order_no("SHOP", context.today, id), ..order };
    let deadline = order.expires_at().filter(|_| !pays_now);
    for pool in goods.pools() {
        draft.hold_until(id, pool, quantity.get(), deadline);
    }
    if pays_now {
        settle(facts, &mut draft, &mut order, context);
    }
    let warning = balance.and_then(|balance| warning(balance, total));
    let written = Written::after(&warned_trace(&order, warning));
    draft.audit("shop_order.place", ("order", id.get()), written);
    draft.push(Change::ShopOrder(order.clone()));
    Ok(answer(draft, order, balance, warning))
}

/// What the lock of its pools protects.
pub(super) fn claim_needs(order: OrderId, goods: Goods, needs: &mut Needs) {
    needs.shop.orders.insert(order);
    for pool in goods.pools() {
        needs.pools.insert(pool);
        needs.holds.insert((order, pool));
    }
}

/// What a refund to where the money came from takes beside the order.
pub(super) fn origin_needs(back_to: &BackTo, needs: &mut Needs) {
    if let BackTo::Origin { topup, .. } = back_to {
        needs.topups.insert(*topup);
        needs.accounts.insert(topups::WECHAT.account(Currency::Cny));
    }
}

/// The top-up from which an order's money goes back.
struct Origin<'a> {
    topup: &'a Topup,
    receipt: &'a Receipt,
    refund_no: &'a str,
}

impl Origin<'_> {
    fn pay(&self, amount: Cents, reason: &str, context: &Context<'_>, draft: &mut Draft<'_>) {
        let wanted = topups::Wanted { amount, refund_no: self.refund_no, reason };
        topups::begin_refund(self.topup, self.receipt, &wanted, context, draft);
    }
}

/// Whether an order's money can go back to where it shall.
fn must_go_back<'a>(facts: &'a Facts, order: &ShopOrder, back_to: &'a BackTo) -> Result<Option<Origin<'a>>, Refusal> {
    let BackTo::Origin { topup, refund_no } = back_to else { return Ok(None) };
    let topup = facts.topups.get(topup).filter(|topup| topup.pays_for == Some(order.id));
    let topup = topup.ok_or(Refusal::NotFound { noun: Noun::Topup })?;
    if !order.total.is_positive() {
        return Ok(None);
    }
    let receipt = topups::must_have_left(topup, order.total)?;
    must_fit(facts, topups::WECHAT.account(Currency::Cny), order.total)?;
    Ok(Some(Origin { topup, receipt, refund_no }))
}

pub(super) fn order_needs(order: OrderId, goods: Goods, needs: &mut Needs) {
    claim_needs(order, goods, needs);
    needs.shop.rounds.extend(goods.shares());
}

pub(in crate::decide) fn pay_needs(order: OrderId, goods: Goods, facts: &Facts, needs: &mut Needs) {
    order_needs(order, goods, needs);
    money_needs(goods, needs);
    if facts.shop.orders.knows(&order)
        && let Some(order) = facts.shop.orders.get(&order)
    {
        needs.members.insert(order.member);
        needs.accounts.insert(order.payer());
    }
}

pub(super) fn pay(
    facts: &Facts,
    command: &PayShopOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = own_order(facts, command.order, command.goods, context)?;
    let member = facts.members.get(&order.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    must_be_payable(order, context)?;
    must_hold(facts, order)?;
    if let Some(round) = order.goods.shares() {
        must_sell(existing_round(facts, round)?.0, context)?;
    }
    let balance = must_charge(facts, order, member, context)?;

    // After this point it must succeed.
    let mut paid = ShopOrder { updated_at: context.now, ..order.clone() };
    for pool in order.goods.pools() {
        draft.keep_hold(order.id, pool);
    }
    settle(facts, &mut draft, &mut paid, context);
    let warning = warning(balance, order.total);
    let written = Written::change(&trace(order), &warned_trace(&paid, warning));
    draft.audit("shop_order.pay", ("order", order.id.get()), written);
    draft.push(Change::ShopOrder(paid.clone()));
    Ok(answer(draft, paid, Some(balance), warning))
}

pub(super) fn begin_payment(
    facts: &Facts,
    command: &BeginShopPayment,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = own_order(facts, command.order, command.goods, context)?;
    must_be_payable(order, context)?;
    must_hold(facts, order)?;
    if let Some(round) = order.goods.shares() {
        must_sell(existing_round(facts, round)?.0, context)?;
    }
    let expires_at = order.expires_at().unwrap_or(context.now);
    let since = expires_at.plus_millis(-SHORTEST_PAYMENT_MS);
    if context.now >= since {
        return Err(Refusal::PaymentTooLate { since });
    }

    // After this point it must succeed.
    let topup = Topup {
        id: OrderId::new(draft.next_id()),
        order_no: command.order_no.clone(),
        member: order.member,
        amount: order.total,
        pays_for: Some(order.id),
        client: command.client,
        state: TopupState::Pending,
        expires_at,
        next_check_at: command.first_check_at.min(expires_at),
        checks: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(topups::begin(topup, context, draft))
}

pub(in crate::decide) fn must_take(facts: &Facts, paid: &PaysFor) -> Result<(), Refusal> {
    let order = existing_order(facts, paid.order, paid.goods)?;
    for (takings, amount) in parts(order) {
        if let Some(takings) = takings {
            must_fit(facts, takings, amount)?;
        }
    }
    Ok(())
}

/// Pays for an order with a top-up that has just come into the wallet. Where the order cannot be had any more, or somebody has paid for
/// it already, the money goes back to where it came from.
pub(in crate::decide) fn take_payment(
    facts: &Facts,
    (topup, receipt): (Topup, &Receipt),
    paid: &PaysFor,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Topup {
    let Ok(order) = existing_order(facts, paid.order, paid.goods) else { return topups::keep(topup, context, draft) };
    let now = context.now;
    let is_unpaid = matches!(order.state, ShopOrderState::Unpaid { .. } | ShopOrderState::Expired { .. });
    if is_unpaid && topup.amount == order.total && can_be_had(facts, order, context) {
        let mut taken = ShopOrder { updated_at: now, ..order.clone() };
        for pool in order.goods.pools() {
            draft.keep_hold(order.id, pool);
        }
        settle(facts, draft, &mut taken, context);
        let written = Written::change(&trace(order), &trace(&taken)).because(&topup.order_no);
        draft.audit("shop_order.settle", ("order", order.id.get()), written);
        draft.push(Change::ShopOrder(taken));
        return topups::keep(topup, context, draft);
    }
    if is_unpaid {
        release(facts, draft, order);
    }
    let was_paid = matches!(order.state, ShopOrderState::Paid { .. } | ShopOrderState::Refunded { .. });
    let (state, why) = if was_paid {
        (order.state.clone(), "订单已支付过")
    } else {
        let fulfilment = first_step(order.goods);
        (ShopOrderState::Refunded { paid_at: now, ended_at: now, fulfilment }, "支付到账时订单已失效")
    };
    let line = format!("[系统] {why}，{} 元原路退回 - {now}", topup.amount);
    let notes = order.notes.and_line(&line);
    let returned = ShopOrder { state, notes, updated_at: now, ..order.clone() };
    let wanted = topups::Wanted { amount: topup.amount, refund_no: &paid.refund_no, reason: why };
    let (_, topup) = topups::begin_refund(&topup, receipt, &wanted, context, draft);
    let written = Written::change(&trace(order), &trace(&returned)).because(&topup.order_no);
    draft.audit("shop_order.return", ("order", order.id.get()), written);
    draft.push(Change::ShopOrder(returned));
    topup
}

/// What tells whether the order can still be had for which money comes.
pub(in crate::decide) fn late_needs(paid: &PaysFor, facts: &Facts, needs: &mut Needs) {
    needs.room.extend(paid.goods.pools());
    needs.shop.products.extend(paid.goods.pieces());
    if facts.shop.orders.knows(&paid.order)
        && let Some(order) = facts.shop.orders.get(&paid.order)
    {
        let limited = limits(facts, paid.goods).filter(|(_, limit)| limit.is_some());
        needs.shop.bought.extend(limited.map(|(pool, _)| (pool, order.member)));
    }
}

/// Whether an order that may be late can still be paid for: what it held counts, or as much is left and may be had by its member, and
/// its round sells.
fn can_be_had(facts: &Facts, order: &ShopOrder, context: &Context<'_>) -> bool {
    let round = order.goods.shares().and_then(|round| facts.shop.rounds.get(&round));
    let sells = round.is_none_or(|round| must_sell(round, context).is_ok());
    let quantity = order.quantity.get();
    let is_allowed = |pool| {
        let limit = limits(facts, order.goods).find(|(of, _)| *of == pool).and_then(|(_, limit)| limit);
        limit.is_none_or(|limit| {
            let claims = facts.shop.bought.get(&(pool, order.member)).into_iter().flatten();
            let others = claims.filter(|(id, claim)| **id != order.id && claim.stands_at(context.now));
            others.map(|(_, claim)| claim.quantity).sum::<i64>() + quantity <= limit.get()
        })
    };
    let is_there = |pool| {
        let hold = facts.holds.get(&(order.id, pool));
        let is_left = || left(facts, pool, context.now) >= quantity && is_allowed(pool);
        hold.is_some_and(|hold| hold.counts_at(context.now) || is_left())
    };
    sells && order.goods.pools().all(is_there)
}

pub(super) fn cancel(
    facts: &Facts,
    command: &CancelShopOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = own_order(facts, command.order, command.goods, context)?;
    let state = match order.state {
        ShopOrderState::Paid { paid_at, fulfilment: fulfilment @ Fulfilment::Pending }
            if order.share_numbers.is_empty() =>
        {
            ShopOrderState::Refunded { paid_at, ended_at: context.now, fulfilment }
        }
        ShopOrderState::Paid { .. } if !order.share_numbers.is_empty() => return Err(Refusal::SharesKept),
        ShopOrderState::Paid { fulfilment, .. } => {
            return Err(Refusal::FulfilmentStep { from: fulfilment, to: None });
        }
        _ => {
            must_be_payable(order, context)?;
            ShopOrderState::Cancelled { ended_at: context.now }
        }
    };
    let mut origin = None;
    if matches!(state, ShopOrderState::Refunded { .. }) {
        must_fit(facts, order.payer(), order.total)?;
        origin = must_go_back(facts, order, &command.back_to)?;
    }

    // After this point it must succeed.
    let cancelled = ShopOrder { state, updated_at: context.now, ..order.clone() };
    let back_to = if origin.is_some() { PayWith::Wechat } else { PayWith::Balance };
    end_claims(&mut draft, order);
    give_back(&mut draft, order);
    if let Some(origin) = origin {
        origin.pay(order.total, "取消订单", context, &mut draft);
    }
    draft.audit("shop_order.cancel", ("order", order.id.get()), Written::change(&trace(order), &trace(&cancelled)));
    draft.push(Change::ShopOrder(cancelled.clone()));
    let given_back = matches!(cancelled.state, ShopOrderState::Refunded { .. }).then(|| GivenBack {
        amount: order.total,
        to: back_to,
        pieces: order.goods.pieces().map_or(0, |_| order.quantity.get()),
        shares: 0,
    });
    let balance = Some(draft.balance(order.payer()));
    Ok(draft.finish(Outcome::ShopOrder(ShopOrderOutcome { order: cancelled, balance, warning: None, given_back })))
}

pub(super) fn step(
    facts: &Facts,
    command: &StepShopOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = existing_order(facts, command.order, command.goods)?;
    let (paid_at, from) = must_be_paid(order)?;
    let to = command.to;
    if !from.can_become(to, &order.delivery) {
        return Err(Refusal::FulfilmentStep { from, to: Some(to) });
    }

    // After this point it must succeed.
    let state = ShopOrderState::Paid { paid_at, fulfilment: to };
    let stepped = ShopOrder { state, updated_at: context.now, ..order.clone() };
    if let Some(product) = order.goods.pieces()
        && to.is_handed_over()
        && !from.is_handed_over()
    {
        draft.change_hold(order.id, product.into(), order.quantity.get(), HoldState::Consumed);
    }
    draft.audit("shop_order.step", ("order", order.id.get()), Written::change(&trace(order), &trace(&stepped)));
    draft.push(Change::ShopOrder(stepped.clone()));
    Ok(answer(draft, stepped, None, None))
}

pub(super) fn refund(
    facts: &Facts,
    command: &RefundShopOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = existing_order(facts, command.order, command.goods)?;
    let (paid_at, fulfilment) = must_be_paid(order)?;
    let round = order.goods.shares().filter(|_| !order.share_numbers.is_empty());
    let round = round.map(|round| existing_round(facts, round)).transpose()?;
    if round.is_some_and(|(round, _)| round.status() != RoundStatus::Open) {
        return Err(Refusal::SharesKept);
    }
    must_fit(facts, order.payer(), order.total)?;
    let origin = must_go_back(facts, order, &command.back_to)?;

    // After this point it must succeed.
    let state = ShopOrderState::Refunded { paid_at, ended_at: context.now, fulfilment };
    let refunded = ShopOrder { state, share_numbers: Vec::new(), updated_at: context.now, ..order.clone() };
    let to = if origin.is_some() { PayWith::Wechat } else { PayWith::Balance };
    let mut given_back = GivenBack { amount: order.total, to, pieces: 0, shares: 0 };
    if let Some(product) = order.goods.pieces()
        && !fulfilment.is_handed_over()
    {
        given_back.pieces = order.quantity.get();
        draft.change_hold(order.id, product.into(), order.quantity.get(), HoldState::Released);
    }
    if let Some((round, _)) = round {
        given_back.shares = order.quantity.get();
        draft.change_hold(order.id, round.pool(), order.quantity.get(), HoldState::Released);
        let mut reopened = Round { updated_at: context.now, ..round.clone() };
        reopened.free_numbers.extend(&order.share_numbers);
        draft.push(Change::Round(reopened));
    }
    give_back(&mut draft, order);
    if let Some(origin) = origin {
        origin.pay(order.total, command.reason.as_str(), context, &mut draft);
    }
    let written = Written::change(&trace(order), &trace(&refunded)).because(command.reason.as_str());
    draft.audit("shop_order.refund", ("order", order.id.get()), written);
    draft.push(Change::ShopOrder(refunded.clone()));
    let balance = Some(draft.balance(order.payer()));
    let given_back = Some(given_back);
    Ok(draft.finish(Outcome::ShopOrder(ShopOrderOutcome { order: refunded, balance, warning: None, given_back })))
}

pub(super) fn expire(
    facts: &Facts,
    command: &ExpireShopOrders,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Decision {
    let mut released = Vec::with_capacity(command.orders.len());
    for (&id, &goods) in &command.orders {
        let Ok(order) = existing_order(facts, id, goods) else { continue };
        if order.expires_at().is_none_or(|expires_at| context.now < expires_at) {
            continue;
        }
        let expired = ShopOrder {
            state: ShopOrderState::Expired { ended_at: context.now },
            notes: order.notes.and_line(&expiry_line(context.now)),
            updated_at: context.now,
            ..order.clone()
        };
        release(facts, &mut draft, order);
        let (before, after) = (order.status().as_str(), expired.status().as_str());
        draft.audit("shop_order.expire", ("order", id.get()), Written::change(&before, &after));
        draft.push(Change::ShopOrder(expired));
        released.push(id);
    }
    draft.finish(Outcome::Expired { released })
}

pub(super) fn note_stuck(
    facts: &Facts,
    command: &NoteStuckOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Decision {
    let before = facts.shop.stuck.get(&command.order);
    let attempts = before.map_or(0, |stuck| stuck.attempts) + 1;
    let wait = usize::try_from(attempts - 1).ok().and_then(|at| StuckOrder::RETRY_MS.get(at));
    let stuck = StuckOrder {
        order: command.order,
        attempts,
        retry_at: wait.map(|&wait| context.now.plus_millis(wait)),
        last_error: command.error.clone(),
    };
    let action = if stuck.retry_at.is_some() { "shop_order.stuck" } else { "shop_order.park" };
    draft.audit(action, ("order", command.order.get()), Written::after(&stuck).because(&command.error));
    draft.push(Change::StuckOrder(stuck.clone()));
    draft.finish(Outcome::Stuck { stuck })
}

pub(super) fn resolve_stuck(
    facts: &Facts,
    command: &ResolveStuckOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let order = existing_order(facts, command.order, command.goods)?;
    facts.shop.stuck.get(&order.id).ok_or(Refusal::NotFound { noun: Noun::Order })?;
    if order.expires_at().is_none_or(|expires_at| context.now < expires_at) {
        return Err(Refusal::ShopOrderOver { status: order.status() });
    }

    // After this point it must succeed.
    for pool in order.goods.pools() {
        let hold = facts.holds.get(&(order.id, pool));
        if let Some(hold) = hold.filter(|hold| hold.state != HoldState::Released) {
            draft.change_hold(order.id, pool, hold.quantity, HoldState::Released);
            let taken = &mut draft.pool(pool).taken;
            *taken = (*taken).max(0);
        }
    }
    let expired = ShopOrder {
        state: ShopOrderState::Expired { ended_at: context.now },
        notes: order.notes.and_line(&expiry_line(context.now)),
        updated_at: context.now,
        ..order.clone()
    };
    let written = Written::change(&trace(order), &trace(&expired)).because(command.reason.as_str());
    draft.audit("shop_order.resolve", ("order", order.id.get()), written);
    draft.push(Change::ShopOrder(expired.clone()));
    Ok(answer(draft, expired, None, None))
}

fn must_be_paid(order: &ShopOrder) -> Result<(crate::Instant, Fulfilment), Refusal> {
    match order.state {
        ShopOrderState::Paid { paid_at, fulfilment } => Ok((paid_at, fulfilment)),
        _ => Err(Refusal::ShopOrderOver { status: order.status() }),
    }
}

fn must_be_payable(order: &ShopOrder, context: &Context<'_>) -> Result<(), Refusal> {
    match order.state {
        ShopOrderState::Unpaid { expires_at } if context.now < expires_at => Ok(()),
        ShopOrderState::Unpaid { expires_at: since } => Err(Refusal::PaymentTooLate { since }),
        _ => Err(Refusal::ShopOrderOver { status: order.status() }),
    }
}

/// By a clock that is ahead of this one the deadline may be over, and somebody else may have what the order held.
fn must_hold(facts: &Facts, order: &ShopOrder) -> Result<(), Refusal> {
    let is_gone = |pool| facts.holds.get(&(order.id, pool)).is_none_or(|hold| hold.state == HoldState::Released);
    match order.state {
        ShopOrderState::Unpaid { expires_at: since } if order.goods.pools().any(is_gone) => {
            Err(Refusal::PaymentTooLate { since })
        }
        _ => Ok(()),
    }
}

fn must_sell(round: &Round, context: &Context<'_>) -> Result<(), Refusal> {
    if round.status() != RoundStatus::Open {
        return Err(Refusal::RoundNotOpen { status: round.status() });
    }
    if context.now < round.opens_at {
        return Err(Refusal::RoundNotBegun { opens_at: round.opens_at });
    }
    if context.now >= round.closes_at {
        return Err(Refusal::RoundOver { since: round.closes_at });
    }
    Ok(())
}

/// The balance after paying for an order; everybody's account must be able to hold what it will.
fn must_charge(facts: &Facts, order: &ShopOrder, member: &Member, context: &Context<'_>) -> Result<Cents, Refusal> {
    let overdraft = floor(facts, order.payer(), member, context);
    let balance = must_pay(account(facts, order.payer())?, overdraft, order.total)?;
    for (takings, amount) in parts(order) {
        if let Some(takings) = takings {
            must_fit(facts, takings, amount)?;
        }
    }
    Ok(balance)
}

/// Charges an order and gives it its shares' numbers.
fn settle(facts: &Facts, draft: &mut Draft<'_>, order: &mut ShopOrder, context: &Context<'_>) {
    let fulfilment = first_step(order.goods);
    order.state = ShopOrderState::Paid { paid_at: context.now, fulfilment };
    for (takings, amount) in parts(order) {
        if let Some(takings) = takings {
            draft.transfer(EntryKind::OrderCharge, Some(order.id), order.payer(), takings, amount);
        }
    }
    let round = order.goods.shares().and_then(|round| facts.shop.rounds.get(&round));
    if let Some(round) = round {
        let mut round = Round { updated_at: context.now, ..round.clone() };
        order.share_numbers = round.take_numbers(order.quantity.get());
        if round.numbered() == draft.pool(round.pool()).capacity {
            round.state = RoundState::SoldOut { since: context.now };
            let sold_out = serde_json::json!({ "status": round.status() });
            draft.audit("round.sold_out", ("round", round.id.get()), Written::after(&sold_out));
        }
        draft.push(Change::Round(round));
    }
}

fn first_step(goods: Goods) -> Fulfilment {
    if goods.pieces().is_some() { Fulfilment::Pending } else { Fulfilment::NotNeeded }
}

/// Ends what is left of an order's claims: a new buyer may have taken what it held already.
fn release(facts: &Facts, draft: &mut Draft<'_>, order: &ShopOrder) {
    for pool in order.goods.pools() {
        let hold = facts.holds.get(&(order.id, pool));
        if hold.is_none_or(|hold| hold.state != HoldState::Released) {
            draft.change_hold(order.id, pool, order.quantity.get(), HoldState::Released);
        }
    }
}

fn end_claims(draft: &mut Draft<'_>, order: &ShopOrder) {
    for pool in order.goods.pools() {
        draft.change_hold(order.id, pool, order.quantity.get(), HoldState::Released);
    }
}

/// What was paid for an order, if it was.
fn give_back(draft: &mut Draft<'_>, order: &ShopOrder) {
    if matches!(order.state, ShopOrderState::Paid { .. }) {
        for (takings, amount) in parts(order) {
            if let Some(takings) = takings {
                draft.transfer(EntryKind::OrderRefund, Some(order.id), takings, order.payer(), amount);
            }
        }
    }
}

fn standing<'a>(claims: Option<&'a Claims>, context: &Context<'_>) -> impl Iterator<Item = &'a crate::Claim> {
    let now = context.now;
    claims.into_iter().flat_map(Claims::values).filter(move |claim| claim.stands_at(now))
}

fn own_order<'a>(
    facts: &'a Facts,
    order: OrderId,
    goods: Goods,
    context: &Context<'_>,
) -> Result<&'a ShopOrder, Refusal> {
    let order = existing_order(facts, order, goods)?;
    if context.actor.member.is_some_and(|actor| actor != order.member) {
        return Err(Refusal::NotYours);
    }
    Ok(order)
}

fn answer(draft: Draft<'_>, order: ShopOrder, balance: Option<Cents>, warning: Option<Warning>) -> Decision {
    draft.finish(Outcome::ShopOrder(ShopOrderOutcome { order, balance, warning, given_back: None }))
}

/// The part of an order that an audit record keeps. Where somebody lives is not in it.
pub(super) fn trace(order: &ShopOrder) -> serde_json::Value {
    warned_trace(order, None)
}

fn warned_trace(order: &ShopOrder, warning: Option<Warning>) -> serde_json::Value {
    let mut trace = serde_json::json!({
        "product_id": order.goods.pieces(),
        "round_id": order.goods.round(),
        "quantity": order.quantity,
        "total_cents": order.total,
        "delivered": order.delivery != Delivery::PickUp,
        "share_numbers": order.share_numbers,
        "status": order.status(),
        "fulfillment_status": order.fulfilment_status(),
    });
    if let Some(warning) = warning {
        trace["warning"] = serde_json::json!(warning);
    }
    trace
}
