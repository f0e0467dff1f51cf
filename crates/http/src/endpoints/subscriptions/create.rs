use std::collections::BTreeSet;

use axum::http::Method;
use kernel::{
    Code, Command, CreateSubscription, Date, DepartmentId, Note, Noun, Outcome, Permission, PickupWindow, Refusal,
    Slot, Subscriber, Weekdays,
};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries;

use super::{SubscriptionAnswer, owner};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{List, Nothing, Search};
use crate::reply::Reply;
use crate::texts::{self, say};

/// As many as one group order has.
const MOST_MEMBERS: usize = 50;
/// More than anybody keeps in mind.
const MOST_OF_A_MEMBER: i64 = 20;
const MOST_OF_A_DEPARTMENT: i64 = 100;

/// What to book from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSubscription {
    slot: Slot,
    weekdays: Weekdays,
    /// Today where absent.
    first_date: Option<Date>,
    /// Without an end where absent.
    last_date: Option<Date>,
    notes: Option<Note>,
    /// Taken where a meal offers it; otherwise the time stays open.
    pickup_window: Option<PickupWindow>,
    /// For a department's members; otherwise for the caller.
    department_id: Option<DepartmentId>,
    /// Public ids, 1 to 50 of them. Only for a department.
    members: Option<List<Search, MOST_MEMBERS>>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::POST,
            path: "/api/v1/subscriptions",
            id: "createSubscription",
            tag: Tag::Orders,
            summary: "Book a slot's meals until told otherwise",
            description: "One portion of every meal of the slot on these days, booked within a minute of its publication, once. Whoever \
                canceled an order for a meal is passed over. A department needs `department:book`.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewSubscription>,
) -> Result<Reply<SubscriptionAnswer>, Failure> {
    let NewSubscription { slot, weekdays, first_date, last_date, notes, pickup_window, department_id, members } =
        input.body;
    let owner = owner(&caller, department_id)?;
    let uids: Vec<String> =
        members.map(List::into_inner).unwrap_or_default().into_iter().map(Search::into_inner).collect();
    let most = match owner {
        Subscriber::Member(_) if !uids.is_empty() => {
            return Err(Failure::invalid(
                "members",
                say!(caller.language, "只有部门可以为他人订餐", "only a department books for others"),
            ));
        }
        Subscriber::Member(_) => MOST_OF_A_MEMBER,
        Subscriber::Department(_) if uids.is_empty() => {
            return Err(Failure::invalid("members", say!(caller.language, "请指明成员", "say for whom")));
        }
        Subscriber::Department(_) => MOST_OF_A_DEPARTMENT,
    };
    if queries::subscriptions::unended(app.store(), owner).await? >= most {
        let problem =
            say!(caller.language, "最多 {most} 个，请先结束不用的", "at most {most}: end one that is no longer needed");
        return Err(Failure::Detailed {
            code: Code::BusinessRule,
            message: problem,
            details: serde_json::json!({ "most": most }),
        });
    }
    let named: BTreeSet<&str> = uids.iter().map(String::as_str).collect();
    let known = queries::group_orders::members(app.store(), &named).await?;
    let mut members = Vec::with_capacity(uids.len());
    for uid in &uids {
        members.push(*known.get(uid).ok_or(Refusal::NotFound { noun: Noun::Member })?);
    }
    let command = Command::CreateSubscription(CreateSubscription {
        owner,
        members,
        slot,
        weekdays,
        first_date: first_date.unwrap_or_else(|| app.service().now().date_in(app.zone())),
        last_date,
        notes: notes.unwrap_or_default(),
        pickup_window,
    });
    match app.service().run(caller.asks(command)).await? {
        Outcome::Subscription { subscription } => {
            Ok(Reply::saying(texts::SAVED, SubscriptionAnswer::one(&app, subscription).await?))
        }
        _ => Err(Failure::fault("a subscription command answered something else")),
    }
}
