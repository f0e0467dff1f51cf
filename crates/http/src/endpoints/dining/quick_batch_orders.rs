use axum::http::Method;
use kernel::{Code, Note, Permission};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TextId;
use super::booking::{Batch, BatchBooked, LooseOrder, MOST_MEALS, MOST_MEMBERS, NamedMember, book};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing, Problem};
use crate::reply::Reply;
use crate::texts::{self, say};

/// Several meals for the same members.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct QuickBatch {
    #[schemars(length(min = 1, max = MOST_MEMBERS))]
    members: Vec<NamedMember>,
    #[schemars(length(min = 1, max = MOST_MEALS))]
    meals: Vec<LooseMeal>,
    remark: Option<Note>,
    /// Book all of them or none.
    #[serde(default)]
    atomic: bool,
    /// Needed by whoever may book for several departments.
    department_id: Option<TextId>,
}

/// A meal as it came: what is wrong with it is its own affair.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
struct LooseMeal {
    /// `YYYY-MM-DD`, today or later.
    #[schemars(with = "Option<String>")]
    date: Option<Value>,
    /// `breakfast`, `lunch` or `dinner`.
    #[schemars(with = "Option<String>")]
    meal_type: Option<Value>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::POST,
            path: "/api/dining/enhanced/quick-batch-orders",
            id: "bookQuickBatch",
            tag: Tag::Booking,
            summary: "Book several meals for the same members",
            description: "One to 50 members and one to 10 meals; otherwise like `batch-orders`.",
            codes: &[Code::PayloadTooLarge, Code::BusinessRule, Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, QuickBatch>,
) -> Result<Reply<BatchBooked>, Failure> {
    let QuickBatch { members, meals, remark, atomic, department_id: department } = input.body;
    if members.len() > MOST_MEMBERS || meals.len() > MOST_MEALS {
        return Err(Failure::Code(Code::PayloadTooLarge));
    }
    let empty = [("members", members.is_empty()), ("meals", meals.is_empty())];
    let empty = empty.into_iter().filter(|(_, is_empty)| *is_empty);
    let problems: Vec<_> =
        empty.map(|(field, _)| Problem::new(field, say!(caller.language, "不能为空", "must not be empty"))).collect();
    if !problems.is_empty() {
        return Err(Failure::Invalid(problems));
    }
    let members: Vec<_> = members.into_iter().map(|member| json!({ "userId": member.user_id })).collect();
    let order = |meal: LooseMeal| LooseOrder {
        date: meal.date,
        meal_type: meal.meal_type,
        members: Some(members.clone().into()),
        remark: remark.as_ref().map(|remark| remark.as_str().into()),
    };
    let orders = meals.into_iter().map(order).collect();
    let booked = book(&app, caller, Batch { department, orders, atomic }, input.query.dry_run).await?;
    Ok(Reply::saying(if input.query.dry_run { texts::DRY_RUN } else { texts::QUICK_BATCH_BOOKED }, booked))
}
