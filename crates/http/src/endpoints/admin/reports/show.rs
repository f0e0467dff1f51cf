use axum::http::Method;
use kernel::{Code, Date, Figures, Instant, MemberId, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use super::ReportPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

/// A report as it was made.
#[derive(Serialize, JsonSchema)]
struct ReportBody {
    date: Date,
    made_at: Instant,
    figures: Figures,
    /// Who sees to exceptions, by what they are called now.
    owners: Vec<ReportOwner>,
}

#[derive(Serialize, JsonSchema)]
struct ReportOwner {
    user_id: MemberId,
    nickname: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ReportRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/reports/{kind}/{date}",
            id: "showReport",
            tag: Tag::Operation,
            summary: "One report",
            description: "Sums are of the day; what waits, fires or is owed is as it was when the report was made.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<ReportPath>) -> Result<Reply<ReportBody>, Failure> {
    let ReportPath { kind, date } = input.path;
    let report = queries::reports::one(app.store(), kind, date).await?;
    let report = report.ok_or(Refusal::NotFound { noun: Noun::Report })?;
    let owners = match &report.figures {
        Figures::Exceptions(_) => queries::reports::owners(app.store()).await?,
        Figures::Daily(_) | Figures::Health(_) => Vec::new(),
    };
    let owner = |(user_id, nickname)| ReportOwner { user_id, nickname };
    Ok(Reply::ok(ReportBody {
        date,
        made_at: report.made_at,
        figures: report.figures,
        owners: owners.into_iter().map(owner).collect(),
    }))
}
