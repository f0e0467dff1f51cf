use std::collections::{BTreeSet, HashMap};

use crate::draft::{Draft, OrderTrace, Written};
use crate::meal::{must_differ, number_options};
use crate::pickup::windows_in_order;
use crate::{
    Account, CancelMeal, Cents, Change, Context, CopiedMeal, CopyMeals, CreateMeal, Currency, Danger, Decision,
    EditMeal, Facts, HoldState, Meal, MealCopy, MealId, MealOrder, MealOutcome, MealPatch, MealStatus, MealStep, Needs,
    Noun, OrderStatus, Outcome, Owner, Pool, Price, Refusal, RepostMeal, Step,
};

use super::orders::end;

pub(super) fn create(
    facts: &Facts,
    command: &CreateMeal,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_be_new(facts, command)?;

    // After this point it must succeed.
    let (meal, pool) = make(&mut draft, command, context);
    Ok(draft.finish(answer(meal, pool, 0, Cents::ZERO)))
}

pub(super) fn copy(facts: &Facts, command: &CopyMeals, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let mut copies: Vec<CopiedMeal> = Vec::with_capacity(command.copies.len());
    for MealCopy { source, meal } in &command.copies {
        let (source, date, slot) = (*source, meal.date, meal.slot);
        let copy = must_be_new(facts, meal).and_then(|()| {
            let made = copies.iter().filter(|made| (made.date, made.slot) == (date, slot));
            match made.filter_map(|made| made.copy.as_ref().ok()).next() {
                Some(&meal) => Err(Refusal::DateTaken { date, slot, meal }),
                None => Ok(make(&mut draft, meal, context).0.id),
            }
        });
        copies.push(CopiedMeal { source, date, slot, copy });
    }
    draft.finish(Outcome::Meals { copies })
}

fn must_be_new(facts: &Facts, command: &CreateMeal) -> Result<(), Refusal> {
    must_be_sound(Some(command.base_price), Some(command.capacity))?;
    must_differ(&command.options)?;
    match facts.meal_at.get(&(command.date, command.slot)) {
        Some(&meal) => Err(Refusal::DateTaken { date: command.date, slot: command.slot, meal }),
        None => Ok(()),
    }
}

fn make(draft: &mut Draft<'_>, command: &CreateMeal, context: &Context<'_>) -> (Meal, Pool) {
    let options = number_options(&command.options, &[]);
    let meal = Meal {
        id: MealId::new(draft.next_id()),
        date: command.date,
        slot: command.slot,
        title: command.title.clone(),
        description: command.description.clone(),
        base_price: command.base_price.cents(),
        options,
        status: if command.publish { MealStatus::Published } else { MealStatus::Draft },
        orders_close_at: command.orders_close_at,
        pickup_windows: windows_in_order(&command.pickup_windows),
        created_at: context.now,
        updated_at: context.now,
    };
    let pool = Pool { id: meal.pool(), capacity: command.capacity, taken: 0, issued: 0 };
    draft.push(Change::Account(Account::open(Owner::Meal(meal.id), Currency::Cny)));
    draft.push(Change::Pool(pool));
    draft.audit("meal.create", ("meal", meal.id.get()), Written::after(&trace(&meal, &pool)));
    draft.push(Change::Meal(meal.clone()));
    (meal, pool)
}

pub(super) fn edit(
    facts: &Facts,
    command: &EditMeal,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_be_sound_patch(&command.patch)?;
    let (meal, pool) = existing(facts, command.meal)?;
    if matches!(meal.status, MealStatus::Completed | MealStatus::Canceled) {
        return Err(Refusal::MealFinal { status: meal.status });
    }
    let edited = patched(meal, &command.patch, context);
    let capacity = command.patch.capacity.unwrap_or(pool.capacity);
    let lapsed: i64 = facts.lapsed(pool.id, context.now).map(|hold| hold.quantity).sum();
    let dangers = dangers(meal, &edited, capacity, pool.taken - lapsed);
    if meal.status != MealStatus::Draft && !dangers.is_empty() {
        return Err(Refusal::DangerousEdit { dangers });
    }

    // After this point it must succeed.
    draft.release_lapsed(pool.id);
    draft.pool(pool.id).capacity = capacity;
    let edited_pool = *draft.pool(pool.id);
    let written = Written::change(&trace(meal, pool), &trace(&edited, &edited_pool));
    draft.audit("meal.edit", ("meal", meal.id.get()), written);
    draft.push(Change::Meal(edited.clone()));
    Ok(draft.finish(answer(edited, edited_pool, 0, Cents::ZERO)))
}

