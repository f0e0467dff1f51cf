//! One function a command: first every reason to refuse, in one order (shape, existence, state, scarcity, money), then the
//! effects.

mod alerts;
mod booking;
mod cabinet;
mod departments;
mod erasure;
mod erp;
mod exceptions;
mod factors;
mod imports;
mod jobs;
mod meals;
mod members;
mod orders;
mod repair;
mod reports;
mod roles;
mod shop;
mod subscriptions;
mod topups;
mod wallet;

use crate::draft::Draft;
use crate::{
    Actor, CabinetRules, Change, Command, Date, Facts, Instant, Needs, NoteExport, NoteLook, Outcome, Overdraft,
    Refusal,
};

/// What the service lends to a decision.
pub struct Context<'a> {
    pub now: Instant,
    /// `now` on the calendar of the configured zone.
    pub today: Date,
    pub actor: &'a Actor,
    /// How far below zero a member's wallet may go where the member has no limit of their own; absent for any way down.
    pub overdraft_limit: Option<Overdraft>,
    pub shop: ShopRules,
    pub cabinet: CabinetRules,
}

/// The rules of the house for unpaid orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShopRules {
    /// How long an order can be paid.
    pub pay_within_ms: i64,
    /// How many unpaid orders one member may have at a time, so that nobody holds the stock without paying.
    pub most_unpaid: i64,
}

impl Default for ShopRules {
    fn default() -> Self {
        Self { pay_within_ms: 30 * 60 * 1000, most_unpaid: 3 }
    }
}

/// Where new ids come from.
pub trait IdSource {
    fn next_id(&mut self) -> i64;
}

/// Everything that changes, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub changes: Vec<Change>,
    pub outcome: Outcome,
}

