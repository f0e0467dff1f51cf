pub(super) mod calendar;
pub(super) mod cancel;
pub(super) mod complete;
pub(super) mod copy_week;
pub(super) mod create;
pub(super) mod edit;
pub(super) mod export;
pub(super) mod kitchen;
pub(super) mod list;
pub(super) mod lock;
pub(super) mod orders;
pub(super) mod pickup_list;
pub(super) mod publish;
pub(super) mod repost;
pub(super) mod show;
pub(super) mod unlock;

use kernel::{
    Cents, Command, Date, Instant, Meal, MealId, MealOption, MealOrder, MealPatch, MealStatus, MealStep, MenuOption,
    Note, OrderId, OrderStatus, Outcome, Permission, PickupWindow, Pool, Price, Quantity, Slot, Step, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::meals::Drafts;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::Input;
use crate::endpoints::orders::Pickup;
use crate::failure::Failure;
use crate::input::{Capacity, DryRun, List, double_option};
use crate::reply::Reply;
use crate::texts;

/// One for every hour of the day.
pub(crate) const MOST_WINDOWS: usize = 24;
/// More than anybody would read.
pub(crate) const MOST_OPTIONS: usize = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct MealPath {
    pub(crate) meal_id: MealId,
}

/// A meal.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MealAnswer {
    meal_id: MealId,
    date: Date,
    slot: Slot,
    title: Option<Title>,
    description: Note,
    base_price_cents: Cents,
    capacity: i64,
    /// Portions of all orders that are neither canceled nor refunded.
    ordered_quantity: i64,
    available_capacity: i64,
    status: MealStatus,
    options: Vec<MealOption>,
    /// From this moment on owners can no longer place, change or cancel orders.
    orders_close_at: Option<Instant>,
    /// When orders may be fetched; empty where the time does not matter.
    pickup_windows: Vec<PickupWindow>,
    /// The caller's own order, unless canceled or refunded.
    my_order: Option<MyOrder>,
    created_at: Instant,
    updated_at: Instant,
}

/// The caller's own order for a meal.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MyOrder {
    order_id: OrderId,
    order_no: String,
    quantity: Quantity,
    selected_options: Vec<MealOption>,
    total_price_cents: Cents,
    notes: Note,
    status: OrderStatus,
    #[serde(flatten)]
    pickup: Pickup,
    created_at: Instant,
    updated_at: Instant,
}

impl From<MealOrder> for MyOrder {
    fn from(order: MealOrder) -> Self {
        Self {
            pickup: Pickup::of(&order),
            order_id: order.id,
            order_no: order.order_no,
            quantity: order.quantity,
            selected_options: order.options,
            total_price_cents: order.total,
            notes: order.notes,
            status: order.status,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

impl MealAnswer {
    fn new(meal: Meal, pool: Pool, my_order: Option<MealOrder>) -> Self {
        Self {
            meal_id: meal.id,
            date: meal.date,
            slot: meal.slot,
            title: meal.title,
            description: meal.description,
            base_price_cents: meal.base_price,
            capacity: pool.capacity,
            ordered_quantity: pool.taken,
            available_capacity: pool.available(),
            status: meal.status,
            options: meal.options,
            orders_close_at: meal.orders_close_at,
            pickup_windows: meal.pickup_windows,
            my_order: my_order.map(MyOrder::from),
            created_at: meal.created_at,
            updated_at: meal.updated_at,
        }
    }

    /// Meals as `caller` sees them.
    async fn list(app: &App, caller: &Caller, meals: Vec<(Meal, Pool)>) -> Result<Vec<Self>, Failure> {
        let ids: Vec<_> = meals.iter().map(|(meal, _)| meal.id).collect();
        let mut orders = queries::orders::standing(app.store(), &ids, caller.identity.member).await?;
        let answers = meals.into_iter().map(|(meal, pool)| {
            let mine = orders.iter().position(|order| order.meal == meal.id);
            Self::new(meal, pool, mine.map(|at| orders.swap_remove(at)))
        });
        Ok(answers.collect())
    }
}

/// A meal after a change, and what the change did to its orders.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MealChange {
    #[serde(flatten)]
    meal: MealAnswer,
    /// How many orders changed their state with the meal.
    orders_changed: i64,
    /// What went back to their payers.
    refunded_cents: Cents,
}

/// Drafts are nobody's business but their authors'.
fn drafts(caller: &Caller) -> Drafts {
    if caller.identity.rights.allow(Permission::MealWrite) { Drafts::Shown } else { Drafts::Hidden }
}

async fn change(app: &App, request: service::Request) -> Result<Reply<MealChange>, Failure> {
    let caller = request.actor.member;
    let tried = request.dry_run.then(|| request.command.clone());
    let Outcome::Meal(outcome) = app.service().run(request).await? else {
        return Err(Failure::fault("a meal command answered something else"));
    };
    let mine = match caller {
        Some(member) => queries::orders::standing(app.store(), &[outcome.meal.id], member).await?,
        None => Vec::new(),
    };
    let mine = mine.into_iter().next();
    let (mine, message) = match tried {
        None => (mine, texts::SAVED),
        Some(command) => {
            let mine = mine.and_then(|order| foreseen(order, &command, &outcome.meal));
            (mine, texts::DRY_RUN)
        }
    };
    let change = MealChange {
        meal: MealAnswer::new(outcome.meal, outcome.pool, mine),
        orders_changed: outcome.orders_changed,
        refunded_cents: outcome.refunded,
    };
    Ok(Reply::saying(message, change))
}

/// What a change that was only tried would have made of an order that stands. The database still shows it as it is.
fn foreseen(order: MealOrder, command: &Command, meal: &Meal) -> Option<MealOrder> {
    use OrderStatus::{Active, Completed, Locked};
    let step = match command {
        Command::CancelMeal(_) | Command::RepostMeal(_) if matches!(order.status, Active | Locked) => return None,
        Command::MealStep(command) => command.step,
        _ => return Some(order),
    };
    let status = match (step, order.status) {
        (Step::Lock, Active) => Locked,
        (Step::Unlock, Locked) => Active,
        (Step::Complete, Locked) => Completed,
        _ => return Some(order),
    };
    Some(MealOrder { status, updated_at: meal.updated_at, ..order })
}

async fn step(
    app: &App,
    caller: Caller,
    input: Input<MealPath, DryRun>,
    step: Step,
) -> Result<Reply<MealChange>, Failure> {
    let command = Command::MealStep(MealStep { meal: input.path.meal_id, step });
    change(app, caller.tries(input.query.dry_run, command)).await
}

/// What may change about a meal. An absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MealEdit {
    /// `null` takes the title away.
    #[serde(default, deserialize_with = "double_option")]
    title: Option<Option<Title>>,
    description: Option<Note>,
    base_price_cents: Option<Price>,
    capacity: Option<Capacity>,
    options: Option<List<MenuOption, MOST_OPTIONS>>,
    /// `null` takes the deadline away.
    #[serde(default, deserialize_with = "double_option")]
    orders_close_at: Option<Option<Instant>>,
    /// Empty where the time does not matter. Orders keep the time that they have.
    pickup_windows: Option<List<PickupWindow, MOST_WINDOWS>>,
}

impl From<MealEdit> for MealPatch {
    fn from(edit: MealEdit) -> Self {
        Self {
            title: edit.title,
            description: edit.description,
            base_price: edit.base_price_cents,
            capacity: edit.capacity.map(Capacity::get),
            options: edit.options.map(List::into_inner),
            orders_close_at: edit.orders_close_at,
            pickup_windows: edit.pickup_windows.map(List::into_inner),
        }
    }
}