/// The meal with all its open orders.
pub(super) fn wide_needs(meal: MealId, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(meal);
    // The orders are read after the pool's lock is held: nobody can add one in between.
    if facts.meals.knows(&meal) {
        needs.open_orders.insert(meal);
    }
}

pub(super) fn step_needs(command: &MealStep, facts: &Facts, needs: &mut Needs) {
    wide_needs(command.meal, facts, needs);
    if command.step == Step::Complete && facts.meals.knows(&command.meal) {
        needs.completed_orders.insert(command.meal);
    }
}

pub(super) fn refund_needs(meal: MealId, facts: &Facts, needs: &mut Needs) {
    wide_needs(meal, facts, needs);
    needs.accounts.insert(Owner::Meal(meal).account(Currency::Cny));
    if facts.open_orders.knows(&meal) {
        needs.accounts.extend(open_orders(facts, meal).map(|order| order.payer));
    }
}

pub(super) fn step(
    facts: &Facts,
    command: &MealStep,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    use OrderStatus::{Active, Completed, Locked};

    let (meal, pool) = existing(facts, command.meal)?;
    let step = command.step;
    if meal.status != step.begins_in() {
        return Err(Refusal::MealStep { from: meal.status, to: step.ends_in() });
    }

    // After this point it must succeed.
    let (of_orders, action) = match step {
        // A draft has no orders.
        Step::Publish => (None, "meal.publish"),
        Step::Lock => (Some((Active, Locked, "order.lock")), "meal.lock"),
        Step::Unlock => (Some((Locked, Active, "order.unlock")), "meal.unlock"),
        Step::Complete => (Some((Locked, Completed, "order.complete")), "meal.complete"),
    };
    let mut orders_changed = 0;
    if let Some((from, to, order_action)) = of_orders {
        for order in open_orders(facts, meal.id).filter(|order| order.status == from) {
            let changed = MealOrder { status: to, updated_at: context.now, ..order.clone() };
            if to == Completed {
                draft.change_hold(order.id, meal.pool(), order.quantity.get(), HoldState::Consumed);
            }
            let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&changed));
            draft.audit(order_action, ("order", order.id.get()), written);
            draft.push(Change::Order(changed));
            orders_changed += 1;
        }
    }
    let stepped = Meal { status: step.ends_in(), updated_at: context.now, ..meal.clone() };
    let pool = *draft.pool(pool.id);
    let written = match step {
        Step::Complete => {
            let fetched = fetched(facts, meal.id);
            let after = serde_json::json!({ "status": stepped.status, "redeemed": fetched.0, "no_shows": fetched.1 });
            Written::change(&serde_json::json!({ "status": meal.status }), &after)
        }
        _ => Written::change(&meal.status, &stepped.status),
    };
    draft.audit(action, ("meal", meal.id.get()), written);
    draft.push(Change::Meal(stepped.clone()));
    Ok(draft.finish(answer(stepped, pool, orders_changed, Cents::ZERO)))
}

