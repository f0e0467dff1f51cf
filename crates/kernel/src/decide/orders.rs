use crate::draft::{Draft, OrderTrace, Written};
use crate::ledger::Blocked;
use crate::order::order_no;
use crate::{
    Account, AccountId, CancelOrder, Cents, Change, Context, Currency, Decision, DepartmentId, EntryKind, Facts,
    GroupOrderId, HoldState, Meal, MealId, MealOption, MealOrder, MealStatus, Member, MemberId, MemberStatus,
    ModifyOrder, Needs, Note, Noun, OrderAction, OrderId, OrderOutcome, OrderStatus, Outcome, Overdraft, Owner, Payer,
    PickupCode, PickupWindow, PlaceOrder, ProcessOrders, ProcessedOrder, Quantity, RedeemOrder, Refusal, Warning,
    price,
};

pub(super) fn place_needs(command: &PlaceOrder, facts: &Facts, needs: &mut Needs) {
    buyer_needs(command.meal, command.member, facts, needs);
}

/// What one member's order for one meal depends on.
pub(super) fn buyer_needs(meal: MealId, member: MemberId, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(meal);
    needs.members.insert(member);
    needs.standing_orders.insert((meal, member));
    needs.accounts.insert(Owner::Meal(meal).account(Currency::Cny));
    let member = facts.members.knows(&member).then(|| facts.members.get(&member)).flatten();
    if let Some(member) = member {
        needs.departments.extend(member.department);
        let ready = member.department.is_none_or(|department| facts.departments.knows(&department));
        if ready {
            needs.accounts.insert(payer(facts, member));
        }
    }
}

pub(super) fn place(
    facts: &Facts,
    command: &PlaceOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let meal = facts.meals.get(&command.meal).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let member = facts.members.get(&command.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    if member.status == MemberStatus::Disabled {
        return Err(Refusal::MemberDisabled);
    }
    let options = meal.choose(&command.options)?;
    meal.must_offer(command.pickup_window)?;
    must_be_open(meal, context)?;
    if let Some(&order) = facts.standing_order.get(&(meal.id, member.id)) {
        return Err(Refusal::DuplicateOrder { order });
    }
    must_leave(left(facts, meal, context)?, command.quantity.get())?;
    let total = price(meal.base_price, &options, command.quantity)?;
    let payer = payer(facts, member);
    let balance = must_pay(account(facts, payer)?, floor(facts, payer, member, context), total)?;
    must_fit(facts, meal.takings(), total)?;

    // After this point it must succeed.
    let warning = warning(balance, total);
    let (quantity, notes) = (command.quantity, command.notes.clone());
    let placed = Placed {
        member: member.id,
        meal,
        payer,
        quantity,
        options,
        total,
        notes,
        pickup_window: command.pickup_window,
        group_order: None,
        warning,
    };
    let order = put(&mut draft, placed, context);
    Ok(draft.finish(Outcome::Order(OrderOutcome { order, balance, price_difference: total, warning })))
}

/// An order that nothing speaks against any more.
pub(super) struct Placed<'a> {
    pub(super) member: MemberId,
    pub(super) meal: &'a Meal,
    pub(super) payer: AccountId,
    pub(super) quantity: Quantity,
    pub(super) options: Vec<MealOption>,
    pub(super) total: Cents,
    pub(super) notes: Note,
    pub(super) pickup_window: Option<PickupWindow>,
    pub(super) group_order: Option<GroupOrderId>,
    pub(super) warning: Option<Warning>,
}

/// Takes what an order takes, and pays for it.
pub(super) fn put(draft: &mut Draft<'_>, placed: Placed<'_>, context: &Context<'_>) -> MealOrder {
    let id = OrderId::new(draft.next_id());
    let Placed { member, meal, payer, quantity, options, total, notes, pickup_window, group_order, warning } = placed;
    let number = draft.issue(meal.pool());
    let order = MealOrder {
        id,
        order_no: order_no("MEAL", context.today, id),
        member,
        meal: meal.id,
        payer,
        quantity,
        options,
        total,
        notes,
        status: OrderStatus::Active,
        placed_by: context.actor.member.filter(|&actor| actor != member),
        group_order,
        redeemed_at: None,
        redeemed_by: None,
        pickup_code: PickupCode::of(meal.id, meal.slot, number),
        pickup_window,
        created_at: context.now,
        updated_at: context.now,
    };
    draft.hold(id, meal.pool(), quantity.get());
    draft.transfer(EntryKind::OrderCharge, Some(id), payer, meal.takings(), total);
    draft.audit("order.place", ("order", id.get()), Written::after(&OrderTrace::of(&order).warned(warning)));
    draft.push(Change::Order(order.clone()));
    order
}

