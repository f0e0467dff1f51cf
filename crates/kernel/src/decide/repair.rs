//! Putting stored rows right that contradict each other. Money that a repair gives back is posted like any other; what proves
//! something, an entry above all, is never rewritten. A repair that finds nothing wrong writes nothing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::draft::{Draft, OrderTrace, Written};
use crate::{
    BalanceRepair, CapacityRepair, CapacityStrategy, Cents, Change, Context, Currency, CutOrder, Decision, EntryKind,
    Facts, Hold, HoldState, Meal, MealId, MealOrder, MealStatus, Needs, Noun, OrderCut, OrderId, OrderStatus, Outcome,
    Owner, Pool, PoolId, PoolRepair, Quantity, Refusal, RepairBalance, RepairCapacity, RepairOrderStates, RepairPool,
    StatesRepair,
};

use super::meals::{existing, must_refund, open_orders, whole};

pub(super) fn balance_needs(command: &RepairBalance, needs: &mut Needs) {
    needs.accounts.insert(command.account);
    needs.ledgers.insert(command.account);
}

pub(super) fn balance(facts: &Facts, command: &RepairBalance, mut draft: Draft<'_>) -> Result<Decision, Refusal> {
    let account = facts.accounts.get(&command.account).ok_or(Refusal::NotFound { noun: Noun::Account })?;
    let ledger = facts.ledgers.get(&account.id).copied().unwrap_or_default();
    if ledger.count != ledger.last {
        return Err(Refusal::EntriesMissing { count: ledger.count, last: ledger.last });
    }
    let balance = Cents::ZERO.plus(Cents::new(ledger.sum))?;
    let difference = balance.minus(account.balance)?;

    // After this point it must succeed.
    let repaired = difference != Cents::ZERO || ledger.count != account.entries;
    if repaired {
        let before = serde_json::json!({ "balance_cents": account.balance, "entries": account.entries });
        let after = serde_json::json!({
            "balance_cents": balance, "entries": ledger.count, "difference_cents": difference,
        });
        draft.audit("repair.balance", (account.owner.kind(), account.owner.id()), Written::change(&before, &after));
        draft.push(Change::Account(crate::Account { balance, entries: ledger.count, ..account.clone() }));
    }
    Ok(draft.finish(Outcome::BalanceRepair(BalanceRepair {
        account: account.id,
        old_balance: account.balance,
        new_balance: balance,
        difference,
        old_entries: account.entries,
        new_entries: ledger.count,
        repaired,
    })))
}

/// The meal with every order that stands, every claim on its pool, and the accounts that refunds would go to.
pub(super) fn meal_needs(meal: MealId, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(meal);
    // All the rest is read after the pool's lock is held: nobody can add to it in between.
    if !facts.meals.knows(&meal) {
        return;
    }
    let pool = PoolId::from(meal);
    needs.open_orders.insert(meal);
    needs.completed_orders.insert(meal);
    needs.pool_holds.insert(pool);
    needs.accounts.insert(Owner::Meal(meal).account(Currency::Cny));
    if facts.pool_holds.knows(&pool) {
        // Whether somebody's claim belongs to an order at all.
        needs.orders.extend(facts.pool_holds.get(&pool).into_iter().flatten());
    }
    if facts.open_orders.knows(&meal) && facts.completed_orders.knows(&meal) {
        needs.accounts.extend(standing(facts, meal).map(|order| order.payer));
    }
}

/// Beside all that, what each order has really paid.
pub(super) fn states_needs(meal: MealId, facts: &Facts, needs: &mut Needs) {
    meal_needs(meal, facts, needs);
    needs.order_sums.insert(Owner::Meal(meal).account(Currency::Cny));
}

/// What a repair has made of some of a meal's orders; the others are as they were.
type Changed = BTreeMap<OrderId, MealOrder>;

