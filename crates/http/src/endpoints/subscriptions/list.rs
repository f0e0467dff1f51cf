use axum::http::Method;
use kernel::{DepartmentId, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::subscriptions::{self as queries, SubscriptionSorting};

use super::{SubscriptionAnswer, owner};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(SubscriptionQuery, SubscriptionFileQuery, SubscriptionSorting, {
    /// A department's; one's own where absent.
    department_id: Option<DepartmentId>,
});

/// A page of what is booked until told otherwise.
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
            description: "One's own, or a department's with `department:book`. Newest first, unless asked for otherwise; those that are over stay in the list.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Subscriptions>(
        Permission::OrderPlace,
        "/api/v1/subscriptions/export",
        "exportSubscriptions",
        Tag::Orders,
        "What is booked until told otherwise, as a workbook",
        &[],
    )
}

/// What an owner has booked until told otherwise, as the list shows it.
enum Subscriptions {}

impl Listed for Subscriptions {
    type Path = Nothing;
    type Query = SubscriptionFileQuery;
    type Row = SubscriptionAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &SubscriptionFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<SubscriptionAnswer>>, Failure> {
        let owner = owner(caller, query.department_id)?;
        let found = listed(queries::of_owner(app.store(), owner, page).await, caller.language)?;
        let (places, found): (Vec<_>, Vec<_>) = found.into_iter().map(|Placed { place, row }| (place, row)).unzip();
        let answers = SubscriptionAnswer::list(app, found).await?;
        Ok(places.into_iter().zip(answers).map(|(place, row)| Placed { place, row }).collect())
    }
}

impl Filed for Subscriptions {
    const NAMES: (&'static str, &'static str) = ("长期订餐", "subscriptions");
    const COLUMNS: &'static [FileColumn<SubscriptionAnswer>] = SubscriptionAnswer::COLUMNS;
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, SubscriptionQuery>,
) -> Result<Reply<SubscriptionPage>, Failure> {
    let (subscriptions, page_info) =
        list::read::<Subscriptions>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(SubscriptionPage { subscriptions, page_info }))
}
