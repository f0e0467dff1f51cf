use axum::http::Method;
use kernel::{DepartmentId, Permission, SubscriptionId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::{SubscriptionAnswer, owner};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SubscriptionQuery {
    /// A department's; one's own where absent.
    department_id: Option<DepartmentId>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of what is booked until told otherwise, newest first.
#[derive(Serialize, JsonSchema)]
struct SubscriptionPage {
    subscriptions: Vec<SubscriptionAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::GET,
            path: "/api/v1/subscriptions",
            id: "listSubscriptions",
            tag: Tag::Orders,
            summary: "What is booked until told otherwise",
            description: "One's own, or a department's with `department:book`. Those that are over stay in the list.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, SubscriptionQuery>,
) -> Result<Reply<SubscriptionPage>, Failure> {
    let SubscriptionQuery { department_id, limit, cursor } = input.query;
    let owner = owner(&caller, department_id)?;
    let before = SubscriptionId::new(cursor.map_or(i64::MAX, |cursor| cursor.get()));
    let found = queries::subscriptions::of_owner(app.store(), owner, before, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |subscription| subscription.id.get());
    Ok(Reply::ok(SubscriptionPage { subscriptions: SubscriptionAnswer::list(&app, found).await?, page_info }))
}
