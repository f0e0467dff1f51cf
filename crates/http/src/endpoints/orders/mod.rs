pub(super) mod batch;
pub(super) mod cancel;
pub(super) mod export;
pub(super) mod history;
pub(super) mod modify;
pub(super) mod place;
pub(super) mod redeem;
pub(super) mod show;

use kernel::{
    Cents, Chosen, DepartmentId, Instant, MealId, MealOption, MealOrder, MemberId, Note, Noun, OrderId, OrderOutcome,
    OrderStatus, Outcome, PickupCode, PickupWindow, Quantity, Refusal, Title, Warning,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::meals::MOST_OPTIONS;
use crate::App;
use crate::failure::Failure;
use crate::input::List;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct OrderPath {
    order_id: OrderId,
}

type Choice = List<Chosen, MOST_OPTIONS>;

/// An order.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OrderAnswer {
    order_id: OrderId,
    order_no: String,
    user_id: MemberId,
    meal_id: MealId,
    quantity: Quantity,
    /// As the meal named and priced them when the order was placed or last changed.
    selected_options: Vec<MealOption>,
    total_price_cents: Cents,
    notes: Note,
    status: OrderStatus,
    #[serde(flatten)]
    pickup: Pickup,
    /// Only where somebody else placed it: who.
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_by: Option<MemberId>,
    created_at: Instant,
    updated_at: Instant,
    /// What the payer has now.
    balance_cents: Cents,
    /// What was charged more than before; negative where it was given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_difference_cents: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
}

impl OrderAnswer {
    fn new(order: MealOrder, balance: Cents) -> Self {
        Self {
            pickup: Pickup::of(&order),
            order_id: order.id,
            order_no: order.order_no,
            user_id: order.member,
            meal_id: order.meal,
            quantity: order.quantity,
            selected_options: order.options,
            total_price_cents: order.total,
            notes: order.notes,
            status: order.status,
            placed_by: order.placed_by,
            created_at: order.created_at,
            updated_at: order.updated_at,
            balance_cents: balance,
            price_difference_cents: None,
            warning: None,
        }
    }

    fn placed(outcome: OrderOutcome) -> Self {
        Self { warning: outcome.warning, ..Self::new(outcome.order, outcome.balance) }
    }

    fn changed(outcome: OrderOutcome) -> Self {
        Self { price_difference_cents: Some(outcome.price_difference), ..Self::placed(outcome) }
    }
}

/// How an order is fetched, and whether it was.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::endpoints) struct Pickup {
    /// What is read out at the counter; absent where the order does not stand, or is older than the codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_code: Option<PickupCode>,
    /// What the QR code to show says; absent where the order does not stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_qr: Option<String>,
    /// Only where a time was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_window: Option<PickupWindow>,
    /// Only where it was handed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_at: Option<Instant>,
}

impl Pickup {
    pub(in crate::endpoints) fn of(order: &MealOrder) -> Self {
        let stands = order.status.stands();
        Self {
            pickup_code: order.pickup_code.clone().filter(|_| stands),
            pickup_qr: stands.then(|| kernel::pickup_qr(&order.order_no)),
            pickup_window: order.pickup_window,
            redeemed_at: order.redeemed_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::endpoints) struct PayingDepartment {
    department_id: DepartmentId,
    name: Title,
}

impl From<(DepartmentId, Title)> for PayingDepartment {
    fn from((department_id, name): (DepartmentId, Title)) -> Self {
        Self { department_id, name }
    }
}

async fn run(app: &App, request: service::Request) -> Result<OrderOutcome, Failure> {
    match app.service().run(request).await? {
        Outcome::Order(outcome) => Ok(outcome),
        _ => Err(Failure::fault("an order command answered something else")),
    }
}

/// An order's meal never changes, so it may be looked up before the command that locks it.
async fn meal_of(app: &App, order: OrderId) -> Result<MealId, Failure> {
    let meal = queries::orders::meal(app.store(), order).await?;
    meal.ok_or(Refusal::NotFound { noun: Noun::Order }.into())
}

/// The options of an order in one cell of a file.
pub(super) fn option_names(options: &[MealOption]) -> String {
    if options.is_empty() {
        return "无".to_owned();
    }
    let names: Vec<_> = options.iter().map(|option| option.name.as_str()).collect();
    names.join(", ")
}