pub(super) fn capacity(
    facts: &Facts,
    command: &RepairCapacity,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (meal, pool) = existing(facts, command.meal)?;
    let open: Vec<&MealOrder> = open_orders(facts, meal.id).collect();
    let reducible: i64 = open.iter().map(|order| order.quantity.get()).sum();
    let untouchable: i64 = completed_orders(facts, meal.id).map(|order| order.quantity.get()).sum();
    let untouchable = untouchable + other_claims(facts, meal, context).map(|hold| hold.quantity).sum::<i64>();
    let excess = (reducible + untouchable - pool.capacity).max(0);
    if excess > reducible {
        return Err(Refusal::OverCapacity { ordered: untouchable, capacity: pool.capacity });
    }
    must_refund(facts, open.iter().copied().map(whole))?;

    // After this point it must succeed.
    let mut changed = Changed::new();
    let mut orders = Vec::new();
    if excess > 0 {
        let cuts = match command.strategy {
            CapacityStrategy::CancelLatest => latest(open, excess),
            CapacityStrategy::ReduceProportional => proportional(open, reducible - excess),
        };
        for (order, quantity) in cuts {
            let after = cut(&mut draft, meal, order, quantity, command.strategy, context);
            orders.push(CutOrder {
                order_id: order.id,
                user_id: order.member,
                old_quantity: order.quantity.get(),
                new_quantity: quantity,
                refund_cents: Cents::new(order.total.get() - if quantity > 0 { after.total.get() } else { 0 }),
                action: if quantity > 0 { OrderCut::Reduced } else { OrderCut::Canceled },
            });
            changed.insert(order.id, after);
        }
        line_up(&mut draft, facts, meal, &changed, context);
        let before = serde_json::json!({ "ordered": pool.capacity + excess, "capacity": pool.capacity });
        let after = serde_json::json!({
            "ordered": pool.capacity, "capacity": pool.capacity, "strategy": command.strategy,
            "orders": orders.len(), "excess": excess,
        });
        draft.audit("repair.capacity", ("meal", meal.id.get()), Written::change(&before, &after));
    }
    Ok(draft.finish(Outcome::CapacityRepair(CapacityRepair {
        meal: meal.id,
        strategy: command.strategy,
        orders,
        excess_resolved: excess,
    })))
}

/// Which orders keep how much where the newest give way first.
fn latest(mut open: Vec<&MealOrder>, mut excess: i64) -> Vec<(&MealOrder, i64)> {
    open.sort_unstable_by_key(|order| Reverse((order.created_at, order.id)));
    let mut cuts = Vec::new();
    for order in open {
        if excess == 0 {
            break;
        }
        let gone = order.quantity.get().min(excess);
        excess -= gone;
        cuts.push((order, order.quantity.get() - gone));
    }
    cuts
}

/// Which orders keep how much where `left` portions are shared by what was ordered. Everybody keeps the whole portions of the
/// exact share; what is left over goes, a portion each, to those whose share was cut by most, the oldest order first among equals.
fn proportional(mut open: Vec<&MealOrder>, left: i64) -> Vec<(&MealOrder, i64)> {
    let ordered: i64 = open.iter().map(|order| order.quantity.get()).sum();
    open.sort_unstable_by_key(|order| (order.created_at, order.id));
    let mut shares: Vec<(&MealOrder, i64, i64)> = Vec::with_capacity(open.len());
    for order in open {
        // A quantity is at most a thousand and all of them a few million: the product is far from any end.
        let exact = order.quantity.get() * left;
        shares.push((order, exact / ordered, exact % ordered));
    }
    let mut over = left - shares.iter().map(|&(_, whole, _)| whole).sum::<i64>();
    let mut by_rest: Vec<usize> = (0..shares.len()).collect();
    by_rest.sort_by_key(|&at| Reverse(shares[at].2));
    for at in by_rest {
        if over == 0 {
            break;
        }
        shares[at].1 += 1;
        over -= 1;
    }
    let shares = shares.into_iter().map(|(order, kept, _)| (order, kept));
    shares.filter(|(order, kept)| *kept < order.quantity.get()).collect()
}

/// What `quantity` of an order's portions cost: the same unit price, so the order's total × new ÷ old. A total is a multiple of its
/// quantity, and then this is exact; of any other it is rounded to the nearest cent, half a cent up. What goes back is the rest,
/// so no cent is lost.
fn total_for(order: &MealOrder, quantity: i64) -> Cents {
    let (total, old) = (i128::from(order.total.get()), i128::from(order.quantity.get()));
    let rounded = (2 * total * i128::from(quantity) + old) / (2 * old);
    // No more than the old total, which fits.
    Cents::new(i64::try_from(rounded).unwrap_or(order.total.get()))
}

/// Leaves an order `quantity` portions and gives back the rest of what it paid; one without any is refunded as a whole.
fn cut(
    draft: &mut Draft<'_>,
    meal: &Meal,
    order: &MealOrder,
    quantity: i64,
    strategy: CapacityStrategy,
    context: &Context<'_>,
) -> MealOrder {
    let Ok(kept) = Quantity::try_from(quantity) else {
        return refund(draft, meal, order, order.total, strategy.as_str(), context);
    };
    let reduced =
        MealOrder { quantity: kept, total: total_for(order, quantity), updated_at: context.now, ..order.clone() };
    let difference = Cents::new(reduced.total.get() - order.total.get());
    draft.transfer(EntryKind::OrderChange, Some(order.id), order.payer, meal.takings(), difference);
    let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&reduced)).because(strategy.as_str());
    draft.audit("order.reduce", ("order", order.id.get()), written);
    draft.push(Change::Order(reduced.clone()));
    reduced
}

