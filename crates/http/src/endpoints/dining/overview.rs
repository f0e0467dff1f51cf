use axum::http::Method;
use kernel::{Code, Date, Noun, Payer, Permission, Refusal, Title};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::stats::MealStats;
use super::{DepartmentChoice, TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

/// A department today.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DepartmentOverview {
    department_id: TextId,
    department_name: Title,
    pays: Payer,
    /// What is in the department's account.
    balance: Yuan,
    date: Date,
    /// Disabled ones included.
    member_count: i64,
    /// Meals of today for which something is booked.
    meals: Vec<MealStats>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/department-overview",
            id: "departmentOverview",
            tag: Tag::Booking,
            summary: "A department today",
            description: "Its members, its account, and what is booked.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DepartmentChoice>,
) -> Result<Reply<DepartmentOverview>, Failure> {
    let id = super::department(&app, &caller, input.query.department_id).await?;
    let found = queries::departments::one(app.store(), id).await?;
    let found = found.ok_or(Refusal::NotFound { noun: Noun::Department })?;
    let date = app.service().now().date_in(app.zone());
    let sums = queries::group_orders::sums(app.store(), id, date, date).await?;
    Ok(Reply::ok(DepartmentOverview {
        department_id: TextId(id.get()),
        department_name: found.department.name,
        pays: found.department.pays,
        balance: Yuan(found.balance),
        date,
        member_count: found.members,
        meals: sums.iter().map(MealStats::from).collect(),
    }))
}
