//! Meals booked by a department for its members, many at once.

use std::collections::{HashMap, HashSet};

use crate::draft::{Draft, Written};
use crate::{
    Account, AccountId, BookMeals, Booked, Booking, BookingOutcome, BookingRefused, CancelGroupOrder, Cents, Change,
    Context, Currency, Decision, DepartmentId, Facts, GroupCancelOutcome, GroupOrder, GroupOrderId, Meal, MealId,
    MealOrder, Member, MemberId, MemberStatus, Needs, Noun, OrderStatus, Outcome, Owner, Quantity, Refusal, Warning,
    price,
};

use super::departments;
use super::meals::{must_refund, whole};
use super::orders::{
    Placed, account, buyer_needs, call_off, existing_needs, floor, left, must_be_changeable, must_be_open, must_leave,
    must_pay, payer, put, warning,
};

pub(super) fn book_needs(command: &BookMeals, facts: &Facts, needs: &mut Needs) {
    needs.departments.insert(command.department);
    for booking in &command.bookings {
        let at = (booking.date, booking.slot);
        needs.meals_at.insert(at);
        let meal = facts.meal_at.knows(&at).then(|| facts.meal_at.get(&at)).flatten();
        for &member in booking.members.iter().flatten() {
            needs.members.insert(member);
            if let Some(&meal) = meal {
                buyer_needs(meal, member, facts, needs);
            }
        }
        needs.meals.extend(meal);
    }
}

pub(super) fn book(
    facts: &Facts,
    command: &BookMeals,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    departments::existing(facts, command.department)?;
    let mut so_far = SoFar::default();
    let (mut sound, mut refused) = (Vec::new(), Vec::new());
    for booking in &command.bookings {
        let mut then = so_far.clone();
        match then.add(facts, booking, command.department, context) {
            Ok(parts) => {
                so_far = then;
                sound.push((booking, parts));
            }
            Err((refusal, member)) => {
                let (number, date, slot) = (booking.number, booking.date, booking.slot);
                let member = member.map(|member| member.nickname.clone());
                refused.push(BookingRefused { number, date, slot, refusal, member });
            }
        }
    }
    if command.atomic && !refused.is_empty() {
        return Err(Refusal::BatchRefused { refused });
    }

    // After this point it must succeed.
    let mut booked = Vec::with_capacity(sound.len());
    for (booking, Parts { meal, buyers }) in sound {
        let group_order = GroupOrder {
            id: GroupOrderId::new(draft.next_id()),
            department: command.department,
            meal: meal.id,
            placed_by: context.actor.member,
            remark: booking.remark.clone(),
            created_at: context.now,
        };
        let mut answer = Booked {
            number: booking.number,
            group_order: group_order.id,
            meal: meal.id,
            date: meal.date,
            slot: meal.slot,
            orders: Vec::with_capacity(buyers.len()),
            total: Cents::ZERO,
            warning: None,
        };
        for Buyer { member, payer, warning } in buyers {
            let order = put(
                &mut draft,
                Placed {
                    member: member.id,
                    meal,
                    payer,
                    quantity: Quantity::ONE,
                    options: Vec::new(),
                    total: meal.base_price,
                    notes: booking.remark.clone(),
                    pickup_window: None,
                    group_order: Some(group_order.id),
                    warning,
                },
                context,
            );
            answer.orders.push(order.id);
            answer.total = Cents::new(answer.total.get() + order.total.get());
            answer.warning = answer.warning.or(warning);
        }
        draft.audit(
            "group_order.place",
            ("group_order", group_order.id.get()),
            Written::after(&group_order.unremarked()),
        );
        draft.push(Change::GroupOrder(group_order));
        booked.push(answer);
    }
    Ok(draft.finish(Outcome::Booking(BookingOutcome { booked, refused })))
}

/// A booking that nothing speaks against.
struct Parts<'a> {
    meal: &'a Meal,
    buyers: Vec<Buyer<'a>>,
}

struct Buyer<'a> {
    member: &'a Member,
    payer: AccountId,
    warning: Option<Warning>,
}

/// Why a booking is refused, and whom that is about.
type Objection<'a> = (Refusal, Option<&'a Member>);

/// What the bookings before in the same batch have taken and moved.
#[derive(Clone, Default)]
pub(super) struct SoFar {
    portions: HashMap<MealId, i64>,
    accounts: HashMap<AccountId, Account>,
    members: HashSet<(MealId, MemberId)>,
}

impl SoFar {
    /// One member's portion: who pays for it, and what there is to warn of. Where it is refused, what stands here means nothing.
    pub(super) fn take(
        &mut self,
        facts: &Facts,
        meal: &Meal,
        member: &Member,
        context: &Context<'_>,
    ) -> Result<(AccountId, Option<Warning>), Refusal> {
        if facts.standing_order.get(&(meal.id, member.id)).is_some() {
            return Err(Refusal::AlreadyBooked);
        }
        let portions = self.portions.entry(meal.id).or_default();
        must_leave(left(facts, meal, context)? - *portions, 1)?;
        *portions += 1;
        let total = price(meal.base_price, &[], Quantity::ONE)?;
        let payer = payer(facts, member);
        let warning = self.pay(facts, (payer, meal.takings()), member, total, context)?;
        Ok((payer, warning))
    }

