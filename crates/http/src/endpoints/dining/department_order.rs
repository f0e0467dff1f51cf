use axum::http::Method;
use kernel::{Code, Permission};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::TextId;
use super::booking::{Batch, BatchBooked, LooseOrder, NamedMember, book, is_crowded};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::reply::Reply;
use crate::texts;

/// One meal for several members.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DepartmentOrder {
    /// `YYYY-MM-DD`, today or later.
    #[schemars(with = "Option<String>")]
    date: Option<Value>,
    /// `breakfast`, `lunch` or `dinner`.
    #[schemars(with = "Option<String>")]
    meal_type: Option<Value>,
    /// One to 50 of `{"userId": "…"}`, each once.
    #[schemars(with = "Option<Vec<NamedMember>>")]
    members: Option<Value>,
    /// At most 500 characters.
    #[schemars(with = "Option<String>")]
    remark: Option<Value>,
    /// Needed by whoever may book for several departments.
    department_id: Option<TextId>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::POST,
            path: "/api/dining/enhanced/department-order",
            id: "bookOrder",
            tag: Tag::Booking,
            summary: "Book one meal for several members",
            description: "For all of the members or for none. Answers like an `atomic` batch of one order.",
            codes: &[Code::PayloadTooLarge, Code::BusinessRule, Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, DepartmentOrder>,
) -> Result<Reply<BatchBooked>, Failure> {
    let DepartmentOrder { date, meal_type, members, remark, department_id: department } = input.body;
    let order = LooseOrder { date, meal_type, members, remark };
    if is_crowded(&order) {
        return Err(Failure::Code(Code::PayloadTooLarge));
    }
    let batch = Batch { department, orders: vec![order], atomic: true };
    let booked = book(&app, caller, batch, input.query.dry_run).await?;
    Ok(Reply::saying(if input.query.dry_run { texts::DRY_RUN } else { texts::BATCH_BOOKED }, booked))
}
