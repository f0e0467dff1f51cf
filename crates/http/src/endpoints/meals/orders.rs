use axum::http::Method;
use kernel::{
    Cents, Code, Instant, MealId, MealOption, MealOrder, MemberId, Note, Noun, OrderId, OrderStatus, Permission,
    Quantity, Refusal,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::orders::Ended;

use super::MealPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::orders::Pickup;
use crate::failure::Failure;
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MealOrderQuery {
    /// Also those that were canceled or refunded.
    #[serde(default)]
    include_canceled: bool,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
    /// Whether to count them all, which takes longer the more there are.
    #[serde(default)]
    count: bool,
}

/// A page of a meal's orders, oldest first.
#[derive(Serialize, JsonSchema)]
struct MealOrderPage {
    orders: Vec<MealOrderRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i64>,
    page_info: CursorInfo,
}

/// An order and who it is for.
#[derive(Serialize, JsonSchema)]
pub(in crate::endpoints) struct MealOrderRow {
    order_id: OrderId,
    order_no: String,
    user_id: MemberId,
    nickname: String,
    meal_id: MealId,
    quantity: Quantity,
    selected_options: Vec<MealOption>,
    total_price_cents: Cents,
    notes: Note,
    status: OrderStatus,
    #[serde(flatten)]
    pickup: Pickup,
    /// Who placed it, where that was not the member.
    placed_by: Option<MemberId>,
    created_at: Instant,
    updated_at: Instant,
}

impl MealOrderRow {
    pub(in crate::endpoints) fn new((order, nickname): (MealOrder, String)) -> Self {
        Self {
            pickup: Pickup::of(&order),
            order_id: order.id,
            order_no: order.order_no,
            user_id: order.member,
            nickname,
            meal_id: order.meal,
            quantity: order.quantity,
            selected_options: order.options,
            total_price_cents: order.total,
            notes: order.notes,
            status: order.status,
            placed_by: order.placed_by,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealReadOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/orders",
            id: "listMealOrders",
            tag: Tag::Meals,
            summary: "Who ordered a meal",
            description: "Page by page; a page costs the same however many there are.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<MealPath, MealOrderQuery>) -> Result<Reply<MealOrderPage>, Failure> {
    let (meal, query) = (input.path.meal_id, input.query);
    let ended = if query.include_canceled { Ended::Shown } else { Ended::Hidden };
    if queries::meals::one(app.store(), meal).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Meal }.into());
    }
    let after = OrderId::new(query.cursor.get());
    let found = queries::orders::of_meal(app.store(), meal, ended, after, query.limit.and_one()).await?;
    let total_count = match query.count {
        true => Some(queries::orders::count_of_meal(app.store(), meal, ended).await?),
        false => None,
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |(order, _)| order.id.get());
    let orders = found.into_iter().map(MealOrderRow::new).collect();
    Ok(Reply::ok(MealOrderPage { orders, total_count, page_info }))
}