fn refund(
    draft: &mut Draft<'_>,
    meal: &Meal,
    order: &MealOrder,
    back: Cents,
    reason: &str,
    context: &Context<'_>,
) -> MealOrder {
    let refunded = MealOrder { status: OrderStatus::Refunded, updated_at: context.now, ..order.clone() };
    draft.transfer(EntryKind::OrderRefund, Some(order.id), meal.takings(), order.payer, back);
    let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&refunded)).because(reason);
    draft.audit("order.refund", ("order", order.id.get()), written);
    draft.push(Change::Order(refunded.clone()));
    refunded
}

pub(super) fn states(
    facts: &Facts,
    command: &RepairOrderStates,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (meal, pool) = existing(facts, command.meal)?;
    let status = due(meal, context);
    let stale = || standing(facts, meal.id).filter_map(|order| Some((order, ruled(status, order.status)?)));
    // The order's own total may be what is wrong.
    let sums = facts.order_sums.get(&meal.takings());
    let paid = |order: &MealOrder| sums.and_then(|sums| sums.get(&order.id)).copied().unwrap_or(Cents::ZERO);
    if status == MealStatus::Canceled {
        must_refund(facts, stale().map(|(order, _)| (order, paid(order))))?;
    } else if stale().next().is_some() {
        must_line_up(facts, meal, pool, context)?;
    }

    // After this point it must succeed.
    let mut changed = Changed::new();
    let mut refunded = 0;
    for (order, becomes) in stale() {
        let after = if becomes == OrderStatus::Refunded {
            refunded += paid(order).get();
            refund(&mut draft, meal, order, paid(order), status.as_str(), context)
        } else {
            let after = MealOrder { status: becomes, updated_at: context.now, ..order.clone() };
            let action = match becomes {
                OrderStatus::Completed => "order.complete",
                OrderStatus::Locked => "order.lock",
                _ => "order.unlock",
            };
            let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&after));
            let written = written.because(status.as_str());
            draft.audit(action, ("order", order.id.get()), written);
            draft.push(Change::Order(after.clone()));
            after
        };
        changed.insert(order.id, after);
    }
    if !changed.is_empty() {
        line_up(&mut draft, facts, meal, &changed, context);
        if status != meal.status {
            draft.push(Change::Meal(Meal { status, updated_at: context.now, ..meal.clone() }));
        }
        let before = serde_json::json!({ "status": meal.status });
        let after = serde_json::json!({
            "status": status, "orders": changed.len(), "refunded_cents": refunded,
        });
        draft.audit("repair.order_states", ("meal", meal.id.get()), Written::change(&before, &after));
    }
    Ok(draft.finish(Outcome::StatesRepair(StatesRepair {
        meal: meal.id,
        orders: changed.into_keys().collect(),
        refunded: Cents::new(refunded),
    })))
}

/// What a meal ought to be: one that nobody has closed by the day after it was eaten is over.
fn due(meal: &Meal, context: &Context<'_>) -> MealStatus {
    match meal.status {
        MealStatus::Published if meal.date < context.today.plus_days(-1) => MealStatus::Completed,
        status => status,
    }
}

/// What a standing order has to become in a meal of this state, if it cannot stay what it is. A draft is one that only has to be
/// published again, and what was completed by itself stays so, unless the meal never took place.
fn ruled(meal: MealStatus, order: OrderStatus) -> Option<OrderStatus> {
    use OrderStatus::{Active, Completed, Locked, Refunded};
    match (meal, order) {
        (MealStatus::Canceled, Active | Locked | Completed) => Some(Refunded),
        (MealStatus::Completed, Active | Locked) => Some(Completed),
        (MealStatus::Locked, Active) => Some(Locked),
        (MealStatus::Draft | MealStatus::Published, Locked) => Some(Active),
        _ => None,
    }
}

