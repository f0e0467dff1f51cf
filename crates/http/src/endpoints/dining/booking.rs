//! From what a batch says to a command, and from its outcome to the answer.

use std::collections::BTreeSet;

use kernel::{
    BookMeals, Booked, Booking, BookingOutcome, BookingRefused, Code, Command, Date, MemberId, Note, Outcome, Refusal,
    Slot,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::queries;

use super::{BookedStatus, TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::texts::{self, Language, say};

pub(super) const MOST_ORDERS: usize = 20;
pub(super) const MOST_MEMBERS: usize = 50;
pub(super) const MOST_MEALS: usize = 10;

/// One order of a batch as it came. What is wrong with it is its own affair: the others may still be booked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "BatchOrder")]
pub(super) struct LooseOrder {
    /// `YYYY-MM-DD`, today or later.
    #[schemars(with = "Option<String>")]
    pub(super) date: Option<Value>,
    /// `breakfast`, `lunch` or `dinner`.
    #[schemars(with = "Option<String>")]
    pub(super) meal_type: Option<Value>,
    /// One to 50 of `{"userId": "…"}`, each once.
    #[schemars(with = "Option<Vec<NamedMember>>")]
    pub(super) members: Option<Value>,
    /// At most 500 characters.
    #[schemars(with = "Option<String>")]
    pub(super) remark: Option<Value>,
}

/// A member by the public id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct NamedMember {
    #[schemars(length(min = 1, max = 64))]
    pub(super) user_id: String,
}

/// What became of a batch.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchBooked {
    total_orders: usize,
    success_count: usize,
    failed_count: usize,
    orders: Vec<BookedOrder>,
    errors: Vec<BookingError>,
}

/// An order that was booked for all of its members.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct BookedOrder {
    order_id: TextId,
    date: Date,
    meal_type: Slot,
    member_count: usize,
    total_amount: Yuan,
    status: BookedStatus,
}

impl From<Booked> for BookedOrder {
    fn from(booked: Booked) -> Self {
        Self {
            order_id: TextId(booked.group_order.get()),
            date: booked.date,
            meal_type: booked.slot,
            member_count: booked.orders.len(),
            total_amount: Yuan(booked.total),
            status: BookedStatus::Pending,
        }
    }
}

/// An order of which nothing was booked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct BookingError {
    /// From 1.
    order_index: i64,
    /// As it came.
    date: Value,
    meal_type: Value,
    error: String,
}

/// A batch whose size is within bounds.
pub(super) struct Batch {
    pub(super) department: Option<TextId>,
    pub(super) orders: Vec<LooseOrder>,
    pub(super) atomic: bool,
}

/// What can be booked of an order, with members by their public ids.
struct Sound {
    number: i64,
    date: Date,
    slot: Slot,
    members: Vec<String>,
    remark: Note,
}

