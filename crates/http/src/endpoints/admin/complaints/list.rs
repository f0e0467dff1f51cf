use axum::http::Method;
use kernel::{ComplaintStatus, Permission};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::complaints::{self as queries, ComplaintSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::complaints::ComplaintAnswer;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};

list_query!(ComplaintQuery, ComplaintFileQuery, ComplaintSorting, {
    status: Option<ComplaintStatus>,
});

/// A page of complaints.
#[derive(Serialize, JsonSchema)]
struct ComplaintPage {
    complaints: Vec<ComplaintAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ComplaintHandle,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/complaints",
            id: "listAllComplaints",
            tag: Tag::Cabinets,
            summary: "Everybody's complaints",
            description: "Newest first, unless asked for otherwise.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Complaints>(
        Permission::ComplaintHandle,
        "/api/v1/admin/complaints/export",
        "exportComplaints",
        Tag::Cabinets,
        "Everybody's complaints as a workbook",
        &[],
    )
}

/// Complaints, as the list shows them.
enum Complaints {}

impl Listed for Complaints {
    type Path = Nothing;
    type Query = ComplaintFileQuery;
    type Row = ComplaintAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &ComplaintFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<ComplaintAnswer>>, Failure> {
        let found = listed(queries::list(app.store(), query.status, page).await, caller.language)?;
        Ok(found.into_iter().map(|placed| placed.map(ComplaintAnswer::from)).collect())
    }
}

impl Filed for Complaints {
    const NAMES: (&'static str, &'static str) = ("投诉", "complaints");
    const COLUMNS: &'static [FileColumn<ComplaintAnswer>] = ComplaintAnswer::COLUMNS;
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, ComplaintQuery>,
) -> Result<Reply<ComplaintPage>, Failure> {
    let (complaints, page_info) = list::read::<Complaints>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(ComplaintPage { complaints, page_info }))
}
