use axum::http::Method;
use kernel::{Cents, Code, Date, Permission, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::group_orders::Sum;

use super::{TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StatsQuery {
    start_date: Date,
    end_date: Date,
    department_id: Option<TextId>,
}

/// What a department's group orders add up to. Canceled and refunded orders do not count.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DepartmentStats {
    start_date: Date,
    end_date: Date,
    total_orders: i64,
    total_members: i64,
    total_amount: Yuan,
    /// How many of the members' orders were handed out.
    redeemed: i64,
    by_meal_type: Vec<SlotStats>,
    /// By meal, in the order of the calendar.
    meals: Vec<MealStats>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct SlotStats {
    meal_type: Slot,
    member_count: i64,
    total_amount: Yuan,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct MealStats {
    date: Date,
    pub(super) meal_type: Slot,
    order_count: i64,
    member_count: i64,
    total_amount: Yuan,
    redeemed: i64,
}

impl From<&Sum> for MealStats {
    fn from(sum: &Sum) -> Self {
        Self {
            date: sum.date,
            meal_type: sum.slot,
            order_count: sum.group_orders,
            member_count: sum.members,
            total_amount: Yuan(sum.total),
            redeemed: sum.redeemed,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/department-stats",
            id: "departmentStats",
            tag: Tag::Booking,
            summary: "What a department booked, in figures",
            description: "Of meals from `startDate` to `endDate`, both included.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, StatsQuery>,
) -> Result<Reply<DepartmentStats>, Failure> {
    let StatsQuery { start_date, end_date, department_id } = input.query;
    if start_date > end_date {
        return Err(Failure::ends_before_it_begins("startDate", "endDate", caller.language));
    }
    let department = super::department(&app, &caller, department_id).await?;
    let sums = queries::group_orders::sums(app.store(), department, start_date, end_date).await?;
    let add = |sums: &mut dyn Iterator<Item = &Sum>| {
        let (members, total) =
            sums.fold((0, 0), |(members, total), sum| (members + sum.members, total + sum.total.get()));
        (members, Yuan(Cents::new(total)))
    };
    let by_slot = Slot::ALL.into_iter().map(|slot| {
        let (member_count, total_amount) = add(&mut sums.iter().filter(|sum| sum.slot == slot));
        SlotStats { meal_type: slot, member_count, total_amount }
    });
    let (total_members, total_amount) = add(&mut sums.iter());
    Ok(Reply::ok(DepartmentStats {
        start_date,
        end_date,
        total_orders: sums.iter().map(|sum| sum.group_orders).sum(),
        total_members,
        total_amount,
        redeemed: sums.iter().map(|sum| sum.redeemed).sum(),
        by_meal_type: by_slot.collect(),
        meals: sums.iter().map(MealStats::from).collect(),
    }))
}
