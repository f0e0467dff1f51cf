//! Meals booked until told otherwise.

use std::collections::BTreeSet;

use crate::draft::{Draft, Written};
use crate::{
    Change, ChangeSubscription, Context, CreateSubscription, Decision, Facts, GroupOrder, GroupOrderId, Meal, Member,
    MemberId, MemberStatus, Needs, Note, Noun, Outcome, Quantity, Refusal, RunSubscription, Subscriber, Subscription,
    SubscriptionId, SubscriptionResult, SubscriptionRun, SubscriptionStatus,
};

use super::booking::SoFar;
use super::orders::{Placed, buyer_needs, must_be_open, put};

pub(super) fn create_needs(command: &CreateSubscription, needs: &mut Needs) {
    match command.owner {
        Subscriber::Member(member) => drop(needs.members.insert(member)),
        Subscriber::Department(department) => {
            needs.departments.insert(department);
            needs.members.extend(&command.members);
        }
    }
}

pub(super) fn create(
    facts: &Facts,
    command: &CreateSubscription,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    if let Some(last) = command.last_date.filter(|&last| last < context.today || last < command.first_date) {
        return Err(Refusal::PastDate { date: last });
    }
    let members = match command.owner {
        Subscriber::Member(member) => vec![member],
        Subscriber::Department(department) => {
            facts.departments.get(&department).ok_or(Refusal::NotFound { noun: Noun::Department })?;
            let mut named = BTreeSet::new();
            if command.members.iter().any(|member| !named.insert(*member)) {
                return Err(Refusal::MemberTwice);
            }
            command.members.clone()
        }
    };
    for &member in &members {
        sound(facts, member, command.owner)?;
    }

    // After this point it must succeed.
    let subscription = Subscription {
        id: SubscriptionId::new(draft.next_id()),
        owner: command.owner,
        members,
        slot: command.slot,
        weekdays: command.weekdays,
        first_date: command.first_date,
        last_date: command.last_date,
        notes: command.notes.clone(),
        pickup_window: command.pickup_window,
        status: SubscriptionStatus::Active,
        created_by: context.actor.member,
        created_at: context.now,
        updated_at: context.now,
    };
    let written = Written::after(&Subscription { notes: Note::default(), ..subscription.clone() });
    draft.audit("subscription.create", ("subscription", subscription.id.get()), written);
    draft.push(Change::Subscription(subscription.clone()));
    Ok(draft.finish(Outcome::Subscription { subscription }))
}

/// A member who can be booked for by this owner.
fn sound(facts: &Facts, member: MemberId, owner: Subscriber) -> Result<&Member, Refusal> {
    let member = facts.members.get(&member).ok_or(Refusal::NotFound { noun: Noun::Member })?;
    if member.status == MemberStatus::Disabled {
        return Err(Refusal::MemberDisabled);
    }
    match owner {
        Subscriber::Department(department) if member.department != Some(department) => Err(Refusal::NotInDepartment),
        _ => Ok(member),
    }
}

pub(super) fn change(
    facts: &Facts,
    command: &ChangeSubscription,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let before = facts.subscriptions.get(&command.subscription);
    let before = before.ok_or(Refusal::NotFound { noun: Noun::Subscription })?;
    if before.owner != command.owner {
        return Err(Refusal::NotYours);
    }
    if before.status == SubscriptionStatus::Ended && command.status != SubscriptionStatus::Ended {
        return Err(Refusal::SubscriptionNotActive { status: before.status });
    }

    // After this point it must succeed.
    if before.status == command.status {
        return Ok(draft.finish(Outcome::Subscription { subscription: before.clone() }));
    }
    let subscription = Subscription { status: command.status, updated_at: context.now, ..before.clone() };
    let action = match command.status {
        SubscriptionStatus::Active => "subscription.resume",
        SubscriptionStatus::Paused => "subscription.pause",
        SubscriptionStatus::Ended => "subscription.end",
    };
    let written = Written::change(&before.status, &subscription.status);
    draft.audit(action, ("subscription", subscription.id.get()), written);
    draft.push(Change::Subscription(subscription.clone()));
    Ok(draft.finish(Outcome::Subscription { subscription }))
}