/// What its owner's changes depend on: beside the rest, on who booked it and on who pays.
pub(super) fn change_needs(order: OrderId, meal: MealId, facts: &Facts, needs: &mut Needs) {
    existing_needs(order, meal, facts, needs);
    let Some(order) = facts.orders.knows(&order).then(|| facts.orders.get(&order)).flatten() else {
        return;
    };
    if order.payer != Owner::Member(order.member).account(Currency::Cny) {
        needs.departments.insert(DepartmentId::new(order.payer.owner_id()));
    }
    if let Some(group_order) = order.group_order {
        needs.group_orders.insert(group_order);
        if facts.group_orders.knows(&group_order) {
            needs.departments.extend(facts.group_orders.get(&group_order).map(|group_order| group_order.department));
        }
    }
}

pub(super) fn existing_needs(order: OrderId, meal: MealId, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(meal);
    needs.orders.insert(order);
    needs.holds.insert((order, meal.into()));
    needs.accounts.insert(Owner::Meal(meal).account(Currency::Cny));
    let order = facts.orders.knows(&order).then(|| facts.orders.get(&order)).flatten();
    if let Some(order) = order {
        needs.members.insert(order.member);
        needs.accounts.insert(order.payer);
    }
}

pub(super) fn modify(
    facts: &Facts,
    command: &ModifyOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (order, meal, member) = own_order(facts, command.order, command.meal, context)?;
    let quantity = command.quantity.unwrap_or(order.quantity);
    let chosen = command.options.as_deref().map(|chosen| meal.choose(chosen)).transpose()?;
    let pickup_window = command.pickup_window.unwrap_or(order.pickup_window);
    // What it was placed with stays, also where the meal no longer offers it.
    if pickup_window != order.pickup_window {
        meal.must_offer(pickup_window)?;
    }
    must_be_changeable(order, meal, context)?;
    // Only now: a meal that was posted again may have lost what an order that is over had chosen.
    let options = match chosen {
        Some(options) => options,
        None => meal.choose(&order.chosen())?,
    };
    let hold = facts.holds.get(&(order.id, meal.pool()));
    let held = hold.filter(|hold| hold.counts_at(context.now)).map_or(0, |hold| hold.quantity);
    must_leave(left(facts, meal, context)?, quantity.get() - held)?;
    let total = price(meal.base_price, &options, quantity)?;
    let difference = total.minus(order.total)?;
    let floor = floor(facts, order.payer, member, context);
    let balance = must_pay(account(facts, order.payer)?, floor, difference)?;
    must_fit(facts, meal.takings(), difference)?;

    // After this point it must succeed.
    let notes = command.notes.clone().unwrap_or_else(|| order.notes.clone());
    let changed =
        MealOrder { quantity, options, total, notes, pickup_window, updated_at: context.now, ..order.clone() };
    let warning = warning(balance, difference);
    draft.change_hold(order.id, meal.pool(), quantity.get(), HoldState::Held);
    draft.transfer(EntryKind::OrderChange, Some(order.id), order.payer, meal.takings(), difference);
    let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&changed).warned(warning));
    draft.audit("order.modify", ("order", order.id.get()), written);
    draft.push(Change::Order(changed.clone()));
    Ok(draft.finish(Outcome::Order(OrderOutcome { order: changed, balance, price_difference: difference, warning })))
}

pub(super) fn cancel(
    facts: &Facts,
    command: &CancelOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (order, meal, _) = own_order(facts, command.order, command.meal, context)?;
    must_be_changeable(order, meal, context)?;
    must_fit(facts, order.payer, order.total)?;

    // After this point it must succeed.
    let canceled = call_off(&mut draft, order, meal, context);
    let balance = draft.balance(order.payer);
    let price_difference = -order.total;
    Ok(draft.finish(Outcome::Order(OrderOutcome { order: canceled, balance, price_difference, warning: None })))
}

pub(super) fn call_off(draft: &mut Draft<'_>, order: &MealOrder, meal: &Meal, context: &Context<'_>) -> MealOrder {
    let canceled = end(draft, order, meal, OrderStatus::Canceled, context);
    let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&canceled));
    draft.audit("order.cancel", ("order", order.id.get()), written);
    canceled
}