/// Decides one command.
///
/// # Errors
/// The refusal; then nothing changes.
///
/// # Panics
/// Where a row is used that [`Command::needs`] did not name, or the stored rows contradict each other.
pub fn decide(
    facts: &Facts,
    command: &Command,
    context: &Context<'_>,
    ids: &mut dyn IdSource,
) -> Result<Decision, Refusal> {
    let draft = Draft::new(facts, context, ids);
    match command {
        Command::SignIn(command) => members::sign_in(facts, command, context, draft),
        Command::OpenSession(command) => members::open_session(facts, command, context, draft),
        Command::CloseSession(command) => members::close_session(facts, command, context, draft),
        Command::AddMember(command) => members::add_member(facts, command, context, draft),
        Command::CreateDepartment(command) => departments::create(facts, command, context, draft),
        Command::EditDepartment(command) => departments::edit(facts, command, draft),
        Command::FundDepartment(command) => wallet::fund_department(facts, command, draft),
        Command::AdjustDepartment(command) => wallet::adjust_department(facts, command, draft),
        Command::EditMember(command) => members::edit(facts, command, draft),
        Command::ChangeRole(command) => members::change_role(facts, command, context, draft),
        Command::ImportMembers(command) => imports::members(facts, command, context, draft),
        Command::ImportDepartments(command) => imports::departments(facts, command, context, draft),
        Command::Grant(command) => wallet::grant(facts, command, draft),
        Command::CreateMeal(command) => meals::create(facts, command, context, draft),
        Command::CopyMeals(command) => Ok(meals::copy(facts, command, context, draft)),
        Command::EditMeal(command) => meals::edit(facts, command, context, draft),
        Command::MealStep(command) => meals::step(facts, command, context, draft),
        Command::CancelMeal(command) => meals::cancel(facts, command, context, draft),
        Command::RepostMeal(command) => meals::repost(facts, command, context, draft),
        Command::PlaceOrder(command) => orders::place(facts, command, context, draft),
        Command::ModifyOrder(command) => orders::modify(facts, command, context, draft),
        Command::CancelOrder(command) => orders::cancel(facts, command, context, draft),
        Command::ProcessOrders(command) => Ok(orders::process(facts, command, context, draft)),
        Command::RedeemOrder(command) => orders::redeem(facts, command, context, draft),
        Command::BookMeals(command) => booking::book(facts, command, context, draft),
        Command::CancelGroupOrder(command) => booking::cancel(facts, command, context, draft),
        Command::CreateSubscription(command) => subscriptions::create(facts, command, context, draft),
        Command::ChangeSubscription(command) => subscriptions::change(facts, command, context, draft),
        Command::RunSubscription(command) => subscriptions::run(facts, command, context, draft),
        Command::AdjustWallet(command) => wallet::adjust(facts, command, draft),
        Command::SetOverdraft(command) => members::set_overdraft(facts, command, draft),
        Command::SetMemberStatus(command) => members::set_status(facts, command, context, draft),
        Command::SetPassword(command) => members::set_password(facts, command, context, draft),
        Command::EraseMember(command) => erasure::erase(facts, command, context, draft),
        Command::NoteExport(command) => erasure::note_export(facts, command, draft),
        Command::NoteLook(command) => erasure::note_look(facts, command, draft),
        Command::Factor(command) => factors::decide(facts, command, context, draft),
        Command::Role(command) => roles::decide(facts, command, context, draft),
        Command::RepairBalance(command) => repair::balance(facts, command, draft),
        Command::RepairCapacity(command) => repair::capacity(facts, command, context, draft),
        Command::RepairOrderStates(command) => repair::states(facts, command, context, draft),
        Command::RepairPool(command) => repair::pool(facts, command, context, draft),
        Command::StartJob(command) => jobs::start(facts, command, context, draft),
        Command::RenewRun(command) => jobs::renew(facts, command, context, draft),
        Command::EndRun(command) => jobs::end(facts, command, context, draft),
        Command::PauseJob(command) => jobs::pause(facts, command, draft),
        Command::CreateTopup(command) => topups::create(facts, command, context, draft),
        Command::AskPayment(command) => topups::ask(facts, command, context, draft),
        Command::EndPayment(command) => topups::end_payment(facts, command, context, draft),
        Command::CheckTopup(command) => topups::check(facts, command, context, draft),
        Command::SettlePayment(command) => topups::settle(facts, command, context, draft),
        Command::RefundTopup(command) => topups::refund(facts, command, context, draft),
        Command::NoteRefund(command) => topups::note_refund(facts, command, context, draft),
        Command::RaiseException(command) => exceptions::raise_one(facts, command, context, draft),
        Command::ResolveException(command) => exceptions::resolve(facts, command, context, draft),
        Command::AssignException(command) => exceptions::assign(facts, command, context, draft),
        Command::Shop(command) => shop::decide(facts, command, context, draft),
        Command::Cabinet(command) => cabinet::decide(facts, command, context, draft),
        Command::Erp(command) => erp::decide(facts, command, context, draft),
        Command::Alert(command) => alerts::decide(facts, command, context, draft),
        Command::KeepReport(command) => Ok(reports::keep(facts, command, context, draft)),
    }
}