pub(super) fn cancel(
    facts: &Facts,
    command: &CancelMeal,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (meal, pool) = existing(facts, command.meal)?;
    if !meal.status.can_become(MealStatus::Canceled) {
        return Err(Refusal::MealStep { from: meal.status, to: MealStatus::Canceled });
    }
    let completed = facts.completed_orders.get(&meal.id).map_or(0, BTreeSet::len);
    if completed > 0 {
        let count = i64::try_from(completed).unwrap_or(i64::MAX);
        return Err(Refusal::OrdersCompleted { count });
    }
    must_refund(facts, open_orders(facts, meal.id).map(whole))?;

    // After this point it must succeed.
    let (orders_changed, refunded) = refund_all(&mut draft, facts, meal, context, command.reason.as_str());
    let canceled = Meal { status: MealStatus::Canceled, updated_at: context.now, ..meal.clone() };
    let pool = *draft.pool(pool.id);
    let written = Written::change(&meal.status, &canceled.status).because(command.reason.as_str());
    draft.audit("meal.cancel", ("meal", meal.id.get()), written);
    draft.push(Change::Meal(canceled.clone()));
    Ok(draft.finish(answer(canceled, pool, orders_changed, refunded)))
}

pub(super) fn repost(
    facts: &Facts,
    command: &RepostMeal,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_be_sound_patch(&command.patch)?;
    let (meal, pool) = existing(facts, command.meal)?;
    if meal.status != MealStatus::Published {
        return Err(Refusal::MealNotOpen { status: meal.status });
    }
    let capacity = command.patch.capacity.unwrap_or(pool.capacity);
    must_keep(facts, pool, meal, capacity, context)?;
    must_refund(facts, open_orders(facts, meal.id).map(whole))?;

    // After this point it must succeed.
    let (orders_changed, refunded) = refund_all(&mut draft, facts, meal, context, command.reason.as_str());
    draft.release_lapsed(pool.id);
    draft.pool(pool.id).capacity = capacity;
    let freed = *draft.pool(pool.id);
    let edited = patched(meal, &command.patch, context);
    let written = Written::change(&trace(meal, pool), &trace(&edited, &freed)).because(command.reason.as_str());
    draft.audit("meal.repost", ("meal", meal.id.get()), written);
    draft.push(Change::Meal(edited.clone()));
    Ok(draft.finish(answer(edited, freed, orders_changed, refunded)))
}

/// Whether what a repost does not refund, completed orders and claims of another kind, fits into the capacity.
fn must_keep(facts: &Facts, pool: &Pool, meal: &Meal, capacity: i64, context: &Context<'_>) -> Result<(), Refusal> {
    let lapsed: i64 = facts.lapsed(pool.id, context.now).map(|hold| hold.quantity).sum();
    let freed: i64 = open_orders(facts, meal.id)
        .filter_map(|order| facts.holds.get(&(order.id, pool.id)))
        .filter(|hold| hold.counts_at(context.now))
        .map(|hold| hold.quantity)
        .sum();
    let ordered = pool.taken - lapsed - freed;
    if capacity < ordered {
        let dangers = vec![Danger::Capacity { to: capacity, ordered }];
        return Err(Refusal::DangerousEdit { dangers });
    }
    Ok(())
}

/// Whether every payer's account can take its money back; a department may have paid for many orders.
pub(super) fn must_refund<'a>(
    facts: &Facts,
    refunds: impl Iterator<Item = (&'a MealOrder, Cents)>,
) -> Result<(), Refusal> {
    let mut balances = HashMap::new();
    for (order, back) in refunds {
        let account = facts.accounts.get(&order.payer).ok_or(Refusal::AmountOutOfRange)?;
        let balance = balances.entry(account.id).or_insert(account.balance);
        *balance = balance.plus(back)?;
    }
    Ok(())
}

/// Each order with all that it cost.
pub(super) fn whole(order: &MealOrder) -> (&MealOrder, Cents) {
    (order, order.total)
}

fn refund_all(draft: &mut Draft<'_>, facts: &Facts, meal: &Meal, context: &Context<'_>, reason: &str) -> (i64, Cents) {
    let (mut count, mut refunded) = (0, 0);
    for order in open_orders(facts, meal.id) {
        let ended = end(draft, order, meal, OrderStatus::Refunded, context);
        let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&ended)).because(reason);
        draft.audit("order.refund", ("order", order.id.get()), written);
        count += 1;
        refunded += order.total.get();
    }
    (count, Cents::new(refunded))
}

