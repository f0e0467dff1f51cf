use axum::http::Method;
use kernel::{
    Cents, Date, Instant, MealId, MealOption, MealStatus, MemberId, Note, OrderId, OrderStatus, Permission, Quantity,
    Slot,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::orders::{Dates, Remembered, Statistics};

use super::PayingDepartment;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Offset};
use crate::reply::{PageInfo, Reply};

/// How far back recent reaches.
const RECENT_DAYS: i32 = 30;
/// How many days a trend shows at most.
const TREND_DAYS: usize = 30;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrderHistoryQuery {
    /// Only meals from this date on.
    start_date: Option<Date>,
    /// Only meals up to this date.
    end_date: Option<Date>,
    status: Option<OrderStatus>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    offset: Offset,
}

/// A page of the caller's orders, newest first, and what all of them add up to.
#[derive(Serialize, JsonSchema)]
struct OrderHistory {
    orders: Vec<OrderHistoryRow>,
    total_count: i64,
    page_info: PageInfo,
    /// Of the dates that were asked for, in every state.
    statistics: OrderStatistics,
}

/// An order and its meal.
#[derive(Serialize, JsonSchema)]
struct OrderHistoryRow {
    order_id: OrderId,
    meal_id: MealId,
    quantity: Quantity,
    selected_options: Vec<MealOption>,
    total_price_cents: Cents,
    order_status: OrderStatus,
    order_time: Instant,
    meal_date: Date,
    meal_slot: Slot,
    meal_description: Note,
    meal_status: MealStatus,
    /// Only where somebody else placed it: who.
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_by: Option<MemberId>,
    /// Only where a department paid: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_by: Option<PayingDepartment>,
}

impl From<Remembered> for OrderHistoryRow {
    fn from(found: Remembered) -> Self {
        let order = found.order;
        Self {
            order_id: order.id,
            meal_id: order.meal,
            quantity: order.quantity,
            selected_options: order.options,
            total_price_cents: order.total,
            order_status: order.status,
            order_time: order.created_at,
            meal_date: found.date,
            meal_slot: found.slot,
            meal_description: found.description,
            meal_status: found.meal_status,
            placed_by: order.placed_by,
            paid_by: found.paid_by.map(PayingDepartment::from),
        }
    }
}

/// Orders that stand, with what they cost, whoever paid; canceled and refunded ones count by status only.
#[derive(Serialize, JsonSchema)]
struct OrderStatistics {
    general: GeneralSum,
    by_status: Vec<StatusSum>,
    by_slot: Vec<SlotSum>,
    /// The newest thirty days with a meal since thirty days ago, newest first.
    recent_trend: Vec<DaySum>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct GeneralSum {
    total_orders: i64,
    total_spent_cents: Cents,
    /// Portions.
    total_meals: i64,
    /// Days with a meal.
    total_days: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct StatusSum {
    status: OrderStatus,
    count: i64,
    total_cents: Cents,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct SlotSum {
    slot: Slot,
    count: i64,
    total_cents: Cents,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct DaySum {
    date: Date,
    orders_count: i64,
    daily_spent_cents: Cents,
}

impl From<Statistics> for OrderStatistics {
    fn from(found: Statistics) -> Self {
        let by_status = found.by_status.into_iter().map(|(status, sum)| StatusSum {
            status,
            count: sum.orders,
            total_cents: sum.total,
        });
        let by_slot =
            found.by_slot.into_iter().map(|(slot, sum)| SlotSum { slot, count: sum.orders, total_cents: sum.total });
        let by_date = found.by_date.into_iter().take(TREND_DAYS).map(|(date, sum)| DaySum {
            date,
            orders_count: sum.orders,
            daily_spent_cents: sum.total,
        });
        Self {
            general: GeneralSum {
                total_orders: found.all.orders,
                total_spent_cents: found.all.total,
                total_meals: found.portions,
                total_days: found.days,
            },
            by_status: by_status.collect(),
            by_slot: by_slot.collect(),
            recent_trend: by_date.collect(),
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/orders/history",
            id: "orderHistory",
            tag: Tag::Orders,
            summary: "One's own orders, and what they add up to",
            description: "Every order for the caller, whoever placed it and whoever paid. The dates are the meals'. The cost \
                          grows with the caller's own orders only.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OrderHistoryQuery>,
) -> Result<Reply<OrderHistory>, Failure> {
    let OrderHistoryQuery { start_date, end_date, status, limit, offset } = input.query;
    if let (Some(start), Some(end)) = (start_date, end_date)
        && start > end
    {
        return Err(Failure::ends_before_it_begins("start_date", "end_date", caller.language));
    }
    let member = caller.identity.member;
    let dates = Dates { from: start_date, to: end_date };
    let found = queries::orders::history(app.store(), member, dates, status, limit.get(), offset.get()).await?;
    let statistics = queries::orders::statistics(app.store(), member, dates, recent_from(&app)).await?;
    let wanted = |&&(counted, _): &&(OrderStatus, _)| status.is_none_or(|status| status == counted);
    let total_count = statistics.by_status.iter().filter(wanted).map(|(_, sum)| sum.orders).sum();
    Ok(Reply::ok(OrderHistory {
        page_info: PageInfo::new(limit, offset, found.len(), total_count),
        orders: found.into_iter().map(OrderHistoryRow::from).collect(),
        total_count,
        statistics: statistics.into(),
    }))
}

/// The first date that is recent, in the configured zone.
pub(crate) fn recent_from(app: &App) -> Date {
    app.service().now().date_in(app.zone()).plus_days(-RECENT_DAYS)
}