pub(super) fn run_needs(command: &RunSubscription, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(command.meal);
    needs.subscriptions.insert(command.subscription);
    // Read under the lock of the meal's pool: who comes second sees what the first has written.
    needs.subscription_runs.insert((command.subscription, command.meal));
    let known = facts.subscriptions.knows(&command.subscription);
    let Some(subscription) = known.then(|| facts.subscriptions.get(&command.subscription)).flatten() else {
        return;
    };
    for &member in &subscription.members {
        buyer_needs(command.meal, member, facts, needs);
        needs.canceled_orders.insert((command.meal, member));
    }
}

pub(super) fn run(
    facts: &Facts,
    command: &RunSubscription,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let subscription = facts.subscriptions.get(&command.subscription);
    let subscription = subscription.ok_or(Refusal::NotFound { noun: Noun::Subscription })?;
    let meal = facts.meals.get(&command.meal).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    if let Some(run) = facts.subscription_runs.get(&(subscription.id, meal.id)) {
        return Ok(draft.finish(Outcome::SubscriptionRun { run: run.clone() }));
    }
    if subscription.status != SubscriptionStatus::Active {
        return Err(Refusal::SubscriptionNotActive { status: subscription.status });
    }
    if !subscription.covers(meal.date, meal.slot) {
        return Err(Refusal::NotFound { noun: Noun::Meal });
    }
    if meal.date < context.today {
        return Err(Refusal::PastDate { date: meal.date });
    }
    must_be_open(meal, context)?;
    let mut so_far = SoFar::default();
    let mut buyers = Vec::with_capacity(subscription.members.len());
    for &id in &subscription.members {
        let mut then = so_far.clone();
        let buyer = buyer(facts, &mut then, subscription, meal, id, context);
        if buyer.is_ok() {
            so_far = then;
        }
        buyers.push((id, buyer));
    }

    // After this point it must succeed.
    let group_order = match subscription.owner {
        Subscriber::Department(department) if buyers.iter().any(|(_, buyer)| buyer.is_ok()) => {
            let group_order = GroupOrder {
                id: GroupOrderId::new(draft.next_id()),
                department,
                meal: meal.id,
                placed_by: subscription.created_by,
                remark: subscription.notes.clone(),
                created_at: context.now,
            };
            draft.audit(
                "group_order.place",
                ("group_order", group_order.id.get()),
                Written::after(&group_order.unremarked()),
            );
            draft.push(Change::GroupOrder(group_order.clone()));
            Some(group_order.id)
        }
        _ => None,
    };
    let pickup_window = subscription.pickup_window.filter(|window| meal.pickup_windows.contains(window));
    let mut results = Vec::with_capacity(buyers.len());
    for (member, buyer) in buyers {
        results.push(match buyer {
            Err(refusal) => SubscriptionResult { member, order: None, refusal: Some(refusal) },
            Ok((payer, warning)) => {
                let placed = Placed {
                    member,
                    meal,
                    payer,
                    quantity: Quantity::ONE,
                    options: Vec::new(),
                    total: meal.base_price,
                    notes: subscription.notes.clone(),
                    pickup_window,
                    group_order,
                    warning,
                };
                let order = put(&mut draft, placed, context);
                SubscriptionResult { member, order: Some(order.id), refusal: None }
            }
        });
    }
    let run =
        SubscriptionRun { subscription: subscription.id, meal: meal.id, results, group_order, ran_at: context.now };
    draft.push(Change::SubscriptionRun(run.clone()));
    Ok(draft.finish(Outcome::SubscriptionRun { run }))
}

fn buyer(
    facts: &Facts,
    so_far: &mut SoFar,
    subscription: &Subscription,
    meal: &Meal,
    member: MemberId,
    context: &Context<'_>,
) -> Result<(crate::AccountId, Option<crate::Warning>), Refusal> {
    let member = sound(facts, member, subscription.owner)?;
    let stands = facts.standing_order.get(&(meal.id, member.id)).is_some();
    // Whoever called this meal off wants no other order for it.
    if !stands && facts.canceled_order.get(&(meal.id, member.id)).is_some() {
        return Err(Refusal::CalledOff);
    }
    so_far.take(facts, meal, member, context)
}
