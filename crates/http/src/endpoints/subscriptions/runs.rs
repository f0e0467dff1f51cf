use std::collections::BTreeSet;

use axum::http::Method;
use kernel::{Code, Date, Instant, MealId, MemberId, OrderId, Permission, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::{BookedMember, SubscriptionPath, own};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of what came of a standing booking, the newest meal first.
#[derive(Serialize, JsonSchema)]
struct SubscriptionRunPage {
    runs: Vec<MealRun>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MealRun {
    meal_id: MealId,
    date: Date,
    slot: Slot,
    ran_at: Instant,
    results: Vec<MemberResult>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MemberResult {
    #[serde(flatten)]
    member: BookedMember,
    /// Absent where nothing was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    /// Why nothing was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::GET,
            path: "/api/v1/subscriptions/{subscription_id}/runs",
            id: "listSubscriptionRuns",
            tag: Tag::Orders,
            summary: "What came of a standing booking",
            description: "For each meal and member the order, or why there is none. What was refused is not tried again: whoever wants \
                the meal all the same orders it by hand.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<SubscriptionPath, RunQuery>,
) -> Result<Reply<SubscriptionRunPage>, Failure> {
    let subscription = own(&app, &caller, input.path.subscription_id).await?;
    let RunQuery { limit, cursor } = input.query;
    let before = MealId::new(cursor.map_or(i64::MAX, |cursor| cursor.get()));
    let found = queries::subscriptions::runs(app.store(), subscription.id, before, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |(run, _, _)| run.meal.get());
    let members: BTreeSet<MemberId> =
        found.iter().flat_map(|(run, _, _)| run.results.iter().map(|result| result.member)).collect();
    let names = queries::subscriptions::names(app.store(), &members).await?;
    let runs = found.into_iter().map(|(run, date, slot)| MealRun {
        meal_id: run.meal,
        date,
        slot,
        ran_at: run.ran_at,
        results: run
            .results
            .into_iter()
            .map(|result| MemberResult {
                member: BookedMember::new(result.member, &names),
                order_id: result.order,
                error_code: result.refusal.as_ref().map(kernel::Refusal::code),
                message: result.refusal.map(|refusal| texts::refusal(&refusal, caller.language, app.zone())),
            })
            .collect(),
    });
    Ok(Reply::ok(SubscriptionRunPage { runs: runs.collect(), page_info }))
}