pub(super) fn pool(
    facts: &Facts,
    command: &RepairPool,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (meal, pool) = existing(facts, command.meal)?;
    must_line_up(facts, meal, pool, context)?;

    // After this point it must succeed.
    let (taken, holds_changed) = line_up(&mut draft, facts, meal, &Changed::new(), context);
    let outcome = PoolRepair { meal: meal.id, old_taken: pool.taken, new_taken: taken, holds_changed };
    if outcome.repaired() {
        let before = serde_json::json!({ "taken": pool.taken });
        let after = serde_json::json!({ "taken": taken, "holds_changed": holds_changed });
        draft.audit("repair.pool", ("meal", meal.id.get()), Written::change(&before, &after));
    }
    Ok(draft.finish(Outcome::PoolRepair(outcome)))
}

/// Whether the orders as they stand fit into the pool at all.
fn must_line_up(facts: &Facts, meal: &Meal, pool: &Pool, context: &Context<'_>) -> Result<(), Refusal> {
    let ordered: i64 = standing(facts, meal.id).map(|order| order.quantity.get()).sum();
    let claimed: i64 = other_claims(facts, meal, context).map(|hold| hold.quantity).sum();
    if ordered + claimed > pool.capacity {
        return Err(Refusal::OverCapacity { ordered: ordered + claimed, capacity: pool.capacity });
    }
    Ok(())
}

/// Makes every claim on a meal's pool what its order says and the pool what the claims add up to. Says what is taken then, and how
/// many claims it changed.
fn line_up(draft: &mut Draft<'_>, facts: &Facts, meal: &Meal, changed: &Changed, context: &Context<'_>) -> (i64, i64) {
    let (mut taken, mut holds_changed) = (0, 0);
    let mut right: BTreeMap<OrderId, (i64, HoldState)> = BTreeMap::new();
    for order in standing(facts, meal.id) {
        let order = changed.get(&order.id).unwrap_or(order);
        let state = match order.status {
            OrderStatus::Active | OrderStatus::Locked => HoldState::Held,
            OrderStatus::Completed => HoldState::Consumed,
            OrderStatus::Canceled | OrderStatus::Refunded => HoldState::Released,
        };
        right.insert(order.id, (order.quantity.get(), state));
    }
    let claimed = facts.pool_holds.get(&meal.pool()).into_iter().flatten();
    for hold in claimed.filter_map(|&order| facts.holds.get(&(order, meal.pool()))) {
        let counts = is_other_claim(facts, hold) && hold.counts_at(context.now);
        let state = if counts { hold.state } else { HoldState::Released };
        right.entry(hold.order).or_insert((hold.quantity, state));
    }
    for (order, (quantity, state)) in right {
        let before = facts.holds.get(&(order, meal.pool()));
        let is_right = |hold: &&Hold| (hold.quantity, hold.state) == (quantity, state);
        // No claim is as good as a released one.
        let needless = before.is_none() && state == HoldState::Released;
        if before.filter(is_right).is_none() && !needless {
            // A deadline that is over must not end a claim that its order still has.
            let keeps = |hold: &&Hold| state == HoldState::Released || hold.counts_at(context.now);
            let expires_at = before.filter(keeps);
            draft.set_hold(Hold {
                order,
                pool: meal.pool(),
                quantity,
                state,
                expires_at: expires_at.and_then(|hold| hold.expires_at),
            });
            holds_changed += 1;
        }
        if state != HoldState::Released {
            taken += quantity;
        }
    }
    if facts.pools.get(&meal.pool()).is_none_or(|pool| pool.taken != taken) {
        draft.pool(meal.pool()).taken = taken;
    }
    (taken, holds_changed)
}

/// The claims on a meal's pool that still count and are not meal orders': theirs is another business, with a deadline.
fn other_claims<'a>(facts: &'a Facts, meal: &Meal, context: &Context<'_>) -> impl Iterator<Item = &'a Hold> {
    let (pool, now) = (meal.pool(), context.now);
    let claimed = facts.pool_holds.get(&pool).into_iter().flatten();
    claimed
        .filter_map(move |&order| facts.holds.get(&(order, pool)))
        .filter(move |hold| is_other_claim(facts, hold) && hold.counts_at(now))
}

fn is_other_claim(facts: &Facts, hold: &Hold) -> bool {
    facts.orders.get(&hold.order).is_none() && hold.expires_at.is_some()
}

fn completed_orders(facts: &Facts, meal: MealId) -> impl Iterator<Item = &MealOrder> {
    facts.completed_orders.get(&meal).into_iter().flatten().filter_map(|order| facts.orders.get(order))
}

fn standing(facts: &Facts, meal: MealId) -> impl Iterator<Item = &MealOrder> {
    open_orders(facts, meal).chain(completed_orders(facts, meal))
}