pub(super) fn process(facts: &Facts, command: &ProcessOrders, context: &Context<'_>, mut draft: Draft<'_>) -> Decision {
    let one = |(&order, &meal)| {
        let refunded = process_one(facts, order, meal, command, context, &mut draft);
        ProcessedOrder { order, refunded }
    };
    let orders: Vec<ProcessedOrder> = command.orders.iter().map(one).collect();
    let (mut done, mut refunded) = (Vec::new(), 0);
    for order in &orders {
        if let Ok(back) = order.refunded {
            done.push(order.order);
            refunded += back.get();
        }
    }
    if !done.is_empty() {
        let batch = draft.next_id();
        let after = serde_json::json!({
            "action": command.action, "orders": done, "refused": orders.len() - done.len(), "refunded_cents": refunded,
        });
        let written = Written::after(&after).because(command.reason.as_str());
        draft.audit("order.batch", ("batch", batch), written);
    }
    draft.finish(Outcome::Orders { orders })
}

/// What goes back to the payer. The draft knows what the orders before this one have changed.
fn process_one(
    facts: &Facts,
    order: OrderId,
    meal: MealId,
    command: &ProcessOrders,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> Result<Cents, Refusal> {
    let (order, meal, _) = existing(facts, order, meal)?;
    let status = command.action.ends_in();
    if !order.status.can_become(status) {
        return Err(Refusal::OrderStep { from: order.status, to: status });
    }
    let back = match command.action {
        OrderAction::Complete => Cents::ZERO,
        OrderAction::Cancel | OrderAction::Refund => order.total,
    };
    draft.seen(order.payer).ok_or(Refusal::AmountOutOfRange)?.balance.plus(back)?;

    // After this point it must succeed.
    let (processed, action) = match command.action {
        OrderAction::Complete => (complete(draft, order, meal, context), "order.complete"),
        OrderAction::Cancel => (end(draft, order, meal, status, context), "order.cancel"),
        OrderAction::Refund => (end(draft, order, meal, status, context), "order.refund"),
    };
    let written = Written::change(&OrderTrace::of(order), &OrderTrace::of(&processed));
    draft.audit(action, ("order", order.id.get()), written.because(command.reason.as_str()));
    Ok(back)
}

/// Past days as well: a list that was printed may be entered later.
pub(super) fn redeem(
    facts: &Facts,
    command: &RedeemOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let (order, meal, _) = existing(facts, command.order, command.meal)?;
    if !order.status.stands() {
        return Err(Refusal::OrderNotActive { status: order.status });
    }
    if let Some(at) = order.redeemed_at {
        return Err(Refusal::AlreadyRedeemed { at, by: order.redeemed_by });
    }
    if meal.date > context.today {
        return Err(Refusal::NotServedYet { date: meal.date });
    }

    // After this point it must succeed.
    let (redeemed_at, redeemed_by) = (Some(context.now), context.actor.member);
    let redeemed = MealOrder { redeemed_at, redeemed_by, updated_at: context.now, ..order.clone() };
    draft.audit("order.redeem", ("order", order.id.get()), Written::default());
    draft.push(Change::Order(redeemed.clone()));
    let balance = account(facts, order.payer)?.balance;
    let price_difference = Cents::ZERO;
    Ok(draft.finish(Outcome::Order(OrderOutcome { order: redeemed, balance, price_difference, warning: None })))
}

fn complete(draft: &mut Draft<'_>, order: &MealOrder, meal: &Meal, context: &Context<'_>) -> MealOrder {
    let completed = MealOrder { status: OrderStatus::Completed, updated_at: context.now, ..order.clone() };
    draft.change_hold(order.id, meal.pool(), order.quantity.get(), HoldState::Consumed);
    draft.push(Change::Order(completed.clone()));
    completed
}

/// Gives back what an order took and paid.
pub(super) fn end(
    draft: &mut Draft<'_>,
    order: &MealOrder,
    meal: &Meal,
    status: OrderStatus,
    context: &Context<'_>,
) -> MealOrder {
    let ended = MealOrder { status, updated_at: context.now, ..order.clone() };
    draft.change_hold(order.id, meal.pool(), order.quantity.get(), HoldState::Released);
    draft.transfer(EntryKind::OrderRefund, Some(order.id), meal.takings(), order.payer, order.total);
    draft.push(Change::Order(ended.clone()));
    ended
}

fn own_order<'a>(
    facts: &'a Facts,
    order: OrderId,
    meal: MealId,
    context: &Context<'_>,
) -> Result<(&'a MealOrder, &'a Meal, &'a Member), Refusal> {
    let (order, meal, member) = existing(facts, order, meal)?;
    if context.actor.member.is_some_and(|actor| actor != order.member) {
        return Err(Refusal::NotYours);
    }
    let group_order = order.group_order.filter(|_| context.actor.member.is_some());
    let group_order = group_order.and_then(|id| facts.group_orders.get(&id));
    let department = group_order.and_then(|group_order| facts.departments.get(&group_order.department));
    if department.is_some_and(|department| !department.members_may_cancel) {
        return Err(Refusal::DepartmentDecides);
    }
    Ok((order, meal, member))
}