    fn add<'a>(
        &mut self,
        facts: &'a Facts,
        booking: &Booking,
        department: DepartmentId,
        context: &Context<'_>,
    ) -> Result<Parts<'a>, Objection<'a>> {
        let about_all = |refusal| (refusal, None);
        must_differ(facts, booking)?;
        if booking.date < context.today {
            return Err(about_all(Refusal::PastDate { date: booking.date }));
        }
        let meal = facts.meal_at.get(&(booking.date, booking.slot)).and_then(|meal| facts.meals.get(meal));
        let meal = meal.ok_or(about_all(Refusal::NotFound { noun: Noun::Meal }))?;
        must_be_open(meal, context).map_err(about_all)?;
        let members = members(facts, booking, department)?;
        for &member in &members {
            let stands = facts.standing_order.get(&(meal.id, member.id)).is_some();
            if stands || !self.members.insert((meal.id, member.id)) {
                return Err((Refusal::AlreadyBooked, Some(member)));
            }
        }
        let portions = self.portions.entry(meal.id).or_default();
        let asked = i64::try_from(members.len()).unwrap_or(i64::MAX);
        let left = left(facts, meal, context).map_err(about_all)?;
        must_leave(left - *portions, asked).map_err(about_all)?;
        *portions += asked;
        let total = price(meal.base_price, &[], Quantity::ONE).map_err(|error| about_all(error.into()))?;
        let mut buyers = Vec::with_capacity(members.len());
        for member in members {
            let payer = payer(facts, member);
            let warning = self.pay(facts, (payer, meal.takings()), member, total, context);
            let warning = warning.map_err(|refusal| (refusal, Some(member).filter(|_| payer == member.wallet())))?;
            buyers.push(Buyer { member, payer, warning });
        }
        Ok(Parts { meal, buyers })
    }

    fn pay(
        &mut self,
        facts: &Facts,
        (payer, takings): (AccountId, AccountId),
        member: &Member,
        total: Cents,
        context: &Context<'_>,
    ) -> Result<Option<Warning>, Refusal> {
        let floor = floor(facts, payer, member, context);
        let from = self.account(facts, payer)?;
        from.balance = must_pay(from, floor, total)?;
        let warning = warning(from.balance, total);
        let to = self.account(facts, takings)?;
        to.balance = to.after(total, None).map_err(|_| Refusal::AmountOutOfRange)?;
        Ok(warning)
    }

    fn account(&mut self, facts: &Facts, id: AccountId) -> Result<&mut Account, Refusal> {
        let stored = account(facts, id)?;
        Ok(self.accounts.entry(id).or_insert_with(|| stored.clone()))
    }
}

fn must_differ<'a>(facts: &'a Facts, booking: &Booking) -> Result<(), Objection<'a>> {
    let mut named = HashSet::new();
    match booking.members.iter().flatten().find(|member| !named.insert(*member)) {
        Some(twice) => Err((Refusal::MemberTwice, facts.members.get(twice))),
        None => Ok(()),
    }
}

/// The members of a booking, all of them active and of the department.
fn members<'a>(
    facts: &'a Facts,
    booking: &Booking,
    department: DepartmentId,
) -> Result<Vec<&'a Member>, Objection<'a>> {
    let found = booking.members.iter().map(|member| member.and_then(|member| facts.members.get(&member)));
    let found: Option<Vec<_>> = found.collect();
    let members = found.filter(|members| !members.is_empty());
    let members = members.ok_or((Refusal::NotFound { noun: Noun::Member }, None))?;
    if let Some(&disabled) = members.iter().find(|member| member.status == MemberStatus::Disabled) {
        return Err((Refusal::MemberDisabled, Some(disabled)));
    }
    match members.iter().find(|member| member.department != Some(department)) {
        Some(&stranger) => Err((Refusal::NotInDepartment, Some(stranger))),
        None => Ok(members),
    }
}

pub(super) fn cancel_needs(command: &CancelGroupOrder, facts: &Facts, needs: &mut Needs) {
    needs.meals.insert(command.meal);
    needs.group_orders.insert(command.group_order);
    needs.accounts.insert(Owner::Meal(command.meal).account(Currency::Cny));
    for &order in &command.orders {
        existing_needs(order, command.meal, facts, needs);
    }
}

pub(super) fn cancel(
    facts: &Facts,
    command: &CancelGroupOrder,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let group_order = facts.group_orders.get(&command.group_order).filter(|group| group.meal == command.meal);
    let group_order = group_order.ok_or(Refusal::NotFound { noun: Noun::GroupOrder })?;
    let meal = facts.meals.get(&command.meal).ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let mut orders: Vec<&MealOrder> = Vec::with_capacity(command.orders.len());
    for id in &command.orders {
        let order = facts.orders.get(id).filter(|order| order.group_order == Some(group_order.id));
        orders.push(order.ok_or(Refusal::NotFound { noun: Noun::Order })?);
    }
    let last = orders.last().map(|order| order.status);
    orders.retain(|order| matches!(order.status, OrderStatus::Active | OrderStatus::Locked));
    if orders.is_empty() {
        return Err(Refusal::OrderNotActive { status: last.unwrap_or(OrderStatus::Canceled) });
    }
    for order in &orders {
        must_be_changeable(order, meal, context)?;
    }
    must_refund(facts, orders.iter().copied().map(whole))?;

    // After this point it must succeed.
    let mut refunded = 0;
    for order in &orders {
        call_off(&mut draft, order, meal, context);
        refunded += order.total.get();
    }
    let canceled: Vec<_> = orders.iter().map(|order| order.id).collect();
    draft.audit("group_order.cancel", ("group_order", group_order.id.get()), Written::after(&canceled));
    let refunded = Cents::new(refunded);
    Ok(draft.finish(Outcome::GroupCancel(GroupCancelOutcome {
        group_order: group_order.id,
        orders: canceled,
        refunded,
    })))
}