/// How many orders of a meal that is completed were handed out, and how many nobody came for.
fn fetched(facts: &Facts, meal: MealId) -> (usize, usize) {
    let completed = facts.completed_orders.get(&meal).into_iter().flatten().filter_map(|id| facts.orders.get(id));
    let open = open_orders(facts, meal).filter(|order| order.status == OrderStatus::Locked);
    let (redeemed, waiting): (Vec<_>, Vec<_>) = completed.chain(open).partition(|order| order.redeemed_at.is_some());
    (redeemed.len(), waiting.len())
}

pub(super) fn open_orders(facts: &Facts, meal: MealId) -> impl Iterator<Item = &MealOrder> {
    facts.open_orders.get(&meal).into_iter().flatten().filter_map(|order| facts.orders.get(order))
}

pub(super) fn existing(facts: &Facts, meal: MealId) -> Result<(&Meal, &Pool), Refusal> {
    let meal = facts.meals.get(&meal).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let pool = facts.pools.get(&meal.pool()).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    Ok((meal, pool))
}

/// What can be wrong with a menu whatever meal it is for.
fn must_be_sound(base_price: Option<Price>, capacity: Option<i64>) -> Result<(), Refusal> {
    if base_price.is_some_and(|price| price.cents().is_negative()) {
        return Err(Refusal::NegativePrice);
    }
    if capacity.is_some_and(|capacity| !(0..=Pool::MAX_CAPACITY).contains(&capacity)) {
        return Err(Refusal::CapacityOutOfRange { most: Pool::MAX_CAPACITY });
    }
    Ok(())
}

fn must_be_sound_patch(patch: &MealPatch) -> Result<(), Refusal> {
    must_be_sound(patch.base_price, patch.capacity)?;
    patch.options.as_deref().map_or(Ok(()), must_differ)
}

fn patched(meal: &Meal, patch: &MealPatch, context: &Context<'_>) -> Meal {
    let options = patch.options.as_deref();
    let options = options.map(|options| number_options(options, &meal.options));
    let windows = patch.pickup_windows.as_deref().map(windows_in_order);
    Meal {
        title: patch.title.clone().unwrap_or_else(|| meal.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| meal.description.clone()),
        base_price: patch.base_price.map_or(meal.base_price, Price::cents),
        options: options.unwrap_or_else(|| meal.options.clone()),
        orders_close_at: patch.orders_close_at.unwrap_or(meal.orders_close_at),
        pickup_windows: windows.unwrap_or_else(|| meal.pickup_windows.clone()),
        updated_at: context.now,
        ..meal.clone()
    }
}

fn dangers(meal: &Meal, edited: &Meal, capacity: i64, ordered: i64) -> Vec<Danger> {
    let mut dangers = Vec::new();
    if edited.base_price != meal.base_price {
        dangers.push(Danger::BasePriceCents { from: meal.base_price, to: edited.base_price });
    }
    if capacity < ordered {
        dangers.push(Danger::Capacity { to: capacity, ordered });
    }
    for option in &meal.options {
        let (id, name, from) = (option.id.clone(), option.name.clone(), option.price_cents);
        match edited.options.iter().find(|kept| kept.id == option.id) {
            None => dangers.push(Danger::OptionRemoved { id, name }),
            Some(kept) if kept.price_cents != from => {
                dangers.push(Danger::OptionPriceCents { id, name, from, to: kept.price_cents });
            }
            Some(_) => {}
        }
    }
    dangers
}

fn trace(meal: &Meal, pool: &Pool) -> serde_json::Value {
    let mut trace = serde_json::json!({
        "title": meal.title,
        "description": meal.description,
        "base_price_cents": meal.base_price,
        "capacity": pool.capacity,
        "options": meal.options,
        "status": meal.status,
        "orders_close_at": meal.orders_close_at,
    });
    if !meal.pickup_windows.is_empty() {
        trace["pickup_windows"] = serde_json::json!(meal.pickup_windows);
    }
    trace
}

fn answer(meal: Meal, pool: Pool, orders_changed: i64, refunded: Cents) -> Outcome {
    Outcome::Meal(MealOutcome { meal, pool, orders_changed, refunded })
}