fn existing(facts: &Facts, order: OrderId, meal: MealId) -> Result<(&MealOrder, &Meal, &Member), Refusal> {
    let order = facts.orders.get(&order).filter(|order| order.meal == meal);
    let order = order.ok_or(Refusal::NotFound { noun: Noun::Order })?;
    let meal = facts.meals.get(&meal).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let member = facts.members.get(&order.member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    Ok((order, meal, member))
}

pub(super) fn must_be_open(meal: &Meal, context: &Context<'_>) -> Result<(), Refusal> {
    if meal.status != MealStatus::Published {
        return Err(Refusal::MealNotOpen { status: meal.status });
    }
    match meal.orders_close_at {
        Some(since) if context.now >= since => Err(Refusal::OrdersClosed { since }),
        _ => Ok(()),
    }
}

pub(super) fn must_be_changeable(order: &MealOrder, meal: &Meal, context: &Context<'_>) -> Result<(), Refusal> {
    if let Some(at) = order.redeemed_at {
        return Err(Refusal::AlreadyRedeemed { at, by: order.redeemed_by });
    }
    match order.status {
        OrderStatus::Active => must_be_open(meal, context),
        OrderStatus::Locked => Err(Refusal::OrderLocked),
        status => Err(Refusal::OrderNotActive { status }),
    }
}

/// How many portions nobody has a right to.
pub(super) fn left(facts: &Facts, meal: &Meal, context: &Context<'_>) -> Result<i64, Refusal> {
    let pool = facts.pools.get(&meal.pool()).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let lapsed: i64 = facts.lapsed(pool.id, context.now).map(|hold| hold.quantity).sum();
    Ok((pool.capacity - pool.taken + lapsed).max(0))
}

pub(super) fn must_leave(left: i64, asked: i64) -> Result<(), Refusal> {
    if asked > left && asked > 0 { Err(Refusal::CapacityExceeded { asked, left }) } else { Ok(()) }
}

pub(super) fn account(facts: &Facts, id: AccountId) -> Result<&Account, Refusal> {
    facts.accounts.get(&id).ok_or(Refusal::NotFound { noun: Noun::Member })
}

/// How far below zero who pays may go: a member by their own limit or the house's, a department by its own.
pub(super) fn floor(facts: &Facts, payer: AccountId, member: &Member, context: &Context<'_>) -> Option<Overdraft> {
    if payer == member.wallet() {
        return member.overdraft_limit.or(context.overdraft_limit);
    }
    let department = facts.departments.get(&DepartmentId::new(payer.owner_id()));
    department.and_then(|department| department.overdraft_limit)
}

/// Whoever was erased while their last request was under way is told so under the lock of the wallet.
pub(super) fn must_be_in_use(facts: &Facts, member: &Member) -> Result<(), Refusal> {
    match facts.accounts.get(&member.wallet()) {
        Some(wallet) if wallet.is_closed => Err(Refusal::MemberErased),
        _ => Ok(()),
    }
}

/// The payer's balance after paying `amount` (or being given it back, where negative).
pub(super) fn must_pay(account: &Account, overdraft: Option<Overdraft>, amount: Cents) -> Result<Cents, Refusal> {
    if account.is_closed && !amount.is_negative() {
        return Err(Refusal::MemberErased);
    }
    account.after(-amount, overdraft).map_err(|blocked| match blocked {
        Blocked::OutOfRange => Refusal::AmountOutOfRange,
        Blocked::BelowFloor => Refusal::InsufficientBalance {
            balance: account.balance,
            needed: amount,
            floor: overdraft.map_or(Cents::ZERO, Overdraft::floor),
        },
    })
}

/// Whether an account without a floor can hold the sum.
pub(super) fn must_fit(facts: &Facts, account: AccountId, amount: Cents) -> Result<(), Refusal> {
    let account = facts.accounts.get(&account).ok_or(Refusal::AmountOutOfRange)?;
    account.after(amount, None).map(drop).map_err(|_| Refusal::AmountOutOfRange)
}

pub(super) fn payer(facts: &Facts, member: &Member) -> AccountId {
    let department = member.department.and_then(|id| facts.departments.get(&id));
    match department {
        Some(department) if department.pays == Payer::Department => department.account(),
        _ => member.wallet(),
    }
}

/// Only who pays is warned: money coming back into a wallet that stays below zero is no news.
pub(super) fn warning(balance: Cents, charged: Cents) -> Option<Warning> {
    (balance.is_negative() && charged.is_positive()).then_some(Warning::NegativeBalance)
}