pub(crate) fn needs(command: &Command, facts: &Facts, needs: &mut Needs) {
    match command {
        Command::SignIn(command) => members::sign_in_needs(command, facts, needs),
        Command::OpenSession(command) => drop(needs.members.insert(command.member)),
        Command::CloseSession(command) => drop(needs.sessions.insert(command.token_hash)),
        Command::AddMember(command) => members::add_member_needs(command, facts, needs),
        Command::CreateDepartment(command) => drop(needs.department_codes.insert(command.code.clone())),
        Command::EditDepartment(command) => drop(needs.departments.insert(command.department)),
        Command::FundDepartment(command) => wallet::fund_department_needs(command, needs),
        Command::AdjustDepartment(command) => wallet::adjust_department_needs(command, needs),
        Command::EditMember(command) => members::edit_needs(command, facts, needs),
        Command::ChangeRole(command) => members::change_role_needs(command, needs),
        Command::ImportMembers(command) => imports::members_needs(command, facts, needs),
        Command::ImportDepartments(command) => imports::departments_needs(command, facts, needs),
        Command::Grant(command) => wallet::grant_needs(command, needs),
        Command::CreateMeal(command) => drop(needs.meals_at.insert((command.date, command.slot))),
        Command::CopyMeals(command) => {
            needs.meals_at.extend(command.copies.iter().map(|copy| (copy.meal.date, copy.meal.slot)));
        }
        Command::EditMeal(command) => drop(needs.meals.insert(command.meal)),
        Command::MealStep(command) => meals::step_needs(command, facts, needs),
        Command::CancelMeal(command) => {
            meals::refund_needs(command.meal, facts, needs);
            if facts.meals.knows(&command.meal) {
                needs.completed_orders.insert(command.meal);
            }
        }
        Command::RepostMeal(command) => meals::refund_needs(command.meal, facts, needs),
        Command::PlaceOrder(command) => orders::place_needs(command, facts, needs),
        Command::ModifyOrder(command) => orders::change_needs(command.order, command.meal, facts, needs),
        Command::CancelOrder(command) => orders::change_needs(command.order, command.meal, facts, needs),
        Command::ProcessOrders(command) => {
            for (&order, &meal) in &command.orders {
                orders::existing_needs(order, meal, facts, needs);
            }
        }
        Command::RedeemOrder(command) => orders::existing_needs(command.order, command.meal, facts, needs),
        Command::BookMeals(command) => booking::book_needs(command, facts, needs),
        Command::CancelGroupOrder(command) => booking::cancel_needs(command, facts, needs),
        Command::CreateSubscription(command) => subscriptions::create_needs(command, needs),
        Command::ChangeSubscription(command) => drop(needs.subscriptions.insert(command.subscription)),
        Command::RunSubscription(command) => subscriptions::run_needs(command, facts, needs),
        Command::AdjustWallet(command) => wallet::adjust_needs(command, needs),
        Command::SetOverdraft(command) => members::set_overdraft_needs(command, needs),
        Command::SetMemberStatus(command) => members::set_status_needs(command, needs),
        Command::SetPassword(command) => {
            roles::needs_of_member(command.member, facts, needs);
            needs.sessions.extend(&command.close);
            needs.tickets.extend(&command.close);
        }
        Command::EraseMember(command) => erasure::needs(command, needs),
        Command::NoteExport(NoteExport { member }) | Command::NoteLook(NoteLook { member, .. }) => {
            needs.members.insert(*member);
        }
        Command::Factor(command) => factors::needs(command, facts, needs),
        Command::Role(command) => roles::needs(command, needs),
        Command::RepairBalance(command) => repair::balance_needs(command, needs),
        Command::RepairCapacity(command) => repair::meal_needs(command.meal, facts, needs),
        Command::RepairOrderStates(command) => repair::states_needs(command.meal, facts, needs),
        Command::RepairPool(command) => repair::meal_needs(command.meal, facts, needs),
        Command::StartJob(command) => jobs::start_needs(command, facts, needs),
        Command::RenewRun(command) => drop(needs.job_runs.insert(command.run)),
        Command::EndRun(command) => drop(needs.job_runs.insert(command.run)),
        Command::PauseJob(command) => drop(needs.jobs.insert(command.job.clone())),
        Command::CreateTopup(command) => drop(needs.members.insert(command.member)),
        Command::AskPayment(command) => drop(needs.topups.insert(command.topup)),
        Command::EndPayment(command) => topups::end_payment_needs(command, needs),
        Command::CheckTopup(command) => drop(needs.topups.insert(command.topup)),
        Command::SettlePayment(command) => topups::settle_needs(command, facts, needs),
        Command::RefundTopup(command) => {
            needs.topups.insert(command.topup);
            topups::wallet_needs(command.topup, facts, needs);
        }
        Command::NoteRefund(command) => topups::note_refund_needs(command, facts, needs),
        Command::RaiseException(command) => exceptions::raise_needs(command, needs),
        Command::ResolveException(command) => exceptions::resolve_needs(command, facts, needs),
        Command::AssignException(command) => {
            needs.exceptions.insert(command.exception);
            needs.members.extend(command.owner);
        }
        Command::Shop(command) => shop::needs(command, facts, needs),
        Command::Cabinet(command) => cabinet::needs(command, facts, needs),
        Command::Erp(command) => erp::needs(command, facts, needs),
        Command::Alert(command) => alerts::needs(command, facts, needs),
        Command::KeepReport(command) => drop(needs.reports.insert((command.figures.kind(), command.date))),
    }
}