pub(super) async fn book(app: &App, caller: Caller, batch: Batch, dry_run: bool) -> Result<BatchBooked, Failure> {
    let language = caller.language;
    let department = super::department(app, &caller, batch.department).await?;
    let total = batch.orders.len();
    let (mut sound, mut errors) = (Vec::new(), Vec::new());
    for (number, order) in (1..).zip(&batch.orders) {
        match read(number, order, language) {
            Ok(order) => sound.push(order),
            Err(error) => errors.push(BookingError {
                order_index: number,
                date: order.date.clone().unwrap_or_default(),
                meal_type: order.meal_type.clone().unwrap_or_default(),
                error: say!(language, "订单 {number}: {error}", "Order {number}: {error}"),
            }),
        }
    }
    if sound.is_empty() {
        return Err(refused(Code::ValidationError, total, errors, language));
    }

    let named: BTreeSet<&str> = sound.iter().flat_map(|order| &order.members).map(String::as_str).collect();
    let known = queries::group_orders::members(app.store(), &named).await?;
    let booking = |order: Sound| Booking {
        number: order.number,
        date: order.date,
        slot: order.slot,
        members: order.members.iter().map(|uid| known.get(uid).copied()).collect::<Vec<Option<MemberId>>>(),
        remark: order.remark,
    };
    let bookings = sound.into_iter().map(booking).collect();
    let command = Command::BookMeals(BookMeals { department, bookings, atomic: batch.atomic });
    // One order that cannot be read is enough to stop a batch that is to be booked as a whole; what else is wrong is told all the same.
    let stopped = batch.atomic && !errors.is_empty();
    let outcome = match app.service().run(caller.tries(dry_run || stopped, command)).await {
        Ok(Outcome::Booking(outcome)) => outcome,
        Ok(_) => return Err(Failure::fault("a booking answered something else")),
        Err(service::Failure::Refused(Refusal::BatchRefused { refused })) => {
            BookingOutcome { booked: Vec::new(), refused }
        }
        Err(failure) => return Err(failure.into()),
    };
    let told = |refused: BookingRefused| BookingError {
        order_index: refused.number,
        date: json!(refused.date),
        meal_type: json!(refused.slot),
        error: texts::booking_refused(&refused, language, app.zone()),
    };
    errors.extend(outcome.refused.into_iter().map(told));
    errors.sort_by_key(|error| error.order_index);
    if batch.atomic && !errors.is_empty() {
        return Err(refused(Code::BusinessRule, total, errors, language));
    }
    let orders: Vec<BookedOrder> = outcome.booked.into_iter().map(BookedOrder::from).collect();
    Ok(BatchBooked { total_orders: total, success_count: orders.len(), failed_count: errors.len(), orders, errors })
}

/// A batch of which nothing was booked.
fn refused(code: Code, total: usize, errors: Vec<BookingError>, language: Language) -> Failure {
    let message = match errors.as_slice() {
        [only] => only.error.clone(),
        _ => texts::NOTHING_BOOKED.in_language(language).to_owned(),
    };
    let failed = errors.len();
    let details =
        json!({ "totalOrders": total, "successCount": 0, "failedCount": failed, "orders": [], "errors": errors });
    Failure::Detailed { code, message, details }
}

fn read(number: i64, order: &LooseOrder, language: Language) -> Result<Sound, String> {
    let missing = || say!(language, "缺少必要参数", "a required field is missing");
    let given = |value: &Option<Value>| value.clone().filter(|value| !value.is_null() && value != "");
    let (date, slot, members) = (given(&order.date), given(&order.meal_type), given(&order.members));
    let (Some(date), Some(slot), Some(members)) = (date, slot, members) else {
        return Err(missing());
    };
    let members: Vec<NamedMember> = serde_json::from_value(members).map_err(|_| missing())?;
    if members.is_empty() || members.iter().any(|member| member.user_id.is_empty()) {
        return Err(missing());
    }
    let date = date.as_str().and_then(|date| date.parse().ok());
    let date = date.ok_or_else(|| say!(language, "日期格式不正确", "the date is not written as YYYY-MM-DD"))?;
    let slot = slot.as_str().and_then(|slot| slot.parse().ok());
    let slot =
        slot.ok_or_else(|| say!(language, "餐次类型不正确", "the mealType is not breakfast, lunch or dinner"))?;
    let remark = match &order.remark {
        None | Some(Value::Null) => Ok(Note::default()),
        Some(remark) => remark.as_str().and_then(|text| Note::try_from(text.to_owned()).ok()).ok_or(()),
    };
    let remark = remark.map_err(|()| {
        say!(language, "备注须为不超过 500 个字符的文字", "the remark must be text of at most 500 characters")
    })?;
    let members = members.into_iter().map(|member| member.user_id).collect();
    Ok(Sound { number, date, slot, members, remark })
}

/// Whether an order names more members than one order may have, whatever else is wrong with it.
pub(super) fn is_crowded(order: &LooseOrder) -> bool {
    order.members.as_ref().and_then(Value::as_array).is_some_and(|members| members.len() > MOST_MEMBERS)
}
